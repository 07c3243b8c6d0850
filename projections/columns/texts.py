"""Texts as numbers: products, currencies, names and values of dimensions, and their order.

Belongs here: codes, which never change once given, and ranks, which do as texts come in. Does not belong
here: what a text means.
"""

from __future__ import annotations

from bisect import bisect_left
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: The code of "no text".
NO_TEXT = 0
#: Up to how many new texts are put in their place one by one, before everything is sorted anew.
_FEW = 200


class Ranks(NamedTuple):
    """The order of texts (COLLATE "C", none first): rank by code, and text by rank."""

    of: Array
    texts: list[str | None]


class Texts:
    """A dictionary of texts that only grows. For several threads."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._new: list[str] = []
        self._sorted: list[str] = []
        self._order: Array = np.zeros(0, np.int64)  # codes in the order of their texts
        self._ranks = Ranks(np.zeros(1, np.int64), [None])
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, text: str | None) -> int:
        """The code of a text, a new one where it has none yet."""
        if text is None:
            return NO_TEXT
        found = self._codes.get(text)
        if found is not None:
            return found
        with self._lock:
            if text not in self._codes:
                self._codes[text] = len(self._codes) + 1
                self._new.append(text)
            return self._codes[text]

    def find(self, text: str) -> int | None:
        """The code of a text, None where it has none."""
        return self._codes.get(text)

    def by_code(self) -> list[str]:
        """All texts that have codes by now, each at its code; at 0 the empty one."""
        return ["", *self._codes]

    def ranks(self) -> Ranks:
        """The ranks of all texts that have codes by now."""
        if self._new:
            with self._lock:
                self._put_in_order()
        return self._ranks

    def _put_in_order(self) -> None:
        new, self._new = self._new, []
        if len(new) <= _FEW:
            for text in new:
                place = bisect_left(self._sorted, text)
                self._sorted.insert(place, text)
                self._order = np.insert(self._order, place, self._codes[text])
        else:
            # texts sort by code point, which is the order of their bytes in UTF-8
            self._sorted = sorted(self._codes)
            self._order = np.fromiter((self._codes[text] for text in self._sorted), np.int64)
        of = np.zeros(len(self._sorted) + 1, np.int64)
        of[self._order] = np.arange(1, len(self._sorted) + 1)
        self._ranks = Ranks(of, [None, *self._sorted])
