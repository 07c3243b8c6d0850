"""What deals are grouped by in each window of a comparison: the value of a dimension, and how it changed.

Deals whose value changes alike have one history, so that figures are added up by history first. Belongs here:
histories. Does not belong here: reading the entries (projections/preview/loading), figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from domain.instants import from_date
from projections.periods import FirstOpen
from projections.preview.axes import Axis
from projections.preview.exact import Days, Ints
from projections.preview.loading import Entries, Texts

#: Nothing is closed: earlier than any day.
_ALWAYS = -(2**40)


class History(NamedTuple):
    """of: the history of each deal, by its place. values: that of each history in each window; 0: none."""

    of: Ints
    values: Ints


def first_open_days(opened: FirstOpen, positions: Ints) -> Days:
    """The first open day when each position was recorded; long ago where nothing was closed."""
    days = np.array([_ALWAYS, *(_ALWAYS if d is None else from_date(d) for d in opened.days)], np.int64)
    return days[np.searchsorted(np.array(opened.positions, np.int64), positions, side="right")]


def histories(
    entries: Entries, name: int, deals: Ints, axis: Axis, opened: FirstOpen, survivors: Mapping[int, int]
) -> History:
    """The histories of one dimension. deals: all deals, sorted. survivors: merged value -> surviving one.

    entries: those of any dimension, sorted by deal. opened: as reported, a value counts no sooner.
    """
    which = np.flatnonzero((entries.name == name) & np.isin(entries.deal, deals))
    deal = np.searchsorted(deals, entries.deal[which])
    effective = entries.effective[which].astype(np.int64)
    counts = np.maximum(effective, first_open_days(opened, entries.position[which]))
    since = np.searchsorted(axis.ends, counts)
    value = entries.value[which].astype(np.int64)
    if survivors:
        into = np.arange(max(int(value.max(initial=0)), *survivors, *survivors.values()) + 1)
        into[list(survivors)] = list(survivors.values())
        value = into[value]
    said = np.bincount(deal, minlength=len(deals))
    of = np.zeros(len(deals), np.int64)
    # nearly always one value for good
    once = np.flatnonzero(said[deal] == 1)
    width = int(value.max(initial=0)) + 1
    kinds, inverse = np.unique(since[once] * width + value[once], return_inverse=True)
    windows = np.arange(len(axis))
    values = [np.zeros((1, len(axis)), np.int32)]
    values.append(
        np.where(windows >= (kinds // width)[:, None], (kinds % width)[:, None], 0).astype(np.int32)
    )
    of[deal[once]] = 1 + inverse
    more, rows = _of_many(
        np.flatnonzero(said[deal] > 1), deal, entries.position[which], effective, since, value
    )
    for place, steps in more.items():
        of[place] = 1 + len(kinds) + steps
    if rows:
        values.append(np.array([_spread(row, len(axis)) for row in rows], np.int32))
    return History(of.astype(np.int32), np.concatenate(values))


#: From a window on, a value.
Steps = tuple[tuple[int, int], ...]


def _of_many(
    which: Ints, deal: Ints, position: Ints, effective: Ints, since: Ints, value: Ints
) -> tuple[dict[int, int], list[Steps]]:
    """Deals of which several values are said: place -> number of the history, and the histories."""
    said: dict[int, list[tuple[int, int, int, int]]] = {}
    columns = (deal, since, effective, position, value)
    for place, *rest in zip(*(column[which].tolist() for column in columns), strict=True):
        said.setdefault(place, []).append(tuple(rest))
    found: dict[Steps, int] = {}
    of = {place: found.setdefault(_steps(rows), len(found)) for place, rows in said.items()}
    return of, list(found)


def _steps(said: list[tuple[int, int, int, int]]) -> Steps:
    """By window: of each day the entry known last, of those that say something the latest day."""
    steps: list[tuple[int, int]] = []
    by_day: dict[int, tuple[int, int]] = {}
    said.sort()
    for number, (since, effective, position, value) in enumerate(said):
        by_day[effective] = max(by_day.get(effective, (0, 0)), (position, value))
        if number + 1 < len(said) and said[number + 1][0] == since:
            continue
        stated = {day: held for day, (_, held) in by_day.items() if held}
        steps.append((since, stated[max(stated)] if stated else 0))
    return tuple(steps)


def _spread(steps: Steps, windows: int) -> list[int]:
    row = [0] * windows
    for since, value in steps:
        row[since:] = [value] * (windows - since)
    return row


def survivors_by_number(texts: Texts, survivors: Mapping[str, str]) -> dict[int, int]:
    """Merged customers by their place in the texts; those that no deal names are put in."""
    places = {value: number for number, value in enumerate(texts.values, 1)}
    found = {}
    for customer, survivor in survivors.items():
        if customer in places:
            if survivor not in places:
                texts.values.append(survivor)
                places[survivor] = len(texts.values)
            found[places[customer]] = places[survivor]
    return found
