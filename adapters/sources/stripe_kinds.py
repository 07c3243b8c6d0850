"""Stripe objects that carry no order-to-cash fact, each with the reason.

An object that stands in no table is refused, not ignored: whether it carries a fact is for a person to say.
"""

from __future__ import annotations

from typing import Final

#: Whole families, by the part of the object's name before the dot.
FAMILIES_LEFT_ASIDE: Final[dict[str, str]] = {
    "apps": "not_order_to_cash",
    "billing": "metering",
    "billing_portal": "not_order_to_cash",
    "checkout": "restates_charge",
    "climate": "not_order_to_cash",
    "entitlements": "not_order_to_cash",
    "financial_connections": "not_order_to_cash",
    "forwarding": "not_order_to_cash",
    "identity": "not_order_to_cash",
    "issuing": "not_order_to_cash",
    "radar": "not_order_to_cash",
    "reporting": "not_order_to_cash",
    "reserve": "own_funds",
    "sigma": "not_order_to_cash",
    "tax": "tax_setup",
    "terminal": "not_order_to_cash",
    "test_helpers": "not_order_to_cash",
    "treasury": "own_funds",
}

_REASONS: Final[dict[str, str]] = {
    "master_data": (
        "account bank_account card coupon customer discount payment_method payment_source person plan price "
        "product product_feature promotion_code shipping_rate source tax_code tax_id tax_rate"
    ),
    "not_order_to_cash": (
        "account_link account_session apple_pay_domain application capability confirmation_token "
        "country_spec customer_session ephemeral_key exchange_rate file file_link funding_instructions "
        "invoice_rendering_template login_link mandate payment_link payment_method_configuration "
        "payment_method_domain review scheduled_query_run setup_attempt setup_intent "
        "source_mandate_notification token webhook_endpoint"
    ),
    # Money of the account itself: to its bank, to other accounts, fees.
    "own_funds": (
        "application_fee balance balance_settings fee_refund payout topup transfer transfer_reversal"
    ),
    # A customer's credit with the seller: which credit note it came from is not said.
    "customer_balance": "cash_balance customer_balance_transaction customer_cash_balance_transaction",
    "restates_charge": (
        "balance_transaction payment_attempt_record payment_intent payment_intent_amount_details_line_item "
        "payment_record source_transaction"
    ),
    "restates_credit_note": "credit_note_line_item",
    "restates_invoice": "item line_item",
    "not_invoiced": "invoiceitem",
    # What is billed from now on, not what was ordered; its invoices carry its key.
    "subscription_state": "subscription subscription_item subscription_schedule",
}

LEFT_ASIDE: Final[dict[str, str]] = {
    kind: reason for reason, kinds in _REASONS.items() for kind in kinds.split()
}

#: Events whose object does not say what it is.
EVENTS_LEFT_ASIDE: Final[dict[str, str]] = {"account.application.deauthorized": "not_order_to_cash"}


def reason_to_ignore(kind: str) -> str | None:
    """Why an object of this kind is left aside; None where it is not."""
    family, dot, _rest = kind.partition(".")
    return FAMILIES_LEFT_ASIDE.get(family) if dot else LEFT_ASIDE.get(kind)
