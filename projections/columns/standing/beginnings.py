"""Since when balances have stood on their side of zero, of many at once (sql/open_won, sql/exceptions_begun).

Belongs here: the first day after the last on which each was zero or of the other sign, and the milestones
that moved it that way on that day. Does not belong here: which balances are asked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from projections.columns.standing.lots import Grouped, grouped

Array = NDArray[Any]


class Begun(NamedTuple):
    """One row a milestone that began a balance: number of the balance, day, position; by number and position.

    A milestone that is there twice is there once.
    """

    number: Array
    day: Array
    fact: Array


def begun(number: Array, day: Array, fact: Array, moved: Array) -> Begun:
    """Of moves of balances in any order those that began each, for those that are not zero.

    number: of the balance; moves of one day are peers.
    """
    moves = grouped((number, day, fact), moved)
    days = grouped((moves.columns[0], moves.columns[1]), moves.amount)
    since, side = _since(days)
    balance, on, of = moves.columns
    counts = (on == since[balance]) & (moves.amount * side[balance] > 0)
    return Begun(balance[counts], on[counts], of[counts])


def _since(days: Grouped) -> tuple[Array, Array]:
    """By number the first day of standing on its side, and the sign of the side. days: in order."""
    number, day = days.columns
    size = int(number[-1]) + 1 if len(number) else 0
    held = np.cumsum(days.amount)
    first = np.flatnonzero(np.diff(number, prepend=-1))
    before = np.zeros(len(first), np.int64)
    before[1:] = held[first[1:] - 1]
    held -= np.repeat(before, np.diff(first, append=len(number)))
    last = np.append(first[1:], len(number))[: len(first)] - 1
    side = np.zeros(size, np.int64)
    side[number[first]] = np.sign(held[last])
    other = held * side[number] <= 0
    # the first row of a balance after its last one on the other side
    begins = np.zeros(size, np.int64)
    begins[number[first]] = first
    places = np.flatnonzero(other)
    begins[number[places]] = places + 1  # of several the last is kept
    since = np.full(size, np.iinfo(np.int32).max, np.int64)
    some = np.flatnonzero(side)
    since[some] = day[begins[some]]
    return since, side
