"""Tenants of one database: which there are, how each stands, making one, and dropping one whole.

A tenant is a schema and its role; all else that it has (channel, locks, generations, keys) is named by the
schema and lives in it. Belongs here: what concerns more than one of them. Does not belong here: what is in a
schema (`migrate`), connections to one (`connections`), files beside the database.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection, sql

from adapters.postgres.connections import checked_schema, lock_of, named, role_of
from adapters.postgres.migrate import migrate, migrations
from adapters.postgres.statements import statements

_SQL: Final = statements("tenants")
#: Seconds that dropping waits for what is under way in the tenant's tables.
_PATIENCE: Final = "30s"
#: Seconds that sessions may take to leave.
_LEAVING: Final = 1.0


class TenantUnknown(LookupError):
    """There is no tenant of that name in this database."""


class TenantRefused(ValueError):
    """A tenant can't be made, or can't be dropped now; the message says what to do."""


class Tenant(NamedTuple):
    """How a tenant stands.

    size: bytes of its tables and indexes. position, recorded_at: of its last milestone; 0 and None without
    one. behind: migrations of this version that have not run; below 0, that many more have run than this
    version has. sessions: connections of processes that serve it.
    """

    schema: str
    size: int
    position: int
    recorded_at: datetime | None
    behind: int
    sessions: int


class Dropped(NamedTuple):
    """What was dropped. role_left: why the role is still there; None where it has gone too."""

    schema: str
    position: int
    recorded_at: datetime | None
    role_left: str | None


def names(conninfo: str) -> list[str]:
    """The names of all tenants of a database, sorted."""
    with _opened(conninfo) as connection:
        return _names(connection)


def listed(conninfo: str) -> list[Tenant]:
    """All tenants of a database, by name."""
    with _opened(conninfo) as connection:
        return [_told(connection, schema) for schema in _names(connection)]


def tenant(conninfo: str, schema: str) -> Tenant:
    """One tenant. Raises SchemaNameError, TenantUnknown."""
    with _opened(conninfo) as connection:
        _known(connection, schema)
        return _told(connection, schema)


def is_gone(conninfo: str, schema: str) -> bool:
    """Whether the role of a tenant's application is not there any more. Raises psycopg.Error."""
    with _opened(conninfo) as connection:
        return not _one(connection, "is_role", role_of(schema))


def create(conninfo: str, schema: str) -> list[str]:
    """Make a tenant: its schema, its role, all tables. The names of the migrations that were run.

    Raises SchemaNameError; TenantRefused where something has the name already; MigrationError.
    """
    checked_schema(schema)
    with _opened(conninfo) as connection:
        present = _names(connection)
        if schema in present:
            raise TenantRefused(
                f"there is a tenant {schema} already: `cairn migrate` with CAIRN_SCHEMA={schema} brings it up"
                " to date"
            )
        if _one(connection, "is_taken", schema):
            raise TenantRefused(
                f"there is a schema {schema} already, and it holds something that is not a ledger: choose"
                " another name"
            )
        for other in present:
            if _share_a_lock(schema, other):
                raise TenantRefused(
                    f"{schema} would share its locks with tenant {other}: choose another name"
                )
    if not (run := migrate(conninfo, schema)):
        raise TenantRefused(f"there is a tenant {schema} already: another process has just made it")
    return run


def check_unused(conninfo: str, schema: str, *, force: bool = False) -> None:
    """Raises SchemaNameError, TenantUnknown; TenantRefused while processes are connected, unless force."""
    with _opened(conninfo) as connection:
        _known(connection, schema)
        _check_unused(connection, schema, force=force)


def drop(conninfo: str, schema: str, *, force: bool = False) -> Dropped:
    """Drop a tenant's schema with all that it holds, and its role. It can't be undone.

    force: end the sessions of processes that serve it, rather than refuse. Raises SchemaNameError,
    TenantUnknown; TenantRefused while processes are connected; psycopg's errors, and then all is as before.
    """
    with _opened(conninfo) as connection:
        # nobody brings it up to date or makes it anew meanwhile
        connection.execute(_SQL["migrators_turn"], (lock_of(schema) + 1,))
        _known(connection, schema)
        _check_unused(connection, schema, force=force)
        _end_sessions(connection, schema)
        with connection.transaction():
            connection.execute(_SQL["be_patient"], (_PATIENCE,))
            connection.execute(_SQL["writers_turn"], (lock_of(schema),))
            # as it stands now that nobody writes any more
            position, recorded_at = _stands(connection, schema)
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        role_left = _drop_role(connection, role_of(schema))
        _end_sessions(connection, schema)  # what has connected again in between finds nothing any more
        return Dropped(schema, position, recorded_at, role_left)


@contextmanager
def _opened(conninfo: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(conninfo, autocommit=True, application_name="cairn tenants") as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def _one(connection: Connection[Any], name: str, *parameters: Any) -> Any:
    row = connection.execute(_SQL[name], parameters).fetchone()
    assert row is not None, name
    return row[0]


def _names(connection: Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute(_SQL["tenants"]).fetchall()]


def _known(connection: Connection[Any], schema: str) -> None:
    checked_schema(schema)
    present = _names(connection)
    if schema not in present:
        raise TenantUnknown(
            f"there is no tenant {schema} in this database; there are: {', '.join(present) or 'none'}"
        )


def _told(connection: Connection[Any], schema: str) -> Tenant:
    with connection.transaction():
        connection.execute(_SQL["look_into"], (schema,))
        run = int(_one(connection, "migrations_run"))
    position, recorded_at = _stands(connection, schema)
    return Tenant(
        schema,
        int(_one(connection, "size", schema)),
        position,
        recorded_at,
        len(migrations()) - run,
        len(_sessions(connection, schema)),
    )


def _stands(connection: Connection[Any], schema: str) -> tuple[int, datetime | None]:
    with connection.transaction():
        connection.execute(_SQL["look_into"], (schema,))
        row = connection.execute(_SQL["stands"]).fetchone() if _one(connection, "has_log") else None
    return (0, None) if row is None else (int(row[0]), row[1])


def _share_a_lock(schema: str, other: str) -> bool:
    """Whether one of two schemas would wait for the other; each has two numbers, side by side."""
    return abs(lock_of(schema) - lock_of(other)) <= 1


def _sessions(connection: Connection[Any], schema: str) -> list[tuple[int, str]]:
    return connection.execute(_SQL["sessions"], (named("cairn ", schema),)).fetchall()


def _check_unused(connection: Connection[Any], schema: str, *, force: bool) -> None:
    until = time.monotonic() + _LEAVING
    # one that has just been closed is still seen for a moment
    while (found := _sessions(connection, schema)) and not force and time.monotonic() < until:
        time.sleep(0.05)
    if found and not force:
        what = sorted({name.removeprefix(named("cairn ", schema)).strip() for _, name in found})
        raise TenantRefused(
            f"{len(found)} sessions of tenant {schema} are connected ({', '.join(what)}): stop its processes,"
            " or add --force to cut them off"
        )


def _end_sessions(connection: Connection[Any], schema: str) -> None:
    for pid, _ in _sessions(connection, schema):
        # another login's may not be ended by us; its process finds out by itself
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute(_SQL["end_session"], (pid,))


def _drop_role(connection: Connection[Any], role: str) -> str | None:
    """Drop the role unless something still needs it: then what that is, and what to do."""
    if not _one(connection, "is_role", role):
        return None
    statement = sql.SQL("DROP ROLE {}").format(sql.Identifier(role))
    try:
        connection.execute(statement)
    except psycopg.errors.DependentObjectsStillExist as refusal:
        detail = (refusal.diag.message_detail or "").partition("\n")[0]
        return f"the role {role} stays, since something else still needs it: {detail}"
    except psycopg.errors.InsufficientPrivilege:
        return f'the role {role} stays: as an administrator, run DROP ROLE "{role}";'
    return None
