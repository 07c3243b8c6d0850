"""The live generation in memory beside the API: loaded, followed, replaced by the next one, and left away."""

import time
from collections.abc import Callable

import pytest

from api.columns import LiveColumns
from api.freshness import Freshness
from projections import rebuild, reports
from tests.projections.asking import query
from tests.projections.served import House
from tests.projections.stories import usual


@pytest.fixture
def told(database_url: str, fresh_schema: str) -> House:
    """A ledger with two deals."""
    house = House(database_url, fresh_schema)
    house.record([*usual("001"), *usual("002", day=2)])
    house.project()
    return house


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def test_the_live_generation_is_loaded_followed_and_replaced(told: House) -> None:
    freshness = Freshness(told.connect, told.schema)
    columns = LiveColumns(told.connect, freshness, 1 << 28)
    freshness.start()
    columns.start()
    try:
        first = told.live().id
        until(lambda: columns.generation == first)
        question = query(told, "billing", None, "2024-06-30", by=("customer",))
        assert columns.answer(told.connection, question) is not None
        told.record(usual("003", day=3))
        told.project()
        question = query(told, "billing", None, "2024-06-30", by=("customer",))
        assert columns.answer(told.connection, question) == reports.run(told.connection, question)
        rebuilt = rebuild.rebuild(told.conninfo, told.schema, workers=1).generation
        until(lambda: columns.generation == rebuilt)
        assert columns.answer(told.connection, question) is None, "that generation is not in memory any more"
    finally:
        columns.stop()
        freshness.stop()
        told.close()


def test_without_memory_the_database_answers(told: House) -> None:
    freshness = Freshness(told.connect, told.schema)
    columns = LiveColumns(told.connect, freshness, 0)
    columns.start()
    try:
        question = query(told, "billing", None, "2024-06-30")
        assert columns.answer(told.connection, question) is None
        assert reports.run(told.connection, question, columns).rows
    finally:
        columns.stop()
        told.close()
