"""What is kept beside the books: conflicts, quarantine, closed periods, breaches of laws.

These stand by what is known, not by the business date alone: a message that could not be understood may
belong to any day. Belongs here: exceptions about messages and about the books as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from domain.instants import from_date
from domain.money import parse_minor
from projections import periods
from projections.exceptions.asking import Asking, Found


def conflicts(asking: Asking) -> Iterator[Found]:
    """Messages under an identity that is on record with other content, until an amendment decides it."""
    rows = [row for row in asking.rows("exceptions_conflicts") if row[0] not in asking.settled]
    asking.heads(row[0] for row in rows)
    day = from_date(asking.at)
    for position, deal, event_id, digest, recorded in rows:
        if asking.heads((position,))[position].effective <= day:
            yield Found(
                "CONFLICT",
                deal,
                (position,),
                recorded,
                event_id,
                detail=f"conflicts with milestone {position}",
                part=bytes(digest).hex(),
            )


def quarantined(asking: Asking) -> Iterator[Found]:
    """Messages that no second reading has settled."""
    if asking.deals is not None:
        return
    for entry, digest, reasons, received in asking.rows("exceptions_quarantined"):
        codes = ", ".join(dict.fromkeys(str(reason.get("code", "")) for reason in reasons))
        yield Found(
            "QUARANTINED",
            None,
            (),
            received,
            f"quarantine/{entry}",
            detail=codes,
            identity=(bytes(digest).hex(), str(entry)),
        )


def closed_period_milestone(asking: Asking) -> Iterator[Found]:
    """Milestones that post into a period that was closed when they were recorded, and still is."""
    opened = periods.first_open(asking.connection, asking.generation.id, asking.known)
    now = opened.days[-1] if opened.days else None
    if now is None:
        return
    rows = asking.rows("exceptions_closed", now=now, **opened.values())
    heads = asking.heads(row[1] for row in rows)
    subjects = asking.subjects(row[1] for row in rows)
    for deal, position, currency, amount, first, last in rows:
        yield Found(
            "CLOSED_PERIOD_MILESTONE",
            deal,
            (position,),
            heads[position].instant,
            subjects[position],
            currency,
            int(amount),
            _months(first, last),
        )


def _months(first: date, last: date) -> str:
    one, other = first.isoformat()[:7], last.isoformat()[:7]
    return one if one == other else f"{one} to {other}"


def law_broken(asking: Asking) -> Iterator[Found]:
    """What the latest self-check found, since the first one in a row that found it."""
    for breach, checked in asking.rows("exceptions_laws"):
        deal = breach.get("deal")
        if asking.deals is not None and deal not in asking.deals:
            continue
        law, currency = str(breach.get("law", "")), str(breach.get("currency") or "")
        yield Found(
            "LAW_BROKEN",
            deal,
            (),
            checked,
            law,
            currency,
            _difference(breach, currency),
            str(breach.get("says", "")),
            identity=(law, str(deal)),
        )


def _difference(breach: dict[str, Any], currency: str) -> int | None:
    stated = breach.get("difference")
    return abs(parse_minor(str(stated), currency)) if currency and stated is not None else None
