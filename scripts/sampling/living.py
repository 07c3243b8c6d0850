"""The life of an order after its acceptance: changed, amended, cancelled, renewed, or come to its end.

`live` decides what becomes of an order before it is carried out, so that bills and shipments know of it,
and goes on with the orders that renew it. Does not belong here: the work itself (`performing`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

from scripts.sampling.company import CRM, ERP, SUBSCRIPTIONS, SUPPORT, Company, key
from scripts.sampling.draw import add_months, later, share
from scripts.sampling.orders import Line, Order, lines_fields, plan
from scripts.sampling.performing import carry_out
from scripts.sampling.selling import negotiate

RENEWALS: Final = (("early", 30), ("flat", 30), ("uplift", 28), ("late", 12))


def _change(company: Company, order: Order) -> None:
    """The ERP restates an order a day after its acceptance, before anything of it is billed."""
    line = order.lines[0]
    if line.quantity > 2:
        line.net, line.quantity = share(line.net, line.quantity + 1, line.quantity), line.quantity + 1
    else:
        rhythm = "prepaid" if len(line.billing) == 1 else "annual" if len(line.billing) < 12 else "monthly"
        line.net = share(line.net, company.dice.pick((900, 950, 1_040, 1_100)), 1_000)
        if line.billing:
            plan(line, rhythm)
    currency = order.customer.currency
    fields = {"order": order.number, "currency": currency.code}
    changed = fields | {"lines": lines_fields(order.lines, currency, billing=True)}
    day, subject = later(order.accepted_on, 1), f"order/{order.number}"
    company.emit(ERP, "order.changed", subject, day, changed, versioned=True)


def _cancel(company: Company, order: Order) -> None:
    """Cancel the order after a part of it is performed, or one line that is performed by quantity."""
    dice, subject = company.dice, f"order/{order.number}"
    if dice.chance(5):
        days = (order.term[1] - order.term[0]).days if order.term else 60
        shipped = any(line.quantity > 1 for line in order.lines)
        wait = dice.between(15, 60) if shipped else dice.between(days // 10, days * 7 // 10)
        begun = order.accepted_on if shipped or not order.term else max(order.accepted_on, order.term[0])
        order.cancelled_on = later(begun, wait)
        fields = {
            "order": order.number,
            "reason": dice.pick(("customer request", "insolvency", "not delivered")),
        }
        company.emit(ERP, "order.cancelled", subject, order.cancelled_on, fields, versioned=True)
    elif len(order.lines) > 1 and dice.chance(8):
        counted = [line for line in order.lines if line.product.recognition == "on_fulfilment"]
        if not counted:
            return
        line, day = counted[0], later(order.accepted_on, dice.between(10, 50))
        order.stopped[line.number] = day
        fields = {"order": order.number, "line": str(line.number), "reason": "not needed any more"}
        company.emit(ERP, "order.line_cancelled", subject, day, fields, versioned=True)


def _amend(company: Company, order: Order, day: date, kind: str, line: Line, keys: tuple[str, ...]) -> None:
    currency, number = order.customer.currency, company.number("AM-")
    fields = {
        "amendment": number,
        "order": order.number,
        "currency": currency.code,
        "kind": kind,
        "lines": lines_fields([line], currency, billing=True),
        "dimensions": order.customer.dimensions(),
    }
    company.emit(ERP, "contract.amended", f"amendment/{number}", day, fields, keys=(order.key, *keys))


def _upsell(company: Company, order: Order, base: Line) -> None:
    """A further line to the end of the term, mostly with an expansion of its own in the CRM."""
    assert base.start is not None
    assert base.end is not None
    dice, whole = company.dice, _months(base)
    gone = dice.between(2, whole - 3)
    start = add_months(base.start, gone)
    net = share(share(base.net, whole - gone, whole), dice.between(10, 45), 100)
    line = Line(max(one.number for one in order.lines) + 1, dice.pick(SUBSCRIPTIONS), net, 0, start, base.end)
    line.billing = [(start, net)]
    day = max(later(start, dice.between(-12, 4)), later(order.accepted_on, 5))
    if day > company.until:
        return
    keys: tuple[str, ...] = ()
    if dice.chance(75):
        opportunity = company.number("006F")
        begun, won = later(day, -dice.between(12, 30)), later(day, -2)
        negotiate(
            company, order.customer, opportunity, begun, [replace(line, billing=[])], "expansion",
            keys=(order.key,), won_on=won,
        )  # fmt: skip
        keys = (key(CRM, "opportunity", opportunity),)
    _amend(company, order, day, dice.pick(("upsell", "co_term")), line, keys)
    order.lines.append(line)


def _downsell(company: Company, order: Order, base: Line) -> None:
    """Less of a line from its next bill on; a line that is billed in full has nothing left to take."""
    assert base.end is not None
    ahead = [at for at, (on, _) in enumerate(base.billing) if on > later(order.accepted_on, 60)]
    if not ahead:
        return
    first = company.dice.pick(ahead)
    per_cent, start = company.dice.between(8, 35), base.billing[first][0]
    taken = 0
    for at in range(first, len(base.billing)):
        on, net = base.billing[at]
        less = share(net, per_cent, 100)
        base.billing[at], taken = (on, net - less), taken + less
    delta = Line(base.number, base.product, -taken, 0, start, base.end)
    kind = company.dice.pick(("downsell", "price_change", "partial_cancel"))
    _amend(company, order, later(start, -company.dice.between(5, 30)), kind, delta, ())
    base.net -= taken


def _months(line: Line) -> int:
    assert line.start is not None
    assert line.end is not None
    after = later(line.end, 1)
    return (after.year - line.start.year) * 12 + after.month - line.start.month


def _renew(company: Company, order: Order, end: date) -> Order | None:
    """The order that takes the place of this one, or None where its day is past the span."""
    dice, kind = company.dice, company.dice.weighted(RENEWALS)
    wait = {"early": (-80, -35), "flat": (-30, -2), "uplift": (-30, -2), "late": (5, 40)}[kind]
    day = max(later(end, dice.between(*wait)), later(order.accepted_on, 30))
    if day > company.until:
        return None
    factor = 1_000 if kind == "flat" else dice.pick((1_000, 1_030, 1_050, 1_080))
    rhythm = "prepaid" if len(order.recurring[0].billing) == 1 else "annual"
    lines = []
    for at, old in enumerate(order.recurring, 1):
        start, months = later(end, 1), _months(old) if old.product in {*SUBSCRIPTIONS, SUPPORT} else 12
        net = share(old.net, factor, 1_000)
        lines.append(plan(Line(at, old.product, net, 0, start, later(add_months(start, months), -1)), rhythm))
    keys: tuple[str, ...] = (order.key,)
    if dice.chance(88):
        opportunity = company.number("006F")
        begun, won = later(day, -dice.between(20, 60)), later(day, -dice.between(0, 4))
        unplanned = [replace(line, billing=[]) for line in lines]
        negotiate(
            company, order.customer, opportunity, begun, unplanned, "renewal", keys=(order.key,), won_on=won
        )
        keys = (order.key, key(CRM, "opportunity", opportunity))
    made = Order(company.number("SO-"), order.customer, lines, day)
    currency = order.customer.currency
    content: dict[str, Any] = {
        "order": made.number,
        "replaces": order.number,
        "currency": currency.code,
        "kind": kind,
    }
    content["lines"] = lines_fields(lines, currency, billing=True)
    content["dimensions"] = order.customer.dimensions()
    subject = f"order/{made.number}"
    company.emit(ERP, "contract.renewed", subject, day, content, keys=keys, versioned=True)
    return made


def _end(company: Company, order: Order, end: date, *, renewed: bool) -> None:
    """What is said of a term that ends: notice, expiry, churn, or nothing where someone forgot."""
    dice, subject = company.dice, f"order/{order.number}"
    fields = {"order": order.number, "on": end.isoformat()}
    if renewed:
        if dice.chance(35):
            company.emit(ERP, "contract.expired", subject, end, fields, versioned=True)
        return
    if dice.chance(55):
        notice = max(later(end, -dice.between(30, 90)), later(order.accepted_on, 10))
        company.emit(CRM, "contract.non_renewal_notified", subject, notice, fields, keys=(order.key,))
    verb = dice.weighted((("contract.expired", 60), ("contract.churned", 30), ("", 10)))
    if verb:
        company.emit(ERP, verb, subject, end, fields, versioned=True)


def live(company: Company, order: Order | None) -> None:
    """Tell an order, and all that renew it, up to the end of the span."""
    dice = company.dice
    while order is not None:
        if dice.chance(6):
            _change(company, order)
        _cancel(company, order)
        base = next((line for line in order.recurring if _months(line) > 6), None)
        if base and not order.cancelled_on:
            if dice.chance(16):
                _upsell(company, order, base)
            elif dice.chance(9):
                _downsell(company, order, base)
        carry_out(company, order)
        if order.cancelled_on or not order.term:
            return
        end = order.term[1]
        following = _renew(company, order, end) if dice.chance(74) else None
        _end(company, order, end, renewed=following is not None)
        order = following
