"""The command `cairn`, as people run it: processes, exit codes, signals, one-line errors."""

from __future__ import annotations

import csv
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.postgres.embedded import EmbeddedServer
from api.schema import milestone_schema
from tests.api.running import ROOT, TOKEN, ServerProcess, cairn, environment
from tests.api.samples import lines, order

Paths = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """An embedded database with three orders and one line that could not be understood, kept running."""
    folder = tmp_path_factory.mktemp("cli")
    events = [order("SO-1"), order("SO-2"), {"not": "an event"}, order("SO-3"), order("SO-1")]
    (folder / "orders.ndjson").write_bytes(lines(*events))
    env = environment(CAIRN_DATA=str(folder / "db"))
    with EmbeddedServer(folder / "db"):
        done = cairn("ingest", folder / "orders.ndjson", "--source", "cloudevents", "--quiet", env=env)
        told = json.loads(done.stdout)
        assert (told["records"], told["recorded"], told["duplicate"]) == (5, 3, 1)
        assert told["quarantined"] == {"specversion_missing": 1}
        yield folder, env


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The place of an embedded database that only runs while a command does."""
    folder = tmp_path_factory.mktemp("apart")
    return folder, environment(CAIRN_DATA=str(folder / "db"))


def test_the_same_file_again_counts_nothing_twice(fed: Paths) -> None:
    folder, env = fed
    done = cairn("ingest", folder / "orders.ndjson", "--source", "cloudevents", env=env)
    assert "5 records" in done.stdout
    told = {row.split()[0]: row.split()[1] for row in done.stdout.splitlines() if len(row.split()) > 1}
    assert (told["recorded"], told["duplicate"], told["quarantined"]) == ("0", "4", "1")


def test_a_report_in_every_form(fed: Paths) -> None:
    _, env = fed
    words = ("report", "bookings", "--by", "deal", "--at", "2026-12-31")
    answer = json.loads(cairn(*words, "--format", "json", env=env).stdout)
    assert [row["booked"] for row in answer["rows"]] == ["1000.00"] * 3
    rows = list(csv.DictReader(io.StringIO(cairn(*words, "--format", "csv", env=env).stdout)))
    assert [row["deal"] for row in rows] == [row["deal"] for row in answer["rows"]]
    table = cairn(*words, env=env | {"COLUMNS": "40"}).stdout
    assert "erp/netsuite/acme:order:SO-3" in table
    assert "3000.00" in table
    known = cairn(*words, "--known-position", "1", "--format", "json", env=env).stdout
    assert len(json.loads(known)["rows"]) == 1


def test_a_deal_and_its_timeline(fed: Paths) -> None:
    _, env = fed
    key = "erp/netsuite/acme:order:SO-2"
    assert "unbilled" in cairn("deal", key, env=env).stdout
    assert "order.accepted.v1" in cairn("deal", key, "--timeline", env=env).stdout
    found = json.loads(cairn("deal", key, "--json", env=env).stdout)
    assert found["balances"]["EUR"]["unbilled"] == "1000.00"


def test_rebuild_status_quarantine_and_schema(fed: Paths) -> None:
    _, env = fed
    assert "is live: 3 milestones" in cairn("rebuild", env=env).stdout
    found = json.loads(cairn("status", "--json", env=env).stdout)
    assert (found["ok"], found["projection"]["behind"], found["quarantine"]["open"]) == (True, 0, 1)
    assert "specversion_missing" in cairn("quarantine", "list", env=env).stdout
    assert cairn("quarantine", "replay", env=env).stdout.startswith("1 read again: quarantined 1;")
    assert cairn("quarantine", "replay", "1", env=env).stdout.startswith("1: quarantined")
    assert json.loads(cairn("schema", env=env).stdout) == milestone_schema()
    assert "up to date" in cairn("migrate", env=env).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ingest", "nowhere.ndjson", "--source", "cloudevents"], 1, "nowhere.ndjson: no such file"),
        (["ingest", ".", "--source", "abacus"], 1, "no source 'abacus'"),
        (["ingest", ".", "--source", "stripe", "--instance", "a b"], 1, "instance"),
        (["report", "profits"], 1, "no view 'profits'"),
        (["report", "billing", "--by", "shoe"], 1, "shoe"),
        (["report", "billing", "--at", "soon"], 1, "at must be a date"),
        (["deal", "nothing"], 1, "nothing"),
        (["quarantine", "replay", "99"], 1, "no quarantine entry 99"),
        (["report"], 2, "view"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_bad_input_is_answered_with_one_line(fed: Paths, words: list[str], code: int, said: str) -> None:
    folder, env = fed
    (folder / "some.json").write_text("{}")
    done = cairn(*words, env=env, check=False, cwd=folder)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert done.stderr.strip().splitlines()[-1].startswith("cairn: ")


def test_a_file_of_which_nothing_was_understood_ends_with_3_and_is_dismissed_by_a_filter(
    apart: Paths, tmp_path: Path
) -> None:
    _, env = apart
    file = tmp_path / "rows.csv"
    file.write_text("type,invoice,memo\ninvoice.posted,1,x\ninvoice.posted,2,x\n")
    done = cairn("ingest", file, "--source", "plain_csv", "--instance", "acme", env=env, check=False)
    assert done.returncode == 3, done.stderr
    assert "WARNING: rows.csv: columns that nobody reads: memo" in done.stdout
    assert "not one record could be understood" in done.stdout
    file.write_text("type,invoice\n")
    assert "rows.csv: holds no record" in cairn("ingest", file, "--source", "plain_csv", env=env).stdout
    who = ("--actor", "ann", "--note", "a test")
    refused = cairn("quarantine", "dismiss", *who, env=env, check=False)
    assert (refused.returncode, "say which" in refused.stderr) == (1, True)
    done = cairn("quarantine", "dismiss", "--mapping", "plain_csv", *who, env=env)
    assert done.stdout.strip() == "dismissed: 2"
    assert json.loads(cairn("quarantine", "list", "--json", env=env).stdout) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CAIRN_PORT": "x"}, "CAIRN_PORT"),
        ({"CAIRN_HOST": "0.0.0.0"}, "CAIRN_TOKEN"),
        ({"CAIRN_SCHEMA": "public"}, "CAIRN_SCHEMA"),
        ({"CAIRN_CRASH_AT": "nowhere"}, "CAIRN_CRASH_AT"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x?connect_timeout=2"}, "database"),
    ],
)
def test_a_server_that_cannot_start_says_why(tmp_path: Path, given: dict[str, str], said: str) -> None:
    env = environment(CAIRN_DATA=str(tmp_path / "db"), CAIRN_PORT="0") | given
    done = cairn("serve", env=env, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = cairn("serve", "--port", port, env=environment(CAIRN_DATA=str(tmp_path / "db")), check=False)
    assert done.returncode == 1
    assert port in done.stderr
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_cleanly_and_takes_its_database_with_it(
    apart: Paths, tmp_path: Path, number: signal.Signals
) -> None:
    folder, env = apart
    with ServerProcess(env=env) as server:
        assert "open: whoever is on this machine" in server.greeting
        # another process joins the same database, and the live reports follow
        (tmp_path / "more.ndjson").write_bytes(lines(order(f"SO-more-{number}")))
        cairn("ingest", tmp_path / "more.ndjson", "--source", "cloudevents", "--quiet", env=env)
        position = server.client.get("/v1/status").json()["log"]["position"]
        found = server.client.get("/v1/reports/bookings", params={"at_least": position, "by": "deal"})
        assert found.json()["known"]["position"] == position
        code = server.end(number)
    assert code in (0, 128 + number)
    told = "".join(server.errors)
    assert "Traceback" not in told
    assert not (folder / "db" / "cluster" / "postmaster.pid").exists()
    assert all(isinstance(json.loads(line), dict) for line in server.errors)


def test_requests_are_logged_with_their_id_and_without_their_content(apart: Paths) -> None:
    _, env = apart
    with ServerProcess(env=env) as server:
        event = order("SO-private", net="123456.78")
        server.client.post("/v1/events", json=event, headers={"x-request-id": "rq-1"}).raise_for_status()
        server.client.get("/v1/reports/billing", params={"customer": "private person"})
        server.end()
    logged: list[dict[str, Any]] = [json.loads(line) for line in server.errors]
    (line,) = [one for one in logged if one.get("request_id") == "rq-1"]
    assert (line["route"], line["status"], line["method"]) == ("/v1/events", 200, "POST")
    text = "".join(server.errors)
    assert "123456.78" not in text
    assert "private" not in text


def test_api_and_projector_run_apart(database_url: str, fresh_schema: str) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_TOKEN=TOKEN)
    early = cairn("api", "--port", "0", env=env, check=False)
    assert early.returncode == 1
    assert "cairn migrate" in early.stderr
    cairn("migrate", env=env)
    assert cairn("status", env=env, check=False).returncode == 1
    project = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "project"],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with ServerProcess(env=env, command="api") as server:
            server.client.post("/v1/events", json=order("SO-1")).raise_for_status()
            found = server.client.get("/v1/reports/bookings", params={"at_least": 1, "timeout": 20})
            assert found.status_code == 200, found.text
            assert httpx.get(f"{server.url}/v1/status").status_code == 401
            assert cairn("status", env=env).returncode == 0
    finally:
        project.terminate()
        _, errors = project.communicate(timeout=30)
    assert project.returncode in (0, 143)
    assert "Traceback" not in errors
