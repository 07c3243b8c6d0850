"""How a ledger is: what is there, how far the reports have come, what waits. For HTTP and the command line.

Belongs here: findings as values. Does not belong here: what follows from them (routes, exit codes).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from adapters.postgres import reading as log
from adapters.postgres.migrate import migrations
from api import checkpoints
from api.reading import text_of
from api.verifying import round_of
from projections import generations, selfcheck
from projections.generations import CODE_VERSION

#: Seconds that the oldest milestone may wait for the reports before the projector counts as fallen behind.
MOST_LAG_SECONDS: Final = 60.0


def missing_migrations(connection: Connection[Any]) -> int:
    """How many of this version's migrations have not run in the schema."""
    known = len(migrations())
    try:
        row = connection.execute("SELECT count(*) FROM migration").fetchone()
    except psycopg.errors.UndefinedTable:
        return known
    return max(0, known - int(row[0] if row else 0))


def projection(connection: Connection[Any], now: datetime) -> dict[str, Any]:
    """How far the reports are behind the log, in milestones, and in seconds of the oldest that waits.

    `halted` is there where the live generation takes in nothing more, and says why.
    """
    head = log.head(connection)
    live = generations.live(connection)
    position = 0 if live is None else live.position
    waiting = log.commits_after(connection, position, 1)
    lag = max(0.0, (now - waiting[0].recorded_at).total_seconds()) if waiting else 0.0
    halted = None if live is None else generations.halted(live)
    return {
        "generation": None if live is None else live.id,
        "position": position,
        "behind": max(0, head - position),
        "lag_seconds": round(lag, 3),
        "ok": live is not None and lag <= MOST_LAG_SECONDS and not (halted and waiting),
        **({} if halted is None else {"halted": halted}),
    }


def self_check(connection: Connection[Any], now: datetime, every: float = 0) -> dict[str, Any]:
    """What the last self-check of the books came to; `hold` is None before the first.

    every: seconds between self-checks, 0 where there are none. `stale`: three in a row have been left out.
    """
    found = selfcheck.last(connection)
    if found is None:
        return {
            "checked_at": None,
            "age_seconds": None,
            "stale": False,
            "hold": None,
            "breaches": [],
            "round": None,
        }
    return {
        "checked_at": text_of(found.checked_at),
        "age_seconds": round(max(0.0, (now - found.checked_at).total_seconds()), 3),
        "stale": selfcheck.is_overdue(found, now, every),
        "generation": found.generation,
        "position": found.position,
        "at": found.at.isoformat(),
        "hold": not found.breaches,
        "breaches": found.breaches,
        "round": round_of(connection),
    }


def health(connection: Connection[Any], schema: str, every: float) -> dict[str, Any]:
    """Whether all is well, with the reasons where it is not. Degraded is not down: everything is answered.

    every: seconds between self-checks, 0 where there are none.
    """
    found = status(connection, schema, every)
    reasons = []
    if not found["projection"]["ok"]:
        reasons.append(_behind(found["projection"]))
    broken = dict.fromkeys(breach["law"] for breach in found["self_check"]["breaches"])
    reasons += [f"a law of the books is broken: {law}; see /v1/laws" for law in broken]
    if found["self_check"]["stale"]:
        reasons.append("the laws of the books have not been checked lately: is the projector running?")
    reasons += _changed(found["transparency"])
    return {"status": "degraded" if reasons else "ok", "reasons": reasons, **found}


def status(connection: Connection[Any], schema: str, every: float = 0) -> dict[str, Any]:
    """Everything at a glance. every: seconds between self-checks, 0 where there are none."""
    head = log.head(connection)
    commit = log.commit_of(connection, head) if head else None
    waiting, conflicts = log.counts(connection)
    now = datetime.now(UTC)
    found = projection(connection, now)
    return {
        "version": CODE_VERSION,
        "schema": schema,
        "ok": bool(found["ok"]),
        "log": {"position": head, "recorded_at": None if commit is None else text_of(commit.recorded_at)},
        "projection": found,
        "self_check": self_check(connection, now, every),
        "transparency": checkpoints.standing(connection),
        "quarantine": {"open": waiting},
        "conflicts": conflicts,
    }


def readiness(connection: Connection[Any]) -> dict[str, Any]:
    """Whether requests can be served: each check by name. A projector that lags does not stop events, and is
    told as `warning`.
    """
    missing = missing_migrations(connection)
    if missing:
        return {"ready": False, "database": "ok", "migrations": f"{missing} missing: run cairn migrate"}
    found = projection(connection, datetime.now(UTC))
    told = {"ready": True, "database": "ok", "migrations": "ok", "projection": found}
    if not checkpoints.standing(connection)["ok"]:
        # what exactly is told to those who are let in
        told["tampering"] = "the ledger is not what was hashed and signed: see /v1/health"
    return told if found["ok"] else told | {"warning": _behind(found)}


def _changed(found: dict[str, Any]) -> list[str]:
    """What is wrong with the transparency log, in words."""
    return [f"transparency: {found[name]}" for name in ("refused", "changed", "denied") if name in found]


def _behind(found: dict[str, Any]) -> str:
    """What is wrong with a projection that is not ok, in words."""
    return f"the reports have fallen behind the log: {found.get('halted', 'is the projector running?')}"
