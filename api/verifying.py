"""What a verification, and one deal folded again, come to, as they are told. For the command line and HTTP.

Belongs here: shapes, and what to do about a difference. Does not belong here: finding them (projections).
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from psycopg import Connection

from adapters.postgres import deciding
from api.histories import figures_of
from api.reading import text_of
from projections import generations, rounds
from projections.casework import Case
from projections.checking import Checked
from projections.figures import differences
from projections.generations import Generation
from projections.verification import MOST, Difference, as_text

#: What to do where the journal differs from the fold.
REMEDY: Final = "run cairn rebuild --whole: it makes the journal anew from the log"
#: And where the log itself is not whole, or what is kept beside it.
LOG_REMEDY: Final = "the log can't be made anew: restore the database from a backup, then compare again"


def decisions(connection: Connection[Any], _: Generation) -> list[Difference]:
    """What the decisions of the log, taken again, have not left so; the first ones of each table."""
    return [
        Difference(one.table, None, None, one.position, None, wrong=one.wrong)
        for one in deciding.differing(connection, MOST)
    ]


def checked(found: Checked) -> dict[str, Any]:
    """What a check came to."""
    return {
        "generation": found.generation,
        "position": found.position,
        "milestones": found.milestones,
        "rows": found.rows,
        "hold": found.holds,
        "differing": found.differing,
        "differences": [difference(one) for one in found.differences],
        "breaches": found.breaches,
        "remedy": remedy(found),
    }


def remedy(found: Checked) -> str | None:
    """What to do; None where all is well."""
    if any(one.wrong for one in found.differences):
        return LOG_REMEDY
    return None if found.holds else REMEDY


def difference(one: Difference) -> dict[str, Any]:
    """A difference: where it is, and the row on both sides."""
    return {
        "table": one.table,
        "deal": one.deal,
        "fact": one.fact,
        "position": one.position,
        "wrong": one.wrong or None,
        "journal": _row(one.journal),
        "fold": _row(one.fold),
    }


def _row(values: dict[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def lines_of(one: Difference) -> list[str]:
    """A difference in lines for people."""
    if one.wrong:
        by = f"{one.table}, milestone" if one.table in deciding.TABLES else one.table
        what = "milestone" if one.table == "log" else by
        return [f"{what} {one.position}: {one.wrong}"]
    deal = "" if one.deal is None else f"deal {one.deal}, "
    fact = "" if one.fact is None else f"fact {one.fact}, "
    return [
        f"{one.table}: {deal}{fact}known from position {one.position}",
        f"  journal  {as_text(one.table, one.journal)}",
        f"  fold     {as_text(one.table, one.fold)}",
    ]


def case(key: str, found: Case, at: date) -> dict[str, Any]:
    """A deal folded again beside the live generation."""
    return {
        "key": key,
        "deals": found.deals,
        "generation": found.generation,
        "position": found.position,
        "streams": found.streams,
        "milestones": found.milestones,
        "rules": {"live": found.live, "ours": found.ours},
        "policies": found.policies,
        "at": at.isoformat(),
        "same": found.is_same,
        "differences": [difference(one) for one in found.differences],
        "changes": [
            {
                "deal": one.deal,
                "name": one.name,
                "before": figures_of(one.before),
                "after": figures_of(one.after),
                "difference": figures_of(differences(one.before, one.after)),
            }
            for one in found.changes
        ],
        "breaches": found.breaches,
    }


def round_of(connection: Connection[Any]) -> dict[str, Any] | None:
    """How far the self-check has come with comparing the journal with the log; None before its first turn.

    part: of this round, 0 to 1. completed_at: when the last whole round of the generation ended.
    """
    found, live = rounds.last(connection), generations.live(connection)
    if found is None or live is None or found.generation != live.id:
        return None
    return {
        "generation": found.generation,
        "part": round(min(1.0, (found.next - 1) / max(1, live.position)), 4),
        "milestones": found.milestones,
        "began_at": text_of(found.began_at),
        "checked_at": text_of(found.checked_at),
        "completed_at": None if found.completed_at is None else text_of(found.completed_at),
    }
