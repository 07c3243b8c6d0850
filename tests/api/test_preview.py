"""Previews over HTTP and on the command line: what promoting a generation would change."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg

from api import previewing, previews_page
from tests.api.running import cairn, environment
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.stories import usual

MONTHLY = {"proration": "monthly", "booking_trigger": "won"}


def policy(settings: dict[str, Any]) -> Event:
    return e.event(
        "policy.activated", "2024-01-01", "policy/house-2", by="ledger/cairn/acme", deal=None,
        policy="house", version="2", settings=settings, from_="2024-01-01",
    )  # fmt: skip


def recorded(client: httpx.Client, told: list[Event]) -> int:
    answer = client.post(
        "/v1/events", content=json.dumps(told),
        headers={"content-type": "application/cloudevents-batch+json"},
    )  # fmt: skip
    assert answer.status_code < 300, answer.text
    return max(int(result["position"]) for result in answer.json()["results"])


def built(client: httpx.Client) -> dict[str, Any]:
    """A generation that is kept ready to be previewed."""
    begun = client.post("/v1/rebuilds", json={"preview": True})
    assert begun.status_code == 202, begun.text
    until = time.monotonic() + 60
    while True:
        found: dict[str, Any] = client.get(begun.headers["location"]).json()
        if found["state"] != "running":
            assert found["state"] == "done", found
            return {**found, "links": begun.json()["links"]}
        assert time.monotonic() < until, found
        time.sleep(0.2)


def test_a_preview_tells_what_the_promotion_then_does(lone_client: httpx.Client) -> None:
    position = recorded(lone_client, [*usual("O-1", 9), *usual("O-2", 20), policy(MONTHLY)])
    asked: dict[str, str | int] = {
        "from": "2024-01-01",
        "to": "2024-12-31",
        "by": "month",
        "at_least": position,
    }
    before = billing(lone_client, asked)
    made = built(lone_client)
    preview = lone_client.get(made["links"]["preview"], params={"limit": 10_000})
    assert preview.status_code == 200, preview.text
    answer = preview.json()
    assert answer["differs"]
    assert {rule["name"] for rule in answer["rules"]} == {"proration", "booking_trigger"}
    promoted = lone_client.post(answer["links"]["promote"])
    assert promoted.status_code == 200, promoted.text
    after = billing(lone_client, asked)
    assert after["generation"] == answer["to"]["generation"] != before["generation"]
    (table,) = [
        t for t in answer["tables"]
        if (t["view"], t["basis"], t["clock"], t["by"]) == ("billing", "restated", "now", None)
    ]  # fmt: skip
    told = {
        (cell["window"], cell["measure"]): (cell["before"], cell["after"])
        for cell in table["cells"] if cell["window"].startswith("2024")
    }  # fmt: skip
    assert told == changed(before["rows"], after["rows"])


def billing(client: httpx.Client, asked: dict[str, str | int]) -> dict[str, Any]:
    answer = client.get("/v1/reports/billing", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def changed(before: list[dict[str, str]], after: list[dict[str, str]]) -> dict[Any, Any]:
    sides = [{row["month"]: row for row in rows} for rows in (before, after)]
    return {
        (month, measure): (sides[0][month][measure], sides[1][month][measure])
        for month in sides[0] for measure in sides[0][month]
        if measure not in ("explain", "month") and sides[0][month][measure] != sides[1][month][measure]
    }  # fmt: skip


def test_the_page_needs_nothing_beside_itself_and_escapes_what_came_in(lone_client: httpx.Client) -> None:
    told = [
        e.accepted(
            "2024-01-09", e.line("S", "1200.00", "2024-01-01", "2024-12-31"), order="<script>1</script>",
            deal="<b>O</b>", dimensions={"customer": "<i>&\"'"},
        ),
        policy(MONTHLY),
    ]  # fmt: skip
    recorded(lone_client, told)
    made = built(lone_client)
    page = lone_client.get(made["links"]["preview"], params={"format": "html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<svg" in page.text
    assert "&lt;i&gt;&amp;&quot;&#x27;" in page.text
    assert "<script" not in page.text
    assert "<b>O" not in page.text
    assert not re.search(r"""(src|href)=|url\(|@import""", page.text)


def test_what_can_not_be_previewed_is_refused(lone_client: httpx.Client) -> None:
    position = recorded(lone_client, usual("O-1"))
    live = lone_client.get("/v1/reports/bookings", params={"at_least": position}).json()["generation"]
    for path, status in (
        (f"/v1/generations/{live}/preview", 410),
        ("/v1/generations/99/preview", 404),
        ("/v1/generations/x/preview", 422),
        (f"/v1/generations/{live}/preview?format=csv", 422),
        (f"/v1/generations/{live}/preview?top=0", 422),
        (f"/v1/generations/{live}/preview?tops=1", 422),
    ):
        assert lone_client.get(path).status_code == status, path


def test_the_command_says_that_nothing_changes_and_proves_it(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    events = tmp_path / "events.ndjson"
    events.write_text("".join(json.dumps(event) + "\n" for event in usual("O-1", 9)))
    cairn("migrate", env=env)
    cairn("ingest", events, "--source", "cloudevents", env=env)
    cairn("status", env=env, check=False)
    cairn("report", "bookings", env=env)
    done = cairn("rebuild", "--preview", "--html", tmp_path / "p.html", "--json", "-", env=env)
    answer = json.loads(done.stdout)
    digests = answer["journals"]["digests"]
    assert digests["from"] == digests["to"]
    assert "Nothing changes" in (tmp_path / "p.html").read_text()
    number = answer["to"]["generation"]
    shown = cairn("preview", number, env=env).stdout
    assert "Nothing changes" in shown
    assert f"cairn generations promote {number}" in shown
    events.write_text(json.dumps(policy(MONTHLY)) + "\n")
    cairn("ingest", events, "--source", "cloudevents", env=env)
    cairn("report", "bookings", env=env)
    shown = cairn("rebuild", "--preview", "--top", "1", env=env).stdout
    assert "policy proration: daily -> monthly from 2024-01-01" in shown
    for measure in ("booked", "net", "recognised", "contract_liability"):
        assert f" {measure} " in shown, "each measure has a row"
    with psycopg.connect(database_url) as connection:
        states = connection.execute(f"SELECT state FROM {fresh_schema}.generation ORDER BY id").fetchall()
    assert states[0] == ("live",), "nothing was swapped in"


def test_a_page_of_nothing_is_a_page() -> None:
    side = {"generation": 1, "position": 0, "code_version": "1", "rules": "r", "policies": ["default@1"]}
    answer = {
        "from": side, "to": {**side, "generation": 2}, "known": {"position": 0, "time": None},
        "verdict": "Nothing changes.", "rules": [], "tables": [], "deals": [], "facts": [], "findings": [],
        "months": [], "journals": None, "not_compared": [], "promotion": {"possible": True, "why_not": None},
        "standing": None,
    }  # fmt: skip
    page = previews_page.page(answer)
    assert page.startswith("<!doctype html>")
    assert "cairn generations promote 2" in page
    refused = {**answer, "promotion": {"possible": False, "why_not": "it was made by <other> rules"}}
    page = previews_page.page(refused)
    assert "it was made by &lt;other&gt; rules" in page
    assert "cairn generations promote" not in page


def test_a_setting_from_a_future_day_is_not_called_no_change(lone_client: httpx.Client) -> None:
    later = policy({"booking_trigger": "won", "pivot_currency": "EUR"})
    later["data"]["from"] = "2027-01-01"
    recorded(lone_client, [*usual("O-1"), later])
    made = built(lone_client)
    answer = lone_client.get(made["links"]["preview"]).json()
    assert answer["differs"]
    assert answer["not_compared"] == ["pivot_currency"]
    assert "no others do" not in answer["verdict"]
    assert "not compared: pivot_currency" in answer["verdict"]
    clocks = {table["clock"] for table in answer["tables"] if table["differing"]}
    assert clocks == {"since_beginning"}
    page = lone_client.get(made["links"]["preview"], params={"format": "html"}).text
    assert "counts as before" not in page
    assert "since the beginning" in page


def test_charts_are_drawn_of_all_months_however_few_cells_are_told(lone_client: httpx.Client) -> None:
    recorded(lone_client, [*usual("O-1", 9), policy({"proration": "monthly"})])
    made = built(lone_client)
    page = lone_client.get(made["links"]["preview"], params={"format": "html", "limit": 1}).text
    chart = page.partition("billing: recognised</h3>")[2].partition("</figure>")[0]
    bars = re.findall(r'height="(\d+)" fill="[^"]+"><title>(\d{4}-\d\d): ', chart)
    assert len([month for height, month in bars if height != "0"]) > 5
    assert re.search(r'<code class="whole">[a-z.]+[.]v1</code>', page)


def test_amounts_are_ranked_within_their_currency_and_measure() -> None:
    rows = [
        {"currency": currency, "measure": measure, "difference": str(amount)}
        for currency, measure, amount in (
            ("JPY", "won", 900_000), ("JPY", "won", 800_000), ("EUR", "won", "-7.00"), ("EUR", "won", "9.00"),
            ("EUR", "booked", "1.00"),
        )
    ]  # fmt: skip
    found = previewing.foremost(rows, "difference", 4)
    assert [(one["currency"], one["measure"], one["difference"]) for one in found] == [
        ("EUR", "won", "9.00"), ("JPY", "won", "900000"), ("EUR", "booked", "1.00"), ("JPY", "won", "800000"),
    ]  # fmt: skip
