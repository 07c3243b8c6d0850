"""Rates of exchange as known by a position, exact (contract.md section 4, last paragraph).

Spot rates only: the latest on or before a day, direct, else the inverse, else through a pivot currency.
Belongs here: finding the rate of a pair on a day. Does not belong here: converting a report
(projections/conversion).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from psycopg import Connection

from domain.milestones import FxRateFixed
from projections import notices
from projections.facts import business_key


class Series(NamedTuple):
    """The rates of one pair: days ascending (day numbers), and the rate from each day on."""

    days: tuple[int, ...]
    rates: tuple[Fraction, ...]

    def on(self, day: int) -> Fraction | None:
        """The latest rate on or before a day."""
        at = bisect_right(self.days, day)
        return self.rates[at - 1] if at else None


class Rates:
    """Spot rates by pair. A rate is what one unit of the base is worth in the quote currency."""

    def __init__(self, facts: Iterable[FxRateFixed]) -> None:
        pairs: dict[tuple[str, str], dict[int, Fraction]] = {}
        for fact in sorted(facts, key=lambda one: business_key(one)[2:]):
            if fact.kind == "spot":
                # of several for one pair and day the last by time, sequence, source, id holds
                pairs.setdefault((fact.base, fact.quote), {})[fact.on] = Fraction(fact.rate)
        self._pairs = {
            pair: Series(tuple(sorted(known)), tuple(known[day] for day in sorted(known)))
            for pair, known in pairs.items()
        }
        #: every day on which a rate is fixed, ascending: between two of them no rate changes
        self.days = tuple(sorted({day for series in self._pairs.values() for day in series.days}))
        #: every currency that some rate speaks of
        self.currencies = frozenset(currency for pair in self._pairs for currency in pair)

    def on(self, base: str, quote: str, day: int, pivot: str) -> Fraction | None:
        """What one unit of `base` is worth in `quote` on a day (number); None where no rate is known."""
        if base == quote:
            return Fraction(1)
        found = self._of_pair(base, quote, day)
        if found is None and pivot not in (base, quote):
            there, back = self._of_pair(base, pivot, day), self._of_pair(pivot, quote, day)
            if there is not None and back is not None:
                found = there * back
        return found

    def _of_pair(self, base: str, quote: str, day: int) -> Fraction | None:
        direct = self._pairs.get((base, quote))
        found = None if direct is None else direct.on(day)
        if found is None:
            inverse = self._pairs.get((quote, base))
            back = None if inverse is None else inverse.on(day)
            found = None if back is None else 1 / back
        return found

    def since(self, base: str, quote: str, pivot: str) -> int | None:
        """The first day (number) on which a pair has a rate; it has one on every later day. None: never."""
        if base == quote:
            return 0
        found = [self._since_of_pair(base, quote)]
        if pivot not in (base, quote):
            there, back = self._since_of_pair(base, pivot), self._since_of_pair(pivot, quote)
            found.append(None if there is None or back is None else max(there, back))
        return min((day for day in found if day is not None), default=None)

    def _since_of_pair(self, base: str, quote: str) -> int | None:
        known = (self._pairs.get((base, quote)), self._pairs.get((quote, base)))
        return min((series.days[0] for series in known if series is not None), default=None)


def read(connection: Connection[Any], generation: int, known: int) -> Rates:
    """The rates in force as known by a position."""
    return Rates(fact for _, fact in notices.in_force(connection, generation, known, FxRateFixed))
