"""How exceptions are being handled: acknowledged, assigned or resolved, by milestones of the ledger's own.

Belongs here: the last word on each, as known by a position. Does not belong here: which exceptions there are.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain import milestones as m
from projections import notices
from projections.facts import business_key

OPEN: Final = "open"
STATUSES: Final = (OPEN, "acknowledged", "assigned", "resolved")

_Handled = m.ExceptionAcknowledged | m.ExceptionAssigned | m.ExceptionResolved
_STATUS: Final[dict[type[m.Milestone], str]] = {
    m.ExceptionAcknowledged: "acknowledged",
    m.ExceptionAssigned: "assigned",
    m.ExceptionResolved: "resolved",
}
#: How a note names the one to whom an exception is assigned.
_TO: Final = re.compile(r"to ([^:]+)(?:: (.*))?", re.DOTALL)


class Handling(NamedTuple):
    """The last word on an exception. position: of the milestone that says so. assignee: where assigned."""

    status: str
    actor: str | None = None
    assignee: str | None = None
    note: str | None = None
    position: int | None = None


UNTOUCHED: Final = Handling(OPEN)


def note_to(assignee: str, note: str | None) -> str:
    """The note of exception.assigned that names the assignee. Raises ValueError for a name with a colon."""
    if ":" in assignee or not assignee.strip():
        raise ValueError("assignee must be a name without a colon")
    return f"to {assignee}" if note is None else f"to {assignee}: {note}"


def _handling(position: int, said: _Handled) -> Handling:
    status, note, assignee = _STATUS[type(said)], said.note, None
    if isinstance(said, m.ExceptionAssigned):
        found = None if note is None else _TO.fullmatch(note)
        # without a name in the note, the actor takes it
        assignee = said.actor if found is None else found[1]
        note = note if found is None else found[2]
    return Handling(status, said.actor, assignee, note, position)


def handlings(connection: Connection[Any], generation: int, known: int) -> dict[str, Handling]:
    """Exception id -> the last word on it, by time, sequence, source, id."""
    said: list[tuple[int, _Handled]] = []
    for kind in (m.ExceptionAcknowledged, m.ExceptionAssigned, m.ExceptionResolved):
        said += notices.in_force(connection, generation, known, kind)
    said.sort(key=lambda one: business_key(one[1])[2:])
    return {one.exception: _handling(position, one) for position, one in said}
