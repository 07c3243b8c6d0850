"""Stripe charges, refunds and disputes: money that came, went back, or was taken back.

Whatever happens to a payment later speaks of that payment, so its subject is the payment; the milestone's
id is that of the refund or dispute.

The receipt is the charge: a payment intent, a checkout session and a balance transaction tell of the same
money. A payment intent can be made weeks after its invoice; it dates nothing.
"""

from __future__ import annotations

from typing import Final

from adapters.sources.amounts import currency_of, money
from adapters.sources.base import JsonValue, Milestone
from adapters.sources.events import milestone, voided
from adapters.sources.payload import Node
from adapters.sources.stripe_values import (
    Account,
    Occasion,
    edition,
    minor,
    optional_minor,
    payment_of,
    reference,
)
from adapters.sources.times import unix_seconds, unix_time

_CHARGE_STATES: Final = frozenset({"failed", "pending", "succeeded"})
_REFUND_STATES: Final = frozenset({"canceled", "failed", "pending", "requires_action", "succeeded"})
_WITHDRAWN: Final = "charge.dispute.funds_withdrawn"
_REINSTATED: Final = "charge.dispute.funds_reinstated"
_CAPTURED: Final = "charge.captured"


def charge(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...] | str:
    """payment.received once captured, and payment.refunded for each refund that is listed.

    Time: the charge's own, or the event's where the event is the capture; a charge alone does not tell when
    it was captured. Amount: what was captured; where that says 0 of a captured charge, it was not kept, and
    the charge's amount holds. amount_refunded is a restatement: refunds come as objects of their own,
    and a failed one is left to its own event, which knows when.
    """
    state = thing.at("status")
    if state.given:
        told = state.word(_CHARGE_STATES, "the charge's status")
    else:  # before API 2014-12-22
        told = "succeeded" if thing.at("paid").flag() else "failed"
    currency = currency_of(thing.at("currency"))
    authorised = minor(thing.at("amount"), currency)
    amount = optional_minor(thing.at("amount_captured"), currency) or authorised
    if told != "succeeded":
        return f"payment_{told}"
    if not thing.at("captured").flag():
        return "authorisation_only"
    number = thing.at("id").identifier()
    own = Node({"charge": number, "payment_intent": thing.at("payment_intent").value}, thing.pointer)
    _number, keys = payment_of(own, who)
    target = reference(thing.at("invoice"))
    if target is not None:
        keys += (who.billing.key("invoice", target),)
    when = unix_seconds(thing.at("created"))
    if occasion.type == _CAPTURED and occasion.created is not None:
        when = occasion.created
    customer = reference(thing.at("customer"))
    facts: dict[str, JsonValue] = {
        "payment": number,
        "currency": currency,
        "amount": money(amount, currency),
        "customer": customer,
    }
    received = milestone(
        who.psp,
        "payment.received",
        ("payment", number),
        unix_time(when),
        facts,
        keys=keys,
        customer=customer,
        edition=edition(thing),
    )
    found = [received]
    for listed in thing.at("refunds", "data").items():
        told_refund = refund(listed, who, Occasion())
        if listed.at("status").value == "succeeded" and not isinstance(told_refund, str):
            found.extend(told_refund)
    return tuple(found)


def refund(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...] | str:
    """payment.refunded; one that failed after it had succeeded is taken back."""
    state = thing.at("status").word(_REFUND_STATES, "the refund's status")
    if state in ("pending", "requires_action"):
        return "refund_pending"
    if state == "canceled":
        return "refund_failed"
    number = thing.at("id").identifier()
    target, keys = payment_of(thing, who)
    if target is None:
        thing.at("charge").wrong("field_missing", "the charge or payment intent")
    currency = currency_of(thing.at("currency"))
    made = unix_seconds(thing.at("created"))
    facts: dict[str, JsonValue] = {
        "payment": target,
        "currency": currency,
        "amount": money(minor(thing.at("amount"), currency), currency),
    }
    subject = ("payment", target)
    refunded = milestone(
        who.psp,
        "payment.refunded",
        subject,
        unix_time(made),
        facts,
        keys=keys,
        told_by=("refund", number),
        edition=str(made),
    )
    if state == "succeeded":
        return (refunded,)
    when = unix_time(made if occasion.created is None else occasion.created)
    return (voided(who.psp, refunded, subject, when, "refund_failed"),)


def dispute(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...] | str:
    """payment.reversed once the money is withdrawn; given back: the reversal is taken back.

    A dispute names a charge and no invoice, so it is no dispute.opened of the contract; until money moves,
    it tells nothing that the ledger could hold.
    """
    moves = [
        (minor(row.at("amount"), currency_of(row.at("currency"))), unix_seconds(row.at("created")))
        for row in thing.at("balance_transactions").items()
    ]
    out = [move for move in moves if move[0] < 0]
    back = [move for move in moves if move[0] > 0]
    if not out and occasion.type not in (_WITHDRAWN, _REINSTATED):
        return "dispute_without_money"
    if back and sum(amount for amount, _when in moves) != 0:
        thing.at("balance_transactions").refuse("dispute_in_part", "only a part of the money came back")
    number, currency = thing.at("id").identifier(), currency_of(thing.at("currency"))
    target, keys = payment_of(thing, who)
    if target is None:
        thing.at("charge").wrong("field_missing", "the charge")
    told_at = occasion.created if occasion.type == _WITHDRAWN else None
    gone_at = out[0][1] if out else told_at or unix_seconds(thing.at("created"))
    facts: dict[str, JsonValue] = {
        "payment": target,
        "currency": currency,
        "amount": money(minor(thing.at("amount"), currency), currency),
    }
    subject = ("payment", target)
    reversed_ = milestone(
        who.psp,
        "payment.reversed",
        subject,
        unix_time(gone_at),
        facts,
        keys=keys,
        told_by=("dispute", number),
        edition=edition(thing),
    )
    if not back and occasion.type != _REINSTATED:
        return (reversed_,)
    back_at = back[0][1] if back else occasion.created or gone_at
    return reversed_, voided(who.psp, reversed_, subject, unix_time(back_at), "dispute_won")
