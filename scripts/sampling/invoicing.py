"""Invoices, and the credit memos that take parts of them back.

An `Invoice` keeps what collecting it needs: its gross, its due date, what was paid and credited. Does not
belong here: when an order is billed (`performing`), and how an invoice is paid (`collecting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from scripts.sampling.company import ERP, Company, Message, key
from scripts.sampling.draw import later
from scripts.sampling.orders import Line, Order

Parts = list[tuple[Line, int]]


@dataclass(slots=True, eq=False)
class Invoice:
    """A posted invoice; `parts` are (line, net) in minor units."""

    number: str
    order: Order
    day: date
    due: date
    parts: Parts
    message: Message

    @property
    def key(self) -> str:
        return key(ERP, "invoice", self.number)

    @property
    def gross(self) -> int:
        return gross_of(self.order, self.parts)


def gross_of(order: Order, parts: Parts) -> int:
    return sum(net + order.customer.tax(net) for _, net in parts)


def part_fields(order: Order, parts: Parts) -> list[dict[str, Any]]:
    """Lines of an invoice or a credit memo, which name the order lines that they bill."""
    currency = order.customer.currency
    return [
        {
            "line": str(at),
            "sku": line.product.sku,
            "net": currency.text(net),
            "tax": currency.text(order.customer.tax(net)),
            "kind": line.product.kind,
            "order_line": f"{order.number}/{line.number}",
        }
        for at, (line, net) in enumerate(parts, 1)
    ]


def post_invoice(company: Company, order: Order, day: date, parts: Parts) -> Invoice:
    """Post an invoice; one in thirty is keyed days after the date that it bears."""
    number, customer = company.number("INV-"), order.customer
    due = later(day, customer.terms)
    fields = {
        "invoice": number,
        "currency": customer.currency.code,
        "due_on": due.isoformat(),
        "lines": part_fields(order, parts),
        "dimensions": customer.dimensions(),
    }
    keyed = company.dice.between(2, 9) if company.dice.chance(3) else 0
    subject = f"invoice/{number}"
    message = company.emit(ERP, "invoice.posted", subject, day, fields, keys=(order.key,), keyed_after=keyed)
    return Invoice(number, order, day, due, parts, message)


def void(company: Company, invoice: Invoice, day: date) -> None:
    fields = {"invoice": invoice.number}
    company.emit(ERP, "invoice.voided", f"invoice/{invoice.number}", day, fields, keys=(invoice.order.key,))


def post_memo(
    company: Company, invoice: Invoice, day: date, reason: str, parts: Parts, *, applied: bool = True
) -> int:
    """Credit parts of an invoice; returns the gross. Unless `applied`, a message of its own applies it."""
    order = invoice.order
    number, currency = company.number("CM-"), order.customer.currency
    gross = gross_of(order, parts)
    against = {"invoice": invoice.number, "amount": currency.text(gross)}
    fields: dict[str, Any] = {"credit_memo": number, "currency": currency.code, "reason": reason}
    fields |= {"lines": part_fields(order, parts), "dimensions": order.customer.dimensions()}
    if applied:
        fields["applied_to"] = [against]
    keys = (invoice.key, order.key)
    company.emit(ERP, "credit_memo.posted", f"credit_memo/{number}", day, fields, keys=keys)
    if not applied:
        use = {"credit_memo": number} | against
        on = later(day, company.dice.between(3, 20))
        subject = f"application/{number}-{invoice.number}"
        company.emit(ERP, "credit_memo.applied", subject, on, use, keys=(invoice.key,))
    return gross
