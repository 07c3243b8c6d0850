"""What of a ratable amount is earned by a day (accounting.md 3b): by days, or by months where policy says so.

Belongs here: the arithmetic of a span, exact, in minor units. Does not belong here: which policy holds
(domain/policies), postings (projections/rules). projections/sql says the same in SQL.
"""

from __future__ import annotations

from functools import lru_cache

from domain.instants import add_months, civil
from domain.money import divide_half_away


def earned(amount: int, effective: int, start: int, end: int, day: int, monthly: bool = False) -> int:
    """What of an interval's amount is earned by the end of `day`, minor units, half away from zero.

    start..end: day numbers, inclusive. effective: before it nothing is earned; what the days before are worth
    is earned on it. monthly: m(day) / m(end) of the amount, m counting full months from the start, and of the
    month begun its days, as a part of all its days.
    """
    if day < effective or day < start:
        return 0
    if day >= end:
        return amount
    if not monthly:
        return divide_half_away(amount * (day - start + 1), end - start + 1)
    part, of_month = months(start, day)
    whole, of_last = months(start, end)
    return divide_half_away(amount * part * of_last, of_month * whole)


@lru_cache(maxsize=16_384)
def months(start: int, day: int) -> tuple[int, int]:
    """Months of start..day (inclusive, day not before start) as numerator and denominator.

    Month n runs from the start plus n months, clamped to that month's last day, to the day before the start
    plus n + 1 months; the denominator is the number of days of the one that `day` is followed by.
    """
    (first_year, first_month, _), (after_year, after_month, _) = civil(start), civil(day + 1)
    full = (after_year - first_year) * 12 + after_month - first_month
    if add_months(start, full) > day + 1:
        full -= 1
    begun = add_months(start, full)
    days = add_months(start, full + 1) - begun
    return full * days + day + 1 - begun, days
