"""From a number to the postings that add up to it, each with the milestone that caused it.

Belongs here: drilling down. The question is a report's, with the row's group values as filters; of converted
rows, every posting with its own currency, its rate and what it comes to, exactly.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from psycopg import Connection, sql

from domain.money import exponent, format_minor, format_scaled
from projections import accounts as a
from projections import conversion, reports
from projections.answers import class_name
from projections.measures import View, derive, minor_of
from projections.statements import Parts, bound, explain_statement, parts_of


class Explained(NamedTuple):
    """Postings of one page, and what all postings of the row come to per currency.

    postings: each with `counts`, its part of every measure, as decimal strings that add up to the row's.
    Measures that are netted per deal (contract liability and asset) stand under `netted`, deal by deal; so
    does what ratios are worked out from, customer by customer.
    """

    postings: list[dict[str, Any]]
    netted: list[dict[str, str | None]]
    more: bool


def explain(connection: Connection[Any], query: reports.Query) -> Explained:
    """The postings behind a report's row. Raises ReportRefused as the report does."""
    view = reports.checked(query)
    query = query._replace(by=())
    parts = parts_of(connection, view, query)
    spans = reports.windows(query)
    converter, extra = None, ""
    if query.convert is not None:
        converter = conversion.Converter(connection, query, spans)
        extra = _rated(connection, query, parts, converter)
    text = explain_statement(view, query, parts, extra)
    values = bound(view, query, parts, spans) | ({} if converter is None else converter.values())
    cursor = connection.cursor()
    cursor.execute(sql.SQL(text), {**values, "limit": query.limit + 1, "offset": query.offset})
    columns = [column.name for column in cursor.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    late = parts.as_reported
    postings = [_posting(view, row, converter, late=late) for row in rows[: query.limit]]
    return Explained(postings, _netted(connection, view, query), len(rows) > query.limit)


def _rated(
    connection: Connection[Any], query: reports.Query, parts: Parts, converter: conversion.Converter
) -> str:
    """SQL: whether a posting stays in its currency, and the step of its rate."""
    found = conversion.staying(connection, query, converter)
    stays = conversion.keep_apart(parts, found, converter.asked)
    return f", {stays} AS stays, {converter.step_of(parts)} AS step"


def _netted(connection: Connection[Any], view: View, query: reports.Query) -> list[dict[str, str | None]]:
    """Deal by deal what is netted, or customer by customer what ratios are worked out from."""
    if not view.net_by:
        return []
    asked = query._replace(by=(view.net_by,), offset=0, limit=reports.MAX_ROWS)
    wanted = (view.net_by, "currency", *(view.netted or view.measures))
    if query.convert is None:
        rows = reports.run(connection, asked).rows
    else:
        rows = _exact_rows(conversion.exact(connection, asked), view)
    return [
        {name: row[name] for name in wanted}
        for row in rows
        if any((row[name] or "0").strip("0.") for name in wanted[2:])
    ]


def _exact_rows(found: conversion.Exact, view: View) -> list[dict[str, str | None]]:
    """Rows whose amounts are not rounded, so that they add up to the row that they explain."""
    rows = []
    for cell in found.cells:
        row: dict[str, str | None] = {view.net_by: cell.row[f"by_{view.net_by}"]}
        row["currency"] = cell.row["currency"]
        row |= found.amounts(cell)
        for name in view.measures:
            if name not in view.ratios:
                row[name] = exact_text(
                    Fraction(cell.sums[name]) / found.denominator, exponent(cell.row["currency"])
                )
        rows.append(row)
    return rows


def exact_text(minor: Fraction, decimals: int) -> str:
    """An amount in minor units as a decimal string where it is finite, else as `n/d`, in whole units."""
    whole = minor / 10**decimals
    rest, twos, fives = whole.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{whole.numerator}/{whole.denominator}"
    places = max(twos, fives, decimals)
    return format_scaled(int(whole * 10**places), places)


def _posting(
    view: View, row: dict[str, Any], converter: conversion.Converter | None, *, late: bool
) -> dict[str, Any]:
    currency = row["currency"]
    minor = minor_of(view, row)
    derive(view, minor)
    shown = [name for name in view.measures if name not in view.netted and name not in view.ratios]
    counts = {name: minor[name] for name in shown if minor[name]}
    told = {
        "position": row["position"],
        "fact": row["fact"],
        "deal": row["deal"],
        "debit": a.NAMES[row["debit"]],
        "credit": a.NAMES[row["credit"]],
        "currency": currency,
        "amount": format_minor(row["amount"], currency),
        "effective_on": row["own_effective"].isoformat(),
        "earned_from": row["span_start"] and row["span_start"].isoformat(),
        "earned_to": row["span_end"] and row["span_end"].isoformat(),
        "due_on": row["due"] and row["due"].isoformat(),
        "sku": row["sku"],
        "line": row["line"],
        "object": row["object"],
        "class": class_name(row["class"]),
        "counts": {name: format_minor(value, currency) for name, value in counts.items()},
    }
    if late:
        told["reported_on"] = row["effective"].isoformat()
    if converter is not None:
        told |= _converted(converter, row, counts)
    return told


def _converted(
    converter: conversion.Converter, row: dict[str, Any], counts: dict[str, int]
) -> dict[str, Any]:
    """The posting's rate and its counts at it, exact; a deal that stays has no rate."""
    if row["stays"]:
        rate, weight, into = None, Fraction(1), row["currency"]
    else:
        rate = converter.rate(0, row["currency"], row["step"])
        weight = converter.weight(0, row["currency"], row["step"]) or Fraction(0)
        into = converter.asked.into
    return {
        "rate": None if rate is None else exact_text(rate, 0),
        "rate_on": None if rate is None else _rate_day(converter, row),
        "converted": {name: exact_text(value * weight, exponent(into)) for name, value in counts.items()},
        "converted_to": into,
    }


def _rate_day(converter: conversion.Converter, row: dict[str, Any]) -> str:
    """The day whose rate the posting takes: the rate itself may have been fixed earlier."""
    asked = converter.asked
    if asked.rate == "transaction":
        return str(row["own_effective"].isoformat())
    day = converter.spans[0].end if asked.on is None else asked.on
    return day.isoformat()
