"""What did not get in: the quarantine and the kept conflicts as people read them, and reading one again.

For HTTP and the command line alike. Does not belong here: why something is quarantined (domain).
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection

from adapters.intake import Intake, QuarantineUnknown
from adapters.postgres import reading as log
from api.reading import payload_of, text_of

#: Entries looked at for one page when a filter leaves most of them out.
_CHUNK: Final = 500


class MappingUnknown(LookupError):
    """The source module that an entry came by is not in this version."""


def _entry(held: log.Quarantined) -> dict[str, Any]:
    return {
        "id": held.id,
        "source": held.source,
        "event_id": held.event_id,
        "type": held.type,
        "reasons": held.reasons,
        "received_at": text_of(held.received_at),
        "mapping": held.mapping,
        "links": {"entry": f"/v1/quarantine/{held.id}", "replay": f"/v1/quarantine/{held.id}/replay"},
    }


def entries(
    connection: Connection[Any], after: int, limit: int, source: str | None, reason: str | None
) -> tuple[list[dict[str, Any]], int | None]:
    """Open entries after an id that fit the filters, and the id to go on after, None at the end."""
    found: list[dict[str, Any]] = []
    while True:
        page = log.open_quarantine(connection, after, _CHUNK)
        for held in page:
            if source is not None and held.source != source:
                continue
            if reason is not None and all(given.get("code") != reason for given in held.reasons):
                continue
            if len(found) == limit:
                return found, found[-1]["id"]
            found.append(_entry(held))
        if len(page) < _CHUNK:
            return found, None
        after = page[-1].id


def entry(connection: Connection[Any], number: int) -> dict[str, Any]:
    """An entry with its bytes, settled or not. Raises QuarantineUnknown."""
    found = log.quarantine_entry(connection, number)
    if found is None:
        raise QuarantineUnknown(f"there is no quarantine entry {number}")
    held, is_settled = found
    stored = log.inbox_row(connection, held.inbox)
    assert stored is not None, "an entry and its bytes are written together"
    return {**_entry(held), "settled": is_settled, "payload": payload_of(stored)}


def conflicts(connection: Connection[Any], after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """Kept conflicts after an id, both sides with their bytes' place, and the id to go on after."""
    page = log.conflicts(connection, after, limit + 1)
    found = [
        {
            "id": kept.id,
            "source": kept.source,
            "event_id": kept.event_id,
            "type": kept.type,
            "recorded_at": text_of(kept.recorded_at),
            "stands": {"position": kept.position, "milestone": f"/v1/milestones/{kept.position}"},
            "payload": _payload(connection, kept.inbox),
        }
        for kept in page[:limit]
    ]
    return found, page[limit - 1].id if len(page) > limit else None


def _payload(connection: Connection[Any], inbox: int) -> dict[str, Any]:
    stored = log.inbox_row(connection, inbox)
    assert stored is not None, "a conflict and its bytes are written together"
    return payload_of(stored)


def replay(intake: Intake, number: int) -> list[dict[str, Any]]:
    """Read an entry again: one outcome per milestone in it. Raises QuarantineUnknown, MappingUnknown."""
    try:
        outcomes = intake.replay(number)
    except ValueError as error:
        raise MappingUnknown(str(error)) from error
    return [
        {
            "outcome": outcome.outcome,
            "position": outcome.position,
            "reasons": [reason._asdict() for reason in outcome.reasons],
        }
        for outcome in outcomes
    ] or [{"outcome": "ignored", "position": None, "reasons": []}]
