"""Stripe quotes: approved when finalised, accepted when accepted.

A finalised quote can't be edited; a revision is a new quote that names the one before. So each has one
version, 1, and a revision shares its predecessor's key. Lines are not part of the object.
"""

from __future__ import annotations

from typing import Final

from adapters.sources.base import JsonValue, Milestone
from adapters.sources.events import milestone
from adapters.sources.payload import Node
from adapters.sources.stripe_values import Account, Occasion, edition, moment, reference

_STATES: Final = frozenset({"accepted", "canceled", "draft", "open"})


def quote(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...] | str:
    """quote.approved and quote.accepted; one that the seller took back tells nothing (it is no rejection)."""
    state = thing.at("status").word(_STATES, "the quote's status")
    if state in ("draft", "canceled"):
        return "draft" if state == "draft" else "quote_withdrawn"
    number, changes = thing.at("id").identifier(), thing.at("status_transitions")
    facts: dict[str, JsonValue] = {"quote": number, "version": "1"}
    before = reference(thing.at("from_quote", "quote"))
    keys = [who.cpq.key("quote", before)] if before is not None else []
    steps = [("quote.approved", "finalized_at", "quote.finalized")]
    if state == "accepted":
        steps.append(("quote.accepted", "accepted_at", "quote.accepted"))
    found = []
    for name, field, told_by in steps:
        if name == "quote.accepted":
            named = ((kind, reference(thing.at(kind))) for kind in ("invoice", "subscription"))
            keys = [*keys, *(who.billing.key(kind, native) for kind, native in named if native is not None)]
        when = moment(changes.at(field), occasion, frozenset({told_by}), f"the time {field}")
        found.append(
            milestone(
                who.cpq,
                name,
                ("quote", number),
                when,
                facts,
                keys=keys,
                customer=reference(thing.at("customer")),
                edition=edition(thing),
            )
        )
    return tuple(found)
