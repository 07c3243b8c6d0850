"""What every feed has brought, counted durably: records by outcome and reason, and messages turned away.

Belongs here: the thread that adds to the counts, group by group, and reading them. Does not belong here:
recording (adapters/intake.py), which comes first: what is counted here is durable already. A sender is
answered only after its records are counted, so each answered record stands in exactly one count.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.importing import Summary
from adapters.postgres.statements import statements
from adapters.postgres.unit import instant
from adapters.preparing import now

_log: Final = logging.getLogger("cairn.feeds")
_SQL: Final = statements("feeds")

#: Rejections that are kept of each feed, one by one; all are counted.
KEPT_REJECTIONS: Final = 1_000
#: Seconds that proofs are remembered: twice the longest tolerance of clocks.
REMEMBERED_SECONDS: Final = 2 * 86_400
#: Seconds between looks for proofs to forget.
_FORGETTING_SECONDS: Final = 600


class Rejection(NamedTuple):
    """A message that was turned away. digest: SHA-256 of its body, where it was read. size: in bytes."""

    reason: str
    detail: str
    digest: bytes | None = None
    size: int | None = None


class Noted(NamedTuple):
    """What one message, page or file of a feed came to.

    at: when it was received, microseconds since 1970-01-01 UTC. counts: (outcome, reason) to records.
    behind: seconds from the latest time that its milestones state until then. proof: of a signed message.
    """

    feed: str
    at: int
    counts: Mapping[tuple[str, str], int] = MappingProxyType({})
    behind: float | None = None
    proof: bytes | None = None
    rejection: Rejection | None = None


def counts_of(summary: Summary) -> dict[tuple[str, str], int]:
    """A summary of records as counts by (outcome, reason)."""
    counted = {
        ("recorded", ""): summary.recorded,
        ("duplicate", ""): summary.duplicate,
        ("conflict", ""): summary.conflict,
        ("waiting", ""): summary.waiting,
        **{("ignored", reason): number for reason, number in summary.ignored.items()},
        **{("quarantined", reason): number for reason, number in summary.quarantined.items()},
    }
    return {name: number for name, number in counted.items() if number}


class Tallies:
    """Adds to the counts of feeds, in a thread of its own. A context manager; thread-safe."""

    def __init__(self, pool: ConnectionPool[Any], *, clock: Callable[[], int] = now) -> None:
        self._pool = pool
        self._clock = clock
        self._queue: deque[tuple[Noted, Future[None]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._forgot = time.monotonic()
        self._writer = threading.Thread(target=self._write, name="cairn-tallies", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take nothing more, and write what was taken. May be repeated."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()

    def note(self, noted: Noted) -> Future[None]:
        """Count it: done when that is durable. Notes that wait at the same time share one commit.

        The future raises psycopg.Error or psycopg_pool.PoolTimeout where the database can't be used. Raises
        RuntimeError once closed.
        """
        answer: Future[None] = Future()
        with self._changed:
            if self._closing:
                raise RuntimeError("the counts of feeds are closed")
            self._queue.append((noted, answer))
            self._changed.notify_all()
        return answer

    def has_seen(self, feed: str, proof: bytes) -> bool:
        """Whether a signed message was taken in before, within the time that proofs are remembered."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["is_seen"], {"feed": feed, "proof": proof}).fetchone()
        return bool(row and row[0])

    def _write(self) -> None:
        while group := self._next_group():
            try:
                with self._pool.connection() as connection:
                    self._write_group(connection, [noted for noted, _ in group])
            except Exception as error:  # noqa: BLE001 - those who wait get it, and the thread lives on
                _log.warning("the counts of feeds can't be written (%s)", type(error).__name__)
                _settle(group, error)
            else:
                _settle(group, None)

    def _next_group(self) -> list[tuple[Noted, Future[None]]]:
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            group = list(self._queue)
            self._queue.clear()
            return group

    def _write_group(self, connection: Connection[Any], group: list[Noted]) -> None:
        counts: Counter[tuple[str, date, str, str]] = Counter()
        states: dict[str, tuple[int, float | None]] = {}
        for noted in group:
            day = instant(noted.at).date()
            for (outcome, reason), number in noted.counts.items():
                counts[noted.feed, day, outcome, reason] += number
            if noted.rejection is not None:
                counts[noted.feed, day, "rejected", noted.rejection.reason] += 1
            else:
                at, behind = states.get(noted.feed, (noted.at, None))
                states[noted.feed] = max(at, noted.at), behind if noted.behind is None else noted.behind
        with connection.transaction(), connection.pipeline(), connection.cursor() as cursor:
            # in one order everywhere, so that two processes never wait for each other
            for (feed, day, outcome, reason), number in sorted(counts.items()):
                cursor.execute(_SQL["add_tally"], (feed, day, outcome, reason, number))
            for feed, (at, behind) in sorted(states.items()):
                cursor.execute(_SQL["note_state"], (feed, instant(at), behind))
            for noted in sorted(group, key=lambda one: (one.feed, one.proof or b"")):
                if noted.proof is not None:
                    cursor.execute(_SQL["note_seen"], (noted.feed, noted.proof, instant(noted.at)))
            self._write_rejections(connection, group)
            if time.monotonic() - self._forgot > _FORGETTING_SECONDS:
                self._forgot = time.monotonic()
                limit = instant(self._clock() - REMEMBERED_SECONDS * 1_000_000)
                cursor.execute(_SQL["forget_seen"], (limit,))

    def _write_rejections(self, connection: Connection[Any], group: list[Noted]) -> None:
        rejected: dict[str, list[tuple[int, Rejection]]] = {}
        for noted in group:
            if noted.rejection is not None:
                rejected.setdefault(noted.feed, []).append((noted.at, noted.rejection))
        for feed, found in sorted(rejected.items()):
            for at, one in found[-KEPT_REJECTIONS:]:
                row = (feed, instant(at), one.reason, one.detail, one.digest, one.size)
                connection.execute(_SQL["note_rejection"], row)
            connection.execute(_SQL["forget_rejections"], {"feed": feed, "kept": KEPT_REJECTIONS})


def _settle(group: Iterable[tuple[Noted, Future[None]]], error: BaseException | None) -> None:
    for _, answer in group:
        if not answer.set_running_or_notify_cancel():
            continue
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)


# ---- reading


class KeptRejection(NamedTuple):
    """A rejection as it was kept. digest: SHA-256 of the body, None where it was not read."""

    id: int
    at: datetime
    reason: str
    detail: str
    digest: bytes | None
    size: int | None


class State(NamedTuple):
    """When a feed last brought something, and how many seconds its milestones were behind then."""

    last_message_at: datetime
    behind: float | None


def tallies(
    connection: Connection[Any],
    feed: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> dict[str, dict[tuple[str, str], int]]:
    """Records by feed and (outcome, reason): of one feed or all, received from one day to another."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for name, outcome, reason, records in connection.execute(
        _SQL["tallies"], {"feed": feed, "first": first, "last": last}
    ):
        found.setdefault(name, {})[outcome, reason] = records
    return found


def states(connection: Connection[Any], feed: str | None = None) -> dict[str, State]:
    """The state of one feed, or of all that have brought something."""
    return {name: State(*rest) for name, *rest in connection.execute(_SQL["states"], {"feed": feed})}


def rejections(connection: Connection[Any], feed: str, before: int, limit: int) -> list[KeptRejection]:
    """Messages of a feed that were turned away, newest first, those before an id."""
    wanted = {"feed": feed, "before": before, "limit": limit}
    return [KeptRejection(*row) for row in connection.execute(_SQL["rejections"], wanted)]
