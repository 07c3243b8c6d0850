"""Milestones that stand beside the books: what the ledger records of itself (the audit trail).

No rule has a say in them, no deal holds them, no generation knows them: they are left out before anything is
folded, so that they move no figure and cost none of the fold's time. They are counted where the milestones of
the log are counted. Belongs here: which they are. Does not belong here: reading them (api/trails).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.milestones import OwnMilestone
from projections.clusters import LogRow

#: Stored names of what is not folded.
TOPICS: Final = frozenset({str(OwnMilestone.__struct_config__.tag)})


def folded(rows: Iterable[LogRow]) -> list[LogRow]:
    """The rows of the log that are folded, in the order in which they come."""
    return [row for row in rows if row[2] not in TOPICS]
