"""Payloads in the shapes of the real systems, with invented values."""

from typing import Any

from tests.sources.samples_stripe import (
    st_charge,
    st_credit_note,
    st_dispute,
    st_event,
    st_invoice,
    st_invoice_2025,
    st_invoice_payment,
    st_quote,
    st_refund,
    st_thin,
)

Payload = dict[str, Any]


# --- QuickBooks -----------------------------------------------------------------------------------


def qbo(stream: str, **entity: Any) -> Payload:
    return {"stream": stream, "data": entity, "emitted_at": 1700000000000}


def qbo_line(amount: float, item: str = "7", *, taxed: bool = False, **more: Any) -> Payload:
    detail = {
        "ItemRef": {"value": item, "name": f"Item {item}"},
        "Qty": 2.5,
        "TaxCodeRef": {"value": "TAX" if taxed else "NON"},
    }
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail, **more}


def qbo_subtotal(amount: float) -> Payload:
    return {"Amount": amount, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}


def qbo_discount(amount: float) -> Payload:
    return {"Amount": amount, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {}}


def qbo_document(number: str, lines: list[Payload], total: float, **more: Any) -> Payload:
    return {
        "Id": number,
        "SyncToken": "0",
        "MetaData": {
            "CreateTime": "2024-05-03T10:00:00-07:00",
            "LastUpdatedTime": "2024-05-09T11:00:00-07:00",
        },
        "DocNumber": "1001",
        "TxnDate": "2024-05-01",
        "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
        "CustomerRef": {"value": "24", "name": "A Person"},
        "BillEmail": {"Address": "person@example.com"},
        "Line": lines,
        "TotalAmt": total,
        **more,
    }


def qbo_invoice(**more: Any) -> Payload:
    lines = [
        qbo_line(100.1, taxed=True),
        qbo_line(50, "8"),
        qbo_line(33.35, taxed=True),
        qbo_subtotal(183.45),
    ]
    defaults = {
        "DueDate": "2024-05-31",
        "TxnTaxDetail": {"TotalTax": 10.01},
        "LinkedTxn": [{"TxnId": "100", "TxnType": "Estimate"}],
    }
    return qbo("invoices", **{**qbo_document("130", lines, 193.46), **defaults, **more})


def qbo_payment(lines: list[tuple[float, str, str]], total: float, **more: Any) -> Payload:
    rows = [{"Amount": a, "LinkedTxn": [{"TxnId": n, "TxnType": kind}]} for a, kind, n in lines]
    document = qbo_document("120", rows, total)
    del document["DocNumber"]
    return qbo("payments", **{**document, "UnappliedAmt": 0, **more})


def qbo_estimate(state: str, **more: Any) -> Payload:
    links = [{"TxnId": "130", "TxnType": "Invoice"}] if state == "Closed" else []
    document = qbo_document("100", [qbo_line(75.0)], 75.0, TxnStatus=state, LinkedTxn=links)
    return qbo("estimates", **{**document, **more})


# --- Chargebee ------------------------------------------------------------------------------------


def cb_line(amount: int, **more: Any) -> Payload:
    return {
        "id": "li_1",
        "date_from": 1704067200,
        "date_to": 1706745599,
        "amount": amount,
        "quantity": 2,
        "tax_amount": 0,
        "discount_amount": 0,
        "entity_type": "plan_item_price",
        "entity_id": "gold-monthly",
        "description": "Gold Monthly",
        "subscription_id": "sub_1",
        "metered": False,
        **more,
    }


def cb_invoice(**more: Any) -> Payload:
    return {
        "object": "invoice",
        "id": "1042",
        "customer_id": "cust_1",
        "subscription_id": "sub_1",
        "status": "payment_due",
        "price_type": "tax_exclusive",
        "date": 1704067200,
        "due_date": 1706659200,
        "generated_at": 1704070800,
        "updated_at": 1704070800,
        "resource_version": 1704070800123,
        "currency_code": "USD",
        "total": 11900,
        "line_items": [
            cb_line(10500, discount_amount=500, tax_amount=1400),
            cb_line(500, entity_type="charge_item_price", entity_id="setup", date_to=1704067200),
        ],
        "linked_payments": [{"txn_id": "txn_1", "applied_amount": 11900, "txn_status": "success"}],
        **more,
    }


def cb_credit_note(**more: Any) -> Payload:
    return {
        "object": "credit_note",
        "id": "CN-9",
        "customer_id": "cust_1",
        "subscription_id": "sub_1",
        "reference_invoice_id": "1042",
        "type": "refundable",
        "reason_code": "product_unsatisfactory",
        "status": "refunded",
        "date": 1704500000,
        "updated_at": 1704600000,
        "price_type": "tax_exclusive",
        "currency_code": "USD",
        "total": 3000,
        "line_items": [cb_line(3000)],
        "allocations": [
            {"allocated_amount": 1000, "allocated_at": 1704510000, "invoice_id": "1043"},
            {"allocated_amount": 2000, "allocated_at": 1704520000, "invoice_id": "1044"},
        ],
        **more,
    }


def cb_transaction(**more: Any) -> Payload:
    return {
        "object": "transaction",
        "id": "txn_1",
        "customer_id": "cust_1",
        "type": "payment",
        "status": "success",
        "date": 1704090000,
        "updated_at": 1704080000,
        "amount": 11900,
        "currency_code": "USD",
        "linked_invoices": [{"invoice_id": "1042", "applied_amount": 11900, "applied_at": 1704080000}],
        **more,
    }


def cb_quote(**more: Any) -> Payload:
    return {
        "object": "quote",
        "id": "Q1",
        "customer_id": "cust_1",
        "status": "accepted",
        "version": 2,
        "updated_at": 1704000000,
        "invoice_id": "1042",
        "currency_code": "USD",
        "total": 0,
        **more,
    }


# --- Salesforce -----------------------------------------------------------------------------------


def sf(kind: str, **row: str) -> Payload:
    return {"object": kind, "row": row}


def sf_opportunity(**more: str) -> Payload:
    row = {
        "id": "006A",
        "account_id": "001A",
        "amount": "120000.5",
        "currency_iso_code": "EUR",
        "close_date": "2024-06-30 00:00:00",
        "system_modstamp": "2024-06-01 08:00:00",
        "stage_name": "Negotiation",
        "probability": "65",
        "type": "New Customer",
        "is_won": "false",
        "is_closed": "false",
        "is_deleted": "false",
    }
    return sf("opportunity", **{**row, **more})


def sf_order(**more: str) -> Payload:
    row = {
        "id": "801A",
        "account_id": "001A",
        "status": "Activated",
        "status_code": "Activated",
        "order_number": "5392",
        "effective_date": "2024-07-01",
        "activated_date": "2024-06-30 12:00:00",
        "is_deleted": "FALSE",
        "sbqq_quote_c": "a0Q1",
        "opportunity_id": "006A",
        "netsuite_conn_net_suite_id_c": "934887",
        "celigo_sfnsio_net_suite_id_c": "934887",
        "netsuite_conn_net_suite_order_number_c": "SO4866",
    }
    return sf("order", **{**row, **more})


ALL: dict[str, list[Payload]] = {
    "quickbooks": [
        qbo_invoice(),
        qbo_payment([(193.46, "Invoice", "130")], 193.46),
        qbo_payment([(100.0, "Invoice", "130"), (30.0, "CreditMemo", "73")], 70.0),
        qbo("sales_receipts", **qbo_document("38", [qbo_line(87.5), qbo_discount(8.75)], 78.75)),
        qbo("credit_memos", **qbo_document("73", [qbo_line(30.0)], 30.0)),
        qbo("refund_receipts", **qbo_document("66", [qbo_line(30.0)], 30.0)),
        qbo_estimate("Closed"),
        qbo("customers", Id="24"),
    ],
    "chargebee": [
        cb_invoice(),
        cb_invoice(status="voided", voided_at=1705000000),
        cb_credit_note(),
        cb_credit_note(reason_code="write_off", allocations=[]),
        cb_transaction(),
        cb_transaction(type="refund", reference_transaction_id="txn_0"),
        cb_quote(),
        {"stream": "customer", "data": {"id": "cust_1"}},
    ],
    "stripe": [
        st_event("invoice.paid", st_invoice()),
        st_event("charge.captured", st_charge(refunds={"data": [st_refund()]})),
        st_refund(),
        st_credit_note(),
        st_dispute(-11900, 11900),
        st_quote(),
        st_invoice_payment(),
        st_event("invoice.paid", st_invoice_2025()),
        st_thin("invoice", "in_1", "v1.invoice.paid"),
        st_event("customer.updated", {"object": "customer", "id": "cus_1"}),
    ],
    "salesforce": [
        sf_opportunity(),
        sf_opportunity(is_won="true", is_closed="true"),
        sf_opportunity(is_deleted="TRUE"),
        sf_order(),
        sf("account", id="001A"),
    ],
}
