"""The bridge read off the columns is the one that SQL gives: any day, known position, groups, filters."""

import random
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from domain.refusals import Refused
from projections import bridge
from projections.bridge import Query
from projections.dimensions import GROUPS
from projections.generations import Generation
from scripts.campaigning import serving
from scripts.sample_company import make_sample
from tests.projections import revising as r
from tests.projections.asking import into
from tests.projections.events import Event
from tests.projections.in_memory import READ_UNDER, Memory, loaded, values_of
from tests.projections.served import House
from tests.projections.stories import crowd
from tests.projections.strategies import stories

RATES = ("closing", "constant:2024-06-01")


class Asking:
    """Questions about the bridge of a generation, drawn at random."""

    def __init__(
        self, connection: Connection[Any], live: Generation, dice: random.Random, first: date, days: int
    ) -> None:
        self._live, self._dice, self._first, self._days = live, dice, first, days
        names = ("customer", "territory", "class", "currency")
        self._values = {name: values_of(connection, live.id, name) for name in names}
        self._values["deal"] = [
            name for name in values_of(connection, live.id, "deal") if name not in ("", "nobody")
        ]

    def _one(self, choices: Any) -> Any:
        return choices[int(self._dice.random() * len(choices))]

    def draw(self, known: int) -> Query:
        """A question, as known by a position."""
        dice = self._dice
        by = [name for name in GROUPS if dice.random() < 0.25]
        dice.shuffle(by)
        only = {
            name: self._one(values)
            for name, values in self._values.items()
            if values and dice.random() < 0.12
        }
        rate = into(self._one(("EUR", "JPY", "GBP")), self._one(RATES)) if dice.random() < 0.3 else None
        if rate is not None:
            only.pop("currency", None)
        return Query(
            self._first + timedelta(days=int(dice.random() * self._days)),
            known,
            self._live._replace(policies=self._one(READ_UNDER)),
            tuple(by) or ("deal",),
            only,
            limit=self._one((1, 3, 50, 1_000)),
            offset=self._one((0, 0, 0, 2)),
            basis=self._one(("restated", "restated", "as_reported")),
            convert=rate,
        )


def same(connection: Connection[Any], memory: Memory, query: Query) -> None:
    """The two answers are the same, to the order of rows."""
    with connection.transaction():
        try:
            expected = bridge.run(connection, query)
        except Refused as refused:  # the deal of a filter is not known yet
            with pytest.raises(type(refused)):
                bridge.run(connection, query, memory)
            return
        found = bridge.run(connection, query, memory)
    assert found == expected, query


def test_a_sample_company_has_the_same_bridge_in_memory(house: House) -> None:
    for arrival in make_sample(7, 12, date(2026, 10, 31)).delivery.arrivals:
        with suppress(Refused):  # some of what arrives is quarantined
            house.record([arrival.line])
    live, head = house.project(), house.head()
    memory, dice = loaded(house.connection, live.id), random.Random(3)
    asking = Asking(house.connection, live, dice, date(2023, 10, 1), 1_300)
    for n in range(80):
        same(house.connection, memory, asking.draw(head if n % 3 else 1 + int(dice.random() * head)))
    assert memory.left == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_of_deals_has_the_same_bridge_while_it_comes_in(house: House, seed: int) -> None:
    events = crowd(seed, 8, 12)
    extras = (
        r.merged("2024-03-05", "C-1", "C-2"), r.closed("2024-04-06", "2024-03"),
        r.rate("2024-02-01", "USD", "EUR", "0.91"), r.rate("2024-07-01", "USD", "EUR", "0.87"),
    )  # fmt: skip
    for n, extra in enumerate(extras, 1):
        events.insert(len(events) * n // 5, extra)
    house.record(events[: len(events) // 2])
    live, dice = house.project(), random.Random(seed)
    memory = loaded(house.connection, live.id)
    for upto in range(len(events) // 2, len(events), 5):
        house.record(events[upto : upto + 5])
        live = house.project()
        asking = Asking(house.connection, live, dice, date(2023, 12, 1), 800)
        for _ in range(4):
            same(house.connection, memory, asking.draw(house.head()))
            same(house.connection, memory, asking.draw(1 + int(dice.random() * house.head())))
    assert memory.left == 0


@given(stories(), st.randoms(use_true_random=False))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_story_has_the_same_bridge_at_every_prefix(
    server_url: str, told: list[Event], dice: random.Random
) -> None:
    serving.use(server_url)
    with serving.house() as here:
        here.record(told)
        live = here.project()
        memory = loaded(here.connection, live.id)
        asking = Asking(here.connection, live, dice, date(2023, 12, 1), 800)
        for known in range(here.head() + 1):
            for _ in range(3):
                same(here.connection, memory, asking.draw(known))
