"""Orders, amendments, renewals, cancellations: what is ordered, owed, earned by time (accounting.md 3)."""

from __future__ import annotations

from typing import TypeAlias

from domain import milestones as m
from projections import accounts as a
from projections.book import DealBook
from projections.facts import sequence_key
from projections.holdings import WORTHLESS, Order, OrderLine
from projections.rules import conditions, performance, plans, runrate
from projections.rules.earning import earn, earn_otherwise, recognition_of, stop_earning
from projections.rules.variance import compare_terms, order_took

#: What an order takes from won_unordered, by currency and product.
Taken: TypeAlias = dict[tuple[str, str], int]
#: What says for the first time what an order is.
Acceptance: TypeAlias = m.OrderAccepted | m.ContractRenewed


def _order(deal: DealBook, number: str, currency: str) -> Order:
    found = deal.orders.get(number)
    if found is None:
        found = deal.orders[number] = Order(currency)
    return found


def _key(deal: DealBook, order: Order, said: m.Line, currency: str) -> str:
    """Where a line stands in its order: amounts of another currency are never netted with it."""
    if currency == order.currency:
        return said.line
    deal.find("CURRENCY_MISMATCH", f"{said.line} {currency}")
    return f"{said.line} {currency}"


def _line(deal: DealBook, order: Order, number: str, said: m.Line, currency: str) -> tuple[OrderLine, bool]:
    """The order's line, and whether it is new."""
    key = _key(deal, order, said, currency)
    line = order.lines.get(key)
    if line is not None:
        return line, False
    line = OrderLine(
        f"{number}/{said.line}", said.sku, currency, said.kind or "", recognition_of(said), known=True
    )
    deal.add_line(order, key, line)
    line.service_start, line.service_end = said.service_start, said.service_end
    return line, True


def _value(said: m.Line) -> int:
    return 0 if said.kind in WORTHLESS else said.net


def _add(deal: DealBook, line: OrderLine, said: m.Line, class_: int) -> int:
    """Add value to a line: ordered and owed; ratable lines are earned over the span said or their own."""
    net = _value(said)
    deal.post(a.WON_UNORDERED, a.UNBILLED, line.currency, net, line.sku, line.label, class_=class_)
    deal.post(a.SOURCE_OBLIGATION, line.obligation_account, line.currency, net, line.sku, line.label)
    line.net += net
    line.unbilled += net
    if net > 0:
        line.stopped = False
    if said.quantity is not None:
        line.quantity = (line.quantity or 0) + said.quantity
    if said.billing and said.kind not in WORTHLESS:
        plans.add(deal, line, said.billing)
    return net


def accepted(deal: DealBook, fact: m.OrderAccepted) -> None:
    """won_unordered -> unbilled, source.obligation -> unperformed, and the run-rate of recurring lines."""
    if not deal.first_of("order", fact.order):
        return
    ahead = fact.order in deal.orders
    order = _order(deal, fact.order, fact.currency)
    order.booking_class = a.CLASS_NUMBERS[fact.class_]
    rates, taken = _take_over(deal, order, fact) if ahead else _take(deal, order, fact)
    source = a.SOURCE_EXPANSION if fact.class_ == "expansion" else a.SOURCE_NEW
    runrate.move(deal, rates, source)
    order_took(deal, taken, None)
    _settle_waiting(deal, fact.order)


def _settle_waiting(deal: DealBook, number: str) -> None:
    """An order is there: what kept it waiting, and what was missing it, stands no more."""
    if deal.standing:
        conditions.order_taken(deal, number)
    if deal.missing:
        deal.came("order", number)


def _count(taken: Taken, line: OrderLine, said: m.Line, net: int) -> None:
    if said.kind not in WORTHLESS:
        key = line.currency, line.sku
        taken[key] = taken.get(key, 0) + net


def _take(deal: DealBook, order: Order, fact: Acceptance) -> tuple[list[runrate.Movement], Taken]:
    """All lines of an accepted order."""
    rates: list[runrate.Movement] = []
    taken: Taken = {}
    touched = []
    for said in fact.lines:
        line, _ = _line(deal, order, fact.order, said, fact.currency)
        touched.append(line)
        net = _add(deal, line, said, order.booking_class)
        _count(taken, line, said, net)
        if line.recognition == "ratable":
            start, end = said.service_start, said.service_end
            if start is not None and end is not None:
                earn(deal, line, net, start, end)
        if said.kind == "recurring":
            rates.append(
                runrate.Movement(
                    line, runrate.yearly(net, said.service_start, said.service_end), said.service_start
                )
            )
    _catch_up(deal, touched)
    return rates, taken


def _take_over(deal: DealBook, order: Order, fact: Acceptance) -> tuple[list[runrate.Movement], Taken]:
    """The acceptance of an order that was changed or amended by facts dated before it.

    A snapshot is the whole order: one said after the acceptance stands, one said before gives way to it.
    Amendments alone add up with the acceptance, which says what the lines are.
    """
    snapshot, order.snapshot = order.snapshot, None
    if snapshot is None:
        rates: list[runrate.Movement] = []
        for said in {line.line: line for line in fact.lines}.values():
            line = order.line(said.line, fact.currency)
            if line is not None and line.currency == fact.currency:
                _adopt(deal, line, said, rates)
        more, taken = _take(deal, order, fact)
        return rates + more, taken
    if _said_after(snapshot, fact):
        return [], {}
    return _restate(deal, order, fact)


def _said_after(snapshot: m.OrderChanged, fact: Acceptance) -> bool:
    """Which of two statements about an order is the newer: by sequence where both have one, else by time."""
    if snapshot.sequence is not None and fact.sequence is not None and snapshot.source == fact.source:
        return sequence_key(snapshot.sequence) > sequence_key(fact.sequence)
    return snapshot.instant > fact.instant


def _adopt(deal: DealBook, line: OrderLine, said: m.Line, rates: list[runrate.Movement]) -> None:
    """A line that only amendments have named so far becomes what its acceptance says."""
    ahead, recognition = line.net - line.cancelled, recognition_of(said)
    line.kind = said.kind or line.kind
    line.service_start = said.service_start
    if line.service_end is None or (said.service_end or line.service_end) > line.service_end:
        line.service_end = said.service_end
    start, end = max(deal.day, said.service_start or deal.day), line.service_end
    if recognition != line.recognition:
        earn_otherwise(deal, line, recognition)
        if recognition == "ratable" and end is not None:
            earn(deal, line, line.unperformed(deal.day), start, end)
    if line.kind == "recurring" and not line.run_rate:
        rates.append(runrate.Movement(line, runrate.yearly(ahead, start, end), start))


def _catch_up(deal: DealBook, lines: list[OrderLine]) -> None:
    """Only when all lines stand it is clear whether a product has one line."""
    for line in lines:
        performance.catch_up(deal, line)


def amended(deal: DealBook, fact: m.ContractAmended) -> None:
    """Signed deltas to lines of an order, earned over their own dates or from now to the line's end."""
    if not deal.first_of("amendment", fact.amendment):
        return
    if fact.order not in deal.orders:
        deal.miss("order", fact.order)
    order = _order(deal, fact.order, fact.currency)
    announced = runrate.lift_end(deal, order) if order.endings else None
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
            earn(deal, line, net, start, end)
        if (line.kind or said.kind) == "recurring":
            rates.append(runrate.Movement(line, runrate.yearly(net, start, end), start))
    _catch_up(deal, touched)
    if order.replaced:
        runrate.restore_end(deal, order, announced)
        runrate.move_replaced(deal, order, rates, a.SOURCE_EXPANSION)
    else:
        runrate.move(deal, rates, a.SOURCE_EXPANSION)
        runrate.restore_end(deal, order, announced)
        _goes_on(deal, fact.order, order)
    order_took(deal, taken, a.VARIANCE_AMENDMENT)


def _widen(line: OrderLine, said: m.Line) -> None:
    """A later end in an amendment is the line's end from then on."""
    if said.service_end is not None and (line.service_end is None or said.service_end > line.service_end):
        line.service_end = said.service_end


def renewed(deal: DealBook, fact: m.ContractRenewed) -> None:
    """The acceptance of a new order; the run-rate moves by the difference to what it replaces."""
    if not deal.first_of("order", fact.order):
        return
    ahead = fact.order in deal.orders
    order = _order(deal, fact.order, fact.currency)
    order.booking_class = a.CLASS_NUMBERS["renewal"]
    rates, taken = _take_over(deal, order, fact) if ahead else _take(deal, order, fact)
    replaced = None
    if fact.replaces is not None and fact.replaces != fact.order:
        replaced = deal.orders.get(fact.replaces)
    if fact.replaces is not None:
        if replaced is None:
            deal.find("PREDECESSOR_MISSING", fact.replaces)
        conditions.replaced(deal, fact.replaces)
    runrate.renew(deal, rates, replaced)
    order_took(deal, taken, a.VARIANCE_RENEWAL)
    _settle_waiting(deal, fact.order)


def changed(deal: DealBook, fact: m.OrderChanged) -> None:
    """The whole order as it now stands: differences to each line, lines left out taken off."""
    if deal.stale((fact.source, fact.subject), sequence_key(fact.sequence)):
        return
    if fact.order not in deal.orders:
        deal.miss("order", fact.order)
    order = _order(deal, fact.order, fact.currency)
    if ("order", fact.order) not in deal.documents:
        order.snapshot = fact
    announced = runrate.lift_end(deal, order) if order.endings else None
    rates, taken = _restate(deal, order, fact)
    if not order.replaced:
        runrate.move(deal, rates, a.SOURCE_EXPANSION)
        runrate.restore_end(deal, order, announced)
        _goes_on(deal, fact.order, order)
    order_took(deal, taken, None)


def _goes_on(deal: DealBook, number: str, order: Order) -> None:
    """An order that had ended and has run-rate again goes on."""
    if number in deal.ends and any(line.run_rate > 0 for line in order.lines.values()):
        conditions.order_runs(deal, number)


def _restate(
    deal: DealBook, order: Order, fact: m.OrderChanged | Acceptance
) -> tuple[list[runrate.Movement], Taken]:
    """Bring all lines to what is said of the whole order; those left out to nothing."""
    rates: list[runrate.Movement] = []
    taken: Taken = {}
    touched = []
    stated = set()
    for said in fact.lines:
        line, new = _line(deal, order, fact.order, said, fact.currency)
        stated.add(line.label + line.currency)
        if said.billing and said.kind not in WORTHLESS:
            plans.replace(deal, line, said.billing)
        if new or not _unchanged(line, said):
            touched.append(line)
            _count(taken, line, said, _change(deal, order, line, said, rates, new=new))
    for number, line in order.lines.items():
        left_out = line.label + line.currency not in stated
        if left_out and (line.net != line.cancelled or line.run_rate):
            said = _nothing(number, line)
            plans.cut(deal, line, deal.day - 1)
            _count(taken, line, said, _change(deal, order, line, said, rates))
    _catch_up(deal, touched)
    return rates, taken


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
        and line.recognition == recognition_of(said)
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
        earn_otherwise(deal, line, recognition_of(said))
    deal.post(
        a.WON_UNORDERED, a.UNBILLED, line.currency, delta, line.sku, line.label, class_=order.booking_class
    )
    deal.post(a.SOURCE_OBLIGATION, line.obligation_account, line.currency, delta, line.sku, line.label)
    line.net = net
    line.stopped = not net and line.kind not in WORTHLESS
    line.performance_cancelled -= line.cancelled
    line.cancelled = 0
    line.unbilled += delta
    if said.quantity is not None:
        line.quantity = said.quantity
    start, end = said.service_start, said.service_end
    if line.recognition == "ratable" and start is not None and end is not None:
        if new:
            earn(deal, line, net, start, end)
        else:
            stop_earning(deal, line, deal.day - 1)
            rest = net - line.fixed - line.performance_cancelled
            earn(deal, line, rest, max(deal.day, start), max(deal.day, end))
    rate = runrate.yearly(net, start, end) if (line.kind or said.kind) == "recurring" else 0
    if end is not None and line.service_end is not None and end < min(line.service_end, deal.day):
        rate = 0  # its term was cut short and is over: nothing of it goes on
    rates.append(runrate.Movement(line, rate - line.run_rate, start))
    line.service_start, line.service_end = start, end
    return delta


def cancelled(deal: DealBook, fact: m.OrderCancelled | m.OrderLineCancelled) -> None:
    """Per line what is neither billed nor performed leaves; earning stops at the end of the day."""
    order = deal.orders.get(fact.order)
    if order is None:
        deal.find("PREDECESSOR_MISSING", fact.order)
        return
    if fact.line is None:
        lines = list(order.lines.values())
        end = a.CHURN
    else:
        lines = [line for line in order.lines.values() if line.label == f"{fact.order}/{fact.line}"]
        if not lines:
            deal.find("PREDECESSOR_MISSING", f"{fact.order}/{fact.line}")
            return
        end = a.CONTRACTION
    for line in lines:
        _cancel(deal, order, line)
    runrate.end(deal, order, lines, end, deal.day)
    if fact.line is None:
        conditions.order_ended(deal, fact.order, "cancelled", deal.day)
    conditions.cancelled_after_reopening(deal)
    for currency in {line.currency for line in lines}:
        compare_terms(deal, currency)


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
    line.stopped = True
    plans.cut(deal, line, deal.day)
    stop_earning(deal, line, deal.day)


def ended(deal: DealBook, fact: m.ContractExpired | m.ContractChurned) -> None:
    """live -> churn on that date, unless a renewal replaced the order."""
    order = deal.orders.get(fact.order)
    if order is None:
        deal.find("PREDECESSOR_MISSING", fact.order)
        return
    on = deal.day if fact.on is None else fact.on
    runrate.end(deal, order, list(order.lines.values()), a.CHURN, on)
    how = "expired" if isinstance(fact, m.ContractExpired) else "churned"
    conditions.order_ended(deal, fact.order, how, on)
