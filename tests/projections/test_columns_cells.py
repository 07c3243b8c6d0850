"""Cells of many groups, zones of days and deals in runs: what large ledgers meet, met by small ones too."""

import random
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.columns import answering, cells, rows
from projections.columns.netting import by_runs
from tests.projections.in_memory import Questions, differs, loaded
from tests.projections.served import House
from tests.projections.stories import crowd

_DAYS = st.lists(st.integers(0, 40), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("most", "marked", "run"), [(0, 1 << 24, 8), (0, 0, 8), (1 << 16, 1 << 24, 0), (0, 0, 99)]
)
def test_questions_of_more_groups_than_are_kept_as_they_are_get_the_same_answers(
    house: House, monkeypatch: pytest.MonkeyPatch, most: int, marked: int, run: int
) -> None:
    monkeypatch.setattr(cells, "_ALL", most)
    monkeypatch.setattr(cells, "_MARKED", marked)
    monkeypatch.setattr(answering, "_MANY", 0)
    monkeypatch.setattr(answering, "_RUN", run)
    monkeypatch.setattr(rows, "_ZONE", 4)
    house.record(crowd(6, 8, 12))
    live = house.project()
    memory = loaded(house.connection, live.id)
    dice = random.Random(most + marked + run)
    questions = Questions(house.connection, live.id, dice, date(2023, 12, 1), 800)
    for view in ("billing", "bookings", "arr", None):
        for _ in range(25):
            question = questions.draw(1 + int(dice.random() * house.head()), view)
            assert differs(house.connection, memory, question) is None
    nobody = questions.draw(house.head(), "billing")._replace(
        by=("customer",), filters={"customer": "nobody"}
    )
    assert differs(house.connection, memory, nobody) is None


@given(_DAYS, st.one_of(st.none(), st.integers(-2, 42)), st.integers(-2, 42))
def test_outside_of_its_zones_no_day_matters(days: list[int], after: int | None, upto: int) -> None:
    held = rows.Zones.of(np.array([day for day in days for _ in range(300)], np.int32))
    first, end = held.within(after, upto)
    for n, day in enumerate(day for day in days for _ in range(300)):
        if (after is None or day > after) and day <= upto:
            assert first <= n < end


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9)), max_size=30))
def test_sums_by_runs_are_the_sums_by_cell(given_: list[tuple[int, int]]) -> None:
    into = np.array([cell for cell, _ in given_], np.int64)
    values = np.array([[value for _, value in given_], [-value for _, value in given_]], np.int64)
    begins = np.flatnonzero(np.diff(into, prepend=-1))
    expected = [sum(value for cell, value in given_ if cell == n) for n in range(4)]
    assert by_runs(values, into, begins, 4).tolist() == [expected, [-value for value in expected]]
