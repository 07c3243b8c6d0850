"""Ratable amounts by days and by months (accounting.md 3b, section 4 `proration`)."""

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.instants import from_date
from domain.policies import Policies, Version
from projections import accounts as a
from projections.book import Book, Row
from projections.clusters import decode
from projections.fold import fold
from projections.proration import earned
from tests.projections.books import MemoryLog, half_away
from tests.projections.events import Event, accepted, amended, cancelled, line, order_changed

YEAR = ("2024-01-01", "2024-12-31")


def day(text: str) -> int:
    return from_date(date.fromisoformat(text))


def month_later(start: date, months: int) -> date:
    """Start plus months, clamped: by walking back from the same day number."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    at = start.day
    while True:
        try:
            return date(year, month + 1, at)
        except ValueError:
            at -= 1


def m(start: date, last: date) -> Fraction:
    """Months of start..last, by counting them one by one."""
    after, full = last + timedelta(days=1), 0
    while month_later(start, full + 1) <= after:
        full += 1
    begun, next_ = month_later(start, full), month_later(start, full + 1)
    return full + Fraction((after - begun).days, (next_ - begun).days)


@pytest.mark.parametrize(
    ("start", "end", "at", "value"),
    [
        ("2024-01-01", "2024-12-31", "2024-01-31", 100_00),
        ("2024-01-01", "2024-12-31", "2024-02-29", 200_00),
        ("2024-01-01", "2024-12-31", "2024-02-15", 151_72),  # 1 15/29 of 12 months
        ("2024-01-31", "2025-01-30", "2024-02-28", 100_00),  # clamped to February 29th
        ("2024-01-31", "2025-01-30", "2024-03-30", 200_00),
        ("2024-01-15", "2024-02-29", "2024-02-14", 790_91),  # one of 1 15/29 months
        ("2024-01-01", "2024-01-01", "2024-01-01", 1200_00),
    ],
)
def test_a_part_of_a_month_counts_by_its_days(start: str, end: str, at: str, value: int) -> None:
    span = day(start), day(end)
    assert earned(1200_00, span[0], *span, day(at), monthly=True) == value
    assert earned(1200_00, span[0], *span, day(end), monthly=True) == 1200_00


@settings(max_examples=200)
@given(
    st.integers(-(10**12), 10**12),
    st.dates(date(2019, 12, 25), date(2024, 3, 5)),
    st.integers(0, 1200),
    st.integers(0, 1200),
)
def test_months_are_counted_exactly(amount: int, start: date, length: int, after: int) -> None:
    end, at = start + timedelta(days=length), start + timedelta(days=min(after, length))
    expected = half_away(Fraction(amount) * m(start, at) / m(start, end))
    first = from_date(start)
    assert earned(amount, first, first, from_date(end), from_date(at), monthly=True) == expected


def test_before_it_is_known_nothing_is_earned() -> None:
    span = day("2024-01-01"), day("2024-12-31")
    assert earned(1200_00, day("2024-03-15"), *span, day("2024-03-14"), monthly=True) == 0
    assert earned(1200_00, day("2024-03-15"), *span, day("2024-03-31"), monthly=True) == 300_00


MONTHLY = Version("proration", "1", day("2024-02-01"), {"proration": "monthly"})
DAILY = Version("proration", "2", day("2024-09-01"), {"proration": "daily"})


def folded(policies: Policies, *events: Event) -> Book:
    log = MemoryLog()
    log.record(*events)
    return fold(sorted(map(decode, log.rows)), {}, set(), policies=policies)


def recognised(rows: list[Row], on: str, policies: Policies) -> int:
    """As the journal is read: a span is earned as policy had it on the day on which it was stated."""
    total = 0
    for row in rows:
        sign = (row[3] == a.RECOGNISED) - (row[2] == a.RECOGNISED)
        monthly = policies.at(row[6]).monthly
        total += sign * earned(row[5], row[7], row[8], row[9], day(on), monthly)
    return total


def test_a_span_is_earned_as_policy_was_on_the_day_of_its_fact() -> None:
    policies = Policies([MONTHLY])
    early = accepted("2024-01-15", line("S", "1200.00", *YEAR))
    late = accepted("2024-02-15", line("S", "1200.00", *YEAR))
    assert recognised(folded(policies, late).rows, "2024-04-30", policies) == 400_00
    assert recognised(folded(policies, early).rows, "2024-04-30", policies) == 396_72


@pytest.mark.parametrize("accepted_on", ["2024-01-15", "2024-03-05", "2024-09-10"])
@pytest.mark.parametrize("changed_on", ["2024-01-20", "2024-05-11", "2024-10-03"])
@pytest.mark.parametrize("how", ["cancelled", "changed"])
def test_an_interval_is_taken_back_as_it_was_earned(accepted_on: str, changed_on: str, how: str) -> None:
    if changed_on < accepted_on:
        changed_on = "2024-11-17"
    policies = Policies([MONTHLY, DAILY])
    order = accepted(accepted_on, line("S", "1200.00", *YEAR))
    change = (
        cancelled(changed_on)
        if how == "cancelled"
        else order_changed(changed_on, line("S", "1300.00", *YEAR))
    )
    before, after = folded(policies, order), folded(policies, order, change)
    stands_to = day(changed_on) - (how == "changed")
    kept = recognised(before.rows, date.fromordinal(stands_to + 719163).isoformat(), policies)
    (order_line,) = next(iter(after.deals.values())).orders["SO-1"].lines.values()
    for step in range(0, 120, 7):
        on = min(day(changed_on) + step, day("2024-12-31"))
        text = date.fromordinal(on + 719163).isoformat()
        value = recognised(after.rows, text, policies)
        assert value == order_line.recognised(on), "the books and the journal are one"
        if how == "cancelled":
            assert value == kept
    if how == "changed":
        assert recognised(after.rows, "2024-12-31", policies) == 1300_00


def test_what_is_known_before_the_change_is_the_schedule_of_that_time() -> None:
    policies = Policies([MONTHLY])
    book = folded(
        policies,
        accepted("2024-03-01", line("S", "1200.00", *YEAR)),
        amended("2024-05-01", line("S", "80.00", kind="recurring")),
        order_changed("2024-06-01", line("S", "1000.00", *YEAR)),
    )
    stated = Counter(row[6] for row in book.rows if row[8] < row[9] and row[5] < 0)
    assert set(stated) == {day("2024-06-01")}
