"""Orders are carried out and billed: shipments, activations, work, usage, and the invoices for each.

`carry_out` takes an order whose ends (cancellations) are known and tells all of it. Does not belong here:
what changes an order (`living`), and how its invoices are paid (`collecting`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from scripts.sampling.collecting import collect, settle_credited
from scripts.sampling.company import BILLING, ERP, WMS, Company
from scripts.sampling.draw import add_months, earned, later, month_starts, share, spread
from scripts.sampling.invoicing import Parts, post_invoice, post_memo
from scripts.sampling.orders import Line, Order

Bills = dict[date, Parts]


def _confirm(company: Company, order: Order, line: Line, day: date, quantity: int) -> None:
    """A shipment or a day of work; one in forty is counted wrong first, and corrected by its own system."""
    number, source = company.number("F-"), line.product.source
    performed = {"order_line": f"{order.number}/{line.number}"}

    def fields(count: int) -> dict[str, Any]:
        lines = [performed | {"quantity": str(count)}]
        return {"order": order.number, "fulfilment": number, "lines": lines}

    subject = f"fulfilment/{number}"
    sent = fields(quantity)
    miscounted = company.dice.chance(2) and quantity > 1
    if miscounted:
        sent = fields(quantity - 1)
    message = company.emit(source, "fulfilment.confirmed", subject, day, sent, keys=(order.key,))
    if miscounted:
        correction = f"correction/{company.number('X-')}"
        noticed = later(day, company.dice.between(1, 6))
        mended = company.emit(source, "milestone.corrected", correction, noticed, {"reason": "miscounted"})
        mended.about = message
        mended.replacement = {
            "keys": message.data["keys"],
            "effective_on": day.isoformat(),
            **fields(quantity),
        }


def _return(company: Company, order: Order, line: Line, day: date, quantity: int) -> None:
    number = company.number("RT-")
    lines = [{"order_line": f"{order.number}/{line.number}", "quantity": str(quantity)}]
    fields = {"order": order.number, "fulfilment": number, "lines": lines}
    company.emit(WMS, "fulfilment.returned", f"fulfilment/{number}", day, fields, keys=(order.key,))


def _ship(company: Company, order: Order, line: Line) -> None:
    """Perform a line by quantity in one to three parts, and bill each part after it."""
    dice, ended = company.dice, order.ends(line)
    parts = [part for part in spread(line.quantity, dice.between(1, 3)) if part]
    day, done = later(order.accepted_on, dice.between(5, 25)), 0
    for part in parts:
        if ended and day > ended:
            return
        _confirm(company, order, line, day, part)
        before, done = share(line.net, done, line.quantity), done + part
        net = share(line.net, done, line.quantity) - before
        if not dice.chance(4):
            _bill_shipment(company, order, line, later(day, dice.between(1, 4)), part, net)
        day = later(day, dice.between(8, 30))


def _bill_shipment(company: Company, order: Order, line: Line, day: date, quantity: int, net: int) -> None:
    invoice = post_invoice(company, order, day, [(line, net)])
    if line.product.source != WMS or not company.dice.chance(6):
        collect(company, invoice)
        return
    back = company.dice.between(1, quantity)
    returned = later(day, company.dice.between(6, 25))
    _return(company, order, line, returned, back)
    memo_on = later(returned, 3)
    gross = post_memo(company, invoice, memo_on, "return", [(line, share(net, back, quantity))])
    settle_credited(company, invoice, memo_on, gross)


def _activate(company: Company, order: Order, line: Line, bills: Bills) -> None:
    day = later(order.accepted_on, company.dice.between(4, 30))
    number = company.number("F-")
    performed = {"order_line": f"{order.number}/{line.number}", "quantity": str(line.quantity)}
    fields = {"order": order.number, "fulfilment": number, "lines": [performed]}
    subject = f"fulfilment/{number}"
    company.emit(line.product.source, "service.activated", subject, day, fields, keys=(order.key,))
    bills.setdefault(later(order.accepted_on, 3), []).append((line, line.net))


def _work(company: Company, order: Order, line: Line, bills: Bills) -> None:
    """A custom project: half billed at the start, half at the end, recognised by hand month by month."""
    months = company.dice.between(3, 9)
    half = spread(line.net, 2)
    bills.setdefault(later(order.accepted_on, 4), []).append((line, half[0]))
    bills.setdefault(add_months(order.accepted_on, months), []).append((line, half[1]))
    currency = order.customer.currency
    for month, part in enumerate(spread(line.net, months), 1):
        day = later(add_months(order.accepted_on.replace(day=1), month), -1)
        fields = {"order_line": f"{order.number}/{line.number}", "currency": currency.code}
        fields["amount"] = currency.text(part)
        number = company.number("RR-")
        company.emit(ERP, "revenue.recognised", f"recognition/{number}", day, fields, keys=(order.key,))
        if company.dice.chance(5):
            subject = f"recognition/{company.number('RR-')}"
            company.emit(ERP, "revenue.reversed", subject, later(day, 9), fields, keys=(order.key,))
            subject = f"recognition/{company.number('RR-')}"
            company.emit(ERP, "revenue.recognised", subject, later(day, 12), fields, keys=(order.key,))


def _meter(company: Company, order: Order, line: Line, bills: Bills) -> None:
    """Usage, rated at the end of each month of the term and billed in the next."""
    if order.term is None:
        return
    currency, ended = order.customer.currency, order.ends(line)
    monthly = order.customer.size * currency.scale
    for month in month_starts(order.term[0], min(order.term[1], company.until)):
        day = later(add_months(month, 1), -1)
        if day < order.accepted_on or (ended and month > ended):
            continue
        net = monthly * company.dice.between(20, 160) + company.dice.below(currency.scale)
        number = company.number("U-")
        rated = {"line": "1", "sku": line.product.sku, "net": currency.text(net), "kind": "usage"}
        rated["order_line"] = f"{order.number}/{line.number}"
        fields = {"usage": number, "currency": currency.code, "lines": [rated]}
        company.emit(BILLING, "usage.rated", f"usage/{number}", day, fields, keys=(order.key,))
        bills.setdefault(later(day, 5), []).append((line, net))


def _bill_stopped(company: Company, order: Order, line: Line, ended: date) -> None:
    """Bill a recurring line up to its cancellation, and credit what the last bill took in advance."""
    due = [(max(on, later(order.accepted_on, 2)), net) for on, net in line.billing if on <= ended]
    invoices = [post_invoice(company, order, day, [(line, net)]) for day, net in due]
    assert line.start is not None
    assert line.end is not None
    unearned = sum(net for _, net in due) - earned(line.net, line.start, line.end, ended)
    for at, invoice in enumerate(invoices, 1):
        credit = min(unearned, invoice.parts[0][1])
        if at < len(invoices) or credit <= 0:
            collect(company, invoice)
            continue
        memo_on = max(later(ended, company.dice.between(2, 15)), later(invoice.day, 1))
        gross = post_memo(company, invoice, memo_on, "cancellation", [(line, credit)])
        settle_credited(company, invoice, memo_on, gross)


def carry_out(company: Company, order: Order) -> None:
    """Perform an order and bill it, and let its invoices be collected."""
    bills: Bills = {}
    for line in order.lines:
        ended = order.ends(line)
        match line.product.recognition:
            case "ratable" if ended:
                _bill_stopped(company, order, line, ended)
            case "ratable":
                for on, net in line.billing:
                    bills.setdefault(max(on, later(order.accepted_on, 2)), []).append((line, net))
            case "on_fulfilment":
                _ship(company, order, line)
            case "on_activation":
                _activate(company, order, line, bills)
            case "manual":
                _work(company, order, line, bills)
            case "on_invoice":
                day = later(order.accepted_on, company.dice.between(2, 9))
                bills.setdefault(day, []).append((line, line.net))
            case _:
                _meter(company, order, line, bills)
    for day in sorted(bills):
        if order.cancelled_on and day > order.cancelled_on:
            continue
        # One document bills a line once, so that of catch-up periods each line appears with its sum.
        summed: dict[int, tuple[Line, int]] = {}
        for line, net in bills[day]:
            summed[line.number] = (line, summed.get(line.number, (line, 0))[1] + net)
        collect(company, post_invoice(company, order, day, list(summed.values())))
