"""Counting refused requests, so that a flood of them does not flood the log.

Belongs here: which refusals are counted together, and when a count is due to be written. Does not belong
here: writing it (api/trail.py), who is refused and why (api/access, api/errors).
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final, NamedTuple

#: Statuses of answers that are refusals of a caller, and so go into the audit trail.
STATUSES: Final = frozenset({401, 403, 413, 415, 429})
#: Seconds that the first refusal of a kind waits for company, and between two entries of the same kind.
GATHER_SECONDS: Final = 1.0
EVERY_SECONDS: Final = 60.0
#: Kinds that are counted apart in any span of EVERY_SECONDS; what goes beyond is counted as one.
KINDS: Final = 60
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Kind(NamedTuple):
    """Refusals that are counted together. slug: the problem's. route: a pattern, never what a caller wrote.

    caller, kind: the name of who asked, and what it is.
    """

    status: int
    slug: str
    caller: str
    kind: str
    method: str
    route: str

    @property
    def details(self) -> dict[str, str]:
        """What an entry of the trail says of it."""
        return {"status": str(self.status), "slug": self.slug, "method": self.method, "route": self.route}


#: What is refused beyond the kinds that are counted apart.
OTHERS: Final = Kind(0, "others", "several", "nobody", "any", "any")


class Count(NamedTuple):
    """How often a kind was refused, and when."""

    kind: Kind
    times: int
    first: datetime
    last: datetime


def kind_of(status: int, slug: str, caller: str, kind: str, method: str, route: str) -> Kind:
    """The kind of a refusal. A method that is none of HTTP's own is counted as `other`."""
    return Kind(status, slug, caller, kind, method if method in _METHODS else "other", route)


class Tally:
    """Counts that have not been written yet. Thread-safe; bounded by KINDS, whatever is refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Kind, Count] = {}
        self._due: dict[Kind, float] = {}  # of what is counted, and of what was written not long ago

    def add(self, kind: Kind, at: datetime, now: float) -> bool:
        """Count a refusal: whether it is the first of its kind for now. now: seconds of a steady clock."""
        with self._lock:
            self._forget(now)
            if kind not in self._due and len(self._due) >= KINDS:
                kind = OTHERS
            self._due.setdefault(kind, now + GATHER_SECONDS)
            before = self._counts.get(kind) or Count(kind, 0, at, at)
            self._counts[kind] = before._replace(times=before.times + 1, last=at)
            return before.times == 0

    def _forget(self, now: float) -> None:
        for kind in [kind for kind, due in self._due.items() if due <= now and kind not in self._counts]:
            del self._due[kind]

    def next_due(self) -> float | None:
        """When the next count is due, by the steady clock; None where there is none."""
        with self._lock:
            return min((self._due[kind] for kind in self._counts), default=None)

    def take(self, now: float, *, whole: bool = False) -> list[Count]:
        """The counts that are due, or all; they begin anew, and are due again after EVERY_SECONDS."""
        with self._lock:
            found = [one for kind, one in self._counts.items() if whole or self._due[kind] <= now]
            for one in found:
                del self._counts[one.kind]
                self._due[one.kind] = now + EVERY_SECONDS
            return found
