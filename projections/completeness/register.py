"""The register of what milestones say of the objects of their sources: a row a milestone, behind the log.

The log has no columns for source, object and amount, and appending is not to pay for any. The projector takes
milestones in before the live generation gets as far as they are, so whoever reads a generation finds in the
register all that the generation knows. Belongs here: filling it. Does not belong here: reading it (objects).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Any, Final

from psycopg import Connection

from domain import milestones as m
from domain.stored import CODEC
from projections import queries
from projections.completeness.worth import worth
from projections.packed import DATE, EMPTY, NULL, Texts, copying, text

#: Milestones read at a time.
BATCH: Final = 20_000
#: Rows that are sent together: the server works on them while the next are made.
_SENT: Final = 256
_INT64: Final = 2**63
_COPY: Final = """COPY source_milestone (position, source, object, native_id, topic, effective, by_time,
    instant, currency, amount, number) FROM STDIN (FORMAT binary)"""
_HEAD: Final = Struct(">hiq").pack
_TIMES: Final = Struct(">iii?iq").pack
_BIGINT: Final = Struct(">iq").pack


def position(connection: Connection[Any]) -> int:
    """The last position of the log that the register holds."""
    row = connection.execute("SELECT coalesce(max(position), 0) FROM source_milestone").fetchone()
    assert row is not None
    return int(row[0])


def take_in(connection: Connection[Any], schema: str, upto: int) -> int:
    """Take in the milestones up to a position, in the caller's transaction: how many. One at a time does."""
    after = begun = _locked(connection, schema)
    while after < upto:
        cursor = connection.cursor(binary=True)
        cursor.execute(queries.statement("read_log"), {"after": after, "limit": min(BATCH, upto - after)})
        rows = cursor.fetchall()
        with copying(connection.cursor(), _COPY) as send:
            found = Filling(send, after)
            for at, _, topic, state in rows:
                found.add(at, CODEC.decode(topic, state))
            found.send()
        after = rows[-1][0]
    return max(0, after - begun)


@contextmanager
def filling(
    connection: Connection[Any], schema: str, after: int, *, is_shared: bool = False
) -> Iterator[Filling]:
    """What takes in the milestones that follow a position; they are there once the block has ended.

    They are sent as they come. is_shared: at the end, since the caller uses the connection meanwhile. On a
    connection of its own they are committed before whatever the caller does: a register that is ahead of
    every generation does no harm, one that is behind would. Others that fill it wait until then.
    """
    with connection.transaction():
        if not is_shared:
            # the caller's commit comes later in the write-ahead log: where that is on disk, so is this one
            connection.execute("SET LOCAL synchronous_commit = off")
        held = _locked(connection, schema)
        if held < after:
            held += take_in(connection, schema, after)
        if is_shared:
            blocks: list[bytes] = []
            found = Filling(blocks.append, held)
            yield found
            found.send()
            with copying(connection.cursor(), _COPY) as send:
                send(b"".join(blocks))
            return
        with copying(connection.cursor(), _COPY) as send:
            found = Filling(send, held)
            yield found
            found.send()


class Filling:
    """Rows on their way into the register. Milestones come in the order of the log, from anywhere in it."""

    __slots__ = ("_after", "_rows", "_send", "_texts")

    def __init__(self, send: Callable[[bytes], None], after: int) -> None:
        self._send = send
        self._after = after
        self._rows: list[bytes] = []
        self._texts = Texts(EMPTY)

    def add(self, position: int, milestone: m.Milestone) -> None:
        """Take in what a milestone says, as it is stored; one that the register holds is passed over."""
        if position <= self._after:
            return
        self._rows.append(self._row(milestone, position))
        if len(self._rows) >= _SENT:
            self.send()

    def send(self) -> None:
        """Send what has been taken in so far."""
        self._send(b"".join(self._rows))
        self._rows.clear()

    def _row(self, milestone: m.Milestone, position: int) -> bytes:
        texts = self._texts.pack
        kind, _, native = milestone.subject.partition("/")
        currency, amount = worth(milestone)
        if amount is None or abs(amount) >= _INT64:
            money = NULL + NULL
        else:
            money = (NULL if currency is None else texts(currency)) + _BIGINT(8, amount)
        number = number_of(milestone.sequence)
        return b"".join((
            _HEAD(11, 8, position),
            texts(milestone.source),
            texts(kind),
            text(native),
            texts(milestone.name),
            _TIMES(4, milestone.effective - DATE, 1, m.BY_TIME in milestone.attributes, 8, milestone.instant),
            money,
            NULL if number is None else _BIGINT(8, number),
        ))  # fmt: skip


def _locked(connection: Connection[Any], schema: str) -> int:
    """The position up to which the register is filled, which stays until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{schema}.register",))
    return position(connection)


def number_of(sequence: str | None) -> int | None:
    """A sequence as a whole number of 64 bits; None where it is none."""
    if sequence is None or len(sequence) > 20:
        return None
    digits = sequence[1:] if sequence[:1] == "-" else sequence
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(sequence)
    return number if -_INT64 <= number < _INT64 else None
