"""Feeds as people read them: what each has brought, what was turned away. For HTTP and the command line.

Does not belong here: receiving (api/receiving.py), configuring (adapters/feeds/setup.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from psycopg import Connection

from adapters.feeds import tallies
from adapters.feeds.secret import Secret
from adapters.feeds.setup import Feed, can_name
from adapters.preparing import stamp
from adapters.sources import SOURCES
from api import waiting
from api.reading import text_of
from domain.provenance import provenance

#: What a record can come to, in the order in which it is shown. Together they are all records that came in.
PLAIN: Final = ("recorded", "duplicate", "conflict", "waiting")
REASONED: Final = ("ignored", "quarantined")
_WAYS: Final = ("webhook", "folder", "poll")


class FeedUnknown(LookupError):
    """No feed of that name is configured, or it has no webhook; `allowed` lists those that would do."""

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


def known(feeds: Mapping[str, Feed], name: str) -> Feed:
    """A configured feed. Raises FeedUnknown."""
    found = feeds.get(name)
    if found is None:
        says = "there is no feed of that name" if feeds else "no feeds are configured: see CAIRN_SOURCES"
        raise FeedUnknown(says, tuple(feeds))
    return found


def listing(
    connection: Connection[Any],
    feeds: Mapping[str, Feed],
    first: date | None = None,
    last: date | None = None,
    only: str | None = None,
) -> list[dict[str, Any]]:
    """Every feed that is configured or has brought something, with its counts between two days of receipt.

    only: the name of one, which need not be configured any more.
    """
    if only is not None and not can_name(only):
        return []
    counted = tallies.tallies(connection, only, first, last)
    states = tallies.states(connection, only)
    wanted = [name for name in feeds if only is None or name == only]
    gone = sorted((counted.keys() | states.keys()) - feeds.keys())
    now = datetime.now(UTC)
    return [
        _told(name, feeds.get(name), counted.get(name, {}), states.get(name), now)
        | {"polls": waiting.cursors(connection, name)}
        for name in wanted + gone
    ]


def _told(
    name: str,
    feed: Feed | None,
    counts: Mapping[tuple[str, str], int],
    state: tallies.State | None,
    now: datetime,
) -> dict[str, Any]:
    seen = None if state is None else state.last_message_at
    told: dict[str, Any] = {
        "name": name,
        "configured": feed is not None,
        "mapping": None if feed is None else _mapping(feed),
        "ways": [] if feed is None else [way for way in _WAYS if getattr(feed.setup, way) is not None],
        "webhook": None if feed is None else _webhook(feed, now),
        "last_message_at": None if seen is None else text_of(seen),
        "silent_seconds": None if seen is None else round(max(0.0, (now - seen).total_seconds()), 3),
        "lag_seconds": None if state is None or state.behind is None else round(state.behind, 3),
        "records": records(counts),
        "rejected": {reason: n for (outcome, reason), n in counts.items() if outcome == "rejected"},
        "links": {"self": f"/v1/sources/{name}", "rejections": f"/v1/sources/{name}/rejections"},
    }
    return told


def records(counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """Counts by outcome; `input` is their sum, so that every record that came in stands in exactly one."""
    told: dict[str, Any] = {"input": sum(n for (outcome, _), n in counts.items() if outcome != "rejected")}
    for name in PLAIN:
        told[name] = sum(n for (outcome, _), n in counts.items() if outcome == name)
    for name in REASONED:
        told[name] = {reason: n for (outcome, reason), n in counts.items() if outcome == name}
    return told


def _mapping(feed: Feed) -> dict[str, Any]:
    instance = feed.setup.instance
    source = SOURCES.get(feed.setup.mapping)
    if source is None:
        return {"name": feed.setup.mapping, "version": None, "digest": None, "instance": instance}
    found = provenance(stamp(source, instance))
    return {"name": found.name, "version": found.version, "digest": found.digest, "instance": instance}


def _webhook(feed: Feed, now: datetime) -> dict[str, Any] | None:
    webhook = feed.setup.webhook
    if webhook is None:
        return None
    secrets: tuple[Secret, ...] = getattr(webhook, "secrets", ())
    return {
        "scheme": webhook.scheme,
        "url": f"/v1/sources/{feed.name}",
        "secrets": [
            {
                "name": secret.name,
                "from": None if secret.from_ is None else text_of(secret.from_),
                "until": None if secret.until is None else text_of(secret.until),
                "in_force": secret.holds_at(now.timestamp()),
            }
            for secret in secrets
        ],
    }


def rejected(
    connection: Connection[Any], name: str, before: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Messages to a feed that were turned away, newest first, and the id to go on before, None at the end."""
    if not can_name(name):
        return [], None
    page = tallies.rejections(connection, name, before, limit + 1)
    found = [
        {
            "id": one.id,
            "at": text_of(one.at),
            "reason": one.reason,
            "detail": one.detail,
            "digest": None if one.digest is None else one.digest.hex(),
            "size": one.size,
        }
        for one in page[:limit]
    ]
    return found, page[limit - 1].id if len(page) > limit else None
