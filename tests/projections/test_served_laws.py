"""The laws of order on the real server: the recorder, the projector and every report behind them."""

import json
import random
from datetime import date

import pytest

from projections import bridge
from scripts.campaigning import serving
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.served import House


@pytest.fixture
def server(server_url: str) -> str:
    """The server, named to the properties that make schemas of their own on it."""
    serving.use(server_url)
    return server_url


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_ledgers_that_took_in_the_same_in_other_orders_report_the_same(seed: int) -> None:
    story = serving.drawn(random.Random(seed))
    reports = {}
    for order in (story, story[::-1]):
        with serving.house() as here:
            here.record(order)
            reports[order is story] = serving.answers(
                here, here.project().id, here.head(), [date(2024, 6, 30), date(2025, 6, 30)], ("restated",)
            )
    assert reports[True] == reports[False]


def _bridge(events: list[Event], on: str) -> str:
    with serving.house() as here:
        here.record(events)
        return _told(here, on)


def _told(here: House, on: str) -> str:
    here.project()
    query = bridge.Query(date.fromisoformat(on), here.head(), here.live())
    return json.dumps(bridge.run(here.connection, query).rows)


@pytest.mark.usefixtures("server")
def test_a_repeated_order_number_does_not_change_the_bridge_by_arriving_first() -> None:
    term = ("2025-01-01", "2025-12-31")
    story = [
        e.accepted("2024-01-01", e.line("B", "40.00", *term, quantity="1", recognition="on_activation")),
        e.renewed("2024-06-29", e.line("B", "33.33", "2024-01-01", "2024-12-31"), order="SO-1"),
    ]
    assert _bridge(story, "2025-08-30") == _bridge(story[::-1], "2025-08-30")
