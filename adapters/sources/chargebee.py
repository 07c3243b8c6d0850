"""Chargebee: resources, bare or in `{"stream": ..., "data": {...}}`, and webhook events that carry them.

Roles. Chargebee bills (`/billing/chargebee/<instance>`: invoices, credit notes, applications), collects
(`/psp/chargebee/<instance>`: receipts, refunds, reversals) and quotes (`/cpq/chargebee/<instance>`). A firm
that also feeds the gateway behind Chargebee must take receipts from one of the two.

Identity. A resource is a current state; resource_version rises with every touch, also where nothing that a
milestone says has changed, so ids name facts (events.py) and it is no `sequence`.

Left aside: subscriptions (what is billed from now on, not what was ordered; their invoices carry their
key), orders (papers for the warehouse about an invoice, no sales order, and without one there is nothing
to fulfil), promotional credits (on the invoice they are a discount).

Belongs here: which resource goes where. Invoices and notes are in chargebee_documents.py, money and quotes
in chargebee_payments.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.sources import files
from adapters.sources.base import Milestone, Record, Translation, speaker
from adapters.sources.chargebee_documents import credit_note, invoice
from adapters.sources.chargebee_payments import quote, transaction
from adapters.sources.payload import Node, Unreadable, read_payload

_RESOURCES: Final[dict[str, Callable[[Node, str], tuple[Milestone, ...] | str]]] = {
    "invoice": invoice,
    "credit_note": credit_note,
    "transaction": transaction,
    "quote": quote,
}

#: Resources that carry no order-to-cash fact, by the reason.
_LEFT_ASIDE: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "addon",
            "attached_item",
            "card",
            "contact",
            "coupon",
            "coupon_code",
            "coupon_set",
            "customer",
            "differential_price",
            "item",
            "item_family",
            "item_price",
            "payment_source",
            "plan",
            "site_migration_detail",
            "virtual_bank_account",
        ),
        "master_data",
    ),
    **dict.fromkeys(("comment", "gift", "hosted_page"), "not_order_to_cash"),
    "order": "fulfilment_paper",
    "promotional_credit": "restates_invoice",
    "quote_line_group": "restates_quote",
    "subscription": "subscription_state",
    "unbilled_charge": "not_invoiced",
}


class Chargebee:
    """Chargebee (Product Catalog 2.0)."""

    name: Final = "chargebee"
    canonical: Final = False

    def records(self, path: Path) -> Iterator[Record]:
        """One record a line (.jsonl, .ndjson) or a JSON value (.json)."""
        return files.json_records(path)

    def translate(self, payload: bytes, instance: str) -> Translation:
        """What one resource or event means; see docs/sources.md for the mapping."""
        speaker("billing", self.name, instance)
        try:
            found = _record(read_payload(payload), instance)
        except Unreadable as unreadable:
            return Translation(refused=(unreadable.refusal,))
        return Translation(ignored=found) if isinstance(found, str) else Translation(found)


def _record(record: Node, instance: str) -> tuple[Milestone, ...] | str:
    if record.at("stream").given:
        return _resource(record.at("stream"), record.at("data"), instance)
    if record.at("object").value == "event":
        return _event(record, instance)
    return _resource(record.at("object"), record, instance)


def _event(event: Node, instance: str) -> tuple[Milestone, ...] | str:
    """An event carries the resources that it touched; they are read as if they had come alone."""
    found: list[Milestone] = []
    reasons: set[str] = set()
    for kind, resource in event.at("content").members():
        told = _resource(Node(kind, resource.pointer), resource, instance)
        if isinstance(told, str):
            reasons.add(told)
        else:
            found.extend(told)
    return tuple(found) or min(reasons, default="not_order_to_cash")


def _resource(kind_node: Node, resource: Node, instance: str) -> tuple[Milestone, ...] | str:
    kind = kind_node.text("the resource's kind")
    if kind in _LEFT_ASIDE:
        return _LEFT_ASIDE[kind]
    if kind == "event":
        return _event(resource, instance)
    if kind not in _RESOURCES:
        kind_node.refuse("object_unknown", "no mapping for this resource; extend chargebee.py")
    if not resource.given:
        resource.wrong("object_format", "the resource")
    return _RESOURCES[kind](resource, instance)
