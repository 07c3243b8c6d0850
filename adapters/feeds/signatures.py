"""Schemes that prove a message by a keyed hash over its raw bytes.

Belongs here: what each sender signs and how it writes it; comparing in constant time. Does not belong here:
passwords and shared texts (claims.py), reading the body. Nothing of a message is parsed before it is
proven. Published examples: tests/feeds.

- Stripe: `t.body`, HMAC-SHA256 in hex, header `Stripe-Signature: t=...,v1=...`.
- HubSpot: v1 and v2 are SHA-256 of the secret and what is signed; v3 is HMAC-SHA256 in base64 of method,
  address, body and milliseconds, the address with some characters decoded.
- Standard Webhooks: `id.timestamp.body`, HMAC-SHA256 in base64 with a key that is base64 itself.
- The general scheme says all of it in the feed's section.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final

from adapters.feeds.proof import Message, Proof, ProofRefused, check_clock, chosen, once, whole
from adapters.feeds.secret import Secret
from adapters.feeds.webhook import (
    Hmac,
    Hubspot,
    Quickbooks,
    StandardWebhooks,
    Stripe,
    key_bytes,
    standard_key,
)

#: Signatures looked at in one header: a sender that rolls a secret sends two.
_MOST: Final = 20
#: What HubSpot decodes in an address before it signs it (v3).
_DECODED: Final = re.compile(rb"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def stripe(setup: Stripe, message: Message, at: float) -> Proof:
    """Raises ProofRefused."""
    parts = [part.strip().partition(b"=") for part in message.wanted("stripe-signature").split(b",")]
    times = [value for name, _, value in parts if name == b"t"]
    given = [value.lower() for name, _, value in parts if name == b"v1"][:_MOST]
    if len(times) != 1 or not given:
        raise ProofRefused("signature_malformed", "Stripe-Signature must hold one t= and at least one v1=")
    sent = whole(times[0], "t in Stripe-Signature")
    signed = times[0] + b"." + message.body

    def proves(secret: Secret) -> bool:
        wanted = hmac.digest(secret.value.encode(), signed, "sha256").hex().encode()
        return _is_any(wanted, given)

    secret = chosen(setup.secrets, at, proves)
    check_clock(sent, at, setup.tolerance)
    return Proof("stripe", secret.name, once(signed))


def hubspot(setup: Hubspot, message: Message, at: float) -> Proof:
    """The newest version that is accepted and sent. Raises ProofRefused."""
    newest = message.header("x-hubspot-signature-v3") if "v3" in setup.versions else None
    if newest is not None:
        return _hubspot_v3(setup, message, newest, at)
    if setup.versions == ("v3",):
        raise ProofRefused("signature_missing", "the header x-hubspot-signature-v3 is missing or empty")
    given = message.wanted("x-hubspot-signature").lower()
    version = (message.header("x-hubspot-signature-version") or b"v1").decode("latin-1").lower()
    if version not in setup.versions or version == "v3":
        allowed = ", ".join(setup.versions)
        raise ProofRefused("signature_malformed", f"signed in another version than is accepted ({allowed})")
    signed = message.body
    if version == "v2":
        signed = message.method.encode() + _address(setup.url, message) + message.body

    def proves(secret: Secret) -> bool:
        wanted = hashlib.sha256(secret.value.encode() + signed).hexdigest().encode()
        return hmac.compare_digest(wanted, given)

    return Proof(f"hubspot {version}", chosen(setup.secrets, at, proves).name)


def _hubspot_v3(setup: Hubspot, message: Message, given: bytes, at: float) -> Proof:
    stamp = message.wanted("x-hubspot-request-timestamp")
    sent = whole(stamp, "x-hubspot-request-timestamp") / 1_000
    address = _DECODED.sub(lambda match: bytes([int(match[0][1:], 16)]), _address(setup.url, message))
    signed = message.method.encode() + address + message.body + stamp

    def proves(secret: Secret) -> bool:
        wanted = base64.b64encode(hmac.digest(secret.value.encode(), signed, "sha256"))
        return hmac.compare_digest(wanted, given)

    secret = chosen(setup.secrets, at, proves)
    check_clock(sent, at, setup.tolerance)
    return Proof("hubspot v3", secret.name, once(signed))


def standard_webhooks(setup: StandardWebhooks, message: Message, at: float) -> Proof:
    """Raises ProofRefused."""
    number, stamp = message.wanted("webhook-id"), message.wanted("webhook-timestamp")
    sent = whole(stamp, "webhook-timestamp")
    parts = [part.partition(b",") for part in message.wanted("webhook-signature").split()]
    given = [value for version, _, value in parts if version == b"v1"][:_MOST]
    if not given:
        raise ProofRefused("signature_malformed", "webhook-signature must hold at least one v1,")
    signed = b".".join((number, stamp, message.body))

    def proves(secret: Secret) -> bool:
        wanted = base64.b64encode(hmac.digest(standard_key(secret.value), signed, "sha256"))
        return _is_any(wanted, given)

    secret = chosen(setup.secrets, at, proves)
    check_clock(sent, at, setup.tolerance)
    # an id stays the same when a message is sent again, its timestamp does not
    return Proof("standard_webhooks", secret.name, once(number, message.body))


def keyed_hash(setup: Hmac, message: Message, at: float, scheme: str = "hmac") -> Proof:
    """The general scheme. Raises ProofRefused."""
    given = message.wanted(setup.header)
    prefix = setup.prefix.encode()
    if not given.startswith(prefix):
        raise ProofRefused("signature_malformed", f"{setup.header} does not begin with its prefix")
    digest = _written(given.removeprefix(prefix), setup.encoding)
    stamp = None if setup.timestamp_header is None else message.wanted(setup.timestamp_header)
    number = None if setup.id_header is None else message.wanted(setup.id_header)
    sent = None if stamp is None else whole(stamp, setup.timestamp_header or "")
    values = {
        "body": message.body,
        "timestamp": stamp or b"",
        "id": number or b"",
        "method": message.method.encode(),
        "url": b"" if setup.url is None else _address(setup.url, message),
    }
    pieces = _PLACEHOLDER.split(setup.signed)
    signed = b"".join(values[one] if place % 2 else one.encode() for place, one in enumerate(pieces))

    def proves(secret: Secret) -> bool:
        wanted = hmac.digest(key_bytes(secret.value, setup.key), signed, setup.algorithm)
        return hmac.compare_digest(wanted, digest)

    secret = chosen(setup.secrets, at, proves)
    if sent is not None:
        check_clock(sent / 1_000 if setup.timestamp_unit == "ms" else sent, at, setup.tolerance)
    is_once = stamp is not None or number is not None
    return Proof(scheme, secret.name, once(signed) if is_once else None)


def quickbooks(setup: Quickbooks, message: Message, at: float) -> Proof:
    """Raises ProofRefused."""
    return keyed_hash(setup.as_hmac, message, at, "quickbooks")


def _address(url: str | None, message: Message) -> bytes:
    """The address as the sender calls it: what is configured, with the query of this request."""
    assert url is not None, "checked when the section was read"
    return url.encode() + (b"?" + message.query if message.query else b"")


def _is_any(wanted: bytes, given: list[bytes]) -> bool:
    # all are compared, so that how long it takes tells nothing of which
    return sum(hmac.compare_digest(wanted, one) for one in given) > 0


def _written(text: bytes, encoding: str) -> bytes:
    try:
        return (
            bytes.fromhex(text.decode("ascii"))
            if encoding == "hex"
            else base64.b64decode(text, validate=True)
        )
    except (binascii.Error, ValueError):
        raise ProofRefused("signature_malformed", f"the signature is not written in {encoding}") from None
