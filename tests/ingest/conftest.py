"""A ledger in a schema of its own, for tests of the way in."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from domain.ledger import Ledger

Rows = list[tuple[Any, ...]]
Ask = Callable[..., Rows]


def open_ledger(database_url: str, schema: str, **settings: str) -> Ledger:
    """A ledger over the recorder of this schema's log."""
    return Ledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "DATABASE_URL": database_url,
            "DATABASE_SCHEMA": schema,
            **settings,
        }
    )


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
def pool(database_url: str, schema: str) -> Iterator["ConnectionPool[Any]"]:
    opened = connect(database_url, schema, application_name="test", max_size=4)
    yield opened
    opened.close()


@pytest.fixture
def ask(pool: "ConnectionPool[Any]") -> Ask:
    """Rows of a query, as the application's role."""

    def rows(query: str, *parameters: Any) -> Rows:
        with pool.connection() as connection:
            found: Rows = connection.execute(query.encode(), parameters).fetchall()
            return found

    return rows


@pytest.fixture
def owner(database_url: str, schema: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection of the login role, in the schema, in autocommit."""
    with psycopg.connect(
        database_url, autocommit=True, options=f"-c search_path={schema} -c lock_timeout=5s"
    ) as connection:
        yield connection


@pytest.fixture
def intake(ledger: Ledger, pool: "ConnectionPool[Any]") -> Iterator[Intake]:
    with Intake(ledger, pool) as opened:
        yield opened
