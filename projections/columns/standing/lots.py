"""The postings of some accounts that count on a day, as known by a position, with what they name.

Belongs here: which rows are looked at, what of them counts, and sums by number. Does not belong here: what
they come to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_date
from domain.policies import Policies
from projections.columns.asking import monthly_of
from projections.columns.deals import opened_on
from projections.columns.keeping import State
from projections.columns.picking import Which, known_rows, taken, those
from projections.columns.rows import Pair, Part, Rows
from projections.columns.scanning import by_months
from projections.columns.spans import earned
from projections.periods import ALWAYS_OPEN, FirstOpen

Array = NDArray[Any]


class Look(NamedTuple):
    """A day as known by a position. opened: first open days, for the journal as it was reported."""

    state: State
    at: date
    known: int
    policies: Policies
    opened: FirstOpen = ALWAYS_OPEN

    @property
    def day(self) -> int:
        """The day's number."""
        return from_date(self.at)


class Lot:
    """Postings of one pair that count."""

    def __init__(self, pair: Pair, rows: Rows, which: Which, opened: FirstOpen) -> None:
        self.pair = pair
        self._rows, self._which, self._opened = rows, which, opened

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.key)

    def only(self, counts: Array) -> Lot:
        """Those of the lot that count."""
        which = those(counts)
        if which is None:
            return self
        if self._which is not None:
            which = np.arange(self._rows.size)[self._which][which]
        return Lot(self.pair, self._rows, which, self._opened)

    def _taken(self, column: Array) -> Array:
        return taken(column, self._which)

    @property
    def key(self) -> Array:
        """Numbers of (deal, currency, product)."""
        return self._taken(self._rows.key)

    @property
    def line(self) -> Array:
        """Numbers of order lines."""
        assert self._rows.line is not None, "kept of these accounts"
        return self._taken(self._rows.line)

    @property
    def object(self) -> Array:
        """Numbers of documents."""
        assert self._rows.object is not None, "kept of these accounts"
        return self._taken(self._rows.object)

    @property
    def amount(self) -> Array:
        """Minor units."""
        return self._taken(self._rows.amount)

    @property
    def fact(self) -> Array:
        """Positions of the milestones that postings speak of."""
        rows = self._rows
        return self._taken(rows.position if rows.fact is None else rows.fact)

    @property
    def position(self) -> Array:
        """Positions of the milestones that brought postings about."""
        return self._taken(self._rows.position)

    @property
    def effective(self) -> Array:
        """The days from which postings count."""
        return self._taken(_counting(self._rows, self._rows.effective, self._opened))

    @property
    def own_effective(self) -> Array:
        """The same, whenever they were reported."""
        return self._taken(self._rows.effective)

    @property
    def due(self) -> Array | None:
        """When invoices are due; None: of none of them is it known."""
        return None if self._rows.due is None else self._taken(self._rows.due)

    @property
    def is_spread(self) -> bool:
        """Whether amounts are earned over spans of days."""
        return self._rows.end is not None

    @property
    def start(self) -> Array:
        """First days of spans."""
        assert self._rows.start is not None, "they have spans"
        return self._taken(self._rows.start)

    @property
    def end(self) -> Array:
        """Last days of spans."""
        assert self._rows.end is not None, "they have spans"
        return self._taken(self._rows.end)

    @property
    def own_stated(self) -> Array:
        """When schedules were stated, whenever they were reported."""
        rows = self._rows
        return self._taken(rows.effective if rows.stated is None else rows.stated)

    def worth(self, look: Look) -> Array:
        """What of each amount counts by the end of the day: all, none, or what is earned of it."""
        day, effective = look.day, self.effective
        amounts = np.where(effective <= day, self.amount, 0)
        if not self.is_spread:
            return amounts
        running = np.flatnonzero((effective <= day) & (self.end > day))
        if len(running):
            monthly = by_months(self.own_stated[running], monthly_of(look.policies))
            of = self.amount[running], self.start[running], self.end[running]
            amounts[running] = earned(*of, day, monthly)
        return amounts


def _counting(rows: Rows, days: Array, opened: FirstOpen) -> Array:
    if not opened.positions:
        return days
    found: Array = np.maximum(days, opened_on(opened, rows.position))
    return found


def lots(
    look: Look, wanted: Callable[[int, int], bool], *, stated: bool = False, spread: bool = False
) -> Iterator[Lot]:
    """Postings that are effective by the day, by pair; stated: that were stated by then instead.

    spread: those alone whose amounts are earned over spans of days.
    """
    for segment in look.state.segments:
        for pair, parts in segment.pairs.items():
            if wanted(*pair):
                for part in parts[1:] if spread else parts:
                    lot = None if part is None else _lot(look, pair, part, stated=stated)
                    if lot is not None:
                        yield lot


def touching(accounts: Collection[int]) -> Callable[[int, int], bool]:
    """Pairs of which one account is among these."""
    return lambda debit, credit: debit in accounts or credit in accounts


def _lot(look: Look, pair: Pair, part: Part, *, stated: bool) -> Lot | None:
    rows = part.rows
    upto = known_rows(rows.position, look.known)
    days = rows.stated if stated and rows.stated is not None else rows.effective
    if days is rows.effective and not look.opened.positions:
        upto = min(upto, part.zones.within(None, look.day)[1])
    rows = rows if upto >= rows.size else rows.part(slice(0, upto))
    days = days[:upto]
    which = those(_counting(rows, days, look.opened) <= look.day)
    lot = Lot(pair, rows, which, look.opened)
    return lot if upto and lot.size else None


def signed(lot: Lot, account: int, amounts: Array) -> Array:
    """What comes into an account (negative: leaves it)."""
    debit, credit = lot.pair
    if credit == account:
        return amounts if debit != account else np.zeros_like(amounts)
    return -amounts


def added(size: int, numbers: Array, amounts: Array) -> Array:
    """Sums by number, of numbers below a size."""
    found = np.zeros(size, np.int64)
    np.add.at(found, numbers, amounts)
    return found


class Grouped(NamedTuple):
    """Rows that are alike in some columns, put together: their columns, and the sum of the amounts."""

    columns: tuple[Array, ...]
    amount: Array

    def only(self, which: Array) -> Grouped:
        """Some of them."""
        return Grouped(tuple(column[which] for column in self.columns), self.amount[which])


def grouped(columns: Sequence[Array], amount: Array) -> Grouped:
    """Rows by some columns, in their order, with the sum of amounts."""
    order, begins = runs(columns)
    if not len(order):
        return Grouped(tuple(column[:0] for column in columns), amount[:0].astype(np.int64))
    sums = np.add.reduceat(amount[order], begins)
    return Grouped(tuple(column[order[begins]] for column in columns), sums)


def runs(columns: Sequence[Array]) -> tuple[Array, Array]:
    """The order of rows by some columns, and where in it those begin that are alike."""
    size = len(columns[0])
    order = np.lexsort(tuple(reversed(columns)))
    if not size:
        return order, order
    begins = np.zeros(size, bool)
    begins[0] = True
    for column in columns:
        own = column[order]
        begins[1:] |= own[1:] != own[:-1]
    return order, np.flatnonzero(begins)


def place_of(numbers: Array, size: int) -> Array:
    """Of each number below a size its place among some numbers, -1 where it is none of them."""
    found = np.full(size, -1, np.int64)
    found[numbers] = np.arange(len(numbers))
    return found
