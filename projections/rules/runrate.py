"""The run-rate plane: contracted and live, in currency a year (accounting.md 3b)."""

from __future__ import annotations

from typing import NamedTuple

from domain.instants import whole_months
from domain.money import divide_half_away
from projections import accounts as a
from projections.book import DealBook, Ending, Order, OrderLine

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


def move(deal: DealBook, movements: list[Movement], source: int) -> None:
    """Book movements under one label a currency: `source` if they rise together, else contraction."""
    totals: dict[str, int] = {}
    for line, rate, _ in movements:
        totals[line.currency] = totals.get(line.currency, 0) + rate
    for line, rate, live_from in movements:
        if not rate:
            continue
        label = source if totals[line.currency] >= 0 else a.CONTRACTION
        _contract(deal, line, rate, label, deal.day)
        at = deal.day if live_from is None else max(deal.day, live_from)
        _enliven(deal, line, rate, label, at)
        line.run_rate += rate
        line.live.append((at, rate))


def _contract(deal: DealBook, line: OrderLine, rate: int, label: int, day: int) -> None:
    """Contracted run-rate by `rate`, out of a source or into an end."""
    class_ = _CLASS_OF[label]
    if label in (a.CONTRACTION, a.CHURN):
        deal.post(a.CONTRACTED, label, line.currency, -rate, line.sku, line.label, class_=class_, day=day)
    else:
        deal.post(label, a.CONTRACTED, line.currency, rate, line.sku, line.label, class_=class_, day=day)


def _enliven(deal: DealBook, line: OrderLine, rate: int, label: int, day: int) -> None:
    class_ = _CLASS_OF[label]
    deal.post(a.CONTRACTED, a.LIVE, line.currency, rate, line.sku, line.label, class_=class_, day=day)


def renew(deal: DealBook, movements: list[Movement], replaced: Order | None) -> None:
    """Contracted moves by the difference to what is replaced when booked, live on the new service start.

    Renewing what has ended already is a reactivation.
    """
    if replaced is not None:
        replaced.replaced = True
        _recall(deal, replaced)
    old = [] if replaced is None else [line for line in replaced.lines.values() if line.run_rate]
    leaving = [Movement(line, -line.run_rate, None) for line in old]
    if leaving:
        source = a.SOURCE_EXPANSION
    elif replaced is not None and any(line.live for line in replaced.lines.values()):
        source = a.SOURCE_REACTIVATION
    else:
        source = a.SOURCE_NEW
    move(deal, _netted(movements, leaving), source)
    for line in old:
        line.run_rate = 0
    for line, rate, live_from in movements:
        line.run_rate = rate
        line.live = [(deal.day if live_from is None else max(deal.day, live_from), rate)]


def _netted(coming: list[Movement], leaving: list[Movement]) -> list[Movement]:
    """One movement a product and start, so that a flat renewal moves nothing.

    What is replaced leaves when its product starts anew, else with the first line that does.
    """
    starts: dict[tuple[str, str], int] = {}
    for line, _, start in coming:
        if start is not None:
            key = line.currency, line.sku
            starts[key] = min(start, starts.get(key, start))
    first = min(starts.values(), default=None)
    moves = [
        *coming,
        *(x._replace(live_from=starts.get((x.line.currency, x.line.sku), first)) for x in leaving),
    ]
    netted: dict[tuple[str, str, int | None], Movement] = {}
    for line, rate, start in moves:
        cell = line.currency, line.sku, start
        known = netted.get(cell)
        netted[cell] = (
            Movement(known.line, known.rate + rate, start) if known else Movement(line, rate, start)
        )
    return list(netted.values())


def _recall(deal: DealBook, order: Order) -> None:
    """An end that was announced for a later day does not come: the order is renewed before it."""
    for line, rate, account, day, live in order.endings:
        if day > deal.day:
            _contract(deal, line, rate, account, day)
            _enliven_parts(deal, line, account, day, live, 1)
            line.run_rate += rate
    order.endings = [ending for ending in order.endings if ending.day <= deal.day]


def _enliven_parts(
    deal: DealBook, line: OrderLine, label: int, day: int, live: tuple[tuple[int, int], ...], sign: int
) -> None:
    """What is live by a day moves on that day, what would go live later on its own day."""
    begun = sum(part for at, part in live if at <= day)
    for at, part in ((day, begun), *((at, part) for at, part in live if at > day)):
        _enliven(deal, line, sign * part, label, at)
        line.live.append((at, sign * part))


def end(deal: DealBook, order: Order, lines: list[OrderLine], account: int, day: int) -> None:
    """The run-rate of lines ends on a day, as contraction or churn; of a replaced order nothing moves."""
    if order.replaced:
        return
    for line in lines:
        rate = line.run_rate
        if not rate:
            continue
        live = tuple(line.live)
        _contract(deal, line, -rate, account, day)
        _enliven_parts(deal, line, account, day, live, -1)
        order.endings.append(Ending(line, rate, account, day, live))
        line.run_rate = 0
