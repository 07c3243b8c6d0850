"""What each side of a split keeps of that by which the deal was grouped: its dimensions.

A side that has said nothing itself of a dimension when the deal is split keeps what the deal had by then:
an order that leaves is still the same customer's. Belongs here: that, from the facts that stand, whatever
the order in which they came. Does not belong here: which keys are on which side (projections/parting).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from projections.facts import BusinessKey, Fact


class Said(NamedTuple):
    """A value that a milestone gave to a dimension, from a day on."""

    key: BusinessKey
    effective: int
    value: str


#: Dimension -> its values in business order.
Held: TypeAlias = dict[str, list[Said]]
#: (dimension, effective day) -> value, as projections/book keeps the entries of a deal.
Entries: TypeAlias = dict[tuple[str, int], str]
#: The name of the deal of a key, among some facts and with some splits in force.
Root: TypeAlias = Callable[[str], str]
Partition: TypeAlias = Callable[[Sequence[Fact], Sequence[Fact]], Root]

NOTHING: Final[Held] = {}


class Scope(NamedTuple):
    """Facts that would be one deal without any split, in business order, and their splits in force, by time.

    anchor: the key with which each fact goes, by position. keys: those that join it to others.
    """

    facts: list[Fact]
    splits: list[Fact]
    anchor: dict[int, str]
    keys: dict[int, tuple[str, ...]]


def kept(scope: Scope, partition: Partition, final: Root) -> dict[str, Entries]:
    """What deals keep of the time before they were parted, by the name of the deal of their keys."""
    if not any(fact.milestone.dimensions for fact in scope.facts):
        return {}
    carried: dict[str, Held] = {}
    for number, split in enumerate(scope.splits):
        _part(scope, split, number, partition, carried)
    of_deal: defaultdict[str, list[Held]] = defaultdict(list)
    for key, held in carried.items():
        of_deal[final(key)].append(held)
    own = _own(scope, scope.facts, final)
    found = {}
    for root, several in of_deal.items():
        first = {name: said[0].key for name, said in own.get(root, NOTHING).items()}
        found[root] = {
            (name, one.effective): one.value
            for name, values in _together(several).items()
            for one in values
            if name not in first or one.key < first[name]
        }
    return {root: entries for root, entries in found.items() if entries}


def _part(scope: Scope, split: Fact, number: int, partition: Partition, carried: dict[str, Held]) -> None:
    """Give every deal that comes of a split what it keeps of the deal that it was part of."""
    before = [fact for fact in scope.facts if fact.key < split.key]
    since = [*before, split]
    whole, parted = partition(before, scope.splits[:number]), partition(since, scope.splits[: number + 1])
    known = {key for fact in before for key in (scope.anchor[fact.position], *scope.keys[fact.position])}
    wholes, parts = _groups(known, whole), _groups(known, parted)
    said, own = _own(scope, before, whole), _own(scope, since, parted)
    held = {
        root: _together([said.get(root, NOTHING), *(carried[key] for key in keys if key in carried)])
        for root, keys in wholes.items()
    }
    for root, keys in parts.items():
        parents = sorted({whole(key) for key in keys})
        if all(wholes[parent] <= keys for parent in parents):
            continue  # nothing has left it
        common = _together(held[parent] for parent in parents)
        new = {name: values for name, values in common.items() if name not in own.get(root, NOTHING)}
        for key in keys:
            carried[key] = carried.get(key, NOTHING) | new


def _groups(keys: Iterable[str], root: Root) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key in keys:
        found[root(key)].add(key)
    return found


def _own(scope: Scope, facts: Iterable[Fact], root: Root) -> dict[str, Held]:
    """What each deal's own facts say of dimensions."""
    found: defaultdict[str, Held] = defaultdict(dict)
    for fact in facts:
        if fact.milestone.dimensions:
            held = found[root(scope.anchor[fact.position])]
            for name, value in fact.milestone.dimensions.items():
                held.setdefault(name, []).append(Said(fact.key, fact.milestone.effective, value))
    return found


def _together(several: Iterable[Held]) -> Held:
    found: defaultdict[str, set[Said]] = defaultdict(set)
    for held in several:
        for name, values in held.items():
            found[name].update(values)
    return {name: sorted(values) for name, values in found.items()}
