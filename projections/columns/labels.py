"""Many texts in little room: order lines and documents, named by numbers, each number in its deal.

Belongs here: numbers of texts, which never change once given, and their order. Texts are kept as UTF-8, one
after the other: as many Python objects they would take five times as much. Does not belong here: what a text
means; the few texts of products and dimensions (texts).
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: The number of the empty text, which stands for none, too.
EMPTY: Final = 0


class Alike(MemoryError):
    """Two texts have the same hash: they can't be told apart in so little room."""


class Labels:
    """A dictionary of texts that only grows. Only one thread may add; any may read."""

    def __init__(self) -> None:
        self._base = b""
        self._ends: Array = np.zeros(1, np.int64)
        self._hashes: Array = np.zeros(0, np.int64)
        self._of_hash: Array = np.zeros(0, np.int32)
        self._stems: Array = np.zeros(1, np.int64)
        self._later: list[str] = []
        self._places: dict[str, int] = {}
        self._order: Array = np.zeros(1, np.int64)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._ends) + len(self._later)

    def load(self, rows: Iterable[tuple[str, int]]) -> None:
        """Take in all texts but the empty one, in their order, each with a hash. Raises Alike."""
        base, ends, hashes, stems = bytearray(), [0], [], [hash("")]
        for text, hash_ in rows:
            base += text.encode()
            ends.append(len(base))
            hashes.append(hash_)
            stems.append(_stem(text))
        self._stems = np.array(stems, np.int64)
        self._base, self._ends = bytes(base), np.array(ends, np.int64)
        # numbered from 1 on: 0 is the empty text, whose hash is 0
        own = np.array([0, *hashes], np.int64)
        self._of_hash = np.argsort(own, kind="stable").astype(np.int32)
        self._hashes = own[self._of_hash]
        if bool((np.diff(self._hashes) == 0).any()):
            raise Alike("two texts of the journal have the same hash")

    def hashed(self, hashes: Array) -> Array:
        """The numbers of loaded texts by their hashes, 0 for the empty text."""
        distinct, of = np.unique(hashes, return_inverse=True)
        found: Array = self._of_hash[np.searchsorted(self._hashes, distinct)]
        return found[of]

    def forget_hashes(self) -> None:
        """Give back what only loading needs."""
        self._hashes, self._of_hash = np.zeros(0, np.int64), np.zeros(0, np.int32)

    def code(self, text: str | None) -> int:
        """The number of a text, a new one where it has none yet."""
        if not text:
            return EMPTY
        found = self.find(text)
        if found is None:
            found = len(self)
            self._places[text] = found
            self._later.append(text)
            if found >= len(self._stems):
                self._stems = np.concatenate([self._stems, np.zeros(256 + found // 8, np.int64)])
            self._stems[found] = _stem(text)
        return found

    @property
    def stems(self) -> Array:
        """By number, a hash of the text up to its last slash: of order lines, the order."""
        return self._stems

    def find(self, text: str) -> int | None:
        """The number of a text, None where it has none."""
        if not text:
            return EMPTY
        if text in self._places:
            return self._places[text]
        place = self._before(text.encode())
        return place + 1 if place + 1 < len(self._ends) and self._loaded(place + 1) == text.encode() else None

    def _before(self, text: bytes) -> int:
        """How many loaded texts come before one."""
        low, high = 0, len(self._ends) - 1
        while low < high:
            middle = (low + high) // 2
            if self._loaded(middle + 1) < text:
                low = middle + 1
            else:
                high = middle
        return low

    def _loaded(self, number: int) -> bytes:
        return self._base[int(self._ends[number - 1]) : int(self._ends[number])]

    def text(self, number: int) -> str:
        """The text of a number."""
        if not number:
            return ""
        last = len(self._ends) - 1
        return self._later[number - last - 1] if number > last else self._loaded(number).decode()

    def ranks(self) -> Array:
        """The order of texts by number (COLLATE "C"), the empty one first."""
        with self._lock:
            if len(self._order) != len(self):
                self._order = self._in_order(len(self))
            return self._order

    def _in_order(self, size: int) -> Array:
        """What came later goes between what was loaded in order."""
        loaded = len(self._ends)
        later = sorted(range(size - loaded), key=self._later.__getitem__)
        before = np.array([self._before(self._later[n].encode()) for n in later], np.int64)
        ranks = np.empty(size, np.int64)
        ranks[:loaded] = np.arange(loaded)
        ranks[1:loaded] += np.searchsorted(before, np.arange(loaded - 1), "right")
        ranks[loaded + np.array(later, np.int64)] = before + 1 + np.arange(len(later))
        return ranks

    @property
    def bytes(self) -> int:
        """What it takes, about."""
        own = (self._ends, self._stems, self._hashes, self._of_hash, self._order)
        return len(self._base) + sum(column.nbytes for column in own) + 200 * len(self._later)


def _stem(text: str) -> int:
    stem, slash, _ = text.rpartition("/")
    return hash(stem if slash else text)
