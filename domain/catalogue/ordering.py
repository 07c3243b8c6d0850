"""Milestones of orders and contracts, and of what is delivered on them."""

from __future__ import annotations

from typing import Annotated

from domain.catalogue.base import (
    AMENDMENT_KINDS,
    CLASSES,
    REJECTIONS,
    RENEWAL_KINDS,
    Currency,
    Day,
    DealLines,
    Milestone,
    Number,
    Performed,
    Reads,
    Text,
)


class CreditHeld(Milestone, array_like=True, frozen=True, tag="credit.held.v1"):
    reason: Text | None = None


class CreditReleased(Milestone, array_like=True, frozen=True, tag="credit.released.v1"):
    reason: Text | None = None


class OrderSubmitted(Milestone, array_like=True, frozen=True, tag="order.submitted.v1"):
    order: Number


class OrderRejected(Milestone, array_like=True, frozen=True, tag="order.rejected.v1"):
    order: Number
    reason: Annotated[str | None, Reads("choice", REJECTIONS)] = None


class OrderAccepted(Milestone, array_like=True, frozen=True, tag="order.accepted.v1"):
    order: Number
    currency: Currency
    lines: DealLines
    class_: Annotated[str, Reads("choice", CLASSES)] = "new"
    term_start: Day | None = None
    term_end: Day | None = None


class OrderChanged(Milestone, array_like=True, frozen=True, tag="order.changed.v1"):
    order: Number
    currency: Currency
    lines: DealLines


class ContractAmended(Milestone, array_like=True, frozen=True, tag="contract.amended.v1"):
    amendment: Number
    order: Number
    currency: Currency
    kind: Annotated[str, Reads("choice", AMENDMENT_KINDS)]
    lines: DealLines


class ContractRenewed(Milestone, array_like=True, frozen=True, tag="contract.renewed.v1"):
    order: Number
    currency: Currency
    lines: DealLines
    replaces: Number | None = None
    kind: Annotated[str | None, Reads("choice", RENEWAL_KINDS)] = None


class OrderLineCancelled(Milestone, array_like=True, frozen=True, tag="order.line_cancelled.v1"):
    order: Number
    line: Number
    reason: Text | None = None


class OrderCancelled(Milestone, array_like=True, frozen=True, tag="order.cancelled.v1"):
    order: Number
    line: Number | None = None
    reason: Text | None = None


class FulfilmentConfirmed(Milestone, array_like=True, frozen=True, tag="fulfilment.confirmed.v1"):
    fulfilment: Number
    lines: Annotated[tuple[Performed, ...], Reads("performed")]
    order: Number | None = None


class FulfilmentReturned(Milestone, array_like=True, frozen=True, tag="fulfilment.returned.v1"):
    fulfilment: Number
    lines: Annotated[tuple[Performed, ...], Reads("performed")]
    order: Number | None = None


class ServiceActivated(Milestone, array_like=True, frozen=True, tag="service.activated.v1"):
    fulfilment: Number
    lines: Annotated[tuple[Performed, ...], Reads("performed")]
    order: Number | None = None


class NonRenewalNotified(Milestone, array_like=True, frozen=True, tag="contract.non_renewal_notified.v1"):
    order: Number
    on: Day | None = None


class ContractExpired(Milestone, array_like=True, frozen=True, tag="contract.expired.v1"):
    order: Number
    on: Day | None = None


class ContractChurned(Milestone, array_like=True, frozen=True, tag="contract.churned.v1"):
    order: Number
    on: Day | None = None
