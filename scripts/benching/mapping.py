"""Import of records of a source system through its mapping, by the command that a person would use.

Method: records of Chargebee's shape. Of five, three are invoices of three lines, one is a payment with its
application, one a customer, which is ignored. The file is made first; then `cairn ingest` runs as a process
of its own, from its start to its end, durable commits included, into an empty ledger. Beside it what one core
translates of the same records, without a ledger.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from adapters.postgres.migrate import migrate
from adapters.sources import SOURCES
from scripts.benching.memory import Peak

_FIRST: Final = 1_767_225_600  # 2026-01-01
_DAY: Final = 86_400
#: Records that are translated alone.
_ALONE: Final = 20_000


def records(count: int) -> Iterator[bytes]:
    """Lines of JSON: the same for the same count."""
    for number in range(count):
        deal, part = divmod(number, 5)
        told = _customer(deal) if part == 4 else _payment(deal) if part == 3 else _invoice(deal, part)
        yield json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _invoice(deal: int, month: int) -> dict[str, Any]:
    at = _FIRST + (deal % 300 + 30 * month) * _DAY
    lines = [_line(deal, month, part, at) for part in range(3)]
    gross = sum(line["amount"] + line["tax_amount"] for line in lines)
    return {
        "stream": "invoice",
        "data": {
            "id": f"{deal}-{month}", "customer_id": f"c-{deal}", "subscription_id": f"s-{deal}",
            "recurring": True,
            "status": "paid", "price_type": "tax_exclusive", "date": at, "due_date": at + 30 * _DAY,
            "net_term_days": 30, "exchange_rate": 1.0, "total": gross, "amount_paid": gross,
            "amount_adjusted": 0,
            "write_off_amount": 0, "credits_applied": 0, "amount_due": 0, "paid_at": at + 9 * _DAY,
            "updated_at": at + 9 * _DAY, "resource_version": 1_767_225_600_000 + deal, "deleted": False,
            "object": "invoice", "first_invoice": month == 0, "amount_to_collect": 0, "round_off_amount": 0,
            "has_advance_charges": False, "currency_code": "EUR", "base_currency_code": "EUR",
            "generated_at": at + 60, "is_gifted": False, "term_finalized": True, "channel": "web",
            "tax": gross // 6,
            "line_items": lines, "sub_total": gross - gross // 6, "linked_payments": [],
            "adjustment_credit_notes": [],
            "issued_credit_notes": [], "linked_orders": [], "dunning_attempts": [],
            "billing_address": {"first_name": "A", "last_name": "B", "city": "Berlin", "country": "DE",
            "zip": "10115",
                                "validation_status": "not_validated", "object": "billing_address"},
        },
    }  # fmt: skip


def _line(deal: int, month: int, part: int, at: int) -> dict[str, Any]:
    return {
        "id": f"li-{deal}-{month}-{part}", "date_from": at, "date_to": at + 30 * _DAY,
        "unit_amount": 10_000 * (part + 1),
        "quantity": 1, "amount": 10_000 * (part + 1), "pricing_model": "per_unit", "is_taxed": True,
        "tax_amount": 2_000 * (part + 1), "tax_rate": 20.0, "object": "line_item",
        "subscription_id": f"s-{deal}",
        "customer_id": f"c-{deal}", "description": "Platform",
        "entity_type": "plan_item_price" if part == 0 else "addon_item_price",
        "entity_id": f"platform-{part}-EUR-Monthly", "tax_exempt_reason": "tax_not_configured",
        "discount_amount": 0,
        "item_level_discount_amount": 0, "metered": False, "is_percentage_pricing": False,
    }  # fmt: skip


def _payment(deal: int) -> dict[str, Any]:
    at = _FIRST + (deal % 300 + 9) * _DAY
    return {
        "stream": "transaction",
        "data": {
            "id": f"txn-{deal}", "customer_id": f"c-{deal}", "subscription_id": f"s-{deal}",
            "payment_method": "card",
            "gateway": "chargebee", "type": "payment", "date": at, "exchange_rate": 1.0, "amount": 72_000,
            "id_at_gateway": f"gw-{deal}", "status": "success", "updated_at": at,
            "resource_version": at * 1_000,
            "deleted": False, "object": "transaction", "currency_code": "EUR", "base_currency_code": "EUR",
            "amount_unused": 0, "linked_payments": [],
            "linked_invoices": [{"invoice_id": f"{deal}-0", "applied_amount": 72_000, "applied_at": at,
                                 "invoice_date": at, "invoice_total": 72_000, "invoice_status": "paid"}],
        },
    }  # fmt: skip


def _customer(deal: int) -> dict[str, Any]:
    data = {"id": f"c-{deal}", "object": "customer", "first_name": "A", "company": "B", "created_at": _FIRST}
    return {"stream": "customer", "data": data}


def measure(url: str, schema: str, count: int, path: Path) -> tuple[dict[str, float], float]:
    """{"rate", "alone"} in records a second, and the peak memory of the command in MiB."""
    with path.open("wb") as out:
        out.writelines(records(count))
    alone = _alone(path)
    migrate(url, schema)
    begun = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "ingest", str(path), "--source", "chargebee", "--instance", "bench",
         "--database-url", url],
        env={**os.environ, "CAIRN_SCHEMA": schema},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with Peak(command.pid) as peak:
        code = command.wait()
    seconds = time.perf_counter() - begun
    if code:
        raise SystemExit(f"cairn ingest ended with {code}")
    return {"rate": count / seconds, "alone": alone}, peak.mib


def _alone(path: Path) -> float:
    """Records a second that one core translates."""
    source = SOURCES["chargebee"]
    payloads = [record.payload for record in islice(source.records(path), _ALONE)]
    source.translate(payloads[0], "bench")
    begun = time.perf_counter()
    for payload in payloads:
        assert not source.translate(payload, "bench").refused, "the bench's records are whole"
    return len(payloads) / (time.perf_counter() - begun)
