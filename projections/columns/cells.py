"""The cells that sums are kept in: groups of keys times what postings tell apart, without those never met.

Belongs here: numbering cells, and which posting belongs to which. Does not belong here: what a group is
called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Codes up to which all are cells, met or not; and up to which those met are found by marking them.
_ALL: Final = 1 << 16
_MARKED: Final = 1 << 24


class Cells:
    """Cells of codes. codes: by pass, by key. keys: by pass, which count. digits: of postings themselves.

    Every posting of a key falls into cell `of[pass][key] * digits + digit`, or after `narrow` into the place
    of that among those met.
    """

    def __init__(self, codes: Sequence[Array], keys: Sequence[Array | None], most: int, digits: int) -> None:
        self.digits = digits
        self.of = [*codes]
        self._labels: Array | None = None
        self._met: Array | None = None
        self._places: Array | None = None
        if most > _ALL:
            met = [code if which is None else code[which] for code, which in zip(codes, keys, strict=True)]
            self._labels = labels = _distinct(met, most)
            if most <= _MARKED:
                places = np.zeros(most, np.int64)
                places[labels] = np.arange(len(labels))
                self.of = [places.take(code) for code in codes]
            else:
                # a code that does not count has no label: any place will do
                last = max(0, len(labels) - 1)
                self.of = [np.minimum(np.searchsorted(labels, code), last) for code in codes]
        self._wide = (most if self._labels is None else len(self._labels)) * digits
        self.of = [_small(code, self._wide) for code in self.of]

    @classmethod
    def plain(cls, of: Sequence[Array], size: int) -> Cells:
        """So many cells as they are, met or not. of: by pass, by key, its cell."""
        found = cls([], [], 0, 1)
        found.of = [*of]
        found._wide = size
        return found

    @property
    def is_narrow(self) -> bool:
        """Whether those that no posting falls into are left out."""
        return self._met is not None

    @property
    def size(self) -> int:
        """How many cells there are."""
        return self._wide if self._met is None else len(self._met)

    def at(self, number: int, keys: Array, digits: Array | None) -> Array:
        """The cells of postings of a pass. digits: of each posting, where postings tell something apart."""
        codes: Array = self.of[number].take(keys).astype(np.int64)
        if digits is not None:
            codes = codes * self.digits + digits
        return codes if self._places is None else self._places.take(codes).astype(np.int64)

    def narrow(self, met: Iterable[Array]) -> None:
        """Keep those cells alone that postings fall into."""
        marked = np.zeros(self._wide + self.digits, bool)
        for codes in met:
            marked[codes] = True
        self._met = np.flatnonzero(marked)
        self._places = np.zeros(len(marked), np.int32)
        self._places[self._met] = np.arange(len(self._met))

    def codes(self, cells: Array) -> tuple[Array, Array]:
        """The code and the posting's own digit of each of some cells."""
        wide = cells if self._met is None else self._met[cells]
        labels, digits = np.divmod(wide, self.digits) if self.digits > 1 else (wide, np.zeros_like(wide))
        return labels if self._labels is None else self._labels[labels], digits

    def find(self, labels: Array) -> Array:
        """The cells of codes that have one, where postings themselves tell nothing apart."""
        return labels if self._labels is None else np.searchsorted(self._labels, labels)


def _small(codes: Array, size: int) -> Array:
    """Codes below a size in few bytes: a table that is looked up at random should fit into a cache."""
    return codes.astype(np.uint16 if size <= 2**16 else np.uint32)


def _distinct(codes: Sequence[Array], most: int) -> Array:
    if most > _MARKED:
        return np.unique(np.concatenate(codes))
    marked = np.zeros(most, bool)
    for some in codes:
        marked[some] = True
    return np.flatnonzero(marked)
