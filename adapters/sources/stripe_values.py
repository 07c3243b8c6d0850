"""What all Stripe objects share: amounts, references, the roles in which an account speaks.

A Stripe account has three roles: it moves money (`/psp/stripe/<instance>`: charges, refunds, disputes), it
bills (`/billing/stripe/<instance>`: invoices, credit notes, applications) and it quotes
(`/cpq/stripe/<instance>`). A receipt speaks under psp and its application under billing; `data.payment`
of the latter means a key of the billing source, so a receipt carries both, and those of its payment intent:
all of them name one payment.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from adapters.sources.amounts import scaled
from adapters.sources.base import Speaker, speaker
from adapters.sources.payload import Node
from adapters.sources.times import unix_seconds, unix_time

# Stripe's own decimals (Stripe docs, "Supported currencies"), which are not always ISO 4217's: MGA has none
# there and two in ISO; ISK and UGX have two there, always zero, and none in ISO.
_NO_DECIMALS: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THREE_DECIMALS: Final = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))


class Occasion(NamedTuple):
    """The event that told of an object; both None for an object that came alone.

    type: `invoice.paid`. created: Unix seconds.
    """

    type: str | None = None
    created: int | None = None


class Account(NamedTuple):
    """A Stripe account in its roles."""

    psp: Speaker
    billing: Speaker
    cpq: Speaker


def account(instance: str) -> Account:
    """The account of that name. Raises ValueError where the name can't stand in a source."""
    return Account(*(speaker(role, "stripe", instance) for role in ("psp", "billing", "cpq")))


def minor(node: Node, currency: str) -> int:
    """An amount as Stripe writes it (an integer, never a text), to ISO minor units."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    return scaled(node, currency, decimals)


def optional_minor(node: Node, currency: str) -> int:
    """An amount, 0 where there is none."""
    return minor(node, currency) if node.given else 0


def reference(node: Node) -> str | None:
    """The id that a field names, also where the object itself stands in its place (expanded)."""
    return node.at("id").optional() if isinstance(node.value, dict) else node.optional()


def edition(thing: Node) -> str:
    """When the object was made. It never changes, and tells objects apart whose ids were blanked out."""
    return str(unix_seconds(thing.at("created")))


def moment(node: Node, occasion: Occasion, types: frozenset[str], wanted: str) -> str:
    """A moment that the object gives, else that of the event, if the event is one of those types."""
    if not node.given and occasion.type in types and occasion.created is not None:
        return unix_time(occasion.created)
    return unix_time(unix_seconds(node, wanted))


def payment_of(thing: Node, who: Account) -> tuple[str | None, tuple[str, ...]]:
    """The number of the payment that an object names, and all keys of that payment.

    The number is the charge's id, or the payment intent's where no charge is named (an intent has at most
    one charge that succeeds).
    """
    names = [name for name in (reference(thing.at("charge")), reference(thing.at("payment_intent"))) if name]
    keys = tuple(says.key("payment", name) for name in names for says in (who.psp, who.billing))
    return (names[0] if names else None), keys
