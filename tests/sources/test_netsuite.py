"""NetSuite: documents of SuiteTalk, REST and saved searches, and what they become."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sources.checks import gross, types
from tests.sources.samples_netsuite import (
    CSV,
    ERP,
    REST,
    SOAP,
    element,
    envelope,
    got,
    invoice,
    record,
    ref,
    rest,
    told,
    why,
    wrote,
)

APPLIED = [
    {"apply": "true", "doc": "7001", "type": "Invoice", "amount": "202.5", "disc": "2.5"},
    {"apply": "false", "doc": "7002", "type": "Invoice", "amount": "9.0"},
    {"apply": "true", "doc": "7003", "type": "Journal", "amount": "9.0"},
]
PAYMENT: dict[str, Any] = {
    "createdDate": "2026-03-20T10:00:00.000-07:00",
    "lastModifiedDate": "2026-03-20T10:00:00.000-07:00",
    "tranDate": "2026-03-19T00:00:00.000-07:00",
    "customer": ref("854", "Example Works"),
    "currency": ref("1", "USD"),
    "payment": "202.5",
    "status": "Deposited",
    "applyList": {"apply": APPLIED},
}
ORDER: dict[str, Any] = {
    **{k: v for k, v in invoice().items() if k not in ("dueDate", "createdFrom", "status", "taxTotal")},
    "tranId": "SO866",
    "orderStatus": "_pendingFulfillment",
    "opportunity": ref("55", "Opportunity #OP9"),
}


def order_lines(**changes: str) -> dict[str, Any]:
    """The lines of the order, the second one changed."""
    first, second = ORDER["itemList"]["item"]
    return {"item": [first, {**second, **changes}]}


def test_an_invoice_is_posted_under_its_internal_id_with_the_keys_of_its_order() -> None:
    (posted,) = told(got("Invoice", **invoice()))
    assert (posted["source"], posted["id"]) == ("/erp/netsuite/acme", "invoice/7001:invoice.posted")
    assert posted["time"] == "2026-03-02T17:15:30Z"
    body = posted["data"]
    assert (body["effective_on"], body["due_on"], body["currency"]) == ("2026-03-01", "2026-03-31", "USD")
    assert body["keys"] == [f"{ERP}:invoice:7001", f"{ERP}:order:6001", f"{ERP}:order:SO866"]
    assert body["dimensions"] == {"customer": "854", "entity": "2", "segment": "5"}


def test_discount_tax_and_shipping_of_the_document_are_on_its_lines_and_add_up() -> None:
    (posted,) = told(got("Invoice", **invoice()))
    rows = [
        (r["line"], r["sku"], r["net"], r.get("tax"), r.get("order_line")) for r in posted["data"]["lines"]
    ]
    assert rows == [
        ("1", "217", "180.00", "20.00", "6001/1"),
        ("2", "218", "90.00", None, "6001/2"),
        ("shipping", "shipping", "12.50", None, None),
    ]
    assert gross(posted) == "302.50"
    assert (
        why(got("Invoice", **invoice(total="302.51")))
        == "total_mismatch /Body/getResponse/readResponse/record/total"
    )


def test_taxes_of_lines_stay_on_them() -> None:
    lines = {"item": {"item": ref("217", "Pump"), "line": "1", "amount": "100.0", "tax1Amt": "20.0"}}
    (posted,) = told(
        got("Invoice", **invoice(itemList=lines, discountTotal="0.0", altShippingCost="0.0", total="120.0"))
    )
    assert [row["tax"] for row in posted["data"]["lines"]] == ["20.00"]


def test_the_same_document_tells_the_same_by_soap_and_by_rest() -> None:
    by_rest = json.dumps(rest("invoice", "7001", invoice())).encode()
    assert told(by_rest, REST) == told(got("Invoice", **invoice()))
    order = {k: v for k, v in ORDER.items() if k != "opportunity"}
    assert told(json.dumps(rest("salesOrder", "6001", order)).encode(), REST) == told(
        got("SalesOrder", "6001", **order)
    )


@pytest.mark.parametrize("api", ["2011_2", "2014_1", "2019_2", "2024_1"])
def test_versions_of_the_api_differ_in_namespaces_alone(api: str) -> None:
    assert told(got("Invoice", api=api, **invoice())) == told(got("Invoice", **invoice()))


@pytest.mark.parametrize("name", ["@scriptId", "@internalId"])
def test_a_connectors_field_joins_the_crm_whichever_version_names_it(name: str) -> None:
    field = {
        "@xsi:type": "core:StringCustomFieldRef",
        name: "custbody_salesforce_id",
        "core:value": "006A0000004XYZa",
    }
    other = {name: "custbody_barcode", "core:value": "006A0000004XYZb"}
    (posted,) = told(got("Invoice", **invoice(customFieldList={"core:customField": [other, field]})))
    assert [key for key in posted["data"]["keys"] if key.startswith("crm/")] == [
        "crm/salesforce/acme:opportunity:006A0000004XYZa"
    ]


def test_a_bare_document_number_is_no_key_because_it_may_be_anothers_id() -> None:
    (posted,) = told(got("Invoice", **invoice(createdFrom=ref("6001", "Sales Order #866"))))
    assert posted["data"]["keys"] == [f"{ERP}:invoice:7001", f"{ERP}:order:6001"]


def test_what_is_not_posted_is_ignored_and_a_voided_invoice_is_voided() -> None:
    assert why(got("Invoice", "", **invoice())) == "not_saved"
    assert why(got("Invoice", **invoice(status="Pending Approval"))) == "pending_approval"
    assert why(got("Invoice", **invoice(status="Rejected"))) == "rejected"
    (voided,) = told(got("Invoice", **invoice(status="Voided", total="0.0")))
    assert (voided["type"], voided["time"]) == ("invoice.voided.v1", "2026-03-02T17:15:30Z")


def test_what_an_invoice_does_not_say_is_refused() -> None:
    at = "/Body/getResponse/readResponse/record"
    assert why(got("Invoice", **{k: v for k, v in invoice().items() if k != "currency"})) == (
        f"currency_missing {at}/currency"
    )
    assert (
        why(got("Invoice", **invoice(currency=ref("9", "Doubloon")))) == f"value_unknown {at}/currency/name"
    )
    assert why(got("Invoice", **invoice(status="Paused"))) == f"value_unknown {at}/status"
    assert why(got("Invoice", **invoice(itemList={}))) == f"lines_missing {at}/itemList/item"
    assert why(got("Spaceship")) == f"object_unknown {at}/@xsi:type"


def test_amounts_of_ten_million_and_more_come_with_an_exponent() -> None:
    lines = {"item": {"item": ref("217", "Plant"), "line": "1", "amount": "1.599360025E7"}}
    changes = {"itemList": lines, "discountTotal": "0.0", "taxTotal": "0.0", "altShippingCost": "0.0"}
    (posted,) = told(got("Invoice", **invoice(total="1.599360025E7", **changes)))
    assert gross(posted) == "15993600.25"


def test_a_credit_memo_made_from_a_return_is_one_and_its_applications_are_facts() -> None:
    fields = invoice(
        createdFrom=ref("88", "Return Authorization #RMA3"),
        status="Open",
        applyList={"apply": [{"apply": "true", "doc": "7001", "type": "Invoice", "amount": "50.0"}]},
    )
    posted, applied = told(got("CreditMemo", "7100", **fields))
    assert (posted["type"], posted["data"]["reason"]) == ("credit_memo.posted.v1", "return")
    assert applied["id"] == "credit_application/7100-7001:credit_memo.applied"
    assert (applied["data"]["invoice"], applied["data"]["amount"]) == ("7001", "50.00")
    (posted,) = told(got("CreditMemo", "7100", **invoice(createdFrom=ref("7001", "Invoice #INV1042"))))
    assert posted["data"]["reason"] == "concession"
    assert f"{ERP}:invoice:7001" in posted["data"]["keys"]


def test_a_payment_is_received_once_and_applied_to_each_invoice() -> None:
    received, applied = told(got("CustomerPayment", "9001", **PAYMENT))
    assert received["data"]["keys"] == [f"{ERP}:payment:9001"]
    assert (received["data"]["amount"], received["data"]["effective_on"]) == ("202.50", "2026-03-19")
    assert applied["id"] == "application/9001-7001:payment.applied"
    assert applied["data"]["keys"] == [f"{ERP}:application:9001-7001", f"{ERP}:invoice:7001"]
    assert (applied["data"]["amount"], applied["data"]["discount"]) == ("202.50", "2.50")


def test_credits_used_in_a_payment_are_no_money_and_must_have_one_invoice() -> None:
    credit = {"credit": {"apply": "true", "doc": "7100", "amount": "100.0"}}
    fields = {**PAYMENT, "payment": "102.5", "creditList": credit}
    received, applied, credited = told(got("CustomerPayment", "9001", **fields))
    assert (received["data"]["amount"], applied["data"]["amount"]) == ("102.50", "102.50")
    assert (credited["id"], credited["data"]["amount"]) == (
        "credit_application/7100-7001:credit_memo.applied",
        "100.00",
    )
    two = {"apply": [APPLIED[0], {**APPLIED[0], "doc": "7005"}]}
    assert why(got("CustomerPayment", "9001", **{**fields, "applyList": two})).startswith("credit_ambiguous")


def test_a_voided_payment_is_reversed_and_a_failed_one_is_none() -> None:
    (reversed_,) = told(got("CustomerPayment", "9001", **{**PAYMENT, "status": "Voided", "payment": "0.0"}))
    assert reversed_["type"] == "payment.reversed.v1"
    assert why(got("CustomerPayment", "9001", **{**PAYMENT, "status": "Payment Failed"})) == "payment_failed"
    assert (
        why(got("CustomerPayment", "9001", **{**PAYMENT, "status": "Unapproved Payment"}))
        == "pending_approval"
    )


def test_a_deposit_is_received_for_its_order_and_applied_later() -> None:
    deposit = {**PAYMENT, "salesOrder": ref("6001", "Sales Order #SO866")}
    (received,) = told(got("CustomerDeposit", "31", **deposit))
    assert received["data"]["payment"] == "customer_deposit-31"
    assert f"{ERP}:order:6001" in received["data"]["keys"]
    (applied,) = told(
        got("DepositApplication", "32", **{**PAYMENT, "deposit": ref("31", "Customer Deposit #7")})
    )
    assert (applied["data"]["payment"], applied["data"]["invoice"]) == ("customer_deposit-31", "7001")


def test_a_cash_sale_is_an_invoice_that_is_paid_as_it_is_made() -> None:
    found = told(got("CashSale", "40", **invoice(status="Deposited")))
    assert types(found) == ["invoice.posted", "payment.received", "payment.applied"]
    assert {m["data"].get("invoice", "cash_sale-40") for m in found} == {"cash_sale-40"}
    assert found[0]["data"]["due_on"] == "2026-03-01"


def test_refunds_name_themselves_because_they_name_no_payment() -> None:
    (refund,) = told(got("CustomerRefund", "51", **{**PAYMENT, "total": "50.0"}))
    assert (refund["type"], refund["data"]["payment"]) == ("payment.refunded.v1", "customer_refund-51")
    credit, refund = told(got("CashRefund", "52", **invoice(createdFrom=ref("40", "Cash Sale #CS9"))))
    assert types([credit, refund]) == ["credit_memo.posted", "payment.refunded"]
    assert f"{ERP}:invoice:cash_sale-40" in credit["data"]["keys"]


def test_an_order_is_accepted_with_its_numbers_and_what_it_came_from() -> None:
    (accepted,) = told(got("SalesOrder", "6001", **ORDER))
    assert accepted["id"] == "order/6001:order.accepted"
    assert accepted["data"]["keys"] == [
        f"{ERP}:order:6001",
        "crm/netsuite/acme:opportunity:55",
        f"{ERP}:order:SO866",
    ]
    assert [(r["line"], r["net"], r["kind"]) for r in accepted["data"]["lines"]] == [
        ("1", "180.00", "one_time"),
        ("2", "90.00", "one_time"),
        ("shipping", "12.50", "one_time"),
    ]


def test_a_line_with_a_revenue_span_is_recurring() -> None:
    span = {
        "revRecStartDate": "2026-03-01T00:00:00.000-08:00",
        "revRecEndDate": "2027-02-28T00:00:00.000-08:00",
    }
    (accepted,) = told(got("SalesOrder", "6001", **{**ORDER, "itemList": order_lines(**span)}))
    line = accepted["data"]["lines"][1]
    assert (line["kind"], line["service_start"], line["service_end"]) == (
        "recurring",
        "2026-03-01",
        "2027-02-28",
    )


def test_an_order_that_waits_for_approval_is_submitted_only() -> None:
    assert types(told(got("SalesOrder", "6001", **{**ORDER, "orderStatus": "_pendingApproval"}))) == [
        "order.submitted"
    ]


def test_an_order_touched_later_also_tells_how_it_stands() -> None:
    later = {
        **ORDER,
        "lastModifiedDate": "2026-03-05T09:00:00.000-08:00",
        "itemList": order_lines(amount="150.0"),
    }
    accepted, changed = told(got("SalesOrder", "6001", **later))
    assert accepted["id"] == "order/6001:order.accepted"
    assert changed["id"] == "order/6001@2026-03-05T17:00:00Z:order.changed"
    assert changed["sequence"] == "1772730000000000"
    assert changed["data"]["lines"] == accepted["data"]["lines"]


def test_closed_lines_and_closed_or_cancelled_orders_are_cancelled() -> None:
    closed = {**ORDER, "itemList": order_lines(isClosed="true")}
    accepted, cancelled = told(got("SalesOrder", "6001", **closed))
    assert (cancelled["type"], cancelled["data"]["line"]) == ("order.line_cancelled.v1", "2")
    for state, reason in (("_closed", "closed"), ("_cancelled", "cancelled")):
        accepted, cancelled = told(got("SalesOrder", "6001", **{**ORDER, "orderStatus": state}))
        assert accepted["type"] == "order.accepted.v1"
        assert (cancelled["type"], cancelled["data"]["reason"]) == ("order.cancelled.v1", reason)


def test_a_processed_estimate_is_an_accepted_quote() -> None:
    fields = {k: v for k, v in ORDER.items() if k != "orderStatus"}
    (quote,) = told(got("Estimate", "5001", **{**fields, "status": "Processed"}))
    assert (quote["source"], quote["type"]) == ("/cpq/netsuite/acme", "quote.accepted.v1")
    assert why(got("Estimate", "5001", **{**fields, "status": "Open"})) == "quote_open"
    assert why(got("Estimate", "5001", **{**fields, "status": "Expired"})) == "quote_unanswered"


def test_a_shipped_fulfilment_performs_the_lines_of_its_order() -> None:
    fields: dict[str, Any] = {
        "createdDate": "2026-03-03T09:00:00.000-08:00",
        "tranDate": "2026-03-03T00:00:00.000-08:00",
        "createdFrom": ref("6001", "Sales Order #SO866"),
        "shipStatus": "_shipped",
        "itemList": {"item": {"item": ref("217", "Pump"), "orderLine": "1", "quantity": "2.0"}},
    }
    (shipped,) = told(got("ItemFulfillment", "8001", **fields))
    assert shipped["data"]["lines"] == [{"order_line": "6001/1", "quantity": "2"}]
    assert why(got("ItemFulfillment", "8001", **{**fields, "shipStatus": "_picked"})) == "not_shipped"
    transfer = ref("70", "Transfer Order #TO1")
    assert why(got("ItemFulfillment", "8001", **{**fields, "createdFrom": transfer})) == "warehouse"


def test_an_opportunity_is_a_snapshot_and_a_win_needs_its_class() -> None:
    fields: dict[str, Any] = {
        "lastModifiedDate": "2026-02-01T08:00:00.000-08:00",
        "entity": ref("854", "Example Works"),
        "currency": ref("1", "USD"),
        "projectedTotal": "1000.0",
        "probability": "65.0",
        "entityStatus": ref("11", "Proposal"),
        "expectedCloseDate": "2026-03-01T00:00:00.000-08:00",
        "closeDate": "2026-02-28T00:00:00.000-08:00",
        "status": "In Progress",
    }
    (snapshot,) = told(got("Opportunity", "55", **fields))
    assert (snapshot["source"], snapshot["data"]["probability"]) == ("/crm/netsuite/acme", "0.65")
    won = {**fields, "status": "Closed Won"}
    assert why(got("Opportunity", "55", **won)).startswith("field_missing")
    field = {"@scriptId": "custbody_booking_class", "core:value": ref("2", "Expansion")}
    (win,) = told(got("Opportunity", "55", **won, customFieldList={"core:customField": field}))
    assert (win["type"], win["data"]["class"]) == ("opportunity.won.v1", "expansion")


@pytest.mark.parametrize("answer", ["addResponse", "updateResponse", "upsertResponse", "deleteResponse"])
def test_a_write_says_only_what_has_to_be_fetched(answer: str) -> None:
    base = '<baseRef internalId="7001" type="invoice"/>'
    (needed,) = SOAP.translate(wrote(answer, base), "acme").needed
    assert (needed.object, needed.id, needed.reason) == ("invoice", "7001", "written")
    assert why(wrote(answer, base, success=False)) == "request_failed"
    assert why(wrote(answer, '<baseRef internalId="9" type="customer"/>')) == "master_data"


def test_a_deleted_document_takes_back_what_it_told() -> None:
    def deleted(kind: str) -> bytes:
        reference = f'<core:record internalId="7001" type="{kind}"/>'
        date = "<core:deletedDate>2026-04-01T15:00:00.000-07:00</core:deletedDate>"
        inner = f"<core:deletedRecord>{date}{reference}</core:deletedRecord>"
        status = '<core:status isSuccess="true"/>'
        listed = f"<core:deletedRecordList>{inner}</core:deletedRecordList>"
        return envelope(
            "getDeletedResponse", f"<core:getDeletedResult>{status}{listed}</core:getDeletedResult>"
        )

    (voided,) = told(deleted("invoice"))
    assert voided["data"]["target"] == {"source": "/erp/netsuite/acme", "id": "invoice/7001:invoice.posted"}
    assert types(told(deleted("customerPayment"))) == ["payment.reversed"]
    assert types(told(deleted("salesOrder"))) == ["milestone.voided", "milestone.voided"]
    assert why(deleted("customer")) == "master_data"
    assert why(deleted("spaceship")).startswith("object_unknown")


def test_records_of_a_search_are_cut_apart_so_that_none_waits_for_a_broken_one(tmp_path: Path) -> None:
    records = record("Invoice", "1", **invoice()) + record("Invoice", "2", **invoice(total="1.0"))
    listed = f"<core:recordList>{records}</core:recordList>"
    status = '<core:status isSuccess="true"/>'
    answer = envelope("searchResponse", f"<core:searchResult>{status}{listed}</core:searchResult>")
    (tmp_path / "search.xml").write_bytes(answer)
    good, bad = SOAP.records(tmp_path)
    assert told(good.payload)[0]["id"] == "invoice/1:invoice.posted"
    assert why(bad.payload) == "total_mismatch /total"
    assert SOAP.translate(answer, "acme").refused[0].code == "total_mismatch"


def test_a_failed_or_empty_search_is_told_and_a_row_of_a_search_is_fetched() -> None:
    failed = element("core:status", {"@isSuccess": "false", "core:statusDetail": {"core:code": "BAD"}})
    assert (
        why(envelope("searchResponse", f"<core:searchResult>{failed}</core:searchResult>"))
        == "request_failed"
    )
    empty = '<core:status isSuccess="true"/><core:recordList/>'
    assert (
        why(envelope("searchResponse", f"<core:searchResult>{empty}</core:searchResult>")) == "nothing_found"
    )
    row = {
        "@xsi:type": "tran:TransactionSearchRow",
        "tran:basic": {
            "core:type": {"core:searchValue": "_invoice"},
            "core:internalId": {"core:searchValue": {"@internalId": "7001"}},
        },
    }
    rows = f"<core:searchRowList>{element('core:searchRow', row)}</core:searchRowList>"
    (needed,) = SOAP.translate(
        envelope("searchResponse", f"<core:searchResult>{rows}</core:searchResult>"), "acme"
    ).needed
    assert needed[:2] == ("invoice", "7001")


@pytest.mark.parametrize(
    "message",
    [
        {"recordType": "invoice", "id": "7001", "eventType": "edit"},
        {
            "links": [{"rel": "self", "href": "https://x.example/services/rest/record/v1/invoice/7001"}],
            "id": "7001",
        },
        {"object": "invoice", "data": {"links": [], "id": "7001"}},
        {
            "items": [{"links": [{"href": "https://x.example/record/v1/invoice/7001"}], "id": "7001"}],
            "totalResults": 1,
        },
    ],
)
def test_a_sparse_rest_message_is_fetched(message: dict[str, Any]) -> None:
    (needed,) = REST.translate(json.dumps(message).encode(), "acme").needed
    assert (needed.object, needed.id) == ("invoice", "7001")


def test_a_rest_record_whose_lines_were_not_expanded_is_refused() -> None:
    fields = {**rest("invoice", "7001", invoice()), "item": {"links": []}}
    assert why(json.dumps(fields).encode(), REST) == "lines_missing /item/items"


def test_a_rest_payment_names_its_invoices_by_reference() -> None:
    fields = rest("customerPayment", "9001", {k: v for k, v in PAYMENT.items() if not k.endswith("Date")})
    fields |= {"tranDate": "2026-03-19", "createdDate": "2026-03-20T17:00:00Z"}
    fields["apply"]["items"][0] |= {"doc": {"id": "7001", "refName": "Invoice #INV1042"}, "disc": 2.5}
    assert told(json.dumps(fields).encode(), REST) == told(got("CustomerPayment", "9001", **PAYMENT))


HEADER = (
    "Internal ID,Type,Document Number,Status,Date,Due Date/Receive By,Date Created,Last Modified,Currency,"
    "Customer : Internal ID,Subsidiary : Internal ID,Class : Internal ID,Created From,"
    "Created From : Internal ID,Main Line,Tax Line,Shipping Line,COGS Line,Line ID,Item : Internal ID,"
    "Quantity,Amount (Foreign Currency),"
    "Applied To Transaction,Applied To Transaction : Internal ID,Applied To Link Amount (Foreign Currency)"
)


def exported(
    kind: str, id_: str, status: str, rows: list[str], origin: str = "Sales Order #SO866,6001"
) -> str:
    """Rows of one document; each from Main Line on."""
    head = (
        f"{id_},{kind},INV{id_},{status},3/1/2026,3/31/2026,3/2/2026 9:15 am,3/2/2026 9:15 am,US Dollar,"
        f"854,2,5,{origin},"
    )
    return "".join(f"{head}{row}\n" for row in rows)


def test_a_saved_search_tells_documents_by_their_rows(tmp_path: Path) -> None:
    text = (
        HEADER
        + "\n"
        + exported(
            "Invoice",
            "7001",
            "Invoice : Open",
            [
                '*,F,F,F,0,,,"1,302.50",,,',
                'F,F,F,F,1,217,2,"1,200.00",,,',
                "F,F,F,F,2,218,1,70.00,,,",
                "F,T,F,F,3,,,20.00,,,",
                "F,F,T,F,4,,,12.50,,,",
                "F,F,F,T,5,217,,-80.00,,,",
            ],
        )
        + exported(
            "Payment",
            "9001",
            "Payment : Deposited",
            ["*,F,F,F,0,,,202.50,,,", "F,F,F,F,1,,,,Invoice #INV7001,7001,-202.50"],
            ",",
        )
        + exported(
            "Credit Memo",
            "7100",
            "Open",
            ["*,F,F,F,0,,,-50.00,,,", "F,F,F,F,1,217,-1,-50.00,,,"],
            "Invoice #INV7001,7001",
        )
        + exported("Bill", "1", "Open", ["*,F,F,F,0,,,-50.00,,,"], ",")
    )
    (tmp_path / "transactions.csv").write_text(text)
    sale, payment, credit, bill = CSV.records(tmp_path)
    (posted,) = told(sale.payload, CSV)
    assert posted["id"] == "invoice/7001:invoice.posted"
    assert posted["data"]["keys"] == [f"{ERP}:invoice:7001", f"{ERP}:order:6001", f"{ERP}:order:SO866"]
    assert [(r["line"], r["net"], r.get("tax")) for r in posted["data"]["lines"]] == [
        ("1", "1200.00", "18.90"),
        ("2", "70.00", "1.10"),
        ("shipping", "12.50", None),
    ]
    received, applied = told(payment.payload, CSV)
    assert (received["data"]["amount"], applied["data"]["invoice"], applied["data"]["amount"]) == (
        "202.50",
        "7001",
        "202.50",
    )
    (memo,) = told(credit.payload, CSV)
    assert (gross(memo), memo["data"]["reason"]) == ("50.00", "concession")
    assert why(bill.payload, CSV) == "purchasing"


def test_a_saved_search_without_main_lines_is_refused(tmp_path: Path) -> None:
    text = HEADER + "\n" + exported("Sales Order", "6001", "Billed", ["F,F,F,F,1,217,2,200.00,,,"], ",")
    (tmp_path / "orders.csv").write_text(text)
    (row,) = CSV.records(tmp_path)
    assert why(row.payload, CSV).startswith("main_line_missing")
