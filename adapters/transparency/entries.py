"""The leaves of milestones as they stand in the log now.

Belongs here: reading the log for its leaves, fast enough to hash it whole. Does not belong here: hashing. A
row of the server's binary COPY is nearly a leaf already: texts stand in it with their lengths before them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from struct import Struct
from typing import Any, Final

from psycopg import Connection

from adapters.postgres.binary import COPY_HEADER, COPY_TRAILER, EPOCH_OFFSET
from adapters.postgres.statements import statements
from domain.leaves import accepted_of_fields, entry_of_fields

_SQL: Final = statements("transparency")
#: Number of fields, then each with its length: position, stream, version, identity, digest, inbox,
#: received_at, the body's digest. Topic, state and the four texts of the message follow.
_ROW: Final = Struct(">hiqiqiii16si32siqiqi32s")
_LENGTH: Final = Struct(">i")
#: The statement that reads the inbox as one range is used where the range holds at most so many rows a leaf.
_NEAR: Final = 4


class LogChanged(RuntimeError):
    """The log does not hold what it must: somebody has changed it past the application."""


def head(connection: Connection[Any]) -> int:
    """The log's last position."""
    row = connection.execute(_SQL["head"]).fetchone()
    assert row is not None, "an aggregate always answers"
    return int(row[0])


def prepare(connection: Connection[Any]) -> None:
    """Let a connection of its own read many leaves at a time quickly."""
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET work_mem = '32MB'")


def entries(connection: Connection[Any], first: int, last: int) -> Generator[bytes, None, None]:
    """The leaves of the milestones from one position to another, in order. Raises LogChanged.

    The connection is busy until the last is taken; close the iterator where it is left before.
    """
    if last < first:
        return
    found = connection.execute(_SQL["spread"], {"first": first, "last": last}).fetchone()
    assert found is not None, "an aggregate always answers"
    count, low, high = found
    asked = {"first": first, "last": last, "low": low, "high": high}
    near = count and high - low < _NEAR * count
    commits = _commits(connection, first, last)
    begins, ends, recorded_at = next(commits)
    expected = first
    with connection.cursor() as cursor, cursor.copy(_SQL["copy_near" if near else "copy_far"], asked) as rows:
        for block in rows:
            row = _row(block)
            if not row:
                continue
            (_, _, position, _, stream, _, version, _, identity, at_digest, digest, _, inbox, _, received_at,
             at_body, body_digest) = _ROW.unpack_from(row)  # fmt: skip
            if position != expected or at_digest != 32 or at_body != 32:
                raise _changed(expected)
            if position > ends:
                begins, ends, recorded_at = next(commits)
            if not begins <= position <= ends:
                raise LogChanged(f"no transaction is on record that recorded position {position}")
            start = _ROW.size
            middle = start + 4 + _LENGTH.unpack_from(row, start)[0]  # the topic's end
            middle += 4 + _LENGTH.unpack_from(row, middle)[0]  # the state's
            accepted = accepted_of_fields(inbox, received_at + EPOCH_OFFSET, body_digest, row[middle:])
            yield entry_of_fields(
                position, recorded_at, stream, version, identity, digest, accepted, row[start:middle]
            )
            expected += 1
    if expected <= last:
        raise _changed(expected)


def _row(block: bytes | bytearray | memoryview) -> bytes:
    """A row of the COPY; empty for what goes before the first and after the last."""
    row = bytes(block)
    if row.startswith(COPY_HEADER[:11]):
        row = row[len(COPY_HEADER) :]
    return b"" if row == COPY_TRAILER else row


def too_short(head: int, size: int) -> LogChanged:
    """What to raise where the log ends before the tree does."""
    return LogChanged(
        f"the log ends at position {head}, and {size} milestones had been recorded: the last ones are gone"
    )


def _changed(position: int) -> LogChanged:
    return LogChanged(f"the log has no whole milestone at position {position}, or not the message it came in")


def _commits(connection: Connection[Any], first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Ranges of positions with their recorded time in microseconds since 1970; at the end an empty one."""
    cursor = connection.cursor(binary=True)
    cursor.execute(_SQL["commits"], {"first": first, "last": last})
    yield from cursor.fetchall()
    while True:
        yield (0, -1, 0)
