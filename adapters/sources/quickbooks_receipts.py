"""QuickBooks as the ERP, and the two milestones of money coming in, whichever document tells of it."""

from __future__ import annotations

from adapters.sources.amounts import money
from adapters.sources.base import JsonValue, Milestone, Speaker, speaker
from adapters.sources.events import milestone


def erp(instance: str) -> Speaker:
    """QuickBooks as the ERP."""
    return speaker("erp", "quickbooks", instance)


def received(
    says: Speaker, number: str, entered: str, on: str, currency: str, amount: int, customer: str | None
) -> Milestone:
    """payment.received under the given number; amount in minor units.

    It carries its own key alone: the invoices that it pays may be of several deals and may change until it
    is used up, and each application carries its invoice's key anyway.
    """
    facts: dict[str, JsonValue] = {
        "payment": number,
        "currency": currency,
        "amount": money(amount, currency),
        "customer": customer,
    }
    return milestone(
        says,
        "payment.received",
        ("payment", number),
        entered,
        facts,
        effective_on=on,
        customer=customer,
    )


def applied(
    says: Speaker, number: str, invoice: str, entered: str, on: str, currency: str, amount: int
) -> Milestone:
    """payment.applied of that payment to that invoice; amount in minor units."""
    facts: dict[str, JsonValue] = {
        "payment": number,
        "invoice": invoice,
        "currency": currency,
        "amount": money(amount, currency),
    }
    subject = ("application", f"{number}-{invoice}")
    keys = (says.key("invoice", invoice),)
    return milestone(says, "payment.applied", subject, entered, facts, keys=keys, effective_on=on)
