"""The bulk of a rebuild: the log in shares, each folded whole and loaded by COPY.

A share is a range of streams, or some sets of streams that belong together (a deal of several streams, deals
that share payments); either way everything that is folded together is read together, in the order of
recording. Shares are small, so that memory stays bounded, work evens out and progress can be told.
Does not belong here: generations and the swap (projections/rebuild).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from domain.policies import DEFAULT_POLICIES, Policies
from domain.stored import CODEC
from projections import queries
from projections.book import Book, check_range
from projections.cluster import UNSETTLING
from projections.clusters import Clusters, Edge, Forest, LogRow, by_position
from projections.facts import BusinessKey, Fact, business_key, dated
from projections.fold import step
from projections.journal import TABLES, Journal, copy_rows
from projections.projector import read_edges, read_streams

#: Milestones that a share holds about.
SHARE: Final = 25_000
#: Streams of sets that are read together in one share.
_JOINED: Final = 4_000
_FLUSH_BYTES: Final = 4 << 20
_ROW_BYTES: Final = 150


class Share(NamedTuple):
    """One share of the log up to a position; plain values, which any way of starting a process can carry.

    policies: as kept with the generation. first, last: the range of streams; or streams: whole sets of
    streams that belong together.
    """

    conninfo: str
    generation: int
    upto: int
    policies: str = "[]"
    first: int = 0
    last: int = 0
    streams: tuple[int, ...] = ()


class Loaded(NamedTuple):
    """What a share came to: milestones read, postings written."""

    milestones: int
    postings: int


def shares(
    connection: Connection[Any],
    conninfo: str,
    generation: int,
    upto: int,
    policies: Policies = DEFAULT_POLICIES,
) -> list[Share]:
    """The whole log up to a position, in shares."""
    kept = policies.to_json()
    joined = _forest(read_edges(connection, 0, upto)).joined()
    sets: dict[int, list[int]] = {}
    for stream, root in joined.items():
        sets.setdefault(root, []).append(stream)
    found = []
    streams: list[int] = []
    for root in sorted(sets):
        streams += sets[root]
        if len(streams) >= _JOINED:
            found.append(Share(conninfo, generation, upto, kept, streams=tuple(streams)))
            streams = []
    if streams:
        found.append(Share(conninfo, generation, upto, kept, streams=tuple(streams)))
    return found + [
        Share(conninfo, generation, upto, kept, first, min(first + SHARE - 1, upto))
        for first in range(1, upto + 1, SHARE)
    ]


def _forest(edges: Iterable[Edge]) -> Forest:
    forest = Forest()
    for edge in edges:
        forest.join(edge.child, edge.parent)
    return forest


def _read_nothing(_streams: Sequence[int], _upto: int) -> Iterable[LogRow]:
    """Whole sets of streams are read from their first milestone on: nothing was projected before."""
    return ()


def load(share: Share) -> Loaded:
    """Fold a share into the generation's tables, in one transaction."""
    with (
        psycopg.connect(share.conninfo, autocommit=True) as reader,
        psycopg.connect(share.conninfo) as writer,
    ):
        edges = read_edges(reader, 0, share.upto)
        together = _forest(edges).joined()
        rows = (
            _rows_of_sets(reader, share, together)
            if share.streams
            else _rows_of_range(reader, share, together)
        )
        journal = Journal()
        others: dict[str, list[bytes]] = {table: [] for table in TABLES[1:]}
        folding = _Folding(edges, together, journal, Policies.from_json(share.policies))
        cursor = writer.cursor()
        copy_rows(cursor, "posting", share.generation, _postings(folding, rows, journal, others))
        for table, blocks in others.items():
            copy_rows(cursor, table, share.generation, blocks)
        writer.commit()
        return Loaded(folding.milestones, journal.postings)


def _postings(
    folding: _Folding, rows: Iterable[LogRow], journal: Journal, others: dict[str, list[bytes]]
) -> Iterator[bytes]:
    """The postings of all rows, in blocks; what goes to the other tables is put aside."""
    written = 0
    for _ in folding.take_all(rows):
        if (journal.postings - written) * _ROW_BYTES > _FLUSH_BYTES:
            written = journal.postings
            yield journal.take("posting")
    yield journal.take("posting")
    for table, blocks in others.items():
        blocks.append(journal.take(table))


class _Folding:
    """Folds rows that come set by set, and adds what they change to a journal."""

    def __init__(
        self, edges: list[Edge], together: dict[int, int], journal: Journal, policies: Policies
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


def _rows_of_sets(connection: Connection[Any], share: Share, together: dict[int, int]) -> list[LogRow]:
    """All milestones of some sets, set by set, in the order of recording."""
    rows = read_streams(connection, share.streams, share.upto)
    return sorted(rows, key=lambda row: (together[row[1]], row[0]))


def _rows_of_range(connection: Connection[Any], share: Share, together: dict[int, int]) -> Iterator[LogRow]:
    """The milestones of a range of streams, stream by stream; without those of sets."""
    cursor = connection.cursor(binary=True)
    cursor.execute(
        queries.statement("read_range"), {"first": share.first, "last": share.last, "upto": share.upto}
    )
    rows: list[LogRow] = cursor.fetchall()
    return (row for row in rows if row[1] not in together) if together else iter(rows)
