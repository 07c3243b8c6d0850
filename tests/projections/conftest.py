"""A tenant on the real server, empty or with a story in it."""

from collections.abc import Iterator

import pytest

from tests.projections.served import House


@pytest.fixture
def house(database_url: str, fresh_schema: str) -> Iterator[House]:
    """An empty tenant."""
    made = House(database_url, fresh_schema)
    yield made
    made.close()
