"""Generations: which one is live, their states, making, noting and dropping them.

Reads name one generation and finish on it. Only one process writes to a generation at a time: it holds the
generation's advisory lock for the transaction. Belongs here: rows of the table `generation`, locks. Does not
belong here: building one (projections/building), which becomes live when (projections/promoting).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.rows import class_row

from domain.policies import DEFAULT_POLICIES, Policies
from projections import digests, queries

CODE_VERSION: Final = "0.1.0"
_LOCK_SPACE: Final = 0x43_61_69
#: For how long a generation that was live is kept, beside the one before the live one, so that whoever reads
#: it page by page comes to an end.
KEPT_MINUTES: Final = 15
#: Seconds that dropping a generation waits for those who read it.
PATIENCE_SECONDS: Final = 2

#: Of builds: another process may be at work on a generation in one of these.
UNFINISHED: Final = ("building", "catching_up")


class Generation(NamedTuple):
    """One generation: its number, the last position that it has taken in, the digest of its rules.

    policies: those under which it is folded and read. code_version: of the code that made it.
    """

    id: int
    position: int
    rules: str
    policies: Policies = DEFAULT_POLICIES
    code_version: str = CODE_VERSION


#: What `made` reads a generation from.
COLUMNS: Final = "id, position, rules, policies, code_version"


def made(row: tuple[Any, ...]) -> Generation:
    """A generation from its columns."""
    return Generation(row[0], row[1], row[2], Policies.from_json(row[3]), row[4])


class Told(NamedTuple):
    """All that is noted of a generation (migrations/0006_generations.sql).

    is_held: somebody writes to it: of one that is building or catching up, its build is under way.
    """

    id: int
    state: str
    position: int
    rules: str
    rules_by_module: str
    code_version: str
    policies: str
    made_at: datetime
    begun_at: datetime | None
    ready_at: datetime | None
    live_at: datetime | None
    retired_at: datetime | None
    stage: str | None
    upto: int | None
    plan: str | None
    total: int
    done: int
    figures: str
    error: str | None
    is_held: bool


class NoGeneration(LookupError):
    """Nothing has been projected yet: the projector has not run on this schema."""


class GenerationUnknown(LookupError):
    """There is no generation of that number."""


def rules_digest() -> str:
    """Digest of the code that turns facts into postings: another digest may mean other numbers."""
    return digests.rules_digest()


def halted(generation: Generation) -> str | None:
    """Why this process can't bring a generation forward, and what to do; None where it can."""
    if generation.rules == rules_digest():
        return None
    made = f"generation {generation.id} was made by other rules ({generation.rules}, code version"
    stays = f"so nothing more is taken into it: it stays at position {generation.position}."
    if digests.is_outdated():
        return (
            f"{made} {generation.code_version}) than this process began with ({rules_digest()}), and those on"
            f" disk have been changed since, {stays} Restart the server; should it say so again, run"
            " `cairn rebuild`"
        )
    return (
        f"{made} {generation.code_version}) than this version has ({rules_digest()}, {CODE_VERSION}),"
        f" {stays} Run `cairn rebuild` with this version, or start the server with the one that made it"
    )


def live(connection: Connection[Any]) -> Generation | None:
    """The generation that reports read, or None before the first."""
    return _first(connection, "state = 'live'", ())


def kept(connection: Connection[Any], id_: int) -> Generation | None:
    """A generation beside the live one that can be read: ready, retired, or kept under other policies."""
    return _first(connection, "id = %s AND state IN ('ready', 'retired', 'side')", (id_,))


def is_retired(connection: Connection[Any], id_: int) -> bool:
    """Whether a generation was live once, and is kept for those who read it: nothing is taken into it."""
    row = connection.execute("SELECT state = 'retired' FROM generation WHERE id = %s", (id_,)).fetchone()
    return bool(row and row[0])


def is_unfinished(connection: Connection[Any], id_: int) -> bool:
    """Whether a generation is being built, or its build was broken off."""
    row = connection.execute(
        "SELECT state = ANY(%s) FROM generation WHERE id = %s", (list(UNFINISHED), id_)
    ).fetchone()
    return bool(row and row[0])


def has_been(connection: Connection[Any], id_: int) -> bool:
    """Whether there is, or ever was, a generation of that number (migrations/0009_numbers.sql)."""
    row = connection.execute(
        "SELECT is_called AND %s <= last_value FROM generation_id_seq", (id_,)
    ).fetchone()
    return id_ > 0 and bool(row and row[0])


def unknown(id_: int) -> GenerationUnknown:
    """That there is no generation of that number, and what to do."""
    return GenerationUnknown(f"there is no generation {id_}: `cairn generations` lists those there are")


def sides(connection: Connection[Any]) -> list[Generation]:
    """The generations that are kept beside the live one under other policies, the oldest first."""
    return _all(connection, "state = 'side'")


def ready(connection: Connection[Any]) -> list[Generation]:
    """The generations that are built and not live yet, the oldest first."""
    return _all(connection, "state = 'ready'")


def before(connection: Connection[Any]) -> Generation | None:
    """The generation that was live before the live one; None where none is kept."""
    return _first(connection, "state = 'retired' ORDER BY retired_at DESC NULLS LAST, id DESC LIMIT 1", ())


def _first(connection: Connection[Any], where: str, values: tuple[Any, ...]) -> Generation | None:
    row = connection.execute(f"SELECT {COLUMNS} FROM generation WHERE {where}", values).fetchone()
    return None if row is None else made(row)


def _all(connection: Connection[Any], where: str) -> list[Generation]:
    rows = connection.execute(f"SELECT {COLUMNS} FROM generation WHERE {where} ORDER BY id")
    return [made(row) for row in rows.fetchall()]


def told(connection: Connection[Any], schema: str) -> list[Told]:
    """All that is noted of every generation, the newest first."""
    cursor = connection.cursor(row_factory=class_row(Told))
    cursor.execute(
        """SELECT id, state, position, rules, rules_by_module, code_version, policies, made_at, begun_at,
            ready_at, live_at, retired_at, stage, upto, plan, total, done, figures, error,
            EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = %s::int::oid AND objid = hashtext(%s || '.generation.' || id)::oid) AS is_held
        FROM generation ORDER BY id DESC""",
        (_LOCK_SPACE, schema),
    )
    return cursor.fetchall()


def one_told(connection: Connection[Any], schema: str, id_: int) -> Told:
    """All that is noted of a generation. Raises GenerationUnknown."""
    found = [one for one in told(connection, schema) if one.id == id_]
    if not found:
        raise unknown(id_)
    return found[0]


def make(connection: Connection[Any], state: str, policies: Policies = DEFAULT_POLICIES) -> Generation:
    """A new generation with empty tables, in the caller's transaction. state: building, live or side."""
    row = connection.execute(
        "INSERT INTO generation (state, rules, rules_by_module, code_version, policies, begun_at, live_at)"
        " VALUES (%(state)s, %(rules)s, %(modules)s, %(version)s, %(policies)s, clock_timestamp(),"
        " CASE WHEN %(state)s = 'live' THEN clock_timestamp() END)"
        f" RETURNING {COLUMNS}",
        {
            "state": state,
            "rules": rules_digest(),
            "modules": json.dumps(digests.rules_digests()),
            "version": CODE_VERSION,
            "policies": policies.to_json(),
        },
    ).fetchone()
    assert row is not None
    generation = made(row)
    connection.execute(queries.statement("make_generation", generation.id))
    return generation


def index(connection: Connection[Any], generation: int) -> None:
    """Make the indexes of a loaded generation."""
    connection.execute(queries.statement("index_generation", generation))


def lock(connection: Connection[Any], schema: str, generation: int) -> None:
    """Be the only writer of a generation until the transaction ends."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_SPACE, f"{schema}.generation.{generation}")
    )


def try_hold(connection: Connection[Any], schema: str, generation: int | str) -> bool:
    """Be the only writer of a generation until the connection lets go; False where another one is.

    A word instead of a number: be the only one that does what it names.
    """
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LOCK_SPACE, f"{schema}.generation.{generation}")
    ).fetchone()
    return bool(row and row[0])


def let_go(connection: Connection[Any], schema: str, generation: int | str) -> None:
    """The end of `try_hold`."""
    connection.execute(
        "SELECT pg_advisory_unlock(%s, hashtext(%s))", (_LOCK_SPACE, f"{schema}.generation.{generation}")
    )


@contextmanager
def holding(connection: Connection[Any], schema: str, generation: int | str) -> Iterator[bool]:
    """`try_hold` for a while: whether it is held."""
    is_held = try_hold(connection, schema, generation)
    try:
        yield is_held
    finally:
        if is_held and not connection.closed:
            let_go(connection, schema, generation)


def advance(connection: Connection[Any], generation: int, position: int) -> None:
    """Note how far a generation has come, in the transaction that brought it there."""
    connection.execute("UPDATE generation SET position = %s WHERE id = %s", (position, generation))


def become_ready(connection: Connection[Any], generation: int) -> None:
    """Note that a generation is built and can be read by its number."""
    connection.execute(
        "UPDATE generation SET state = 'ready', stage = NULL, ready_at = clock_timestamp() WHERE id = %s",
        (generation,),
    )


def promote(connection: Connection[Any], generation: int) -> None:
    """Make a generation the live one, in the caller's transaction. Raises GenerationUnknown."""
    connection.execute(
        "UPDATE generation SET state = 'retired', retired_at = clock_timestamp() WHERE state = 'live'"
    )
    done = connection.execute(
        "UPDATE generation SET state = 'live', stage = NULL, live_at = clock_timestamp(), retired_at = NULL,"
        " ready_at = coalesce(ready_at, clock_timestamp()) WHERE id = %s",
        (generation,),
    )
    if not done.rowcount:
        raise GenerationUnknown(f"generation {generation} has been dropped meanwhile")


def drop(connection: Connection[Any], schema: str, generation: int) -> bool:
    """Drop a generation with its rows: whether it was there, and was not live.

    Raises psycopg.errors.LockNotAvailable where it is read or written to for longer than is waited.
    """
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
        lock(connection, schema, generation)
        done = connection.execute(
            "DELETE FROM generation WHERE id = %s AND state <> 'live' RETURNING id", (generation,)
        )
        if done.fetchone() is None:
            return False
        connection.execute(queries.statement("drop_generation", generation))
    return True


def try_drop(connection: Connection[Any], schema: str, generation: int) -> bool:
    """Drop a generation that is not live, unless somebody writes to it or reads it: whether it is dropped."""
    with holding(connection, schema, generation) as is_held:
        try:
            return is_held and drop(connection, schema, generation)
        except psycopg.errors.LockNotAvailable:
            return False


def clear_retired(connection: Connection[Any], schema: str) -> list[int]:
    """Drop what was live once, but the latest, and what was live a while ago. Which were dropped."""
    rows = connection.execute(
        """SELECT id FROM (
            SELECT id, retired_at, row_number() OVER (ORDER BY retired_at DESC NULLS LAST, id DESC) AS place
            FROM generation WHERE state = 'retired') AS retired
        WHERE place > 1
            AND coalesce(retired_at, '-infinity') < clock_timestamp() - make_interval(mins => %s)
        ORDER BY id""",
        (KEPT_MINUTES,),
    )
    return [id_ for (id_,) in rows.fetchall() if try_drop(connection, schema, id_)]
