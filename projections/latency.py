"""How long each stage of the workflow takes, between the times at which its milestones happened.

Belongs here: which milestone begins and which ends a stage, durations, percentiles, what waits. A stage that
ends before it begins (an order ahead of its win) is not measured. Does not belong here: answers (api).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from psycopg import Connection

from domain import milestones as m
from domain.instants import from_date
from domain.money import divide_half_away
from domain.stored import CODEC, Head, decode_head
from projections import open_items, queries
from projections.dimensions import Dimensions, checked
from projections.generations import Generation

#: Stages between two milestones of a deal, in the order of the workflow, and the statement that finds each.
_PAIRS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "order_creation": "latency_orders",
        "fulfilment": "latency_fulfilment",
        "invoicing": "latency_invoicing",
        "collection": "latency_collection",
        "cash_application": "latency_cash",
    }
)
#: All stages; after them `capture.<role>` of every role that reported.
STAGES: Final = (
    "order_creation",
    "order_acceptance",
    "fulfilment",
    "invoicing",
    "invoice_propagation",
    "collection",
    "cash_application",
)
PERCENTILES: Final = (50, 90, 99)
_WON: Final = "opportunity.won."
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGE: Final = 20_000


class Query(NamedTuple):
    """A question. start, end: days on which the stage ended, start None: since the beginning; what waits does
    so at the end of `end`. known: last position that counts. filters: dimension -> value; "" is "has none".
    """

    start: date | None
    end: date
    known: int
    generation: Generation
    filters: Mapping[str, str] = MappingProxyType({})


class Stage(NamedTuple):
    """One stage. measured: how many ended in the window, with percentiles by nearest rank, None without any.

    Durations in whole seconds. waiting: how many have begun and not ended; oldest_waiting: for how long the
    oldest of them has waited, None without any; oldest_since: when it began, microseconds since 1970 UTC;
    oldest_deal: its deal's name.
    """

    stage: str
    measured: int
    p50: int | None
    p90: int | None
    p99: int | None
    waiting: int
    oldest_waiting: int | None
    oldest_since: int | None
    oldest_deal: str | None


class Span(NamedTuple):
    """A stage that a deal has begun: positions of the milestones that began and ended it."""

    deal: int
    begun: int
    done: int | None


class _Moments(NamedTuple):
    """When a milestone happened and was recorded, microseconds since 1970 UTC. name: its stored name."""

    name: str
    role: str
    happened: int
    recorded: int


class InMemory(Protocol):
    """Something that may know the answer without SQL (projections/columns): the very same one."""

    def latency(self, connection: Connection[Any], query: Query) -> list[Stage] | None:
        """The stages; None where SQL has to answer."""


def run(connection: Connection[Any], query: Query, memory: InMemory | None = None) -> list[Stage]:
    """Every stage, then the capture of every role. Raises ReportRefused for filters that there are not."""
    checked("latency", (), (name for name in query.filters if name != "currency"))
    quick = None if memory is None else memory.latency(connection, query)
    if quick is not None:
        return quick
    return _Asking(connection, query).stages()


def nearest_rank(ordered: list[int], percent: int) -> int | None:
    """The smallest value such that at least `percent` of all are not larger; None of none."""
    if not ordered:
        return None
    return ordered[max(1, -(-len(ordered) * percent // 100)) - 1]


class _Asking:
    """One question while it is answered."""

    def __init__(self, connection: Connection[Any], query: Query) -> None:
        self._connection, self._query = connection, query
        self._dimensions = Dimensions(connection, query.generation.id, query.known, query.end)
        self._deals = self._dimensions.chosen(query.filters)
        self._over = (from_date(query.end) + 1) * _DAY
        self._submitted: list[tuple[int, m.OrderSubmitted]] = []
        self._amended: set[tuple[str, str]] = set()  # source and id of what an amendment speaks of
        self._moments: dict[int, _Moments] = {}

    def stages(self) -> list[Stage]:
        self._read_said()
        spans = {stage: self._spans(name) for stage, name in _PAIRS.items()}
        spans["order_creation"] += self._unordered()
        spans["order_acceptance"] = self._acceptances()
        self._learn({at for found in spans.values() for span in found for at in span[1:] if at is not None})
        captured, propagated = self._captured()
        stages = []
        for stage in STAGES:
            if stage == "invoice_propagation":
                stages.append(_summed(stage, propagated))
            else:
                stages.append(self._stage(stage, spans[stage]))
        return stages + [_summed(f"capture.{role}", captured[role]) for role in sorted(captured)]

    def _rows(self, name: str, **more: Any) -> list[tuple[Any, ...]]:
        asked = {
            "known": self._query.known,
            "start": self._query.start,
            "end": self._query.end,
            "deals": self._deals,
            **more,
        }
        return self._connection.execute(queries.statement(name, self._query.generation.id), asked).fetchall()

    def _passes(self, deal: int) -> bool:
        return self._dimensions.passes(self._query.filters, deal)

    def _spans(self, name: str) -> list[Span]:
        return [Span(*row) for row in self._rows(name) if self._passes(row[0])]

    def _unordered(self) -> list[Span]:
        """Wins that wait for an order."""
        query = self._query
        wins = open_items.won(self._connection, query.generation.id, query.end, query.known, self._deals)
        begun = {
            Span(win.deal, fact, None)
            for win in wins
            if win.won_unordered > 0 and self._passes(win.deal)
            for fact in win.waiting_facts
        }
        return list(begun)

    def _acceptances(self) -> list[Span]:
        """Orders from their first submission to their acceptance; those that are still with the ERP."""
        query = self._query
        accepted = [row for row in self._rows("latency_accepted") if self._passes(row[0])]
        heads = dict(self._heads({done for _, _, done in accepted}))
        first: dict[tuple[str, str], tuple[int, int]] = {}
        for position, said in self._submitted:
            key = said.source, said.order
            first[key] = min(first.get(key, (said.instant, position)), (said.instant, position))
        spans = []
        for deal, number, done in accepted:
            begun = first.get((heads[done][0].source, number))
            if begun is not None:
                spans.append(Span(deal, begun[1], done))
        waiting = open_items.conditions(
            self._connection, query.generation.id, query.end, query.known,
            (open_items.ORDER_SUBMITTED,), self._deals,
        )  # fmt: skip
        return spans + [Span(one.deal, one.fact, None) for one in waiting if self._passes(one.deal)]

    def _read_said(self) -> None:
        """What was submitted, and which milestones are spoken of by others."""
        statement = queries.statement("latency_said")
        rows = self._connection.execute(statement, {"known": self._query.known}).fetchall()
        submitted: list[tuple[int, m.OrderSubmitted]] = []
        for position, _, topic, state in rows:
            milestone = CODEC.decode(topic, bytes(state))
            if isinstance(milestone, m.OrderSubmitted):
                submitted.append((position, milestone))
            elif isinstance(milestone, (m.MilestoneCorrected, m.MilestoneVoided)):
                self._amended.add((milestone.target.source, milestone.target.id))
        touched = [at for at, one in submitted if (one.source, one.id) in self._amended]
        now = self._as_amended(touched)
        for position, one in submitted:
            standing = now.get(position) if position in touched else one
            if isinstance(standing, m.OrderSubmitted):
                self._submitted.append((position, standing))

    def _as_amended(self, positions: Iterable[int]) -> Mapping[int, m.AnyMilestone]:
        policies = self._query.generation.policies
        return open_items.milestones(self._connection, positions, self._query.known, policies)

    def _heads(self, facts: Iterable[int]) -> Iterator[tuple[int, tuple[Head, int]]]:
        statement = queries.statement("latency_heads")
        ordered = sorted(set(facts))
        for start in range(0, len(ordered), _PAGE):
            page = {"facts": ordered[start : start + _PAGE]}
            for position, state, recorded_at in self._connection.execute(statement, page, binary=True):
                yield position, (decode_head(state), _microseconds(recorded_at))

    def _learn(self, facts: set[int]) -> None:
        """When milestones happened; voided ones stay unknown."""
        self._moments |= self._in_force(self._heads(facts))

    def _in_force(self, heads: Iterable[tuple[int, tuple[Head, int]]]) -> dict[int, _Moments]:
        found: dict[int, _Moments] = {}
        touched: dict[int, int] = {}
        for position, (head, recorded) in heads:
            if (head.source, head.id) in self._amended:
                touched[position] = recorded
            else:
                found[position] = _Moments(head.name, _role(head.source), head.instant, recorded)
        for position, milestone in self._as_amended(touched).items():
            found[position] = _Moments(milestone.name, milestone.role, milestone.instant, touched[position])
        return found

    def _stage(self, name: str, spans: Iterable[Span]) -> Stage:
        durations: list[int] = []
        waiting: set[tuple[int, int, int]] = set()
        for span in spans:
            begun = self._moments.get(span.begun)
            done = None if span.done is None else self._moments.get(span.done)
            if begun is None or (name == "order_creation" and not begun.name.startswith(_WON)):
                continue  # voided, or an amount that grew later
            if span.done is None:
                waiting.add((begun.happened, span.begun, span.deal))
            elif done is not None and done.happened >= begun.happened:
                durations.append(divide_half_away(done.happened - begun.happened, _SECOND))
        stage = _summed(name, durations)
        if not waiting:
            return stage
        since, _, deal = min(waiting)
        return stage._replace(
            waiting=len({fact for _, fact, _ in waiting}),
            oldest_waiting=max(0, (self._over - since) // _SECOND),
            oldest_since=since,
            oldest_deal=self._dimensions.names([deal]).get(deal),
        )

    def _captured(self) -> tuple[dict[str, list[int]], list[int]]:
        """Seconds from happening to recording, by role; and of invoices."""
        query = self._query
        only: set[int] | None = None
        if query.filters:
            only = {fact for deal, fact in self._rows("latency_posted") if self._passes(deal)}
        asked = {
            "known": query.known,
            "since": None if query.start is None else datetime.combine(query.start, time.min, UTC),
            "until": datetime.combine(query.end + timedelta(days=1), time.min, UTC),
        }
        by_role: dict[str, list[int]] = {}
        invoices: list[int] = []
        touched: dict[int, tuple[Head, int]] = {}

        def count(found: _Moments) -> None:
            if found.recorded >= found.happened:
                seconds = divide_half_away(found.recorded - found.happened, _SECOND)
                by_role.setdefault(found.role, []).append(seconds)
                if found.name.startswith("invoice.posted."):
                    invoices.append(seconds)

        with self._connection.transaction(), self._connection.cursor("latency", binary=True) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(queries.statement("latency_recorded"), asked)
            for position, state, recorded_at in cursor:
                if only is not None and position not in only:
                    continue
                head, recorded = decode_head(state), _microseconds(recorded_at)
                if (head.source, head.id) in self._amended:
                    touched[position] = head, recorded
                else:
                    count(_Moments(head.name, _role(head.source), head.instant, recorded))
        for found in self._in_force(touched.items()).values():
            count(found)
        return by_role, invoices


def _summed(name: str, durations: list[int]) -> Stage:
    ordered = sorted(durations)
    ranks = [nearest_rank(ordered, percent) for percent in PERCENTILES]
    return Stage(name, len(ordered), ranks[0], ranks[1], ranks[2], 0, None, None, None)


def _role(source: str) -> str:
    return source[1:].partition("/")[0]


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
