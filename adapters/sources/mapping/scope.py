"""Where a compiled mapping stands in a record: the object, the element of a list, what was read already.

Values are looked at as they were parsed; a place (a Node with its JSON Pointer) is made only where something
has to be refused. Does not belong here: what is read there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from adapters.sources.base import Speaker, speaker
from adapters.sources.payload import MISSING, Node
from domain.refusals import pointer as json_pointer

#: Names of members and indices of elements, inwards.
Steps: TypeAlias = "tuple[str | int, ...]"


class Run:
    """One record being translated for one instance."""

    __slots__ = ("instance", "message", "speakers")

    def __init__(self, message: Node, instance: str, speakers: dict[tuple[str, str], Speaker]) -> None:
        self.message = message
        self.instance = instance
        self.speakers = speakers

    def speaker(self, role: str, system: str) -> Speaker:
        """The system in one of its roles."""
        found = self.speakers.get((role, system))
        if found is None:
            found = self.speakers[role, system] = speaker(role, system, self.instance)
        return found


class Scope:
    """An object of the record, or an element inside of it.

    up: the scope around it; None for an object. base: an object's JSON Pointer. origin, index: the list that
    an element comes from, and which it is. memo: what lets came to here.
    """

    __slots__ = ("base", "index", "memo", "origin", "run", "up", "value")

    def __init__(
        self,
        value: object,
        run: Run,
        base: str = "",
        up: Scope | None = None,
        origin: List | None = None,
        index: int = 0,
    ) -> None:
        self.value = value
        self.run = run
        self.base = base
        self.up = up
        self.origin = origin
        self.index = index
        self.memo: dict[int, Any] = {}

    def node(self) -> Node:
        """This value with its JSON Pointer."""
        if self.up is None or self.origin is None:
            return Node(self.value, self.base)
        return Node(self.value, self.origin.nodes(self.up)[self.index].pointer)

    def key(self) -> str | None:
        """The name of a member, where the element is one."""
        if self.up is None or self.origin is None or self.origin.names is None:
            return None
        return self.origin.names(self.up)[self.index]


Get: TypeAlias = Callable[[Scope], Any]
Place: TypeAlias = Callable[[Scope], Node]
Test: TypeAlias = Callable[[Scope], bool]
#: A value as parsed, where it stands, to what is wanted. Raises Unreadable.
Reader: TypeAlias = Callable[[Any, Scope, Place], Any]


class Value(NamedTuple):
    """A compiled value. get: None where it is not given. place: what a refusal names."""

    get: Get
    place: Place


class List(NamedTuple):
    """A compiled list. items: its elements. nodes: the same with their pointers. names: of members."""

    items: Callable[[Scope], list[Any]]
    nodes: Callable[[Scope], list[Node]]
    place: Place
    names: Callable[[Scope], list[str]] | None = None

    def scopes(self, scope: Scope) -> list[Scope]:
        """A scope for each element."""
        run = scope.run
        return [Scope(value, run, "", scope, self, i) for i, value in enumerate(self.items(scope))]


def member(node: Node, steps: Steps) -> Node:
    """The place that steps lead to: names of members, indices of elements; a single object is element 0."""
    for step in steps:
        value, at = node.value, node.pointer
        if isinstance(step, int):
            if isinstance(value, list):
                real = step + len(value) if step < 0 else step
                inside = 0 <= real < len(value)
                node = Node(value[real] if inside else MISSING, f"{at}/{real if inside else 0}")
            elif step in (0, -1) and isinstance(value, dict):
                node = node.at(str(step)) if str(step) in value else node
            else:
                node = Node(MISSING, at + json_pointer(step))
        else:
            node = node.at(step)
    return node


def fetch(value: Any, steps: Steps) -> Any:
    """The value that steps lead to; MISSING where there is none, null or an empty text."""
    for step in steps:
        if type(value) is dict:
            found = value.get(step if type(step) is str else str(step), MISSING)
            if found is MISSING and step in (0, -1):
                continue
            value = found
        elif type(value) is list and type(step) is int:
            if not -len(value) <= step < len(value):
                return MISSING
            value = value[step]
        else:
            return MISSING
    return MISSING if value is None or value == "" else value


def required(value: Value, what: str) -> Get:
    """A value that is refused where it is not given. Raises Unreadable when read."""
    get, place = value

    def read(scope: Scope) -> Any:
        found = get(scope)
        if found is None:
            place(scope).refuse("field_missing", f"needs {what}")
        return found

    return read
