"""Rounds of verification: the live generation compared with the log a slice at a time, again and again.

Each turn takes a few seconds, begins where the last one ended, and looks again at the sets that differed, so
that what has been put right is known at once. How far it has come is kept in the database. Belongs here: one
turn, what it leaves behind. Does not belong here: when there is one (projections/selfcheck), comparing
(projections/verification).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from projections import generations, laws, queries
from projections.refolding import Sets, sets_by
from projections.verification import Difference, Slice, Verified, as_text, slice_of, verify

_log: Final = logging.getLogger(__name__)

#: The law that these breaches are of.
LAW: Final = "journal_follows_from_log"
#: Seconds of a turn, give or take a slice.
SECONDS: Final = 5.0
#: Numbers of streams that a slice spans.
SPAN: Final = 2_000
#: Sets that differed and are looked at again in each turn.
MOST: Final = 20


class Round(NamedTuple):
    """How far the comparison has come. next: the first stream not compared yet; milestones: those compared.

    completed_at: when the last whole round of this generation ended. broken: the lowest streams of sets that
    differ.
    """

    generation: int
    next: int
    milestones: int
    began_at: datetime
    checked_at: datetime
    completed_at: datetime | None
    broken: list[int]


def last(connection: Connection[Any]) -> Round | None:
    """How far it has come; None before the first turn."""
    row = connection.execute(queries.statement("round_last")).fetchone()
    return None if row is None else Round(*row)


def turn(connection: Connection[Any], seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Compare the next slices of the live generation: the breaches, in the form of projections/laws.

    Nothing where there is no generation, or where it was made by other rules than this version has.
    """
    live = generations.live(connection)
    if live is None or live.rules != generations.rules_digest():
        return []
    until, now = time.monotonic() + seconds, datetime.now(UTC)
    found = last(connection)
    if found is None or found.generation != live.id:
        found = Round(live.id, 1, 0, now, now, None, [])
    sets = sets_by(connection, live.position)
    differences: list[Difference] = []
    if found.broken:
        again = slice_of("", live, 1, 0)._replace(roots=tuple(map(sets.root, found.broken)))
        differences += _compared(connection, again, sets).differences
    next_, milestones, completed = found.next, found.milestones, False
    while next_ <= live.position:
        done = _compared(connection, slice_of("", live, next_, next_ + SPAN - 1), sets)
        differences += done.differences
        next_, milestones = next_ + SPAN, milestones + done.milestones
        completed = next_ > live.position
        if time.monotonic() > until:
            break
    found = found._replace(next=next_, milestones=milestones, broken=_roots(differences), checked_at=now)
    if completed:
        found = found._replace(next=1, milestones=0, began_at=now, completed_at=datetime.now(UTC))
    _note(connection, found)
    return _breaches(differences)


def _compared(connection: Connection[Any], one: Slice, sets: Sets) -> Verified:
    """A slice compared; nothing where it takes too long, or where the generation was dropped meanwhile."""
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            return verify(connection, one, sets)
    except psycopg.errors.QueryCanceled:
        _log.warning("streams %d to %d took too long to compare and were left out", one.first, one.last)
    except psycopg.errors.UndefinedTable:
        _log.info("generation %d was dropped while it was compared", one.generation)
    return Verified(0, 0, 0, [])


def _roots(differences: Iterable[Difference]) -> list[int]:
    return sorted({one.root for one in differences if one.root is not None})[:MOST]


def _note(connection: Connection[Any], found: Round) -> None:
    connection.execute(
        queries.statement("round_note"), {**found._asdict(), "broken": json.dumps(found.broken)}
    )


def _breaches(differences: list[Difference]) -> list[dict[str, Any]]:
    """One breach a deal: its first difference, and how many rows differ."""
    by_deal: dict[int | None, list[Difference]] = {}
    for one in differences:
        held = by_deal.setdefault(one.deal, [])
        if one not in held:  # a set that differed may lie in the slice as well
            held.append(one)
    return [
        {
            "law": LAW,
            "says": laws.LAWS[LAW],
            "deal": deal,
            "currency": "",
            "left": found[0].wrong or as_text(found[0].table, found[0].journal),
            "right": "" if found[0].wrong else as_text(found[0].table, found[0].fold),
            "difference": None,
            "rows": len(found),
            "position": found[0].position,
        }
        for deal, found in by_deal.items()
    ]
