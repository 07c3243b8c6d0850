"""From a change of a rule to live reports, with a server that goes on meanwhile: what it says, what to do."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import ROOT, TOKEN, ServerProcess, cairn, environment
from tests.api.samples import order
from tests.api.test_generations import bookings, send, states

PACKAGES = ("adapters", "api", "domain", "projections")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The code in a folder of its own, to be changed while a server runs it."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "_compiled")
        )
    return tmp_path


@pytest.fixture
def env(installed: Path, database_url: str, fresh_schema: str) -> dict[str, str]:
    return environment(
        DATABASE_URL=database_url,
        CAIRN_SCHEMA=fresh_schema,
        CAIRN_TOKEN=TOKEN,
        PYTHONPATH=str(installed),
        PYTHONSAFEPATH="1",
    )


def changed(installed: Path) -> None:
    rule = installed / "projections" / "rules" / "billing.py"
    rule.write_text(rule.read_text() + "\n# another version\n")


def halted(client: httpx.Client) -> dict[str, Any]:
    """`/readyz`, once the server has noticed that another version's generation is live."""
    for _ in range(100):
        found: dict[str, Any] = client.get("/readyz").json()
        if "halted" in found["projection"]:
            return found
        time.sleep(0.05)
    raise AssertionError("it never noticed")


def test_after_a_promotion_by_other_code_the_server_says_that_it_is_to_be_restarted(
    env: dict[str, str], installed: Path
) -> None:
    with ServerProcess(env=env) as server:
        client = server.client
        first = bookings(client, at_least=send(client, order("1")))["generation"]

        changed(installed)
        refused = client.post("/v1/rebuilds")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:cairn:problem:server-outdated")
        assert "restart the server" in refused.json()["detail"]
        built = cairn("rebuild", "--keep", env=env)
        assert "restart" not in built.stderr, "nothing that is read has changed"
        assert len(bookings(client, at_least=send(client, order("2")))["rows"]) == 2, "the old rules go on"

        made = max(states(client))
        promoted = cairn("generations", "promote", str(made), env=env)
        assert "a server is at work with other rules" in promoted.stderr
        assert "restart the server to bring it forward" in promoted.stderr
        assert states(client) == {made: "live", first: "retired"}
        assert len(bookings(client)["rows"]) == 2, "promotion took in what was left"

        said = halted(client)["projection"]["halted"]
        assert "Restart the server" in said
        last = send(client, order("3"))
        late = client.get("/v1/reports/bookings", params={"at_least": last, "timeout": 1})
        assert late.status_code == 503
        assert "Restart the server" in late.json()["detail"]

        rebuilt = cairn("rebuild", env=env)
        assert "restart the server to bring it forward" in rebuilt.stderr, "another rebuild does not help"
    with ServerProcess(env=env) as server:
        assert len(bookings(server.client, at_least=last)["rows"]) == 3
        assert "halted" not in server.client.get("/readyz").json()["projection"]
        assert "restart" not in cairn("rebuild", env=env).stderr


def test_where_the_code_is_of_another_version_than_the_live_generation_the_version_is_named(
    env: dict[str, str], installed: Path
) -> None:
    with ServerProcess(env=env) as server:
        first = bookings(server.client, at_least=send(server.client, order("1")))["generation"]
        changed(installed)
        cairn("rebuild", env=env)
        halted(server.client)
        returned = cairn("generations", "return", env=env)
        assert "restart" not in returned.stderr, "the server has the rules of what is live again"
        assert bookings(server.client)["generation"] == first
        last = send(server.client, order("2"))
        assert len(bookings(server.client, at_least=last)["rows"]) == 2
