"""The bridge read off the columns: the groups, pages and totals that projections/bridge gives.

Belongs here: groups of deals, sums over them, other currencies at one rate for all. Does not belong here: the
bridges of deals (spans).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from projections import bridge_spans
from projections.bridge import Bridge, Group, Query, told
from projections.bridge_spans import FIGURES, Span
from projections.columns.asking import Beyond
from projections.columns.keeping import Columns, State
from projections.columns.standing.groups import Groups, chosen, groups_of
from projections.columns.standing.lots import Look, added
from projections.columns.standing.spans import PARTS, Parts, Spans, spans

Array = NDArray[Any]

_WIDE: Final = len(PARTS)


class _Sums(NamedTuple):
    """Bridges of groups. figures: by FIGURES and group. parts: of own the number of the group."""

    figures: Array
    parts: Parts

    def span(self, number: int) -> Span:
        """The bridge of a group."""
        begin, end = np.searchsorted(self.parts.own, [number, number + 1]).tolist()
        of = zip(self.parts.part[begin:end].tolist(), self.parts.amount[begin:end].tolist(), strict=True)
        figures = tuple(self.figures[:, number].tolist())
        return Span(figures, {PARTS[part]: amount for part, amount in of})


def answer(columns: Columns, connection: Connection[Any], query: Query) -> Bridge | None:
    """A bridge; None where SQL has to answer."""
    if query.generation.id != columns.generation or query.convert is not None:
        return None
    state = columns.at_least(connection, query.known)
    if state is None or state.heads is None or not state.bounds.exact:
        return None
    try:
        held, found = _spans(columns, connection, state, query)
        some = found.some & chosen(columns, connection, held, query)
        groups = groups_of(columns, connection, held, query, np.flatnonzero(some))
    except Beyond:
        return None
    first, last = query.offset, query.offset + query.limit
    page = _summed(found, groups, groups.number, first, last)
    totals = _summed(found, groups, groups.currency, 0, len(groups.currencies))
    shown: list[tuple[Group, Span]] = [
        (groups.named(number), page.span(number - first)) for number in range(first, min(last, groups.size))
    ]
    by_currency = {text: totals.span(number) for number, text in groups.currencies.items()}
    return told(query, shown, by_currency, groups.size, [])


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


def _summed(found: Spans, groups: Groups, number: Array, first: int, last: int) -> _Sums:
    """The bridges of the groups from the first to before the last. number: by place among those grouped."""
    which = (number >= first) & (number < last)
    own, of = groups.own[which], number[which] - first
    size = last - first
    figures = np.stack([added(size, of, found.figures[n, own]) for n in range(len(FIGURES))])
    to = np.full(found.figures.shape[1], -1, np.int64)
    to[own] = of
    place = to[found.parts.own]
    kept = place >= 0
    code = place[kept] * _WIDE + found.parts.part[kept]
    codes, inverse = np.unique(code, return_inverse=True)
    amount = added(len(codes), inverse, found.parts.amount[kept])
    of, part = np.divmod(codes, _WIDE)
    return _Sums(figures, Parts(of, part, amount))
