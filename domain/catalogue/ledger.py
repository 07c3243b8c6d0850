"""Milestones about milestones: corrections, links, periods, rates, policies, exceptions, control totals.

And what the ledger records of itself, which no sender may send: the audit trail.
"""

from __future__ import annotations

from typing import Annotated, Final

from domain.catalogue.base import (
    RATE_KINDS,
    Currency,
    Day,
    DocumentAmount,
    Json,
    Milestone,
    Number,
    Reads,
    Target,
    Text,
)


class MilestoneCorrected(Milestone, array_like=True, frozen=True, tag="milestone.corrected.v1"):
    """Another milestone counts as its replacement, from this position on."""

    target: Annotated[Target, Reads("target")]
    reason: Text
    replacement: Annotated[bytes, Reads("replacement")]


class MilestoneVoided(Milestone, array_like=True, frozen=True, tag="milestone.voided.v1"):
    """Another milestone does not count, from this position on."""

    target: Annotated[Target, Reads("target")]
    reason: Text


class DealsLinked(Milestone, array_like=True, frozen=True, tag="deals.linked.v1"):
    """The deals of these keys are one deal, from this position on."""


class DealSplit(Milestone, array_like=True, frozen=True, tag="deal.split.v1"):
    """These keys leave their deal and form one of their own, from this position on."""


class PeriodClosed(Milestone, array_like=True, frozen=True, tag="period.closed.v1"):
    """The books of a month and of all months before it are closed."""

    period: Annotated[str, Reads("period")]
    actor: Text
    scope: Text | None = None


class PeriodReopened(Milestone, array_like=True, frozen=True, tag="period.reopened.v1"):
    """The books of a month and of all months after it are open again."""

    period: Annotated[str, Reads("period")]
    actor: Text
    scope: Text | None = None


class FxRateFixed(Milestone, array_like=True, frozen=True, tag="fx.rate_fixed.v1"):
    """One unit of a currency is so much of another, from a day on."""

    base: Currency
    quote: Currency
    rate: Annotated[str, Reads("rate")]
    on: Day
    kind: Annotated[str, Reads("choice", RATE_KINDS)] = "spot"


class PolicyActivated(Milestone, array_like=True, frozen=True, tag="policy.activated.v1"):
    """A version of the firm's definitions holds from a business day on, once a rebuild adopts it."""

    policy: Text
    version: Number
    from_: Day
    settings: Json


class ExceptionAcknowledged(Milestone, array_like=True, frozen=True, tag="exception.acknowledged.v1"):
    """Somebody has seen an exception."""

    exception: Text
    actor: Text
    note: Text | None = None


class ExceptionAssigned(Milestone, array_like=True, frozen=True, tag="exception.assigned.v1"):
    """An exception is somebody's to settle."""

    exception: Text
    actor: Text
    note: Text | None = None


class ExceptionResolved(Milestone, array_like=True, frozen=True, tag="exception.resolved.v1"):
    """An exception is settled, or shall be shown no more until it changes."""

    exception: Text
    actor: Text
    note: Text | None = None


class ControlTotalReported(Milestone, array_like=True, frozen=True, tag="control_total.reported.v1"):
    """A source's own count, and sum, of its objects over a span of days, to compare with."""

    object: Text
    from_: Day
    to: Day
    count: Annotated[int, Reads("count")]
    amount: DocumentAmount | None = None
    currency: Currency | None = None
    ids: Annotated[tuple[str, ...], Reads("texts")] = ()


#: What an actor of the audit trail is: the holder of the operator's token, of an API key or of a token of the
#: issuer; whoever asks a ledger that asks for nothing; a webhook; nobody known; a command; a server itself.
ACTOR_KINDS: Final = ("operator", "key", "oidc", "open", "webhook", "nobody", "cli", "server")


class AuditRecorded(Milestone, array_like=True, frozen=True, tag="audit.recorded.v1"):
    """Something was done to the ledger, or refused; recorded by the ledger itself, never sent in.

    act: dotted, `key.created`. details: a flat JSON object of texts. count: how many times from first to
    last (RFC 3339), for refusals, which are counted.
    """

    act: Text
    actor: Text
    kind: Annotated[str, Reads("choice", ACTOR_KINDS)]
    details: Json
    count: Annotated[int, Reads("count")] = 1
    first: Text | None = None
    last: Text | None = None
