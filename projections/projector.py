"""The live projector: takes the log in batches into the live generation, each batch in one transaction.

It waits for a notification and polls as well, so that nothing is missed between the two. What a batch
adds and how far it has come commit together: a crash repeats nothing and loses nothing.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from threading import Event
from typing import Any, Final

import psycopg
from psycopg import Connection

from projections import alternatives, aside, generations, moments, queries, running
from projections.clusters import Clusters, Edge, LogRow, by_position, decode
from projections.completeness import register
from projections.journal import Journal

_log: Final = logging.getLogger(__name__)

BATCH: Final = 5_000
#: For how long a batch takes in milestones before what it has so far is committed.
BATCH_SECONDS: Final = 1.0
#: Milestones that are looked at at a time where a generation can only be brought past those that none folds.
_PASSED: Final = 100
POLL_SECONDS: Final = 0.5
#: How long a notification is let to gather company before the next batch.
GATHER_SECONDS: Final = 0.04
#: How often it is looked whether another policy has been activated.
LOOK_SECONDS: Final = 1.0
#: How often it is told that a generation can't be brought forward, and looked which need not be kept.
TELL_SECONDS: Final = 60.0

Connect = Callable[[], Connection[Any]]


def projected_channel(schema: str) -> str:
    """The channel on which the projector tells how far it has come."""
    return f"{schema}_projected"


def read_log(connection: Connection[Any], after: int, limit: int) -> list[LogRow]:
    """The next milestones of the log."""
    cursor = connection.cursor(binary=True)
    cursor.execute(queries.statement("read_log"), {"after": after, "limit": limit})
    return cursor.fetchall()


def read_streams(connection: Connection[Any], streams: Sequence[int], upto: int) -> Iterable[LogRow]:
    """All milestones of streams up to a position, in any order."""
    cursor = connection.cursor(binary=True)
    cursor.execute(queries.statement("read_streams"), {"streams": list(streams), "upto": upto})
    return cursor.fetchall()


def read_range(connection: Connection[Any], first: int, last: int, upto: int) -> list[LogRow]:
    """All milestones of a range of streams up to a position, stream by stream."""
    cursor = connection.cursor(binary=True)
    cursor.execute(queries.statement("read_range"), {"first": first, "last": last, "upto": upto})
    return cursor.fetchall()


def read_edges(connection: Connection[Any], after: int, upto: int) -> list[Edge]:
    """What was found to belong together after a position, up to another."""
    cursor = connection.cursor(binary=True)
    cursor.execute(queries.statement("read_edges"), {"after": after, "upto": upto})
    return [Edge(*row) for row in cursor.fetchall()]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold the cyclic garbage collector off meanwhile.

    Nothing in the fold refers to itself, so counting references frees it all; the collector would only look
    through every cluster in memory, again and again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Projector:
    """Brings one generation forward. Not for two threads at a time."""

    def __init__(self, schema: str, generation: int | None = None) -> None:
        self.schema = schema
        self.generation = generation  # None: whichever is live
        self._connection: Connection[Any] | None = None
        self._clusters = Clusters(self._read_streams)
        self._at: tuple[int, int] | None = None  # generation and position that the clusters stand at
        self._edges_upto = 0
        self._told_at = float("-inf")

    def _read_streams(self, streams: Sequence[int], upto: int) -> Iterable[LogRow]:
        assert self._connection is not None, "streams are read inside of a batch"
        return read_streams(self._connection, streams, upto)

    def project(self, connection: Connection[Any], limit: int = BATCH) -> int:
        """Take in up to `limit` milestones, fewer where they take long. The number; 0: nothing new."""
        self._connection = connection
        try:
            with connection.transaction():
                generation = self._lock(connection)
                if self.generation is None:
                    register.take_in(connection, self.schema, generation.position)
                if why := generations.halted(generation):
                    if not (passed := self._pass_over(connection, generation)):
                        self._tell(why)
                    return passed
                rows = read_log(connection, generation.position, limit)
                if not rows:
                    return 0
                with _uncollected():
                    taken = self._take_in(connection, generation, rows)
                moments.reach("before_projection_commit")
            moments.reach("after_projection_commit")
        except BaseException:
            # Clusters, and what is known to belong together, may be ahead of what was committed.
            self._clusters = Clusters(self._read_streams)
            self._at, self._edges_upto = None, 0
            raise
        finally:
            self._connection = None
        return taken

    def _lock(self, connection: Connection[Any]) -> generations.Generation:
        id_ = self.generation
        if id_ is None:
            found = generations.live(connection)
            if found is None:
                connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{self.schema}.first",))
                found = generations.live(connection)
                if found is None:
                    found = generations.make(connection, "live")
                    generations.index(connection, found.id)
            id_ = found.id
        generations.lock(connection, self.schema, id_)
        row = connection.execute(
            f"SELECT {generations.COLUMNS}, state FROM generation WHERE id = %s", (id_,)
        ).fetchone()
        if row is None or (self.generation is None and row[-1] != "live"):
            raise GenerationChanged("the live generation has changed; begin the next batch on the new one")
        return generations.made(row)

    def _tell(self, why: str) -> None:
        """Log why nothing is taken in, once in a while."""
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            _log.error("%s", why)

    def _take_in(
        self, connection: Connection[Any], generation: generations.Generation, rows: list[LogRow]
    ) -> int:
        if self._at is None or self._at[0] != generation.id or self._edges_upto > generation.position:
            self._clusters = Clusters(self._read_streams, generation.policies)
            self._edges_upto = 0
        elif self._at[1] != generation.position:
            self._clusters.clear()
        last = rows[-1][0]
        assert last - generation.position == len(rows), "positions have no gaps"
        self._clusters.learn(read_edges(connection, self._edges_upto, generation.position))
        edges = by_position(read_edges(connection, generation.position, last))
        touched = {row[1] for row in aside.folded(rows)}
        touched.update(s for found in edges.values() for edge in found for s in (edge.child, edge.parent))
        self._clusters.prepare(touched, generation.position)
        journal = Journal()
        began, taken = time.monotonic(), 0
        for row in rows:
            if row[2] not in aside.TOPICS:
                journal.add(self._clusters.take(decode(row, generation.policies), edges.get(row[0], ())))
            taken += 1
            if time.monotonic() - began > BATCH_SECONDS:
                break  # facts of heavy deals: others are not to wait until all of them are through
        last = rows[taken - 1][0]
        journal.write(connection.cursor(), generation.id)
        self._advance(connection, generation, last)
        self._at, self._edges_upto = (generation.id, last), last
        return taken

    def _advance(self, connection: Connection[Any], generation: generations.Generation, last: int) -> None:
        """Note that a generation has taken in everything up to a position."""
        generations.advance(connection, generation.id, last)
        if self.generation is None:
            register.take_in(connection, self.schema, last)
            connection.execute("SELECT pg_notify(%s, %s)", (projected_channel(self.schema), str(last)))

    def _pass_over(self, connection: Connection[Any], generation: generations.Generation) -> int:
        """Take in what comes next and is never folded, as any version of the rules can: how many."""
        rows = read_log(connection, generation.position, _PASSED)
        passed = list(takewhile(lambda row: row[2] in aside.TOPICS, rows))
        if passed:
            self._advance(connection, generation, passed[-1][0])
        return len(passed)

    def catch_up(self, connection: Connection[Any]) -> int:
        """Take in everything that is there; the number of milestones."""
        total = 0
        while taken := self._project_or_retry(connection):
            total += taken
        return total

    def _project_or_retry(self, connection: Connection[Any]) -> int:
        for _ in range(10):
            try:
                return self.project(connection)
            except GenerationChanged:
                continue
        return self.project(connection)


class GenerationChanged(RuntimeError):
    """Another generation was promoted between reading which is live and locking it."""


def run(connect: Connect, schema: str, log_channel: str, stop: Event) -> None:
    """Project until `stop` is set. A lost connection is made again; an error is logged and tried again."""
    projector, beside = Projector(schema), _Beside(schema)
    wait = 0.1
    while not stop.is_set():
        try:
            with connect() as connection, connect() as listener:
                listener.execute(f'LISTEN "{log_channel}"')
                running.announce(listener, schema)
                while not stop.is_set():
                    projector.catch_up(connection)
                    wait = 0.1
                    if not beside.bring_forward(connection):
                        _await_news(listener, stop)
        except (psycopg.Error, OSError) as error:
            if stop.is_set():
                return
            _log.warning("the projector lost its database (%s); trying again in %.1f s", error, wait)
            stop.wait(wait)
            wait = min(wait * 2, 5.0)
        except Exception:  # noqa: BLE001 - it must not stop for good
            _log.exception("the projector failed on a batch; trying again in %.1f s", wait)
            stop.wait(wait)
            wait = min(wait * 2, 30.0)


class _Beside:
    """Brings forward the generations that are kept beside the live one, a batch at a time."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._projectors: dict[int, Projector] = {}
        self._looked = self._cleared = float("-inf")

    def bring_forward(self, connection: Connection[Any]) -> bool:
        """Take one batch into each: whether there may be more."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            kept = alternatives.tend(connection, self._schema)
            self._projectors = {
                id_: self._projectors.get(id_) or Projector(self._schema, id_) for id_ in kept
            }
            self._looked = time.monotonic()
        if time.monotonic() - self._cleared > TELL_SECONDS:
            self._cleared = time.monotonic()
            generations.clear_retired(connection, self._schema)
        try:
            return sum(projector.project(connection) for projector in self._projectors.values()) > 0
        except GenerationChanged:
            self._looked = float("-inf")  # one was dropped meanwhile
            return True


def _await_news(listener: Connection[Any], stop: Event) -> None:
    """Return at a notification, at the latest after the poll interval."""
    until = time.monotonic() + POLL_SECONDS
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        for _ in listener.notifies(timeout=min(left, 0.1), stop_after=1):
            # More is likely to follow: one batch of many costs less than many of one.
            stop.wait(GATHER_SECONDS)
            return
