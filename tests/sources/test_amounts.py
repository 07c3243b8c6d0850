"""Amounts and times as sources write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources import SOURCES, amounts
from adapters.sources.amounts import currency_of, decimal_text, money, tax_shares
from adapters.sources.mapping import numbers
from adapters.sources.mapping.numbers import Numbers, amount_reader, compared
from adapters.sources.payload import Node, Unreadable
from adapters.sources.times import service_days, unix_day, unix_seconds, unix_time
from domain.instants import parse_instant
from domain.money import format_minor
from tests.sources.checks import refused, translated
from tests.sources.samples_stripe import st_charge


def read(notation: str, value: object, currency: str) -> int:
    """An amount in minor units, written so."""
    return amount_reader(Numbers(notation))(value, currency, lambda: Node(value, "/amount"))


def code_of(raised: pytest.ExceptionInfo[Unreadable]) -> str:
    return raised.value.refusal.code


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        (Decimal("337.5"), "USD", "337.50"),
        (Decimal("0.1"), "USD", "0.10"),
        (Decimal("100.0"), "JPY", "100"),
        (Decimal("1.5E+3"), "EUR", "1500.00"),
        (Decimal("-8.750"), "KWD", "-8.750"),
        (Decimal("0E+999999999"), "EUR", "0.00"),
        (12, "USD", "12.00"),
    ],
)
def test_major_units_become_the_currencys_decimals(value: object, currency: str, expected: str) -> None:
    assert money(read("major", value, currency), currency) == expected


@pytest.mark.parametrize(
    ("value", "currency", "code"),
    [
        (Decimal("100.5"), "JPY", "amount_precision"),
        (Decimal("0.001"), "USD", "amount_precision"),
        (Decimal("1E-999999999"), "USD", "amount_precision"),
        (Decimal("1E+999999999"), "USD", "amount_range"),
        (10**16, "USD", "amount_range"),
        ("12.00", "USD", "amount_format"),
        (True, "USD", "amount_format"),
        (None, "USD", "field_missing"),
    ],
)
def test_an_amount_that_is_not_exact_is_refused(value: object, currency: str, code: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read("major", value, currency)
    assert code_of(raised) == code


@pytest.mark.parametrize(("text", "expected"), [("27998.6", "27998.60"), ("-1", "-1.00")])
def test_a_cell_holds_a_plain_decimal(text: str, expected: str) -> None:
    assert money(read("text", text, "USD"), "USD") == expected


@pytest.mark.parametrize("text", ["1,000.00", "1e3", "$5", "٥", "NaN"])
def test_a_cell_with_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read("text", text, "USD")
    assert code_of(raised) == "amount_format"


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (2000, "USD", "20.00"),
        (500, "JPY", "500"),
        (1234, "KWD", "1.234"),
        (500, "MGA", "500.00"),  # Stripe counts whole ariary, ISO 4217 hundredths
        (500, "ISK", "5"),  # Stripe counts hundredths that are always zero, ISO 4217 whole kronur
        (500, "UGX", "5"),
    ],
)
def test_stripe_has_decimals_of_its_own(amount: int, currency: str, expected: str) -> None:
    charge = st_charge(amount=amount, amount_captured=amount, currency=currency.lower())
    assert translated(SOURCES["stripe"], charge)[0]["data"]["amount"] == expected


def test_an_amount_finer_than_its_currency_is_refused() -> None:
    charge = st_charge(amount=550, amount_captured=550, currency="isk")
    assert refused(SOURCES["stripe"], charge) == ("amount_precision", "/amount")


@pytest.mark.parametrize("value", [Decimal("1." + "3" * 600_000), Decimal("1." + "0" * 60), 10**4_000])
def test_a_long_number_is_refused_before_it_is_reckoned_with(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reckoned(*_: object) -> None:
        raise AssertionError("it was made a fraction")

    monkeypatch.setattr(amounts, "Fraction", reckoned)
    monkeypatch.setattr(numbers, "Fraction", reckoned)
    for how in (Numbers("major"), Numbers("any")):
        with pytest.raises(Unreadable, match=r"amount_(precision|range)"):
            amount_reader(how)(value, "EUR", lambda: Node(value, "/amount"))
    assert compared(value) is None


def test_a_text_is_no_amount_in_smallest_units() -> None:
    with pytest.raises(Unreadable) as raised:
        read("minor", "10.00", "USD")
    assert raised.value.refusal[:2] == ("amount_format", "/amount")


@pytest.mark.parametrize("code", ["US", "XXX", "dollar", ""])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(Unreadable):
        currency_of(Node(code))


def test_a_currency_in_small_letters_is_known() -> None:
    assert currency_of(Node("usd")) == "USD"


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(-(10**10), 10**10), min_size=1, max_size=40))
def test_a_tax_is_shared_to_the_last_cent(tax: int, weights: list[int]) -> None:
    shares = tax_shares(tax, weights)
    assert sum(shares) == tax
    assert len(shares) == len(weights)
    if any(weights):
        assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0)


def test_a_tie_goes_to_the_earlier_line() -> None:
    assert tax_shares(101, [1, 1, 1]) == [34, 34, 33]
    assert tax_shares(1, [50, 50]) == [1, 0]


@given(st.integers(-(10**15), 10**15) | st.integers(-200, 200), st.sampled_from(["EUR", "JPY", "BHD", "CLF"]))
def test_an_amount_is_written_with_the_decimals_of_its_currency(amount: int, currency: str) -> None:
    assert money(amount, currency) == format_minor(amount, currency)


@pytest.mark.parametrize("amount", [10**15 + 1, -(10**15) - 1])
def test_a_sum_beyond_the_range_is_refused(amount: int) -> None:
    with pytest.raises(Unreadable) as raised:
        money(amount, "EUR")
    assert code_of(raised) == "amount_range"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**6), max_value=10**6))
def test_a_quantity_keeps_its_value(value: Decimal) -> None:
    text = decimal_text(Node(value))
    assert Decimal(text) == value
    assert "E" not in text


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_unix_time_is_the_same_instant(seconds: int) -> None:
    instant = parse_instant(unix_time(seconds))
    assert instant is not None
    assert instant.microseconds == seconds * 1_000_000
    assert unix_time(seconds).startswith(unix_day(seconds))


def test_milliseconds_are_not_taken_for_seconds() -> None:
    with pytest.raises(Unreadable) as raised:
        unix_seconds(Node(1674872880610))
    assert code_of(raised) == "time_range"


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2021-07-12T01:28:01Z", "2021-08-12T01:28:00Z", ("2021-07-12", "2021-08-11")),  # the second before
        ("2020-06-27T02:46:24Z", "2020-07-27T02:46:24Z", ("2020-06-27", "2020-07-26")),  # the next beginning
        ("2023-01-01T00:00:00Z", "2023-02-01T00:00:00Z", ("2023-01-01", "2023-01-31")),
        ("2023-01-01T00:00:00Z", "2023-01-31T23:59:59Z", ("2023-01-01", "2023-01-31")),
        ("2023-01-18T10:08:43Z", "2023-01-19T10:08:43Z", ("2023-01-18", "2023-01-18")),
        ("2023-01-18T10:00:00Z", "2023-01-18T11:00:00Z", ("2023-01-18", "2023-01-18")),
    ],
)
def test_a_period_of_service_has_a_first_and_a_last_day(start: str, end: str, days: tuple[str, str]) -> None:
    first, last = parse_instant(start), parse_instant(end)
    assert first is not None
    assert last is not None
    assert service_days(first.microseconds // 1_000_000, last.microseconds // 1_000_000) == days
