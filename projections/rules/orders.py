"""Orders, amendments, renewals, cancellations: what is ordered, owed, earned by time (accounting.md 3)."""

from __future__ import annotations

from typing import TypeAlias

from domain import milestones as m
from projections import accounts as a
from projections.book import DealBook, Order, OrderLine, Segment
from projections.facts import sequence_key
from projections.rules import performance, runrate
from projections.rules.pipeline import order_took

_WORTHLESS = ("usage", "optional")

#: What an order takes from won_unordered, by currency and product.
Taken: TypeAlias = dict[tuple[str, str], int]


def _recognition(line: m.Line) -> str:
    """How a line is earned, defaults applied (contract.md section 1, Line)."""
    if line.kind == "usage":
        return "usage"
    dated = line.service_start is not None and line.service_end is not None
    if line.recognition is None or (line.recognition == "ratable" and not dated):
        return "ratable" if dated and line.recognition is None else "on_invoice"
    return line.recognition


def _order(deal: DealBook, number: str, currency: str) -> Order:
    found = deal.orders.get(number)
    if found is None:
        found = deal.orders[number] = Order(currency)
    return found


def _key(deal: DealBook, order: Order, said: m.Line, currency: str) -> str:
    """Where a line stands in its order: amounts of another currency are never netted with it."""
    if currency == order.currency:
        return said.line
    deal.find("CURRENCY_MISMATCH")
    return f"{said.line} {currency}"


def _line(deal: DealBook, order: Order, number: str, said: m.Line, currency: str) -> tuple[OrderLine, bool]:
    """The order's line, and whether it is new."""
    key = _key(deal, order, said, currency)
    line = order.lines.get(key)
    if line is not None:
        return line, False
    line = order.lines[key] = OrderLine(
        f"{number}/{said.line}", said.sku, currency, said.kind or "", _recognition(said), known=True
    )
    line.service_start, line.service_end = said.service_start, said.service_end
    return line, True


def _value(said: m.Line) -> int:
    return 0 if said.kind in _WORTHLESS else said.net


def _add(deal: DealBook, line: OrderLine, said: m.Line, class_: int) -> int:
    """Add value to a line: ordered and owed; ratable lines are earned over the span said or their own."""
    net = _value(said)
    deal.post(a.WON_UNORDERED, a.UNBILLED, line.currency, net, line.sku, line.label, class_=class_)
    deal.post(a.SOURCE_OBLIGATION, line.obligation_account, line.currency, net, line.sku, line.label)
    line.net += net
    line.unbilled += net
    if said.quantity is not None:
        line.quantity = (line.quantity or 0) + said.quantity
    return net


def _earn(deal: DealBook, line: OrderLine, amount: int, start: int, end: int) -> None:
    """Earn an amount day by day from today's fact on."""
    if not amount:
        return
    start = min(start, end)
    line.segments.append(Segment(amount, deal.day, start, end))
    deal.post_span(line, amount, deal.day, start, end)


def accepted(deal: DealBook, fact: m.OrderAccepted) -> None:
    """won_unordered -> unbilled, source.obligation -> unperformed, and the run-rate of recurring lines."""
    if not deal.first_of("order", fact.order):
        return
    order = _order(deal, fact.order, fact.currency)
    order.booking_class = a.CLASS_NUMBERS[fact.class_]
    rates, taken = _take(deal, order, fact.order, fact.lines, fact.currency, order.booking_class)
    source = a.SOURCE_EXPANSION if fact.class_ == "expansion" else a.SOURCE_NEW
    runrate.move(deal, rates, source)
    order_took(deal, taken, None)


def _count(taken: Taken, line: OrderLine, said: m.Line, net: int) -> None:
    if said.kind not in _WORTHLESS:
        key = line.currency, line.sku
        taken[key] = taken.get(key, 0) + net


def _take(
    deal: DealBook, order: Order, number: str, lines: tuple[m.Line, ...], currency: str, class_: int
) -> tuple[list[runrate.Movement], Taken]:
    rates: list[runrate.Movement] = []
    taken: Taken = {}
    touched = []
    for said in lines:
        line, _ = _line(deal, order, number, said, currency)
        touched.append(line)
        net = _add(deal, line, said, class_)
        _count(taken, line, said, net)
        if line.recognition == "ratable":
            start, end = said.service_start, said.service_end
            if start is not None and end is not None:
                _earn(deal, line, net, start, end)
        if said.kind == "recurring":
            rates.append(
                runrate.Movement(
                    line, runrate.yearly(net, said.service_start, said.service_end), said.service_start
                )
            )
    _catch_up(deal, touched)
    return rates, taken


def _catch_up(deal: DealBook, lines: list[OrderLine]) -> None:
    """Only when all lines stand it is clear whether a product has one line."""
    for line in lines:
        performance.catch_up(deal, line)


def amended(deal: DealBook, fact: m.ContractAmended) -> None:
    """Signed deltas to lines of an order, earned over their own dates or from now to the line's end."""
    if not deal.first_of("amendment", fact.amendment):
        return
    if fact.order not in deal.orders:
        deal.find("PREDECESSOR_MISSING")
    order = _order(deal, fact.order, fact.currency)
    class_ = a.CLASS_NUMBERS["contraction" if sum(map(_value, fact.lines)) < 0 else "expansion"]
    rates: list[runrate.Movement] = []
    taken: Taken = {}
    touched = []
    for said in fact.lines:
        line, new = _line(deal, order, fact.order, said, fact.currency)
        touched.append(line)
        start, end = said.service_start, said.service_end
        if start is None or end is None:
            start, end = max(deal.day, line.service_start or deal.day), line.service_end
        net = _add(deal, line, said, class_)
        _count(taken, line, said, net)
        if not new:
            _widen(line, said)
        if line.recognition == "ratable" and end is not None:
            _earn(deal, line, net, start, end)
        if (line.kind or said.kind) == "recurring":
            rates.append(runrate.Movement(line, runrate.yearly(net, start, end), start))
    _catch_up(deal, touched)
    runrate.move(deal, rates, a.SOURCE_EXPANSION)
    order_took(deal, taken, a.VARIANCE_AMENDMENT)


def _widen(line: OrderLine, said: m.Line) -> None:
    """A later end in an amendment is the line's end from then on."""
    if said.service_end is not None and (line.service_end is None or said.service_end > line.service_end):
        line.service_end = said.service_end


def renewed(deal: DealBook, fact: m.ContractRenewed) -> None:
    """The acceptance of a new order; the run-rate moves by the difference to what it replaces."""
    if not deal.first_of("order", fact.order):
        return
    order = _order(deal, fact.order, fact.currency)
    order.booking_class = a.CLASS_NUMBERS["renewal"]
    rates, taken = _take(deal, order, fact.order, fact.lines, fact.currency, order.booking_class)
    replaced = deal.orders.get(fact.replaces) if fact.replaces is not None else None
    if fact.replaces is not None and replaced is None:
        deal.find("PREDECESSOR_MISSING")
    runrate.renew(deal, rates, replaced)
    order_took(deal, taken, a.VARIANCE_RENEWAL)


def changed(deal: DealBook, fact: m.OrderChanged) -> None:
    """The whole order as it now stands: differences to each line, lines left out taken off."""
    if deal.stale((fact.source, fact.subject), sequence_key(fact.sequence)):
        return
    if fact.order not in deal.orders:
        deal.find("PREDECESSOR_MISSING")
    order = _order(deal, fact.order, fact.currency)
    rates: list[runrate.Movement] = []
    taken: Taken = {}
    touched = []
    stated = set()
    for said in fact.lines:
        line, new = _line(deal, order, fact.order, said, fact.currency)
        stated.add(line.label + line.currency)
        if new or not _unchanged(line, said):
            touched.append(line)
            _count(taken, line, said, _change(deal, order, line, said, rates, new=new))
    for number, line in order.lines.items():
        left_out = line.label + line.currency not in stated
        if left_out and (line.net != line.cancelled or line.run_rate):
            said = _nothing(number, line)
            _count(taken, line, said, _change(deal, order, line, said, rates))
    _catch_up(deal, touched)
    if not order.replaced:
        runrate.move(deal, rates, a.SOURCE_EXPANSION)
    order_took(deal, taken, None)


def _nothing(number: str, line: OrderLine) -> m.Line:
    return m.Line(
        number, line.sku, 0, 0, line.kind or None, 0, line.recognition, line.service_start, line.service_end
    )


def _unchanged(line: OrderLine, said: m.Line) -> bool:
    # Some systems go on to state a cancelled line's value, others state what is left of it.
    return (
        _value(said) in (line.net, line.net - line.cancelled)
        and (said.quantity is None or line.quantity == said.quantity)
        and (said.service_start, said.service_end) == (line.service_start, line.service_end)
        and line.recognition == _recognition(said)
    )


def _change(
    deal: DealBook,
    order: Order,
    line: OrderLine,
    said: m.Line,
    rates: list[runrate.Movement],
    *,
    new: bool = False,
) -> int:
    """Bring one line to what is said: what it earned to the day before stands, the rest follows."""
    net = _value(said)
    delta = net - (line.net - line.cancelled)
    if not new:
        _earn_otherwise(deal, line, _recognition(said))
    deal.post(
        a.WON_UNORDERED, a.UNBILLED, line.currency, delta, line.sku, line.label, class_=order.booking_class
    )
    deal.post(a.SOURCE_OBLIGATION, line.obligation_account, line.currency, delta, line.sku, line.label)
    line.net = net
    line.performance_cancelled -= line.cancelled
    line.cancelled = 0
    line.unbilled += delta
    if said.quantity is not None:
        line.quantity = said.quantity
    start, end = said.service_start, said.service_end
    if line.recognition == "ratable" and start is not None and end is not None:
        if new:
            _earn(deal, line, net, start, end)
        else:
            stop_earning(deal, line, deal.day - 1)
            rest = net - line.fixed - line.performance_cancelled
            _earn(deal, line, rest, max(deal.day, start), max(deal.day, end))
    rate = runrate.yearly(net, start, end) if (line.kind or said.kind) == "recurring" else 0
    rates.append(runrate.Movement(line, rate - line.run_rate, start))
    line.service_start, line.service_end = start, end
    return delta


def _earn_otherwise(deal: DealBook, line: OrderLine, recognition: str) -> None:
    """What is not earned yet is earned in another way from now on."""
    if recognition == line.recognition:
        return
    stop_earning(deal, line, deal.day - 1)
    before, left = line.obligation_account, line.unperformed(deal.day)
    line.recognition = recognition
    if line.obligation_account != before:
        deal.post(before, line.obligation_account, line.currency, left, line.sku, line.label)
    if recognition == "on_invoice" and line.billed > line.recognised(deal.day):
        performance.recognise(deal, line, line.billed - line.recognised(deal.day))


def stop_earning(deal: DealBook, line: OrderLine, last_day: int) -> None:
    """Ratable earning of a line stops at its value at the end of `last_day`.

    Each interval is taken back whole from the next day on, and its value posted as it stands.
    """
    for segment in line.segments:
        value = segment.at(last_day)
        line.fixed += value
        if segment.end <= last_day and segment.effective <= last_day:
            continue  # earned in full already
        from_ = max(last_day + 1, segment.effective)
        deal.post_span(line, -segment.amount, from_, segment.start, segment.end)
        deal.post(
            line.obligation_account, a.RECOGNISED, line.currency, value, line.sku, line.label, day=from_
        )
    line.segments = []


def resume_earning(deal: DealBook, line: OrderLine, start: int, end: int) -> None:
    """What is left to perform of a stopped line is earned from tomorrow (or `start`, if later) to `end`."""
    rest = line.net - line.performance_cancelled - line.fixed
    if rest:
        start = min(max(deal.day + 1, start), end)
        line.segments.append(Segment(rest, deal.day + 1, start, end))
        deal.post_span(line, rest, deal.day + 1, start, end)


def cancelled(deal: DealBook, fact: m.OrderCancelled | m.OrderLineCancelled) -> None:
    """Per line what is neither billed nor performed leaves; earning stops at the end of the day."""
    order = deal.orders.get(fact.order)
    if order is None:
        deal.find("PREDECESSOR_MISSING")
        return
    if fact.line is None:
        lines = list(order.lines.values())
        end = a.CHURN
    else:
        lines = [line for line in order.lines.values() if line.label == f"{fact.order}/{fact.line}"]
        if not lines:
            deal.find("PREDECESSOR_MISSING")
            return
        end = a.CONTRACTION
    for line in lines:
        _cancel(deal, order, line)
    runrate.end(deal, order, lines, end, deal.day)


def _cancel(deal: DealBook, order: Order, line: OrderLine) -> None:
    unbilled, unperformed = line.unbilled, line.unperformed(deal.day)
    if unbilled * unperformed > 0:
        amount = min(unbilled, unperformed, key=abs)
        deal.post(
            a.UNBILLED, a.CANCELLED, line.currency, amount, line.sku, line.label, class_=order.booking_class
        )
        deal.post(
            line.obligation_account, a.PERFORMANCE_CANCELLED, line.currency, amount, line.sku, line.label
        )
        line.unbilled -= amount
        line.performance_cancelled += amount
        line.cancelled += amount
    stop_earning(deal, line, deal.day)


def ended(deal: DealBook, fact: m.ContractExpired | m.ContractChurned) -> None:
    """live -> churn on that date, unless a renewal replaced the order."""
    order = deal.orders.get(fact.order)
    if order is None:
        deal.find("PREDECESSOR_MISSING")
        return
    on = deal.day if fact.on is None else fact.on
    runrate.end(deal, order, list(order.lines.values()), a.CHURN, on)
