"""What exceptions ask of some lines and invoices: who posted them, and which day is beyond what was billed.

Belongs here: reading the postings of some numbers off the columns; numbers by names. Does not belong here:
which are asked for (asking).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_date, to_date
from projections import accounts as a
from projections.columns.deals import Index, opened_on
from projections.columns.loading import DEALS, LABELS, OWNS, Book
from projections.columns.standing.lines import Moved
from projections.columns.standing.lots import Look, Lot, grouped, lots, place_of, runs, signed
from projections.periods import FirstOpen

Array = NDArray[Any]

_BILLING: Final = (a.UNBILLED, a.RECEIVABLE)
_POSTING: Final = (_BILLING, (a.SOURCE_TAX, a.RECEIVABLE))
#: Accounts of the forecast, for which no period is closed (sql/exceptions_closed).
_FORECAST: Final = frozenset({a.SOURCE_PIPELINE, a.PIPELINE, a.LOST})


class Asked(NamedTuple):
    """Moves of some lines: place of the line, day, milestone, amount."""

    number: Array
    day: Array
    fact: Array
    moved: Array


def own_of(book: Book, deal: int, currency: str) -> int | None:
    """The number of a deal in a currency."""
    place, code = book.deals.find(deal), book.currencies.find(currency)
    return None if place is None or code is None else book.owns.find(code * DEALS + place)


def key_of(book: Book, own: int, sku: str) -> int | None:
    """The number of a product of a deal in a currency."""
    code = book.skus.find(sku) if sku else 0
    return None if code is None else book.keys.find(code * OWNS + own)


def item_of(book: Book, index: Index, own: int, label: str) -> int | None:
    """The number of a line or document of a deal in a currency."""
    code = book.labels.find(label)
    return None if code is None else index.find(own * LABELS + code)


def first_billed(look: Look, by_product: Array, numbers: Array) -> dict[int, int]:
    """Of some lines the first milestone in business order that billed them."""
    place = place_of(numbers, len(look.state.items.line_own))
    moved = Moved(look, by_product)
    parts = []
    for lot in lots(look, lambda debit, credit: (debit, credit) == _BILLING, stated=True):
        of = place[moved.line(lot)]
        some = lot.only(of >= 0)
        if some.size:
            parts.append((of[of >= 0], some.line, some.key, some.fact, some.effective, some.worth(look)))
    if not parts:
        return {}
    place_, line, key, fact, day, worth = (np.concatenate(column) for column in zip(*parts, strict=True))
    order, begins = runs((place_, line, key, fact))
    kept = np.add.reduceat(worth[order], begins) != 0
    first = np.minimum.reduceat(day[order], begins)[kept]
    which = order[begins[kept]]
    return dict(_firsts(numbers[place_[which]], first, fact[which]))


def _firsts(number: Array, day: Array, fact: Array) -> Iterator[tuple[int, int]]:
    """The first fact of each number, by day and position."""
    order = np.lexsort((fact, day, number))
    first = order[np.diff(number[order], prepend=-1) != 0]
    return zip(number[first].tolist(), fact[first].tolist(), strict=True)


def posted(look: Look, numbers: Array) -> dict[int, tuple[int, int]]:
    """Of some invoices, by place: what was invoiced, gross, and the first milestone that posted them."""
    place = place_of(numbers, len(look.state.items.object_own))
    parts = []
    for lot in lots(look, lambda debit, credit: (debit, credit) in _POSTING):
        of = place[lot.object]
        some = lot.only(of >= 0)
        if some.size:
            due = np.zeros(some.size, np.int64) if some.due is None else some.due.astype(np.int64)
            debit = np.full(some.size, lot.pair[0])
            parts.append((of[of >= 0], due, some.fact, debit, some.effective, some.amount))
    if not parts:
        return {}
    number, due, fact, debit, day, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    order, begins = runs((number, due, fact, debit))
    sums = np.add.reduceat(amount[order], begins)
    first, which = np.minimum.reduceat(day[order], begins), order[begins]
    kept = sums != 0
    invoiced = np.zeros(len(numbers), np.int64)
    np.add.at(invoiced, number[which], sums)
    facts = dict(_firsts(number[which][kept], first[kept], fact[which][kept]))
    return {place: (int(invoiced[place]), fact) for place, fact in facts.items()}


def planned(look: Look, numbers: Array) -> Asked:
    """Plans of some lines that were known on the day, up to it."""
    return _moves(
        look, numbers, [(lot, signed(lot, a.SCHEDULED, lot.amount)) for lot in _planning(look)], stated=True
    )


def _planning(look: Look) -> Iterator[Lot]:
    return lots(look, lambda debit, credit: a.SCHEDULED in (debit, credit), stated=True)


def delivered(look: Look, numbers: Array) -> Asked:
    """Deliveries and activations of some lines, and what came back of them."""

    def wanted(debit: int, credit: int) -> bool:
        gone = credit in (a.UNFULFILLED, a.PERFORMANCE_CANCELLED, a.CONCESSION)
        return (debit, credit) == (a.UNFULFILLED, a.RECOGNISED) or (debit == a.RECOGNISED and gone)

    found = [(lot, lot.amount if lot.pair[1] == a.RECOGNISED else -lot.amount) for lot in lots(look, wanted)]
    return _moves(look, numbers, found, stated=False)


def _moves(look: Look, numbers: Array, found: Sequence[tuple[Lot, Array]], *, stated: bool) -> Asked:
    place = place_of(numbers, len(look.state.items.line_own))
    parts = []
    for lot, amounts in found:
        of = place[lot.line]
        which = (of >= 0) & (lot.effective <= look.day) if stated else of >= 0
        parts.append((of[which], lot.effective[which], lot.fact[which], amounts[which]))
    if not parts:
        none = np.zeros(0, np.int64)
        return Asked(none, none, none, none)
    columns = [np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)]
    moves = grouped(columns[:3], columns[3])
    kept = moves.only(moves.amount != 0)
    number, day, fact = kept.columns
    return Asked(number, day, fact, kept.amount)


def uncovered(found: Asked, billed: Array) -> Iterator[tuple[int, date, list[int], int]]:
    """Place, first day on which the sum so far is beyond what was billed, its milestones, the final sum."""
    days = grouped((found.number, found.day), found.moved)
    number, day = days.columns
    if not len(number):
        return
    held = np.cumsum(days.amount)
    first = np.flatnonzero(np.diff(number, prepend=-1))
    last = np.append(first[1:], len(number)) - 1
    before = np.zeros(len(first), np.int64)
    before[1:] = held[first[1:] - 1]
    held -= np.repeat(before, np.diff(first, append=len(number)))
    final = np.zeros(len(billed), np.int64)
    final[number[first]] = held[last]
    beyond = np.flatnonzero(held > billed[number])
    chosen = beyond[np.diff(number[beyond], prepend=-1) != 0]
    code = found.number * 2**32 + (found.day - _DAWN)  # moves are in the order of number and day
    for n, on in zip(number[chosen].tolist(), day[chosen].tolist(), strict=True):
        of = n * 2**32 + (on - _DAWN)
        begin, end = np.searchsorted(code, [of, of + 1]).tolist()
        yield n, to_date(on), found.fact[begin:end].tolist(), int(final[n])


_DAWN: Final = -(2**31)


def late_deals(look: Look, now: date, opened_at: Sequence[int], opened_on_: Sequence[date | None]) -> Array:
    """Places of deals of which something was told that fell into a period that was closed by then."""
    opened = FirstOpen(tuple(opened_at), tuple(opened_on_))
    found = []
    for lot in lots(
        look, lambda debit, credit: debit < a.SOURCE_WEIGHTED and not {debit, credit} <= _FORECAST
    ):
        some = lot.only((lot.effective < from_date(now)) & (lot.position >= opened_at[0]))
        if some.size:
            late = some.effective < opened_on(opened, some.position)
            found.append(look.state.keys.deal[some.key[late]])
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def deals_naming(look: Look, wanted: Array) -> Array:
    """Places of deals of which a milestone names a product that is wanted, by codes of system and product."""
    heads, keys = look.state.heads, look.state.keys
    assert heads is not None, "whoever asks has looked"
    if not bool(wanted.any()):
        return np.zeros(0, np.int64)
    found = np.zeros(len(keys.first), bool)
    for lot in lots(look, lambda _debit, _credit: True):
        key = lot.key
        system = heads.system[lot.fact - 1]
        sku = keys.sku[key]
        known = sku < wanted.shape[1]
        which = wanted[system, np.where(known, sku, 0)] & known
        found[keys.deal[key[which]]] = True
    return np.flatnonzero(found)
