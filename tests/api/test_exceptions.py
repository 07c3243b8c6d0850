"""Exceptions over HTTP and on the command line: the worked deals' questions, pages, handling, refusals."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.running import cairn, environment
from tests.api.samples import order
from tests.conftest import SHARED

SCENARIOS = sorted((SHARED / "scenarios").glob("0*.json")) if SHARED.is_dir() else []


def sent(client: httpx.Client, *events: Any) -> int:
    """Record events one by one; the last position."""
    last = 0
    for event in events:
        answer = client.post("/v1/events", json=event)
        last = max(last, answer.json()["results"][0]["position"] or 0)
    return last


def report(client: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/reports/exceptions", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem[:2])
def test_a_worked_deal_shows_the_exceptions_that_it_should(lone_client: httpx.Client, path: Path) -> None:
    client, scenario = lone_client, json.loads(path.read_text(encoding="utf-8"))
    known = [0]
    for milestone in scenario["milestones"]:
        known.append(max(known[-1], sent(client, milestone)))
    for ask in scenario["ask"]:
        if ask["view"] != "exceptions":
            continue
        params = dict(ask["params"])
        if "known_after" in params:
            params["known_position"] = known[params.pop("known_after")]
        rows = report(client, **params, at_least=known[-1])["rows"]
        found = [{"code": row["code"], "deal": row["deal"]} for row in rows]
        for expected in ask["expect"]["rows"]:
            assert expected in found, params
        for absent in ask["expect"]["absent"]:
            assert absent not in found, params


def test_a_row_says_what_is_to_be_done_and_leads_to_what_it_is_made_of(lone_client: httpx.Client) -> None:
    client = lone_client
    last = sent(client, order("SO-1"))
    answer = report(client, at="2026-03-05", at_least=last)
    (row,) = answer["rows"]
    assert {name: row[name] for name in ("code", "deal", "customer", "currency", "amount_at_risk")} == {
        "code": "ORPHAN_ORDER",
        "deal": "erp/netsuite/acme:order:SO-1",
        "customer": "C-1",
        "currency": "EUR",
        "amount_at_risk": "1000.00",
    }
    assert (row["since"], row["age"], row["age_seconds"]) == (
        "2026-03-04T09:30:00.000000Z",
        "1 d 14 h",
        138_600,
    )
    assert (row["owner"], row["status"], row["facts"]) == ("sales_ops", "open", ["/v1/milestones/1"])
    assert row["suggested_action"].endswith(".")
    assert client.get(row["facts"][0]).status_code == 200
    explained = client.get(row["explain"]).json()
    assert [sums["won_unordered"] for sums in explained["sums"]] == ["-1000.00"]
    assert answer["totals"] == [
        {"code": "ORPHAN_ORDER", "currency": "EUR", "amount_at_risk": "1000.00", "count": 1}
    ]
    assert answer["counts"] == {"ORPHAN_ORDER": 1}
    assert answer["known"]["position"] == last
    assert answer["policies"] == ["default@1"]
    assert report(client, at="2026-03-03")["rows"] == []
    assert report(client, at="2026-03-05", known_position=0)["rows"] == []


def test_every_explanation_can_be_followed(lone_client: httpx.Client) -> None:
    client = lone_client
    bad = order("SO-9")
    bad["data"]["currency"] = "EUX"
    other = order("SO-1", net="2000.00")
    claim = order("SO-7", id="claim", source="/crm/salesforce/acme")
    last = sent(client, order("SO-1"), other, bad, claim)
    rows = report(client, at="2026-03-05", at_least=last)["rows"]
    assert {row["code"] for row in rows} == {"ORPHAN_ORDER", "CONFLICT", "QUARANTINED", "SOR_VIOLATION"}
    for row in rows:
        assert client.get(row["explain"]).status_code == 200, row
    (quarantined,) = (row for row in rows if row["code"] == "QUARANTINED")
    assert (quarantined["deal"], quarantined["amount_at_risk"], quarantined["facts"]) == (None, None, [])


def test_pages_follow_one_another_and_keep_what_was_known(lone_client: httpx.Client) -> None:
    client = lone_client
    last = sent(client, *(order(f"SO-{n}") for n in range(1, 6)))
    params: dict[str, Any] = {"at": "2026-03-05", "limit": 2}
    page = report(client, **params, at_least=last)
    assert page["counts"] == {"ORPHAN_ORDER": 5}
    sent(client, order("SO-6"))
    found = list(page["rows"])
    while page["next"] is not None:
        page = report(client, **params, cursor=page["next"])
        found += page["rows"]
    assert sorted(row["deal"][-4:] for row in found) == [f"SO-{n}" for n in range(1, 6)]
    refused = client.get("/v1/reports/exceptions", params={"at": "2026-03-06", "limit": 2, "cursor": "x" * 8})
    assert refused.status_code == 422


def test_one_deal_is_asked_for_by_any_of_its_keys(lone_client: httpx.Client) -> None:
    client = lone_client
    other = order("SO-2")
    other["data"]["keys"] = ["crm/salesforce/acme:opportunity:006Z"]
    last = sent(client, order("SO-1"), other)
    for key in ("erp/netsuite/acme:order:SO-2", "crm/salesforce/acme:opportunity:006Z"):
        (row,) = report(client, deal=key, at_least=last)["rows"]
        assert row["deal"] == "crm/salesforce/acme:opportunity:006Z"
    assert report(client, deal="erp/netsuite/acme:order:SO-9")["rows"] == []
    assert len(report(client, customer="C-1")["rows"]) == 2
    assert report(client, customer="C-2")["rows"] == []


def test_rows_come_as_csv(lone_client: httpx.Client) -> None:
    client = lone_client
    last = sent(client, order("SO-1"), order("SO-2"))
    params = {"at": "2026-03-05", "limit": "1", "at_least": str(last)}
    answer = client.get("/v1/reports/exceptions", params=params, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["code"], row["amount_at_risk"], row["status"]) == ("ORPHAN_ORDER", "1000.00", "open")
    following = client.get(answer.links["next"]["url"], headers={"Accept": "text/csv"})
    assert len(list(csv.DictReader(io.StringIO(following.text)))) == 1
    assert "next" not in following.links


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"by": "deal"}, "there is no parameter 'by'"),
        ({"code": "NOPE"}, "code=NOPE"),
        ({"status": "done"}, "status=done"),
        ({"owner": "somebody"}, "owner=somebody"),
        ({"basis": "as_reported"}, "as_reported"),
        ({"currency": "EUX"}, "ISO 4217"),
        ({"at": "tomorrow"}, "at must be a date"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(
    client: httpx.Client, params: dict[str, str], says: str
) -> None:
    answer = client.get("/v1/reports/exceptions", params=params)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_an_exception_is_acknowledged_assigned_and_resolved(lone_client: httpx.Client) -> None:
    client = lone_client
    last = sent(client, order("SO-1"))
    (row,) = report(client, at_least=last)["rows"]
    path = f"/v1/exceptions/{row['id']}"

    def done(action: str, **body: str) -> dict[str, Any]:
        answer = client.post(f"{path}/{action}", json=body)
        assert answer.status_code == 200, answer.text
        position = answer.json()["position"]
        assert answer.json() == {"exception": row["id"], "outcome": "recorded", "position": position}
        found = report(client, status="all", at_least=position)["rows"]
        assert [one["handled"]["milestone"] for one in found] == [f"/v1/milestones/{position}"]
        return dict(found[0])

    seen = done("acknowledge", actor="ann", note="asking sales")
    assert (seen["status"], seen["assignee"]) == ("acknowledged", None)
    assert (seen["handled"]["actor"], seen["handled"]["note"]) == ("ann", "asking sales")
    given = done("assign", actor="ann", assignee="Ben Doe", note="please win it")
    assert (given["status"], given["assignee"]) == ("assigned", "Ben Doe")
    assert given["handled"]["note"] == "please win it"
    assert done("assign", actor="cid")["assignee"] == "cid"
    assert report(client, status="assigned")["counts"] == {"ORPHAN_ORDER": 1}
    assert done("resolve", actor="ann")["status"] == "resolved"
    assert report(client)["rows"] == []
    assert report(client, status="resolved")["rows"][0]["id"] == row["id"]
    milestone = client.get(seen["handled"]["milestone"]).json()["event"]
    assert milestone["type"] == "exception.acknowledged.v1"
    assert milestone["subject"] == f"exception/{row['id']}"
    assert milestone["source"].startswith("/ledger/cairn/")
    assert milestone["data"]["actor"] == "ann"


@pytest.mark.parametrize(
    ("action", "body", "says"),
    [
        ("acknowledge", {}, "actor is missing"),
        ("acknowledge", {"actor": ""}, "actor must be a text"),
        ("resolve", {"actor": 7}, "actor must be a text"),
        ("resolve", {"actor": "ann", "who": "ben"}, "there is no field 'who'"),
        ("resolve", {"actor": "ann", "assignee": "ben"}, "assignee has no meaning"),
        ("assign", {"actor": "ann", "assignee": "ben: him"}, "without a colon"),
        ("assign", ["ann"], "JSON object"),
        ("forget", {"actor": "ann"}, "'forget'"),
    ],
)
def test_handling_says_what_is_missing(lone_client: httpx.Client, action: str, body: Any, says: str) -> None:
    last = sent(lone_client, order("SO-1"))
    (row,) = report(lone_client, at_least=last)["rows"]
    answer = lone_client.post(f"/v1/exceptions/{row['id']}/{action}", json=body)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert report(lone_client, status="all")["rows"][0]["status"] == "open"
    assert lone_client.get("/v1/quarantine").json()["entries"] == []


def test_an_exception_that_is_not_there_cannot_be_handled(lone_client: httpx.Client) -> None:
    report(lone_client, at_least=sent(lone_client, order("SO-1")))
    answer = lone_client.post("/v1/exceptions/0123456789abcdef/acknowledge", json={"actor": "ann"})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:cairn:problem:exception-unknown"


def test_the_same_milestones_may_come_from_elsewhere(lone_client: httpx.Client) -> None:
    client = lone_client
    last = sent(client, order("SO-1"))
    (row,) = report(client, at_least=last)["rows"]
    said = {
        "specversion": "1.0",
        "id": "desk-1",
        "source": "/ledger/desk/acme",
        "type": "exception.resolved.v1",
        "subject": f"exception/{row['id']}",
        "time": "2026-03-06T09:30:00Z",
        "data": {"exception": row["id"], "actor": "ann"},
    }
    assert report(client, at_least=sent(client, said))["rows"] == []


def test_the_command_line_shows_and_handles_exceptions(tmp_path: Path) -> None:
    env = environment(CAIRN_DATA=str(tmp_path / "data"))
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(order("SO-1")) + "\n")
    cairn("ingest", events, "--source", "cloudevents", "--quiet", env=env)
    listed = json.loads(cairn("exceptions", "--format", "json", env=env).stdout)
    (row,) = listed["rows"]
    assert row["code"] == "ORPHAN_ORDER"
    refused = cairn("exceptions", "ack", "0" * 16, "--actor", "ann", env=env, check=False)
    assert refused.returncode == 1
    assert "no exception" in refused.stderr
    given = cairn("exceptions", "assign", row["id"], "--actor", "ann", "--to", "ben", env=env)
    assert given.stdout.startswith("recorded at 2")
    table = cairn("exceptions", "--code", "ORPHAN_ORDER", env=env).stdout
    assert row["id"] in table
    assert "assigned" in table
    assert "Win the opportunity" in table
    cairn("exceptions", "resolve", row["id"], "--actor", "ben", "--note", "was a test", env=env)
    assert json.loads(cairn("exceptions", "--format", "json", env=env).stdout)["rows"] == []
