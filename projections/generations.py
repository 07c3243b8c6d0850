"""Generations: which one is live, making, promoting and dropping them.

Reads name one generation and finish on it. Only one process writes to a generation at a time: it holds the
generation's advisory lock for the transaction.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from psycopg import Connection

import domain.policies
from domain.policies import DEFAULT_POLICIES, Policies
from projections import queries

CODE_VERSION: Final = "0.1.0"
#: Modules that decide what is posted, beside the rules.
_RULES: Final = (
    "alone", "amending", "book", "cluster", "facts", "fold", "holdings", "late", "parting",
)  # fmt: skip
_LOCK_SPACE: Final = 0x43_61_69


class Generation(NamedTuple):
    """One generation: its number, the last position that it has taken in, the digest of its rules.

    policies: those under which it is folded and read.
    """

    id: int
    position: int
    rules: str
    policies: Policies = DEFAULT_POLICIES


#: What `_made` reads a generation from.
COLUMNS: Final = "id, position, rules, policies"


def made(row: tuple[Any, ...]) -> Generation:
    """A generation from its columns."""
    return Generation(row[0], row[1], row[2], Policies.from_json(row[3]))


class NoGeneration(LookupError):
    """Nothing has been projected yet: the projector has not run on this schema."""


@cache
def rules_digest() -> str:
    """Digest of the code that turns facts into postings: another digest may mean other numbers."""
    folder = Path(__file__).parent
    digest = sha256()
    files = [
        *sorted((folder / "rules").glob("*.py")),
        *(folder / f"{f}.py" for f in _RULES),
    ]
    for path in [*files, Path(domain.policies.__file__), folder / "accounts.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def live(connection: Connection[Any]) -> Generation | None:
    """The generation that reports read, or None before the first."""
    row = connection.execute(f"SELECT {COLUMNS} FROM generation WHERE state = 'live'").fetchone()
    return None if row is None else made(row)


def kept(connection: Connection[Any], id_: int) -> Generation | None:
    """A generation beside the live one that can be read: retired, or kept under other policies."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM generation WHERE id = %s AND state IN ('retired', 'side')",
        (id_,),
    ).fetchone()
    return None if row is None else made(row)


def sides(connection: Connection[Any]) -> list[Generation]:
    """The generations that are kept beside the live one under other policies, the oldest first."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM generation WHERE state = 'side' ORDER BY id")
    return [made(row) for row in rows.fetchall()]


def make(connection: Connection[Any], state: str, policies: Policies = DEFAULT_POLICIES) -> Generation:
    """A new generation with empty tables, in the caller's transaction. state: building, live or side."""
    row = connection.execute(
        "INSERT INTO generation (state, rules, code_version, policies) VALUES (%s, %s, %s, %s)"
        f" RETURNING {COLUMNS}",
        (state, rules_digest(), CODE_VERSION, policies.to_json()),
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


def try_hold(connection: Connection[Any], schema: str, generation: int) -> bool:
    """Be the only writer of a generation until the connection lets go; False where another one is."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_LOCK_SPACE, f"{schema}.generation.{generation}")
    ).fetchone()
    return bool(row and row[0])


def let_go(connection: Connection[Any], schema: str, generation: int) -> None:
    """The end of `try_hold`."""
    connection.execute(
        "SELECT pg_advisory_unlock(%s, hashtext(%s))", (_LOCK_SPACE, f"{schema}.generation.{generation}")
    )


def advance(connection: Connection[Any], generation: int, position: int) -> None:
    """Note how far a generation has come, in the transaction that brought it there."""
    connection.execute("UPDATE generation SET position = %s WHERE id = %s", (position, generation))


def promote(connection: Connection[Any], generation: int) -> None:
    """Make a generation the live one, in the caller's transaction."""
    connection.execute("UPDATE generation SET state = 'retired' WHERE state = 'live'")
    connection.execute(
        "UPDATE generation SET state = 'live', live_at = clock_timestamp() WHERE id = %s", (generation,)
    )


def drop(connection: Connection[Any], generation: int) -> None:
    """Drop a generation that is not live, with its rows."""
    with connection.transaction():
        connection.execute("DELETE FROM generation WHERE id = %s AND state <> 'live'", (generation,))
        connection.execute(queries.statement("drop_generation", generation))


def clear_away(connection: Connection[Any], schema: str) -> list[int]:
    """Drop builds that nobody works on any more, and all retired generations but the latest."""
    rows = connection.execute(
        "SELECT id, state FROM generation WHERE state NOT IN ('live', 'side') ORDER BY id DESC"
    ).fetchall()
    dropped, kept = [], False
    for id_, state in rows:
        if state == "retired" and not kept:
            kept = True
            continue
        if try_hold(connection, schema, id_):
            drop(connection, id_)
            let_go(connection, schema, id_)
            dropped.append(id_)
    return dropped
