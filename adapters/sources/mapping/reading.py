"""From a value as parsed to what is wanted at its place: ids, texts, amounts, days, flags, constants.

Belongs here: one reader for each kind of Want. Does not belong here: finding the value (values.py).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from adapters.sources.amounts import currency_of, to_minor
from adapters.sources.mapping.context import Context, Want
from adapters.sources.mapping.document import Flaw, Item, unknown, whole_number
from adapters.sources.mapping.moments import day_reader, seconds_reader, time_reader
from adapters.sources.mapping.numbers import (
    amount_reader,
    compared,
    decimal_of,
    fraction_reader,
    probability_reader,
    quantity_reader,
    quick_amount,
)
from adapters.sources.mapping.scope import Get, Place, Reader, Scope
from adapters.sources.payload import MAX_ID, Node
from domain.instants import parse_day, parse_instant
from domain.money import exponent, is_currency
from domain.reading import MAX_TEXT

#: The format that a kind of value is written in.
FORMAT_OF: Final = {
    "amount": "amount",
    "number": "number",
    "quantity": "number",
    "probability": "number",
    "day": "day",
    "time": "time",
    "seconds": "time",
    "flag": "flag",
}
_CURRENCIES: Final[dict[str, str]] = {}


def reader(want: Want, context: Context, item: Item) -> Reader:
    """How a value as parsed becomes what is wanted. Raises Flaw."""
    kind, formats = want.kind, context.formats
    if kind == "amount":
        return _amount(context, item)
    if kind == "day":
        day = day_reader(formats.day)
        return lambda value, scope, place: day(value, lambda: _at(value, scope, place))
    if kind in ("time", "seconds"):
        moment = time_reader(formats.time) if kind == "time" else seconds_reader(formats.time)
        return lambda value, scope, place: moment(value, lambda: _at(value, scope, place))
    if kind in ("number", "quantity", "probability"):
        make = {"number": fraction_reader, "quantity": quantity_reader, "probability": probability_reader}[
            kind
        ]
        number: Any = make(formats.number)
        return lambda value, scope, place: number(value, lambda: _at(value, scope, place))
    if kind == "flag":
        flags = formats.flag
        return lambda value, scope, place: (
            value if value is True or value is False else flags.read(value, _at(value, scope, place))
        )
    if kind == "choice":
        return _choice(want)
    return _SIMPLE[kind](want)


def constant(item: Item, text: str, want: Want, context: Context) -> Get:
    """A constant of the mapping as what is wanted, written as the contract does. Raises Flaw."""
    kind = want.kind
    if kind == "amount":
        return _constant_amount(item, text, context)
    found: Any = text
    if kind == "choice" and text not in want.choices:
        raise Flaw(item, unknown(text, want.choices, "such word of the contract"))
    if kind == "currency" and not is_currency(text):
        raise Flaw(item, f"{text!r} is no ISO 4217 currency")
    if (kind == "day" and parse_day(text) is None) or (kind == "time" and parse_instant(text) is None):
        raise Flaw(item, "needs a date such as 2026-01-31, or a time such as 2026-01-31T09:30:00Z")
    if kind == "seconds" or kind == "node":
        raise Flaw(item, f"a constant can't stand for {want.what}")
    if kind == "flag":
        if text not in ("yes", "no"):
            raise Flaw(item, "needs yes or no")
        found = text == "yes"
    elif kind == "integer":
        found = whole_number(item, -(10**9)) if item.value == text else int(_number(item, text))
    elif kind in ("number", "quantity", "probability"):
        number = _number(item, text)
        if kind == "probability" and not 0 <= number <= 1:
            raise Flaw(item, "needs a share from 0 to 1")
        found = number if kind == "number" else decimal_of(number, lambda: Node(text))
    if isinstance(found, str) and (not found or len(found) > MAX_TEXT or "\0" in found):
        raise Flaw(item, f"needs a text of 1 to {MAX_TEXT} characters")
    return lambda _scope: found


def plain(value: Any) -> str | None:
    """A value for comparisons: its text, true and false, digits; None of lists, objects, what is missing."""
    kind = type(value)
    if kind is str:
        return value or None
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    return format(value, "f") if isinstance(value, Decimal) and -30 < value.adjusted() < 30 else None


def _at(value: Any, scope: Scope, place: Place) -> Node:
    return Node(value, place(scope).pointer)


def _number(item: Item, text: str) -> Fraction:
    found = compared(text)
    if found is None:
        raise Flaw(item, f"{text!r} is no number")
    return found


def _amount(context: Context, item: Item) -> Reader:
    read, currency = amount_reader(context.formats.amount), context.currency()
    if currency is None:
        raise Flaw(item, "an amount needs a currency: give the object (or the milestone) a `currency`")
    quick = quick_amount(context.formats.amount)

    def amount(value: Any, scope: Scope, place: Place) -> int:
        code = currency(scope)
        found = quick(value, code)
        return read(value, code, lambda: _at(value, scope, place)) if found is None else found

    return amount


def _constant_amount(item: Item, text: str, context: Context) -> Get:
    number, currency = _number(item, text), context.currency()
    if not number:
        return lambda _scope: 0
    if currency is None:
        raise Flaw(item, "an amount needs a currency: give the object (or the milestone) a `currency`")

    def get(scope: Scope) -> int:
        code = currency(scope)
        minor = number * 10 ** exponent(code)
        return int(minor) if minor.denominator == 1 else to_minor(scope.node(), number, code)

    return get


def _id(want: Want) -> Reader:
    what = want.what

    def read(value: Any, scope: Scope, place: Place) -> str:
        if type(value) is str and len(value) <= MAX_ID and "\0" not in value and not value.isspace():
            return value
        return _at(value, scope, place).identifier(what)

    return read


def _text(want: Want) -> Reader:
    what = want.what

    def read(value: Any, scope: Scope, place: Place) -> str:
        if type(value) is str and len(value) <= MAX_TEXT and "\0" not in value and not value.isspace():
            return value
        return _at(value, scope, place).text(what)

    return read


def _choice(want: Want) -> Reader:
    choices, read_text = frozenset(want.choices), _text(want)

    def read(value: Any, scope: Scope, place: Place) -> str:
        if value in choices if type(value) is str else False:
            return value  # type: ignore[no-any-return]
        read_text(value, scope, place)
        return _at(value, scope, place).refuse(
            "value_unknown", f"needs one of {' '.join(want.choices)}; give the mapping a table"
        )

    return read


def _code(want: Want) -> Reader:
    what = want.what

    def read(value: Any, scope: Scope, place: Place) -> str:
        found = plain(value)
        return _at(value, scope, place).text(what) if found is None else found

    return read


def _integer(want: Want) -> Reader:
    what = want.what

    def read(value: Any, scope: Scope, place: Place) -> int:
        if type(value) is str and value.lstrip("-").isdigit() and value.isascii() and len(value) < 19:
            return int(value)
        return _at(value, scope, place).integer(what)

    return read


def _currency(_want: Want) -> Reader:
    known = _CURRENCIES

    def read(value: Any, scope: Scope, place: Place) -> str:
        found = known.get(value) if type(value) is str else None
        if found is None:
            found = currency_of(_at(value, scope, place))
            if len(known) < 2_000:
                known[value] = found
        return found

    return read


def _raw(_want: Want) -> Reader:
    def read(value: Any, _scope: Scope, _place: Place) -> str | None:
        return plain(value)

    return read


def _present(_want: Want) -> Reader:
    return lambda _value, _scope, _place: True


def _node(_want: Want) -> Reader:
    return _at


_SIMPLE: Final = {
    "id": _id,
    "text": _text,
    "code": _code,
    "raw": _raw,
    "present": _present,
    "node": _node,
    "integer": _integer,
    "currency": _currency,
}
