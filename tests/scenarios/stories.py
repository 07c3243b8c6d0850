"""The worked deals of ../shared/scenarios: reading them, arranging their messages, telling them over HTTP.

Belongs here: what every test of a story needs. What is expected stands in the files themselves.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from projections.measures import VIEWS

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "scenarios"
FILES = sorted(FOLDER.glob("[0-9]*.json")) if FOLDER.is_dir() else []

#: Orders of arrival: as given, shuffled by a seed, and with about a third of the messages sent twice.
ARRANGEMENTS = ("given", "shuffled 1", "shuffled 2", "shuffled 3", "doubled 4")

#: Recorded, shown, and without postings yet; by what they change of the views of their target's family.
NOT_IN_FORCE = ("milestone.corrected.v1", "milestone.voided.v1", "deal.split.v1", "customer.merged.v1")
_VIEWS_OF = {
    "opportunity": {"pipeline", "bookings", "backlog"},
    "order": set(VIEWS),
    "contract": set(VIEWS),
    "fulfilment": {"billing", "backlog"},
    "invoice": {"billing", "backlog", "collections"},
}

Event = dict[str, Any]


class Story(NamedTuple):
    """One file."""

    name: str
    milestones: list[Event]
    outcomes: list[str]
    ask: list[dict[str, Any]]


def read(path: Path) -> Story:
    """A story from its file."""
    told = json.loads(path.read_text(encoding="utf-8"))
    outcomes = told.get("outcomes") or ["recorded"] * len(told["milestones"])
    return Story(path.stem, told["milestones"], outcomes, told["ask"])


def arranged(story: Story, arrangement: str) -> list[Event]:
    """The messages in an order of arrival."""
    if arrangement == "given":
        return story.milestones
    how, _, seed = arrangement.partition(" ")
    chance = random.Random(int(seed))
    messages = list(story.milestones)
    if how == "doubled":
        messages += chance.sample(messages, max(1, len(messages) // 3))
    chance.shuffle(messages)
    return _first_content_first(story, messages)


def _first_content_first(story: Story, messages: list[Event]) -> list[Event]:
    """Which content of a conflict stands hangs on arrival, rightly: so the given first one comes first."""
    given = {id(message): i for i, message in enumerate(story.milestones)}
    groups: dict[str, list[int]] = {}
    for place, message in enumerate(messages):
        groups.setdefault(_identity(message), []).append(place)
    arranged_ = list(messages)
    for places in groups.values():
        ordered = sorted((messages[place] for place in places), key=lambda message: given[id(message)])
        for place, message in zip(places, ordered, strict=True):
            arranged_[place] = message
    return arranged_


def _identity(message: Event) -> str:
    if message.get("sequence") is not None:
        return json.dumps([message["source"], message["subject"], message["type"], message["sequence"]])
    return json.dumps([message["source"], message["id"]])


class Told(NamedTuple):
    """A story in a ledger. heads: the ledger's last position after each message, in order."""

    story: Story
    arrangement: str
    client: httpx.Client
    outcomes: list[str]
    heads: list[int]


def tell(client: httpx.Client, story: Story, arrangement: str) -> Told:
    """Send a story's messages, and wait until the reports have them."""
    answer = client.post("/v1/events", json=arranged(story, arrangement))
    answer.raise_for_status()
    results = answer.json()["results"]
    heads, head = [], 0
    for result in results:
        head = result["position"] if result["outcome"] == "recorded" else head
        heads.append(head)
    return Told(story, arrangement, client, [result["outcome"] for result in results], heads)


def why_not(told_by: Story, arrangement: str, ask: dict[str, Any]) -> str | None:
    """Why this version can't be asked that, or None."""
    view, params = ask["view"], ask["params"]
    if view not in VIEWS:
        return f"there is no view {view} yet"
    if view == "arr" and "from" in params:
        return "movements of live run-rate are not reported yet"
    if "rate" in params:
        return "amounts are not converted yet"
    if params.get("basis") == "as_reported":
        return "basis=as_reported is not there yet"
    upto = params.get("known_after")
    if upto is not None and arrangement != "given":
        return "what was known after N messages hangs on their order"
    for message in told_by.milestones[:upto]:
        if message["type"] in NOT_IN_FORCE and view in _touched(told_by, message):
            return f"{message['type']} is recorded and posts nothing yet"
    return None


def _touched(story: Story, message: Event) -> set[str]:
    """The views that a correction, void, split or merge may change."""
    target = message["data"].get("target")
    if target is None:
        return set(VIEWS)
    aimed = [m for m in story.milestones if (m["source"], m["id"]) == (target["source"], target["id"])]
    return _VIEWS_OF.get(aimed[0]["type"].partition(".")[0], set(VIEWS)) if aimed else set(VIEWS)


def rows_of(told: Told, ask: dict[str, Any]) -> list[dict[str, Any]]:
    """The ledger's rows for an ask, without links."""
    params = dict(ask["params"])
    upto = params.pop("known_after", None)
    params["at_least"] = told.heads[-1]
    if upto is not None:
        params["known_position"] = told.heads[upto - 1]
    answer = told.client.get(f"/v1/reports/{ask['view']}", params=params)
    assert answer.status_code == 200, answer.text
    return [{k: v for k, v in row.items() if k != "explain"} for row in answer.json()["rows"]]


def without_zeros(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with an amount other than zero, in one order."""
    amounts = [set(row) - {"deal", "customer", "currency"} for row in rows]
    kept = [
        row
        for row, names in zip(rows, amounts, strict=True)
        if any((row[name] or "0").strip("-0.") for name in names)
    ]
    return sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))
