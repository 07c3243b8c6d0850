"""Lists of a record: a path, or a form that filters, joins, expands, or turns changes into snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.sources.mapping.context import ID, NODE, RAW, ROOTS, TIME, Context, Let, outer, raised
from adapters.sources.mapping.document import Fields, Flaw, Item, is_yes, unknown
from adapters.sources.mapping.paths import raw_of, read_path
from adapters.sources.mapping.scope import Get, List, Place, Scope, Value, fetch, member
from adapters.sources.payload import MISSING, Node
from domain.instants import parse_instant

Nodes = Callable[[Scope], list[Node]]


def list_(item: Item, context: Context) -> List:
    """A compiled list. Raises Flaw."""
    if not isinstance(item.value, dict):
        return _path_list(item, context, one=context.file.reads == "xml")
    with Fields(item, context.file.problems) as fields:
        form = next((name for name in _FORMS if name in fields), None)
        if form is None:
            raise Flaw(item, f"is no list: {unknown(next(iter(fields), ''), _FORMS, 'form of a list')}")
        found = _FORMS[form](fields, context)
        where = fields.take("where")
        return found if where is None else filtered(found, where, context)


def item_list(fields: Fields, context: Context) -> List:
    """`each`, and `where` beside it."""
    found = context.list_(fields.need("each"))
    where = fields.take("where")
    return found if where is None else filtered(found, where, context)


def filtered(found: List, where: Item, context: Context) -> List:
    """The elements of a list for which a condition holds."""
    holds = context.inside().condition(where)

    def kept(scope: Scope) -> list[int]:
        return [s.index for s in found.scopes(scope) if holds(s)]

    def items(scope: Scope) -> list[Any]:
        return [s.value for s in found.scopes(scope) if holds(s)]

    def nodes(scope: Scope) -> list[Node]:
        whole = found.nodes(scope)
        return [whole[i] for i in kept(scope)]

    inner = found.names
    if inner is None:
        return List(items, nodes, found.place)
    whole_names = inner

    def names(scope: Scope) -> list[str]:
        every = whole_names(scope)
        return [every[i] for i in kept(scope)]

    return List(items, nodes, found.place, names)


def _path_list(item: Item, context: Context, *, one: bool) -> List:
    path = read_path(item)
    if path.root and path.root not in ROOTS:
        let = context.let(path.root, item)
        if not path.steps:
            return _outer_list(let, context, item)
        node = raised(let.context.value(let.item, NODE), context.levels(let))
        return _of_place(node, path.steps, one=one)
    if path.root in ("number", "key"):
        raise Flaw(item, f"${path.root} is no list")
    raw, place = raw_of(path, item, context)
    return _of_raw(raw, place, one=one)


def _outer_list(let: Let, context: Context, item: Item) -> List:
    """A list that a let names; a let that is a path is that list."""
    if let.list_ is None:
        if let.busy:
            raise Flaw(item, "the let is made of itself")
        let.busy = True
        let.list_ = let.context.list_(let.item)
        let.busy = False
    found, levels = let.list_, context.levels(let)
    if levels == 0:
        return found
    names = found.names
    return List(
        lambda scope: found.items(outer(scope, levels)),
        lambda scope: found.nodes(outer(scope, levels)),
        lambda scope: found.place(outer(scope, levels)),
        None if names is None else lambda scope: names(outer(scope, levels)),
    )


def _of_raw(raw: Get, place: Place, *, one: bool) -> List:
    def items(scope: Scope) -> list[Any]:
        value = raw(scope)
        if type(value) is list:
            return value
        if value is MISSING:
            return []
        if one:
            return [value]
        return place(scope).wrong("list_format", "a list")

    def nodes(scope: Scope) -> list[Node]:
        value, at = raw(scope), place(scope)
        if type(value) is list:
            return [Node(inner, f"{at.pointer}/{i}") for i, inner in enumerate(value)]
        return [Node(value, at.pointer) for value in items(scope)]

    return List(items, nodes, place)


def _of_place(node: Value, steps: tuple[str | int, ...], *, one: bool) -> List:
    def raw(scope: Scope) -> Any:
        found = node.get(scope)
        return MISSING if found is None else fetch(found.value, steps)

    def place(scope: Scope) -> Node:
        found = node.get(scope)
        return member(node.place(scope) if found is None else found, steps)

    return _of_raw(raw, place, one=one)


def _plain(fields: Fields, context: Context) -> List:
    """{list: path, one: yes}"""
    item, one = fields.need("list"), fields.take("one")
    single = context.file.reads == "xml" or (one is not None and is_yes(one))
    return list_(item, context) if isinstance(item.value, dict) else _path_list(item, context, one=single)


def _joined(fields: Fields, context: Context) -> List:
    """{lists: [list, list]}"""
    parts = [context.list_(item) for item in fields.need("lists").items("a list of lists")]
    if not parts:
        raise Flaw(fields.item, "`lists` needs lists")
    return List(
        lambda scope: [value for part in parts for value in part.items(scope)],
        lambda scope: [node for part in parts for node in part.nodes(scope)],
        parts[0].place,
    )


def _expanded(fields: Fields, context: Context) -> List:
    """{expand: list, into: path}"""
    outside = context.list_(fields.need("expand"))
    inside = _path_list(fields.need("into"), context.inside(), one=context.file.reads == "xml")

    def nodes(scope: Scope) -> list[Node]:
        found: list[Node] = []
        for inner in outside.scopes(scope):
            within = inside.nodes(inner)
            found.extend(within or [inner.node()])
        return found

    return _of_nodes(nodes, outside.place)


def _members(fields: Fields, context: Context) -> List:
    """{members: path}: of XML the child elements, repeated ones each by itself."""
    raw, place = raw_of(read_path(fields.need("members")), fields.item, context)
    elements = context.file.reads == "xml"

    def pairs(scope: Scope) -> list[tuple[str, Node]]:
        if raw(scope) is MISSING:
            return []
        every = place(scope).members()
        if not elements:
            return list(every)
        return [
            (name, node)
            for name, found in every
            if not name.startswith(("#", "@"))
            for node in (found.items() if isinstance(found.value, list) else (found,))
        ]

    return List(
        lambda scope: [node.value for _name, node in pairs(scope)],
        lambda scope: [node for _name, node in pairs(scope)],
        place,
        lambda scope: [name for name, _node in pairs(scope)],
    )


def _of_nodes(nodes: Nodes, place: Place) -> List:
    return List(lambda scope: [node.value for node in nodes(scope)], nodes, place)


def _parts(fields: Fields, context: Context) -> List:
    """{parts: value, on: ";"}: a text taken apart; parts that are empty are none."""
    text, mark = context.value(fields.need("parts"), RAW), fields.need("on").text("what to split on")

    def nodes(scope: Scope) -> list[Node]:
        found = text.get(scope)
        if found is None:
            return []
        at = text.place(scope).pointer
        return [Node(part.strip(), at) for part in found.split(mark) if part.strip()]

    return _of_nodes(nodes, text.place)


def _history(fields: Fields, context: Context) -> List:
    """{history: list, property: path, value: path, at: path}"""
    changes = context.list_(fields.need("history"))
    inside = context.inside()
    name = inside.value(fields.need("property"), ID)
    value, at = inside.value(fields.need("value"), NODE), inside.value(fields.need("at"), TIME)

    def nodes(scope: Scope) -> list[Node]:
        told = []
        for change in changes.scopes(scope):
            named, when = name.get(change), at.get(change)
            if named is None or when is None:
                (name if named is None else at).place(change).refuse(
                    "field_missing", "needs a property and its time"
                )
            told.append((when, named, value.get(change), change.node().pointer))
        return _snapshots(told)

    return _of_nodes(nodes, changes.place)


def _history_of(fields: Fields, context: Context) -> List:
    """{history_of: path, value: path, at: path}"""
    raw, place = raw_of(read_path(fields.need("history_of")), fields.item, context)
    inside = context.inside()
    value, at = inside.value(fields.need("value"), NODE), inside.value(fields.need("at"), TIME)

    def nodes(scope: Scope) -> list[Node]:
        if raw(scope) is MISSING:
            return []
        told = []
        for name, member_ in place(scope).members():
            for node in member_.items():
                change = Scope(node.value, scope.run, node.pointer)
                change.up = scope
                when = at.get(change)
                if when is None:
                    node.refuse("field_missing", "needs the time of the change")
                told.append((when, name, value.get(change), node.pointer))
        return _snapshots(told)

    return _of_nodes(nodes, place)


def _snapshots(told: list[tuple[str, str, Node | None, str]]) -> list[Node]:
    """Changes (time, property, value, pointer) to what stood at each moment; of a tie the last one counts."""
    moments: dict[int, list[tuple[str, str, Node | None, str]]] = {}
    for change in told:
        instant = parse_instant(change[0])
        assert instant is not None, "the reader has made it"
        moments.setdefault(instant.microseconds, []).append(change)
    standing: dict[str, Any] = {}
    found = []
    for moment in sorted(moments):
        before = {name: value for name, value in standing.items() if name != "@before"}
        for when, name, value, _pointer in moments[moment]:
            new = None if value is None else value.value
            standing = {**standing, name: new, "@at": when, "@before": before}
        found.append(Node(standing, moments[moment][-1][3]))
    return found


_FORMS: Final[dict[str, Callable[[Fields, Context], List]]] = {
    "list": _plain,
    "lists": _joined,
    "expand": _expanded,
    "members": _members,
    "parts": _parts,
    "history": _history,
    "history_of": _history_of,
}
