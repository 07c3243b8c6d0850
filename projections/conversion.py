"""Reports in one currency: every posting at a rate, summed exactly, rounded once per reported cell.

The database sums minor units per rate; rationals are put together here. A deal with an amount that has no
rate stays in its own currencies, in the windows where that is so. Belongs here: converting. Does not belong
here: finding a rate (projections/rates).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any, Final, NamedTuple

from psycopg import Connection, sql

from domain.instants import from_date, to_date
from domain.money import divide_half_away, exponent, format_scaled
from projections import rates
from projections.answers import Report, Row, groups_of, ratio
from projections.formulas import readings
from projections.measures import View, derive
from projections.questions import PERIODS, Conversion, Query, Window, checked, windows
from projections.statements import Parts, bound, measured_statement, parts_of, within_of

#: Deals that an answer lists as unrated, at most.
MAX_UNRATED: Final = 10_000

_RATED_CTE: Final = """rated (n, currency, since) AS (
    SELECT * FROM unnest(%(rated_n)s::int[], %(rated_currency)s::text[], %(rated_since)s::date[])
),"""
_STAYING_CTE: Final = """staying (n, deal) AS (
    SELECT * FROM unnest(%(staying_n)s::int[], %(staying_deal)s::bigint[])
),"""
#: Groups of postings that a deal has an amount in: what a report may tell apart within a deal.
_TOLD_APART: Final = {"left_sku": "p.sku", "left_class": "p.class"}


class Staying(NamedTuple):
    """A deal that has an amount without a rate in a window. on: the earliest day whose rate is lacking."""

    window: int
    deal: int
    name: str | None
    currency: str
    on: date


class Converter:
    """The rates of one question: those known, by window."""

    def __init__(self, connection: Connection[Any], query: Query, spans: list[Window]) -> None:
        assert query.convert is not None, "there is something to convert"
        self.asked: Conversion = query.convert
        self.rates = rates.read(connection, query.generation, query.known)
        self.spans = spans
        self.pivots = [query.policies.at(from_date(span.end)).settings.pivot_currency for span in spans]
        self._days = self.rates.days
        self._weights: dict[tuple[int, str, int], Fraction | None] = {}

    def day_of(self, parts: Parts) -> str:
        """SQL: the day whose rate a posting takes."""
        return {"closing": "w.end_day", "constant": "%(rate_on)s::date"}.get(
            self.asked.rate, parts.own_effective
        )

    def step_of(self, parts: Parts) -> str:
        """SQL: the number of the step between two changes of a rate on which a posting's day lies."""
        if self.asked.rate != "transaction":
            return "(w.n * 0)"
        return f"width_bucket({parts.own_effective}, %(rate_days)s::date[])"

    def step_on(self, day: date) -> int:
        """The number of that step, of one day."""
        return bisect_right(self._days, from_date(day)) if self.asked.rate == "transaction" else 0

    def values(self) -> dict[str, Any]:
        """What the SQL is to be bound with."""
        rated = [
            (n, currency, to_date(since))
            for n, pivot in enumerate(self.pivots)
            for currency in sorted(self.rates.currencies)
            if (since := self.rates.since(currency, self.asked.into, pivot)) is not None
        ]
        return {
            "rate_on": self.asked.on,
            "rate_days": [to_date(day) for day in self._days],
            "into": self.asked.into,
            "rated_n": [row[0] for row in rated],
            "rated_currency": [row[1] for row in rated],
            "rated_since": [row[2] for row in rated],
        }

    def rate(self, window: int, currency: str, step: int) -> Fraction | None:
        """What one unit of a currency counts for, in the target currency; None where no rate is known."""
        if self.asked.rate == "transaction":
            if not step and currency != self.asked.into:
                return None
            day = self._days[step - 1] if step else 0
        elif self.asked.rate == "constant":
            assert self.asked.on is not None, "a constant rate has its day"
            day = from_date(self.asked.on)
        else:
            day = from_date(self.spans[window].end)
        return self.rates.on(currency, self.asked.into, day, self.pivots[window])

    def weight(self, window: int, currency: str, step: int) -> Fraction | None:
        """What one minor unit of a currency counts for, in minor units of the target currency."""
        key = window, currency, step
        if key not in self._weights:
            rate = self.rate(window, currency, step)
            shift = exponent(self.asked.into) - exponent(currency)
            self._weights[key] = None if rate is None else rate * Fraction(10) ** shift
        return self._weights[key]


def staying(connection: Connection[Any], query: Query, converter: Converter) -> list[Staying]:
    """The deals that can't be converted, by window and currency: they have an amount without a rate.

    Whatever the question tells apart within deals (products, classes of bookings, currencies) is left aside,
    so that all rows agree on which deals stay.
    """
    view = checked(query)
    within = {"product", "currency", *(("class",) if view.row_class else ())}
    filters = {name: value for name, value in query.filters.items() if name not in within}
    by = ("deal", *(name for name in query.by if name in PERIODS))
    plain = query._replace(by=by, filters=filters)
    parts = parts_of(connection, view, plain)
    day = converter.day_of(parts)
    parts.columns.update({"left_deal": "p.deal", "left_day": day, **_TOLD_APART})
    parts.ctes.append(_RATED_CTE)
    parts.joins.append("LEFT JOIN rated ON rated.n = w.n AND rated.currency = p.currency")
    parts.filters.append(f"AND p.currency <> %(into)s AND (rated.since IS NULL OR {day} < rated.since)")
    some = " OR ".join(f"{measure.name} <> 0" for read, _ in readings(plain) for measure in read.base)
    text = measured_statement(plain, parts) + (
        "SELECT n, by_left_deal, by_deal, currency, min(by_left_day) FROM measured"
        f" WHERE {some} GROUP BY n, by_left_deal, by_deal, currency ORDER BY n, by_deal, currency"
    )
    values = bound(view, plain, parts, converter.spans) | converter.values()
    return [Staying(*row) for row in connection.execute(sql.SQL(text), values).fetchall()]


def unrated(found: list[Staying], into: str) -> list[dict[str, str]]:
    """What an answer says of them: one entry a deal and currency, by the earliest day without a rate."""
    first: dict[tuple[str, str], date] = {}
    for one in found:
        key = one.name or "", one.currency
        first[key] = min(one.on, first.get(key, one.on))
    return [
        {
            "deal": deal,
            "currency": currency,
            "to": into,
            "on": on.isoformat(),
            "message": f"no spot rate from {currency} to {into} is known on or before {on}, direct,"
            " inverse or through the pivot currency: fix one (fx.rate_fixed), and ask again",
        }
        for (deal, currency), on in sorted(first.items())[:MAX_UNRATED]
    ]


def keep_apart(parts: Parts, found: list[Staying], asked: Conversion) -> str:
    """Put into a statement which deals stay, and show only the currency asked for; SQL: whether one stays."""
    stays = "(w.n < 0)"  # none does; PostgreSQL does not group by a constant
    if found:
        pairs = sorted({(one.window, one.deal) for one in found})
        parts.ctes.append(_STAYING_CTE)
        parts.joins.append("LEFT JOIN staying ON staying.n = w.n AND staying.deal = p.deal")
        parts.values.update(staying_n=[n for n, _ in pairs], staying_deal=[deal for _, deal in pairs])
        stays = "(staying.deal IS NOT NULL)"
    if asked.shown is not None:
        parts.values["shown"] = asked.shown
        if asked.shown == asked.into:
            parts.filters.append(f"AND (p.currency = %(shown)s OR NOT {stays})")
        else:
            parts.filters.append(f"AND p.currency = %(shown)s AND {stays}")
    return stays


# -- exact sums -------------------------------------------------------------------------------------------

Sums = dict[str, Any]  # measure -> minor units of the row's currency, times the denominator: int or Fraction


class Cell:
    """A row of the answer before it is rounded: sums over postings, netted measures, parts of ratios."""

    __slots__ = ("row", "sums")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row  # n, by_<group>, currency
        self.sums: Sums = {}

    def add(self, sums: Mapping[str, Any]) -> None:
        """Take in other sums."""
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0) + value


class Exact(NamedTuple):
    """All rows of a report, exact. Every sum stands over `denominator`."""

    view: View
    spans: list[Window]
    cells: list[Cell]
    denominator: int
    unrated: list[dict[str, str]]

    def amounts(self, cell: Cell) -> Row:
        """The measures of a cell, each rounded once."""
        told: Row = {}
        decimals = exponent(str(cell.row["currency"]))
        for name in self.view.measures:
            if name in self.view.ratios:
                part, whole = cell.sums[f"ratio_{name}"], cell.sums["ratio_of"]
                told[name] = ratio(Fraction(part), Fraction(whole))
            else:
                exact = Fraction(cell.sums[name]) / self.denominator
                told[name] = format_scaled(divide_half_away(exact.numerator, exact.denominator), decimals)
        return told


def exact(connection: Connection[Any], query: Query) -> Exact:
    """All rows of a converted report before rounding, in the order of an answer, none all zero."""
    view = checked(query)
    spans = windows(query)
    converter = Converter(connection, query, spans)
    found = staying(connection, query, converter)
    parts = parts_of(connection, view, query)
    groups = [f"by_{name}" for name in parts.columns]
    within = within_of(connection, view, query, parts)
    parts.columns["stays"] = keep_apart(parts, found, converter.asked)
    parts.columns["step"] = converter.step_of(parts)
    text = measured_statement(query, parts, within) + "SELECT * FROM measured"
    cursor = connection.cursor()
    cursor.execute(sql.SQL(text), bound(view, query, parts, spans) | converter.values())
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    denominator = lcm(
        *{weight.denominator for row in rows if (weight := _weight(converter, row)) is not None}
    )
    by_window = {n: one for one, numbers in readings(query) for n in numbers}
    cells: dict[tuple[Any, ...], Cell] = {}
    for key, row, sums in _within(converter, denominator, groups, rows):
        cell = cells.setdefault(key, Cell(row))
        cell.add(_netted(by_window[row["n"]], sums))
    for cell in cells.values():
        derive(view, cell.sums)
    kept = [cell for _, cell in sorted(cells.items(), key=_in_order) if _is_something(view, cell)]
    return Exact(view, spans, kept, denominator, unrated(found, converter.asked.into))


def _weight(converter: Converter, row: Mapping[str, Any]) -> Fraction | None:
    if row["by_stays"]:
        return Fraction(1)
    return converter.weight(row["n"], row["currency"], row["by_step"])


def _within(
    converter: Converter, denominator: int, groups: list[str], rows: list[dict[str, Any]]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], Sums]]:
    """Converted sums by row of the answer and what is netted within."""
    whole: dict[tuple[Any, ...], tuple[dict[str, Any], Sums]] = {}
    for row in rows:
        weight = _weight(converter, row)
        currency = row["currency"] if row["by_stays"] else converter.asked.into
        key = (row["n"], *(row[name] for name in groups), currency)
        at = (*key, row.get("within"))
        held = whole.get(at)
        if held is None:
            held = whole[at] = ({**row, "currency": currency}, {})
        sums = held[1]
        by = 0 if weight is None else weight.numerator * (denominator // weight.denominator)
        for name, value in row.items():
            if name in _NOT_MEASURED or name.startswith("by_"):
                continue
            assert weight is not None or not value, "an amount without a rate stays in its currency"
            sums[name] = sums.get(name, 0) + int(value) * by
    for at, (row, sums) in whole.items():
        yield at[:-1], row, sums


_NOT_MEASURED: Final = frozenset({"n", "currency", "within"})


def _netted(view: View, sums: Sums) -> Sums:
    """Netted measures and the parts of ratios of one deal or customer, from its sums."""
    if view.netted:
        net = _position(view, sums) - sums["net_performed"]
        for name, sign in view.netted.items():
            sums[name] = max(0, sign * net)
    if view.ratios:
        opening = sums["opening"]
        sums["ratio_of"] = max(0, opening)
        for name, (plus, minus) in view.ratios.items():
            left = sum(sums[x] for x in plus) - sum(sums[x] for x in minus)
            sums[f"ratio_{name}"] = left if opening > 0 else 0
    return sums


def _position(view: View, sums: Sums) -> Any:
    """What of the billed counts towards a liability (as statements has it in SQL, here exact)."""
    gross = sums.get("net_gross", 0)
    if view.liability == "invoiced" or gross <= 0:
        return sums["net_position"]
    settled = sums["net_paid"] if view.liability == "paid" else gross - sums["net_not_due"]
    return sums["net_position"] * Fraction(min(max(settled, 0), gross), gross)


def _in_order(item: tuple[tuple[Any, ...], Cell]) -> tuple[Any, ...]:
    """Rows in the order of the plain report: window, groups (none first, then by code point), currency."""
    number, *groups, currency = item[0]
    return (number, *((value is not None, value or "") for value in groups), currency)


def _is_something(view: View, cell: Cell) -> bool:
    return any(cell.sums[name] for name in (*view.summed, *view.netted))


def _totalled(found: Exact, cell: Cell) -> Sums:
    """What a cell adds to a total over several windows: of balances, only that of the last counts."""
    is_last = cell.row["n"] == len(found.spans) - 1
    return {
        name: value if is_last or found.view.totalled_from(name) == "all" else 0
        for name, value in cell.sums.items()
    }


def run(connection: Connection[Any], query: Query) -> Report:
    """A report in the currency asked for."""
    found = exact(connection, query)
    page = found.cells[query.offset : query.offset + query.limit]
    rows = [groups_of(found.view, query, found.spans, cell.row) | found.amounts(cell) for cell in page]
    by_currency: dict[str, Cell] = {}
    for cell in found.cells:
        currency = cell.row["currency"]
        by_currency.setdefault(currency, Cell({"currency": currency})).add(_totalled(found, cell))
    totals = [
        found.amounts(whole) | {"currency": currency} for currency, whole in sorted(by_currency.items())
    ]
    return Report(rows, totals, len(found.cells) > query.offset + query.limit, found.unrated)
