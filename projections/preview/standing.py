"""What stands on a day by both generations: the bridge, exceptions, how long stages take.

All deals are read from columns in memory, where they fit (projections/columns). Belongs here: which of it
differs. Does not belong here: what any of it is (projections/bridge, exceptions, latency), views (comparing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.money import format_minor
from projections import bridge, latency
from projections.bridge_spans import FIGURES, ORDER
from projections.columns.heads import Log
from projections.columns.keeping import Columns
from projections.columns.standing import bridging, excepting, timing
from projections.exceptions import listing
from projections.exceptions.handling import STATUSES
from projections.exceptions.listing import Shown
from projections.generations import Generation
from projections.preview.comparing import less

BRIDGE: Final = "bridge"
EXCEPTIONS: Final = "exceptions"
LATENCY: Final = "latency"
#: Settings that only these are read by.
SETTINGS: Final = frozenset({"sla_hours", "quarter_end_hours", "feed_silence_hours", "dense_sequences"})
#: Bytes that the columns of a generation may take; where they would take more, SQL answers.
_MOST: Final = 2 << 30
_ALL: Final = 2**31 - 1
_ZERO: Final = "0"

#: view, day, what, measure, currency
Key = tuple[str, str, str, str, str]
Values = dict[Key, str | None]


class Row(NamedTuple):
    """A figure that differs: decimal strings; counts and seconds are whole. None where it has no value.

    what: of the bridge a figure, or step and reason (`won_ordered.price`); a code of exceptions; a stage.
    currency: empty where it has none.
    """

    view: str
    day: str
    what: str
    measure: str
    currency: str
    before: str | None
    after: str | None
    difference: str | None


class Listed(NamedTuple):
    """An exception that one generation alone has, or that both have with other amounts or deals.

    kind: `gone`, `come` or `changed`; of those that changed, as it would be.
    """

    kind: str
    id: str
    code: str
    deal: str | None
    object: str
    currency: str
    amount: str | None


class Standing(NamedTuple):
    """What differs. days: of the bridge; exceptions and latencies are of the first of them.

    compared: figures that are not zero on both sides. listed: some of each code; counts: of all, by kind.
    """

    days: list[str]
    compared: int
    rows: list[Row]
    listed: list[Listed]
    counts: dict[str, int]

    @property
    def differing(self) -> int:
        """Figures that differ, and exceptions that changed though their figures may not."""
        return len(self.rows) + self.counts["changed"]


#: The columns of a generation, by its number, where they are in memory already.
Holds = Callable[[int], Columns | None]


class _Held:
    """The columns of one generation."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def bridge(self, connection: Connection[Any], query: bridge.Query) -> bridge.Bridge | None:
        return bridging.answer(self.columns, connection, query)

    def exceptions(
        self, connection: Connection[Any], query: listing.Query, offset: int, limit: int
    ) -> listing.Listing | None:
        return excepting.answer(self.columns, connection, query, offset, limit)

    def latency(self, connection: Connection[Any], query: latency.Query) -> list[latency.Stage] | None:
        return timing.answer(self.columns, connection, query)


class _Side(NamedTuple):
    """What one generation says. exceptions: by id."""

    values: Values
    exceptions: dict[str, Shown]


def compare(
    connection: Connection[Any],
    old: Generation,
    new: Generation,
    known: int,
    days: Sequence[date],
    *,
    alike: bool,
    most: int,
    holds: Holds = lambda _generation: None,
) -> Standing:
    """Compare what stands, in the caller's transaction. days: today, and others of the bridge.

    alike: whether all tables of both say the same. most: exceptions told of a code. holds: what is in memory.
    """
    columns = holds(old.id) or _loaded(connection, old)
    before = _side(connection, old, known, days, columns)
    log = None if columns is None else columns.log
    if columns is not None and alike:
        columns = columns.alike(new.id)
    else:
        del columns  # as large as both journals
        columns = holds(new.id) or _loaded(connection, new, log)
    after = _side(connection, new, known, days, columns)
    keys = {**before.values, **after.values}
    rows = []
    compared = 0
    for key in sorted(keys, key=_place):
        one, other = (_of(side.values, key) for side in (before, after))
        compared += not (_is_zero(one) and _is_zero(other))
        if one != other:
            rows.append(Row(*key, one, other, less(other, one)))
    listed = list(_listed(before.exceptions, after.exceptions))
    counts = {kind: sum(one.kind == kind for one in listed) for kind in ("gone", "come", "changed")}
    return Standing(
        [day.isoformat() for day in days], compared + counts["changed"], rows, _some(listed, most), counts
    )


def _loaded(connection: Connection[Any], generation: Generation, log: Log | None = None) -> Columns | None:
    """A generation in memory; None where it does not fit. log: where its milestones are there already."""
    with suppress(MemoryError):
        return Columns.within(connection, generation.id, _MOST, log)
    return None


def _side(
    connection: Connection[Any], generation: Generation, known: int, days: Sequence[date],
    columns: Columns | None,
) -> _Side:  # fmt: skip
    values: Values = {}
    memory = None if columns is None else _Held(columns)
    for day in days:
        query = bridge.Query(day, known, generation, ("currency",))
        for total in bridge.run(connection, query, memory).totals:
            values |= _of_bridge(f"{day}", total)
    today = days[0]
    found = listing.listed(
        connection, listing.Query(today, known, generation, statuses=STATUSES), 0, _ALL, memory
    )
    for (code, currency), (amount, _) in found.totals.items():
        values[EXCEPTIONS, f"{today}", code, "amount_at_risk", currency] = format_minor(amount, currency)
    for code, number in found.counts.items():
        values[EXCEPTIONS, f"{today}", code, "count", ""] = str(number)
    for stage in latency.run(connection, latency.Query(None, today, known, generation), memory):
        values |= _of_stage(f"{today}", stage)
    return _Side(values, {one.id: one for one in found.rows})


def _of_bridge(day: str, total: Mapping[str, Any]) -> Values:
    currency = str(total["currency"])
    found: Values = {(BRIDGE, day, name, "amount", currency): total[name] for name in FIGURES}
    for row in total["rows"]:
        found[BRIDGE, day, f"{row['step']}.{row['reason']}", "amount", currency] = row["amount"]
    return found


def _of_stage(day: str, stage: latency.Stage) -> Values:
    values = {
        "count": stage.measured, "p50": stage.p50, "p90": stage.p90, "p99": stage.p99,
        "waiting": stage.waiting,
    }  # fmt: skip
    return {
        (LATENCY, day, stage.stage, name, ""): None if value is None else str(value)
        for name, value in values.items()
    }


def _of(values: Values, key: Key) -> str | None:
    """A value, what stands for none where there is none: percentiles have no value then."""
    if key in values:
        return values[key]
    if key[4]:
        return format_minor(0, key[4])
    return None if key[3].startswith("p") else _ZERO


def _is_zero(value: str | None) -> bool:
    return value is None or not value.strip("0.-")


def _place(key: Key) -> tuple[Any, ...]:
    """As they are listed: views, days, currencies of the bridge, its figures and then its steps."""
    view, day, what, measure, currency = key
    step, _, reason = what.partition(".")
    place = FIGURES.index(what) if what in FIGURES else len(FIGURES)
    part = ORDER.get((step, reason), (0, 0))
    first = currency if view == BRIDGE else ""
    return (BRIDGE, EXCEPTIONS, LATENCY).index(view), day, first, place, part, what, measure, currency


def _listed(before: Mapping[str, Shown], after: Mapping[str, Shown]) -> Iterator[Listed]:
    for id_ in sorted({*before, *after}):
        one, other = before.get(id_), after.get(id_)
        if one is None or other is None:
            shown = one or other
            assert shown is not None, "one of them has it"
            yield _told("come" if one is None else "gone", shown)
        elif _says(one) != _says(other):
            yield _told("changed", other)


def _says(one: Shown) -> tuple[Any, ...]:
    return one.deal, one.found.amount, one.found.since, one.found.detail


def _told(kind: str, one: Shown) -> Listed:
    found = one.found
    amount = (
        None if found.amount is None or not found.currency else format_minor(found.amount, found.currency)
    )
    return Listed(kind, one.id, found.code, one.deal, found.object, found.currency, amount)


def _some(listed: Iterable[Listed], most: int) -> list[Listed]:
    """Of each kind and code some, by code."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for one in sorted(listed, key=lambda one: (one.code, one.kind, one.deal or "", one.id)):
        number = seen.get((one.code, one.kind), 0)
        seen[one.code, one.kind] = number + 1
        if number < most:
            found.append(one)
    return found
