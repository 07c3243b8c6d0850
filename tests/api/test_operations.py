"""The server itself: health, metrics, status, the published interface, the console, and how errors look."""

from __future__ import annotations

import logging
import re
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from eventsourcing import persistence

from adapters.intake import IntakeClosed, IntakeFull
from adapters.postgres.embedded import EmbeddedServer
from api import checkpoints, health, logs
from domain.contract import SENT
from tests.api.running import TOKEN, serving
from tests.api.samples import order


def test_health_readiness_and_status(lone_client: httpx.Client) -> None:
    client = lone_client
    assert client.get("/healthz").json() == {"alive": True}
    client.post("/v1/events", json=[order("SO-1"), "x"]).raise_for_status()
    client.get("/v1/reports/billing", params={"at_least": 1}).raise_for_status()
    ready = client.get("/readyz").json()
    assert (ready["ready"], ready["migrations"], ready["projection"]["behind"]) == (True, "ok", 0)
    status = client.get("/v1/status").json()
    assert status["ok"] is True
    assert status["log"]["position"] == status["projection"]["position"] == 1
    assert status["quarantine"]["open"] == 1


def test_metrics_count_what_came_in(lone_client: httpx.Client) -> None:
    client = lone_client
    event = order("SO-1")
    client.post("/v1/events", json=[event, event, "x"]).raise_for_status()
    text = client.get("/metrics").text
    for line in (
        'cairn_events_total{outcome="recorded",source="/erp/netsuite/acme"} 1.0',
        'cairn_events_total{outcome="duplicate",source="/erp/netsuite/acme"} 1.0',
        'cairn_events_total{outcome="quarantined",source="unknown"} 1.0',
        "cairn_log_position 1.0",
        "cairn_commit_events_count 1.0",
        'cairn_held{kind="quarantine"} 1.0',
        'cairn_request_seconds_count{method="POST",route="/v1/events",status="200"} 1.0',
    ):
        assert line in text, line


def test_without_the_token_nothing_is_told(client: httpx.Client) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": f"Bearer {TOKEN}x"}):
        for method, path in (("GET", "/v1/status"), ("POST", "/v1/events"), ("GET", "/nowhere")):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
    for path in ("/", "/healthz", "/readyz", "/openapi.json", "/v1/schema"):
        assert client.get(path, headers={"Authorization": ""}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/v1/events", 405), ("GET", "/console/../settings.py", 404)],
)
def test_every_error_is_a_problem_document(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_bug_of_ours_tells_the_caller_nothing_but_its_id(
    database_url: str, fresh_schema: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a secret detail")

    with serving(database_url, fresh_schema) as client:
        monkeypatch.setattr("api.health.status", fail)
        answer = client.get("/v1/status", headers={"x-request-id": "find-me"})
        monkeypatch.undo()
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "find-me"
    assert any("a secret detail" in str(record.exc_info) for record in caplog.records)


def test_the_interface_is_published_for_every_route(client: httpx.Client) -> None:
    told = client.get("/openapi.json").json()
    for path in (
        "/v1/events", "/v1/reports/{view}", "/v1/reports/{view}/explain", "/v1/deals/{key}",
        "/v1/deals/{key}/timeline", "/v1/milestones", "/v1/milestones/{position}",
        "/v1/milestones/{position}/payload", "/v1/quarantine", "/v1/quarantine/{entry}",
        "/v1/quarantine/{entry}/replay", "/v1/conflicts", "/v1/laws", "/v1/status", "/v1/schema",
        "/healthz", "/readyz", "/metrics",
    ):  # fmt: skip
        assert path in told["paths"], path
        for operation in told["paths"][path].values():
            assert operation["summary"]
            names = [parameter["name"] for parameter in operation.get("parameters", ())]
            assert len(names) == len(set(names)), path
            placeholders = {re.sub(r":.*", "", name) for name in re.findall(r"\{(.*?)\}", path)}
            assert placeholders <= set(names), path


def test_the_schema_has_every_milestone(client: httpx.Client) -> None:
    schema = client.get("/v1/schema").json()
    assert [one["$ref"].rpartition("/")[2] for one in schema["oneOf"]] == list(SENT)
    for name, described in SENT.items():
        body = schema["$defs"][name]["properties"]["data"]
        assert body["required"] == [field.wire for field in described.fields if field.required]
        assert {field.wire for field in described.fields} <= set(body["properties"])
    references = set(re.findall(r'"\$ref":"#/\$defs/([^"]+)"', client.get("/v1/schema").text))
    assert references <= set(schema["$defs"])


def test_the_console_is_a_page_that_needs_nobody_else(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"https?://", page.text)
    for name in re.findall(r'(?:src|href)="(/console/[^"]+)"', page.text):
        file = client.get(name, headers={"Authorization": ""})
        assert file.status_code == 200
        assert "innerHTML" not in file.text  # what comes from outside goes in as text


def test_the_empty_route_is_there_for_benchmarks_only(
    client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    assert client.get("/v1/noop").status_code == client.post("/v1/noop", content=b"x").status_code == 404
    with serving(database_url, fresh_schema, noop=True) as benched:
        told = benched.get("/v1/noop").json()
        assert told == benched.post("/v1/noop", content=b"x").json() == {"results": []}
        for one in (client, benched):
            assert "/v1/noop" not in one.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (IntakeFull("50000 wait"), "intake-full"),
        (IntakeClosed("closing"), "stopping"),
        (persistence.OperationalError("no space left on device: a secret path"), "database-unavailable"),
    ],
)
def test_what_cannot_be_written_now_is_a_503_that_says_when_to_come_back(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception, problem: str
) -> None:
    def submit(*_: Any) -> None:
        raise error

    monkeypatch.setattr("adapters.intake.Intake.submit", submit)
    answer = client.post("/v1/events", json=order())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == f"urn:cairn:problem:{problem}"
    assert "secret" not in answer.text
    monkeypatch.undo()
    assert client.post("/v1/events", json=order()).status_code == 200


def test_a_lost_connection_costs_no_answer(database_url: str, fresh_schema: str) -> None:
    with serving(database_url, fresh_schema) as client:
        client.post("/v1/events", json=order("SO-1")).raise_for_status()
        for _ in range(3):
            assert client.get("/v1/status").status_code == 200
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'cairn %' AND pid <> pg_backend_pid()"
            )
        assert client.get("/v1/status").status_code == 200
        answer = client.post("/v1/events", json=[order("SO-1"), order("SO-2")])
        assert [one["outcome"] for one in answer.json()["results"]] == ["duplicate", "recorded"]
        found = client.get("/v1/reports/bookings", params={"at_least": 2, "timeout": 30})
        assert found.status_code == 200


def test_an_unreachable_database_is_told_by_readiness(tmp_path: Path) -> None:
    """A database of its own, which goes away for good."""
    own = EmbeddedServer(tmp_path / "db", settings={"shared_buffers": "16MB"})
    with own as url, serving(url, "gone") as client:
        assert client.get("/readyz").status_code == 200
        pid = int((tmp_path / "db" / "cluster" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        postmaster.send_signal(signal.SIGINT)  # fast shutdown
        psutil.wait_procs([postmaster], timeout=20)
        client.get("/readyz")  # what was open breaks here at the latest
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "can't be reached" in ready.json()["database"]
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/events", json=order()).status_code == 503
        answer = client.get("/v1/reports/billing")
        assert answer.json()["type"] == "urn:cairn:problem:database-unavailable"
        assert "cairn_database_up 0.0" in client.get("/metrics").text


def test_readiness_says_that_reports_have_fallen_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = {"generation": 1, "position": 0, "behind": 1, "lag_seconds": 99.0, "ok": False}
    monkeypatch.setattr(health, "missing_migrations", lambda _: 0)
    monkeypatch.setattr(health, "projection", lambda *_: behind)
    monkeypatch.setattr(checkpoints, "standing", lambda _: {"ok": True})
    found = health.readiness(None)  # type: ignore[arg-type]
    assert (found["ready"], found["projection"]["ok"]) == (True, False)
    assert "fallen behind" in found["warning"]
    monkeypatch.setattr(health, "projection", lambda *_: behind | {"ok": True})
    assert "warning" not in health.readiness(None)  # type: ignore[arg-type]


def test_requests_to_sources_are_not_logged_with_their_query_strings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    names = ("httpx", "httpcore", "stripe", "psycopg.pool", "uvicorn.error", "uvicorn.access")
    before = root.level, {name: logging.getLogger(name).level for name in names}
    try:
        logs.set_up("info")
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert logging.getLogger("cairn.feeds").isEnabledFor(logging.INFO)
    finally:
        root.setLevel(before[0])
        for name, level in before[1].items():
            logging.getLogger(name).setLevel(level)
