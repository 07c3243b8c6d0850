"""Performance: what has been delivered, activated, used or recognised by hand (accounting.md section 3)."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from domain import milestones as m
from domain.money import AmountRefused, divide_half_away, exponent, format_minor, parse_minor
from projections import accounts as a
from projections.book import DealBook
from projections.holdings import OrderLine
from projections.rules import runrate

_UNIT = 10**m.QUANTITY_DECIMALS


def recognise(deal: DealBook, line: OrderLine, amount: int) -> None:
    """unperformed -> recognised (negative: back)."""
    deal.post(line.obligation_account, a.RECOGNISED, line.currency, amount, line.sku, line.label)
    line.fixed += amount


def confirmed(deal: DealBook, fact: m.FulfilmentConfirmed) -> None:
    """unperformed -> recognised for lines earned by delivery, by quantity or net, cumulative rounding."""
    if deal.first_of("fulfilment", fact.fulfilment):
        _each(deal, fact.lines, "on_fulfilment", 1)


def returned(deal: DealBook, fact: m.FulfilmentReturned) -> None:
    """Inverse; what is also credited as returned counts once."""
    if not deal.first_of("return", fact.fulfilment):
        return
    _each(deal, fact.lines, "on_fulfilment", -1)


def activated(deal: DealBook, fact: m.ServiceActivated) -> None:
    """Lines earned on activation: unperformed -> recognised."""
    if deal.first_of("activation", fact.fulfilment):
        _each(deal, fact.lines, "on_activation", 1)
        for said in fact.lines:
            order = deal.orders.get(said.order_line.rpartition("/")[0])
            line = deal.order_line(said.order_line)
            if order is not None and line is not None:
                runrate.activate(deal, order, line)


def _each(deal: DealBook, lines: tuple[m.Performed, ...], recognition: str, sign: int) -> None:
    for said in lines:
        line = deal.order_line(said.order_line)
        if line is None:
            deal.miss("line", said.order_line)
            deal.line_for(said.order_line, "", "").waiting.append((said, sign, recognition))
        else:
            _perform_said(deal, line, said, sign, recognition)


def _perform_said(deal: DealBook, line: OrderLine, said: m.Performed, sign: int, recognition: str) -> None:
    if line.recognition != recognition and recognition != "manual":
        return
    net = None
    if said.net is not None:
        try:
            net = sign * parse_minor(said.net, line.currency)
        except AmountRefused:
            deal.find("AMOUNT_PRECISION", line.label)
            return
    if line.recognition != recognition:
        _compare(deal, line, net or 0)
        return
    value = _value(line, None if said.quantity is None else sign * said.quantity, net, sign)
    if value < 0 and line.recognition == "on_fulfilment":
        come_back(deal, line, -value)
    else:
        recognise(deal, line, value)


def _value(line: OrderLine, units: int | None, net: int | None, sign: int) -> int:
    """What is performed (negative: comes back): net as stated, by quantity on the running total, else all."""
    if net is None and units is not None:
        line.fulfilled_units += units
        value = divide_half_away(line.net * line.fulfilled_units, line.quantity or _UNIT) - line.fulfilled
        line.fulfilled += value
        return value
    if net is None:
        performed = line.fulfilled + line.fulfilled_net
        net = line.net - line.cancelled - performed if sign > 0 else -performed
    line.fulfilled_net += net
    return net


def come_back(deal: DealBook, line: OrderLine, amount: int) -> None:
    """Goods came back: recognised falls by the larger of what came back and what is credited for it."""
    before = max(line.returned, line.return_credited)
    line.returned += amount
    recognise(deal, line, before - max(line.returned, line.return_credited))


def credit_return(deal: DealBook, line: OrderLine, amount: int) -> None:
    """A return is credited: the credited part ends in performance_cancelled, once with what came back."""
    before = max(line.returned, line.return_credited)
    line.return_credited += amount
    from_recognised = max(line.returned, line.return_credited) - before
    deal.post(a.RECOGNISED, a.PERFORMANCE_CANCELLED, line.currency, from_recognised, line.sku, line.label)
    deal.post(
        line.obligation_account,
        a.PERFORMANCE_CANCELLED,
        line.currency,
        amount - from_recognised,
        line.sku,
        line.label,
    )
    line.fixed -= from_recognised
    line.performance_cancelled += amount


def catch_up(deal: DealBook, line: OrderLine) -> None:
    """An order names a line that was billed or performed ahead of it: those now count for the line."""
    if not deal.loose:
        return
    for key in ((line.currency, "/" + line.label), (line.currency, line.sku), ("", "/" + line.label)):
        loose = deal.loose.get(key)
        if loose is None:
            continue
        if deal.line_for(None if key[1] == line.sku else line.label, line.sku, line.currency) is not line:
            continue
        del deal.loose[key]
        line.unbilled += loose.unbilled
        line.billed += loose.billed
        line.beside += loose.beside
        if line.recognition == "on_invoice" and loose.billed:
            recognise(deal, line, loose.billed)
        loose.became = line
        for said, sign, recognition in loose.waiting:
            line.active |= recognition == "on_activation"
            _perform_said(deal, line, said, sign, recognition)
            deal.came("line", said.order_line)


def used(deal: DealBook, fact: m.UsageRated) -> None:
    """source.usage -> unbilled, source.obligation -> recognised: usage is recognised when rated."""
    if not deal.first_of("usage", fact.usage):
        return
    for said in fact.lines:
        line = deal.line_for(said.order_line, said.sku, fact.currency)
        deal.post(a.SOURCE_USAGE, a.UNBILLED, fact.currency, said.net, said.sku, line.label, fact.usage)
        deal.post(
            a.SOURCE_OBLIGATION, a.RECOGNISED, fact.currency, said.net, said.sku, line.label, fact.usage
        )
        line.unbilled += said.net
        line.beside += said.net


def revenue(deal: DealBook, fact: m.RevenueRecognised | m.RevenueReversed) -> None:
    """`manual` lines: unperformed -> recognised, or back. For other lines it is compared, not posted."""
    amount = fact.amount if isinstance(fact, m.RevenueRecognised) else -fact.amount
    line = deal.order_line(fact.order_line, fact.currency)
    if line is None:
        deal.miss("line", fact.order_line)
        said = m.Performed(fact.order_line, None, format_minor(amount, fact.currency))
        deal.line_for(fact.order_line, "", fact.currency).waiting.append((said, 1, "manual"))
    elif line.currency != fact.currency:
        deal.find("CURRENCY_MISMATCH", line.label)
    elif line.recognition == "manual":
        recognise(deal, line, amount)
    else:
        _compare(deal, line, amount)


def _compare(deal: DealBook, line: OrderLine, amount: int) -> None:
    """The ERP recognised an amount of a line that earns by itself: keep its sum, and find the difference."""
    line.reported += amount
    deal.stand("recognised_by_erp", line.label, line.currency, line.reported)
    off = line.reported - line.recognised(deal.day) - line.beside
    if abs(off) <= _tolerance(deal.policy.settings.recognition_tolerance, line.currency):
        off = 0
    deal.stand("RECOGNITION_MISMATCH", line.label, line.currency, off)


@lru_cache(maxsize=256)
def _tolerance(units: str, currency: str) -> int:
    """Units of a currency as whole minor units, rounded down."""
    return int(Decimal(units).scaleb(exponent(currency)))
