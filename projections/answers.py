"""Rows of a report as they are answered: groups by name, amounts as decimal strings, ratios.

Belongs here: the shape of a row. Does not belong here: where its numbers come from (projections/reports,
projections/conversion).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

from domain.money import divide_half_away, exponent, format_minor, format_scaled
from projections import accounts as a
from projections.measures import View, derive
from projections.questions import PERIODS, Query, Window

Row = dict[str, str | None]

_RATIO_DECIMALS: Final = 4


class Report(NamedTuple):
    """Rows of one page and totals per currency, amounts as decimal strings. more: there is another page.

    unrated: deals that stay in their own currency for want of a rate, where amounts are converted.
    """

    rows: list[Row]
    totals: list[Row]
    more: bool
    unrated: list[dict[str, str]] = []  # noqa: RUF012 - never changed


def groups_of(view: View, query: Query, spans: list[Window], row: Mapping[str, Any]) -> Row:
    """The row's groups by name, and its currency. row: n, by_<group>, currency."""
    out: Row = {}
    for name in query.by:
        if name in PERIODS:
            out[name] = spans[row["n"]].label
        elif name == "class" and view.row_class:
            out[name] = class_name(row["by_class"])
        elif name != "currency":
            out[name] = row[f"by_{name}"]
    out["currency"] = row["currency"]
    return out


def class_name(number: str | int | None) -> str | None:
    """The class of a posting by its number."""
    return next((name or None for name, n in a.CLASS_NUMBERS.items() if str(n) == str(number)), None)


def amounts_of(view: View, row: Mapping[str, Any]) -> Row:
    """A row's measures in minor units as decimal strings of its currency, and its ratios.

    row: the view's sums and netted measures; ratio_of and ratio_<name>, what ratios are worked out from.
    """
    minor = {name: int(row[name]) for name in (*view.summed, *view.netted)}
    derive(view, minor)
    told: Row = {}
    for name in view.measures:
        if name in view.ratios:
            told[name] = ratio(Fraction(row[f"ratio_{name}"]), Fraction(row["ratio_of"]))
        else:
            told[name] = format_minor(minor[name], row["currency"])
    return told


def rows_of(
    view: View,
    query: Query,
    spans: list[Window],
    numbers: Sequence[int],
    groups: Mapping[str, Sequence[str | None]],
    amounts: Mapping[str, Sequence[int]],
) -> list[Row]:
    """Many rows at once, each as groups_of and amounts_of make it.

    numbers: the window of each. groups: values of each group, and currencies. amounts: minor units by
    measure, and what ratios are worked out from.
    """
    columns: dict[str, Sequence[str | None]] = {}
    for name in query.by:
        if name in PERIODS:
            columns[name] = [spans[n].label for n in numbers]
        elif name == "class" and view.row_class:
            columns[name] = [class_name(number) for number in groups[name]]
        elif name != "currency":
            columns[name] = groups[name]
    columns["currency"] = currencies = groups["currency"]
    places = [exponent(currency or "") for currency in currencies]
    minor: dict[str, Sequence[int]] = {name: amounts[name] for name in (*view.summed, *view.netted)}
    for name, (plus, minus) in view.derived.items():
        added, taken = [minor[one] for one in plus], [minor[one] for one in minus]
        minor[name] = [sum(column[n] for column in added) - sum(column[n] for column in taken)
                       for n in range(len(numbers))]  # fmt: skip
    for name in view.measures:
        if name in view.ratios:
            both = zip(amounts[f"ratio_{name}"], amounts["ratio_of"], strict=True)
            columns[name] = [ratio(Fraction(part), Fraction(whole)) for part, whole in both]
        else:
            columns[name] = _decimals(minor[name], places)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _decimals(amounts: Sequence[int], places: Sequence[int]) -> list[str]:
    """Minor units as decimal strings with so many decimals each."""
    told = []
    for amount, decimals in zip(amounts, places, strict=True):
        text = str(amount)
        if decimals:
            plain = amount >= 0 and len(text) > decimals
            text = f"{text[:-decimals]}.{text[-decimals:]}" if plain else format_scaled(amount, decimals)
        told.append(text)
    return told


def ratio(part: Fraction, whole: Fraction) -> str | None:
    """part / whole with four decimals, half away from zero; None without a whole."""
    if not whole:
        return None
    exact = part / whole * 10**_RATIO_DECIMALS
    return format_scaled(divide_half_away(exact.numerator, exact.denominator), _RATIO_DECIMALS)
