"""How far sums of a journal can go, so that 64 bits are known to hold them.

Belongs here: the bounds. Does not belong here: what is done where they are exceeded (keeping, answering).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from projections.columns.rows import NO_DAY, Raw

#: The sum of all amounts, without signs, up to which no sum of a report can leave 64 bits.
MOST_IN_ALL: Final = 2**59
_MOST_EARNED: Final = 2**62


class Bounds(NamedTuple):
    """How far sums can go: all amounts without signs, and the largest product in working out a span."""

    amounts: int = 0
    earned: int = 0

    @property
    def exact(self) -> bool:
        """Whether every sum fits into 64 bits."""
        return self.amounts < MOST_IN_ALL and self.earned < _MOST_EARNED

    def and_(self, raw: Raw) -> Bounds:
        """With more postings."""
        if not len(raw.amount):
            return self
        largest = max(abs(int(raw.amount.max())), abs(int(raw.amount.min())))
        if largest >= MOST_IN_ALL:
            return Bounds(self.amounts + largest, self.earned)
        plain = np.abs(raw.amount)
        # in two parts, neither of which can leave 64 bits
        amounts = (int((plain >> 30).sum()) << 30) + int((plain & (2**30 - 1)).sum())
        over = np.flatnonzero(raw.end != NO_DAY)
        if not len(over):
            return self._replace(amounts=self.amounts + amounts)
        days = int((raw.end[over].astype(np.int64) - raw.start[over]).max()) + 63
        # by months: twice the amount, times the days of all months, times those of one
        return Bounds(self.amounts + amounts, max(self.earned, int(plain[over].max()) * days * 62))
