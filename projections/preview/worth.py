"""What postings add to each measure in each window: flows, whose sums over time are the figures of reports.

A flow is an amount that counts from a window on. Belongs here: from postings to flows, of every kind of
measure that is a sum (projections/measures). Does not belong here: groups (projections/preview/cells).
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from domain.policies import Policies
from projections.measures import Measure
from projections.periods import FirstOpen
from projections.preview.axes import Axis
from projections.preview.exact import Amounts, Ints, earned
from projections.preview.grouping import first_open_days
from projections.preview.loading import FLOWS, Postings

#: Views with such a measure count a posting from the day on which it was stated (projections/statements).
_BEYOND: Final = "beyond"


class Flows(NamedTuple):
    """Amounts by the window from which on they count. deal, sku, class_, currency: places, numbers."""

    deal: Ints
    sku: Ints
    class_: Ints
    currency: Ints
    window: Ints
    amount: Amounts


@cache
def signs(measure: Measure) -> Ints:
    """By flow (loading.flow_of): whether it counts plus, minus or not at all in a measure."""
    found = np.zeros(FLOWS, np.int8)
    accounts = sorted(measure.accounts())
    for one in accounts:
        for other in range(128):
            for debit, credit in ((one, other), (other, one)):
                sign = measure.counts(debit, credit)
                if sign:
                    start = debit << 11 | credit << 4
                    if measure.classes:
                        for class_ in measure.classes:
                            found[start + class_] = sign
                    else:
                        found[start : start + 16] = sign
    found.flags.writeable = False
    return found


class Worth:
    """The postings of one generation, as read under its policies, on one axis of windows.

    opened: as reported, a posting counts no sooner than its first open day.
    """

    def __init__(self, postings: Postings, policies: Policies, axis: Axis, opened: FirstOpen) -> None:
        self.postings = postings
        self._axis = axis
        self._periods = policies.periods
        self._opened = opened

    def flows(self, measure: Measure, *, since_stated: bool) -> Flows:
        """What counts in a measure. since_stated: nothing before it was stated."""
        counting = signs(measure)[self.postings.flow]
        which = np.flatnonzero(counting)
        rows = self.postings.take(which)
        sign = counting[which].astype(np.int64)
        if rows.amount.dtype == object:
            sign = sign.astype(object)
        rows = rows._replace(amount=rows.amount * sign)
        known = self._known(rows)
        if measure.when == _BEYOND:
            row, window, amount = self._beyond(rows)
        else:
            row, window, amount = self._earned(rows, self._axis.ends, self._days(rows, rows.effective))
            if since_stated:
                stated = np.searchsorted(self._axis.ends, self._days(rows, rows.stated))
                window = np.maximum(window, stated[row])
        window = np.maximum(window, known[row])
        if measure.bucket is not None:
            row, window, amount = self._bucketed(rows, measure.bucket, row, window, amount)
        held = np.flatnonzero(window < len(self._axis))
        row, window, amount = row[held], window[held], amount[held]
        return Flows(
            rows.deal[row],
            rows.sku[row],
            (rows.flow & 15)[row],
            rows.currency[row],
            window.astype(np.int32),
            amount,
        )

    def _days(self, rows: Postings, days: Ints) -> Ints:
        days = days.astype(np.int64)
        if not self._opened.positions:
            return days
        return np.maximum(days, first_open_days(self._opened, rows.position))

    def _known(self, rows: Postings) -> Ints:
        """The first window in which a posting is known."""
        if self._axis.known is None:
            return np.zeros(len(rows.deal), np.int64)
        return np.searchsorted(self._axis.known, rows.position)

    def _monthly(self, stated: Ints) -> Ints:
        starts = np.array([period.since for period in self._periods[1:]], np.int64)
        monthly = np.array([period.monthly for period in self._periods])
        return monthly[np.searchsorted(starts, stated, side="right")]

    def _earned(self, rows: Postings, ends: Ints, effective: Ints) -> tuple[Ints, Ints, Amounts]:
        """Rows by their place, windows and what is earned in each of them."""
        last = rows.last.astype(np.int64)
        begins = np.searchsorted(ends, np.maximum(rows.first, effective))
        over = np.maximum(begins, np.searchsorted(ends, last))
        spread = np.flatnonzero((over > begins) & (begins < len(ends)))
        at_once = np.flatnonzero(over == begins)
        times = over[spread] - begins[spread] + 1
        row = np.repeat(spread, times)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
        window = begins[row] + nth
        held = window < len(ends)
        row, nth, window = row[held], nth[held], window[held]
        value = self._held(rows, row, ends[window])
        before = np.concatenate([value[:1] * 0, value[:-1]])
        before[nth == 0] = 0
        return (
            np.concatenate([at_once, row]),
            np.concatenate([begins[at_once], window]),
            np.concatenate([rows.amount[at_once], value - before]),
        )

    def _held(self, rows: Postings, row: Ints, day: Ints) -> Amounts:
        """What is earned of rows by the end of days from their first on."""
        value = rows.amount[row]
        last = rows.last[row].astype(np.int64)
        within = np.flatnonzero(day < last)
        some = row[within]
        value[within] = earned(
            rows.amount[some], rows.first[some].astype(np.int64), last[within], day[within],
            self._monthly(rows.stated[some]),
        )  # fmt: skip
        return value

    def _beyond(self, rows: Postings) -> tuple[Ints, Ints, Amounts]:
        """What is scheduled past a year from each window's end, of what was stated by then."""
        stated = np.searchsorted(self._axis.ends, self._days(rows, rows.stated))
        row, window, amount = self._earned(rows, self._axis.years_on, self._days(rows, rows.effective))
        return (
            np.concatenate([np.arange(len(rows.deal)), row]),
            np.concatenate([stated, np.maximum(window, stated[row])]),
            np.concatenate([rows.amount, -amount]),
        )

    def _bucketed(
        self, rows: Postings, bucket: tuple[int | None, int | None], row: Ints, window: Ints, amount: Amounts
    ) -> tuple[Ints, Ints, Amounts]:
        """Only while what is open is so many days past due."""
        least, most = bucket
        due = rows.due[row].astype(np.int64)
        ends = self._axis.ends
        enters = np.zeros(len(row), np.int64) if least is None else np.searchsorted(ends, due + least)
        leaves = np.full(len(row), len(ends)) if most is None else np.searchsorted(ends, due + most + 1)
        return (
            np.concatenate([row, row]),
            np.concatenate([np.maximum(window, enters), np.maximum(window, leaves)]),
            np.concatenate([amount, -amount]),
        )
