"""What an answer was given from: the generation, the known position and its time; and single milestones.

Belongs here: turning `known_at` and `known_position` into a position, instants into text. Does not belong
here: SQL (adapters/postgres, projections).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg import Connection

from adapters.postgres import reading as log
from api.cursors import Cursor, CursorRefused
from api.freshness import NotYetProjected
from api.parameters import Known, ParameterRefused
from api.personal import CLOSED, Opened, Opener
from api.rendering import event_of
from domain.milestones import Milestone
from domain.provenance import provenance
from domain.stored import CODEC
from projections import generations
from projections.generations import Generation, GenerationUnknown, NoGeneration

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MilestoneUnknown(LookupError):
    """The log holds no milestone at that position, or did not by then."""


class GenerationGone(LookupError):
    """The generation that a link or cursor names is not there any more."""


class GenerationEnds(GenerationGone):
    """The generation was live once, and was not brought as far as is asked for; nor will it be."""


def text_of(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def generation(connection: Connection[Any], wanted: int | None) -> Generation:
    """A generation by number, or the live one.

    Raises GenerationGone where it was dropped, GenerationUnknown where there never was one; NoGeneration.
    """
    live = generations.live(connection)
    if live is None:
        raise NoGeneration("nothing has been projected yet")
    if wanted is None or wanted == live.id:
        return live
    found = generations.kept(connection, wanted)
    if found is not None:
        return found
    if not generations.has_been(connection, wanted):
        raise generations.unknown(wanted)
    if generations.is_unfinished(connection, wanted):
        raise GenerationGone(f"generation {wanted} is not built yet: `cairn generations` says how far it is")
    raise GenerationGone(f"generation {wanted} has been dropped: ask again without generation or cursor")


def generation_of(connection: Connection[Any], cursor: Cursor) -> Generation:
    """The generation that a cursor names. Raises CursorRefused where no page was given from such a moment."""
    try:
        found = generation(connection, cursor.generation)
    except GenerationUnknown:
        raise CursorRefused("this cursor was never given: take `next` of the page before") from None
    if not cursor.since <= cursor.known <= found.position:
        raise CursorRefused("this cursor was never given: take `next` of the page before")
    return found


def log_position(connection: Connection[Any], known: Known) -> int:
    """The last position of the log that counts: positions from 1, 0 before the first.

    Raises ParameterRefused for a position that is not recorded yet: once it is, the answer would be another.
    """
    if known.instant is not None:
        return _position_at(connection, known.instant)
    head = log.head(connection)
    if known.position is not None and known.position > head:
        raise ParameterRefused(
            f"position {known.position} is not recorded yet: the log ends at {head}. Give a known position up"
            " to that, or none for everything that is recorded"
        )
    return head if known.position is None else known.position


def _position_at(connection: Connection[Any], instant: int) -> int:
    latest, earliest = 253_402_300_799_000_000, -62_135_596_800_000_000  # what a datetime can hold
    moment = _EPOCH + timedelta(microseconds=max(earliest, min(latest, instant)))
    commit = log.commit_at(connection, moment)
    return 0 if commit is None else commit.last


def known_position(connection: Connection[Any], known: Known, found: Generation) -> int:
    """The position up to which a generation's answer counts.

    Raises NotYetProjected where it lacks some, GenerationEnds where it always will.
    """
    if known.is_all:
        return found.position
    wanted = log_position(connection, known)
    if wanted <= found.position:
        return wanted
    if generations.is_retired(connection, found.id):
        raise GenerationEnds(
            f"generation {found.id} is retired and ends at {found.position}, and {wanted} was asked for: ask"
            f" with known_position up to {found.position}, or without generation"
        )
    why = generations.halted(found) or "try again"
    raise NotYetProjected(f"the reports stand at {found.position} and {wanted} was asked for: {why}")


def recorded_at(connection: Connection[Any], position: int) -> str | None:
    """When a position was recorded; None for 0."""
    commit = log.commit_of(connection, position) if position else None
    return None if commit is None else text_of(commit.recorded_at)


def times_of(connection: Connection[Any], positions: Iterable[int]) -> dict[int, str]:
    """When each position was recorded."""
    times: dict[int, str] = {}
    commit: log.Commit | None = None
    for position in sorted(set(positions)):
        if commit is None or position > commit.last:
            commit = log.commit_of(connection, position)
            assert commit is not None, "every position has its commit"
        times[position] = text_of(commit.recorded_at)
    return times


def _decode(row: log.LogRow) -> Milestone:
    return CODEC.decode(row.topic, row.state)


def feed(connection: Connection[Any], after: int, limit: int, known: Known) -> dict[str, Any]:
    """Milestones after a position, in the order of recording."""
    last = log_position(connection, known)
    rows = log.milestones_after(connection, after, limit, last)
    times = times_of(connection, [row.position for row in rows])
    reached = rows[-1].position if rows else after
    return {
        "known": {"position": last, "time": recorded_at(connection, last)},
        "milestones": [
            {
                "position": row.position,
                "recorded_at": times[row.position],
                "event": event_of(_decode(row)),
                "links": {"milestone": f"/v1/milestones/{row.position}"},
            }
            for row in rows
        ],
        "last": reached,
        "next": reached if reached < last else None,
    }


def milestone(
    connection: Connection[Any], position: int, known: Known, opener: Opener = CLOSED
) -> dict[str, Any]:
    """A milestone with its source payload. Raises MilestoneUnknown.

    Of personal values the event has tokens; `personal` says what they stand for, as far as it may be shown.
    """
    found = log.milestone(connection, position)
    if found is None or position > log_position(connection, known):
        raise MilestoneUnknown(f"the log holds no milestone at position {position}, or did not by then")
    event = event_of(_decode(found.row))
    return {
        "position": position,
        "recorded_at": text_of(found.recorded_at),
        "stream": found.row.stream,
        "version": found.row.version,
        "digest": found.digest.hex(),
        "event": event,
        "personal": opener.texts(connection, found.payload, event),
        "mapping": mapping_of(found.payload.mapping),
        "payload": payload_of(found.payload, opener.payload(connection, found.payload)),
        "links": {"payload": f"/v1/milestones/{position}/payload"},
    }


def payload(connection: Connection[Any], position: int, opener: Opener = CLOSED) -> bytes:
    """The bytes that a milestone came in; of personal values tokens, unless the opener shows them.

    Raises MilestoneUnknown.
    """
    found = log.milestone(connection, position)
    if found is None:
        raise MilestoneUnknown(f"the log holds no milestone at position {position}")
    return opener.payload(connection, found.payload).body


def mapping_of(text: str | None) -> dict[str, str | None] | None:
    """The mapping that made a milestone of its bytes; None where they were the milestone already."""
    return None if text is None else dict(provenance(text)._asdict())


def payload_of(row: log.SourceRow, opened: Opened) -> dict[str, Any]:
    """Accepted bytes for people: as text where they are UTF-8, else as base64.

    digest: of what the ledger holds, in which tokens stand for personal values. personal: whether those are
    shown, hidden, or partly shown; None where there are none.
    """
    body = opened.body
    told: dict[str, Any] = {
        "inbox": row.id,
        "source": row.source,
        "received_at": text_of(row.received_at),
        "digest": row.digest.hex(),
        "bytes": len(body),
        "content_type": row.content_type,
        "headers": None if row.headers is None else msgspec.json.decode(row.headers),
        "mapping": row.mapping,
        "personal": opened.sight,
    }
    try:
        return told | {"text": body.decode()}
    except UnicodeDecodeError:
        return told | {"base64": base64.b64encode(body).decode()}
