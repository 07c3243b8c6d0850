"""Dynamics 365 Business Central and Finance: records and what they become."""

import json
from typing import Any

import pytest

from adapters.sources import SOURCES, Source
from domain.arrivals import Fetch
from tests.sources.checks import gross, ignored, refused, translated, types
from tests.sources.samples_dynamics import (
    bc_invoice,
    bc_line,
    bc_memo,
    bc_order,
    bc_payment,
    bc_shipment,
    header,
    invoice_header,
    journal,
    notification,
    order_line,
    page,
    transaction,
)

BC = SOURCES["business_central"]
FO = SOURCES["dynamics_finance"]


def needed(source: Source, payload: object) -> tuple[Fetch, ...]:
    """What a message points to."""
    return source.translate(json.dumps(payload).encode(), "acme").needed


def facts(milestone: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some fields of a milestone's data."""
    return tuple(milestone["data"].get(name) for name in names)


def test_a_notification_says_what_to_fetch_and_a_collection_what_to_poll() -> None:
    assert needed(BC, notification("salesInvoices(22222222-0000)")) == (
        Fetch("salesInvoices", "22222222-0000", "notification"),
    )
    assert needed(BC, notification("salesOrders?$filter=lastModifiedDateTime gt 2025", "collection")) == (
        Fetch("salesOrders", None, "collection"),
    )


def test_notifications_of_other_records_and_of_deletions_are_ignored() -> None:
    assert ignored(BC, notification("customers(1)")) == "not_order_to_cash"
    assert ignored(BC, notification("salesOrders(1)", "deleted")) == "deleted"
    assert refused(BC, notification("salesOrders(1)", "moved"))[0] == "value_unknown"


def test_two_notifications_of_one_message_are_both_fetched_and_of_one_record_once() -> None:
    one, other = (notification(f"salesInvoices({n})")["value"][0] for n in "12")
    assert [f.id for f in needed(BC, {"value": [one, other, one]})] == ["1", "2"]


def test_a_released_order_is_accepted_and_a_snapshot() -> None:
    accepted, changed = translated(BC, page(bc_order()))
    assert (accepted["id"], changed["type"]) == ("order/S-ORD101:order.accepted", "order.changed.v1")
    assert changed["sequence"] == "1738404000500000"
    assert accepted["data"]["lines"] == [
        {
            "line": "10000", "sku": "1896-S", "net": "400.00", "tax": "76.00", "quantity": "4",
            "kind": "one_time", "recognition": "on_fulfilment",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["In Review", "In_x0020_Review"])
def test_an_order_in_review_is_submitted_and_a_draft_nothing(status: str) -> None:
    assert types(translated(BC, bc_order(status=status))) == ["order.submitted"]
    assert ignored(BC, bc_order(status="Draft")) == "draft"


def test_comments_are_no_lines_and_lines_of_version_1_are_known_by_their_details() -> None:
    rows = [
        {"id": "1", "lineType": "Comment", "sequence": 5000},
        bc_line(lineObjectNumber=None, lineDetails={"number": "1900-S"}),
    ]
    (event,) = translated(BC, bc_invoice(*rows))
    assert [line["sku"] for line in event["data"]["lines"]] == ["1900-S"]


@pytest.mark.parametrize("status", ["Open", "Paid", "Canceled"])
def test_a_posted_invoice_is_told_whatever_became_of_it(status: str) -> None:
    (event,) = translated(BC, {"stream": "salesInvoices", "data": bc_invoice(status=status)})
    assert facts(event, "invoice", "due_on") == ("PS-INV1", "2025-03-01")
    assert gross(event) == "476.00"
    assert "erp/business_central/acme:order:S-ORD101" in event["data"]["keys"]


def test_drafts_are_not_told_and_documents_without_lines_are_fetched() -> None:
    assert ignored(BC, bc_invoice(status="Draft")) == "draft"
    bare = {name: value for name, value in bc_invoice().items() if name != "salesInvoiceLines"}
    assert needed(BC, bare) == (Fetch("salesInvoices", bare["id"], "lines_missing"),)
    assert refused(BC, bc_invoice(dueDate="0001-01-01")) == ("field_missing", "/dueDate")
    assert refused(BC, bc_invoice(totalAmountIncludingTax=480.0))[0] == "total_mismatch"


def test_a_credit_memo_is_a_concession_unless_it_is_the_cancellation_of_an_invoice() -> None:
    (memo,) = translated(BC, bc_memo())
    assert (memo["type"], memo["data"]["reason"]) == ("credit_memo.posted.v1", "concession")
    (void,) = translated(BC, bc_memo(status="Corrective"))
    assert (void["id"], void["time"]) == ("invoice/PS-INV1:invoice.voided", "2025-02-10T00:00:00Z")
    assert refused(BC, bc_memo(status="Corrective", invoiceNumber="")) == ("field_missing", "/invoiceNumber")


def test_a_cancelled_credit_memo_is_taken_back_and_the_invoice_that_does_so_is_none() -> None:
    told = translated(BC, bc_memo(status="Canceled"))
    assert types(told) == ["credit_memo.posted", "milestone.voided"]
    assert ignored(BC, bc_invoice(status="Corrective")) == "cancels_credit_memo"


def test_a_shipment_fulfils_the_lines_of_its_order() -> None:
    (event,) = translated(BC, page(bc_shipment()))
    assert facts(event, "order", "lines") == (
        "S-ORD101",
        [{"order_line": "S-ORD101/10000", "quantity": "4"}],
    )
    assert ignored(BC, bc_shipment(bc_line(quantity=0))) == "nothing_shipped"


def test_a_payment_names_no_currency_so_its_message_must() -> None:
    assert refused(BC, bc_payment()) == ("field_missing", "/currencyCode")
    told = translated(BC, {"stream": "customerPayments", "currencyCode": "EUR", "data": bc_payment()})
    assert types(told) == ["payment.received", "payment.applied"]
    assert facts(told[1], "invoice", "amount") == ("PS-INV1", "476.00")
    assert refused(BC, bc_payment(amount=476.0, currencyCode="EUR")) == ("payment_direction", "/amount")


def test_a_kind_that_nobody_mapped_is_refused_and_master_data_ignored() -> None:
    assert refused(BC, {"stream": "dispatches", "data": {}})[0] == "object_unknown"
    assert ignored(BC, {"id": "1", "displayName": "A"}) == "master_data"
    assert ignored(BC, page()) == "no_rows"


def test_an_order_of_finance_is_known_in_its_legal_entity() -> None:
    (event,) = translated(FO, page(header()))
    assert event["id"] == "order/usmf-000697:order.accepted"
    assert "erp/dynamics_finance/acme:quote:usmf-000012" in event["data"]["keys"]
    (other,) = translated(FO, header(dataAreaId="DEMF"))
    assert other["subject"] == "order/demf-000697"


def test_a_changed_or_cancelled_order_needs_the_time_of_its_change() -> None:
    told = translated(FO, header(ModifiedDateTime="2025-01-07T08:00:00Z", SalesOrderStatus="Canceled"))
    assert types(told) == ["order.accepted", "order.changed", "order.cancelled"]
    assert refused(FO, header(SalesOrderStatus="Canceled")) == ("field_missing", "/ModifiedDateTime")
    row = order_line(SalesOrderLineStatus="Canceled")
    told = translated(FO, header(row, ModifiedDateTime="2025-01-07T08:00:00Z"))
    assert facts(told[2], "order", "line") == ("usmf-000697", "013579")
    assert refused(FO, header(SalesOrderStatus="Lost"))[0] == "value_unknown"


def test_orders_and_lines_that_come_alone_are_fetched() -> None:
    assert needed(FO, header(SalesOrderLines=[])) == (
        Fetch("SalesOrderHeadersV2", "000697", "lines_missing"),
    )
    assert needed(FO, order_line()) == (Fetch("SalesOrderHeadersV2", "000697", "line"),)


def test_an_invoice_bills_lots_of_the_order_and_the_table_says_the_same_as_the_entity() -> None:
    (event,) = translated(FO, page(invoice_header()))
    assert facts(event, "invoice", "due_on", "effective_on") == ("usmf-CIV-1", "2025-03-03", "2025-02-01")
    assert event["data"]["lines"][0]["order_line"] == "usmf-000697/013579"
    (table,) = translated(FO, journal())
    assert table["id"] == event["id"]
    assert table["data"] == event["data"]


def test_charges_and_a_total_discount_are_lines_of_the_invoice() -> None:
    (event,) = translated(FO, journal(SumMarkup=20.0, EndDisc=50.0, InvoiceAmount=446.0))
    assert [line["sku"] for line in event["data"]["lines"]] == ["D0001", "charges", "discount"]
    assert gross(event) == "446.00"
    assert refused(FO, journal(InvoiceAmount=400.0))[0] == "total_mismatch"
    assert refused(FO, journal(DueDate="1900-01-01")) == ("field_missing", "/DueDate")


def test_a_negative_invoice_is_a_credit_memo() -> None:
    row = {"InventTransId": "013579", "ItemId": "D0001", "Qty": -4, "LineAmount": -400.0}
    (event,) = translated(FO, journal(row, InvoiceAmount=-476.0, SumTax=-76.0))
    assert (event["type"], event["data"]["reason"], gross(event)) == (
        "credit_memo.posted.v1",
        "return",
        "476.00",
    )


def test_a_packing_slip_fulfils_lots_of_the_order() -> None:
    slip = {
        "DataAreaId": "usmf", "PackingSlipId": "PS-1", "SalesId": "000697", "DeliveryDate": "2025-01-20",
        "OrderAccount": "US-001", "CustPackingSlipTrans": [{"InventTransId": "013579", "Qty": 4}],
    }  # fmt: skip
    (event,) = translated(FO, slip)
    assert event["data"]["lines"] == [{"order_line": "usmf-000697/013579", "quantity": "4"}]


def test_a_payment_is_known_by_its_record_id_to_the_last_digit_and_its_settlement_names_the_invoice() -> None:
    (paid,) = translated(FO, transaction(RecId=9007199254740993))
    assert facts(paid, "payment", "amount") == ("usmf-9007199254740993", "476.00")
    row = {
        "DataAreaId": "usmf", "RecId": 5, "TransRecId": 7, "OffsetRecid": 9007199254740993,
        "AccountNum": "US-001", "SettleAmountCur": 476.0, "TransDate": "2025-02-21",
    }  # fmt: skip
    (applied,) = translated(FO, {**row, "Invoice": "CIV-1", "CurrencyCode": "USD"})
    assert facts(applied, "payment", "invoice") == ("usmf-9007199254740993", "usmf-CIV-1")
    assert refused(FO, row) == ("invoice_missing", "/Invoice")
    assert ignored(FO, {**row, "TransType": "Payment"}) == "restates_settlement"


def test_other_transactions_are_ignored_with_a_reason_or_refused() -> None:
    assert ignored(FO, transaction(TransType="Sales")) == "restates_invoice"
    assert refused(FO, transaction(AmountCur=5.0)) == ("payment_direction", "/AmountCur")
    assert refused(FO, transaction(TransType="Interest"))[0] == "value_unknown"


def test_a_business_event_says_what_to_fetch() -> None:
    event = {
        "BusinessEventId": "SalesOrderInvoicePostedBusinessEvent", "ControlNumber": 5637166326,
        "EventTime": "/Date(1738404000000)/", "LegalEntity": "USMF",
        "InvoiceId": "CIV-1", "SalesId": "000697",
    }  # fmt: skip
    assert needed(FO, event) == (Fetch("SalesInvoiceHeadersV2", "CIV-1", "business_event"),)
    assert needed(FO, {**event, "InvoiceId": ""})[0] == Fetch(
        "SalesOrderHeadersV2", "000697", "business_event"
    )
    assert refused(FO, {**event, "InvoiceId": "", "SalesId": ""})[0] == "event_unknown"
    assert ignored(FO, {"BusinessEventId": "VendorPaymentPostedBusinessEvent"}) == "not_order_to_cash"
