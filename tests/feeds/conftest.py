"""A source system to be asked, and a ledger to put its records in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from adapters.feeds.tallies import Tallies
from tests.feeds.server import Answer, SourceServer, source_server
from tests.ingest.conftest import ask, intake, ledger, owner, pool, schema

__all__ = ["ask", "intake", "ledger", "owner", "pool", "schema"]


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server(lambda asked: Answer(404)) as found:
        yield found


@pytest.fixture
def tallies(pool: ConnectionPool[Any]) -> Iterator[Tallies]:
    with Tallies(pool) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    return made
