"""A ledger in a schema of its own, with a tree that grows when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from adapters.transparency import building
from adapters.transparency.keys import Signer, make_key
from domain.ledger import Ledger
from tests.ingest.conftest import open_ledger
from tests.ingest.messages import ready, stream_of_events

ORIGIN = "cairn/test/0a1b2c3d"
Record = Callable[..., None]


@pytest.fixture
def schema(database_url: str, fresh_schema: str) -> str:
    """A schema with all migrations run."""
    migrate(database_url, fresh_schema)
    return fresh_schema


@pytest.fixture
def ledger(database_url: str, schema: str) -> Iterator[Ledger]:
    opened = open_ledger(database_url, schema)
    yield opened
    opened.close()


@pytest.fixture
def connection(database_url: str, schema: str) -> Iterator[Connection[Any]]:
    """As the application's role, in autocommit."""
    conninfo = conninfo_for(database_url, schema, application_name="cairn test")
    with psycopg.connect(conninfo, autocommit=True) as opened:
        yield opened


@pytest.fixture
def owner(database_url: str, schema: str) -> Iterator[Connection[Any]]:
    """As the superuser, in the schema: somebody who goes past the application."""
    options = f"-c search_path={schema} -c lock_timeout=5s"
    with psycopg.connect(database_url, autocommit=True, options=options) as opened:
        yield opened


@pytest.fixture
def record(ledger: Ledger) -> Record:
    """Records so many milestones, in commits of so many."""
    begun = 0

    def into(number: int, each: int = 100) -> None:
        nonlocal begun
        while number > 0:
            some = min(number, each)
            ledger.record(ready(ledger, *stream_of_events(some, tag=f"d{begun}")))
            begun += 1
            number -= some

    return into


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    path = tmp_path / "signing.key"
    make_key(path)
    return Signer(path, ORIGIN)


def grow(connection: Connection[Any], limit: int = building.BATCH) -> None:
    """Take everything that is in the log into the tree."""
    while building.build(connection, limit):
        pass
