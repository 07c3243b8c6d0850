"""cairn tenant: a ledger is made by one command, stands in the list, and goes without leaving anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from psycopg import sql

from adapters.postgres import tenants
from adapters.postgres.connections import connect, lock_of
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.migrate import FOLDER, migrate
from adapters.postgres.tenants import TenantRefused
from tests.api.running import PATIENCE, ServerProcess, cairn, environment
from tests.api.samples import lines, order

_numbers = count(1)

#: What there is on a server beside the rows of tables.
_CATALOGUE = (
    "SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_temp|^pg_toast_temp'"
    " UNION ALL SELECT 'role', rolname FROM pg_roles"
    " UNION ALL SELECT 'member', roleid::text || member FROM pg_auth_members"
    " UNION ALL SELECT 'relation', oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text"
    " !~ '^pg_t'"
    " UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc"
    " UNION ALL SELECT 'type', oid::regtype::text FROM pg_type"
    " WHERE typnamespace::regnamespace::text !~ '^pg_t'"
    " UNION ALL SELECT 'setting', setdatabase::text || setrole FROM pg_db_role_setting"
    " UNION ALL SELECT 'default', oid::text FROM pg_default_acl"
    " UNION ALL SELECT 'depends', refobjid::text FROM pg_shdepend"
    " UNION ALL SELECT 'lock', objid::text FROM pg_locks WHERE locktype = 'advisory'"
    " ORDER BY 1, 2"
)


class Desk(NamedTuple):
    """Where an operator works: the server's URL, an environment with it, and names that nobody else has."""

    url: str
    env: dict[str, str]
    names: list[str]

    def name(self) -> str:
        self.names.append(f"firm_{os.getpid():x}_{next(_numbers):x}")
        return self.names[-1]

    def catalogue(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(_CATALOGUE).fetchall()

    def of(self, schema: str) -> dict[str, str]:
        """The environment of what serves one tenant."""
        return self.env | {"CAIRN_SCHEMA": schema}

    def listed(self) -> dict[str, dict[str, Any]]:
        told = json.loads(cairn("tenant", "list", "--json", env=self.env).stdout)
        return {one["tenant"]: one for one in told["tenants"]}


@pytest.fixture
def desk(server_url: str) -> Iterator[Desk]:
    made = Desk(server_url, environment(DATABASE_URL=server_url, CAIRN_TOKEN="a-token-for-tests-only"), [])
    yield made
    for name in made.names:
        if name in tenants.names(server_url):
            tenants.drop(server_url, name, force=True)


def put_in(desk: Desk, name: str, folder: Path, *events: Any) -> None:
    (folder / "orders.ndjson").write_bytes(lines(*events))
    cairn(
        "ingest", folder / "orders.ndjson", "--source", "cloudevents", "--quiet", env=desk.of(name)
    )  # fmt: skip


def test_a_tenant_is_made_used_listed_and_dropped_and_nothing_of_it_stays(desk: Desk, tmp_path: Path) -> None:
    before = desk.catalogue()
    name = desk.name()
    assert f"CAIRN_SCHEMA={name} cairn serve" in cairn("tenant", "create", name, env=desk.env).stdout
    put_in(desk, name, tmp_path, order("SO-1"), order("SO-2"))
    cairn("rebuild", env=desk.of(name))
    told = desk.listed()[name]
    assert (told["migrations_behind"], told["sessions"]) == (0, 0)
    assert told["position"] >= 2
    assert told["bytes"] > 100_000
    assert name in cairn("tenant", "list", env=desk.env).stdout
    done = cairn("tenant", "drop", name, "--yes-drop", name, env=desk.env)
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["dropped"], last["position"] >= told["position"]) == (name, True)
    assert last["recorded_at"] >= told["recorded_at"]
    assert desk.catalogue() == before
    assert name not in desk.listed()


def test_dropping_asks_for_the_name_twice(desk: Desk) -> None:
    name = desk.name()
    cairn("tenant", "create", name, env=desk.env)
    for words in ((), ("--yes-drop", f"{name}x"), ("--yes-drop", "")):
        done = cairn("tenant", "drop", name, *words, env=desk.env, check=False)
        assert (done.returncode, f"--yes-drop {name}" in done.stderr) == (1, True)
    assert name in desk.listed()


@pytest.mark.parametrize(
    ("name", "said"),
    [("public", "can't name"), ("Firm", "can't name"), ("a;b", "can't name"), ("no_such_firm", "no tenant")],
)
def test_what_is_no_tenant_is_neither_made_nor_dropped(desk: Desk, name: str, said: str) -> None:
    done = cairn("tenant", "drop", name, "--yes-drop", name, env=desk.env, check=False)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    if said == "can't name":
        assert said in cairn("tenant", "create", name, env=desk.env, check=False).stderr


def test_a_name_that_is_taken_is_refused(desk: Desk) -> None:
    name, other = desk.name(), desk.name()
    tenants.create(desk.url, name)
    with pytest.raises(TenantRefused, match="cairn migrate"):
        tenants.create(desk.url, name)
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {other} CREATE TABLE {other}.theirs (a integer)".encode())
        with pytest.raises(TenantRefused, match="not a ledger"):
            tenants.create(desk.url, other)
        connection.execute(f"DROP SCHEMA {other} CASCADE".encode())
    assert other not in desk.listed()


@pytest.mark.parametrize("pair", [("bolekilubi", "sutesomimu"), ("salotitina", "raletemubu")])
def test_two_names_with_one_lock_are_not_both_taken(desk: Desk, pair: tuple[str, str]) -> None:
    """Rare, but then one tenant would wait for the other."""
    first, second = pair
    assert abs(lock_of(first) - lock_of(second)) <= 1
    desk.names.append(first)
    tenants.create(desk.url, first)
    with pytest.raises(TenantRefused, match=f"share its locks with tenant {first}"):
        tenants.create(desk.url, second)


def test_a_tenant_that_is_served_is_dropped_by_force_only_and_the_one_beside_it_goes_on(
    desk: Desk, tmp_path: Path
) -> None:
    name, other = desk.name(), desk.name()
    # names of which one begins with the other: sessions must not be taken for those of the wrong one
    longer = f"{name}_2"
    desk.names.append(longer)
    for one in (name, other, longer):
        tenants.create(desk.url, one)
    with (
        ServerProcess(env=desk.of(name) | {"CAIRN_LOG": "error"}, command="api") as served,
        ServerProcess(env=desk.of(longer), command="api") as beside,
    ):
        assert served.client.post("/v1/events", json=order("SO-1")).status_code == 200
        refused = cairn("tenant", "drop", name, "--yes-drop", name, env=desk.env, check=False)
        assert (refused.returncode, "--force" in refused.stderr) == (1, True)
        assert "api" in refused.stderr
        assert served.client.get("/v1/status").status_code == 200
        sessions = {one: told["sessions"] for one, told in desk.listed().items()}
        assert (sessions[name] > 0, sessions[longer] > 0, sessions[other]) == (True, True, 0)
        done = cairn("tenant", "drop", name, "--yes-drop", name, "--force", env=desk.env)
        assert json.loads(done.stdout.splitlines()[-1])["dropped"] == name
        assert served.wait_killed() == 1
        assert beside.client.post("/v1/events", json=order("SO-1")).status_code == 200
    assert {name, other, longer} & set(desk.listed()) == {other, longer}


@pytest.mark.parametrize("made_anew", [True, False])
def test_a_server_of_a_dropped_tenant_tells_nothing_of_it_and_ends(tmp_path: Path, made_anew: bool) -> None:
    """On the embedded database, where a server may be open until a first key is made."""
    folder = tmp_path / "db"
    env = environment(CAIRN_DATA=str(folder), CAIRN_SCHEMA="old")
    with EmbeddedServer(folder):
        cairn("tenant", "create", "old", env=env)
        with ServerProcess(env=env) as served:
            posted = served.client.post("/v1/events", json=[order(f"SO-{n}") for n in range(3)])
            last = max(one["position"] for one in posted.json()["results"])
            report = f"/v1/reports/billing?at_least={last}"
            assert served.client.get(report).status_code == 200
            cairn("keys", "create", "someone", "--role", "read", env=env)
            done = cairn("tenant", "drop", "old", "--yes-drop", "old", "--force", env=env)
            assert "end by themselves" in done.stderr
            if made_anew:
                cairn("tenant", "create", "old", env=env)
            with suppress(httpx.TransportError):  # it may have ended already
                assert served.client.get("/v1/reports/billing").status_code in (401, 503)
            assert served.wait_killed() == 1
            assert any("was dropped" in line for line in served.errors)


@pytest.mark.parametrize("command", ["project", "poll"])
def test_what_works_beside_a_server_ends_when_its_tenant_is_dropped(
    desk: Desk, tmp_path: Path, command: str
) -> None:
    name = desk.name()
    tenants.create(desk.url, name)
    (tmp_path / "sources.yaml").write_text(
        "feeds: {files: {mapping: cloudevents, folder: {path: in, every: 1h}}}"
    )
    (tmp_path / "in").mkdir()
    env = desk.of(name) | {"CAIRN_SOURCES": str(tmp_path / "sources.yaml")}
    with working(command, env=env) as process:
        cairn("tenant", "drop", name, "--yes-drop", name, "--force", env=desk.env)
        tenants.create(desk.url, name)
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert f"the ledger in schema {name} was dropped" in told


@contextmanager
def working(command: str, *, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that stays, once it says that it has begun."""
    words = [sys.executable, "-m", "api.cli", command]
    with subprocess.Popen(
        words, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "Ctrl-C ends it" in process.stdout.readline()
            _await_follower(env)
            yield process
        finally:
            process.kill()


def _await_follower(env: Mapping[str, str]) -> None:
    """Until what follows the ledger has seen which one it is."""
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        for _ in range(300):
            (seen,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'idle'"
                " AND query !~ '^(SET|LISTEN|SELECT set_config)'",
                (f"cairn {env['CAIRN_SCHEMA']}: freshness",),
            ).fetchone() or (0,)
            if seen:
                return
            time.sleep(0.1)
    raise AssertionError("nothing follows the ledger")


def test_all_tenants_are_migrated_and_one_that_cant_be_does_not_hold_up_the_rest(
    desk: Desk, tmp_path: Path
) -> None:
    behind, broken, last = desk.name(), desk.name(), desk.name()
    older = tmp_path / "older"
    older.mkdir()
    for path in sorted(FOLDER.glob("*.sql"))[:5]:
        shutil.copy(path, older)
    migrate(desk.url, behind, folder=older)
    tenants.create(desk.url, broken)
    migrate(desk.url, last, folder=older)
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(f"UPDATE {broken}.migration SET digest = 'x' WHERE number = 2".encode())
    assert desk.listed()[behind]["migrations_behind"] > 0
    assert "behind" in cairn("tenant", "list", env=desk.env).stdout
    done = cairn("migrate", "--all", env=desk.env, check=False)
    assert (done.returncode, f"schema {broken}: migration 2" in done.stderr) == (1, True)
    assert {name: desk.listed()[name]["migrations_behind"] for name in (behind, last)} == {behind: 0, last: 0}


def test_a_login_role_without_privileges_of_its_own_makes_and_drops_tenants(desk: Desk) -> None:
    name, login = desk.name(), f"login_{os.getpid():x}_{next(_numbers):x}"
    with psycopg.connect(desk.url, autocommit=True) as connection:
        user, database = sql.Identifier(login), sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'x'").format(user))
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, user))
        url = psycopg.conninfo.make_conninfo(desk.url, user=login, password="x")
        try:
            tenants.create(url, name)
            with connect(url, name) as pool, pool.connection() as served:
                served.execute("CREATE TABLE g1_posting (a integer)")
            assert tenants.tenant(url, name).behind == 0
            assert tenants.drop(url, name).role_left is None
            assert name not in tenants.names(desk.url)
        finally:
            connection.execute(sql.SQL("REVOKE CREATE ON DATABASE {} FROM {}").format(database, user))
            connection.execute(sql.SQL("DROP ROLE {}").format(user))


def test_a_role_that_another_database_needs_stays_and_it_is_said(desk: Desk) -> None:
    name, database = desk.name(), f"d_{os.getpid():x}"
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
        try:
            other = psycopg.conninfo.make_conninfo(desk.url, dbname=database)
            tenants.create(desk.url, name)
            tenants.create(other, name)
            done = cairn("tenant", "drop", name, "--yes-drop", name, env=desk.env)
            assert f"the role {name}_app stays" in done.stderr
            assert tenants.tenant(other, name).behind == 0
            assert tenants.drop(other, name).role_left is None
        finally:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())


def test_the_embedded_database_holds_several_each_with_keys_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    env = environment(CAIRN_DATA=str(folder))
    with EmbeddedServer(folder) as url:
        desk = Desk(url, env, [])
        assert "there is no tenant" in cairn("tenant", "list", env=env).stdout
        cairn("tenant", "create", "acme", env=env)
        before = files(folder)
        cairn("tenant", "create", "globex", env=env)
        put_in(desk, "globex", tmp_path, order("SO-1"))
        cairn("checkpoint", "--fresh", env=desk.of("globex"))
        assert (folder / "tenants" / "globex" / "signing.key").exists()
        assert {name: one["position"] for name, one in desk.listed().items()}["acme"] == 1
        done = cairn("tenant", "drop", "globex", "--yes-drop", "globex", env=env)
        assert set(desk.listed()) == {"acme"}
        assert files(folder) == before
    last = json.loads(done.stdout.splitlines()[-1])
    # signed for the last time, and of all that was recorded: that it was dropped, too
    size = int(last["checkpoint"].splitlines()[1])
    assert (size >= 3, last["position"] >= size) == (True, True)


def files(folder: Path) -> set[str]:
    """What lies in the folder of an embedded database, but for PostgreSQL's own files and logs."""
    found = {path.relative_to(folder) for path in folder.rglob("*")}
    return {str(path) for path in found if path.parts[0] not in ("cluster", "log", "run")}
