"""Walking through the milestones of a bundle in order: each with its commit, its payload and its leaf.

What the log holds has to follow from the milestones alone: the decisions that placed each of them are taken
again, and every leaf is computed again. Belongs here: that walk, in steps that do not grow with the bundle.
Does not belong here: signatures and checkpoints (`checking`), what payloads say (`rereading`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from adapters.bundles import forms
from adapters.bundles.findings import Wrong, shown
from adapters.bundles.forms import COMMITS, LEAVES, MILESTONES, PAYLOADS, Commit, Payload, Stored
from adapters.bundles.reading import Bundle
from adapters.bundles.replay import Decided, Replay
from domain.arrivals import Accepted, Prepared, arrival_of
from domain.contract import CATALOGUE
from domain.deal import message_identity
from domain.leaves import LeafRefused, accepted_digest, entry
from domain.merkle import HASH_BYTES, RightEdge, leaf_hash
from domain.milestones import Milestone
from domain.refusals import Refused
from domain.stored import CODEC, UnknownStored

#: Milestones, and bytes of their payloads, that are at hand at a time.
STEP: Final = 1_000
STEP_BYTES: Final = 16 * 2**20


class Held(NamedTuple):
    """A milestone of the bundle. recorded_at: microseconds since 1970."""

    stored: Stored
    payload: Payload
    recorded_at: int
    milestone: Milestone
    item: Prepared


class Step(NamedTuple):
    """Some milestones that follow each other, and what was decided of them again."""

    held: list[Held]
    decided: Decided


class Commits:
    """The commits of a bundle, asked by rising positions."""

    def __init__(self, bundle: Bundle) -> None:
        self._lines = bundle.lines(Commit, COMMITS)
        self._last = 0
        self._at = -(2**63)

    def recorded_at(self, position: int) -> int:
        """When a position was recorded. Raises Wrong where no commit covers it, or commits have gaps."""
        while position > self._last:
            line = next(self._lines, None)
            if line is None:
                raise Wrong(COMMITS, "", f"no commit covers milestone {position}")
            place = f"the commit of {line.first}"
            if line.first != self._last + 1 or line.last < line.first:
                raise Wrong(
                    COMMITS, place, "commits leave a gap or overlap",
                    expected=f"first {self._last + 1}", found=f"first {line.first}, last {line.last}",
                )  # fmt: skip
            at = forms.microseconds(line.recorded_at, COMMITS, place)
            if at <= self._at:
                raise Wrong(COMMITS, place, "it was not recorded after the one before it")
            self._last, self._at = line.last, at
        return self._at

    def end(self) -> None:
        """Raises Wrong where there are more than are needed."""
        if (more := next(self._lines, None)) is not None:
            raise Wrong(COMMITS, f"the commit of {more.first}", "no milestone belongs to it")


class Payloads:
    """The payloads of a bundle, in the order in which milestones first need them."""

    def __init__(self, bundle: Bundle, replay: Replay) -> None:
        self._bundle = bundle
        self._replay = replay
        self._lines = bundle.placed_lines(Payload, PAYLOADS)
        self._highest = 0
        self._current: Payload | None = None

    def of(self, stored: Stored) -> Payload:
        """The message that a milestone came in. Raises Wrong."""
        inbox = stored.inbox
        if self._current is not None and self._current.inbox == inbox:
            return self._current
        at = None if inbox > self._highest else self._replay.places([inbox]).get(inbox)
        if at is None:
            self._current = self._next(stored)
        else:
            self._current = self._bundle.line_at(Payload, PAYLOADS, at)
        return self._current

    def _next(self, stored: Stored) -> Payload:
        placed = next(self._lines, None)
        if placed is None:
            raise Wrong(MILESTONES, f"milestone {stored.position}", f"message {stored.inbox} is not there")
        number, at, found = placed
        if found.inbox != stored.inbox:
            raise Wrong(
                PAYLOADS, f"line {number}", f"it should be what milestone {stored.position} came in",
                expected=f"message {stored.inbox}", found=f"message {found.inbox}",
            )  # fmt: skip
        self._replay.place([(found.inbox, at)])
        self._highest = max(self._highest, found.inbox)
        _check_body(found)
        return found

    def end(self) -> None:
        """Raises Wrong where there are more than milestones came in."""
        if (more := next(self._lines, None)) is not None:
            raise Wrong(PAYLOADS, f"line {more[0]}", f"no milestone came in message {more[2].inbox}")


def _check_body(payload: Payload) -> None:
    place = f"message {payload.inbox}"
    body = payload.body
    if payload.text is not None and payload.base64 is not None:
        raise Wrong(PAYLOADS, place, "it has its body twice")
    if len(payload.digest) != HASH_BYTES:
        raise Wrong(PAYLOADS, place, f"its digest has not {HASH_BYTES} bytes")
    if body is None:
        return
    if payload.base64 is not None and forms.is_text(payload.base64):
        raise Wrong(PAYLOADS, place, "its body is text, and is not shown as text")
    if len(body) != payload.size:
        raise Wrong(
            PAYLOADS, place, "its body has another length",
            expected=f"{payload.size} bytes", found=f"{len(body)}",
        )  # fmt: skip
    digest = sha256(body).digest()
    if digest != payload.digest:
        raise Wrong(
            PAYLOADS, place, "its body is not the one that was accepted",
            expected=f"SHA-256 {payload.digest.hex()}", found=digest.hex(),
        )  # fmt: skip


class Walk:
    """One way through a bundle. whole: whether payloads have to have their bodies.

    leaf: called with each leaf's number and hash, after it was found to be the one in the bundle.
    """

    def __init__(self, bundle: Bundle, size: int, *, whole: bool, leaf: Callable[[RightEdge], None]) -> None:
        self._bundle = bundle
        self._size = size
        self._whole = whole
        self._leaf = leaf
        self._edge = RightEdge()
        #: where the walk is, for what nobody foresaw
        self.place = ""

    def steps(self, replay: Replay, upto: int | None = None) -> Iterator[Step]:
        """All milestones, or those up to a position, some at a time.

        Raises Wrong with the first that is not what it should be, after the step that holds those before it.
        """
        lines = self._bundle.lines(Stored, MILESTONES)
        hashes = self._bundle.blocks(LEAVES, HASH_BYTES)
        commits, payloads = Commits(self._bundle), Payloads(self._bundle, replay)
        position, last = 0, self._size if upto is None else min(upto, self._size)
        wrong: Wrong | None = None
        while wrong is None and position < last:
            held: list[Held] = []
            size = 0
            try:
                while position < last and len(held) < STEP and size < STEP_BYTES:
                    self.place = f"milestone {position + 1}"
                    one = self._held(position + 1, lines, hashes, commits, payloads)
                    held.append(one)
                    position += 1
                    size += one.payload.size
            except Wrong as error:
                wrong = error
            if held:
                yield Step(held, self._decided(replay, held))
        if wrong is not None:
            raise wrong
        if last < self._size:
            return
        self._end(lines, hashes)
        commits.end()
        payloads.end()

    def _held(
        self,
        position: int,
        lines: Iterator[Stored],
        hashes: Iterator[bytes],
        commits: Commits,
        payloads: Payloads,
    ) -> Held:
        stored = next(lines, None)
        place = f"milestone {position}"
        if stored is None:
            raise Wrong(MILESTONES, place, f"it is not there, and there should be {self._size}")
        if stored.position != position:
            raise Wrong(
                MILESTONES, place, "positions leave a gap or repeat",
                expected=f"position {position}", found=f"{stored.position}",
            )  # fmt: skip
        recorded_at = commits.recorded_at(position)
        payload = payloads.of(stored)
        if self._whole and payload.body is None:
            raise Wrong(PAYLOADS, f"message {payload.inbox}", "its body is not there")
        received_at = forms.microseconds(payload.received_at, PAYLOADS, f"message {payload.inbox}")
        self._grow(stored, payload, recorded_at, received_at, next(hashes, b""))
        milestone = _decoded(stored, place)
        accepted = Accepted(
            payload.source, received_at, b"", payload.digest, mapping=payload.mapping, stored=payload.inbox
        )
        try:
            arrival = arrival_of(milestone, stored.digest, stored.state)
        except (Refused, msgspec.MsgspecError) as error:
            raise Wrong(MILESTONES, place, f"what it corrects can't be read ({shown(str(error))})") from None
        return Held(stored, payload, recorded_at, milestone, Prepared(accepted, arrival))

    def _grow(
        self, stored: Stored, payload: Payload, recorded_at: int, received_at: int, found: bytes
    ) -> None:
        """Add a milestone's leaf to the tree. Raises Wrong where another one stands in the bundle."""
        place = f"milestone {stored.position}"
        try:
            accepted = accepted_digest(
                payload.inbox, received_at, payload.source, payload.content_type, payload.headers,
                stored.mapping or payload.mapping, payload.digest,
            )  # fmt: skip
            leaf = leaf_hash(
                entry(
                    stored.position, recorded_at, stored.stream, stored.version, stored.topic,
                    stored.identity, stored.digest, stored.state, accepted,
                )
            )  # fmt: skip
        except (LeafRefused, struct.error, UnicodeError) as error:
            raise Wrong(MILESTONES, place, f"no leaf can be made of it ({shown(str(error))})") from None
        if leaf != found:
            raise Wrong(
                LEAVES, f"leaf {stored.position - 1}", f"it is not the leaf of milestone {stored.position}",
                expected=leaf.hex(), found=found.hex() or "nothing",
            )  # fmt: skip
        self._edge.append(leaf)
        self._leaf(self._edge)

    def _decided(self, replay: Replay, held: Sequence[Held]) -> Decided:
        """Decide some milestones again. Raises Wrong with the first that would have come out otherwise."""
        decided = replay.decide([one.item for one in held])
        events = iter(decided.events)
        for one, outcome in zip(held, decided.outcomes, strict=True):
            stored, place = one.stored, f"milestone {one.stored.position}"
            self.place = place
            if outcome.outcome != "recorded":
                raise Wrong(
                    MILESTONES, place,
                    f"the ledger would not have recorded it: it is a {outcome.outcome} of"
                    f" milestone {outcome.position}",
                )  # fmt: skip
            event = next(events)
            for name, said, expected in (
                ("stream", stored.stream, event.stream),
                ("version", stored.version, event.version),
            ):
                if said != expected:
                    raise Wrong(
                        MILESTONES, place, f"its {name} does not follow from the milestones before it",
                        expected=str(expected), found=str(said),
                    )  # fmt: skip
        return decided

    def _end(self, lines: Iterator[Stored], hashes: Iterator[bytes]) -> None:
        if (more := next(lines, None)) is not None:
            raise Wrong(MILESTONES, f"milestone {more.position}", f"there should be {self._size} only")
        if next(hashes, None) is not None:
            raise Wrong(LEAVES, f"leaf {self._size}", f"there should be {self._size} only")


def _decoded(stored: Stored, place: str) -> Milestone:
    try:
        milestone = CODEC.decode(stored.topic, stored.state)
    except (UnknownStored, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Wrong(MILESTONES, place, f"its state can't be read ({shown(str(error))})") from None
    if stored.topic in CATALOGUE and CODEC.encode(milestone) != stored.state:
        raise Wrong(MILESTONES, place, "its state is not written the one way")
    identity = message_identity(milestone.source, milestone.id)
    if identity != stored.identity:
        raise Wrong(
            MILESTONES, place, "its identity is not that of its source and id",
            expected=identity.hex(), found=stored.identity.hex(),
        )  # fmt: skip
    return milestone
