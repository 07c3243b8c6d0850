"""Payloads of a bundle read again, as they were when they came in: do they say what the log holds?

It is the ledger's own way in (adapters/preparing) without a ledger behind it. Belongs here: choosing what
reads a payload, and comparing. Does not belong here: which payload a milestone has (`walking`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import msgspec

from adapters.bundles.findings import Wrong, shown
from adapters.bundles.forms import MILESTONES, PAYLOADS, MappingText, Payload, Stored
from adapters.preparing import Preparer
from adapters.sources import SOURCES, MappedSource, MappingRefused, Source
from api.remapping.differing import differences
from domain.arrivals import Accepted, Arrival, Prepared, arrival_of
from domain.canonical import content_digest
from domain.contract import SENT, read_held
from domain.ledger import Ledger
from domain.milestones import Milestone
from domain.provenance import provenance
from domain.refusals import Refused
from domain.stored import CODEC

_LEFT_OUT: Final = "its body is not in the bundle"


class _NoLedger:
    """What reading needs of a ledger, which is no more than encoding."""

    def prepare(self, accepted: Accepted, milestone: Milestone, digest: bytes) -> Prepared:
        """A milestone with what would be recorded of it."""
        arrival = arrival_of(milestone, digest, CODEC.encode(milestone))
        return Prepared(accepted, arrival, (), milestone.source, milestone.id, milestone.name)


class Rereader:
    """Reads payloads again, in the order of the log. mappings: those that the bundle brings along.

    reread: milestones that were read again. by_bundle: those of them that a mapping in the bundle read. left:
    how many were not, by reason.
    """

    def __init__(self, mappings: Mapping[str, str]) -> None:
        self.reread = 0
        self.by_bundle = 0
        self.left: Counter[str] = Counter()
        self._preparer = Preparer(cast("Ledger", _NoLedger()))
        self._mappings = mappings
        self._readers: dict[str, Source | None] = {}
        self._brought: set[str] = set()
        self._last: tuple[int, str | None] = (0, None)
        self._found: dict[bytes, Arrival] | str = _LEFT_OUT

    def check(self, stored: Stored, payload: Payload, milestone: Milestone) -> None:
        """Compare a milestone with what its payload says. Raises Wrong where that is something else."""
        by = payload.mapping and (stored.mapping or payload.mapping)
        if self._last != (payload.inbox, by):
            self._last, self._found = (payload.inbox, by), self._read(stored, payload, by)
        found = self._found
        if isinstance(found, str):
            self.left[found] += 1
            return
        self.reread += 1
        self.by_bundle += by is not None and _stamp_of(by) in self._brought
        place = f"milestone {stored.position}"
        arrival = found.get(stored.identity)
        if arrival is None:
            raise Wrong(
                MILESTONES, place, f"message {payload.inbox}, read again, holds no such milestone",
                expected=", ".join(one.topic for one in found.values()) or "none", found=stored.topic,
            )  # fmt: skip
        if arrival.state != stored.state:
            assert arrival.milestone is not None, "it was read in this process"
            raise _otherwise(place, payload, arrival.milestone, milestone)
        if arrival.digest != stored.digest:
            raise Wrong(
                MILESTONES, place, "the digest of its content is not that of its payload",
                expected=arrival.digest.hex(), found=stored.digest.hex(),
            )  # fmt: skip

    def _read(self, stored: Stored, payload: Payload, by: str | None) -> dict[bytes, Arrival] | str:
        """What a payload says, by identity; or why it is not read again."""
        body = payload.body
        if body is None:
            return _LEFT_OUT
        accepted = Accepted(
            payload.source, 0, body, payload.digest, mapping=payload.mapping, stored=payload.inbox
        )
        if by is None:
            items = [self._event(stored, accepted)]
        else:
            reader = self._reader(_stamp_of(by))
            if reader is None:
                return f"mapping {_stamp_of(by)} is not here"
            try:
                items = self._preparer.record(reader, body, provenance(by).instance, reread=accepted).items
            except (ValueError, MappingRefused) as error:
                raise Wrong(
                    PAYLOADS, f"message {payload.inbox}", f"it can't be read again: {shown(str(error))}"
                ) from None
        for item in items:
            if item.reasons:
                raise Wrong(
                    PAYLOADS, f"message {payload.inbox}",
                    f"read again, it is refused ({item.reasons[0].code} at {item.reasons[0].pointer or '/'})",
                )  # fmt: skip
        return {item.arrival.identity: item.arrival for item in items if item.arrival is not None}

    def _event(self, stored: Stored, accepted: Accepted) -> Prepared:
        """A canonical event; what the ledger itself records comes by no door that others have."""
        if stored.topic in SENT:
            return self._preparer.event(accepted.body, reread=accepted)
        try:
            milestone = read_held(accepted.body)
        except (Refused, ValueError, RecursionError) as error:
            raise Wrong(
                PAYLOADS, f"message {accepted.stored}", f"it can't be read again: {shown(str(error))}"
            ) from None
        return _NoLedger().prepare(accepted, milestone, content_digest(msgspec.json.decode(accepted.body)))

    def _reader(self, stamp: str) -> Source | None:
        if stamp not in self._readers:
            self._readers[stamp] = self._installed(stamp) or self._from_bundle(stamp)
        return self._readers[stamp]

    def _installed(self, stamp: str) -> Source | None:
        source = SOURCES.get(provenance(stamp).name)
        try:
            return source if getattr(source, "stamp", None) == stamp else None
        except MappingRefused:
            return None

    def _from_bundle(self, stamp: str) -> Source | None:
        text = self._mappings.get(stamp)
        if text is None:
            return None
        self._brought.add(stamp)
        return mapping_in_bundle(MappingText(stamp, text))


def mapping_in_bundle(line: MappingText) -> MappedSource:
    """A mapping of the bundle, ready to read. Raises Wrong where it is not the one that its stamp names."""
    name = provenance(line.stamp).name
    source = MappedSource(name, Path(f"{name}.yaml"), line.text.encode())
    try:
        found = source.stamp
    except MappingRefused as refused:
        raise Wrong("mappings.ndjson", line.stamp, f"it can't be used ({shown(str(refused))})") from None
    if found != line.stamp:
        raise Wrong(
            "mappings.ndjson", line.stamp, "the text is another mapping's", expected=line.stamp, found=found
        )
    return source


def _stamp_of(by: str) -> str:
    """`name@version#digest` of what is kept with a message."""
    return by.partition("/")[0]


def _otherwise(place: str, payload: Payload, said: Milestone, held: Milestone) -> Wrong:
    """That a payload says something else than the log holds, by the first field that differs."""
    problem = f"it is not what its payload says (message {payload.inbox}, read again)"
    if type(said) is not type(held):
        return Wrong(MILESTONES, place, problem, expected=said.name, found=held.name)
    fields = differences(said, held)
    if not fields:
        return Wrong(MILESTONES, place, problem)
    first = fields[0]
    return Wrong(
        MILESTONES, place, f"{problem}: {first.field}", expected=shown(first.before), found=shown(first.after)
    )
