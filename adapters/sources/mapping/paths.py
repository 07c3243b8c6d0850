"""Paths: `a.b.c`, `$let.a`, `$object.a`, `lines.0`, `.`, with `?` behind for what may be missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from adapters.sources.mapping.context import ID, NODE, ROOTS, Context, Want, outer, raised, shared
from adapters.sources.mapping.document import Flaw, Item
from adapters.sources.mapping.members import member_get
from adapters.sources.mapping.reading import reader
from adapters.sources.mapping.scope import Get, Place, Scope, Steps, Value, fetch, member
from adapters.sources.payload import MISSING, Node
from domain.refusals import pointer as json_pointer

_INDEX: Final = re.compile(r"-?\d{1,6}", re.ASCII)


class Path(NamedTuple):
    """A path taken apart. root: a let or one of ROOTS; empty for here."""

    root: str
    steps: Steps
    optional: bool


def read_path(item: Item) -> Path:
    """A path as written: a text, or a list of names (which may hold dots). Raises Flaw."""
    if isinstance(item.value, list):
        names = item.words("a path")
        root = names[0][1:] if names and names[0].startswith("$") else ""
        return Path(root, tuple(_step(name) for name in (names[1:] if root else names)), optional=False)
    text = item.text("a path")
    optional = text.endswith("?")
    text = text.removesuffix("?")
    if text == ".":
        return Path("", (), optional=optional)
    names = text.split(".")
    if not all(names):
        raise Flaw(item, "is no path: names joined by single dots, such as customer.id")
    root = names[0][1:] if names[0].startswith("$") else ""
    if names[0] == "$":
        raise Flaw(item, "needs the name of a let behind $")
    return Path(root, tuple(_step(name) for name in (names[1:] if root else names)), optional)


def is_optional(item: Item) -> bool:
    """Whether a value as written is a path that may be missing."""
    return isinstance(item.value, str) and item.value.endswith("?") and not item.value.startswith("=")


def member_name(item: Item) -> str | None:
    """The name where a value as written is a path of one step, to a member of what is here. Raises Flaw."""
    if not isinstance(item.value, (str, list)) or (isinstance(item.value, str) and item.value[:1] == "="):
        return None
    root, steps, _optional = read_path(item)
    return steps[0] if not root and len(steps) == 1 and isinstance(steps[0], str) else None


def path_value(item: Item, want: Want, context: Context) -> Value:
    """The value at a path, as what is wanted. Raises Flaw."""
    path = read_path(item)
    if want.kind == "choice" and not path.root and path.steps and path.steps[0] in want.choices:
        raise Flaw(item, f"is a path; for the constant write ={path.steps[0]}")
    if path.root and path.root not in ROOTS:
        return _let_value(path, item, want, context)
    if path.root in ("number", "key"):
        return _place_in_list(path, item, want, context)
    raw, place = raw_of(path, item, context)
    read = reader(want, context, item)
    if not path.root and len(path.steps) == 1 and isinstance(path.steps[0], str):
        return Value(member_get(path.steps[0], want, context, read, place), place)

    def get(scope: Scope) -> Any:
        value = raw(scope)
        return None if value is MISSING else read(value, scope, place)

    return Value(get, place)


def raw_of(path: Path, item: Item, context: Context) -> tuple[Get, Place]:
    """The value as parsed at a path from here, the object, the parent or the message; MISSING for none."""
    if path.root == "message":
        steps = path.steps
        return (
            lambda scope: fetch(scope.run.message.value, steps),
            lambda scope: member(scope.run.message, steps),
        )
    levels = {"": 0, "object": context.depth, "parent": 1}[path.root]
    if levels > context.depth:
        raise Flaw(item, f"there is no ${path.root} outside of `each`")
    return _fetcher(path.steps, levels), _placer(path.steps, levels)


def _let_value(path: Path, item: Item, want: Want, context: Context) -> Value:
    let = context.let(path.root, item)
    wanted = NODE if path.steps else want
    formats = let.context.formats if path.steps else context.formats
    where = let.context.written(formats)
    value = shared(
        let, item, lambda: where.file.forms.value(let.item, wanted, where), (wanted, id(formats)), formats
    )
    found = raised(value, context.levels(let))
    if not path.steps:
        return found
    steps, read, (get_node, place_node) = path.steps, reader(want, context, item), found

    def place(scope: Scope) -> Node:
        node = get_node(scope)
        return member(place_node(scope) if node is None else node, steps)

    def get(scope: Scope) -> Any:
        node = get_node(scope)
        value = MISSING if node is None else fetch(node.value, steps)
        return None if value is MISSING else read(value, scope, place)

    return Value(get, place)


def _place_in_list(path: Path, item: Item, want: Want, context: Context) -> Value:
    if context.depth == 0 or path.steps:
        raise Flaw(item, f"${path.root} stands for the element in `each`, and has no members")
    read = reader(ID if want.kind == "text" else want, context, item)
    counted = path.root == "number"

    def place(scope: Scope) -> Node:
        return scope.node()

    def get(scope: Scope) -> Any:
        value: Any = str(scope.index + 1) if counted else scope.key()
        return None if value is None else read(value, scope, place)

    return Value(get, place)


def _step(name: str) -> str | int:
    return int(name) if _INDEX.fullmatch(name) else name


def _fetcher(steps: Steps, levels: int) -> Callable[[Scope], Any]:
    if levels == 0 and len(steps) == 1 and type(steps[0]) is str:
        name = steps[0]

        def one(scope: Scope) -> Any:
            value = scope.value
            if type(value) is dict:
                found = value.get(name)
                return MISSING if found is None or found == "" else found
            return MISSING

        return one
    if levels == 0:
        return lambda scope: fetch(scope.value, steps)
    return lambda scope: fetch(outer(scope, levels).value, steps)


def _placer(steps: Steps, levels: int) -> Place:
    if levels == 0 and len(steps) == 1 and isinstance(steps[0], str):
        name, behind = steps[0], json_pointer(steps[0])

        def one(scope: Scope) -> Node:
            node = scope.node()
            value = node.value
            found = value.get(name, MISSING) if isinstance(value, dict) else MISSING
            return Node(found, node.pointer + behind)

        return one
    if levels == 0:
        return lambda scope: member(scope.node(), steps)
    return lambda scope: member(outer(scope, levels).node(), steps)
