"""A served ledger for each test of the trail, and one that a module shares."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.running import serving


@pytest.fixture
def lone_client(database_url: str, fresh_schema: str) -> Iterator[httpx.Client]:
    """An empty ledger that one test has alone."""
    with serving(database_url, fresh_schema) as found:
        yield found
