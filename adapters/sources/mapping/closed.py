"""`only`: the fields that there are, where any other can only be a mistake.

Belongs here: refusing objects with other fields. Does not belong here: columns of CSV, which a whole file
shares (adapters/sources/headers.py).
"""

from __future__ import annotations

from adapters.sources.base import Milestone
from adapters.sources.headers import nearest
from adapters.sources.mapping.document import Fields, Item, Problems
from adapters.sources.mapping.objects import Reads
from adapters.sources.mapping.scope import Scope
from adapters.sources.payload import Node
from domain.arrivals import Fetch


def closed(item: Item | None, objects: dict[str, Reads], problems: Problems) -> dict[str, Reads]:
    """The objects, read only where they have no other fields than `only` says. Raises Flaw."""
    if item is None:
        return objects
    with Fields(item, problems, "{fields: [...], in: {lines: [...]}}") as fields:
        known = frozenset(fields.need("fields").words("names of fields"))
        told = fields.take("in")
    inner = {} if told is None else told.members("a map of lists to names of their fields")
    lists = {name: frozenset(listed.words("names of fields")) for name, listed in inner.items()}
    return {kind: _only(reads, known, lists) for kind, reads in objects.items()}


def _only(reads: Reads, known: frozenset[str], lists: dict[str, frozenset[str]]) -> Reads:
    def read(scope: Scope) -> list[Milestone] | str | Fetch:
        node = scope.node()
        _check(node, known)
        for name, names in lists.items():
            listed = node.at(name)
            for each in listed.items() if isinstance(listed.value, list) else ():
                _check(each, names)
        return reads(scope)

    return read


def _check(node: Node, known: frozenset[str]) -> None:
    """Raises Unreadable."""
    if not isinstance(node.value, dict):
        return
    for name in sorted(node.value.keys() - known):
        near = nearest(name, known - node.value.keys())
        meant = "leave it out, or extend the mapping" if near is None else f"is {near!r} meant?"
        node.at(name).refuse("field_unknown", f"nobody reads this field: {meant}")
