"""What a part of a mapping knows while it is compiled: lets, formats, tables, where it stands.

Belongs here: names and what they mean at a place. Does not belong here: the forms of values (values.py,
forms.py), conditions, lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Protocol

from adapters.sources.mapping.document import Flaw, Item, Problems, unknown
from adapters.sources.mapping.formats import Formats
from adapters.sources.mapping.scope import Get, List, Scope, Test, Value, required

#: Names that a path can begin with, besides lets.
ROOTS: Final = ("object", "parent", "message", "number", "key")
_UNREAD: Final = object()
#: The let that holds the currency; no mapping can name one so.
_CURRENCY: Final = "=currency"


class Want(NamedTuple):
    """What a value has to be. what: in words, for refusals. choices: of a choice, those there are."""

    kind: str
    what: str = "a value"
    choices: tuple[str, ...] = ()


ID: Final = Want("id", "an id")
TEXT: Final = Want("text", "a text")
RAW: Final = Want("raw", "a value")
PRESENT: Final = Want("present", "a value")
NODE: Final = Want("node", "an object")
AMOUNT: Final = Want("amount", "an amount")
NUMBER: Final = Want("number", "a number")
DAY: Final = Want("day", "a date")
TIME: Final = Want("time", "a time")
SECONDS: Final = Want("seconds", "a moment")
FLAG: Final = Want("flag", "yes or no")
INTEGER: Final = Want("integer", "a whole number")
CURRENCY: Final = Want("currency", "an ISO 4217 currency code")


class Forms(Protocol):
    """The compilers, which need each other."""

    def value(self, item: Item, want: Want, context: Context) -> Value: ...

    def condition(self, item: Item, context: Context) -> Test: ...

    def list_(self, item: Item, context: Context) -> List: ...


@dataclass
class File:
    """What is the same everywhere in one mapping file. tables: by name, code to meaning."""

    name: str
    system: str
    reads: str
    forms: Forms
    problems: Problems
    tables: dict[str, dict[str, Item]] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    declared: dict[int, tuple[str, Item]] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    slots: int = 0

    def slot(self) -> int:
        """A new place in the memo of a scope."""
        self.slots += 1
        return self.slots

    def report_unused(self) -> None:
        """Note the lets that nothing uses."""
        for number, (name, item) in self.declared.items():
            if number not in self.used:
                self.problems.add(item, f"nothing uses the let {name!r}; remove it")


@dataclass
class Let:
    """A named value: compiled for each thing that it is wanted as, read once for each.

    kept: of the currency, its reader at each depth.
    """

    item: Item
    context: Context
    values: dict[tuple[Want, int], tuple[Value, Formats]] = field(default_factory=dict)
    list_: List | None = None
    kept: dict[int, Get] = field(default_factory=dict)
    busy: bool = False


@dataclass(frozen=True)
class Context:
    """Where a value stands. depth: 0 in an object, 1 in `each`, 2 in `each` within."""

    file: File
    formats: Formats
    depth: int = 0
    lets: dict[str, Let] = field(default_factory=dict)
    role: str | None = None

    def value(self, item: Item, want: Want) -> Value:
        """A compiled value; what is wrong with it is noted, and it is then never read."""
        try:
            return self.file.forms.value(item, want, self)
        except Flaw as flaw:
            self.file.problems.note(flaw)
            return NEVER

    def condition(self, item: Item) -> Test:
        """A compiled condition."""
        try:
            return self.file.forms.condition(item, self)
        except Flaw as flaw:
            self.file.problems.note(flaw)
            return _no

    def list_(self, item: Item) -> List:
        """A compiled list."""
        try:
            return self.file.forms.list_(item, self)
        except Flaw as flaw:
            self.file.problems.note(flaw)
            return EMPTY

    def inside(self) -> Context:
        """In the elements of a list."""
        return replace(self, depth=self.depth + 1)

    def with_lets(self, item: Item | None) -> Context:
        """With further lets, which see those before and each other. Raises Flaw."""
        if item is None:
            return self
        members = item.members("a map of names to values")
        lets = dict(self.lets)
        inner = replace(self, lets=lets)
        for name, told in members.items():
            if name in ROOTS or not name.isidentifier():
                reserved = f"$ {' $'.join(ROOTS)} mean places".replace("$ ", "$", 1)
                self.file.problems.add(told, f"a let can't be called {name!r}: letters and _; {reserved}")
            else:
                lets[name] = Let(told, inner)
                self.file.declared[id(told)] = name, told
        return inner

    def written(self, formats: Formats) -> Context:
        """The same place, with values written so."""
        return self if formats is self.formats else replace(self, formats=formats)

    def with_currency(self, item: Item | None) -> Context:
        """With a currency for the amounts."""
        if item is None:
            return self
        lets = dict(self.lets)
        inner = replace(self, lets=lets)
        lets[_CURRENCY] = Let(item, self)
        return inner

    def currency(self) -> Get | None:
        """The currency of amounts here, refused where it is not given; None where none is named."""
        let = self.lets.get(_CURRENCY)
        if let is None:
            return None
        levels, outside = self.levels(let), let.context
        if levels in let.kept:
            return let.kept[levels]
        value = shared(let, let.item, lambda: outside.value(let.item, CURRENCY), (CURRENCY, 0), self.formats)
        found = let.kept[levels] = _once(required(value, CURRENCY.what), levels, self.file.slot())
        return found

    def let(self, name: str, item: Item) -> Let:
        """The let of that name. Raises Flaw."""
        found = self.lets.get(name)
        if found is None:
            raise Flaw(item, unknown(f"${name}", [f"${known}" for known in (*self.lets, *ROOTS)], "let"))
        self.file.used.add(id(found.item))
        return found

    def levels(self, let: Let) -> int:
        """How many scopes lie between here and where the let was named."""
        return self.depth - let.context.depth


def shared(
    let: Let, item: Item, compile_: Callable[[], Value], key: tuple[Want, int], formats: Formats
) -> Value:
    """The let compiled for a want, read once a scope. Raises Flaw where it is made of itself."""
    found = let.values.get(key)
    if found is not None:
        return found[0]
    if let.busy:
        raise Flaw(item, "the let is made of itself")
    let.busy = True
    try:
        inner = compile_()
    finally:
        let.busy = False
    value = Value(remembered(inner.get, let.context.file.slot()), inner.place)
    let.values[key] = value, formats  # the formats are kept so that their id stays theirs
    return value


def remembered(get: Get, slot: int) -> Get:
    """A value that is read once a scope."""

    def read(scope: Scope) -> Any:
        memo = scope.memo
        found = memo.get(slot, _UNREAD)
        if found is _UNREAD:
            found = memo[slot] = get(scope)
        return found

    return read


def raised(value: Value, levels: int) -> Value:
    """A value of a scope further out."""
    get, place = value
    if levels == 0:
        return value
    if levels == 1:
        return Value(lambda scope: get(scope.up), lambda scope: place(outer(scope, 1)))  # type: ignore[arg-type]
    return Value(lambda scope: get(outer(scope, levels)), lambda scope: place(outer(scope, levels)))


def _once(get: Get, levels: int, slot: int) -> Get:
    """A value from further out that every amount asks for: kept in each scope that asks."""

    def read(scope: Scope) -> Any:
        memo = scope.memo
        found = memo.get(slot)
        if found is None:
            found = memo[slot] = get(outer(scope, levels) if levels else scope)
        return found

    return read


def outer(scope: Scope, levels: int) -> Scope:
    """The scope that many levels out."""
    for _ in range(levels):
        assert scope.up is not None, "the compiler has counted the levels"
        scope = scope.up
    return scope


def _no(_scope: Scope) -> bool:
    return False


NEVER: Final = Value(lambda _scope: None, lambda scope: scope.node())
EMPTY: Final = List(lambda _scope: [], lambda _scope: [], lambda scope: scope.node())
