"""What is won and not ordered, ordered and not won, and settled as variance, by product (sql/open_won).

Belongs here: balances and variances by (deal, currency, product), and what began them. Does not belong here:
why they stand (reasons).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from projections import accounts as a
from projections.columns.standing.beginnings import Begun, begun
from projections.columns.standing.lots import Look, added, grouped, lots, place_of, signed, touching

Array = NDArray[Any]


class Wins(NamedTuple):
    """By number of (deal, currency, product), all of them. Minor units.

    waiting: won and not ordered, negative: ordered and not won. variance: account -> amounts.
    """

    waiting: Array
    variance: dict[int, Array]


def wins(look: Look) -> Wins:
    """What stands between won and ordered on the day."""
    size = len(look.state.keys.own)
    waiting = np.zeros(size, np.int64)
    variance: dict[int, Array] = {}
    for lot in lots(look, touching({a.WON_UNORDERED})):
        sums = added(size, lot.key, signed(lot, a.WON_UNORDERED, lot.amount))
        waiting += sums
        debit, credit = lot.pair
        account = credit if debit == a.WON_UNORDERED else debit
        if account in a.VARIANCES:
            # what leaves won_unordered comes into variance
            variance[account] = variance.get(account, 0) - sums
    return Wins(waiting, variance)


def waiting_since(look: Look, keys: Array) -> Begun:
    """What began the balances of some products; numbers: places among the keys.

    A milestone's postings between the same two accounts count from the first of their days.
    """
    place = place_of(keys, len(look.state.keys.own))
    columns: list[list[Array]] = [[], [], [], [], []]
    for lot in lots(look, touching({a.WON_UNORDERED})):
        some = lot.only(place[lot.key] >= 0)
        if not some.size:
            continue
        pair = np.full(some.size, some.pair[0] * 100 + some.pair[1], np.int64)
        moved = signed(some, a.WON_UNORDERED, some.amount)
        for column, own in zip(
            columns, (place[some.key], pair, some.fact, some.effective, moved), strict=True
        ):
            column.append(own.astype(np.int64))
    if not columns[0]:
        none = np.zeros(0, np.int64)
        return Begun(none, none, none)
    number, pair, fact, day, moved = (np.concatenate(column) for column in columns)
    flows = grouped((number, pair, fact), moved)
    first = _first_days(number, pair, fact, day)
    kept = flows.amount != 0
    number, _, fact = (column[kept] for column in flows.columns)
    return begun(number, first[kept], fact, flows.amount[kept])


def _first_days(number: Array, pair: Array, fact: Array, day: Array) -> Array:
    """The first day of each (number, pair, fact), in their order."""
    order = np.lexsort((day, fact, pair, number))
    own = [column[order] for column in (number, pair, fact)]
    new = np.ones(len(order), bool)
    new[1:] = (own[0][1:] != own[0][:-1]) | (own[1][1:] != own[1][:-1]) | (own[2][1:] != own[2][:-1])
    return day[order][new]
