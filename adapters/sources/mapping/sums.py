"""The forms of values that reckon: sums, products, counts, days later; in minor units or fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from adapters.sources.amounts import to_minor
from adapters.sources.mapping.context import AMOUNT, DAY, INTEGER, NUMBER, Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item
from adapters.sources.mapping.numbers import decimal_of
from adapters.sources.mapping.paths import is_optional
from adapters.sources.mapping.reading import reader
from adapters.sources.mapping.scope import Get, Place, Scope, Value, required
from adapters.sources.payload import Node
from domain.instants import add_months, format_day, parse_day

#: Kinds of values that a number stands for in its text; an id may be reckoned too: the term before this one.
_RECKONED: Final = ("quantity", "probability", "id", "text")
_LATEST: Final = 2_932_896  # 9999-12-31
_EARLIEST: Final = -719_162  # 0001-01-01


def added(fields: Fields, want: Want, context: Context) -> Value:
    """{sum: [v, v], minus: [v]}"""
    kind = _reckoned(fields, want)
    plus = _terms(fields.take("sum"), kind, context)
    minus = _terms(fields.take("minus"), kind, context)
    if not plus and not minus:
        raise Flaw(fields.item, "a sum needs terms")
    gets, taken = [term.get for term in plus], [term.get for term in minus]

    def add(scope: Scope) -> Any:
        total = 0
        for get in gets:
            total += get(scope)
        for get in taken:
            total -= get(scope)
        return total

    return _finished(add, (plus or minus)[0].place, want)


def product(fields: Fields, want: Want, context: Context) -> Value:
    """{product: [v, v]}: not given unless all factors are. As an amount in major units."""
    _reckoned(fields, want)
    factors = [context.value(item, NUMBER) for item in fields.need("product").items("a list of values")]
    if not factors:
        raise Flaw(fields.item, "a product needs factors")
    place = factors[0].place

    def multiply(scope: Scope) -> Fraction | None:
        total = Fraction(1)
        for factor in factors:
            found = factor.get(scope)
            if found is None:
                return None
            total *= found
        return total

    if want.kind != "amount":
        return _finished(multiply, place, want)
    currency, rounded = context.currency(), context.formats.amount.rounded
    if currency is None:
        raise Flaw(fields.item, "an amount needs a currency: give the object (or the milestone) a `currency`")

    def get(scope: Scope) -> int | None:
        found = multiply(scope)
        return None if found is None else to_minor(place(scope), found, currency(scope), rounded=rounded)

    return Value(get, place)


def magnitude(fields: Fields, want: Want, context: Context) -> Value:
    """{abs: v}"""
    kind = _reckoned(fields, want)
    inner, place = context.value(fields.need("abs"), kind)
    return _finished(lambda scope: None if (found := inner(scope)) is None else abs(found), place, want)


def total(fields: Fields, want: Want, context: Context) -> Value:
    """{total: list, of: v, where: c}: nothing of an empty list is 0."""
    kind = _reckoned(fields, want)
    each, where = context.list_(fields.need("total")), fields.take("where")
    inside = context.inside()
    holds = None if where is None else inside.condition(where)
    get = term(fields.need("of"), kind, inside).get

    def add(scope: Scope) -> Any:
        return sum(get(s) for s in each.scopes(scope) if holds is None or holds(s))

    return _finished(add, each.place, want)


def count(fields: Fields, want: Want, context: Context) -> Value:
    """{count: list}"""
    each = context.list_(fields.need("count"))
    if want.kind in ("integer", "number"):
        return Value(lambda scope: len(each.items(scope)), each.place)
    if want.kind in ("amount", "node", "day", "time"):
        raise Flaw(fields.item, f"makes a number; here {want.what} is wanted")
    read = reader(want, context, fields.item)
    return Value(lambda scope: read(str(len(each.items(scope))), scope, each.place), each.place)


def later(fields: Fields, want: Want, context: Context) -> Value:
    """{add_days: [day, n]}, {add_months: [day, n]}"""
    name = "add_days" if "add_days" in fields else "add_months"
    if want.kind not in ("day", "text", "id", "raw"):
        raise Flaw(fields.item, f"makes a date; here {want.what} is wanted")
    pair = fields.need(name).items("a day and a number")
    if len(pair) != 2:
        raise Flaw(fields.item, f"{name} needs a day and a number")
    (get_day, place), (get_number, at) = context.value(pair[0], DAY), context.value(pair[1], INTEGER)
    months = name == "add_months"

    def get(scope: Scope) -> str | None:
        told, number = get_day(scope), get_number(scope)
        if told is None or number is None:
            return None
        day = parse_day(told)
        assert day is not None, "the reader has made it"
        if abs(number) > _LATEST or not _EARLIEST <= day + number * (31 if months else 1) <= _LATEST:
            at(scope).refuse("date_format", "the day is in no year of the calendar")
        return format_day(add_months(day, number) if months else day + number)

    return Value(get, lambda scope: place(scope) if get_day(scope) is None else at(scope))


def _reckoned(fields: Fields, want: Want) -> Want:
    if want.kind in ("amount", "number"):
        return AMOUNT if want.kind == "amount" else NUMBER
    if want.kind in _RECKONED or want.kind == "raw":  # raw: of a condition, which compares it as a number
        return NUMBER
    raise Flaw(fields.item, f"makes an amount or a number; here {want.what} is wanted")


def _terms(item: Item | None, want: Want, context: Context) -> list[Value]:
    if item is None:
        return []
    items = item.items("a list of values") if isinstance(item.value, list) else [item]
    return [term(each, want, context) for each in items]


def term(item: Item, want: Want, context: Context) -> Value:
    """A term: refused where it is missing, unless it may be."""
    value = context.value(item, want)
    if may_be_missing(item):
        return Value(_or_nothing(value.get), value.place)
    return Value(required(value, want.what), value.place)


def demanded(item: Item, want: Want, context: Context) -> Value:
    """A value that is refused where it is missing, unless the mapping says that it may be."""
    value = context.value(item, want)
    return value if may_be_missing(item) else Value(required(value, want.what), value.place)


def may_be_missing(item: Item) -> bool:
    """Whether the mapping says so: `a?`, or a form with `when`, `default` or `required: no`."""
    if not isinstance(item.value, dict):
        return is_optional(item)
    path, told = item.value.get("path"), item.value.get("required")
    if told is not None and told.value == "no":
        return True
    return "when" in item.value or "default" in item.value or (path is not None and is_optional(path))


def _or_nothing(get: Get) -> Get:
    return lambda scope: 0 if (found := get(scope)) is None else found


def _finished(add: Callable[[Scope], Any], place: Place, want: Want) -> Value:
    """A number as what is wanted: in the contract's text where that is a quantity or a share."""
    if want.kind not in _RECKONED:
        return Value(add, place)
    share = want.kind == "probability"

    def get(scope: Scope) -> str | None:
        found = add(scope)
        if found is None:
            return None

        def at() -> Node:
            return place(scope)

        if share and not 0 <= found <= 1:
            at().refuse("probability_range", "a probability lies between 0 and 1")
        return decimal_of(Fraction(found), at)

    return Value(get, place)
