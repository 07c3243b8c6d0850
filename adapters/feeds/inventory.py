"""A source's own records laid beside the log: which of their milestones it has, lacks, or has otherwise.

Belongs here: reading records through a mapping and looking each milestone up by its identity, and recording
those that are missing. Does not belong here: how records are asked for (clients.py), what the counts and sums
of objects come to (projections/completeness), who is told (api/reconciling.py).

A milestone is looked up under the identity that it would have had as a message, so one that comes in here
is a duplicate when its message is delivered after all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.intake import Intake
from adapters.postgres.statements import statements
from adapters.preparing import Preparation
from adapters.sources import Source
from domain.arrivals import Arrival, Prepared
from domain.deal import Conflict, Duplicate, First, judge
from domain.instants import from_date
from domain.milestones import Milestone

#: Records looked up and recorded together.
BATCH: Final = 1_000

_SQL: Final = statements("unit")


class Met(NamedTuple):
    """One milestone of a source. position: where the log has its identity, None where it lacks it.

    differs: the log has other content under it. brought_in: it was missing, and is recorded now. is_meant:
    its record has a milestone in the span that is compared; of others only the state of objects counts.
    """

    milestone: Milestone
    position: int | None
    differs: bool = False
    brought_in: bool = False
    is_meant: bool = True


@dataclass
class Inventory:
    """What a source has shown of itself.

    unreadable: records that can't be understood, by the code of their first reason. ignored: that rightly
    yield no milestone, by reason. sparse: that only point to others. last: the last position recorded.
    """

    records: int = 0
    met: list[Met] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    sparse: int = 0
    last: int | None = None


def take(
    intake: Intake,
    pool: ConnectionPool[Any],
    source: Source,
    instance: str,
    records: Iterable[bytes],
    span: tuple[date, date],
    *,
    fix: bool,
) -> Inventory:
    """Lay records beside the log. span: first and last business day that are compared; records may hold more.

    fix: record what is missing of records of the span, and keep what can't be understood.

    What differs is never recorded: somebody has to say which content is right. Raises what reading the
    records raises; ValueError for an instance that can't name one; PersistenceError.
    """
    found = Inventory()
    waiting = iter(records)
    days = from_date(span[0]), from_date(span[1])
    while payloads := list(islice(waiting, BATCH)):
        found.records += len(payloads)
        prepared = [intake.prepare_record(source, payload, instance) for payload in payloads]
        missing = _lay_beside(pool, prepared, days, found, fix=fix)
        for outcome in intake.record(missing) if fix else ():
            if outcome.outcome == "recorded":
                found.last = outcome.position
    return found


def _lay_beside(
    pool: ConnectionPool[Any],
    prepared: list[Preparation],
    days: tuple[int, int],
    found: Inventory,
    *,
    fix: bool,
) -> list[Prepared]:
    """Count a batch: the items of it that the ledger lacks and should have."""
    arrivals = [item.arrival for one in prepared for item in one.items if item.arrival is not None]
    with pool.connection() as connection:
        verdicts = _verdicts(connection, arrivals)
    missing: list[Prepared] = []
    for preparation in prepared:
        if preparation.ignored is not None:
            found.ignored[preparation.ignored] += 1
            continue
        is_meant = any(_is_in(item, days) for item in preparation.items)
        for item in preparation.items:
            if item.arrival is None:
                _count_aside(item, found)
                missing.append(item)
                continue
            verdict = next(verdicts)
            is_new = verdict is None and is_meant
            missing += [item] if is_new else []
            found.met.append(_met(item.arrival, verdict, brought_in=fix and is_new, is_meant=is_meant))
    return missing


def _met(arrival: Arrival, verdict: Duplicate | Conflict | None, *, brought_in: bool, is_meant: bool) -> Met:
    assert arrival.milestone is not None, "it was read in this process"
    position = None if verdict is None else verdict.position
    return Met(arrival.milestone, position, isinstance(verdict, Conflict), brought_in, is_meant)


def _is_in(item: Prepared, days: tuple[int, int]) -> bool:
    if item.arrival is None or item.arrival.milestone is None:
        return False
    return days[0] <= item.arrival.milestone.effective <= days[1]


def _count_aside(item: Prepared, found: Inventory) -> None:
    """Count an item that is no milestone."""
    if item.reasons:
        found.unreadable[item.reasons[0].code] += 1
    elif item.needed:
        found.sparse += 1


def _verdicts(connection: Connection[Any], arrivals: list[Arrival]) -> Iterator[Duplicate | Conflict | None]:
    """What the log would answer to each, were it delivered now."""
    by_message = _firsts(connection, "identities", [one.identity for one in arrivals])
    by_sequence = _firsts(
        connection, "sequences", [one.sequence_identity for one in arrivals if one.sequence_identity]
    )
    for one in arrivals:
        number = one.sequence_identity
        yield judge(by_message.get(one.identity), by_sequence.get(number) if number else None, one.digest)


def _firsts(connection: Connection[Any], statement: str, identities: list[bytes]) -> dict[bytes, First]:
    """What is on record under some identities."""
    if not identities:
        return {}
    asked = [UUID(bytes=identity) for identity in identities]
    rows = connection.cursor(binary=True).execute(_SQL[statement], (asked,)).fetchall()
    return {bytes(row[0]): First(row[1], bytes(row[2]), row[3]) for row in rows}
