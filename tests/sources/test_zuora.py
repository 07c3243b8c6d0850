"""Zuora: orders action by action, documents, payments, callouts."""

import json
from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.arrivals import Fetch
from tests.sources.checks import gross, ignored, refused, translated, types
from tests.sources.samples_zuora import action, credit_memo, invoice, item, metric, order, payment, refund

ZUORA = SOURCES["zuora"]


def needed(payload: object) -> tuple[Fetch, ...]:
    """What a message points to."""
    return ZUORA.translate(json.dumps(payload).encode(), "acme").needed


def facts(milestone: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some fields of a milestone's data."""
    return tuple(milestone["data"].get(name) for name in names)


def test_a_created_subscription_is_an_accepted_order_with_its_charges() -> None:
    created = action("CreateSubscription", metric(quantity=2), metric("C-2", 300, monthly=None))
    (event,) = translated(ZUORA, order(created))
    assert (event["id"], event["source"]) == ("order/A-S1:order.accepted", "/erp/zuora/acme")
    assert event["time"] == "2026-01-20T09:30:00Z"
    assert facts(event, "order", "currency", "effective_on") == ("A-S1", "EUR", "2026-02-01")
    assert event["data"]["keys"] == ["erp/zuora/acme:order:A-S1", "billing/zuora/acme:subscription:A-S1"]
    assert event["data"]["lines"] == [
        {
            "line": "C-1", "sku": "prpc-C-1", "net": "1200.00", "quantity": "2", "kind": "recurring",
            "service_start": "2026-02-01", "service_end": "2027-01-31",
        },
        {"line": "C-2", "sku": "prpc-C-2", "net": "300.00", "kind": "one_time"},
    ]  # fmt: skip


def test_the_same_order_bare_in_a_stream_and_in_its_answer_is_the_same() -> None:
    answer = order(action("CreateSubscription", metric()))
    assert (
        translated(ZUORA, answer)
        == translated(ZUORA, answer["order"])
        == translated(ZUORA, {"stream": "orders", "data": answer["order"]})
    )


def test_quote_and_opportunity_of_a_subscription_are_keys() -> None:
    answer = order(action("CreateSubscription", metric()))
    answer["order"]["subscriptions"][0] |= {
        "quote": {"quoteNumber__QT": "Q-7"},
        "customFields": {"OpportunityId__c": "006A"},
    }
    (event,) = translated(ZUORA, answer)
    assert "cpq/zuora/acme:quote:Q-7" in event["data"]["keys"]
    assert "crm/salesforce/acme:opportunity:006A" in event["data"]["keys"]


@pytest.mark.parametrize(
    ("type_", "net", "kind"),
    [
        ("AddProduct", 600, "upsell"),
        ("RemoveProduct", -600, "partial_cancel"),
        ("UpdateProduct", 50, "upsell"),
        ("UpdateProduct", -50, "downsell"),
        ("UpdateProduct", 0, "price_change"),
        ("TermsAndConditions", 100, "co_term"),
    ],
)
def test_a_change_of_a_subscription_amends_its_order(type_: str, net: int, kind: str) -> None:
    (event,) = translated(ZUORA, order(action(type_, metric(net=net, monthly=net / 12), on="2026-08-01")))
    assert event["id"] == "amendment/O-1-A-S1-0:contract.amended"
    assert facts(event, "amendment", "order", "kind", "effective_on") == (
        "O-1-A-S1-0", "A-S1", kind, "2026-08-01",
    )  # fmt: skip
    assert event["data"]["lines"][0]["net"] == f"{net:.2f}"


def test_a_renewal_is_the_order_of_the_next_term_and_what_follows_speaks_of_it() -> None:
    renewed = action(
        "RenewSubscription", metric(start="2027-02-01", end="2028-02-01", term=2), on="2027-02-01"
    )
    (event,) = translated(ZUORA, order(renewed))
    assert event["id"] == "order/A-S1-2:contract.renewed"
    assert facts(event, "order", "replaces", "effective_on") == ("A-S1-2", "A-S1", "2027-02-01")
    again = action("RenewSubscription", metric(term=13))
    assert facts(translated(ZUORA, order(again))[0], "order", "replaces") == ("A-S1-13", "A-S1-12")
    added = action("AddProduct", metric("C-9", 100, term=2))
    assert facts(translated(ZUORA, order(added))[0], "order") == ("A-S1-2",)
    ended = action(
        "CancelSubscription",
        metric(net=-600, term=2),
        cancelSubscription={"cancellationEffectiveDate": "2027-08-01"},
    )
    (cancelled,) = translated(ZUORA, order(ended))
    assert types([cancelled]) == ["order.cancelled"]
    assert facts(cancelled, "order", "effective_on") == ("A-S1-2", "2027-08-01")


def test_a_renewal_that_does_not_say_its_term_is_refused() -> None:
    renewed = action("RenewSubscription", metric())
    del renewed["orderMetrics"][0]["tcv"][0]["termNumber"], renewed["orderMetrics"][0]["mrr"][0]["termNumber"]
    assert refused(ZUORA, order(renewed))[0] == "field_missing"


def test_an_order_over_two_subscriptions_speaks_of_each() -> None:
    answer = order(action("CreateSubscription", metric()))
    second = {**answer["order"]["subscriptions"][0], "subscriptionNumber": "A-S2"}
    second["orderActions"] = [action("OwnerTransfer"), action("Suspend", metric(net=-100, monthly=None))]
    answer["order"]["subscriptions"].append(second)
    told = translated(ZUORA, answer)
    assert [(event["subject"]) for event in told] == ["order/A-S1", "amendment/O-1-A-S2-0"]


def test_an_order_that_is_not_completed_is_no_acceptance() -> None:
    created = action("CreateSubscription", metric())
    assert ignored(ZUORA, order(created, status="Draft")) == "order_open"
    assert ignored(ZUORA, order(created, status="Cancelled")) == "order_withdrawn"
    assert refused(ZUORA, order(created, status="Odd"))[0] == "value_unknown"


def test_an_order_without_its_metrics_is_refused_and_one_of_usage_alone_is_worth_nothing() -> None:
    bare = action("CreateSubscription")
    assert ignored(ZUORA, order(bare)) == "nothing_ordered"
    del bare["orderMetrics"]
    assert refused(ZUORA, order(bare)) == ("metrics_missing", "/order/subscriptions/0/orderActions")


def test_an_order_of_items_is_accepted_as_such() -> None:
    row = {
        "itemNumber": "1",
        "productCode": "HW",
        "amountPerUnit": 12.5,
        "quantity": 3,
        "itemType": "Product",
    }
    (event,) = translated(ZUORA, order(subscriptions=[], orderLineItems=[row]))
    assert event["subject"] == "order/O-1"
    assert event["data"]["lines"] == [
        {"line": "1", "sku": "HW", "net": "37.50", "quantity": "3", "kind": "one_time"}
    ]
    mixed = order(action("CreateSubscription", metric()), orderLineItems=[row])
    assert refused(ZUORA, mixed)[0] == "line_items_mixed"


def test_a_posted_invoice_bills_its_subscription() -> None:
    (event,) = translated(ZUORA, invoice(item(), item(-120, -24, processingType="Discount")))
    assert (event["id"], event["source"]) == ("invoice/inv-1:invoice.posted", "/billing/zuora/acme")
    assert facts(event, "due_on", "effective_on") == ("2026-03-03", "2026-02-01")
    assert event["time"] == "2026-02-01T06:00:00Z"
    assert gross(event) == "1296.00"
    assert event["data"]["lines"][0]["service_end"] == "2027-01-31"
    assert event["data"]["keys"] == [
        "billing/zuora/acme:invoice:inv-1",
        "billing/zuora/acme:invoice:INV00000001",
        "billing/zuora/acme:subscription:A-S1",
    ]


def test_an_invoice_over_two_subscriptions_names_none() -> None:
    (event,) = translated(ZUORA, invoice(item(), item(subscriptionNumber="A-S2")))
    assert not [key for key in event["data"]["keys"] if ":subscription:" in key]


def test_a_charge_of_one_day_has_no_service_period() -> None:
    (event,) = translated(ZUORA, invoice(item(serviceEndDate="2026-02-01")))
    assert "service_start" not in event["data"]["lines"][0]


def test_an_invoice_that_does_not_add_up_is_refused_and_one_without_items_is_fetched() -> None:
    assert refused(ZUORA, invoice(amount=1)) == ("total_mismatch", "/amount")
    bare = {name: value for name, value in invoice().items() if name != "invoiceItems"}
    assert needed(bare) == (Fetch("invoice", "inv-1", "items_missing"),)
    head = {"Id": "inv-1", "InvoiceNumber": "INV00000001", "Status": "Posted", "Amount": 1440}
    assert needed(head) == (Fetch("invoice", "inv-1", "items_missing"),)
    assert ignored(ZUORA, invoice(status="Draft")) == "draft"
    assert ignored(ZUORA, invoice(status="Canceled")) == "cancelled_before_posting"


def test_the_transactions_of_an_account_are_read_row_by_row() -> None:
    rows = [invoice(), invoice(id="inv-2", invoiceNumber="INV00000002")]
    assert types(translated(ZUORA, {"invoices": rows, "success": True})) == ["invoice.posted"] * 2
    assert ignored(ZUORA, {"invoices": [], "success": True}) == "no_rows"
    listed = payment(paidInvoices=[{"invoiceId": "inv-1", "appliedPaymentAmount": 1440.0}])
    del listed["paymentApplications"]
    told = translated(ZUORA, {"payments": [listed]})
    assert [event["id"] for event in told] == [
        "payment/pay-1:payment.received",
        "application/pay-1-inv-1:payment.applied",
    ]


def test_a_credit_memo_is_posted_without_its_tax_and_put_against_its_invoice() -> None:
    posted, applied = translated(ZUORA, credit_memo())
    assert facts(posted, "reason") == ("cancellation",)
    assert posted["data"]["lines"][0] | {"net": "100.00", "tax": "20.00"} == posted["data"]["lines"][0]
    assert "billing/zuora/acme:invoice:inv-1" in posted["data"]["keys"]
    assert facts(applied, "credit_memo", "invoice", "amount") == ("cm-1", "inv-1", "100.00")


def test_a_debit_memo_bills_more() -> None:
    rows = [{"sku": "PLATFORM", "amount": 10, "taxAmount": 2}]
    memo = {
        "id": "dm-1", "number": "DM00000001", "accountNumber": "A1", "amount": 12, "currency": "EUR",
        "debitMemoDate": "2026-04-01", "dueDate": "2026-05-01", "postedOn": "2026-04-01 08:00:00",
        "status": "Posted", "debitMemoItems": rows,
    }  # fmt: skip
    (event,) = translated(ZUORA, memo)
    assert (event["type"], gross(event)) == ("invoice.posted.v1", "12.00")


def test_a_payment_is_received_once_and_applied_part_by_part() -> None:
    received, applied = translated(ZUORA, payment())
    assert received["source"] == "/psp/zuora/acme"
    assert "billing/zuora/acme:payment:pay-1" in received["data"]["keys"]
    assert facts(received, "amount", "customer", "effective_on") == ("1440.00", "A1", "2026-02-20")
    assert (applied["id"], applied["source"]) == ("application/pa-1:payment.applied", "/billing/zuora/acme")
    assert facts(applied, "payment", "invoice", "amount") == ("pay-1", "inv-1", "1440.00")


def test_a_payment_that_failed_is_none_and_a_voided_one_is_taken_back() -> None:
    assert ignored(ZUORA, payment(status="Error")) == "payment_failed"
    assert ignored(ZUORA, payment(status="Processing")) == "payment_pending"
    told = translated(ZUORA, payment(status="Voided", updatedDate="2026-02-22T10:00:00Z"))
    assert types(told) == ["payment.received", "payment.reversed"]


def test_a_refund_speaks_of_its_payment_or_names_itself() -> None:
    (event,) = translated(ZUORA, refund())
    assert (event["subject"], event["id"]) == ("payment/pay-1", "refund/ref-1:payment.refunded")
    (event,) = translated(ZUORA, refund(paymentId=None, creditMemoId="cm-1"))
    assert event["subject"] == "payment/ref-1"


@pytest.mark.parametrize(
    ("named", "fetch"),
    [
        ({"InvoiceId": "inv-1"}, Fetch("invoice", "inv-1", "callout")),
        ({"OrderNumber": "O-1"}, Fetch("order", "O-1", "callout")),
        ({"PaymentId": "pay-1", "RefundId": "ref-1"}, Fetch("refund", "ref-1", "callout")),
    ],
)
def test_a_callout_has_its_object_fetched(named: dict[str, str], fetch: Fetch) -> None:
    assert needed({"EventCategory": "Posted", "AccountId": "acc-1", **named}) == (fetch,)


def test_a_callout_about_no_document_is_ignored_or_refused() -> None:
    assert ignored(ZUORA, {"EventCategory": "AccountEdit", "AccountId": "acc-1"}) == "master_data"
    assert refused(ZUORA, {"EventCategory": "Odd"})[0] == "callout_unknown"


def test_subscriptions_accounts_and_unknown_objects() -> None:
    assert ignored(ZUORA, {"subscriptionNumber": "A-S1", "termType": "TERMED"}) == "subscription_state"
    assert ignored(ZUORA, {"success": True, "basicInfo": {"id": "1"}}) == "master_data"
    assert refused(ZUORA, {"surprise": 1})[0] == "object_unknown"
