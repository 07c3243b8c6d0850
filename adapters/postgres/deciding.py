"""The decisions of a whole log taken again, and what they left held against what the tables have.

Later milestones are placed by these tables, and nothing else tells when they were changed. Belongs here: the
walk through the log, and comparing by position. Does not belong here: deciding (domain/recording), what a
difference is told as (api/verifying).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from psycopg import Connection, ServerCursor

from adapters.bundles.replay import Replay
from adapters.postgres.statements import statements
from domain.arrivals import Accepted, Prepared, arrival_of
from domain.canonical import content_digest, decode_json
from domain.deal import Recorded
from domain.recording import Rows
from domain.stored import CODEC

_SQL: Final = statements("deciding")
#: Milestones that are decided, and rows that are fetched, at a time.
STEP: Final = 1_000
#: What the columns after the position are: what a row is known by, and what it says.
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "deal_key": ("key", "stream"),
    "sequence_identity": ("identity",),
    "deal_link": ("child", "parent"),
    "payment_crossing": ("stream", "crossed by"),
    "awaited": ("target", "stream"),
}
#: The tables that are compared.
TABLES: Final = frozenset(_COLUMNS)
_ON: Final = "what comes after it was not decided again"

_Row = tuple[Any, ...]


class Otherwise(NamedTuple):
    """A row that is not what the log's decisions leave. position: of the milestone; wrong: in words."""

    table: str
    position: int
    wrong: str


def differing(connection: Connection[Any], most: int) -> list[Otherwise]:
    """Decide the whole log again: the first differences of each table, in the order of recording.

    connection: in autocommit. most: differences of a table that are kept. Milestones that can't be decided
    again end the walk, with the reason. Writes nothing. Raises psycopg.Error.
    """
    found: dict[str, list[Otherwise]] = {}
    with connection.transaction():
        connection.execute(_SQL["one_moment"])
        for one in _walk(connection):
            kept = found.setdefault(one.table, [])
            if len(kept) < most:
                kept.append(one)
    return sorted((one for kept in found.values() for one in kept), key=lambda one: one.position)


def _walk(connection: Connection[Any]) -> Iterator[Otherwise]:
    with Replay() as replay, ExitStack() as opened:
        tables = {
            name: _Table(opened.enter_context(connection.cursor(name=f"decided_{name}")), name)
            for name in _COLUMNS
        }
        while (
            rows := connection.cursor(binary=True).execute(_SQL["milestones"], (replay.head, STEP)).fetchall()
        ):
            items, ended = _items(rows, replay.head)
            decided = replay.decide(items)
            if len(decided.events) < len(items):
                number = next(n for n, one in enumerate(decided.outcomes) if one.outcome != "recorded")
                outcome = decided.outcomes[number]
                yield Otherwise(
                    "log", rows[number][0],
                    f"it would not have been recorded, but be a {outcome.outcome} of {outcome.position};"
                    f" {_ON}",
                )  # fmt: skip
                return
            yield from _misplaced(rows, decided.events)
            for name, expected in _left(decided.rows).items():
                yield from _compared(name, expected, tables[name].upto(replay.head))
            if ended is not None:
                yield ended
                return
        for name, table in tables.items():
            yield from _compared(name, [], table.upto(None))


def _items(rows: Sequence[_Row], head: int) -> tuple[list[Prepared], Otherwise | None]:
    """The milestones as they arrived; and what ends the walk, None where nothing does."""
    items: list[Prepared] = []
    for number, (position, _, _, inbox, topic, state, _, digest, _) in enumerate(rows, 1):
        if position != head + number:
            return items, Otherwise("log", position, f"there is a gap before it; {_ON}")
        try:
            arrival = arrival_of(CODEC.decode(topic, state), digest, state)
        except Exception:  # noqa: BLE001 - whatever is wrong with what is stored, it is told
            return items, Otherwise("log", position, f"what is stored of it can't be read; {_ON}")
        items.append(Prepared(Accepted("", 0, b"", b"", stored=inbox), arrival))
    return items, None


def _misplaced(rows: Sequence[_Row], events: Iterable[Recorded]) -> Iterator[Otherwise]:
    for row, event in zip(rows, events, strict=False):
        position, stream, version, _, _, _, identity, digest, body = row
        for name, said, expected in (
            ("stream", stream, event.stream),
            ("version", version, event.version),
            ("identity", identity.hex(), event.identity.hex()),
        ):
            if said != expected:
                yield Otherwise("log", position, f"its {name} is {said}, and {expected} follows from the log")
        if body is not None and _digest_of(body) != digest:
            yield Otherwise("log", position, "the digest of its content is not that of what came in")


def _digest_of(body: bytes) -> bytes | None:
    try:
        value, plain = decode_json(body)
        return content_digest(value, plain=plain)
    except Exception:  # noqa: BLE001 - bytes that are no event have no digest of an event
        return None


def _left(rows: Rows) -> dict[str, list[_Row]]:
    """What some decisions leave beside the log, as the tables are read."""
    return {
        "deal_key": [(position, key, stream) for key, stream, position in rows.keys],
        "sequence_identity": [(position, identity.hex()) for identity, position in rows.sequences],
        "deal_link": [(position, child, parent) for child, parent, position in rows.links],
        "payment_crossing": [(position, home, stream) for stream, home, position in rows.crossings],
        "awaited": [(position, target.hex(), stream) for target, stream, position in rows.awaited],
    }


class _Table:
    """The rows of one table by position, read as far as they are asked for."""

    def __init__(self, cursor: ServerCursor[Any], name: str) -> None:
        cursor.itersize = STEP
        self._rows: Iterator[_Row] = iter(cursor.execute(_SQL[name]))
        self._next = next(self._rows, None)

    def upto(self, position: int | None) -> Iterator[_Row]:
        """Those that were not read yet, up to a position; None: all."""
        while self._next is not None and (position is None or self._next[0] <= position):
            yield self._next
            self._next = next(self._rows, None)


def _compared(name: str, expected: Iterable[_Row], there: Iterable[_Row]) -> Iterator[Otherwise]:
    """The rows that only one side has; two of the same milestone and key together."""
    sides: dict[_Row, list[_Row | None]] = {}
    left = set(expected)
    for row in there:
        if row in left:
            left.remove(row)
        else:
            sides.setdefault(row[:2], [None, None])[1] = row
    for row in left:
        sides.setdefault(row[:2], [None, None])[0] = row
    for (position, key), (due, found) in sorted(sides.items(), key=lambda side: side[0][0]):
        known_by = f"{_COLUMNS[name][0]} {key}"
        yield Otherwise(
            name, position, f"{known_by}: expected {_said(name, due)}, there is {_said(name, found)}"
        )


def _said(name: str, row: _Row | None) -> str:
    if row is None:
        return "none"
    said = [f"{column} {value}" for column, value in zip(_COLUMNS[name][1:], row[2:], strict=True)]
    return ", ".join([*said, f"of position {row[0]}"])
