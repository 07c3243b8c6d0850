"""Postings as columns, apart by the two accounts that they stand between, in the order of recording.

Belongs here: the arrays, putting rows in order, joining what came in later. Does not belong here: where rows
come from (loading), what they count for (scanning).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from projections import accounts as a

Array = NDArray[Any]

#: Where a posting has no such day.
NO_DAY: Final = -(2**31)
#: Rows of a zone.
_ZONE: Final = 1_024
#: Positions that four bytes hold.
_SMALL: Final = 2**31 - 1


class Rows(NamedTuple):
    """Some postings, in the order of recording. Days are day numbers, amounts minor units.

    key: number of (deal, currency, product). stated None: the days of `effective`. class_: number. due:
    NO_DAY where there is none. start, end: of a span. None: no row has one. fact: position of the milestone
    that it speaks of, None: that of `position`. line, object: number of (deal, currency, text), the text
    empty where the posting names none; None: not kept of these accounts.
    """

    position: Array
    key: Array
    amount: Array
    effective: Array
    stated: Array | None
    class_: Array | None
    due: Array | None
    start: Array | None
    end: Array | None
    fact: Array | None
    line: Array | None
    object: Array | None

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.position)

    def part(self, which: slice) -> Rows:
        """Those of a slice."""
        columns = [None if column is None else column[which] for column in self]
        return Rows(*columns)  # type: ignore[arg-type] # those that every row has are never None


class Zones(NamedTuple):
    """Between which rows days lie. highest: of all rows up to a block's end, lowest: from its begin on."""

    highest: Array
    lowest: Array

    @classmethod
    def of(cls, days: Array) -> Zones:
        """The zones of a column of days."""
        begins = np.arange(0, len(days), _ZONE)
        highest = np.maximum.accumulate(np.maximum.reduceat(days, begins))
        lowest = np.minimum.accumulate(np.minimum.reduceat(days, begins)[::-1])[::-1]
        return cls(highest, np.ascontiguousarray(lowest))

    def within(self, after: int | None, upto: int) -> tuple[int, int]:
        """Rows [first, end) outside of which no day is both after the one (None: any) and up to the other."""
        first = 0 if after is None else int(np.searchsorted(self.highest, _day(after), "right"))
        return first * _ZONE, int(np.searchsorted(self.lowest, _day(upto), "right")) * _ZONE


def _day(number: int) -> np.int32:
    return np.int32(max(NO_DAY, min(number, 2**31 - 1)))


class Part(NamedTuple):
    """Rows that are not empty, with the zones of their effective days."""

    rows: Rows
    zones: Zones


def part_of(rows: Rows) -> Part:
    """Rows with their zones."""
    return Part(rows, Zones.of(rows.effective))


class Raw(NamedTuple):
    """Postings as they were read, in any order: every column full. debit, credit: accounts."""

    debit: Array
    credit: Array
    position: Array
    key: Array
    amount: Array
    effective: Array
    stated: Array
    class_: Array
    due: Array
    start: Array
    end: Array
    fact: Array
    line: Array
    object: Array


Pair = tuple[int, int]
#: Accounts between which there is no document and no order line: the forecast, weighted or not.
_UNNAMED: Final = frozenset({a.SOURCE_PIPELINE, a.PIPELINE, a.LOST, a.SOURCE_WEIGHTED, a.WEIGHTED})


class Segment(NamedTuple):
    """Postings that came in together: (debit, credit) -> what is earned at once, and what over a span."""

    size: int
    pairs: dict[Pair, tuple[Part | None, Part | None]]


def segment_of(given: list[Array]) -> Segment:
    """Rows in any order, put in order. given: the columns of a Raw, taken out of the list one by one."""
    debit, credit, position = given.pop(0), given.pop(0), given[0]
    none = debit[:0].copy()
    pair = debit.astype(np.int32) * 65_536 + credit
    del debit, credit
    order = np.lexsort((position, pair))
    del position
    pair = pair[order]
    bounds = np.flatnonzero(np.diff(pair, prepend=-1, append=-1))
    columns = []
    while given:
        columns.append(given.pop(0)[order])
    size = len(order)
    del order
    pairs = {}
    for first, upto in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        found = Raw(none, none, *(column[first:upto] for column in columns))
        over = found.end != NO_DAY
        some, every = bool(over.any()), bool(over.all())
        own = divmod(int(pair[first]), 65_536)
        named = not _UNNAMED.issuperset(own)
        pairs[own] = (
            None if every else _lean(found, ~over if some else slice(None), spans=False, named=named),
            _lean(found, over, spans=True, named=named) if some else None,
        )
    return Segment(size, pairs)


def _lean(raw: Raw, which: Any, *, spans: bool, named: bool) -> Part:
    """Without the columns that say nothing, copied so that nothing else is kept alive."""

    def some(column: Array, none: int) -> Array | None:
        own = np.array(column[which])
        return own if bool((own != none).any()) else None

    effective, stated = np.array(raw.effective[which]), np.array(raw.stated[which])
    position, fact = raw.position[which], raw.fact[which]
    size = np.int32 if int(position[-1]) < _SMALL else np.int64
    return part_of(
        Rows(
            position.astype(size),
            np.array(raw.key[which]),
            np.array(raw.amount[which]),
            effective,
            None if np.array_equal(effective, stated) else stated,
            some(raw.class_, 0),
            some(raw.due, NO_DAY),
            np.array(raw.start[which]) if spans else None,
            np.array(raw.end[which]) if spans else None,
            None if np.array_equal(position, fact) else fact.astype(size),
            np.array(raw.line[which]) if named else None,
            np.array(raw.object[which]) if named else None,
        )
    )


def joined(segments: Sequence[Segment]) -> Segment:
    """Segments that came in one after the other, as one."""
    pairs: dict[Pair, tuple[Part | None, Part | None]] = {}
    for pair in sorted(set().union(*(segment.pairs for segment in segments))):
        found = [segment.pairs[pair] for segment in segments if pair in segment.pairs]
        pairs[pair] = (_joined([points for points, _ in found]), _joined([spans for _, spans in found]))
    return Segment(sum(segment.size for segment in segments), pairs)


def _joined(found: Sequence[Part | None]) -> Part | None:
    held = [part for part in found if part is not None]
    if len(held) <= 1:
        return held[0] if held else None
    parts = [part.rows for part in held]
    columns: list[Array | None] = []
    for name in Rows._fields:
        own = [getattr(rows, name) for rows in parts]
        if all(column is None for column in own):
            columns.append(None)
            continue
        like = next(column for column in own if column is not None)
        filled = [
            _filled(rows, name, like) if column is None else column
            for rows, column in zip(parts, own, strict=True)
        ]
        columns.append(np.concatenate(filled))
    return part_of(Rows(*columns))  # type: ignore[arg-type] # those that every row has are never None


def _filled(rows: Rows, name: str, like: Array) -> Array:
    """A column that some rows don't have, beside others that do."""
    if name == "stated":
        return rows.effective
    if name == "fact":
        return rows.position
    return np.full(rows.size, NO_DAY if name == "due" else 0, like.dtype)
