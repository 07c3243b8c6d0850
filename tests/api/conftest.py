"""Ledgers for the tests of the edges: one that the tests of a module share, and one that a test has alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.running import serving

_numbers = count(1)


@pytest.fixture(scope="module")
def client(server_url: str) -> Iterator[httpx.Client]:
    """A ledger that the tests of a module share: each uses messages of its own."""
    schema = f"api_{os.getpid():x}_{next(_numbers):x}"
    try:
        with serving(server_url, schema) as found:
            yield found
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture
def sql_client(database_url: str, fresh_schema: str) -> Iterator[httpx.Client]:
    """As `lone_client`, and nothing is held in memory: a test changes what stands in the tables."""
    with serving(database_url, fresh_schema, columns=0) as found:
        yield found


@pytest.fixture
def lone_client(database_url: str, fresh_schema: str) -> Iterator[httpx.Client]:
    """An empty ledger that one test has alone."""
    with serving(database_url, fresh_schema) as found:
        yield found
