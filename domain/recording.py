"""A batch of arrivals decided in order, given what the log holds: which rows are to be written.

Belongs here: the pure step between looking up and writing, for many items at once; items earlier in the batch
count as on record. Does not belong here: what makes a duplicate (domain/deal.py), where keys lead
(domain/placement.py), transactions (domain/ledger.py and the recorder behind it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from domain.arrivals import Accepted, Arrival, Outcome, Prepared
from domain.deal import Conflict, Duplicate, First, Recorded, judge
from domain.placement import Forest, place
from domain.provenance import feed_of
from domain.refusals import Reason


class Asked(NamedTuple):
    """What a batch needs to know of the log; identities have 16 bytes, and may be repeated.

    quarantined: digests of bodies that could not be understood. ignored: of those that rightly yield nothing.
    """

    identities: list[bytes]
    sequences: list[bytes]
    keys: set[str]
    quarantined: list[bytes]
    ignored: list[bytes] = []  # noqa: RUF012 - never changed


class Known(msgspec.Struct):
    """What the log holds, read under the writers' lock. Deciding a batch adds to it.

    head, inbox, conflicts, quarantined: the last number given out in each. recorded_at: microseconds since
    1970-01-01 UTC at which this batch is recorded. firsts: by identity and by sequence identity. versions:
    the last of each stream, of roots only. held: quarantine entries that are open or dismissed, by (digest of
    the body, feed). left: (digest of the body, feed, reason) of what is kept as ignored.
    awaited: streams of corrections and voids that came before their target, by the target's identity.
    """

    head: int
    inbox: int
    conflicts: int
    quarantined: int
    recorded_at: int
    firsts: dict[bytes | None, First]
    streams: dict[str, int]
    forest: Forest
    versions: dict[int, int]
    held: dict[tuple[bytes, str | None], int]
    awaited: dict[bytes, list[int]] = {}
    left: set[tuple[bytes, str | None, str]] = set()


class KeptConflict(NamedTuple):
    """A row for the table of conflicts."""

    id: int
    inbox: int
    position: int
    item: Prepared
    arrival: Arrival


class Held(NamedTuple):
    """A row for the quarantine."""

    id: int
    inbox: int
    item: Prepared


class Replayed(NamedTuple):
    """A row about a quarantined message that was read again. mapping: by which."""

    quarantine: int
    outcome: Outcome
    mapping: str | None


class Ignored(NamedTuple):
    """A row about a message that rightly yielded no milestone."""

    inbox: int
    item: Prepared


class Awaited(NamedTuple):
    """A sparse message: what it points to has to be fetched."""

    inbox: int
    item: Prepared


class Rows(msgspec.Struct):
    """All that one batch leaves behind besides its milestones, by table."""

    recorded_at: int
    inbox: list[tuple[int, Accepted]] = []
    sequences: list[tuple[bytes, int]] = []
    keys: list[tuple[str, int, int]] = []
    links: list[tuple[int, int, int]] = []
    crossings: list[tuple[int, int, int]] = []
    conflicts: list[KeptConflict] = []
    quarantine: list[Held] = []
    replays: list[Replayed] = []
    awaited: list[tuple[bytes, int, int]] = []
    fetches: list[Awaited] = []
    ignored: list[Ignored] = []
    remapped: list[tuple[int, str]] = []

    @property
    def is_more_than_milestones(self) -> bool:
        """Whether something is left that no milestone brings with it."""
        return bool(self.conflicts or self.quarantine or self.replays or self.fetches or self.ignored)


def asked(batch: Sequence[Prepared]) -> Asked:
    """What has to be looked up for a batch."""
    arrivals = [item.arrival for item in batch if item.arrival is not None]
    identities = [arrival.identity for arrival in arrivals]
    identities += [arrival.target for arrival in arrivals if arrival.target is not None]
    keys: set[str] = set()
    for arrival in arrivals:
        keys.update(arrival.joining)
        if arrival.homes:
            keys.update(arrival.homes)
        if arrival.reaches:
            keys.update(arrival.reaches)
    return Asked(
        identities,
        [arrival.sequence_identity for arrival in arrivals if arrival.sequence_identity is not None],
        keys,
        [item.accepted.digest for item in batch if item.reasons],
        [item.accepted.digest for item in batch if item.ignored is not None],
    )


class Batch:
    """One batch being decided, in order, in pieces: rows and outcomes grow as it goes on."""

    def __init__(self, items: Sequence[Prepared], known: Known) -> None:
        self.known = known
        self.rows = Rows(known.recorded_at)
        self.outcomes: list[Outcome] = []
        self._items = items
        self._kept: set[tuple[bytes, bytes]] = set()
        self._accepted: Accepted | None = None
        self._inbox = 0

    def missing(self, wanted: Asked) -> tuple[list[int], list[bytes]]:
        """What has to be looked up besides, once the first look-ups are known.

        The streams that new milestones may go to and whose last version is unknown; and the identities whose
        kept conflicts matter.
        """
        known = self.known
        streams, root, versions, firsts = known.streams, known.forest.root, known.versions, known.firsts
        candidates = {streams[key] for key in wanted.keys if key in streams}
        if firsts:
            candidates.update(firsts[target].stream for target in wanted.identities if target in firsts)
        # only roots have a remembered version
        unversioned = {root(stream) for stream in candidates if stream not in versions}
        conflicting = [
            item.arrival.identity
            for item in (self._items if firsts else ())
            if item.arrival is not None and isinstance(self._judge(item.arrival), Conflict)
        ]
        return [stream for stream in unversioned if stream not in versions], conflicting

    def decide(self, size: int, kept: set[tuple[bytes, bytes]]) -> Iterator[list[Recorded]]:
        """Decide the items in order; the new milestones of each piece of `size` items.

        kept: (identity, digest) of conflicts that are kept already.
        """
        self._kept = kept
        answer, replays = self.outcomes.append, self.rows.replays
        first_of, append = self.known.firsts.get, self._append
        for start in range(0, len(self._items), size):
            events: list[Recorded] = []
            for item in self._items[start : start + size]:
                arrival, accepted = item.arrival, item.accepted
                if arrival is None:
                    outcome = self._set_aside(item)
                elif (
                    verdict := judge(
                        first_of(arrival.identity), first_of(arrival.sequence_identity), arrival.digest
                    )
                ) is None:
                    outcome = append(arrival, accepted, events)
                elif isinstance(verdict, Conflict):
                    outcome = self._keep(item, arrival, verdict)
                else:
                    outcome = Outcome("duplicate", verdict.position)
                answer(outcome)
                if accepted.quarantine is not None:
                    mapping = accepted.mapped_by or accepted.mapping
                    replays.append(Replayed(accepted.quarantine, outcome, mapping))
            yield events

    def _judge(self, arrival: Arrival) -> Duplicate | Conflict | None:
        first_of = self.known.firsts.get
        return judge(first_of(arrival.identity), first_of(arrival.sequence_identity), arrival.digest)

    def _append(self, arrival: Arrival, accepted: Accepted, events: list[Recorded]) -> Outcome:
        known = self.known
        position = known.head = known.head + 1
        stream = self._place(arrival, position)
        version = known.versions[stream] = known.versions[stream] + 1
        digest, identity = arrival.digest, arrival.identity
        first = known.firsts[identity] = First(position, digest, stream)
        if (by_version := arrival.sequence_identity) is not None:
            known.firsts[by_version] = first
            self.rows.sequences.append((by_version, position))
        inbox = self._inbox if accepted is self._accepted else self._accept(accepted)
        if accepted.mapped_by is not None:
            self.rows.remapped.append((position, accepted.mapped_by))
        topic, milestone, state, row = arrival.topic, arrival.milestone, arrival.state, arrival.row
        events.append(
            Recorded(stream, version, position, inbox, topic, milestone, state, identity, digest, row)
        )
        return Outcome("recorded", position)

    def _place(self, arrival: Arrival, position: int) -> int:
        """The milestone's stream; its links, crossings and newly seen keys become rows."""
        known, rows = self.known, self.rows
        streams, forest = known.streams, known.forest
        joining, homes = arrival.joining, arrival.homes
        stream, absorbed = place(joining, homes, streams, forest)
        if arrival.target is not None:
            target = known.firsts.get(arrival.target)
            stream = None if target is None else forest.root(target.stream)
        if stream is None:
            stream = position
            known.versions[position] = 0
        for child in absorbed:
            forest.link(child, stream)
            known.versions.pop(child, None)
            rows.links.append((child, stream, position))
        if homes or arrival.target is not None or known.awaited:
            self._cross(arrival, stream, position)
        if arrival.registers:
            for key in (*joining, *homes):
                if key not in streams:
                    streams[key] = stream
                    rows.keys.append((key, stream, position))
        return stream

    def _cross(self, arrival: Arrival, stream: int, position: int) -> None:
        """The streams that have to be folded together with the milestone's, without being one deal with it.

        Those of the same payment, by any of its keys (a bank's receipt also carries the key that the ERP
        knows it by); of the deals that a correction's replacement names; of corrections that waited for it.
        """
        known, rows = self.known, self.rows
        streams, root = known.streams, known.forest.root
        met = {root(streams[key]) for key in (*arrival.homes, *arrival.reaches) if key in streams}
        met.update(map(root, known.awaited.get(arrival.identity, ())))
        rows.crossings += [(stream, home, position) for home in sorted(met) if home != stream]
        for key in arrival.reaches:
            if key not in streams:
                streams[key] = stream
                rows.keys.append((key, stream, position))
        if arrival.target is not None and arrival.target not in known.firsts:
            known.awaited.setdefault(arrival.target, []).append(stream)
            rows.awaited.append((arrival.target, stream, position))

    def _accept(self, accepted: Accepted) -> int:
        """The inbox row of the accepted bytes: a new one, unless they are stored already."""
        if accepted is self._accepted:
            return self._inbox
        self._accepted = accepted
        if accepted.stored is not None:
            self._inbox = accepted.stored
        else:
            self._inbox = self.known.inbox = self.known.inbox + 1
            self.rows.inbox.append((self._inbox, accepted))
        return self._inbox

    def _keep(self, item: Prepared, arrival: Arrival, conflict: Conflict) -> Outcome:
        if (arrival.identity, arrival.digest) not in self._kept:
            self._kept.add((arrival.identity, arrival.digest))
            self.known.conflicts += 1
            self.rows.conflicts.append(
                KeptConflict(
                    self.known.conflicts, self._accept(item.accepted), conflict.position, item, arrival
                )
            )
        return Outcome("conflict", conflict.position)

    def _set_aside(self, item: Prepared) -> Outcome:
        """What becomes of an item without a milestone."""
        if item.ignored is not None:
            return self._leave(item, item.ignored)
        return self._await(item) if item.needed else self._hold(item)

    def _leave(self, item: Prepared, reason: str) -> Outcome:
        accepted, left = item.accepted, self.known.left
        same = (accepted.digest, feed_of(accepted.mapping), reason)
        # what is stored already is left anew where another mapping left it
        if same not in left or accepted.stored is not None:
            left.add(same)
            self.rows.ignored.append(Ignored(self._accept(accepted), item))
        return Outcome("ignored", None, (Reason(reason, "", "rightly yields no milestone"),))

    def _hold(self, item: Prepared) -> Outcome:
        accepted, known = item.accepted, self.known
        entry = accepted.quarantine
        if entry is None:
            entry = known.held.get((accepted.digest, feed_of(accepted.mapping)))
        if entry is None:
            entry = known.quarantined = known.quarantined + 1
            known.held[accepted.digest, feed_of(accepted.mapping)] = entry
            self.rows.quarantine.append(Held(entry, self._accept(accepted), item))
        return Outcome("quarantined", None, item.reasons, entry)

    def _await(self, item: Prepared) -> Outcome:
        self.rows.fetches.append(Awaited(self._accept(item.accepted), item))
        return Outcome("waiting")
