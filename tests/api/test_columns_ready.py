"""A generation that is ready is held beside the live one, for when it becomes live."""

import time

import pytest

from api.columns import LiveColumns
from api.freshness import Freshness
from projections import generations, promoting, reports
from projections.columns.keeping import Columns
from tests.api.test_columns import until
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


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The generations that are loaded from the database, in order."""
    found: list[int] = []
    load = Columns.load.__func__  # type: ignore[attr-defined] # the function below the class method

    def counted(cls: type[Columns], connection: object, generation: int, most: int) -> Columns | None:
        found.append(generation)
        loaded: Columns | None = load(cls, connection, generation, most)
        return loaded

    monkeypatch.setattr(Columns, "load", classmethod(counted))
    return found


def test_a_ready_generation_answers_from_memory_at_once_when_it_becomes_live(
    told: House, loads: list[int]
) -> None:
    live, ready = told.live(), told.built()
    generations.become_ready(told.connection, ready)
    freshness = Freshness(told.connect, told.schema)
    columns = LiveColumns(told.connect, freshness, 1 << 28)
    freshness.start()
    columns.start()
    try:
        until(lambda: columns.generation == live.id and ready in loads)
        question = query(told, "billing", None, "2024-06-30", by=("customer",))._replace(generation=ready)
        until(lambda: columns.answer(told.connection, question) is not None)
        with told.connection.transaction():
            generations.promote(told.connection, ready)
        until(lambda: columns.generation == ready)
        assert columns.answer(told.connection, question) == reports.run(told.connection, question)
        assert loads == [live.id, ready], "it was not loaded again"
        assert columns.told()["generation"] == ready
    finally:
        columns.stop()
        freshness.stop()
        told.close()


def test_the_generation_before_answers_from_memory_at_once_after_a_return(
    told: House, loads: list[int]
) -> None:
    before, ready = told.live(), told.built()
    generations.become_ready(told.connection, ready)
    freshness = Freshness(told.connect, told.schema)
    columns = LiveColumns(told.connect, freshness, 1 << 28)
    freshness.start()
    columns.start()
    try:
        until(lambda: columns.generation == before.id and ready in loads)
        with told.connection.transaction():
            generations.promote(told.connection, ready)
        until(lambda: columns.generation == ready)
        question = query(told, "billing", None, "2024-06-30", by=("customer",))._replace(generation=before.id)
        time.sleep(1.5)  # it has been looked since what stands beside the live one
        assert columns.answer(told.connection, question) == reports.run(told.connection, question)
        told.record([*usual("003", day=3)])
        promoting.return_(told.connection, told.schema)
        until(lambda: columns.generation == before.id)
        later = question._replace(known=told.live().position)
        until(lambda: columns.answer(told.connection, later) is not None)
        assert columns.answer(told.connection, later) == reports.run(told.connection, later)
        assert loads == [before.id, ready], "it was not loaded again"
    finally:
        columns.stop()
        freshness.stop()
        told.close()
