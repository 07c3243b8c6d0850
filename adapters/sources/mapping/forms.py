"""The forms of values that choose, put together, take apart or look up.

Belongs here: one compiler for each form. Does not belong here: forms that reckon (sums.py), modifiers
(values.py).

A form that makes a text is then read as what is wanted, as if the record held that text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from adapters.sources.mapping.codes import VALUES
from adapters.sources.mapping.context import DAY, ID, NODE, RAW, TEXT, TIME, Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item, unknown, whole_number
from adapters.sources.mapping.formats import MOMENT_KEYS, overridden
from adapters.sources.mapping.lists import item_list
from adapters.sources.mapping.moments import Wall, clock_of, written
from adapters.sources.mapping.paths import path_value
from adapters.sources.mapping.reading import constant, reader
from adapters.sources.mapping.scope import Get, Place, Scope, Test, Value
from adapters.sources.payload import Node
from domain.instants import parse_day, parse_instant

_HOLE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_TEXTS: Final = ("id", "text", "raw", "code", "choice", "present")
_CHANGES: Final[dict[str, Callable[[str], str]]] = {
    "strip_zeros": lambda text: (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text,
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
}
#: Characters of a text that is looked at with a regular expression.
LONGEST_MATCHED: Final = 10_000


def path(fields: Fields, want: Want, context: Context) -> Value:
    """{path: a.b}"""
    found = fields.need("path")
    if isinstance(found.value, dict):
        return context.file.forms.value(found, want, context)
    return path_value(found, want, context)


def const(fields: Fields, want: Want, context: Context) -> Value:
    """{const: new}"""
    item = fields.need("const")
    return constant_value(item, item.text("a constant"), want, context)


def constant_value(item: Item, text: str, want: Want, context: Context) -> Value:
    """A constant, which stands at the object itself."""
    return Value(constant(item, text, want, context), _here)


def first(fields: Fields, want: Want, context: Context) -> Value:
    """{first: [v, v]}: refusals name the last, or the one that is given."""
    found = [context.value(item, want) for item in fields.need("first").items("a list of values")]
    if not found:
        raise Flaw(fields.item, "`first` needs values")
    return chosen(found)


def chosen(values: list[Value]) -> Value:
    """The first of values that is given."""
    gets, places = [value.get for value in values], [value.place for value in values]
    if len(gets) == 1:
        return values[0]

    def get(scope: Scope) -> Any:
        for each in gets:
            found = each(scope)
            if found is not None:
                return found
        return None

    def place(scope: Scope) -> Node:
        given = (at for each, at in zip(gets, places, strict=True) if each(scope) is not None)
        return next(given, places[-1])(scope)

    return Value(get, place)


def case(fields: Fields, want: Want, context: Context) -> Value:
    """{case: [{when: c, then: v}], else: v}"""
    arms: list[tuple[Test, Value]] = []
    for item in fields.need("case").items("a list of {when, then}"):
        with Fields(item, context.file.problems) as arm:
            arms.append((context.condition(arm.need("when")), context.value(arm.need("then"), want)))
    other = fields.take("else")
    last = None if other is None else context.value(other, want)

    gets = [(holds, value.get) for holds, value in arms]
    other_get = None if last is None else last.get

    def get(scope: Scope) -> Any:
        for holds, told in gets:
            if holds(scope):
                return told(scope)
        return None if other_get is None else other_get(scope)

    def place(scope: Scope) -> Node:
        found = next((value for holds, value in arms if holds(scope)), last)
        return scope.node() if found is None else found.place(scope)

    return Value(get, place)


def template(fields: Fields, want: Want, context: Context) -> Value:
    """{template: "{a}-{b}"}: not given unless all of it is."""
    item = fields.need("template")
    text, at = item.text("a template"), 0
    parts: list[str | Value] = []
    for match in _HOLE.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
        if match[1] is None:
            parts.append(match[0][0])
        else:
            parts.append(context.value(Item(match[1], item.line, item.field), ID))
    parts.append(text[at:])
    values = [part for part in parts if isinstance(part, Value)]
    if not values:
        raise Flaw(item, "names no value in braces; for a constant write =text")
    gets: list[str | Get] = [part.get if isinstance(part, Value) else part for part in parts if part != ""]

    def make(scope: Scope) -> str | None:
        told: list[str] = []
        for each in gets:
            found = each if isinstance(each, str) else each(scope)
            if found is None:
                return None
            told.append(found)
        return "".join(told)

    def place(scope: Scope) -> Node:
        absent = next((value for value in values if value.get(scope) is None), values[0])
        return absent.place(scope)

    return _as_wanted(make, place, want, context, item)


def join(fields: Fields, want: Want, context: Context) -> Value:
    """{join: [v, v], with: "-"}: those that are given."""
    values = [context.value(item, ID) for item in fields.need("join").items("a list of values")]
    between = fields.take("with")
    mark = "" if between is None or not isinstance(between.value, str) else between.value
    if not values:
        raise Flaw(fields.item, "`join` needs values")

    def make(scope: Scope) -> str | None:
        return mark.join(found for value in values if (found := value.get(scope)) is not None) or None

    return _as_wanted(make, values[0].place, want, context, fields.item)


def split(fields: Fields, want: Want, context: Context) -> Value:
    """{split: v, on: "/", part: 0}"""
    get, place = context.value(fields.need("split"), RAW._replace(kind="code"))
    mark, part = fields.need("on").text("what to split on"), whole_number(fields.need("part"), -1_000)

    def make(scope: Scope) -> str | None:
        found = get(scope)
        if found is None:
            return None
        parts = found.split(mark)
        return (parts[part] or None) if -len(parts) <= part < len(parts) else None

    return _as_wanted(make, place, want, context, fields.item)


def match(fields: Fields, want: Want, context: Context) -> Value:
    """{match: v, with: regex, group: 1}: refused where it does not fit, unless it has a default."""
    get, place = context.value(fields.need("match"), RAW._replace(kind="code"))
    expression = regex(fields.need("with"))
    group = fields.take("group")
    number = whole_number(group) if group is not None else min(expression.groups, 1)
    if number > expression.groups:
        raise Flaw(fields.item, f"the expression has {expression.groups} groups")
    lenient = "default" in fields

    def make(scope: Scope) -> str | None:
        found = get(scope)
        if found is None:
            return None
        fits = expression.fullmatch(found) if len(found) <= LONGEST_MATCHED else None
        if fits is None and not lenient:
            place(scope).refuse("value_unknown", "is not written as the mapping expects; extend it")
        return None if fits is None else fits[number] or None

    return _as_wanted(make, place, want, context, fields.item)


def regex(item: Item) -> re.Pattern[str]:
    """A regular expression. Raises Flaw."""
    try:
        return re.compile(item.text("a regular expression"))
    except re.error as error:
        raise Flaw(item, f"is no regular expression: {error}") from None


def changed(fields: Fields, want: Want, context: Context) -> Value:
    """{strip_zeros: v}, {lower: v}, {upper: v}, {trim: v}"""
    name = next(name for name in _CHANGES if name in fields)
    change = _CHANGES[name]
    get, place = context.value(fields.need(name), RAW._replace(kind="code"))

    def make(scope: Scope) -> str | None:
        found = get(scope)
        return None if found is None else change(found) or None

    return _as_wanted(make, place, want, context, fields.item)


def moment(fields: Fields, want: Want, context: Context) -> Value:
    """{day: v, as: ...} and {time: v, as: ...}: in the contract's form."""
    kind = "day" if "day" in fields else "time"
    inner = DAY if kind == "day" else TIME
    get, place = _moment_context(fields, kind, context).value(fields.need(kind), inner)
    if want.kind == kind or want.kind in _TEXTS:
        return Value(get, place)
    if want.kind == "seconds" and kind == "time":
        return Value(lambda scope: None if (t := get(scope)) is None else _micros(t) // 1_000_000, place)
    raise Flaw(fields.item, f"makes a {kind}; here {want.what} is wanted")


def micros(fields: Fields, want: Want, context: Context) -> Value:
    """{micros: v}: microseconds since 1970-01-01 UTC."""
    get, place = _moment_context(fields, "time", context).value(fields.need("micros"), TIME)

    def make(scope: Scope) -> str | None:
        found = get(scope)
        return None if found is None else str(_micros(found))

    return _as_wanted(make, place, want, context, fields.item)


def date_and_clock(fields: Fields, want: Want, context: Context) -> Value:
    """{date: v, clock: v, zone: ...}: a time of two fields; without its clock midnight."""
    where = _moment_context(fields, "time", context, also=("date",))
    (get_day, place), clock = where.value(fields.need("date"), DAY), fields.need("clock")
    get_clock, place_clock = context.value(clock, RAW._replace(kind="code", what="a time of day"))
    zone = where.formats.time.zone
    if want.kind not in ("time", *_TEXTS):
        raise Flaw(fields.item, f"makes a time; here {want.what} is wanted")

    def get(scope: Scope) -> str | None:
        told = get_day(scope)
        if told is None:
            return None
        day, time = parse_day(told), get_clock(scope)
        assert day is not None, "the reader has made it"
        seconds, fraction = (0, "") if time is None else clock_of(time, lambda: place_clock(scope))
        return written(Wall(day, seconds, fraction), zone, lambda: place_clock(scope))

    return Value(get, place)


def lookup(fields: Fields, want: Want, context: Context) -> Value:
    """{lookup: list, where: c, take: path}: of the first element that fits."""
    found = context.list_(fields.need("lookup"))
    inside = context.inside()
    where, take = fields.take("where"), fields.take("take")
    holds = None if where is None else inside.condition(where)
    get, place = inside.value(Item(".", fields.item.line, fields.item.field) if take is None else take, want)

    def element(scope: Scope) -> Scope | None:
        return next((s for s in found.scopes(scope) if holds is None or holds(s)), None)

    def read(scope: Scope) -> Any:
        inner = element(scope)
        return None if inner is None else get(inner)

    def at(scope: Scope) -> Node:
        inner = element(scope)
        return found.place(scope) if inner is None else place(inner)

    return Value(read, at)


def agreed(fields: Fields, want: Want, context: Context) -> Value:
    """{agreed: [v, {each: list, take: path}], several: refuse|none}: the one value that places repeat."""
    if want.kind == "present":
        want = RAW  # they are compared, not only looked for
    sources = [_collected(item, want, context) for item in fields.need("agreed").items("a list of values")]
    several = fields.take("several")
    told = "refuse" if several is None else several.text()
    if told not in ("refuse", "none"):
        raise Flaw(several or fields.item, "needs refuse or none")
    if not sources:
        raise Flaw(fields.item, "`agreed` needs values")
    strict = told == "refuse"

    def get(scope: Scope) -> Any:
        found = [one for collect in sources for one in collect(scope)]
        if len({one[0] for one in found}) <= 1:
            return found[0][0] if found else None
        if strict:
            _value, last, there = found[-1]
            last.place(there).refuse(
                "key_contradictory", "two places that repeat one value differ; which one holds?"
            )
        return None

    def place(scope: Scope) -> Node:
        return sources_place(scope)

    sources_place = _place_of(fields.need("agreed").items()[0], want, context)
    return Value(get, place)


#: Values that are given, each with what it is and where.
Collected = Callable[[Scope], list[tuple[Any, Value, Scope]]]


def _collected(item: Item, want: Want, context: Context) -> Collected:
    if isinstance(item.value, dict) and "each" in item.value:
        with Fields(item, context.file.problems) as fields:
            each = item_list(fields, context)
            inner = context.inside().value(fields.need("take"), want)
        take = inner.get
        return lambda scope: [(found, inner, s) for s in each.scopes(scope) if (found := take(s)) is not None]
    value = context.value(item, want)

    def one(scope: Scope) -> list[tuple[Any, Value, Scope]]:
        found = value.get(scope)
        return [] if found is None else [(found, value, scope)]

    return one


def _place_of(item: Item, want: Want, context: Context) -> Place:
    if isinstance(item.value, dict) and "each" in item.value:
        return _here
    return context.value(item, want).place


def code(fields: Fields, want: Want, context: Context) -> Value:
    """{code: name, of: v}: a function of codes.py."""
    item, of = fields.need("code"), fields.take("of")
    name = item.text("the name of a code")
    if name not in VALUES:
        raise Flaw(item, unknown(name, VALUES, "code of a value"))
    context.file.codes.add(f"{name}@{VALUES[name].version}")
    run = VALUES[name].run
    get_node, place = context.value(Item(".", item.line, item.field) if of is None else of, NODE)
    currency = context.currency() if want.kind == "amount" else None
    read = None if want.kind in ("amount", "number") else reader(want, context, item)

    def get(scope: Scope) -> Any:
        node = get_node(scope)
        found = run(place(scope) if node is None else node, None if currency is None else currency(scope))
        return found if found is None or read is None else read(found, scope, place)

    return Value(get, place)


def _moment_context(fields: Fields, kind: str, context: Context, also: tuple[str, ...] = ()) -> Context:
    own = {name: item for name, item in fields.item.members().items() if name in MOMENT_KEYS}
    fields.know(*own)
    formats = context.formats
    zone = own.get("zone")
    for each in (kind, "day") if also else (kind,):
        formats = overridden(formats, each, own, context.file.problems, fields.item)
    if also and zone is not None:
        only = {"zone": zone}
        formats = replace(
            formats, time=overridden(context.formats, "time", only, context.file.problems, fields.item).time
        )
    return context.written(formats)


def _as_wanted(
    make: Callable[[Scope], str | None], place: Place, want: Want, context: Context, item: Item
) -> Value:
    """A text that a form makes, read as what is wanted."""
    if want.kind == "node":
        raise Flaw(item, "makes a text; here a path is wanted")
    # what is put together may be longer than a single id
    read = reader(TEXT if want.kind == "id" else want, context, item)

    def get(scope: Scope) -> Any:
        found = make(scope)
        return None if found is None else read(found, scope, place)

    return Value(get, place)


def _here(scope: Scope) -> Node:
    return scope.node()


def _micros(time: str) -> int:
    instant = parse_instant(time)
    assert instant is not None, "the reader has made it"
    return instant.microseconds
