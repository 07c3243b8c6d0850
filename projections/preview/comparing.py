"""Two generations compared: every cell of every view that differs, to the minor unit.

The figures of the earlier one are worked out whole; those of the other from them, by the deals that are
posted or read otherwise. Belongs here: which cells there are and which of them differ. Does not belong here:
figures (projections/preview/cells), what causes a difference (projections/preview/behind).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np

from domain.money import format_minor, format_scaled, parse_decimal
from domain.policies import Policies
from projections.answers import class_name, ratio
from projections.measures import Measure, View
from projections.preview.axes import EARLIER, Axis
from projections.preview.cells import DEAL, PRODUCT, TOTAL, Figures, Places, Sizes
from projections.preview.exact import Amounts, Ints, Mask
from projections.preview.loading import Texts
from projections.preview.worth import Flows
from projections.questions import BASES, DEAL_DIMENSIONS, Query, Window, checked

#: The run-rate's movements over a span are a view of their own here.
MOVEMENT: Final = "arr_movement"
VIEWS: Final = ("pipeline", "bookings", "backlog", "billing", "collections", "arr", MOVEMENT)
GROUPS: Final = (TOTAL, PRODUCT, *DEAL_DIMENSIONS)
_MOST_SORTED: Final = 1_000_000
#: Figures as known now, by month of effect; the same from the beginning up to each month's end, of turnovers
#: that are read in several ways; and figures as they were known at the end of each month of recording.
NOW: Final = "now"
SINCE: Final = "since_beginning"
THEN: Final = "then"
#: Kinds of measures that count what happens within a window.
_TURNOVERS: Final = ("span", "class")


class Cell(NamedTuple):
    """A figure that differs: decimal strings of its currency; None where a ratio has no value.

    window: the month, `earlier` or `later`. group: the value of the dimension; None: none, or the total.
    """

    window: str
    group: str | None
    currency: str
    measure: str
    before: str | None
    after: str | None
    difference: str | None


class Change(NamedTuple):
    """How a measure of everything together changes: all windows in which it does, with decimal strings."""

    measure: str
    currency: str
    amounts: list[tuple[str, str]]


class Table(NamedTuple):
    """What differs in one view, grouped one way. by: a dimension, `` for everything together.

    alike: measures that count the same amounts of the same deals on both sides, posting by posting: they
    can't differ, and their figures are not worked out. compared: figures of the others that are not zero on
    both sides. differing: those of them that differ. cells: the largest of each measure, as many as were
    asked for, by window and group. changes: of everything together; ratios have none.
    """

    view: str
    basis: str
    clock: str
    by: str
    compared: int
    differing: int
    cells: list[Cell]
    alike: list[str]
    changes: list[Change]


class Comparison:
    """One view, on one basis and clock, of both generations.

    old, new: the figures of each, of all deals; part: the new ones of the deals that `changed` marks.
    """

    def __init__(
        self, old: Figures, new: Figures, part: Figures, changed: Mask, axis: Axis, sizes: Sizes,
        texts: Texts, grouped_alike: Mapping[str, bool],
    ) -> None:  # fmt: skip
        self._old, self._new, self._part = old, new, part
        self._changed, self.axis = changed, axis
        self._sizes, self._texts = sizes, texts
        self._grouped_alike = grouped_alike
        self._flows_alike: dict[str, bool] = {}

    @property
    def view(self) -> View:
        """The view; its measures have the same names in every window and on both sides."""
        return self._old.view

    def alike(self, name: str, by: str) -> bool:
        """Whether a measure counts the same amounts of the same deals, grouped alike, on both sides."""
        of_postings = by in (TOTAL, PRODUCT) or (by == "class" and self.view.row_class)
        if not of_postings and not self._grouped_alike[by]:
            return False
        if name in self.view.ratios:
            return self._grouped_alike["customer"] and all(map(self._is_alike, self.view.summed))
        if name in self.view.netted:
            return all(self._is_alike(one.name) for one in self.view.base if one.hidden) and [
                view.liability for view in self._old.views
            ] == [view.liability for view in self._part.views]
        return all(map(self._is_alike, self._sums_in(name)))

    def _sums_in(self, name: str) -> tuple[str, ...]:
        plus, minus = self.view.derived.get(name, ((name,), ()))
        return (*plus, *minus)

    def _is_alike(self, name: str) -> bool:
        if name not in self._flows_alike:
            old, new = ([*of.readings(name)] for of in (self._old, self._part))
            self._flows_alike[name] = len(old) == len(new) and all(
                one == other
                and np.array_equal(holds, held)
                and same_flows(_only(self._old.flows(one), self._changed), self._part.flows(other))
                for (one, holds), (other, held) in zip(old, new, strict=True)
            )
        return self._flows_alike[name]

    def table(
        self, by: str, most: int, only: Sequence[str] | None = None
    ) -> tuple[int, int, list[Cell], list[str], list[Change]]:
        """Figures compared, those that differ, the largest differences, measures alike, changes of totals.

        only: some of the measures. most: differences of each, of every currency in turn.
        """
        wanted = self.view.measures if only is None else only
        alike = [name for name in wanted if self.alike(name, by)]
        names = [name for name in wanted if name not in alike]
        if not names:
            return 0, 0, [], alike, []
        places = self._places(by, [(self._old, None), (self._part, None)], names)
        compared = differing = 0
        cells: list[Cell] = []
        changes: list[Change] = []
        ratios = self._ratios(by, places) if any(name in self.view.ratios for name in names) else []
        for name in names:
            if name in self.view.ratios:
                found = list(self._ratio_cells(name, by, places, ratios))
                compared += found[-1][0] if found else 0
                differ = [cell for _, cell in found if cell is not None]
                differing += len(differ)
                cells += sorted(differ, key=_size, reverse=True)[:most]
                continue
            before, after = self.sides(name, by, places)
            changed = np.nonzero(before != after)
            compared += int(np.count_nonzero((before != 0) | (after != 0)))
            differing += len(changed[0])
            currencies = places.keys[changed[0]] % self._sizes.currencies
            chosen = largest(np.abs((after - before)[changed]), currencies, most)
            cells += [
                self._cell(name, by, int(places.keys[row]), int(n), int(before[row, n]), int(after[row, n]))
                for row, n in zip(changed[0][chosen], changed[1][chosen], strict=True)
            ]
            if by == TOTAL:
                changes += self._changes(name, places, after - before)
        return compared, differing, self._in_order(cells), alike, changes

    def _changes(self, name: str, places: Places, change: Amounts) -> Iterator[Change]:
        for row in np.flatnonzero((change != 0).any(axis=1)).tolist():
            currency = self.currency(int(places.keys[row]))
            amounts = [
                (self.axis.windows[n].label, format_minor(int(change[row, n]), currency))
                for n in np.flatnonzero(change[row]).tolist()
            ]
            yield Change(name, currency, amounts)

    def sides(self, name: str, by: str, places: Places) -> tuple[Amounts, Amounts]:
        """A measure that is a sum, netted or a difference of others, before and after."""
        if name in self.view.derived:
            plus, minus = self.view.derived[name]
            parts = [(1, self.sides(one, by, places)) for one in plus]
            parts += [(-1, self.sides(one, by, places)) for one in minus]
            sums: list[Amounts] = [np.sum([sign * pair[side] for sign, pair in parts], 0) for side in (0, 1)]
            return sums[0], sums[1]
        before = self._sum(self._old, name, by, places, None)
        taken = before if self._changed.all() else self._sum(self._old, name, by, places, self._changed)
        return before, before - taken + self._sum(self._part, name, by, places, None)

    def deals(self, name: str) -> tuple[Places, Amounts]:
        """By deal that may differ, and window: what of a measure's difference is its own."""
        places = self._places(DEAL, [(self._old, self._changed), (self._part, None)], [name])
        return places, self._difference(name, places)

    def _difference(self, name: str, places: Places) -> Amounts:
        if name in self.view.derived:
            plus, minus = self.view.derived[name]
            parts = [self._difference(one, places) for one in plus]
            parts += [-self._difference(one, places) for one in minus]
            return np.asarray(np.sum(parts, 0))
        before = self._sum(self._old, name, DEAL, places, self._changed)
        return self._sum(self._part, name, DEAL, places, None) - before

    def _sum(self, of: Figures, name: str, by: str, places: Places, only: Mask | None) -> Amounts:
        found: Amounts | None = None
        for flows, when, windows in of.parts(name, by):
            one = of.figures(_only(flows, only), when, by, places)
            if windows.all():
                return one
            found = one * 0 if found is None else found
            found[:, windows] = one[:, windows]
        assert found is not None, "a measure is read in every window"
        return found

    def _places(self, by: str, sides: list[tuple[Figures, Mask | None]], names: Sequence[str]) -> Places:
        marks = self._old.marks(by)
        for figures, only in sides:
            for one in dict.fromkeys(part for name in names for part in self._shown_of(name)):
                for flows, _, _ in figures.parts(one, by):
                    figures.mark(by, _only(flows, only), marks)
        return Places(np.where(marks, np.cumsum(marks) - 1, -1), np.flatnonzero(marks))

    def _shown_of(self, name: str) -> tuple[str, ...]:
        return self.view.summed if name in self.view.ratios else self._sums_in(name)

    def _ratios(self, by: str, places: Places) -> list[dict[str, Amounts]]:
        return [one.ratios(by, places) for one in (self._old, self._new)] if self.view.ratios else []

    def _ratio_cells(
        self, name: str, by: str, places: Places, ratios: list[dict[str, Amounts]]
    ) -> Iterator[tuple[int, Cell | None]]:
        """The ratios that differ; the last comes with the number of those compared."""
        old, new = ratios
        there = (old["of"] != 0) | (new["of"] != 0)
        changed = there & ((old["of"] != new["of"]) | (old[name] != new[name]))
        for row, n in zip(*np.nonzero(changed), strict=True):
            before, after = (
                ratio(Fraction(int(one[name][row, n])), Fraction(int(one["of"][row, n]))) for one in ratios
            )
            if before != after:
                key = int(places.keys[row])
                yield 0, Cell(
                    self.axis.windows[n].label, self.group(by, key), self.currency(key), name, before, after,
                    less(after, before),
                )  # fmt: skip
        yield int(there.sum()), None

    def _cell(self, name: str, by: str, key: int, window: int, before: int, after: int) -> Cell:
        currency = self.currency(key)
        amounts = (format_minor(minor, currency) for minor in (before, after, after - before))
        return Cell(self.axis.windows[window].label, self.group(by, key), currency, name, *amounts)

    def group(self, by: str, key: int) -> str | None:
        """The value of a group, by its place."""
        value = key // self._sizes.currencies
        if by == "class" and self.view.row_class:
            return class_name(value)
        if by in (TOTAL, DEAL) or not value:
            return None
        return (self._texts.skus if by == PRODUCT else self._texts.values)[value - 1]

    def place(self, key: int) -> int:
        """The place of a deal, by its place among groups."""
        return key // self._sizes.currencies

    def currency(self, key: int) -> str:
        """The currency of a group, by its place."""
        return self._texts.currencies[key % self._sizes.currencies]

    def _in_order(self, cells: list[Cell]) -> list[Cell]:
        """By time, group, currency and measure."""
        order = {window.label: number for number, window in enumerate(self.axis.windows)}
        measures = {name: number for number, name in enumerate(self.view.measures)}
        return sorted(cells, key=lambda c: (order[c.window], c.group or "", c.currency, measures[c.measure]))


def views_on(view: str, axis: Axis, policies: Policies) -> list[View]:
    """A view as it is read in each window under some policies."""
    return [
        checked(query_of(view, window, 0, 0, policies, axis.known is not None)) for window in axis.windows
    ]


def query_of(
    view: str, window: Window, known: int, generation: int, policies: Policies, is_then: bool, **rest: Any
) -> Query:
    """The question whose answer a figure is. is_then: of all since the beginning up to the window's end."""
    start = None if is_then or view == "arr" else window.start
    if view == MOVEMENT:
        view, start = "arr", date.min if window.label == EARLIER else window.start
    return Query(view, start, window.end, known, generation, policies=policies, **rest)


def views_of(clock: str, basis: str) -> list[str]:
    """The views that there are on a clock and a basis."""
    found = [view for view in VIEWS if not (clock in (SINCE, THEN) and view == MOVEMENT)]
    return [view for view in found if basis == BASES[0] or view not in ("pipeline", "collections")]


def read_variously(view: str, axis: Axis, policies: Iterable[Policies]) -> list[str]:
    """The turnovers of a view that are read in several ways, by the last day asked for or by the policies.

    Of others, what came about since the beginning is the sum of the windows.
    """
    read: dict[str, set[Measure]] = {}
    views = {one.base: one for each in policies for one in views_on(view, axis, each)}
    for base in views:
        for measure in base:
            if measure.when in _TURNOVERS:
                read.setdefault(measure.name, set()).add(measure)
    several = {name for name, ways in read.items() if len(ways) > 1}
    shown = next(iter(views.values()))
    parts = {
        name: {name, *(n for side in shown.derived.get(name, ()) for n in side)} for name in shown.measures
    }
    return [name for name in shown.measures if parts[name] & several]


def same_flows(one: Flows, other: Flows) -> bool:
    """Whether two lists of flows are the same, in any order where they are not long."""
    if one is other or all(map(np.array_equal, one, other)):
        return True
    if len(one.deal) != len(other.deal) or len(one.deal) > _MOST_SORTED or one.amount.dtype == object:
        return False
    orders = [np.lexsort(flows) for flows in (one, other)]
    return all(np.array_equal(a[orders[0]], b[orders[1]]) for a, b in zip(one, other, strict=True))


def largest(sizes: Amounts, currencies: Ints, most: int) -> Ints:
    """Places of the largest of each currency in turn, at most so many."""
    if len(sizes) <= most:
        return np.arange(len(sizes))
    order = np.argsort(-sizes, kind="stable")
    order = order[np.argsort(currencies[order], kind="stable")]
    rank = np.arange(len(order)) - np.searchsorted(currencies[order], currencies[order])
    return order[np.argsort(rank, kind="stable")[:most]]


def less(one: str | None, other: str | None) -> str | None:
    """The difference of two decimal texts, exactly; None where one of them has no value."""
    if one is None or other is None:
        return None
    places = max(len(text.partition(".")[2]) for text in (one, other))
    size = (parse_decimal(text, places, limit=10**40) for text in (one, other))
    return format_scaled(next(size) - next(size), places)


def _size(cell: Cell) -> int:
    return abs(parse_decimal(cell.difference or "0", 9, limit=10**40))


def _only(flows: Flows, deals: Mask | None) -> Flows:
    if deals is None or deals.all():
        return flows
    which = np.flatnonzero(deals[flows.deal])
    return Flows(*(column[which] for column in flows))
