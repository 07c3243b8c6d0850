"""How single fields of a milestone are read from JSON: one converter for each kind of field.

A converter takes the value as sent and the reading so far; it returns the stored form, or notes reasons
and returns None. Belongs here: texts, numbers, amounts, dates, lines. Which milestone has which fields
stands in domain/milestones.py; the walk over them in domain/contract.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from domain import milestones as m
from domain.instants import parse_day
from domain.money import MAX_MINOR, AmountRefused, parse_decimal
from domain.refusals import Reason, pointer

MAX_TEXT: Final = 1_000
MAX_LINES: Final = 10_000
MAX_QUANTITY: Final = 2**62
#: The most decimals that an amount may have whose currency stands in another document.
DECIMALS: Final = 4
#: Numbers of one JSON object that are told to be out of place.
_MOST_TOLD: Final = 100
_LEAST_INTEGER: Final = -(2**63)
_MOST_INTEGER: Final = 2**64 - 1
_PERIOD: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


class Reading:
    """One message being read: the reasons found so far, and the decimals of its currency."""

    __slots__ = ("decimals", "reasons")

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self.decimals: int | None = None

    def refuse(self, code: str, path: str, message: str) -> None:
        """Note a reason; reading goes on, so that all reasons are found in one pass."""
        self.reasons.append(Reason(code, path, message))


Converter = Callable[[Any, Reading, str], Any]


def text(value: Any, reading: Reading, path: str) -> str | None:
    """A text that is not empty, without NUL, of at most 1,000 characters."""
    if type(value) is str and 0 < len(value) <= MAX_TEXT and "\0" not in value:
        return value
    if type(value) is not str:
        reading.refuse("text_format", path, "must be a text")
    elif not value:
        reading.refuse("text_empty", path, "must not be empty; leave it out instead")
    else:
        reading.refuse("text_format", path, f"must have at most {MAX_TEXT} characters and no NUL")
    return None


def number(value: Any, reading: Reading, path: str) -> str | None:
    """A document or line number: a text; an integer is taken as its digits."""
    if type(value) is int:
        return str(value)
    return text(value, reading, path)


def day(value: Any, reading: Reading, path: str) -> int | None:
    """A business date `YYYY-MM-DD` to its day number."""
    if type(value) is str:
        found = parse_day(value)
        if found is not None:
            return found
    reading.refuse("date_format", path, "must be a date of the form 2026-01-31")
    return None


def _scaled(value: Any, decimals: int, reading: Reading, path: str, *, limit: int = MAX_MINOR) -> int | None:
    if type(value) is not str:
        reading.refuse("amount_format", path, 'must be a decimal in a text, e.g. "120.00", not a JSON number')
        return None
    try:
        return parse_decimal(value, decimals, limit=limit)
    except AmountRefused as refused:
        reading.refuse(refused.code, path, str(refused))
        return None


def amount(value: Any, reading: Reading, path: str) -> int | None:
    """Money in the message's currency, to minor units."""
    if reading.decimals is None:
        # Without a known currency the number of decimals is unknown; the currency has its own reason.
        _scaled(value, 18, reading, path, limit=MAX_MINOR * 10**18)
        return None
    return _scaled(value, reading.decimals, reading, path)


def decimal(value: Any, reading: Reading, path: str) -> str | None:
    """Money in the currency of another document: kept as text, checked where the currency is known."""
    known = DECIMALS if reading.decimals is None else reading.decimals
    return None if _scaled(value, known, reading, path) is None else str(value)


def quantity(value: Any, reading: Reading, path: str) -> int | None:
    """A quantity to 10**-9 units."""
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        reading.refuse("quantity_format", path, 'must be a decimal in a text, e.g. "1.5"')
        return None
    try:
        return parse_decimal(value, m.QUANTITY_DECIMALS, limit=MAX_QUANTITY)
    except AmountRefused as refused:
        reading.refuse(refused.code.replace("amount", "quantity"), path, str(refused))
        return None


def probability(value: Any, reading: Reading, path: str) -> int | None:
    """A decimal text from 0 to 1, to 10**-6."""
    if type(value) is str:
        try:
            found = parse_decimal(value, m.PROBABILITY_DECIMALS)
        except AmountRefused:
            found = -1
        if 0 <= found <= 10**m.PROBABILITY_DECIMALS:
            return found
    reading.refuse("probability_format", path, 'must be a decimal text from "0" to "1", six decimals at most')
    return None


def rate(value: Any, reading: Reading, path: str) -> str | None:
    """A rate of exchange: a positive decimal text of at most 18 decimals."""
    if type(value) is str:
        try:
            if parse_decimal(value, 18, limit=10**36) > 0:
                return value
        except AmountRefused:
            pass
    reading.refuse("rate_format", path, 'must be a positive decimal text, e.g. "1.0832"')
    return None


def order_line(value: Any, reading: Reading, path: str) -> str | None:
    """A reference `<order>/<line>`."""
    found = text(value, reading, path)
    if found is not None:
        order, slash, line = found.rpartition("/")
        if not slash or not order or not line:
            reading.refuse("reference_format", path, "must be <order>/<line>, e.g. SO-1001/2")
            return None
    return found


def period(value: Any, reading: Reading, path: str) -> str | None:
    """A month `YYYY-MM`."""
    if type(value) is str and _PERIOD.fullmatch(value):
        return value
    reading.refuse("period_format", path, "must be a month of the form 2026-03")
    return None


def count(value: Any, reading: Reading, path: str) -> int | None:
    """A whole number from 0, as JSON integer or text."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if type(value) is int and 0 <= value < 2**62:
        return value
    reading.refuse("count_format", path, "must be a whole number from 0")
    return None


def texts(value: Any, reading: Reading, path: str) -> tuple[str, ...] | None:
    """A list of texts."""
    if not isinstance(value, list):
        reading.refuse("list_format", path, "must be a list of texts")
        return None
    found = [number(item, reading, f"{path}/{i}") for i, item in enumerate(value)]
    return tuple(t for t in found if t is not None)


def json_value(value: Any, reading: Reading, path: str) -> Any:
    """Any JSON object, kept as it is; its numbers are integers of at most 64 bits."""
    if not isinstance(value, dict):
        reading.refuse("object_format", path, "must be a JSON object")
        return None
    before = len(reading.reasons)
    left: list[tuple[str, Any]] = [(path, value)]
    while left and len(reading.reasons) < before + _MOST_TOLD:
        at, item = left.pop()
        if isinstance(item, dict):
            left += [(at + pointer(name), inner) for name, inner in item.items()]
        elif isinstance(item, list):
            left += [(f"{at}/{n}", inner) for n, inner in enumerate(item)]
        elif isinstance(item, float):
            reading.refuse("number_format", at, 'must be a decimal in a text, e.g. "1.50", not a JSON number')
        elif isinstance(item, int) and not _LEAST_INTEGER <= item <= _MOST_INTEGER:
            reading.refuse("number_range", at, "must be an integer of 64 bits; send others as a text")
    return value if len(reading.reasons) == before else None


def choice(choices: tuple[str, ...]) -> Converter:
    """A converter for one of the given words."""
    allowed = frozenset(choices)

    def convert(value: Any, reading: Reading, path: str) -> str | None:
        if type(value) is str and value in allowed:
            return value
        reading.refuse("value_unknown", path, f"must be one of {' '.join(choices)}")
        return None

    return convert


def target(value: Any, reading: Reading, path: str) -> m.Target | None:
    """The identity {source, id} of another milestone."""
    if not isinstance(value, dict):
        reading.refuse("object_format", path, 'must be {"source": ..., "id": ...}')
        return None
    source = text(value.get("source"), reading, path + "/source")
    id_ = text(value.get("id"), reading, path + "/id")
    return None if source is None or id_ is None else m.Target(source, id_)


def _rows(value: Any, reading: Reading, path: str, *, least: int = 1) -> list[dict[str, Any]] | None:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        reading.refuse("lines_format", path, "must be a list of JSON objects")
    elif len(value) < least:
        reading.refuse("lines_empty", path, "must hold at least one line")
    elif len(value) > MAX_LINES:
        reading.refuse("lines_many", path, f"must hold at most {MAX_LINES} lines")
    else:
        return value
    return None


def billing(value: Any, reading: Reading, path: str) -> tuple[m.Billing, ...]:
    """The billing plan of a line."""
    found = []
    for i, row in enumerate(_rows(value, reading, path, least=0) or ()):
        on = day(row.get("on"), reading, f"{path}/{i}/on")
        net = amount(row.get("net"), reading, f"{path}/{i}/net")
        if on is not None and net is not None:
            found.append(m.Billing(on, net))
    return tuple(found)


def applied_to(value: Any, reading: Reading, path: str) -> tuple[m.Applied, ...]:
    """Against which invoices a credit memo is put, gross."""
    found = []
    for i, row in enumerate(_rows(value, reading, path, least=0) or ()):
        invoice = number(row.get("invoice"), reading, f"{path}/{i}/invoice")
        put = amount(row.get("amount"), reading, f"{path}/{i}/amount")
        if invoice is not None and put is not None:
            found.append(m.Applied(invoice, put))
    return tuple(found)


def performed(value: Any, reading: Reading, path: str) -> tuple[m.Performed, ...]:
    """Lines of a fulfilment: an order line with a quantity or a net amount."""
    found = []
    for i, row in enumerate(_rows(value, reading, path) or ()):
        at = f"{path}/{i}"
        ref = order_line(row.get("order_line"), reading, at + "/order_line")
        units = None if row.get("quantity") is None else quantity(row["quantity"], reading, at + "/quantity")
        net = None if row.get("net") is None else decimal(row["net"], reading, at + "/net")
        if ref is not None:
            found.append(m.Performed(ref, units, net))
    return tuple(found)


_KIND = choice(m.KINDS)
_RECOGNITION = choice(m.RECOGNITIONS)


def _line(row: dict[str, Any], reading: Reading, at: str, *, need_kind: bool) -> m.Line | None:
    before = len(reading.reasons)
    get = row.get
    tax, kind, units, recognition = get("tax"), get("kind"), get("quantity"), get("recognition")
    start, end, ref, plan, words = (
        get("service_start"),
        get("service_end"),
        get("order_line"),
        get("billing"),
        get("description"),
    )
    line_number = number(get("line"), reading, at + "/line")
    sku = text(get("sku"), reading, at + "/sku")
    net = amount(get("net"), reading, at + "/net")
    if kind is not None:
        kind = _KIND(kind, reading, at + "/kind")
    elif need_kind:
        reading.refuse("field_missing", at + "/kind", f"give the line a kind: one of {' '.join(m.KINDS)}")
    if tax is not None:
        tax = amount(tax, reading, at + "/tax")
    if units is not None:
        units = quantity(units, reading, at + "/quantity")
    if recognition is not None:
        recognition = _RECOGNITION(recognition, reading, at + "/recognition")
    if start is not None:
        start = day(start, reading, at + "/service_start")
    if end is not None:
        end = day(end, reading, at + "/service_end")
    if start is not None and end is not None and end < start:
        reading.refuse("dates_reversed", at + "/service_end", "service_end lies before service_start")
    if ref is not None:
        ref = order_line(ref, reading, at + "/order_line")
    schedule = () if plan is None else billing(plan, reading, at + "/billing")
    if words is not None and not isinstance(words, str):
        reading.refuse("text_format", at + "/description", "must be a text")
    if len(reading.reasons) > before or line_number is None or sku is None or net is None:
        return None
    return m.Line(
        line_number, sku, net, tax or 0, kind, units, recognition, start, end, ref, schedule, words or None
    )


def lines(value: Any, reading: Reading, path: str) -> tuple[m.Line, ...]:
    """Lines of an invoice, credit memo, usage report or quote."""
    rows = _rows(value, reading, path) or ()
    found = [_line(row, reading, f"{path}/{i}", need_kind=False) for i, row in enumerate(rows)]
    return tuple(line for line in found if line is not None)


def deal_lines(value: Any, reading: Reading, path: str) -> tuple[m.Line, ...]:
    """Lines of an opportunity, order, amendment or renewal: `kind` required, line numbers once each."""
    rows = _rows(value, reading, path) or ()
    found = [_line(row, reading, f"{path}/{i}", need_kind=True) for i, row in enumerate(rows)]
    kept = tuple(line for line in found if line is not None)
    if len(kept) > 1 and len({line.line for line in kept}) != len(kept):
        reading.refuse("line_repeated", path, "each line number may stand once")
    return kept


def replacement(value: Any, reading: Reading, path: str) -> bytes | None:
    """The whole milestone of a correction, kept as JSON; domain/contract.py checks it as one."""
    if not isinstance(value, dict):
        reading.refuse("object_format", path, "must be a whole milestone (a CloudEvent)")
        return None
    return msgspec.json.encode(value, enc_hook=float)  # a fraction that no field reads


CONVERTERS: Final[dict[str, Converter]] = {
    "currency": text,
    "text": text,
    "number": number,
    "day": day,
    "amount": amount,
    "decimal": decimal,
    "quantity": quantity,
    "probability": probability,
    "rate": rate,
    "order_line": order_line,
    "period": period,
    "count": count,
    "texts": texts,
    "json": json_value,
    "target": target,
    "billing": billing,
    "applied_to": applied_to,
    "performed": performed,
    "lines": lines,
    "deal_lines": deal_lines,
    "replacement": replacement,
}
