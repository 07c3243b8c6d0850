"""Chargebee resources and what they become."""

from typing import Any

import pytest

from adapters.sources import SOURCES
from tests.sources.checks import gross, ignored, refused, translated, types
from tests.sources.samples import cb_credit_note, cb_invoice, cb_line, cb_quote, cb_transaction

CB = SOURCES["chargebee"]
BILLING = "billing/chargebee/acme"


def test_an_invoice_is_posted_with_discounts_taxes_and_days_of_service() -> None:
    (posted,) = translated(CB, cb_invoice())
    body = posted["data"]
    assert posted["time"] == "2024-01-01T01:00:00Z"
    assert (body["effective_on"], body["due_on"]) == ("2024-01-01", "2024-01-31")
    assert body["keys"] == [f"{BILLING}:invoice:1042", f"{BILLING}:subscription:sub_1"]
    plan, setup = body["lines"]
    assert (plan["net"], plan["tax"], plan["kind"]) == ("100.00", "14.00", "recurring")
    assert (plan["service_start"], plan["service_end"]) == ("2024-01-01", "2024-01-31")
    assert (setup["net"], setup["kind"], setup.get("service_start")) == ("5.00", "one_time", None)
    assert gross(posted) == "119.00"


def test_a_touched_invoice_is_the_same_milestone() -> None:
    touched = {"status": "paid", "resource_version": 9, "updated_at": 1704999999, "linked_payments": []}
    assert translated(CB, cb_invoice(**touched)) == translated(CB, cb_invoice())


def test_an_airbyte_envelope_and_a_webhook_tell_the_same_as_the_resource() -> None:
    plain = translated(CB, cb_invoice())
    assert translated(CB, {"stream": "invoice", "data": cb_invoice()}) == plain
    content = {"invoice": cb_invoice(), "customer": {"object": "customer", "id": "cust_1"}}
    event = {"object": "event", "id": "ev_1", "event_type": "invoice_generated", "content": content}
    assert translated(CB, event) == plain
    assert translated(CB, {"stream": "event", "data": event}) == plain


def test_what_the_api_answers_is_read_as_the_resource() -> None:
    plain = translated(CB, cb_invoice())
    assert translated(CB, {"invoice": cb_invoice()}) == plain
    assert translated(CB, {"list": [{"invoice": cb_invoice()}], "next_offset": "x"}) == plain
    event = {"object": "event", "id": "ev_1", "content": {"invoice": cb_invoice()}}
    assert translated(CB, {"list": [{"event": event}]}) == plain
    assert ignored(CB, {"list": []}) == "empty_page"


def test_an_event_may_hold_several_resources_of_one_kind() -> None:
    content = {
        "subscription": {"object": "subscription", "id": "sub_1"},
        "contract_term": {"object": "contract_term", "id": "ct_1"},
        "credit_notes": [cb_credit_note(allocations=[]), cb_credit_note(id="CN-10", allocations=[])],
        "unbilled_charges": [],
    }
    event = {
        "object": "event",
        "api_version": "v2",
        "event_type": "subscription_cancelled",
        "content": content,
    }
    assert [m["subject"] for m in translated(CB, event)] == ["credit_memo/CN-9", "credit_memo/CN-10"]


def test_an_event_about_nothing_of_ours_is_ignored_and_one_that_is_damaged_refused_whole() -> None:
    assert ignored(CB, {"object": "event", "content": {"customer": {"id": "c"}}}) == "master_data"
    assert ignored(CB, {"object": "event", "content": {}}) == "not_order_to_cash"
    damaged = {"invoice": cb_invoice(), "transaction": cb_transaction(amount="119.00")}
    assert refused(CB, {"object": "event", "content": damaged}) == (
        "amount_format",
        "/content/transaction/amount",
    )


@pytest.mark.parametrize(
    ("currency", "total", "expected"),
    [("USD", 1500, "15.00"), ("JPY", 1500, "1500"), ("KWD", 1500, "15.000")],
)
def test_amounts_are_hundredths_except_where_there_are_none(currency: str, total: int, expected: str) -> None:
    (posted,) = translated(CB, cb_invoice(currency_code=currency, total=total, line_items=[cb_line(total)]))
    assert posted["data"]["lines"][0]["net"] == expected


def test_inclusive_tax_is_taken_out_of_the_amount() -> None:
    lines = [cb_line(11900, tax_amount=1900)]
    (posted,) = translated(CB, cb_invoice(price_type="tax_inclusive", line_items=lines))
    assert (posted["data"]["lines"][0]["net"], gross(posted)) == ("100.00", "119.00")


def test_rounding_is_a_line_and_what_does_not_add_up_is_refused() -> None:
    (posted,) = translated(CB, cb_invoice(total=11901, round_off_amount=1))
    assert posted["data"]["lines"][-1] == {"line": "3", "sku": "rounding", "net": "0.01"}
    assert refused(CB, cb_invoice(total=11901)) == ("total_mismatch", "/total")
    assert refused(CB, cb_invoice(line_items=[])) == ("lines_missing", "/line_items")


def test_a_line_made_by_hand_shows_no_text() -> None:
    line = cb_line(11900, entity_type="adhoc", entity_id=None, description="for Jo, 555-0100")
    (posted,) = translated(CB, cb_invoice(line_items=[line]))
    assert posted["data"]["lines"][0]["sku"] == "unspecified"
    assert "555" not in repr(posted)


def test_a_metered_line_is_usage() -> None:
    (posted,) = translated(CB, cb_invoice(line_items=[cb_line(11900, metered=True)]))
    assert posted["data"]["lines"][0]["kind"] == "usage"


def test_an_invoice_of_several_subscriptions_makes_no_one_deal_of_them() -> None:
    lines = [cb_line(11000), cb_line(900, subscription_id="sub_2")]
    (posted,) = translated(CB, cb_invoice(line_items=lines))
    assert posted["data"]["keys"] == [f"{BILLING}:invoice:1042"]


def test_terms_stand_in_for_a_due_date_and_without_both_the_invoice_is_refused() -> None:
    (posted,) = translated(CB, cb_invoice(due_date=None, net_term_days=30))
    assert posted["data"]["due_on"] == "2024-01-31"
    assert refused(CB, cb_invoice(due_date=None)) == ("due_on_missing", "/due_date")


def test_a_pending_invoice_is_a_draft_and_a_voided_one_is_posted_and_voided() -> None:
    assert ignored(CB, cb_invoice(status="pending")) == "draft"
    posted, voided = translated(CB, cb_invoice(status="voided", voided_at=1704900000))
    assert [posted] == translated(CB, cb_invoice())
    assert (voided["type"], voided["time"]) == ("invoice.voided.v1", "2024-01-10T15:20:00Z")
    assert types(translated(CB, cb_invoice(deleted=True)))[-1] == "invoice.voided"
    assert refused(CB, cb_invoice(status="lost")) == ("value_unknown", "/status")


def test_a_payment_is_received_by_the_payment_system_and_applied_by_billing() -> None:
    received, applied = translated(CB, cb_transaction())
    assert (received["source"], applied["source"]) == ("/psp/chargebee/acme", "/billing/chargebee/acme")
    assert f"{BILLING}:payment:txn_1" in received["data"]["keys"]
    assert (received["time"], applied["time"]) == ("2024-01-01T06:20:00Z", "2024-01-01T03:33:20Z")
    assert applied["data"]["keys"] == [f"{BILLING}:application:txn_1-1042", f"{BILLING}:invoice:1042"]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("failure", "payment_failed"),
        ("timeout", "payment_failed"),
        ("in_progress", "payment_pending"),
        ("needs_attention", "payment_pending"),
    ],
)
def test_a_payment_that_did_not_come_is_no_receipt(state: str, reason: str) -> None:
    assert ignored(CB, cb_transaction(status=state)) == reason


@pytest.mark.parametrize("state", ["late_failure", "voided"])
def test_a_payment_that_was_taken_back_leaves_nothing(state: str) -> None:
    received, back = translated(CB, cb_transaction(status=state))
    assert types([received, back]) == ["payment.received", "payment.reversed"]
    assert ignored(CB, cb_transaction(status=state, type="refund")) == "payment_failed"


def test_an_authorisation_and_a_payment_of_nothing_move_no_money() -> None:
    assert ignored(CB, cb_transaction(type="authorization")) == "authorisation_only"
    assert ignored(CB, cb_transaction(amount=0, linked_invoices=[])) == "no_money_moved"


@pytest.mark.parametrize(
    ("kind", "expected"), [("refund", "payment.refunded"), ("payment_reversal", "payment.reversed")]
)
def test_what_goes_back_names_the_payment_that_came(kind: str, expected: str) -> None:
    (back,) = translated(CB, cb_transaction(id="txn_2", type=kind, reference_transaction_id="txn_1"))
    assert types([back]) == [expected]
    assert (back["data"]["payment"], back["data"]["amount"]) == ("txn_1", "119.00")
    assert {f"{BILLING}:payment:txn_1", "psp/chargebee/acme:payment:txn_1"} <= set(back["data"]["keys"])


def test_a_refund_of_no_known_payment_is_refused() -> None:
    assert refused(CB, cb_transaction(type="refund")) == ("field_missing", "/refunded_txn_id")


def test_a_credit_note_is_posted_once_and_each_allocation_is_a_fact_of_its_own() -> None:
    posted, first, second = translated(CB, cb_credit_note())
    assert types([posted, first, second]) == [
        "credit_memo.posted",
        "credit_memo.applied",
        "credit_memo.applied",
    ]
    assert "applied_to" not in posted["data"]
    assert [m["data"]["amount"] for m in (first, second)] == ["10.00", "20.00"]
    assert first["data"]["keys"][-1] == f"{BILLING}:invoice:1043"
    assert translated(CB, cb_credit_note(allocations=[], status="refund_due")) == [posted]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("waiver", "concession"),
        ("subscription_cancellation", "cancellation"),
        ("order_change", "cancellation"),
        (None, "concession"),
    ],
)
def test_a_reason_code_becomes_a_reason_of_the_contract(code: str | None, reason: str) -> None:
    assert translated(CB, cb_credit_note(reason_code=code))[0]["data"]["reason"] == reason


def test_an_unknown_reason_is_refused() -> None:
    assert refused(CB, cb_credit_note(reason_code="goodwill")) == ("value_unknown", "/reason_code")


def test_a_note_for_bad_debt_is_a_claim_of_a_write_off() -> None:
    (event,) = translated(CB, cb_credit_note(reason_code="write_off", type="adjustment", status="adjusted"))
    assert types([event]) == ["receivable.written_off"]
    assert (event["data"]["invoice"], event["data"]["amount"]) == ("1042", "30.00")


def test_a_voided_note_is_taken_back() -> None:
    found = translated(CB, cb_credit_note(status="voided", voided_at=1704900000, allocations=[]))
    assert found[1]["data"]["target"] == {"source": found[0]["source"], "id": found[0]["id"]}


def test_a_quote_speaks_when_it_is_answered() -> None:
    (event,) = translated(CB, cb_quote())
    assert (event["source"], event["type"]) == ("/cpq/chargebee/acme", "quote.accepted.v1")
    assert event["data"]["version"] == "2"
    assert f"{BILLING}:invoice:1042" in event["data"]["keys"]
    assert types(translated(CB, cb_quote(status="declined"))) == ["quote.rejected"]
    assert ignored(CB, cb_quote(status="open")) == "quote_open"
    assert ignored(CB, cb_quote(status="closed")) == "quote_unanswered"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("subscription", "subscription_state"),
        ("order", "fulfilment_paper"),
        ("promotional_credit", "restates_invoice"),
        ("customer", "master_data"),
        ("comment", "not_order_to_cash"),
    ],
)
def test_resources_without_a_fact_are_ignored_with_a_reason(kind: str, reason: str) -> None:
    assert ignored(CB, {"object": kind, "id": "x"}) == reason


@pytest.mark.parametrize(
    ("payload", "code", "pointer"),
    [
        ({"object": "ramp", "id": "x"}, "object_unknown", "/object"),
        ({"id": "x"}, "field_missing", "/object"),
        ({"stream": "invoice"}, "field_missing", "/data"),
    ],
)
def test_resources_nobody_mapped_are_refused(payload: dict[str, Any], code: str, pointer: str) -> None:
    assert refused(CB, payload) == (code, pointer)
