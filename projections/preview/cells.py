"""The figures of a view in every window and group, from flows; what is netted per deal, ratios per customer.

Belongs here: adding flows up as projections/statements and formulas do in SQL, for one generation. Does not
belong here: comparing two of them (projections/preview/comparing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from projections.measures import Measure, View
from projections.preview.axes import Axis
from projections.preview.exact import Amounts, Ints, Mask
from projections.preview.grouping import History
from projections.preview.worth import Flows, Worth

#: Groups that are not dimensions of deals: everything together, and what postings say themselves.
TOTAL: Final = ""
DEAL: Final = "deal"
PRODUCT: Final = "product"
_CLASSES: Final = 16
#: Units (a deal in a currency) that are netted at once: it bounds the memory.
_UNITS: Final = 20_000


class Places(NamedTuple):
    """Rows of figures by value of the group and currency. of: place of value * currencies + currency."""

    of: Ints
    keys: Ints


class Figures:
    """What one generation reports of one view. views: the view as it is read in each window."""

    def __init__(
        self, worth: Worth, views: Sequence[View], axis: Axis, groups: Mapping[str, History], sizes: Sizes
    ) -> None:
        self.views = list(views)
        self.view = views[-1]
        self._worth, self._axis, self._groups, self._sizes = worth, axis, groups, sizes
        self._flows: dict[Measure, Flows] = {}
        self._netted: dict[bool, dict[str, Flows]] = {}
        self._since_stated = any(measure.when == "beyond" for measure in self.view.base)

    def flows(self, measure: Measure) -> Flows:
        """What counts in a measure that is a sum."""
        if measure not in self._flows:
            self._flows[measure] = self._worth.flows(measure, since_stated=self._since_stated)
        return self._flows[measure]

    def readings(self, name: str) -> list[tuple[Measure, Mask]]:
        """The definitions of a measure, each with the windows in which it holds."""
        found: dict[Measure, Mask] = {}
        for window, view in enumerate(self.views):
            measure = next(one for one in view.base if one.name == name)
            found.setdefault(measure, np.zeros(len(self.views), np.bool_))[window] = True
        return list(found.items())

    def parts(self, name: str, by: str) -> list[tuple[Flows, str, Mask]]:
        """The flows of a measure that is a sum or netted, how they count over time, and in which windows."""
        if name in self.view.netted:
            return [(self.netted(by)[name], "end", np.ones(len(self._axis), np.bool_))]
        found = []
        for measure, windows in self.readings(name):
            when = measure.when
            if self._axis.known is not None:
                when = "end"
            found.append((self.flows(measure), when, windows))
        return found

    # -- groups ---------------------------------------------------------------------------------------------

    def _history(self, by: str, flows: Flows) -> Ints:
        if by == TOTAL:
            return np.zeros(len(flows.deal), np.int64)
        if by == DEAL:
            return flows.deal.astype(np.int64)
        if by == PRODUCT:
            return flows.sku.astype(np.int64)
        if by == "class" and self.view.row_class:
            return flows.class_.astype(np.int64)
        return self._groups[by].of[flows.deal].astype(np.int64)

    def _values(self, by: str) -> Ints:
        """The value of each history in each window, or in all of them."""
        if by == TOTAL:
            return np.zeros((1, 1), np.int64)
        size = {DEAL: self._sizes.deals, PRODUCT: self._sizes.skus + 1}.get(by)
        if by == "class" and self.view.row_class:
            size = _CLASSES
        if size is not None:
            return np.arange(size)[:, None]
        return self._groups[by].values

    def mark(self, by: str, flows: Flows, marks: Mask) -> None:
        """Mark groups and currencies in which flows may count. marks: by value * currencies + currency."""
        units, _ = self._units(by, flows)
        currencies = self._sizes.currencies
        marks[
            (self._values(by)[units // currencies] * currencies + (units % currencies)[:, None]).ravel()
        ] = True

    def marks(self, by: str) -> Mask:
        """No group marked yet."""
        size = {TOTAL: 1, DEAL: self._sizes.deals, PRODUCT: self._sizes.skus + 1}.get(
            by, self._sizes.values + 1
        )
        return np.zeros(max(size, _CLASSES) * self._sizes.currencies, np.bool_)

    def _units(self, by: str, flows: Flows) -> tuple[Ints, Ints]:
        """The pairs of history and currency that there are, and the place of each flow's among them."""
        unit = self._history(by, flows) * self._sizes.currencies + flows.currency
        there = np.zeros(int(unit.max(initial=-1)) + 1, np.bool_)
        there[unit] = True
        units = np.flatnonzero(there)
        place = np.cumsum(there) - 1
        return units, place[unit]

    # -- sums -----------------------------------------------------------------------------------------------

    def figures(self, flows: Flows, when: str, by: str, places: Places) -> Amounts:
        """Flows added up: a row by place, a column by window."""
        windows = len(self._axis)
        units, unit = self._units(by, flows)
        held = over_time(added(unit, flows.window, flows.amount, (len(units), windows)), when)
        currencies = self._sizes.currencies
        groups = self._values(by)[units // currencies] * currencies + (units % currencies)[:, None]
        at = np.broadcast_to(places.of[groups], held.shape)
        row, window = np.nonzero(held)
        return added(at[row, window], window, held[row, window], (len(places.keys), windows))

    def netted(self, by: str) -> dict[str, Flows]:
        """Measures netted per deal (and, by product, per product), as flows of what came of it."""
        by_product = by == PRODUCT
        if by_product not in self._netted:
            self._netted[by_product] = self._net(by_product=by_product)
        return self._netted[by_product]

    def _net(self, *, by_product: bool) -> dict[str, Flows]:
        names = [measure.name for measure in self.view.base if measure.hidden]
        measures = {name: self.readings(name)[0][0] for name in names}
        skus, currencies = (self._sizes.skus + 1 if by_product else 1), self._sizes.currencies
        keys = {}
        for name, measure in measures.items():
            flows = self.flows(measure)
            sku = flows.sku if by_product else 0
            keys[name] = (flows.deal.astype(np.int64) * skus + sku) * currencies + flows.currency
        units = np.unique(np.concatenate(list(keys.values())))
        found: dict[str, list[Flows]] = {name: [] for name in self.view.netted}
        for first in range(0, max(len(units), 1), _UNITS):
            some = units[first : first + _UNITS]
            held = {}
            for name, measure in measures.items():
                flows = self.flows(measure)
                place = np.searchsorted(some, keys[name])
                which = (
                    np.flatnonzero(some[np.minimum(place, len(some) - 1)] == keys[name])
                    if len(some)
                    else place
                )
                steps = added(
                    place[which], flows.window[which], flows.amount[which], (len(some), len(self._axis))
                )
                held[name] = over_time(steps, "end")
            for name, net in self._netted_of(held).items():
                unit, window = np.nonzero(net)
                deal, currency = np.divmod(some[unit], currencies)
                deal, sku = np.divmod(deal, skus)
                nothing = np.zeros(len(unit), np.int32)
                found[name].append(
                    Flows(deal, sku, nothing, currency, window.astype(np.int32), net[unit, window])
                )
        return {
            name: Flows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
            for name, parts in found.items()
        }

    def _netted_of(self, held: Mapping[str, Amounts]) -> dict[str, Amounts]:
        """How what is netted changes by unit and window. held: the hidden measures as they stand."""
        position = held["net_position"].copy()
        for liability in {view.liability for view in self.views} - {"invoiced"}:
            windows = np.array([view.liability == liability for view in self.views])
            position[:, windows] = _settled(liability, {name: one[:, windows] for name, one in held.items()})
        found = {}
        for name, sign in self.view.netted.items():
            net = np.maximum((position - held["net_performed"]) * sign, 0)
            found[name] = np.diff(net, axis=1, prepend=net[:, :1] * 0)
        return found

    # -- ratios ---------------------------------------------------------------------------------------------

    def ratios(self, by: str, places: Places) -> dict[str, Amounts]:
        """What ratios are worked out from, by name, and `of`: per customer with an opening, then added."""
        names = sorted(
            {"opening", *(n for plus, minus in self.view.ratios.values() for n in (*plus, *minus))}
        )
        currencies, windows = self._sizes.currencies, len(self._axis)
        customers = self._groups["customer"]
        keys = {}
        for name in names:
            flows = self.flows(self.readings(name)[0][0])
            unit = self._history(by, flows) * len(customers.values) + customers.of[flows.deal]
            keys[name] = unit * currencies + flows.currency
        units = np.unique(np.concatenate(list(keys.values())))
        held = {}
        for name in names:
            measure = self.readings(name)[0][0]
            flows = self.flows(measure)
            unit = np.searchsorted(units, keys[name])
            held[name] = over_time(
                added(unit, flows.window, flows.amount, (len(units), windows)), measure.when
            )
        row, window = np.nonzero(np.any([held[name] != 0 for name in names], axis=0))
        history, customer = np.divmod(units[row] // currencies, len(customers.values))
        values = self._values(by)
        group = values[history, window if values.shape[1] > 1 else 0] * currencies + units[row] % currencies
        within = (group * (self._sizes.values + 1) + customers.values[customer, window]) * windows + window
        cells, cell = np.unique(within, return_inverse=True)
        sums = {name: added1(cell, held[name][row, window], len(cells)) for name in names}
        at = places.of[cells // windows // (self._sizes.values + 1)] * windows + cells % windows
        opening = sums["opening"] > 0
        shape = len(places.keys), windows
        found = {"of": sums["opening"]}
        for name, (plus, minus) in self.view.ratios.items():
            found[name] = np.sum([*(sums[one] for one in plus), *(-sums[one] for one in minus)], 0)
        return {
            name: added1(at[opening], one[opening], shape[0] * shape[1]).reshape(shape)
            for name, one in found.items()
        }


class Sizes(NamedTuple):
    """How many deals, products, currencies and values of dimensions there are."""

    deals: int
    skus: int
    currencies: int
    values: int


def added(row: Ints, window: Ints, amount: Amounts, shape: tuple[int, int]) -> Amounts:
    """Amounts added up by row and window."""
    flat = added1(row.astype(np.int64) * shape[1] + window, amount, shape[0] * shape[1])
    return flat.reshape(shape)


def added1(at: Ints, amount: Amounts, size: int) -> Amounts:
    """Amounts added up by place."""
    found = np.zeros(size, amount.dtype)
    np.add.at(found, at, amount)
    return found


def over_time(steps: Amounts, when: str) -> Amounts:
    """Turnovers as they are, balances summed up to each window, those on its eve without its own."""
    if when in ("span", "class"):
        return steps
    sums: Amounts = np.cumsum(steps, axis=1)
    return sums - steps if when == "before" else sums


def _settled(liability: str, held: Mapping[str, Amounts]) -> Amounts:
    """What of the billed counts where a liability hangs on due dates or payments (projections/formulas)."""
    gross, position = held["net_gross"], held["net_position"]
    paid = held["net_paid"] if liability == "paid" else gross - held["net_not_due"]
    paid = np.minimum(np.maximum(paid, 0), gross)
    found = position.copy()
    some = np.nonzero((gross > 0) & (paid != gross))
    # a product of two amounts may be beyond 64 bits
    part = position[some].astype(object) * paid[some].astype(object)
    whole = gross[some].astype(object)
    size = (2 * np.abs(part) + whole) // (2 * whole)
    found[some] = np.where(part < 0, -size, size)
    return found
