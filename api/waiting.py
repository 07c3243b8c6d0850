"""What waits to be fetched from a source, and how far its polls are, as people read them.

For HTTP and the command line alike. Does not belong here: fetching and polling (adapters/feeds).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection

from adapters.feeds import waits
from adapters.feeds.setup import Feed
from api.reading import text_of


def source_of(feed: Feed) -> str:
    """The name under which the feed's records wait: feeds of one mapping and instance share them."""
    return f"{feed.setup.mapping}/{feed.setup.instance}"


def entries(
    connection: Connection[Any], feed: Feed, after: tuple[str, str], limit: int
) -> tuple[list[dict[str, Any]], tuple[str, str] | None]:
    """Records that wait, by object and id, after a place; and the place to go on after, None at the end."""
    page = waits.waiting(connection, source_of(feed), after, limit + 1)
    found = [
        {
            "object": one.object,
            "id": one.native_id or None,
            "reason": one.reason,
            "since": text_of(one.since),
            "messages": one.asked,
            "attempts": one.attempts,
            "next_attempt": _text(one.next_attempt),
            "last_error": one.last_error,
        }
        for one in page[:limit]
    ]
    last = page[limit - 1] if len(page) > limit else None
    return found, None if last is None else (last.object, last.native_id)


def counts(connection: Connection[Any], feed: Feed) -> dict[str, Any]:
    """How many records wait, since when, and how many are left to a person."""
    number, oldest, left = waits.waiting_count(connection, source_of(feed))
    return {"waiting": number, "oldest": _text(oldest), "left_to_a_person": left}


def cursors(connection: Connection[Any], feed: str) -> list[dict[str, Any]]:
    """How far a feed was polled, by object."""
    return [
        {
            "object": one.object,
            "watermark": _text(one.watermark),
            "under_way_since": _text(one.began_at),
            "completed_at": _text(one.completed_at),
            "records": one.records,
            "failures": one.failures,
            "next_poll": _text(one.next_poll),
            "last_error": one.last_error,
        }
        for one in waits.cursors(connection, feed)
    ]


def retry(connection: Connection[Any], feed: Feed, kind: str | None, native_id: str | None) -> int:
    """Let what waits be fetched at once: how many records."""
    return waits.retry(connection, source_of(feed), kind, native_id)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else text_of(moment)
