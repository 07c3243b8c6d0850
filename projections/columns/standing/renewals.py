"""Products that are live beyond their last service day, for all deals at once (sql/exceptions_live).

Belongs here: which those are, and the milestones that stated their last spans. Does not belong here: what is
told of them (excepting).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from projections import accounts as a
from projections.columns.standing.lots import Look, grouped, lots, place_of, signed, touching

Array = NDArray[Any]


class Overdue(NamedTuple):
    """Products, by number of (deal, currency, product): the rate (minor units a year), the last day."""

    key: Array
    rate: Array
    last: Array


class Stated(NamedTuple):
    """The milestones that stated the last spans of some products; numbers: their places, in order."""

    number: Array
    fact: Array


def overdue(look: Look) -> tuple[Overdue, Stated]:
    """Products whose run-rate is live though their last service day is over."""
    size = len(look.state.keys.own)
    rate = np.zeros(size, np.int64)
    for lot in lots(look, touching({a.LIVE})):
        np.add.at(rate, lot.key, signed(lot, a.LIVE, lot.amount))
    key, start, end, fact, amount = _spans(look, rate > 0)
    flows = grouped((key, start, end, fact), amount)
    flows = flows.only(flows.amount != 0)
    key, _, end, fact = flows.columns
    last = np.full(size, np.iinfo(np.int64).min)
    np.maximum.at(last, key, end)
    live = np.unique(key)
    some = live[last[live] < look.day]
    place = place_of(some, size)[key]
    counts = (place >= 0) & (end == last[key])
    pairs = grouped((place[counts], fact[counts]), np.ones(int(np.count_nonzero(counts)), np.int64))
    return Overdue(some, rate[some], last[some]), Stated(*pairs.columns)


def _spans(look: Look, wanted: Array) -> tuple[Array, ...]:
    """Key, first day, last day, milestone and amount of every span of some products."""
    parts: list[tuple[Array, ...]] = []
    for lot in lots(look, lambda _debit, _credit: True, stated=True, spread=True):
        some = lot.only(wanted[lot.key])
        if some.size:
            parts.append((some.key, some.start, some.end, some.fact, some.amount))
    if not parts:
        none = np.zeros(0, np.int64)
        return none, none, none, none, none
    return tuple(np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True))
