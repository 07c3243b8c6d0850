"""A deal's history over HTTP and on the command line; check and refold as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.api.running import cairn, environment
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.served import House
from tests.projections.stories import usual

KEY = r.order_key("SO-O-1")


@pytest.fixture
def told(lone_client: httpx.Client) -> httpx.Client:
    """A ledger with a deal from opening to cash."""
    story = usual("O-1")
    lone_client.post("/v1/events", json=story).raise_for_status()
    lone_client.get("/v1/reports/billing", params={"at_least": len(story)}).raise_for_status()
    return lone_client


def entries(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    """All entries, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = params | ({} if cursor is None else {"cursor": cursor})
        page = client.get(f"/v1/deals/{KEY}/history", params=asked)
        assert page.status_code == 200, page.text
        found += page.json()["entries"]
        cursor = page.json()["next"]
        if cursor is None:
            return found


def test_every_entry_is_what_the_report_answers_then(told: httpx.Client) -> None:
    for order, extra in (("business", {}), ("recorded", {"at": "2024-06-30"})):
        for entry in entries(told, order=order, **extra):
            for view in ("pipeline", "bookings", "backlog", "billing", "collections", "arr"):
                rows = told.get(
                    f"/v1/reports/{view}",
                    params={"at": entry["at"], "known_position": entry["known_position"], "deal": KEY},
                ).json()["rows"]
                expected = {
                    row["currency"]: {k: v for k, v in row.items() if k not in ("currency", "explain")}
                    for row in rows
                }
                assert {
                    currency: views[view] for currency, views in entry["figures"].items() if view in views
                } == expected


def test_an_entry_names_its_milestone_and_what_it_changed(told: httpx.Client) -> None:
    first, second, *_ = entries(told)
    assert first["type"] == "opportunity.opened.v1"
    assert first["state"] == "stands"
    assert told.get(first["links"]["milestone"]).json()["recorded_at"] == first["recorded_at"]
    assert second["deal"] == "crm/salesforce/acme:opportunity:O-1"
    invoiced = next(one for one in entries(told) if one["type"] == "invoice.posted.v1")
    assert invoiced["changes"]["EUR"]["billing"]["invoiced"] == "700.00"
    assert invoiced["figures"]["EUR"]["billing"]["invoiced"] == "700.00"
    assert "pipeline" not in invoiced["changes"]["EUR"], "only what changed"


def test_pages_go_on_from_what_the_first_was_given_from(told: httpx.Client) -> None:
    whole = entries(told, order="recorded", at="2024-06-30")
    assert entries(told, order="recorded", at="2024-06-30", limit=2) == whole
    page = told.get(f"/v1/deals/{KEY}/history", params={"limit": 2}).json()
    other = told.get(f"/v1/deals/{KEY}/history", params={"limit": 3, "cursor": page["next"]})
    assert other.status_code == 422
    assert other.json()["type"] == "urn:cairn:problem:cursor-refused"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"order": "size"}, "order"),
        ({"at": "2024-01-01"}, "order=business"),
        ({"limit": "0"}, "limit"),
        ({"known_position": "999999"}, "not recorded yet"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_can_not_be_asked_is_refused(told: httpx.Client, params: dict[str, str], says: str) -> None:
    answer = told.get(f"/v1/deals/{KEY}/history", params=params)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_an_unknown_deal_and_generation_are_told(told: httpx.Client) -> None:
    assert told.get("/v1/deals/nothing/history").status_code == 404
    assert told.get(f"/v1/deals/{KEY}/history", params={"generation": 99}).status_code == 404


def test_the_laws_and_the_status_tell_of_a_journal_that_does_not_follow_from_the_log(
    told: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    from projections import selfcheck

    house = House(database_url, fresh_schema)
    try:
        selfcheck.once(house.connection)
        status = told.get("/v1/status").json()["self_check"]
        assert (status["hold"], status["round"]["milestones"]) == (True, 0)
        assert status["round"]["completed_at"] is not None
        assert "cairn_check_round 0.0" in told.get("/metrics").text
        with psycopg.connect(database_url, autocommit=True) as superuser:
            superuser.execute(
                f"UPDATE {fresh_schema}.posting_g{house.live().id} SET sku = 'X' WHERE sku = 'G'"
            )
        selfcheck.once(house.connection)
    finally:
        house.close()
    found = told.get("/v1/laws").json()
    assert found["hold"] is False
    assert {breach["law"] for breach in found["breaches"]} == {"journal_follows_from_log"}
    assert told.get("/v1/status").json()["self_check"]["hold"] is False
    assert any("journal_follows_from_log" in why for why in told.get("/v1/health").json()["reasons"])
    exceptions = told.get("/v1/reports/exceptions").json()
    broken = [row for row in exceptions["rows"] if row["code"] == "LAW_BROKEN"]
    assert len(broken) == 1
    assert "folding the log again" in json.dumps(broken)


@pytest.fixture
def ledger(database_url: str, fresh_schema: str) -> House:
    """A tenant for commands."""
    house = House(database_url, fresh_schema)
    house.record([*usual("O-1"), *usual("O-2"), e.received("2024-04-01", "P-9", "1.00")])
    house.project()
    house.close()
    return house


def test_the_commands_tell_and_end_as_they_should(
    ledger: House, database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    assert "what to do" not in cairn("check", env=env).stdout
    assert json.loads(cairn("check", "--json", env=env).stdout)["hold"] is True
    assert "a sample" in cairn("check", "--sample", "50%", env=env).stdout
    for words in (["--sample", "0%"], ["--sample", "x"], ["--sample", "5%", "--deals", "2"]):
        refused = cairn("check", *words, env=env, check=False)
        assert refused.returncode == 1
        assert "--sample" in refused.stderr
    told = json.loads(cairn("history", KEY, "--json", "--order", "recorded", env=env).stdout)
    assert len(told["entries"]) == len(usual("O-1")) - 1, "the receipt is the payment's own"
    assert "invoice.posted.v1" in cairn("history", KEY, env=env).stdout
    assert "nothing would change" in cairn("refold", KEY, env=env).stdout
    assert "nothing would change" in cairn("rebuild", "--deal", KEY, env=env).stdout
    with psycopg.connect(database_url, autocommit=True) as superuser:
        generation = superuser.execute(f"SELECT max(id) FROM {fresh_schema}.generation").fetchone()
        assert generation is not None
        superuser.execute(
            f"UPDATE {fresh_schema}.posting_g{generation[0]} SET amount = amount + 1"
            " WHERE debit = 15 AND credit = 19 AND deal = 1"
        )
    broken = cairn("check", env=env, check=False)
    assert broken.returncode == 1
    assert "cairn rebuild --whole" in broken.stdout
    assert "journal  posting: deal 1, fact" in broken.stdout
    again = cairn("refold", KEY, "--at", "2024-06-30", env=env).stdout
    assert "billing invoiced" in again
    assert json.loads(cairn("refold", KEY, "--json", env=env).stdout)["same"] is False
    cairn("rebuild", env=env)
    assert cairn("check", env=env).returncode == 0
