"""Exceptions read off the columns are those that SQL gives: any day, known position, page, filters."""

import random
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from domain.policies import DEFAULT_POLICIES
from domain.refusals import Refused
from projections.exceptions.codes import BY_CODE, OWNERS
from projections.exceptions.handling import STATUSES
from projections.exceptions.listing import DIMENSIONS, Query, exceptions, listed
from projections.generations import Generation
from scripts.campaigning import serving
from scripts.sample_company import make_sample
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.excepted import handled
from tests.projections.in_memory import Memory, having, loaded, values_of
from tests.projections.served import House
from tests.projections.stories import crowd
from tests.projections.strategies import stories

_POLICIES = (
    DEFAULT_POLICIES,
    DEFAULT_POLICIES,
    having(
        ("2024-02-09", {"proration": "monthly"}),
        ("2024-06-15", {"sla_hours": {"WON_NO_ORDER": 1, "BILLING_OVERDUE": 72}}),
    ),
)


class Asking:
    """Questions about the exceptions of a generation, drawn at random."""

    def __init__(
        self, connection: Connection[Any], live: Generation, dice: random.Random, first: date, days: int
    ) -> None:
        self._live, self._dice, self._first, self._days = live, dice, first, days
        self._values = {name: values_of(connection, live.id, name) for name in DIMENSIONS}

    def one(self, choices: Any) -> Any:
        """One of several."""
        return choices[int(self._dice.random() * len(choices))]

    def draw(self, known: int) -> Query:
        """A question, as known by a position."""
        dice = self._dice
        some = [name for name, values in self._values.items() if values and dice.random() < 0.06]
        return Query(
            self._first + timedelta(days=int(dice.random() * self._days)),
            known,
            self._live._replace(policies=self.one(_POLICIES)),
            tuple(code for code in BY_CODE if dice.random() < 0.3) if dice.random() < 0.2 else (),
            self.one((STATUSES, STATUSES[:-1], STATUSES[-1:], STATUSES[:1])),
            (self.one(OWNERS), self.one(OWNERS)) if dice.random() < 0.1 else (),
            filters={name: self.one(self._values[name]) for name in some},
            currency=self.one((None, None, None, "EUR", "USD", "JPY")),
        )


def same(connection: Connection[Any], memory: Memory, asking: Asking, query: Query) -> None:
    """The two answers are the same, to the order of rows."""
    with connection.transaction():
        size = listed(connection, query, 0, 0).size
        for offset, limit in ((0, 1_000), (int(size * 0.4), 2), (asking.one((0, 1, 3)), asking.one((1, 5)))):
            expected = listed(connection, query, offset, limit)
            assert listed(connection, query, offset, limit, memory) == expected, query


@pytest.fixture
def company(house: House) -> House:
    """A sample company in the order in which its messages arrive, some of its exceptions handled."""
    for arrival in make_sample(7, 12, date(2026, 10, 31)).delivery.arrivals:
        with suppress(Refused):  # some of what arrives is quarantined
            house.record([arrival.line])
    live = house.project()
    for day in (date(2025, 3, 31), date(2026, 6, 30)):
        for n, one in enumerate(exceptions(house.connection, Query(day, house.head(), live))[::3]):
            kind = ("acknowledged", "resolved", "assigned")[n % 3]
            house.record([handled(kind, f"{day}", one.id, "ann")])
        live = house.project()
    return house


def test_a_sample_company_has_the_same_exceptions_in_memory(company: House) -> None:
    live, head = company.live(), company.head()
    memory, dice = loaded(company.connection, live.id), random.Random(3)
    asking = Asking(company.connection, live, dice, date(2023, 10, 1), 1_300)
    for n in range(40):
        query = asking.draw(head if n % 3 else 1 + int(dice.random() * head))
        same(company.connection, memory, asking, query)
    assert memory.left == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_of_deals_has_the_same_exceptions_while_it_comes_in(house: House, seed: int) -> None:
    events = crowd(seed, 8, 12)
    extras = (
        r.merged("2024-03-05", "C-1", "C-2"),
        r.closed("2024-04-06", "2024-03"),
        e.event(
            "product.mapped", "2024-01-01", "product/P-1", by="erp/netsuite/acme", deal=None, sku="P-1",
            product="PRODUCT-1",
        ),
        e.event(
            "customer.approved", "2024-01-01", "customer/C-9", by="mdm/reltio/acme", deal=None, customer="C-9"
        ),
    )  # fmt: skip
    for n, extra in enumerate(extras, 1):
        events.insert(len(events) * n // 5, extra)
    house.record(events[: len(events) // 2])
    live, dice = house.project(), random.Random(seed)
    memory = loaded(house.connection, live.id)
    for upto in range(len(events) // 2, len(events), 7):
        house.record(events[upto : upto + 7])
        live = house.project()
        asking = Asking(house.connection, live, dice, date(2023, 12, 1), 800)
        for known in (house.head(), 1 + int(dice.random() * house.head())):
            same(house.connection, memory, asking, asking.draw(known))
    assert memory.left == 0


@given(stories(), st.randoms(use_true_random=False))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_story_has_the_same_exceptions_at_every_prefix(
    server_url: str, told: list[Event], dice: random.Random
) -> None:
    serving.use(server_url)
    with serving.house() as here:
        here.record(told)
        live = here.project()
        memory = loaded(here.connection, live.id)
        asking = Asking(here.connection, live, dice, date(2023, 12, 1), 800)
        for known in range(here.head() + 1):
            same(here.connection, memory, asking, asking.draw(known))
