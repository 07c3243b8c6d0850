"""The bulk of a rebuild: the log in shares, each folded whole and loaded by COPY.

A share is a range of streams, or some sets of streams that belong together (a deal of several streams, deals
that share payments); either way everything that is folded together is read together, in the order of
recording. Shares are small, so that memory stays bounded, work evens out and progress can be told.
Does not belong here: generations and the swap (projections/rebuild).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection, Cursor

from domain.policies import DEFAULT_POLICIES, Policies
from projections import aside, noting
from projections.clusters import Edge, Forest, LogRow
from projections.folding import Folding
from projections.journal import TABLES, Journal, copy_rows
from projections.projector import read_edges, read_range, read_streams

#: Milestones that a share holds about.
SHARE: Final = 25_000
#: Streams of sets that are read together in one share.
_JOINED: Final = 4_000
_FLUSH_BYTES: Final = 4 << 20
_ROW_BYTES: Final = 150


class Share(NamedTuple):
    """One share of the log up to a position; plain values, which any way of starting a process can carry.

    policies: as kept with the generation. first, last: the range of streams, but for those that are in sets
    (apart); or streams: whole sets of streams that belong together, and the edges that join them. number: its
    place among all shares of the same log.
    """

    conninfo: str
    generation: int
    upto: int
    policies: str = "[]"
    first: int = 0
    last: int = 0
    streams: tuple[int, ...] = ()
    number: int = 0
    apart: frozenset[int] = frozenset()
    edges: tuple[Edge, ...] = ()


class Loaded(NamedTuple):
    """What a share came to: milestones read, postings written.

    folded, copied: sets of streams, where a part of a generation is built anew (projections/partial).
    """

    milestones: int
    postings: int
    folded: int = 0
    copied: int = 0


def shares(
    connection: Connection[Any],
    conninfo: str,
    generation: int,
    upto: int,
    policies: Policies = DEFAULT_POLICIES,
) -> list[Share]:
    """The whole log up to a position, in shares; the same ones whenever it is asked."""
    kept = policies.to_json()
    edges = read_edges(connection, 0, upto)
    together = joined(edges)
    by_root: dict[int, list[Edge]] = {}
    for edge in edges:
        by_root.setdefault(together[edge.child], []).append(edge)
    sets: dict[int, list[int]] = {}
    apart: dict[int, set[int]] = {}
    for stream, root in together.items():
        sets.setdefault(root, []).append(stream)
        apart.setdefault((stream - 1) // SHARE, set()).add(stream)
    found = [
        Share(
            conninfo,
            generation,
            upto,
            kept,
            streams=tuple(stream for root in roots for stream in sets[root]),
            edges=tuple(edge for root in roots for edge in by_root[root]),
        )
        for roots in _batches(sets)
    ]
    found += [
        Share(
            conninfo,
            generation,
            upto,
            kept,
            first,
            min(first + SHARE - 1, upto),
            apart=frozenset(apart.get((first - 1) // SHARE, ())),
        )
        for first in range(1, upto + 1, SHARE)
    ]
    return [share._replace(number=number) for number, share in enumerate(found)]


def _batches(sets: dict[int, list[int]]) -> Iterator[list[int]]:
    """The roots of sets of streams, so many at a time as are read together."""
    roots: list[int] = []
    streams = 0
    for root in sorted(sets):
        roots.append(root)
        streams += len(sets[root])
        if streams >= _JOINED:
            yield roots
            roots, streams = [], 0
    if roots:
        yield roots


def joined(edges: Iterable[Edge]) -> dict[int, int]:
    """Every stream that an edge joins to another, with the lowest stream of its set."""
    forest = Forest()
    for edge in edges:
        forest.join(edge.child, edge.parent)
    return forest.joined()


def load(share: Share) -> Loaded:
    """Fold a share into the generation's tables, in one transaction."""
    return once(share, lambda reader, cursor: fold(cursor, share, rows_of(reader, share)))


def once(share: Share, fill: Callable[[Connection[Any], Cursor[Any]], Loaded]) -> Loaded:
    """Fill a generation's tables with a share in one transaction, where that has not been done.

    fill: given what reads the log and what writes.
    """
    with (
        psycopg.connect(share.conninfo, autocommit=True) as reader,
        psycopg.connect(share.conninfo) as writer,
    ):
        cursor = writer.cursor()
        if (done := noting.begin(cursor, share.generation, share.number)) is not None:
            return Loaded(*done)
        found = fill(reader, cursor)
        noting.end(cursor, share.generation, share.number, noting.Noted(*found))
        writer.commit()
        return found


def fold(cursor: Cursor[Any], share: Share, rows: Iterable[LogRow]) -> Loaded:
    """Fold rows of a share, whole sets of them, into the generation's tables, in the cursor's transaction."""
    journal = Journal()
    others: dict[str, list[bytes]] = {table: [] for table in TABLES[1:]}
    folding = Folding(share.edges, joined(share.edges), journal, Policies.from_json(share.policies))
    held = list(rows)
    told = aside.folded(held)
    copy_rows(cursor, "posting", share.generation, _postings(folding, told, journal, others))
    for table, blocks in others.items():
        copy_rows(cursor, table, share.generation, blocks)
    return Loaded(folding.milestones + len(held) - len(told), journal.postings)


def _postings(
    folding: Folding, rows: Iterable[LogRow], journal: Journal, others: dict[str, list[bytes]]
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


def rows_of(connection: Connection[Any], share: Share) -> Iterator[LogRow]:
    """The milestones of a share: all of a set or stream together, in the order of recording within it."""
    if share.streams:
        return _rows_of_sets(connection, share)
    return _rows_of_range(connection, share)


def _rows_of_sets(connection: Connection[Any], share: Share) -> Iterator[LogRow]:
    together = joined(share.edges)
    rows = read_streams(connection, share.streams, share.upto)
    return iter(sorted(rows, key=lambda row: (together[row[1]], row[0])))


def _rows_of_range(connection: Connection[Any], share: Share) -> Iterator[LogRow]:
    rows = read_range(connection, share.first, share.last, share.upto)
    return (row for row in rows if row[1] not in share.apart) if share.apart else iter(rows)
