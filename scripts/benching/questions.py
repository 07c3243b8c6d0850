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


#: Views that go deal by deal, with the first page of what people ask of them.
BY_DEAL: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "bridge": ({}, {"by": "territory"}, {"by": "currency"}, {"segment": "smb", "by": "customer"}),
    "exceptions": (
        {"limit": "50"},
        {"limit": "50", "territory": "T-07"},
        {"limit": "50", "code": "PAST_DUE"},
    ),
    "latency": ({}, {"territory": "T-07"}),
}


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


def by_deal(view: str, seed: int, head: int) -> Iterator[str]:
    """Paths of a view that goes deal by deal without end, each of another day and position."""
    rnd = Random(seed)
    while True:
        for one in BY_DEAL[view]:
            day = FIRST_DAY + timedelta(days=SPAN_DAYS - int(rnd.random() ** 2 * (SPAN_DAYS - 400)))
            moment = {"to" if view == "latency" else "at": day.isoformat()}
            known = {"known_position": str(head - int(rnd.random() * head / 10))}
            yield f"/v1/reports/{view}?{urlencode({**moment, **one, **known})}"
