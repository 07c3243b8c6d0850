"""The worked deals of ../shared/scenarios: reading them, arranging their messages, telling them over HTTP.

Belongs here: what every test of a story needs. What is expected stands in the files themselves.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import httpx

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "scenarios"
FILES = sorted(FOLDER.glob("[0-9]*.json")) if FOLDER.is_dir() else []

#: Orders of arrival: as given, shuffled by a seed, and with about a third of the messages sent twice.
ARRANGEMENTS = ("given", "shuffled 1", "shuffled 2", "shuffled 3", "doubled 4")

#: Reasons of the bridge under which something is closed or structural; the others are still open.
SETTLED_REASONS = frozenset(
    {
        "price", "quantity", "term", "scope", "unspecified", "discount", "cancelled", "debooked", "credited",
        "written_off", "withheld", "rebilled", "tax", "usage", "fx_rate", "orphan_order", "split_merged",
        "duplicate", "amendment_not_in_crm", "renewal_not_in_crm",
    }
)  # fmt: skip

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


def why_not(arrangement: str, ask: dict[str, Any]) -> str | None:
    """Why this version can't be asked that, or None: what rightly hangs on the order of arrival."""
    params = ask["params"]
    if arrangement == "given":
        return None
    if "known_after" in params:
        return "what was known after N messages hangs on their order"
    if params.get("basis") == "as_reported":
        return "what was open when a message arrived hangs on their order"
    if any(row.get("code") == "CLOSED_PERIOD_MILESTONE" for row in ask["expect"]["rows"]):
        return "whether a period was closed when a message arrived hangs on their order"
    return None


def answer_of(told: Told, ask: dict[str, Any]) -> dict[str, Any]:
    """The ledger's answer to an ask."""
    params = dict(ask["params"])
    upto = params.pop("known_after", None)
    params["at_least"] = told.heads[-1]
    if upto is not None:
        params["known_position"] = told.heads[upto - 1]
    answer = told.client.get(f"/v1/reports/{ask['view']}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without links."""
    return [{k: v for k, v in row.items() if k != "explain"} for row in rows]


def only(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows with some of their columns, in one order."""
    return sorted(
        ({name: row[name] for name in names} for row in rows), key=lambda row: json.dumps(row, sort_keys=True)
    )


def without_zeros(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with an amount other than zero, in one order."""
    amounts = [set(row) - {"deal", "customer", "currency"} for row in rows]
    kept = [
        row
        for row, names in zip(rows, amounts, strict=True)
        if any((row[name] or "0").strip("-0.") for name in names)
    ]
    return sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))
