"""How far the reports have come: one thread that listens to the projector, and callers who wait for it.

Belongs here: `at_least`, so that whoever wrote can read what they wrote. Does not belong here: projecting.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from adapters.postgres.statements import statements
from projections import generations
from projections.projector import projected_channel

_log: Final = logging.getLogger("cairn.api")
_POLL_SECONDS: Final = 0.5
_MARK: Final = statements("transparency")["mark"]


class LedgerGone(RuntimeError):
    """The ledger that this process serves was dropped; one of the same name is another."""


class NotYetProjected(TimeoutError):
    """The reports have not come as far as the caller wants to see."""


class Freshness:
    """Follows the live generation. position: the last one that it has taken in, as heard last.

    halted: why it takes in nothing more, None where it does. is_gone: asked where no connection can be had,
    whether the ledger was dropped. gone: that it was, or is another now; `on_gone` is called then.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        schema: str,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> None:
        self.position = 0
        self.generation = 0
        self.halted: str | None = None
        self.gone: str | None = None
        self.on_gone: Callable[[], None] = lambda: None
        self._mark: str | None = None
        self._schema = schema
        self._is_gone = is_gone
        self._connect = connect
        self._channel = projected_channel(schema)
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="freshness", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; whoever waits is told that it took too long."""
        self._stop.set()
        self._thread.join(timeout=10)

    async def wait(self, position: int, timeout: float) -> None:  # noqa: ASYNC109 - the caller's own parameter
        """Return once reports have taken in `position`. Raises NotYetProjected after `timeout` seconds."""
        if self.position >= position:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        entry = (position, loop, future)
        with self._lock:
            self._waiting.append(entry)
        self._tell()
        try:
            await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise NotYetProjected(
                f"position {position} was not projected within {timeout:g} s: "
                + (self.halted or f"the reports stand at {self.position}; try again, or look at /readyz")
            ) from None
        finally:
            with self._lock:
                if entry in self._waiting:
                    self._waiting.remove(entry)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
                    self._listen(connection)
            except (psycopg.Error, OSError) as error:
                if not self._stop.is_set():
                    _log.warning("can't follow the projector (%s); trying again", type(error).__name__)
                    self._look()
                    self._stop.wait(_POLL_SECONDS)

    def _listen(self, connection: Connection[Any]) -> None:
        while not self._stop.is_set():
            self._recognise(connection)
            live = generations.live(connection)
            if live is not None:
                self.position, self.generation = live.position, live.id
                self.halted = generations.halted(live)
                self._tell()
            for _ in connection.notifies(timeout=_POLL_SECONDS, stop_after=1):
                pass

    def check(self) -> None:
        """Raises LedgerGone."""
        if self.gone is not None:
            raise LedgerGone(self.gone)

    def _recognise(self, connection: Connection[Any]) -> None:
        """By its mark, which no other ledger has."""
        try:
            row = connection.execute(_MARK).fetchone()
        except psycopg.errors.UndefinedTable:
            if self._mark is not None:
                self._end()
            return
        mark = None if row is None else str(row[0])
        if self._mark is not None and mark != self._mark:
            self._end()
        self._mark = mark

    def _look(self) -> None:
        with suppress(psycopg.Error):
            if self._is_gone():
                self._end()

    def _end(self) -> None:
        self.gone = (
            f"the ledger in schema {self._schema} was dropped, and what is there now is not it: this process"
            " ends; start it anew to serve a ledger that was made since"
        )
        _log.error("%s", self.gone)
        self._stop.set()
        self.on_gone()

    def _tell(self) -> None:
        with self._lock:
            reached = [entry for entry in self._waiting if entry[0] <= self.position]
            self._waiting = [entry for entry in self._waiting if entry[0] > self.position]
        for _, loop, future in reached:
            loop.call_soon_threadsafe(_settle, future)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
