"""Folding a share of the log: sets of streams that belong together, one after the other, into a journal.

Belongs here: taking a stream that was recorded in business order in the short way, and all others in the
usual one. Does not belong here: reading shares and loading what they come to (projections/bulk), what a fact
adds (projections/fold, projections/cluster).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from domain.policies import Policies
from domain.stored import CODEC
from projections.book import Book, check_range
from projections.cluster import UNSETTLING
from projections.clusters import Clusters, Edge, LogRow, by_position
from projections.facts import BusinessKey, Fact, business_key, dated
from projections.fold import step
from projections.journal import Journal


def _read_nothing(_streams: Sequence[int], _upto: int) -> Iterable[LogRow]:
    """Whole sets of streams are read from their first milestone on: nothing was projected before."""
    return ()


class Folding:
    """Folds rows that come set by set, and adds what they change to a journal."""

    def __init__(
        self, edges: Iterable[Edge], together: dict[int, int], journal: Journal, policies: Policies
    ) -> None:
        self._journal = journal
        self._together = together
        self._policies = policies
        self._edges: dict[int, list[Edge]] = {}  # by the root of their set
        for edge in edges:
            self._edges.setdefault(together[edge.child], []).append(edge)
        self.milestones = 0

    def take_all(self, rows: Iterable[LogRow]) -> Iterator[None]:
        """Take in all rows; looks up from it after each set."""
        together, facts, of = self._together, list[Fact](), 0
        decode, is_one = CODEC.decode, self._policies.is_one
        for position, stream, topic, state in rows:
            root = together.get(stream, stream) if together else stream
            if root != of:
                self._take_set(of, facts)
                yield
                of, facts = root, []
            milestone = decode(topic, state)
            if not is_one:
                milestone = dated(milestone, self._policies)
            facts.append(Fact(business_key(milestone), position, stream, milestone))  # type: ignore[arg-type]
        self._take_set(of, facts)

    def _take_set(self, root: int, facts: list[Fact]) -> None:
        """Take in the facts of a set, which are in the order of recording."""
        self.milestones += len(facts)
        if root in self._edges or not self._take_in_order(facts):
            edges = by_position(self._edges.get(root, ()))
            clusters = Clusters(_read_nothing, self._policies)
            for fact in facts:
                self._journal.add(clusters.take(fact, edges.get(fact.position, ())))

    def _take_in_order(self, facts: list[Fact]) -> bool:
        """One stream that was recorded in business order: each fact is a step, and nothing is ever refolded.

        False, with nothing added to the journal, where it was not, or where a rule fails.
        """
        last: BusinessKey | None = None
        for fact in facts:
            if (last is not None and fact.key < last) or type(fact.milestone) in UNSETTLING:
                return False
            last = fact.key
        book = Book({}, policies=self._policies)
        names: dict[int, str] = {}
        named: list[tuple[int, tuple[int, str]]] = []
        grouped: list[tuple[int, tuple[int, str, int, str | None]]] = []
        beside: list[tuple[int, int, int]] = []  # position, signals and notices after it
        signals = notices = 0
        try:
            for fact in facts:
                deal = step(book, fact)
                if names.get(deal.id) != deal.name:
                    names[deal.id] = deal.name
                    named.append((fact.position, (deal.id, deal.name)))
                if deal.news:
                    grouped += [(fact.position, (deal.id, *entry)) for entry in deal.news]
                    deal.news.clear()
                if len(book.signals) > signals or len(book.notices) > notices:
                    signals, notices = len(book.signals), len(book.notices)
                    beside.append((fact.position, signals, notices))
            check_range(book.rows, book.signals)
        except Exception:  # noqa: BLE001 - the usual way meets it again, leaves the fact out and says so
            return False
        journal = self._journal
        journal.add_postings(book.rows, None)
        for position, name in named:
            journal.add_names((name,), position)
        for position, entry in grouped:
            journal.add_dimensions((entry,), position)
        before = (0, 0)
        for position, *after in beside:
            journal.add_beside(
                book.signals[before[0] : after[0]], book.notices[before[1] : after[1]], (), position
            )
            before = (after[0], after[1])
        return True
