"""Reports: a question answered from columns in memory where there are some, else as one SQL statement.

Belongs here: running it, pages and totals. Does not belong here: what may be asked (projections/questions),
its SQL (projections/statements), what a measure is (projections/measures), conversion between currencies
(projections/conversion), how an answer is written (api).
"""

from __future__ import annotations

from typing import Any, Protocol

from psycopg import Connection, sql

from projections import conversion
from projections.answers import Report, amounts_of, groups_of
from projections.measures import View
from projections.questions import (
    BASES,
    DEAL_DIMENSIONS,
    FILTERS,
    GROUPS,
    MAX_ROWS,
    MAX_WINDOWS,
    PERIODS,
    Conversion,
    Query,
    ReportRefused,
    Window,
    checked,
    views,
    windows,
)
from projections.statements import (
    Parts,
    bound,
    explain_statement,
    parts_of,
    summed_statement,
    within_of,
)

__all__ = [
    "BASES", "DEAL_DIMENSIONS", "FILTERS", "GROUPS", "MAX_ROWS", "MAX_WINDOWS", "PERIODS", "Conversion",
    "Parts", "Query", "Report", "ReportRefused", "Window", "bound", "checked", "explain_statement",
    "parts_of", "run", "views", "windows",
]  # fmt: skip


class InMemory(Protocol):
    """Something that may know the answer without SQL (projections/columns): the very same one."""

    def answer(self, connection: Connection[Any], query: Query) -> Report | None:
        """A report, totals of whole views left out; None where SQL has to answer."""


def run(connection: Connection[Any], query: Query, memory: InMemory | None = None) -> Report:
    """Answer a question. Raises ReportRefused where it can't be put that way."""
    view = checked(query)
    found = None if memory is None else memory.answer(connection, query)
    if found is None:
        found = conversion.run(connection, query) if query.convert is not None else _summed(connection, query)
    if not view.whole:
        return found
    whole = query._replace(by=(), offset=0, limit=MAX_ROWS)
    if query == whole:
        return found._replace(totals=found.rows)
    return found._replace(totals=run(connection, whole, memory).totals)


def _summed(connection: Connection[Any], query: Query) -> Report:
    view = checked(query)
    spans = windows(query)
    parts = parts_of(connection, view, query)
    within = within_of(connection, view, query, parts)
    groups = [f"by_{name}" for name in parts.columns]
    order = ", ".join(["n", *(f'{column} COLLATE "C" NULLS FIRST' for column in groups), "currency"])
    text = summed_statement(query, parts, within) + (
        f"SELECT * FROM (SELECT 0 AS part, * FROM summed ORDER BY {order}"
        " LIMIT %(limit)s OFFSET %(offset)s) page\n"
        f"UNION ALL SELECT 1, max(n){''.join(', NULL' for _ in groups)}, currency, {_totals(view, spans)}"
        " FROM summed GROUP BY currency"
    )
    values = {**bound(view, query, parts, spans), "limit": query.limit + 1, "offset": query.offset}
    cursor = connection.cursor()
    cursor.execute(sql.SQL(text), values)
    columns = [column.name for column in cursor.description or ()]
    found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    page = [row for row in found if row["part"] == 0]
    rows = [groups_of(view, query, spans, row) | amounts_of(view, row) for row in page[: query.limit]]
    totals = [amounts_of(view, row) | {"currency": row["currency"]} for row in found if row["part"] == 1]
    totals.sort(key=lambda row: row["currency"] or "")
    return Report(rows, totals, len(page) > query.limit)


def _totals(view: View, spans: list[Window]) -> str:
    """SQL: turnovers add up over windows, what stands on a day is that of the last one."""
    ratios = ["ratio_of", *(f"ratio_{name}" for name in view.ratios)] if view.ratios else []
    last = f" FILTER (WHERE n = {len(spans) - 1})"
    sums = [
        f"coalesce(sum({name}){last if view.totalled_from(name) == 'last' else ''}, 0)"
        for name in [*view.summed, *view.netted]
    ]
    return ", ".join([*sums, *(f"sum({name})" for name in ratios)])
