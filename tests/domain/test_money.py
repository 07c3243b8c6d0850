"""Money: decimal texts and minor units, exactly; the currencies that ISO 4217 lists; shares that add up."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import (
    MAX_MINOR,
    AmountRefused,
    UnknownCurrency,
    currencies,
    divide_half_away,
    exponent,
    format_minor,
    is_currency,
    parse_decimal,
    parse_minor,
    shares,
)

CODES = Path(__file__).resolve().parents[3].joinpath("shared/data/iso4217/codes-all.csv")
NO_MONEY = {"XXX", "XTS"}


@pytest.mark.skipif(not CODES.is_file(), reason="the shared samples are not beside the project")
def test_every_code_of_the_standard_is_known_with_its_decimals() -> None:
    with CODES.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["AlphabeticCode"]]
    in_use = {row["AlphabeticCode"]: row["MinorUnit"] for row in rows if row["MinorUnit"].isdigit()}
    listed = {row["AlphabeticCode"] for row in rows} - NO_MONEY
    assert {code for code, _ in currencies()} == listed
    for code in listed:
        assert exponent(code) == int(in_use.get(code, 2))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("120000.00", "EUR", 12_000_000),
        ("120000", "EUR", 12_000_000),
        ("0.5", "EUR", 50),
        ("-0.05", "EUR", -5),
        ("007", "EUR", 700),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("5", "DEM", 500),
    ],
)
def test_a_decimal_text_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("1.234", "EUR", "amount_precision"),
        ("1.000", "EUR", "amount_precision"),
        ("1.0", "JPY", "amount_precision"),
        ("NaN", "EUR", "amount_format"),
        ("1e3", "EUR", "amount_format"),
        ("+1", "EUR", "amount_format"),
        ("1,000.00", "EUR", "amount_format"),
        ("", "EUR", "amount_format"),
        (".5", "EUR", "amount_format"),
        ("1.", "EUR", "amount_format"),
        (" 1", "EUR", "amount_format"),
        ("1\n", "EUR", "amount_format"),
        ("\u0661", "EUR", "amount_format"),
        ("1.\u0661\u0661", "EUR", "amount_format"),
        ("\u00b2.00", "EUR", "amount_format"),
        ("10000000000000.01", "EUR", "amount_range"),
        ("9" * 400, "EUR", "amount_format"),
    ],
)
def test_what_is_no_exact_amount_is_refused_with_its_code(text: str, currency: str, code: str) -> None:
    with pytest.raises(AmountRefused) as refused:
        parse_minor(text, currency)
    assert refused.value.code == code


@pytest.mark.parametrize("code", ["XXX", "XTS", "eur", "EURO", "", "E\u0055R "])
def test_an_unknown_currency_has_no_decimals(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(UnknownCurrency):
        exponent(code)


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_what_is_written_is_read_as_the_same_amount(minor: int, currency: str) -> None:
    assert parse_minor(format_minor(minor, currency), currency) == minor


@given(st.integers(-(10**12), 10**12), st.integers(0, 9))
def test_a_scaled_decimal_is_exact(value: int, decimals: int) -> None:
    whole, part = divmod(abs(value), 10**decimals)
    text = f"{'-' if value < 0 else ''}{whole}" + (f".{part:0{decimals}d}" if decimals else "")
    assert parse_decimal(text, decimals) == value


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_division_rounds_half_away_from_zero(numerator: int, denominator: int) -> None:
    quotient = divide_half_away(numerator, denominator)
    assert abs(numerator - quotient * denominator) * 2 <= denominator
    assert quotient == -divide_half_away(-numerator, denominator)
    if abs(numerator) * 2 % denominator == 0 and abs(numerator) * 2 // denominator % 2 == 1:
        assert abs(quotient) * denominator >= abs(numerator)


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_shares_add_up_and_are_never_a_unit_off(amount: int, weights: list[int]) -> None:
    parts = shares(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    if total:
        assert all(
            abs(part * total - amount * weight) < total for part, weight in zip(parts, weights, strict=True)
        )


def test_a_tie_of_remainders_goes_to_the_earlier_share() -> None:
    assert shares(100, [1, 1, 1]) == [34, 33, 33]
    assert shares(-100, [1, 1, 1]) == [-34, -33, -33]
    assert shares(5, [0, 0]) == [5, 0]
    assert shares(5, []) == []
