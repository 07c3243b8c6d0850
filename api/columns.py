"""Keeping the live generation in memory beside the API, so that reports are read without asking the database.

Belongs here: the thread that loads it, follows it, and takes another when that becomes live; how much memory
it may take. Does not belong here: the columns themselves (projections/columns), which need numpy and are
imported by the thread alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import Connection

from api.freshness import Freshness
from projections import bridge, generations, latency
from projections.answers import Report
from projections.exceptions import listing
from projections.questions import Query

if TYPE_CHECKING:
    from projections.columns.keeping import Columns

_log: Final = logging.getLogger("cairn.api")
_POLL_SECONDS: Final = 0.05
_RETRY_SECONDS: Final = 1.0
#: How often it is looked whether a generation has become ready.
_READY_SECONDS: Final = 1.0
#: Positions that are taken in at once.
_AT_ONCE: Final = 20_000


class LiveColumns:
    """The live generation in memory, as soon as it is there. most: bytes that it may take; 0: none.

    One that is ready to become live is loaded too where there is room beside the live one, and one that was
    live before is held as long as there is, so that nobody waits at a promotion or a return.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], freshness: Freshness, most: int) -> None:
        self._connect = connect
        self._freshness = freshness
        self._most = most
        self._columns: Columns | None = None
        #: The one beside it: ready to become live, or live before.
        self._other: Columns | None = None
        #: Generations that there is no room for: live, and beside the live one.
        self._refused = 0
        self._refused_ready = 0
        self._looked = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="columns", daemon=True)

    def start(self) -> None:
        """Begin to load and follow."""
        if self._most:
            self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def generation(self) -> int | None:
        """The generation that is in memory, None while there is none."""
        columns = self._columns
        return None if columns is None else columns.generation

    def told(self) -> dict[str, int | None]:
        """What is in memory: the generation, how far it is taken in, bytes; None while there is nothing."""
        columns = self._columns
        if columns is None:
            return {"generation": None, "position": None, "bytes": 0}
        return {
            "generation": columns.generation,
            "position": columns.state.position,
            "bytes": columns.bytes,
        }

    def answer(self, connection: Connection[Any], query: Query) -> Report | None:
        """A report; None where the database has to be asked (projections/reports.InMemory)."""
        columns = self.held(query.generation)
        if columns is None:
            return None
        from projections.columns import answering

        return answering.answer(columns, connection, query)

    def bridge(self, connection: Connection[Any], query: bridge.Query) -> bridge.Bridge | None:
        """A bridge; None where the database has to be asked (projections/bridge.InMemory)."""
        columns = self.held(query.generation.id)
        if columns is None:
            return None
        from projections.columns.standing import bridging

        return bridging.answer(columns, connection, query)

    def exceptions(
        self, connection: Connection[Any], query: listing.Query, offset: int, limit: int
    ) -> listing.Listing | None:
        """Exceptions; None where the database has to be asked (projections/exceptions/listing.InMemory)."""
        columns = self.held(query.generation.id)
        if columns is None:
            return None
        from projections.columns.standing import excepting

        return excepting.answer(columns, connection, query, offset, limit)

    def latency(self, connection: Connection[Any], query: latency.Query) -> list[latency.Stage] | None:
        """How long stages take; None where the database has to be asked (projections/latency.InMemory)."""
        columns = self.held(query.generation.id)
        if columns is None:
            return None
        from projections.columns.standing import timing

        return timing.answer(columns, connection, query)

    def held(self, generation: int) -> Columns | None:
        """The columns of a generation, None where they are not in memory."""
        for columns in (self._columns, self._other):
            if columns is not None and columns.generation == generation:
                return columns
        return None

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    while not self._stop.wait(_POLL_SECONDS):
                        self._look(connection)
            except (psycopg.Error, OSError) as error:
                if not self._stop.is_set():
                    _log.warning("can't keep reports in memory (%s); trying again", type(error).__name__)
                    self._stop.wait(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - reports go on without
                _log.exception("keeping reports in memory failed; they are read from the database")
                self._columns = self._other = None
                self._stop.wait(_RETRY_SECONDS)

    def _look(self, connection: Connection[Any]) -> None:
        """Load what has become live, or take in what has become known; then what is ready to become live."""
        generation, position = self._freshness.generation, self._freshness.position
        if not generation:
            return
        other = self._other
        if other is not None and other.generation == generation:
            self._columns, self._other = other, self._columns
        columns = self._columns
        if columns is None or columns.generation != generation:
            self._columns = self._other = None  # there may be no room beside it
            if generation != self._refused:
                self._take(connection, generation)
            return
        while columns.state.position < position and not self._stop.is_set():
            upto = min(position, columns.state.position + _AT_ONCE)
            columns.at_least(connection, upto, _AT_ONCE)
        if time.monotonic() - self._looked >= _READY_SECONDS:
            self._looked = time.monotonic()
            self._look_beside(connection, columns)

    def _look_beside(self, connection: Connection[Any], columns: Columns) -> None:
        """Hold the generation that was last made ready; without one, that which was live before."""
        found = [one for one in generations.ready(connection) if generations.halted(one) is None]
        if not found:
            before = generations.before(connection)
            other = self._other
            if other is not None and (
                before is None or other.generation != before.id or columns.bytes + other.bytes > self._most
            ):
                self._other = None
            return
        newest = found[-1]
        if self._other is None or self._other.generation != newest.id:
            self._other = None
            if newest.id != self._refused_ready:
                self._refused_ready = newest.id
                with suppress(MemoryError):
                    self._other = _loaded(connection, newest.id, self._most - columns.bytes)
            return
        upto = min(newest.position, self._other.state.position + _AT_ONCE)
        self._other.at_least(connection, upto, _AT_ONCE)

    def _take(self, connection: Connection[Any], generation: int) -> None:
        try:
            self._columns = _loaded(connection, generation, self._most)
        except MemoryError as error:
            self._refused = generation
            _log.warning("%s: reports are read from the database; see CAIRN_COLUMNS_MEMORY", error)


def _loaded(connection: Connection[Any], generation: int, most: int) -> Columns | None:
    """A generation in memory; None where it is not there. Raises MemoryError where it is too large."""
    from projections.columns.keeping import Columns

    found = Columns.load(connection, generation, most)
    if found is not None:
        _log.info("generation %d is in memory: %d postings", generation, found.size)
    return found
