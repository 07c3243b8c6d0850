"""A value as a mapping writes it: a path, a constant, or a form with modifiers.

Belongs here: telling the forms apart, and the modifiers that stand beside any. Does not belong here: the
forms themselves (forms.py, sums.py), conditions, lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from adapters.sources.mapping import forms, sums
from adapters.sources.mapping.context import RAW, Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item, is_yes, unknown
from adapters.sources.mapping.formats import KEYS, overridden
from adapters.sources.mapping.paths import path_value
from adapters.sources.mapping.reading import FORMAT_OF, constant
from adapters.sources.mapping.scope import Get, Scope, Test, Value, required
from adapters.sources.payload import Node

Form = Callable[[Fields, Want, Context], Value]

#: The form of a map, by its head. Two heads in one map: the first of this order holds, the other is its key.
_HEADS: Final[dict[str, Form]] = {
    "path": forms.path,
    "const": forms.const,
    "first": forms.first,
    "template": forms.template,
    "case": forms.case,
    "sum": sums.added,
    "minus": sums.added,
    "product": sums.product,
    "abs": sums.magnitude,
    "total": sums.total,
    "count": sums.count,
    "add_days": sums.later,
    "add_months": sums.later,
    "date": forms.date_and_clock,
    "day": forms.moment,
    "time": forms.moment,
    "micros": forms.micros,
    "join": forms.join,
    "split": forms.split,
    "match": forms.match,
    "strip_zeros": forms.changed,
    "lower": forms.changed,
    "upper": forms.changed,
    "trim": forms.changed,
    "lookup": forms.lookup,
    "agreed": forms.agreed,
    "code": forms.code,
}
_MODIFIERS: Final = ("table", "default", "when", "required", "at", "what")
_CODE: Final = Want("code", "a code")


def value(item: Item, want: Want, context: Context) -> Value:
    """A compiled value. Raises Flaw."""
    if isinstance(item.value, dict):
        with Fields(item, context.file.problems) as fields:
            return _form(fields, want, context)
    if isinstance(item.value, str) and item.value.startswith("="):
        return forms.constant_value(item, item.value[1:], want, context)
    return path_value(item, want, context)


def _form(fields: Fields, want: Want, context: Context) -> Value:
    head = next((name for name in _HEADS if name in fields), None)
    if head is None:
        known = (*_HEADS, *_MODIFIERS)
        raise Flaw(fields.item, f"is no form of a value: {unknown(next(iter(fields), ''), known, 'form')}")
    fields.know(*_MODIFIERS)
    what = fields.take("what")
    if what is not None:
        want = want._replace(what=what.text("what is needed, in words"))
    inner = _written(fields, head, want, context)
    table = fields.take("table")
    if table is None:
        found = _HEADS[head](fields, want, inner)
    else:
        found = _translated(_HEADS[head](fields, _CODE._replace(what=want.what), inner), table, want, context)
    return _modified(found, fields, want, context)


def _written(fields: Fields, head: str, want: Want, context: Context) -> Context:
    """The context with the formats that the value's own keys name."""
    own = {name: item for name, item in fields.item.members().items() if name in KEYS}
    if not own or head in ("day", "time", "date"):
        return context
    fields.know(*own)
    kind = FORMAT_OF.get(want.kind)
    if kind is None:
        raise Flaw(fields.item, f"{' '.join(own)}: {want.what} is no amount, number, day, time or flag")
    formats = overridden(context.formats, kind, own, context.file.problems, fields.item)
    return context.written(formats)


def _modified(found: Value, fields: Fields, want: Want, context: Context) -> Value:
    get, place = found
    at, when, default, needed = (fields.take(name) for name in ("at", "when", "default", "required"))
    if at is not None:
        place = context.value(at, RAW).place
    holds = None if when is None else context.condition(when)
    if default is not None:
        get = _or_default(get, holds, constant(default, default.text("a constant"), want, context))
    elif holds is not None:
        get = _only_when(get, holds)
    if needed is not None and is_yes(needed):
        get = required(Value(get, place), want.what)
    return Value(get, place)


def _only_when(get: Get, holds: Test) -> Get:
    return lambda scope: get(scope) if holds(scope) else None


def _or_default(get: Get, holds: Test | None, fallback: Get) -> Get:
    def read(scope: Scope) -> Any:
        found = get(scope) if holds is None or holds(scope) else None
        return fallback(scope) if found is None else found

    return read


def _translated(found: Value, table: Item, want: Want, context: Context) -> Value:
    name, entries = _table(table, context)
    meanings: dict[str, Get] = {}
    for code, meaning in entries.items():
        try:
            meanings[code] = constant(meaning, meaning.text("a constant"), want, context)
        except Flaw as flaw:
            context.file.problems.note(_told_at(flaw, table))
    other = meanings.pop("*", None)
    (get, place), lookup = found, meanings.get

    def read(scope: Scope) -> Any:
        code = get(scope)
        if code is None:
            return None
        meaning = lookup(code, other)
        if meaning is None:
            _unknown_code(place(scope), name)
        return meaning(scope)

    return Value(read, place)


def _told_at(flaw: Flaw, table: Item) -> Flaw:
    """A flaw of a table's entry, told at the entry, with the place that can't take it."""
    return Flaw(flaw.item, f"{flaw.message} (where {table.field}, line {table.line}, uses it)")


def _table(item: Item, context: Context) -> tuple[str, dict[str, Item]]:
    if isinstance(item.value, dict):
        return "its table", item.value
    name = item.text("a table")
    if name not in context.file.tables:
        raise Flaw(item, unknown(name, context.file.tables, "table"))
    return f"the table {name}", context.file.tables[name]


def _unknown_code(place: Node, table: str) -> NoReturn:
    place.refuse("value_unknown", f"{table} has no such code; add it to the mapping, and replay")
