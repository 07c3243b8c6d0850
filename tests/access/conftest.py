"""A ledger whose callers have keys, and one client for each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.running import PATIENCE, serving

_numbers = count(1)


class Gate(NamedTuple):
    """A served ledger. operator: with the token of the tests."""

    operator: httpx.Client
    schema: str

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.operator.base_url)

    def key(self, name: str, *roles: str, **more: Any) -> str:
        """A new key: its text."""
        answer = self.operator.post("/v1/keys", json={"name": name, "roles": list(roles), **more})
        assert answer.status_code == 201, answer.text
        text: str = answer.json()["key"]
        return text

    def presenting(self, text: str | None) -> httpx.Client:
        """A client that presents this, or nothing; it closes by `with`."""
        headers = {} if text is None else {"Authorization": f"Bearer {text}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    def caller(self, name: str, *roles: str, **more: Any) -> httpx.Client:
        """A client with a new key; it closes by `with`."""
        return self.presenting(self.key(name, *roles, **more))


@pytest.fixture(scope="module")
def gates(server_url: str) -> Iterator[Callable[..., Gate]]:
    """Makes ledgers with settings of a test's own, which last as long as the module's tests."""
    with ExitStack() as open_:
        yield lambda **given: open_.enter_context(_gate(server_url, **given))


@pytest.fixture(scope="module")
def gate(server_url: str) -> Iterator[Gate]:
    """A ledger that the tests of a module share: each makes keys of its own."""
    with _gate(server_url) as found:
        yield found


@contextmanager
def _gate(server_url: str, **given: Any) -> Iterator[Gate]:
    schema = f"gate_{os.getpid():x}_{next(_numbers):x}"
    try:
        with serving(server_url, schema, **given) as client:
            yield Gate(client, schema)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
