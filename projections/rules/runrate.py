"""The run-rate plane: contracted and live, in currency a year (accounting.md 3b)."""

from __future__ import annotations

from typing import NamedTuple

from domain.instants import whole_months
from domain.money import divide_half_away
from projections import accounts as a
from projections.book import DealBook, Order, OrderLine

_CLASS_OF = {
    a.SOURCE_NEW: a.CLASS_NUMBERS["new"],
    a.SOURCE_EXPANSION: a.CLASS_NUMBERS["expansion"],
    a.SOURCE_REACTIVATION: a.CLASS_NUMBERS["reactivation"],
    a.CONTRACTION: a.CLASS_NUMBERS["contraction"],
    a.CHURN: a.CLASS_NUMBERS["churn"],
}


class Movement(NamedTuple):
    """A change of a line's run-rate (minor units a year), live from a day (None: at once)."""

    line: OrderLine
    rate: int
    live_from: int | None


def yearly(net: int, start: int | None, end: int | None) -> int:
    """net x 12 / months for whole months, else net x 365 / days; 0 without a service period."""
    if start is None or end is None or end < start:
        return 0
    months = whole_months(start, end)
    if months is not None:
        return divide_half_away(net * 12, months)
    return divide_half_away(net * 365, end - start + 1)


def move(deal: DealBook, currency: str, movements: list[Movement], source: int) -> None:
    """Book movements under one label: `source` if they rise together, else contraction."""
    total = sum(movement.rate for movement in movements)
    label = source if total >= 0 else a.CONTRACTION
    for movement in movements:
        line, rate = movement.line, movement.rate
        if not rate:
            continue
        _contract(deal, currency, line, rate, label, deal.day)
        at = deal.day if movement.live_from is None else max(deal.day, movement.live_from)
        _enliven(deal, currency, line, rate, label, at)
        line.run_rate += rate
        line.live.append((at, rate))


def _contract(deal: DealBook, currency: str, line: OrderLine, rate: int, label: int, day: int) -> None:
    """Contracted run-rate by `rate`, out of a source or into an end."""
    class_ = _CLASS_OF[label]
    if label in (a.CONTRACTION, a.CHURN):
        deal.post(a.CONTRACTED, label, currency, -rate, line.sku, line.label, class_=class_, day=day)
    else:
        deal.post(label, a.CONTRACTED, currency, rate, line.sku, line.label, class_=class_, day=day)


def _enliven(deal: DealBook, currency: str, line: OrderLine, rate: int, label: int, day: int) -> None:
    deal.post(a.CONTRACTED, a.LIVE, currency, rate, line.sku, line.label, class_=_CLASS_OF[label], day=day)


def renew(deal: DealBook, currency: str, movements: list[Movement], replaced: Order | None) -> None:
    """Contracted moves by the difference to what is replaced when booked, live on the new service start.

    Renewing what has ended already is a reactivation.
    """
    old = [] if replaced is None else [line for line in replaced.lines.values() if line.run_rate]
    if replaced is not None:
        replaced.replaced = True
    starts = [x.live_from for x in movements if x.live_from is not None]
    first = min(starts) if starts else None
    leaving = [Movement(line, -line.run_rate, first) for line in old]
    if leaving:
        source = a.SOURCE_EXPANSION
    elif replaced is not None and any(line.live for line in replaced.lines.values()):
        source = a.SOURCE_REACTIVATION
    else:
        source = a.SOURCE_NEW
    move(deal, currency, _netted([*movements, *leaving], first), source)
    for line in old:
        line.run_rate = 0
    for movement in movements:
        movement.line.run_rate = movement.rate
        movement.line.live = [(deal.day if first is None else max(deal.day, first), movement.rate)]


def _netted(movements: list[Movement], first: int | None) -> list[Movement]:
    """One movement a product, so that a flat renewal moves nothing."""
    by_sku: dict[str, Movement] = {}
    for movement in movements:
        known = by_sku.get(movement.line.sku)
        rate = movement.rate + (known.rate if known else 0)
        by_sku[movement.line.sku] = Movement(known.line if known else movement.line, rate, first)
    return list(by_sku.values())


def end(deal: DealBook, order: Order, lines: list[OrderLine], account: int, day: int) -> None:
    """The run-rate of lines ends on a day, as contraction or churn; of a replaced order nothing moves."""
    if order.replaced:
        return
    for line in lines:
        rate = line.run_rate
        if not rate:
            continue
        _contract(deal, order.currency, line, -rate, account, day)
        begun = sum(part for at, part in line.live if at <= day)
        _enliven(deal, order.currency, line, -begun, account, day)
        for at, part in line.live:
            if at > day:
                _enliven(deal, order.currency, line, -part, account, at)
        line.run_rate = 0
