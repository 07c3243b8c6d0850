"""Questions put in full, and the same answered by hand from the journal's rows.

Belongs here: short ways to ask with a basis, rates and policies; an independent valuation. Does not belong
here: a tenant and its log (tests/projections/served).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from domain.instants import from_date
from domain.money import exponent, format_scaled
from projections import reports
from projections.explain import Explained, explain
from projections.measures import View, derive, minor_of
from projections.reports import Conversion, Query, Report
from tests.projections.books import half_away
from tests.projections.served import House


def query(house: House, view: str, start: str | None, end: str, **rest: Any) -> Query:
    """A question to the live generation, as known now unless said otherwise."""
    live = house.live()
    rest.setdefault("known", house.head())
    rest.setdefault("generation", live.id)
    rest.setdefault("policies", live.policies)
    rest.setdefault("limit", reports.MAX_ROWS)
    first = None if start is None else date.fromisoformat(start)
    return Query(view, first, date.fromisoformat(end), **rest)


def asked(house: House, view: str, start: str | None, end: str, **rest: Any) -> Report:
    """The answer to a question."""
    return reports.run(house.connection, query(house, view, start, end, **rest))


def into(currency: str, rate: str) -> Conversion:
    """Convert to a currency at `transaction`, `closing` or `constant:DATE`."""
    kind, _, day = rate.partition(":")
    return Conversion(currency, kind, date.fromisoformat(day) if day else None)


def behind(house: House, question: Query, row: dict[str, str | None]) -> Explained:
    """The postings behind a row of a question without periods, all of them."""
    values = {name: row[name] or "" for name in question.by if name != "currency"}
    filters = {**question.filters, **values}
    if question.convert is None:
        filters["currency"] = str(row["currency"])
    convert = question.convert and question.convert._replace(shown=row["currency"])
    return explain(house.connection, question._replace(by=(), filters=filters, convert=convert))


class Posting(NamedTuple):
    """A row of the journal."""

    deal: int
    position: int
    amount: int
    stated: date
    effective: date
    span_start: date | None
    span_end: date | None
    due: date | None
    debit: int
    credit: int
    class_: int
    currency: str
    sku: str | None


def journal(house: House) -> list[Posting]:
    """All postings of the live generation."""
    rows = house.connection.execute(
        "SELECT deal, position, amount, stated, effective, span_start, span_end, due, debit, credit, class,"
        f" currency, sku FROM posting_g{house.live().id}"
    ).fetchall()
    return [Posting(*row) for row in rows]


#: What an interval of an amount is worth by the end of a day within it, unrounded.
Worth = Callable[[Posting, date], Fraction]


def by_days(posting: Posting, day: date) -> Fraction:
    """amount x days(start..day) / days(start..end)"""
    assert posting.span_start is not None
    assert posting.span_end is not None
    done = (day - posting.span_start).days + 1
    return Fraction(posting.amount * done, (posting.span_end - posting.span_start).days + 1)


def _by(posting: Posting, day: date, counts_from: date, worth: Worth) -> int:
    if day < counts_from:
        return 0
    if posting.span_end is None or day >= posting.span_end:
        return posting.amount
    return half_away(worth(posting, day))


def added(
    postings: list[Posting],
    view: View,
    start: date | None,
    end: date,
    *,
    reported: Callable[[int], date | None] = lambda position: None,
    worth: Worth = by_days,
) -> dict[str, dict[str, str]]:
    """currency -> measures that are sums, posting by posting. reported: first open day by position."""
    found: dict[str, dict[str, int]] = {}
    a_year_on = _a_year_on(end)
    for posting in postings:
        opened = reported(posting.position)
        effective = max(posting.effective, opened) if opened else posting.effective
        stated = max(posting.stated, opened) if opened else posting.stated
        before = 0 if start is None else _by(posting, _eve(start), effective, worth)
        held = _by(posting, end, effective, worth)
        later = posting.amount - _by(posting, a_year_on, effective, worth) if stated <= end else 0
        for index in range(len(view.base)):
            cell = {
                "debit": posting.debit, "credit": posting.credit, "bucket": index, "ve": held,
                "vd": held - before, "vb": later,
            }  # fmt: skip
            measure = view.base[index]
            if (measure.classes and posting.class_ not in measure.classes) or measure.bucket is not None:
                continue
            of = found.setdefault(posting.currency, dict.fromkeys((one.name for one in view.base), 0))
            of[measure.name] += minor_of(view, cell)[measure.name]
    for held_ in found.values():
        derive(view, held_)
    return {
        currency: {name: format_scaled(value, exponent(currency)) for name, value in held_.items()}
        for currency, held_ in found.items()
    }


def _eve(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _a_year_on(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


def number(text: str | None) -> Decimal:
    """An amount of an answer."""
    assert text is not None
    return Decimal(text)


def exactly(text: str) -> Fraction:
    """An exact amount of an explanation."""
    return Fraction(text)


def day_number(text: str) -> int:
    """A day as the domain counts."""
    return from_date(date.fromisoformat(text))
