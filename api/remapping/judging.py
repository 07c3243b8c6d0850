"""What one message's new reading would change. Pure: given what the log holds, the effects, in order.

Belongs here: telling the same from the changed, the new and the vanished. Does not belong here: looking up
(adapters/standing.py), counting (telling), recording (applying).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from adapters.postgres.remapping import Message
from adapters.preparing import Preparation
from adapters.standing import Known, Recorded, says_the_same
from domain import milestones as m
from domain.arrivals import Arrival
from domain.refusals import Reason

#: What the ledger would answer to a milestone that it is sent.
Answer: TypeAlias = Literal["recorded", "duplicate", "conflict"]


class Changed(NamedTuple):
    """A milestone that would say something else. item: the number of the new one in the message's reading."""

    recorded: Recorded
    now: m.Milestone
    item: int


class Vanished(NamedTuple):
    """A milestone that the message does not come to any more."""

    recorded: Recorded


class New(NamedTuple):
    """A milestone that the message has not come to before."""

    milestone: m.Milestone
    identity: bytes
    digest: bytes
    item: int


class Decided(NamedTuple):
    """A milestone that would differ, had nobody corrected it or taken it back: it is left alone."""

    recorded: Recorded


class Released(NamedTuple):
    """A quarantined message that would come in. answers: what the ledger says to each milestone, with its
    type.

    ignored: the reason, where it rightly yields none. waits: it points to a record that has to be fetched.
    """

    entry: int
    answers: tuple[tuple[str, Answer], ...] = ()
    identities: tuple[tuple[bytes, bytes], ...] = ()
    ignored: str | None = None
    waits: bool = False


class Refused(NamedTuple):
    """A message that was understood and would not be any more. What it recorded stays as it is."""

    reasons: tuple[Reason, ...]
    positions: tuple[int, ...]


class Ignored(NamedTuple):
    """A message that recorded something and would rightly yield nothing."""

    reason: str


class Waits(NamedTuple):
    """A message that yielded nothing and would point to a record that has to be fetched."""


Effect: TypeAlias = Changed | Vanished | New | Decided | Released | Refused | Ignored | Waits

#: What a message without any effect is.
Rest: TypeAlias = Literal["unchanged", "quarantined", "dismissed"]


class Judged(NamedTuple):
    """What becomes of a message. rest: what it is where nothing changes."""

    effects: list[Effect]
    rest: Rest = "unchanged"


@dataclass
class Seen:
    """Milestones that earlier messages have come to and that are not on record yet, up to a number."""

    most: int = 1_000_000
    digests: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, arrival: Arrival) -> None:
        """Remember one, under both of its identities."""
        if len(self.digests) < self.most:
            self.digests[arrival.identity] = arrival.digest
            if arrival.sequence_identity is not None:
                self.digests[arrival.sequence_identity] = arrival.digest


def judge(message: Message, reading: Preparation, known: Known, seen: Seen) -> Judged:
    """The effects of reading a message again. What is new in it is added to `seen`."""
    if message.status == "dismissed":
        return Judged([], "dismissed")
    if message.status == "open" and message.entry is not None:
        return _of_quarantined(message.entry, reading, known, seen)
    recorded = [known.recorded[position] for position in message.positions]
    first = reading.items[0]
    if first.reasons:
        # what is refused still is refused again by the same reading
        return Judged([Refused(first.reasons, message.positions)] if recorded or message.is_ignored else [])
    if reading.ignored is not None:
        gone = _gone(recorded)
        return Judged([Ignored(reading.ignored), *gone] if gone else [])
    if first.needed:
        return Judged([Waits()] if message.is_ignored and not recorded else [])
    arrivals = [item.arrival for item in reading.items if item.arrival is not None]
    return Judged(_of_milestones(arrivals, recorded, known, seen))


def _of_quarantined(entry: int, reading: Preparation, known: Known, seen: Seen) -> Judged:
    first = reading.items[0]
    if first.reasons:
        return Judged([], "quarantined")
    if reading.ignored is not None:
        return Judged([Released(entry, ignored=reading.ignored)])
    if first.needed:
        return Judged([Released(entry, waits=True)])
    answers: list[tuple[str, Answer]] = []
    arrivals = [item.arrival for item in reading.items if item.arrival is not None]
    for arrival in arrivals:
        answers.append((arrival.topic, _answer(arrival, known, seen)))
        if answers[-1][1] == "recorded":
            seen.add(arrival)
    identities = tuple((arrival.identity, arrival.digest) for arrival in arrivals)
    return Judged([Released(entry, tuple(answers), identities)])


def _answer(arrival: Arrival, known: Known, seen: Seen) -> Answer:
    """What the ledger would answer (contract.md section 2)."""
    for identity in (arrival.identity, arrival.sequence_identity):
        if identity is None:
            continue
        first = known.first.get(identity)
        digest = seen.digests.get(identity) if first is None else first.digest
        if digest is not None:
            return "duplicate" if digest == arrival.digest else "conflict"
    return "recorded"


def _of_milestones(
    arrivals: list[Arrival], recorded: list[Recorded], known: Known, seen: Seen
) -> list[Effect]:
    left = {one.identity: one for one in recorded}
    by_position = {one.position: one for one in recorded}
    matched: list[tuple[int, Arrival, Recorded | None]] = []
    for number, arrival in enumerate(arrivals):
        matched.append((number, arrival, left.pop(arrival.identity, None)))
    effects: list[Effect] = []
    for number, arrival, match in matched:
        before = match or _by_sequence(arrival, by_position, left, known)
        assert arrival.milestone is not None, "it was read here"
        if before is not None:
            effects += _compared(before, arrival.milestone, number)
        elif _answer(arrival, known, seen) == "recorded":
            seen.add(arrival)
            effects.append(New(arrival.milestone, arrival.identity, arrival.digest, number))
    return [*effects, *_gone(list(left.values()))]


def _by_sequence(
    arrival: Arrival, by_position: dict[int, Recorded], left: dict[bytes, Recorded], known: Known
) -> Recorded | None:
    """The milestone of the same message with the same number in its source's sequence, under another id."""
    if arrival.sequence_identity is None or arrival.identity in known.first:
        return None
    first = known.first.get(arrival.sequence_identity)
    before = None if first is None else by_position.get(first.position)
    return None if before is None else left.pop(before.identity, None)


def _compared(before: Recorded, now: m.Milestone, item: int) -> list[Effect]:
    if before.is_decided:
        return [] if says_the_same(before.milestone, now) else [Decided(before)]
    if before.stands is not None and says_the_same(before.stands, now):
        return []
    return [Changed(before, now, item)]


def _gone(recorded: list[Recorded]) -> list[Effect]:
    """Milestones that the message does not come to any more, but for those that were taken back already."""
    effects: list[Effect] = []
    for one in recorded:
        if one.is_decided:
            if one.stands is not None:
                effects.append(Decided(one))
        elif one.stands is not None:
            effects.append(Vanished(one))
    return effects
