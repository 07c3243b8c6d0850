"""What did not get in: the quarantine and the kept conflicts as people read them, read again, and dismissed.

For HTTP and the command line alike. Does not belong here: why something is quarantined (domain), where in its
bytes a reason points (api/marking.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters import replaying
from adapters.intake import Intake, QuarantineUnknown
from adapters.personal.marking import SEALED
from adapters.postgres import quarantine as held
from adapters.postgres import reading as log
from adapters.postgres.quarantine import STATUSES, Entry, Wanted
from adapters.preparing import stamp
from adapters.sources import SOURCES, MappedSource, MappingRefused
from api.marking import places
from api.parameters import Parameter, ParameterRefused, Values
from api.personal import CLOSED, Opener
from api.reading import payload_of, text_of
from domain.instants import parse_instant
from domain.provenance import provenance

#: Entries that are read again in one request.
BATCH: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_AGE: Final = re.compile(r"([0-9]{1,6})(m|h|d)", re.ASCII)
#: Reasons that lie in how a file was cut into records, which a replay can't mend.
_CUT_WRONGLY: Final = frozenset({"row_ragged", "text_encoding"})
_MINUTES: Final = {"m": 1, "h": 60, "d": 1_440}
_LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": 1_000}

FILTERS: Final[dict[str, Parameter]] = {
    "reason": Parameter("Only messages with this reason code.", _TEXT),
    "source": Parameter("Only messages of this source.", _TEXT),
    "mapping": Parameter("Only messages that this mapping has read.", _TEXT),
    "mapping_version": Parameter("Only those that this version of the mapping has read last.", _TEXT),
    "older_than": Parameter(
        "Only messages received before: an age (`30m`, `12h`, `7d`) or a time (RFC 3339 with offset).", _TEXT
    ),
    "changed": Parameter(
        "`true`: only messages whose mapping is another now than the one that read them last.",
        {"enum": ["true", "false"]},
    ),
    "status": Parameter(
        "`open` (default), `settled`, `dismissed`, `mended` or `all`.", {"enum": [*STATUSES, "all"]}
    ),
}
PAGE: Final[dict[str, Parameter]] = {
    "limit": Parameter("Entries a page; default 100.", _LIMIT),
    "cursor": Parameter("`next` of the page before.", _TEXT),
}


#: What chooses the entries that are dismissed together.
_SELECTING: Final = tuple(name for name in FILTERS if name != "status")


class EntrySettled(ValueError):
    """The entry was understood already: there is nothing to dismiss."""


class Asked(NamedTuple):
    """Entries asked for, from after an id on."""

    wanted: Wanted
    after: int = 0
    limit: int = 100


def stamps() -> dict[str, str]:
    """Each mapping that is to be had here -> its name, version and digest, as they are kept with bytes.

    One that has mistakes is left out: it reads nothing.
    """
    found = {}
    for name, source in SOURCES.items():
        with suppress(MappingRefused):
            found[name] = stamp(source, "-").rpartition("/")[0]
    return found


def asked(sent: Iterable[tuple[str, str]], allowed: Mapping[str, Parameter]) -> Asked:
    """The entries that parameters ask for. Raises ParameterRefused."""
    values = Values(sent, allowed)
    status = values.one_of("status", (*STATUSES, "all"))
    return Asked(
        Wanted(
            values.text("reason"),
            values.text("source"),
            values.text("mapping"),
            values.text("mapping_version"),
            _before(values.text("older_than")),
            None if status == "all" else status or "open",
            values.one_of("changed", ("true", "false")) == "true",
        ),
        values.whole("cursor") or 0,
        values.whole("limit", least=1, most=1_000) or 100,
    )


def _before(text: str | None) -> datetime | None:
    if text is None:
        return None
    age = _AGE.fullmatch(text)
    if age is not None:
        return datetime.now(UTC) - timedelta(minutes=int(age[1]) * _MINUTES[age[2]])
    found = parse_instant(text.replace(" ", "+") if " " in text and "T" in text else text)
    if found is None:
        raise ParameterRefused(
            "older_than must be an age or a time with an offset", ("30m", "12h", "7d", "2026-01-31T09:30:00Z")
        )
    return _EPOCH + timedelta(microseconds=found.microseconds)


def _mapping(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return dict(provenance(text)._asdict())


def _entry(one: Entry) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": one.status,
        "source": one.source,
        "event_id": one.event_id,
        "type": one.type,
        "reasons": one.reasons,
        "received_at": text_of(one.received_at),
        "mapping": one.mapping,
        "read_by": _mapping(one.mapping),
        "mapping_changed": one.has_changed,
        "next_step": next_step(one),
        "links": {
            "entry": f"/v1/quarantine/{one.id}",
            "replay": f"/v1/quarantine/{one.id}/replay",
            "dismiss": f"/v1/quarantine/{one.id}/dismiss",
        },
    }


def next_step(one: Entry) -> str:
    """What somebody is to do about an entry."""
    if one.status == "settled":
        return "Nothing: it was understood when it was read again."
    if one.status == "mended":
        return "Nothing: the message came again under its source and id, mended, and is on record."
    if one.status == "dismissed":
        return "Nothing: it was dismissed. It can still be read again."
    if any(reason["code"] == SEALED.code for reason in one.reasons):
        return (
            "Have it sent again as JSON or CSV that can be read whole: what can't be searched for personal"
            " values is kept sealed, and a replay can't mend it. Then dismiss this entry."
        )
    if one.mapping is None:
        return "Have the sender mend the message and send it again under its id, which is free."
    name = provenance(one.mapping).name
    if name not in SOURCES:
        return f"The mapping {name} is not to be had here: install it, then read it again."
    if one.has_changed:
        return f"The mapping {name} has changed since it was read: read it again."
    source = SOURCES[name]
    is_row = isinstance(source, MappedSource) and source.mapping.reads == "csv"
    if is_row and any(reason["code"] in _CUT_WRONGLY for reason in one.reasons):
        return (
            f"Mend the file, or how the mapping {name} has it cut (delimiter, encoding, group_by), and read"
            " the file again, by cairn ingest or by dropping it again: a replay reads the row as it was cut."
            " Then dismiss this entry."
        )
    cut = " Where the file was cut wrongly, mend that and read the file again." if is_row else ""
    return (
        f"Mend the mapping {name} (cairn mapping try FILE --entry {one.id}) or the record at its source;"
        f" then read it again.{cut} Dismiss it if nothing is to come of it."
    )


def entries(connection: Connection[Any], wanted: Asked) -> tuple[list[dict[str, Any]], int | None]:
    """Entries that fit, by id, and the id to go on after, None at the end."""
    found = held.entries(connection, wanted.wanted, stamps(), wanted.after, wanted.limit + 1)
    page = found[: wanted.limit]
    return [_entry(one) for one in page], page[-1].id if len(found) > wanted.limit else None


def summary(connection: Connection[Any], wanted: Wanted) -> dict[str, Any]:
    """How many there are, in groups of the same first reason, source and mapping; the largest first."""
    groups = held.summary(connection, wanted, stamps())
    return {
        "count": sum(group.entries for group in groups),
        "oldest": text_of(min(group.oldest for group in groups)) if groups else None,
        "groups": [
            {
                "reason": group.reason,
                "source": group.source,
                "mapping": group.mapping,
                "mapping_version": group.version,
                "mapping_changed": group.has_changed,
                "status": group.status,
                "count": group.entries,
                "oldest": text_of(group.oldest),
                "newest": text_of(group.newest),
                "first": f"/v1/quarantine/{group.first}",
            }
            for group in groups
        ],
    }


def _found(connection: Connection[Any], number: int) -> Entry:
    found = held.entry(connection, number, stamps())
    if found is None:
        raise QuarantineUnknown(f"there is no quarantine entry {number}")
    return found


def entry(connection: Connection[Any], number: int, opener: Opener = CLOSED) -> dict[str, Any]:
    """An entry with its bytes, each reason's place in them, and all that was done.

    Of personal values the bytes have tokens, unless the opener shows them. Raises QuarantineUnknown.
    """
    one = _found(connection, number)
    stored = log.inbox_row(connection, one.inbox)
    assert stored is not None, "an entry and its bytes are written together"
    opened = opener.payload(connection, stored)
    marked = places(opened.body, one.reasons)
    return {
        **_entry(one),
        "reasons": [
            {**reason, "place": place} for reason, place in zip(one.reasons, marked["places"], strict=True)
        ],
        "settled": one.status != "open",
        "history": [
            {
                "outcome": done.outcome,
                "at": text_of(done.at),
                "position": done.position,
                "reasons": done.reasons,
                "mapping": done.mapping,
                "actor": done.actor,
                "note": done.note,
            }
            for done in held.readings(connection, number)
        ],
        "payload": payload_of(stored, opened) | {"shown": marked["shown"]},
    }


def conflicts(
    connection: Connection[Any], after: int, limit: int, opener: Opener = CLOSED
) -> tuple[list[dict[str, Any]], int | None]:
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
            "payload": _payload(connection, kept.inbox, opener),
        }
        for kept in page[:limit]
    ]
    return found, page[limit - 1].id if len(page) > limit else None


def _payload(connection: Connection[Any], inbox: int, opener: Opener) -> dict[str, Any]:
    stored = log.inbox_row(connection, inbox)
    assert stored is not None, "a conflict and its bytes are written together"
    return payload_of(stored, opener.payload(connection, stored))


def replay(intake: Intake, number: int) -> list[dict[str, Any]]:
    """Read an entry again: one outcome per milestone in it. Raises QuarantineUnknown, MappingUnknown."""
    return [
        {
            "outcome": outcome.outcome,
            "position": outcome.position,
            "reasons": [reason._asdict() for reason in outcome.reasons],
        }
        for outcome in intake.replay(number)
    ]


def replay_next(
    connection: Connection[Any], intake: Intake, wanted: Asked, total: replaying.Replay
) -> int | None:
    """Read the next entries that fit again, count them in `total`: the id to go on after, None at the end."""
    found = held.entries(connection, wanted.wanted, stamps(), wanted.after, wanted.limit)
    replaying.replay(intake, [one.id for one in found], total)
    return found[-1].id if len(found) == wanted.limit else None


def counted(total: replaying.Replay) -> dict[str, Any]:
    """What became of entries that were read again."""
    return {
        "entries": total.entries,
        "outcomes": dict(sorted(total.outcomes.items())),
        "reasons": dict(sorted(total.reasons.items())),
        "milestones": total.milestones,
    }


def selected(wanted: Wanted) -> Wanted:
    """The filters by which open entries are dismissed. Raises ParameterRefused where they choose nothing.

    Everything is never dismissed by leaving something out.
    """
    if wanted == Wanted():
        raise ParameterRefused("say which: ids, or a filter, such as a reason", tuple(_SELECTING))
    if wanted.status != "open":
        raise ParameterRefused("only open entries can be dismissed: leave `status` out")
    return wanted


def dismiss_next(
    connection: Connection[Any], wanted: Asked, actor: str, note: str
) -> tuple[list[int], int | None]:
    """Dismiss the next open entries that fit: those newly dismissed, and the id to go on after, None at the
    end. Raises ParameterRefused.
    """
    found = held.entries(connection, selected(wanted.wanted), stamps(), wanted.after, wanted.limit)
    done = held.dismiss(connection, [one.id for one in found], actor, note)
    return done, found[-1].id if len(found) == wanted.limit else None


def dismiss(connection: Connection[Any], numbers: list[int], actor: str, note: str) -> list[int]:
    """Say of entries that nothing is to come of them; they stay, and are open no more. Those newly dismissed.

    Raises QuarantineUnknown, EntrySettled; then none is dismissed.
    """
    for number in numbers:
        if (status := _found(connection, number).status) in ("settled", "mended"):
            raise EntrySettled(f"entry {number} is {status}: it needs no dismissing")
    return held.dismiss(connection, numbers, actor, note)
