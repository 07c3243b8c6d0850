"""Chance, and the arithmetic of months and shares that the sample company needs.

Everything random goes through `Dice`, which uses nothing but `random.Random(seed).random()`: Python promises
that sequence, and does not promise those of `choice`, `sample` or `shuffle`. Amounts are integers in minor
units. Does not belong here: anything that knows what a deal is.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A seeded source of integers and choices, the same in every Python version."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed).random

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound - 1`."""
        return int(self._draw() * bound)

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, per_cent: int) -> bool:
        return self.below(100) < per_cent

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def weighted(self, table: Sequence[tuple[T, int]]) -> T:
        """One of the options of `table`, each as likely as its weight says."""
        at = self.below(sum(weight for _, weight in table))
        for option, weight in table:
            at -= weight
            if at < 0:
                return option
        raise AssertionError("the weights were summed above")


def later(day: date, days: int) -> date:
    return day + timedelta(days=days)


def add_months(day: date, months: int) -> date:
    """The same day `months` later, clamped to the month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def month_starts(first: date, last: date) -> list[date]:
    """The first days of all months from that of `first` to that of `last`."""
    start = first.replace(day=1)
    count = (last.year - start.year) * 12 + last.month - start.month + 1
    return [add_months(start, n) for n in range(count)]


def share(amount: int, part: int, whole: int) -> int:
    """`amount * part / whole`, rounded half away from zero (accounting.md, section 3b)."""
    doubled = abs(amount) * part * 2 + whole
    rounded = doubled // (2 * whole)
    return rounded if amount >= 0 else -rounded


def spread(amount: int, count: int) -> list[int]:
    """`amount` in `count` parts that add up to it, the running total rounded."""
    totals = [share(amount, n, count) for n in range(count + 1)]
    return [totals[n + 1] - totals[n] for n in range(count)]


def earned(net: int, start: date, end: date, upto: date) -> int:
    """What of a ratable `net` over `start` to `end` is earned up to and with `upto`."""
    if upto < start:
        return 0
    return share(net, (min(upto, end) - start).days + 1, (end - start).days + 1)
