"""Completeness over HTTP and on the command line: a source compared, mended and attested, day by day."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.cli.completing import _stated
from tests.api.running import cairn, environment, serving
from tests.api.samples import order

SOURCE = "erp/netsuite/acme"


def sent(client: httpx.Client, *events: Any) -> int:
    """Record events one by one; the last position."""
    last = 0
    for event in events:
        last = max(last, client.post("/v1/events", json=event).json()["results"][0]["position"] or 0)
    return last


def compared(client: httpx.Client, name: str, **body: Any) -> dict[str, Any]:
    days = {"from": "2026-03-01", "to": "2026-03-31"}
    answer = client.post(f"/v1/sources/{name}/reconcile", json={**days, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def days(client: httpx.Client, path: str = "/v1/reports/completeness", **params: Any) -> dict[str, Any]:
    answer = client.get(path, params={"from": "2026-03-01", "to": "2026-03-31", **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def broken(client: httpx.Client) -> list[str]:
    rows = client.get("/v1/reports/exceptions", params={"code": "CONTROL_TOTAL_BREAK"}).json()["rows"]
    return [row["detail"] for row in rows]


# ---- totals that somebody states


def test_stated_totals_are_compared_recorded_and_seen_as_exceptions(lone_client: httpx.Client) -> None:
    client = lone_client
    sent(client, order("SO-1"))
    stated = {"object": "order", "count": 2, "amount": "1500.00", "currency": "EUR", "ids": ["SO-1", "SO-2"]}
    found = compared(client, SOURCE, totals=[stated])
    (row,) = found["objects"]
    assert found["complete"] is False
    assert row["count"] == {"ledger": 1, "source": 2}
    assert row["amounts"] == [{"currency": "EUR", "ledger": "1000.00", "source": "1500.00"}]
    assert row["missing"] == {"count": 1, "ids": ["SO-2"]}
    total = client.get(row["total"]).json()
    assert (total["event"]["type"], total["event"]["source"]) == ("control_total.reported.v1", f"/{SOURCE}")
    assert broken(client) == ["count 1 here, 2 there; amount 1000.00 here, 1500.00 there; missing here: SO-2"]
    last = sent(client, order("SO-2", net="500.00"))
    assert days(client, at_least=last)["counts"] == {"complete": 31, "broken": 0, "unattested": 0}
    assert broken(client) == []


@pytest.mark.parametrize(
    ("name", "body", "status", "says"),
    [
        ("nobody", {"totals": [{"object": "order", "count": 1}]}, 404, "no feed, no mapping and no source"),
        (SOURCE, {"totals": [{"object": "order"}]}, 422, "/data/count"),
        (SOURCE, {"totals": [{"object": "order", "number": 1}]}, 422, "number"),
        (SOURCE, {"totals": []}, 422, "totals must be a list"),
        (SOURCE, {"totals": [{"object": "order", "count": 1}], "from": "2026-05-01"}, 422, "from lies after"),
        (SOURCE, {"totals": [{"object": "order", "count": 1}], "to": ""}, 422, "date of the form"),
        (SOURCE, {"all": True}, 422, "there is no field"),
        (SOURCE, {}, 422, "no `client` section"),
    ],
)
def test_what_can_not_be_compared_is_refused(
    client: httpx.Client, name: str, body: dict[str, Any], status: int, says: str
) -> None:
    days = {"from": "2026-03-01", "to": "2026-03-31"}
    answer = client.post(f"/v1/sources/{name}/reconcile", json={**days, **body})
    assert answer.status_code == status
    assert says in answer.json()["detail"]


# ---- a source that is asked


class Erp(ThreadingHTTPServer):
    """A source system: orders as the events that it would have pushed, by business date, in pages of two."""

    orders: list[dict[str, Any]]

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        first, last = query["from"][0], query["to"][0]
        found = [one for one in self.orders if first <= one["data"]["effective_on"] <= last]
        start = int(query.get("offset", ["0"])[0])
        return {"orders": found[start : start + 2]}


class Answering(BaseHTTPRequestHandler):
    server: Erp

    def do_GET(self) -> None:
        body = json.dumps(self.server.page(parse_qs(urlsplit(self.path).query))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def erp() -> Iterator[Erp]:
    server = Erp(("127.0.0.1", 0), Answering)
    server.orders = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def asking(erp: Erp, database_url: str, schema: str, folder: Path) -> Iterator[httpx.Client]:
    """A ledger with a feed that can ask the source."""
    file = folder / "sources.yaml"
    file.write_text(
        f"""
feeds:
  netsuite-acme:
    mapping: cloudevents
    instance: acme
    client:
      base_url: http://127.0.0.1:{erp.server_address[1]}
      objects:
        orders:
          list: /orders
          records: orders
          paging: offset
          cursor_parameter: offset
          size_parameter: size
          between: {{from: "{{from}}", to: "{{to}}"}}
    expect: {{every: 1h, sequence: dense}}
"""
    )
    with serving(database_url, schema, sources=file) as client:
        yield client


def test_what_is_missing_comes_in_as_if_it_had_been_pushed(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    erp.orders = [order(f"SO-{n}") for n in range(1, 6)]
    with asking(erp, database_url, fresh_schema, tmp_path) as client:
        sent(client, *erp.orders[:3])
        found = compared(client, "netsuite-acme")
        (row,) = found["objects"]
        assert (found["complete"], found["records"], row["brought_in"]) == (False, 5, 0)
        assert row["missing"] == {"count": 2, "ids": ["SO-4", "SO-5"]}
        assert row["lacking"] == {"count": 2, "ids": ["id-SO-4", "id-SO-5"]}
        assert "--fix" in found["next_steps"][0]
        assert broken(client)[0].endswith("missing here: SO-4, SO-5")

        mended = compared(client, "netsuite-acme", fix=True)
        (row,) = mended["objects"]
        assert (mended["complete"], row["brought_in"], row["missing"]["count"]) == (True, 2, 0)
        assert broken(client) == []
        pushed = client.post("/v1/events", json=erp.orders[4]).json()["results"][0]
        assert pushed["outcome"] == "duplicate"
        assert compared(client, "netsuite-acme", fix=True)["objects"][0]["brought_in"] == 0

        attested = days(client, f"/v1/sources/{SOURCE}/completeness")
        assert attested["counts"] == {"complete": 31, "broken": 0, "unattested": 0}
        (day,) = [one for one in attested["rows"] if one["count"]]
        assert (day["day"], day["count"], day["amount"], day["source_count"], day["attested_by"]) == (
            "2026-03-04", 5, "5000.00", 5, "feed netsuite-acme",
        )  # fmt: skip
        assert isinstance(day["run"], int)


def test_what_differs_and_what_the_source_does_not_know_is_told_and_left(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    erp.orders = [order("SO-1"), order("SO-2", net="700.00")]
    with asking(erp, database_url, fresh_schema, tmp_path) as client:
        sent(client, order("SO-1"), order("SO-2"), order("SO-3"))
        head = client.get("/v1/milestones").json()
        found = compared(client, "netsuite-acme", fix=True)
        (row,) = found["objects"]
        assert found["complete"] is False
        assert row["differing"]["milestones"] == [
            {
                "id": "id-SO-2", "subject": "order/SO-2", "type": "order.accepted.v1",
                "stands": "/v1/milestones/2",
            }
        ]  # fmt: skip
        assert row["unknown_to_source"] == {"count": 1, "ids": ["SO-3"]}
        assert row["amounts"] == [{"currency": "EUR", "ledger": "3000.00", "source": "1700.00"}]
        assert len(found["next_steps"]) == 2
        after = client.get("/v1/milestones").json()
        recorded = [one["event"]["type"] for one in after["milestones"] if one not in head["milestones"]]
        assert recorded == ["control_total.reported.v1", "audit.recorded.v1"], "and that it was asked for"


def test_what_can_not_be_understood_is_no_completeness(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    bad = order("SO-2")
    bad["data"]["currency"] = "EUX"
    erp.orders = [order("SO-1"), bad]
    with asking(erp, database_url, fresh_schema, tmp_path) as client:
        found = compared(client, "netsuite-acme", fix=True)
        assert (found["complete"], found["unreadable"]) == (False, {"currency_unknown": 1})
        assert len(client.get("/v1/quarantine").json()["entries"]) == 1


def test_a_source_that_has_nothing_any_more_is_compared_in_what_it_had_before(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    erp.orders = [order("SO-1")]
    with asking(erp, database_url, fresh_schema, tmp_path) as client:
        assert compared(client, "netsuite-acme", fix=True)["complete"] is True
        erp.orders = []
        found = compared(client, "netsuite-acme")
        assert found["complete"] is False
        assert found["objects"][0]["unknown_to_source"] == {"count": 1, "ids": ["SO-1"]}
        assert broken(client) == ["count 1 here, 0 there; amount 1000.00 here, 0.00 there"]
        assert compared(client, "netsuite-acme", object="orders")["objects"] == [], "a list of its own"


def test_a_feed_that_never_brought_anything_is_silent(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    with asking(erp, database_url, fresh_schema, tmp_path) as client:
        params = {"code": "FEED_SILENT", "at": "2999-01-01", "at_least": str(sent(client, order("SO-1")))}
        (row,) = client.get("/v1/reports/exceptions", params=params).json()["rows"]
        assert (row["object"], row["detail"]) == ("netsuite-acme", "never heard; expected every 1 h")
        assert client.get(row["explain"]).status_code == 200


def test_a_source_that_does_not_answer_is_told_as_such(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    erp.page = lambda query: {"other": []}  # type: ignore[method-assign]
    with asking(erp, database_url, fresh_schema, tmp_path) as client:
        body = {"from": "2026-03-01", "to": "2026-03-31"}
        answer = client.post("/v1/sources/netsuite-acme/reconcile", json=body)
        assert answer.status_code in (502, 503)
        assert client.get("/v1/milestones").json()["milestones"] == [], "nothing was attested"


# ---- the report


def test_the_report_tells_days_watermarks_and_what_was_known(lone_client: httpx.Client) -> None:
    client = lone_client
    late = order("SO-2")
    late["data"]["effective_on"] = "2026-03-20"
    last = sent(client, order("SO-1"), late)
    assert days(client, at_least=last)["counts"] == {"complete": 0, "broken": 0, "unattested": 2}
    week = {"from": "2026-03-02", "to": "2026-03-08"}
    compared(client, SOURCE, totals=[{"object": "order", "count": 1}], **week)
    compared(
        client, SOURCE, totals=[{"object": "order", "count": 4}], **{"from": "2026-03-09", "to": "2026-03-15"}
    )
    found = days(client, object="order")
    assert found["watermarks"] == [
        {
            "source": f"/{SOURCE}",
            "object": "order",
            "attested_from": "2026-03-02",
            "complete_through": "2026-03-08",
            "attested_through": "2026-03-15",
            "broken_totals": 1,
        }
    ]
    assert found["counts"] == {"complete": 7, "broken": 7, "unattested": 1}
    by_day = {row["day"]: row for row in found["rows"]}
    assert by_day["2026-03-04"]["status"] == "complete"
    assert (by_day["2026-03-09"]["status"], by_day["2026-03-09"]["source_count"]) == ("broken", 4)
    assert by_day["2026-03-20"]["attested_at"] is None
    assert [row["day"] for row in days(client, status="unattested")["rows"]] == ["2026-03-20"]
    assert days(client, known_position=last)["watermarks"] == []
    assert days(client, source="netsuite/other")["rows"] == []


def test_the_report_comes_as_csv(lone_client: httpx.Client) -> None:
    client = lone_client
    last = sent(client, order("SO-1"))
    params = {"from": "2026-03-01", "to": "2026-03-31", "at_least": str(last)}
    answer = client.get("/v1/reports/completeness", params=params, headers={"Accept": "text/csv"})
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["day"], row["status"], row["amount"]) == ("2026-03-04", "unattested", "1000.00")


@pytest.mark.parametrize(
    "params",
    [{"by": "day"}, {"from": "2026-04-01"}, {"from": "2020-01-01"}, {"status": "fine"}],
)
def test_a_question_that_has_no_answer_is_refused(client: httpx.Client, params: dict[str, str]) -> None:
    answer = client.get("/v1/reports/completeness", params={"to": "2026-03-31", **params})
    assert answer.status_code == 422


# ---- what has been corrected


def amending(kind: str, target: dict[str, Any], number: int, **more: Any) -> dict[str, Any]:
    """A correction or void of an event."""
    return {
        "specversion": "1.0",
        "id": f"{kind}-{number}",
        "source": f"/{SOURCE}",
        "type": f"milestone.{kind}.v1",
        "subject": f"correction/{number}",
        "time": f"2026-03-1{number}T09:00:00Z",
        "data": {
            "keys": [f"{SOURCE}:correction:{number}"],
            "effective_on": f"2026-03-1{number}",
            "target": {"source": target["source"], "id": target["id"]},
            "reason": "the source is right",
            **more,
        },
    }


def test_a_corrected_milestone_is_compared_as_corrected(
    erp: Erp, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    first, second, right = order("SO-1"), order("SO-2"), order("SO-1", net="900.00")
    corrected = amending("corrected", first, 1, replacement=right)
    with asking(erp, database_url, fresh_schema, tmp_path) as client:

        def record(*events: dict[str, Any]) -> None:
            days(client, at_least=sent(client, *events))

        def shown(*events: dict[str, Any]) -> dict[str, Any]:
            erp.orders = list(events)
            return compared(client, "netsuite-acme")

        def differing(*events: dict[str, Any]) -> list[str]:
            rows = [row for row in shown(*events)["objects"] if row["object"] == "order"]
            return [one["id"] for one in rows[0]["differing"]["milestones"]]

        record(first, second)
        assert differing(right, second) == ["id-SO-1"]
        record(corrected)
        assert shown(right, second)["complete"] is True
        assert differing(right, order("SO-2", net="1.00")) == ["id-SO-2"], "the other alone"
        assert differing(first, second) == ["id-SO-1"], "what was recorded first does not stand any more"
        assert differing(first, second, corrected) == [], "the source tells of the correction itself"
        record(amending("voided", corrected, 2))
        assert differing(first, second) == [], "a correction that is taken back does not hold"
        record(amending("voided", second, 3))
        told = shown(first, second)
        (row,) = [row for row in told["objects"] if row["object"] == "order"]
        assert (told["complete"], row["lacking"]["ids"], row["missing"]["ids"]) == (
            False, ["id-SO-2"], ["SO-2"],
        )  # fmt: skip
        assert any("took back" in step for step in told["next_steps"])


# ---- the command line


def test_an_export_is_compared_mended_and_attested_on_the_command_line(
    tmp_path: Path, database_url: str, fresh_schema: str
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    orders = [order(f"SO-{n}") for n in range(1, 4)]
    outside = order("SO-9")
    outside["data"]["effective_on"] = "2026-05-01"
    part, whole, totals = tmp_path / "part.jsonl", tmp_path / "whole.jsonl", tmp_path / "totals.csv"
    part.write_text("".join(json.dumps(one) + "\n" for one in orders[:2]))
    whole.write_text("".join(json.dumps(one) + "\n" for one in [*orders, outside]))
    totals.write_text("object,count,amount,currency,ids\norder,3,3000.00,EUR,SO-1 SO-2 SO-3\n")
    cairn("migrate", env=env)
    cairn("ingest", part, "--source", "cloudevents", "--quiet", env=env)
    march = ("--from", "2026-03-01", "--to", "2026-03-31")
    compare = ("reconcile", "cloudevents", *march, "--export", whole)

    told = cairn(*compare, env=env, check=False)
    assert told.returncode == 1
    assert "missing here: SO-3" in told.stdout
    assert "--fix" in told.stdout
    mended = json.loads(cairn(*compare, "--fix", "--json", env=env).stdout)
    assert (mended["complete"], mended["objects"][0]["brought_in"]) == (True, 1), "May was not asked for"
    stated = cairn("reconcile", SOURCE, *march, "--totals", totals, env=env)
    assert "told by file totals.csv: complete" in stated.stdout
    report = cairn("completeness", *march, env=env)
    assert f"/{SOURCE} order: complete from 2026-03-01 through 2026-03-31" in report.stdout
    rows = list(csv.DictReader(io.StringIO(cairn("completeness", *march, "--format", "csv", env=env).stdout)))
    assert {row["status"] for row in rows} == {"complete"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nobody",), "no feed, no mapping and no source"),
        ((SOURCE, "--export", "x.jsonl"), "no mapping reads exports"),
        (("cloudevents",), "no `client` section"),
        (("cloudevents", "--totals", "x.json", "--fix"), "totals hold no records"),
        (("cloudevents", "--totals", "missing.json"), "missing.json"),
    ],
)
def test_what_can_not_be_compared_is_told_in_one_line(
    database_url: str, fresh_schema: str, words: tuple[str, ...], says: str
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    done = cairn("reconcile", *words, "--from", "2026-03-01", "--to", "2026-03-31", env=env, check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_headers_of_stated_totals_are_read_in_any_case(tmp_path: Path) -> None:
    file = tmp_path / "totals.csv"
    file.write_text("Object, COUNT,Ids\ninvoice,2,1 2\n")
    assert _stated(file) == [{"object": "invoice", "count": "2", "ids": ["1", "2"]}]
