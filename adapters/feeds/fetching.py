"""Completing sparse messages: what they point to is fetched from the source and comes in as a record.

Belongs here: working through the queue of one feed. Does not belong here: what makes a message sparse (its
mapping), requests (asking.py), the queue's rows (waits.py).

A row leaves the queue only when its record is durable or known to be gone. A source that can't be reached is
asked again for as long as it takes; one that refuses is asked `attempts` times, then the row is left to a
person.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from adapters.feeds.clients import Client, RecordGone, SourceError, SourceUnavailable
from adapters.feeds.inlet import Inlet
from adapters.feeds.polling import backoff
from adapters.feeds.sections import FetchSection
from adapters.feeds.waits import Waiting, Waits

_log: Final = logging.getLogger("cairn.feeds")
#: Rows looked at in one round.
ROUND: Final = 200
#: A record that a message speaks of may take a moment to be seen: after so many attempts it is gone.
GONE_AFTER: Final = 3


class Fetching:
    """Works through the queue of one feed. at_once: records fetched at the same time.

    poll: polls a kind of object, for messages that say only that something of it has changed.
    """

    def __init__(
        self,
        inlet: Inlet,
        client: Client,
        section: FetchSection,
        waits: Waits,
        *,
        poll: Callable[[str], object],
        at_once: int = 4,
        stop: threading.Event | None = None,
    ) -> None:
        setup = inlet.feed.setup
        self.source = f"{setup.mapping}/{setup.instance}"
        self._inlet = inlet
        self._client = client
        self._section = section
        self._waits = waits
        self._poll = poll
        self._at_once = at_once
        self._stop = stop or threading.Event()

    def round(self) -> int:
        """Fetch what is due, once: how many rows were worked on."""
        due = self._waits.due(self.source, ROUND)
        if not due:
            return 0
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="fetch") as workers:
            list(workers.map(self._work, due))
        return len(due)

    def _work(self, waiting: Waiting) -> None:
        if self._stop.is_set():
            return
        try:
            outcome = self._polled(waiting) if not waiting.native_id else self._fetched(waiting)
        except RecordGone as error:
            if waiting.attempts + 1 < GONE_AFTER:
                self._delay(waiting, error)
            else:
                self._waits.fetched(self.source, waiting, "gone")
        except SourceError as error:
            self._delay(waiting, error)
        else:
            self._waits.fetched(self.source, waiting, outcome)

    def _polled(self, waiting: Waiting) -> str:
        self._poll(waiting.object)
        return "polled"

    def _fetched(self, waiting: Waiting) -> str:
        record = self._client.fetch(waiting.object, waiting.native_id)
        prepared = self._inlet.prepare(record)
        again = (waiting.object, waiting.native_id)
        if any((fetch.object, fetch.id) == again for item in prepared.items for fetch in item.needed):
            raise _StillSparse("gave a record that the mapping reads as a sparse message once more: mend it")
        counted = self._inlet.record([prepared])
        for name in ("recorded", "conflict", "duplicate", "waiting"):
            if getattr(counted, name):
                return name
        return "quarantined" if counted.quarantined else "ignored"

    def _delay(self, waiting: Waiting, error: SourceError) -> None:
        attempts = waiting.attempts + 1
        wait: float | None = backoff(self._section.every, attempts, error).total_seconds()
        if not isinstance(error, SourceUnavailable) and attempts >= self._section.attempts:
            wait = None
            _log.error(
                "feed %s: %s is left to a person after %d attempts: the source %s",
                self._inlet.feed.name, waiting.object, attempts, error,
            )  # fmt: skip
        self._waits.failed(self.source, waiting, str(error), wait)


class _StillSparse(SourceError):
    """The fetched record says no more than the message did."""
