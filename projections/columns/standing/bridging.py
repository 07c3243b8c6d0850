"""The bridge read off the columns: the groups, pages and totals that projections/bridge gives.

Belongs here: groups of deals, sums over them, other currencies at one rate for all. Does not belong here: the
bridges of deals (spans).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from projections import bridge_spans
from projections.bridge import Bridge, Query, summed, told
from projections.bridge_spans import FIGURES, Span
from projections.columns.asking import Beyond
from projections.columns.keeping import Columns, State
from projections.columns.standing.converted import Into, converted
from projections.columns.standing.groups import Shown, chosen, groups_of
from projections.columns.standing.lots import Look, added
from projections.columns.standing.spans import PARTS, Spans, spans

Array = NDArray[Any]

_WIDE: Final = len(PARTS)


class _Sums:
    """Bridges of the groups from the first to before the last. number: of the group of each of `own`."""

    def __init__(self, found: Spans, own: Array, number: Array, into: Into, first: int, last: int) -> None:
        self._first, self._weights = first, into.weights
        wide = len(into.weights)
        which = (number >= first) & (number < last)
        own, of = own[which], (number[which] - first) * wide + into.weighed[which]
        size = max(0, last - first) * wide
        self._figures = np.stack([added(size, of, found.figures[n, own]) for n in range(len(FIGURES))])
        to = np.full(found.figures.shape[1], -1, np.int64)
        to[own] = of
        place = to[found.parts.own]
        kept = place >= 0
        code = place[kept] * _WIDE + found.parts.part[kept]
        codes, inverse = np.unique(code, return_inverse=True)
        self._of, self._part = np.divmod(codes, _WIDE)
        self._amount = added(len(codes), inverse, found.parts.amount[kept])

    def span(self, number: int) -> Span:
        """The bridge of a group."""
        wide, spans_ = len(self._weights), []
        for n, weight in enumerate(self._weights):
            place = (number - self._first) * wide + n
            begin, end = np.searchsorted(self._of, [place, place + 1]).tolist()
            of = zip(self._part[begin:end].tolist(), self._amount[begin:end].tolist(), strict=True)
            figures = self._figures[:, place].tolist()
            if weight == 1:
                spans_.append(Span(tuple(figures), {PARTS[part]: amount for part, amount in of}))
            elif begin < end or any(figures):
                weighed = {PARTS[part]: amount * weight for part, amount in of}
                spans_.append(Span(tuple(figure * weight for figure in figures), weighed))
        found = spans_[0]
        for one in spans_[1:]:
            found = summed(found, one)
        return found


def answer(columns: Columns, connection: Connection[Any], query: Query) -> Bridge | None:
    """A bridge; None where SQL has to answer: another generation, or a rate for every posting."""
    asked = query.convert
    if query.generation.id != columns.generation or (asked is not None and asked.rate == "transaction"):
        return None
    state = columns.at_least(connection, query.known)
    if state is None or state.heads is None or not state.bounds.exact:
        return None
    try:
        held, found = _spans(columns, connection, state, query)
        own = np.flatnonzero(found.some & chosen(columns, connection, held, query))
        if asked is None:
            ranks = columns.book.currencies.ranks()
            currency = ranks.of[held.keys.currency[held.keys.of_own[own]]]
            into = Into(own, Shown(currency, ranks.texts), np.zeros(len(own), np.int64), [1], [])
        else:
            into = converted(columns, connection, held, query, found, own)
        groups = groups_of(columns, connection, held, query, into.own, into.shown)
    except Beyond:
        return None
    first, last = query.offset, min(query.offset + query.limit, groups.size)
    page = _Sums(found, groups.own, groups.number, into, first, last)
    totals = _Sums(found, groups.own, groups.currency, into, 0, len(groups.currencies))
    shown = [(groups.named(number), page.span(number)) for number in range(first, last)]
    by_currency = {text: totals.span(number) for number, text in groups.currencies.items()}
    return told(query, shown, by_currency, groups.size, into.unrated)


def _spans(columns: Columns, connection: Connection[Any], state: State, query: Query) -> tuple[State, Spans]:
    """The bridges of all deals, and of which state they are; what is known by a position never changes."""
    policies = query.generation.policies
    key = "bridge", query.at, query.known, query.basis, policies.to_json()
    opened = bridge_spans.opened_in(connection, query)

    def work_out() -> tuple[State, Spans]:
        look = Look(state, query.at, query.known, policies, opened)
        assert state.heads is not None, "asked before"
        return state, spans(columns, connection, look, state.heads)

    found: tuple[State, Spans] = columns.open.of(key, work_out)
    return found
