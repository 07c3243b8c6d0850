"""The trail over HTTP and on the command line: acts by both ways, refusals, filters, pages, CSV."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from adapters.postgres import trails
from adapters.postgres.migrate import FOLDER, migrate
from adapters.postgres.statements import statements
from adapters.postgres.trails import Wanted
from adapters.preparing import Preparer
from api.house import connection_to, ledger_on
from api.trail import Trail, act_of_server
from domain.trail import TOPIC, source_of
from projections.completeness import register
from tests.api.running import ROOT, cairn, environment, serving
from tests.api.samples import LINES, lines, order

OTHER = {"Authorization": "Bearer not-the-token-at-all"}


def entries(client: httpx.Client, **given: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/audit/trail", params=given)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def until(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + 15
    while not (told := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return told


def test_every_administrative_act_over_http_is_an_entry(lone_client: httpx.Client) -> None:
    client = lone_client
    body = lines(order("SO-1"), {"specversion": "1.0"}, {"specversion": "1.0", "id": "2"})
    client.post("/v1/events", content=body, headers={"Content-Type": LINES}).raise_for_status()
    client.get("/v1/reports/bookings", params={"at_least": 1, "timeout": 25}).raise_for_status()
    made = client.post("/v1/rebuilds", json={"keep": True}).json()["rebuild"]
    until(lambda: client.get(f"/v1/rebuilds/{made}").json()["state"] == "done")
    until(lambda: entries(client, act="rebuild.done"))
    client.post(f"/v1/generations/{made}/promote").raise_for_status()
    client.post("/v1/generations/return").raise_for_status()
    client.delete(f"/v1/generations/{made}").raise_for_status()
    client.post("/v1/quarantine/1/replay").raise_for_status()
    client.post("/v1/quarantine/replay", json={"reason": "id_missing"}).raise_for_status()
    client.post("/v1/quarantine/1/dismiss", json={"actor": "ann", "note": "a test"}).raise_for_status()
    told = {"actor": "ann", "note": "a test", "reason": "source_missing"}
    client.post("/v1/quarantine/dismiss", json=told).raise_for_status()
    told = {"mapping": "stripe", "actor": "ann", "reason": "a test"}
    client.post("/v1/mappings/apply", json=told).raise_for_status()
    asked = {"from": "2026-03-01", "to": "2026-03-31", "totals": [{"object": "order", "count": 1}]}
    client.post("/v1/sources/erp/netsuite/acme/reconcile", json=asked).raise_for_status()
    found = entries(client)
    assert [one["act"] for one in found] == [
        "rebuild.begun", "rebuild.done", "generation.promoted", "generation.returned", "generation.dropped",
        "quarantine.replayed", "quarantine.replayed", "quarantine.dismissed", "quarantine.dismissed",
        "mapping.applied", "source.reconciled",
    ]  # fmt: skip
    of = {one["act"]: one for one in found}
    assert {(one["actor"], one["kind"]) for one in found} == {("operator", "operator"), ("server", "server")}
    assert of["generation.promoted"]["details"] == {"generation": str(made), "before": "1"}
    assert of["rebuild.done"]["details"] == {
        "generation": str(made), "live": "no", "policies": "default@1",
    }  # fmt: skip
    assert of["quarantine.dismissed"]["details"]["by"] == "ann"
    assert of["source.reconciled"]["details"]["complete"] == "yes"
    for one in found:
        event = client.get(one["links"]["milestone"]).json()["event"]
        assert (event["type"], event["data"]["act"]) == (TOPIC, one["act"])


def test_a_refused_request_is_an_entry_within_a_few_seconds(lone_client: httpx.Client) -> None:
    client = lone_client
    for _ in range(3):
        answer = client.get("/v1/generations?secret=in-the-query", headers=OTHER)
        assert answer.status_code == 401
    [entry] = until(lambda: entries(client, act="request"))
    assert (entry["act"], entry["actor"], entry["count"]) == ("request.refused", "nobody", 3)
    assert (entry["details"]["status"], entry["details"]["method"]) == ("401", "GET")
    assert entry["details"]["route"] == "/v1/generations", "the pattern, though no route was chosen yet"
    text = json.dumps(client.get(entry["links"]["milestone"]).json())
    assert "not-the-token-at-all" not in text
    assert "in-the-query" not in text


def test_the_route_of_a_refusal_is_a_pattern_never_the_path(lone_client: httpx.Client) -> None:
    client = lone_client
    assert client.get("/v1/milestones/4711", headers=OTHER).status_code == 401
    assert client.get("/v1/no-such/path-of-a-caller", headers=OTHER).status_code == 401
    found = until(lambda: two if len(two := entries(client, act="request")) == 2 else None)
    routes = {entry["details"]["route"] for entry in found}
    assert routes == {"/v1/milestones/{position}", "unmatched"}


def test_an_act_that_is_refused_is_no_act(lone_client: httpx.Client) -> None:
    assert lone_client.post("/v1/generations/7/promote").status_code == 404
    assert lone_client.delete("/v1/generations/7").status_code == 404
    assert lone_client.post("/v1/quarantine/7/replay").status_code == 404
    assert entries(lone_client) == []


def test_entries_are_read_page_by_page_in_both_directions_and_by_filter(
    database_url: str, fresh_schema: str
) -> None:
    with serving(database_url, fresh_schema) as client:
        for number in range(7):
            act_of_server(database_url, fresh_schema, "key.created", {"name": f"k{number}"})
            act_of_server(database_url, fresh_schema, "keyring.turned")
        seen: list[int] = []
        after, page = 0, {"next": 0}
        while page["next"] is not None:
            page = client.get("/v1/audit/trail", params={"after": after, "limit": 4, "act": "key"}).json()
            seen += [one["position"] for one in page["entries"]]
            after = page["last"]
        assert seen == [1, 3, 5, 7, 9, 11, 13], "`key` means key.created, not keyring.turned"
        assert page["last"] == 13
        back = client.get("/v1/audit/trail", params={"before": 9, "limit": 3}).json()
        assert [one["position"] for one in back["entries"]] == [8, 7, 6]
        assert back["next"] == 6
        assert len(entries(client, actor="server")) == 14
        assert entries(client, actor="serve") == []
        assert entries(client, act="key.created.more") == []


@pytest.mark.parametrize(
    "given", [{"after": "x"}, {"limit": 0}, {"limit": 1001}, {"act": ""}, {"after": 1, "before": 2}, {"a": 1}]
)
def test_a_question_that_can_not_be_answered_is_refused(
    lone_client: httpx.Client, given: dict[str, Any]
) -> None:
    answer = lone_client.get("/v1/audit/trail", params=given)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:cairn:problem:parameter-refused")


def test_csv_has_the_same_entries_and_no_formula(database_url: str, fresh_schema: str) -> None:
    with serving(database_url, fresh_schema) as client:
        act_of_server(database_url, fresh_schema, "=cmd", {"name": "ä, b"})
        answer = client.get("/v1/audit/trail", headers={"Accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        assert (answer.headers["cairn-last"], answer.headers["cairn-next"]) == ("1", "")
        [row] = csv.DictReader(io.StringIO(answer.text))
        assert (row["act"], row["position"], row["count"]) == ("'=cmd", "1", "1")
        assert json.loads(row["details"]) == {"name": "ä, b"}
        assert client.get("/v1/audit/trail", params={"format": "csv"}).text == answer.text


def test_entries_that_the_reports_have_not_taken_in_are_read_as_well(
    database_url: str, fresh_schema: str
) -> None:
    migrate(database_url, fresh_schema)
    for number in range(6):
        act_of_server(database_url, fresh_schema, "key.created", {"name": f"k{number}"})
        with connection_to(database_url, fresh_schema, "test") as connection:
            if number == 2:
                register.take_in(connection, fresh_schema, 3)
            forwards = trails.after(connection, fresh_schema, 0, 100, Wanted())
            backwards = trails.before(connection, fresh_schema, 1_000, 100, Wanted())
            some = trails.after(connection, fresh_schema, 1, 2, Wanted(act="key"))
        assert [one.position for one in forwards] == list(range(1, number + 2))
        assert [one.position for one in backwards] == list(range(number + 1, 0, -1))
        assert [one.position for one in some] == [2, 3][: max(0, number)]


def test_one_entry_among_very_many_milestones_is_found_by_index(database_url: str, fresh_schema: str) -> None:
    """What is read is the entries, not the log: PostgreSQL's own count of what it went through."""
    migrate(database_url, fresh_schema)
    act_of_server(database_url, fresh_schema, "key.created", {"name": "first"})
    ledger = ledger_on(database_url, fresh_schema)
    preparer = Preparer(ledger)
    for start in range(0, 20_000, 5_000):
        ledger.record([preparer.event(json.dumps(order(f"N-{start + n}")).encode()) for n in range(5_000)])
    Trail(ledger, ledger, fresh_schema).noticed("key.revoked", {"name": "last"})
    ledger.close()
    with connection_to(database_url, fresh_schema, "test") as connection:
        with connection.transaction():
            register.take_in(connection, fresh_schema, 20_002)
        asked = {
            "source": source_of(fresh_schema), "topic": TOPIC, "act": b"key.revoked", "actor": b"",
            "limit": 1_000, "after": 0,
        }  # fmt: skip
        for analysed in (False, True):
            if analysed:
                with psycopg.connect(database_url, autocommit=True) as owner:
                    owner.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(fresh_schema)))
                    owner.execute("ANALYZE log, source_milestone, log_commit")
            explained = b"EXPLAIN (ANALYZE, FORMAT JSON) " + statements("trail")["after"]
            row = connection.execute(explained, asked).fetchone()
            assert row is not None
            assert _most_rows(row[0][0]["Plan"]) < 100, (analysed, json.dumps(row[0], indent=1))
        found = trails.after(connection, fresh_schema, 0, 10, Wanted(act="key.revoked"))
        assert [one.position for one in found] == [20_002]


def _most_rows(plan: dict[str, Any]) -> int:
    """The most rows that any step of a plan went through."""
    looked = int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return max([looked, *(_most_rows(inner) for inner in plan.get("Plans", ()))])


def test_acts_of_commands_are_entries_and_trail_shows_them(database_url: str, fresh_schema: str) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    cairn("migrate", env=env)
    cairn("rebuild", env=env)
    cairn("rebuild", "--keep", env=env)
    cairn("generations", "promote", "2", env=env)
    cairn("generations", "return", env=env)
    cairn("generations", "drop", "2", env=env)
    shown = cairn("trail", env=env).stdout.splitlines()
    assert [line.split()[4] for line in shown] == [
        "rebuild.done", "rebuild.done", "generation.promoted", "generation.returned", "generation.dropped",
    ]  # fmt: skip
    assert all(" cli:" in line and "(cli)" in line for line in shown)
    assert shown[0].endswith("generation=1 live=yes policies=default@1")
    latest = json.loads(cairn("trail", "--limit", "2", "--format", "json", env=env).stdout)
    assert [one["act"] for one in latest["entries"]] == ["generation.returned", "generation.dropped"]
    some = cairn("trail", "--act", "rebuild", "--format", "csv", env=env).stdout.splitlines()
    assert len(some) == 3
    refused = cairn("trail", "--act", "", env=env, check=False)
    assert refused.returncode == 1
    assert "act must be a text" in refused.stderr


def test_trail_follows_what_is_recorded_and_shows_no_control_character(
    database_url: str, fresh_schema: str
) -> None:
    migrate(database_url, fresh_schema)
    act_of_server(database_url, fresh_schema, "key.created", {"name": "first"})
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "trail", "--follow"],
        env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "name=first" in process.stdout.readline()
        act_of_server(database_url, fresh_schema, "key.revoked", {"name": "evil\x1b[2J"})
        line = process.stdout.readline()
        assert "name=evil\\u001b[2J" in line
        process.terminate()


def test_an_upgrade_of_a_ledger_is_an_entry_and_its_making_is_none(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    *older, newest = sorted(FOLDER.glob("*.sql"))
    for path in older:
        shutil.copy(path, tmp_path)
    migrate(database_url, fresh_schema, folder=tmp_path)
    assert cairn("migrate", env=env).stdout.rstrip().endswith(newest.stem)
    [line] = cairn("trail", env=env).stdout.splitlines()
    assert line.endswith(f"ledger.migrated  migrations={newest.stem}")
