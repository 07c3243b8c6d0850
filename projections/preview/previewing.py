"""A preview: what two generations report otherwise and why, or the proof that it is nothing.

Belongs here: the whole of it, in one moment of the database. Does not belong here: its parts (beside this
module), how it is written or shown (api/previewing).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.pq import TransactionStatus

from domain.instants import to_date
from projections.generations import Generation
from projections.preview import behind
from projections.preview import standing as standing_
from projections.preview.axes import Axis, months_of, recorded_months, span_of
from projections.preview.behind import Fact, Part, Rule
from projections.preview.cells import TOTAL
from projections.preview.comparing import (
    GROUPS,
    NOW,
    SINCE,
    THEN,
    Table,
    read_variously,
    views_of,
    views_on,
)
from projections.preview.differing import Differing, differing, journal_digest, standing
from projections.preview.journals import Journals
from projections.preview.standing import Holds, Standing
from projections.preview.uncompared import not_compared, stretches
from projections.questions import BASES

#: Cells told of a measure in one grouping, and deals of it in one currency, unless asked otherwise.
CELLS: Final = 1_000
DEALS: Final = 10
#: Deals of which facts are told.
_DEALS_WITH_FACTS: Final = 40

Report = Callable[[str], None]


class Beside(NamedTuple):
    """The deals with the largest part in a figure of everything together: names and decimal strings."""

    view: str
    measure: str
    currency: str
    window: str
    deals: list[tuple[str, str]]
    clock: str


class Preview(NamedTuple):
    """What differs between two generations as known by a position.

    journals: digests of both where they are the same and read alike, else None: nothing changes. differing:
    the number of deals of which each table says something else; topics: types of milestones about the whole
    ledger that differ. months: labels of the windows; moments: those of the months of recording, with the
    position at their ends. signals: code -> how many went and came. seconds: by stage. not_compared: settings
    read otherwise of which no figure here tells what they change. standing: the bridge, exceptions and
    latencies; None where both journals and all policies are the same.
    """

    old: Generation
    new: Generation
    known: int
    rules: list[Rule]
    journals: tuple[str, str] | None
    differing: dict[str, int]
    topics: list[str]
    months: list[str]
    moments: list[tuple[str, int]]
    tables: list[Table]
    parts: list[Part]
    beside: list[Beside]
    facts: list[Fact]
    signals: dict[str, tuple[int, int]]
    seconds: dict[str, float]
    not_compared: list[str]
    standing: Standing | None

    @property
    def differs(self) -> bool:
        """Whether a promotion changes what is reported, or may: by a setting that is not compared."""
        stands = self.standing is not None and self.standing.differing
        found = any(table.differing for table in self.tables) or bool(stands)
        return found or bool(self.signals or self.not_compared)

    @property
    def is_same(self) -> bool:
        """Whether both journals are the same and read alike."""
        return self.journals is not None


def compare(
    connection: Connection[Any],
    old: Generation,
    new: Generation,
    known: int | None = None,
    *,
    today: date,
    cells: int = CELLS,
    deals: int = DEALS,
    report: Report = lambda _stage: None,
    holds: Holds = lambda _generation: None,
) -> Preview:
    """Compare two generations as known by a position (default: the last that both have).

    The connection is in autocommit, or in a transaction that sees one moment. today: months far from it are
    told together. cells, deals: how many are told at most, of the largest. report: is told each stage.
    holds: what of both is in memory.
    """
    is_own = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if is_own:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        upto = min(old.position, new.position) if known is None else known
        return _Comparing(connection, old, new, upto, today, cells, deals, report, holds).preview()


class _Comparing:
    """One comparison under way."""

    def __init__(
        self, connection: Connection[Any], old: Generation, new: Generation, known: int, today: date,
        cells: int, deals: int, report: Report, holds: Holds,
    ) -> None:  # fmt: skip
        self._holds = holds
        self._connection, self._old, self._new, self._known = connection, old, new, known
        self._today, self._cells, self._deals, self._report = today, cells, deals, report
        self._seconds: dict[str, float] = {}
        self._begun = time.perf_counter()
        self._stage = ""

    def _at(self, stage: str) -> None:
        now = time.perf_counter()
        if self._stage:
            self._seconds[self._stage] = round(now - self._begun, 3)
        self._stage, self._begun = stage, now
        if stage:
            self._report(stage)

    def preview(self) -> Preview:
        old, new = self._old, self._new
        self._at("deals")
        found = differing(self._connection, old.id, new.id, self._known)
        rules = behind.rules_between(self._connection, old, new)
        span = span_of(self._connection, [old.id, new.id], self._known, self._today)
        read = [to_date(one.since) for one in stretches(old.policies, new.policies)]
        months = months_of(span.first, max(span.last, *read) if read else span.last, self._today)
        moments = recorded_months(self._connection, self._known)
        journals = None
        is_read_otherwise = self._is_read_otherwise(months, moments)
        if found.is_none and not is_read_otherwise:
            self._at("digests")
            journals = (
                journal_digest(self._connection, old.id, self._known),
                journal_digest(self._connection, new.id, self._known),
            )
            assert journals[0] == journals[1], "no deal differs, and yet the journals do"
        preview = Preview(
            old, new, self._known, rules, journals,
            {table: len(deals) for table, deals in found.deals.items()}, found.topics,
            [window.label for window in months.windows],
            [(w.label, position) for w, position in zip(moments.windows, _known(moments), strict=True)],
            [], [], [], [], standing(self._connection, old.id, new.id, self._known, found), self._seconds,
            not_compared(old.policies, new.policies, months, span.first, self._today),
            self._standing(found, months),
        )  # fmt: skip
        if journals is None:
            preview = self._compared(preview, found, months, moments)
        self._at("")
        return preview

    def _standing(self, found: Differing, months: Axis) -> Standing | None:
        """What stands today, and of the bridge on the last day of the last month, too."""
        old, new = self._old, self._new
        if found.is_none and old.policies.to_json() == new.policies.to_json():
            return None
        self._at("bridge, exceptions, latency")
        days = [*dict.fromkeys((self._today, months.windows[-2].end))]
        return standing_.compare(
            self._connection, old, new, self._known, days,
            alike=found.is_none, most=self._deals, holds=self._holds,
        )  # fmt: skip

    def _views(self, months: Axis, moments: Axis) -> list[tuple[Any, Any]]:
        return [
            pair
            for clock, axis in ((NOW, months), (THEN, moments))
            for view in views_of(clock, BASES[0])
            for pair in zip(
                views_on(view, axis, self._old.policies),
                views_on(view, axis, self._new.policies),
                strict=True,
            )
        ]

    def _is_read_otherwise(self, months: Axis, moments: Axis) -> bool:
        intervals, transfers = self._otherwise(months, moments)
        return intervals or bool(transfers)

    def _otherwise(self, months: Axis, moments: Axis) -> tuple[bool, set[tuple[int, int]]]:
        views = self._views(months, moments)
        return behind.read_otherwise(self._old.policies, self._new.policies, views)

    def _compared(self, preview: Preview, found: Differing, months: Axis, moments: Axis) -> Preview:
        self._at("postings")
        journals = Journals(
            self._connection, self._old, self._new, self._known, found.of("posting", "deal_dimension"),
            found.topics, months, moments,
        )  # fmt: skip
        tables: list[Table] = []
        parts: list[tuple[int, Part]] = []
        beside: list[tuple[str, str, tuple[str, str, str], list[tuple[int, int]]]] = []
        bases = BASES if journals.is_reported_otherwise else BASES[:1]
        asked = [(c, b, view) for c in (NOW, SINCE, THEN) for b in bases for view in views_of(c, b)]
        for clock, basis, view in asked:
            only = read_variously(view, months, journals.policies) if clock == SINCE else None
            if only == []:
                continue
            self._at(f"{view}, {basis}, {clock.replace('_', ' ')}")
            compared = journals.compared(view, basis, clock)
            groups = (TOTAL,) if clock == THEN else GROUPS
            of_view = [Table(view, basis, clock, by, *compared.table(by, self._cells, only)) for by in groups]
            tables += of_view
            measures = dict.fromkeys(cell.measure for table in of_view for cell in table.cells)
            if clock != THEN and basis == BASES[0] and measures:
                behind_it = behind.parts_of(compared, view, clock, measures, journals.numbers, self._deals)
                parts += behind_it.top
                beside += [(view, clock, key, deals) for key, deals in behind_it.beside.items()]
            del compared  # before the next one is made: they are large
        self._at("facts")
        numbers = {deal for deal, _ in parts} | {deal for *_, deals in beside for deal, _ in deals}
        names = {deal: str(deal) for deal in numbers}
        names |= behind.names_of(self._connection, [self._old.id, self._new.id], self._known, numbers)
        chosen = list(dict.fromkeys(deal for deal, _ in _in_turn(parts)))[:_DEALS_WITH_FACTS]
        facts = behind.facts_of(
            self._connection, self._old, self._new, self._known, {deal: names[deal] for deal in chosen},
            preview.rules, self._otherwise(months, moments),
        )  # fmt: skip
        return preview._replace(
            tables=tables,
            parts=[part._replace(deal=names[deal]) for deal, part in parts],
            beside=[
                Beside(
                    view, *key, [(names[deal], behind.minor(amount, key[1])) for deal, amount in deals], clock
                )
                for view, clock, key, deals in beside
            ],
            facts=facts,
        )


def _known(moments: Axis) -> list[int]:
    assert moments.known is not None, "moments are of knowledge"
    return [int(position) for position in moments.known]


def _in_turn(parts: list[tuple[int, Part]]) -> list[tuple[int, Part]]:
    """The first deal of every measure, then the second of each, and so on."""
    seen: dict[tuple[str, str, str], int] = {}
    order = []
    for number, (_, part) in enumerate(parts):
        key = part.view, part.measure, part.currency
        seen[key] = seen.get(key, 0) + 1
        order.append((seen[key], number))
    return [parts[number] for _, number in sorted(order)]
