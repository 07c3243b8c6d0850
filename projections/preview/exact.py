"""Days and amounts in arrays, exactly: what of a span is earned by a day (accounting.md 3b), never a float.

Amounts are int64 where that can't overflow, else Python's own integers in arrays of objects (`safe`). Belongs
here: arithmetic. Does not belong here: which postings count where (projections/preview/worth).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Day numbers (days since 1970-01-01), and other plain integers.
Days: TypeAlias = NDArray[np.int64]
Ints: TypeAlias = NDArray[Any]
#: Minor units: int64, or Python integers.
Amounts: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]

#: Sums of amounts up to here fit 64 bits whatever is added or netted.
_SAFE: Final = 2**61


def safe(amounts: Ints, longest: int) -> Amounts:
    """Amounts in the type in which sums, and products with the days of the longest span, are exact."""
    size = np.abs(amounts)
    total = (int((size >> 32).sum()) << 32) + int((size & 0xFFFF_FFFF).sum())
    # by months: 2 x amount x (months x 31 + days) x 31
    largest = 2 * int(size.max(initial=0)) * (longest + 62) * 31
    return amounts if max(4 * total, 2 * largest) < _SAFE else amounts.astype(object)


def half_away(numerator: Amounts, denominator: Amounts) -> Amounts:
    """Divided and rounded half away from zero. denominator: positive."""
    size = (2 * np.abs(numerator) + denominator) // (2 * denominator)
    return np.asarray(np.where(numerator < 0, -size, size))


def earned(amount: Amounts, first: Days, last: Days, day: Days, monthly: Mask) -> Amounts:
    """What of each amount is earned by the end of a day from its first to its last."""
    part, whole = day - first + 1, last - first + 1
    if amount.dtype == object:
        part, whole = part.astype(object), whole.astype(object)
    found = half_away(amount * part, whole)
    if monthly.any():
        which = np.flatnonzero(monthly)
        done, of_month = months(first[which], day[which])
        all_, of_last = months(first[which], last[which])
        if amount.dtype == object:
            done, of_month, all_, of_last = (x.astype(object) for x in (done, of_month, all_, of_last))
        found[which] = half_away(amount[which] * done * of_last, of_month * all_)
    return found


def months(first: Days, day: Days) -> tuple[Ints, Ints]:
    """Months of first..day (inclusive) as numerators and denominators (projections/proration)."""
    after = day + 1
    full = _month_of(after) - _month_of(first)
    full = full - (add_months(first, full) > after)
    begun = add_months(first, full)
    length = add_months(first, full + 1) - begun
    return full * length + after - begun, length


def _month_of(day: Days) -> Days:
    """Months since 1970-01."""
    return np.asarray(day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def _first_day(month: Days) -> Days:
    return np.asarray(month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))


def add_months(day: Days, number: Days) -> Days:
    """The same day some months later, or that month's last."""
    month = _month_of(day)
    within = day - _first_day(month)
    begun = _first_day(month + number)
    return np.asarray(begun + np.minimum(within, _first_day(month + number + 1) - begun - 1))
