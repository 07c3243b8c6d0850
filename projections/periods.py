"""Closed periods: which day was the first open one when a milestone was recorded (accounting.md 3b).

Closing a period closes all before it, reopening one opens it and all after it; what counts for a position is
how things stood at the position before. Belongs here: that step function, and the SQL that applies it to a
column. Does not belong here: what a report makes of it (projections/statements).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain import milestones as m
from projections import notices
from projections.facts import business_key

_KINDS: Final = (m.PeriodClosed, m.PeriodReopened)


class FirstOpen(NamedTuple):
    """The first open day by position: from `positions[i]` on it is `days[i]`; None: nothing is closed.

    Before the first position nothing was closed.
    """

    positions: tuple[int, ...] = ()
    days: tuple[date | None, ...] = ()

    def at(self, position: int) -> date | None:
        """The first day that was open when a position was recorded; None where every day was."""
        step = bisect_right(self.positions, position)
        return self.days[step - 1] if step else None

    def last_counted(self, end: date, known: int) -> int:
        """The last position, up to `known`, whose milestone may count by the end of a day."""
        upto = known
        for position, day in reversed(list(zip(self.positions, self.days, strict=True))):
            if position <= known and (day is None or day <= end):
                return upto
            upto = min(upto, position - 1)
        return upto

    def values(self) -> dict[str, Any]:
        """What the SQL of `counting_from` is to be bound with."""
        return {"opened_at": list(self.positions), "opened_on": list(self.days)}


ALWAYS_OPEN: Final = FirstOpen()


def counting_from(day: str, position: str) -> str:
    """SQL: the day from which something of `day` that became known at `position` counts as reported."""
    step = f"width_bucket({position}, %(opened_at)s::bigint[])"
    return f"greatest({day}, (%(opened_on)s::date[])[{step}])"


def first_open(connection: Connection[Any], generation: int, known: int) -> FirstOpen:
    """The steps as known by a position. Corrected and voided milestones count until they are, not after."""
    in_force: dict[int, m.Milestone] = {}
    positions: list[int] = []
    days: list[date | None] = []
    said = notices.history(connection, generation, known, _KINDS)
    for number, one in enumerate(said):
        if one.sign < 0:
            in_force.pop(one.fact, None)
        else:
            in_force[one.fact] = one.milestone
        if number + 1 < len(said) and said[number + 1].position == one.position:
            continue
        day = _first_open_day(in_force.values())
        if day != (days[-1] if days else None):
            positions.append(one.position + 1)
            days.append(day)
    return FirstOpen(tuple(positions), tuple(days))


def _first_open_day(in_force: Iterable[m.Milestone]) -> date | None:
    """Where closing and reopening, one after the other in time, leave the first open day."""
    day: date | None = None
    for one in sorted(in_force, key=_by_time):
        if isinstance(one, m.PeriodClosed):
            after = first_day_after(one.period)
            day = after if day is None else max(day, after)
        elif isinstance(one, m.PeriodReopened) and day is not None:
            day = min(day, first_day_of(one.period))
    return day


def _by_time(one: m.Milestone) -> tuple[Any, ...]:
    """time, sequence, source, id"""
    return business_key(one)[2:]


def first_day_of(period: str) -> date:
    """The first day of a month `2026-03`."""
    return date.min if period.startswith("0000") else date.fromisoformat(f"{period}-01")


def first_day_after(period: str) -> date:
    """The first day of the month after `2026-03`."""
    first = first_day_of(period)
    if (first.year, first.month) == (date.max.year, date.max.month):
        return date.max
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
