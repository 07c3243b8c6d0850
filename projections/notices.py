"""Milestones that concern the whole ledger, as a generation has them: rates, periods, policies, merges.

Corrected ones appear as their replacement, voided ones not at all; claims of sources that are not the system
of record never appear. Belongs here: reading them. Does not belong here: what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from psycopg import Connection

from domain.milestones import Milestone
from domain.stored import CODEC
from projections import queries

AnyNotice = TypeVar("AnyNotice", bound=Milestone)


class Said(NamedTuple):
    """A milestone came into force at a position, or (sign -1) was taken back. fact: its own position."""

    position: int
    fact: int
    milestone: Milestone
    sign: int


def in_force(
    connection: Connection[Any], generation: int, known: int, kind: type[AnyNotice]
) -> list[tuple[int, AnyNotice]]:
    """(position, milestone) of one type in force as known by a position, in the order of recording."""
    topic = str(kind.__struct_config__.tag)
    rows = connection.execute(
        queries.statement("notices", generation), {"known": known, "topics": [topic]}
    ).fetchall()
    found = []
    for fact, name, state in rows:
        milestone = CODEC.decode(name, bytes(state))
        assert isinstance(milestone, kind), "a topic has one type"
        found.append((fact, milestone))
    return found


def history(
    connection: Connection[Any], generation: int, known: int, kinds: Sequence[type[Milestone]]
) -> list[Said]:
    """All that was said of some types up to a position, in the order of becoming known."""
    topics = [str(kind.__struct_config__.tag) for kind in kinds]
    rows = connection.execute(
        queries.statement("notice_history", generation), {"known": known, "topics": topics}
    ).fetchall()
    return [
        Said(position, fact, CODEC.decode(name, bytes(state)), sign)
        for position, fact, name, state, sign in rows
    ]
