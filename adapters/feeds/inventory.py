"""A source's own records laid beside the log: which of their milestones it has, lacks, or has otherwise.

Belongs here: reading records through a mapping and looking each milestone up by its identity, and recording
those that are missing. Does not belong here: how records are asked for (clients.py), what the counts and sums
of objects come to (projections/completeness), who is told (api/reconciling.py).

A milestone is looked up under the identity that it would have had as a message, so one that comes in here
is a duplicate when its message is delivered after all. It is compared with what stands there: a corrected one
with its replacement, and one that was taken back is not there; but where the source's records tell of that
correction or void themselves, with what was recorded first.
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
from adapters.standing import Recorded, known, says_the_same
from domain.arrivals import Arrival, Prepared
from domain.canonical import content_digest
from domain.deal import Conflict, Duplicate, First, judge
from domain.instants import from_date
from domain.ledger import Ledger
from domain.milestones import Milestone
from domain.placement import AMENDING

#: Records looked up and recorded together.
BATCH: Final = 1_000

_SQL: Final = statements("unit")


class Met(NamedTuple):
    """One milestone of a source. position: where the log has its identity, None where it lacks it.

    differs: the log has other content under it. brought_in: it was missing, and is recorded now. is_meant:
    its record has a milestone in the span that is compared; of others only the state of objects counts.
    is_taken_back: the log has its identity, and a void of it; it can't be recorded again.
    """

    milestone: Milestone
    position: int | None
    differs: bool = False
    brought_in: bool = False
    is_meant: bool = True
    is_taken_back: bool = False


class _Beside(NamedTuple):
    """The verdict on a milestone. first: by what was recorded; now: by what stands, None of nothing."""

    first: Duplicate | Conflict | None
    now: Duplicate | Conflict | None

    @property
    def is_taken_back(self) -> bool:
        return self.first is not None and self.now is None


@dataclass
class Inventory:
    """What a source has shown of itself.

    unreadable: records that can't be understood, by the code of their first reason. ignored: that rightly
    yield no milestone, by reason. sparse: that only point to others. last: the last position recorded.
    restated: of milestones that have been corrected or taken back, by their place in `met`, what they were
    beside the content recorded first.
    """

    records: int = 0
    met: list[Met] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    sparse: int = 0
    last: int | None = None
    restated: dict[int, Met] = field(default_factory=dict)


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
        missing = _lay_beside(intake.ledger, pool, prepared, days, found, fix=fix)
        for outcome in intake.record(missing) if fix else ():
            if outcome.outcome == "recorded":
                found.last = outcome.position
    _leave_to_the_source(found)
    return found


def _leave_to_the_source(found: Inventory) -> None:
    """What the source's records correct or take back themselves is beside what was recorded first."""
    told = {
        (one.milestone.target.source, one.milestone.target.id)
        for one in found.met
        if isinstance(one.milestone, AMENDING)
    }
    for place, met in found.restated.items():
        if (met.milestone.source, met.milestone.id) in told:
            found.met[place] = met


def _lay_beside(
    ledger: Ledger,
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
        beside = _beside(connection, ledger, arrivals)
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
            one = next(beside)
            is_new = one.first is None and is_meant
            missing += [item] if is_new else []
            if one.first != one.now:
                found.restated[len(found.met)] = _met(item.arrival, one.first, is_meant=is_meant)
            met = _met(item.arrival, one.now, brought_in=fix and is_new, is_meant=is_meant)
            found.met.append(met._replace(is_taken_back=one.is_taken_back))
    return missing


def _met(
    arrival: Arrival, verdict: Duplicate | Conflict | None, *, is_meant: bool, brought_in: bool = False
) -> Met:
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


def _beside(connection: Connection[Any], ledger: Ledger, arrivals: list[Arrival]) -> Iterator[_Beside]:
    """What the log has beside each."""
    verdicts = list(_verdicts(connection, arrivals))
    positions = sorted({one.position for one in verdicts if one is not None})
    recorded = known(connection, ledger, positions, []).recorded
    for arrival, verdict in zip(arrivals, verdicts, strict=True):
        yield _Beside(
            verdict, None if verdict is None else _now(arrival, verdict, recorded[verdict.position])
        )


def _now(arrival: Arrival, verdict: Duplicate | Conflict, recorded: Recorded) -> Duplicate | Conflict | None:
    """The verdict by what stands of a milestone on record; None where it was taken back."""
    if recorded.superseded == recorded.position:
        return verdict
    if recorded.stands is None:
        return None
    assert arrival.milestone is not None, "it was read in this process"
    is_same = says_the_same(recorded.stands, arrival.milestone)
    if is_same or (isinstance(verdict, Duplicate) and _counts_by_name(arrival)):
        return Duplicate(recorded.superseded)
    return Conflict(recorded.superseded)


def _counts_by_name(arrival: Arrival) -> bool:
    """Whether only the name of a milestone is compared, as of a document that is told as it stands now."""
    one = arrival.milestone
    assert one is not None, "it was read in this process"
    named = {"type": one.name, "subject": one.subject, "sequence": one.sequence}
    return arrival.digest == content_digest(named)


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
