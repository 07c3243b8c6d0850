"""Bridges in one currency at one rate for all: how much each of them weighs (projections/bridge_converted).

Belongs here: rates by currency, deals that stay in their own for want of a rate. Does not belong here: a rate
for every posting, which SQL answers; sums (bridging).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from projections.bridge_converted import Rates
from projections.bridge_spans import FIGURES, Query
from projections.columns.asking import deal_columns
from projections.columns.keeping import Columns, State
from projections.columns.standing.groups import Shown
from projections.columns.standing.spans import PARTS, Spans
from projections.conversion import Staying, unrated

Array = NDArray[Any]


class Into(NamedTuple):
    """Bridges that are shown. own: numbers of (deal, currency); shown: in which currency.

    weighed: of each the place of its weight. weights: minor units of what is shown for one; 1 the first.
    """

    own: Array
    shown: Shown
    weighed: Array
    weights: list[int | Fraction]
    unrated: list[dict[str, str]]


def converted(
    columns: Columns, connection: Connection[Any], state: State, query: Query, found: Spans, own: Array
) -> Into:
    """What some bridges weigh in the currency asked for."""
    rates, into = Rates(connection, query), query.convert
    assert into is not None, "there is something to convert"
    keys = state.keys
    deal, code = keys.deal[keys.of_own[own]], keys.currency[keys.of_own[own]]
    texts = columns.book.currencies.by_code()
    weights: list[int | Fraction] = [1] * (len(texts) + 1)
    rated = np.ones(len(texts), bool)
    for each in np.unique(code).tolist():
        weight = rates.of_balance(texts[each])
        rated[each] = weight is not None
        # one that is 1 is told apart from those that stay by its place alone
        weights[each + 1] = 1 if weight is None else Fraction(weight)
    is_staying = np.zeros(len(keys.first), bool)
    is_staying[deal[~rated[code]]] = True
    stays = is_staying[deal]
    kept = stays | ~_nothing(found, own, deal, code, weights)
    own, deal, code, stays = own[kept], deal[kept], code[kept], stays[kept]
    names: list[str | None] = [None, *sorted({*texts[1:], into.into})]
    rank_of = np.array([0, *(names.index(text) for text in texts[1:])], np.int64)
    ranks = np.where(stays, rank_of[code], names.index(into.into))
    numbers = columns.book.deals.values[deal]
    lacking = np.flatnonzero(~rated[code])
    (called,) = deal_columns(columns, state, connection, query.at, query.known, ("deal",)).values()
    left = [
        Staying(0, number, called.texts[rank] or None, texts[currency], rates.lacking_on(None))
        for number, rank, currency in zip(
            numbers[lacking].tolist(),
            called.at(0)[deal[lacking]].tolist(),
            code[lacking].tolist(),
            strict=True,
        )
    ]
    weighed = np.where(stays, 0, code + 1)
    return Into(own, Shown(ranks, names), weighed, weights, unrated(left, into.into))


def _nothing(found: Spans, own: Array, deal: Array, code: Array, weights: list[int | Fraction]) -> Array:
    """Which are of deals in several currencies that come to nothing in one."""
    nothing = np.zeros(len(own), bool)
    deals, many = np.unique(deal, return_counts=True)
    for several in deals[many > 1].tolist():
        places = np.flatnonzero(deal == several)
        sums: dict[object, int | Fraction] = {}
        for place in places.tolist():
            weight, number = weights[int(code[place]) + 1], int(own[place])
            for n in range(len(FIGURES)):
                sums[n] = sums.get(n, 0) + int(found.figures[n, number]) * weight
            begin, end = np.searchsorted(found.parts.own, [number, number + 1]).tolist()
            for part, amount in zip(
                found.parts.part[begin:end].tolist(), found.parts.amount[begin:end].tolist(), strict=True
            ):
                sums[PARTS[part]] = sums.get(PARTS[part], 0) + amount * weight
        nothing[places] = not any(sums.values())
    return nothing
