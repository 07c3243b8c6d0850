"""Noting which shares of a build's bulk are loaded, in the transactions that load them.

A share is noted before its rows are written: another process that loads the same one, left over from a build
that was killed, then waits for the transaction and finds it done. Does not belong here: what a share is
(projections/bulk), which are left (projections/building).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Connection, Cursor

from projections import digests


class Noted(NamedTuple):
    """What a loaded share came to. folded, copied: sets of streams, where some could be copied."""

    milestones: int
    postings: int
    folded: int = 0
    copied: int = 0


class BuildGone(RuntimeError):
    """The generation that a share is of was dropped, or is made by other rules than this process has."""


def begin(cursor: Cursor[Any], generation: int, share: int) -> Noted | None:
    """Note that the cursor's transaction loads a share; what it came to where it is loaded already.

    Raises BuildGone.
    """
    cursor.execute(
        "INSERT INTO generation_share (generation, share, milestones, postings)"
        " SELECT id, %s, 0, 0 FROM generation WHERE id = %s AND rules = %s"
        " ON CONFLICT DO NOTHING RETURNING share",
        (share, generation, digests.rules_digest()),
    )
    if cursor.fetchone() is not None:
        return None
    cursor.execute(
        "SELECT milestones, postings, folded, copied FROM generation_share"
        " WHERE generation = %s AND share = %s",
        (generation, share),
    )
    row = cursor.fetchone()
    if row is None:
        raise BuildGone(
            f"generation {generation} was dropped, or the rules were changed, while it was built: start the"
            " rebuild again"
        )
    return Noted(*row)


def end(cursor: Cursor[Any], generation: int, share: int, noted: Noted) -> None:
    """Note what a share came to, in the same transaction as `begin`."""
    cursor.execute(
        "UPDATE generation_share SET milestones = %s, postings = %s, folded = %s, copied = %s"
        " WHERE generation = %s AND share = %s",
        (*noted, generation, share),
    )


def loaded(connection: Connection[Any], generation: int) -> dict[int, Noted]:
    """The shares of a generation that are loaded, by number."""
    rows = connection.execute(
        "SELECT share, milestones, postings, folded, copied FROM generation_share WHERE generation = %s",
        (generation,),
    )
    return {share: Noted(*noted) for share, *noted in rows.fetchall()}


def summed(noted: Iterable[Noted]) -> Noted:
    """What several shares came to together."""
    return Noted(*map(sum, zip(Noted(0, 0), *noted, strict=True)))
