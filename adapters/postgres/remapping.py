"""What reading stored bytes again asks of the log: which messages a mapping has read, and what stands of
them.

Belongs here: those questions, in bounded memory however long the log is. Does not belong here: what would be
different (api/remapping), and writing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from adapters.postgres.reading import Reader, SourceRow
from adapters.postgres.statements import statements

_SQL: Final = statements("remapping")
#: Rows that are fetched from the server at a time.
_FETCH: Final = 2_000


class Span(NamedTuple):
    """Messages of one mapping: those after a number of the inbox, received since a moment (None: ever)."""

    name: str
    after: int = 0
    since: datetime | None = None


class Message(NamedTuple):
    """A message that a mapping has read.

    positions: what it recorded. entry: in quarantine, and its status.
    """

    inbox: int
    size: int
    positions: tuple[int, ...]
    entry: int | None
    status: str | None
    is_ignored: bool


class OnRecord(NamedTuple):
    """What stands under an identity. digest: SHA-256 of its content."""

    position: int
    digest: bytes


class RecordedRow(NamedTuple):
    """A milestone of a message as the log holds it. identity: 16 bytes. mapping: what it was read by."""

    position: int
    stream: int
    topic: str
    state: bytes
    identity: bytes
    digest: bytes
    mapping: str | None


class AmendmentRow(NamedTuple):
    """A correction or void. mapping: where a changed mapping led to it, that mapping."""

    position: int
    topic: str
    state: bytes
    identity: bytes
    mapping: str | None


def count_messages(connection: Reader, span: Span) -> int:
    """How many messages there are."""
    row = connection.execute(_SQL["count_messages"], span._asdict()).fetchone()
    assert row is not None, "a count always gives a row"
    found: int = row[0]
    return found


@contextmanager
def messages(connection: Connection[Any], span: Span) -> Iterator[Iterator[Message]]:
    """The messages as the log holds them now, by their number. The connection is taken until it is left."""
    with connection.transaction(), connection.cursor(name="messages", binary=True) as cursor:
        cursor.itersize = _FETCH
        cursor.execute(_SQL["messages"], span._asdict())
        yield _grouped(cursor)


def _grouped(rows: Iterator[tuple[Any, ...]]) -> Iterator[Message]:
    for inbox, of_one in groupby(rows, lambda row: row[0]):
        found = list(of_one)
        _, size, _, entry, status, is_ignored = found[0]
        positions = tuple(sorted({row[2] for row in found if row[2] is not None}))
        yield Message(inbox, size, positions, entry, status, is_ignored)


def bodies(connection: Reader, numbers: Sequence[int]) -> dict[int, SourceRow]:
    """Accepted bytes by their number."""
    found = connection.cursor(binary=True).execute(_SQL["bodies"], {"ids": list(numbers)})
    return {row[0]: SourceRow(*row) for row in found}


def recorded(connection: Reader, positions: Sequence[int]) -> list[RecordedRow]:
    """Milestones by their positions."""
    found = connection.cursor(binary=True).execute(_SQL["recorded"], {"positions": list(positions)})
    return [RecordedRow(*row) for row in found]


def on_record(
    connection: Reader, identities: Sequence[bytes], sequences: Sequence[bytes]
) -> dict[bytes, OnRecord]:
    """What stands under identities, and under identities by sequence; 16 bytes each."""
    found: dict[bytes, OnRecord] = {}
    for name, wanted in (("on_record", identities), ("on_record_by_sequence", sequences)):
        if wanted:
            given = {"identities": [UUID(bytes=one) for one in wanted]}
            rows = connection.cursor(binary=True).execute(_SQL[name], given)
            found.update((row[0], OnRecord(row[1], row[2])) for row in rows)
    return found


def amendments(
    connection: Reader, streams: Sequence[int], identities: Sequence[bytes], topics: Sequence[str]
) -> list[AmendmentRow]:
    """Corrections and voids (topics: their stored names) in the deals of streams, or for identities."""
    given = {
        "streams": list(streams),
        "identities": [UUID(bytes=one) for one in identities],
        "topics": list(topics),
    }
    return [AmendmentRow(*row) for row in connection.cursor(binary=True).execute(_SQL["amendments"], given)]


def reasons(connection: Reader, entries: Sequence[int]) -> dict[int, list[dict[str, str]]]:
    """Why entries are in quarantine."""
    if not entries:
        return {}
    return dict(
        connection.cursor(binary=True).execute(_SQL["reasons"], {"entries": list(entries)}).fetchall()
    )
