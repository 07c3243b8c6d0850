"""What comes from the edge of what can be written: far moments in the log, keys with NUL, cursors made up."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from msgspec.structs import replace

from domain.canonical import content_digest
from domain.contract import CATALOGUE, parse_event, read_held
from domain.instants import day_of, parse_instant
from tests.api.running import serving
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.served import House

FIRST, LAST = "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"
SPAN = "from=1900-01-01&to=9000-12-31"
AT = "at=9000-12-31"
LOOKED_AT = (
    *(
        f"/v1/reports/{view}?{AT}&by=deal"
        for view in ("pipeline", "backlog", "billing", "collections", "arr")
    ),
    *(f"/v1/reports/{view}?{SPAN}&by=deal" for view in ("pipeline", "bookings", "billing", "arr")),
    f"/v1/reports/bridge?{AT}&by=deal",
    f"/v1/reports/exceptions?{AT}",
    "/v1/reports/exceptions",
    f"/v1/reports/latency?{SPAN}",
    "/v1/reports/latency",
    f"/v1/laws?{AT}",
    "/v1/milestones",
    "/v1/policies",
    f"/v1/reports/billing/restatement?{AT}&from_known_position=0&by=deal",
    f"/v1/reports/backlog?{AT}&basis=as_reported&by=deal",
    f"/v1/reports/billing?{AT}&currency=EUR&rate=transaction&by=deal",
)


def story(time: str, number: str) -> list[Event]:
    """A deal from opportunity to payment, and what it leaves open, all at one moment."""
    keys = [f"crm/salesforce/acme:opportunity:O-{number}", f"erp/netsuite/acme:order:SO-{number}"]
    line = e.line("S", "100.00")
    made = [
        e.won("2024-01-02", line, number=f"O-{number}", deal=number),
        e.accepted("2024-01-02", line, number=f"SO-{number}", deal=number),
        e.invoiced("2024-01-02", f"I-{number}", e.line("S", "40.00"), deal=number),
        e.won("2024-01-02", line, number=f"OW-{number}", deal=f"W{number}"),
        e.received("2024-01-02", f"P-{number}", "10.00"),
    ]
    found = []
    for n, event in enumerate(made):
        body = {name: value for name, value in event["data"].items() if name != "effective_on"}
        if n < 3:
            body["keys"] = sorted({*body.get("keys", ()), *keys})
        found.append({**event, "id": f"{number}-{n}", "time": time, "data": body})
    return found


def held(house: House, events: list[Event]) -> None:
    """Put events into the log that came in before times had a range."""
    items = []
    for event in events:
        body = json.dumps(event).encode()
        milestone = read_held(body)
        instant = parse_instant(event["time"])
        assert instant is not None
        if "effective_on" not in event["data"]:
            milestone = replace(milestone, effective=day_of(instant.microseconds))
        accepted = house.ledger.accept(body, source=milestone.source, received_at=0)
        items.append(house.ledger.prepare(accepted, milestone, content_digest(event)))
    house.ledger.record(items)


def asked(client: httpx.Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


@pytest.mark.parametrize("time", [FIRST, LAST, "9999-12-31T23:59:60Z"])
@pytest.mark.parametrize("dated", [False, True])
def test_a_far_moment_that_is_in_the_log_already_stops_no_answer(
    database_url: str, fresh_schema: str, time: str, dated: bool
) -> None:
    house = House(database_url, fresh_schema)
    far = story(time, "1")
    if dated:
        for event in far:
            event["data"]["effective_on"] = "2026-03-01"
    held(house, far)
    house.record(story("2026-03-01T00:00:00Z", "2"))
    house.project()
    house.close()
    with serving(database_url, fresh_schema) as client:
        for path in LOOKED_AT:
            for row in asked(client, path).get("rows", ()):
                if "explain" in row:
                    asked(client, row["explain"])
        feed = asked(client, "/v1/milestones")["milestones"]
        assert [one["event"]["time"] for one in feed[: len(far)]] == [time] * len(far)
        for one in feed:
            asked(client, f"/v1/milestones/{one['position']}")
            for key in one["event"]["data"]["keys"]:
                if ":payment:" not in key:
                    asked(client, f"/v1/deals/{key}?{AT}")
                    asked(client, f"/v1/deals/{key}/timeline")


@pytest.mark.parametrize("time", [FIRST, LAST])
def test_a_far_moment_does_not_come_in_any_more(client: httpx.Client, time: str) -> None:
    event = {**story("2026-03-01T00:00:00Z", "far")[0], "time": time, "id": time}
    (result,) = client.post("/v1/events", json=event).json()["results"]
    assert result["outcome"] == "quarantined"
    assert [(reason["code"], reason["pointer"]) for reason in result["reasons"]] == [("time_range", "/time")]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/deals/%00",
        "/v1/deals/%00/timeline",
        "/v1/deals/erp/netsuite/acme:order:SO-%00",
        "/v1/deals/erp/netsuite/acme:order:SO-%00/timeline",
        "/v1/deals/%ed%a0%80",
        "/v1/milestones/%00",
        "/v1/quarantine/%00",
        "/v1/reports/%00",
        "/v1/reports/%00/explain",
        "/v1/reports/%00/restatement?from_known=0",
    ],
)
def test_a_path_that_no_text_column_holds_is_no_fault_of_ours(told: httpx.Client, path: str) -> None:
    answer = told.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("act", ["acknowledge", "assign", "resolve"])
def test_an_exception_with_nul_is_not_found(told: httpx.Client, act: str) -> None:
    answer = told.post(f"/v1/exceptions/%00/{act}", json={"actor": "kim"})
    assert answer.status_code in (404, 422), answer.text


@pytest.fixture(scope="module")
def told(client: httpx.Client) -> httpx.Client:
    """A ledger with two conflicts, quarantined messages and three deals."""
    events = [event for n in "789" for event in story(f"2026-03-0{n}T00:00:00Z", n)]
    clash = [{**events[n], "time": "2026-03-20T00:00:00Z"} for n in (0, 1, 2)]
    results = client.post("/v1/events", json=[*events, *clash, "x", "y", "z"]).json()["results"]
    last = max(result["position"] or 0 for result in results)
    client.get("/v1/reports/billing", params={"at_least": last, "timeout": 30}).raise_for_status()
    return client


PAGED = (
    "/v1/reports/backlog?at=2026-12-31&by=deal&limit=1",
    "/v1/reports/exceptions?at=2026-12-31&limit=1",
    "/v1/reports/bridge?at=2026-12-31&by=deal&limit=1",
    "/v1/reports/billing/restatement?from_known_position=1&at=2026-12-31&limit=1",
    "/v1/reports/billing/explain?at=2026-12-31&limit=1",
)


def written(values: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


@pytest.mark.parametrize("path", PAGED)
def test_a_cursor_that_was_made_up_is_refused(told: httpx.Client, path: str) -> None:
    cursor = asked(told, path)["next"]
    values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    known, _, _, since, _ = range(len(values))
    made_up = [{known: 10**9}, {known: 2**61}, {since: values[known] + 1}, {since: 10**9}]
    if values[since]:
        made_up.append({known: 0})
    for changes in made_up:
        tampered = [changes.get(n, value) for n, value in enumerate(values)]
        answer = told.get(f"{path}&cursor={written(tampered)}")
        assert answer.status_code == 422, (changes, answer.text)
        assert answer.json()["type"].endswith("cursor-refused")
    for n in range(len(values) - 1):
        for odd in (0, 1, -1, 2**31, 2**62 - 1, 2**63, "a", None, 1.5, True):
            tampered = [odd if n == at else value for at, value in enumerate(values)]
            answer = told.get(f"{path}&cursor={written(tampered)}")
            assert answer.status_code in (200, 410, 422), (tampered, answer.text)


@pytest.mark.parametrize("path", ["/v1/quarantine", "/v1/conflicts"])
def test_entries_after_any_number_are_a_page_and_after_anything_else_a_refusal(
    told: httpx.Client, path: str
) -> None:
    first = asked(told, f"{path}?limit=1")
    assert first["next"] is not None
    for cursor, status in ((first["next"], 200), ("0", 200), (str(2**62), 200)):
        assert told.get(path, params={"cursor": cursor}).status_code == status
    for cursor in ("-1", "x", "", "1.5", str(2**63), "9" * 30, "\u0663", cursor_of_another()):
        answer = told.get(path, params={"cursor": cursor})
        assert answer.status_code == 422, (cursor, answer.text)


def cursor_of_another() -> str:
    return written([1, 1, 1, 0, "0" * 16])


def test_the_stored_form_of_every_type_holds_no_other_time_than_its_event() -> None:
    assert {"time", "instant", "effective"} <= set(CATALOGUE["order.accepted.v1"].struct.__struct_fields__)
    assert parse_event(story("2026-03-01T00:00:00Z", "1")[0]) == read_held(
        msgspec.json.encode(story("2026-03-01T00:00:00Z", "1")[0])
    )
