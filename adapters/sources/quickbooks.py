"""QuickBooks Online: records of its entities, `{"stream": ..., "data": {...}, "emitted_at": ...}`.

Roles. QuickBooks is the ERP (`/erp/quickbooks/<instance>`) for invoices, credit memos and payments. Its
estimates exist nowhere else, so for them it speaks as the quoting tool (`/cpq/quickbooks/<instance>`).

Identity. A record is the current state of an entity; SyncToken counts its edits, and rises on an invoice
that was merely paid. So ids name facts (events.py) and SyncToken is no `sequence`: reading the same state
again, or a later one that says the same, is a duplicate; an edited document is a conflict. Ids are unique
per entity only, DocNumbers repeat and payments have none: numbers in milestones are native Ids.

Belongs here: which entity goes where, and what is left aside. Sales documents are in
quickbooks_documents.py, money in quickbooks_payments.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.sources import files
from adapters.sources.base import Milestone, Record, Translation, speaker
from adapters.sources.payload import Node, Unreadable, read_payload
from adapters.sources.quickbooks_documents import credit_memo, estimate, invoice
from adapters.sources.quickbooks_payments import (
    deposit,
    journal_entry,
    payment,
    refund_receipt,
    sales_receipt,
)

_DOCUMENTS: Final[dict[str, Callable[[Node, str], tuple[Milestone, ...] | str]]] = {
    "estimates": estimate,
    "invoices": invoice,
    "credit_memos": credit_memo,
    "payments": payment,
    "sales_receipts": sales_receipt,
    "refund_receipts": refund_receipt,
    "deposits": deposit,
    "journal_entries": journal_entry,
}

#: Entities that carry no order-to-cash fact, by the reason.
_LEFT_ASIDE: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "accounts",
            "budgets",
            "classes",
            "customers",
            "departments",
            "employees",
            "items",
            "payment_methods",
            "tax_agencies",
            "tax_codes",
            "tax_rates",
            "terms",
            "vendors",
        ),
        "master_data",
    ),
    **dict.fromkeys(
        ("bills", "bill_payments", "purchases", "purchase_orders", "vendor_credits"), "purchasing"
    ),
    "transfers": "general_ledger",
    "time_activities": "not_order_to_cash",
}


class QuickBooks:
    """QuickBooks Online."""

    name: Final = "quickbooks"
    canonical: Final = False

    def records(self, path: Path) -> Iterator[Record]:
        """One record a line (.jsonl, .ndjson) or a JSON value (.json)."""
        return files.json_records(path)

    def translate(self, payload: bytes, instance: str) -> Translation:
        """What one entity means; see docs/sources.md for the mapping."""
        speaker("erp", self.name, instance)
        try:
            record = read_payload(payload)
            stream = record.at("stream").text("the entity's stream")
            if stream in _LEFT_ASIDE:
                return Translation(ignored=_LEFT_ASIDE[stream])
            if stream not in _DOCUMENTS:
                record.at("stream").refuse(
                    "object_unknown", "no mapping for this entity; extend quickbooks.py"
                )
            entity = record.at("data")
            if not entity.given:
                entity.wrong("object_format", "the entity")
            found = _DOCUMENTS[stream](entity, instance)
        except Unreadable as unreadable:
            return Translation(refused=(unreadable.refusal,))
        return Translation(ignored=found) if isinstance(found, str) else Translation(found)
