"""Chargebee invoices and credit notes, their lines, and what notes are put against.

Amounts are integers: whole units in currencies that have no smaller one, hundredths in all others, also in
those with three decimals (Chargebee API, "Currencies").

Dates. Chargebee has moments, not dates; a document's date is the UTC day of its `date`, because the site's
time zone is not in the record. An invoice's due date is the UTC day of `due_date`; where there is none, its
own terms: the date plus `net_term_days`.
"""

from __future__ import annotations

from typing import Final

from adapters.sources.amounts import currency_of, decimal_text, line, money, scaled
from adapters.sources.base import JsonValue, Milestone, Speaker, speaker
from adapters.sources.events import milestone, voided
from adapters.sources.payload import Node
from adapters.sources.times import service_days, unix_day, unix_seconds, unix_time
from domain.money import exponent

_DAY_SECONDS: Final = 86_400
_INVOICE_STATES: Final = frozenset({"paid", "posted", "payment_due", "not_paid", "voided", "pending"})
_NOTE_STATES: Final = frozenset({"adjusted", "refunded", "refund_due", "voided"})
_NOTE_TYPES: Final = frozenset({"adjustment", "refundable", "store"})
_PRICE_TYPES: Final = frozenset({"tax_exclusive", "tax_inclusive"})
#: Why a credit note was given, as the contract's reasons. A waiver and a disputed charge take money off and
#: nothing comes back; an order or subscription changed or cancelled takes off what is no longer due.
_REASONS: Final[dict[str, str]] = {
    "chargeback": "concession",
    "fraudulent": "cancellation",
    "order_cancellation": "cancellation",
    "order_change": "cancellation",
    "other": "concession",
    "product_unsatisfactory": "concession",
    "service_unsatisfactory": "concession",
    "subscription_cancellation": "cancellation",
    "subscription_change": "cancellation",
    "subscription_pause": "cancellation",
    "waiver": "concession",
}
_WRITE_OFF: Final = "write_off"


def billing(instance: str) -> Speaker:
    """Chargebee as the billing system."""
    return speaker("billing", "chargebee", instance)


def cents(node: Node, currency: str) -> int:
    """An amount as Chargebee writes it, to ISO minor units."""
    return scaled(node, currency, 0 if exponent(currency) == 0 else 2)


def invoice(resource: Node, instance: str) -> tuple[Milestone, ...] | str:
    """invoice.posted, and invoice.voided where it is voided or deleted.

    Its linked payments and notes are left to the transactions and credit notes, which say the same.
    """
    state = resource.at("status").word(_INVOICE_STATES, "the invoice's status")
    if state == "pending":
        return "draft"
    says, number = billing(instance), resource.at("id").identifier()
    currency = currency_of(resource.at("currency_code"))
    dated = unix_seconds(resource.at("date"), "the invoice's date")
    generated = resource.at("generated_at")
    facts: dict[str, JsonValue] = {
        "invoice": number,
        "currency": currency,
        "due_on": _due_on(resource, dated),
        "lines": _lines(resource, currency),
    }
    posted = milestone(
        says,
        "invoice.posted",
        ("invoice", number),
        unix_time(unix_seconds(generated) if generated.given else dated),
        facts,
        keys=_subscription_keys(says, resource),
        effective_on=unix_day(dated),
        customer=resource.at("customer_id").optional(),
    )
    if state != "voided" and not resource.at("deleted").flag():
        return (posted,)
    since = resource.at("voided_at" if resource.at("voided_at").given else "updated_at")
    void = milestone(
        says, "invoice.voided", ("invoice", number), unix_time(unix_seconds(since)), {"invoice": number}
    )
    return posted, void


def credit_note(resource: Node, instance: str) -> tuple[Milestone, ...]:
    """credit_memo.posted and, for each allocation, credit_memo.applied; voided: taken back.

    A note for bad debt is no credit: receivable.written_off, a claim until the ERP says so. Allocations
    come over time, so they are facts of their own and not part of the posted note.
    """
    says, number = billing(instance), resource.at("id").identifier()
    state = resource.at("status").word(_NOTE_STATES, "the credit note's status")
    resource.at("type").word(_NOTE_TYPES, "the credit note's type")
    reason = resource.at("reason_code")
    note = _written_off(says, resource) if reason.value == _WRITE_OFF else _posted(says, resource, number)
    found = [note]
    if reason.value != _WRITE_OFF:
        found += _allocations(says, resource, number)
    if state == "voided" or resource.at("deleted").flag():
        since = resource.at("voided_at" if resource.at("voided_at").given else "updated_at")
        when = unix_time(unix_seconds(since))
        found.append(voided(says, note, ("credit_memo", number), when, "withdrawn_in_source"))
    return tuple(found)


def _posted(says: Speaker, resource: Node, number: str) -> Milestone:
    """The reason is Chargebee's, mapped; where the code is missing or free text, `concession`: money off,
    and nothing said of goods, terms or a new invoice."""
    code = resource.at("reason_code").optional()
    if code is not None and code not in _REASONS:
        resource.at("reason_code").refuse("value_unknown", "no mapping for this reason; extend chargebee")
    currency = currency_of(resource.at("currency_code"))
    facts: dict[str, JsonValue] = {
        "credit_memo": number,
        "currency": currency,
        "reason": _REASONS.get(code or "", "concession"),
        "lines": _lines(resource, currency),
    }
    keys = list(_subscription_keys(says, resource))
    reference = resource.at("reference_invoice_id").optional()
    if reference is not None:
        keys.append(says.key("invoice", reference))
    return _note(says, "credit_memo.posted", ("credit_memo", number), resource, facts, keys)


def _written_off(says: Speaker, resource: Node) -> Milestone:
    currency = currency_of(resource.at("currency_code"))
    target = resource.at("reference_invoice_id").identifier("the invoice that is written off")
    facts: dict[str, JsonValue] = {
        "invoice": target,
        "currency": currency,
        "amount": money(cents(resource.at("total"), currency), currency),
    }
    subject = ("credit_memo", resource.at("id").identifier())
    return _note(says, "receivable.written_off", subject, resource, facts, [says.key("invoice", target)])


def _note(
    says: Speaker,
    name: str,
    subject: tuple[str, str],
    resource: Node,
    facts: dict[str, JsonValue],
    keys: list[str],
) -> Milestone:
    dated = unix_seconds(resource.at("date"), "the credit note's date")
    return milestone(
        says,
        name,
        subject,
        unix_time(dated),
        facts,
        keys=keys,
        effective_on=unix_day(dated),
        customer=resource.at("customer_id").optional(),
    )


def _allocations(says: Speaker, resource: Node, number: str) -> list[Milestone]:
    """credit_memo.applied for each allocation; those of one invoice at one moment count as one."""
    currency = currency_of(resource.at("currency_code"))
    amounts: dict[tuple[str, int], int] = {}
    for row in resource.at("allocations").items():
        place = row.at("invoice_id").identifier(), unix_seconds(row.at("allocated_at"))
        amounts[place] = amounts.get(place, 0) + cents(row.at("allocated_amount"), currency)
    found = []
    for (target, when), amount in amounts.items():
        facts: dict[str, JsonValue] = {
            "credit_memo": number,
            "invoice": target,
            "currency": currency,
            "amount": money(amount, currency),
        }
        subject = ("credit_application", f"{number}-{target}")
        keys = (says.key("invoice", target),)
        found.append(
            milestone(
                says, "credit_memo.applied", subject, unix_time(when), facts, keys=keys, edition=str(when)
            )
        )
    return found


def _subscription_keys(says: Speaker, resource: Node) -> tuple[str, ...]:
    """The subscription's key, where the document speaks of one alone.

    An invoice that gathers several subscriptions names none: it would make one deal of them.
    """
    named = {row.at("subscription_id").optional() for row in resource.at("line_items").items()}
    named.add(resource.at("subscription_id").optional())
    subscriptions = [name for name in named if name is not None]
    return (says.key("subscription", subscriptions[0]),) if len(subscriptions) == 1 else ()


def _due_on(resource: Node, dated: int) -> str:
    due, terms = resource.at("due_date"), resource.at("net_term_days")
    if due.given:
        return unix_day(unix_seconds(due))
    if not terms.given:
        due.refuse("due_on_missing", "an invoice needs a due date or terms in days")
    return unix_day(dated + terms.integer("terms in days") * _DAY_SECONDS)


def _lines(resource: Node, currency: str) -> list[JsonValue]:
    """The lines, each net of its discounts. Refuses a document whose lines do not add up to its total."""
    inclusive = resource.at("price_type").word(_PRICE_TYPES, "the price type") == "tax_inclusive"
    rows = resource.at("line_items").items()
    if not rows:
        resource.at("line_items").refuse("lines_missing", "the document has no lines; fetch it whole")
    lines: list[JsonValue] = []
    gross = 0
    for i, row in enumerate(rows, start=1):
        tax = _optional(row, "tax_amount", currency)
        net = cents(row.at("amount"), currency) - _optional(row, "discount_amount", currency)
        net -= tax if inclusive else 0
        gross += net + tax
        lines.append(_line(str(i), row, net, tax, currency))
    rounding = _optional(resource, "round_off_amount", currency)
    if rounding:
        lines.append(line(str(len(rows) + 1), "rounding", rounding, currency))
    if gross + rounding != cents(resource.at("total"), currency):
        resource.at("total").refuse("total_mismatch", "the lines do not add up to the total; fetch it whole")
    return lines


def _line(number: str, row: Node, net: int, tax: int, currency: str) -> dict[str, JsonValue]:
    """A plan or addon is recurring and runs from date_from to date_to; a charge is one-time.

    A line made by hand (`adhoc`) has no catalogue item, and its text is anyone's: it is left out.
    """
    kind = row.at("entity_type").text("the line's entity_type").partition("_item_price")[0]
    sku = row.at("entity_id").optional() if kind in ("plan", "addon", "charge") else None
    metered = row.at("metered").flag()
    more: dict[str, str | None] = {}
    if kind in ("plan", "addon"):
        more["kind"] = "usage" if metered else "recurring"
    elif kind == "charge":
        more["kind"] = "usage" if metered else "one_time"
    if more.get("kind") == "recurring" and row.at("date_from").value != row.at("date_to").value:
        start, end = unix_seconds(row.at("date_from")), unix_seconds(row.at("date_to"))
        more["service_start"], more["service_end"] = service_days(start, end)
    quantity = row.at("quantity")
    more["quantity"] = decimal_text(quantity) if quantity.given else None
    more["description"] = row.at("description").label() if sku else None
    return line(number, sku or "unspecified", net, currency, tax=tax, **more)


def _optional(node: Node, name: str, currency: str) -> int:
    return cents(node.at(name), currency) if node.at(name).given else 0
