"""Killed at any labelled moment and started again with the same import, it ends in the same reports."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from adapters.faults import LABELS
from projections.measures import VIEWS
from projections.moments import MOMENTS
from scripts.sample_company import make_sample
from tests.api.running import TOKEN, ServerProcess, cairn, environment, serving
from tests.api.samples import LINES

LINES_A_REQUEST = 60
CONTENT = [arrival.line for arrival in make_sample(11, 10, date(2026, 10, 31)).delivery.arrivals]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


def requests() -> Iterator[bytes]:
    for start in range(0, len(CONTENT), LINES_A_REQUEST):
        yield b"".join(CONTENT[start : start + LINES_A_REQUEST])


def feed(client: httpx.Client) -> int:
    """Send everything, request by request: the last position."""
    last = 0
    for content in requests():
        answer = client.post("/v1/events", content=content, headers={"Content-Type": LINES})
        answer.raise_for_status()
        last = max([last, *(result["position"] or 0 for result in answer.json()["results"])])
    return last


def everything(client: httpx.Client, last: int) -> dict[str, Any]:
    """The log's milestones in order, and every view by deal."""
    found: dict[str, Any] = {"last": last, "log": []}
    after: int | None = 0
    while after is not None:
        page = client.get("/v1/milestones", params={"after": after, "limit": 1_000}).json()
        sent = [one["event"] for one in page["milestones"] if one["event"]["type"] != "audit.recorded.v1"]
        found["log"] += [(event["source"], event["id"]) for event in sent]
        after = page["next"]
    for view in VIEWS:
        answer = client.get(
            f"/v1/reports/{view}",
            params={"by": "deal", "at": "2026-10-31", "at_least": last, "limit": 10_000, "timeout": 25},
        )
        assert answer.status_code == 200, answer.text
        found[view] = [{k: v for k, v in row.items() if k != "explain"} for row in answer.json()["rows"]]
    held = client.get("/v1/quarantine", params={"limit": 1_000}).json()["entries"]
    found["quarantine"] = [(entry["source"], entry["event_id"], entry["reasons"]) for entry in held]
    found["conflicts"] = len(client.get("/v1/conflicts", params={"limit": 1_000}).json()["conflicts"])
    assert client.get("/v1/laws", params={"at": "2026-10-31"}).json()["hold"] is True
    return found


@pytest.fixture(scope="module")
def undisturbed(server_url: str) -> Iterator[dict[str, Any]]:
    schema = "undisturbed"
    try:
        with serving(server_url, schema) as client:
            yield everything(client, feed(client))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture
def env(database_url: str, fresh_schema: str) -> dict[str, str]:
    return environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_TOKEN=TOKEN)


@pytest.mark.parametrize("label", LABELS)
def test_a_server_killed_at_a_label_ends_in_the_same_reports(
    env: dict[str, str], undisturbed: dict[str, Any], label: str
) -> None:
    with ServerProcess(env=env | {"CAIRN_CRASH_AT": f"{label}:3"}) as server:
        with pytest.raises(httpx.TransportError):
            feed(server.client)
        assert server.wait_killed() == -9
    with ServerProcess(env=env) as server:
        assert everything(server.client, feed(server.client)) == undisturbed


def projectors(server: ServerProcess) -> list[psutil.Process]:
    """The projector beside a server, while it runs."""
    children = psutil.Process(server.process.pid).children()
    return [child for child in children if "api.projecting" in child.cmdline()]


def test_a_projector_killed_again_and_again_repeats_and_loses_nothing(
    env: dict[str, str], undisturbed: dict[str, Any]
) -> None:
    with ServerProcess(env=env) as server:
        last = 0
        for number, content in enumerate(requests()):
            answer = server.client.post("/v1/events", content=content, headers={"Content-Type": LINES})
            last = max([last, *(result["position"] or 0 for result in answer.json()["results"])])
            if number % 2:
                time.sleep(0.01 * number)  # another moment of its work each time
                for projector in projectors(server):
                    projector.kill()
        assert everything(server.client, last) == undisturbed
        (projector,) = projectors(server)
        server.end()
        assert not projector.is_running()
        assert "starting it again" in "".join(server.errors)


def test_a_projector_ends_with_the_server_that_was_killed(env: dict[str, str]) -> None:
    with ServerProcess(env=env) as server:
        (projector,) = projectors(server)
        server.kill()
        projector.wait(20)


def test_a_rebuild_killed_at_any_moment_changes_nothing_that_is_read(
    env: dict[str, str], undisturbed: dict[str, Any]
) -> None:
    with ServerProcess(env=env) as server:
        last = feed(server.client)
        assert everything(server.client, last) == undisturbed
        for moment in (0.6, 0.8, 0.9, 1.0, 1.2):
            rebuild = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "rebuild", "--workers", "1"],
                env=env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(moment)
            rebuild.kill()
            rebuild.wait()
            assert everything(server.client, last) == undisturbed
        cairn("rebuild", "--workers", "1", env=env)
        assert everything(server.client, last) == undisturbed


@contextmanager
def projecting(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`cairn project` beside a server."""
    command = [sys.executable, "-m", "api.cli", "project"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as projector:
        try:
            yield projector
        finally:
            projector.terminate()


@pytest.mark.parametrize("moment", [name for name in MOMENTS if "projection" in name])
def test_a_projector_killed_at_a_moment_of_its_batch_ends_in_the_same_reports(
    env: dict[str, str], undisturbed: dict[str, Any], moment: str
) -> None:
    cairn("migrate", env=env)
    with ServerProcess(env=env, command="api") as server:
        with projecting(env | {"CAIRN_CRASH_AT": f"{moment}:2"}) as doomed:
            last = 0
            for number, content in enumerate(requests()):
                answer = server.client.post("/v1/events", content=content, headers={"Content-Type": LINES})
                last = max([last, *(result["position"] or 0 for result in answer.json()["results"])])
                if number == 0:  # so that the projector sees more than one batch
                    wanted = {"at": "2026-10-31", "at_least": last, "timeout": 25}
                    server.client.get("/v1/reports/pipeline", params=wanted).raise_for_status()
            assert doomed.wait(30) == -9
        with projecting(env):
            assert everything(server.client, last) == undisturbed


@pytest.mark.parametrize("moment", [name for name in MOMENTS if "projection" not in name])
def test_a_rebuild_killed_at_a_moment_ends_in_the_same_reports(
    env: dict[str, str], undisturbed: dict[str, Any], moment: str
) -> None:
    with ServerProcess(env=env) as server:
        last = feed(server.client)
        assert everything(server.client, last) == undisturbed
        words = ("rebuild", "--workers", "1")
        killed = cairn(*words, env=env | {"CAIRN_CRASH_AT": moment}, check=False)
        assert killed.returncode == -9
        assert everything(server.client, last) == undisturbed
        cairn(*words, env=env)
        assert everything(server.client, last) == undisturbed
