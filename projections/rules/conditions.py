"""What stands about a deal beside its balances: an order on its way, a hold, a promise, an end.

Belongs here: rules that post nothing and say what stands, and since when. Other code reads it as the reason
of a gap or as an exception. Does not belong here: transfers (the other rules), what an exception is worth.
"""

from __future__ import annotations

from typing import Final

from domain import milestones as m
from domain.instants import format_day
from domain.keys import joins
from domain.money import AmountRefused, parse_minor
from projections.book import DealBook
from projections.holdings import Invoice

_ENTITY_ROLES: Final = ("crm", "erp")


def noted(_deal: DealBook, _fact: m.Milestone) -> None:
    """Recorded and shown in the timeline; it posts nothing and nothing follows from it."""


def submitted(deal: DealBook, fact: m.OrderSubmitted) -> None:
    """The order is with the ERP, until it accepts or rejects it."""
    if deal.standing:
        deal.stand("order_rejected", fact.order)
    deal.stand("order_submitted", fact.order, detail="submitted")


def rejected(deal: DealBook, fact: m.OrderRejected) -> None:
    """The ERP took the order back, until it is submitted again or accepted."""
    reason = fact.reason or "other"
    deal.stand("order_submitted", fact.order)
    deal.stand("order_rejected", fact.order, detail=reason)
    if reason == "entity_mismatch":
        said = deal.entities
        deal.stand("ENTITY_MISMATCH", fact.order, detail=f"{said.get('crm', '?')}/{said.get('erp', '?')}")


def order_taken(deal: DealBook, number: str) -> None:
    """An order is accepted: nothing that kept it waiting stands any more."""
    for code in ("order_submitted", "order_rejected", "ENTITY_MISMATCH"):
        if (code, number, "") in deal.standing:
            deal.stand(code, number)


def held(deal: DealBook, fact: m.CreditHeld) -> None:
    """Credit is held on what the milestone speaks of: an order, or the customer."""
    deal.stand("credit_held", _spoken_of(fact), detail=fact.reason or "held")


def released(deal: DealBook, fact: m.CreditReleased) -> None:
    """The hold of the same object ends; where it has none, every hold of the deal does."""
    own = "credit_held", _spoken_of(fact), ""
    deal.cease("credit_held", own[1] if own in deal.standing else None)


def _spoken_of(fact: m.Milestone) -> str:
    return fact.subject.partition("/")[2]


def customer_rejected(deal: DealBook, fact: m.CustomerRejected) -> None:
    """The deal's customer is not taken on, until it is approved. Without a deal's key it is nobody's deal."""
    if any(map(joins, fact.keys)):
        deal.stand("customer_rejected", fact.customer, detail=fact.reason or "rejected")


def customer_approved(deal: DealBook, fact: m.CustomerApproved) -> None:
    """The customer is taken on."""
    deal.stand("customer_rejected", fact.customer)


def promised(deal: DealBook, fact: m.PromiseMade) -> None:
    """The payer says when an invoice will be paid, all of it where no amount is given; the last one holds."""
    on = format_day(deal.day if fact.on is None else fact.on)
    invoice = deal.invoices.get(fact.invoice)
    if invoice is None:
        deal.miss("invoice", fact.invoice)
    currency = fact.currency if invoice is None else invoice.currency
    if fact.amount is not None and currency is None:
        deal.promises[fact.invoice] = deal.fact, deal.day, on, fact.amount
        return
    deal.promises.pop(fact.invoice, None)
    _promise(deal, fact.invoice, currency or "", fact.amount, on, deal.fact, deal.day)


def _promise(
    deal: DealBook, number: str, currency: str, text: str | None, on: str, fact: int, day: int
) -> None:
    amount = 0
    if text is not None:
        try:
            amount = parse_minor(text, currency)
        except AmountRefused:
            deal.find("AMOUNT_PRECISION", number)
            return
    if ("promise", number, currency) not in deal.standing:
        deal.cease("promise", number)  # said in another currency, or before that was known
    deal.stand("promise", number, currency, amount, on, fact=fact, day=day)


def invoice_came(deal: DealBook, invoice: Invoice) -> None:
    """What was promised of an invoice before it was known is in its currency."""
    deal.came("invoice", invoice.number)
    waiting = deal.promises.pop(invoice.number, None)
    if waiting is not None:
        fact, day, on, text = waiting
        _promise(deal, invoice.number, invoice.currency, text, on, fact, day)


def not_renewing(deal: DealBook, fact: m.NonRenewalNotified) -> None:
    """The customer has said that the order will not be renewed, until it is."""
    if fact.order not in deal.orders:
        deal.miss("order", fact.order)
    on = deal.day if fact.on is None else fact.on
    deal.stand("non_renewal", fact.order, detail=format_day(on))


def order_ended(deal: DealBook, number: str, how: str, on: int) -> None:
    """An order ends on a day. An end that has come already holds; one announced for later gives way."""
    before = deal.ends.get(number)
    if before is not None and before <= deal.day:
        return
    deal.ends[number] = on
    deal.stand("ended", number, detail=how, day=on)
    for invoice in deal.invoices.values():
        if invoice.posted and not invoice.voided and invoice.day > on:
            bills_ended(deal, invoice)


def order_runs(deal: DealBook, number: str) -> None:
    """An order that had ended, or was to end, goes on."""
    if deal.ends.pop(number, None) is not None:
        deal.stand("ended", number)


def replaced(deal: DealBook, number: str) -> None:
    """An order is renewed: it is not going to end without one, and an end announced for later is off."""
    deal.stand("non_renewal", number)
    if deal.ends.get(number, deal.day) > deal.day:
        order_runs(deal, number)


def bills_ended(deal: DealBook, invoice: Invoice) -> None:
    """Find an invoice that bills recurring lines of an order after its end, with what it bills of them (net).

    A line that states a service period up to the order's end is billed in arrears, and right.
    """
    order, amount = "", 0
    for billed, net, _, _, _, to in invoice.lines:
        line = billed.became or billed
        if not line.known or line.kind != "recurring":
            continue
        number = line.label.rpartition("/")[0]
        on = deal.ends.get(number)
        if on is not None and invoice.day > on and (to is None or to > on):
            order, amount = order or number, amount + net
    if order:
        deal.stand(
            "EXPIRED_STILL_BILLING", invoice.number, invoice.currency, amount, order,
            fact=invoice.fact, day=max(deal.day, invoice.day),
        )  # fmt: skip


def entity_said(deal: DealBook, source: str, entity: str) -> None:
    """CRM and ERP name the selling entity; they differ until one of them says what the other does."""
    role = source[1:].partition("/")[0]
    said = deal.entities
    if role not in _ENTITY_ROLES or said.get(role) == entity:
        return
    said[role] = entity
    crm, erp = said.get("crm"), said.get("erp")
    if crm is not None and erp is not None:
        deal.stand("ENTITY_MISMATCH", detail="" if crm == erp else f"{crm}/{erp}")


def reopened_after_order(deal: DealBook, number: str, currency: str, amount: int, how: str) -> None:
    """An opportunity was won, and is not any more, while an order of the deal stands."""
    if not _is_over(deal):
        deal.cease("WON_REOPENED_AFTER_ORDER", number)
        deal.stand("WON_REOPENED_AFTER_ORDER", number, currency, amount, how)


def cancelled_after_reopening(deal: DealBook) -> None:
    """With the last order cancelled in full, an opportunity that was reopened waits for nothing."""
    if deal.standing and _is_over(deal):
        deal.cease("WON_REOPENED_AFTER_ORDER")


def _is_over(deal: DealBook) -> bool:
    """Whether all orders of the deal are cancelled in full."""
    return all(line.stopped for order in deal.orders.values() for line in order.lines.values())
