"""Pushed messages: proven by the scheme of their feed, cut into records.

Belongs here: which scheme proves, how a body becomes records byte for byte. Does not belong here: schemes,
recording, HTTP.
"""

from __future__ import annotations

from typing import Any, Final

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

#: Records of one message. Few bytes can hold millions, each of which takes memory and a row.
MOST_RECORDS: Final = 10_000
#: A list as a struct of its elements, one more than are taken: the decoder passes over those behind them.
_ITEMS: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(
    msgspec.defstruct(
        "_Items",
        [(f"item_{n}", msgspec.Raw, None) for n in range(MOST_RECORDS + 1)],
        array_like=True,
    )
)
_BOM: Final = b"\xef\xbb\xbf"
#: How types of bodies of one JSON text a line end.
_LINES: Final = ("ndjson", "jsonl", "jsonlines", "json-lines")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_SO: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class TooManyRecords(ValueError):
    """A message holds more records than are taken at once."""

    def __init__(self) -> None:
        super().__init__(f"a message holds at most {MOST_RECORDS} records: send fewer at once")


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


def is_lines(media: str) -> bool:
    """Whether a body of this type holds one JSON text a line."""
    return media.endswith(_LINES)


def records_of(setup: Webhook, body: bytes, media: str = "") -> list[bytes]:
    """The records of a proven message, each as its own bytes; a body that can't be cut is one record.

    media: the type that it was sent as, without parameters. An empty body holds none: some senders try an
    address out that way. A byte order mark before it is no part of it. Raises TooManyRecords, before more
    than those that are taken are cut.
    """
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        return []
    if setup.cut == "auto" and setup.member is None and is_lines(media):
        return _lines(body)
    if setup.member is not None:
        return _members(body, setup.member)
    if isinstance(setup, Quickbooks) and setup.cut == "auto" and body.lstrip()[:1] == b"{":
        return _entities(body)
    if setup.cut == "notifications":
        return notifications(body)
    if setup.cut == "auto" and body.lstrip()[:1] == b"[":
        return _items(body, body)
    return [body]


def _lines(body: bytes) -> list[bytes]:
    """Lines that are not empty. Raises TooManyRecords."""
    if body.count(b"\n") > 2 * MOST_RECORDS:
        raise TooManyRecords
    found = [line for line in body.split(b"\n") if line and not line.isspace()]
    if len(found) > MOST_RECORDS:
        raise TooManyRecords
    return [line.rstrip(b"\r") for line in found]


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
        found: list[bytes] = []
        for one in _cut(told):
            found += _cut(_MEMBERS.decode(_MEMBERS.decode(one)["dataChangeEvent"])["entities"])
            if len(found) > MOST_RECORDS:
                raise TooManyRecords
    except (*_NOT_SO, KeyError):
        return [body]
    return found or [body]


def _items(listed: bytes, body: bytes) -> list[bytes]:
    try:
        return _cut(listed)
    except _NOT_SO:
        return [body]


def _cut(listed: bytes | msgspec.Raw) -> list[bytes]:
    """The elements of a list. Raises TooManyRecords, and msgspec's errors where it is none."""
    items = _ITEMS.decode(listed)
    found: list[bytes] = []
    for name in items.__struct_fields__:
        item = getattr(items, name)
        if item is None:
            return found
        found.append(bytes(item))
    raise TooManyRecords
