"""The deal as an aggregate: what the ledger decides when a milestone arrives, and nothing else.

Belongs here: is a message new, a duplicate or a conflict (contract.md section 2), and what a deal has on
record. Does not belong here: which deal it is (domain/placement.py), many messages at once
(domain/recording.py), what milestones mean for reports (projections).

Deciding twice decides nothing: `decide` on a deal that has evolved by its own event answers Duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from domain.canonical import identity_bytes
from domain.milestones import Milestone


class First(msgspec.Struct, frozen=True, gc=False):
    """What stands on record under an identity. digest: SHA-256 of its content, 32 bytes."""

    position: int
    digest: bytes
    stream: int


class Duplicate(NamedTuple):
    """The same message again. position: of the first."""

    position: int


class Conflict(NamedTuple):
    """The same identity with other content. position: of the content on record, which stands."""

    position: int


@lru_cache(maxsize=65_536)
def stream_id(stream: int) -> UUID:
    """The stream's number as the originator id that the event store knows."""
    return UUID(int=stream)


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """A milestone that is new in the log.

    stream: number of its stream, which is the position of the stream's first milestone.
    version: 1 for the first of its stream. inbox: the row that holds the accepted bytes. topic: the stored
    name. milestone: None where the writer was handed only the state. state: the milestone as stored,
    compressed and encrypted where that is switched on. identity: of (source, id), 16 bytes.
    row: the recorder's own form of what it could prepare before the log was locked; opaque here.
    """

    stream: int
    version: int
    position: int
    inbox: int
    topic: str
    milestone: Milestone | None
    state: bytes
    identity: bytes
    digest: bytes
    row: bytes = b""

    @property
    def originator_id(self) -> UUID:
        """The stream, as the event store names it."""
        return stream_id(self.stream)

    @property
    def originator_version(self) -> int:
        """The version, as the event store names it."""
        return self.version


Decision: TypeAlias = Recorded | Duplicate | Conflict


class Deal(msgspec.Struct, frozen=True):
    """One stream of a deal, as far as arrivals need to know it.

    identities: what stands on record under each identity and sequence identity. keys: all that were stated.
    """

    stream: int = 0
    version: int = 0
    identities: Mapping[bytes, First] = {}
    keys: frozenset[str] = frozenset()

    @property
    def id(self) -> UUID:
        """The stream, as the event store names it."""
        return stream_id(self.stream)


def message_identity(source: str, event_id: str) -> bytes:
    """The 16 bytes that name a message: its source and id."""
    return identity_bytes(source, event_id)


def sequence_identity(milestone: Milestone) -> bytes | None:
    """The 16 bytes that name a version of a subject, where the source numbers them."""
    if milestone.sequence is None:
        return None
    return identity_bytes("seq", milestone.source, milestone.subject, milestone.name, milestone.sequence)


def judge(by_message: First | None, by_sequence: First | None, digest: bytes) -> Duplicate | Conflict | None:
    """The outcome for content `digest`, given what stands under its two identities; None where it is new."""
    first = by_message or by_sequence
    if first is None:
        return None
    return Duplicate(first.position) if first.digest == digest else Conflict(first.position)


def decide(
    deal: Deal, milestone: Milestone, digest: bytes, *, position: int, inbox: int = 0, state: bytes = b""
) -> Decision:
    """What becomes of a milestone that arrives for this deal. position: the log's next one."""
    name, by_version = message_identity(milestone.source, milestone.id), sequence_identity(milestone)
    settled = judge(
        deal.identities.get(name), deal.identities.get(by_version) if by_version else None, digest
    )
    if settled is not None:
        return settled
    stream = deal.stream or position
    return Recorded(stream, deal.version + 1, position, inbox, milestone.name, milestone, state, name, digest)


def evolve(deal: Deal, event: Recorded) -> Deal:
    """The deal after the event."""
    assert event.version == deal.version + 1, "versions have no gaps"
    assert event.milestone is not None, "what is folded has been read"
    first = First(event.position, event.digest, event.stream)
    named = {**deal.identities, event.identity: first}
    if (by_version := sequence_identity(event.milestone)) is not None:
        named[by_version] = first
    return Deal(event.stream, event.version, named, deal.keys.union(event.milestone.keys))


def fold(deal: Deal | None, events: Iterable[Any]) -> Deal | None:
    """A deal from its events: the projector function of the event store's repository."""
    for event in events:
        deal = evolve(deal or Deal(), event)
    return deal
