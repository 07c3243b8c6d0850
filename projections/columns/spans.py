"""What of a span's amount is earned by a day, of many at once (accounting.md 3b); see projections/proration.

Belongs here: the arithmetic, in integers. It is exact as long as keeping.Bounds says so. Does not belong
here: which policy holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def earned(amount: Array, start: Array, end: Array, day: int, monthly: Array | None) -> Array:
    """What of each amount is earned by the end of a day in its span, half away from zero.

    start, end: day numbers, inclusive, with start <= day <= end. monthly: which of them by months; None:
    none.
    """
    part, whole = (day + 1) - start.astype(np.int64), end.astype(np.int64) - start + 1
    if monthly is not None and bool(monthly.any()):
        first, last = start.astype(np.int64), end.astype(np.int64)
        done, of_month = _months(first, np.full(len(first), day, np.int64))
        all_, of_last = _months(first, last)
        part = np.where(monthly, done * of_last, part)
        whole = np.where(monthly, all_ * of_month, whole)
    part *= np.abs(amount)
    part += part
    part += whole
    whole += whole
    # unsigned division costs less
    found: Array = (part.view(np.uint64) // whole.view(np.uint64)).view(np.int64)
    found *= np.sign(amount)
    return found


def _months(start: Array, day: Array) -> tuple[Array, Array]:
    """Months of start..day as numerator and denominator, like proration.months."""
    after = day + 1
    full = _month(after) - _month(start)
    full -= _add_months(start, full) > after
    begun = _add_months(start, full)
    days = _add_months(start, full + 1) - begun
    return full * days + after - begun, days


def _month(day: Array) -> Array:
    """Months since 1970-01."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_of(month: Array) -> Array:
    return month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _add_months(day: Array, months: Array) -> Array:
    """The same day of the month, so many months later, clamped to that month's last day."""
    month = _month(day)
    in_month = day - _first_of(month)
    first, following = _first_of(month + months), _first_of(month + months + 1)
    found: Array = np.minimum(first + in_month, following - 1)
    return found
