"""Folding whole sets of streams again, in memory: what their part of the journal ought to be.

Every set is folded by the projector's own way, fact after fact in the order of recording, never by the short
cuts of a rebuild: so a journal that a rebuild has loaded is held against another road to it. Belongs here:
which sets there are, their rows as they are packed for the journal, rows to values. Does not belong here:
comparing with the journal (projections/verification), one deal for people (projections/casework).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from struct import Struct
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.policies import Policies
from projections.clusters import Clusters, Edge, Forest, LogRow, by_position, decode
from projections.journal import TABLES, Journal
from projections.projector import read_edges

#: The columns of a generation's tables, in the order of the packed rows, each with how it is packed: `i` a
#: whole number, `d` a date, `t` a text, `b` bytes.
COLUMNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "posting": (
        ("deal", "i"), ("fact", "i"), ("position", "i"), ("amount", "i"), ("stated", "d"), ("effective", "d"),
        ("span_start", "d"), ("span_end", "d"), ("due", "d"), ("debit", "i"), ("credit", "i"), ("class", "i"),
        ("currency", "t"), ("sku", "t"), ("line", "t"), ("object", "t"),
    ),
    "deal_name": (("deal", "i"), ("position", "i"), ("name", "t")),
    "deal_dimension": (
        ("deal", "i"), ("position", "i"), ("effective", "d"), ("name", "t"), ("value", "t"),
    ),
    "signal": (
        ("deal", "i"), ("fact", "i"), ("position", "i"), ("amount", "i"), ("effective", "d"), ("sign", "i"),
        ("code", "t"), ("object", "t"), ("currency", "t"), ("detail", "t"),
    ),
    "notice": (("fact", "i"), ("position", "i"), ("sign", "i"), ("topic", "t"), ("state", "b")),
    "fact_place": (("fact", "i"), ("deal", "i"), ("position", "i")),
    "key_place": (("deal", "i"), ("position", "i"), ("key", "t")),
}  # fmt: skip

_EPOCH: Final = date(2000, 1, 1)
_LENGTH: Final = Struct(">i").unpack_from
_FIELDS: Final = Struct(">h").unpack_from


class Sets:
    """Which streams are folded together, by a position: those of a deal, of deals that share payments."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._forest = Forest()
        self._edges: dict[int, list[Edge]] = {}
        found = list(edges)
        for edge in found:
            self._forest.join(edge.child, edge.parent)
        for edge in found:
            self._edges.setdefault(self._forest.root(edge.child), []).append(edge)
        #: every stream of a set of two or more, with its root, which is the lowest of the set
        self.joined = self._forest.joined()

    def root(self, stream: int) -> int:
        """The lowest stream of the set."""
        return self.joined.get(stream, stream)

    def members(self, root: int) -> list[int]:
        """All streams of a set, ascending."""
        return self._forest.members(root)

    def edges(self, root: int) -> dict[int, list[Edge]]:
        """What made the streams of a set belong together, by position."""
        return by_position(self._edges.get(root, ()))

    def roots_within(self, first: int, last: int) -> list[int]:
        """The roots from first to last of sets of two streams or more, ascending."""
        return sorted(root for root in self._edges if first <= root <= last)


def sets_by(connection: Connection[Any], upto: int) -> Sets:
    """Which streams belonged together by a position."""
    return Sets(read_edges(connection, 0, upto))


class Folded(NamedTuple):
    """What some sets come to. rows: table -> packed rows. milestones: how many. positions: theirs."""

    rows: dict[str, list[bytes]]
    positions: list[int]

    @property
    def milestones(self) -> int:
        """How many milestones were folded."""
        return len(self.positions)


def fold_sets(rows: Iterable[LogRow], sets: Sets, policies: Policies) -> Folded:
    """Fold the milestones of whole sets, given in any order."""
    by_root: dict[int, list[LogRow]] = {}
    for row in rows:
        by_root.setdefault(sets.root(row[1]), []).append(row)
    journal, positions = Journal(), list[int]()
    for root in sorted(by_root):
        clusters, edges = Clusters(_nothing, policies), sets.edges(root)
        for row in sorted(by_root[root]):
            journal.add(clusters.take(decode(row, policies), edges.get(row[0], ())))
            positions.append(row[0])
    return Folded({table: list(split(journal.take(table))) for table in TABLES}, positions)


def _nothing(_streams: Sequence[int], _upto: int) -> Iterable[LogRow]:
    """A set is folded from its first milestone on: nothing was projected before."""
    return ()


def split(packed: bytes) -> Iterator[bytes]:
    """The rows in packed bytes, one by one: a count of fields, then each with its length before it."""
    at, end = 0, len(packed)
    while at < end:
        begun = at
        (fields,) = _FIELDS(packed, at)
        at += 2
        for _ in range(fields):
            (length,) = _LENGTH(packed, at)
            at += 4 + length if length > 0 else 4
        yield packed[begun:at]


def values_of(table: str, row: bytes) -> dict[str, Any]:
    """A packed row by column: numbers, dates, texts, bytes; None where it holds nothing."""
    found: dict[str, Any] = {}
    at = 2
    for name, kind in COLUMNS[table]:
        (length,) = _LENGTH(row, at)
        at += 4
        if length < 0:
            found[name] = None
            continue
        raw = row[at : at + length]
        at += length
        found[name] = _value(kind, raw)
    return found


def _value(kind: str, raw: bytes) -> Any:
    match kind:
        case "i":
            return int.from_bytes(raw, "big", signed=True)
        case "d":
            return _day(int.from_bytes(raw, "big", signed=True))
        case "t":
            return raw.decode()
        case _:
            return raw


def _day(number: int) -> date | str:
    """A date; of one that the calendar does not hold, its distance, so that a broken row is still told."""
    try:
        return _EPOCH + timedelta(days=number)
    except OverflowError:
        return f"2000-01-01 and {number} days"
