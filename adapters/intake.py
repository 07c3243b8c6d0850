"""The way in: prepared messages are queued, written in groups, and answered when they are durable.

Belongs here: the writer's thread, group commits, back-pressure, reading quarantined messages again. Does
not belong here: reading bytes (`preparing`), files (`importing`), transactions (the ledger and its recorder).

Requests that wait at the same time share one commit, so that many senders of single events do not each pay
for one; none of them waits for others to come. A request is written whole, in one transaction.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from eventsourcing import persistence
from psycopg_pool import ConnectionPool

from adapters.faults import reach
from adapters.personal.marking import AS_A_WHOLE, SEALED
from adapters.personal.protection import Protection, mark_of
from adapters.postgres.reading import SourceRow, inbox_row, quarantine_entry
from adapters.preparing import Preparation, Preparer, now
from adapters.sources import SOURCES, Source
from domain.arrivals import Accepted, Outcome, Prepared, refused
from domain.ledger import Ledger
from domain.provenance import provenance
from domain.refusals import Reason

_log: Final = logging.getLogger("cairn.intake")

#: Where a group is full: items, and bytes of their bodies.
GROUP_ITEMS: Final = 5_000
GROUP_BYTES: Final = 16 * 2**20
#: Where the queue is full. A request that finds the queue empty is taken whatever its size.
QUEUE_ITEMS: Final = 50_000
QUEUE_BYTES: Final = 128 * 2**20

#: Errors that one item's content may cause; the rest of its group is then written without it.
_OF_AN_ITEM: Final = (persistence.DataError, persistence.IntegrityError)


class IntakeFull(RuntimeError):
    """More is waiting to be written than may wait: send it again later. Nothing of it was taken."""


class IntakeClosed(RuntimeError):
    """The intake takes nothing any more. Nothing of it was taken."""


class QuarantineUnknown(LookupError):
    """There is no quarantine entry of that number."""


class MappingUnknown(LookupError):
    """The mapping that stored bytes came by is not to be had here."""


class Group(NamedTuple):
    """What one commit was: for metrics. seconds: from the group's closing to its answers."""

    requests: int
    items: int
    outcomes: Sequence[Outcome]
    seconds: float


class _Waiting(NamedTuple):
    items: Sequence[Prepared]
    size: int
    answer: "Future[list[Outcome]]"


class Intake:
    """One writer for one ledger in this process. A context manager; thread-safe.

    pool: `connect`'s, of the same schema; for reading quarantined messages again. observe: called after each
    group, in the writer's thread. keeps_ignored: whether records of files that rightly yield no milestone
    keep their bytes; those of other ways in always do. personal: which values are personal, and where those
    are kept.
    """

    def __init__(
        self,
        ledger: Ledger,
        pool: "ConnectionPool[Any]",
        *,
        clock: Callable[[], int] = now,
        queue_items: int = QUEUE_ITEMS,
        queue_bytes: int = QUEUE_BYTES,
        observe: Callable[[Group], None] | None = None,
        keeps_ignored: bool = True,
        personal: Protection | None = None,
    ) -> None:
        self.ledger = ledger
        self.keeps_ignored = keeps_ignored
        self.personal = personal
        self._pool = pool
        self._preparer = Preparer(ledger, clock=clock, marks=None if personal is None else personal.marks)
        self._queue_items = queue_items
        self._queue_bytes = queue_bytes
        self._observe = observe
        self._queue: deque[_Waiting] = deque()
        self._items = self._bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._writer = threading.Thread(target=self._write, name="cairn-writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take nothing more, write what was taken, and answer it. May be repeated."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()

    # ---- making ready

    def prepare_event(
        self,
        body: bytes,
        *,
        source_hint: str | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        received_at: int | None = None,
        is_guarded: bool = False,
    ) -> Prepared:
        """One canonical event from its bytes; what can't be understood becomes a quarantined item.

        is_guarded: it was made of stored bytes, so tokens stand in it already where values would be personal.
        """
        return self._preparer.event(
            body,
            source_hint=source_hint,
            content_type=content_type,
            headers=headers,
            received_at=received_at,
            is_guarded=is_guarded,
        )

    def prepare_record(
        self,
        source: Source,
        payload: bytes,
        instance: str,
        *,
        received_at: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Preparation:
        """One record of a source system. Raises ValueError for an instance that can't name one."""
        return self._preparer.record(source, payload, instance, received_at=received_at, headers=headers)

    def prepare_unread(
        self,
        source: Source,
        payload: bytes,
        instance: str,
        reason: Reason,
        *,
        received_at: int,
        headers: Mapping[str, str],
    ) -> Preparation:
        """One quarantined record of bytes that are refused for a reason without being read."""
        return self._preparer.unread(
            source, payload, instance, reason, received_at=received_at, headers=headers
        )

    # ---- writing

    def submit(self, items: Iterable[Prepared]) -> "Future[list[Outcome]]":
        """Queue items to be recorded together: their outcomes, in order, once they are durable.

        The future raises eventsourcing.persistence.PersistenceError where the log can't be written. Raises
        IntakeFull, IntakeClosed. In a coroutine: `await asyncio.wrap_future(intake.submit(items))`.
        """
        wanted = list(items)
        answer: Future[list[Outcome]] = Future()
        if not wanted:
            answer.set_result([])
            return answer
        size = sum(len(item.accepted.body) for item in wanted)
        with self._changed:
            if self._closing:
                raise IntakeClosed("the intake is closing; send it again to its successor")
            if self._items and (
                self._items + len(wanted) > self._queue_items or self._bytes + size > self._queue_bytes
            ):
                raise IntakeFull(f"{self._items} messages wait to be written; send yours again later")
            self._queue.append(_Waiting(wanted, size, answer))
            self._items += len(wanted)
            self._bytes += size
            self._changed.notify_all()
        return answer

    def record(self, items: Iterable[Prepared]) -> list[Outcome]:
        """Submit and wait."""
        return self.submit(items).result()

    def _write(self) -> None:
        while group := self._next_group():
            began = time.perf_counter()
            # a sender may have gone meanwhile; its messages were taken all the same
            for waiting in group:
                waiting.answer.set_running_or_notify_cancel()
            outcomes = self._settle(group)
            if self._observe is not None:
                self._report(group, outcomes, time.perf_counter() - began)

    def _report(self, group: Sequence[_Waiting], outcomes: Sequence[Outcome], seconds: float) -> None:
        assert self._observe is not None
        items = sum(len(waiting.items) for waiting in group)
        try:
            self._observe(Group(len(group), items, outcomes, seconds))
        except Exception:  # noqa: BLE001 - a broken observer must not stop the writer
            _log.exception("the observer of group commits failed")

    def _next_group(self) -> list[_Waiting]:
        """Wait for requests, and take those that fit a group; nothing once all is written and closing."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            group: list[_Waiting] = []
            items = size = 0
            while self._queue:
                first = self._queue[0]
                if group and (items + len(first.items) > GROUP_ITEMS or size + first.size > GROUP_BYTES):
                    break
                group.append(self._queue.popleft())
                items += len(first.items)
                size += first.size
            self._items -= items
            self._bytes -= size
            return group

    def _settle(self, group: Sequence[_Waiting]) -> list[Outcome]:
        try:
            items = [item for waiting in group for item in waiting.items]
            if self.personal is not None:
                self.personal.keep(items)  # what tokens stand for is on disk before they are
            outcomes = self.ledger.record(items)
        except Exception as error:  # noqa: BLE001 - the senders get it, and the writer lives on
            if isinstance(error, _OF_AN_ITEM):
                return self._settle_apart(group)
            for waiting in group:
                _answer(waiting, error)
            return []
        reach("before_answer")
        start = 0
        for waiting in group:
            end = start + len(waiting.items)
            _answer(waiting, outcomes[start:end])
            start = end
        return outcomes

    def _settle_apart(self, group: Sequence[_Waiting]) -> list[Outcome]:
        """Some item's content can't be stored: write the group item by item, and quarantine those."""
        outcomes: list[Outcome] = []
        for waiting in group:
            try:
                found = [self._record_alone(item) for item in waiting.items]
            except Exception as error:  # noqa: BLE001 - as above
                _answer(waiting, error)
            else:
                _answer(waiting, found)
                outcomes += found
        return outcomes

    def _record_alone(self, item: Prepared) -> Outcome:
        try:
            return self.ledger.record([item])[0]
        except _OF_AN_ITEM as error:
            reason = Reason("not_storable", "", f"the database refuses it ({type(error.__cause__).__name__})")
            kept = refused(
                item.accepted, [reason], source=item.source, event_id=item.event_id, type=item.type
            )
            return self.ledger.record([kept])[0]

    # ---- quarantine

    def replay(self, entry: int) -> list[Outcome]:
        """Read a quarantined message again, with the mapping it came by, and record what it is now.

        One outcome per milestone in it, or one that says that it is ignored. The entry is settled unless it
        is quarantined again. Raises QuarantineUnknown; MappingUnknown.
        """
        return self.submit(self.prepare_again(entry)).result()

    def prepare_again(self, entry: int) -> list[Prepared]:
        """The items of a quarantined message, read by its mapping as that is now. Raises as `replay` does."""
        with self._pool.connection() as connection:
            found = quarantine_entry(connection, entry)
            if found is None:
                raise QuarantineUnknown(f"there is no quarantine entry {entry}")
            held, _ = found
            stored = inbox_row(connection, held.inbox)
        assert stored is not None, "an entry and its bytes are written together"
        return self.reread(stored, quarantine=entry).items

    def reread(
        self, stored: SourceRow, *, source: Source | None = None, quarantine: int | None = None
    ) -> Preparation:
        """Stored bytes made ready once more. source: reads them; default: the mapping that they came by.

        quarantine: the entry that is read again with it. Raises MappingUnknown.
        """
        reread = Accepted(
            stored.source,
            0,
            stored.body,
            stored.digest,
            mapping=stored.mapping,
            stored=stored.id,
            quarantine=quarantine,
        )
        if mark_of(stored.headers) == AS_A_WHOLE:
            return Preparation([refused(reread, [SEALED])])
        if stored.mapping is None:
            return Preparation([self._preparer.event(reread.body, reread=reread)])
        came_by = provenance(stored.mapping)
        reader = source or SOURCES.get(came_by.name)
        if reader is None:
            raise MappingUnknown(
                f"the mapping {came_by.name!r} is not known here: install it, then read it again"
            )
        return self._preparer.record(reader, reread.body, came_by.instance, reread=reread)


def _answer(waiting: _Waiting, answer: "list[Outcome] | BaseException") -> None:
    if waiting.answer.cancelled():
        return
    if isinstance(answer, BaseException):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)
