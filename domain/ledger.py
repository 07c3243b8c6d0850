"""The ledger as an application: batches of prepared messages in, one outcome each, durable when answered.

Belongs here: the application of the event sourcing library with our mapper, and the one method that records.
Does not belong here: reading bytes (adapters/intake.py), SQL and connections (the recorder that the wiring
names), what milestones mean (projections). Nothing here reads the process environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Final, Protocol, cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, PersistenceError, StoredEvent
from eventsourcing.utils import Environment, EnvType, strtobool

from domain.arrivals import Accepted, Arrival, Outcome, Prepared, arrival_of
from domain.deal import Deal, Recorded, fold, stream_id
from domain.milestones import Milestone
from domain.recording import Asked, Batch, Known, Rows, asked
from domain.refusals import Reason, Refused
from domain.stored import CODEC

#: Longest key in bytes of UTF-8: what an index entry of the log's table of keys can hold, with room to spare.
MAX_KEY_BYTES: Final = 2_000
#: Items decided and handed over at a time: small enough that the server works while the next are decided.
PIECE: Final = 64


class ConnectionLost(PersistenceError):
    """The connection broke, and nothing of the batch is in the log."""


class Unit(Protocol):
    """One transaction of one writer, which holds the log's lock from its beginning to its end."""

    def look_up(self, wanted: Asked) -> Known:
        """Take the lock, then read the last numbers and what the batch asks about."""

    def look_up_more(
        self, streams: Sequence[int], identities: Sequence[bytes]
    ) -> tuple[dict[int, int], set[tuple[bytes, bytes]]]:
        """The last version of each stream; (identity, digest) of the conflicts kept for these identities."""

    def finish(self, rows: Rows) -> bool:
        """Append what belongs to the milestones that were saved: whether the transaction leaves anything."""

    def commit(self) -> None:
        """Make it durable.

        Where the connection breaks meanwhile, the log is asked on a new one whether it holds the batch.
        Raises ConnectionLost where it does not, PersistenceError where nobody can be asked.
        """


class LogRecorder(Protocol):
    """What the ledger needs of its recorder beyond the library's."""

    def pack_event(self, topic: str, state: bytes, identity: bytes, digest: bytes) -> bytes:
        """What can be packed of a milestone's row before the lock."""

    def pack_accepted(
        self,
        received_at: int,
        digest: bytes,
        source: str,
        content_type: str | None,
        headers: str | None,
        mapping: str | None,
        body: bytes,
    ) -> bytes:
        """What can be packed of an inbox row before the lock."""

    def unit(self) -> AbstractContextManager[Unit]:
        """A transaction; left without commit it is rolled back. Raises ConnectionLost inside."""


@dataclass(frozen=True)
class LogEvent(StoredEvent):
    """A row of the log as read, before its milestone is decoded."""

    stream: int
    position: int
    inbox: int
    identity: bytes
    digest: bytes


class MilestoneMapper(Mapper[UUID]):
    """Between milestones and what is stored: our codec, then compression and encryption where configured.

    The topic is the milestone's stored name, never the path of a class.
    """

    def encode(self, milestone: Milestone) -> bytes:
        """The bytes to be stored. Done before the log is locked."""
        state = CODEC.encode(milestone)
        if self.compressor is not None:
            state = self.compressor.compress(state)
        if self.cipher is not None:
            state = self.cipher.encrypt(state)
        return state

    def decode(self, topic: str, state: bytes) -> Milestone:
        """A milestone from stored bytes, raised to today's version. Raises UnknownStored."""
        if self.cipher is not None:
            state = self.cipher.decrypt(state)
        if self.compressor is not None:
            state = self.compressor.decompress(state)
        return CODEC.decode(topic, state)

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """A recorded milestone is what is stored already: it was encoded before the log was locked."""
        return cast("StoredEvent", domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The recorded milestone of a row."""
        row = cast("LogEvent", stored_event)
        milestone = self.decode(row.topic, row.state)
        return cast(
            "DomainEventProtocol[UUID]",
            Recorded(
                row.stream,
                row.originator_version,
                row.position,
                row.inbox,
                row.topic,
                milestone,
                row.state,
                row.identity,
                row.digest,
            ),
        )


class _Collected:
    """The events of a batch, as the library collects them: in one go, not one look at each."""

    def __init__(self, events: Sequence[Recorded]) -> None:
        self._events = events
        self.id = UUID(int=0)
        self.version = 0

    def collect_events(self) -> Sequence[DomainEventProtocol[Any]]:
        return cast("Sequence[DomainEventProtocol[Any]]", self._events)


class Ledger(Application[UUID]):
    """The log of milestones and what is decided on arrival.

    env: names as the library has them. PERSISTENCE_MODULE names the module of the recorder, which reads the
    rest; COMPRESSOR_TOPIC and CIPHER_TOPIC switch those on.
    """

    name = "Ledger"
    env: ClassVar[dict[str, str]] = {"CREATE_TABLE": "no"}

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """The given settings over the class's own; the process environment has no part in it.

        Raises ValueError for settings that would break the log: tables made by the library, or its database
        functions, which append without a lock.
        """
        merged = Environment(name, {**type(self).env, **(env or {})})
        for switch in ("CREATE_TABLE", "POSTGRES_ENABLE_DB_FUNCTIONS"):
            if strtobool(merged.get(switch, "no")):
                raise ValueError(f"{switch} must stay off: the ledger's own migrations and lock do its work")
        if not merged.get("PERSISTENCE_MODULE", ""):
            raise ValueError("PERSISTENCE_MODULE must name the module of the log's recorder")
        return merged

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__(env)
        self._log = cast("LogRecorder", self.recorder)
        self._encode = cast("MilestoneMapper", self.mapper).encode
        self._pack_event = self._log.pack_event
        self._pack_accepted = self._log.pack_accepted

    def construct_mapper(self) -> MilestoneMapper:
        """Our mapper, with the compressor and cipher that the settings name."""
        return cast("MilestoneMapper", self.factory.mapper(mapper_class=MilestoneMapper))

    def accept(
        self,
        body: bytes,
        *,
        source: str,
        received_at: int,
        content_type: str | None = None,
        headers: str | None = None,
        mapping: str | None = None,
    ) -> Accepted:
        """Accepted bytes made ready; the arguments are those of Accepted."""
        digest = sha256(body).digest()
        row = self._pack_accepted(received_at, digest, source, content_type, headers, mapping, body)
        return Accepted(source, received_at, body, digest, content_type, headers, mapping, None, None, row)

    def arrive(self, milestone: Milestone, digest: bytes) -> Arrival:
        """A milestone made ready. digest: SHA-256 of its content. Raises Refused where a key is too long."""
        for key in milestone.keys:
            if len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES:
                raise Refused([Reason("key_too_long", "/data/keys", f"at most {MAX_KEY_BYTES} bytes a key")])
        return arrival_of(milestone, digest, self._encode(milestone), self._pack_event)

    def prepare(self, accepted: Accepted, milestone: Milestone, digest: bytes) -> Prepared:
        """A milestone with its accepted bytes, ready to be recorded. Raises Refused as `arrive` does."""
        return Prepared(
            accepted,
            self.arrive(milestone, digest),
            (),
            milestone.source,
            milestone.id,
            milestone.name,
        )

    def record(self, batch: Sequence[Prepared]) -> list[Outcome]:
        """Record a batch in one transaction: one outcome per item, in order; durable on return.

        Where the connection breaks, it is tried once more on a new one. A commit that was lost sight of is
        looked up first, so nothing is recorded twice or answered as a duplicate of itself. Raises
        PersistenceError where the log can't be written: then nothing of the batch is in it, or, where the
        server can't even be asked, sending the batch again is safe.
        """
        if not batch:
            return []
        try:
            return self._attempt(batch)
        except ConnectionLost:
            return self._attempt(batch)

    def _attempt(self, items: Sequence[Prepared]) -> list[Outcome]:
        wanted = asked(items)
        with self._log.unit() as unit:
            batch = Batch(items, unit.look_up(wanted))
            versions, kept = unit.look_up_more(*batch.missing(wanted))
            batch.known.versions.update(versions)
            for events in batch.decide(PIECE, kept):
                if events:
                    self.save(cast("Any", _Collected(events)), unit=unit)
            if unit.finish(batch.rows):
                unit.commit()
        return batch.outcomes

    def deal(self, stream: int) -> Deal:
        """One stream as the aggregate sees it. Raises AggregateNotFoundError."""
        return cast("Deal", self.repository.get(stream_id(stream), projector_func=cast("Any", fold)))
