"""How long stages take, read off the columns (projections/latency says the same).

Belongs here: when milestones happened and were recorded, durations, percentiles. Does not belong here: which
milestones begin and end a stage (stages).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain import milestones as m
from domain.instants import from_date
from projections import open_items as o
from projections.columns.asking import deal_columns
from projections.columns.heads import Heads
from projections.columns.keeping import Columns, State
from projections.columns.standing import stages
from projections.columns.standing.groups import rank_of
from projections.columns.standing.lots import Look, lots
from projections.columns.standing.stages import Stretches
from projections.deals import number_of
from projections.dimensions import Dimensions
from projections.latency import PERCENTILES, STAGES, Query, Stage

Array = NDArray[Any]

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_WON: Final = "opportunity.won."
_POSTED: Final = "invoice.posted."


def answer(columns: Columns, connection: Connection[Any], query: Query) -> list[Stage] | None:
    """Every stage, then the capture of every role; None where SQL has to answer."""
    if query.generation.id != columns.generation:
        return None
    state = columns.at_least(connection, query.known)
    if state is None or state.heads is None:
        return None
    return _Asking(columns, connection, state, state.heads, query).told()


class _Asking:
    """One question while it is answered."""

    def __init__(
        self, columns: Columns, connection: Connection[Any], state: State, heads: Heads, query: Query
    ) -> None:
        assert columns.log is not None, "there are heads"
        self._columns, self._connection, self._query = columns, connection, query
        self._state, self._heads, self._log = state, heads, columns.log
        self._look = Look(state, query.end, query.known, query.generation.policies)
        self._passes = self._passing()
        self._instant = self._happened()
        self._topics = columns.log.topics.by_code()

    def _passing(self) -> Array | None:
        """By place of a deal, whether it passes the filters; None: all do."""
        query, columns = self._query, self._columns
        names = [name for name in query.filters if name not in ("deal", "currency")]
        found: Array | None = None
        if "deal" in query.filters:
            number = number_of(self._connection, query.filters["deal"], columns.generation, query.known)
            found = columns.book.deals.values[: len(self._state.keys.first)] == number
        of = deal_columns(columns, self._state, self._connection, query.end, query.known, names)
        for name, column in of.items():
            same = column.at(0) == rank_of(columns.book.values[name], query.filters[name])
            found = same if found is None else found & same
        return found

    def _happened(self) -> Array:
        """When milestones happened, by position less one; of voided ones, and of amended amendments, -1."""
        known, heads = self._query.known, self._heads
        found = heads.instant[:known]
        amended = heads.amended_by(known)
        amended = amended[amended <= known]
        if not len(amended):
            return found
        found = found.copy()
        found[amended - 1] = -1
        kept = self._columns.small.of(("as amended", known), lambda: self._as_amended(amended))
        for position, instant in kept.items():
            found[position - 1] = instant
        return found

    def _as_amended(self, positions: Array) -> dict[int, int]:
        policies = self._query.generation.policies
        said = o.milestones(self._connection, positions.tolist(), self._query.known, policies)
        return {position: one.instant for position, one in said.items()}

    def told(self) -> list[Stage]:
        """All of them."""
        look, query = self._look, self._query
        given = stages.orders(look, self._columns.book.labels.stems)
        found = {
            "order_creation": _both(stages.creation(look, query), stages.unordered(look)),
            "order_acceptance": self._acceptances(given),
            "fulfilment": stages.fulfilment(look, query, given),
            "invoicing": stages.invoicing(look, query),
            "collection": stages.collection(look, query),
            "cash_application": stages.cash(look, query),
        }
        by_role, propagated = self._captured()
        told = [
            _summed(name, propagated) if name not in found else self._stage(name, found[name])
            for name in STAGES
        ]
        return told + [_summed(f"capture.{role}", by_role[role]) for role in sorted(by_role)]

    def _stage(self, name: str, found: Stretches) -> Stage:
        if self._passes is not None:
            found = Stretches(*(column[self._passes[found.deal]] for column in found))
        begun = self._instant[found.begun - 1]
        counts = begun != -1  # else voided
        if name == "order_creation":  # else an amount that grew later
            won = np.array([text.startswith(_WON) for text in self._topics])
            counts &= won[self._heads.topic[found.begun - 1]]
        deal, start, done, begun = (column[counts] for column in (*found, begun))
        ended = done != 0
        finished = self._instant[np.where(ended, done, 1) - 1]
        measured = ended & (finished != -1) & (finished >= begun)
        stage = _summed(name, finished[measured] - begun[measured])
        if bool(ended.all()):
            return stage
        deal, start, begun = deal[~ended], start[~ended], begun[~ended]
        number = self._columns.book.deals.values[deal]
        first = int(np.lexsort((number, start, begun))[0])
        query = self._query
        names = Dimensions(self._connection, self._columns.generation, query.known, query.end)
        since, oldest = int(begun[first]), int(number[first])
        over = (from_date(query.end) + 1) * _DAY
        return stage._replace(
            waiting=len(np.unique(start)),
            oldest_waiting=max(0, (over - since) // _SECOND),
            oldest_since=since,
            oldest_deal=names.names([oldest]).get(oldest),
        )

    def _acceptances(self, given: stages.Orders) -> Stretches:
        """Orders from their first submission to their acceptance; those that are still with the ERP."""
        query = self._query
        waiting = o.conditions(
            self._connection, self._columns.generation, query.end, query.known, (o.ORDER_SUBMITTED,)
        )
        find = self._columns.book.deals.find
        spans = [(place, one.fact, 0) for one in waiting if (place := find(one.deal)) is not None]
        first = self._submitted()
        if first:
            which, done = stages.accepted(self._look, query, given)
            lines = np.full(len(given.deal), -1, np.int64)
            lines[given.of_line[given.of_line >= 0]] = np.flatnonzero(given.of_line >= 0)
            sources, of = self._log.sources.by_code(), self._state.items.line_label
            for number, fact in zip(which.tolist(), done.tolist(), strict=True):
                name = _order_of(self._columns.book.labels.text(int(of[lines[number]])))
                begun = first.get((sources[int(self._heads.source[fact - 1])], name))
                if begun is not None:
                    spans.append((int(given.deal[number]), begun[1], fact))
        return Stretches(*np.array(spans, np.int64).reshape(-1, 3).T)

    def _submitted(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By source and order its first submission: when, and the position."""
        known, heads, sources = self._query.known, self._heads, self._log.sources.by_code()
        said = [(position, order) for position, order in self._log.submitted if position <= known]
        amended = set(heads.amended_by(known).tolist()).intersection(position for position, _ in said)
        policies = self._query.generation.policies
        now = o.milestones(self._connection, amended, known, policies)
        first: dict[tuple[str, str], tuple[int, int]] = {}
        for position, order in said:
            key, instant = (sources[int(heads.source[position - 1])], order), int(heads.instant[position - 1])
            if position in amended:
                one = now.get(position)
                if not isinstance(one, m.OrderSubmitted):
                    continue
                key, instant = (one.source, one.order), one.instant
            first[key] = min(first.get(key, (instant, position)), (instant, position))
        return first

    def _captured(self) -> tuple[dict[str, Array], Array]:
        """Microseconds from happening to recording, by role; and of invoices."""
        query, heads = self._query, self._heads
        positions = np.arange(1, query.known + 1)
        recorded = heads.recorded_at(positions)
        counts = recorded < (from_date(query.end) + 1) * _DAY
        if query.start is not None:
            counts &= recorded >= from_date(query.start) * _DAY
        if query.filters:
            counts &= self._posted()[1:]
        counts &= (self._instant != -1) & (recorded >= self._instant)
        which = np.flatnonzero(counts)
        lasted = recorded[which] - self._instant[which]
        roles = [source[1:].partition("/")[0] for source in self._log.sources.by_code()]
        names, code_of = np.unique(roles, return_inverse=True)
        role = code_of[heads.source[which]]
        by_role = {str(names[code]): lasted[role == code] for code in np.unique(role).tolist()}
        is_invoice = np.array([text.startswith(_POSTED) for text in self._topics])
        return by_role, lasted[is_invoice[heads.topic[which]]]

    def _posted(self) -> Array:
        """By position, whether it posted in a deal that passes, on whichever day."""
        found = np.zeros(self._query.known + 1, bool)
        for lot in lots(self._look._replace(at=date.max), lambda _debit, _credit: True):
            fact = lot.fact
            if self._passes is not None:
                fact = fact[self._passes[self._state.keys.deal[lot.key]]]
            found[fact] = True
        return found


def _both(one: Stretches, other: Stretches) -> Stretches:
    return Stretches(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))


def _order_of(line: str) -> str:
    """The name of a line up to its last slash."""
    order, slash, _ = line.rpartition("/")
    return order if slash else line


def _summed(name: str, lasted: Array) -> Stage:
    """A stage from how long it took each time, microseconds."""
    ordered = np.sort((2 * lasted + _SECOND) // (2 * _SECOND))
    ranks = [
        int(ordered[max(1, -(-len(ordered) * percent // 100)) - 1]) if len(ordered) else None
        for percent in PERCENTILES
    ]
    return Stage(name, len(ordered), ranks[0], ranks[1], ranks[2], 0, None, None, None)


assert timedelta(days=1) // timedelta(microseconds=1) == _DAY, "a day in microseconds"
