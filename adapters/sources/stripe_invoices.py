"""Stripe invoices, credit notes and what is paid on an invoice.

Times. An invoice is posted when it is finalised; its date is `effective_at` where the account sets one. It
is due on `due_date`; where it is charged automatically it is due when finalised. Times of what follows are
in status_transitions.
"""

from __future__ import annotations

from typing import Final

from adapters.sources.amounts import currency_of, money
from adapters.sources.base import JsonValue, Milestone
from adapters.sources.events import milestone, voided
from adapters.sources.payload import Node
from adapters.sources.stripe_lines import lines_of
from adapters.sources.stripe_values import (
    Account,
    Occasion,
    edition,
    minor,
    moment,
    payment_of,
    reference,
)
from adapters.sources.times import unix_day, unix_seconds, unix_time

_STATES: Final = frozenset({"draft", "open", "paid", "uncollectible", "void"})
_PAID: Final = frozenset({"invoice.paid", "invoice.payment_succeeded"})
_COLLECTION: Final = frozenset({"charge_automatically", "send_invoice"})
_NOTE_STATES: Final = frozenset({"issued", "void"})
_NOTE_TYPES: Final = frozenset({"mixed", "post_payment", "pre_payment"})
_PAYMENT_STATES: Final = frozenset({"canceled", "open", "paid"})
#: A doubled invoice goes back to what is to be billed; fraud and a changed order take off what is no longer
#: due; dissatisfaction takes money off.
_REASONS: Final[dict[str, str]] = {
    "duplicate": "rebill",
    "fraudulent": "cancellation",
    "order_change": "cancellation",
    "product_unsatisfactory": "concession",
}


def invoice(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...] | str:
    """invoice.posted, and by its state payment.applied, invoice.voided or receivable.written_off.

    Whatever the event, the object's state is read: every later event about an invoice tells its posting
    again, as a duplicate.
    """
    if occasion.type == "invoice.upcoming" or not thing.at("id").given:
        return "preview"
    if thing.at("deleted").flag():
        return "draft"  # only drafts can be deleted
    state = thing.at("status").word(_STATES, "the invoice's status")
    if state == "draft":
        return "draft"
    currency, number = currency_of(thing.at("currency")), thing.at("id").identifier()
    changes = thing.at("status_transitions")
    found = [_posted(thing, who, occasion, number, currency)]
    subject, made = ("invoice", number), edition(thing)
    if state == "void":
        when = moment(changes.at("voided_at"), occasion, frozenset({"invoice.voided"}), "the time of voiding")
        found.append(
            milestone(who.billing, "invoice.voided", subject, when, {"invoice": number}, edition=made)
        )
    if state == "uncollectible":
        marked = frozenset({"invoice.marked_uncollectible"})
        when = moment(changes.at("marked_uncollectible_at"), occasion, marked, "the time of writing off")
        left: dict[str, JsonValue] = {
            "invoice": number,
            "currency": currency,
            "amount": money(minor(thing.at("amount_remaining"), currency), currency),
        }
        found.append(milestone(who.billing, "receivable.written_off", subject, when, left, edition=made))
    payment, _keys = payment_of(thing, who)
    if state == "paid" and payment is not None and thing.at("amount_paid").value != 0:
        when = moment(changes.at("paid_at"), occasion, _PAID, "the time of payment")
        amount = minor(thing.at("amount_paid"), currency)
        found.append(_applied(who, payment, number, currency, amount, when, made))
    return tuple(found)


def invoice_payment(thing: Node, who: Account, _occasion: Occasion) -> tuple[Milestone, ...] | str:
    """payment.applied: what was paid on an invoice, where the invoice does not name its charge itself."""
    state = thing.at("status").word(_PAYMENT_STATES, "the invoice payment's status")
    if state != "paid":
        return "payment_pending" if state == "open" else "payment_failed"
    currency = currency_of(thing.at("currency"))
    payment, _keys = payment_of(thing.at("payment"), who)
    if payment is None:
        thing.at("payment").wrong("field_missing", "the charge or payment intent")
    number = reference(thing.at("invoice"))
    if number is None:
        thing.at("invoice").wrong("field_missing", "the invoice")
    when = unix_time(unix_seconds(thing.at("status_transitions", "paid_at"), "the time of payment"))
    amount = minor(thing.at("amount_paid"), currency)
    return (_applied(who, payment, number, currency, amount, when, edition(thing)),)


def credit_note(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...]:
    """credit_memo.posted, against its invoice as far as it came before payment; void: taken back.

    Where Stripe gives no reason it is `concession`: money off, and nothing said of goods, terms or a new
    invoice. A part that was refunded is told by the refund.
    """
    state = thing.at("status").word(_NOTE_STATES, "the credit note's status")
    currency, number = currency_of(thing.at("currency")), thing.at("id").identifier()
    code = thing.at("reason").optional()
    if code is not None and code not in _REASONS:
        thing.at("reason").refuse("value_unknown", "no mapping for this reason; extend stripe_invoices.py")
    target = reference(thing.at("invoice"))
    if target is None:
        thing.at("invoice").wrong("field_missing", "the invoice")
    facts: dict[str, JsonValue] = {
        "credit_memo": number,
        "currency": currency,
        "reason": _REASONS.get(code or "", "concession"),
        "lines": lines_of(thing, currency),
    }
    against = _before_payment(thing, currency)
    if against:
        facts["applied_to"] = [{"invoice": target, "amount": money(against, currency)}]
    dated = thing.at("effective_at")
    posted = milestone(
        who.billing,
        "credit_memo.posted",
        ("credit_memo", number),
        unix_time(unix_seconds(thing.at("created"))),
        facts,
        keys=(who.billing.key("invoice", target),),
        effective_on=unix_day(unix_seconds(dated)) if dated.given else None,
        customer=reference(thing.at("customer")),
        edition=edition(thing),
    )
    if state == "issued":
        return (posted,)
    when = moment(thing.at("voided_at"), occasion, frozenset({"credit_note.voided"}), "the time of voiding")
    return posted, voided(who.billing, posted, ("credit_memo", number), when, "withdrawn_in_source")


def _posted(thing: Node, who: Account, occasion: Occasion, number: str, currency: str) -> Milestone:
    finalised = thing.at("status_transitions", "finalized_at")
    when = moment(finalised, occasion, frozenset({"invoice.finalized"}), "the time of finalising")
    dated, due = thing.at("effective_at"), thing.at("due_date")
    if due.given:
        due_on = unix_day(unix_seconds(due))
    elif thing.at("collection_method").word(_COLLECTION, "the collection method") == "send_invoice":
        due.refuse("due_on_missing", "an invoice that is sent needs its due date")
    else:
        due_on = when[: len("2026-01-31")]
    facts: dict[str, JsonValue] = {
        "invoice": number,
        "currency": currency,
        "due_on": due_on,
        "lines": lines_of(thing, currency),
    }
    return milestone(
        who.billing,
        "invoice.posted",
        ("invoice", number),
        when,
        facts,
        keys=_deal_keys(thing, who),
        effective_on=unix_day(unix_seconds(dated)) if dated.given else None,
        customer=reference(thing.at("customer")),
        edition=edition(thing),
    )


def _deal_keys(thing: Node, who: Account) -> list[str]:
    """The subscription and the quote that an invoice comes from (before and since API 2025-03-31)."""
    keys = []
    for place in (thing.at("subscription"), thing.at("parent", "subscription_details", "subscription")):
        name = reference(place)
        if name is not None:
            keys.append(who.billing.key("subscription", name))
    for place in (thing.at("quote"), thing.at("parent", "quote_details", "quote")):
        name = reference(place)
        if name is not None:
            keys.append(who.cpq.key("quote", name))
    return keys


def _applied(
    who: Account, payment: str, number: str, currency: str, amount: int, when: str, made: str
) -> Milestone:
    facts: dict[str, JsonValue] = {
        "payment": payment,
        "invoice": number,
        "currency": currency,
        "amount": money(amount, currency),
    }
    return milestone(
        who.billing,
        "payment.applied",
        ("application", f"{payment}-{number}"),
        when,
        facts,
        keys=(who.billing.key("invoice", number),),
        edition=made,
    )


def _before_payment(thing: Node, currency: str) -> int:
    """How much of a credit note lowers what is due on its invoice; the rest was paid back or kept."""
    kind = thing.at("type").word(_NOTE_TYPES, "the credit note's type")
    if kind == "post_payment":
        return 0
    return minor(thing.at("total" if kind == "pre_payment" else "pre_payment_amount"), currency)
