"""One deal: its names, keys, dimensions and balances, and the milestones that made it, as known then."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from psycopg import Connection

from domain.instants import format_day, from_date
from domain.keys import name_order
from domain.money import format_minor
from domain.stored import CODEC
from projections import accounts as a
from projections import queries
from projections.clusters import LogRow, decode
from projections.facts import Fact
from projections.projector import read_streams


class DealUnknown(LookupError):
    """No milestone with this key had been recorded by then."""


class Streams(NamedTuple):
    """A deal by a position: its number and the streams that belong to it."""

    deal: int
    streams: list[int]


def find(connection: Connection[Any], key: str, known: int) -> Streams:
    """The deal that a key belonged to by a position. Raises DealUnknown."""
    row = connection.execute(queries.statement("deal_streams"), {"key": key, "known": known}).fetchone()
    if row is None or row[0] is None:
        raise DealUnknown(f"no milestone with the key {key!r} had been recorded by position {known}")
    return Streams(*row)


def number_of(connection: Connection[Any], key: str, generation: int, known: int) -> int:
    """The number under which a deal's postings stand, by any key that it had then; 0 where none had it."""
    own = payment_deal(connection, key, generation, known)
    if own is not None:
        return own
    try:
        return find(connection, key, known).deal
    except DealUnknown:
        return 0


def facts_of(connection: Connection[Any], found: Streams, known: int) -> list[Fact]:
    """The facts of a deal in business order."""
    return sorted(map(decode, read_streams(connection, found.streams, known)))


def deal(connection: Connection[Any], key: str, generation: int, known: int, at: date) -> dict[str, Any]:
    """A deal as known by a position: names, keys, dimensions and account balances on a date.

    Balances: currency -> account -> decimal string.
    """
    found = find(connection, key, known)
    number = payment_deal(connection, key, generation, known) or found.deal
    facts = facts_of(connection, found, known)
    keys = sorted({k for fact in facts for k in fact.milestone.keys}, key=name_order)
    dimensions: dict[str, str] = {}
    for fact in facts:
        if fact.milestone.effective <= from_date(at):
            dimensions |= fact.milestone.dimensions
    return {
        "deal": key if number < 0 else keys[0],
        "number": number,
        "keys": keys,
        "dimensions": dimensions,
        "milestones": len(facts),
        "first_effective_on": format_day(facts[0].milestone.effective),
        "last_effective_on": format_day(facts[-1].milestone.effective),
        "at": at.isoformat(),
        "balances": balances(connection, number, generation, known, at),
        "findings": findings(connection, number, generation, known),
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


def timeline(connection: Connection[Any], key: str, known: int) -> list[Fact]:
    """The deal's milestones in business order, as known by a position. Raises DealUnknown."""
    return facts_of(connection, find(connection, key, known), known)


def milestone_row(connection: Connection[Any], position: int) -> LogRow | None:
    """One row of the log, or None beyond its head."""
    row: LogRow | None = connection.execute(
        "SELECT position, stream, topic, state FROM log WHERE position = %s", (position,)
    ).fetchone()
    return row


def milestone_of(row: LogRow) -> Any:
    """The milestone of a row of the log."""
    return CODEC.decode(row[2], row[3])
