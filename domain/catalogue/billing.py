"""Milestones of usage, invoices, credit memos, payments, disputes, receivables and revenue."""

from __future__ import annotations

from typing import Annotated

from domain.catalogue.base import (
    CREDIT_REASONS,
    Amount,
    Applied,
    Currency,
    Day,
    DocumentAmount,
    Lines,
    Milestone,
    Number,
    OrderLineRef,
    Reads,
    Text,
)


class UsageRated(Milestone, array_like=True, frozen=True, tag="usage.rated.v1"):
    usage: Number
    currency: Currency
    lines: Lines


class InvoicePosted(Milestone, array_like=True, frozen=True, tag="invoice.posted.v1"):
    invoice: Number
    currency: Currency
    due_on: Day
    lines: Lines


class InvoiceVoided(Milestone, array_like=True, frozen=True, tag="invoice.voided.v1"):
    invoice: Number


class InvoiceDueDateChanged(Milestone, array_like=True, frozen=True, tag="invoice.due_date_changed.v1"):
    invoice: Number
    due_on: Day


class CreditMemoPosted(Milestone, array_like=True, frozen=True, tag="credit_memo.posted.v1"):
    credit_memo: Number
    currency: Currency
    reason: Annotated[str, Reads("choice", CREDIT_REASONS)]
    lines: Lines
    applied_to: Annotated[tuple[Applied, ...], Reads("applied_to")] = ()


class CreditMemoApplied(Milestone, array_like=True, frozen=True, tag="credit_memo.applied.v1"):
    credit_memo: Number
    invoice: Number
    amount: DocumentAmount


class PaymentReceived(Milestone, array_like=True, frozen=True, tag="payment.received.v1"):
    payment: Number
    currency: Currency
    amount: Amount
    customer: Text | None = None


class PaymentApplied(Milestone, array_like=True, frozen=True, tag="payment.applied.v1"):
    payment: Number
    invoice: Number
    currency: Currency
    amount: Amount
    discount: Amount = 0
    withheld: Amount = 0


class PaymentUnapplied(Milestone, array_like=True, frozen=True, tag="payment.unapplied.v1"):
    payment: Number
    invoice: Number
    currency: Currency
    amount: Amount
    discount: Amount = 0
    withheld: Amount = 0


class PaymentReversed(Milestone, array_like=True, frozen=True, tag="payment.reversed.v1"):
    payment: Number
    amount: DocumentAmount | None = None
    currency: Currency | None = None


class PaymentRefunded(Milestone, array_like=True, frozen=True, tag="payment.refunded.v1"):
    payment: Number
    amount: DocumentAmount | None = None
    currency: Currency | None = None


class DisputeOpened(Milestone, array_like=True, frozen=True, tag="dispute.opened.v1"):
    invoice: Number
    amount: DocumentAmount | None = None
    on: Day | None = None
    currency: Currency | None = None


class DisputeResolved(Milestone, array_like=True, frozen=True, tag="dispute.resolved.v1"):
    invoice: Number
    amount: DocumentAmount | None = None
    on: Day | None = None
    currency: Currency | None = None


class PromiseMade(Milestone, array_like=True, frozen=True, tag="promise.made.v1"):
    invoice: Number
    amount: DocumentAmount | None = None
    on: Day | None = None
    currency: Currency | None = None


class ReceivableWrittenOff(Milestone, array_like=True, frozen=True, tag="receivable.written_off.v1"):
    invoice: Number
    currency: Currency
    amount: Amount


class ReceivableRecovered(Milestone, array_like=True, frozen=True, tag="receivable.recovered.v1"):
    invoice: Number
    currency: Currency
    amount: Amount


class RevenueRecognised(Milestone, array_like=True, frozen=True, tag="revenue.recognised.v1"):
    order_line: OrderLineRef
    currency: Currency
    amount: Amount


class RevenueReversed(Milestone, array_like=True, frozen=True, tag="revenue.reversed.v1"):
    order_line: OrderLineRef
    currency: Currency
    amount: Amount
