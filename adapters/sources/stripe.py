"""Stripe: webhook events and objects.

Identity. An event id is no help: test fixtures and replays repeat it, several events tell one fact, and a
poll has none. Ids name facts: the object's id, when it was made, and what happened to it
(`invoice/in_1@1648320012:invoice.posted`). A redelivery, another event about the same state, and a poll are
duplicates of it; two objects whose ids were blanked out differ by their time.

Belongs here: unwrapping an event and finding the object's kind. The objects are in stripe_invoices.py,
stripe_payments.py and stripe_quotes.py, the ones left aside in stripe_kinds.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.sources import files
from adapters.sources.base import Milestone, Record, Translation
from adapters.sources.payload import Node, Unreadable, read_payload
from adapters.sources.stripe_invoices import credit_note, invoice, invoice_payment
from adapters.sources.stripe_kinds import EVENTS_LEFT_ASIDE, reason_to_ignore
from adapters.sources.stripe_payments import charge, dispute, refund
from adapters.sources.stripe_quotes import quote
from adapters.sources.stripe_values import Account, Occasion, account
from adapters.sources.times import unix_seconds

_OBJECTS: Final[dict[str, Callable[[Node, Account, Occasion], tuple[Milestone, ...] | str]]] = {
    "charge": charge,
    "credit_note": credit_note,
    "dispute": dispute,
    "invoice": invoice,
    "invoice_payment": invoice_payment,
    "quote": quote,
    "refund": refund,
}


class Stripe:
    """Stripe, as payment system, billing system and quoting tool."""

    name: Final = "stripe"
    canonical: Final = False

    def records(self, path: Path) -> Iterator[Record]:
        """One record a line (.jsonl, .ndjson) or a JSON value (.json); of a fixture file, each resource."""
        return files.json_records(path, members_of="resources")

    def translate(self, payload: bytes, instance: str) -> Translation:
        """What one event or object means; see docs/sources.md for the mapping."""
        who = account(instance)
        try:
            found = _record(read_payload(payload), who)
        except Unreadable as unreadable:
            return Translation(refused=(unreadable.refusal,))
        return Translation(ignored=found) if isinstance(found, str) else Translation(found)


def _record(record: Node, who: Account) -> tuple[Milestone, ...] | str:
    if record.at("object").value != "event" and not record.at("data", "object").given:
        return _object(record, who, Occasion())
    kind = record.at("type").text("the event's type")
    if kind in EVENTS_LEFT_ASIDE:
        return EVENTS_LEFT_ASIDE[kind]
    return _object(record.at("data", "object"), who, Occasion(kind, unix_seconds(record.at("created"))))


def _object(thing: Node, who: Account, occasion: Occasion) -> tuple[Milestone, ...] | str:
    kind = thing.at("object").text("the object's kind")
    reason = reason_to_ignore(kind)
    if reason is not None:
        return reason
    if kind not in _OBJECTS:
        thing.at("object").refuse("object_unknown", "no mapping for this kind of object; extend stripe.py")
    return _OBJECTS[kind](thing, who, occasion)
