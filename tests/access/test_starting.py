"""Where a server asks for nothing, where it refuses to start, and `cairn keys` from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from adapters.postgres.migrate import migrate
from tests.api.running import TOKEN, ServerProcess, cairn, environment


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_with_its_own_database_on_loopback_it_is_open_until_the_first_key(tmp_path: Path) -> None:
    env = environment(CAIRN_DATA=str(tmp_path / "data"))
    with ServerProcess(env=env) as server:
        assert "open: whoever is on this machine may do everything" in server.greeting
        assert server.client.get("/v1/status").status_code == 200
        assert server.client.get("/v1/status", headers={"Host": "ledger.example"}).status_code == 401
        assert server.client.get("/v1/status", headers={"Origin": "http://evil.example"}).status_code == 401
        # what is presented is checked all the same
        assert server.client.get("/v1/status", headers=bearer("wrong")).status_code == 401
        made = cairn("keys", "create", "ann", "--role", "read", env=env)
        assert "From now on" in made.stderr
        text = made.stdout.strip()
        assert server.client.get("/v1/status").status_code == 401
        assert server.client.get("/v1/status", headers=bearer(text)).status_code == 200
        cairn("keys", "revoke", "ann", env=env)
        assert server.client.get("/v1/status", headers=bearer(text)).status_code == 401
        # and what was closed stays closed
        assert server.client.get("/v1/status").status_code == 401
        assert text not in "".join(server.errors)
    with ServerProcess(env=env) as server:
        assert "callers send Authorization: Bearer <key>" in server.greeting
        assert server.client.get("/v1/status").status_code == 401


@pytest.mark.parametrize("words", [[], ["--host", "0.0.0.0"]])
def test_with_another_database_it_starts_only_once_somebody_can_be_known(
    database_url: str, fresh_schema: str, words: list[str]
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    migrate(database_url, fresh_schema)
    refused = cairn("api", "--port", "0", *words, env=env, check=False)
    assert refused.returncode == 1
    assert "cairn keys create" in refused.stderr
    assert "CAIRN_TOKEN" in refused.stderr
    assert "Traceback" not in refused.stderr
    text = cairn("keys", "create", "admin", "--role", "administer", env=env).stdout.strip()
    # the tests' own token is not needed: a live key is enough
    with ServerProcess(*words, env={**env, "CAIRN_TOKEN": ""}, command="api") as server:
        port = httpx.URL(server.url).port
        url = f"http://127.0.0.1:{port}/v1/keys"
        assert httpx.get(url, headers=bearer(text)).status_code == 200
        assert httpx.get(url).status_code == 401
    cairn("keys", "revoke", "admin", env=env)
    assert cairn("api", "--port", "0", env=env, check=False).returncode == 1


def test_beyond_loopback_its_own_database_does_not_make_it_open(tmp_path: Path) -> None:
    env = environment(CAIRN_DATA=str(tmp_path / "data"))
    refused = cairn("serve", "--port", "0", "--host", "0.0.0.0", env=env, check=False)
    assert refused.returncode == 1
    assert "0.0.0.0 can be reached from elsewhere" in refused.stderr


@pytest.fixture
def env(database_url: str, fresh_schema: str) -> dict[str, str]:
    migrate(database_url, fresh_schema)
    return environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)


def test_keys_from_the_command_line(env: dict[str, str]) -> None:
    assert "no key was made yet" in cairn("keys", "list", env=env).stdout
    made = cairn(
        "keys", "create", "hubspot", "--role", "append", "--source", "/crm/hubspot/*", "--role", "read",
        "--entity", "DE", "--territory", "EMEA", "--expires", "90d", "--rate", "100/second",
        "--max-body", "1MiB", "--personal", env=env,
    )  # fmt: skip
    assert re.fullmatch(r"cairn_\w+_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}\n", made.stdout)
    assert "shown only now" in made.stderr
    listed = cairn("keys", "list", env=env).stdout
    assert re.search(
        r"hubspot +\w{10} +live +append /crm/hubspot/\*, read entity=DE territory=EMEA, personal", listed
    )
    [key] = json.loads(cairn("keys", "list", "--json", env=env).stdout)["keys"]
    assert key["created_by"].startswith("cli:")
    assert (key["rate"], key["max_body"], key["personal"]) == ("100/second", 2**20, True)
    again = cairn("keys", "create", "hubspot", "--role", "read", env=env, check=False)
    assert (again.returncode, "rotate it" in again.stderr) == (1, True)
    second = json.loads(cairn("keys", "rotate", "hubspot", "--overlap", "24h", "--json", env=env).stdout)
    assert second["name"] == "hubspot"
    third = cairn("keys", "rotate", "hubspot", env=env, check=False)
    assert "two live keys" in third.stderr
    assert "hubspot" in cairn("keys", "revoke", key["id"], env=env).stdout
    assert "revoked before" in cairn("keys", "revoke", key["id"], env=env).stdout
    assert cairn("keys", "revoke", "nobody", env=env, check=False).returncode == 1
    states = [one["state"] for one in json.loads(cairn("keys", "list", "--json", env=env).stdout)["keys"]]
    assert states == ["revoked", "live"]
    for secret in (made.stdout.strip(), second["key"]):
        assert secret not in cairn("keys", "list", env=env).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "x", "--role", "boss"], "no role 'boss'"),
        (["create", "x", "--role", "append"], "append needs the sources"),
        (["create", "x", "--role", "read", "--max-body", "much"], "1MiB"),
        (["create", "x y", "--role", "read"], "1 to 63"),
        (["create", "x", "--role", "audit", "--entity", "DE"], "role read only"),
        (["rotate", "x"], "no key of the name"),
    ],
)
def test_what_can_not_be_made_is_one_line_that_says_why(
    env: dict[str, str], words: list[str], says: str
) -> None:
    refused = cairn("keys", *words, env=env, check=False)
    assert refused.returncode == 1
    assert says in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_key_of_one_tenant_is_unknown_at_the_others_server(
    env: dict[str, str], database_url: str, fresh_schema: str
) -> None:
    text = cairn("keys", "create", "admin", "--role", "administer", env=env).stdout.strip()
    migrate(database_url, f"{fresh_schema}_b")
    other = env | {"CAIRN_SCHEMA": f"{fresh_schema}_b", "CAIRN_TOKEN": TOKEN}
    try:
        with ServerProcess(env=other, command="api") as server:
            assert httpx.get(f"{server.url}/v1/keys", headers=bearer(text)).status_code == 401
    finally:
        cairn("tenant", "drop", f"{fresh_schema}_b", "--yes-drop", f"{fresh_schema}_b", env=other)


def test_the_log_names_callers_and_shows_no_key(env: dict[str, str]) -> None:
    text = cairn("keys", "create", "ann", "--role", "read", env=env).stdout.strip()
    with ServerProcess(env=env, command="api") as server:
        httpx.get(f"{server.url}/v1/status", headers=bearer(text))
        httpx.get(f"{server.url}/v1/keys", headers=bearer(text))
        httpx.get(f"{server.url}/v1/status", headers=bearer(text[:-3]))
        server.client.get("/v1/status")
        server.end()
        lines = [json.loads(line) for line in server.errors if line.startswith("{")]
    told = [(one["caller"], one["status"]) for one in lines if one["logger"] == "cairn.request"]
    assert told == [("ann", 200), ("ann", 403), ("nobody", 401), ("operator", 200)]
    assert text.rpartition("_")[2][:20] not in "".join(server.errors)
