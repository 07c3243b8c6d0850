"""Reading stored messages again by a mapping: to show what would be different, or to make it so.

Belongs here: the way through the inbox in batches, the turn that one apply takes at a time, the corrections.
Does not belong here: what an effect is (judging), how effects are told (telling).

An apply that broke off is started again as it was: what is done stands in the log, and reads as unchanged.
Ids of corrections name the mapping, the milestone and what is superseded, so none is ever said twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.intake import Intake
from adapters.postgres import remapping as log
from adapters.postgres.reading import SourceRow
from adapters.postgres.remapping import Message, Span
from adapters.preparing import Preparation, stamp
from adapters.sources import Source
from adapters.standing import Recorded, known
from api.reading import text_of
from api.remapping.judging import (
    Changed,
    Ignored,
    Judged,
    New,
    Refused,
    Released,
    Seen,
    Vanished,
    Waits,
    judge,
)
from api.remapping.telling import Result
from domain.arrivals import Outcome, Prepared
from domain.provenance import provenance

#: Messages, and bytes of them, that are read together.
BATCH: Final = 500
BATCH_BYTES: Final = 8 * 2**20


class ApplyUnderWay(RuntimeError):
    """Another apply is at work in this ledger."""


class PreviewDiffers(RuntimeError):
    """What would be changed is not what was previewed."""


class Asked(NamedTuple):
    """Which messages are read by which source. limit: of messages, None for all."""

    source: Source
    after: int = 0
    since: datetime | None = None
    limit: int | None = None

    @property
    def span(self) -> Span:
        """The messages that this mapping has read, in whatever version."""
        return Span(self.source.name, self.after, self.since)


class By(NamedTuple):
    """Who applies it and why. tenant: names the ledger's own source."""

    actor: str
    reason: str
    tenant: str


Progress = Callable[[int], None]


def preview(
    pool: ConnectionPool[Any], intake: Intake, asked: Asked, progress: Progress | None = None
) -> Result:
    """What reading the messages again would change.

    progress: is told how many were read, after each batch.
    """
    result = Result(_stamp(asked.source))
    for batch in _batches(pool, intake, asked):
        for one in batch:
            result.add(*one.counted)
        if progress is not None:
            progress(result.read)
    return result


class Applied(NamedTuple):
    """What was changed, and what the ledger answered to each item that was sent to it."""

    result: Result
    outcomes: Counter[str]


def apply(
    pool: ConnectionPool[Any],
    intake: Intake,
    asked: Asked,
    by: By,
    *,
    expect: str | None = None,
    progress: Progress | None = None,
) -> Applied:
    """Change it: replay what is quarantined, record what is new, correct what differs, void what is gone.

    expect: the digest of a preview; where what would be changed now is anything else, nothing is. Raises
    PreviewDiffers, ApplyUnderWay; eventsourcing.persistence.PersistenceError where the log can't be written.
    """
    with _turn(pool, by.tenant):
        if expect is not None and (found := preview(pool, intake, asked).digest) != expect:
            raise PreviewDiffers(
                f"what would be changed now ({found[:16]}...) is not what was previewed ({expect[:16]}...):"
                " messages came in or the mapping was changed meanwhile; preview again"
            )
        result, outcomes = Result(_stamp(asked.source)), Counter[str]()
        for batch in _batches(pool, intake, asked):
            answers: list[Future[list[Outcome]]] = []
            for one in batch:
                items = _items(intake, asked.source, one, by)
                if items:
                    answers.append(intake.submit(items))
            for answer in answers:
                outcomes.update(outcome.outcome for outcome in answer.result())
            for one in batch:
                result.add(*one.counted)
            if progress is not None:
                progress(result.read)
    return Applied(result, outcomes)


def count(pool: ConnectionPool[Any], asked: Asked) -> int:
    """How many messages will be read."""
    with pool.connection() as connection:
        found = log.count_messages(connection, asked.span)
    return found if asked.limit is None else min(found, asked.limit)


@contextmanager
def _turn(pool: ConnectionPool[Any], tenant: str) -> Iterator[None]:
    """One apply at a time in a ledger. The turn ends with its connection, however the process ends."""
    name = f"cairn apply {tenant}"
    with pool.connection() as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
        if row != (True,):
            raise ApplyUnderWay("another apply is at work in this ledger: wait until it is done")
        try:
            yield
        finally:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


class _Read(NamedTuple):
    """A message that was read again."""

    message: Message
    stored: SourceRow
    reading: Preparation
    judged: Judged
    reasons: list[dict[str, str]]

    @property
    def counted(self) -> tuple[int, str, list[dict[str, str]], Judged]:
        """What a result counts of it."""
        came_by = (self.stored.mapping or "").partition("/")[0]
        return self.message.inbox, came_by, self.reasons, self.judged


def _stamp(source: Source) -> str:
    return stamp(source, "-").rpartition("/")[0]


def _batches(pool: ConnectionPool[Any], intake: Intake, asked: Asked) -> Iterator[list[_Read]]:
    """The messages in order, each read again and judged by what the log holds when its batch is read."""
    seen = Seen()
    with pool.connection() as connection, log.messages(connection, asked.span) as found:
        for messages in _cut(islice(found, asked.limit)):
            # asked beside the cursor, these see what was committed meanwhile
            yield _judged(connection, intake, asked.source, messages, seen)


def _cut(messages: Iterator[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += message.size
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _judged(
    connection: Connection[Any], intake: Intake, source: Source, messages: list[Message], seen: Seen
) -> list[_Read]:
    bodies = log.bodies(connection, [message.inbox for message in messages])
    readings = [
        intake.reread(
            bodies[message.inbox],
            source=source,
            quarantine=message.entry if message.status == "open" else None,
        )
        for message in messages
    ]
    arrivals = [item.arrival for reading in readings for item in reading.items if item.arrival is not None]
    positions = [position for message in messages for position in message.positions]
    held = known(connection, intake.ledger, positions, arrivals)
    reasons = log.reasons(connection, [one.entry for one in messages if one.entry is not None])
    return [
        _Read(
            message,
            bodies[message.inbox],
            reading,
            judge(message, reading, held, seen),
            reasons.get(message.entry or 0, []),
        )
        for message, reading in zip(messages, readings, strict=True)
    ]


# ---- making it so


def _items(intake: Intake, source: Source, one: _Read, by: By) -> list[Prepared]:
    """What is recorded for a message, in one transaction."""
    items: list[Prepared] = []
    now = text_of(datetime.now(UTC))
    events: list[Any] | None = None
    for effect in one.judged.effects:
        match effect:
            case Released() | Ignored() | Waits():
                items += one.reading.items
            case New(item=number):
                items.append(one.reading.items[number])
            case Refused(positions=()):
                items += one.reading.items
            case Changed(recorded, _, number):
                if events is None:
                    instance = provenance(one.stored.mapping or "").instance
                    events = list(source.translate(one.stored.body, instance).milestones)
                items.append(_amendment(intake, _stamp(source), recorded, by, now, events[number]))
            case Vanished(recorded):
                items.append(_amendment(intake, _stamp(source), recorded, by, now, None))
            case _:
                pass  # what is refused keeps what it recorded, and what somebody has decided is left alone
    return items


def _amendment(
    intake: Intake, by_mapping: str, recorded: Recorded, by: By, now: str, replacement: dict[str, Any] | None
) -> Prepared:
    """The correction of a milestone, or the void where there is no replacement.

    It speaks under the role of what it corrects, so it is entitled to as much, and as the ledger itself.
    """
    target = recorded.milestone
    kind = "milestone.voided" if replacement is None else "milestone.corrected"
    data: dict[str, Any] = {"target": {"source": target.source, "id": target.id}, "reason": by.reason}
    if replacement is not None:
        data["replacement"] = replacement
    event = {
        "specversion": "1.0",
        "id": f"remapped/{by_mapping}/{recorded.position}/{recorded.superseded}",
        "source": f"/{target.role}/cairn/{by.tenant}",
        "type": f"{kind}.v1",
        "subject": f"milestone/{recorded.position}",
        "time": now,
        "actor": by.actor,
        "data": data,
    }
    prepared = intake.prepare_event(
        msgspec.json.encode(event), content_type="application/cloudevents+json", is_guarded=True
    )
    accepted = msgspec.structs.replace(prepared.accepted, mapped_by=by_mapping)
    return msgspec.structs.replace(prepared, accepted=accepted)
