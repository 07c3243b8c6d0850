"""Pushed messages: proven by the scheme of their feed, cut into records.

Belongs here: which scheme proves, how a body becomes records byte for byte. Does not belong here: schemes,
recording, HTTP.
"""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.feeds import claims, signatures
from adapters.feeds.outbound import notifications
from adapters.feeds.proof import Message, Proof
from adapters.feeds.webhook import (
    Basic,
    BusinessCentral,
    Hmac,
    Hubspot,
    Quickbooks,
    SalesforceOutbound,
    StandardWebhooks,
    Stripe,
    Token,
    Unproven,
    Webhook,
)

_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_NOT_SO: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def prove(setup: Webhook, message: Message, at: float) -> Proof:
    """Who sent a message, before anything of it is read. at: seconds since 1970-01-01 UTC.

    Raises ProofRefused.
    """
    match setup:
        case Stripe():
            return signatures.stripe(setup, message, at)
        case Hubspot():
            return signatures.hubspot(setup, message, at)
        case StandardWebhooks():
            return signatures.standard_webhooks(setup, message, at)
        case Hmac():
            return signatures.keyed_hash(setup, message, at)
        case Quickbooks():
            return signatures.quickbooks(setup, message, at)
        case SalesforceOutbound():
            return claims.salesforce_outbound(setup, message, at)
        case BusinessCentral():
            return claims.business_central(setup, message, at)
        case Basic():
            return claims.basic(setup, message, at)
        case Token():
            return claims.token(setup, message, at)
        case Unproven():
            return Proof("none")


def records_of(setup: Webhook, body: bytes) -> list[bytes]:
    """The records of a proven message, each as its own bytes; a body that can't be cut is one record.

    An empty body holds none: some senders try an address out that way.
    """
    if not body or body.isspace():
        return []
    if setup.member is not None:
        return _members(body, setup.member)
    if isinstance(setup, Quickbooks) and setup.cut == "auto" and body.lstrip()[:1] == b"{":
        return _entities(body)
    if setup.cut == "notifications":
        return notifications(body)
    if setup.cut == "auto" and body.lstrip()[:1] == b"[":
        return _items(body, body)
    return [body]


def _members(body: bytes, member: str) -> list[bytes]:
    try:
        found = _MEMBERS.decode(body).get(member)
    except _NOT_SO:
        return [body]
    return [body] if found is None else _items(bytes(found), body)


def _entities(body: bytes) -> list[bytes]:
    """The entities of Intuit's notifications; what is not written so is one record."""
    try:
        told = _MEMBERS.decode(body).get("eventNotifications")
        if told is None:
            return [body]
        changes = [_MEMBERS.decode(one["dataChangeEvent"])["entities"] for one in _OBJECTS.decode(told)]
        return [bytes(entity) for listed in changes for entity in _ITEMS.decode(listed)] or [body]
    except (*_NOT_SO, KeyError):
        return [body]


def _items(listed: bytes, body: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in _ITEMS.decode(listed)]
    except _NOT_SO:
        return [body]
