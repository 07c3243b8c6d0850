"""What every test may ask for: a real PostgreSQL, a schema of its own, and the shared samples.

Belongs here: fixtures of the whole house, and the Hypothesis profiles. What only one room's tests need stands
beside them.

The database is an embedded one in a temporary folder, made once a run, or the server that
CAIRN_TEST_DATABASE_URL names. Tests share one database; each has a schema of its own in it, as tenants have.
"""

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from adapters.postgres.embedded import EmbeddedServer

SHARED = Path(__file__).resolve().parents[2] / "shared"

settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

_schema_numbers = count(1)

#: Files that take longest, each a few tests with many processes: begun first, so that at the end of a run no
#: worker waits long for another.
FIRST = (
    "house/test_bench.py", "tenants/test_isolation.py", "access/test_starting.py",
    "api/test_schema_conformance.py", "transparency/test_commands.py", "remapping/test_commands.py",
    "audit/test_reports.py", "api/test_cli.py", "api/test_crashes.py", "api/test_completeness.py",
    "ingest/test_import.py", "sources/test_real_sets.py", "api/test_history.py", "api/test_generations.py",
    "api/test_preview.py", "feeds/test_processes.py", "webhooks/test_processes.py", "audit/test_commands.py",
    "personal/test_commands.py", "house/test_campaign.py", "hardening/test_secrets.py",
    "api/test_exceptions.py", "api/test_generation_named.py", "api/test_operations.py",
    "trail/test_reading.py", "api/test_demo.py", "audit/test_every_byte.py", "api/test_verifying.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    folder = Path(__file__).parent
    ranks = {str(folder / name): rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(str(item.path), len(FIRST)))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a database, in which the session's role may make schemas and roles."""
    if named := os.environ.get("CAIRN_TEST_DATABASE_URL"):
        yield named
        return
    with (
        tempfile.TemporaryDirectory(prefix="cairn-test-") as folder,
        EmbeddedServer(Path(folder), settings={"shared_buffers": "64MB"}) as url,
    ):
        yield url


@pytest.fixture
def fresh_schema(server_url: str) -> Iterator[str]:
    """A schema name that nobody else has. The schema is not there yet, and is dropped after the test."""
    name = f"t_{os.getpid():x}_{next(_schema_numbers):x}"
    yield name
    with psycopg.connect(server_url, autocommit=True) as connection:
        # a test that left a transaction open must not hang the run
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def database_url(server_url: str, fresh_schema: str) -> str:
    """The server's URL, for a test that has `fresh_schema` to itself; it is not in the search path."""
    return server_url


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of sample records and scenarios beside the repository; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip(f"no samples at {SHARED}: they are not part of this repository")
    return SHARED
