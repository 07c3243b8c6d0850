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
    """Usage was measured and priced: it is earned, and to be billed."""

    usage: Number
    currency: Currency
    lines: Lines


class InvoicePosted(Milestone, array_like=True, frozen=True, tag="invoice.posted.v1"):
    """An invoice was posted: its lines are receivable, net and tax, until the due date and after."""

    invoice: Number
    currency: Currency
    due_on: Day
    lines: Lines


class InvoiceVoided(Milestone, array_like=True, frozen=True, tag="invoice.voided.v1"):
    """An invoice is taken back whole, as if it had not been posted from here on."""

    invoice: Number


class InvoiceDueDateChanged(Milestone, array_like=True, frozen=True, tag="invoice.due_date_changed.v1"):
    """An invoice is due on another day."""

    invoice: Number
    due_on: Day


class CreditMemoPosted(Milestone, array_like=True, frozen=True, tag="credit_memo.posted.v1"):
    """A credit memo was posted: what was billed is given up, taken back, or billed anew."""

    credit_memo: Number
    currency: Currency
    reason: Annotated[str, Reads("choice", CREDIT_REASONS)]
    lines: Lines
    applied_to: Annotated[tuple[Applied, ...], Reads("applied_to")] = ()


class CreditMemoApplied(Milestone, array_like=True, frozen=True, tag="credit_memo.applied.v1"):
    """A part of a credit memo is put against an invoice, gross."""

    credit_memo: Number
    invoice: Number
    amount: DocumentAmount


class PaymentReceived(Milestone, array_like=True, frozen=True, tag="payment.received.v1"):
    """Money came in; it is unapplied until it is put against invoices."""

    payment: Number
    currency: Currency
    amount: Amount
    customer: Text | None = None


class PaymentApplied(Milestone, array_like=True, frozen=True, tag="payment.applied.v1"):
    """A part of a payment is put against an invoice, with the discount and the tax withheld on top."""

    payment: Number
    invoice: Number
    currency: Currency
    amount: Amount
    discount: Amount = 0
    withheld: Amount = 0


class PaymentUnapplied(Milestone, array_like=True, frozen=True, tag="payment.unapplied.v1"):
    """An application is taken back, whole or in part."""

    payment: Number
    invoice: Number
    currency: Currency
    amount: Amount
    discount: Amount = 0
    withheld: Amount = 0


class PaymentReversed(Milestone, array_like=True, frozen=True, tag="payment.reversed.v1"):
    """A payment bounced: its applications and its receipt are taken back, whole or in part."""

    payment: Number
    amount: DocumentAmount | None = None
    currency: Currency | None = None


class PaymentRefunded(Milestone, array_like=True, frozen=True, tag="payment.refunded.v1"):
    """Unapplied money was paid back to the customer."""

    payment: Number
    amount: DocumentAmount | None = None
    currency: Currency | None = None


class DisputeOpened(Milestone, array_like=True, frozen=True, tag="dispute.opened.v1"):
    """The customer disputes an invoice, or an amount of it."""

    invoice: Number
    amount: DocumentAmount | None = None
    on: Day | None = None
    currency: Currency | None = None


class DisputeResolved(Milestone, array_like=True, frozen=True, tag="dispute.resolved.v1"):
    """A dispute is settled, whole or in part."""

    invoice: Number
    amount: DocumentAmount | None = None
    on: Day | None = None
    currency: Currency | None = None


class PromiseMade(Milestone, array_like=True, frozen=True, tag="promise.made.v1"):
    """The customer promised to pay an invoice, or an amount of it, by a day."""

    invoice: Number
    amount: DocumentAmount | None = None
    on: Day | None = None
    currency: Currency | None = None


class ReceivableWrittenOff(Milestone, array_like=True, frozen=True, tag="receivable.written_off.v1"):
    """What is open of an invoice is given up, without taking revenue back."""

    invoice: Number
    currency: Currency
    amount: Amount


class ReceivableRecovered(Milestone, array_like=True, frozen=True, tag="receivable.recovered.v1"):
    """What was written off is owed again."""

    invoice: Number
    currency: Currency
    amount: Amount


class RevenueRecognised(Milestone, array_like=True, frozen=True, tag="revenue.recognised.v1"):
    """The ERP recognised revenue of an order line: posted for manual lines, else compared."""

    order_line: OrderLineRef
    currency: Currency
    amount: Amount


class RevenueReversed(Milestone, array_like=True, frozen=True, tag="revenue.reversed.v1"):
    """The ERP took recognised revenue of an order line back."""

    order_line: OrderLineRef
    currency: Currency
    amount: Amount
