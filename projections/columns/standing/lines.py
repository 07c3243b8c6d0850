"""Order lines of which something is unbilled, for all deals at once (sql/open_lines).

Belongs here: which lines those are, and their balances. Does not belong here: why they are not billed
(reasons).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_date
from projections import accounts as a
from projections.columns.keeping import State
from projections.columns.labels import Labels
from projections.columns.standing.lots import (
    Look,
    Lot,
    added,
    grouped,
    lots,
    place_of,
    runs,
    signed,
    touching,
)
from projections.columns.texts import Texts

Array = NDArray[Any]

_BILLED: Final = touching({a.UNBILLED})
_OTHERS: Final = touching({a.UNPERFORMED, a.UNFULFILLED, a.RECOGNISED, a.SCHEDULED})
_ORDERED: Final = (a.WON_UNORDERED, a.UNBILLED)
#: Measures that are sums of one pair, by name.
_OF_PAIRS: Final = {
    "ordered": _ORDERED,
    "usage": (a.SOURCE_USAGE, a.UNBILLED),
    "billed": (a.UNBILLED, a.RECEIVABLE),
    "rebilled": (a.OPEN_CREDIT, a.UNBILLED),
}
#: Measures that are what comes into an account, by name.
_OF_ACCOUNTS: Final = {"performed": a.RECOGNISED, "unfulfilled": a.UNFULFILLED, "scheduled": a.SCHEDULED}


class Lines(NamedTuple):
    """Lines with something unbilled, as projections/open_items.OpenLine has them. line: their numbers."""

    line: Array
    own: Array
    unbilled: Array
    usage: Array
    billed: Array
    rebilled: Array
    performed: Array
    unfulfilled: Array
    scheduled: Array
    scheduled_before: Array
    planned: Array
    is_planned: Array
    is_ordered: Array
    is_ratable: Array


def lines(look: Look, by_product: Array, grace: int) -> Lines:
    """Lines with something unbilled, by number. grace: days that `scheduled_before` lies before the day.

    by_product: what `labels_of` gives.
    """
    state = look.state
    size = len(state.items.line_own)
    moved = Moved(look, by_product)
    unbilled = np.zeros(size, np.int64)
    for lot in lots(look, _BILLED, stated=True):
        np.add.at(unbilled, moved.line(lot), signed(lot, a.UNBILLED, lot.worth(look)))
    some = np.flatnonzero(unbilled)
    sums = _Sums(look, moved, place_of(some, size), len(some), grace)
    for lot in lots(
        look, lambda debit, credit: _BILLED(debit, credit) or _OTHERS(debit, credit), stated=True
    ):
        sums.add(lot)
    return Lines(some, state.items.line_own[some].astype(np.int64), unbilled[some], **sums.told())


class _Sums:
    """The measures of some lines."""

    def __init__(self, look: Look, moved: Moved, place: Array, size: int, grace: int) -> None:
        self._look, self._moved, self._place, self._size = look, moved, place, size
        self._before = from_date(look.at - timedelta(days=grace))
        names = ("usage", "billed", "rebilled", *_OF_ACCOUNTS, "scheduled_before", "planned")
        self._sums = {name: np.zeros(size, np.int64) for name in names}
        #: By flag what says so: place, debit, line and product as posted, milestone, amount, whether spread.
        self._said: dict[str, list[tuple[Array, ...]]] = {
            name: [] for name in ("is_planned", "is_ordered", "is_ratable")
        }

    def add(self, lot: Lot) -> None:
        """Take in postings."""
        place = self._place[self._moved.line(lot)]
        some = lot.only(place >= 0)
        if not some.size:
            return
        place, worth = place[place >= 0], some.worth(self._look)
        for name, pair in _OF_PAIRS.items():
            if some.pair == pair and name in self._sums:
                self._sums[name] += added(self._size, place, worth)
        for name, account in _OF_ACCOUNTS.items():
            if account in some.pair:
                self._sums[name] += added(self._size, place, signed(some, account, worth))
        self._flag(some, place, worth)
        if a.SCHEDULED in some.pair:
            whole = signed(some, a.SCHEDULED, some.amount)
            self._sums["planned"] += added(self._size, place, whole)
            early = np.where(some.effective <= self._before, whole, 0)
            self._sums["scheduled_before"] += added(self._size, place, early)

    def _flag(self, some: Lot, place: Array, worth: Array) -> None:
        """Note what is so of a line if it is of any milestone about it that is not taken back."""
        if some.pair == _ORDERED:
            self._note("is_ordered", some, place, worth)
        if a.SCHEDULED in some.pair:
            self._note("is_planned", some, place, some.amount)
        if some.pair[1] == a.RECOGNISED:
            self._note("is_ratable", some, place, some.amount)

    def _note(self, name: str, some: Lot, place: Array, amounts: Array) -> None:
        debit = np.full(len(place), some.pair[0])
        spread = np.full(len(place), int(some.is_spread))
        self._said[name].append((place, debit, some.line, some.key, some.fact, amounts, spread))

    def told(self) -> dict[str, Array]:
        """Everything by name."""
        return {**self._sums, **{name: self._flagged(name) for name in self._said}}

    def _flagged(self, name: str) -> Array:
        found = np.zeros(self._size, bool)
        if self._said[name]:
            *flow, amounts, spread = (
                np.concatenate(column) for column in zip(*self._said[name], strict=True)
            )
            order, begins = runs(flow)
            so = np.add.reduceat(amounts[order], begins) != 0
            if name == "is_ratable":
                so &= np.add.reduceat(spread[order], begins) > 0
            found[flow[0][order[begins[so]]]] = True
        return found


class Moved:
    """Lines billed by their product ahead of the order: they belong to the deal's one order line of it."""

    def __init__(self, look: Look, by_product: Array) -> None:
        self._look, self._by_product = look, by_product
        self._state = look.state
        self._to: Array | None = None

    def line(self, lot: Lot) -> Array:
        """The lines of postings."""
        line = lot.line
        key = lot.key
        items = self._state.items
        named = items.line_label[line] == self._by_product[self._state.keys.sku[key]]
        if not bool(named.any()):
            return line
        to = self._targets()[key]
        return np.where(named & (to >= 0), to, line)

    def _targets(self) -> Array:
        """By (deal, currency, product) its one order line, -1 where it has none or several."""
        if self._to is None:
            self._to = _one_line(self._look, self._state)
        return self._to


def _one_line(look: Look, state: State) -> Array:
    found = np.full(len(state.keys.own), -1, np.int64)
    parts = [
        (lot.key, lot.line, lot.fact, lot.worth(look))
        for lot in lots(look, lambda debit, credit: (debit, credit) == _ORDERED, stated=True)
    ]
    if not parts:
        return found
    key, line, fact, worth = (np.concatenate(column) for column in zip(*parts, strict=True))
    flows = grouped((key, line, fact), worth)
    flows = flows.only(flows.amount != 0)
    both = grouped((flows.columns[0], flows.columns[1]), flows.amount)
    keys, begins, many = np.unique(both.columns[0], return_index=True, return_counts=True)
    found[keys[many == 1]] = both.columns[1][begins[many == 1]]
    return found


def labels_of(skus: Texts, labels: Labels) -> Array:
    """By code of a product, the number of the label that is the same text; -1: none is."""
    texts = skus.ranks().texts
    found = np.full(len(texts), -1, np.int64)
    for text in texts:
        code = 0 if text is None else skus.find(text)
        label = labels.find(text or "")
        if code is not None and label is not None:
            found[code] = label
    return found
