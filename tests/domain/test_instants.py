"""Instants and days: RFC 3339 as sources write it, and the calendar behind service periods."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import (
    Instant,
    add_months,
    day_of,
    format_day,
    format_instant,
    from_date,
    is_within_range,
    parse_day,
    parse_instant,
    to_date,
    whole_months,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS = st.integers(from_date(date(1990, 1, 1)), from_date(date(2099, 12, 31)))


@given(st.dates(date(1, 1, 2), date(9999, 12, 30)), st.times(), st.integers(-23 * 60, 23 * 60))
def test_a_time_with_an_offset_is_a_moment(day: date, clock: time, minutes: int) -> None:
    aware = datetime.combine(day, clock, timezone(timedelta(minutes=minutes)))
    found = parse_instant(aware.isoformat())
    assert found == Instant((aware - EPOCH) // timedelta(microseconds=1), "")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01", "2026-03-01T10:00Z", "2026-03-01T10:00:00", "2026-03-01 10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-03-01T24:00:00Z", "2026-03-01T10:60:00Z", "2026-03-01T10:00:61Z", "2026-03-01T10:00:00+24:00",
        "2026-03-01T10:00:00+1:00", "2026-03-01T10:00:00.Z", "0000-01-01T00:00:00Z", "lunchtime", "",
        "2026-03-01T10:00:00Z\n", "2026-03-01T10:00:0\u0661Z",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_instant(text) is None


def test_the_same_moment_written_in_two_ways_is_the_same() -> None:
    assert parse_instant("2026-03-01T10:00:00Z") == parse_instant("2026-03-01t12:00:00.000+02:00")
    assert parse_instant("2026-12-31T23:59:60Z") == parse_instant("2027-01-01T00:00:00Z")


def test_decimals_below_a_microsecond_still_order() -> None:
    finer = parse_instant("2026-03-01T10:00:00.1234567891Z")
    assert finer is not None
    assert finer.fraction == "7891"
    assert parse_instant("2026-03-01T10:00:00.1234567Z") < finer  # type: ignore[operator]


@given(DAYS)
def test_a_day_is_read_as_it_is_written(day: int) -> None:
    assert parse_day(format_day(day)) == day
    assert from_date(to_date(day)) == day
    assert day_of(day * 86_400_000_000 + 1) == day
    assert day_of(day * 86_400_000_000 - 1) == day - 1


@pytest.mark.parametrize("text", ["2026-02-29", "2026-13-01", "26-01-01", "2026-1-1", "20260101", ""])
def test_what_is_no_day_is_none(text: str) -> None:
    assert parse_day(text) is None


@given(DAYS, st.integers(1, 120))
def test_a_period_of_months_is_whole(start: int, months: int) -> None:
    assert whole_months(start, add_months(start, months) - 1) == months


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2026-01-01", "2026-12-31", 12),
        ("2026-01-31", "2026-02-27", 1),
        ("2024-02-29", "2025-02-27", 12),
        ("2026-01-15", "2026-02-14", 1),
        ("2026-01-15", "2026-02-15", None),
        ("2026-01-01", "2026-01-01", None),
    ],
)
def test_months_are_counted_from_the_first_day(start: str, end: str, months: int | None) -> None:
    first, last = parse_day(start), parse_day(end)
    assert first is not None
    assert last is not None
    assert whole_months(first, last) == months


@pytest.mark.parametrize(
    ("text", "shown", "is_within"),
    [
        ("2026-03-01T09:30:00.000001Z", "2026-03-01T09:30:00.000001Z", True),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z", True),
        ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00.000000Z", False),
        ("0001-01-01T23:59:59Z", "0001-01-01T23:59:59.000000Z", False),
        ("0001-01-02T00:00:00Z", "0001-01-02T00:00:00.000000Z", True),
        ("9999-12-30T23:59:59Z", "9999-12-30T23:59:59.000000Z", True),
        ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999Z", False),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z", False),
    ],
)
def test_every_instant_has_a_text_and_those_near_the_ends_are_told_apart(
    text: str, shown: str, is_within: bool
) -> None:
    instant = parse_instant(text)
    assert instant is not None
    assert format_instant(instant.microseconds) == shown
    assert is_within_range(instant.microseconds) == is_within


def test_days_beyond_the_calendar_are_shown_as_its_ends() -> None:
    assert [format_day(day) for day in (-(10**6), 10**7)] == ["0001-01-01", "9999-12-31"]
