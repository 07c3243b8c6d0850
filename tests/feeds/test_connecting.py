"""docs/connect-a-source.md, followed to the letter: its files connect a source without a line of Python."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.postgres.migrate import migrate
from adapters.sources import load_mapping
from domain.contract import parse_event
from tests.api.running import ROOT, TOKEN, ServerProcess, cairn, environment
from tests.feeds.server import Answer, Asked, SourceServer, as_json

EXAMPLE = ROOT / "docs" / "examples" / "pipedrive"
MAPPING = EXAMPLE / "pipedrive.yaml"
CHANGED = EXAMPLE / "changed.json"
GUIDE = (ROOT / "docs" / "connect-a-source.md").read_text(encoding="utf-8")
PASSWORD = "the password of the webhook"


def deal(**more: Any) -> dict[str, Any]:
    """The deal of the fixture."""
    found: dict[str, Any] = json.loads(CHANGED.read_bytes())["data"]
    return found | more


def message(data: dict[str, Any] | None, **meta: Any) -> bytes:
    """A webhook about a deal."""
    told = json.loads(CHANGED.read_bytes())
    return json.dumps({**told, "data": data, "meta": {**told["meta"], **meta}}).encode()


def told(payload: bytes) -> list[dict[str, Any]]:
    """The milestones of a message."""
    translation = load_mapping(MAPPING).translate(payload, "acme")
    assert (translation.refused, translation.ignored) == ((), None)
    for milestone in translation.milestones:
        parse_event(milestone)
    return [dict(milestone) for milestone in translation.milestones]


class Pipedrive:
    """Deals, one a page, by the time of their change; nobody is let in without the token."""

    def __init__(self, *deals: dict[str, Any]) -> None:
        self.deals = list(deals)

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("x-api-token") != "token" or asked.path != "/api/v2/deals":
            return Answer(401)
        since = asked.query.get("updated_since", "")
        found = [one for one in self.deals if one["update_time"][:19] >= since[:19]]
        start = int(asked.query.get("cursor", 0))
        more = str(start + 1) if start + 1 < len(found) else None
        page = {"success": True, "data": found[start : start + 1], "additional_data": {"next_cursor": more}}
        return as_json(page)


@pytest.fixture
def env(database_url: str, fresh_schema: str, tmp_path: Path, server: SourceServer) -> dict[str, str]:
    migrate(database_url, fresh_schema)
    feeds = (EXAMPLE / "sources.yaml").read_text(encoding="utf-8")
    (tmp_path / "sources.yaml").write_text(feeds.replace("https://acme.pipedrive.com", server.url))
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / MAPPING.name).write_bytes(MAPPING.read_bytes())
    return environment(
        DATABASE_URL=database_url,
        CAIRN_SCHEMA=fresh_schema,
        CAIRN_TOKEN=TOKEN,
        CAIRN_MAPPINGS=str(tmp_path / "mappings"),
        CAIRN_SOURCES=str(tmp_path / "sources.yaml"),
        PIPEDRIVE_WEBHOOK_PASSWORD=PASSWORD,
        PIPEDRIVE_TOKEN="token",
    )


def test_the_guide_shows_the_files_that_are_tested() -> None:
    shown = re.findall(r"```(?:yaml|json)\n(.*?)```", GUIDE, re.DOTALL)
    for name in ("pipedrive.yaml", "sources.yaml", "changed.json"):
        assert f"examples/pipedrive/{name}" in GUIDE
    whole = MAPPING.read_text(encoding="utf-8")
    for block in shown:
        if block.startswith("mapping:"):
            for line in block.splitlines():
                assert line.strip() in whole, line


def test_check_and_try_say_what_the_mapping_makes_of_the_fixture() -> None:
    env = environment()
    assert cairn("mapping", "check", MAPPING, env=env).returncode == 0
    shown = cairn("mapping", "try", MAPPING, CHANGED, "--instance", "acme", "--json", env=env).stdout
    assert "opportunity.changed" in shown
    assert "12000.50" in shown


def test_an_open_deal_is_a_snapshot_with_its_version() -> None:
    (event,) = told(CHANGED.read_bytes())
    assert event["id"] == "opportunity/42@2026-02-10T14:00:00Z:opportunity.changed"
    assert event["sequence"] == "1770732000000000"
    data = event["data"]
    assert (data["amount"], data["currency"], data["probability"]) == ("12000.50", "EUR", "0.6")


def test_a_won_a_lost_and_a_deleted_deal() -> None:
    won = deal(status="won", won_time="2026-02-11T23:30:00Z", update_time="2026-02-12T08:00:00Z")
    (event,) = told(message(won))
    assert (event["type"], event["data"]["effective_on"]) == ("opportunity.won.v1", "2026-02-11")
    lost = deal(status="lost", lost_time="2026-02-11T10:00:00Z", lost_reason="price")
    (event,) = told(message(lost))
    assert (event["type"], event["data"]["reason"]) == ("opportunity.lost.v1", "price")
    deleted = json.loads(message(None, action="delete")) | {"previous": deal()}
    (event,) = told(json.dumps(deleted).encode())
    assert (event["type"], event["data"]["reason"]) == ("opportunity.lost.v1", "deleted")


def test_what_is_not_about_deals_is_ignored_and_what_is_missing_refused() -> None:
    source = load_mapping(MAPPING)
    assert source.translate(message({"id": 1}, entity="person"), "acme").ignored == "master_data"
    ((code, pointer, _),) = source.translate(message(deal(value=None)), "acme").refused
    assert (code, pointer) == ("deal_unvalued", "/data/value")
    ((code, pointer, _),) = source.translate(message(deal(status="odd")), "acme").refused
    assert (code, pointer) == ("value_unknown", "/data/status")


def test_a_webhook_and_a_poll_end_in_the_same_pipeline(env: dict[str, str], server: SourceServer) -> None:
    assert "no errors" in cairn("sources", "check", env=env).stdout
    second = deal(id=43, value=500, update_time="2026-02-11T09:00:00Z")
    server.handle = Pipedrive(deal(), second)
    with ServerProcess(env=env, command="api") as served:
        sender = httpx.BasicAuth("cairn", PASSWORD)
        address = "/v1/sources/pipedrive-acme"
        answer = served.client.post(address, content=CHANGED.read_bytes(), auth=sender)
        assert [one["outcome"] for one in answer.json()["results"]] == ["recorded"]
        wrong = httpx.BasicAuth("cairn", "a guess")
        assert served.client.post(address, content=CHANGED.read_bytes(), auth=wrong).status_code == 401
        # what the webhook has told is a duplicate by the poll; the other deal is new
        assert "deals: 2 records" in cairn("poll", "pipedrive-acme", "--once", env=env).stdout
        won = deal(status="won", won_time="2026-02-12T08:00:00Z", update_time="2026-02-12T08:00:00Z")
        served.client.post(address, content=message(won), auth=sender)
        records = served.client.get(address, headers={"Authorization": f"Bearer {TOKEN}"}).json()["records"]
        assert (records["input"], records["recorded"], records["duplicate"]) == (4, 3, 1)
        assert served.end() in (0, 143, -15)
    cairn("rebuild", env=env)
    shown = cairn("report", "pipeline", "--at", "2026-02-28", "--format", "json", env=env).stdout
    (total,) = json.loads(shown)["totals"]
    assert (total["currency"], total["open"], total["won"]) == ("EUR", "500.00", "12000.50")
    assert total["weighted"] == "300.00"
