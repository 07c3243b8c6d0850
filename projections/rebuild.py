"""Rebuild: a new generation from the log beside the live one, caught up, then swapped in.

The bulk is read set by set of streams (a deal, or deals that share payments), folded in worker processes
and loaded by COPY; then the projector brings the new generation to the head, and one transaction promotes
it. Appends and reads go on during all of it; a build that is killed leaves nothing live changed.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection, sql

from domain.stored import CODEC
from projections import generations, moments, queries
from projections.clusters import Clusters, Edge, Forest, LogRow, by_position
from projections.facts import Fact, business_key
from projections.journal import TABLES, Journal, copy_rows
from projections.projector import Projector, projected_channel, read_edges

_FLUSH_BYTES: Final = 4 << 20
_FIELDS: Final = Struct(">hiqiqi").unpack_from  # count, 8, position, 8, stream, length of topic
_FIELDS_SIZE: Final = 30
_COPY_HEADER_SIZE: Final = 19

Report = Callable[[str, int], None]


class Rebuilt(NamedTuple):
    """What a rebuild made: the live generation, milestones and postings in the bulk, those caught up."""

    generation: int
    milestones: int
    postings: int
    caught_up: int


class Work(NamedTuple):
    """What a worker is to do; plain values, so that any way of starting a process can carry them."""

    conninfo: str
    generation: int
    upto: int
    worker: int
    workers: int


def _silent(_stage: str, _done: int) -> None:
    return None


def rebuild(conninfo: str, schema: str, *, workers: int = 2, report: Report = _silent) -> Rebuilt:
    """Build a new generation from the whole log and make it the live one.

    conninfo: connects to the schema as the application's role (adapters.postgres.connections).
    report: is told each stage with the number of milestones done. Raises psycopg.Error.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        generations.clear_away(connection, schema)
        with connection.transaction():
            generation = generations.make(connection, "building").id
        if not generations.try_hold(connection, schema, generation):
            raise AssertionError("a new generation has no other writer")
        moments.reach("before_bulk")
        report("bulk", 0)
        row = connection.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
        upto = int(row[0]) if row else 0
        milestones, postings = _bulk(conninfo, generation, upto, workers)
        moments.reach("after_bulk")
        report("index", milestones)
        with connection.transaction():
            generations.index(connection, generation)
            generations.advance(connection, generation, upto)
        report("catch_up", milestones)
        projector = Projector(schema, generation)
        caught_up = projector.catch_up(connection)
        moments.reach("before_swap")
        report("swap", milestones + caught_up)
        caught_up += _swap(connection, schema, generation, projector)
        moments.reach("after_swap")
        generations.clear_away(connection, schema)
        return Rebuilt(generation, milestones, postings, caught_up)


def _bulk(conninfo: str, generation: int, upto: int, workers: int) -> tuple[int, int]:
    works = [Work(conninfo, generation, upto, worker, workers) for worker in range(workers)]
    if workers == 1 or upto < 20_000:
        results = [load(work._replace(workers=1)) for work in works[:1]]
    else:
        with multiprocessing.get_context("spawn").Pool(workers, gc.disable) as pool:
            # Nothing in the fold refers to itself, so counting references frees it all.
            results = pool.map(load, works)
    return sum(m for m, _ in results), sum(p for _, p in results)


def _swap(connection: Connection[Any], schema: str, generation: int, projector: Projector) -> int:
    """Hold the live generation still, take in the rest, promote: one transaction."""
    caught_up = 0
    with connection.transaction():
        live = generations.live(connection)
        if live is not None:
            generations.lock(connection, schema, live.id)
        while taken := projector.project(connection):
            caught_up += taken
        generations.promote(connection, generation)
        moments.reach("before_swap_commit")
        connection.execute("SELECT pg_notify(%s, '')", (projected_channel(schema),))
    return caught_up


def _read_nothing(_streams: Sequence[int], _upto: int) -> Iterable[LogRow]:
    """Whole sets of streams are read from their first milestone on: nothing was projected before."""
    return ()


def load(work: Work) -> tuple[int, int]:
    """Fold one worker's share of the log into the generation: milestones read, postings written."""
    with (
        psycopg.connect(work.conninfo, autocommit=True) as reader,
        psycopg.connect(work.conninfo) as writer,
    ):
        edges = read_edges(reader, 0, work.upto)
        clusters = Clusters(_read_nothing)
        together = _together(reader, edges)
        journal = Journal()
        rows: dict[str, list[bytes]] = {table: [] for table in TABLES}
        milestones = 0

        def blocks() -> Iterator[bytes]:
            nonlocal milestones
            held = 0
            by_set = _edges_by_set(edges, together)
            current, own = 0, {}
            for position, stream, topic, state in _read_all(reader, work):
                root = together.get(stream, stream)
                if root != current:
                    clusters.clear()
                    current, own = root, by_position(by_set.get(root, ()))
                milestone = CODEC.decode(topic, state)
                fact = Fact(business_key(milestone), position, stream, milestone)  # type: ignore[arg-type]
                change = clusters.take(fact, own.get(position, ()))
                journal.add(change)
                milestones += 1
                held += len(change.rows) * 170
                if held > _FLUSH_BYTES:
                    held = 0
                    for table in TABLES[1:]:
                        rows[table].append(journal.take(table))
                    yield journal.take("posting")
            for table in TABLES[1:]:
                rows[table].append(journal.take(table))
            yield journal.take("posting")

        cursor = writer.cursor()
        copy_rows(cursor, "posting", work.generation, blocks())
        for table in TABLES[1:]:
            copy_rows(cursor, table, work.generation, rows[table])
        writer.commit()
        return milestones, journal.postings


def _together(connection: Connection[Any], edges: list[Edge]) -> dict[int, int]:
    """The root of every stream that belongs together with another; also as a temporary table."""
    forest = Forest()
    for edge in edges:
        forest.join(edge.child, edge.parent)
    joined = forest.joined()
    connection.execute("CREATE TEMPORARY TABLE together (stream bigint PRIMARY KEY, root bigint NOT NULL)")
    with connection.cursor() as cursor, cursor.copy("COPY together FROM STDIN") as copy:
        for pair in joined.items():
            copy.write_row(pair)
    connection.execute("ANALYZE together")
    return joined


def _edges_by_set(edges: list[Edge], together: dict[int, int]) -> dict[int, list[Edge]]:
    found: dict[int, list[Edge]] = {}
    for edge in edges:
        found.setdefault(together.get(edge.child, edge.child), []).append(edge)
    return found


def _read_all(connection: Connection[Any], work: Work) -> Iterator[LogRow]:
    """The worker's share of the log, as it comes from COPY."""
    text = queries.text("read_all")
    for name in ("upto", "workers", "worker"):
        text = text.replace("{" + name + "}", str(int(getattr(work, name))))
    connection.execute("SET work_mem = '256MB'")
    with connection.cursor() as cursor, cursor.copy(sql.SQL(text)) as copy:
        first = True
        for block in copy:
            row = bytes(block)
            if first:
                row, first = row[_COPY_HEADER_SIZE:], False
            if len(row) < _FIELDS_SIZE:
                continue  # the trailer
            _, _, position, _, stream, length = _FIELDS(row)
            end = _FIELDS_SIZE + length
            yield position, stream, row[_FIELDS_SIZE:end].decode(), row[end + 4 :]
