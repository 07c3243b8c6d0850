"""Which exceptions a milestone may raise, by type, as projections/exceptions and the rules have it.

Belongs here: the table. Does not belong here: what a code means (projections/exceptions/codes).
"""

from __future__ import annotations

from typing import Final

#: Any milestone may raise these.
ANY: Final = ("CLOSED_PERIOD_MILESTONE", "CONFLICT", "QUARANTINED", "SOR_VIOLATION")

_ORDERED: Final = (
    "AMOUNT_MISMATCH", "BILLING_OVERDUE", "CURRENCY_MISMATCH", "DUPLICATE_BUSINESS_KEY", "ENTITY_MISMATCH",
    "LATE_RENEWAL", "ORPHAN_ORDER", "TERM_MISMATCH",
)  # fmt: skip
_CHANGED: Final = (
    "AMOUNT_MISMATCH",
    "CURRENCY_MISMATCH",
    "OVERBILLED",
    "PREDECESSOR_MISSING",
    "TERM_MISMATCH",
)
_MISSING: Final = ("PREDECESSOR_MISSING",)
_PERFORMED: Final = ("DUPLICATE_BUSINESS_KEY", "FULFILLED_NOT_BILLED", "PREDECESSOR_MISSING")
_AMOUNT: Final = ("AMOUNT_PRECISION", "CURRENCY_MISMATCH", "PREDECESSOR_MISSING")

#: By stored name without version; a type that is not here raises only those of any milestone.
BY_TYPE: Final[dict[str, tuple[str, ...]]] = {
    "opportunity.won": ("AMOUNT_MISMATCH", "CURRENCY_MISMATCH", "TERM_MISMATCH", "WON_NO_ORDER"),
    "opportunity.lost": ("WON_REOPENED_AFTER_ORDER",),
    "opportunity.reopened": ("WON_REOPENED_AFTER_ORDER",),
    "order.rejected": ("ENTITY_MISMATCH", "ORDER_REJECTED_STALE"),
    "order.accepted": _ORDERED,
    "order.changed": _CHANGED,
    "contract.amended": ("DUPLICATE_BUSINESS_KEY", *_CHANGED),
    "contract.renewed": _ORDERED,
    "order.line_cancelled": _MISSING,
    "order.cancelled": _MISSING,
    "fulfilment.confirmed": _PERFORMED,
    "fulfilment.returned": ("DUPLICATE_BUSINESS_KEY", "PREDECESSOR_MISSING"),
    "service.activated": _PERFORMED,
    "usage.rated": ("DUPLICATE_BUSINESS_KEY",),
    "invoice.posted": (
        "CURRENCY_MISMATCH",
        "DUPLICATE_BUSINESS_KEY",
        "EXPIRED_STILL_BILLING",
        "ORPHAN_INVOICE",
        "OVERBILLED",
        "PAST_DUE",
    ),
    "invoice.voided": _MISSING,
    "invoice.due_date_changed": _MISSING,
    "credit_memo.posted": ("CURRENCY_MISMATCH", "DUPLICATE_BUSINESS_KEY", "PREDECESSOR_MISSING"),
    "credit_memo.applied": _AMOUNT,
    "payment.received": (
        "CURRENCY_MISMATCH",
        "DUPLICATE_BUSINESS_KEY",
        "ORPHAN_PAYMENT",
        "UNAPPLIED_AGED",
    ),
    "payment.applied": ("CURRENCY_MISMATCH", "ORPHAN_PAYMENT"),
    "payment.unapplied": ("CURRENCY_MISMATCH", "PREDECESSOR_MISSING"),
    "payment.reversed": ("AMOUNT_PRECISION", "PREDECESSOR_MISSING"),
    "payment.refunded": ("AMOUNT_PRECISION", "PREDECESSOR_MISSING"),
    "dispute.opened": _AMOUNT,
    "dispute.resolved": _AMOUNT,
    "promise.made": ("AMOUNT_PRECISION", "PREDECESSOR_MISSING", "PROMISE_BROKEN"),
    "receivable.written_off": ("CURRENCY_MISMATCH", "PREDECESSOR_MISSING"),
    "receivable.recovered": ("CURRENCY_MISMATCH", "PREDECESSOR_MISSING"),
    "revenue.recognised": ("CURRENCY_MISMATCH", "PREDECESSOR_MISSING", "RECOGNITION_MISMATCH"),
    "revenue.reversed": ("CURRENCY_MISMATCH", "PREDECESSOR_MISSING", "RECOGNITION_MISMATCH"),
    "contract.expired": ("EXPIRED_STILL_BILLING", "PREDECESSOR_MISSING"),
    "contract.churned": ("EXPIRED_STILL_BILLING", "PREDECESSOR_MISSING"),
    "milestone.corrected": _MISSING,
    "milestone.voided": _MISSING,
    "policy.activated": ("POLICY_UNREADABLE",),
    "control_total.reported": ("CONTROL_TOTAL_BREAK",),
}
