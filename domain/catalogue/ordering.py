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
    """Orders of this deal wait for a credit decision."""

    reason: Text | None = None


class CreditReleased(Milestone, array_like=True, frozen=True, tag="credit.released.v1"):
    """The credit hold is over."""

    reason: Text | None = None


class OrderSubmitted(Milestone, array_like=True, frozen=True, tag="order.submitted.v1"):
    """An order was handed to the ERP and waits there to be accepted."""

    order: Number


class OrderRejected(Milestone, array_like=True, frozen=True, tag="order.rejected.v1"):
    """The ERP refused a submitted order, for a reason that somebody has to settle."""

    order: Number
    reason: Annotated[str | None, Reads("choice", REJECTIONS)] = None


class OrderAccepted(Milestone, array_like=True, frozen=True, tag="order.accepted.v1"):
    """The ERP has accepted an order: it is booked, to be billed and to be performed."""

    order: Number
    currency: Currency
    lines: DealLines
    class_: Annotated[str, Reads("choice", CLASSES)] = "new"
    term_start: Day | None = None
    term_end: Day | None = None


class OrderChanged(Milestone, array_like=True, frozen=True, tag="order.changed.v1"):
    """The whole order as it now stands; the ledger derives and books what changed."""

    order: Number
    currency: Currency
    lines: DealLines


class ContractAmended(Milestone, array_like=True, frozen=True, tag="contract.amended.v1"):
    """Signed deltas to an order's lines: more, less, another price, another term."""

    amendment: Number
    order: Number
    currency: Currency
    kind: Annotated[str, Reads("choice", AMENDMENT_KINDS)]
    lines: DealLines


class ContractRenewed(Milestone, array_like=True, frozen=True, tag="contract.renewed.v1"):
    """The acceptance of the order that goes on where another ends, or early in its place."""

    order: Number
    currency: Currency
    lines: DealLines
    replaces: Number | None = None
    kind: Annotated[str | None, Reads("choice", RENEWAL_KINDS)] = None


class OrderLineCancelled(Milestone, array_like=True, frozen=True, tag="order.line_cancelled.v1"):
    """What of one order line is neither billed nor performed will not come any more."""

    order: Number
    line: Number
    reason: Text | None = None


class OrderCancelled(Milestone, array_like=True, frozen=True, tag="order.cancelled.v1"):
    """What of an order is neither billed nor performed will not come any more."""

    order: Number
    line: Number | None = None
    reason: Text | None = None


class FulfilmentConfirmed(Milestone, array_like=True, frozen=True, tag="fulfilment.confirmed.v1"):
    """Goods were delivered or work was done on order lines: lines by fulfilment are earned."""

    fulfilment: Number
    lines: Annotated[tuple[Performed, ...], Reads("performed")]
    order: Number | None = None


class FulfilmentReturned(Milestone, array_like=True, frozen=True, tag="fulfilment.returned.v1"):
    """What was delivered came back: it is owed to the customer again."""

    fulfilment: Number
    lines: Annotated[tuple[Performed, ...], Reads("performed")]
    order: Number | None = None


class ServiceActivated(Milestone, array_like=True, frozen=True, tag="service.activated.v1"):
    """A service works for the customer: lines by activation are earned."""

    fulfilment: Number
    lines: Annotated[tuple[Performed, ...], Reads("performed")]
    order: Number | None = None


class NonRenewalNotified(Milestone, array_like=True, frozen=True, tag="contract.non_renewal_notified.v1"):
    """The customer or we gave notice: the contract will not be renewed."""

    order: Number
    on: Day | None = None


class ContractExpired(Milestone, array_like=True, frozen=True, tag="contract.expired.v1"):
    """A contract ran out: its run-rate churns, unless a renewal has replaced it."""

    order: Number
    on: Day | None = None


class ContractChurned(Milestone, array_like=True, frozen=True, tag="contract.churned.v1"):
    """The customer has left: the run-rate of the contract churns."""

    order: Number
    on: Day | None = None
