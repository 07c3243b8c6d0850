"""One deal: its names, keys, dimensions and balances, and the milestones that made it, as known then."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from psycopg import Connection

from domain.instants import format_day, from_date
from domain.keys import name_order
from domain.money import format_minor
from projections import accounts as a
from projections import merges, queries
from projections.amending import standing
from projections.clusters import decode
from projections.facts import Fact
from projections.generations import Generation
from projections.projector import read_streams


class DealUnknown(LookupError):
    """No milestone with this key had been recorded by then."""


class Streams(NamedTuple):
    """A deal by a position: its number, and the streams that its keys lead to."""

    deal: int
    streams: list[int]


def find(connection: Connection[Any], key: str, generation: int, known: int) -> Streams:
    """The deal that a key belonged to by a position. Raises DealUnknown."""
    row = connection.execute(queries.statement("deal_streams"), {"key": key, "known": known}).fetchone()
    if row is None or row[0] is None:
        raise DealUnknown(f"no milestone with the key {key!r} had been recorded by position {known}")
    found = Streams(*row)
    placed = connection.execute(
        queries.statement("key_place", generation), {"key": key, "known": known}
    ).fetchone()
    return found._replace(deal=placed[0]) if placed is not None and placed[0] else found


def number_of(connection: Connection[Any], key: str, generation: int, known: int) -> int:
    """The number under which a deal's postings stand, by any key that it had then; 0 where none had it."""
    own = payment_deal(connection, key, generation, known)
    if own is not None:
        return own
    try:
        return find(connection, key, generation, known).deal
    except DealUnknown:
        return 0


def facts_of(connection: Connection[Any], found: Streams, generation: Generation, known: int) -> list[Fact]:
    """All that was recorded for a deal, in business order; what was corrected or voided as it came in."""
    placed = dict(
        connection.execute(
            queries.statement("fact_places", generation.id),
            {"deal": found.deal, "streams": found.streams, "known": known},
        ).fetchall()
    )
    here = [position for position, deal_ in placed.items() if deal_ == found.deal]
    if here:
        # said one by one: a split deal, or one to which a correction has moved something
        cursor = connection.cursor(binary=True)
        cursor.execute(queries.statement("read_positions"), {"positions": here})
        return sorted(decode(row, generation.policies) for row in cursor.fetchall())
    rows = read_streams(connection, found.streams, known)
    return sorted(decode(row, generation.policies) for row in rows if row[0] not in placed)


def deal(
    connection: Connection[Any], key: str, generation: Generation, known: int, at: date
) -> dict[str, Any]:
    """A deal as known by a position: names, keys, dimensions and account balances on a date.

    Balances: currency -> account -> decimal string.
    """
    found = find(connection, key, generation.id, known)
    number = payment_deal(connection, key, generation.id, known) or found.deal
    facts = standing(facts_of(connection, found, generation, known), generation.policies).facts
    keys = sorted({k for fact in facts for k in fact.milestone.keys}, key=name_order)
    dimensions: dict[str, str] = {}
    for fact in facts:
        if fact.milestone.effective <= from_date(at):
            dimensions |= fact.milestone.dimensions
    if "customer" in dimensions:
        merged = merges.survivors(connection, generation.id, known)
        dimensions["customer"] = merged.get(dimensions["customer"], dimensions["customer"])
    return {
        "deal": key if number < 0 or not keys else keys[0],
        "number": number,
        "keys": keys,
        "dimensions": dimensions,
        "milestones": len(facts),
        "first_effective_on": format_day(facts[0].milestone.effective) if facts else None,
        "last_effective_on": format_day(facts[-1].milestone.effective) if facts else None,
        "at": at.isoformat(),
        "balances": balances(connection, number, generation.id, known, at),
        "findings": findings(connection, number, generation.id, known),
    }


def payment_deal(connection: Connection[Any], key: str, generation: int, known: int) -> int | None:
    """The number of a payment's own deal, where cash that carries no deal's key is shown under it."""
    row = connection.execute(
        queries.statement("payment_deal", generation), {"key": key, "known": known}
    ).fetchone()
    return None if row is None else int(row[0])


def balances(
    connection: Connection[Any], number: int, generation: int, known: int, at: date
) -> dict[str, dict[str, str]]:
    """What each account of a deal holds on a date: currency -> account -> decimal string."""
    rows = connection.execute(
        queries.statement("deal_balances", generation), {"deal": number, "known": known, "at": at}
    ).fetchall()
    held: dict[str, dict[str, str]] = {}
    for currency, account, amount in rows:
        held.setdefault(currency, {})[a.NAMES[account]] = format_minor(int(amount), currency)
    return held


def findings(connection: Connection[Any], number: int, generation: int, known: int) -> list[dict[str, Any]]:
    """What the fold found about the deal's facts and still holds."""
    rows = connection.execute(
        queries.statement("findings", generation), {"deal": number, "known": known}
    ).fetchall()
    return [
        {"code": code, "fact": fact, "since_position": since, **({"object": object_} if object_ else {})}
        for code, fact, object_, since in rows
    ]


class Entry(NamedTuple):
    """A milestone on a deal's timeline, as it was recorded. state: `stands`, `corrected` or `voided`."""

    fact: Fact
    state: str


def timeline(connection: Connection[Any], key: str, generation: Generation, known: int) -> list[Entry]:
    """The deal's milestones in business order, as known by a position. Raises DealUnknown."""
    found = find(connection, key, generation.id, known)
    facts = facts_of(connection, found, generation, known)
    resolved = standing(facts, generation.policies)
    voided = {fact.position for fact in resolved.voided}
    amended = set(resolved.amended)
    return [
        Entry(
            fact,
            "voided" if fact.position in voided else "corrected" if fact.position in amended else "stands",
        )
        for fact in facts
    ]
