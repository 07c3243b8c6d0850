"""Latencies read off the columns are those that SQL gives: any span of days, known position, filters."""

import random
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from domain.refusals import Refused
from projections import latency
from projections.generations import Generation
from projections.latency import Query
from scripts.campaigning import serving
from scripts.sample_company import make_sample
from tests.projections.events import Event
from tests.projections.in_memory import Memory, loaded, values_of
from tests.projections.served import House
from tests.projections.stories import crowd
from tests.projections.strategies import stories


class Asking:
    """Questions about latencies, drawn at random."""

    def __init__(
        self, connection: Connection[Any], live: Generation, dice: random.Random, first: date
    ) -> None:
        self._live, self._dice, self._first = live, dice, first
        names = ("customer", "territory", "class", "deal")
        self._values = {
            name: [
                value for value in values_of(connection, live.id, name) if name != "deal" or value != "nobody"
            ]
            for name in names
        }

    def draw(self, known: int) -> Query:
        """A question, as known by a position."""
        dice = self._dice
        days = sorted(self._first + timedelta(days=int(dice.random() * 1_300)) for _ in range(2))
        filters = {
            name: values[int(dice.random() * len(values))]
            for name, values in self._values.items()
            if values and dice.random() < 0.15
        }
        return Query(days[0] if dice.random() < 0.5 else None, days[1], known, self._live, filters)


def same(connection: Connection[Any], memory: Memory, query: Query) -> None:
    """The two answers are the same."""
    with connection.transaction():
        try:
            expected = latency.run(connection, query)
        except Refused:  # the deal of a filter is not known yet
            return
        assert latency.run(connection, query, memory) == expected, query


def test_a_sample_company_has_the_same_latencies_in_memory(house: House) -> None:
    for arrival in make_sample(7, 12, date(2026, 10, 31)).delivery.arrivals:
        with suppress(Refused):  # some of what arrives is quarantined
            house.record([arrival.line])
    live, head = house.project(), house.head()
    memory, dice = loaded(house.connection, live.id), random.Random(3)
    asking = Asking(house.connection, live, dice, date(2023, 10, 1))
    for n in range(60):
        same(house.connection, memory, asking.draw(head if n % 3 else 1 + int(dice.random() * head)))
    # milestones are recorded now, whenever they happened
    same(house.connection, memory, Query(None, date(2100, 1, 1), head, live))
    assert memory.left == 0


def test_a_crowd_of_deals_has_the_same_latencies_while_it_comes_in(house: House) -> None:
    events = crowd(2, 8, 12)
    house.record(events[: len(events) // 2])
    live, dice = house.project(), random.Random(2)
    memory = loaded(house.connection, live.id)
    for upto in range(len(events) // 2, len(events), 5):
        house.record(events[upto : upto + 5])
        live = house.project()
        asking = Asking(house.connection, live, dice, date(2023, 12, 1))
        for known in (house.head(), 1 + int(dice.random() * house.head())):
            same(house.connection, memory, asking.draw(known))
            same(house.connection, memory, Query(None, date(2100, 1, 1), known, live))
    assert memory.left == 0


@given(stories(), st.randoms(use_true_random=False))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_story_has_the_same_latencies_at_every_prefix(
    server_url: str, told: list[Event], dice: random.Random
) -> None:
    serving.use(server_url)
    with serving.house() as here:
        here.record(told)
        live = here.project()
        memory = loaded(here.connection, live.id)
        asking = Asking(here.connection, live, dice, date(2023, 12, 1))
        for known in range(here.head() + 1):
            same(here.connection, memory, asking.draw(known))
            same(here.connection, memory, Query(None, date(2100, 1, 1), known, live))
