"""The fold: facts of deals in business order to postings.

Belongs here: which rule a milestone has, one step, a whole fold. Does not belong here: what a rule does
(projections/rules), what a late fact changes (projections/cluster).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, assert_never

from domain import milestones as m
from domain.keys import name_order, payment_key
from domain.policies import DEFAULT_POLICIES, Policies, PolicyRefused, version_of
from domain.stored import CODEC
from projections.book import Book, DealBook, check_range
from projections.facts import Fact
from projections.parting import WHOLE, Parts
from projections.rules import billing, conditions, orders, payments, performance, pipeline

_log = logging.getLogger(__name__)

DealRule: TypeAlias = Callable[[DealBook, Any], None]
PaymentRule: TypeAlias = Callable[[Book, DealBook, Any], None]


def deal_rule(  # noqa: C901 - one case a milestone is the point
    fact: m.AnyMilestone,
) -> DealRule | None:
    """The rule of a milestone; None where it has a payment rule or is no rule's matter.

    Exhaustive: a milestone of the catalogue without a case does not type-check.
    """
    match fact:
        case m.OpportunityOpened() | m.OpportunityChanged():
            return pipeline.opened_or_changed
        case m.OpportunityWon():
            return pipeline.won
        case m.OpportunityLost():
            return pipeline.lost
        case m.OpportunityReopened():
            return pipeline.reopened
        case m.OrderSubmitted():
            return conditions.submitted
        case m.OrderRejected():
            return conditions.rejected
        case m.CreditHeld():
            return conditions.held
        case m.CreditReleased():
            return conditions.released
        case m.CustomerApproved():
            return conditions.customer_approved
        case m.CustomerRejected():
            return conditions.customer_rejected
        case m.OrderAccepted():
            return orders.accepted
        case m.OrderChanged():
            return orders.changed
        case m.ContractAmended():
            return orders.amended
        case m.ContractRenewed():
            return orders.renewed
        case m.OrderLineCancelled() | m.OrderCancelled():
            return orders.cancelled
        case m.ContractExpired() | m.ContractChurned():
            return orders.ended
        case m.NonRenewalNotified():
            return conditions.not_renewing
        case m.FulfilmentConfirmed():
            return performance.confirmed
        case m.FulfilmentReturned():
            return performance.returned
        case m.ServiceActivated():
            return performance.activated
        case m.UsageRated():
            return performance.used
        case m.RevenueRecognised() | m.RevenueReversed():
            return performance.revenue
        case m.InvoicePosted():
            return billing.posted
        case m.InvoiceVoided():
            return billing.voided
        case m.InvoiceDueDateChanged():
            return billing.due_date_changed
        case m.CreditMemoPosted():
            return billing.credited
        case m.CreditMemoApplied():
            return billing.memo_applied
        case m.DisputeOpened() | m.DisputeResolved():
            return billing.disputed
        case m.PromiseMade():
            return conditions.promised
        case m.ReceivableWrittenOff() | m.ReceivableRecovered():
            return billing.written_off
        case (
            m.PaymentReceived()
            | m.PaymentApplied()
            | m.PaymentUnapplied()
            | m.PaymentReversed()
            | m.PaymentRefunded()
        ):
            return None
        case (
            m.LeadQualified() | m.QuoteApproved() | m.QuoteAccepted() | m.QuoteRejected()
            | m.DealsLinked() | m.DealSplit()
        ):  # fmt: skip
            return conditions.noted  # which deal a fact belongs to is decided before it is folded
        case (
            m.CustomerMerged() | m.ProductMapped() | m.PeriodClosed() | m.PeriodReopened()
            | m.FxRateFixed() | m.PolicyActivated() | m.ExceptionAcknowledged() | m.ExceptionAssigned()
            | m.ExceptionResolved() | m.ControlTotalReported()
        ):  # fmt: skip
            return None  # notices
        case m.MilestoneCorrected() | m.MilestoneVoided():
            return None  # their targets are folded otherwise
    assert_never(fact)


PAYMENT_RULES: Final[dict[type[m.Milestone], PaymentRule]] = {
    m.PaymentReceived: payments.received,
    m.PaymentApplied: payments.applied,
    m.PaymentUnapplied: payments.unapplied,
    m.PaymentReversed: payments.reversed_,
    m.PaymentRefunded: payments.refunded,
}

PAYMENTS: Final = (
    m.PaymentReceived,
    m.PaymentApplied,
    m.PaymentUnapplied,
    m.PaymentReversed,
    m.PaymentRefunded,
)

#: Milestones that only add to what a deal holds: among themselves, most come to the same in any order.
ADDING: Final = frozenset({m.UsageRated, m.InvoicePosted, m.PaymentApplied})

#: Milestones that concern the whole ledger: kept as notices, read by whoever they concern.
_WHOLE_LEDGER: Final = frozenset(
    {
        m.CustomerMerged,
        m.ProductMapped,
        m.PeriodClosed,
        m.PeriodReopened,
        m.FxRateFixed,
        m.PolicyActivated,
        m.ExceptionAcknowledged,
        m.ExceptionAssigned,
        m.ExceptionResolved,
        m.ControlTotalReported,
    }
)

#: Milestones that a rule folds, and that are kept as notices too: who is a customer anywhere.
_OF_CUSTOMERS: Final = frozenset({m.CustomerApproved, m.CustomerRejected})

_UNKNOWN: Final = object()
_rules: dict[type[m.Milestone], DealRule | None] = {}


def _learn(milestone: m.AnyMilestone) -> DealRule | None:
    rule = _rules[type(milestone)] = deal_rule(milestone)
    return rule


def _take_notice(book: Book, deal: DealBook, fact: Fact) -> None:
    """Keep a milestone that concerns the whole ledger for whoever it concerns."""
    milestone = fact.milestone
    if not deal.policy.entitled(milestone):
        deal.find("SOR_VIOLATION")
    elif isinstance(milestone, m.PolicyActivated) and not _can_be_read(milestone):
        deal.find("POLICY_UNREADABLE", f"{milestone.policy}@{milestone.version}")
    else:
        book.notices.append((fact.position, milestone.name, CODEC.encode(milestone), 1))


def _can_be_read(policy: m.PolicyActivated) -> bool:
    try:
        version_of(policy)
    except PolicyRefused:
        return False
    return True


def step(book: Book, fact: Fact) -> DealBook:
    """Fold one fact that comes last in business order for all that it touches: the deal it belongs to.

    One that does not may be folded where projections/late says so.
    """
    milestone = fact.milestone
    kind = type(milestone)
    payment_rule = PAYMENT_RULES.get(kind)
    if payment_rule is None:
        beside = milestone.subject.startswith("payment/") and payments.names_only_a_payment(milestone)
        deal = payments.deal_beside(book, fact) if beside else book.deal(fact)
        deal.fact, deal.day, deal.last = fact.position, milestone.effective, fact.key
        if kind not in ADDING:
            deal.firm = fact.key
        if not book.policies.is_one:
            deal.policy = book.policies.at(milestone.effective)
        describe(deal, milestone)
        rule: Any = _rules.get(kind, _UNKNOWN)
        rule = _learn(milestone) if rule is _UNKNOWN else rule
        if rule is not None:
            if not deal.policy.entitled_for(kind, milestone.source):
                deal.find("SOR_VIOLATION")
                return deal
            rule(deal, milestone)
            if kind in _OF_CUSTOMERS:
                book.notices.append((fact.position, milestone.name, CODEC.encode(milestone), 1))
            if milestone.sequence is not None:
                deal.saw((milestone.source, milestone.subject), fact.key[4])
        elif kind in _WHOLE_LEDGER:
            _take_notice(book, deal, fact)
        return deal
    return _step_payment(book, fact, payment_rule)


def _step_payment(book: Book, fact: Fact, rule: PaymentRule) -> DealBook:
    milestone = fact.milestone
    assert isinstance(milestone, PAYMENTS), "only payments have a payment rule"
    deal = payments.deal_of(book, fact, milestone)
    deal.fact, deal.day, deal.last = fact.position, milestone.effective, fact.key
    if type(milestone) not in ADDING:
        deal.firm = fact.key
    if not book.policies.is_one:
        deal.policy = book.policies.at(milestone.effective)
    describe(deal, milestone)
    if not deal.policy.entitled(milestone):
        deal.find("SOR_VIOLATION")
        if deal.id < 0:  # it has a share in what the payment's own deal is called and grouped by
            payment = payments.payment_of(book, deal, milestone)
            payment.last, payment.since = fact.key, None
            payment.deals.add(deal.id)
        return deal
    rule(book, deal, milestone)
    payment = book.payments[payment_key(milestone.source, milestone.payment)]
    if payment.last is None or payment.last < fact.key:
        payment.last = fact.key
    payment.deals.add(deal.id)
    if isinstance(milestone, m.PaymentReversed):  # all others touch no other deal
        for application in payment.applications:
            application.deal.last = application.deal.firm = fact.key
    return deal


def taken(book: Book, fact: Fact) -> DealBook:
    """`step`, and what it came to fits the journal. Raises what a rule raises; OverflowError."""
    rows, signals = len(book.rows), len(book.signals)
    deal = step(book, fact)
    check_range(book.rows[rows:], book.signals[signals:])
    return deal


def describe(deal: DealBook, milestone: m.AnyMilestone) -> None:
    """The deal's public name, and its dimensions from this date on."""
    keys = milestone.keys
    if not deal.keys.issuperset(keys):
        for key in keys:
            if key not in deal.keys:
                deal.keys.add(key)
                if deal.elsewhere and deal.elsewhere.get(key, deal.id) != deal.id:
                    continue  # of another deal since a split
                rank = name_order(key)
                if deal.rank is None or rank < deal.rank:
                    deal.name, deal.rank = key, rank
    dimensions = milestone.dimensions
    if deal.id < 0 and isinstance(milestone, m.PaymentReceived) and milestone.customer is not None:
        # Cash that carries no deal's key still has a payer.
        dimensions = {"customer": milestone.customer, **dimensions}
    if not dimensions:
        return
    if "entity" in dimensions:
        conditions.entity_said(deal, milestone.source, dimensions["entity"])
    if dimensions != deal.dimensions:
        for name, value in dimensions.items():
            if deal.dimensions.get(name) != value:
                deal.regrouped |= name in deal.dimensions
                deal.dimensions[name] = value
                deal.entries[name, milestone.effective] = value
                deal.grouped = deal.last
                deal.news.append((name, milestone.effective, value))


def fold(
    facts: Iterable[Fact],
    deal_of: dict[int, int],
    broken: set[int],
    parted: Parts = WHOLE,
    policies: Policies = DEFAULT_POLICIES,
) -> Book:
    """Fold facts that are in business order.

    A fact on which a rule fails is left out whole, noted in `broken` and found as FOLD_FAILED: one fact
    that the rules can't take must not keep all others from being seen.
    """
    while True:
        book = Book(deal_of, parted, policies)
        for fact in facts:
            if fact.position in broken:
                deal = book.deal(fact)
                deal.fact, deal.day, deal.last = fact.position, fact.milestone.effective, fact.key
                deal.firm = fact.key
                deal.find("FOLD_FAILED")
                describe(deal, fact.milestone)
                continue
            try:
                taken(book, fact)
            except Exception:  # noqa: BLE001 - whatever a rule raises, the other facts go on
                _log.exception("the rules fail on milestone %d; it is left out", fact.position)
                broken.add(fact.position)
                break
        else:
            return book
