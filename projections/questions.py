"""A report's question: view, windows in time, what is known, how it is grouped, filtered, converted and read.

Belongs here: what may be asked, and the windows that it comes to. Does not belong here: what a measure is
(projections/measures), the SQL that answers (projections/statements).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.instants import from_date
from domain.policies import DEFAULT_POLICIES, Policies
from projections.measures import VIEWS, View, view_of

#: Dimensions of a deal, from its milestones; `product` and, for bookings, `class` come from the posting.
DEAL_DIMENSIONS: Final = ("customer", "segment", "territory", "owner", "entity", "channel", "class")
PERIODS: Final = ("month", "quarter", "year")
GROUPS: Final = ("deal", "product", *DEAL_DIMENSIONS, *PERIODS, "currency")
FILTERS: Final = ("deal", "product", *DEAL_DIMENSIONS, "currency")
BASES: Final = ("restated", "as_reported")
MAX_WINDOWS: Final = 600
MAX_ROWS: Final = 100_000


class ReportRefused(ValueError):
    """The question can't be answered as it was put; `allowed` lists what could stand there."""

    def __init__(self, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class Conversion(NamedTuple):
    """Amounts are asked for in one currency. rate: `transaction`, `closing`, or `constant` with its day `on`.

    shown: only what is shown in this currency, the target or one in which deals stay for want of a rate.
    """

    into: str
    rate: str
    on: date | None = None
    shown: str | None = None


class Query(NamedTuple):
    """A question. start: first day of turnovers, None since the beginning; end: last day, or the balance's.

    known: last position of the log that counts; after: only postings of later positions count.
    filters: dimension -> value; "" is "has none". policies: those that the generation is read under.
    """

    view: str
    start: date | None
    end: date
    known: int
    generation: int
    by: tuple[str, ...] = ()
    filters: Mapping[str, str] = MappingProxyType({})
    limit: int = 1_000
    offset: int = 0
    after: int = 0
    basis: str = "restated"
    policies: Policies = DEFAULT_POLICIES
    convert: Conversion | None = None


class Window(NamedTuple):
    """A span of days with the label it is grouped under; start None is since the beginning."""

    label: str
    start: date | None
    end: date


def windows(query: Query) -> list[Window]:
    """The whole span, or one window a month, quarter or year of it; the first and last may be parts."""
    period = next((name for name in query.by if name in PERIODS), None)
    if period is None:
        return [Window("", query.start, query.end)]
    if query.start is None:
        raise ReportRefused(f"by={period} needs the span: give from and to")
    found = []
    first = query.start
    while first <= query.end:
        label, last = _period(first, period)
        found.append(Window(label, first, min(last, query.end)))
        first = last + timedelta(days=1)
        if len(found) > MAX_WINDOWS:
            raise ReportRefused(f"more than {MAX_WINDOWS} periods; ask for a shorter span or longer periods")
    return found


def _period(day: date, period: str) -> tuple[str, date]:
    """The label of a day's period, and the period's last day."""
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    begun = (day.month - 1) // months * months + 1
    year, month0 = divmod(day.year * 12 + begun - 1 + months, 12)
    last = date(year, month0 + 1, 1) - timedelta(days=1)
    label = {
        "month": f"{day.year:04d}-{day.month:02d}",
        "quarter": f"{day.year:04d}-Q{(day.month + 2) // 3}",
        "year": f"{day.year:04d}",
    }[period]
    return label, last


def checked(query: Query) -> View:
    """The view of a question, as read on its last day. Raises ReportRefused where it can't be put so."""
    view = VIEWS.get(query.view)
    if view is None:
        raise ReportRefused(f"there is no view {query.view!r}", tuple(VIEWS))
    for name in query.by:
        if name not in GROUPS:
            raise ReportRefused(f"can't group by {name!r}", GROUPS)
    if len({name for name in query.by if name in PERIODS}) > 1:
        raise ReportRefused("group by one of month, quarter and year", PERIODS)
    for name in query.filters:
        if name not in FILTERS:
            raise ReportRefused(f"can't filter by {name!r}", FILTERS)
    if query.basis not in BASES:
        raise ReportRefused(f"there is no basis {query.basis!r}", BASES)
    if query.basis == "as_reported" and view.restated_only:
        raise ReportRefused(
            f"{view.restated_only} has no meaning as reported: ask {view.name} with basis=restated",
            ("restated",),
        )
    return _read_on(query, query.end)


def views(query: Query) -> list[View]:
    """The view as it is read in each window: by the policy in force on the window's last day."""
    return [_read_on(query, window.end) for window in windows(query)]


def _read_on(query: Query, day: date) -> View:
    policies = query.policies
    settings = policies.at(from_date(day)).settings
    by_liability = any(period.settings.liability != "invoiced" for period in policies.periods)
    return view_of(
        query.view,
        moving=query.start is not None,
        trigger=settings.booking_trigger,
        liability=settings.liability if by_liability else None,
    )
