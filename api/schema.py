"""The published JSON Schema of milestones, generated from the catalogue (JSON Schema 2020-12).

Belongs here: what each way of reading a field looks like as a schema. Does not belong here: which fields
there are. What a schema can't say (decimals of a currency, dates in order) the ledger checks all the same.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from domain import milestones as m
from domain.contract import MAX_KEYS, SENT, Field
from domain.reading import MAX_LINES, MAX_TEXT

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
_NUMBER: Final = {"anyOf": [_TEXT, {"type": "integer"}]}
_DAY: Final = {"type": "string", "format": "date"}
_DECIMAL: Final = {"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$"}
_WHOLE: Final = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,18}$"}]}
_REFERENCE: Final = {"type": "string", "pattern": "^.+/[^/]+$", "maxLength": MAX_TEXT}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _list(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": MAX_LINES}


def _or_none(schema: dict[str, Any]) -> dict[str, Any]:
    """Null counts as left out."""
    return {"anyOf": [schema, {"type": "null"}]}


def _line(*, deal: bool) -> dict[str, Any]:
    optional: dict[str, dict[str, Any]] = {
        "description": {"type": "string"},
        "quantity": {"anyOf": [_DECIMAL, {"type": "integer"}]},
        "tax": _DECIMAL,
        "kind": {"enum": list(m.KINDS)},
        "recognition": {"enum": list(m.RECOGNITIONS)},
        "service_start": _DAY,
        "service_end": _DAY,
        "billing": _list(_object(["on", "net"], on=_DAY, net=_DECIMAL)),
        "order_line": _REFERENCE,
    }
    properties: dict[str, Any] = {"line": _NUMBER, "sku": _TEXT, "net": _DECIMAL}
    properties |= {name: _or_none(schema) for name, schema in optional.items()}
    if deal:
        properties["kind"] = optional["kind"]
    return {
        "type": "object",
        "required": ["line", "sku", "net", *(["kind"] if deal else [])],
        "properties": properties,
    }


_BY_READING: Final[dict[str, dict[str, Any]]] = {
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217, in use or withdrawn"},
    "text": _TEXT,
    "number": _NUMBER,
    "day": _DAY,
    "amount": {**_DECIMAL, "description": "in the milestone's currency, with at most its decimals"},
    "decimal": {**_DECIMAL, "description": "in the currency of the document that it names"},
    "quantity": {"anyOf": [_DECIMAL, {"type": "integer"}]},
    "probability": {**_DECIMAL, "description": "from 0 to 1"},
    "rate": {**_DECIMAL, "description": "positive"},
    "order_line": {**_REFERENCE, "description": "<order>/<line>"},
    "period": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
    "count": _WHOLE,
    "texts": {"type": "array", "items": _NUMBER},
    "json": {"type": "object"},
    "target": _object(["source", "id"], source=_TEXT, id=_TEXT),
    "billing": _list(_object(["on", "net"], on=_DAY, net=_DECIMAL)),
    "applied_to": _list(_object(["invoice", "amount"], invoice=_NUMBER, amount=_DECIMAL)),
    "performed": _list(
        _object(
            ["order_line"],
            order_line=_REFERENCE,
            quantity=_or_none({"anyOf": [_DECIMAL, {"type": "integer"}]}),
            net=_or_none(_DECIMAL),
        ),
        1,
    ),
    "lines": _list(_line(deal=False), 1),
    "deal_lines": _list(_line(deal=True), 1),
    "replacement": {"type": "object", "description": "a whole milestone"},
}

_KEY: Final = {
    "type": "string",
    "pattern": "^[^/:]+/[^/:]+/[^/:]+:[^:]+:.+$",
    "description": "<role>/<system>/<instance>:<object>:<native id>",
}
_COMMON: Final = {
    "keys": _or_none({"type": "array", "items": _KEY, "maxItems": MAX_KEYS}),
    "effective_on": _or_none(_DAY),
    "dimensions": _or_none(
        {
            "type": "object",
            "properties": {name: _or_none(_TEXT) for name in m.DIMENSIONS},
            "additionalProperties": False,
        }
    ),
}
_ENVELOPE: Final = {
    "specversion": {"const": "1.0"},
    "id": _TEXT,
    "source": {"type": "string", "pattern": f"^/({'|'.join(m.ROLES)})/[^/:]+/[^/:]+$", "maxLength": MAX_TEXT},
    "subject": {"type": "string", "pattern": "^[^/:]+/.+$", "maxLength": MAX_TEXT},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"type": ["string", "null"]},
    "dataschema": {"type": ["string", "null"]},
    "sequence": {"type": ["string", "integer", "null"]},
    "correlationid": {"type": ["string", "integer", "boolean", "null"]},
    "causationid": {"type": ["string", "integer", "boolean", "null"]},
    "traceparent": {"type": ["string", "null"]},
    "actor": {"type": ["string", "integer", "boolean", "null"]},
}


def _references(named: dict[str, Any]) -> dict[str, Any]:
    return {name: {"$ref": f"#/$defs/{name}"} for name in named}


def _field(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"$ref": f"#/$defs/{field.reads.how}"}
    if field.reads.choices:
        schema = {"enum": list(field.reads.choices)}
    return schema if field.required else _or_none(schema)


def _milestone(name: str) -> dict[str, Any]:
    fields = SENT[name].fields
    required = [field.wire for field in fields if field.required]
    own = {field.wire: _field(field) for field in fields}
    return {
        "title": name,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "properties": {
            **_references(_ENVELOPE),
            "type": {"const": name},
            "data": {"type": "object", "required": required, "properties": {**_references(_COMMON), **own}},
        },
    }


@cache
def milestone_schema() -> dict[str, Any]:
    """A schema that every milestone of this version fits, with one definition a type under `$defs`."""
    return {
        "$schema": DIALECT,
        "$id": "urn:cairn:schema:milestone",
        "title": "A milestone",
        "description": "A CloudEvents 1.0 event that this ledger can record.",
        "$defs": {**_BY_READING, **_ENVELOPE, **_COMMON, **{name: _milestone(name) for name in SENT}},
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in SENT],
    }
