"""Both journals of a comparison in arrays: postings, groups, the first open days, and which deals may differ.

Belongs here: what is read of two generations, and which of it counts otherwise. Does not belong here: reading
(projections/preview/loading), comparing figures (projections/preview/comparing).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from psycopg import Connection

from domain import milestones as m
from domain.policies import Policies
from projections import merges, periods
from projections.generations import Generation
from projections.periods import ALWAYS_OPEN, FirstOpen
from projections.preview import loading
from projections.preview.axes import Axis, since_beginning
from projections.preview.cells import Figures, Sizes
from projections.preview.comparing import NOW, SINCE, THEN, Comparison, views_on
from projections.preview.exact import Ints, Mask, safe
from projections.preview.grouping import History, histories, survivors_by_number
from projections.preview.loading import Postings
from projections.preview.worth import Worth
from projections.questions import DEAL_DIMENSIONS


class _Side(NamedTuple):
    """One generation in arrays. opened: as reported. groups: by basis and dimension, on the months."""

    generation: Generation
    postings: Postings
    opened: FirstOpen
    groups: dict[str, dict[str, History]]


class Journals:
    """Both journals as known by a position, in arrays. since: the months, each from the beginning on.

    posted: numbers of the deals that are posted or grouped otherwise; topics: types of milestones about the
    whole ledger of which the generations say something else. months, moments: the two clocks.
    """

    def __init__(
        self,
        connection: Connection[Any],
        old: Generation,
        new: Generation,
        known: int,
        posted: set[int],
        topics: Sequence[str],
        months: Axis,
        moments: Axis,
    ) -> None:
        self.months, self.moments = months, moments
        self.since = since_beginning(months, known)
        self._topics = topics
        self.texts = loading.texts_of(connection, [old.id, new.id])
        before = loading.postings(connection, old.id, known, self.texts)
        after = before
        if posted:
            changed = loading.postings(connection, new.id, known, self.texts, sorted(posted))
            kept = before.take(np.flatnonzero(~np.isin(before.deal, sorted(posted))))
            after = Postings(*(np.concatenate(pair) for pair in zip(kept, changed, strict=True)))
        self.deals: Ints = np.unique(np.concatenate([before.deal, after.deal]))
        self._posted = np.isin(self.deals, sorted(posted))
        before, *others = self._numbered(*([before] if after is before else [before, after]))
        after = others[0] if others else before
        self._sides = [
            self._side(connection, generation, known, rows)
            for generation, rows in ((old, before), (new, after))
        ]
        one, other = (side.groups for side in self._sides)
        self._alike = {
            basis: {
                name: all(map(np.array_equal, groups[name], other[basis][name])) for name in DEAL_DIMENSIONS
            }
            for basis, groups in one.items()
        }
        self.sizes = Sizes(
            len(self.deals), len(self.texts.skus), max(len(self.texts.currencies), 1), len(self.texts.values)
        )

    def _numbered(self, *sides: Postings) -> list[Postings]:
        """Deals by their place, and amounts in a type that is exact for both."""
        longest = max(int((rows.last.astype(np.int64) - rows.first).max(initial=0)) + 1 for rows in sides)
        amounts = [safe(rows.amount, longest) for rows in sides]
        if any(one.dtype == object for one in amounts):
            amounts = [one.astype(object) for one in amounts]
        return [
            rows._replace(deal=np.searchsorted(self.deals, rows.deal).astype(np.int32), amount=amount)
            for rows, amount in zip(sides, amounts, strict=True)
        ]

    def _side(self, connection: Connection[Any], generation: Generation, known: int, rows: Postings) -> _Side:
        opened = periods.first_open(connection, generation.id, known)
        said = loading.entries(connection, generation.id, known, self.texts)
        merged = survivors_by_number(self.texts, merges.survivors(connection, generation.id, known))
        groups: dict[str, dict[str, History]] = {}
        for basis, since in (("restated", ALWAYS_OPEN), ("as_reported", opened)):
            if basis == "as_reported" and not opened.positions:
                groups[basis] = groups["restated"]
                continue
            groups[basis] = {
                name: histories(
                    said, number, self.deals, self.months, since, merged if name == "customer" else {}
                )
                for number, name in enumerate(DEAL_DIMENSIONS)
            }
        return _Side(generation, rows, opened, groups)

    @property
    def policies(self) -> list[Policies]:
        """Those that each generation is read under."""
        return [side.generation.policies for side in self._sides]

    @property
    def numbers(self) -> list[int]:
        """The numbers of all deals, by place."""
        found: list[int] = self.deals.tolist()
        return found

    @property
    def is_reported_otherwise(self) -> bool:
        """Whether a period was ever closed, so that figures as reported are others than restated ones."""
        return any(side.opened.positions for side in self._sides)

    def changed(self, view: str, basis: str, axis: Axis) -> Mask:
        """By deal: whether it may have another part in a view's figures than before."""
        old, new = self.policies
        everywhere = {str(m.CustomerMerged.__struct_config__.tag)}
        if basis == "as_reported":
            everywhere |= {str(kind.__struct_config__.tag) for kind in (m.PeriodClosed, m.PeriodReopened)}
        read_alike = views_on(view, axis, old) == views_on(view, axis, new) and _monthly(old) == _monthly(new)
        if read_alike and not everywhere & set(self._topics):
            return self._posted
        return np.ones(len(self.deals), np.bool_)

    def compared(self, view: str, basis: str, clock: str) -> Comparison:
        """The figures of a view on both sides."""
        axis = {NOW: self.months, SINCE: self.since, THEN: self.moments}[clock]
        changed = self.changed(view, basis, axis)
        old, new = (self._figures(side, view, basis, axis, None) for side in self._sides)
        part = new if changed.all() else self._figures(self._sides[1], view, basis, axis, changed)
        return Comparison(old, new, part, changed, axis, self.sizes, self.texts, self._alike[basis])

    def _figures(self, side: _Side, view: str, basis: str, axis: Axis, only: Mask | None) -> Figures:
        rows = side.postings
        if only is not None:
            rows = rows.take(np.flatnonzero(only[rows.deal]))
        policies = side.generation.policies
        opened = side.opened if basis == "as_reported" else ALWAYS_OPEN
        worth = Worth(rows, policies, axis, opened)
        return Figures(worth, views_on(view, axis, policies), axis, side.groups[basis], self.sizes)


def _monthly(policies: Policies) -> list[tuple[int, bool]]:
    """From which day on ratable amounts are earned by months, or by days again."""
    found: list[tuple[int, bool]] = []
    for period in policies.periods:
        if not found or found[-1][1] != period.monthly:
            found.append((period.since, period.monthly))
    return found
