"""From a number to the postings that add up to it, each with the milestone that caused it.

Belongs here: drilling down. The question is a report's, with the row's group values as filters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection, sql

from domain.money import format_minor
from projections import accounts as a
from projections import reports
from projections.measures import Measure, View


class Explained(NamedTuple):
    """Postings of one page, and what all postings of the row come to per currency.

    postings: each with `counts`, its part of every measure, as decimal strings that add up to the row's.
    Measures that are netted per deal (contract liability and asset) stand under `netted`, deal by deal.
    """

    postings: list[dict[str, Any]]
    netted: list[dict[str, str | None]]
    more: bool


def explain(connection: Connection[Any], query: reports.Query) -> Explained:
    """The postings behind a report's row. Raises ReportRefused as the report does."""
    view = reports.checked(query)
    query = query._replace(by=())
    parts = reports.parts_of(connection, view, query)
    text = reports.explain_statement(view, query, parts)
    values = reports.bound(view, query, parts, reports.windows(query))
    cursor = connection.cursor()
    cursor.execute(
        sql.SQL(text),
        {**values, "limit": query.limit + 1, "offset": query.offset},
    )
    columns = [column.name for column in cursor.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    postings = [_posting(view, row) for row in rows[: query.limit]]
    return Explained(postings, _netted(connection, view, query), len(rows) > query.limit)


def _netted(connection: Connection[Any], view: View, query: reports.Query) -> list[dict[str, str | None]]:
    if not view.netted:
        return []
    by_deal = reports.run(connection, query._replace(by=("deal",), offset=0, limit=reports.MAX_ROWS))
    wanted = ("deal", "currency", *view.netted)
    return [
        {name: row[name] for name in wanted}
        for row in by_deal.rows
        if any((row[name] or "0").strip("0.") for name in view.netted)
    ]


def _counts(measure: Measure, index: int, row: dict[str, Any]) -> int:
    if measure.when == "bucket" and row["bucket"] != index:
        return 0
    value = int(row[{"span": "vd", "beyond": "vb"}.get(measure.when, "ve")])
    debit, credit = row["debit"], row["credit"]
    if credit in measure.into and debit not in measure.into:
        return measure.sign * value
    if debit in measure.into and credit not in measure.into:
        return -measure.sign * value
    for from_, to, sign in measure.pairs:
        if (debit, credit) == (from_, to):
            return sign * value
    return 0


def _posting(view: View, row: dict[str, Any]) -> dict[str, Any]:
    currency = row["currency"]
    minor = {measure.name: _counts(measure, i, row) for i, measure in enumerate(view.base)}
    for name, (plus, minus) in view.derived.items():
        minor[name] = sum(minor[x] for x in plus) - sum(minor[x] for x in minus)
    shown = [name for name in view.measures if name not in view.netted]
    return {
        "position": row["position"],
        "fact": row["fact"],
        "deal": row["deal"],
        "debit": a.NAMES[row["debit"]],
        "credit": a.NAMES[row["credit"]],
        "currency": currency,
        "amount": format_minor(row["amount"], currency),
        "effective_on": row["effective"].isoformat(),
        "earned_from": row["span_start"] and row["span_start"].isoformat(),
        "earned_to": row["span_end"] and row["span_end"].isoformat(),
        "due_on": row["due"] and row["due"].isoformat(),
        "sku": row["sku"],
        "line": row["line"],
        "object": row["object"],
        "class": next((name or None for name, n in a.CLASS_NUMBERS.items() if n == row["class"]), None),
        "counts": {name: format_minor(minor[name], currency) for name in shown if minor[name]},
    }
