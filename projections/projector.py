"""The live projector: takes the log in batches into the live generation, each batch in one transaction.

It waits for a notification and polls as well, so that nothing is missed between the two. What a batch
adds and how far it has come commit together: a crash repeats nothing and loses nothing.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import takewhile
from threading import Event
from typing import Any, Final

import psycopg
from psycopg import Connection

from domain.stored import CODEC
from projections import alternatives, aside, generations, moments, queries, running
from projections.clusters import Clusters, Edge, LogRow, by_position, placed
from projections.completeness import register
from projections.journal import Journal
from projections.packed import copying

_log: Final = logging.getLogger(__name__)

BATCH: Final = 5_000
#: For how long a batch takes in milestones before what it has so far is committed.
BATCH_SECONDS: Final = 1.0
#: Milestones after which postings are sent: the server works on them while the next are folded.
_SENT: Final = 256
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
        self._registered: int | None = None  # the live generation that the register has come as far as
        self._told_at = float("-inf")

    def _read_streams(self, streams: Sequence[int], upto: int) -> Iterable[LogRow]:
        assert self._connection is not None, "streams are read inside of a batch"
        return read_streams(self._connection, streams, upto)

    def project(
        self, connection: Connection[Any], limit: int = BATCH, filling: Connection[Any] | None = None
    ) -> int:
        """Take in up to `limit` milestones, fewer where they take long. The number; 0: nothing new.

        filling: a second connection, on which the register of sources is filled meanwhile.
        """
        self._connection = connection
        try:
            with connection.transaction():
                generation = self._lock(connection)
                if self.generation is None and self._registered != generation.id:
                    self._register(filling or connection, generation.position)
                    self._registered = generation.id
                if why := generations.halted(generation):
                    if not (passed := self._pass_over(connection, generation, filling)):
                        self._tell(why)
                    return passed
                rows = read_log(connection, generation.position, limit)
                if not rows:
                    return 0
                with _uncollected():
                    taken = self._take_in(connection, generation, rows, filling)
                moments.reach("before_projection_commit")
            moments.reach("after_projection_commit")
        except BaseException:
            # Clusters, and what is known to belong together, may be ahead of what was committed.
            self._clusters = Clusters(self._read_streams)
            self._at, self._edges_upto, self._registered = None, 0, None
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

    def _register(self, connection: Connection[Any], upto: int) -> None:
        """Bring the register to a position before the generation gets there."""
        with connection.transaction():
            register.take_in(connection, self.schema, upto)

    def _filling(
        self, connection: Connection[Any], after: int, filling: Connection[Any] | None
    ) -> AbstractContextManager[register.Filling | None]:
        if self.generation is not None:
            return nullcontext()
        return register.filling(filling or connection, self.schema, after, is_shared=filling is None)

    def _take_in(
        self,
        connection: Connection[Any],
        generation: generations.Generation,
        rows: list[LogRow],
        filling: Connection[Any] | None,
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
        postings = queries.copy_into("posting", generation.id)
        with (
            self._filling(connection, generation.position, filling) as registered,
            copying(connection.cursor(), postings) as send,
        ):
            for position, stream, topic, state in rows:
                milestone = CODEC.decode(topic, state)
                if registered is not None:
                    registered.add(position, milestone)
                if topic not in aside.TOPICS:
                    fact = placed(position, stream, milestone, generation.policies)
                    journal.add(self._clusters.take(fact, edges.get(position, ())))
                taken += 1
                if taken % _SENT == 0:
                    send(journal.take("posting"))
                if time.monotonic() - began > BATCH_SECONDS:
                    break  # facts of heavy deals: others are not to wait until all of them are through
            send(journal.take("posting"))
        last = rows[taken - 1][0]
        journal.write(connection.cursor(), generation.id)
        self._advance(connection, generation, last)
        self._at, self._edges_upto = (generation.id, last), last
        return taken

    def _advance(self, connection: Connection[Any], generation: generations.Generation, last: int) -> None:
        """Note that a generation has taken in everything up to a position."""
        generations.advance(connection, generation.id, last)
        if self.generation is None:
            connection.execute("SELECT pg_notify(%s, %s)", (projected_channel(self.schema), str(last)))

    def _pass_over(
        self,
        connection: Connection[Any],
        generation: generations.Generation,
        filling: Connection[Any] | None,
    ) -> int:
        """Take in what comes next and is never folded, as any version of the rules can: how many."""
        rows = read_log(connection, generation.position, _PASSED)
        passed = list(takewhile(lambda row: row[2] in aside.TOPICS, rows))
        if passed:
            if self.generation is None:
                self._register(filling or connection, passed[-1][0])
            self._advance(connection, generation, passed[-1][0])
        return len(passed)

    def catch_up(self, connection: Connection[Any], filling: Connection[Any] | None = None) -> int:
        """Take in everything that is there; the number of milestones. filling: as for `project`."""
        total = 0
        while taken := self._project_or_retry(connection, filling):
            total += taken
        return total

    def _project_or_retry(self, connection: Connection[Any], filling: Connection[Any] | None) -> int:
        for _ in range(10):
            try:
                return self.project(connection, filling=filling)
            except GenerationChanged:
                continue
        return self.project(connection, filling=filling)


class GenerationChanged(RuntimeError):
    """Another generation was promoted between reading which is live and locking it."""


def run(connect: Connect, schema: str, log_channel: str, stop: Event) -> None:
    """Project until `stop` is set. A lost connection is made again; an error is logged and tried again."""
    projector, beside = Projector(schema), _Beside(schema)
    wait = 0.1
    while not stop.is_set():
        try:
            with connect() as connection, connect() as filling, connect() as listener:
                listener.execute(f'LISTEN "{log_channel}"')
                running.announce(listener, schema)
                while not stop.is_set():
                    projector.catch_up(connection, filling)
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
