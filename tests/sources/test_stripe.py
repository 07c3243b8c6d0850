"""Stripe events and objects and what they become."""

import pytest

from adapters.sources import SOURCES
from domain.arrivals import Fetch
from tests.sources.checks import gross, ignored, needed, refused, translated, types
from tests.sources.samples_stripe import (
    st_charge,
    st_credit_note,
    st_dispute,
    st_event,
    st_invoice,
    st_invoice_2025,
    st_invoice_payment,
    st_line,
    st_line_2025,
    st_quote,
    st_refund,
    st_thin,
)

STRIPE = SOURCES["stripe"]
PSP, BILLING = "psp/stripe/acme", "billing/stripe/acme"


def one_line(amount: int, **more: object) -> dict[str, object]:
    return {"data": [st_line(amount, **more)]}


def test_a_paid_invoice_is_posted_when_finalised_and_its_charge_applied() -> None:
    posted, applied = translated(STRIPE, st_invoice())
    assert posted["id"] == "invoice/in_1@1704067200:invoice.posted"
    assert (posted["source"], posted["time"]) == ("/billing/stripe/acme", "2024-01-01T01:00:00Z")
    body = posted["data"]
    assert body["due_on"] == "2024-01-01"
    assert body["keys"] == [f"{BILLING}:invoice:in_1", f"{BILLING}:subscription:sub_1"]
    (line,) = body["lines"]
    assert (line["sku"], line["net"], line["tax"], line["kind"]) == ("prod_1", "100.00", "19.00", "recurring")
    assert (line["service_start"], line["service_end"]) == ("2024-01-01", "2024-01-31")
    assert (applied["data"]["payment"], applied["data"]["amount"]) == ("ch_1", "119.00")
    assert applied["time"] == "2024-01-01T02:00:00Z"


def test_every_event_about_an_invoice_and_a_poll_tell_the_same_milestones() -> None:
    told = [
        translated(STRIPE, st_event(kind, st_invoice(), created=1704074400 + i))
        for i, kind in enumerate(("invoice.finalized", "invoice.paid", "invoice.payment_succeeded"))
    ]
    assert told == [translated(STRIPE, st_invoice())] * 3


def test_objects_whose_ids_were_blanked_out_differ_by_when_they_were_made() -> None:
    first, second = (
        translated(STRIPE, st_refund(id="re_000", created=t))[0] for t in (1704200000, 1704200001)
    )
    assert first["id"] != second["id"]


def test_an_expanded_reference_is_its_id() -> None:
    plain = translated(STRIPE, st_invoice())
    expanded = {"customer": {"id": "cus_1"}, "subscription": {"id": "sub_1"}, "charge": {"id": "ch_1"}}
    assert translated(STRIPE, st_invoice(**expanded)) == plain


def test_an_invoice_since_the_2025_api_names_its_subscription_elsewhere_and_no_charge() -> None:
    new = {
        "subscription": None,
        "charge": None,
        "payment_intent": None,
        "parent": {"subscription_details": {"subscription": "sub_1"}, "quote_details": {"quote": "qt_1"}},
        "lines": {
            "data": [
                {
                    "amount": 10000,
                    "pricing": {"price_details": {"product": "prod_1", "price": "price_1"}},
                    "taxes": [{"amount": 1900, "tax_behavior": "exclusive"}],
                    "period": {"start": 1704067200, "end": 1704067200},
                }
            ]
        },
    }
    (posted,) = translated(STRIPE, st_invoice(**new))
    assert set(posted["data"]["keys"]) == {
        f"{BILLING}:invoice:in_1",
        f"{BILLING}:subscription:sub_1",
        "cpq/stripe/acme:quote:qt_1",
    }
    assert posted["data"]["lines"] == [{"line": "1", "sku": "prod_1", "net": "100.00", "tax": "19.00"}]


def test_what_was_paid_on_an_invoice_may_come_as_an_object_of_its_own() -> None:
    (applied,) = translated(STRIPE, st_invoice_payment())
    assert (applied["data"]["payment"], applied["data"]["amount"]) == ("pi_1", "5.00")
    received = translated(STRIPE, st_charge())[0]
    assert f"{BILLING}:payment:pi_1" in received["data"]["keys"]
    assert ignored(STRIPE, st_invoice_payment(status="open")) == "payment_pending"
    assert ignored(STRIPE, st_invoice_payment(status="canceled")) == "payment_failed"
    assert refused(STRIPE, st_invoice_payment(payment={})) == ("field_missing", "/payment")


def test_an_invoice_paid_outside_of_stripe_is_posted_and_not_paid() -> None:
    outside = {"charge": None, "payment_intent": None, "paid_out_of_band": True}
    assert types(translated(STRIPE, st_invoice(**outside))) == ["invoice.posted"]
    assert types(translated(STRIPE, st_invoice(amount_paid=0))) == ["invoice.posted"]


def test_drafts_previews_and_deleted_drafts_are_ignored() -> None:
    assert ignored(STRIPE, st_invoice(status="draft")) == "draft"
    assert ignored(STRIPE, {"object": "invoice", "id": "in_1", "deleted": True}) == "draft"
    assert ignored(STRIPE, st_event("invoice.upcoming", st_invoice(id=None))) == "preview"


def test_a_voided_invoice_is_posted_and_voided_and_an_uncollectible_one_claimed_as_written_off() -> None:
    times = {"finalized_at": 1704070800, "voided_at": 1704900000, "marked_uncollectible_at": 1704900000}
    void = translated(STRIPE, st_invoice(status="void", status_transitions=times))
    assert types(void) == ["invoice.posted", "invoice.voided"]
    lost = translated(
        STRIPE, st_invoice(status="uncollectible", status_transitions=times, amount_remaining=900)
    )
    assert types(lost) == ["invoice.posted", "receivable.written_off"]
    assert lost[1]["data"]["amount"] == "9.00"


def test_an_invoice_that_is_sent_is_due_on_its_due_date() -> None:
    (posted, _applied) = translated(STRIPE, st_invoice(collection_method="send_invoice", due_date=1706659200))
    assert posted["data"]["due_on"] == "2024-01-31"
    assert refused(STRIPE, st_invoice(collection_method="send_invoice")) == ("due_on_missing", "/due_date")


def test_the_date_on_the_invoice_is_its_business_date() -> None:
    posted = translated(STRIPE, st_invoice(effective_at=1703980800))[0]
    assert posted["data"]["effective_on"] == "2023-12-31"


@pytest.mark.parametrize(
    "taxed",
    [
        {"lines": one_line(11900, tax_amounts=[{"amount": 1900, "inclusive": True}])},
        {
            "lines": one_line(11900),
            "total_tax_amounts": [{"amount": 1900, "inclusive": True}],
        },
        {"lines": one_line(10000), "tax": 1900},
        {"lines": one_line(10000), "total_taxes": [{"amount": 1900, "tax_behavior": "exclusive"}]},
        {
            "lines": one_line(12000, discount_amounts=[{"amount": 2000}]),
            "tax": 1900,
        },
        {
            "lines": one_line(12000),
            "total_discount_amounts": [{"amount": 2000}],
            "tax": 1900,
        },
    ],
)
def test_taxes_and_discounts_come_out_the_same_however_they_are_written(taxed: dict[str, object]) -> None:
    (line,) = translated(STRIPE, st_invoice(**taxed))[0]["data"]["lines"]
    assert (line["net"], line["tax"]) == ("100.00", "19.00")


def test_a_documents_tax_is_shared_over_its_lines() -> None:
    lines = {"data": [st_line(3333), st_line(3333), st_line(3334)]}
    posted = translated(STRIPE, st_invoice(lines=lines, tax=1900))[0]
    assert [line["tax"] for line in posted["data"]["lines"]] == ["6.33", "6.33", "6.34"]
    assert gross(posted) == "119.00"


def test_shipping_is_a_line() -> None:
    sent = {"amount_shipping": 500, "shipping_cost": {"amount_total": 595, "amount_tax": 95}, "total": 12495}
    posted = translated(STRIPE, st_invoice(**sent))[0]
    assert posted["data"]["lines"][-1] == {"line": "2", "sku": "shipping", "net": "5.00", "tax": "0.95"}


def test_an_invoice_without_all_its_lines_is_refused() -> None:
    cut = {"data": [st_line(10000)], "has_more": True}
    assert refused(STRIPE, st_invoice(lines=cut)) == ("lines_incomplete", "/lines/has_more")
    assert refused(STRIPE, st_invoice(lines={})) == ("lines_missing", "/lines")
    assert refused(STRIPE, st_invoice(total=1)) == ("total_mismatch", "/total")


def test_a_metered_line_is_usage_and_a_line_made_by_hand_shows_no_text() -> None:
    metered = st_line(
        5000, price={"id": "price_1", "type": "recurring", "recurring": {"usage_type": "metered"}}
    )
    by_hand = {"amount": 5000, "description": "for Jo", "price": None, "period": None}
    posted = translated(STRIPE, st_invoice(lines={"data": [metered, by_hand]}, tax=1900))[0]
    usage, free = posted["data"]["lines"]
    assert (usage["kind"], usage["sku"], usage.get("service_start")) == ("usage", "price_1", None)
    assert (free["sku"], free.get("kind")) == ("unspecified", None)
    assert "Jo" not in repr(posted)


def test_a_charge_is_a_receipt_that_names_its_payment_in_every_way() -> None:
    (received,) = translated(STRIPE, st_charge())
    assert (received["source"], received["time"]) == ("/psp/stripe/acme", "2024-01-01T02:00:00Z")
    assert received["data"]["keys"] == [
        f"{PSP}:payment:ch_1",
        f"{BILLING}:invoice:in_1",
        f"{BILLING}:payment:ch_1",
        f"{BILLING}:payment:pi_1",
        f"{PSP}:payment:pi_1",
    ]
    assert "effective_on" not in received["data"]


def test_a_charge_captured_later_is_received_at_the_capture_and_only_what_was_captured() -> None:
    assert ignored(STRIPE, st_charge(captured=False)) == "authorisation_only"
    captured = st_event("charge.captured", st_charge(amount_captured=900), created=1704500000)
    (received,) = translated(STRIPE, captured)
    assert (received["time"], received["data"]["amount"]) == ("2024-01-06T00:13:20Z", "9.00")


def test_a_captured_charge_that_says_it_captured_nothing_counts_by_its_amount() -> None:
    assert translated(STRIPE, st_charge(amount_captured=0))[0]["data"]["amount"] == "119.00"


@pytest.mark.parametrize(("state", "reason"), [("failed", "payment_failed"), ("pending", "payment_pending")])
def test_a_charge_that_did_not_succeed_is_no_receipt(state: str, reason: str) -> None:
    assert ignored(STRIPE, st_charge(status=state)) == reason


def test_a_charge_of_an_old_api_without_status_counts_if_it_is_paid() -> None:
    assert types(translated(STRIPE, st_charge(status=None))) == ["payment.received"]
    assert ignored(STRIPE, st_charge(status=None, paid=False)) == "payment_failed"


def test_an_amount_written_as_text_is_refused() -> None:
    assert refused(STRIPE, st_charge(amount="10.00")) == ("amount_format", "/amount")


def test_refunds_listed_in_a_charge_are_the_refunds_themselves() -> None:
    listed = translated(
        STRIPE,
        st_charge(
            refunds={
                "data": [
                    st_refund(),
                    st_refund(id="re_2", status="pending"),
                    st_refund(id="re_3", status="failed"),
                ]
            }
        ),
    )
    assert types(listed) == ["payment.received", "payment.refunded"]
    assert listed[1:] == translated(STRIPE, st_event("charge.refund.updated", st_refund()))


def test_a_refund_that_failed_after_it_succeeded_is_taken_back() -> None:
    (refunded,) = translated(STRIPE, st_refund())
    (back,) = translated(STRIPE, st_event("refund.failed", st_refund(status="failed"), created=1704800000))
    assert back["data"]["target"] == {"source": refunded["source"], "id": refunded["id"]}
    assert back["time"] == "2024-01-09T11:33:20Z"
    assert ignored(STRIPE, st_refund(status="canceled")) == "refund_failed"
    assert refused(STRIPE, st_refund(charge=None)) == ("field_missing", "/charge")


def test_a_dispute_reverses_the_payment_once_the_money_is_gone() -> None:
    assert ignored(STRIPE, st_event("charge.dispute.created", st_dispute())) == "dispute_without_money"
    (gone,) = translated(STRIPE, st_event("charge.dispute.funds_withdrawn", st_dispute(-11900)))
    assert types([gone]) == ["payment.reversed"]
    assert (gone["data"]["payment"], gone["data"]["amount"]) == ("ch_1", "119.00")
    assert translated(STRIPE, st_dispute(-11900)) == [gone]


def test_a_dispute_that_is_won_takes_the_reversal_back() -> None:
    gone, back = translated(STRIPE, st_dispute(-11900, 11900))
    assert back["data"]["target"] == {"source": gone["source"], "id": gone["id"]}
    told = translated(STRIPE, st_event("charge.dispute.funds_reinstated", st_dispute(-11900)))
    assert types(told) == ["payment.reversed", "milestone.voided"]
    assert refused(STRIPE, st_dispute(-11900, 5000)) == ("dispute_in_part", "/balance_transactions")


def test_a_dispute_withdrawn_by_its_event_alone_is_dated_by_it() -> None:
    (gone,) = translated(STRIPE, st_event("charge.dispute.funds_withdrawn", st_dispute(), created=1704410000))
    assert gone["time"] == "2024-01-04T23:13:20Z"


def test_a_credit_note_before_payment_is_put_against_its_invoice() -> None:
    (posted,) = translated(STRIPE, st_credit_note())
    body = posted["data"]
    assert (body["reason"], gross(posted)) == ("rebill", "11.90")
    assert body["applied_to"] == [{"invoice": "in_1", "amount": "11.90"}]
    assert f"{BILLING}:invoice:in_1" in body["keys"]


def test_a_credit_note_after_payment_is_put_against_nothing() -> None:
    (posted,) = translated(STRIPE, st_credit_note(type="post_payment", reason=None))
    assert "applied_to" not in posted["data"]
    assert posted["data"]["reason"] == "concession"
    (mixed,) = translated(STRIPE, st_credit_note(type="mixed", pre_payment_amount=190))
    assert mixed["data"]["applied_to"][0]["amount"] == "1.90"


def test_a_void_credit_note_is_taken_back_and_an_unknown_reason_refused() -> None:
    found = translated(STRIPE, st_credit_note(status="void", voided_at=1704900000))
    assert types(found) == ["credit_memo.posted", "milestone.voided"]
    assert refused(STRIPE, st_credit_note(reason="because")) == ("value_unknown", "/reason")
    assert refused(STRIPE, st_credit_note(invoice=None)) == ("field_missing", "/invoice")


def test_a_quote_is_approved_when_finalised_and_accepted_when_accepted() -> None:
    approved, accepted = translated(STRIPE, st_quote(from_quote={"quote": "qt_0"}))
    assert approved["source"] == "/cpq/stripe/acme"
    assert approved["data"]["keys"] == ["cpq/stripe/acme:quote:qt_1", "cpq/stripe/acme:quote:qt_0"]
    assert {f"{BILLING}:invoice:in_1", f"{BILLING}:subscription:sub_1"} < set(accepted["data"]["keys"])
    still_open = translated(
        STRIPE, st_event("quote.finalized", st_quote(status="open", from_quote={"quote": "qt_0"}))
    )
    assert still_open == [approved]


def test_quotes_that_were_never_offered_or_were_taken_back_are_ignored() -> None:
    assert ignored(STRIPE, st_quote(status="draft")) == "draft"
    assert ignored(STRIPE, st_quote(status="canceled")) == "quote_withdrawn"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("payment_intent", "restates_charge"),
        ("checkout.session", "restates_charge"),
        ("balance_transaction", "restates_charge"),
        ("subscription", "subscription_state"),
        ("payout", "own_funds"),
        ("invoiceitem", "not_invoiced"),
        ("customer", "master_data"),
        ("issuing.dispute", "not_order_to_cash"),
    ],
)
def test_objects_without_a_fact_are_ignored_with_a_reason(kind: str, reason: str) -> None:
    assert ignored(STRIPE, {"object": kind, "id": "x"}) == reason


def test_objects_nobody_mapped_are_refused() -> None:
    assert refused(STRIPE, {"object": "moon_dust", "id": "x"}) == ("object_unknown", "/object")
    assert refused(STRIPE, {"object": "moon.dust", "id": "x"}) == ("object_unknown", "/object")
    assert refused(STRIPE, st_event("moon.landed", {"id": "x"})) == ("field_missing", "/data/object/object")
    assert ignored(STRIPE, st_event("account.application.deauthorized", {"id": "x"})) == "not_order_to_cash"


@pytest.mark.parametrize(
    ("kind", "native_id", "event", "lists"),
    [
        ("invoice", "in_1", "v1.invoice.paid", "invoices"),
        ("charge", "ch_1", "v1.charge.captured", "charges"),
        ("credit_note", "cn_1", "v1.credit_note.created", "credit_notes"),
        ("dispute", "dp_1", "v1.charge.dispute.funds_withdrawn", "disputes"),
        ("invoice_payment", "inpay_1", "v1.invoice_payment.paid", "invoice_payments"),
        ("quote", "qt_1", "v1.quote.accepted", "quotes"),
        ("refund", "re_1", "v1.refund.failed", "refunds"),
    ],
)
def test_a_thin_event_has_its_object_fetched(kind: str, native_id: str, event: str, lists: str) -> None:
    assert needed(STRIPE, st_thin(kind, native_id, event)) == [Fetch(lists, native_id)]


@pytest.mark.parametrize(
    ("kind", "event", "reason"),
    [
        ("customer", "v1.customer.created", "master_data"),
        ("payout", "v1.payout.paid", "own_funds"),
        ("subscription", "v1.customer.subscription.updated", "subscription_state"),
        ("billing.meter", "v1.billing.meter.error_report_triggered", "metering"),
        ("v2.core.account", "v2.core.account[requirements].updated", "not_order_to_cash"),
    ],
)
def test_a_thin_event_about_nothing_of_ours_fetches_nothing(kind: str, event: str, reason: str) -> None:
    assert ignored(STRIPE, st_thin(kind, "x_1", event)) == reason


def test_a_thin_event_without_an_object_goes_by_its_own_type() -> None:
    assert (
        ignored(STRIPE, {**st_thin("", "", "v1.billing.meter.no_meter_found"), "related_object": None})
        == "metering"
    )
    assert refused(STRIPE, st_thin("moon", "m_1", "v1.moon.landed")) == (
        "object_unknown",
        "/related_object/type",
    )


def test_an_invoice_of_the_api_of_2025_is_the_same_as_one_before() -> None:
    (posted,) = translated(
        STRIPE, st_event("invoice.paid", st_invoice_2025(), api_version="2025-03-31.basil")
    )
    (line,) = posted["data"]["lines"]
    assert (line["sku"], line["net"], line["tax"]) == ("prod_1", "100.00", "19.00")
    assert (line["service_start"], line["service_end"]) == ("2026-01-01", "2026-01-31")
    assert "kind" not in line  # whether it is metered stands in the price
    assert f"{BILLING}:subscription:sub_1" in posted["data"]["keys"]


def test_a_price_that_was_expanded_says_what_kind_a_line_of_2025_is() -> None:
    metered = {
        "price_details": {
            "product": "prod_1",
            "price": {"id": "price_1", "recurring": {"usage_type": "metered"}},
        }
    }
    (posted,) = translated(
        STRIPE, st_invoice_2025(lines={"data": [st_line_2025(10000, pricing=metered)]}, total=10000)
    )
    (line,) = posted["data"]["lines"]
    assert (line["kind"], line["sku"], line.get("service_start")) == ("usage", "prod_1", None)


def test_an_invoice_names_the_salesforce_order_that_its_subscription_came_from() -> None:
    order = "crm/salesforce/acme:order:801A0000000abcdEFG"
    posted = translated(STRIPE, st_invoice_2025())[0]
    assert order in posted["data"]["keys"]
    before = {"subscription_details": {"metadata": {"salesforce_order_id": "801A0000000abcdEFG"}}}
    assert order in translated(STRIPE, st_invoice(**before))[0]["data"]["keys"]
    once = {"metadata": {"salesforce_order_id": "801A0000000abcdEFG"}}
    assert order in translated(STRIPE, st_invoice(**once))[0]["data"]["keys"]


def test_a_page_of_a_list_is_its_objects_and_one_of_events_is_cut_first() -> None:
    page = {"object": "list", "data": [st_refund(), st_refund(id="re_2")], "has_more": False}
    assert types(translated(STRIPE, page)) == ["payment.refunded"] * 2
    assert ignored(STRIPE, {**page, "data": []}) == "empty_page"
    events = {**page, "data": [st_event("refund.failed", st_refund(status="failed"))]}
    assert refused(STRIPE, events) == ("object_unknown", "/object")


def test_an_invoice_payment_that_was_collected_elsewhere_is_left_to_who_collected_it() -> None:
    outside = {"type": "payment_record", "payment_record": "pr_1"}
    assert ignored(STRIPE, st_invoice_payment(payment=outside)) == "paid_outside"


def test_a_dispute_is_settled_in_the_accounts_own_currency() -> None:
    gone, _back = translated(STRIPE, st_dispute(-1599, 1599, currency="ugx", amount=5500000))
    assert (gone["data"]["currency"], gone["data"]["amount"]) == ("UGX", "55000")
    unread = st_dispute(-11900, balance_transactions=[{"amount": "-119.00", "currency": "usd", "created": 1}])
    assert refused(STRIPE, unread) == ("number_format", "/balance_transactions/0/amount")


def test_a_capture_without_its_time_is_refused() -> None:
    event = st_event("charge.captured", st_charge())
    assert refused(STRIPE, {**event, "created": None}) == ("field_missing", "/created")


def test_a_listed_refund_of_a_state_nobody_mapped_is_not_left_out() -> None:
    listed = {"refunds": {"data": [st_refund(status="reversed")]}}
    assert refused(STRIPE, st_charge(**listed)) == ("value_unknown", "/refunds")
