"""What arrives, made ready before the log is locked, and what the sender is told.

Belongs here: the accepted bytes as a value, a message with all that can be computed from it alone, outcomes.
Does not belong here: anything that needs to know what is in the log (domain/recording.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from domain.contract import parse_event
from domain.deal import message_identity, sequence_identity
from domain.milestones import Milestone, MilestoneCorrected
from domain.placement import AMENDING, leads
from domain.refusals import Reason

#: (topic, state, identity, digest) to the part of the log's row that is known before the lock.
Packing: TypeAlias = Callable[[str, bytes, bytes, bytes], bytes]
#: waiting: a sparse message, kept until the record that it points to was fetched. Only records of a source
#: can be answered so, never an event of the contract.
#: ignored: a record that was understood and rightly yields no milestone; its bytes are kept all the same.
OutcomeName: TypeAlias = Literal["recorded", "duplicate", "conflict", "quarantined", "waiting", "ignored"]


class Fetch(NamedTuple):
    """A record that a sparse message points to, as its source names it.

    object: the source's kind of object, `deals`. id: its native id; None where the message says only that
    something of that kind has changed. reason: snake_case, why it has to be fetched.
    """

    object: str
    id: str | None
    reason: str = "notification"


class Plain(NamedTuple):
    """A personal value that a token stands for in accepted bytes; kept sealed, apart from the log.

    subject, value: the token's two parts, 8 bytes each. raw: the value's bytes as they stood in the payload.
    is_body: it is a whole payload, under a key of its own.
    """

    subject: bytes
    value: bytes
    raw: bytes
    is_body: bool = False


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """One record as it was accepted: a row of the inbox. Milestones of one record share one.

    received_at: microseconds since 1970-01-01 UTC. digest: SHA-256 of body. headers: a JSON object, as text.
    mapping: the source module that reads the body; None where it is a canonical event.
    stored: the inbox row that holds it already, where a quarantined message is read again.
    quarantine: the quarantine entry that is read again. mapped_by: the mapping that reads stored bytes now,
    where it is not the one that is kept with them. row: as in Arrival. personal: what the tokens in its body
    stand for; to be kept before the record is.
    """

    source: str
    received_at: int
    body: bytes
    digest: bytes
    content_type: str | None = None
    headers: str | None = None
    mapping: str | None = None
    stored: int | None = None
    quarantine: int | None = None
    row: bytes = b""
    mapped_by: str | None = None
    personal: tuple[Plain, ...] = ()


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A milestone with all that its recording needs to know of it; its keys as in domain.placement.Leads.

    topic: its stored name. milestone: None where another process has read it. digest: SHA-256 of its content.
    state: as stored. identity, sequence_identity: 16 bytes each. target: the identity of the milestone that
    this one corrects or voids. row: the recorder's own form of what it can pack before the log is locked;
    opaque here, and empty where it packs later. reaches: keys of a correction's replacement, whose deals are
    folded together with the target's.
    """

    topic: str
    milestone: Milestone | None
    digest: bytes
    state: bytes
    identity: bytes
    sequence_identity: bytes | None
    joining: tuple[str, ...]
    homes: tuple[str, ...]
    payment: str | None
    registers: bool
    target: bytes | None = None
    row: bytes = b""
    reaches: tuple[str, ...] = ()


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """One item of a batch: a milestone, or the reasons why there is none, or what has to be fetched for it.

    source, event_id, type: as far as they could be read; for the lists of conflicts and quarantine. Of what
    waits to be fetched, source is `<mapping>/<instance>`: where its records come from. ignored: the reason,
    snake_case, where the record rightly yields no milestone.
    """

    accepted: Accepted
    arrival: Arrival | None
    reasons: tuple[Reason, ...] = ()
    source: str | None = None
    event_id: str | None = None
    type: str | None = None
    needed: tuple[Fetch, ...] = ()
    ignored: str | None = None


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What the ledger answers (contract.md section 2).

    position: of the recorded milestone, or of the first where it is a duplicate or a conflict.
    quarantine: the entry's id where it is quarantined.
    """

    outcome: OutcomeName
    position: int | None = None
    reasons: tuple[Reason, ...] = ()
    quarantine: int | None = None


def arrival_of(milestone: Milestone, digest: bytes, state: bytes, pack: Packing | None = None) -> Arrival:
    """A milestone with its identities and keys worked out. pack: the recorder's, for `row`."""
    identity = message_identity(milestone.source, milestone.id)
    target = None
    reaches: tuple[str, ...] = ()
    if isinstance(milestone, AMENDING):
        target = message_identity(milestone.target.source, milestone.target.id)
        if isinstance(milestone, MilestoneCorrected):
            reaches = _reaches(milestone)
    return Arrival(
        milestone.name,
        milestone,
        digest,
        state,
        identity,
        sequence_identity(milestone),
        *leads(milestone),
        target,
        b"" if pack is None else pack(milestone.name, state, identity, digest),
        reaches,
    )


def _reaches(correction: MilestoneCorrected) -> tuple[str, ...]:
    found = leads(parse_event(msgspec.json.decode(correction.replacement)))
    return (*found.joining, *found.homes)


def refused(
    accepted: Accepted,
    reasons: Sequence[Reason],
    *,
    source: str | None = None,
    event_id: str | None = None,
    type: str | None = None,  # noqa: A002 - the attribute's own name
) -> Prepared:
    """An item that goes to quarantine."""
    assert reasons, "a refusal has a reason"
    return Prepared(accepted, None, tuple(reasons), source, event_id, type)


def sparse(accepted: Accepted, needed: Sequence[Fetch], *, source: str) -> Prepared:
    """An item that waits until what it points to is fetched. source: `<mapping>/<instance>`."""
    assert needed, "a sparse message points to something"
    return Prepared(accepted, None, source=source, needed=tuple(needed))


def left_aside(accepted: Accepted, reason: str) -> Prepared:
    """An item that rightly yields no milestone; its bytes are kept. reason: snake_case."""
    assert reason, "a reason to ignore a record has a name"
    return Prepared(accepted, None, ignored=reason)
