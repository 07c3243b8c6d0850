"""No secret is told: not in a log line, an answer, a metric, an error or an argument."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from adapters.personal.sealing import make_secret
from adapters.postgres import tenants
from adapters.postgres.connections import role_of
from adapters.transparency.keys import make_key
from tests.api.running import ServerProcess, cairn, environment
from tests.api.samples import order

_numbers = count(1)
#: Each is looked for in all that the processes say.
TOKEN: Final = "seekrit-operator-token-4711"
PASSWORD: Final = "seekrit-database-password"
WEBHOOK: Final = "seekrit-webhook-shared-text"
SIGNING: Final = "seekrit-webhook-signing-secret"
BASIC: Final = "seekrit-basic-password"
OUTBOUND: Final = "seekrit-bearer-for-the-source"
PRESENTED: Final = ("seekrit-wrong-bearer", "seekrit-in-a-query", "seekrit-in-a-header", "seekrit-in-a-path")
RULES: Final = "rules:\n  - match: stripe/*\n    fields: [/email]\n    subject: value\n"


class House:
    """A server with secrets of every kind, and all that was said to anybody."""

    def __init__(self, url: str, schema: str, login: str, folder: Path) -> None:
        self.schema, self.login, self.folder, self.answers = schema, login, folder, [""]
        (folder / "sources.yaml").write_text(json.dumps({"feeds": FEEDS}))
        (folder / "personal.yaml").write_text(RULES)
        make_key(folder / "signing.key")
        make_secret(folder / "personal.key")
        self.env = environment(
            DATABASE_URL=url, CAIRN_SCHEMA=schema, CAIRN_TOKEN=TOKEN, CAIRN_LOG="debug",
            CAIRN_SOURCES=str(folder / "sources.yaml"), CAIRN_PERSONAL=str(folder / "personal.yaml"),
            CAIRN_SIGNING_KEY=str(folder / "signing.key"), CAIRN_PERSONAL_KEY=str(folder / "personal.key"),
            W=WEBHOOK, S=SIGNING, B=BASIC, O=OUTBOUND, CAIRN_CHECKPOINT_SECONDS="1",
            CAIRN_SELF_CHECK_SECONDS="1",
        )  # fmt: skip

    def secrets(self) -> list[str]:
        key = (self.folder / "signing.key").read_text().splitlines()[1]
        return [TOKEN, PASSWORD, WEBHOOK, SIGNING, BASIC, OUTBOUND, *PRESENTED, key,
                (self.folder / "personal.key").read_text().strip()]  # fmt: skip


FEEDS: Final[dict[str, Any]] = {
    "shared": {
        "mapping": "cloudevents",
        "webhook": {"scheme": "token", "parameter": "token", "secrets": [{"env": "W"}]},
    },
    "signed": {"mapping": "cloudevents", "webhook": {"scheme": "stripe", "secrets": [{"env": "S"}]}},
    "basic": {"mapping": "stripe", "webhook": {"scheme": "basic", "user": "u", "secrets": [{"env": "B"}]}},
    "polled": {
        "mapping": "stripe",
        "client": {
            "kind": "http", "base_url": "http://127.0.0.1:9",
            "credentials": {"kind": "bearer", "secret": {"env": "O"}},
            "objects": {"invoices": {"list": "/invoices", "fetch": "/invoices/{id}", "records": "data"}},
            "limits": {"retries": 0},
        },
        "poll": {"objects": ["invoices"], "every": "15m"},
    },
}  # fmt: skip


@pytest.fixture
def house(server_url: str, tmp_path: Path) -> Iterator[House]:
    """A tenant whose login has a password."""
    number = f"{os.getpid():x}_{next(_numbers):x}"
    schema, login = f"secret_{number}", f"login_{number}"
    tenants.create(server_url, schema)
    with psycopg.connect(server_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {login} SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())
        url = psycopg.conninfo.make_conninfo(server_url, user=login, password=PASSWORD)
        told = psycopg.conninfo.conninfo_to_dict(url)
        assert told["password"] == PASSWORD
        try:
            yield House(url, schema, login, tmp_path)
        finally:
            tenants.drop(server_url, schema, force=True)
            owner.execute(f"DROP OWNED BY {login}".encode())
            owner.execute(f"DROP ROLE {login}".encode())


def provoked(house: House, client: httpx.Client) -> Iterator[httpx.Response]:
    """Every kind of refusal and failure that a caller can bring about."""
    wrong = {"Authorization": f"Bearer {PRESENTED[0]}"}
    yield client.get("/v1/status", headers=wrong)
    yield client.get("/v1/status", headers={"Authorization": f"Basic {PRESENTED[2]}"})
    yield client.get("/v1/status", headers={"Authorization": f"Bearer {TOKEN}", "Cookie": PRESENTED[2]})
    yield client.get("/v1/reports/billing", params={"token": PRESENTED[1]})
    yield client.get(f"/{PRESENTED[3]}/x")
    yield client.get("/v1/audit/checkpoint", params={"fresh": 1})
    yield client.post("/v1/events", json=order("SO-1"))
    yield client.post("/v1/events", content=b"{", headers={"Content-Type": "application/json"})
    yield client.post("/v1/sources/shared", params={"token": WEBHOOK}, json=order("SO-2"))
    yield client.post("/v1/sources/shared", params={"token": PRESENTED[1]}, json=order("SO-3"))
    yield client.post("/v1/sources/signed", json=order("SO-4"), headers={"Stripe-Signature": PRESENTED[2]})
    yield client.post("/v1/sources/basic", json={}, auth=("u", PRESENTED[0]))
    yield client.post("/v1/sources/basic", json={"x": 1}, auth=("u", BASIC))
    yield client.post("/v1/sources/polled/reconcile", json={"from": "2026-01-01", "to": "2026-01-02"})
    yield client.post("/v1/rebuilds", json={"keep": True})
    for path in ("/metrics", "/openapi.json", "/v1/sources", "/v1/status", "/v1/keys", "/v1/audit/trail",
                 "/v1/personal", "/v1/audit/keys", "/v1/milestones", "/v1/quarantine", "/v1/conflicts",
                 "/v1/sources/shared/rejections", "/v1/milestones/1", "/readyz"):  # fmt: skip
        yield client.get(path)


def arguments(process: psutil.Process) -> str:
    """The arguments of a process and of all that it began."""
    found = []
    for one in [process, *process.children(recursive=True)]:
        try:
            found.append(" ".join(one.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return "\n".join(found)


def test_a_server_that_meets_every_failure_tells_none(house: House, server_url: str) -> None:
    said: list[str] = []
    with ServerProcess(env=house.env) as served:
        served.client.headers["Authorization"] = f"Bearer {TOKEN}"
        made = served.client.post("/v1/keys", json={"name": "one", "roles": ["read"]})
        assert made.status_code == 201, made.text
        key: str = made.json()["key"]
        statuses = []
        for answer in provoked(house, served.client):
            statuses.append(answer.status_code)
            said.append(f"{answer.headers}\n{answer.text}")
        assert {200, 401, 404, 422} <= set(statuses)
        said.append(arguments(psutil.Process(served.process.pid)))
        assert len(said[-1].splitlines()) >= 2
        # a fault of ours, and a database that is gone
        with psycopg.connect(server_url, autocommit=True) as owner:
            names = (sql.Identifier(house.schema, "inbox"), sql.Identifier(role_of(house.schema)))
            owner.execute(sql.SQL("REVOKE SELECT ON {} FROM {}").format(*names))
            answer = served.client.get("/v1/milestones/1/payload")
            assert answer.status_code == 500
            said.append(answer.text)
            owner.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(*names))
            login = sql.Identifier(house.login)
            owner.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(login))
            try:
                owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name LIKE 'cairn %%' AND pid <> pg_backend_pid()"
                    " AND starts_with(application_name, %s)",
                    (f"cairn {house.schema}:",),
                )
                told = [
                    served.client.get(path)
                    for path in ("/v1/status", "/readyz", "/v1/reports/billing", "/metrics")
                ]
                assert 503 in {answer.status_code for answer in told}
                said += [answer.text for answer in told]
            finally:
                owner.execute(sql.SQL("ALTER ROLE {} LOGIN").format(login))
    logged = "".join(served.errors)
    assert '"level":"debug"' in logged or '"level":"info"' in logged
    for secret in [*house.secrets(), key]:
        for text in (logged, served.greeting, *said):
            assert secret not in text, (secret, text[max(0, text.find(secret) - 300) :][:600])


@pytest.mark.parametrize(
    "address",
    [
        f"u:{PASSWORD}@host/db", f"postgresql://u:{PASSWORD}%ZZ@host/db", f"mysql://u:{PASSWORD}@host/db",
        f"postgresql://u:{PASSWORD}@ho st/db", f"postgresql://u:{PASSWORD}@127.0.0.1:1/db",
        f"host=/nowhere password='{PASSWORD}' user=u", f"host=/nowhere passwrd='{PASSWORD}'",
        f"postgresql://u:{PASSWORD}@127.0.0.1:x/db",
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", [("api", "--port", "0"), ("tenant", "list")])
def test_a_database_that_cant_be_had_is_told_without_its_password(
    address: str, command: tuple[str, ...]
) -> None:
    env = environment(DATABASE_URL=address, CAIRN_TOKEN=TOKEN, CAIRN_LOG="debug")
    done = cairn(*command, env=env, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cairn: ")
    for secret in (PASSWORD, TOKEN):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sources.yaml", f"feeds: {{a: {{webhook: {{scheme: basic, user: u, secrets: [{BASIC}]}}}}}}"),
        ("sources.yaml", f"feeds: {{a: {{webhook: {{scheme: token, secrets: [{{env: {BASIC}"),
        ("sources.yaml", f"{BASIC}"),
        ("personal.yaml", f"rules: {BASIC}"),
    ],
)  # fmt: skip
def test_a_file_with_a_secret_in_the_wrong_place_is_told_without_it(
    house: House, name: str, content: str
) -> None:
    (house.folder / name).write_text(content)
    done = cairn("api", "--port", "0", env=house.env, check=False)
    assert done.returncode == 1
    for secret in house.secrets():
        assert secret not in done.stdout + done.stderr, done.stderr


@pytest.mark.parametrize("name", ["signing.key", "personal.key"])
def test_a_key_that_cant_be_read_is_told_without_what_stands_there(house: House, name: str) -> None:
    kept = house.secrets()
    (house.folder / name).write_text("\n".join(["x", BASIC, *kept]))
    done = cairn("checkpoint", "--fresh", env=house.env, check=False)
    other = cairn("personal", env=house.env, check=False)
    assert 1 in (done.returncode, other.returncode)
    for secret in kept:
        assert secret not in done.stdout + done.stderr + other.stdout + other.stderr


@pytest.mark.parametrize("given", [{"CAIRN_TOKEN": "seekrit"}, {"CAIRN_TOKEN": "seekrit-é-4711-4711-4711"}])
def test_a_token_that_cant_be_used_is_not_repeated(given: dict[str, str]) -> None:
    done = cairn("status", env=environment(**given), check=False)
    assert (done.returncode, "seekrit" in done.stderr) == (1, False), done.stderr
