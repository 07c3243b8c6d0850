"""A snapshot of an order gives the same numbers as the amendment that says the same (accounting.md 3b).

Where daily amounts are whole minor units, to the unit on every day; else within the rounding of an interval,
and to the unit when it has ended.
"""

from datetime import date, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.instants import from_date
from tests.projections.books import Books, books_of, breaches
from tests.projections.events import Event, accepted, amended, line, order_changed

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
DAYS = (LAST - FIRST).days + 1
YEAR = (FIRST.isoformat(), LAST.isoformat())


class Numbers(NamedTuple):
    """What is compared on a day, minor units."""

    unbilled: int
    recognised: int
    unperformed: int
    contracted: int
    live: int


def numbers(books: Books, day: int) -> Numbers:
    held = books.minor(day)
    names = ("unbilled", "recognised", "unperformed", "contracted", "live")
    return Numbers(*(held.get(name, 0) for name in names))


def compare(snapshot: list[Event], amendment: list[Event], *, off: int = 0, run_rate: bool = True) -> None:
    """Both stories on every day that matters. off: minor units by which a day within the term may differ."""
    one, other = books_of(snapshot), books_of(amendment)
    days = sorted({*one.days(), *other.days()})
    for day in days:
        assert breaches(one.postings, day) == breaches(other.postings, day) == []
        here, there = numbers(one, day), numbers(other, day)
        assert here.unbilled == there.unbilled
        allowed = off if day < from_date(LAST) else 0
        assert abs(here.recognised - there.recognised) <= allowed
        assert abs(here.unperformed - there.unperformed) <= allowed
        if run_rate:
            assert here[3:] == there[3:]


def money(minor: int) -> str:
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"


a_day = st.integers(1, DAYS - 1)  # days of the term that have passed when the order changes
a_daily = st.integers(1, 40).map(lambda n: n * 12)  # minor units a day; a year of them has whole months


@settings(max_examples=60)
@given(a_daily, a_daily, a_day)
def test_an_upsell_co_termed_as_a_line_of_its_own(daily: int, more: int, passed: int) -> None:
    on = (FIRST + timedelta(days=passed)).isoformat()
    order = line("S", money(daily * DAYS), *YEAR)
    added = line("T", money(more * (DAYS - passed)), on, YEAR[1], number="2")
    start = accepted("2023-12-15", order)
    compare([start, order_changed(on, order, added)], [start, amended(on, added)])


@settings(max_examples=60)
@given(a_daily, st.integers(-11, 40), a_day)
def test_an_upsell_or_downsell_of_a_running_line_to_its_end(daily: int, more: int, passed: int) -> None:
    """The run-rate of a snapshot is by the whole line, that of an amendment by its own days: not compared."""
    on = (FIRST + timedelta(days=passed)).isoformat()
    delta = more * (DAYS - passed)
    start = accepted("2023-12-15", line("S", money(daily * DAYS), *YEAR))
    compare(
        [start, order_changed(on, line("S", money(daily * DAYS + delta), *YEAR))],
        [start, amended(on, line("S", money(delta), kind="recurring"))],
        run_rate=False,
    )


@settings(max_examples=60)
@given(a_daily, st.integers(-11, 40).map(lambda n: n * 12), st.integers(-60, 0))
def test_a_price_changed_before_the_service_starts(daily: int, more: int, early: int) -> None:
    on = (FIRST + timedelta(days=early)).isoformat()
    start = accepted("2023-10-15", line("S", money(daily * DAYS), *YEAR))
    compare(
        [start, order_changed(on, line("S", money((daily + more) * DAYS), *YEAR))],
        [start, amended(on, line("S", money(more * DAYS), *YEAR), kind="price_change")],
    )


@settings(max_examples=60)
@given(a_daily, a_daily, st.integers(1, 11))
def test_a_partial_cancellation_from_a_day_on(kept: int, gone: int, months: int) -> None:
    """The snapshot shows what is left of the line, and that its term is over."""
    first = date(2024, months + 1, 1)
    passed, on = (first - FIRST).days, first.isoformat()
    monthly = gone * 100
    stays = line("S", money(kept * DAYS), *YEAR)
    goes = line("T", money(monthly * 12), *YEAR, number="2")
    start = accepted("2023-12-15", stays, goes)
    earned = monthly * 12 * passed
    left = -(-earned // DAYS) if 2 * (earned % DAYS) >= DAYS else earned // DAYS
    shortened = line("T", money(left), YEAR[0], (first - timedelta(days=1)).isoformat(), number="2")
    taken = line("T", money(left - monthly * 12), on, YEAR[1], number="2")
    compare(
        [start, order_changed(on, stays, shortened)],
        [start, amended(on, taken, kind="partial_cancel")],
        off=2,
        run_rate=False,
    )
    books = books_of([start, order_changed(on, stays, shortened)])
    assert (
        numbers(books, from_date(first)).live
        == numbers(books_of([accepted(on, stays)]), from_date(first)).live
    )


@settings(max_examples=60)
@given(st.integers(1, 10**7), st.integers(-(10**6), 10**7), a_day)
def test_amounts_of_any_size_within_the_rounding(net: int, delta: int, passed: int) -> None:
    on = (FIRST + timedelta(days=passed)).isoformat()
    start = accepted("2023-12-15", line("S", money(net), *YEAR))
    compare(
        [start, order_changed(on, line("S", money(net + delta), *YEAR))],
        [start, amended(on, line("S", money(delta), kind="recurring"))],
        off=2,
        run_rate=False,
    )
