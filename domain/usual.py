"""The usual milestone in one step, from its bytes to what `parse_event` and `content_digest` make of them.

Nearly every milestone is plain ASCII without escapes and holds nothing but fields of its type, each a text,
a list or an object. Such a one is decoded straight into structs made from the catalogue, whose members stand
in the canonical order, so that writing them again gives the canonical bytes. Whatever else it is, right or
wrong, is left to domain/contract.py and domain/canonical.py, which also tell the reasons: `read_usual` gives
the same as they do, or None.

Belongs here: that shorter way. Must never accept, or read otherwise, what `parse_event` does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_type_hints

import msgspec
from msgspec.structs import astuple

from domain import milestones as m
from domain import reading as r
from domain.contract import (
    ATTRIBUTES,
    MAX_KEYS,
    SENT,
    SNAPSHOTS,
    MilestoneType,
    is_own_source,
    reads_of,
    source_told,
)
from domain.instants import day_of, is_within_range, parse_day, parse_usual_instant
from domain.keys import is_key
from domain.money import AmountRefused, UnknownCurrency, exponent, parse_decimal

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=r.MAX_TEXT)]


_DIMENSIONS: Any = dict[Literal[m.DIMENSIONS], _Text]  # type: ignore[valid-type]


class _Unusual(Exception):
    """Not as nearly every milestone is; the long way round tells whether it is one."""


_UNUSUAL: Final = (_Unusual, AmountRefused, UnknownCurrency, msgspec.MsgspecError, ValueError)


# ---- how fields look on the wire: types of the usual form, members in the order of RFC 8785


def _struct(name: str, members: dict[str, Any], required: set[str], **options: Any) -> Any:
    """A struct of these members, sorted; one that is not required is None where it is left out.

    None is not of the member's type: a null, which counts for the digest, is not the usual form.
    """
    fields = [(n, members[n]) if n in required else (n, members[n], None) for n in sorted(members)]
    return msgspec.defstruct(
        name, fields, kw_only=True, gc=False, omit_defaults=True, forbid_unknown_fields=True, **options
    )


def _row(struct: type[msgspec.Struct], *required: str) -> Any:
    """The wire form of a part of a milestone, such as a line."""
    hints = get_type_hints(struct, include_extras=True)
    members = {
        field.name: _wire_type(reads_of(hints[field.name])) for field in msgspec.structs.fields(struct)
    }
    needed = {field.name for field in msgspec.structs.fields(struct) if field.required}
    return _struct(f"Wire{struct.__name__}", members, needed.union(required))


def _wire_type(reads: m.Reads) -> Any:
    if reads.choices:
        return Literal[reads.choices]
    return _ROWS.get(reads.how, _Text)


def _rows(row: Any) -> Any:
    return Annotated[list[row], msgspec.Meta(max_length=r.MAX_LINES)]


_ROWS: Final[dict[str, Any]] = {}
_ROWS["billing"] = _rows(_row(m.Billing))
_ROWS["applied_to"] = _rows(_row(m.Applied))
_ROWS["performed"] = _rows(_row(m.Performed))
_ROWS["lines"] = _rows(_row(m.Line))
_ROWS["deal_lines"] = _rows(_row(m.Line, "kind"))
_ROWS["target"] = _row(m.Target)
_ROWS["texts"] = list[_Text]
#: Kinds of fields that the long way reads: anything may stand in them.
_LONG_WAY: Final = frozenset({"json", "replacement"})


def _event(described: MilestoneType) -> tuple[Any, Any]:
    """The wire form of a type, and that of its data."""
    members = {f.wire: _wire_type(f.reads) for f in described.fields}
    members["effective_on"] = _Text
    members["keys"] = Annotated[list[_Text], msgspec.Meta(max_length=MAX_KEYS)]
    members["dimensions"] = _DIMENSIONS
    data = _struct("WireData", members, {f.wire for f in described.fields if f.required})
    envelope: dict[str, Any] = dict.fromkeys(
        (*ATTRIBUTES, "id", "source", "subject", "time", "sequence"), _Text
    )
    envelope |= {"specversion": Literal["1.0"], "datacontenttype": Literal["application/json"], "data": data}
    needed = {"specversion", "id", "source", "subject", "time", "data"}
    return _struct("WireEvent", envelope, needed, tag_field="type", tag=described.name), data


class _Content(msgspec.Struct, gc=False):
    """What of a milestone counts for its digest (contract.md section 2), in the canonical order."""

    data: Any
    sequence: str | msgspec.UnsetType
    subject: str
    time: str
    type: str


# ---- from there to the milestone: converters of domain.reading for what has the usual form


def _day(value: Any, _decimals: int | None) -> int:
    found = parse_day(value)
    if found is None:
        raise _Unusual
    return found


def _amount(value: Any, decimals: int | None) -> int:
    if decimals is None:
        raise _Unusual
    return parse_decimal(value, decimals)


def _currency(value: Any, _decimals: int | None) -> Any:
    exponent(value)
    return value


def _order_line(value: Any, _decimals: int | None) -> Any:
    order, _, line = value.rpartition("/")
    if not order or not line:
        raise _Unusual
    return value


def _target(value: Any, _decimals: int | None) -> m.Target:
    if is_own_source(value.source):
        raise _Unusual
    return m.Target(value.source, value.id)


def _billing(rows: Any, decimals: int | None) -> tuple[m.Billing, ...]:
    return tuple([m.Billing(_day(row.on, None), _amount(row.net, decimals)) for row in rows])


def _applied_to(rows: Any, decimals: int | None) -> tuple[m.Applied, ...]:
    return tuple([m.Applied(row.invoice, _amount(row.amount, decimals)) for row in rows])


def _performed(rows: Any, decimals: int | None) -> tuple[m.Performed, ...]:
    if not rows:
        raise _Unusual
    return tuple([_performance(row.order_line, row.quantity, row.net, decimals) for row in rows])


def _performance(ref: str, units: str | None, net: str | None, decimals: int | None) -> m.Performed:
    if net is not None:
        parse_decimal(net, r.DECIMALS if decimals is None else decimals)
    return m.Performed(_order_line(ref, None), None if units is None else _quantity(units), net)


def _line(row: Any, decimals: int) -> m.Line:
    # in the order of its members, which is the alphabet's
    plan, words, kind, number, net, ref, units, recognition, end, start, sku, tax = astuple(row)
    if start is not None:
        start = _day(start, None)
    if end is not None:
        end = _day(end, None)
        if start is not None and end < start:
            raise _Unusual
    return m.Line(
        number,
        sku,
        parse_decimal(net, decimals),
        0 if tax is None else parse_decimal(tax, decimals),
        kind,
        None if units is None else _quantity(units),
        recognition,
        start,
        end,
        None if ref is None else _order_line(ref, None),
        () if plan is None else _billing(plan, decimals),
        words,
    )


def _lines(rows: Any, decimals: int | None) -> tuple[m.Line, ...]:
    if decimals is None or not rows:
        raise _Unusual
    return tuple([_line(row, decimals) for row in rows])


def _deal_lines(rows: Any, decimals: int | None) -> tuple[m.Line, ...]:
    found = _lines(rows, decimals)
    if len(found) > 1 and len({line.line for line in found}) != len(found):
        raise _Unusual
    return found


def _as_ever(how: str) -> Callable[[Any, int | None], Any]:
    """The long way's own converter, for kinds of fields that are rare."""
    convert = r.CONVERTERS[how]

    def converted(value: Any, decimals: int | None) -> Any:
        reading = r.Reading()
        reading.decimals = decimals
        found = convert(value, reading, "")
        if reading.reasons:
            raise _Unusual
        return found

    return converted


@lru_cache(maxsize=4_096)
def _quantity(text: str) -> int:
    return parse_decimal(text, m.QUANTITY_DECIMALS, limit=r.MAX_QUANTITY)


_PLAIN: Final = frozenset({"text", "number", "choice"})
_CONVERTERS: Final[dict[str, Callable[[Any, int | None], Any]]] = {
    "currency": _currency,
    "day": _day,
    "amount": _amount,
    "order_line": _order_line,
    "target": _target,
    "billing": _billing,
    "applied_to": _applied_to,
    "performed": _performed,
    "lines": _lines,
    "deal_lines": _deal_lines,
}


class _Plan(NamedTuple):
    """How one type is made. fields: (place among the wire's members, converter or None, default)."""

    name: str
    struct: type[m.Milestone]
    fields: tuple[tuple[int, Callable[[Any, int | None], Any] | None, Any], ...]
    currency: int | None
    is_snapshot: bool


def _plan(described: MilestoneType, data: Any) -> _Plan:
    places = {name: place for place, name in enumerate(data.__struct_fields__)}
    fields = tuple(
        (
            places[f.wire],
            None
            if f.reads.how in _PLAIN or f.wire == "currency"
            else _CONVERTERS.get(f.reads.how) or _as_ever(f.reads.how),
            f.default,
        )
        for f in described.fields
    )
    return _Plan(
        described.name, described.struct, fields, places.get("currency"), described.struct in SNAPSHOTS
    )


def _is_usual(described: MilestoneType) -> bool:
    return not any(field.reads.how in _LONG_WAY for field in described.fields)


_EVENTS: Final = {name: _event(entry) for name, entry in SENT.items() if _is_usual(entry)}
_PLANS: Final = {event: _plan(SENT[name], data) for name, (event, data) in _EVENTS.items()}
_DECODER: Final = msgspec.json.Decoder(Union[tuple(_PLANS)])  # noqa: UP007 - made from a list
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


@lru_cache(maxsize=1_024)
def _is_head(head: str) -> bool:
    """Whether `<role>/<system>/<instance>:<object>:` is how a key begins."""
    return is_key(head + "?")


def _keys(stated: list[str] | None, source: str, subject: str) -> tuple[str, ...]:
    kind, _, native = subject.partition("/")
    if not kind or not native or ":" in kind:
        raise _Unusual
    own = f"{source[1:]}:{kind}:{native}"
    if stated is None:
        return (own,)
    for key in stated:
        second = key.find(":", key.find(":") + 1) + 1
        if second == len(key) or not _is_head(key[:second]):
            raise _Unusual
    return (own,) if stated == [own] else tuple(sorted({own, *stated}))


def read_usual(body: bytes) -> tuple[m.Milestone, bytes] | None:
    """The milestone and the digest of its content, or None where `parse_event` has to read it."""
    if b"\\" in body or not body.isascii():
        return None
    try:
        return _read(_DECODER.decode(body))
    except _UNUSUAL:
        return None


def _read(event: Any) -> tuple[m.Milestone, bytes]:
    name, struct, fields, currency, is_snapshot = _PLANS[type(event)]
    data, source, subject, time, sequence = (
        event.data,
        event.source,
        event.subject,
        event.time,
        event.sequence,
    )
    microseconds = _microseconds(time)
    if source_told(source) is not None or is_own_source(source):
        raise _Unusual
    stated = data.effective_on
    effective = day_of(microseconds) if stated is None else _day(stated, None)
    values = astuple(data)
    code = None if currency is None else values[currency]
    decimals = None if code is None else exponent(code)
    made: list[Any] = []
    for place, convert, default in fields:
        value = values[place]
        if value is None:
            made.append(default)
        else:
            made.append(value if convert is None else convert(value, decimals))
    if is_snapshot and data.lines is None and data.amount is None:
        raise _Unusual
    milestone = struct(
        source,
        event.id,
        subject,
        time,
        microseconds,
        sequence,
        effective,
        _keys(data.keys, source, subject),
        data.dimensions or {},
        _attributes(event, by_time=stated is None),
        *made,
    )
    unset = msgspec.UNSET if sequence is None else sequence
    return milestone, sha256(_encode(_Content(data, unset, subject, time, name))).digest()


def _microseconds(time: str) -> int:
    found = parse_usual_instant(time)
    if found is None or not is_within_range(found):
        raise _Unusual
    return found


def _attributes(event: Any, *, by_time: bool) -> dict[str, str]:
    found = {m.BY_TIME: ""} if by_time else {}
    if event.correlationid or event.causationid or event.traceparent or event.actor:
        found |= {name: value for name in ATTRIBUTES if (value := getattr(event, name)) is not None}
    return found
