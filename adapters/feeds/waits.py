"""What pulling feeds remember in the database: the queue of fetches, cursors of polls, files taken.

Belongs here: reading and writing those rows. Does not belong here: why (fetching.py, polling.py, folder.py).
A row says what was done only after what it speaks of is durable in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from adapters.postgres.statements import statements

_SQL: Final = statements("waits")
Pool = ConnectionPool[Any]


class Waiting(NamedTuple):
    """A record that is to be fetched. native_id: empty where only its kind is known to have changed."""

    object: str
    native_id: str
    reason: str
    inbox: int
    asked: int
    since: datetime
    attempts: int
    next_attempt: datetime | None
    last_error: str | None


class Cursor(NamedTuple):
    """How far a feed was asked for one kind of object. watermark: up to where it is complete.

    asked_since, page, highest, began_at: of the poll that is under way; began_at is None where none is.
    """

    feed: str
    object: str
    watermark: datetime | None = None
    asked_since: datetime | None = None
    page: str | None = None
    highest: datetime | None = None
    began_at: datetime | None = None
    completed_at: datetime | None = None
    records: int = 0
    failures: int = 0
    next_poll: datetime | None = None
    last_error: str | None = None


class Taken(NamedTuple):
    """A file that was taken before. outcome: done or failed."""

    name: str
    outcome: str
    summary: Mapping[str, Any]
    taken_at: datetime


def moment_of(microseconds: int | None) -> datetime | None:
    """Microseconds since 1970-01-01 UTC as a database has it."""
    return None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, 0, microseconds)


def microseconds_of(moment: datetime | None) -> int | None:
    """The other way."""
    return None if moment is None else (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(0, 0, 1)


@contextmanager
def held(pool: Pool, schema: str, feed: str) -> Iterator[bool]:
    """Hold a feed, so that no other process pulls it meanwhile; yields whether it could be had.

    It is let go with the connection, however the process ends.
    """
    digest = sha256(f"{schema} pulls {feed}".encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    with pool.connection() as connection:
        row = connection.execute(_SQL["hold"], (number,)).fetchone()
        taken = row is not None and bool(row[0])
        try:
            yield taken
        finally:
            if taken and not connection.closed:
                connection.execute(_SQL["let_go"], (number,))


class Waits:
    """The rows of one ledger."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # ---- fetches

    def due(self, source: str, limit: int) -> list[Waiting]:
        """What may be fetched now, longest due first."""
        with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Waiting))
            found: list[Waiting] = cursor.execute(_SQL["due_fetches"], (source, limit)).fetchall()
            return found

    def fetched(self, source: str, waiting: Waiting, outcome: str) -> None:
        """It came in, or is gone. What was asked for again meanwhile stays, to be fetched at once."""
        key = (source, waiting.object, waiting.native_id)
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(_SQL["note_fetched"], (*key, waiting.inbox, outcome, waiting.since))
            if connection.execute(_SQL["end_fetch"], (*key, waiting.asked)).rowcount == 0:
                connection.execute(_SQL["renew_fetch"], key)

    def failed(self, source: str, waiting: Waiting, error: str, wait: float | None) -> None:
        """It could not be fetched now. wait: seconds until it is tried again; None: once a person says so."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["delay_fetch"], (error, wait, source, waiting.object, waiting.native_id))

    # ---- cursors

    def cursor(self, feed: str, kind: str) -> Cursor:
        """Where the feed stands."""
        with self._pool.connection() as connection:
            found = connection.cursor(row_factory=class_row(Cursor)).execute(_SQL["cursor"], (feed, kind))
            return found.fetchone() or Cursor(feed, kind)

    def save(self, cursor: Cursor) -> None:
        """Note where the feed stands; durable on return."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["save_cursor"], cursor)

    # ---- files

    def taken(self, feed: str, digest: bytes) -> Taken | None:
        """The file of that SHA-256 as it was imported whole last, if it was."""
        with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Taken))
            found: Taken | None = cursor.execute(_SQL["taken_file"], (feed, digest)).fetchone()
            return found

    def take(
        self, feed: str, digest: bytes, name: str, size: int, outcome: str, summary: Mapping[str, Any]
    ) -> None:
        """Note that a file was imported, or can't be."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["take_file"], (feed, digest, name, size, outcome, Jsonb(dict(summary))))


def waiting(connection: Connection[Any], source: str, after: tuple[str, str], limit: int) -> list[Waiting]:
    """What waits to be fetched for a source, by object and id, after a place."""
    cursor = connection.cursor(row_factory=class_row(Waiting))
    return cursor.execute(_SQL["waiting"], (source, *after, limit)).fetchall()


def waiting_count(connection: Connection[Any], source: str) -> tuple[int, datetime | None, int]:
    """How many records wait, since when the oldest does, and how many are left to a person."""
    row = connection.execute(_SQL["waiting_count"], (source,)).fetchone()
    assert row is not None, "an aggregate always gives a row"
    return row[0], row[1], row[2]


def retry(connection: Connection[Any], source: str, kind: str | None, native_id: str | None) -> int:
    """Let what waits be fetched at once, whatever was tried: how many records."""
    return connection.execute(_SQL["retry_fetches"], (source, kind, kind, native_id, native_id)).rowcount


def cursors(connection: Connection[Any], feed: str) -> list[Cursor]:
    """The cursors of a feed, by object."""
    return connection.cursor(row_factory=class_row(Cursor)).execute(_SQL["cursors"], (feed,)).fetchall()
