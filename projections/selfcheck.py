"""The self-check: whether the books hold, looked at again and again while they are kept.

The laws are checked in one transaction that sees one moment; then the next slice of the journal is compared
with the log. Nothing is written but the outcome. It gives way: while the reports are behind the log it waits,
a statement may take a minute of one core at most, and the longer a check takes the longer it rests. Belongs
here: when to check, what is kept. Does not belong here: the laws (projections/laws), comparing
(projections/rounds), what follows from a breach (api).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Event
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from projections import generations, laws, queries, rounds

_log: Final = logging.getLogger(__name__)

#: Milliseconds that the database may take for one statement of a check.
MOST_MILLISECONDS: Final = 60_000
#: Seconds for which an outcome that stays the same is kept by one row.
KEEP_SECONDS: Final = 3_600
#: Milestones that the reports may be behind when a check begins.
MOST_BEHIND: Final = 20_000
#: At most this part of the time is spent on checking.
SHARE: Final = 0.05
#: Seconds before the first check, so that a start is not slowed down.
FIRST_SECONDS: Final = 10.0

Connect = Callable[[], Connection[Any]]


class Outcome(NamedTuple):
    """What a check came to. at: the day whose books were checked. breaches: as laws.check gives them.

    rest: seconds that it rests before the next at the least, as long as it took.
    """

    generation: int
    position: int
    at: date
    breaches: list[dict[str, Any]]
    checked_at: datetime
    rest: float = 0.0


def check(connection: Connection[Any], at: date) -> Outcome | None:
    """Check the live generation on a day, as known at its position; None before the first generation."""
    begun = time.monotonic()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
        connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")  # one core at most
        live = generations.live(connection)
        if live is None:
            return None
        breaches = laws.check(connection, live.id, at, live.position)
    rest = (time.monotonic() - begun) / SHARE
    return Outcome(live.id, live.position, at, breaches, datetime.now(UTC), rest)


def note(connection: Connection[Any], outcome: Outcome) -> bool:
    """Keep an outcome where it says something new, and once an hour: whether a row was written.

    When and up to where it was checked is noted every time.
    """
    told = {
        "generation": outcome.generation,
        "position": outcome.position,
        "at": outcome.at,
        "breaches": json.dumps(outcome.breaches),
        "keep": KEEP_SECONDS,
        "rest": outcome.rest,
    }
    with connection.transaction():
        row = connection.execute(queries.statement("selfcheck_note"), told).fetchone()
        connection.execute(queries.statement("selfcheck_made"), told)
    return row is not None


def last(connection: Connection[Any]) -> Outcome | None:
    """What the last check came to, None before the first."""
    row = connection.execute(queries.statement("selfcheck_last")).fetchone()
    return None if row is None else Outcome(*row)


def is_overdue(outcome: Outcome, now: datetime, every: float) -> bool:
    """Whether three checks in a row have been left out. every: seconds between checks, 0: there are none."""
    return every > 0 and (now - outcome.checked_at).total_seconds() > 3 * max(every, outcome.rest)


def once(connection: Connection[Any]) -> Outcome | None:
    """Check today's books, compare the next slice, keep the outcome, log an error for every broken law."""
    outcome = check(connection, datetime.now(UTC).date())
    if outcome is None:
        return None
    begun = time.monotonic()
    compared = _compared(connection)
    outcome = outcome._replace(
        breaches=outcome.breaches + compared, rest=outcome.rest + (time.monotonic() - begun) / SHARE
    )
    note(connection, outcome)
    for law in dict.fromkeys(breach["law"] for breach in outcome.breaches):
        found = [breach for breach in outcome.breaches if breach["law"] == law]
        _log.error(
            "a law of the books is broken: %s (%s), %d times in generation %d at position %d, first in deal"
            " %s: %s against %s %s; see /v1/laws",
            law,
            laws.LAWS[law],
            len(found),
            outcome.generation,
            outcome.position,
            found[0]["deal"],
            found[0]["left"],
            found[0]["right"],
            found[0]["currency"],
        )
    return outcome


def _compared(connection: Connection[Any]) -> list[dict[str, Any]]:
    """What the next slice of the journal comes to, a statement at most as long as one of the laws."""
    connection.execute(f"SET statement_timeout = {MOST_MILLISECONDS}")
    try:
        return rounds.turn(connection)
    finally:
        if not connection.broken:
            connection.execute("RESET statement_timeout")


def compared(connection: Connection[Any], generation: int) -> list[dict[str, Any]]:
    """The rows of a generation that the last self-check found not to follow from the log, as breaches."""
    found = last(connection)
    if found is None or found.generation != generation:
        return []
    return [breach for breach in found.breaches if breach["law"] == rounds.LAW]


def run(connect: Connect, stop: Event, every: float) -> None:
    """Check every so many seconds until `stop` is set. What goes wrong is logged and tried again."""
    pause = min(every, FIRST_SECONDS)
    while not stop.wait(pause):
        begun = time.monotonic()
        try:
            with connect() as connection:
                if _is_behind(connection):
                    pause = min(every, FIRST_SECONDS)
                    continue
                once(connection)
        except psycopg.errors.QueryCanceled:
            _log.warning("a self-check took more than %d s and was given up", MOST_MILLISECONDS // 1_000)
        except (psycopg.Error, OSError) as error:
            if not stop.is_set():
                _log.warning("a self-check could not be made (%s); trying again", type(error).__name__)
        except Exception:  # noqa: BLE001 - it must not stop for good
            _log.exception("a self-check failed; trying again")
        pause = max(every, (time.monotonic() - begun) / SHARE)


def _is_behind(connection: Connection[Any]) -> bool:
    """Whether the reports have so much to take in that checking had better wait."""
    live = generations.live(connection)
    row = connection.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
    return live is not None and row is not None and int(row[0]) - live.position > MOST_BEHIND
