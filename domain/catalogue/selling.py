"""Milestones up to the signature: leads, opportunities, quotes, customers and products."""

from __future__ import annotations

from typing import Annotated

from domain.catalogue.base import (
    CLASSES,
    Amount,
    Currency,
    Day,
    DealLines,
    Lines,
    Milestone,
    Number,
    Probability,
    Reads,
    Text,
)


class LeadQualified(Milestone, array_like=True, frozen=True, tag="lead.qualified.v1"):
    """A lead is worth pursuing: the first a deal is heard of."""

    lead: Text
    criteria: Text | None = None


class Opportunity(Milestone, array_like=True, frozen=True):
    """The snapshot of an opportunity: lines or an amount, in one currency."""

    currency: Currency
    lines: DealLines = ()
    amount: Amount | None = None
    stage: Text | None = None
    probability: Probability = 0
    close_on: Day | None = None


class OpportunityOpened(Opportunity, array_like=True, frozen=True, tag="opportunity.opened.v1"):
    """An opportunity is open, at the amount of this snapshot: it stands in the pipeline."""


class OpportunityChanged(Opportunity, array_like=True, frozen=True, tag="opportunity.changed.v1"):
    """The opportunity as it now stands, a full snapshot; the ledger derives what changed."""


class OpportunityWon(Milestone, array_like=True, frozen=True, tag="opportunity.won.v1"):
    """The customer has said yes: the amount stands as won until it is ordered."""

    currency: Currency
    class_: Annotated[str, Reads("choice", CLASSES)]
    lines: DealLines = ()
    amount: Amount | None = None
    signed_on: Day | None = None


class OpportunityLost(Milestone, array_like=True, frozen=True, tag="opportunity.lost.v1"):
    """The opportunity is lost, at the amount at which it stood; after a win, the win is taken back."""

    reason: Text | None = None


class OpportunityReopened(Milestone, array_like=True, frozen=True, tag="opportunity.reopened.v1"):
    """A lost or won opportunity is open again; a win is debooked."""

    reason: Text | None = None


class QuoteApproved(Milestone, array_like=True, frozen=True, tag="quote.approved.v1"):
    """A version of a quote may be sent to the customer."""

    quote: Number
    version: Number
    currency: Currency | None = None
    lines: Lines = ()


class QuoteAccepted(Milestone, array_like=True, frozen=True, tag="quote.accepted.v1"):
    """The customer has accepted a version of a quote."""

    quote: Number
    version: Number
    currency: Currency | None = None
    lines: Lines = ()


class QuoteRejected(Milestone, array_like=True, frozen=True, tag="quote.rejected.v1"):
    """The customer has rejected a version of a quote."""

    quote: Number
    version: Number
    currency: Currency | None = None
    lines: Lines = ()


class CustomerApproved(Milestone, array_like=True, frozen=True, tag="customer.approved.v1"):
    """The customer's master record is complete: orders may be accepted."""

    customer: Text


class CustomerRejected(Milestone, array_like=True, frozen=True, tag="customer.rejected.v1"):
    """The customer's master record is refused: orders wait for it."""

    customer: Text
    reason: Text | None = None


class CustomerMerged(Milestone, array_like=True, frozen=True, tag="customer.merged.v1"):
    """Two customers are one: deals and payments are shown under the surviving one from here on."""

    customer: Text
    into: Text


class ProductMapped(Milestone, array_like=True, frozen=True, tag="product.mapped.v1"):
    """An item number of one system is this product of the catalogue."""

    sku: Text
    product: Text
