"""Who handled an exception stands in the trail, beside whom the caller says it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.api.running import cairn, environment
from tests.api.samples import order


def handled(entries: list[dict[str, Any]]) -> list[tuple[str, str, dict[str, str]]]:
    return [(entry["act"], entry["actor"], entry["details"]) for entry in entries]


def test_handling_an_exception_is_an_entry_of_the_caller(lone_client: httpx.Client) -> None:
    client = lone_client
    position = client.post("/v1/events", json=order("SO-1")).json()["results"][0]["position"]
    [row] = client.get("/v1/reports/exceptions", params={"at_least": position}).json()["rows"]
    path = f"/v1/exceptions/{row['id']}"
    for action in ("acknowledge", "assign", "resolve"):
        assert client.post(f"{path}/{action}", json={"actor": "ann"}).status_code == 200
    assert client.post(f"{path}/resolve", json={}).status_code == 422
    entries = client.get("/v1/audit/trail", params={"act": "exception"}).json()["entries"]
    said = {"exception": row["id"], "by": "ann"}
    assert handled(entries) == [
        ("exception.acknowledged", "operator", said),
        ("exception.assigned", "operator", said),
        ("exception.resolved", "operator", said),
    ]


def test_so_is_handling_one_by_command(tmp_path: Path) -> None:
    env = environment(CAIRN_DATA=str(tmp_path / "data"))
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(order("SO-1")) + "\n")
    cairn("ingest", events, "--source", "cloudevents", "--quiet", env=env)
    [row] = json.loads(cairn("exceptions", "--format", "json", env=env).stdout)["rows"]
    cairn("exceptions", "ack", row["id"], "--actor", "ann", env=env)
    told = json.loads(cairn("trail", "--act", "exception", "--format", "json", env=env).stdout)
    [(act, actor, details)] = handled(told["entries"])
    assert (act, details) == ("exception.acknowledged", {"exception": row["id"], "by": "ann"})
    assert actor.startswith("cli:")
