"""The questions that reports are measured with: every view, by what people group and filter by.

Belongs here: which questions, and drawing their moments. Does not belong here: sending them (serving).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Final
from urllib.parse import urlencode

from scripts.bench_events import FIRST_DAY, SPAN_DAYS

_BALANCES: Final = ("pipeline", "backlog", "collections", "arr")
_TURNOVERS: Final = ("bookings", "billing")
#: What is asked of each view: how it is grouped, and filtered.
_ASKED: Final[tuple[dict[str, str], ...]] = (
    {},
    {"by": "currency"},
    {"by": "product"},
    {"by": "territory"},
    {"by": "segment,channel"},
    {"by": "product", "territory": "T-07"},
    {"by": "product,territory", "currency": "GBP", "limit": "100"},
    {"by": "territory", "product": "SUB-03"},
    {"by": "customer", "limit": "50"},
    {"customer": "C-00042", "by": "deal"},
)


def _span(rnd: Random, view: str) -> dict[str, str]:
    """A day for a balance, a year up to it for turnovers; any day of the data, mostly its last months."""
    end = FIRST_DAY + timedelta(days=SPAN_DAYS - int(rnd.random() ** 2 * (SPAN_DAYS - 400)))
    if view in _BALANCES:
        return {"at": end.isoformat()}
    begin = date(end.year - 1, end.month, 1)
    return {"from": begin.isoformat(), "to": end.isoformat()}


def questions(seed: int, head: int | None = None) -> Iterator[str]:
    """Paths of reports without end. head: each as known at a position drawn up to it; None: as known now."""
    rnd = Random(seed)
    asked = [(view, one) for view in (*_BALANCES, *_TURNOVERS) for one in _ASKED]
    asked += [(view, {"by": "month"}) for view in _TURNOVERS]
    while True:
        rnd.shuffle(asked)
        for view, one in asked:
            known = {} if head is None else {"known_position": str(1 + int(rnd.random() * head))}
            yield f"/v1/reports/{view}?{urlencode({**_span(rnd, view), **one, **known}, safe=',')}"
