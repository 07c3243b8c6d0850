"""Chargebee transactions (receipts, refunds, reversals) and quotes.

Times. A transaction's `date` is when the money moved; of payments entered by hand it may lie after the
record's own updated_at, and stands as sent. A quote has no time of its answer: updated_at stands in, the
moment by which it was given.

A receipt speaks as the payment system, its application as the billing system. `data.payment` of the latter
means a key of the billing source, so the receipt carries that key too: both name one payment.
"""

from __future__ import annotations

from typing import Final

from adapters.sources.amounts import currency_of, money
from adapters.sources.base import JsonValue, Milestone, Speaker, speaker
from adapters.sources.chargebee_documents import billing, cents
from adapters.sources.events import milestone
from adapters.sources.payload import Node
from adapters.sources.times import unix_seconds, unix_time

_KINDS: Final = frozenset({"authorization", "payment", "refund", "payment_reversal"})
#: States in which no money has moved, by the reason.
_NOT_MOVED: Final[dict[str, str]] = {
    "in_progress": "payment_pending",
    "needs_attention": "payment_pending",
    "failure": "payment_failed",
    "timeout": "payment_failed",
}
#: States of money that has, or may have, moved and is not there any more.
_TAKEN_BACK: Final = frozenset({"late_failure", "voided"})
_STATES: Final = frozenset({*_NOT_MOVED, *_TAKEN_BACK, "success"})
_QUOTE_OPEN: Final = frozenset({"open", "pending_approval", "approval_rejected", "proposed"})
_QUOTE_UNANSWERED: Final = frozenset({"closed", "voided", "expired"})
_QUOTE_STATES: Final = _QUOTE_OPEN | _QUOTE_UNANSWERED | {"accepted", "declined", "invoiced"}


def transaction(resource: Node, instance: str) -> tuple[Milestone, ...] | str:
    """payment.received and payment.applied; payment.refunded; payment.reversed.

    A payment that failed after it had succeeded (late_failure), or was voided, is received and reversed:
    whether its success was told before is not in the record, and together they leave nothing.
    """
    kind = resource.at("type").word(_KINDS, "the transaction's type")
    state = resource.at("status").word(_STATES, "the transaction's status")
    if kind == "authorization":
        return "authorisation_only"
    if state in _NOT_MOVED:
        return _NOT_MOVED[state]
    if kind == "payment":
        return _payment(resource, instance, gone=state in _TAKEN_BACK) or "no_money_moved"
    if state in _TAKEN_BACK:
        return "payment_failed"
    return _given_back(resource, instance, "payment.refunded" if kind == "refund" else "payment.reversed")


def quote(resource: Node, instance: str) -> tuple[Milestone, ...] | str:
    """quote.accepted (accepted, or already invoiced) or quote.rejected (declined).

    The lines stay behind: promotional credits stand in them as discounts, so they are no price.
    """
    state = resource.at("status").word(_QUOTE_STATES, "the quote's status")
    if state in _QUOTE_OPEN:
        return "quote_open"
    if state in _QUOTE_UNANSWERED:
        return "quote_unanswered"
    says, bills = speaker("cpq", "chargebee", instance), billing(instance)
    number = resource.at("id").identifier()
    keys = [
        bills.key(kind, native)
        for kind in ("subscription", "invoice")
        if (native := resource.at(f"{kind}_id").optional()) is not None
    ]
    event = milestone(
        says,
        "quote.rejected" if state == "declined" else "quote.accepted",
        ("quote", number),
        unix_time(unix_seconds(resource.at("updated_at"))),
        {"quote": number, "version": str(resource.at("version").integer("the quote's version"))},
        keys=keys,
        customer=resource.at("customer_id").optional(),
    )
    return (event,)


def collects(instance: str) -> Speaker:
    """Chargebee as the payment system."""
    return speaker("psp", "chargebee", instance)


def _payment(resource: Node, instance: str, *, gone: bool) -> tuple[Milestone, ...]:
    says, bills = collects(instance), billing(instance)
    number, when = resource.at("id").identifier(), unix_time(unix_seconds(resource.at("date")))
    currency = currency_of(resource.at("currency_code"))
    amount = cents(resource.at("amount"), currency)
    if not amount:
        return ()
    customer = resource.at("customer_id").optional()
    facts: dict[str, JsonValue] = {
        "payment": number,
        "currency": currency,
        "amount": money(amount, currency),
        "customer": customer,
    }
    keys = (bills.key("payment", number),)
    received = milestone(
        says, "payment.received", ("payment", number), when, facts, keys=keys, customer=customer
    )
    if gone:
        voided_at = resource.at("voided_at")
        since = unix_time(unix_seconds(voided_at if voided_at.given else resource.at("updated_at")))
        back: dict[str, JsonValue] = {"payment": number}
        return received, milestone(says, "payment.reversed", ("payment", number), since, back, keys=keys)
    return received, *_applications(bills, resource, number, currency)


def _applications(bills: Speaker, resource: Node, number: str, currency: str) -> list[Milestone]:
    found = []
    for row in resource.at("linked_invoices").items():
        target = row.at("invoice_id").identifier()
        amount = cents(row.at("applied_amount"), currency)
        if not amount:
            continue
        facts: dict[str, JsonValue] = {
            "payment": number,
            "invoice": target,
            "currency": currency,
            "amount": money(amount, currency),
        }
        when = unix_seconds(row.at("applied_at"))
        found.append(
            milestone(
                bills,
                "payment.applied",
                ("application", f"{number}-{target}"),
                unix_time(when),
                facts,
                keys=(bills.key("invoice", target),),
                edition=str(when),
            )
        )
    return found


def _given_back(resource: Node, instance: str, name: str) -> tuple[Milestone, ...]:
    """A refund or a chargeback: it speaks of the payment that it refers to."""
    says, number = collects(instance), resource.at("id").identifier()
    named = resource.at("reference_transaction_id")
    target = (named if named.given else resource.at("refunded_txn_id")).identifier(
        "the payment that goes back"
    )
    currency = currency_of(resource.at("currency_code"))
    facts: dict[str, JsonValue] = {
        "payment": target,
        "currency": currency,
        "amount": money(cents(resource.at("amount"), currency), currency),
    }
    event = milestone(
        says,
        name,
        ("payment", target),
        unix_time(unix_seconds(resource.at("date"))),
        facts,
        keys=(billing(instance).key("payment", target),),
        customer=resource.at("customer_id").optional(),
        told_by=("transaction", number),
    )
    return (event,)
