"""Which deal each fact belongs to where streams don't say: after a split, a voided link, a moved fact.

From the keys of the facts that stand, as contract.md section 2 ("One deal") has it, never from arrival.
Belongs here: keys to deals, for the facts of one cluster. Does not belong here: where a milestone is stored
(domain/placement).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from domain import milestones as m
from domain.keys import kind_of, name_order, own_key, rank_of
from domain.placement import leads
from projections.amending import AMENDING, Recency, Standing, recency
from projections.facts import Fact

_OTHER_KINDS: Final = rank_of("")


class Parts(NamedTuple):
    """facts: deal of each fact, by position. keys: deal of each joining key. idle: keys that only facts name
    which don't stand: a fact that names one moves where those are shown.
    """

    facts: dict[int, int]
    keys: dict[str, int]
    idle: frozenset[str] = frozenset()


#: Every fact is of the deal of its stream.
WHOLE: Final = Parts({}, {})


def parts(found: Standing, raw: Iterable[Fact]) -> Parts:
    """The deals of all facts of a cluster. A deal's number is the lowest position of its facts that stand."""
    joining = {fact.position: leads(fact.milestone).joining for fact in found.facts}
    said = (f for f in found.facts if f.position not in found.claims)
    splits = sorted((f for f in said if isinstance(f.milestone, m.DealSplit)), key=recency)
    sides = _Sides(found.facts, splits)
    sets = _Sets()
    for fact in found.facts:
        keys = joining[fact.position]
        if not keys:
            continue
        own = _anchor(fact, keys)
        sets.add(own)
        claimed = fact.position in found.claims
        if isinstance(fact.milestone, m.DealSplit):
            if claimed:  # it is shown in one of the deals that it speaks of
                sets.join((own, min((key for key in keys if key != own), key=name_order, default=own)))
                continue
            number = sides.number_of(fact)
            sets.join([key for key in keys if sides.side(key) == number])
        elif isinstance(fact.milestone, m.DealsLinked) and not claimed and sides.heals(fact, keys):
            sets.join(keys)
        else:
            sides.join(sets, (own, *keys), isinstance(fact.milestone, m.DealsLinked))
    return _numbered(found, raw, joining, sets)


def _anchor(fact: Fact, keys: tuple[str, ...]) -> str:
    """The key with which a fact goes: its subject's own, or for cash the nearest document that it names."""
    own = own_key(fact.milestone.source, fact.milestone.subject)
    return own if own in keys else min(keys, key=lambda key: (-rank_of(kind_of(key)), key))


def _home(fact: Fact) -> tuple[str, ...]:
    """The key of the customer or product that a fact speaks of, which joins no deals; none for cash."""
    if leads(fact.milestone).payment is not None:
        return ()
    return (own_key(fact.milestone.source, fact.milestone.subject),)


def _numbered(
    found: Standing, raw: Iterable[Fact], joining: dict[int, tuple[str, ...]], sets: _Sets
) -> Parts:
    roots: dict[int, str] = {}  # position -> root key
    lowest: dict[str, int] = {}
    for fact in found.facts:
        keys = joining[fact.position] or _home(fact)
        if keys:  # else cash without a deal's key: under the payment's own
            root = roots[fact.position] = sets.root(_anchor(fact, keys))
            lowest[root] = min(lowest.get(root, fact.position), fact.position)
    deals = {position: lowest[root] for position, root in roots.items()}
    deals |= _shown(found.voided, sets, lowest)
    for fact in raw:
        if isinstance(fact.milestone, AMENDING):
            home = found.home.get(fact.position)
            if home is None:
                # one that waits for its target is alone, also where its replacement's keys led to its stream
                deals[fact.position] = fact.position
            elif home in deals:
                deals[fact.position] = deals[home]
    deal_of = {key: lowest[root] for key in sets.all() if (root := sets.root(key)) in lowest}
    idle = {key for fact in found.voided for key in leads(fact.milestone).joining if key not in deal_of}
    return Parts(deals, deal_of, frozenset(idle))


def _shown(voided: Iterable[Fact], sets: _Sets, lowest: dict[str, int]) -> dict[int, int]:
    """Where facts that don't stand are shown: with their own key, else another that they name, else alone.

    They number no deal: a milestone that names one of their keys later would number it anew.
    """
    shown: dict[int, int] = {}
    alone: dict[str, int] = {}
    for fact in sorted(voided, key=lambda one: one.position):
        keys = leads(fact.milestone).joining or _home(fact)
        if not keys:
            continue
        own = _anchor(fact, keys)
        roots = [sets.root(key) for key in (own, *sorted(keys)) if key in sets]
        known = [lowest[root] for root in roots if root in lowest]
        shown[fact.position] = known[0] if known else alone.setdefault(own, fact.position)
    return shown


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

    def join(self, sets: _Sets, keys: tuple[str, ...], is_link: bool) -> None:
        """Join the keys that are on one side; a link that joins no others is shown in one of their deals."""
        own, *others = dict.fromkeys(keys)
        by_side: dict[int, list[str]] = {}
        for key in others if is_link and others else (own, *others):
            by_side.setdefault(self.side(key), []).append(key)
        for together in by_side.values():
            sets.join(together)
        if is_link and others:
            sets.join((own, min(others, key=name_order)))

    def heals(self, link: Fact, keys: Iterable[str]) -> bool:
        """Whether a link came later, in time, than every split that parts its keys."""
        return all(self._times[self.side(key)] < recency(link) for key in keys)
