"""Wiring: one ledger put together from its parts, and taken apart again in the right order.

Belongs here: which database, which recorder, which threads. Does not belong here: what any part does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import psycopg
from psycopg import Connection
from starlette.concurrency import run_in_threadpool

from adapters.feeds.tallies import Tallies
from adapters.intake import Intake
from adapters.postgres import tenants
from adapters.postgres.connections import connect, conninfo_for
from adapters.postgres.embedded import EmbeddedServer
from api import attesting, reading
from api.access.ring import KeyRing
from api.checkpoints import Plan, plan_of
from api.columns import LiveColumns
from api.freshness import Freshness
from api.metrics import Metrics
from api.parameters import Known
from api.personal import protection_of
from api.previewing import Previews
from api.rebuilding import Rebuilds
from api.settings import Settings, feeds_of
from api.trail import Trail
from domain.ledger import Ledger

P = ParamSpec("P")
R = TypeVar("R")

_RECORDER: Final = "adapters.postgres.recorder"
POOL_SIZE: Final = 10
#: Seconds that a request waits for a connection, and that a question about the server's own health does.
PATIENCE: Final = 5.0
PATIENCE_OF_PROBES: Final = 2.0


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The database of these settings, started and stopped where it is the embedded one: its URL."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with EmbeddedServer(settings.folder) as url:
        yield url


def connection_to(url: str, schema: str, name: str) -> Connection[Any]:
    """A connection of its own to the schema, as the application's role, in autocommit."""
    return psycopg.connect(conninfo_for(url, schema, application_name=f"cairn {name}"), autocommit=True)


def freshness_of(url: str, schema: str) -> Freshness:
    """What follows the ledger of a schema, on a connection of its own. Start it before use."""
    return Freshness(
        lambda: connection_to(url, schema, "freshness"), schema, lambda: tenants.is_gone(url, schema)
    )


def ledger_on(url: str, schema: str) -> Ledger:
    """The application over the log of a schema. Close it after use."""
    return Ledger({"PERSISTENCE_MODULE": _RECORDER, "DATABASE_URL": url, "DATABASE_SCHEMA": schema})


class House:
    """What the API stands on: the way in, the way out, and what is counted. Use as a context manager."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self.schema = settings.tenant
        self.url = url
        self.feeds = feeds_of(settings)
        self.metrics = Metrics()
        self.pool = connect(
            url, self.schema, application_name="cairn api", max_size=POOL_SIZE, timeout=PATIENCE
        )
        self.ledger = ledger_on(url, self.schema)
        self.intake = Intake(
            self.ledger, self.pool, observe=self.metrics.committed, keeps_ignored=settings.keep_ignored,
            personal=protection_of(settings, self.pool),
        )  # fmt: skip
        self.trail = Trail.of(self.intake, self.schema)
        self.plan: Plan = plan_of(settings)
        self.keys = KeyRing(lambda: connection_to(url, self.schema, "keys"), self.schema)
        self.tallies = Tallies(self.pool)
        self.freshness = freshness_of(url, self.schema)
        self.columns = LiveColumns(
            lambda: connection_to(url, self.schema, "columns"), self.freshness, settings.columns
        )
        self.rebuilds = Rebuilds(url, self.schema, settings.log)
        self.previews = Previews()

    def __enter__(self) -> Self:
        attesting.expect(self.pool, self.feeds)
        self.keys.start()
        self.freshness.start()
        self.columns.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.trail.close()  # before the intake, which records what it has counted
        self.intake.close()  # finishes what was accepted
        self.tallies.close()
        self.rebuilds.close()
        self.columns.stop()
        self.keys.stop()
        self.freshness.stop()
        self.ledger.close()
        self.pool.close()

    def read(
        self, function: Callable[Concatenate[Connection[Any], P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a function that only reads with a connection of the pool before its other arguments.

        Where the connection turns out to be broken, as after a restart of the server, it is called once more.
        """
        self.freshness.check()
        used: Connection[Any] | None = None
        try:
            with self.pool.connection() as used:
                return function(used, *args, **kwargs)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            if used is None or not used.broken:
                raise
        self.pool.check()  # others broke with it
        with self.pool.connection() as again:
            return function(again, *args, **kwargs)

    def probe(self, function: Callable[[Connection[Any]], R]) -> R:
        """As `read`, for questions whose answer may be that there is no database. Raises PoolTimeout soon."""
        with self.pool.connection(timeout=PATIENCE_OF_PROBES) as connection:
            return function(connection)

    async def until(self, known: Known, at_least: int | None, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until reports hold what is asked for. Raises NotYetProjected."""
        self.freshness.check()
        wanted = at_least or 0
        seen = self.freshness.position
        if known.instant is not None or (known.position is not None and known.position > seen):
            wanted = max(wanted, await run_in_threadpool(self.read, reading.log_position, known))
        if wanted > seen:
            await self.freshness.wait(wanted, timeout)
