"""One deal: its names, keys, dimensions and balances, and the milestones that made it, as known then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from psycopg import Connection

from domain.instants import format_day
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
    if not can_be_held(key):
        raise DealUnknown(f"there is no key {key!r}: no text of the ledger holds such characters")
    row = connection.execute(queries.statement("deal_streams"), {"key": key, "known": known}).fetchone()
    if row is None or row[0] is None:
        raise DealUnknown(f"no milestone with the key {key!r} had been recorded by position {known}")
    found = Streams(*row)
    placed = connection.execute(
        queries.statement("key_place", generation), {"key": key, "known": known}
    ).fetchone()
    return found._replace(deal=placed[0]) if placed is not None and placed[0] else found


def can_be_held(key: str) -> bool:
    """Whether the log could hold such a text: not with NUL, nor with half of a surrogate pair."""
    return "\0" not in key and key.encode(errors="replace").decode() == key


def number_of(connection: Connection[Any], key: str, generation: int, known: int) -> int:
    """The number under which a deal's postings stand, by any key that it had then; 0 where none had it."""
    if not can_be_held(key):
        return 0
    own = payment_deal(connection, key, generation, known)
    if own is not None:
        return own
    try:
        return find(connection, key, generation, known).deal
    except DealUnknown:
        return 0


def numbers_of(connection: Connection[Any], key: str, generation: int, known: int) -> list[int]:
    """The numbers of the deals that a key means in reports: by public name, else by any key that it had then.

    0, which no deal has, where none had it.
    """
    if not can_be_held(key):
        return [0]
    asked = {"name": key, "known": known}
    rows = connection.execute(queries.statement("named_deals", generation), asked).fetchall()
    return sorted({int(row[0]) for row in rows}) or [number_of(connection, key, generation, known)]


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
    keys = _keys(connection, facts, number, generation.id, known)
    return {
        "deal": _name(connection, number, generation.id, known) or (keys[0] if keys else key),
        "number": number,
        "keys": keys,
        "dimensions": _dimensions(connection, number, generation.id, known, at),
        "milestones": len(facts),
        "first_effective_on": format_day(facts[0].milestone.effective) if facts else None,
        "last_effective_on": format_day(facts[-1].milestone.effective) if facts else None,
        "at": at.isoformat(),
        "balances": balances(connection, number, generation.id, known, at),
        "findings": findings(connection, number, generation.id, known),
    }


def _keys(
    connection: Connection[Any], facts: Iterable[Fact], number: int, generation: int, known: int
) -> list[str]:
    """The keys that a deal's facts name, but for those that a split has given to another."""
    keys = sorted({key for fact in facts for key in fact.milestone.keys}, key=name_order)
    rows = connection.execute(
        queries.statement("key_places", generation), {"keys": keys, "known": known}
    ).fetchall()
    elsewhere = {key for key, deal_ in rows if deal_ and deal_ != number}
    return [key for key in keys if key not in elsewhere]


def _name(connection: Connection[Any], number: int, generation: int, known: int) -> str | None:
    """What the journal calls a deal; None where it has posted nothing by then."""
    row = connection.execute(
        queries.statement("deal_names", generation), {"deals": [number], "known": known}
    ).fetchone()
    return None if row is None else str(row[1])


def _dimensions(
    connection: Connection[Any], number: int, generation: int, known: int, at: date
) -> dict[str, str]:
    """What reports group a deal by on a date; a merged customer as the one that survives."""
    rows = connection.execute(
        queries.statement("dimensions_of_deal", generation), {"deal": number, "known": known, "at": at}
    ).fetchall()
    dimensions: dict[str, str] = dict(rows)
    if "customer" in dimensions:
        merged = merges.survivors(connection, generation, known)
        dimensions["customer"] = merged.get(dimensions["customer"], dimensions["customer"])
    return dimensions


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
    """A milestone on a deal's timeline, as it was recorded.

    state: `stands`, `corrected`, `voided`, or `claim` where the system that reported it is not the system of
    record: it posts nothing.
    """

    fact: Fact
    state: str


def timeline(connection: Connection[Any], key: str, generation: Generation, known: int) -> list[Entry]:
    """The deal's milestones in business order, as known by a position. Raises DealUnknown."""
    found = find(connection, key, generation.id, known)
    facts = facts_of(connection, found, generation, known)
    resolved = standing(facts, generation.policies)
    states = dict.fromkeys((fact.position for fact in facts if not _entitled(fact, generation)), "claim")
    states |= {fact.position: "claim" for fact, code in resolved.misfits if code == "SOR_VIOLATION"}
    states |= dict.fromkeys(resolved.amended, "corrected")
    states |= {fact.position: "voided" for fact in resolved.voided}
    return [Entry(fact, states.get(fact.position, "stands")) for fact in facts]


def _entitled(fact: Fact, generation: Generation) -> bool:
    return generation.policies.at(fact.milestone.effective).entitled(fact.milestone)
