"""SAP S/4HANA: OData answers and what they become."""

import json
from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.arrivals import Fetch
from tests.sources.checks import gross, ignored, refused, translated, types
from tests.sources.samples_sap import (
    billing,
    billing_item,
    cleared,
    delivery,
    item,
    order,
    order_item,
    page,
    page_v4,
    receipt,
)

SAP = SOURCES["sap"]
ERP = "erp/sap/acme"


def needed(payload: object) -> tuple[Fetch, ...]:
    """What a message points to."""
    return SAP.translate(json.dumps(payload).encode(), "acme").needed


def facts(milestone: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some fields of a milestone's data."""
    return tuple(milestone["data"].get(name) for name in names)


def test_an_order_is_accepted_with_its_items_numbered_without_leading_zeros() -> None:
    (event,) = translated(SAP, page(order()))
    assert (event["id"], event["time"]) == ("order/4711:order.accepted", "2025-01-05T00:00:00Z")
    assert facts(event, "order", "effective_on") == ("4711", "2025-01-05")
    assert event["data"]["dimensions"] == {"customer": "10100001"}
    assert event["data"]["lines"] == [
        {
            "line": "10", "sku": "21", "net": "1000.00", "tax": "190.00", "quantity": "10",
            "kind": "one_time", "recognition": "on_fulfilment",
        }
    ]  # fmt: skip


def test_the_same_order_in_version_4_is_the_same_milestone() -> None:
    changed = {"CreationDate": "2025-01-05", "SalesOrderDate": "2025-01-05", "TotalNetAmount": 1000.0}
    old = translated(SAP, order())
    whole = order(**changed, LastChangeDateTime="2025-01-05T10:00:00Z")
    rows = {"_Item": [order_item(NetAmount=1000.0, TaxAmount=190.0, RequestedQuantity=10)]}
    new = {name: value for name, value in whole.items() if name not in ("to_Item", "__metadata")} | rows
    assert translated(SAP, page_v4(new)) == old


def test_a_changed_order_is_also_a_snapshot_with_its_version() -> None:
    touched = order(LastChangeDate="/Date(1736208000000)/", LastChangeDateTime="/Date(1736244000500+0000)/")
    accepted, changed = translated(SAP, touched)
    assert types([accepted, changed]) == ["order.accepted", "order.changed"]
    assert changed["id"] == "order/4711@2025-01-07T10:00:00.5Z:order.changed"
    assert changed["sequence"] == "1736244000500000"
    assert changed["data"]["lines"] == accepted["data"]["lines"]


def test_a_rejected_item_takes_off_its_remainder_and_a_rejected_order_the_whole() -> None:
    rows = [order_item(), order_item(SalesOrderItem="20", SalesDocumentRjcnReason="61")]
    told = translated(SAP, order(*rows, LastChangeDate="/Date(1736208000000)/"))
    assert types(told) == ["order.accepted", "order.changed", "order.line_cancelled"]
    assert facts(told[2], "order", "line", "reason") == ("4711", "20", "61")
    every = [order_item(SalesDocumentRjcnReason="61")]
    told = translated(SAP, order(*every, OverallSDDocumentRejectionSts="C"))
    assert types(told) == ["order.accepted", "order.cancelled"]


@pytest.mark.parametrize(("status", "name"), [("B", "credit.held"), ("D", "credit.released")])
def test_a_credit_block_is_told(status: str, name: str) -> None:
    assert types(translated(SAP, order(TotalCreditCheckStatus=status))) == ["order.accepted", name]


def test_an_order_names_its_quotation_and_the_order_of_the_crm_that_sent_it() -> None:
    sent = {"ExternalDocumentID": "801A", "SenderBusinessSystemName": "SALESFORCE_PRD"}
    quoted = {"ReferenceSDDocument": "0020000001", "ReferenceSDDocumentCategory": "B"}
    (event,) = translated(SAP, order(**sent, **quoted, YY1_OpportunityID_SDH="006A"))
    assert event["data"]["keys"] == [
        f"{ERP}:order:4711",
        "crm/salesforce/acme:opportunity:006A",
        "crm/salesforce/acme:order:801A",
        f"{ERP}:quote:20000001",
    ]


def test_an_order_or_invoice_without_its_items_is_fetched() -> None:
    deferred = {"__deferred": {"uri": "https://host/A_SalesOrder('4711')/to_Item"}}
    assert needed(order(to_Item=deferred)) == (Fetch("sales_order", "4711", "items_missing"),)
    assert needed(billing(to_Item=deferred)) == (Fetch("billing_document", "90000000", "items_missing"),)
    assert needed(billing(to_Item="https://host/to_Item"))[0].id == "90000000"
    assert needed(delivery(to_DeliveryDocumentItem=deferred))[0].object == "delivery"


def test_goods_issue_confirms_a_fulfilment_of_the_order_lines() -> None:
    (event,) = translated(SAP, page(delivery()))
    assert (event["type"], event["time"]) == ("fulfilment.confirmed.v1", "2025-02-01T14:05:00Z")
    assert facts(event, "fulfilment", "order", "lines") == (
        "80000000",
        "4711",
        [{"order_line": "4711/10", "quantity": "4"}],
    )
    assert event["data"]["keys"] == [f"{ERP}:delivery:80000000", f"{ERP}:order:4711"]


def test_a_return_is_told_as_one_and_what_has_not_left_is_not_told() -> None:
    returned = delivery(SDDocumentCategory="T", DeliveryDocumentType="LR")
    assert types(translated(SAP, returned)) == ["fulfilment.returned"]
    assert ignored(SAP, delivery(OverallGoodsMovementStatus="B")) == "goods_not_issued"
    assert ignored(SAP, delivery({"ReferenceSDDocumentCategory": "V"})) == "not_order_to_cash"


def test_a_batch_split_is_counted_once_and_a_delivery_of_two_orders_names_both() -> None:
    split = delivery({"ActualDeliveryQuantity": "0"}, {"DeliveryDocumentItem": "900001"})
    assert facts(translated(SAP, split)[0], "lines") == ([{"order_line": "4711/10", "quantity": "4"}],)
    (event,) = translated(SAP, delivery({}, {"ReferenceSDDocument": "4712"}))
    assert event["data"]["keys"] == [f"{ERP}:delivery:80000000", f"{ERP}:order:4711", f"{ERP}:order:4712"]
    assert "order" not in event["data"]


def test_an_invoice_bills_the_order_lines_and_is_due_by_its_terms() -> None:
    (event,) = translated(SAP, page(billing()))
    assert (event["id"], event["time"]) == ("invoice/90000000:invoice.posted", "2025-02-02T09:30:00Z")
    assert facts(event, "effective_on", "due_on") == ("2025-02-01", "2025-03-03")
    assert (gross(event), event["data"]["lines"][0]["order_line"]) == ("476.00", "4711/10")
    assert event["data"]["keys"] == [f"{ERP}:invoice:90000000", f"{ERP}:order:4711"]


def test_terms_that_no_table_has_are_refused() -> None:
    assert refused(SAP, billing(CustomerPaymentTerms="Z017"))[0] == "value_unknown"
    assert facts(translated(SAP, billing(CustomerPaymentTerms="0001"))[0], "due_on") == ("2025-02-01",)


def test_items_that_do_not_add_up_to_the_document_are_refused() -> None:
    code, _pointer = refused(SAP, billing(TotalGrossAmount="1000.00"))
    assert code == "total_mismatch"


@pytest.mark.parametrize("status", ["A", "B", "F", "G"])
def test_a_billing_document_that_accounting_does_not_have_is_not_told_yet(status: str) -> None:
    assert ignored(SAP, billing(AccountingTransferStatus=status)) == "not_posted"


def test_whether_accounting_has_it_must_be_said() -> None:
    silent = {"AccountingTransferStatus": "", "AccountingDocument": ""}
    assert refused(SAP, billing(**silent)) == ("posting_unknown", "/AccountingTransferStatus")
    assert types(translated(SAP, billing(AccountingTransferStatus=""))) == ["invoice.posted"]
    assert refused(SAP, billing(AccountingTransferStatus="?")) == (
        "value_unknown",
        "/AccountingTransferStatus",
    )


@pytest.mark.parametrize(
    ("category", "reason"),
    [("U", "pro_forma"), ("5", "intercompany"), ("6", "intercompany"), ("3", "invoice_list")],
)
def test_papers_that_are_no_receivable_are_ignored(category: str, reason: str) -> None:
    assert ignored(SAP, billing(SDDocumentCategory=category)) == reason


def test_a_cancellation_is_a_document_of_its_own_and_voids_what_it_names() -> None:
    storno = {"BillingDocument": "90000007", "BillingDocumentType": "S1", "SDDocumentCategory": "N"}
    (event,) = translated(SAP, billing(**storno, CancelledBillingDocument="0090000000"))
    assert (event["id"], event["subject"]) == ("invoice/90000000:invoice.voided", "invoice/90000000")
    assert facts(event, "invoice", "effective_on") == ("90000000", "2025-02-01")
    marked = translated(SAP, billing(BillingDocumentIsCancelled=True))
    assert types(marked) == ["invoice.posted"]
    assert refused(SAP, billing(**storno)) == ("field_missing", "/CancelledBillingDocument")


def test_a_credit_memo_names_its_reason_and_its_cancellation_voids_it() -> None:
    memo = {"BillingDocument": "90000008", "SDDocumentCategory": "O"}
    row = billing_item(
        ReferenceSDDocument="90000000", ReferenceSDDocumentCategory="M", SalesDocument="60000001"
    )
    (event,) = translated(SAP, billing(row, **memo, BillingDocumentType="RE"))
    assert (event["type"], event["data"]["reason"]) == ("credit_memo.posted.v1", "return")
    assert event["data"]["keys"] == [f"{ERP}:credit_memo:90000008", f"{ERP}:invoice:90000000"]
    assert "order_line" not in event["data"]["lines"][0]
    assert (
        translated(SAP, billing(row, **memo, BillingDocumentType="G2"))[0]["data"]["reason"] == "concession"
    )
    (void,) = translated(
        SAP, billing(SDDocumentCategory="S", BillingDocumentType="S2", CancelledBillingDocument="90000008")
    )
    assert void["data"]["target"] == {
        "source": "/erp/sap/acme",
        "id": "credit_memo/90000008:credit_memo.posted",
    }


def test_a_sign_behind_an_amount_is_read() -> None:
    rows = [
        billing_item(),
        billing_item(BillingDocumentItem="000020", NetAmount="100.00-", TaxAmount="19.00-"),
    ]
    (event,) = translated(SAP, billing(*rows, TotalGrossAmount="357.00"))
    assert (gross(event), event["data"]["lines"][1]["net"]) == ("357.00", "-100.00")


def test_a_receipt_is_known_by_company_year_document_and_item() -> None:
    (event,) = translated(SAP, page(receipt("1400000001", "-476.00")))
    assert (event["type"], event["subject"]) == ("payment.received.v1", "payment/1010-2025-1400000001-2")
    assert facts(event, "amount", "currency", "customer") == ("476.00", "EUR", "10100001")
    assert translated(SAP, receipt("1400000001", "-476.00")) == [event]
    bare = receipt("1400000001", "476.00-", DebitCreditCode="")
    assert translated(SAP, bare) == [event]


def test_a_payment_and_the_invoice_it_cleared_are_an_application() -> None:
    told = translated(
        SAP,
        page(
            item("94", "476.00", **cleared(), CashDiscountAmount="9.52"),
            receipt("1400000001", "-466.48", **cleared()),
        ),
    )
    assert types(told) == ["payment.received", "payment.applied"]
    assert told[1]["id"] == "application/1010-2025-1400000001-2-90000000:payment.applied"
    assert facts(told[1], "invoice", "amount", "discount") == ("90000000", "466.48", "9.52")
    assert f"{ERP}:invoice:90000000" in told[1]["data"]["keys"]


def test_a_clearing_entry_is_no_receipt() -> None:
    told = translated(
        SAP,
        page_v4(
            item("94", "476.00", **cleared("100000055")),
            receipt("1400000001", "-476.00", **cleared("100000055")),
        ),
    )
    assert facts(told[1], "payment", "amount") == ("1010-2025-1400000001-2", "476.00")
    assert types(told) == ["payment.received", "payment.applied"]


def test_one_payment_of_two_invoices_is_put_against_each_less_its_discount() -> None:
    first = item("94", "476.00", **cleared(), CashDiscountAmount="9.52")
    second = item("95", "119.00", **cleared(), ReferenceDocument="90000001")
    told = translated(SAP, page(first, second, receipt("1400000001", "-585.48", **cleared())))
    assert types(told) == ["payment.received", "payment.applied", "payment.applied"]
    assert facts(told[1], "invoice", "amount", "discount") == ("90000000", "466.48", "9.52")
    assert facts(told[2], "invoice", "amount", "discount") == ("90000001", "119.00", None)


def test_two_payments_of_one_invoice_and_a_credit_memo_beside_a_payment() -> None:
    paid = [receipt("1400000001", "-400.00", **cleared()), receipt("1400000002", "-76.00", **cleared())]
    told = translated(SAP, page(item("94", "476.00", **cleared()), *paid))
    assert [facts(m, "amount") for m in told[2:]] == [("400.00",), ("76.00",)]
    memo = item("96", "-76.00", **cleared(), ReferenceDocument="90000008")
    told = translated(SAP, page(item("94", "476.00", **cleared()), memo, paid[0]))
    assert types(told) == ["payment.received", "payment.applied", "credit_memo.applied"]
    assert facts(told[2], "credit_memo", "invoice", "amount") == ("90000008", "90000000", "76.00")
    assert facts(told[1], "amount", "discount") == ("400.00", None)


def test_a_clearing_that_does_not_say_which_paid_which_is_refused() -> None:
    invoices = [item("94", "476.00", **cleared()), item("95", "119.00", **cleared(), ReferenceDocument="1")]
    paid = [receipt("1400000001", "-400.00", **cleared()), receipt("1400000002", "-195.00", **cleared())]
    assert refused(SAP, page(*invoices, *paid))[0] == "clearing_ambiguous"
    short = receipt("1400000001", "-590.00", **cleared())
    assert refused(SAP, page(*invoices, short))[0] == "clearing_unbalanced"
    memo = item("96", "-95.00", **cleared(), ReferenceDocument="90000008")
    assert (
        refused(SAP, page(*invoices, memo, receipt("14", "-500.00", **cleared())))[0] == "clearing_ambiguous"
    )


def test_a_page_that_ends_within_a_clearing_is_refused() -> None:
    first = page(item("94", "476.00", **cleared()), receipt("1400000001", "-595.00", **cleared()))
    assert refused(SAP, first)[0] == "clearing_unbalanced"
    rest = page(item("95", "119.00", **cleared(), ReferenceDocument="90000001"), item("96", "10.00"))
    assert refused(SAP, rest)[0] == "clearing_unbalanced"


def test_clearings_of_one_page_are_kept_apart_by_company_and_document() -> None:
    rows = [item("94", "476.00", **cleared()), receipt("1400000001", "-476.00", **cleared())]
    other = [{**row, "CompanyCode": "1020", "Customer": "7"} for row in rows]
    told = translated(SAP, page(*rows, *other))
    applied = [m["data"]["payment"] for m in told if m["type"] == "payment.applied.v1"]
    assert applied == ["1010-2025-1400000001-2", "1020-2025-1400000001-2"]


def test_an_invoice_cleared_without_money_is_left_to_the_billing_documents() -> None:
    storno = item("97", "-476.00", **cleared(), ReferenceDocument="90000007")
    assert ignored(SAP, page(item("94", "476.00", **cleared()), storno)) == "restates_invoice"


def test_a_cleared_invoice_that_comes_alone_has_its_clearing_fetched() -> None:
    assert needed(item("94", "476.00", **cleared())) == (Fetch("clearing", "1400000001", "clearing"),)
    assert ignored(SAP, item("94", "476.00")) == "restates_invoice"


def test_a_reversed_payment_is_received_and_reversed() -> None:
    told = translated(SAP, receipt("1400000001", "-476.00", IsReversed=True, **cleared("1400000009")))
    assert types(told) == ["payment.received", "payment.reversed"]
    assert ignored(SAP, receipt("1400000009", "476.00", IsReversal=True)) == "restates_invoice"


def test_the_due_date_of_accounting_is_a_snapshot() -> None:
    (event,) = translated(
        SAP,
        item("94", "476.00", NetDueDate="/Date(1743465600000)/", LastChangeDateTime="2025-02-03T08:00:00Z"),
    )
    assert (event["type"], event["data"]["due_on"]) == ("invoice.due_date_changed.v1", "2025-04-01")
    assert event["sequence"] == "1738569600000000"


def test_entries_that_are_no_billing_and_no_money_are_refused_or_left_to_the_ledger() -> None:
    assert refused(SAP, item("18", "100.00", AccountingDocumentType="DR"))[0] == "journal_unmapped"
    assert refused(SAP, receipt("15", "100.00"))[0] == "payment_direction"
    assert ignored(SAP, item("19", "100.00", FinancialAccountType="S")) == "general_ledger"
    assert refused(SAP, item("20", "100.00", AccountingDocumentType="ZX"))[0] == "value_unknown"


def test_rows_that_say_nothing_alone_are_ignored_and_unknown_ones_refused() -> None:
    assert ignored(SAP, page(order_item(), billing_item())) == "part_of_document"
    assert ignored(SAP, page()) == "no_rows"
    assert ignored(SAP, {"BusinessPartner": "10100001"}) == "master_data"
    assert refused(SAP, page({"Something": "1"}))[0] == "object_unknown"
