"""The section of a feed that says how messages pushed to it prove who sent them, one model per scheme.

Belongs here: names, defaults and limits. Does not belong here: the proof itself (signatures.py,
claims.py), reading the file (setup.py).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ByteSize, Field, field_validator, model_validator

from adapters.feeds.secret import Secret
from adapters.feeds.sections import Seconds, Section, checked_url

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_ORGANISATION: Final = re.compile(r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?", re.ASCII)
_HOST: Final = re.compile(r"\.?[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
_SIGNED: Final = ("body", "timestamp", "id", "method", "url")
_STANDARD_PREFIX: Final = "whsec_"

Secrets = Annotated[tuple[Secret, ...], Field(min_length=1, max_length=10)]
#: How far a message's clock may be from ours, in seconds.
Tolerance = Annotated[Seconds, Field(ge=1, le=86_400)]


def _header(value: str) -> str:
    if _HEADER.fullmatch(value) is None:
        raise ValueError("must be the name of a header, such as X-Signature")
    return value.lower()


def key_bytes(secret: str, written: Literal["text", "base64", "hex"]) -> bytes:
    """A secret as the bytes that sign. Raises ValueError, whose message does not tell the secret."""
    try:
        if written == "base64":
            return base64.b64decode(secret, validate=True)
        return bytes.fromhex(secret) if written == "hex" else secret.encode()
    except (binascii.Error, ValueError):
        raise ValueError(f"the secret is not written in {written}") from None


def standard_key(secret: str) -> bytes:
    """The key in a Standard Webhooks secret: base64, `whsec_` before it or not. Raises ValueError."""
    return key_bytes(secret.removeprefix(_STANDARD_PREFIX), "base64")


class _Webhook(Section):
    """cut: how a body becomes records: `auto` takes a JSON array as its items and anything else whole.
    member: the records are the items of this member of the body's object. max_body: bytes of one message,
    also as `4MiB`; it is read before anything of it is proven, so it is kept low. CAIRN_MAX_BODY counts too.
    """

    max_body: ByteSize = Field(default=ByteSize(16 * 2**20), ge=1_024, le=512 * 2**20)
    cut: Literal["auto", "whole", "notifications"] = "auto"
    member: str | None = Field(default=None, min_length=1)


class Stripe(_Webhook):
    """Stripe-Signature: HMAC-SHA256 of timestamp and body, several `v1` while a secret is rolled."""

    scheme: Literal["stripe"]
    secrets: Secrets
    tolerance: Tolerance = 300


class Hubspot(_Webhook):
    """HubSpot's signatures. url: the address as HubSpot calls it, for v2 and v3. versions: those accepted."""

    scheme: Literal["hubspot"]
    secrets: Secrets
    versions: tuple[Literal["v1", "v2", "v3"], ...] = Field(default=("v3",), min_length=1)
    url: str | None = None
    tolerance: Tolerance = 300

    @model_validator(mode="after")
    def _knows_its_address(self) -> Self:
        if self.url is not None:
            checked_url(self.url)
        elif self.versions != ("v1",):
            raise ValueError("v2 and v3 sign the address: give `url` as it stands in HubSpot, without query")
        return self


class StandardWebhooks(_Webhook):
    """Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature (`v1`, HMAC-SHA256)."""

    scheme: Literal["standard_webhooks"]
    secrets: Secrets
    tolerance: Tolerance = 300

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, value: tuple[Secret, ...]) -> tuple[Secret, ...]:
        for secret in value:
            standard_key(secret.value)
        return value


class SalesforceOutbound(_Webhook):
    """Salesforce Outbound Messages: what they say of themselves is checked, and answered with an Ack.

    organizations: ids (15 or 18 characters) that may send. hosts: those that the message's addresses may
    name; one with a leading dot stands for all below it. session: whether a SessionId must or must not be in
    it; one that is there must be the organisation's. secrets: texts one of which the query parameter
    `parameter` must hold: the only part of it that an outsider can't know.
    """

    scheme: Literal["salesforce_outbound"]
    organizations: tuple[str, ...] = Field(min_length=1)
    hosts: tuple[str, ...] = (".salesforce.com", ".force.com")
    session: Literal["any", "required", "absent"] = "any"
    parameter: str = Field(default="token", min_length=1)
    secrets: tuple[Secret, ...] = ()
    cut: Literal["auto", "whole", "notifications"] = "notifications"

    @field_validator("organizations")
    @classmethod
    def _are_organisations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(_ORGANISATION.fullmatch(one) is None for one in value):
            raise ValueError("an organisation's id has 15 or 18 characters and begins with 00D")
        return value

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or any(_HOST.fullmatch(one) is None for one in value):
            raise ValueError("give hosts in lower case, such as acme.my.salesforce.com or .salesforce.com")
        return value


class Hmac(_Webhook):
    """A keyed hash in a header, however the sender writes it.

    header: where it stands. algorithm, encoding, prefix: how it is written (`sha256=...`). key: how the
    secret is written. signed: what is hashed, of {body}, {timestamp}, {id}, {method}, {url}.
    timestamp_header, id_header: where those stand. timestamp_unit: s or ms since 1970. url: the address as
    the sender calls it.
    """

    scheme: Literal["hmac"]
    secrets: Secrets
    header: str
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    key: Literal["text", "base64", "hex"] = "text"
    signed: str = "{body}"
    timestamp_header: str | None = None
    timestamp_unit: Literal["s", "ms"] = "s"
    id_header: str | None = None
    url: str | None = None
    tolerance: Tolerance = 300

    _names = field_validator("header", "timestamp_header", "id_header")(
        lambda value: None if value is None else _header(value)
    )

    @model_validator(mode="after")
    def _says_what_is_signed(self) -> Self:
        used = _PLACEHOLDER.findall(self.signed)
        if used.count("body") != 1 or any(name not in _SIGNED for name in used):
            raise ValueError(f"`signed` must hold {{body}} once, and besides only {_braces(_SIGNED[1:])}")
        given = {"timestamp": self.timestamp_header, "id": self.id_header, "url": self.url}
        for name, value in given.items():
            field = name if name == "url" else f"{name}_header"
            if name in used and value is None:
                raise ValueError(f"`signed` holds {{{name}}}: give `{field}` too")
            if name not in used and value is not None:
                raise ValueError(f"`{field}` proves nothing unless `signed` holds {{{name}}}")
        if self.url is not None:
            checked_url(self.url)
        for secret in self.secrets:
            key_bytes(secret.value, self.key)
        return self


def _braces(names: tuple[str, ...]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


class Quickbooks(_Webhook):
    """Intuit's intuit-signature: HMAC-SHA256 of the body, base64; `secrets` is the verifier token."""

    scheme: Literal["quickbooks"]
    secrets: Secrets

    @property
    def as_hmac(self) -> Hmac:
        """The same as the general scheme."""
        return Hmac(
            scheme="hmac",
            secrets=self.secrets,
            header="intuit-signature",
            encoding="base64",
            cut=self.cut,
            member=self.member,
        )


class BusinessCentral(_Webhook):
    """Business Central and Dynamics notifications; `secrets` are the subscriptions' clientState."""

    scheme: Literal["business_central"]
    secrets: Secrets
    member: str | None = "value"


class Basic(_Webhook):
    """Basic authentication; `secrets` are passwords of `user`."""

    scheme: Literal["basic"]
    user: str = Field(min_length=1)
    secrets: Secrets

    @field_validator("user")
    @classmethod
    def _is_one_part(cls, value: str) -> str:
        if ":" in value:
            raise ValueError("a user of basic authentication holds no colon")
        return value


class Token(_Webhook):
    """A shared text in a header or, for senders that can't set one, in a query parameter."""

    scheme: Literal["token"]
    secrets: Secrets
    header: str | None = None
    parameter: str | None = Field(default=None, min_length=1)
    prefix: str = ""

    _names = field_validator("header")(lambda value: None if value is None else _header(value))

    @model_validator(mode="after")
    def _stands_somewhere(self) -> Self:
        if (self.header is None) == (self.parameter is None):
            raise ValueError("give either `header` or `parameter`: where the token stands")
        return self


class Unproven(_Webhook):
    """Nothing proves the sender: then callers need the API's own token, unless `open` says otherwise."""

    scheme: Literal["none"]
    open: bool = False


Webhook = Annotated[
    Stripe
    | Hubspot
    | StandardWebhooks
    | SalesforceOutbound
    | Hmac
    | Quickbooks
    | BusinessCentral
    | Basic
    | Token
    | Unproven,
    Field(discriminator="scheme"),
]


def proves_its_sender(webhook: Any) -> bool:
    """Whether messages are let in by this section alone, without the API's token."""
    return webhook is not None and (not isinstance(webhook, Unproven) or webhook.open)
