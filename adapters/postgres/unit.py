"""One writer's transaction on the log: the lock, the look-ups, the append, the commit.

Belongs here: what must happen between taking the writers' lock and letting it go, and what a writer may
remember from one batch to the next. Does not belong here: what is decided (domain/recording.py), connections
and failures (`recorder`), how rows are packed (`rows`).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection, Copy, Cursor
from psycopg.types.json import Jsonb

from adapters.faults import reach
from adapters.postgres.binary import (
    COPY_HEADER,
    COPY_TRAILER,
    bigint_array,
    bytea_array,
    chunked,
    text_array,
    uuid_array,
)
from adapters.postgres.rows import inbox_rows, key_rows, log_rows, sequence_rows
from adapters.postgres.statements import statements
from domain.deal import First, Recorded
from domain.ledger import ConnectionLost
from domain.placement import Forest
from domain.provenance import feed_of
from domain.recording import Asked, Known, Rows
from domain.refusals import Reason

_SQL: Final = statements("unit")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: Keys and versions that a writer remembers; about 50 MB when full.
REMEMBERED: Final = 200_000


def instant(microseconds: int) -> datetime:
    """Microseconds since 1970-01-01 UTC as a datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


class Memory:
    """What a writer knows of the log from its own commits and look-ups.

    A key's stream and a link never change once committed, so what is remembered of them stays true; versions
    hold as long as nobody else has committed.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self.streams: dict[str, int] = {}
        self.versions: dict[int, int] = {}
        self.forest = Forest()
        self.links_seen = 0
        self.head = -1

    def forget(self) -> None:
        """After a batch that was decided and not committed: nothing of it may be believed."""
        self.__init__(self._remembered)  # type: ignore[misc]

    def make_room(self) -> None:
        """Before a batch: drop the older half of what has grown too large."""
        if len(self.streams) > self._remembered:
            self.streams = dict(islice(self.streams.items(), len(self.streams) // 2, None))
        if len(self.versions) > self._remembered:
            self.versions = dict(islice(self.versions.items(), len(self.versions) // 2, None))

    def see_head(self, head: int) -> None:
        """The log's head as read under the lock; if others have appended, versions are unknown again."""
        if head != self.head:
            self.versions.clear()
            self.head = head


class LogUnit:
    """The transaction of one batch. Made by LogRecorder.unit; implements domain.ledger.Unit."""

    def __init__(
        self,
        connection: Connection[Any],
        memory: Memory,
        *,
        lock: int,
        channel: str,
        has_committed: Callable[[int], bool],
    ) -> None:
        self._connection = connection
        self._memory = memory
        self._lock = lock
        self._channel = channel
        self._has_committed = has_committed
        self._transaction = 0
        self._exit = ExitStack()
        self._copy: Copy | None = None
        self._first = self._last = 0
        self.is_decided = False
        self.is_committed = False

    def look_up(self, wanted: Asked) -> Known:
        """Take the lock and read everything that the batch needs, in one round trip."""
        memory = self._memory
        memory.make_room()
        unseen = [key for key in wanted.keys if key not in memory.streams]
        with self._connection.pipeline():
            self._ask("lock", self._lock)
            head = self._ask("head")
            found = [
                self._ask(name, uuid_array(identities))
                for name, identities in (("identities", wanted.identities), ("sequences", wanted.sequences))
                if identities
            ]
            keys = self._ask("keys", text_array(unseen)) if unseen else None
            links = self._ask("links", memory.links_seen)
            held = self._ask("held", bytea_array(wanted.quarantined)) if wanted.quarantined else None
            left = self._ask("left", bytea_array(wanted.ignored)) if wanted.ignored else None
        last, inbox, conflicts, quarantined, recorded_at, self._transaction, waiting = head.fetchall()[0]
        self.is_decided = True
        memory.see_head(last)
        if keys is not None:
            memory.streams.update(keys.fetchall())
        for child, parent, position in links:
            memory.forest.link(child, parent)
            memory.versions.pop(child, None)
            memory.links_seen = position
        firsts: dict[bytes | None, First] = {
            row[0]: First(row[1], row[2], row[3]) for cursor in found for row in cursor
        }
        awaited: dict[bytes, list[int]] = {}
        if waiting and wanted.identities:
            for target, stream in self._ask("awaited", uuid_array(wanted.identities)):
                awaited.setdefault(target, []).append(stream)
        return Known(
            last,
            inbox,
            conflicts,
            quarantined,
            recorded_at,
            firsts,
            memory.streams,
            memory.forest,
            memory.versions,
            {} if held is None else {(digest, feed_of(mapping)): entry for digest, mapping, entry in held},
            awaited,
            set() if left is None else {(digest, feed_of(mapping), why) for digest, mapping, why in left},
        )

    def look_up_more(
        self, streams: Sequence[int], identities: Sequence[bytes]
    ) -> tuple[dict[int, int], set[tuple[bytes, bytes]]]:
        """The last version of each stream; (identity, digest) of the conflicts kept for these identities."""
        versions = dict(self._ask("versions", bigint_array(streams)).fetchall()) if streams else {}
        kept = set(self._ask("kept_conflicts", uuid_array(identities)).fetchall()) if identities else set()
        return versions, kept

    def append(self, events: Sequence[Recorded]) -> None:
        """Send milestones on their way into the log; the server works on them while the next are decided."""
        if self._copy is None:
            self._first = events[0].position
            assert self._first == self._memory.head + 1, "positions follow the head"
            self._copy = self._exit.enter_context(self._copying("copy_log"))
            self._copy.write(COPY_HEADER)
        self._last = events[-1].position
        self._copy.write(b"".join(log_rows(events)))

    def finish(self, rows: Rows) -> bool:
        """Append all else that the batch leaves: whether there is anything to commit."""
        # packed first, while the server still works on the milestones
        inbox, keys, sequences = inbox_rows(rows.inbox), key_rows(rows.keys), sequence_rows(rows.sequences)
        if self._copy is not None:
            self._copy.write(COPY_TRAILER)
            self._exit.close()
        reach("log_written")
        self._copy_rows("copy_inbox", inbox)
        reach("inbox_written")
        self._copy_rows("copy_keys", keys)
        self._copy_rows("copy_sequences", sequences)
        if self._copy is None and not rows.is_more_than_milestones:
            return False
        with self._connection.pipeline():
            self._write_few(rows)
            if self._copy is not None:
                self._ask("insert_commit", self._first, self._last, instant(rows.recorded_at))
                self._ask("notify", self._channel, str(self._last))
        if self._copy is not None:
            self._memory.head = self._last
        if rows.links:
            self._memory.links_seen = rows.links[-1][2]
        return True

    def commit(self) -> None:
        """Make it durable; ask the log on a new connection where this one breaks meanwhile."""
        reach("before_commit")
        try:
            self._connection.commit()
        except psycopg.OperationalError as error:
            if not self._connection.broken and not self._connection.closed:
                raise
            if not self._has_committed(self._transaction):
                raise ConnectionLost("the connection broke, and the server rolled the batch back") from error
        self.is_committed = True
        reach("after_commit")

    def abandon(self, error: BaseException) -> None:
        """End a COPY that is under way, so that nothing of it is left to be ended later."""
        with suppress(psycopg.Error):
            self._exit.__exit__(type(error), error, error.__traceback__)

    def _ask(self, name: str, *parameters: Any) -> Cursor[Any]:
        cursor = self._connection.cursor(binary=True)
        return cursor.execute(_SQL[name], parameters, prepare=True)

    @contextmanager
    def _copying(self, name: str) -> Iterator[Copy]:
        with self._connection.cursor() as cursor, cursor.copy(_SQL[name]) as copy:
            yield copy

    def _copy_rows(self, name: str, rows: Sequence[bytes]) -> None:
        if rows:
            with self._copying(name) as copy:
                for piece in chunked(rows):
                    copy.write(piece)

    def _write_few(self, rows: Rows) -> None:
        recorded_at = instant(rows.recorded_at)
        for link in rows.links:
            self._ask("insert_link", *link)
        for crossing in rows.crossings:
            self._ask("insert_crossing", *crossing)
        for target, stream, position in rows.awaited:
            self._ask("insert_awaited", UUID(bytes=target), stream, position)
        for number, inbox, position, item, arrival in rows.conflicts:
            self._ask(
                "insert_conflict", number, inbox, UUID(bytes=arrival.identity), position, arrival.digest,
                item.source, item.event_id, item.type, recorded_at,
            )  # fmt: skip
        for number, inbox, item in rows.quarantine:
            self._ask(
                "insert_quarantine", number, inbox, item.accepted.digest, item.source, item.event_id,
                item.type, _json(item.reasons), instant(item.accepted.received_at),
                item.accepted.mapped_by or item.accepted.mapping,
            )  # fmt: skip
        for inbox, item in rows.fetches:
            for fetch in item.needed:
                self._ask(
                    "insert_fetch", item.source, fetch.object, fetch.id or "", fetch.reason, inbox,
                    instant(item.accepted.received_at),
                )  # fmt: skip
        for quarantine, outcome, mapping in rows.replays:
            self._ask(
                "insert_replay", quarantine, outcome.outcome, outcome.position, _json(outcome.reasons),
                recorded_at, mapping,
            )  # fmt: skip
        if rows.ignored:
            kept = [(inbox, item.accepted) for inbox, item in rows.ignored]
            self._ask(
                "insert_ignored", [inbox for inbox, _ in kept], [one.digest for _, one in kept],
                [one.mapped_by or one.mapping for _, one in kept], [item.ignored for _, item in rows.ignored],
            )  # fmt: skip
        if rows.remapped:
            self._ask("insert_remapped", *map(list, zip(*rows.remapped, strict=True)))


def _json(reasons: Sequence[Reason]) -> Jsonb:
    # jsonb holds no NUL, and a pointer may quote a name that has one
    listed = [{name: text.replace("\0", "\ufffd") for name, text in r._asdict().items()} for r in reasons]
    return Jsonb(listed, dumps=json.dumps)
