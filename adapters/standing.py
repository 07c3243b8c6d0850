"""What stands of milestones on record: as recorded, corrected, or taken back.

Belongs here: reading that for a batch of them. Does not belong here: what would be different by another
mapping (api/remapping), or is by a source (feeds/inventory.py), and who may correct what (projections).

A correction or void that a changed mapping led to is ours, and may be followed by another. One that anybody
else said is a decision about that milestone, which no mapping overrules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec
from psycopg import Connection

from adapters.postgres import remapping as log
from adapters.postgres.remapping import AmendmentRow, OnRecord
from domain import milestones as m
from domain.arrivals import Arrival
from domain.contract import parse_event
from domain.deal import message_identity
from domain.ledger import Ledger, MilestoneMapper

_AMENDING: Final = (m.MilestoneCorrected, m.MilestoneVoided)
_TOPICS: Final = [str(kind.__struct_config__.tag) for kind in _AMENDING]
_Amendment: TypeAlias = "m.MilestoneCorrected | m.MilestoneVoided"


class Recorded(NamedTuple):
    """A milestone that a message recorded, and what stands of it.

    stands: what counts in its place now; None where it was taken back. superseded: the position of what says
    so now: its own, or its last correction's. is_decided: somebody else has corrected it or taken it back.
    """

    position: int
    identity: bytes
    milestone: m.Milestone
    stands: m.Milestone | None
    superseded: int
    is_decided: bool


class Known(NamedTuple):
    """What the log holds for a batch of messages. first: by identity and by identity of the sequence."""

    recorded: Mapping[int, Recorded]
    first: Mapping[bytes, OnRecord]


def known(
    connection: Connection[Any], ledger: Ledger, positions: Sequence[int], arrivals: Iterable[Arrival]
) -> Known:
    """Look it up.

    positions: of all milestones that the messages recorded. arrivals: what they come to now.
    """
    arrivals = list(arrivals)
    sequences = [one.sequence_identity for one in arrivals if one.sequence_identity is not None]
    first = log.on_record(connection, [one.identity for one in arrivals], sequences)
    rows = log.recorded(connection, positions) if positions else []
    decode = cast("MilestoneMapper", ledger.mapper).decode
    amended = _amended(connection, ledger, rows)
    found = {}
    for row in rows:
        milestone = decode(row.topic, row.state)
        found[row.position] = _recorded(row, milestone, amended)
    return Known(found, first)


class _Said(NamedTuple):
    """An amendment of some milestone. is_ours: a changed mapping led to it."""

    position: int
    identity: bytes
    amendment: _Amendment
    is_ours: bool
    is_amended: bool


def _amended(
    connection: Connection[Any], ledger: Ledger, rows: Sequence[log.RecordedRow]
) -> dict[bytes, list[_Said]]:
    """The amendments of each milestone, by its identity, in the order of recording."""
    if not rows:
        return {}
    decode = cast("MilestoneMapper", ledger.mapper).decode
    found = log.amendments(
        connection, sorted({row.stream for row in rows}), [row.identity for row in rows], _TOPICS
    )
    read: list[tuple[AmendmentRow, _Amendment, bytes]] = []
    for row in found:
        amendment = cast("_Amendment", decode(row.topic, row.state))
        target = message_identity(amendment.target.source, amendment.target.id)
        read.append((row, amendment, target))
    targets = {target for _, _, target in read}
    by_target: dict[bytes, list[_Said]] = {}
    for row, amendment, target in read:
        said = _Said(row.position, row.identity, amendment, row.mapping is not None, row.identity in targets)
        by_target.setdefault(target, []).append(said)
    return by_target


def _recorded(
    row: log.RecordedRow, milestone: m.Milestone, by_target: Mapping[bytes, list[_Said]]
) -> Recorded:
    said = by_target.get(row.identity, [])
    is_decided = any(not one.is_ours or one.is_amended for one in said)
    # ours say when they were made, so the last recorded is the last that holds
    last = _last_of(row.identity, by_target) if is_decided else said[-1] if said else None
    if last is None:
        return Recorded(row.position, row.identity, milestone, milestone, row.position, is_decided)
    stands = None
    if isinstance(last.amendment, m.MilestoneCorrected):
        stands = _replacement(last.amendment)
    return Recorded(row.position, row.identity, milestone, stands, last.position, is_decided)


def _last_of(
    identity: bytes, by_target: Mapping[bytes, list[_Said]], above: frozenset[bytes] = frozenset()
) -> _Said | None:
    """The amendment that holds of a milestone; None where none does: all are taken back themselves.

    above: what leads here, where that is an amendment: one in a circle speaks of nothing.
    """
    above = above | {identity}
    holding = []
    for said in by_target.get(identity, []):
        if said.identity in above:
            continue
        last = _last_of(said.identity, by_target, above)
        if last is None:
            holding.append(said)
        elif isinstance(last.amendment, m.MilestoneCorrected):
            content = _replacement(last.amendment)
            if isinstance(content, _AMENDING) and content.target == said.amendment.target:
                holding.append(said._replace(amendment=content))
    return max(holding, key=_recency, default=None)


def _recency(said: _Said) -> tuple[int, int, str, str]:
    """The order in which of several amendments the last holds (contract.md section 2)."""
    one = said.amendment
    number = one.sequence or ""
    return one.instant, int(number) if number.isdecimal() else -1, one.source, one.id


def _replacement(correction: m.MilestoneCorrected) -> m.Milestone:
    return parse_event(msgspec.json.decode(correction.replacement))


def says_the_same(one: m.Milestone, other: m.Milestone) -> bool:
    """Whether two milestones differ in their id at most."""
    return type(one) is type(other) and all(
        getattr(one, name) == getattr(other, name) for name in one.__struct_fields__ if name != "id"
    )
