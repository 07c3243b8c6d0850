"""Why a figure was restated: the milestone that brought a change about, and what kind of cause that is.

Belongs here: from positions of the log to causes. Does not belong here: what changed
(projections/restatement).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain import milestones as m
from domain.instants import from_date
from domain.stored import CODEC
from projections import queries
from projections.generations import Generation

#: Facts on days before the first moment of knowledge, and on that day or later.
LATE_FACT: Final = "late_fact"
NEW_FACT: Final = "new_fact"
CORRECTION: Final = "correction"
LINK: Final = "link"
POLICY: Final = "policy"
LOGIC: Final = "logic"
#: Two generations that differ in both: what each did can't be told apart without a third.
POLICY_AND_LOGIC: Final = "policy_and_logic"
CAUSES: Final = (LATE_FACT, NEW_FACT, CORRECTION, LINK, POLICY, LOGIC, POLICY_AND_LOGIC)

_CORRECTING: Final = (m.MilestoneCorrected, m.MilestoneVoided)
_LINKING: Final = (m.DealsLinked, m.DealSplit, m.CustomerMerged)


class Cause(NamedTuple):
    """A milestone behind a change: its type, source and message id, and what it is to the change."""

    position: int
    type: str
    source: str
    id: str
    effective: int
    kind: str


class Causes:
    """The causes of changes at some positions.

    since: the business day of the earlier moment, None before anything was known.
    """

    def __init__(self, connection: Connection[Any], positions: Iterable[int], since: date | None) -> None:
        self._since = None if since is None else from_date(since)
        rows = connection.execute(
            queries.statement("causes"), {"positions": sorted(set(positions))}
        ).fetchall()
        self._milestones: dict[int, tuple[m.Milestone, bool]] = {
            position: (CODEC.decode(topic, bytes(state)), joins) for position, topic, state, joins in rows
        }

    def of(self, position: int, *, own: bool) -> Cause:
        """What the milestone at a position is to a change. own: to its own postings, not to others."""
        milestone, joins = self._milestones[position]
        if isinstance(milestone, _CORRECTING):
            kind = CORRECTION
        elif isinstance(milestone, _LINKING) or (joins and not own):
            kind = LINK
        elif isinstance(milestone, m.PolicyActivated):
            kind = POLICY
        elif self._since is not None and milestone.effective < self._since:
            kind = LATE_FACT
        else:
            kind = NEW_FACT
        return Cause(position, milestone.name, milestone.source, milestone.id, milestone.effective, kind)


def between(was: Generation, now: Generation) -> str:
    """What two generations differ in, as a cause; "" where they are folded alike."""
    policy = was.policies.to_json() != now.policies.to_json()
    logic = was.rules != now.rules
    if policy and logic:
        return POLICY_AND_LOGIC
    return POLICY if policy else LOGIC if logic else ""
