"""Connections to a tenant's schema, as the application's role.

Belongs here: names of schemas and roles, connection parameters, pools. Does not belong here: what is asked
over a connection (`reading`, `unit`), and how the schema came to be (`migrate`).
"""

import re
import zlib
from typing import Any, Final

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

DEFAULT_SCHEMA: Final = "cairn"
_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,50}", re.ASCII)


class SchemaNameError(ValueError):
    """The text can't name a tenant's schema."""


def checked_schema(schema: str) -> str:
    """The name itself, if it is one that needs no quotes anywhere. Raises SchemaNameError."""
    if (
        _SCHEMA.fullmatch(schema) is None
        or schema.startswith("pg_")
        or schema in {"public", "information_schema"}
    ):
        raise SchemaNameError(
            f"{schema[:60]!r} can't name a schema of the ledger: use lower-case letters, digits and '_', "
            "at most 51, beginning with a letter; not public, not pg_..."
        )
    return schema


def role_of(schema: str) -> str:
    """The role that the application runs as in this schema. It can't log in; the login role sets it."""
    return f"{checked_schema(schema)}_app"


def channel_of(schema: str) -> str:
    """The channel on which the commit of milestones is notified; the payload is the last position."""
    return f"{checked_schema(schema)}_log"


def lock_of(schema: str) -> int:
    """The key (a signed 64-bit integer) of the advisory lock that one writer holds at a time."""
    return (zlib.crc32(b"cairn log") << 31) ^ zlib.crc32(checked_schema(schema).encode())


def named(application_name: str, schema: str) -> str:
    """`cairn api` of the tenant acme as the database shows it: `cairn acme: api`. Before its 63rd byte the
    name of the tenant has ended, so the database cuts off none of that."""
    first, _, rest = application_name.partition(" ")
    return f"{first} {checked_schema(schema)}: {rest}"


def conninfo_for(conninfo: str, schema: str, *, application_name: str, **settings: str) -> str:
    """`conninfo` (URL or keywords), with the schema's role, search path and these server settings."""
    given = conninfo_to_dict(conninfo)
    asked = {"role": role_of(schema), "search_path": schema, "timezone": "UTC", **settings}
    words = [str(given.get("options") or ""), *(f"-c {name}={value}" for name, value in asked.items())]
    return make_conninfo(
        conninfo, options=" ".join(words).strip(), application_name=named(application_name, schema)
    )


def connect(
    conninfo: str,
    schema: str = DEFAULT_SCHEMA,
    *,
    application_name: str = "cairn",
    min_size: int = 1,
    max_size: int = 8,
    timeout: float = 30.0,
) -> "ConnectionPool[Connection[tuple[Any, ...]]]":
    """An open pool of connections that see only this schema, as its application role, in autocommit.

    conninfo: what `DATABASE_URL` holds. timeout: seconds to wait for a free connection.
    Raises: SchemaNameError; psycopg's OperationalError and PoolTimeout where the server can't be reached.
    """
    return ConnectionPool(
        conninfo_for(conninfo, schema, application_name=application_name),
        connection_class=Connection[tuple[Any, ...]],
        kwargs={"autocommit": True},
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        open=True,
        name=f"{application_name} {schema}",
    )
