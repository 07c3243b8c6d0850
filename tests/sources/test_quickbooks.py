"""QuickBooks entities and what they become."""

from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.arrivals import Fetch
from tests.sources.checks import gross, ignored, needed, refused, translated, types
from tests.sources.samples import (
    qbo,
    qbo_discount,
    qbo_document,
    qbo_estimate,
    qbo_invoice,
    qbo_line,
    qbo_payment,
    qbo_subtotal,
)

QBO = SOURCES["quickbooks"]
ERP = "erp/quickbooks/acme"


def test_an_invoice_is_posted_on_its_own_date_with_its_tax_on_the_taxed_lines() -> None:
    (posted,) = translated(QBO, qbo_invoice())
    assert posted["id"] == "invoice/130:invoice.posted"
    assert posted["source"] == "/erp/quickbooks/acme"
    assert posted["time"] == "2024-05-03T10:00:00-07:00"
    body = posted["data"]
    assert (body["effective_on"], body["due_on"], body["invoice"]) == ("2024-05-01", "2024-05-31", "130")
    assert body["keys"] == [f"{ERP}:invoice:130", "cpq/quickbooks/acme:quote:100"]
    assert [(row["net"], row.get("tax")) for row in body["lines"]] == [
        ("100.10", "7.51"),
        ("50.00", None),
        ("33.35", "2.50"),
    ]
    assert gross(posted) == "193.46"
    assert "sequence" not in posted


def test_what_is_paid_on_the_invoice_itself_is_received_and_applied() -> None:
    _posted, received, applied = translated(QBO, qbo_invoice(Deposit=20.5))
    assert received["data"]["payment"] == applied["data"]["payment"] == "invoice_deposit-130"
    assert (applied["data"]["invoice"], applied["data"]["amount"]) == ("130", "20.50")


def test_a_later_state_of_a_paid_invoice_is_the_same_milestone() -> None:
    paid = {"SyncToken": "3", "Balance": 0, "LinkedTxn": [{"TxnId": "100", "TxnType": "Estimate"}]}
    assert translated(QBO, qbo_invoice(**paid)) == translated(QBO, qbo_invoice())


def test_an_edited_invoice_keeps_its_identity_and_differs_in_content() -> None:
    (before,) = translated(QBO, qbo_invoice())
    (after,) = translated(QBO, qbo_invoice(SyncToken="1", DueDate="2024-06-30"))
    assert (before["source"], before["id"]) == (after["source"], after["id"])
    assert before != after


@pytest.mark.parametrize(
    "gone",
    [
        {"PrivateNote": "Voided - duplicate", "TotalAmt": 0, "Line": []},
        {"status": "Deleted"},
    ],
)
def test_a_voided_or_deleted_invoice_is_voided(gone: dict[str, Any]) -> None:
    (voided,) = translated(QBO, qbo_invoice(**gone))
    assert types([voided]) == ["invoice.voided"]
    assert voided["time"] == "2024-05-09T11:00:00-07:00"


def test_an_invoice_that_does_not_add_up_is_refused() -> None:
    assert refused(QBO, qbo_invoice(TotalAmt=193.47)) == ("total_mismatch", "/data/TotalAmt")


def test_an_invoice_without_a_due_date_is_refused() -> None:
    assert refused(QBO, qbo_invoice(DueDate=None)) == ("due_on_missing", "/data/DueDate")


def test_an_invoice_without_a_currency_is_refused() -> None:
    assert refused(QBO, qbo_invoice(CurrencyRef=None)) == ("field_missing", "/data/CurrencyRef/value")


def test_tax_without_a_taxed_line_is_refused() -> None:
    untaxed = {"Line": [qbo_line(100)], "TotalAmt": 108}
    tax = {"TxnTaxDetail": {"TotalTax": 8}}
    assert refused(QBO, qbo_invoice(**untaxed, **tax)) == (
        "tax_without_lines",
        "/data/TxnTaxDetail/TotalTax",
    )


def test_bundles_count_by_their_lines_shipping_and_descriptions_as_what_they_are() -> None:
    bundle = {
        "Amount": 30,
        "DetailType": "GroupLineDetail",
        "GroupLineDetail": {"Line": [qbo_line(10, "1"), qbo_line(20, "2")]},
    }
    words = {"DetailType": "DescriptionOnly", "Description": "thank you"}
    shipping = qbo_line(5, "SHIPPING_ITEM_ID")
    free = {"Amount": 1, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}
    (posted,) = translated(
        QBO, qbo_invoice(Line=[bundle, words, shipping, free], TxnTaxDetail=None, TotalAmt=36)
    )
    assert [(row["line"], row["sku"], row["net"]) for row in posted["data"]["lines"]] == [
        ("1", "1", "10.00"),
        ("2", "2", "20.00"),
        ("3", "shipping", "5.00"),
        ("4", "unspecified", "1.00"),
    ]


def test_a_kind_of_line_nobody_mapped_is_refused() -> None:
    odd = {"Amount": 1, "DetailType": "TDSLineDetail"}
    assert refused(QBO, qbo_invoice(Line=[odd])) == ("line_unknown", "/data/Line/0/DetailType")


def test_a_payment_is_received_under_its_id_and_applied_to_each_invoice() -> None:
    received, first, second = translated(
        QBO, qbo_payment([(100.0, "Invoice", "130"), (20.5, "Invoice", "131")], 150.5, UnappliedAmt=30)
    )
    assert received["data"]["keys"] == [f"{ERP}:payment:120"]
    assert (received["data"]["amount"], received["data"]["customer"]) == ("150.50", "24")
    assert [m["data"]["amount"] for m in (first, second)] == ["100.00", "20.50"]
    assert first["subject"] == "application/120-130"
    assert first["data"]["keys"] == [f"{ERP}:application:120-130", f"{ERP}:invoice:130"]


def test_a_receipt_stays_the_same_when_more_of_it_is_applied() -> None:
    before = translated(QBO, qbo_payment([(60.0, "Invoice", "130")], 100.0, UnappliedAmt=40))
    after = translated(QBO, qbo_payment([(60.0, "Invoice", "130"), (40.0, "Invoice", "131")], 100.0))
    assert before == after[:2]


def test_a_credit_memo_beside_the_money_pays_its_part_of_the_invoice() -> None:
    found = translated(QBO, qbo_payment([(100.0, "Invoice", "130"), (30.0, "CreditMemo", "73")], 70.0))
    assert types(found) == ["payment.received", "payment.applied", "credit_memo.applied"]
    assert [m["data"]["amount"] for m in found] == ["70.00", "70.00", "30.00"]
    assert (found[2]["data"]["credit_memo"], found[2]["data"]["invoice"]) == ("73", "130")


def test_a_payment_of_nothing_only_puts_a_credit_memo_against_an_invoice() -> None:
    found = translated(QBO, qbo_payment([(30.0, "Invoice", "130"), (30.0, "CreditMemo", "73")], 0))
    assert types(found) == ["credit_memo.applied"]
    assert ignored(QBO, qbo_payment([], 0)) == "no_money_moved"


def test_credit_memos_beside_several_invoices_are_not_guessed_at() -> None:
    lines = [(50.0, "Invoice", "130"), (50.0, "Invoice", "131"), (30.0, "CreditMemo", "73")]
    assert refused(QBO, qbo_payment(lines, 70.0)) == ("credit_ambiguous", "/data/Line")


def test_a_payment_of_something_that_is_no_invoice_is_refused() -> None:
    assert refused(QBO, qbo_payment([(10.0, "JournalEntry", "9")], 10.0)) == (
        "link_unknown",
        "/data/Line/0/LinkedTxn",
    )


def test_a_payment_that_does_not_add_up_is_refused() -> None:
    assert refused(QBO, qbo_payment([(10.0, "Invoice", "130")], 11.0)) == (
        "total_mismatch",
        "/data/UnappliedAmt",
    )


def test_a_voided_payment_is_reversed_whole() -> None:
    (back,) = translated(QBO, qbo_payment([], 0, PrivateNote="Voided"))
    assert types([back]) == ["payment.reversed"]
    assert "amount" not in back["data"]


def test_a_cash_sale_is_invoiced_received_and_applied_at_once_under_a_number_of_its_own() -> None:
    lines = [qbo_line(87.5), qbo_subtotal(87.5), qbo_discount(8.75)]
    sale, received, applied = translated(QBO, qbo("sales_receipts", **qbo_document("38", lines, 78.75)))
    assert types([sale, received, applied]) == ["invoice.posted", "payment.received", "payment.applied"]
    assert [row["net"] for row in sale["data"]["lines"]] == ["87.50", "-8.75"]
    assert sale["data"]["due_on"] == sale["data"]["effective_on"] == "2024-05-01"
    assert {m["data"]["amount"] for m in (received, applied)} == {"78.75"}
    assert sale["data"]["invoice"] == applied["data"]["invoice"] == "sales_receipt-38"
    assert received["data"]["payment"] == applied["data"]["payment"] == "sales_receipt-38"


def test_a_cash_sale_of_nothing_receives_nothing_and_a_voided_one_goes_back() -> None:
    given = qbo_document("38", [qbo_line(5.0), qbo_discount(5.0)], 0)
    assert types(translated(QBO, qbo("sales_receipts", **given))) == ["invoice.posted"]
    gone = qbo_document("38", [], 0, status="Deleted")
    assert types(translated(QBO, qbo("sales_receipts", **gone))) == ["payment.reversed", "invoice.voided"]


def test_a_credit_memo_is_a_concession_and_is_taken_back_when_voided() -> None:
    (posted,) = translated(QBO, qbo("credit_memos", **qbo_document("73", [qbo_line(30.0)], 30.0)))
    assert posted["data"]["reason"] == "concession"
    (back,) = translated(QBO, qbo("credit_memos", **qbo_document("73", [], 0, PrivateNote="Voided")))
    assert back["data"]["target"] == {"source": posted["source"], "id": posted["id"]}


def test_a_refund_receipt_is_credited_and_refunded_and_taken_back_when_deleted() -> None:
    memo, refund = translated(QBO, qbo("refund_receipts", **qbo_document("66", [qbo_line(87.5)], 87.5)))
    assert types([memo, refund]) == ["credit_memo.posted", "payment.refunded"]
    assert refund["data"]["amount"] == "87.50"
    assert memo["data"]["keys"][0] in refund["data"]["keys"]
    back = translated(QBO, qbo("refund_receipts", **qbo_document("66", [], 0, status="Deleted")))
    assert [m["data"]["target"]["id"] for m in back] == [memo["id"], refund["id"]]


def deposit(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return qbo("deposits", **qbo_document("62", list(lines), 100, **more))


def test_a_deposit_of_payments_restates_them() -> None:
    carried = {"Amount": 100, "LinkedTxn": [{"TxnId": "47", "TxnType": "SalesReceipt"}]}
    assert ignored(QBO, deposit(carried)) == "restates_payment"


def test_a_deposit_of_capital_is_no_receipt() -> None:
    assert ignored(QBO, deposit({"Amount": 100, "DepositLineDetail": {}})) == "not_order_to_cash"


def test_a_deposit_of_a_customers_money_is_a_receipt() -> None:
    party = {"type": "CUSTOMER", "value": "24"}
    carried = {"Amount": 60, "LinkedTxn": [{"TxnId": "98", "TxnType": "Payment"}]}
    (received,) = translated(QBO, deposit(carried, {"Amount": 40, "DepositLineDetail": {"Entity": party}}))
    assert (received["data"]["payment"], received["data"]["amount"]) == ("deposit-62-2", "40.00")


def test_a_journal_entry_is_left_to_the_books_unless_it_moves_a_customers_balance() -> None:
    own = {"Amount": 5, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": {}}
    assert ignored(QBO, qbo("journal_entries", Id="6", Line=[own])) == "general_ledger"
    party = {"JournalEntryLineDetail": {"Entity": {"Type": "Customer", "EntityRef": {"value": "24"}}}}
    assert refused(QBO, qbo("journal_entries", Id="6", Line=[own, party])) == (
        "journal_of_customer",
        "/data/Line/1/JournalEntryLineDetail/Entity/Type",
    )


def test_a_deposit_that_is_taken_back_needs_a_person() -> None:
    assert refused(QBO, deposit(status="Deleted"))[0] == "deposit_withdrawn"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("Accepted", "quote.accepted"), ("Closed", "quote.accepted"), ("Rejected", "quote.rejected")],
)
def test_an_estimate_speaks_when_it_is_answered(state: str, expected: str) -> None:
    (event,) = translated(QBO, qbo_estimate(state, AcceptedDate="2024-05-05"))
    assert types([event]) == [expected]
    assert event["source"] == "/cpq/quickbooks/acme"
    assert event["data"].get("effective_on") == (None if state == "Rejected" else "2024-05-05")


def test_an_estimate_that_became_an_invoice_shares_its_key() -> None:
    (event,) = translated(QBO, qbo_estimate("Closed"))
    assert f"{ERP}:invoice:130" in event["data"]["keys"]
    assert "effective_on" not in event["data"]


def test_estimates_without_an_answer_are_ignored() -> None:
    assert ignored(QBO, qbo_estimate("Pending")) == "quote_open"
    assert ignored(QBO, qbo_estimate("Closed", LinkedTxn=[])) == "quote_unanswered"
    assert ignored(QBO, qbo_estimate("Expired")) == "quote_unanswered"
    assert ignored(QBO, qbo_estimate("Pending", status="Deleted")) == "quote_unanswered"
    assert refused(QBO, qbo_estimate("Perhaps")) == ("value_unknown", "/data/TxnStatus")


def test_the_buying_side_and_master_records_are_ignored_and_unknown_entities_refused() -> None:
    assert ignored(QBO, qbo("bill_payments", Id="1")) == "purchasing"
    assert ignored(QBO, qbo("customers", Id="1")) == "master_data"
    assert refused(QBO, qbo("payroll", Id="1")) == ("object_unknown", "/stream")
    assert refused(QBO, {"stream": "invoices"}) == ("field_missing", "/data")


def entity(name: str, operation: str, native_id: str = "130") -> dict[str, Any]:
    return {"name": name, "id": native_id, "operation": operation, "lastUpdated": "2026-01-31T09:30:00-0800"}


def notification(*entities: dict[str, Any]) -> dict[str, Any]:
    change = {"realmId": "1185883450", "dataChangeEvent": {"entities": list(entities)}}
    return {"eventNotifications": [change]}


def cloud_event(what: str, native_id: str = "130") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "88cd52aa-33b6-4351-9aa4-47572edbd068",
        "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
        "type": f"qbo.{what}.v1",
        "datacontenttype": "application/json",
        "time": "2026-01-31T17:30:00.179453Z",
        "intuitentityid": native_id,
        "intuitaccountid": "1185883450",
        "data": {},
    }


def test_a_notification_has_what_changed_fetched_and_nothing_else() -> None:
    told = notification(
        entity("Invoice", "Create"),
        entity("Payment", "Update", "120"),
        entity("SalesReceipt", "Void", "38"),
        entity("Customer", "Merge", "24"),
        entity("Invoice", "Emailed"),
    )
    assert needed(QBO, told) == [
        Fetch("invoices", "130"),
        Fetch("payments", "120"),
        Fetch("sales_receipts", "38"),
    ]
    assert ignored(QBO, notification(entity("Customer", "Update"))) == "master_data"
    assert ignored(QBO, notification(entity("BillPayment", "Delete"))) == "purchasing"
    assert ignored(QBO, {"eventNotifications": []}) == "empty_notification"
    assert refused(QBO, notification(entity("Moon", "Create")))[0] == "value_unknown"


@pytest.mark.parametrize(
    ("what", "lists"),
    [("invoice.created", "invoices"), ("creditmemo.updated", "credit_memos"), ("deposit.voided", "deposits")],
)
def test_a_notification_as_a_cloudevent_has_what_changed_fetched(what: str, lists: str) -> None:
    assert needed(QBO, cloud_event(what)) == [Fetch(lists, "130")]


def test_other_notifications_as_cloudevents_are_left_aside_or_refused() -> None:
    assert ignored(QBO, cloud_event("customer.merged")) == "master_data"
    assert ignored(QBO, cloud_event("vendorcredit.deleted")) == "purchasing"
    assert refused(QBO, cloud_event("moon.created")) == ("value_unknown", "/type")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Invoice", ["invoice.voided"]),
        ("Payment", ["payment.reversed"]),
        ("SalesReceipt", ["payment.reversed", "invoice.voided"]),
        ("CreditMemo", ["milestone.voided"]),
        ("RefundReceipt", ["milestone.voided", "milestone.voided"]),
    ],
)
def test_a_notification_of_a_deletion_says_all_that_is_left_to_say(name: str, expected: list[str]) -> None:
    found = translated(QBO, notification(entity(name, "Delete")))
    assert types(found) == expected
    assert {m["time"] for m in found} == {"2026-01-31T09:30:00-08:00"}
    assert translated(QBO, entity(name, "Delete")) == found
    newer = translated(QBO, cloud_event(f"{name.lower()}.deleted"))
    assert types(newer) == expected
    assert [m["id"] for m in newer] == [m["id"] for m in found]


def test_a_deletion_of_what_said_nothing_says_nothing_and_one_of_a_deposit_needs_a_person() -> None:
    assert ignored(QBO, notification(entity("Estimate", "Delete"))) == "quote_unanswered"
    assert ignored(QBO, notification(entity("JournalEntry", "Delete"))) == "general_ledger"
    assert refused(QBO, notification(entity("Deposit", "Delete")))[0] == "deposit_withdrawn"


def test_deletions_and_changes_in_one_message_are_cut_apart_first() -> None:
    both = notification(entity("Invoice", "Delete"), entity("Payment", "Update"))
    assert refused(QBO, both) == ("message_mixed", "")


def test_answers_of_the_api_are_the_entities_in_them() -> None:
    invoice = qbo_invoice()["data"]
    plain = translated(QBO, qbo_invoice())
    assert translated(QBO, {"Invoice": invoice, "time": "2024-05-03T10:00:00-07:00"}) == plain
    page = {"Invoice": [invoice], "startPosition": 1, "maxResults": 1}
    assert translated(QBO, {"QueryResponse": page, "time": "2024-05-03T10:00:00-07:00"}) == plain
    gone = {
        "domain": "QBO",
        "status": "Deleted",
        "Id": "9",
        "MetaData": {"LastUpdatedTime": "2024-05-09T11:00:00-07:00"},
    }
    changes = {"QueryResponse": [page, {}, {"Payment": [gone], "startPosition": 1, "maxResults": 1}]}
    assert types(translated(QBO, {"CDCResponse": [changes]})) == ["invoice.posted", "payment.reversed"]
    assert ignored(QBO, {"QueryResponse": {}}) == "empty_page"


def test_a_line_of_a_payment_that_names_an_invoice_without_its_id_is_refused() -> None:
    odd = qbo_payment([(10.0, "Invoice", "130")], 10.0)
    odd["data"]["Line"][0]["LinkedTxn"][0]["TxnId"] = None
    assert refused(QBO, odd) == ("link_unknown", "/data/Line/0/LinkedTxn")
