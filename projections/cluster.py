"""What each recorded fact adds to the journal, the late ones included.

`Cluster` holds the facts of deals that share payments, in business order. A fact that comes last for all
that it touches is one step; any other refolds the cluster, and the difference is posted at the position of
the fact that made it. So the final state is a function of the set of facts, and what was known before a
position never changes.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeVar

from domain import milestones as m
from domain.placement import leads
from domain.policies import DEFAULT_POLICIES, Policies
from projections import alone
from projections.amending import Identity, Standing, standing, targets
from projections.book import Book, DealBook, Notice, Row, Signal
from projections.facts import BusinessKey, Fact, insert, merged
from projections.fold import PAYMENTS, describe, fold, taken
from projections.late import group_earlier, is_a_step, payments_of
from projections.parting import Parts, Sides, parts
from projections.rules import payments


class Change(NamedTuple):
    """What one recorded fact adds to the journal, all of it known from the fact's position on.

    rows: postings. names: public names of deals, "" where the deal has become part of another.
    dimensions: (deal, dimension, effective day, value), None where an earlier value no longer holds.
    signals, notices: what is said, and with the other sign what no longer holds. places: (fact position,
    deal) and (key, deal) of deals that are not simply their streams; deal 0 where they are again.
    """

    position: int
    rows: list[Row]
    names: list[tuple[int, str]]
    dimensions: list[tuple[int, str, int, str | None]]
    signals: list[Signal] = []  # noqa: RUF012 - never changed
    notices: list[Notice] = []  # noqa: RUF012 - never changed
    places: list[tuple[int | str, int]] = []  # noqa: RUF012 - never changed


#: Facts after which it has to be worked out anew what stands, and which deal each fact belongs to.
UNSETTLING: Final = frozenset({m.MilestoneCorrected, m.MilestoneVoided, m.DealSplit})


class Cluster:
    """Deals that share payments: their facts in business order, and all that has been posted for them."""

    __slots__ = (
        "_joined", "awaited", "book", "broken", "dimensions", "facts", "idle", "keys", "merged", "names",
        "places", "policies", "sides", "stands", "streams", "unsettled",
    )  # fmt: skip

    def __init__(
        self,
        streams: list[int],
        deal_of: dict[int, int] | None = None,
        policies: Policies = DEFAULT_POLICIES,
    ) -> None:
        self.streams = streams
        self.policies = policies
        self.facts: list[Fact] = []
        self.stands: list[Fact] = []  # where it is unsettled: those that stand, as what they stand
        self.unsettled = False  # whether it holds a fact that makes others stand otherwise
        self.broken: set[int] = set()  # positions of facts that a rule failed on
        self.book = Book(deal_of or {}, policies=policies)
        self._joined: list[Book] = []  # of clusters that have just become part of this one
        self.merged = False
        self.names: dict[int, str] = {}
        self.dimensions: dict[tuple[int, str, int], str] = {}
        self.places: dict[int | str, int] = {}
        #: where it is unsettled: the deal of each joining key, and what amendments speak of
        self.keys: dict[str, int] = {}
        self.awaited: set[Identity] = set()
        self.sides: Sides | None = None  # where there are splits
        self.idle: frozenset[str] = frozenset()  # keys that only facts name which don't stand

    @classmethod
    def restore(
        cls,
        facts: list[Fact],
        streams: list[int],
        deal_of: dict[int, int],
        policies: Policies = DEFAULT_POLICIES,
    ) -> Cluster:
        """A cluster as it stands after facts that have been projected already."""
        cluster = cls(streams, deal_of, policies)
        cluster.facts = sorted(facts)
        cluster.unsettled = any(type(fact.milestone) in UNSETTLING for fact in facts)
        cluster.refold(0)
        return cluster

    def apply(self, fact: Fact) -> Change:
        """Take in a fact at its position, and say what it adds to the journal."""
        if type(fact.milestone) in UNSETTLING:
            self.unsettled = True
        joins = self._joins_unsettled(fact) if self.unsettled else ()
        insert(self.facts, fact)
        if self.merged or joins is None:
            return self.refold(fact.position, fact.key)
        if self.unsettled:
            insert(self.stands, fact)
        found = self._step(fact) if is_a_step(self.book, fact) else self._refold_deal(fact)
        if found is None:
            return self.refold(fact.position, fact.key)
        deal, change = found
        return change._replace(places=self._place(fact, deal, joins)) if joins else change

    def _step(self, fact: Fact) -> tuple[int, Change] | None:
        """Take in a fact that nothing later depends on: its deal, and what it adds. None: a rule fails."""
        book = self.book
        rows, signals, notices = len(book.rows), len(book.signals), len(book.notices)
        before = book.deals.get(book.id_of(fact))
        last = None if before is None else before.last
        try:
            deal = taken(book, fact)
        except Exception:  # noqa: BLE001 - `fold` meets it again and logs it
            # Half a step may have been posted: fold anew; `fold` leaves out what a rule fails on.
            del book.rows[rows:], book.signals[signals:], book.notices[notices:]
            return None
        if deal is before and last is not None and last > fact.key:
            deal.last = last
            group_earlier(deal, fact)
        return deal.id, self._change(
            fact.position, deal, book.rows[rows:], book.signals[signals:], book.notices[notices:]
        )

    def _refold_deal(self, fact: Fact) -> tuple[int, Change] | None:
        """Fold the deal of a late fact anew: the deal, and what changes. None: others may change as well."""
        if self.broken:
            return None
        found = alone.refold(self.book, self.stands if self.unsettled else self.facts, fact)
        if found is None:
            return None
        deal = found.deal
        deal.news = [
            (*entry, deal.entries.get(entry))
            for entry in {**found.dimensions, **deal.entries}
            if found.dimensions.get(entry) != deal.entries.get(entry)
        ]
        return deal.id, self._change(
            fact.position, deal, difference(*found.rows), _turned(*found.signals), _turned(*found.notices)
        )

    def refold(self, position: int, since: BusinessKey | None = None) -> Change:
        """Fold all facts anew; the change is the difference to what has been posted.

        since: the business key of the one fact that is new, where nothing else is. What a rule failed on
        before it fails again; what comes after it may fold now that there is more to go by.
        """
        before = [self.book, *self._joined]
        if since is None or self.merged or self.unsettled:
            self.broken = set()
        elif self.broken:
            self.broken = {fact.position for fact in self.facts if fact.key < since} & self.broken
        self._joined, self.merged = [], False
        deal_of = self.book.deal_of
        if self.unsettled:
            found = standing(self.facts, self.policies)
            parted = parts(found, self.facts)
            self.keys, self.idle, self.awaited = parted.keys, parted.idle, targets(self.facts)
            self.sides = parted.sides
            self.stands = found.facts
            self.book = fold(found.facts, deal_of, self.broken, parted, self.policies)
            _note_amendments(self.book, found)
            places = _places(self.facts, parted, deal_of)
        else:
            self.book = fold(self.facts, deal_of, self.broken, policies=self.policies)
            places = {}
        rows = difference([row for book in before for row in book.rows], self.book.rows)
        signals = _turned([x for book in before for x in book.signals], self.book.signals)
        notices = _turned([x for book in before for x in book.notices], self.book.notices)
        return self._change_all(position, rows, signals, notices, places)

    def join(self, other: Cluster, deal_of: dict[int, int]) -> None:
        """Take over another cluster's facts and postings; `refold` then posts the difference.

        deal_of: the deal of every stream of both from now on.
        """
        self.streams += other.streams
        for fact in other.facts:
            insort(self.facts, fact)
        self.unsettled |= other.unsettled
        self._joined += [other.book, *other._joined]
        self.merged = True
        self.names |= other.names
        self.dimensions |= other.dimensions
        self.places |= other.places
        self.book.deal_of = deal_of

    def absorb(self, other: Cluster) -> None:
        """Take over a cluster that `is_apart`: what each has come to stands side by side."""
        self.streams += other.streams
        self.facts = merged(self.facts, other.facts)
        if self.unsettled:
            self.stands = merged(self.stands, other.facts)
            if self.sides is not None:
                self.sides.learn(other.facts)
            for fact in other.facts:
                self.keys.update(dict.fromkeys(leads(fact.milestone).joining, other.book.id_of(fact)))
        self.broken |= other.broken
        self.names |= other.names
        self.dimensions |= other.dimensions
        self.book.absorb(other.book)

    def is_apart(self, other: Cluster) -> bool:
        """Whether another cluster, which turns out to share a payment, has had nothing to do with this one.

        It may not be unsettled itself; where this one is, none of its amendments or keys may reach there.
        """
        if self.merged or other.merged or other.unsettled:
            return False
        return not self.unsettled or not any(
            (fact.milestone.source, fact.milestone.id) in self.awaited
            or any(key in self.keys for key in fact.milestone.keys)
            or (self.sides is not None and any(map(self.sides.heard_of, fact.milestone.keys)))
            for fact in other.facts
        )

    def _joins_unsettled(self, fact: Fact) -> tuple[str, ...] | None:
        """The joining keys of a fact that leaves everything else where it stands; None where it may not.

        It must not be the target of an amendment, and all its keys that are known must be of one deal.
        """
        milestone = fact.milestone
        if type(milestone) in UNSETTLING or isinstance(milestone, m.DealsLinked):
            return None
        if (milestone.source, milestone.id) in self.awaited:
            return None
        if isinstance(milestone, PAYMENTS) and len(payments_of(self.book, milestone)) > 1:
            return None  # with one payment, what amendments of its facts are found to be is shown in one deal
        keys = leads(milestone).joining
        if not keys:
            return () if isinstance(milestone, PAYMENTS) else None
        deals = {self.keys[key] for key in keys if key in self.keys}
        if len(deals) != 1 or not self.idle.isdisjoint(keys):
            return None
        deal = deals.pop()
        if self.sides is not None:
            usual = self.book.deal_of.get(fact.stream, fact.stream)
            if deal != usual and not {deal, usual} <= set(self.places.values()):
                return None  # the facts of a deal that was simply its streams are to be placed
            if not self.sides.keep(fact, keys, self.keys):
                return None
        self.book.parted[fact.position] = deal
        return keys

    def _place(self, fact: Fact, deal: int, keys: tuple[str, ...]) -> list[tuple[int | str, int]]:
        """Keep where a fact and its keys belong; told where the deal is not simply that of its streams."""
        new = [key for key in keys if key not in self.keys]
        self.keys.update(dict.fromkeys(new, deal))
        usual = self.book.deal_of.get(fact.stream, fact.stream)
        if not self.places or (deal == usual and deal not in self.places.values()):
            return []
        placed: list[tuple[int | str, int]] = [(fact.position, deal), *((key, deal) for key in new)]
        self.places.update(placed)
        return placed

    def _change(
        self,
        position: int,
        deal: DealBook,
        rows: list[Row],
        signals: list[Signal],
        notices: list[Notice],
    ) -> Change:
        names: list[tuple[int, str]] = []
        dimensions: list[tuple[int, str, int, str | None]] = []
        if self.names.get(deal.id) != deal.name:
            self.names[deal.id] = deal.name
            names.append((deal.id, deal.name))
        if deal.news:
            for name, effective, value in deal.news:
                if value is None:
                    del self.dimensions[deal.id, name, effective]
                else:
                    self.dimensions[deal.id, name, effective] = value
            dimensions += [(deal.id, *entry) for entry in deal.news]
            deal.news.clear()
        return Change(position, rows, names, dimensions, signals, notices)

    def _change_all(
        self,
        position: int,
        rows: list[Row],
        signals: list[Signal],
        notices: list[Notice],
        places: dict[int | str, int],
    ) -> Change:
        deals = self.book.deals
        names: list[tuple[int, str]] = []
        for deal in deals.values():
            deal.news.clear()
            if self.names.get(deal.id) != deal.name:
                self.names[deal.id] = deal.name
                names.append((deal.id, deal.name))
        gone = [id_ for id_ in self.names if id_ not in deals]
        names += [(id_, "") for id_ in gone]
        for id_ in gone:
            del self.names[id_]
        now = {(d.id, name, day): value for d in deals.values() for (name, day), value in d.entries.items()}
        dimensions = [
            (*entry, now.get(entry))
            for entry in {**self.dimensions, **now}
            if self.dimensions.get(entry) != now.get(entry)
        ]
        self.dimensions = now
        moved = [
            (what, places.get(what, 0))
            for what in {**self.places, **places}
            if self.places.get(what, 0) != places.get(what, 0)
        ]
        self.places = places
        return Change(position, rows, names, dimensions, signals, notices, moved)


def _note_amendments(book: Book, found: Standing) -> None:
    """What amendments decide is no open conflict any more; what they can't decide is an exception."""
    facts = {fact.position: fact for fact in (*found.facts, *found.voided)}
    for position in found.amended:
        fact = facts[position]
        book.signals.append(
            (book.id_of(fact), position, "settled", fact.milestone.effective, "", "", 0, "", 1)
        )
    for amendment, code in found.misfits:
        home = facts.get(found.home.get(amendment.position, 0))
        milestone = None if home is None else home.milestone
        if home is not None and isinstance(milestone, PAYMENTS):
            deal = payments.deal_of(book, home, milestone)
        else:
            deal = book.deal(home or amendment)
        deal.fact, deal.day = amendment.position, amendment.milestone.effective
        if home is None:
            describe(deal, amendment.milestone)
        deal.find(code)


def _places(facts: Iterable[Fact], found: Parts, deal_of: dict[int, int]) -> dict[int | str, int]:
    """The deals of facts and keys, where they are not simply those of their streams."""
    elsewhere: set[int] = set()
    for fact in facts:
        id_, usual = found.facts.get(fact.position), deal_of.get(fact.stream, fact.stream)
        if id_ is not None and id_ != usual:
            elsewhere |= {id_, usual}
    if not elsewhere:
        return {}
    places: dict[int | str, int] = {p: id_ for p, id_ in found.facts.items() if id_ in elsewhere}
    return places | {key: id_ for key, id_ in found.keys.items() if id_ in elsewhere}


def difference(before: list[Row], after: list[Row]) -> list[Row]:
    """The rows that turn one journal into another.

    Point postings of the same kind net; intervals are taken back and posted whole (accounting.md 3b).
    """
    points: dict[tuple[Any, ...], int] = {}
    spans: dict[Row, int] = {}
    for rows, sign in ((before, -1), (after, 1)):
        for row in rows:
            if row[8] == row[9]:
                key = row[:5] + row[6:]
                points[key] = points.get(key, 0) + sign * row[5]
            else:
                spans[row] = spans.get(row, 0) + sign
    out: list[Row] = [(*key[:5], amount, *key[5:]) for key, amount in points.items() if amount]
    for row, count in spans.items():
        out += [row if count > 0 else (*row[:5], -row[5], *row[6:])] * abs(count)
    return out


_Signed = TypeVar("_Signed", Signal, Notice)


def _turned(before: list[_Signed], after: list[_Signed]) -> list[_Signed]:
    """What turns one list of signed statements into another: the sign is each one's last item."""
    count: Counter[tuple[Any, ...]] = Counter()
    for one in before:
        count[one[:-1]] -= one[-1]
    for one in after:
        count[one[:-1]] += one[-1]
    turned: list[Any] = []
    for said, left in count.items():
        sign = (1 if left > 0 else -1,)
        turned += [said + sign] * abs(left)
    return turned
