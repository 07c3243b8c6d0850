"""From a CloudEvent to a milestone: the contract's section 1 and 3 as code.

`parse_event` either returns a milestone of the catalogue or raises Refused with every reason found. The
fields of each type come from the annotations in domain/milestones.py, so there is one definition of a
milestone for reading, storing and for the published schema.
"""

from __future__ import annotations

import typing
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from domain import milestones as m
from domain import reading as r
from domain.cloudevents import envelope_reasons
from domain.instants import day_of, is_within_range, parse_instant
from domain.keys import is_key, own_key
from domain.money import UnknownCurrency, exponent
from domain.refusals import Reason, Refused, pointer

MAX_KEYS: Final = 200
#: Extension attributes that are kept.
ATTRIBUTES: Final = ("correlationid", "causationid", "traceparent", "actor")
_DIMENSIONS: Final = frozenset(m.DIMENSIONS)
_ROLES: Final = frozenset(m.ROLES)


class Field(NamedTuple):
    """One field of a milestone: its name in the struct and on the wire, how it is read."""

    name: str
    wire: str
    path: str
    convert: r.Converter
    required: bool
    default: Any
    reads: m.Reads


class MilestoneType(NamedTuple):
    """One entry of the catalogue. plan: of each field what reading needs, in the order of the struct."""

    name: str
    struct: type[m.Milestone]
    fields: tuple[Field, ...]
    plan: tuple[tuple[str, str, r.Converter, bool, Any, str], ...]
    needs_currency: bool


def reads_of(annotation: Any) -> m.Reads:
    """How a field with this annotation is read. Raises TypeError where it does not say."""
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, m.Reads):
            return extra
    for part in typing.get_args(annotation):
        if part is not type(None):
            return reads_of(part)
    raise TypeError(f"{annotation} does not say how it is read")


def _describe(struct: type[m.Milestone]) -> MilestoneType:
    hints = typing.get_type_hints(struct, include_extras=True)
    envelope = set(m.Milestone.__struct_fields__)
    fields = []
    for field in msgspec.structs.fields(struct):
        if field.name in envelope:
            continue
        reads = reads_of(hints[field.name])
        convert = r.choice(reads.choices) if reads.choices else r.CONVERTERS[reads.how]
        wire = field.name.rstrip("_")
        default = None if field.required else field.default
        fields.append(Field(field.name, wire, "/data/" + wire, convert, field.required, default, reads))
    return MilestoneType(
        str(struct.__struct_config__.tag),
        struct,
        tuple(fields),
        tuple((f.wire, f.path, f.convert, f.required, f.default, f.reads.how) for f in fields),
        any(field.required and field.reads.how == "currency" for field in fields),
    )


def _described(*structs: type[m.Milestone]) -> dict[str, MilestoneType]:
    return {described.name: described for described in map(_describe, structs)}


#: What may be sent, by stored name (`order.accepted.v1`), in the order of contract.md section 3.
SENT: Final[dict[str, MilestoneType]] = _described(*typing.get_args(m.AnyMilestone))
#: The whole catalogue: what the log can hold. The ledger's own types come after those that may be sent.
CATALOGUE: Final[dict[str, MilestoneType]] = SENT | _described(m.OwnMilestone)
#: How the sources begin under which the ledger records what is done to it. No sender may speak as one.
OWN_SOURCES: Final = "/ledger/audit/"


def parse_event(event: Any) -> m.Milestone:
    """A milestone from a CloudEvent's JSON object. Raises Refused with every reason found."""
    return _parse(event, is_held=False)


def read_held(content: bytes) -> m.Milestone:
    """A milestone from JSON that the log holds already, as the replacement in a correction.

    What came in before times had a range is read as it came, and so is what the ledger itself records, which
    no sender may send. Raises Refused for anything else.
    """
    return _parse(msgspec.json.decode(content), is_held=True)


def _parse(event: Any, *, is_held: bool) -> m.Milestone:
    reasons = envelope_reasons(event)
    if reasons:
        raise Refused(reasons)
    described = CATALOGUE.get(event["type"])
    if described is None:
        raise Refused([_unknown_type(event["type"])])
    if not is_held and (told := _reserved(event)):
        raise Refused(told)
    reading = r.Reading()
    envelope = _read_envelope(event, reading)
    if not is_held and not is_within_range(envelope[-1]):
        reading.refuse("time_range", "/time", "must lie between 0001-01-02 and 9999-12-30 in UTC")
    body = event.get("data")
    if not isinstance(body, dict):
        reading.refuse("data_missing", "/data", "give the milestone its data as a JSON object")
        raise Refused(reading.reasons)
    common = _read_common(event, body, envelope, reading, has_keys=described.name in SENT)
    values = _read_fields(described, body, reading)
    _check_whole(described, values, reading, is_held=is_held)
    if reading.reasons:
        raise Refused(reading.reasons)
    return described.struct(*common, *values)


def _unknown_type(name: str) -> Reason:
    stem = name.rpartition(".")[0]
    if any(known.rpartition(".")[0] == stem for known in CATALOGUE):
        return Reason("type_version_unknown", "/type", f"this ledger reads {stem}.v1, not {name[:80]}")
    return Reason(
        "type_unknown", "/type", f"{name[:80]!r} is not in the catalogue of milestones (docs/events.md)"
    )


def _reserved(event: dict[str, Any]) -> list[Reason]:
    """Why only the ledger itself may record this; empty where anybody may send it."""
    if event["type"] not in SENT:
        message = "the ledger itself records what is done to it: nobody sends this type"
        return [Reason("type_reserved", "/type", message)]
    if is_own_source(event["source"]):
        message = f"sources under {OWN_SOURCES} are the ledger's own: give the name of your system"
        return [Reason("source_reserved", "/source", message)]
    return []


def is_own_source(source: str) -> bool:
    """Whether the ledger records what is done to it under this source."""
    return source.startswith(OWN_SOURCES)


@lru_cache(maxsize=1_024)
def source_told(source: str) -> str | None:
    """What is wrong with a source, or None."""
    segments = source.split("/")
    if len(segments) != 4 or segments[0] or not all(segments[1:]) or segments[1] not in _ROLES:
        return f"must be /<role>/<system>/<instance>, role one of {' '.join(m.ROLES)}"
    return "must not hold a colon" if ":" in source else None


def _read_envelope(event: dict[str, Any], reading: r.Reading) -> tuple[str, str, str, str, int]:
    source, subject, time = event["source"], event.get("subject"), event.get("time")
    told = source_told(source)
    if told is not None:
        reading.refuse("source_format", "/source", told)
    for name in ("source", "id", "subject"):
        value = event.get(name)
        if value is not None and (len(value) > r.MAX_TEXT or "\0" in value):
            reading.refuse("text_format", pointer(name), f"at most {r.MAX_TEXT} characters and no NUL")
    if subject is None:
        reading.refuse("subject_missing", "/subject", "give the source object: <object>/<native id>")
        subject = "?/?"
    elif not all(subject.partition("/")) or ":" in subject.partition("/")[0]:
        reading.refuse("subject_format", "/subject", "must be <object>/<native id>, e.g. order/SO-1001")
    if time is None:
        reading.refuse("time_missing", "/time", "say when it happened, as RFC 3339 with an offset")
        return source, event["id"], subject, "", 0
    instant = parse_instant(time)
    assert instant is not None, "envelope_reasons has checked it"
    return source, event["id"], subject, time, instant.microseconds


def _read_common(
    event: dict[str, Any],
    body: dict[str, Any],
    envelope: tuple[str, str, str, str, int],
    reading: r.Reading,
    *,
    has_keys: bool,
) -> tuple[Any, ...]:
    source, id_, subject, time, instant = envelope
    sequence = event.get("sequence")
    if sequence is not None:
        sequence = r.number(sequence, reading, "/sequence") if not isinstance(sequence, bool) else None
    effective_on = body.get("effective_on")
    attributes = {}
    if effective_on is None:
        effective = day_of(instant)
        attributes[m.BY_TIME] = ""
    else:
        effective = r.day(effective_on, reading, "/data/effective_on") or 0
    for name in ATTRIBUTES:
        value = event.get(name)
        if value is not None:
            attributes[name] = str(value)
    dimensions = _read_dimensions(body.get("dimensions"), reading)
    # without a key nothing ever leads to it, so it joins no deal
    keys = _read_keys(body.get("keys"), own_key(source, subject), reading) if has_keys else ()
    return source, id_, subject, time, instant, sequence, effective, keys, dimensions, attributes


def _read_keys(value: Any, own: str, reading: r.Reading) -> tuple[str, ...]:
    if value is None:
        return (own,)
    if not isinstance(value, list) or len(value) > MAX_KEYS:
        reading.refuse("keys_format", "/data/keys", f"must be a list of at most {MAX_KEYS} business keys")
        return (own,)
    found = {own}
    for i, key in enumerate(value):
        if not isinstance(key, str) or not is_key(key) or len(key) > r.MAX_TEXT or "\0" in key:
            reading.refuse(
                "key_format", f"/data/keys/{i}", "must be <role>/<system>/<instance>:<object>:<native id>"
            )
        else:
            found.add(key)
    return tuple(sorted(found))


def _read_dimensions(value: Any, reading: r.Reading) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reading.refuse("dimensions_format", "/data/dimensions", "must be a JSON object of texts")
        return {}
    found = {}
    for name, entry in value.items():
        if name not in _DIMENSIONS:
            reading.refuse(
                "dimension_unknown",
                pointer("data", "dimensions", name),
                f"must be one of {' '.join(m.DIMENSIONS)}",
            )
        elif entry is not None:
            text = r.text(entry, reading, "/data/dimensions/" + name)
            if text is not None:
                found[name] = text
    return found


def _read_fields(described: MilestoneType, body: dict[str, Any], reading: r.Reading) -> list[Any]:
    code = body.get("currency")
    if code is not None:
        with suppress(UnknownCurrency):
            reading.decimals = exponent(code) if isinstance(code, str) else None
    values: list[Any] = []
    get = body.get
    for wire, path, convert, required, default, how in described.plan:
        value = get(wire)
        if value is not None:
            if how == "currency":
                values.append(_read_currency(value, reading, path))
            elif how == "lines" and code is None and not described.needs_currency:
                values.append(())  # a quote without a currency: its amounts stay in the source payload
            else:
                values.append(convert(value, reading, path))
        else:
            if required:
                reading.refuse("field_missing", path, f"{described.name} needs {wire!r}")
            values.append(default)
    return values


def _read_currency(value: Any, reading: r.Reading, path: str) -> str | None:
    try:
        if isinstance(value, str):
            exponent(value)
            return value
    except UnknownCurrency:
        pass
    reading.refuse("currency_unknown", path, f"{str(value)[:12]!r} is not an ISO 4217 currency code")
    return None


def _check_whole(described: MilestoneType, values: list[Any], reading: r.Reading, *, is_held: bool) -> None:
    """Rules that concern more than one field."""
    struct = described.struct
    if struct in SNAPSHOTS:
        names = struct.__struct_fields__
        lines = values[names.index("lines") - HEAD_FIELDS]
        amount = values[names.index("amount") - HEAD_FIELDS]
        if not lines and amount is None and not reading.reasons:
            reading.refuse("field_missing", "/data/lines", "give lines, or an amount")
    elif struct in _AMENDING and not reading.reasons:
        if not is_held and is_own_source(values[0].source):
            reading.refuse("target_reserved", "/data/target", "what the ledger records of itself stands")
        if struct is not m.MilestoneCorrected:
            return
        try:
            _parse(msgspec.json.decode(values[2]), is_held=is_held)
        except Refused as refused:
            for reason in refused.reasons:
                reading.refuse(reason.code, "/data/replacement" + reason.pointer, reason.message)


_AMENDING: Final = frozenset({m.MilestoneCorrected, m.MilestoneVoided})
#: Fields that every milestone has, before those of its type.
HEAD_FIELDS: Final = len(m.Milestone.__struct_fields__)
#: Types that need lines or an amount.
SNAPSHOTS: Final = frozenset({m.OpportunityOpened, m.OpportunityChanged, m.OpportunityWon})
