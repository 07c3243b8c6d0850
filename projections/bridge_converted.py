"""The bridge in one currency, exact: figures and what is closed at the rates of their postings.

What is open is worth what it is worth on the day of the bridge. At transaction rates the two differ: an order
may be booked at another rate than its win, a payment at another than its invoice. That difference is a part
of its step as well, `fx_rate`. A deal with an amount that has no rate stays in its own currencies.

Belongs here: converting, and rounding so that no rest is left. Does not belong here: rates
(projections/rates), the figures and reasons (projections/bridge_spans).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.money import divide_half_away
from projections.bridge_spans import CLOSED, FIGURES, STEPS, Key, Query, Span, rows_of, spans_of
from projections.conversion import Converter, Staying, unrated
from projections.dimensions import Dimensions
from projections.questions import Conversion, windows
from projections.questions import Query as Question

Sums = dict[tuple[str, str], Fraction]

#: Every step in which open items lie: only there two rates can meet.
STEPS_WITH_RATES: Final = tuple(step for step in STEPS if step != "invoiced_gross")


class Rates:
    """What one minor unit of a currency is worth in the currency asked for, in minor units of that."""

    def __init__(self, connection: Connection[Any], query: Query) -> None:
        assert query.convert is not None, "there is something to convert"
        self.asked: Conversion = query.convert
        self._at = query.at
        self.moving = self._converter(connection, query, query.convert)
        self._on_the_day = self.moving
        if self.asked.rate == "transaction":
            closing = query.convert._replace(rate="closing")
            self._on_the_day = self._converter(connection, query, closing)

    @staticmethod
    def _converter(connection: Connection[Any], query: Query, convert: Conversion) -> Converter:
        generation = query.generation
        question = Question(
            "backlog", None, query.at, query.known, generation.id, policies=generation.policies,
            convert=convert,
        )  # fmt: skip
        return Converter(connection, question, windows(question))

    @property
    def are_of_transactions(self) -> bool:
        """Whether every posting has a rate of its own."""
        return self.asked.rate == "transaction"

    def days(self) -> list[date]:
        """The days on which a rate changes, where that matters."""
        values: list[date] = self.moving.values()["rate_days"] if self.are_of_transactions else []
        return values

    def of_posting(self, currency: str, step: int) -> Fraction | None:
        """By the step between two days of `days` on which the posting lies."""
        return self.moving.weight(0, currency, step)

    def on(self, currency: str, day: date) -> Fraction | None:
        """By the day of a posting."""
        return self.of_posting(currency, self.moving.step_on(day))

    def of_balance(self, currency: str) -> Fraction | None:
        """Of what is open on the day of the bridge."""
        return self._on_the_day.weight(0, currency, 0)

    def lacking_on(self, first: date | None) -> date:
        """The day whose rate is lacking. first: of the postings without one."""
        if self.are_of_transactions and first is not None:
            return first
        return self.asked.on or self._at


class Converted(NamedTuple):
    """The bridges of all deals, exact, in minor units of the currency of their key.

    stays: numbers of the deals that are in their own currencies for want of a rate.
    """

    spans: dict[Key, Span]
    stays: frozenset[int]
    unrated: list[dict[str, str]]


class _Cell(NamedTuple):
    """Sums of one deal, currency and rate. first: day of the earliest posting."""

    key: Key
    figures: tuple[int | Fraction, ...]
    parts: Mapping[tuple[str, str], int | Fraction]
    weight: Fraction | None
    first: date | None

    @property
    def is_something(self) -> bool:
        return any(self.figures) or any(self.parts.values())


def convert(
    connection: Connection[Any], query: Query, deals: list[int] | None, dimensions: Dimensions
) -> Converted:
    """The bridge of every deal in the currency asked for. deals: only these; None for all.

    unrated: of those that pass the filters of the question.
    """
    native = spans_of(connection, query, deals)
    rates = Rates(connection, query)
    cells = [cell for cell in _cells(connection, query, deals, native, rates) if cell.is_something]
    lacking = [cell for cell in cells if cell.weight is None]
    stays = frozenset(cell.key[0] for cell in lacking)
    figures: dict[Key, list[Fraction]] = {}
    parts: dict[Key, Sums] = {}
    for cell in cells:
        deal = cell.key[0]
        if deal in stays:
            continue
        assert cell.weight is not None, "an amount without a rate stays in its currency"
        key = deal, rates.asked.into
        held = figures.setdefault(key, [Fraction(0)] * len(FIGURES))
        figures[key] = [sum_ + amount * cell.weight for sum_, amount in zip(held, cell.figures, strict=True)]
        of = parts.setdefault(key, {})
        for reason, amount in cell.parts.items():
            of[reason] = of.get(reason, Fraction(0)) + amount * cell.weight
    spans = {key: span for key, span in native.items() if key[0] in stays}
    spans |= {key: _whole(tuple(held), parts[key]) for key, held in figures.items()}
    names = dimensions.names(stays) if stays else {}
    left = [
        Staying(0, cell.key[0], names.get(cell.key[0]), cell.key[1], rates.lacking_on(cell.first))
        for cell in lacking
        if dimensions.passes(query.filters, cell.key[0])
    ]
    return Converted(dict(sorted(spans.items())), stays, unrated(left, rates.asked.into))


def _cells(
    connection: Connection[Any],
    query: Query,
    deals: list[int] | None,
    native: Mapping[Key, Span],
    rates: Rates,
) -> Iterator[_Cell]:
    if not rates.are_of_transactions:
        for key, span in native.items():
            yield _Cell(key, span.figures, span.parts, rates.of_balance(key[1]), None)
        return
    for row in rows_of(connection, query, deals, rates.days()):
        yield _Cell(row.key, row.figures, row.closed, rates.of_posting(row.key[1], row.step), row.first)
    for key, span in native.items():
        still = {of: amount for of, amount in span.parts.items() if of not in CLOSED}
        yield _Cell(key, (0,) * len(FIGURES), still, rates.of_balance(key[1]), None)


def _whole(figures: tuple[Fraction, ...], parts: Sums) -> Span:
    """A bridge without a gap: where rates differ between two figures, that is a part."""
    whole = dict(parts)
    for step, (before, after) in zip(STEPS, pairwise(figures), strict=True):
        rest = before - after - sum(amount for (of, _), amount in parts.items() if of == step)
        if rest:
            assert step in STEPS_WITH_RATES, "tax is at the rate of its invoice"
            whole[step, "fx_rate"] = whole.get((step, "fx_rate"), Fraction(0)) + rest
    return Span(figures, whole)


def rounded(span: Span) -> Span:
    """Whole minor units: figures half away from zero, parts by the largest remainder, none left over."""
    if all(isinstance(amount, int) for amount in (*span.figures, *span.parts.values())):
        return span
    figures = tuple(_half_away(figure) for figure in span.figures)
    parts: dict[tuple[str, str], int] = {}
    for step, (before, after) in zip(STEPS, pairwise(figures), strict=True):
        own = sorted(part for part in span.parts.items() if part[0][0] == step)
        parts |= _shared([(of, Fraction(amount)) for of, amount in own], before - after)
    return Span(figures, parts)


def _shared(parts: list[tuple[tuple[str, str], Fraction]], whole: int) -> dict[tuple[str, str], int]:
    """Whole numbers next to the parts that add up to the whole."""
    found = {of: floor(amount) for of, amount in parts}
    order = sorted(parts, key=lambda part: part[1] - floor(part[1]), reverse=True)
    left = whole - sum(found.values())
    if left < 0:  # both figures were rounded against the parts
        order.reverse()
    for number in range(abs(left)):
        found[order[number % len(order)][0]] += 1 if left > 0 else -1
    return found


def _half_away(amount: Fraction | int) -> int:
    exact = Fraction(amount)
    return divide_half_away(exact.numerator, exact.denominator)
