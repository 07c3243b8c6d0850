"""The real files of ../shared/data: how many records of each kind become what, counted exactly.

`what` is the types of the milestones joined by `+` (repeats as `*n`), `-reason` of a record that is ignored,
`!code pointer` of one that is refused. The reasons are argued in docs/sources.md.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.contract import parse_event

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")

Counts = dict[str, dict[str, int]]

QUICKBOOKS: Counts = {
    "accounts": {"-master_data": 5},
    "bill_payments": {"-purchasing": 5},
    "bills": {"-purchasing": 5},
    "credit_memos": {"credit_memo.posted": 1},
    "customers": {"-master_data": 5},
    "deposits": {"-not_order_to_cash": 2, "-restates_payment": 3},
    "employees": {"-master_data": 2},
    "estimates": {"quote.accepted": 4},
    "invoices": {"invoice.posted": 5},
    "items": {"-master_data": 5},
    "journal_entries": {"-general_ledger": 3},
    "payment_methods": {"-master_data": 5},
    "payments": {"payment.received+payment.applied": 5},
    "purchase_orders": {"-purchasing": 3},
    "purchases": {"-purchasing": 5},
    "refund_receipts": {"credit_memo.posted+payment.refunded": 1},
    "sales_receipts": {"invoice.posted+payment.received+payment.applied": 4},
    "tax_agencies": {"-master_data": 2},
    "tax_codes": {"-master_data": 2},
    "tax_rates": {"-master_data": 3},
    "terms": {"-master_data": 5},
    "time_activities": {"-not_order_to_cash": 5},
}
CHARGEBEE: Counts = {
    "attached_item": {"-master_data": 3},
    "comment": {"-not_order_to_cash": 3},
    "contact": {"-master_data": 3},
    "coupon": {"-master_data": 3},
    "credit_note": {
        "credit_memo.posted+credit_memo.applied": 2,
        "credit_memo.posted+credit_memo.applied*11": 1,
    },
    "customer": {"-master_data": 3},
    "differential_price": {"-master_data": 3},
    "gift": {"-not_order_to_cash": 1},
    "invoice": {"invoice.posted": 3},
    "item": {"-master_data": 3},
    "item_family": {"-master_data": 2},
    "item_price": {"-master_data": 3},
    "order": {"-fulfilment_paper": 3},
    "payment_source": {"-master_data": 2},
    "promotional_credit": {"-restates_invoice": 3},
    "quote": {"-quote_unanswered": 3},
    "quote_line_group": {"-restates_quote": 3},
    "subscription": {"-subscription_state": 3},
    "transaction": {"payment.received+payment.applied": 2, "-payment_failed": 1},
}
STRIPE_WEBHOOKS: Counts = {
    "account": {"-master_data": 1},
    "account.application.deauthorized": {"-not_order_to_cash": 1},
    "balance": {"-own_funds": 1},
    "bank_account": {"-master_data": 3},
    "card": {"-master_data": 3},
    "charge": {"payment.received": 3, "payment.received+payment.refunded": 1, "-payment_failed": 1},
    "checkout.session": {"-restates_charge": 3},
    "coupon": {"-master_data": 2},
    "customer": {"-master_data": 3},
    "discount": {"-master_data": 3},
    "dispute": {
        "payment.reversed": 1,
        "payment.reversed+milestone.voided": 1,
        "-dispute_without_money": 3,
    },
    "invoice": {"invoice.posted": 2, "invoice.posted+payment.applied": 3, "-draft": 2, "-preview": 1},
    "invoiceitem": {"-not_invoiced": 3},
    "mandate": {"-not_order_to_cash": 1},
    "payment_intent": {"-restates_charge": 7},
    "payment_link": {"-not_order_to_cash": 2},
    "payment_method": {"-master_data": 2},
    "payout": {"-own_funds": 3},
    "plan": {"-master_data": 3},
    "price": {"-master_data": 3},
    "product": {"-master_data": 3},
    "quote": {"quote.approved": 1, "quote.approved+quote.accepted": 1, "-draft": 1, "-quote_withdrawn": 1},
    "refund": {"payment.refunded": 1},
    "setup_intent": {"-not_order_to_cash": 4},
    "subscription": {"-subscription_state": 4},
    "subscription_schedule": {"-subscription_state": 4},
    "tax_rate": {"-master_data": 2},
    "transfer": {"-own_funds": 4},
}
STRIPE_OBJECTS: Counts = {
    "balance_transaction": {"-restates_charge": 2},
    "charge": {"payment.received": 1, "!amount_format /amount": 1},
    "customer": {"-master_data": 4},
    "dispute": {"payment.reversed": 2, "payment.reversed+milestone.voided": 1},
    "invoice": {"invoice.posted+payment.applied": 1, "!lines_missing /lines": 1},
    "payment_intent": {"-restates_charge": 3},
    "payment_method": {"-master_data": 1},
    "plan": {"-master_data": 2},
    "price": {"-master_data": 2},
    "product": {"-master_data": 1},
    "subscription": {"-subscription_state": 4},
}
#: 148 kinds of objects: those that are ignored are counted together.
STRIPE_FIXTURES: Counts = {
    "": {
        "-authorisation_only": 1,
        "-customer_balance": 3,
        "-dispute_without_money": 1,
        "-draft": 3,
        "-master_data": 35,
        "-metering": 9,
        "-not_invoiced": 2,
        "-not_order_to_cash": 76,
        "-own_funds": 22,
        "-restates_charge": 7,
        "-restates_credit_note": 1,
        "-restates_invoice": 2,
        "-subscription_state": 4,
        "-tax_setup": 7,
    },
    "credit_note": {"credit_memo.posted": 1},
    "invoice_payment": {"!value_unknown /status": 1},
    "refund": {"payment.refunded": 1},
}
SALESFORCE: Counts = {
    "account": {"-master_data": 10},
    "opportunity": {"opportunity.lost": 10},
    "opportunity_history": {"opportunity.lost": 10},
    "opportunity_line_item": {"-part_of_opportunity": 10},
    "order": {"order.submitted": 10},
    "product": {"-master_data": 2},
}
HUBSPOT: Counts = {
    "company": {"-master_data": 24},
    "deal": {"!field_missing /rows/0/deal_pipeline_stage_id": 44},
    "deal_company": {"-association_without_time": 2},
    "deal_property_history": {"-properties_not_read": 100},
    "deal_stage": {"!value_unknown /rows/0/value": 14},
    "merged_deal": {"deals.linked*2+opportunity.lost*2": 5, "deals.linked*4+opportunity.lost*4": 1},
    "pipeline": {"-set_up": 6},
    "pipeline_stage": {"-set_up": 71},
}
#: One billing document, in log lines: none of them says more than its header, which accounting does not have.
SAP: Counts = {
    "header": {"-not_posted": 1},
    "item": {"-part_of_document": 2},
    "partner": {"-part_of_document": 5},
    "pricing": {"-part_of_document": 2},
    "request": {"-request_template": 4},
}
SETS: list[tuple[str, str, Counts, int]] = [
    ("quickbooks", "quickbooks", QUICKBOOKS, 85),
    ("chargebee", "chargebee", CHARGEBEE, 53),
    ("stripe", "stripe/webhooks", STRIPE_WEBHOOKS, 88),
    ("stripe", "stripe/objects", STRIPE_OBJECTS, 26),
    ("stripe", "stripe/fixtures3.json", STRIPE_FIXTURES, 176),
    ("salesforce", "salesforce", SALESFORCE, 52),
    ("hubspot_csv", "hubspot", HUBSPOT, 267),
    ("sap", "sap", SAP, 14),
]


def kind_of(payload: dict[str, Any]) -> str:
    """The object kind of a record, by the shape that its system gives it."""
    if "stream" in payload:
        return str(payload["stream"])
    if isinstance(payload.get("data"), dict) and "object" in payload["data"]:
        return str(payload["data"]["object"].get("object", payload.get("type")))
    if "api_schema" in payload:
        return "request"
    if "message" in payload:
        signs = {"pricing": "ConditionType", "partner": "PartnerFunction", "item": "BillingDocumentItem"}
        row = payload["message"][0]
        return next((kind for kind, sign in signs.items() if sign in row), "header")
    return str(payload["object"])


def milestones_of(source: str, *folders: str) -> list[dict[str, Any]]:
    """Every milestone of some sets, in the order of their records."""
    return [
        dict(milestone)
        for folder in folders
        for record in SOURCES[source].records(SHARED / folder)
        for milestone in SOURCES[source].translate(record.payload, "acme").milestones
    ]


@pytest.mark.parametrize(("source", "folder", "expected", "records"), SETS, ids=[s[1] for s in SETS])
def test_every_record_of_the_real_files_is_accounted_for(
    source: str, folder: str, expected: Counts, records: int
) -> None:
    found: dict[str, Counter[str]] = {}
    for record in SOURCES[source].records(SHARED / folder):
        translation = SOURCES[source].translate(record.payload, "acme")
        kind = kind_of(json.loads(record.payload))
        if translation.ignored is not None:
            what = f"-{translation.ignored}"
            kind = "" if "" in expected else kind
        elif translation.refused:
            what = "!" + " ".join(translation.refused[0][:2])
        else:
            names = Counter(str(m["type"]).removesuffix(".v1") for m in translation.milestones)
            what = "+".join(name if n == 1 else f"{name}*{n}" for name, n in names.items())
        found.setdefault(kind, Counter())[what] += 1
    assert {kind: dict(counts) for kind, counts in found.items()} == expected
    assert sum(sum(counts.values()) for counts in found.values()) == records


@pytest.mark.parametrize(("source", "folder", "_expected", "_records"), SETS, ids=[s[1] for s in SETS])
def test_every_milestone_of_the_real_files_is_accepted_by_the_contract(
    source: str, folder: str, _expected: Counts, _records: int
) -> None:
    for milestone in milestones_of(source, folder):
        parse_event(milestone)


@pytest.mark.parametrize(
    ("source", "folders", "recorded", "duplicates", "conflicts"),
    [
        ("quickbooks", ["quickbooks"], 34, 0, []),
        ("chargebee", ["chargebee"], 23, 0, []),
        ("stripe", ["stripe/webhooks"], 15, 5, []),
        (
            "stripe",
            ["stripe/objects"],
            5,
            1,
            ["dispute/dp_1JAyTwJSZQVUcJYgPqasUEn1@1625755540:payment.reversed"],
        ),
        ("stripe", ["stripe/fixtures3.json"], 2, 0, []),
        ("salesforce", ["salesforce"], 30, 0, []),
        ("hubspot_csv", ["hubspot"], 28, 0, []),
        ("sap", ["sap"], 0, 0, []),
    ],
)
def test_what_is_told_twice_is_a_duplicate_and_what_is_told_differently_a_conflict(
    source: str, folders: list[str], recorded: int, duplicates: int, conflicts: list[str]
) -> None:
    first: dict[tuple[str, str], dict[str, Any]] = {}
    again: list[str] = []
    differing: list[str] = []
    for milestone in milestones_of(source, *folders):
        held = first.setdefault((milestone["source"], milestone["id"]), milestone)
        if held is not milestone:
            (again if held == milestone else differing).append(milestone["id"])
    assert (len(first), len(again), differing) == (recorded, duplicates, conflicts)


def resolved(milestones: list[dict[str, Any]], name: str, field: str) -> tuple[int, int]:
    """Of the milestones of a type, how many name a document that is posted or received in the set."""
    held = {
        key
        for m in milestones
        if m["type"] in ("invoice.posted.v1", "payment.received.v1")
        for key in m["data"]["keys"]
    }
    named = {
        (m["id"], f"{m['source'][1:]}:{field}:{m['data'][field]}")
        for m in milestones
        if m["type"] == f"{name}.v1"
    }
    return sum(key in held for _id, key in named), len(named)


@pytest.mark.parametrize(
    ("source", "folder", "name", "field", "expected"),
    [
        ("quickbooks", "quickbooks", "payment.applied", "invoice", (6, 9)),
        ("quickbooks", "quickbooks", "payment.applied", "payment", (9, 9)),
        ("chargebee", "chargebee", "payment.applied", "invoice", (2, 2)),
        ("chargebee", "chargebee", "payment.applied", "payment", (2, 2)),
        ("stripe", "stripe/webhooks", "payment.applied", "invoice", (1, 1)),
        ("stripe", "stripe/webhooks", "payment.applied", "payment", (1, 1)),
        ("stripe", "stripe/webhooks", "payment.refunded", "payment", (2, 2)),
        ("stripe", "stripe/objects", "payment.reversed", "payment", (1, 2)),
    ],
)
def test_references_between_real_documents_resolve_where_both_are_there(
    source: str, folder: str, name: str, field: str, expected: tuple[int, int]
) -> None:
    assert resolved(milestones_of(source, folder), name, field) == expected


def test_the_one_estimate_whose_invoice_is_there_joins_it() -> None:
    found = milestones_of("quickbooks", "quickbooks")
    (quote,) = (m for m in found if m["id"] == "quote/100:quote.accepted")
    (invoice,) = (m for m in found if m["id"] == "invoice/130:invoice.posted")
    assert set(quote["data"]["keys"]) == set(invoice["data"]["keys"])


def test_tax_of_the_real_invoices_is_on_their_lines_to_the_cent() -> None:
    found = {m["id"]: m for m in milestones_of("quickbooks", "quickbooks")}
    taxes = {
        number: [line.get("tax") for line in found[f"invoice/{number}:invoice.posted"]["data"]["lines"]]
        for number in ("12", "96", "130")
    }
    assert taxes == {
        "12": ["1.60", "1.92", "140.00", "32.00"],
        "96": [None, "22.00"],
        "130": ["22.00", "1.02", "3.80"],
    }


def test_orders_of_one_quote_are_one_deal_and_name_their_erp_order() -> None:
    found = [m for m in milestones_of("salesforce", "salesforce") if m["type"] == "order.submitted.v1"]
    quotes = Counter(key for m in found for key in m["data"]["keys"] if ":quote:" in key)
    erp = [m for m in found if any(key.startswith("erp/netsuite/acme:order:SO") for key in m["data"]["keys"])]
    assert (sorted(quotes.values()), len(erp)) == ([2] * 5, 9)


@pytest.mark.parametrize(("source", "folder", "_expected", "_records"), SETS, ids=[s[1] for s in SETS])
def test_no_address_of_a_tester_reaches_a_milestone(
    source: str, folder: str, _expected: Counts, _records: int
) -> None:
    for record in SOURCES[source].records(SHARED / folder):
        told = repr(SOURCES[source].translate(record.payload, "acme"))
        assert "@example" not in told
        assert ".com" not in told
        assert "client_secret" not in told
