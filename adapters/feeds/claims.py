"""Schemes that prove a message by something that its sender knows or says: passwords, tokens, client states.

Belongs here: finding it and comparing it in constant time. Does not belong here: keyed hashes
(signatures.py), what the messages mean.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from adapters.feeds.outbound import NotOutbound, Outbound, read_outbound
from adapters.feeds.proof import Message, Proof, ProofRefused, chosen
from adapters.feeds.webhook import Basic, BusinessCentral, SalesforceOutbound, Token

#: An organisation's id counts by its first 15 characters; the 3 that may follow only check them.
_ORGANISATION: Final = 15


class _Notification(msgspec.Struct):
    client_state: str = msgspec.field(name="clientState")


class _Notifications(msgspec.Struct):
    value: list[_Notification]


_notifications: Final = msgspec.json.Decoder(_Notifications)


def basic(setup: Basic, message: Message, at: float) -> Proof:
    """Raises ProofRefused."""
    scheme, _, encoded = (message.header("authorization") or b"").partition(b" ")
    if scheme.lower() != b"basic":
        raise ProofRefused("credentials_missing", "send Authorization: Basic with user and password")
    try:
        sent = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ProofRefused("credentials_missing", "Authorization: Basic is not written in base64") from None
    secret = chosen(
        setup.secrets,
        at,
        lambda one: hmac.compare_digest(f"{setup.user}:{one.value}".encode(), sent),
        code="credentials_wrong",
    )
    return Proof("basic", secret.name)


def token(setup: Token, message: Message, at: float) -> Proof:
    """Raises ProofRefused."""
    if setup.header is not None:
        sent = message.header(setup.header)
        where = f"the header {setup.header}"
    else:
        sent = _parameter(message, setup.parameter or "")
        where = f"the query parameter {setup.parameter}"
    if not sent:
        raise ProofRefused("credentials_missing", f"{where} is missing or empty")
    secret = chosen(
        setup.secrets,
        at,
        lambda one: hmac.compare_digest((setup.prefix + one.value).encode(), sent),
        code="credentials_wrong",
    )
    return Proof("token", secret.name)


def business_central(setup: BusinessCentral, message: Message, at: float) -> Proof:
    """Every notification must hold the same client state. Raises ProofRefused."""
    try:
        states = {one.client_state for one in _notifications.decode(message.body).value}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProofRefused(
            "credentials_missing", "the body is not a list of notifications that each hold a clientState"
        ) from None
    if len(states) != 1:
        raise ProofRefused("credentials_missing", "the notifications must hold one clientState, all the same")
    sent = states.pop().encode(errors="replace")
    secret = chosen(
        setup.secrets,
        at,
        lambda one: hmac.compare_digest(one.value.encode(), sent),
        code="credentials_wrong",
    )
    return Proof("business_central", secret.name)


def salesforce_outbound(setup: SalesforceOutbound, message: Message, at: float) -> Proof:
    """What an outbound message says of its organisation, session and addresses. Raises ProofRefused."""
    name = None
    if setup.secrets:
        sent = _parameter(message, setup.parameter)
        if not sent:
            raise ProofRefused("credentials_missing", f"the query parameter {setup.parameter} is missing")
        name = chosen(
            setup.secrets,
            at,
            lambda one: hmac.compare_digest(one.value.encode(), sent),
            code="credentials_wrong",
        ).name
    try:
        outbound = read_outbound(message.body)
    except NotOutbound as error:
        if name is not None:
            # the sender is proven; what it sends is kept, for a person to look at
            return Proof("salesforce_outbound", name)
        raise ProofRefused("body_unreadable", str(error)) from None
    _check_organisation(setup, outbound)
    return Proof("salesforce_outbound", name)


def _check_organisation(setup: SalesforceOutbound, outbound: Outbound) -> None:
    organisation = outbound.organisation[:_ORGANISATION]
    if organisation not in {one[:_ORGANISATION] for one in setup.organizations}:
        raise ProofRefused(
            "organisation_unknown", "the message's OrganizationId is none of the feed's `organizations`"
        )
    if outbound.session is None:
        if setup.session == "required":
            raise ProofRefused("session_missing", "the message has no SessionId: let Salesforce send it")
    elif setup.session == "absent":
        raise ProofRefused("session_unwanted", "the message has a SessionId: let Salesforce not send it")
    elif outbound.session.partition("!")[0] != organisation:
        raise ProofRefused("session_wrong", "the message's SessionId is not one of its organisation")
    if not outbound.addresses:
        raise ProofRefused("address_wrong", "the message names no EnterpriseUrl and no PartnerUrl")
    for address in outbound.addresses:
        _check_address(setup, address, organisation)


def _check_address(setup: SalesforceOutbound, address: str, organisation: str) -> None:
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise ProofRefused("address_wrong", "EnterpriseUrl or PartnerUrl can't be read") from None
    is_known = any(host.endswith(one) if one.startswith(".") else host == one for one in setup.hosts)
    if parts.scheme != "https" or not is_known:
        raise ProofRefused("address_wrong", "EnterpriseUrl or PartnerUrl is none of the feed's `hosts`")
    last = parts.path.rpartition("/")[2]
    if last[:_ORGANISATION] != organisation:
        raise ProofRefused("address_wrong", "EnterpriseUrl or PartnerUrl is not the organisation's own")


def _parameter(message: Message, name: str) -> bytes | None:
    """A query parameter; None where it is missing or stands more than once."""
    try:
        pairs = parse_qsl(message.query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return None
    found = [value for key, value in pairs if key == name]
    return found[0].encode(errors="replace") if len(found) == 1 else None
