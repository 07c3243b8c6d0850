"""What of invoices is open, cash and credits that wait, for all deals at once (sql/open_invoices, open_cash).

Belongs here: which invoices are open, how much of them, when they are due; what may pay them. Does not belong
here: why they are not paid (reasons).
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_date
from projections import accounts as a
from projections.columns.rows import NO_DAY
from projections.columns.standing.lots import Look, added, lots, place_of, runs, signed, touching

Array = NDArray[Any]

#: The last day that there is.
NEVER: Final = from_date(date.max)


class Invoices(NamedTuple):
    """Invoices of which something is open (negative: overpaid), as open_items.OpenInvoice has them.

    number: theirs, in order. due: day numbers, NEVER where no day is known.
    """

    number: Array
    own: Array
    open: Array
    disputed: Array
    due: Array
    is_posted: Array


def invoices(look: Look) -> Invoices:
    """Invoices of which something is open."""
    items = look.state.items
    size = len(items.object_own)
    open_ = np.zeros(size, np.int64)
    for lot in lots(look, touching({a.RECEIVABLE})):
        np.add.at(open_, lot.object, signed(lot, a.RECEIVABLE, lot.amount))
    some = np.flatnonzero(open_)
    place = place_of(some, size)
    disputed = np.zeros(len(some), np.int64)
    for lot in lots(look, touching({a.DISPUTED})):
        own = lot.only(place[lot.object] >= 0)
        if own.size:
            disputed += added(len(some), place[own.object], signed(own, a.DISPUTED, own.amount))
    due, is_posted = _dues(look, place, len(some))
    return Invoices(some, items.object_own[some].astype(np.int64), open_[some], disputed, due, is_posted)


def _dues(look: Look, place: Array, size: int) -> tuple[Array, Array]:
    """When what is open of some invoices is due, and whether they themselves are known."""
    parts = []
    for lot in lots(look, touching({a.RECEIVABLE, a.DISPUTED})):
        own = lot.only(place[lot.object] >= 0)
        if own.size:
            due = own.due
            days = np.full(own.size, NO_DAY, np.int64) if due is None else due.astype(np.int64)
            pair = np.full(own.size, own.pair[0] * 100 + own.pair[1])
            opens = signed(own, a.RECEIVABLE, own.amount) if a.RECEIVABLE in own.pair else 0 * own.amount
            parts.append((place[own.object], days, own.fact, pair, own.amount, opens))
    due_of, posted = np.full(size, NEVER, np.int64), np.zeros(size, bool)
    if not parts:
        return due_of, posted
    *flow, amount, opens = (np.concatenate(column) for column in zip(*parts, strict=True))
    number, days, _, pair = flow
    order, begins = runs((number, days))
    left = (np.add.reduceat(opens[order], begins) != 0) & (days[order[begins]] != NO_DAY)
    np.minimum.at(due_of, number[order[begins[left]]], days[order[begins[left]]])
    order, begins = runs(flow)
    first = order[begins]
    posts = (pair[first] == a.UNBILLED * 100 + a.RECEIVABLE) | (
        pair[first] == a.SOURCE_TAX * 100 + a.RECEIVABLE
    )
    posted[number[first[posts & (np.add.reduceat(amount[order], begins) != 0)]]] = True
    return due_of, posted


def unapplied(look: Look) -> Array:
    """By number of a payment, what of it is not applied (negative: more is applied than received)."""
    found = np.zeros(len(look.state.items.object_own), np.int64)
    for lot in lots(look, touching({a.UNAPPLIED})):
        np.add.at(found, lot.object, signed(lot, a.UNAPPLIED, lot.amount))
    return found


def waiting(look: Look) -> Array:
    """By number of (deal, currency), its own cash and credits that are not applied; never negative.

    Credits that are applied are taken from the oldest memo first, so what is left of them is their balance.
    """
    items = look.state.items
    keys = look.state.keys
    size = len(keys.of_own)
    held = unapplied(look)
    credit = np.zeros(size, np.int64)
    for lot in lots(look, touching({a.OPEN_CREDIT})):
        np.add.at(credit, keys.own[lot.key], -signed(lot, a.OPEN_CREDIT, lot.amount))
    some = np.flatnonzero(held > 0)
    return added(size, items.object_own[some], held[some]) + np.maximum(credit, 0)
