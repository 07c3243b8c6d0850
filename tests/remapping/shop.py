"""A shop's till: its mapping in two versions, its records, and a ledger that has read them by the first.

The second version reads another due date, names the owner, leaves drafts aside, takes orders and payments
in, and refuses invoices that were suspended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adapters.sources import MappedSource
from adapters.sources.mapping import read_mapping

_HEAD = """\
mapping: shop
version: {version}
role: billing
reads: json
formats: {{amount: text, time: iso, day: iso}}
kind: type
"""

FIRST = (
    _HEAD.format(version=1)
    + """\
ignored: {not_invoiced: [order]}
objects:
  invoice:
    currency: currency
    milestones:
      - type: invoice.posted
        subject: [invoice, number]
        time: created_at
        effective_on: date
        dimensions: {customer: customer}
        data:
          invoice: number
          due_on: due
          lines: {each: items, sku: product, net: net}
"""
)

SECOND = (
    _HEAD.format(version=2)
    + """\
objects:
  invoice:
    currency: currency
    first:
      - {ignore: draft, when: {path: status, is: draft}}
      - {refuse: status_unknown, when: {path: status, is: suspended}, at: status, message: ask the shop}
    milestones:
      - type: invoice.posted
        subject: [invoice, number]
        time: created_at
        effective_on: date
        dimensions: {customer: customer, owner: rep}
        data:
          invoice: number
          due_on: {first: [pay_by, due]}
          lines: {each: items, sku: product, net: net}
  order:
    milestones:
      - {type: order.submitted, role: erp, subject: [order, number], time: created_at, data: {order: number}}
  payment:
    currency: currency
    milestones:
      - type: payment.received
        subject: [payment, number]
        time: created_at
        data: {payment: number, amount: amount}
"""
)


def source(text: str) -> MappedSource:
    """The mapping of a text."""
    return MappedSource(read_mapping(text.encode(), "shop.yaml").name, Path("shop.yaml"), text.encode())


def invoice(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "invoice", "number": f"I-{number}", "created_at": "2026-03-01T10:00:00Z",
        "date": "2026-03-01",
        "due": "2026-04-01", "currency": "EUR", "customer": "C-1",
        "items": [{"product": "SUB", "net": "100.00"}], **more,
    }  # fmt: skip


def order(number: int) -> dict[str, Any]:
    return {"type": "order", "number": f"O-{number}", "created_at": "2026-03-01T09:00:00Z"}


def payment(number: int) -> dict[str, Any]:
    return {
        "type": "payment", "number": f"P-{number}", "created_at": "2026-03-20T09:00:00Z", "currency": "EUR",
        "amount": "100.00",
    }  # fmt: skip


#: Position 1: another due date; 2: an owner; 3: the same; 4: a draft; 5: suspended. Then an order, which is
#: ignored, a payment and a refund, which the first version does not know: entries 1 and 2.
RECORDS = [
    invoice(1, pay_by="2026-04-15"),
    invoice(2, rep="kim"),
    invoice(3),
    invoice(4, status="draft"),
    invoice(5, status="suspended"),
    order(1),
    payment(1),
    {"type": "refund", "number": "R-1"},
]


def lines(records: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
