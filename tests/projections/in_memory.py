"""The same question put to columns in memory and to SQL, and questions of every kind.

Belongs here: drawing questions, comparing answers. Does not belong here: a tenant and its log
(tests/projections/served).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from psycopg import Connection

from domain.instants import from_date
from domain.policies import DEFAULT_POLICIES, Policies, Version
from projections import bridge, latency, reports
from projections.bridge import Bridge
from projections.columns import answering
from projections.columns.keeping import Columns
from projections.columns.standing import bridging, excepting, timing
from projections.exceptions import listing
from projections.measures import VIEWS
from projections.questions import DEAL_DIMENSIONS, PERIODS, Query
from projections.reports import Report


def having(*settings: tuple[str, dict[str, Any]]) -> Policies:
    """Policies with settings from days on."""
    versions = [
        Version("house", str(n), from_date(date.fromisoformat(day)), held)
        for n, (day, held) in enumerate(settings, 1)
    ]
    return Policies(versions)


#: Policies that reports read differently, some of them only from a day on.
READ_UNDER: Final = (
    DEFAULT_POLICIES,
    DEFAULT_POLICIES,
    having(("1990-01-01", {"proration": "monthly"})),
    having(
        ("2024-02-09", {"proration": "monthly", "liability": "due"}), ("2024-06-15", {"liability": "paid"})
    ),
    having(("2024-01-31", {"booking_trigger": "won"}), ("2025-03-31", {"booking_trigger": "order_accepted"})),
    having(("1990-01-01", {"liability": "paid"})),
)
_GROUPS: Final = ("deal", "product", "customer", "territory", "class", "segment", "currency")


class Memory:
    """Columns as `reports.run` takes them; left: how many questions they left to SQL."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.left = 0

    def answer(self, connection: Connection[Any], query: Query) -> Report | None:
        """As projections/reports.InMemory says."""
        found = answering.answer(self.columns, connection, query)
        self.left += found is None
        return found

    def bridge(self, connection: Connection[Any], query: bridge.Query) -> Bridge | None:
        """As projections/bridge.InMemory says."""
        found = bridging.answer(self.columns, connection, query)
        self.left += found is None
        return found

    def exceptions(
        self, connection: Connection[Any], query: listing.Query, offset: int, limit: int
    ) -> listing.Listing | None:
        """As projections/exceptions/listing.InMemory says."""
        found = excepting.answer(self.columns, connection, query, offset, limit)
        self.left += found is None
        return found

    def latency(self, connection: Connection[Any], query: latency.Query) -> list[latency.Stage] | None:
        """As projections/latency.InMemory says."""
        found = timing.answer(self.columns, connection, query)
        self.left += found is None
        return found


def loaded(connection: Connection[Any], generation: int) -> Memory:
    """A generation in memory."""
    columns = Columns.load(connection, generation, 1 << 30)
    assert columns is not None, "the generation is there"
    return Memory(columns)


def values_of(connection: Connection[Any], generation: int, name: str) -> list[str]:
    """Values that a filter may have, one that nobody has, and none."""
    if name == "deal":
        text = f"SELECT DISTINCT name FROM deal_name_g{generation}"
    elif name in ("product", "currency"):
        text = f"SELECT DISTINCT {'sku' if name == 'product' else name} FROM posting_g{generation}"
    else:
        text = f"SELECT DISTINCT value FROM deal_dimension_g{generation} WHERE name = '{name}'"
    found = sorted(row[0] for row in connection.execute(text).fetchall() if row[0])
    return [*found, "nobody", *([] if name in ("deal", "currency") else [""])]


class Questions:
    """Questions of every kind to a generation, drawn at random."""

    def __init__(
        self, connection: Connection[Any], generation: int, dice: random.Random, first: date, days: int
    ) -> None:
        self._generation = generation
        self._dice = dice
        self._first = first
        self._days = days
        self._values = {
            name: values_of(connection, generation, name)
            for name in ("deal", "product", "currency", "customer", "territory", "class")
        }

    def _one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._dice.random() * len(choices))]

    def draw(self, known: int, view: str | None = None) -> Query:
        """A question, as known by a position."""
        one, dice = self._one, self._dice
        view = view or one([*VIEWS])
        ends = sorted(self._first + timedelta(days=int(dice.random() * self._days)) for _ in range(2))
        by = [name for name in _GROUPS if dice.random() < 0.2]
        start = ends[0] if dice.random() < 0.6 else None
        if start is not None and dice.random() < 0.5:
            by.append(one(PERIODS))
        dice.shuffle(by)
        filters = {}
        for name in self._values:
            if dice.random() < 0.12:
                filters[name] = one(self._values[name])
        if filters.get("class") and view == "bookings":
            filters["class"] = one(("new", "expansion", "nothing"))
        restated = VIEWS[view].restated_only or dice.random() < 0.6
        return Query(
            view, start, ends[1], known, self._generation, tuple(by), filters,
            limit=one((1, 3, 50, reports.MAX_ROWS)),
            offset=one((0, 0, 0, 2)),
            after=one((0, 0, 0, known // 2)),
            basis="restated" if restated else "as_reported",
            policies=one(READ_UNDER),
        )  # fmt: skip


def differs(connection: Connection[Any], memory: Memory, query: Query) -> str | None:
    """How the two answers to a question differ; None where they are the same."""
    with connection.transaction():
        found = reports.run(connection, query, memory)
        expected = reports.run(connection, query)
    if found == expected and [[*row] for row in found.rows] == [[*row] for row in expected.rows]:
        return None
    rows = [row for row in found.rows if row not in expected.rows][:2]
    wanted = [row for row in expected.rows if row not in found.rows][:2]
    return (
        f"{query}: {len(found.rows)} rows, only in memory {rows}, only in SQL {wanted}; totals"
        f" {found.totals} against {expected.totals}; more {found.more} against {expected.more}"
    )


assert set(_GROUPS) - {"deal", "product", "currency"} <= set(DEAL_DIMENSIONS)
