"""How an invoice is paid, or not: one fate for each, drawn from a table.

Receipts come from the ERP, a PSP or a bank. The ERP gives each receipt a number of its own, under which it
applies it; a receipt from elsewhere carries that number among its keys, beside the foreign one. Some
receipts name no invoice, and some pay invoices of several deals at once. Does not belong here: what an
invoice bills.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from scripts.sampling.company import BANK, ERP, PSP, Company, Customer, key
from scripts.sampling.draw import later, share
from scripts.sampling.invoicing import Invoice, Parts, part_fields, post_invoice, post_memo, void


@dataclass(frozen=True, slots=True)
class Receipt:
    """Cash received: the ERP's `number`, and the `native` one of the source that reported it."""

    number: str
    source: str
    native: str
    customer: Customer
    day: date


def receive(
    company: Company,
    customer: Customer,
    day: date,
    amount: int,
    invoice: Invoice | None = None,
    *,
    source: str = "",
) -> Receipt:
    """Cash comes in; `invoice` is what the payer names, if anything. `amount` is in minor units."""
    source, number = source or customer.pays_through, company.number("P-")
    native = {PSP: "ch_3F", BANK: "CAMT-"}.get(source, "")
    native = company.number(native) if native else number
    keys: tuple[str, ...] = () if source == ERP else (key(ERP, "payment", number),)
    keys += (invoice.key,) if invoice else ()
    fields = {
        "payment": native,
        "customer": customer.code,
        "currency": customer.currency.code,
        "amount": customer.currency.text(amount),
    }
    company.emit(source, "payment.received", f"payment/{native}", day, fields, keys=keys)
    return Receipt(number, source, native, customer, day)


def apply(
    company: Company,
    receipt: Receipt,
    invoice: Invoice,
    day: date,
    amount: int,
    *,
    verb: str = "applied",
    more: dict[str, int] | None = None,
) -> None:
    """Apply (or unapply) cash to an invoice; `more` holds `discount` or `withheld`, on top of `amount`."""
    currency = receipt.customer.currency
    fields: dict[str, Any] = {"payment": receipt.number, "invoice": invoice.number, "currency": currency.code}
    fields["amount"] = currency.text(amount)
    fields |= {name: currency.text(extra) for name, extra in (more or {}).items()}
    subject = f"application/{company.number('AP-')}"
    company.emit(ERP, f"payment.{verb}", subject, day, fields, keys=(invoice.key,))


def refund(company: Company, receipt: Receipt, day: date, amount: int | None, verb: str = "refunded") -> None:
    """Give cash back, or lose it (`reversed`); without an amount, all of it. A bank leaves it to the ERP."""
    source, number = (ERP, receipt.number) if receipt.source == BANK else (receipt.source, receipt.native)
    fields = {"payment": number, "currency": receipt.customer.currency.code}
    if amount is not None:
        fields["amount"] = receipt.customer.currency.text(amount)
    keys = () if source == ERP else (key(ERP, "payment", receipt.number),)
    company.emit(source, f"payment.{verb}", f"payment/{number}", day, fields, keys=keys)


def pay(company: Company, invoice: Invoice, day: date, amount: int, *, source: str = "") -> Receipt:
    """Receive an amount that names its invoice, and apply it within days."""
    day = max(day, invoice.day)
    receipt = receive(company, invoice.order.customer, day, amount, invoice, source=source)
    apply(company, receipt, invoice, later(day, company.dice.between(0, 3)), amount)
    return receipt


def paid(company: Company, invoice: Invoice) -> None:
    pay(company, invoice, later(invoice.due, company.dice.between(-12, 3)), invoice.gross)


def _late(company: Company, invoice: Invoice) -> None:
    if company.dice.chance(30):
        when = later(invoice.due, company.dice.between(15, 40))
        fields = {"invoice": invoice.number, "on": when.isoformat()}
        subject = f"promise/{company.number('PR-')}"
        company.emit(ERP, "promise.made", subject, later(invoice.due, 5), fields, keys=(invoice.key,))
    pay(company, invoice, later(invoice.due, company.dice.between(6, 85)), invoice.gross)


def _in_two(company: Company, invoice: Invoice) -> None:
    first = share(invoice.gross, company.dice.between(40, 70), 100)
    pay(company, invoice, later(invoice.due, company.dice.between(-5, 5)), first)
    if company.dice.chance(75):
        rest = invoice.gross - first
        pay(company, invoice, later(invoice.due, company.dice.between(20, 70)), rest)


def _discounted(company: Company, invoice: Invoice) -> None:
    name, per_cent = company.dice.pick((("discount", 2), ("discount", 3), ("withheld", 5)))
    kept = share(invoice.gross, per_cent, 100)
    day = later(invoice.day, company.dice.between(5, 10))
    receipt = receive(company, invoice.order.customer, day, invoice.gross - kept, invoice)
    apply(company, receipt, invoice, later(day, 1), invoice.gross - kept, more={name: kept})


def _found_later(company: Company, invoice: Invoice) -> None:
    day = later(invoice.due, company.dice.between(-5, 10))
    receipt = receive(company, invoice.order.customer, day, invoice.gross)
    if company.dice.chance(80):
        apply(company, receipt, invoice, later(day, company.dice.between(8, 55)), invoice.gross)


def _applied_twice(company: Company, invoice: Invoice) -> None:
    day = later(invoice.due, company.dice.between(-5, 5))
    receipt = receive(company, invoice.order.customer, day, invoice.gross, invoice)
    apply(company, receipt, invoice, day, invoice.gross)
    apply(company, receipt, invoice, later(day, 4), invoice.gross, verb="unapplied")
    apply(company, receipt, invoice, later(day, 9), invoice.gross)


def _bounced(company: Company, invoice: Invoice) -> None:
    receipt = pay(company, invoice, invoice.due, invoice.gross, source=ERP)
    refund(company, receipt, later(receipt.day, company.dice.between(5, 9)), None, "reversed")
    pay(company, invoice, later(receipt.day, company.dice.between(15, 40)), invoice.gross)


def _overpaid(company: Company, invoice: Invoice) -> None:
    extra = share(invoice.gross, company.dice.pick((1, 5, 10)), 100)
    receipt = receive(company, invoice.order.customer, invoice.due, invoice.gross + extra, invoice)
    apply(company, receipt, invoice, later(invoice.due, 1), invoice.gross)
    if extra:
        refund(company, receipt, later(invoice.due, company.dice.between(8, 25)), extra)


def _prepaid(company: Company, invoice: Invoice) -> None:
    early = later(invoice.day, -company.dice.between(1, 12))
    receipt = receive(company, invoice.order.customer, early, invoice.gross)
    apply(company, receipt, invoice, later(invoice.day, 1), invoice.gross)


def _disputed(company: Company, invoice: Invoice) -> None:
    day, subject = later(invoice.due, company.dice.between(1, 10)), f"dispute/{company.number('DP-')}"
    amount = invoice.order.customer.currency.text(share(invoice.gross, company.dice.pick((25, 50, 100)), 100))
    fields = {"invoice": invoice.number, "amount": amount}
    company.emit(ERP, "dispute.opened", subject, day, fields, keys=(invoice.key,))
    if company.dice.chance(80):
        solved = later(day, company.dice.between(10, 50))
        company.emit(ERP, "dispute.resolved", subject, solved, fields, keys=(invoice.key,))
        pay(company, invoice, later(solved, 6), invoice.gross)


def _concession(company: Company, invoice: Invoice) -> None:
    line, net = invoice.parts[0]
    part = share(net, company.dice.between(3, 12), 100)
    day, applied = later(invoice.day, company.dice.between(5, 40)), company.dice.chance(70)
    gross = post_memo(company, invoice, day, "concession", [(line, part)], applied=applied)
    pay(company, invoice, later(max(invoice.due, day), company.dice.between(1, 20)), invoice.gross - gross)


def _rebilled(company: Company, invoice: Invoice) -> None:
    day = later(invoice.day, company.dice.between(3, 15))
    post_memo(company, invoice, day, "rebill", invoice.parts)
    paid(company, post_invoice(company, invoice.order, later(day, 1), invoice.parts))


def _voided(company: Company, invoice: Invoice) -> None:
    day = later(invoice.day, company.dice.between(1, 4))
    void(company, invoice, day)
    paid(company, post_invoice(company, invoice.order, day, invoice.parts))


def _written_off(company: Company, invoice: Invoice) -> None:
    day, currency = later(invoice.due, company.dice.between(120, 200)), invoice.order.customer.currency
    fields = {"invoice": invoice.number, "currency": currency.code, "amount": currency.text(invoice.gross)}
    subject = f"write_off/{company.number('WO-')}"
    company.emit(ERP, "receivable.written_off", subject, day, fields, keys=(invoice.key,))
    if company.dice.chance(30):
        again = later(day, company.dice.between(30, 90))
        company.emit(ERP, "receivable.recovered", subject, again, fields, keys=(invoice.key,))
        pay(company, invoice, later(again, 1), invoice.gross)


def _due_moved(company: Company, invoice: Invoice) -> None:
    moved = later(invoice.due, 30)
    fields = {"invoice": invoice.number, "due_on": moved.isoformat()}
    subject = f"invoice/{invoice.number}"
    company.emit(
        ERP, "invoice.due_date_changed", subject, later(invoice.day, 6), fields, keys=(invoice.order.key,)
    )
    pay(company, invoice, later(moved, company.dice.between(-4, 4)), invoice.gross)


def _posted_twice(company: Company, invoice: Invoice) -> None:
    """The same number once more under another message id; mostly voided as a milestone when it is noticed."""
    first, subject = invoice.message, f"invoice/{invoice.number}"
    fields = {name: value for name, value in first.data.items() if name not in {"keys", "effective_on"}}
    again = company.emit(
        ERP, "invoice.posted", subject, invoice.day, fields,
        keys=(invoice.order.key,), keyed_after=(first.at.date() - invoice.day).days + 1,
    )  # fmt: skip
    if company.dice.chance(70):
        noticed = later(again.at.date(), company.dice.between(3, 30))
        number = f"correction/{company.number('X-')}"
        taken = company.emit(ERP, "milestone.voided", number, noticed, {"reason": "posted twice"})
        taken.about = again
    paid(company, invoice)


def _corrected(company: Company, invoice: Invoice) -> None:
    """The invoice first bills too much on its first line; a correction says what it should have been."""
    right, order = dict(invoice.message.data), invoice.order
    line, net = invoice.parts[0]
    wrong: Parts = [(line, net + share(net, 10, 100)), *invoice.parts[1:]]
    invoice.message.data["lines"] = part_fields(order, wrong)
    day = later(invoice.message.at.date(), company.dice.between(1, 12))
    number = f"correction/{company.number('X-')}"
    mended = company.emit(ERP, "milestone.corrected", number, day, {"reason": "price keyed wrong"})
    mended.about, mended.replacement = invoice.message, right
    pay(company, invoice, later(max(invoice.due, day), 2), invoice.gross)


def _lumped(company: Company, invoice: Invoice) -> None:
    company.lumps.append(invoice)


def _unpaid(company: Company, invoice: Invoice) -> None:
    """Nothing comes."""


Fate = Callable[[Company, Invoice], None]
FATES: Final[tuple[tuple[Fate, int], ...]] = (
    (paid, 560), (_late, 160), (_in_two, 40), (_discounted, 25), (_found_later, 25), (_applied_twice, 8),
    (_bounced, 15), (_overpaid, 12), (_prepaid, 25), (_disputed, 18), (_concession, 18), (_rebilled, 12),
    (_voided, 12), (_written_off, 15), (_due_moved, 8), (_posted_twice, 8), (_corrected, 6), (_lumped, 95),
    (_unpaid, 8),
)  # fmt: skip


def collect(company: Company, invoice: Invoice) -> None:
    """Let an invoice meet its fate."""
    if invoice.gross > 0:
        company.dice.weighted(FATES)(company, invoice)


def settle_credited(company: Company, invoice: Invoice, memo_on: date, gross: int) -> None:
    """Pay an invoice of which `gross` is credited on `memo_on`: the rest, or all of it and some back."""
    day = later(invoice.due, company.dice.between(-15, 3))
    if day >= memo_on:
        if invoice.gross > gross:
            pay(company, invoice, day, invoice.gross - gross)
        return
    receipt = pay(company, invoice, day, invoice.gross, source=ERP)
    back = later(max(memo_on, later(receipt.day, 4)), 2)
    apply(company, receipt, invoice, back, gross, verb="unapplied")
    refund(company, receipt, later(back, 3), gross)


def settle_lumps(company: Company) -> None:
    """Pay invoices that wait for a lump sum: up to three of one customer at once, other deals' first."""
    waiting: dict[str, list[Invoice]] = {}
    for invoice in sorted(company.lumps, key=lambda one: (one.due, one.number)):
        waiting.setdefault(invoice.order.customer.code, []).append(invoice)
    for invoices in waiting.values():
        while invoices:
            first = invoices.pop(0)
            near = [one for one in invoices if (one.due - first.due).days <= 120]
            near.sort(key=lambda one: one.order is first.order)
            group = [first, *near[:2]]
            invoices[:] = [one for one in invoices if one not in group]
            day = later(max(one.due for one in group), company.dice.between(-5, 20))
            total = sum(invoice.gross for invoice in group)
            receipt = receive(company, first.order.customer, day, total)
            for invoice in group:
                apply(company, receipt, invoice, later(day, 1), invoice.gross)
