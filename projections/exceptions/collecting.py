"""From invoice to cash: past due, promised and not paid, received and not placed.

Belongs here: exceptions read from receivables and cash. Does not belong here: how payments are applied
(projections/rules/payments).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from domain.instants import parse_day, to_date
from projections import accounts as a
from projections import open_items
from projections.exceptions.asking import Asking, Balance, Found, midnight
from projections.open_items import OpenCash, OpenInvoice

_RECEIVABLE: Final = (a.RECEIVABLE, a.RECEIVABLE)
_UNAPPLIED: Final = (a.UNAPPLIED, a.UNAPPLIED)


def past_due(asking: Asking) -> Iterator[Found]:
    """Invoices that are open after their due date, from the day after it."""
    late = [
        invoice
        for invoice in asking.invoices
        if invoice.open > 0 and invoice.fact and invoice.due is not None and invoice.due < asking.at
    ]
    asking.heads(invoice.fact for invoice in late if invoice.fact)
    for invoice in late:
        assert invoice.due is not None, "chosen so above"
        assert invoice.fact is not None, "chosen so above"
        yield Found(
            "PAST_DUE",
            invoice.deal,
            (invoice.fact,),
            midnight(invoice.due + timedelta(days=1)),
            invoice.number,
            invoice.currency,
            invoice.open,
            f"due on {invoice.due.isoformat()}" + (", disputed" if invoice.disputed else ""),
        )


def promise_broken(asking: Asking) -> Iterator[Found]:
    """What was promised by a day that is over, and was not paid since the promise."""
    open_ = {(invoice.deal, invoice.number): invoice for invoice in asking.invoices if invoice.open > 0}
    broken = []
    for promise in asking.signals.get(open_items.PROMISE, ()):
        number = parse_day(promise.detail)
        invoice = open_.get((promise.deal, promise.object))
        if number is not None and invoice is not None and to_date(number) < asking.at:
            broken.append((promise, invoice, to_date(number)))
    if not broken:
        return
    rows = asking.rows(
        "exceptions_paid",
        deal=[promise.deal for promise, *_ in broken],
        object=[promise.object for promise, *_ in broken],
        since=[promise.since for promise, *_ in broken],
    )
    paid = {(deal, number): int(amount) for deal, number, amount in rows}
    for promise, invoice, day in broken:
        left = invoice.open
        if promise.amount:
            left = min(left, promise.amount - paid.get((promise.deal, promise.object), 0))
        if left > 0:
            yield Found(
                "PROMISE_BROKEN",
                promise.deal,
                (promise.fact,),
                midnight(day + timedelta(days=1)),
                promise.object,
                invoice.currency,
                left,
                f"promised by {day.isoformat()}",
            )


def unapplied_aged(asking: Asking) -> Iterator[Found]:
    """Cash that has not been applied within the SLA."""
    held = {_of_payment(payment): payment for payment in asking.cash if payment.unapplied > 0}
    hours = asking.settings.hours("UNAPPLIED_AGED")
    for balance, start in asking.begun(_UNAPPLIED, list(held)).items():
        since = asking.began(start.facts)
        if asking.is_late(since, hours):
            yield _cash("UNAPPLIED_AGED", asking.first_of(start.facts), since, held[balance])


def _of_payment(payment: OpenCash) -> Balance:
    return Balance(payment.deal, payment.currency, object=payment.number)


def _cash(code: str, fact: int, since: int, payment: OpenCash, detail: str = "") -> Found:
    return Found(
        code,
        payment.deal,
        (fact,),
        since,
        payment.number,
        payment.currency,
        abs(payment.unapplied),
        detail,
    )


def orphan_payment(asking: Asking) -> Iterator[Found]:
    """Cash that nobody can place within the SLA."""
    hours = asking.settings.hours("ORPHAN_PAYMENT")
    yield from _unposted(asking, hours)
    yield from _unknown(asking, hours)


def _unposted(asking: Asking, hours: int) -> Iterator[Found]:
    """Applied to an invoice that nobody posted, or whose posting was taken back."""
    held = {
        Balance(invoice.deal, invoice.currency, object=invoice.number): invoice
        for invoice in asking.invoices
        if invoice.open < 0 and not invoice.invoiced
    }
    for balance, start in asking.begun(_RECEIVABLE, list(held)).items():
        since = asking.began(start.facts)
        if asking.is_late(since, hours):
            invoice: OpenInvoice = held[balance]
            yield Found(
                "ORPHAN_PAYMENT",
                invoice.deal,
                (asking.first_of(start.facts),),
                since,
                invoice.number,
                invoice.currency,
                -invoice.open,
                "applied to an invoice that nobody posted",
            )


def _unknown(asking: Asking, hours: int) -> Iterator[Found]:
    """Received with neither deal nor customer, or applied and never received."""
    own = {payment.deal for payment in asking.cash if payment.deal < 0 and payment.unapplied > 0}
    payers = {deal for deal, _ in asking.rows("exceptions_payers", own=sorted(own))} if own else set()
    held = {
        _of_payment(payment): payment
        for payment in asking.cash
        if payment.unapplied < 0 or (payment.deal < 0 and payment.deal not in payers)
    }
    for balance, start in asking.begun(_UNAPPLIED, list(held)).items():
        since, payment = asking.began(start.facts), held[balance]
        if asking.is_late(since, hours):
            detail = (
                "applied and never received"
                if payment.unapplied < 0
                else "received with neither deal nor customer"
            )
            yield _cash("ORPHAN_PAYMENT", asking.first_of(start.facts), since, payment, detail)
