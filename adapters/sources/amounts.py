"""Exact amounts to ISO 4217 minor units and to the contract's decimal strings; shares of an amount.

How sources write them is read in mapping/numbers.py. Nothing passes through a binary float. Refused:
`amount_format`, `amount_precision`, `amount_range`, `currency_unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from adapters.sources.base import JsonValue
from adapters.sources.payload import Node, Unreadable
from domain.milestones import QUANTITY_DECIMALS
from domain.money import MAX_MINOR, divide_half_away, exponent, format_scaled, is_currency, shares

_PLAIN: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_LARGEST_POWER: Final = 24
#: Digits that a number is reckoned with: reckoning takes time that grows with their square.
MOST_DIGITS: Final = 60
_MOST_BITS: Final = 200  # 60 decimal digits
_QUANTITY_POWER: Final = 9  # billions of units of 10**-9 fit into 64 bits


def currency_of(node: Node) -> str:
    """An ISO 4217 code, in capitals as the contract wants it (Stripe writes it small)."""
    code = node.text("an ISO 4217 currency code").upper()
    if not is_currency(code):
        node.refuse("currency_unknown", "needs an ISO 4217 currency code")
    return code


def decimal_text(node: Node) -> str:
    """A quantity as the contract writes one: a plain decimal without zeros behind, of nine at most."""
    value = node.value
    if type(value) is not int and not isinstance(value, Decimal):
        value = Decimal(_plain(node))
    number = Decimal(value)
    if number and not -_QUANTITY_POWER <= number.adjusted() < _QUANTITY_POWER:
        node.refuse("quantity_range", "the quantity is beyond what the ledger takes")
    text = format(number or Decimal(0), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if len(text.partition(".")[2]) > QUANTITY_DECIMALS:
        node.refuse("quantity_precision", f"a quantity has at most {QUANTITY_DECIMALS} decimals")
    return text


def money(amount: int, currency: str) -> str:
    """Minor units to the contract's decimal string. Raises Unreadable where a sum has left its range."""
    places = exponent(currency)
    if places == 2 and 100 <= amount <= MAX_MINOR:
        digits = str(amount)  # what nearly every amount is
        return f"{digits[:-2]}.{digits[-2:]}"
    if abs(amount) > MAX_MINOR:
        raise Unreadable("amount_range", "", "amounts add up beyond what the ledger takes")
    return format_scaled(amount, places)


def tax_shares(tax: int, weights: Sequence[int]) -> list[int]:
    """A document's tax over its lines, in proportion to `weights` and adding up to it exactly.

    Largest remainder, ties to the earlier line (accounting.md 3b). A line of weight zero gets none; where
    lines go both ways (a credit beside a charge), the lines of the larger side share it.
    """
    total = sum(weights)
    sign = -1 if total < 0 else 1
    one_way = [w if w * sign > 0 else 0 for w in weights]
    if not any(one_way):
        one_way = [abs(w) for w in weights]
    return shares(tax, one_way)


def line(number: str, sku: str, net: int, currency: str, *, tax: int = 0) -> dict[str, JsonValue]:
    """A line of the contract, without its optional members."""
    found: dict[str, JsonValue] = {"line": number, "sku": sku, "net": money(net, currency)}
    if tax:
        found["tax"] = money(tax, currency)
    return found


def _plain(node: Node) -> str:
    if not isinstance(node.value, str) or not node.given:
        node.wrong("amount_format", "a decimal")
    if _PLAIN.fullmatch(node.value) is None:
        node.refuse("amount_format", "needs a plain decimal such as 27998.60")
    return node.value


def exact(node: Node, value: Decimal) -> Fraction:
    """A decimal as it is, of a size that can be reckoned with."""
    if value and value.adjusted() >= _LARGEST_POWER:
        node.refuse("amount_range", "the amount is beyond what the ledger takes")
    if value and value.adjusted() <= -_LARGEST_POWER:
        node.refuse("amount_precision", "the amount has more decimals than its currency")
    if not is_short(value):
        node.refuse("amount_precision", f"a number has at most {MOST_DIGITS} digits")
    return Fraction(value) if value else Fraction(0)


def is_short(value: int | Decimal) -> bool:
    """Whether a number has no more digits than can be reckoned with; looked at before any arithmetic."""
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= MOST_DIGITS
    return value.bit_length() <= _MOST_BITS


def to_minor(node: Node, value: Fraction, currency: str, *, rounded: bool = False) -> int:
    """Major units to minor units. rounded: half away from zero, where there are more decimals than that."""
    minor = value * 10 ** exponent(currency)
    if rounded:
        minor = Fraction(divide_half_away(minor.numerator, minor.denominator))
    if minor.denominator != 1:
        node.refuse("amount_precision", "the amount has more decimals than its currency")
    if abs(minor) > MAX_MINOR:
        node.refuse("amount_range", "the amount is beyond what the ledger takes")
    return int(minor)
