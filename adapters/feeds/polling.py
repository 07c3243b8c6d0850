"""Polls: a source is asked for what changed since the last time, page by page.

Belongs here: how far was asked, what is asked for again, and what becomes of a poll that breaks off. Does not
belong here: requests (asking.py), what a record means.

A page's place is noted only after its records are durable, so a process that dies anywhere reads that page
again, and what comes in twice is a duplicate. Each poll asks again for the last `overlap` seconds: sources
show changes late, and their clocks are not ours.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from adapters.feeds.clients import (
    Client,
    ListStands,
    Page,
    PageLost,
    SourceError,
    SourceUnavailable,
    full_page,
)
from adapters.feeds.sections import PollSection
from adapters.feeds.turning import Turning
from adapters.feeds.waits import Cursor, microseconds_of, moment_of
from adapters.importing import Summary

_log: Final = logging.getLogger("cairn.feeds")
#: Times that one poll begins its list anew because the source has forgotten the page.
MOST_RESTARTS: Final = 3
#: The longest time between polls of a source that keeps failing.
LONGEST_WAIT: Final = timedelta(hours=1)


class Polled(NamedTuple):
    """What one poll of one kind of object came to.

    is_whole: it was read to its end. summary: what became of its records. is_doubtful: its one page was full,
    and named no next.
    """

    records: int
    is_whole: bool
    summary: Summary
    is_doubtful: bool = False


class Poll:
    """Polls of one kind of object of one feed.

    take: records a page, durable on return. save: notes a cursor, durable on return. clock: the time here.
    """

    def __init__(
        self,
        client: Client,
        section: PollSection,
        take: Callable[[Sequence[bytes]], Summary],
        save: Callable[[Cursor], None],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stop: threading.Event | None = None,
    ) -> None:
        self._client = client
        self._section = section
        self._take = take
        self._save = save
        self._clock = clock
        self._stop = stop or threading.Event()

    def run(self, cursor: Cursor) -> Polled:
        """Go on with a poll that broke off, or begin one: what it came to.

        Raises SourceError, which is noted in the cursor with the time of the next attempt.
        """
        try:
            return self._sweep(cursor if cursor.began_at is not None else self._begun(cursor))
        except _Broken as broken:
            self._note_failure(broken.cursor, broken.error)
            raise broken.error from None

    def _begun(self, cursor: Cursor) -> Cursor:
        since = self._section.start
        if cursor.watermark is not None:
            since = cursor.watermark - timedelta(seconds=self._section.overlap)
        return cursor._replace(asked_since=since, page=None, highest=None, began_at=self._clock())

    def _sweep(self, cursor: Cursor) -> Polled:
        restarts = 0
        turning = Turning(cursor.page)
        records, summary = 0, Summary()
        while not self._stop.is_set():
            try:
                page = turning.turn(self._page(cursor))
            except PageLost as lost:
                restarts += 1
                if cursor.page is None or restarts > MOST_RESTARTS:
                    raise _Broken(cursor._replace(page=None), SourceUnavailable(str(lost))) from None
                cursor = cursor._replace(page=None)
                turning = Turning()
                continue
            except ListStands as error:
                raise _Broken(cursor._replace(page=None), error) from None
            except SourceError as error:
                raise _Broken(cursor, error) from None
            summary.add(self._take(page.records))
            records += len(page.records)
            is_doubtful = page.is_full and cursor.page is None
            cursor = self._after(cursor, page)
            self._save(cursor)
            if page.next is None:
                if is_doubtful:
                    _log.warning(
                        "poll of %s of feed %s: %s",
                        cursor.object, cursor.feed, full_page(len(page.records)),
                    )  # fmt: skip
                return Polled(records, is_whole=True, summary=summary, is_doubtful=is_doubtful)
        return Polled(records, is_whole=False, summary=summary)

    def _page(self, cursor: Cursor) -> Page:
        since = microseconds_of(cursor.asked_since)
        return self._client.poll(cursor.object, since, cursor.page, self._section.page)

    def _after(self, cursor: Cursor, page: Page) -> Cursor:
        # records that don't say when they changed count by our clock
        changed = moment_of(page.highest) or (cursor.began_at if page.records else None)
        highest = _later(cursor.highest, changed)
        cursor = cursor._replace(
            highest=highest,
            page=page.next,
            records=cursor.records + len(page.records),
            failures=0,
            last_error=None,
        )
        if page.next is not None:
            return cursor
        now = self._clock()
        return cursor._replace(
            watermark=_watermark(cursor),
            asked_since=None,
            highest=None,
            began_at=None,
            completed_at=now,
            next_poll=now + timedelta(seconds=self._section.every),
        )

    def _note_failure(self, cursor: Cursor, error: SourceError) -> None:
        failures = cursor.failures + 1
        wait = backoff(self._section.every, failures, error)
        _log.warning("poll of %s of feed %s: the source %s", cursor.object, cursor.feed, error)
        noted = cursor._replace(failures=failures, last_error=str(error), next_poll=self._clock() + wait)
        self._save(noted)


class _Broken(Exception):
    """A poll that broke off, with how far it came."""

    def __init__(self, cursor: Cursor, error: SourceError) -> None:
        super().__init__(str(error))
        self.cursor = cursor
        self.error = error


def _watermark(cursor: Cursor) -> datetime | None:
    """Up to where everything was asked for: never back, and never past the beginning of this poll.

    A time of change that lies ahead of our clock would skip all that comes before it. A poll that brought
    nothing moves it nowhere.
    """
    assert cursor.began_at is not None, "a poll that is under way has begun"
    if cursor.highest is None:
        return cursor.watermark
    return _later(cursor.watermark, min(cursor.highest, cursor.began_at))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def backoff(every: float, failures: int, error: SourceError) -> timedelta:
    """How long to leave a source alone after so many failures in a row; with jitter, at most an hour or so.

    Never less than the source asks for.
    """
    wait = min(timedelta(seconds=every * 2 ** min(failures - 1, 20)), LONGEST_WAIT)
    wanted = timedelta(seconds=getattr(error, "retry_after", None) or 0)
    return max(wait * random.uniform(0.8, 1.2), wanted)  # noqa: S311 - spreads load, hides nothing
