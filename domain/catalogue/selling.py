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
    pass


class OpportunityChanged(Opportunity, array_like=True, frozen=True, tag="opportunity.changed.v1"):
    pass


class OpportunityWon(Milestone, array_like=True, frozen=True, tag="opportunity.won.v1"):
    currency: Currency
    class_: Annotated[str, Reads("choice", CLASSES)]
    lines: DealLines = ()
    amount: Amount | None = None
    signed_on: Day | None = None


class OpportunityLost(Milestone, array_like=True, frozen=True, tag="opportunity.lost.v1"):
    reason: Text | None = None


class OpportunityReopened(Milestone, array_like=True, frozen=True, tag="opportunity.reopened.v1"):
    reason: Text | None = None


class QuoteApproved(Milestone, array_like=True, frozen=True, tag="quote.approved.v1"):
    quote: Number
    version: Number
    currency: Currency | None = None
    lines: Lines = ()


class QuoteAccepted(Milestone, array_like=True, frozen=True, tag="quote.accepted.v1"):
    quote: Number
    version: Number
    currency: Currency | None = None
    lines: Lines = ()


class QuoteRejected(Milestone, array_like=True, frozen=True, tag="quote.rejected.v1"):
    quote: Number
    version: Number
    currency: Currency | None = None
    lines: Lines = ()


class CustomerApproved(Milestone, array_like=True, frozen=True, tag="customer.approved.v1"):
    customer: Text


class CustomerRejected(Milestone, array_like=True, frozen=True, tag="customer.rejected.v1"):
    customer: Text
    reason: Text | None = None


class CustomerMerged(Milestone, array_like=True, frozen=True, tag="customer.merged.v1"):
    customer: Text
    into: Text


class ProductMapped(Milestone, array_like=True, frozen=True, tag="product.mapped.v1"):
    sku: Text
    product: Text
