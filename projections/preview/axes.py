"""The clocks of a comparison: months of effect, all up to their ends, and ends of months of recording.

Belongs here: which windows there are. Does not belong here: what falls into them (projections/preview/worth).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from psycopg import Connection

from domain.instants import from_date
from projections import queries
from projections.preview.exact import Days, add_months
from projections.questions import Window

#: Years before and after today that are told month by month; what lies beyond is one window on either side.
YEARS_BACK: Final = 15
YEARS_ON: Final = 10
#: The windows before the first month and after the last.
EARLIER: Final = "earlier"
LATER: Final = "later"


class Axis:
    """Windows in time, one after the other without gaps.

    known: the position that counts in each window, which then is what stands at its end since the beginning;
    None where windows follow one another and all count what is known now.
    """

    def __init__(self, windows: Sequence[Window], known: Sequence[int] | None = None) -> None:
        self.windows = list(windows)
        self.known = None if known is None else np.array(known, np.int64)

    def __len__(self) -> int:
        return len(self.windows)

    @cached_property
    def ends(self) -> Days:
        """The last day of each window, as day numbers."""
        return np.array([from_date(window.end) for window in self.windows], np.int64)

    @cached_property
    def years_on(self) -> Days:
        """The same day of the next year, clamped to the month's end."""
        return add_months(self.ends, np.full(len(self.windows), 12, np.int64))


def months_of(first: date, last: date, today: date) -> Axis:
    """Every month from the one of `first` to the one of `last`, and what lies before and after.

    Months long before or after `today` are part of the windows at either end.
    """
    begin = max(_month(first), _month(today) - 12 * YEARS_BACK)
    end = min(_month(last), _month(today) + 12 * YEARS_ON)
    begin, end = min(begin, end), max(begin, end)
    windows = [Window(EARLIER, None, _day(begin) - timedelta(days=1))]
    windows += [
        Window(f"{month // 12:04d}-{month % 12 + 1:02d}", _day(month), _day(month + 1) - timedelta(days=1))
        for month in range(begin, end + 1)
    ]
    windows.append(Window(LATER, _day(end + 1), date.max))
    return Axis(windows)


def recorded_months(connection: Connection[Any], known: int) -> Axis:
    """The ends of the months in which something was recorded, the last as of the position known."""
    rows = connection.execute(queries.statement("preview_recorded"), {"known": known}).fetchall()
    windows = [Window(f"{day:%Y-%m}", None, _day(_month(day) + 1) - timedelta(days=1)) for day, _ in rows]
    return Axis(windows, [min(int(position), known) for _, position in rows])


def since_beginning(months: Axis, known: int) -> Axis:
    """The ends of some months, each with all that came about up to it, as known by one position."""
    windows = [Window(window.label, None, window.end) for window in months.windows]
    return Axis(windows, [known] * len(windows))


class Span(NamedTuple):
    """The first and the last day on which a posting has an effect."""

    first: date
    last: date


def span_of(connection: Connection[Any], generations: Sequence[int], known: int, today: date) -> Span:
    """The days that the journals of some generations speak of; today where they are empty."""
    found = []
    for generation in generations:
        row = connection.execute(queries.statement("preview_span", generation), {"known": known}).fetchone()
        if row is not None and row[0] is not None:
            found.append(row)
    return Span(min((row[0] for row in found), default=today), max((row[1] for row in found), default=today))


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _day(month: int) -> date:
    """The first day of a month."""
    return date(month // 12, month % 12 + 1, 1)
