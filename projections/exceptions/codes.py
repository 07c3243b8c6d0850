"""The codes of exceptions: what each means, whose it is, what to do next, what heals it.

Belongs here: words, for answers and for docs/exceptions.md. Does not belong here: when one rises.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: Owners: whose desk an exception lands on.
OWNERS: Final = (
    "sales_ops", "order_management", "billing", "collections", "treasury", "revenue_accounting", "controller",
    "integration", "engineering",
)  # fmt: skip


class Code(NamedTuple):
    """One kind of exception. at_risk: what its amount is. action: the next step, one sentence."""

    code: str
    owner: str
    means: str
    at_risk: str
    action: str
    heals: str


_NO_AMOUNT: Final = "none"

ALL: Final = (
    Code(
        "WON_NO_ORDER", "order_management",
        "Won, and not ordered within the SLA.",
        "what of the win is not ordered",
        "Enter the order for what was won, or have the opportunity corrected.",
        "the order is accepted, or the opportunity is lost, reopened or changed",
    ),
    Code(
        "ORDER_REJECTED_STALE", "order_management",
        "An order was rejected and has not been submitted again within the SLA.",
        "what the deal has won and not ordered",
        "Mend what the order was rejected for and submit it again.",
        "the order is submitted again or accepted",
    ),
    Code(
        "ORPHAN_ORDER", "sales_ops",
        "Ordered, and no win stands behind it.",
        "what is ordered and not won",
        "Win the opportunity in the CRM, or link the order to the deal that it belongs to.",
        "the win arrives, the deals are linked, or the order is taken back",
    ),
    Code(
        "ORPHAN_INVOICE", "billing",
        "Invoiced, and no order line stands behind it.",
        "what is invoiced (net) without an order line",
        "Record the order behind the invoice, name its order line, or credit it.",
        "the order arrives, or the invoice is voided, corrected or credited for rebilling",
    ),
    Code(
        "ORPHAN_PAYMENT", "treasury",
        "Cash that nobody can place: applied to an invoice that nobody posted, applied and never received, or"
        " received with neither deal nor customer.",
        "the cash concerned",
        "Find out whose cash it is: record the missing invoice or receipt, or name the customer.",
        "the invoice or the receipt arrives, or the cash is applied, unapplied or refunded",
    ),
    Code(
        "AMOUNT_MISMATCH", "sales_ops",
        "Won and ordered differ in price, quantity, term, scope, or without a reason that can be told.",
        "the difference, without its sign",
        "Agree on what was sold, and correct the opportunity or the order.",
        "the opportunity or the order is corrected",
    ),
    Code(
        "CURRENCY_MISMATCH", "order_management",
        "The same deal speaks in two currencies: won in one and ordered in another, or a document in another"
        " than what it refers to.",
        "what is ordered and not won in its currency; of a payment its amount; none of any other document",
        "Correct the document whose currency is wrong.",
        "the wrong document is corrected or voided",
    ),
    Code(
        "TERM_MISMATCH", "order_management",
        "Won and ordered cover other service days.",
        "what is ordered of the product and not cancelled",
        "Agree on the service period, and correct the opportunity or the order.",
        "both cover the same days",
    ),
    Code(
        "ENTITY_MISMATCH", "order_management",
        "CRM and ERP name different legal entities, or an order was rejected for it.",
        _NO_AMOUNT,
        "Decide which legal entity sells, and correct the other system.",
        "both name the same entity",
    ),
    Code(
        "DUPLICATE_BUSINESS_KEY", "integration",
        "A document number came a second time; the first in business order counts, this one posts nothing.",
        _NO_AMOUNT,
        "Void the repeated document, or correct its number.",
        "the repeated document is corrected or voided",
    ),
    Code(
        "CONFLICT", "integration",
        "A message came again under the same identity with other content; the first recorded content stands.",
        _NO_AMOUNT,
        "Decide which content is right, and send milestone.corrected or milestone.voided for it.",
        "a correction or void of that milestone decides its content",
    ),
    Code(
        "BILLING_OVERDUE", "billing",
        "Planned to be invoiced by now, and not invoiced.",
        "what is planned up to the SLA and not invoiced",
        "Post the planned invoice, or change the billing plan.",
        "it is invoiced, or the plan changes",
    ),
    Code(
        "FULFILLED_NOT_BILLED", "billing",
        "Delivered or activated, without a billing plan, and not invoiced within the SLA.",
        "what is performed and not invoiced",
        "Post the invoice for what was delivered.",
        "it is invoiced, or what was delivered comes back",
    ),
    Code(
        "OVERBILLED", "billing",
        "An order line is invoiced beyond what is ordered of it.",
        "what is invoiced too much (net)",
        "Void or credit the invoice that is too much, or record the missing amendment.",
        "the invoice is voided or credited, or the order grows",
    ),
    Code(
        "PAST_DUE", "collections",
        "An invoice is open after its due date.",
        "what is open (gross)",
        "Ask the customer to pay, or record why they do not.",
        "it is paid, credited, written off, or due later",
    ),
    Code(
        "PROMISE_BROKEN", "collections",
        "A customer promised to pay by a day that has passed, and has not.",
        "what was promised and not paid",
        "Call the customer about the promise that was not kept.",
        "what was promised is paid, or a new promise is made",
    ),
    Code(
        "UNAPPLIED_AGED", "treasury",
        "Cash was received and not applied within the SLA.",
        "the cash that is not applied",
        "Apply the cash to the invoices that it pays, or refund it.",
        "it is applied or refunded",
    ),
    Code(
        "EXPIRED_STILL_BILLING", "billing",
        "A recurring line is invoiced after its contract has ended.",
        "what the invoice bills (net) on recurring lines of orders that had ended",
        "Void the invoice, or record the renewal that it bills.",
        "the invoice is voided or corrected, or the renewal arrives",
    ),
    Code(
        "LATE_RENEWAL", "sales_ops",
        "A product's last service day has passed, and it was neither renewed nor ended: it is still live.",
        "the run-rate (currency a year) that is live without a contract",
        "Record the renewal, or that the contract expired or churned.",
        "the renewal, the expiry or the churn arrives",
    ),
    Code(
        "WON_REOPENED_AFTER_ORDER", "sales_ops",
        "A win was taken back after its order was accepted.",
        "the amount of the win that was taken back",
        "Win the opportunity again, or cancel the order.",
        "it is won again, or the order is cancelled",
    ),
    Code(
        "SOR_VIOLATION", "integration",
        "A system that is not the system of record reported this; it is kept as a claim and posts nothing.",
        _NO_AMOUNT,
        "Have the system of record report it or void the claim.",
        "the system of record voids it, or a policy makes that system the system of record",
    ),
    Code(
        "PREDECESSOR_MISSING", "integration",
        "A milestone speaks of a document that is not known, or not yet known on its day.",
        _NO_AMOUNT,
        "Deliver the missing document, or correct the reference.",
        "the document arrives, or the milestone is corrected or voided",
    ),
    Code(
        "CLOSED_PERIOD_MILESTONE", "controller",
        "A milestone changes a period that was closed when it was recorded.",
        "the largest amount that it moves within the closed period (wins count, the forecast does not)",
        "Decide whether to reopen the period or to report it in the open one.",
        "the period is reopened, or what it posted is taken back",
    ),
    Code(
        "RECOGNITION_MISMATCH", "revenue_accounting",
        "Revenue that the ERP reports differs from ours beyond the tolerance.",
        "the difference, without its sign",
        "Find out whose schedule is right, and correct the order line or the ERP.",
        "both agree within the tolerance",
    ),
    Code(
        "AMOUNT_PRECISION", "integration",
        "An amount can't be in the currency of the document that it speaks of; that part posts nothing.",
        _NO_AMOUNT,
        "Correct the amount in the source.",
        "the milestone is corrected or voided",
    ),
    Code(
        "QUARANTINED", "integration",
        "A message could not be understood; nothing of it counts.",
        _NO_AMOUNT,
        "Mend the mapping, the reference data or the message, and replay it.",
        "a replay understands it, it is dismissed, or it comes again, mended, under the same source and id",
    ),
    Code(
        "POLICY_UNREADABLE", "controller",
        "The settings of an activated policy can't be read; it has no effect.",
        _NO_AMOUNT,
        "Correct or void the policy.",
        "the milestone is corrected or voided",
    ),
    Code(
        "FOLD_FAILED", "engineering",
        "A rule failed on this milestone; it is left out.",
        _NO_AMOUNT,
        "Report this milestone as a defect, and rebuild after the fix.",
        "a rebuild with the mended rule",
    ),
    Code(
        "UNMAPPED_SKU", "integration",
        "An item number is sold or billed that the product list of its system does not have.",
        _NO_AMOUNT,
        "Map the item number to its product, or correct it in the source.",
        "product.mapped arrives for it, or no line names it any more",
    ),
    Code(
        "MISSING_CUSTOMER", "order_management",
        "A deal's customer is not among the approved ones, or was rejected.",
        _NO_AMOUNT,
        "Have the customer's master record approved, or merge it into the one that it is.",
        "the customer is approved, or merged with one that is",
    ),
    Code(
        "CONTROL_TOTAL_BREAK", "integration",
        "A source's own total of its objects differs from what the ledger has of them.",
        "the difference of the two amounts, without its sign",
        "Run cairn reconcile for that source and span with --fix, and void what the source no longer has.",
        "what is missing comes in, what is too much is voided, or a later total of the same span agrees",
    ),
    Code(
        "FEED_SILENT", "integration",
        "Nothing has come from a source for longer than expected of it.",
        _NO_AMOUNT,
        "Find out whether its webhooks, polls or files still run, then reconcile what was missed.",
        "something of it comes in",
    ),
    Code(
        "SEQUENCE_GAP", "integration",
        "A source that numbers without gaps has sent a number and not one before it.",
        _NO_AMOUNT,
        "Have the missing messages sent again, or reconcile the days around them.",
        "the missing numbers come in",
    ),
    Code(
        "LAW_BROKEN", "engineering",
        "A law of the books does not hold.",
        "the difference of its two sides, without its sign",
        "Stop relying on the figures concerned, and have the books repaired by a rebuild.",
        "the next self-check finds the law to hold",
    ),
)  # fmt: skip

BY_CODE: Final[dict[str, Code]] = {code.code: code for code in ALL}
#: Found by the rules while folding (projections/book.Signal), and told as they stand.
SIGNALLED: Final = (
    "AMOUNT_PRECISION", "CURRENCY_MISMATCH", "DUPLICATE_BUSINESS_KEY", "ENTITY_MISMATCH",
    "EXPIRED_STILL_BILLING", "FOLD_FAILED", "POLICY_UNREADABLE", "PREDECESSOR_MISSING",
    "RECOGNITION_MISMATCH", "SOR_VIOLATION", "TERM_MISMATCH", "WON_REOPENED_AFTER_ORDER",
)  # fmt: skip
