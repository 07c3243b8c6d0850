"""Bringing a tenant's schema up to date: numbered SQL files, run once, in order.

Belongs here: the schema itself, its role, and which migrations have run. Does not belong here: what the
tables are (migrations/*.sql), derived tables (whoever derives them makes and drops them).

Each migration runs in one transaction with its row in the table `migration`, under an advisory lock, so two
processes that start together do it once. A file that has run must never change: its digest is kept.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection, sql

from adapters.postgres.connections import DEFAULT_SCHEMA, checked_schema, lock_of, role_of

FOLDER: Final = Path(__file__).parent / "migrations"
OLDEST_SERVER: Final = 150_000

#: What migration files write where the application's role is meant.
ROLE_PLACEHOLDER: Final = ":app_role"


class MigrationError(RuntimeError):
    """The schema can't be brought up to date; the message says what to do."""


class Migration(NamedTuple):
    """One numbered file: `0001_log.sql`."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).digest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of a folder, by number. Raises MigrationError where numbers are not 1, 2, 3, ..."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"the migrations in {folder} are not numbered 1, 2, 3, ...")
    return found


def migrate(conninfo: str, schema: str = DEFAULT_SCHEMA, *, folder: Path = FOLDER) -> list[str]:
    """Make the schema and its role where they are missing, run what has not run: the names of what was run.

    The login role of `conninfo` must own the schema or may create it, and must be able to become the
    schema's role, or may create it. Raises MigrationError; psycopg.OperationalError without a server.
    """
    checked_schema(schema)
    known = migrations(folder)
    with psycopg.connect(conninfo, autocommit=True, application_name="cairn migrate") as connection:
        _check_server(connection)
        # held until this connection closes
        connection.execute("SELECT pg_advisory_lock(%s)", (lock_of(schema) + 1,))
        try:
            _ensure_role(connection, role_of(schema))
            _ensure_schema(connection, schema)
            return _run_missing(connection, schema, known)
        except psycopg.errors.InsufficientPrivilege as refusal:
            raise MigrationError(
                f"the login role may not set up schema {schema!r} ({refusal.diag.message_primary}): let it "
                "own the schema, or grant it CREATE on the database"
            ) from refusal


def _check_server(connection: Connection[Any]) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise MigrationError(f"the server is PostgreSQL {version // 10_000}; use version 15 or later")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationError(f"the database's encoding is {encoding}; create one with ENCODING 'UTF8'")


def _ensure_role(connection: Connection[Any], role: str) -> None:
    """Make the role unless it is there, and see to it that the login role may become it."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        try:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            pass  # another database of this server has made it in the meantime
        except psycopg.errors.InsufficientPrivilege as refusal:
            raise MigrationError(_ask_for_role(connection, role)) from refusal
    if _may_become(connection, role):
        return
    try:
        connection.execute(
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(connection.info.user))
        )
    except psycopg.errors.InsufficientPrivilege as refusal:
        raise MigrationError(_ask_for_role(connection, role)) from refusal


def _may_become(connection: Connection[Any], role: str) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _ask_for_role(connection: Connection[Any], role: str) -> str:
    user = connection.info.user
    return (
        f"the login role {user!r} may not create or become the role {role!r}: as an administrator, run "
        f'CREATE ROLE "{role}" NOLOGIN; GRANT "{role}" TO "{user}";'
    )


def _ensure_schema(connection: Connection[Any], schema: str) -> None:
    name, role = sql.Identifier(schema), sql.Identifier(role_of(schema))
    with connection.transaction():
        # not IF NOT EXISTS: that asks for CREATE on the database even where the schema is there
        if connection.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() == (None,):
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        if connection.execute("SELECT to_regclass(%s)", (f"{schema}.migration",)).fetchone() != (None,):
            return
        connection.execute(
            sql.SQL(
                "CREATE TABLE {}.migration (number integer PRIMARY KEY, name text NOT NULL,"
                " digest bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
            ).format(name)
        )
        # CREATE, so that the application makes, owns and drops what it derives
        connection.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(name, role))
        connection.execute(sql.SQL("GRANT SELECT ON {}.migration TO {}").format(name, role))


def _run_missing(connection: Connection[Any], schema: str, known: Sequence[Migration]) -> list[str]:
    name, role = sql.Identifier(schema), sql.Identifier(role_of(schema)).as_string(connection)
    run = []
    for migration in known[_already_run(connection, schema, known) :]:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL search_path = {}").format(name))
            connection.execute(migration.text.replace(ROLE_PLACEHOLDER, role).encode())
            connection.execute(
                "INSERT INTO migration (number, name, digest) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.digest),
            )
        run.append(f"{migration.number:04d}_{migration.name}")
    return run


def _already_run(connection: Connection[Any], schema: str, known: Sequence[Migration]) -> int:
    rows = connection.execute(
        sql.SQL("SELECT number, name, digest FROM {}.migration ORDER BY number").format(
            sql.Identifier(schema)
        )
    ).fetchall()
    if len(rows) > len(known):
        raise MigrationError(
            f"schema {schema!r} has run migration {rows[-1][0]} ({rows[-1][1]}), which this version does not "
            "have: upgrade cairn-ledger"
        )
    for (number, name, digest), migration in zip(rows, known, strict=False):
        if number != migration.number or bytes(digest) != migration.digest:
            raise MigrationError(
                f"migration {number} ({name}) has run in schema {schema!r} with another text than it has "
                "here: install the version that ran it, or restore the file; what has run must not change"
            )
    return len(rows)
