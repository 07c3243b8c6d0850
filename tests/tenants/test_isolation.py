"""Two tenants share a database, ids and positions: whatever is done to one, the other's bytes stay."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest
import typer
from psycopg import sql

from adapters.postgres import tenants
from adapters.postgres.connections import channel_of, role_of
from api import cli, projecting
from tests.api.running import ServerProcess, cairn
from tests.tenants.tried import COMMANDS, ROUTES, STAYING, Call
from tests.tenants.worlds import World, as_owner, differing, dumped, two_worlds

_numbers = count(1)
#: Answers with times and counts of the server's own doing.
_VOLATILE = {"/metrics", "/v1/health", "/v1/status"}
#: How long a feed has been silent.
_SILENCE = re.compile(rb'"silent_seconds":[0-9.]+')


@pytest.fixture(scope="module")
def pair(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """Two tenants that hold the same, each with a server and a projector."""
    number = f"{os.getpid():x}_{next(_numbers):x}"
    schemas = (f"one_{number}", f"two_{number}")
    try:
        with two_worlds(server_url, schemas, tmp_path_factory.mktemp("two")) as made:
            yield made
    finally:
        for name in tenants.names(server_url):
            if name.endswith(number) or name.startswith(schemas[0]):
                tenants.drop(server_url, name, force=True)


class Watch:
    """The bytes of both tenants, before and after something is done to the first one."""

    def __init__(self, url: str, pair: tuple[World, World]) -> None:
        self.one, self.other = pair
        self._url = url

    @contextmanager
    def stays(self, *, changes: bool | None = None) -> Iterator[None]:
        """The other tenant is the same afterwards; `changes`: whether the first one is another."""
        with as_owner(self._url) as connection:
            ours, theirs = (dumped(connection, one.schema) for one in (self.one, self.other))
            assert len(theirs) > 20
            yield
            assert differing(theirs, dumped(connection, self.other.schema)) == []
            if changes is not None:
                assert bool(differing(ours, dumped(connection, self.one.schema))) == changes


@pytest.fixture(scope="module")
def watch(server_url: str, pair: tuple[World, World]) -> Watch:
    return Watch(server_url, pair)


def answers(tenant: World) -> dict[str, tuple[int, bytes]]:
    """What a tenant answers to every question that has no time of its own in it."""
    found = {}
    for (method, _), call in ROUTES.items():
        if method == "GET" and call.path not in _VOLATILE and call.of is None and not call.records:
            answer = tenant.client.get(call.path, params=call.params)
            found[call.path] = (answer.status_code, _SILENCE.sub(b"", answer.content))
    return found


@pytest.fixture(scope="module")
def before(pair: tuple[World, World]) -> dict[str, tuple[int, bytes]]:
    """What the other tenant answers before anything is done to the first one."""
    return answers(pair[1])


# ---- nothing is left out


def test_every_route_is_tried(pair: tuple[World, World]) -> None:
    paths: Mapping[str, Mapping[str, Any]] = pair[0].client.get("/openapi.json").json()["paths"]
    published = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert published == set(ROUTES)


def test_every_command_is_tried() -> None:
    assert {" ".join(words) for words in commands(typer.main.get_command(cli.app), ())} == {
        *COMMANDS,
        *STAYING,
    }


def commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    below = getattr(command, "commands", None)
    if below is None or command.invoke_without_command:
        yield words
    for name, one in (below or {}).items():
        yield from commands(one, (*words, name))


def test_both_hold_the_same_at_the_beginning(
    pair: tuple[World, World], before: dict[str, tuple[int, bytes]]
) -> None:
    one, other = pair
    assert one.settle() == other.settle() > 5
    assert [path for path, (status, _) in before.items() if status >= 400 and path != "/v1/rebuilds/1"] == []
    path = "/v1/milestones/1/payload"
    assert answers(one)[path] == before[path]
    ours, theirs = (each.client.get("/v1/reports/bookings", params={"by": "deal"}).json() for each in pair)
    assert ours["rows"] == theirs["rows"] != []


# ---- routes and commands


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda one: one)
def test_a_route_of_one_leaves_the_other_as_it_is(watch: Watch, method: str, path: str) -> None:
    call = ROUTES[method, path]
    one = watch.one
    with watch.stays():
        answer = asked(one, method, call)
        assert answer.status_code == call.status, answer.text
        if method != "GET":
            one.settle()


def asked(tenant: World, method: str, call: Call) -> Any:
    given = {} if call.of is None else call.of(tenant)
    return tenant.client.request(method, call.path.format(**given), params=call.params, json=call.json)


def test_a_rebuild_that_one_runs_leaves_the_other_as_it_is(watch: Watch) -> None:
    one = watch.one
    with watch.stays(changes=True):
        begun = one.client.post("/v1/rebuilds", json={"keep": True, "whole": True})
        place = begun.json()["links"]["self"]
        until = time.monotonic() + 60
        while (told := one.client.get(place).json())["state"] == "running":
            assert time.monotonic() < until
            time.sleep(0.05)
        assert told["state"] == "done", told


@pytest.mark.parametrize("words", [one for one in COMMANDS if one != "tenant drop"])
def test_a_command_on_one_leaves_the_other_as_it_is(
    watch: Watch, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with watch.stays():
        code = done(watch.one, words, monkeypatch)
    told = capsys.readouterr()
    assert code == COMMANDS[words].code, told.err or told.out


def done(tenant: World, words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process, as its own would: its exit code."""
    run = COMMANDS[words]
    given = {} if run.of is None else run.of(tenant)
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    for name, value in tenant.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["cairn", *(word.format(**given) for word in run.words)])
    handlers, level = logging.root.handlers[:], logging.root.level
    ending = signal.getsignal(signal.SIGTERM)
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        logging.root.handlers[:], logging.root.level = handlers, level
        signal.signal(signal.SIGTERM, ending)
    return 0


@pytest.mark.parametrize("command", STAYING)
def test_a_process_of_one_leaves_the_other_as_it_is(watch: Watch, command: str) -> None:
    with watch.stays():
        if command == "project":
            stop = threading.Event()
            thread = threading.Thread(
                target=projecting.run, args=(watch.one.env["DATABASE_URL"], watch.one.schema, stop, 0.2)
            )
            thread.start()
            threading.Event().wait(1.0)
            stop.set()
            thread.join(30)
            assert not thread.is_alive()
            return
        with ServerProcess(env=watch.one.env, command=command) as served:
            answer = served.client.post("/v1/events", json=ROUTES["POST", "/v1/events"].json)
            assert answer.status_code == 200
            served.end()


def test_the_other_answers_as_before(pair: tuple[World, World], before: dict[str, tuple[int, bytes]]) -> None:
    after = answers(pair[1])
    assert [path for path in before if before[path] != after[path]] == []


# ---- the database's own walls


def test_the_role_of_one_reads_and_makes_nothing_in_the_other(
    server_url: str, pair: tuple[World, World]
) -> None:
    one, other = pair
    with as_owner(server_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r'",
            (one.schema,),
        ).fetchall()
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role_of(other.schema))))
        refused: list[str] = []
        for (table,) in tables:
            name = sql.Identifier(one.schema, table)
            for statement in (
                "SELECT * FROM {}",
                "INSERT INTO {} DEFAULT VALUES",
                "DROP TABLE {}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(sql.SQL(statement).format(name))
            refused.append(table)
        assert len(refused) > 20
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("CREATE TABLE {}.x (a integer)").format(sql.Identifier(one.schema)))


def test_a_login_that_may_become_one_role_only_serves_that_tenant_and_no_other(
    server_url: str, pair: tuple[World, World]
) -> None:
    one, other = pair
    login = f"login_{os.getpid():x}"
    with as_owner(server_url) as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'".encode())
        connection.execute(f"GRANT {role_of(one.schema)} TO {login}".encode())
        try:
            url = psycopg.conninfo.make_conninfo(server_url, user=login, password="x")
            env = one.env | {"DATABASE_URL": url}
            with ServerProcess(env=env, command="api") as served:
                assert (
                    served.client.post("/v1/events", json=ROUTES["POST", "/v1/events"].json).status_code
                    == 200
                )
            refused = cairn("api", "--port", "0", env=env | {"CAIRN_SCHEMA": other.schema}, check=False)
            assert (refused.returncode, "permission denied" in refused.stderr) == (1, True), refused.stderr
        finally:
            connection.execute(f"DROP OWNED BY {login}".encode())
            connection.execute(f"DROP ROLE {login}".encode())


def test_a_key_of_one_is_unknown_to_the_other(pair: tuple[World, World]) -> None:
    one, other = pair
    made = one.client.post("/v1/keys", json={"name": "both-doors", "roles": ["read", "administer"]})
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    for path in ("/v1/reports/billing", "/v1/keys"):
        assert one.client.get(path, headers=key).status_code == 200
        assert other.client.get(path, headers=key).status_code == 401
    # the other records both refusals soon after: whoever compares it later is not to meet them half-way
    until = time.monotonic() + 30
    asked = {"act": "request.refused"}
    while len(found := other.client.get("/v1/audit/trail", params=asked).json()["entries"]) < 2:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    last = max(entry["position"] for entry in found)
    other.client.get("/v1/reports/billing", params={"at_least": last, "timeout": 30}).raise_for_status()


def test_news_of_one_do_not_reach_who_listens_to_the_other(
    server_url: str, pair: tuple[World, World]
) -> None:
    one, other = pair
    assert channel_of(one.schema) != channel_of(other.schema)
    with as_owner(server_url) as connection:
        for tenant in pair:
            connection.execute(f"LISTEN {channel_of(tenant.schema)}".encode())
        one.client.post(
            "/v1/events", json=ROUTES["POST", "/v1/events"].json[0] | {"id": "news"}
        ).raise_for_status()
        heard = {news.channel for news in connection.notifies(timeout=2, stop_after=1)}
    assert heard == {channel_of(one.schema)}


# ---- last


def test_dropping_one_leaves_the_other_as_it_is(
    server_url: str,
    pair: tuple[World, World],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, other = pair
    before = answers(other)
    with as_owner(server_url) as connection:
        theirs = dumped(connection, other.schema)
        assert done(one, "tenant drop", monkeypatch) == 0, capsys.readouterr().err
        assert differing(theirs, dumped(connection, other.schema)) == []
    assert one.schema not in tenants.names(server_url)
    # its own server may be busy with what was sent before: it comes back to what it said
    until = time.monotonic() + 30
    while found := [path for path, told in answers(other).items() if before[path] != told]:
        assert time.monotonic() < until, found
        time.sleep(0.5)
    assert other.client.post("/v1/events", json=ROUTES["POST", "/v1/events"].json).status_code == 200
