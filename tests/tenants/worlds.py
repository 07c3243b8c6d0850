"""Two tenants of one database that hold the same: the same messages, ids, positions, generations.

Belongs here: making them, and every byte of one. Does not belong here: what is tried on them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
from psycopg import Connection, sql

from adapters.personal.sealing import make_secret
from adapters.transparency.keys import make_key
from tests.api.running import TOKEN, cairn, environment, serving
from tests.api.samples import order
from tests.remapping import shop

FEEDS = {
    "till": {"mapping": "shop", "instance": "acme", "webhook": {"scheme": "none", "open": True}},
    "drop": {"mapping": "shop", "instance": "acme", "folder": {"path": "drop"}},
}


#: Of what the shop sends, who sold it.
PERSONAL = "rules:\n  - match: shop/*\n    fields: [/rep]\n    subject: value\n"


class World(NamedTuple):
    """One tenant as it is served. env: of commands that act on it. folder: with its feeds and mappings."""

    schema: str
    client: httpx.Client
    env: dict[str, str]
    folder: Path

    def settle(self) -> int:
        """Wait until the reports have all that is recorded: the last position."""
        last: int = self.client.get("/v1/status").json()["log"]["position"]
        params = {"at_least": last, "timeout": 30}
        self.client.get("/v1/reports/billing", params=params).raise_for_status()
        return last


@contextmanager
def world(url: str, schema: str, folder: Path) -> Iterator[World]:
    """A tenant, served, without any message yet."""
    (folder / "drop").mkdir(parents=True)
    (folder / "mappings").mkdir()
    (folder / "mappings" / "shop.yaml").write_text(shop.FIRST)
    (folder / "sources.yaml").write_text(json.dumps({"feeds": FEEDS}))
    (folder / "personal.yaml").write_text(PERSONAL)
    make_key(folder / "signing.key")
    make_secret(folder / "personal.key")
    given = {
        "sources": folder / "sources.yaml", "mappings": folder / "mappings",
        "signing_key": folder / "signing.key", "personal": folder / "personal.yaml",
        "personal_key": folder / "personal.key",
    }  # fmt: skip
    env = environment(
        DATABASE_URL=url, CAIRN_SCHEMA=schema, CAIRN_TOKEN=TOKEN, CAIRN_DATA=str(folder / "data"),
        **{f"CAIRN_{name.upper()}": str(path) for name, path in given.items()},
    )  # fmt: skip
    with serving(url, schema, folder=folder / "data", **given) as client:
        yield World(schema, client, env, folder)


@contextmanager
def two_worlds(url: str, schemas: tuple[str, str], folder: Path) -> Iterator[tuple[World, World]]:
    """Two tenants that hold the same, settled."""
    with ExitStack() as open_:
        one, two = (open_.enter_context(world(url, name, folder / name)) for name in schemas)
        for each in (one, two):
            fill(each)
        yield one, two


def fill(one: World) -> None:
    """Orders, a message that is not understood, one in conflict; a shop's records; a second generation."""
    events = [order("SO-1"), order("SO-2"), {"not": "an event"}, order("SO-1", net="7.00")]
    one.client.post("/v1/events", json=events).raise_for_status()
    for record in [*shop.RECORDS, shop.invoice(6, rep="lee")]:
        one.client.post("/v1/sources/till", json=record).raise_for_status()
    one.settle()
    cairn("rebuild", "--keep", env=one.env)
    one.client.get("/v1/audit/checkpoint", params={"fresh": 1}).raise_for_status()
    one.settle()


def dumped(connection: Connection[Any], schema: str) -> dict[str, str]:
    """A digest of every table of a schema, row by row with the place and age of each row; its sequences, and
    what there is in it: columns, indexes, privileges."""
    found = {"catalogue": _digest(_rows(connection, _CATALOGUE, schema))}
    tables = connection.execute(
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
        " AND relkind IN ('r', 'S', 'm') ORDER BY relname",
        (schema,),
    ).fetchall()
    for name, kind in tables:
        rows = "SELECT * FROM {}" if kind == "S" else "SELECT ctid, xmin, t.* FROM {} AS t ORDER BY ctid"
        query = sql.SQL(f"COPY ({rows}) TO STDOUT").format(sql.Identifier(schema, name))
        digest = hashlib.sha256()
        with connection.cursor().copy(query) as copy:
            for part in copy:
                digest.update(part)
        found[name] = digest.hexdigest()
    return found


#: Names, owners and privileges; every column and index as it is defined.
_CATALOGUE = """
SELECT relname::text, relkind::text, relowner::regrole::text, relacl::text FROM pg_class
WHERE relnamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT attrelid::regclass::text, attname::text, atttypid::regtype::text, attacl::text
FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
WHERE relnamespace = to_regnamespace(%(schema)s) AND attnum > 0
UNION ALL SELECT indexrelid::regclass::text, 'index', pg_get_indexdef(indexrelid), NULL
FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid WHERE relnamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT rolname::text, 'role', rolcanlogin::text, rolconfig::text FROM pg_roles
WHERE rolname = %(schema)s || '_app'
ORDER BY 1, 2, 3, 4
"""


def _rows(connection: Connection[Any], query: str, schema: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), {"schema": schema}).fetchall()


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The tables that are not what they were."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def as_owner(url: str) -> Connection[Any]:
    """A connection of the login role, which sees every schema."""
    return psycopg.connect(url, autocommit=True)
