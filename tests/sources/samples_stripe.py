"""Stripe payloads in the shapes of the real system, with invented values."""

from typing import Any

Payload = dict[str, Any]


def st_event(type_: str, thing: Payload, created: int = 1704100000, **more: Any) -> Payload:
    return {
        "id": "evt_1",
        "object": "event",
        "type": type_,
        "created": created,
        "data": {"object": thing},
        **more,
    }


def st_line(amount: int, **more: Any) -> Payload:
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": amount,
        "quantity": 1,
        "period": {"start": 1704067200, "end": 1706745600},
        "price": {"id": "price_1", "product": "prod_1", "type": "recurring", "recurring": {}},
        "description": "1 x Gold for person@example.com",
        **more,
    }


def st_invoice(**more: Any) -> Payload:
    return {
        "object": "invoice",
        "id": "in_1",
        "created": 1704067200,
        "currency": "usd",
        "customer": "cus_1",
        "customer_email": "person@example.com",
        "status": "paid",
        "collection_method": "charge_automatically",
        "due_date": None,
        "subscription": "sub_1",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "amount_paid": 11900,
        "amount_remaining": 0,
        "total": 11900,
        "lines": {
            "data": [st_line(10000, tax_amounts=[{"amount": 1900, "inclusive": False}])],
            "has_more": False,
        },
        "status_transitions": {"finalized_at": 1704070800, "paid_at": 1704074400},
        **more,
    }


def st_charge(**more: Any) -> Payload:
    return {
        "object": "charge",
        "id": "ch_1",
        "created": 1704074400,
        "currency": "usd",
        "customer": "cus_1",
        "invoice": "in_1",
        "payment_intent": "pi_1",
        "amount": 11900,
        "amount_captured": 11900,
        "amount_refunded": 0,
        "captured": True,
        "paid": True,
        "status": "succeeded",
        **more,
    }


def st_refund(**more: Any) -> Payload:
    return {
        "object": "refund",
        "id": "re_1",
        "created": 1704200000,
        "currency": "usd",
        "charge": "ch_1",
        "amount": 1900,
        "status": "succeeded",
        **more,
    }


def st_credit_note(**more: Any) -> Payload:
    return {
        "object": "credit_note",
        "id": "cn_1",
        "created": 1704300000,
        "currency": "usd",
        "customer": "cus_1",
        "invoice": "in_1",
        "status": "issued",
        "type": "pre_payment",
        "reason": "duplicate",
        "total": 1190,
        "lines": {"data": [{"amount": 1000, "tax_amounts": [{"amount": 190, "inclusive": False}]}]},
        **more,
    }


def st_dispute(*moves: int, **more: Any) -> Payload:
    return {
        "object": "dispute",
        "id": "dp_1",
        "created": 1704400000,
        "currency": "usd",
        "charge": "ch_1",
        "amount": 11900,
        "status": "needs_response",
        "balance_transactions": [
            {"amount": amount, "currency": "usd", "created": 1704400100 + i} for i, amount in enumerate(moves)
        ],
        **more,
    }


def st_quote(**more: Any) -> Payload:
    return {
        "object": "quote",
        "id": "qt_1",
        "created": 1703900000,
        "currency": "usd",
        "customer": "cus_1",
        "status": "accepted",
        "invoice": "in_1",
        "subscription": "sub_1",
        "status_transitions": {"finalized_at": 1703910000, "accepted_at": 1703920000},
        **more,
    }


def st_invoice_payment(**more: Any) -> Payload:
    return {
        "object": "invoice_payment",
        "id": "inpay_1",
        "created": 1704074000,
        "currency": "usd",
        "invoice": "in_1",
        "status": "paid",
        "amount_paid": 500,
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        "status_transitions": {"paid_at": 1704074400},
        **more,
    }


def st_thin(kind: str, native_id: str, event: str) -> Payload:
    """An event of API v2: what it is about, and no more."""
    return {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": event,
        "livemode": False,
        "created": "2026-01-31T09:30:00.000Z",
        "related_object": {"id": native_id, "type": kind, "url": f"/v1/{kind}s/{native_id}"},
    }


def st_line_2025(amount: int, **more: Any) -> Payload:
    """A line since API 2025-03-31: the price by its id, taxes under another name."""
    return {
        "id": "il_2",
        "object": "line_item",
        "amount": amount,
        "quantity": 1,
        "period": {"start": 1767225600, "end": 1769904000},
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {"subscription": "sub_1", "proration": False},
        },
        "pricing": {"type": "price_details", "price_details": {"price": "price_1", "product": "prod_1"}},
        **more,
    }


def st_invoice_2025(**more: Any) -> Payload:
    """An invoice since API 2025-03-31: no charge, no subscription at the top."""
    lines = [st_line_2025(10000, taxes=[{"amount": 1900, "tax_behavior": "exclusive"}])]
    return {
        "object": "invoice",
        "id": "in_2",
        "created": 1767225600,
        "currency": "eur",
        "customer": "cus_1",
        "status": "paid",
        "collection_method": "charge_automatically",
        "parent": {
            "type": "subscription_details",
            "subscription_details": {
                "subscription": "sub_1",
                "metadata": {"salesforce_order_id": "801A0000000abcdEFG"},
            },
            "quote_details": None,
        },
        "amount_paid": 11900,
        "total": 11900,
        "lines": {"data": lines, "has_more": False},
        "status_transitions": {"finalized_at": 1767229200, "paid_at": 1767232800},
        **more,
    }
