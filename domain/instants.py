"""The two notations of time that the contract uses: RFC 3339 instants and business dates.

Belongs here: parsing and formatting, calendar arithmetic on day numbers. A day number counts from
1970-01-01 (day 0). Does not belong here: the clock; whoever needs "now" is handed it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_DAY_US: Final = 86_400_000_000
_FIRST_DAY: Final = date.min.toordinal() - _EPOCH_ORDINAL
_LAST_DAY: Final = date.max.toordinal() - _EPOCH_ORDINAL
_CYCLE_YEARS: Final = 400  # after which the calendar repeats, to the day
_CYCLE_DAYS: Final = 146_097

_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d{1,32}))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: Seconds since midnight by `T08:36:`, and seconds by `26Z`, a leap second among them.
_MINUTES: Final = {f"T{n // 60:02}:{n % 60:02}:": n * 60 for n in range(24 * 60)}
_SECONDS: Final = {f"{n:02}Z": n for n in range(61)}


class Instant(NamedTuple):
    """A moment: microseconds since 1970-01-01T00:00:00Z, and what digits the sender gave below that.

    Tuples order as instants do: `fraction` holds the seventh and later decimals, zeros cut off.
    """

    microseconds: int
    fraction: str


@lru_cache(maxsize=1_024)
def parse_instant(text: str) -> Instant | None:
    """RFC 3339 date-time with an offset, to an instant; None where it is not one.

    A leap second counts as the second after it.
    """
    usual = parse_usual_instant(text)
    if usual is not None:
        return Instant(usual, "")
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    day_text, hour, minute, second, decimals, sign, off_hour, off_minute = match.groups()
    day = parse_day(day_text)
    if day is None:
        return None
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign is not None:
        offset = int(off_hour) * 3600 + int(off_minute) * 60
        seconds += offset if sign == "-" else -offset
    if decimals is None:
        return Instant(day * _DAY_US + seconds * 1_000_000, "")
    micro = int(decimals[:6].ljust(6, "0"))
    return Instant(day * _DAY_US + seconds * 1_000_000 + micro, decimals[6:].rstrip("0"))


def parse_usual_instant(text: str) -> int | None:
    """Microseconds since 1970-01-01 UTC of `2026-01-31T08:36:26Z`; None for any other form."""
    minute, second, day = _MINUTES.get(text[10:17]), _SECONDS.get(text[17:]), parse_day(text[:10])
    if minute is None or second is None or day is None:
        return None
    return day * _DAY_US + (minute + second) * 1_000_000


@lru_cache(maxsize=16_384)
def parse_day(text: str) -> int | None:
    """`YYYY-MM-DD` to a day number; None where it is no date of the calendar."""
    if _DAY.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None


def day_of(microseconds: int) -> int:
    """The UTC day number on which an instant falls."""
    return microseconds // _DAY_US


def to_date(day: int) -> date:
    """Day number to a date; beyond the calendar the first or last day of it."""
    return date.fromordinal(max(_FIRST_DAY, min(day, _LAST_DAY)) + _EPOCH_ORDINAL)


def from_date(day: date) -> int:
    """Date to a day number."""
    return day.toordinal() - _EPOCH_ORDINAL


def format_day(day: int) -> str:
    """Day number to `YYYY-MM-DD`; beyond the calendar the first or last day of it."""
    return to_date(day).isoformat()


def is_within_range(microseconds: int) -> bool:
    """Whether an instant has a date in every time zone: from 0001-01-02 to 9999-12-30 in UTC."""
    return _FIRST_DAY < microseconds // _DAY_US < _LAST_DAY


def format_instant(microseconds: int) -> str:
    """An instant as RFC 3339 in UTC with microseconds; beyond the calendar the first or last one in it."""
    day, rest = divmod(microseconds, _DAY_US)
    if not _FIRST_DAY <= day <= _LAST_DAY:
        rest = 0 if day < _FIRST_DAY else _DAY_US - 1
    seconds, micro = divmod(rest, 1_000_000)
    minutes, second = divmod(seconds, 60)
    return f"{format_day(day)}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{micro:06}Z"


def civil(day: int) -> tuple[int, int, int]:
    """Day number to (year, month, day), also beyond 9999-12-31, which many write for an open end."""
    if day <= _LAST_DAY:
        found = to_date(day)
        return found.year, found.month, found.day
    found = to_date(day - _CYCLE_DAYS)
    return found.year + _CYCLE_YEARS, found.month, found.day


def _day_number(year: int, month: int, day: int) -> int:
    if year <= date.max.year:
        return from_date(date(year, month, day))
    return from_date(date(year - _CYCLE_YEARS, month, day)) + _CYCLE_DAYS


def add_months(day: int, months: int) -> int:
    """The same day of the month, `months` later, clamped to that month's last day."""
    year, month, of_month = civil(day)
    years, month0 = divmod(month - 1 + months, 12)
    year += years
    return _day_number(year, month0 + 1, min(of_month, monthrange(year, month0 + 1)[1]))


@lru_cache(maxsize=16_384)
def whole_months(start: int, end: int) -> int | None:
    """Months of the service period start..end (inclusive) if it is whole months, else None.

    Whole: start plus n months, clamped, is the day after the end (accounting.md 3b).
    """
    (first_year, first_month, _), (after_year, after_month, _) = civil(start), civil(end + 1)
    guess = (after_year - first_year) * 12 + after_month - first_month
    for months in (guess, guess + 1):
        if months > 0 and add_months(start, months) == end + 1:
            return months
    return None
