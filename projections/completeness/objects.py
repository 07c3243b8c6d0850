"""The objects of a source that the ledger knows: on which day each is, and what it is worth.

Belongs here: from the register's rows to objects, amendments included. Does not belong here: filling the
register (register), what a source says of its objects (totals).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from domain import milestones as m
from domain.instants import from_date
from projections import open_items
from projections.completeness.worth import DOCUMENTS, ENDS, SNAPSHOTS, Worth, worth
from projections.exceptions.asking import Asking
from projections.facts import RANKS, dated

_DAY: Final = timedelta(days=1)


class Said(NamedTuple):
    """One milestone of an object, in business order. effective: day number as policy has it; rank: natural
    order; instant: microseconds since 1970 UTC."""

    effective: int
    rank: int
    instant: int
    position: int
    topic: str
    worth: Worth


class Held(NamedTuple):
    """An object as the ledger has it. native_id: the source's own id of it.

    day: number of the business day of its first document, or, where it is none, of its first milestone.
    worth: gross; a document as it now stands, nothing once it is voided. facts: positions, the first first.
    """

    native_id: str
    day: int
    worth: Worth
    facts: tuple[int, ...]


def objects(asking: Asking, source: str, kind: str, first: date, last: date) -> list[Held]:
    """The objects of one kind that are in a span of days, by native id."""
    of = {
        "source": source,
        "object": kind,
        "first": _clamped(first, -_DAY),  # in another time zone a moment is on the day before or after
        "last": _clamped(last, _DAY),
    }
    rows = asking.rows("completeness_objects", amended=sorted(asking.settled), **of)
    said: dict[str, list[Said]] = defaultdict(list)
    amended = [row[1] for row in rows if row[1] in asking.settled]
    for native, one in _as_amended(asking, source, kind, amended):
        said[native].append(one)
    found = [row for row in rows if row[1] not in asking.settled]
    ids = sorted(said.keys() | {row[0] for row in found})
    found += asking.rows("completeness_besides", ids=ids, **of) if ids else []
    for native, position, topic, effective, by_time, instant, currency, amount in found:
        if position in asking.settled:
            continue
        day = _local_day(asking, instant, from_date(effective)) if by_time else from_date(effective)
        said[native].append(Said(day, RANKS[topic], instant, position, topic, Worth(currency, amount)))
    return in_span(said, first, last)


def in_span(said: Mapping[str, Iterable[Said]], first: date, last: date) -> list[Held]:
    """The objects in a span of days, from all that was said of each, by native id."""
    low, high = from_date(first), from_date(last)
    found = (_held(native, sorted(told)) for native, told in sorted(said.items()))
    return [one for one in found if low <= one.day <= high]


def said_in(milestone: m.Milestone, position: int) -> Said:
    """What one milestone says of its object; its business date is as policy has it."""
    return Said(
        milestone.effective,
        RANKS[milestone.name],
        milestone.instant,
        position,
        milestone.name,
        worth(milestone),
    )


def _clamped(day: date, by: timedelta) -> date:
    try:
        return day + by
    except OverflowError:
        return day


def _local_day(asking: Asking, instant: int, day: int) -> int:
    """The date of a moment in the time zone of the policy in force; `day` is that of UTC."""
    policies = asking.generation.policies
    if policies.is_one:
        return day
    stub = m.LeadQualified("", "", "", "", instant, None, day, (), {}, {m.BY_TIME: ""}, "")
    return dated(stub, policies).effective


def _as_amended(
    asking: Asking, source: str, kind: str, positions: Iterable[int]
) -> Iterable[tuple[str, Said]]:
    """What corrected milestones say, by native id; voided ones say nothing."""
    found = open_items.milestones(asking.connection, positions, asking.known, asking.generation.policies)
    for position, milestone in found.items():
        of, _, native = milestone.subject.partition("/")
        if milestone.source == source and of == kind:
            yield native, said_in(milestone, position)


def _held(native: str, said: list[Said]) -> Held:
    """An object from all that was said of it, in business order."""
    documents = [one for one in said if one.topic in DOCUMENTS]
    facts = tuple(one.position for one in said)
    if not documents:
        return Held(native, said[0].effective, _summed(said), facts)
    stands = documents[0]
    for one in documents[1:]:
        if one.topic in SNAPSHOTS:
            stands = one
    value = stands.worth
    if value.amount is not None and any(one.topic in ENDS for one in said):
        value = value._replace(amount=0)
    return Held(native, documents[0].effective, value, facts)


def _summed(said: list[Said]) -> Worth:
    """What milestones that are no documents state in all; nothing where they differ in currency."""
    stated = [one.worth for one in said if one.worth.amount is not None]
    if not stated or len({one.currency for one in stated}) > 1:
        return Worth()
    return Worth(stated[0].currency, sum(one.amount or 0 for one in stated))
