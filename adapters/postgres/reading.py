"""Reading the log: positions and times, milestones with their source bytes, keys and deals, open quarantine.

Belongs here: what the API, the projector and the rebuild ask of the tables of migrations/0001_log.sql. Does
not belong here: anything derived from them, and writing. Every function takes a connection of `connect`'s
pool, so that its caller says what is read in one transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from psycopg import Connection

from adapters.postgres.connections import connect
from adapters.postgres.statements import statements
from domain.deal import message_identity
from domain.milestones import Milestone

__all__ = [
    "LAST",
    "Commit",
    "KeptConflict",
    "LogRow",
    "Quarantined",
    "Recording",
    "SourceRow",
    "commit_at",
    "commit_of",
    "commits_after",
    "conflicts",
    "connect",
    "counts",
    "crossings_after",
    "head",
    "inbox_row",
    "keys_of",
    "links_after",
    "milestone",
    "milestones_after",
    "milestones_of",
    "open_quarantine",
    "position_of",
    "quarantine_entry",
    "root_of",
    "stream_of_key",
    "streams_of",
]

_SQL: Final = statements("reading")
#: Later than every position.
LAST: Final = 2**63 - 1

Reader: TypeAlias = "Connection[tuple[Any, ...]]"
Decode: TypeAlias = Callable[[str, bytes], Milestone]


class Commit(NamedTuple):
    """One transaction: the positions first..last, recorded together."""

    first: int
    last: int
    recorded_at: datetime


class LogRow(NamedTuple):
    """A milestone as the log holds it; `state` is for the mapper to decode."""

    position: int
    stream: int
    version: int
    topic: str
    state: bytes


class SourceRow(NamedTuple):
    """Accepted bytes, whole. digest: SHA-256 of body. headers: a JSON object, as text.

    mapping: what read them, `name@version#digest/instance`; of a milestone, what
    made it of them.
    """

    id: int
    source: str
    received_at: datetime
    digest: bytes
    content_type: str | None
    headers: str | None
    mapping: str | None
    body: bytes


class Recording(NamedTuple):
    """A milestone with when it was recorded, and the bytes that it was read from."""

    row: LogRow
    identity: UUID
    digest: bytes
    recorded_at: datetime
    payload: SourceRow


class KeptConflict(NamedTuple):
    """A message whose identity is on record with other content, at `position`."""

    id: int
    inbox: int
    identity: UUID
    position: int
    source: str
    event_id: str
    type: str
    recorded_at: datetime


class Quarantined(NamedTuple):
    """A message that could not be understood. reasons: [{"code", "pointer", "message"}]."""

    id: int
    inbox: int
    source: str | None
    event_id: str | None
    type: str | None
    reasons: list[dict[str, str]]
    received_at: datetime
    mapping: str | None


def head(connection: Reader) -> int:
    """The last position; 0 in an empty log."""
    last: int = _one(connection, "head", {})[0]
    return last


def commit_at(connection: Reader, recorded_by: datetime) -> Commit | None:
    """The last commit at or before a moment: what was known then ends at its `last`. None before any."""
    found = _rows(connection, "commit_at", {"recorded_by": recorded_by})
    return Commit(*found[0]) if found else None


def commit_of(connection: Reader, position: int) -> Commit | None:
    """The commit that recorded a position; None where there is none such."""
    found = _rows(connection, "commit_of", {"position": position})
    return Commit(*found[0]) if found else None


def commits_after(connection: Reader, position: int, limit: int) -> list[Commit]:
    """Commits that recorded something after a position, in order."""
    return [
        Commit(*row) for row in _rows(connection, "commits_after", {"position": position, "limit": limit})
    ]


def milestone(connection: Reader, position: int) -> Recording | None:
    """A milestone with its source bytes; None where there is none such."""
    found = _rows(connection, "milestone", {"position": position})
    if not found:
        return None
    number, stream, version, topic, state, identity, digest, inbox, recorded_at, *accepted = found[0]
    return Recording(
        LogRow(number, stream, version, topic, state),
        identity,
        digest,
        recorded_at,
        SourceRow(inbox, *accepted),
    )


def milestones_after(connection: Reader, after: int, limit: int, last: int = LAST) -> list[LogRow]:
    """Milestones after a position, in the order of recording."""
    found = _rows(connection, "milestones_after", {"after": after, "limit": limit, "last": last})
    return [LogRow(*row) for row in found]


def milestones_of(connection: Reader, streams: Sequence[int], last: int = LAST) -> list[LogRow]:
    """The milestones of some streams up to a position, in the order of recording."""
    found = _rows(connection, "milestones_of_streams", {"streams": list(streams), "last": last})
    return [LogRow(*row) for row in found]


def position_of(connection: Reader, source: str, event_id: str) -> tuple[int, int] | None:
    """(position, stream) of the milestone with this source and id; None where it is not recorded."""
    identity = UUID(bytes=message_identity(source, event_id))
    found = _rows(connection, "position_of", {"identity": identity})
    return (found[0][0], found[0][1]) if found else None


def stream_of_key(connection: Reader, key: str, last: int = LAST) -> int | None:
    """The stream in which a business key was first seen, if it was up to a position. `root_of` leads on."""
    found = _rows(connection, "key_stream", {"key": key, "last": last})
    return found[0][0] if found else None


def root_of(connection: Reader, stream: int, last: int = LAST) -> int:
    """The deal that a stream belongs to, as known at a position: the lowest stream linked with it."""
    root: int = _one(connection, "root_of", {"stream": stream, "last": last})[0]
    return root


def streams_of(connection: Reader, root: int, last: int = LAST) -> list[int]:
    """All streams of a deal as known at a position, the root first."""
    return [row[0] for row in _rows(connection, "streams_of_root", {"root": root, "last": last})]


def keys_of(connection: Reader, root: int, decode: Decode, last: int = LAST) -> list[str]:
    """The keys that the milestones of a deal state, sorted. decode: the mapper's."""
    streams = streams_of(connection, root, last)
    found: set[str] = set()
    for row in milestones_of(connection, streams, last):
        found.update(decode(row.topic, row.state).keys)
    return sorted(found)


def links_after(connection: Reader, after: int, last: int = LAST) -> list[tuple[int, int, int]]:
    """(child, parent, position) of the links after a position, in order."""
    return [(row[0], row[1], row[2]) for row in _after(connection, "links_after", after, last)]


def crossings_after(connection: Reader, after: int, last: int = LAST) -> list[tuple[int, int, int]]:
    """(stream, stream of the payment's home, position) of crossings after a position, in order."""
    return [(row[0], row[1], row[2]) for row in _after(connection, "crossings_after", after, last)]


def conflicts(connection: Reader, after: int = 0, limit: int = 100) -> list[KeptConflict]:
    """Kept conflicts by id, those after an id."""
    return [KeptConflict(*row) for row in _rows(connection, "conflicts", {"after": after, "limit": limit})]


def open_quarantine(connection: Reader, after: int = 0, limit: int = 100) -> list[Quarantined]:
    """Quarantined messages that no second reading has settled, by id, those after an id."""
    return [Quarantined(*row) for row in _rows(connection, "quarantine", {"after": after, "limit": limit})]


def quarantine_entry(connection: Reader, entry: int) -> tuple[Quarantined, bool] | None:
    """An entry, and whether a second reading has settled it; None where there is none such."""
    found = _rows(connection, "quarantine_entry", {"entry": entry})
    return (Quarantined(*found[0][:-1]), found[0][-1]) if found else None


def inbox_row(connection: Reader, inbox: int) -> SourceRow | None:
    """Accepted bytes by their number; None where there is none such."""
    found = _rows(connection, "inbox_row", {"inbox": inbox})
    return SourceRow(*found[0]) if found else None


def counts(connection: Reader) -> tuple[int, int]:
    """(open quarantine entries, kept conflicts)"""
    row = _one(connection, "counts", {})
    return row[0], row[1]


def _after(connection: Reader, name: str, after: int, last: int) -> Iterator[tuple[Any, ...]]:
    yield from _rows(connection, name, {"after": after, "last": last})


def _rows(connection: Reader, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return connection.cursor(binary=True).execute(_SQL[name], parameters).fetchall()


def _one(connection: Reader, name: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    found = _rows(connection, name, parameters)
    assert found, "these statements always give a row"
    return found[0]
