"""OFBiz rows, gathered to documents, and what they become."""

from pathlib import Path
from typing import Any

import pytest

from adapters.sources import SOURCES
from adapters.sources.base import Record
from tests.sources.checks import gross, types
from tests.sources.samples_netsuite import told, why

OFBIZ = SOURCES["ofbiz"]
ERP = "erp/ofbiz/acme"

ORDER = """
<OrderHeader orderId="WSCO10" orderTypeId="SALES_ORDER" orderDate="2026-03-01 08:00:00.0"
  statusId="ORDER_APPROVED"
  salesChannelEnumId="WEB_SALES_CHANNEL" currencyUom="EUR"/>
<OrderRole orderId="WSCO10" partyId="10001" roleTypeId="BILL_TO_CUSTOMER"/>
<OrderItem orderId="WSCO10" orderItemSeqId="00001" productId="PUMP" quantity="3.000000" unitPrice="100.00"
  statusId="ITEM_APPROVED" quoteId="10400"/>
<OrderItem orderId="WSCO10" orderItemSeqId="00002" productId="COURSE" quantity="1.000000" unitPrice="50.00"
  statusId="ITEM_APPROVED"/>
<OrderItemShipGroupAssoc orderId="WSCO10" orderItemSeqId="00001" shipGroupSeqId="00001" quantity="3"/>
<OrderAdjustment orderAdjustmentId="1" orderId="WSCO10" orderItemSeqId="00001" amount="-30.00"
  orderAdjustmentTypeId="PROMOTION_ADJUSTMENT"/>
<OrderAdjustment orderAdjustmentId="2" orderId="WSCO10" orderItemSeqId="_NA_" amount="-5.00"
  orderAdjustmentTypeId="DISCOUNT_ADJUSTMENT"/>
<OrderAdjustment orderAdjustmentId="3" orderId="WSCO10" orderItemSeqId="_NA_" amount="7.50"
  orderAdjustmentTypeId="SHIPPING_CHARGES"/>
<OrderAdjustment orderAdjustmentId="4" orderId="WSCO10" orderItemSeqId="00001" amount="5.699"
  orderAdjustmentTypeId="SALES_TAX"/>
<OrderStatus orderStatusId="9" orderId="WSCO10" statusId="ORDER_CREATED"
  statusDatetime="2026-03-01 08:00:01.0"/>
<OrderStatus orderStatusId="3" orderId="WSCO10" statusId="ORDER_APPROVED"
  statusDatetime="2026-03-02 09:30:00.0"/>
<OrderStatus orderStatusId="4" orderId="WSCO10" orderItemSeqId="00001" statusId="ITEM_APPROVED"
  statusDatetime="2026-03-02 09:30:01.0"/>
"""
INVOICE = """
<Invoice invoiceId="8100" invoiceTypeId="SALES_INVOICE" partyIdFrom="Company" partyId="10001"
  statusId="INVOICE_READY"
  invoiceDate="2026-03-05 10:00:00.0" currencyUomId="EUR"/>
<InvoiceItem invoiceId="8100" invoiceItemSeqId="00001" invoiceItemTypeId="INV_FPROD_ITEM" productId="PUMP"
  quantity="3.000000" amount="100.000"/>
<InvoiceItem invoiceId="8100" invoiceItemSeqId="00002" invoiceItemTypeId="ITM_SALES_TAX"
  parentInvoiceId="8100"
  parentInvoiceItemSeqId="00001" amount="5.699"/>
<InvoiceItem invoiceId="8100" invoiceItemSeqId="00003" invoiceItemTypeId="ITM_PROMOTION_ADJ"
  parentInvoiceId="8100"
  parentInvoiceItemSeqId="00001" quantity="1" amount="-30.000"/>
<InvoiceItem invoiceId="8100" invoiceItemSeqId="00004" invoiceItemTypeId="ITM_SHIPPING_CHARGES"
  amount="7.500"/>
<InvoiceItem invoiceId="8100" invoiceItemSeqId="00005" invoiceItemTypeId="ITM_SALES_TAX" amount="-0.010"/>
<OrderItemBilling orderId="WSCO10" orderItemSeqId="00001" invoiceId="8100" invoiceItemSeqId="00001"
  quantity="3"/>
"""
PAYMENT = """
<Payment paymentId="P1" paymentTypeId="CUSTOMER_PAYMENT" partyIdFrom="10001" partyIdTo="Company"
  statusId="PMNT_RECEIVED"
  effectiveDate="2026-03-09 12:00:00.0" amount="283.19" currencyUomId="EUR"
  lastUpdatedStamp="2026-03-10 08:00:00.0"/>
<PaymentApplication paymentApplicationId="A1" paymentId="P1" invoiceId="8100" amountApplied="280.00"/>
<PaymentApplication paymentApplicationId="A2" paymentId="P1" billingAccountId="B1" amountApplied="3.19"/>
"""
SHIPMENT = """
<Shipment shipmentId="S1" shipmentTypeId="SALES_SHIPMENT" statusId="SHIPMENT_SHIPPED"
  primaryOrderId="WSCO10"/>
<ItemIssuance itemIssuanceId="I1" orderId="WSCO10" orderItemSeqId="00001" shipmentId="S1"
  issuedDateTime="2026-03-04 09:00:00.0" quantity="3.000000" cancelQuantity="1.000000"/>
<ShipmentStatus shipmentId="S1" statusId="SHIPMENT_SHIPPED" statusDate="2026-03-04 16:00:00.0"/>
"""
RETURN = """
<ReturnHeader returnId="R1" returnHeaderTypeId="CUSTOMER_RETURN" statusId="RETURN_RECEIVED"/>
<ReturnItem returnId="R1" returnItemSeqId="00001" orderId="WSCO10" orderItemSeqId="00001" returnQuantity="2"
  receivedQuantity="1"/>
<ReturnStatus returnStatusId="1" returnId="R1" statusId="RETURN_RECEIVED"
  statusDatetime="2026-03-20 11:00:00.0"/>
"""


def records(folder: Path, *exports: str) -> list[Record]:
    """The records of some exports, each a file."""
    for number, rows in enumerate(exports):
        (folder / f"{number}.xml").write_text(f"<entity-engine-xml>{rows}</entity-engine-xml>")
    return list(OFBIZ.records(folder))


def document(folder: Path, rows: str) -> bytes:
    """The one document that rows come to."""
    (found,) = records(folder, rows)
    return found.payload


def lines(milestone: dict[str, Any]) -> list[tuple[str, ...]]:
    """Number, sku, net and tax of lines."""
    return [(r["line"], r["sku"], r["net"], r.get("tax", "")) for r in milestone["data"]["lines"]]


def test_an_order_is_accepted_when_its_history_says_so_whatever_the_ids_of_its_rows(tmp_path: Path) -> None:
    submitted, accepted = told(document(tmp_path, ORDER), OFBIZ)
    assert types([submitted, accepted]) == ["order.submitted", "order.accepted"]
    assert (submitted["time"], accepted["time"]) == ("2026-03-01T08:00:01Z", "2026-03-02T09:30:00Z")
    assert accepted["data"]["dimensions"] == {"customer": "10001", "channel": "WEB_SALES_CHANNEL"}
    assert accepted["data"]["keys"] == [f"{ERP}:order:WSCO10", "cpq/ofbiz/acme:quote:10400"]


def test_an_order_is_worth_its_items_and_charges_without_taxes(tmp_path: Path) -> None:
    _submitted, accepted = told(document(tmp_path, ORDER), OFBIZ)
    assert lines(accepted) == [
        ("1", "PUMP", "265.78", ""),  # 30 of its own discount and 4.22 of the order's
        ("2", "COURSE", "49.22", ""),
        ("shipping", "shipping", "7.50", ""),
    ]
    assert [row.get("recognition") for row in accepted["data"]["lines"]][:2] == [
        "on_fulfilment",
        "on_invoice",
    ]


def test_an_order_without_its_history_is_dated_by_itself(tmp_path: Path) -> None:
    submitted, accepted = told(document(tmp_path, _without(ORDER, "OrderStatus")), OFBIZ)
    assert (submitted["time"], accepted["time"]) == ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z")


def _without(rows: str, name: str) -> str:
    return "<".join(part for part in rows.split("<") if not part.startswith(name))


def test_cancelled_items_and_orders_and_rejected_ones_are_told(tmp_path: Path) -> None:
    item = ORDER.replace('statusId="ITEM_APPROVED"/>', 'statusId="ITEM_CANCELLED" cancelQuantity="1"/>')
    status = (
        '<OrderStatus orderStatusId="5" orderId="WSCO10" orderItemSeqId="00002" statusId="ITEM_CANCELLED" '
        'statusDatetime="2026-03-03 09:00:00.0"/>'
    )
    found = told(document(tmp_path, item + status), OFBIZ)
    assert (found[2]["type"], found[2]["data"]["line"]) == ("order.line_cancelled.v1", "2")
    assert lines(found[1])[1] == ("2", "COURSE", "49.22", "")
    for state, name in (("ORDER_CANCELLED", "order.cancelled"), ("ORDER_REJECTED", "order.rejected")):
        whole = ORDER.replace('"ORDER_APPROVED"\n', f'"{state}"\n') + status.replace(
            ' orderItemSeqId="00002"', ""
        ).replace("ITEM_CANCELLED", state)
        assert types(told(document(tmp_path, whole), OFBIZ))[-1] == name


def test_what_was_cancelled_of_an_item_that_lives_on_is_not_ordered(tmp_path: Path) -> None:
    rows = ORDER.replace('quantity="3.000000" unitPrice', 'quantity="3.000000" cancelQuantity="1" unitPrice')
    _submitted, accepted = told(document(tmp_path, rows), OFBIZ)
    assert lines(accepted)[0] == ("1", "PUMP", "166.14", "")
    assert accepted["data"]["lines"][0]["quantity"] == "2"


def test_a_tax_of_three_decimals_is_rounded_half_up_row_by_row(tmp_path: Path) -> None:
    (posted,) = told(document(tmp_path, INVOICE), OFBIZ)
    assert lines(posted) == [("1", "PUMP", "270.00", "5.69"), ("4", "shipping", "7.50", "")]  # 5.70 - 0.01
    assert gross(posted) == "283.19"
    assert posted["data"]["lines"][0]["order_line"] == "WSCO10/1"
    assert posted["data"]["keys"] == [f"{ERP}:invoice:8100", f"{ERP}:order:WSCO10"]
    assert posted["data"]["due_on"] == "2026-03-05"


def test_an_invoice_is_due_by_its_date_or_its_terms(tmp_path: Path) -> None:
    terms = '<InvoiceTerm invoiceTermId="1" invoiceId="8100" termTypeId="FIN_PAYMENT_TERM" termDays="30"/>'
    (posted,) = told(document(tmp_path, INVOICE + terms), OFBIZ)
    assert posted["data"]["due_on"] == "2026-04-04"


def test_an_approved_invoice_counts_where_its_posting_stands_beside_it(tmp_path: Path) -> None:
    approved = INVOICE.replace("INVOICE_READY", "INVOICE_APPROVED")
    assert why(document(tmp_path, approved), OFBIZ) == "draft"
    posting = '<AcctgTrans acctgTransTypeId="SALES_INVOICE" isPosted="Y" invoiceId="8100"/>'
    assert types(told(document(tmp_path, approved + posting), OFBIZ)) == ["invoice.posted"]


def test_a_cancelled_invoice_is_voided_when_its_history_says_when(tmp_path: Path) -> None:
    cancelled = INVOICE.replace("INVOICE_READY", "INVOICE_CANCELLED")
    assert why(document(tmp_path, cancelled), OFBIZ) == "field_missing /InvoiceStatus"
    status = (
        '<InvoiceStatus statusId="INVOICE_CANCELLED" invoiceId="8100" statusDate="2026-03-08 10:00:00.0"/>'
    )
    assert types(told(document(tmp_path, cancelled + status), OFBIZ)) == ["invoice.voided"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (("SALES_INVOICE", "PURCHASE_INVOICE"), "purchasing"),
        (("INVOICE_READY", "INVOICE_IN_PROCESS"), "draft"),
        (("INVOICE_READY", "INVOICE_WRITEOFF"), "write_off_amount /@statusId"),
        (("INVOICE_READY", "INVOICE_LOST"), "value_unknown /@statusId"),
        (("SALES_INVOICE", "SPACE_INVOICE"), "value_unknown /@invoiceTypeId"),
    ],
)
def test_other_invoices_are_ignored_or_refused(tmp_path: Path, change: tuple[str, str], outcome: str) -> None:
    assert why(document(tmp_path, INVOICE.replace(*change)), OFBIZ) == outcome


def test_the_invoice_of_a_customers_return_is_a_credit(tmp_path: Path) -> None:
    (credit,) = told(document(tmp_path, INVOICE.replace("SALES_INVOICE", "CUST_RTN_INVOICE")), OFBIZ)
    assert (credit["type"], credit["data"]["reason"]) == ("credit_memo.posted.v1", "return")


def test_a_payment_is_received_and_applied_to_invoices(tmp_path: Path) -> None:
    received, applied = told(document(tmp_path, PAYMENT), OFBIZ)
    assert (received["data"]["amount"], received["data"]["keys"]) == ("283.19", [f"{ERP}:payment:P1"])
    assert (applied["data"]["amount"], applied["data"]["payment"], applied["time"]) == (
        "280.00",
        "P1",
        "2026-03-09T12:00:00Z",
    )
    voided = told(document(tmp_path, PAYMENT.replace("PMNT_RECEIVED", "PMNT_VOID")), OFBIZ)
    assert types(voided) == ["payment.received", "payment.reversed"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (("CUSTOMER_PAYMENT", "VENDOR_PAYMENT"), "purchasing"),
        (("CUSTOMER_PAYMENT", "SALES_TAX_PAYMENT"), "own_funds"),
        (("PMNT_RECEIVED", "PMNT_NOT_PAID"), "payment_pending"),
        (("PMNT_RECEIVED", "PMNT_CANCELLED"), "payment_cancelled"),
    ],
)
def test_other_payments_are_ignored(tmp_path: Path, change: tuple[str, str], outcome: str) -> None:
    assert why(document(tmp_path, PAYMENT.replace(*change)), OFBIZ) == outcome


def test_a_refund_to_a_customer_names_itself(tmp_path: Path) -> None:
    (refund,) = told(document(tmp_path, PAYMENT.replace("CUSTOMER_PAYMENT", "CUSTOMER_REFUND")), OFBIZ)
    assert (refund["type"], refund["data"]["payment"]) == ("payment.refunded.v1", "P1")


def test_what_was_issued_is_performed_when_the_shipment_left(tmp_path: Path) -> None:
    (shipped,) = told(document(tmp_path, SHIPMENT), OFBIZ)
    assert (shipped["id"], shipped["time"]) == (
        "fulfilment/I1:fulfilment.confirmed",
        "2026-03-04T16:00:00Z",
    )
    assert shipped["data"]["lines"] == [{"order_line": "WSCO10/1", "quantity": "2"}]
    packed = SHIPMENT.replace("SHIPMENT_SHIPPED", "SHIPMENT_PACKED", 1)
    assert why(document(tmp_path, packed), OFBIZ) == "not_shipped"
    assert (
        why(document(tmp_path, SHIPMENT.replace("SALES_SHIPMENT", "PURCHASE_SHIPMENT")), OFBIZ)
        == "purchasing"
    )


def test_goods_that_came_back_are_returned(tmp_path: Path) -> None:
    (returned,) = told(document(tmp_path, RETURN), OFBIZ)
    assert (returned["type"], returned["time"]) == ("fulfilment.returned.v1", "2026-03-20T11:00:00Z")
    assert returned["data"]["lines"] == [{"order_line": "WSCO10/1", "quantity": "1"}]


def test_an_answered_quote_needs_the_moment_of_its_answer(tmp_path: Path) -> None:
    quote = '<Quote quoteId="10400" statusId="QUO_ORDERED" lastUpdatedStamp="2026-02-20 10:00:00"/>'
    (accepted,) = told(document(tmp_path, quote), OFBIZ)
    assert (accepted["source"], accepted["type"]) == ("/cpq/ofbiz/acme", "quote.accepted.v1")
    assert why(document(tmp_path, quote.replace("lastUpdatedStamp", "issueDate")), OFBIZ) == (
        "field_missing /@lastUpdatedStamp"
    )
    assert why(document(tmp_path, quote.replace("QUO_ORDERED", "QUO_CREATED")), OFBIZ) == "quote_open"


def test_a_purchase_order_is_the_other_side_of_the_house(tmp_path: Path) -> None:
    assert why(document(tmp_path, ORDER.replace("SALES_ORDER", "PURCHASE_ORDER")), OFBIZ) == "purchasing"


def test_rows_are_gathered_from_all_files_wherever_they_stand(tmp_path: Path) -> None:
    rows = ["<" + row for row in ORDER.split("<")[1:]]
    together = document(tmp_path, ORDER)
    (tmp_path / "0.xml").unlink()
    (apart,) = records(tmp_path, "".join(rows[4:]), "".join(rows[:4]))
    assert sorted(lines(told(apart.payload, OFBIZ)[1])) == sorted(lines(told(together, OFBIZ)[1]))


def test_rows_without_their_head_and_a_second_head_are_refused_and_none_is_lost(tmp_path: Path) -> None:
    head = INVOICE.split("<InvoiceItem", maxsplit=1)[0]
    found = records(tmp_path, PAYMENT + head * 2 + "<OrderStatus orderId='X'/>")
    assert sorted(why(r.payload, OFBIZ) for r in found if b"<Payment " not in r.payload) == [
        "head_missing ",
        "lines_missing /InvoiceItem",
        "lines_missing /InvoiceItem",
    ]


def test_a_row_of_an_unknown_entity_is_refused(tmp_path: Path) -> None:
    assert why(document(tmp_path, '<Spaceship spaceshipId="1"/>'), OFBIZ) == "object_unknown /#name"
