"""What postings come to by cell: window and group, for each measure, in one pass over their columns.

Belongs here: in which window postings count, and adding them up. A point counts from its day on, so it
is put down in the first window that holds it and sums run on from window to window; a span is worked out on
each window's last day. Does not belong here: which postings are looked at (picking), which groups there are
(asking), what becomes of sums (netting, answering).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import add_months
from projections.columns.picking import Piece, Which, around, taken, those
from projections.columns.rows import NO_DAY, Pair
from projections.columns.spans import earned
from projections.measures import Measure

Array = NDArray[Any]

#: Classes of bookings and run-rate, as numbered in the journal.
CLASSES: Final = 7
_LONGEST_TABLE: Final = 1 << 20


class Target(NamedTuple):
    """A measure to add up, and what a transfer counts in it. bucket: its place among the ageing measures."""

    measure: Measure
    counts: dict[Pair, int]
    bucket: int = 0

    @property
    def when(self) -> str:
        """What of a posting counts (projections/measures)."""
        return self.measure.when


class Frame(NamedTuple):
    """The windows of a scan. ends: last days. eve: the day before the first; None: since the beginning.

    thresholds: days past due at which ageing measures part. by_stated: whether a schedule counts from the day
    on which it was stated. monthly: when stated schedules are earned by months: [since, until), None for open
    ends.
    """

    ends: list[int]
    eve: int | None
    thresholds: tuple[int, ...]
    by_stated: bool
    monthly: list[tuple[int | None, int | None]]

    @property
    def bounds(self) -> list[int]:
        """The days on whose ends it matters what things are worth."""
        return self.ends if self.eve is None else [self.eve, *self.ends]

    def only(self, windows: Sequence[int]) -> Frame:
        """Of some windows that follow each other."""
        first = windows[0]
        eve = self.eve if self.eve is None or not first else self.ends[first - 1]
        return self._replace(ends=[self.ends[n] for n in windows], eve=eve)


Signature = tuple[tuple[int, int], ...]
#: The cells of some postings of a piece.
At = Callable[[Which], Array]


class Sums:
    """What the postings of pairs that count alike come to, by window and cell."""

    def __init__(self, frame: Frame, size: int, targets: Sequence[Target]) -> None:
        whens = {target.when for target in targets}
        self._frame = frame
        self._size = size
        self._bounds = frame.bounds
        self._classes = CLASSES if "class" in whens else 1
        #: Turnovers alone don't ask what was before the first window.
        self._moves = whens <= {"span", "class"} and frame.eve is not None
        self._stands = whens <= {"end"}
        self._valued = whens != {"beyond"}
        width = size * self._classes
        #: By how much what is worth on a bound differs from the bound before.
        self._steps = np.zeros((len(self._bounds), width), np.int64) if self._valued else None
        windows = len(frame.ends)
        self._overdue = (
            [np.zeros((windows, size), np.int64) for _ in frame.thresholds] if "bucket" in whens else []
        )
        self._beyond = np.zeros((windows, size), np.int64) if "beyond" in whens else None
        #: In a single window, by cell and ageing measure, what is due at all.
        self._aged: Array | None = None
        self._past: list[Array] | None = None
        self._standing: Array | None = None

    def add(self, piece: Piece, at: At, sign: int) -> None:
        """Take in postings."""
        if self._beyond is not None:
            self._add_beyond(piece, at, sign)
        if self._steps is None:
            return
        first = piece.effective
        if self._frame.by_stated and piece.stated is not None:
            first = np.maximum(first, piece.stated)
        if self._overdue and piece.due is not None and len(self._bounds) == 1:
            self._add_aged(piece.due, first, at, piece.amount, sign)
            return
        into = at if self._classes == 1 or piece.class_ is None else self._by_class(at, piece.class_)
        days = first if piece.end is None else np.maximum(first, piece.end)
        _put(self._steps, self._bounds, days, into, piece.amount, sign, moves=self._moves)
        if piece.end is not None:
            self._add_partly(piece, first, into, sign)
        elif self._overdue and piece.due is not None:
            self._add_overdue(piece.due, first, at, piece.amount, sign)

    def _by_class(self, at: At, class_: Array) -> At:
        def apart(which: Which) -> Array:
            return at(which) + taken(class_, which) * np.int64(self._size)

        return apart

    def _add_partly(self, piece: Piece, first: Array, at: At, sign: int) -> None:
        assert self._steps is not None, "there is something to be partly earned of"
        monthly = by_months(piece.own_stated, self._frame.monthly)
        for n, day in enumerate(self._bounds):
            if day not in piece.worth:
                piece.worth[day] = _partly(piece, first, day, monthly)
            which, worth = piece.worth[day]
            if not len(worth):
                continue
            own = np.zeros_like(self._steps[n])
            np.add.at(own, at(which), worth if sign > 0 else -worth)
            self._steps[n] += own
            if n + 1 < len(self._bounds):
                self._steps[n + 1] -= own

    def _add_aged(self, due: Array, first: Array, at: At, amounts: Array, sign: int) -> None:
        """In a single window: every posting in the ageing measure that it belongs to on the last day."""
        end, most = self._bounds[-1], len(self._frame.thresholds) + 1
        if self._aged is None:
            self._aged = np.zeros((most, self._size), np.int64)
        which = those(first <= end)
        due, amounts = taken(due, which), taken(amounts, which)
        late = np.zeros(len(due), np.int8)
        for threshold in self._frame.thresholds:
            late += due < end - threshold
        late *= due != NO_DAY
        cells = at(which) + late * np.int64(self._size)
        np.add.at(self._aged.reshape(-1), cells, amounts if sign > 0 else -amounts)

    def _add_overdue(self, due: Array, first: Array, at: At, amounts: Array, sign: int) -> None:
        """In several: a posting is so many days past due from a day on, though not before it counts."""
        ends, last = self._frame.ends, self._frame.thresholds[-1]
        dated = due != NO_DAY
        old = dated & (first <= ends[0]) & (due < ends[0] - last)
        which = np.flatnonzero(old)
        cells, worth = at(which), amounts.take(which) * sign
        for into in self._overdue:  # past all thresholds in all windows
            np.add.at(into[0], cells, worth)
        which = np.flatnonzero(dated & ~old & (first <= ends[-1]))
        due, first = due.take(which), first.take(which)
        cells, worth = at(which), amounts.take(which)

        def own(which: Which) -> Array:
            return taken(cells, which)

        for threshold, into in zip(self._frame.thresholds, self._overdue, strict=True):
            _put(into, ends, np.maximum(first, due.astype(np.int64) + (threshold + 1)), own, worth, sign)

    def _add_beyond(self, piece: Piece, at: At, sign: int) -> None:
        """What is scheduled past a year after each window's end, as stated by that end."""
        assert self._beyond is not None, "it is asked for"
        stated = piece.effective if piece.stated is None else piece.stated
        if piece.end is None and piece.stated is None:
            return  # a point counts on the day on which it is stated
        monthly = by_months(piece.own_stated, self._frame.monthly)
        for n, end in enumerate(self._frame.ends):
            year_on = add_months(end, 12)
            later = piece.effective > year_on
            if piece.end is not None:
                later |= piece.end > year_on
            which = np.flatnonzero(later & (stated <= end))
            if not len(which):
                continue
            worth = piece.amount.take(which)
            if piece.start is not None and piece.end is not None:
                begun = piece.effective.take(which) <= year_on
                by_then = np.where(
                    begun,
                    earned(
                        worth, np.minimum(piece.start.take(which), year_on), piece.end.take(which), year_on,
                        None if monthly is None else monthly[which],
                    ),
                    0,
                )  # fmt: skip
                worth = worth - by_then
            np.add.at(self._beyond[n], at(which), worth if sign > 0 else -worth)

    def of(self, target: Target) -> Array:
        """The sums of a measure, by window and cell."""
        windows, measure = len(self._frame.ends), target.measure
        if measure.when == "beyond":
            assert self._beyond is not None, "it was asked for"
            return self._beyond
        starts = len(self._bounds) > windows
        if measure.when in ("span", "class"):
            assert self._steps is not None, "something else than what is beyond a year was asked for"
            moved = self._steps[1:] if starts else self._standing_on()
            if measure.when == "span":
                return self._over_classes(moved)
            apart = moved.reshape(windows, CLASSES, self._size)
            found: Array = sum(
                (apart[:, number] for number in measure.classes), np.zeros((windows, self._size), np.int64)
            )
            return found
        standing = self._standing_on()
        if measure.when == "bucket":
            return self._bucket(target.bucket, standing[1:] if starts else standing)
        if measure.when == "before":
            return self._over_classes(standing[:-1]) if starts else np.zeros((windows, self._size), np.int64)
        return self._over_classes(standing[1:] if starts else standing)

    def _standing_on(self) -> Array:
        """What is worth on each bound."""
        if self._standing is None:
            assert self._steps is not None, "something else than what is beyond a year was asked for"
            alone = self._stands or len(self._bounds) == 1
            self._standing = _running(self._steps if alone else self._steps.copy())
            if self._aged is not None:
                self._standing[0] += self._aged.sum(axis=0)
        return self._standing

    def _over_classes(self, sums: Array) -> Array:
        if self._classes == 1:
            return sums
        found: Array = sums.reshape(len(sums), self._classes, self._size).sum(axis=1)
        return found

    def _bucket(self, number: int, standing: Array) -> Array:
        if self._past is None:
            self._past = [_running(found) for found in self._overdue]
            if self._aged is not None:
                for n, found in enumerate(self._past, 1):
                    found[0] += self._aged[n:].sum(axis=0)
        more = standing if number == 0 else self._past[number - 1]
        return more - self._past[number] if number < len(self._past) else more


def _put(
    into: Array, bounds: list[int], days: Array, at: At, amounts: Array, sign: int, *, moves: bool = False
) -> None:
    """Put amounts down where each day lies among the bounds; what is after the last one is left out.

    moves: so is what is before the first one.
    """
    counts = days <= bounds[-1]
    if moves:
        counts &= days > bounds[0]
    which = those(counts)
    days, amounts = taken(days, which), taken(amounts, which)
    if not len(days):
        return
    cells, width = at(which), into.shape[1]
    if len(bounds) == 2:
        cells = cells + width if moves else cells + (days > bounds[0]) * width
    elif len(bounds) > 2:
        cells = cells + _places(days, bounds) * width
    np.add.at(into.reshape(-1), cells, amounts if sign > 0 else -amounts)


def _partly(piece: Piece, first: Array, day: int, monthly: Array | None) -> tuple[Which, Array]:
    """Spans that are partly earned on a day, maybe among others that come to nothing, and what is earned."""
    assert piece.start is not None, "a span has both ends"
    assert piece.end is not None, "a span has both ends"
    running = (first <= day) & (piece.end > day)
    begin, end = around(running)
    which: Which = slice(begin, end)
    sparse = 2 * int(np.count_nonzero(running)) < end - begin
    if sparse:
        which = np.flatnonzero(running)
    worth = earned(
        taken(piece.amount, which), taken(piece.start, which), taken(piece.end, which), day,
        None if monthly is None else taken(monthly, which),
    )  # fmt: skip
    if not sparse:
        worth *= running[begin:end]
    return which, worth


def _running(sums: Array) -> Array:
    """Sums that run on from window to window, in place."""
    for n in range(1, len(sums)):
        sums[n] += sums[n - 1]
    return sums


def _places(days: Array, bounds: list[int]) -> Array:
    """The first bound that each day, none after the last one, is not after."""
    span = bounds[-1] - bounds[0] + 1
    if span > _LONGEST_TABLE:
        found: Array = np.searchsorted(np.array(bounds), days, "left")
        return found
    table = np.searchsorted(np.array(bounds), np.arange(bounds[0], bounds[-1] + 1), "left")
    places: Array = table.take((np.maximum(days, bounds[0]) - bounds[0]).astype(np.int64))
    return places


def by_months(stated: Array, monthly: list[tuple[int | None, int | None]]) -> Array | None:
    """Which schedules are earned by months, by the day on which they were stated; None: none of them."""
    if not monthly:
        return None
    found = np.zeros(len(stated), bool)
    for since, until in monthly:
        within = np.ones(len(stated), bool)
        if since is not None:
            within &= stated >= since
        if until is not None:
            within &= stated < until
        found |= within
    return found


def signature_of(targets: Sequence[Target], pair: Pair) -> tuple[Signature, int]:
    """What a pair's postings count in each target, and the sign that goes before all of it; (): nowhere."""
    counts = [(n, target.counts.get(pair, 0)) for n, target in enumerate(targets)]
    counts = [(n, count) for n, count in counts if count]
    sign = -1 if counts and counts[0][1] < 0 else 1
    return tuple((n, count * sign) for n, count in counts), sign
