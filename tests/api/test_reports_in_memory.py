"""A report is answered the same from memory, with one statement, as from the database in one moment."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from psycopg import Connection

from api import parameters, reporting
from tests.projections.in_memory import Memory, loaded
from tests.projections.served import House
from tests.projections.stories import crowd

_ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("billing", {}),
    ("billing", {"from": "2024-01-01", "to": "2024-12-31", "by": "month,customer"}),
    ("bookings", {"from": "2024-01-01", "to": "2024-12-31", "by": "product,currency", "limit": "2"}),
    ("bookings", {"from": "2024-01-01", "by": "class,quarter", "product": ""}),
    ("collections", {"at": "2024-06-30", "by": "deal", "customer": "nobody & {co} %+ü"}),
    ("backlog", {"at": "2024-06-30", "by": "territory,product", "basis": "restated"}),
    ("backlog", {"at": "2024-06-30", "known_position": "5"}),
    ("backlog", {"at": "2024-06-30", "known_position": "0"}),
    ("backlog", {"at": "2024-06-30", "known_at": "2100-01-01T00:00:00Z"}),
    ("backlog", {"at": "2024-06-30", "known_at": "1990-01-01T00:00:00Z"}),
    ("billing", {"to": "2024-06-30", "basis": "as_reported", "by": "year,deal", "from": "2023-12-01"}),
    ("billing", {"at": "2024-06-30", "policy": "default@1", "by": "customer"}),
    ("billing", {"at": "2024-06-30", "currency": "EUR", "rate": "closing", "by": "customer"}),
    ("arr", {"from": "2024-01-01", "to": "2024-12-31", "by": "quarter", "currency": "EUR"}),
)


@pytest.fixture
def told(database_url: str, fresh_schema: str) -> Iterator[tuple[House, Memory]]:
    """A crowd of deals, in memory."""
    house = House(database_url, fresh_schema)
    house.record(crowd(3, 6, 10))
    yield house, loaded(house.connection, house.project().id)
    house.close()


@pytest.mark.parametrize(("view", "sent"), _ASKED)
def test_a_report_from_memory_is_the_one_of_the_database(
    told: tuple[House, Memory], view: str, sent: dict[str, str]
) -> None:
    house, memory = told
    question = parameters.question(view, sent.items(), date(2025, 1, 1))
    found = reporting.report(house.connection, question, memory)
    expected = reporting.report(house.connection, question)
    assert found == expected
    assert [[*row] for row in found["rows"]] == [[*row] for row in expected["rows"]]
    while found["next"] is not None:
        question = question._replace(cursor=found["next"])
        found = reporting.report(house.connection, question, memory)
        assert found == reporting.report(house.connection, question)


def test_a_report_from_memory_asks_the_database_once(
    told: tuple[House, Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, memory = told
    asked: list[Any] = []
    execute = Connection.execute

    def counted(self: Connection[Any], query: Any, *values: Any, **options: Any) -> Any:
        asked.append(query)
        return execute(self, query, *values, **options)

    monkeypatch.setattr(Connection, "execute", counted)
    question = parameters.question("billing", [("at", "2024-06-30"), ("by", "product")], date(2025, 1, 1))
    assert reporting.report(house.connection, question, memory)["rows"]
    assert len(asked) == 1
    assert memory.left == 0


def test_a_position_that_is_not_recorded_is_refused_with_memory_too(told: tuple[House, Memory]) -> None:
    house, memory = told
    asked = {"at": "2024-06-30", "known_position": str(house.head() + 1)}
    question = parameters.question("backlog", asked.items(), date(2025, 1, 1))
    with pytest.raises(parameters.ParameterRefused, match="is not recorded yet"):
        reporting.report(house.connection, question, memory)
