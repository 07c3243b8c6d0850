"""A stored milestone as the CloudEvent of the contract: the inverse of domain/contract.py.

Belongs here: decimals, dates and field names back to the wire. Does not belong here: which fields there are;
that is the catalogue's annotations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from domain import milestones as m
from domain.contract import CATALOGUE
from domain.instants import format_day
from domain.money import format_minor, format_scaled

Write = Callable[[Any, str], Any]


def _plain(value: Any, _currency: str) -> Any:
    return value


def _money(value: int, currency: str) -> str:
    return format_minor(value, currency)


def _shortest(value: int, decimals: int) -> str:
    text = format_scaled(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(value: int, _currency: str) -> str:
    return format_day(value)


def _quantity(value: int, _currency: str) -> str:
    return _shortest(value, m.QUANTITY_DECIMALS)


def _probability(value: int, _currency: str) -> str:
    return _shortest(value, m.PROBABILITY_DECIMALS)


def _target(value: m.Target, _currency: str) -> dict[str, str]:
    return {"source": value.source, "id": value.id}


def _billing(value: tuple[m.Billing, ...], currency: str) -> list[dict[str, str]]:
    return [{"on": format_day(row.on), "net": format_minor(row.net, currency)} for row in value]


def _applied(value: tuple[m.Applied, ...], currency: str) -> list[dict[str, str]]:
    return [{"invoice": row.invoice, "amount": format_minor(row.amount, currency)} for row in value]


def _performed(value: tuple[m.Performed, ...], _currency: str) -> list[dict[str, str]]:
    found = []
    for row in value:
        line = {"order_line": row.order_line}
        if row.quantity is not None:
            line["quantity"] = _quantity(row.quantity, "")
        if row.net is not None:
            line["net"] = row.net
        found.append(line)
    return found


def _lines(value: tuple[m.Line, ...], currency: str) -> list[dict[str, Any]]:
    return [_line(line, currency) for line in value]


def _line(line: m.Line, currency: str) -> dict[str, Any]:
    told = {
        "line": line.line,
        "sku": line.sku,
        "description": line.description,
        "quantity": None if line.quantity is None else _quantity(line.quantity, ""),
        "net": format_minor(line.net, currency),
        "tax": format_minor(line.tax, currency) if line.tax else None,
        "kind": line.kind,
        "recognition": line.recognition,
        "service_start": None if line.service_start is None else format_day(line.service_start),
        "service_end": None if line.service_end is None else format_day(line.service_end),
        "billing": _billing(line.billing, currency) or None,
        "order_line": line.order_line,
    }
    return {name: item for name, item in told.items() if item is not None}


def _replacement(value: bytes, _currency: str) -> Any:
    return msgspec.json.decode(value)


#: By the `how` of a field's annotation.
_WRITERS: Final[dict[str, Write]] = {
    "amount": _money,
    "day": _day,
    "quantity": _quantity,
    "probability": _probability,
    "target": _target,
    "applied_to": _applied,
    "performed": _performed,
    "lines": _lines,
    "deal_lines": _lines,
    "replacement": _replacement,
}


def event_of(milestone: m.Milestone) -> dict[str, Any]:
    """A CloudEvent that reads as this milestone; the business date is shown, whether it was given or not.

    Fields at their defaults are left out.
    """
    described = CATALOGUE[milestone.name]
    currency = getattr(milestone, "currency", None) or ""
    body: dict[str, Any] = {
        "keys": list(milestone.keys),
        "effective_on": format_day(milestone.effective),
    }
    if milestone.dimensions:
        body["dimensions"] = milestone.dimensions
    for field in described.fields:
        value = getattr(milestone, field.name)
        if field.required or (value is not None and value != field.default):
            body[field.wire] = _WRITERS.get(field.reads.how, _plain)(value, currency)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": milestone.id,
        "source": milestone.source,
        "type": milestone.name,
        "subject": milestone.subject,
        "time": milestone.time,
    }
    if milestone.sequence is not None:
        event["sequence"] = milestone.sequence
    given = {name: value for name, value in milestone.attributes.items() if name != m.BY_TIME}
    return event | given | {"data": body}
