"""The postings that a question is about: known by then, of those keys, on days that matter.

Belongs here: which rows are looked at. Does not belong here: what they come to (scanning).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from projections.columns.deals import opened_on
from projections.columns.rows import Pair, Part, Rows, Segment
from projections.periods import FirstOpen

Array = NDArray[Any]


class Only(NamedTuple):
    """Which postings count. class_: number; None: any. opened: first open days, as reported."""

    known: int
    after: int
    class_: int | None
    opened: FirstOpen


class Wanted(NamedTuple):
    """What is asked of the postings of a pair.

    since: days up to this one don't count; None: all do. upto: nor do those after this one. classes, dues:
    whether it matters which class they are of, and when they are due.
    """

    since: int | None
    upto: int | None
    classes: bool
    dues: bool


class Piece(NamedTuple):
    """Postings of one pair that count, columns as those of Rows; key: 64 bits.

    own_stated: of spans and what is stated on other days, the day on which they were stated, also as
    reported. worth: of spans, by the day, which are partly earned on it (maybe among others that come to
    nothing), and what of them.
    """

    pair: Pair
    key: Array
    amount: Array
    effective: Array
    stated: Array | None
    class_: Array | None
    due: Array | None
    start: Array | None
    end: Array | None
    own_stated: Array
    worth: dict[int, tuple[Which, Array]]


def pieces(
    segments: Sequence[Segment], wanted: Mapping[Pair, Wanted], only: Only, keys: Array | None
) -> list[Piece]:
    """The postings of some pairs that count. keys: by key, whether it does; None: all do."""
    found = []
    for segment in segments:
        for pair, own in wanted.items():
            for part in segment.pairs.get(pair, ()):
                piece = None if part is None else _piece(pair, part, own, only, keys)
                if piece is not None:
                    found.append(piece)
    return found


def _piece(pair: Pair, part: Part, wanted: Wanted, only: Only, keys: Array | None) -> Piece | None:
    rows = _within(part, wanted, only)
    if only.class_ is not None and rows.class_ is None and only.class_:
        return None
    key = rows.key.astype(np.int64)
    counts = None if keys is None else keys.take(key)
    if only.class_ is not None and rows.class_ is not None:
        same = rows.class_ == only.class_
        counts = same if counts is None else counts & same
    which = None if counts is None else those(counts)
    key = taken(key, which)
    if not len(key):
        return None

    def some(column: Array | None) -> Array | None:
        return None if column is None else taken(column, which)

    effective, stated = rows.effective, rows.stated
    own_stated = effective if stated is None else stated
    if only.opened.positions:
        opened = opened_on(only.opened, rows.position).astype(np.int32)
        effective = np.maximum(effective, opened)
        stated = None if stated is None else np.maximum(stated, opened)
    effective = taken(effective, which)
    if rows.end is not None or stated is not None:
        own_stated = taken(own_stated, which)
    return Piece(
        pair,
        key,
        taken(rows.amount, which),
        effective,
        some(stated),
        some(rows.class_) if wanted.classes else None,
        some(rows.due) if wanted.dues else None,
        some(rows.start),
        some(rows.end),
        own_stated,
        {},
    )


def _within(part: Part, wanted: Wanted, only: Only) -> Rows:
    """The rows between two positions, without most of those that count on no day that matters."""
    rows = part.rows
    first, end = 0, rows.size
    if wanted.upto is not None:
        # as reported nothing counts sooner, but it may count later
        since = None if only.opened.positions or rows.end is not None else wanted.since
        first, end = part.zones.within(since, wanted.upto)
    if only.after:
        first = max(first, known_rows(rows.position, only.after))
    end = max(first, min(end, rows.size, known_rows(rows.position, only.known)))
    return rows if first == 0 and end == rows.size else rows.part(slice(first, end))


#: Some rows of a piece: a slice, their places in order, or None for all of them.
Which = Array | slice | None


def those(counts: Array) -> Which:
    """The rows that count; a slice where they follow each other, as they often do in order of recording."""
    many = int(np.count_nonzero(counts))
    if many == len(counts):
        return None
    first, end = around(counts)
    return slice(first, end) if end - first == many else np.flatnonzero(counts)


def around(counts: Array) -> tuple[int, int]:
    """Rows [first, end) outside of which none counts."""
    if not len(counts):
        return 0, 0
    first = int(counts.argmax())
    return (first, len(counts) - int(counts[::-1].argmax())) if counts[first] else (0, 0)


def taken(column: Array, which: Which) -> Array:
    """Some rows of a column."""
    if which is None:
        return column
    found: Array = column[which] if isinstance(which, slice) else column.take(which)
    return found


def known_rows(positions: Array, position: int) -> int:
    """How many positions, in order, are up to one."""
    if position >= int(positions[-1]):
        return len(positions)
    return int(positions.searchsorted(positions.dtype.type(position), "right"))
