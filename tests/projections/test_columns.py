"""Reports read off columns in memory are those that SQL gives: every kind of question, at every prefix."""

import random
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.refusals import Refused
from projections import reports
from projections.measures import VIEWS
from projections.questions import BASES, ReportRefused
from scripts.campaigning import serving
from scripts.sample_company import make_sample
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.in_memory import READ_UNDER, Questions, differs, loaded
from tests.projections.served import House
from tests.projections.stories import crowd
from tests.projections.strategies import stories

_SPANS = ((None, "2026-06-30"), ("2025-11-01", "2026-10-31"), ("2024-03-15", "2024-09-14"))
_BY = (
    (), ("deal",), ("product",), ("class",), ("customer",), ("territory", "currency"), ("product", "segment"),
    ("month",), ("quarter", "customer"), ("year", "deal", "product"),
)  # fmt: skip


@pytest.fixture
def company(house: House) -> House:
    """A sample company in the order in which its messages arrive."""
    for arrival in make_sample(7, 12, date(2026, 10, 31)).delivery.arrivals:
        with suppress(Refused):  # some of what arrives is quarantined
            house.record([arrival.line])
    house.project()
    return house


def test_a_sample_company_reports_the_same_from_memory(company: House) -> None:
    live, head = company.live(), company.head()
    memory = loaded(company.connection, live.id)
    asked = 0
    for view in VIEWS:
        for n, by in enumerate(_BY):
            for m, (start, end) in enumerate(_SPANS):
                if start is None and {*by} & {"month", "quarter", "year"}:
                    continue
                question = reports.Query(
                    view, None if start is None else date.fromisoformat(start), date.fromisoformat(end),
                    (head, head // 2, head // 5)[(n + m) % 3], live.id, by,
                    basis=BASES[(n + m) % 2], limit=reports.MAX_ROWS, policies=READ_UNDER[(n + m) % 6],
                )  # fmt: skip
                with suppress(ReportRefused):  # without a meaning on this basis
                    assert differs(company.connection, memory, question) is None
                    asked += 1
    assert asked > 130
    assert memory.left == 0, "all of these are answered from memory"


def test_any_question_to_a_sample_company_is_answered_the_same(company: House) -> None:
    live, head = company.live(), company.head()
    memory = loaded(company.connection, live.id)
    dice = random.Random(5)
    questions = Questions(company.connection, live.id, dice, date(2023, 10, 1), 1_300)
    for _ in range(120):
        known = 1 + int(dice.random() * head)
        assert differs(company.connection, memory, questions.draw(known)) is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_of_linked_split_merged_and_corrected_deals_reports_the_same(house: House, seed: int) -> None:
    events = crowd(seed, 8, 12)
    for n, extra in enumerate((r.merged("2024-03-05", "C-1", "C-2"), r.closed("2024-04-06", "2024-03")), 1):
        events.insert(len(events) * n // 3, extra)
    house.record(events)
    live = house.project()
    memory = loaded(house.connection, live.id)
    dice = random.Random(seed)
    questions = Questions(house.connection, live.id, dice, date(2023, 12, 1), 800)
    for _ in range(80):
        question = questions.draw(1 + int(dice.random() * house.head()))
        assert differs(house.connection, memory, question) is None


@given(stories(), st.randoms(use_true_random=False))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_story_reports_the_same_at_every_prefix(
    server_url: str, told: list[Event], dice: random.Random
) -> None:
    serving.use(server_url)
    with serving.house() as here:
        here.record(told)
        live = here.project()
        memory = loaded(here.connection, live.id)
        questions = Questions(here.connection, live.id, dice, date(2023, 12, 1), 800)
        for known in range(here.head() + 1):
            for _ in range(3):
                assert differs(here.connection, memory, questions.draw(known)) is None
