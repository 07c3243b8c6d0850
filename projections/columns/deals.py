"""Deals as columns: their numbers, names and dimensions, on a day, as known by a position.

Belongs here: which value a deal has. The same as the SQL of projections/statements says with DISTINCT ON.
Does not belong here: codes of texts (texts), reports.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_date
from projections.periods import FirstOpen

Array = NDArray[Any]

#: Rows beside the ordered ones before they are put in order with them.
MOST_BESIDE: Final = 20_000


class Index:
    """Numbers, given out one after the other, for values that are integers. Only one thread may add."""

    def __init__(self, values: Array) -> None:
        self._base = np.unique(values)
        self._later: dict[int, int] = {}
        self.values = self._base

    def numbers(self, values: Array) -> Array:
        """The numbers of values; those that have none get the next ones."""
        if not len(values):
            return np.zeros(0, np.int64)
        place = np.searchsorted(self._base, values)
        if len(self._base):
            place[place == len(self._base)] = 0
            missing = np.flatnonzero(self._base[place] != values)
        else:
            missing = np.arange(len(values))
        first = len(self.values)
        new: list[int] = []
        for n in missing.tolist():
            value = int(values[n])
            if value not in self._later:
                self._later[value] = first + len(new)
                new.append(value)
            place[n] = self._later[value]
        if new:
            self.values = np.concatenate([self.values, np.array(new, np.int64)])
        return place.astype(np.int64)

    def find(self, value: int) -> int | None:
        """The number of a value, None where it has none."""
        place = int(self._base.searchsorted(value))
        if place < len(self._base) and int(self._base[place]) == value:
            return place
        return self._later.get(value)


class Said(NamedTuple):
    """What was said of a dimension: from which day, of which deal, as known from where; code 0: withdrawn."""

    effective: Array
    deal: Array
    position: Array
    value: Array

    def part(self, which: Any) -> Said:
        """Those that an index picks."""
        return Said(*(column[which] for column in self))

    def and_then(self, later: Said) -> Said:
        """With rows that came in later."""
        return Said(*(np.concatenate([a, b]) for a, b in zip(self, later, strict=True)))

    def ordered(self) -> Said:
        """By day, deal and position."""
        return self.part(np.lexsort((self.position, self.deal, self.effective)))


NOTHING_SAID: Final = Said(*(np.zeros(0, np.int64) for _ in range(4)))


class Standing(NamedTuple):
    """What stands of a dimension as known by a position, by day: deal, code. The last one of a deal holds."""

    effective: Array
    deal: Array
    value: Array

    def on(self, day: int, deals: int) -> Array:
        """The code of each deal on a day; 0: none."""
        upto = int(np.searchsorted(self.effective, day, "right"))
        found = np.zeros(deals, np.int64)
        found[self.deal[:upto]] = self.value[:upto]  # of several for one deal the last is kept
        return found


class Dimension(NamedTuple):
    """Everything said of a dimension. base: in order, up to a position; beside: what came in since."""

    base: Said
    upto: int
    beside: Said

    def with_(self, said: Said, position: int) -> Dimension:
        """With what came in later."""
        beside = self.beside.and_then(said)
        if len(beside.deal) <= MOST_BESIDE:
            return self._replace(beside=beside)
        return Dimension(self.base.and_then(beside).ordered(), position, NOTHING_SAID)

    def standing(self, known: int) -> Standing:
        """What stands as known by a position."""
        base = _standing(self.base if known >= self.upto else self.base.part(self.base.position <= known))
        beside = self.beside.part(self.beside.position <= known)
        if not len(beside.deal):
            return base
        touched = np.zeros(1 + int(max(beside.deal.max(), _most(self.base.deal))), bool)
        touched[beside.deal] = True
        before = self.base.part(touched[self.base.deal] & (self.base.position <= known))
        anew = _standing(before.and_then(beside).ordered())
        kept = ~touched[base.deal]
        both = Standing(*(np.concatenate([a[kept], b]) for a, b in zip(base, anew, strict=True)))
        order = np.argsort(both.effective, kind="stable")
        return Standing(*(column[order] for column in both))

    def as_reported(self, known: int, day: int, deals: int, opened: FirstOpen) -> Array:
        """The code of each deal on a day, of what counts by it as reported."""
        said = self.base if not len(self.beside.deal) else self.base.and_then(self.beside).ordered()
        counts = np.maximum(said.effective, opened_on(opened, said.position)) <= day
        return _standing(said.part(counts & (said.position <= known))).on(day, deals)


def _most(column: Array) -> int:
    return int(column.max()) if len(column) else 0


def _standing(said: Said) -> Standing:
    """Of ordered rows the last one of each deal and day, unless it is withdrawn."""
    last = np.ones(len(said.deal), bool)
    last[:-1] = (said.deal[1:] != said.deal[:-1]) | (said.effective[1:] != said.effective[:-1])
    last &= said.value > 0
    return Standing(said.effective[last], said.deal[last], said.value[last])


class Names(NamedTuple):
    """The public names of deals in the order of becoming known."""

    position: Array
    deal: Array
    value: Array

    def with_(self, position: Array, deal: Array, value: Array) -> Names:
        """With names that came in later."""
        new = (position, deal, value)
        return Names(*(np.concatenate([a, b]) for a, b in zip(self, new, strict=True)))

    def known(self, known: int, deals: int) -> Array:
        """The code of each deal's name; 0: none."""
        upto = int(np.searchsorted(self.position, known, "right"))
        found = np.zeros(deals, np.int64)
        found[self.deal[:upto]] = self.value[:upto]
        return found

    def as_reported(self, known: int, day: int, deals: int, opened: FirstOpen) -> Array:
        """The code of each deal's name under which it was reported on a day."""
        counts = (self.position <= known) & (opened_on(opened, self.position) <= day)
        found = np.zeros(deals, np.int64)
        found[self.deal[counts]] = self.value[counts]
        return found


def opened_on(opened: FirstOpen, positions: Array) -> Array:
    """The first open day of each position; before all days where nothing was closed."""
    days = [_DAWN, *(_DAWN if day is None else from_date(day) for day in opened.days)]
    steps = np.searchsorted(np.array(opened.positions, np.int64), positions, "right")
    found: Array = np.array(days, np.int64)[steps]
    return found


_DAWN: Final = -(2**31)


class Keys(NamedTuple):
    """What (deal, currency, product) a key stands for: number of the deal, code of the currency, of the
    product.

    own: by key, the number of its (deal, currency) alone. of_own: by that, one of its keys. first: by deal,
    the first day on which anything of it counts.
    """

    deal: Array
    currency: Array
    sku: Array
    own: Array
    of_own: Array
    first: Array


NO_KEYS: Final = Keys(*(np.zeros(0, np.int64) for _ in range(6)))
