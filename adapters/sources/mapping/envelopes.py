"""`kind` and `envelopes`: from a record to the objects in it, each with its kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from adapters.sources.mapping.context import Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item
from adapters.sources.mapping.lists import list_
from adapters.sources.mapping.scope import List, Run, Scope, Test, Value
from adapters.sources.payload import Node, Unreadable, read_json

_KIND = Want("code", "the object's kind")
#: Envelopes within envelopes: no real message has more.
_DEEPEST = 20


class Kinded(NamedTuple):
    """An object with its kind, and where the kind stands."""

    kind: str
    told_at: Callable[[], Node]
    node: Node


class _Envelope(NamedTuple):
    when: Test | None
    kinds: frozenset[str]
    object_: Value | None
    each: List | None
    members: bool
    kind: Value | None
    decode: bool
    empty: str | None


class Envelopes:
    """How the objects of a record are found."""

    def __init__(self, item: Item | None, kind: Value | None, context: Context) -> None:
        self._kind = kind
        self._envelopes = [
            found
            for told in ([] if item is None else item.items("a list of envelopes"))
            if (found := _compiled(told, context)) is not None
        ]
        self._by_kind: dict[str, _Envelope] = {}
        for envelope in self._envelopes:
            for name in envelope.kinds:
                self._by_kind.setdefault(name, envelope)

    def objects(self, run: Run) -> tuple[list[Kinded], str | None]:
        """The objects of a record, and why there are none, if an envelope said so. Raises Unreadable."""
        empties: list[str] = []
        found: list[Kinded] = []
        self._open(run.message, run, found, empties, 0)
        return found, min(empties, default=None)

    def _open(
        self, told: Node | Kinded, run: Run, found: list[Kinded], empties: list[str], depth: int
    ) -> None:
        """Add the objects in a message, or in an object whose kind is known already."""
        if depth > _DEEPEST:
            node = told.node if isinstance(told, Kinded) else told
            node.refuse("envelope_depth", "envelopes within envelopes, deeper than a message can be")
        if isinstance(told, Kinded):
            envelope = self._by_kind.get(told.kind)
            if envelope is None:
                found.append(told)
                return
            told = told.node
            scope = Scope(told.value, run, told.pointer)
        else:
            scope = Scope(told.value, run, told.pointer)
            envelope = self._fitting(scope)
            if envelope is None:
                found.append(self._bare(told, scope))
                return
        insides = _insides(envelope, scope)
        if not insides and envelope.empty is not None:
            empties.append(envelope.empty)
        elif not insides:
            told.refuse("envelope_empty", "the message holds no object; say in the mapping what that means")
        for inside in insides:
            self._open(inside, run, found, empties, depth + 1)

    def _fitting(self, scope: Scope) -> _Envelope | None:
        for envelope in self._envelopes:
            if envelope.when is not None and envelope.when(scope):
                return envelope
        return None

    def _bare(self, node: Node, scope: Scope) -> Kinded:
        kind = self._kind
        if kind is None:
            node.refuse("object_unknown", "no envelope of the mapping fits; extend it, or give it a `kind`")
        found = kind.get(scope)
        if found is None:
            kind.place(scope).wrong("text_format", _KIND.what)
        return Kinded(found, lambda: kind.place(scope), node)


def _compiled(item: Item, context: Context) -> _Envelope | None:
    try:
        with Fields(item, context.file.problems, "a map: when, object, kind") as fields:
            return _envelope(fields, context)
    except Flaw as flaw:
        context.file.problems.note(flaw)
        return None


def _envelope(fields: Fields, context: Context) -> _Envelope:
    when, kinds, decode, empty = (fields.take(name) for name in ("when", "kinds", "decode", "empty"))
    where = [name for name in ("object", "each", "members") if name in fields]
    if len(where) != 1:
        raise Flaw(fields.item, "needs one of object, each, members")
    if when is None and kinds is None:
        raise Flaw(fields.item, "needs `when` (or `kinds`): what tells the envelope from an object")
    told, kind = fields.need(where[0]), fields.take("kind")
    if told.value == ".":
        raise Flaw(told, "is the envelope itself; name what stands inside of it")
    within = context.inside() if where[0] == "each" else context
    return _Envelope(
        None if when is None else context.condition(when),
        frozenset() if kinds is None else frozenset(kinds.words()),
        context.value(told, Want("node", "the object")) if where[0] == "object" else None,
        None if where[0] == "object" else _list(told, where[0], context),
        where[0] == "members",
        None if kind is None else within.value(kind, _KIND),
        _decodes(decode),
        None if empty is None else empty.text("a reason"),
    )


def _list(told: Item, how: str, context: Context) -> List:
    if how == "each":
        return list_(told, context)
    return list_(Item({"members": told}, told.line, told.field), context)


def _decodes(item: Item | None) -> bool:
    if item is not None and item.text() != "json":
        raise Flaw(item, "needs the word `json`")
    return item is not None


def _insides(envelope: _Envelope, scope: Scope) -> list[Kinded | Node]:
    if envelope.object_ is not None:
        kind = None if envelope.kind is None else envelope.kind.get(scope)
        if envelope.kind is not None and kind is None:
            envelope.kind.place(scope).wrong("text_format", _KIND.what)
        place = envelope.object_.place(scope)
        return [_kinded(envelope, kind, lambda: _place(envelope, scope), place)]
    assert envelope.each is not None, "an envelope has one of the three"
    if envelope.members and not envelope.each.place(scope).given:
        envelope.each.place(scope).wrong("object_format", "an object")
    names = None if envelope.each.names is None else envelope.each.names(scope)
    found: list[Kinded | Node] = []
    for i, (inner, node) in enumerate(
        zip(envelope.each.scopes(scope), envelope.each.nodes(scope), strict=True)
    ):
        kind, told_at = None, partial(_itself, node)
        if envelope.kind is not None:
            kind, told_at = envelope.kind.get(inner), partial(envelope.kind.place, inner)
        if kind is None and names is not None:
            kind, told_at = names[i], partial(_itself, node)
        found.append(_kinded(envelope, kind, told_at, node))
    return found


def _itself(node: Node) -> Node:
    return node


def _place(envelope: _Envelope, scope: Scope) -> Node:
    assert envelope.kind is not None, "asked only where it gave a kind"
    return envelope.kind.place(scope)


def _kinded(envelope: _Envelope, kind: str | None, told_at: Callable[[], Node], node: Node) -> Kinded | Node:
    inner = _decoded(node) if envelope.decode else node
    return inner if kind is None else Kinded(kind, told_at, inner)


def _decoded(node: Node) -> Node:
    try:
        found = read_json(node.text("JSON in a text").encode())
    except UnicodeEncodeError:
        node.refuse("text_encoding", "a text holds half a character (lone surrogate)")
    except Unreadable as unreadable:
        node.refuse(unreadable.refusal.code, f"within the text: {unreadable.refusal.message}")
    return Node(found, node.pointer)
