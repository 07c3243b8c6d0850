"""What is worked out within a deal or a customer before it is added up: liabilities, assets, ratios.

Belongs here: the arithmetic of projections/formulas, on arrays. Does not belong here: sums over postings
(scanning).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from projections.columns.asking import Beyond
from projections.measures import View

Array = NDArray[Any]
Sums = Mapping[str, Array]

#: What billed and performed come to at once where nothing else is asked of them.
NET: Final = "net"
_MOST: Final = 2**61


def netted(view: View, sums: Sums, into: Array, size: int) -> dict[str, Array]:
    """Liabilities and assets by window and cell. sums: the hidden measures, or `net`. Raises Beyond.

    into: the cell of `size` that each of what is netted belongs to, mostly in runs of the same.
    """
    net = sums[NET] if NET in sums else _position(view, sums) - sums["net_performed"]
    begins = np.flatnonzero(np.diff(into, prepend=-1))
    over = by_runs(np.maximum(net, 0), into, begins, size)
    whole = by_runs(net, into, begins, size)
    return {name: over if sign > 0 else over - whole for name, sign in view.netted.items()}


def by_runs(values: Array, into: Array, begins: Array, size: int) -> Array:
    """Sums over cells, by window. into: the cell of `size` of each, the same from begin to begin."""
    if not len(into) or not size:
        return np.zeros((len(values), size), np.int64)
    return reduced(np.add.reduceat(values, begins, axis=1), into.take(begins), size)


def _position(view: View, sums: Sums) -> Array:
    """What of the billed counts (projections/formulas)."""
    position, gross = sums["net_position"], sums["net_gross"]
    if view.liability == "invoiced":
        return position
    settled = sums["net_paid"] if view.liability == "paid" else gross - sums["net_not_due"]
    if _largest(position) * _largest(gross) >= _MOST:
        raise Beyond("a product of two amounts is beyond 64 bits")
    part = position * np.minimum(np.maximum(settled, 0), gross)
    whole = np.where(gross > 0, gross, 1)
    rounded = np.sign(part) * ((2 * np.abs(part) + whole) // (2 * whole))
    found: Array = np.where(gross > 0, rounded, position)
    return found


def _largest(values: Array) -> int:
    return max(abs(int(values.max())), abs(int(values.min()))) if values.size else 0


def ratios(view: View, sums: Sums) -> dict[str, Array]:
    """What ratios are worked out from, by window and cell: that of customers with a positive opening."""
    opened = sums["opening"] > 0
    found = {"ratio_of": np.where(opened, sums["opening"], 0)}
    for name, (plus, minus) in view.ratios.items():
        total = np.zeros_like(sums["opening"])
        for added in plus:
            total = total + sums[added]
        for taken in minus:
            total = total - sums[taken]
        found[f"ratio_{name}"] = np.where(opened, total, 0)
    return found


def reduced(values: Array, into: Array, size: int) -> Array:
    """Sums over cells, by window. into: the cell of `size` that each belongs to."""
    found = np.zeros((len(values), size), np.int64)
    for own, sums in zip(values, found, strict=True):
        np.add.at(sums, into, own)
    return found
