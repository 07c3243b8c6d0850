"""A ledger that the tests of a module share."""

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
    schema = f"hard_{os.getpid():x}_{next(_numbers):x}"
    try:
        with serving(server_url, schema) as found:
            yield found
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
