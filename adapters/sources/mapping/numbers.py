"""Amounts and numbers as sources write them: digits in JSON or in texts, separators, signs, smaller units.

Belongs here: one notation to exact values; nothing passes through a binary float. Refused: `amount_format`,
`amount_precision`, `amount_range`, `quantity_precision` and the like, as in adapters/sources/amounts.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from adapters.sources.amounts import decimal_text, exact, is_short, to_minor
from adapters.sources.payload import Node
from domain.money import MAX_MINOR, currencies, exponent

_PLAIN: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?E[-+]?\d{1,2}", re.ASCII)
_DIGITS: Final = re.compile(r"-?\d{1,18}", re.ASCII)
#: What fits without looking: 10**12 in units of 10**-4 and more.
_FAST: Final = 11

#: Where the value stands; made only for a refusal.
At = Callable[[], Node]


class Numbers(NamedTuple):
    """How numbers of a field are written.

    notation: major, text, any, minor or percent. decimals: of `minor`, by currency, "*" for the others. text:
    integers of `minor` also in a text. exponent: texts such as 1.5993E7 too.
    """

    notation: str = "any"
    thousands: str = ""
    mark: str = "."
    trailing_minus: bool = False
    parentheses: bool = False
    symbols: str = ""
    rounded: bool = False
    decimals: dict[str, int] | None = None
    text: bool = False
    exponent: bool = False

    @property
    def styled(self) -> bool:
        """Whether texts have to be put into the plain form first."""
        return (
            bool(self.thousands or self.trailing_minus or self.parentheses or self.symbols)
            or self.mark != "."
        )


def decimals_by_currency(groups: dict[str, list[str]], other: int | None) -> dict[str, int]:
    """The decimals that a source gives each currency. groups: by decimals, codes or `iso`.

    other: of currencies in no group; None: as in ISO 4217.
    """
    found = {code: places if other is None else other for code, places in currencies()}
    for told, codes in groups.items():
        places = int(told)
        for code in codes:
            if code == "iso":
                found.update({c: places for c, in_iso in currencies() if in_iso == places})
            else:
                found[code] = places
    return found


def amount_reader(how: Numbers) -> Callable[[Any, str, At], int]:
    """Reads an amount in a currency, to minor units."""
    if how.notation == "minor":
        return _minor_reader(how)
    number = _number(how, "amount_format")
    return lambda value, currency, at: to_minor(at(), number(value, at), currency, rounded=how.rounded)


def quick_amount(how: Numbers) -> Callable[[Any, str], int | None]:
    """Reads what nearly every amount looks like; None of others, which `amount_reader` reads or refuses."""
    if how.notation == "minor":
        same = in_minor_units(how)

        def as_it_is(value: Any, currency: str) -> int | None:
            fits = currency in same and type(value) is int and -MAX_MINOR <= value <= MAX_MINOR
            return value if fits else None

        return as_it_is
    takes_text = how.notation != "major" and not how.styled
    takes_number = how.notation != "text"

    def plain(value: Any, currency: str) -> int | None:
        kind = type(value)
        if (kind is str and takes_text) or (kind is Decimal and takes_number):
            return _quick(str(value), exponent(currency))
        return None

    return plain


def in_minor_units(how: Numbers) -> frozenset[str]:
    """The currencies whose integers, written as `minor`, are in minor units of ISO 4217 as they stand."""
    decimals = how.decimals
    return frozenset(code for code, places in currencies() if decimals is None or decimals[code] == places)


def fraction_reader(how: Numbers) -> Callable[[Any, At], Fraction]:
    """Reads a number, exactly: a quantity, a factor, a rate."""
    number = _number(how, "number_format")
    if how.notation != "percent":
        return number
    return lambda value, at: number(value, at) / 100


def quantity_reader(how: Numbers) -> Callable[[Any, At], str]:
    """Reads a quantity: a plain decimal text without zeros behind."""
    if how.notation == "percent" or how.styled:
        number = fraction_reader(how)
        return lambda value, at: decimal_of(number(value, at), at)

    def read(value: Any, at: At) -> str:
        if type(value) is int and 0 <= value < 1_000_000_000:
            return str(value)
        return decimal_text(at())

    return read


def quick_quantity(how: Numbers) -> Callable[[Any], str | None] | None:
    """Reads what nearly every quantity looks like; None of others, which `quantity_reader` reads."""
    if how.notation == "percent" or how.styled:
        return None
    return lambda value: str(value) if type(value) is int and 0 <= value < 1_000_000_000 else None


def probability_reader(how: Numbers) -> Callable[[Any, At], str]:
    """Reads a share from 0 to 1."""
    number = fraction_reader(how)

    def read(value: Any, at: At) -> str:
        share = number(value, at)
        if not 0 <= share <= 1:
            at().refuse("probability_range", "a probability lies between 0 and 1 (0 and 100 per cent)")
        return decimal_of(share, at)

    return read


def decimal_of(number: Fraction, at: At) -> str:
    """An exact number as the contract's decimal text. Refuses one that has no end."""
    scaled = number * 10**18
    if scaled.denominator != 1:
        at().refuse("quantity_precision", "the number has more decimals than can be kept")
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled.numerator)).rjust(19, "0")
    text = f"{sign}{digits[:-18]}.{digits[-18:]}".rstrip("0").rstrip(".")
    return decimal_text(Node(text, at().pointer))


def compared(value: Any) -> Fraction | None:
    """A value as a number, where it is one; for comparisons."""
    if type(value) is int:
        return Fraction(value) if is_short(value) else None
    if isinstance(value, Decimal) and (not value or -30 < value.adjusted() < 30):
        return Fraction(value or 0) if is_short(value) else None
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and _PLAIN.fullmatch(value.strip()):
        return Fraction(value.strip())
    return None


def _quick(text: str, places: int) -> int | None:
    """A plain decimal in minor units; None where it takes a closer look."""
    whole, point, fraction = text.partition(".")
    if not (whole.isdigit() and len(whole) < _FAST and text.isascii()):
        return None
    if not point:
        return int(whole + "0" * places)
    if not fraction.isdigit() or len(fraction) > places:
        return None
    return int(whole + fraction.ljust(places, "0"))


def _minor_reader(how: Numbers) -> Callable[[Any, str, At], int]:
    decimals = how.decimals

    def read(value: Any, currency: str, at: At) -> int:
        scale = exponent(currency) if decimals is None else decimals[currency]
        if how.text and type(value) is str and _DIGITS.fullmatch(value):
            value = int(value)
        if type(value) is not int:
            at().wrong("amount_format", "an integer in the currency's smallest unit")
        return to_minor(at(), _whole(value, at) / 10**scale, currency, rounded=how.rounded)

    return read


def _whole(value: int, at: At) -> Fraction:
    if not is_short(value):
        at().refuse("amount_range", "the number is beyond what the ledger takes")
    return Fraction(value)


def _number(how: Numbers, code: str) -> Callable[[Any, At], Fraction]:
    takes_text, takes_number = how.notation != "major", how.notation != "text"

    def read(value: Any, at: At) -> Fraction:
        if takes_number and type(value) is int:
            return _whole(value, at)
        if takes_number and isinstance(value, Decimal):
            return exact(at(), value)
        if isinstance(value, Fraction):
            return value
        if not takes_text or not isinstance(value, str):
            wanted = "a decimal in a text" if not takes_number else "a number in major units"
            at().wrong(code, wanted)
        plain = _plain(value, how) if how.styled else value.strip()
        if how.exponent and _SCIENTIFIC.fullmatch(plain):
            return exact(at(), Decimal(plain))
        if _PLAIN.fullmatch(plain) is None:
            at().refuse(code, "needs a plain decimal such as 27998.60; say in `formats` how it is written")
        return Fraction(plain)

    return read


def _plain(text: str, how: Numbers) -> str:
    found = text.strip()
    for symbol in how.symbols:
        found = found.replace(symbol, "")
    found = found.strip()
    negative = False
    if how.parentheses and found.startswith("(") and found.endswith(")"):
        found, negative = found[1:-1], True
    elif how.trailing_minus and found.endswith("-"):
        found, negative = found[:-1], True
    if how.thousands:
        found = _without_thousands(found.strip(), how)
    found = found.strip()
    if how.mark != ".":
        # a point that is no separator is no mark either: it must not become one
        found = found.replace(".", " ").replace(how.mark, ".")
    return f"-{found}" if negative else found


def _without_thousands(text: str, how: Numbers) -> str:
    """Separators go only where they stand between groups of three: `1.5` is not 15."""
    whole, mark, rest = text.partition(how.mark)
    first, *groups = whole.split(how.thousands)
    if any(len(group) != 3 for group in groups) or (groups and not 0 < len(first.lstrip("-")) <= 3):
        return text
    return first + "".join(groups) + mark + rest
