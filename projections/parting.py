"""Which deal each fact belongs to where streams don't say: after a split, a voided link, a moved fact.

From the keys of the facts that stand, as contract.md section 2 ("One deal") has it, never from arrival.
Belongs here: keys to deals, for the facts of one cluster. Does not belong here: where a milestone is stored
(domain/placement).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from domain import milestones as m
from domain.keys import kind_of, name_order, own_key, rank_of
from domain.placement import leads
from projections import inheriting
from projections.amending import AMENDING, Recency, Standing, recency
from projections.facts import BusinessKey, Fact
from projections.inheriting import Entries

_OTHER_KINDS: Final = rank_of("")


class Parts(NamedTuple):
    """facts: deal of each fact, by position. keys: deal of each joining key. idle: keys that only facts name
    which don't stand: a fact that names one moves where those are shown. sides: where splits stand. kept: by
    deal, what its dimensions were before it was parted from another.
    """

    facts: dict[int, int]
    keys: dict[str, int]
    idle: frozenset[str] = frozenset()
    sides: Sides | None = None
    kept: dict[int, Entries] = {}  # noqa: RUF012 - never changed


#: Every fact is of the deal of its stream.
WHOLE: Final = Parts({}, {})


def parts(found: Standing, raw: Iterable[Fact]) -> Parts:
    """The deals of all facts of a cluster. A deal's number is the lowest position of its facts that stand."""
    joining = {fact.position: leads(fact.milestone).joining for fact in found.facts}
    said = (f for f in found.facts if f.position not in found.claims)
    splits = sorted((f for f in said if isinstance(f.milestone, m.DealSplit)), key=recency)
    is_split = any(isinstance(fact.milestone, m.DealSplit) for fact in found.facts)
    sides = Sides(found.facts if is_split else (), splits)
    sets = _joined(found.facts, joining, found.claims, sides)
    numbered = _numbered(found, raw, joining, sets)
    if not is_split:
        return numbered
    return numbered._replace(sides=sides, kept=_kept(found, joining, sides, splits, sets, numbered.keys))


def _joined(
    facts: Iterable[Fact], joining: dict[int, tuple[str, ...]], claims: frozenset[int], sides: Sides
) -> _Sets:
    """The keys that facts join. A split that is not among those in force joins nothing."""
    sets = _Sets()
    for fact in facts:
        keys = joining[fact.position]
        if not keys:
            continue
        own = _anchor(fact, keys)
        sets.add(own)
        claimed = fact.position in claims
        if isinstance(fact.milestone, m.DealSplit):
            if claimed:  # it is shown in one of the deals that it speaks of
                sets.join((own, min((key for key in keys if key != own), key=name_order, default=own)))
            elif sides.has(fact):
                number = sides.number_of(fact)
                sets.join([key for key in keys if sides.side(key) == number])
        elif isinstance(fact.milestone, m.DealsLinked) and not claimed and sides.heals(fact, keys):
            sets.join(keys)
        else:
            sides.join(sets, (own, *keys), isinstance(fact.milestone, m.DealsLinked))
    return sets


def _kept(
    found: Standing,
    joining: dict[int, tuple[str, ...]],
    sides: Sides,
    splits: list[Fact],
    sets: _Sets,
    deal_of: dict[str, int],
) -> dict[int, Entries]:
    """What the deals that splits have parted keep of the dimensions that they had in common."""
    facts = [fact for fact in found.facts if joining[fact.position]]
    anchor = {fact.position: _anchor(fact, joining[fact.position]) for fact in facts}
    whole = _Sets()
    for fact in facts:
        whole.join((anchor[fact.position], *joining[fact.position]))
    scopes: dict[str, inheriting.Scope] = {}
    for split in splits:
        scope = scopes.setdefault(
            whole.root(anchor[split.position]), inheriting.Scope([], [], anchor, joining)
        )
        scope.splits.append(split)
    for fact in facts:
        root = whole.root(anchor[fact.position])
        if root in scopes:
            scopes[root].facts.append(fact)
    for scope in scopes.values():
        last = max(split.key for split in scope.splits)
        sides.settled.update((key, last) for fact in scope.facts for key in joining[fact.position])

    def partition(some: Sequence[Fact], in_force: Sequence[Fact]) -> inheriting.Root:
        return _joined(some, joining, found.claims, Sides(some, in_force)).root

    return {
        deal_of[root]: entries
        for scope in scopes.values()
        for root, entries in inheriting.kept(scope, partition, sets.root).items()
        if root in deal_of
    }


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


class Sides:
    """On which side of the splits each key is: 0 where no split has taken it.

    A document that no split names goes with what it was made for: of the keys that its own milestones name,
    those of the latest kind before its own (an invoice with its order, rather than with the opportunity).
    """

    def __init__(self, facts: Iterable[Fact], splits: Sequence[Fact]) -> None:
        self._times: dict[int, Recency] = {0: (-(10**30), "", (0, 0, ""), "", "")}
        self._numbers = {split.position: number for number, split in enumerate(splits, 1)}
        self._sides: dict[str, int] = {}  # found so far
        for number, split in enumerate(splits, 1):
            self._times[number] = recency(split)
            self._sides.update(dict.fromkeys(split.milestone.keys, number))
        self._split = frozenset(self._sides)  # keys that splits name
        self._named: dict[str, set[str]] = {}
        self._heard: set[str] = set()
        #: of keys that were one deal before a split: the last split of it. What comes before that one may
        #: change what the parts keep of the dimensions that they had in common
        self.settled: dict[str, BusinessKey] = {}
        self.learn(facts)

    def learn(self, facts: Iterable[Fact]) -> None:
        """Take note of the keys that facts name, before anything is asked of those."""
        for fact in facts:
            keys = leads(fact.milestone).joining
            self._heard.update(keys)
            if keys and not isinstance(fact.milestone, (m.DealSplit, m.DealsLinked)):
                self._named.setdefault(_anchor(fact, keys), set()).update(keys)

    def heard_of(self, key: str) -> bool:
        """Whether a fact names a key."""
        return key in self._heard

    def keep(self, fact: Fact, keys: tuple[str, ...], known: dict[str, int]) -> bool:
        """Whether one more fact goes to the deal in which all its known keys are, and all others stay.

        keys: that join it. Only its own may be new. The fact is taken note of; after a no, all is asked anew.
        """
        settled = [self.settled[key] for key in keys if key in self.settled]
        if settled and fact.key < max(settled):
            return False
        if not self._keeps(fact, keys, known):
            return False
        if settled:
            self.settled.update(dict.fromkeys(keys, max(settled)))
        return True

    def _keeps(self, fact: Fact, keys: tuple[str, ...], known: dict[str, int]) -> bool:
        own = _anchor(fact, keys)
        others = set(keys) - {own}
        if not all(key in known for key in others) or (own in self._heard and own not in known):
            return False
        self._heard.add(own)
        named = self._named.setdefault(own, set())
        if own in known and others <= named:
            return True
        if own in known and rank_of(kind_of(own)) == _OTHER_KINDS:
            return False  # such keys may lead to one another in a circle
        before = self.side(own)
        named.update(keys)
        if own not in self._split:
            self._sides.pop(own, None)
        side = self.side(own)
        return side == before if own in known else any(self.side(key) == side for key in others)

    def has(self, split: Fact) -> bool:
        """Whether a split is in force here."""
        return split.position in self._numbers

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
