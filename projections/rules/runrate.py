"""The run-rate plane: contracted and live, in currency a year (accounting.md 3b)."""

from __future__ import annotations

from typing import NamedTuple

from domain.instants import whole_months
from domain.money import divide_half_away
from projections import accounts as a
from projections.book import DealBook
from projections.holdings import Ending, Order, OrderLine

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
    labels = _labels(movements, source)
    by_activation = _by_activation(deal)
    for line, rate, live_from in movements:
        if not rate:
            continue
        label = labels[line.currency]
        _contract(deal, line, rate, label, deal.day)
        line.run_rate += rate
        if by_activation and not line.active:
            line.dormant += ((rate, label),)
            continue
        at = _at(deal, live_from)
        _enliven(deal, line, rate, label, at)
        line.live.append((at, rate))


def _labels(movements: list[Movement], source: int) -> dict[str, int]:
    totals: dict[str, int] = {}
    for line, rate, _ in movements:
        totals[line.currency] = totals.get(line.currency, 0) + rate
    return {currency: source if total >= 0 else a.CONTRACTION for currency, total in totals.items()}


def _by_activation(deal: DealBook) -> bool:
    return deal.policy.settings.arr_live == "activation"


def _at(deal: DealBook, live_from: int | None) -> int:
    return deal.day if live_from is None else max(deal.day, live_from)


def activate(deal: DealBook, order: Order, line: OrderLine) -> None:
    """A line is activated: what of its run-rate waited for that is live from today."""
    line.active = True
    if line.dormant or order.endings:
        announced = lift_end(deal, order)
        for rate, label in line.dormant:
            _enliven(deal, line, rate, label, deal.day)
            line.live.append((deal.day, rate))
        line.dormant = ()
        restore_end(deal, order, announced)


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
    """Contracted moves by the difference to what is replaced when booked (policy: on the new service start),
    live on the new service start.

    Renewing what has ended already is a reactivation; a second renewal of the same order adds to the first.
    Where policy has run-rate live by activation, a product that was live needs none.
    """
    old, source = _replace(deal, replaced)
    if replaced is not None and replaced.replaced_on is None:
        replaced.replaced_on = min((_at(deal, x.live_from) for x in movements), default=deal.day)
    leaving = _placed(movements, [Movement(line, -line.run_rate, None) for line in old])
    booked = _netted([*movements, *leaving])
    labels = _labels(booked, source)
    later = deal.policy.settings.renewal_booked == "service_start"
    for line, rate, start in booked:
        if rate:
            at = _at(deal, start) if later else deal.day
            _contract(deal, line, rate, labels[line.currency], at)
            if at > deal.day:
                line.coming += ((at, rate),)
    if not _by_activation(deal):
        live = booked
        for line, rate, start in movements:
            line.live.append((_at(deal, start), rate))
    else:
        live = _live_by_activation(deal, movements, leaving, labels)
    for line, rate, start in live:
        if rate:
            _enliven(deal, line, rate, labels[line.currency], _at(deal, start))
    for line in old:
        line.run_rate, line.dormant, line.live, line.coming = 0, (), [], ()
    for line, rate, _ in movements:
        line.run_rate += rate


def _replace(deal: DealBook, replaced: Order | None) -> tuple[list[OrderLine], int]:
    """Lines whose run-rate a renewal replaces, and where what it adds comes from."""
    if replaced is None:
        return [], a.SOURCE_NEW
    lift_end(deal, replaced)
    old = [line for line in replaced.lines.values() if line.run_rate]
    again, replaced.replaced = replaced.replaced, True
    if old or again:
        return old, a.SOURCE_EXPANSION
    if replaced.endings or any(line.live for line in replaced.lines.values()):
        return old, a.SOURCE_REACTIVATION
    return old, a.SOURCE_NEW


def _live_by_activation(
    deal: DealBook, movements: list[Movement], leaving: list[Movement], labels: dict[str, int]
) -> list[Movement]:
    """What of a renewal goes live by its service start: products that are served already; others wait."""
    going = [x._replace(rate=-sum(part for _, part in x.line.live)) for x in leaving if x.line.live]
    served = {(x.line.currency, x.line.sku) for x in going if x.rate}
    live = []
    for x in movements:
        if (x.line.currency, x.line.sku) in served:
            x.line.active = True
            x.line.live.append((_at(deal, x.live_from), x.rate))
            live.append(x)
        elif x.rate:
            x.line.dormant += ((x.rate, labels[x.line.currency]),)
    return _netted([*live, *going])


def _placed(coming: list[Movement], leaving: list[Movement]) -> list[Movement]:
    """What is replaced leaves when its product starts anew, else with the first line that does."""
    starts: dict[tuple[str, str], int] = {}
    for line, _, start in coming:
        if start is not None:
            key = line.currency, line.sku
            starts[key] = min(start, starts.get(key, start))
    first = min(starts.values(), default=None)
    return [x._replace(live_from=starts.get((x.line.currency, x.line.sku), first)) for x in leaving]


def _netted(moves: list[Movement]) -> list[Movement]:
    """One movement a product and start, so that a flat renewal moves nothing."""
    netted: dict[tuple[str, str, int | None], Movement] = {}
    for line, rate, start in moves:
        cell = line.currency, line.sku, start
        known = netted.get(cell)
        netted[cell] = (
            Movement(known.line, known.rate + rate, start) if known else Movement(line, rate, start)
        )
    return list(netted.values())


def lift_end(deal: DealBook, order: Order) -> tuple[int, int] | None:
    """Take back an end that was announced for a later day, and say what it was: its account and day."""
    coming = [ending for ending in order.endings if ending.day > deal.day]
    if not coming:
        return None
    for ending in coming:
        _post_end(deal, ending, 1)
        ending.line.run_rate += ending.rate
        ending.line.dormant = ending.dormant + ending.line.dormant
    order.endings = [ending for ending in order.endings if ending.day <= deal.day]
    return coming[0].account, coming[0].day


def restore_end(deal: DealBook, order: Order, announced: tuple[int, int] | None) -> None:
    """All that the order has by now ends on the day that was announced."""
    if announced is not None:
        _end_lines(deal, order, list(order.lines.values()), *announced)


def move_replaced(deal: DealBook, order: Order, movements: list[Movement], source: int) -> None:
    """What is added to an order that has been renewed already lasts until that renewal starts."""
    if order.replaced_on is not None and order.replaced_on > deal.day:
        move(deal, movements, source)
        _end_lines(deal, order, list(order.lines.values()), a.CONTRACTION, order.replaced_on)


def end(deal: DealBook, order: Order, lines: list[OrderLine], account: int, day: int) -> None:
    """The run-rate of lines ends on a day, as contraction or churn; of a replaced order nothing moves.

    An end that was announced for a later day gives way to this one; other lines keep it.
    """
    if order.replaced:
        return
    announced = lift_end(deal, order)
    _end_lines(deal, order, lines, account, day)
    if len(lines) < len(order.lines):
        restore_end(deal, order, announced)


def _end_lines(deal: DealBook, order: Order, lines: list[OrderLine], account: int, day: int) -> None:
    for line in lines:
        if line.run_rate:
            ending = Ending(line, line.run_rate, account, day, tuple(line.live), line.coming, line.dormant)
            _post_end(deal, ending, -1)
            order.endings.append(ending)
            line.run_rate, line.dormant = 0, ()


def _post_end(deal: DealBook, ending: Ending, sign: int) -> None:
    """What is contracted and live by the day moves on it, what would come later on its own day."""
    line, rate, account, day, live, coming, _ = ending
    later = [(at, part) for at, part in coming if at > day]
    _contract(deal, line, sign * (rate - sum(part for _, part in later)), account, day)
    for at, part in later:
        _contract(deal, line, sign * part, account, at)
    parts: dict[int, int] = {}
    for at, part in live:
        parts[max(at, day)] = parts.get(max(at, day), 0) + sign * part
    for at, part in parts.items():
        if part:
            _enliven(deal, line, part, account, at)
            line.live.append((at, part))
