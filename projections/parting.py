"""Which deal each fact belongs to where streams don't say: after a split, a voided link, a moved fact.

From the keys of the facts that stand, as contract.md section 2 ("One deal") has it, never from arrival.
Belongs here: keys to deals, for the facts of one cluster. Does not belong here: where a milestone is stored
(domain/placement).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from domain import milestones as m
from domain.keys import kind_of, own_key, rank_of
from domain.placement import leads
from projections.amending import AMENDING, Recency, Standing, recency
from projections.facts import Fact

_OTHER_KINDS: Final = rank_of("")


class Parts(NamedTuple):
    """facts: deal of each fact, by position. keys: deal of each joining key."""

    facts: dict[int, int]
    keys: dict[str, int]


def parts(found: Standing, raw: Iterable[Fact]) -> Parts:
    """The deals of all facts of a cluster. A deal's number is the lowest position of its facts."""
    joining = {fact.position: leads(fact.milestone).joining for fact in found.facts}
    splits = sorted((f for f in found.facts if isinstance(f.milestone, m.DealSplit)), key=recency)
    sides = _Sides(found.facts, splits)
    sets = _Sets()
    for fact in found.facts:
        keys = joining[fact.position]
        if not keys:
            continue
        own = _anchor(fact, keys)
        sets.add(own)
        if isinstance(fact.milestone, m.DealSplit):
            number = sides.number_of(fact)
            sets.join([key for key in keys if sides.side(key) == number])
        elif isinstance(fact.milestone, m.DealsLinked) and sides.heals(fact, keys):
            sets.join(keys)
        else:
            by_side: dict[int, list[str]] = {}
            for key in dict.fromkeys((own, *keys)):
                by_side.setdefault(sides.side(key), []).append(key)
            for together in by_side.values():
                sets.join(together)
    return _numbered(found, raw, joining, sets)


def _anchor(fact: Fact, keys: tuple[str, ...]) -> str:
    """The key with which a fact goes: its subject's own, or for cash the nearest document that it names."""
    own = own_key(fact.milestone.source, fact.milestone.subject)
    return own if own in keys else min(keys, key=lambda key: (-rank_of(kind_of(key)), key))


def _numbered(
    found: Standing, raw: Iterable[Fact], joining: dict[int, tuple[str, ...]], sets: _Sets
) -> Parts:
    roots: dict[int, str] = {}  # position -> root key
    lowest: dict[str, int] = {}
    for fact in (*found.facts, *found.voided):
        keys = joining.get(fact.position)
        if keys is None:
            keys = leads(fact.milestone).joining
        if not keys:
            continue  # cash without a deal's key, or a fact about a customer: by its stream
        anchor = _anchor(fact, keys)
        if anchor not in sets and fact.position not in joining:
            # voided, and nothing else names it: it is shown where it was
            anchor = next((key for key in sorted(keys) if key in sets), anchor)
        root = roots[fact.position] = sets.root(anchor)
        lowest[root] = min(lowest.get(root, fact.position), fact.position)
    deals = {position: lowest[root] for position, root in roots.items()}
    for fact in raw:
        if isinstance(fact.milestone, AMENDING):
            home = found.home.get(fact.position)
            if home in deals:
                deals[fact.position] = deals[home]
    return Parts(deals, {key: lowest[sets.root(key)] for key in sets.all() if sets.root(key) in lowest})


class _Sets:
    """Disjoint sets of keys."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def add(self, key: str) -> None:
        self._parent.setdefault(key, key)

    def __contains__(self, key: str) -> bool:
        return key in self._parent

    def all(self) -> list[str]:
        return list(self._parent)

    def root(self, key: str) -> str:
        parent = self._parent
        if key not in parent:
            parent[key] = key
            return key
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(self, keys: Iterable[str]) -> None:
        roots = sorted({self.root(key) for key in keys})
        for other in roots[1:]:
            self._parent[other] = roots[0]


class _Sides:
    """On which side of the splits each key is: 0 where no split has taken it.

    A document that no split names goes with what it was made for: of the keys that its own milestones name,
    those of the latest kind before its own (an invoice with its order, rather than with the opportunity).
    """

    def __init__(self, facts: Iterable[Fact], splits: list[Fact]) -> None:
        self._times: dict[int, Recency] = {0: (-(10**30), "", (0, 0, ""), "", "")}
        self._numbers = {split.position: number for number, split in enumerate(splits, 1)}
        self._sides: dict[str, int] = {}
        for number, split in enumerate(splits, 1):
            self._times[number] = recency(split)
            self._sides.update(dict.fromkeys(split.milestone.keys, number))
        self._named: dict[str, set[str]] = {}
        if splits:
            for fact in facts:
                keys = leads(fact.milestone).joining
                if keys and not isinstance(fact.milestone, (m.DealSplit, m.DealsLinked)):
                    self._named.setdefault(_anchor(fact, keys), set()).update(keys)

    def number_of(self, split: Fact) -> int:
        return self._numbers[split.position]

    def side(self, key: str) -> int:
        if not self._numbers:
            return 0
        known = self._sides.get(key)
        if known is not None:
            return known
        self._sides[key] = 0  # whatever leads back to itself stays
        own = rank_of(kind_of(key))
        named = [(rank_of(kind_of(other)), other) for other in self._named.get(key, ()) if other != key]
        before = [rank for rank, _ in named if rank < own or rank == own == _OTHER_KINDS]
        sides = {self.side(other) for rank, other in named if before and rank == max(before)}
        self._sides[key] = found = sides.pop() if len(sides) == 1 else 0
        return found

    def heals(self, link: Fact, keys: Iterable[str]) -> bool:
        """Whether a link came later, in time, than every split that parts its keys."""
        return all(self._times[self.side(key)] < recency(link) for key in keys)
