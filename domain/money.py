"""Money: integer minor units with a currency, and the decimals that ISO 4217 gives each currency.

Belongs here: the currency table, decimal text to minor units and back, rounding, shares.
Does not belong here: conversion between currencies (a report's matter), accounts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# ISO 4217 codes by minor unit. Withdrawn codes and units of account (gold, SDR) have none in the
# standard; they get two decimals. XXX (no currency) and XTS (testing) denote no money and are left out.
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK "
    "LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
    "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST "
    "XAD XCD XCG YER ZAR ZMW ZWG "
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
_THREE = "BHD IQD JOD KWD LYD OMR TND "
_FOUR = "CLF UYW "
_WITHDRAWN = (
    "ADP AFA ALK ANG AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEC BEF BEL BGJ BGK BGL BGN BOP "
    "BRB BRC BRE BRN BRR BUK BYB BYR CHC CSD CSJ CSK CUC CYP DDM DEM ECS ECV EEK ESA ESB ESP "
    "FIM FRF GEK GHC GHP GNE GNS GQE GRD GWE GWP HRD HRK IEP ILP ILR ISJ ITL LAJ LSM LTL LTT "
    "LUC LUF LUL LVL LVR MGF MLF MRO MTL MTP MVQ MXP MZE MZM NIC NLG PEH PEI PES PLZ PTE RHD "
    "ROK ROL RUR SDD SDP SIT SKK SLL SRG STD SUR TJR TMM TPE TRL UAK UGS UGW USS UYN UYP VEB "
    "VEF VNC XEU XFO XFU XRE YDD YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC ZWD ZWL ZWN ZWR "
)
_UNITS_OF_ACCOUNT = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XUA "

_EXPONENTS: Final[dict[str, int]] = {
    code: decimals
    for decimals, codes in (
        (2, _TWO + _WITHDRAWN + _UNITS_OF_ACCOUNT),
        (0, _ZERO),
        (3, _THREE),
        (4, _FOUR),
    )
    for code in codes.split()
}

#: Largest amount accepted, in minor units: sums of millions of them stay exact in 64-bit columns.
MAX_MINOR: Final = 10**15

_DECIMAL: Final = re.compile(r"(-?)(\d{1,18})(?:\.(\d{1,18}))?", re.ASCII)


class UnknownCurrency(ValueError):
    """The code is not in ISO 4217, nor was it ever."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code!r} is not an ISO 4217 currency code (three capital letters, e.g. EUR)")
        self.code = code


class AmountRefused(ValueError):
    """An amount that can't be taken as it stands. `code` is one of the contract's reason codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def currencies() -> Sequence[tuple[str, int]]:
    """Every known code with its number of decimals, by code."""
    return tuple(sorted(_EXPONENTS.items()))


def exponent(currency: str) -> int:
    """Number of decimals of a currency (ISO 4217 minor unit). Raises UnknownCurrency."""
    decimals = _EXPONENTS.get(currency)
    if decimals is None:
        raise UnknownCurrency(currency)
    return decimals


def is_currency(code: str) -> bool:
    """Whether ISO 4217 lists the code, in use or withdrawn."""
    return code in _EXPONENTS


def parse_decimal(text: str, decimals: int, *, limit: int = MAX_MINOR) -> int:
    """Decimal text to an integer scaled by 10**decimals, exactly.

    Trailing zeros count as decimals. Raises AmountRefused with code `amount_format` (not a plain
    decimal: NaN, exponents, signs other than a leading minus), `amount_precision` or `amount_range`.
    """
    whole, _, fraction = text.partition(".")
    if len(fraction) == decimals and len(whole) < 12 and whole.isdigit() and text.isascii():
        # What nearly every amount looks like: all decimals given, no sign.
        if not decimals:
            if whole == text:
                return int(whole)
        elif fraction.isdigit():
            return int(whole + fraction)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise AmountRefused("amount_format", f"{text[:40]!r} is not a plain decimal such as '120.00'")
    sign, whole, fraction = match.groups()
    if fraction is None:
        fraction = ""
    if len(fraction) > decimals:
        raise AmountRefused("amount_precision", f"{text[:40]!r} has more than {decimals} decimals")
    value = int(whole + fraction + "0" * (decimals - len(fraction)))
    if value > limit:
        raise AmountRefused("amount_range", f"{text[:40]!r} is beyond what the ledger takes")
    return -value if sign else value


def parse_minor(text: str, currency: str) -> int:
    """A decimal string in `currency` to minor units. Raises AmountRefused, UnknownCurrency."""
    return parse_decimal(text, exponent(currency))


def format_minor(amount: int, currency: str) -> str:
    """Minor units to a decimal string with the currency's own decimals: 120000, EUR -> '1200.00'."""
    return format_scaled(amount, exponent(currency))


def format_scaled(amount: int, decimals: int) -> str:
    """An integer scaled by 10**decimals as a decimal string with exactly that many decimals."""
    if decimals == 0:
        return str(amount)
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def divide_half_away(numerator: int, denominator: int) -> int:
    """numerator / denominator rounded half away from zero; denominator > 0 (accounting.md 3b)."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((-2 * numerator + denominator) // (2 * denominator))


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to `weights` so that the shares add up to it exactly.

    Largest remainder, ties to the earlier one (accounting.md 3b). Weights of one sign; where all are
    zero, the first share takes everything.
    """
    total = sum(weights)
    if total == 0:
        return [amount, *([0] * (len(weights) - 1))] if weights else []
    if total < 0:
        weights, total = [-w for w in weights], -total
    sign, magnitude = (-1, -amount) if amount < 0 else (1, amount)
    floors = [magnitude * w // total for w in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(magnitude * weights[i] % total), i))
    for i in by_remainder[: magnitude - sum(floors)]:
        floors[i] += 1
    return [sign * share for share in floors]
