"""The fold: facts of deals in business order to postings, and what each late fact changes.

`Cluster` holds the facts of deals that share payments, in business order. A fact that comes last for all
that it touches is one step; any other refolds the cluster, and the difference is posted at the position of
the fact that made it. So the final state is a function of the set of facts, and what was known before a
position never changes.
"""

from __future__ import annotations

import logging
from bisect import insort
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias, assert_never

from domain import milestones as m
from domain.keys import name_order, payment_key
from projections.book import Book, DealBook, Row
from projections.facts import BusinessKey, Fact
from projections.policies import entitled
from projections.rules import billing, orders, payments, performance, pipeline

_log = logging.getLogger(__name__)

DealRule: TypeAlias = Callable[[DealBook, Any], None]
PaymentRule: TypeAlias = Callable[[Book, DealBook, Any], None]


def deal_rule(  # noqa: C901 - one case a milestone is the point
    fact: m.AnyMilestone,
) -> DealRule | None:
    """The posting rule of a milestone; None where it posts nothing, or has a payment rule.

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
            | m.CustomerApproved() | m.CustomerRejected() | m.CustomerMerged() | m.ProductMapped()
            | m.CreditHeld() | m.CreditReleased() | m.OrderSubmitted() | m.OrderRejected()
            | m.PromiseMade() | m.NonRenewalNotified() | m.MilestoneCorrected() | m.MilestoneVoided()
            | m.DealsLinked() | m.DealSplit() | m.PeriodClosed() | m.PeriodReopened() | m.FxRateFixed()
            | m.PolicyActivated() | m.ExceptionAcknowledged() | m.ExceptionAssigned()
            | m.ExceptionResolved() | m.ControlTotalReported()
        ):  # fmt: skip
            return None
    assert_never(fact)


_PAYMENT_RULES: Final[dict[type[m.Milestone], PaymentRule]] = {
    m.PaymentReceived: payments.received,
    m.PaymentApplied: payments.applied,
    m.PaymentUnapplied: payments.unapplied,
    m.PaymentReversed: payments.reversed_,
    m.PaymentRefunded: payments.refunded,
}

_PAYMENTS: Final = (
    m.PaymentReceived,
    m.PaymentApplied,
    m.PaymentUnapplied,
    m.PaymentReversed,
    m.PaymentRefunded,
)

_UNKNOWN: Final = object()
_rules: dict[type[m.Milestone], DealRule | None] = {}


def _rule_of(fact: m.AnyMilestone) -> DealRule | None:
    kind = type(fact)
    found: Any = _rules.get(kind, _UNKNOWN)
    if found is _UNKNOWN:
        found = _rules[kind] = deal_rule(fact)
    rule: DealRule | None = found
    return rule


def step(book: Book, fact: Fact) -> DealBook:
    """Fold one fact that comes last in business order for all that it touches: the deal it belongs to."""
    milestone = fact.milestone
    payment_rule = _PAYMENT_RULES.get(type(milestone))
    if payment_rule is None:
        deal = book.deal(fact.stream)
        deal.fact, deal.day, deal.last = fact.position, milestone.effective, fact.key
        _describe(deal, milestone)
        rule = _rule_of(milestone)
        if rule is not None:
            if not entitled(milestone):
                deal.find("SOR_VIOLATION")
                return deal
            rule(deal, milestone)
            if milestone.sequence is not None:
                deal.saw((milestone.source, milestone.subject), fact.key[4])
        return deal
    assert isinstance(milestone, _PAYMENTS), "only payments have a payment rule"
    deal = payments.deal_of(book, fact, milestone)
    deal.fact, deal.day, deal.last = fact.position, milestone.effective, fact.key
    _describe(deal, milestone)
    if not entitled(milestone):
        deal.find("SOR_VIOLATION")
        if deal.id < 0:  # it has a share in what the payment's own deal is called and grouped by
            payments.payment_of(book, deal, milestone).last = fact.key
        return deal
    payment_rule(book, deal, milestone)
    payment = book.payments[payment_key(milestone.source, milestone.payment)]
    payment.last = fact.key
    for application in payment.applications:
        application.deal.last = max(application.deal.last or fact.key, fact.key)
    return deal


def _describe(deal: DealBook, milestone: m.AnyMilestone) -> None:
    """The deal's public name, and its dimensions from this date on."""
    for key in milestone.keys:
        if key not in deal.keys:
            deal.keys.add(key)
            if not deal.name or name_order(key) < name_order(deal.name):
                deal.name = key
    dimensions = milestone.dimensions
    if deal.id < 0 and isinstance(milestone, m.PaymentReceived) and milestone.customer is not None:
        # Cash that carries no deal's key still has a payer.
        dimensions = {"customer": milestone.customer, **dimensions}
    if dimensions and dimensions != deal.dimensions:
        for name, value in dimensions.items():
            if deal.dimensions.get(name) != value:
                deal.dimensions[name] = value
                deal.entries[name, milestone.effective] = value
                deal.news.append((name, milestone.effective, value))


def fold(facts: Iterable[Fact], deal_of: dict[int, int], broken: set[int]) -> Book:
    """Fold facts that are in business order.

    A fact on which a rule fails is left out whole, noted in `broken` and found as FOLD_FAILED: one fact
    that the rules can't take must not keep all others from being seen.
    """
    while True:
        book = Book(deal_of)
        for fact in facts:
            if fact.position in broken:
                deal = book.deal(fact.stream)
                deal.last = fact.key
                deal.findings.add(("FOLD_FAILED", fact.position))
                _describe(deal, fact.milestone)
                continue
            try:
                step(book, fact)
            except Exception:  # noqa: BLE001 - whatever a rule raises, the other facts go on
                _log.exception("the rules fail on milestone %d; it is left out", fact.position)
                broken.add(fact.position)
                break
        else:
            return book


class Change(NamedTuple):
    """What one recorded fact adds to the journal, all of it known from the fact's position on.

    rows: postings. names: public names of deals, "" where the deal has become part of another.
    dimensions: (deal, dimension, effective day, value), None where an earlier value no longer holds.
    findings: (deal, code, fact position, 1 or -1).
    """

    position: int
    rows: list[Row]
    names: list[tuple[int, str]]
    dimensions: list[tuple[int, str, int, str | None]]
    findings: list[tuple[int, str, int, int]]


class Cluster:
    """Deals that share payments: their facts in business order, and all that has been posted for them."""

    __slots__ = ("book", "broken", "dimensions", "facts", "findings", "joined", "merged", "names", "streams")

    def __init__(self, streams: list[int], deal_of: dict[int, int] | None = None) -> None:
        self.streams = streams
        self.facts: list[Fact] = []
        self.broken: set[int] = set()  # positions of facts that a rule failed on
        self.book = Book(deal_of or {})
        self.joined: list[Row] = []  # posted for clusters that have just become part of this one
        self.merged = False
        self.names: dict[int, str] = {}
        self.dimensions: dict[tuple[int, str, int], str] = {}
        self.findings: set[tuple[int, str, int]] = set()

    @classmethod
    def restore(cls, facts: list[Fact], streams: list[int], deal_of: dict[int, int]) -> Cluster:
        """A cluster as it stands after facts that have been projected already."""
        cluster = cls(streams, deal_of)
        cluster.facts = sorted(facts)
        cluster.book = fold(cluster.facts, deal_of, cluster.broken)
        cluster._change_all(0, [])
        return cluster

    def apply(self, fact: Fact) -> Change:
        """Take in a fact at its position, and say what it adds to the journal."""
        if self.merged or not self._comes_last(fact):
            insort(self.facts, fact)
            return self.refold(fact.position)
        if not self.facts or self.facts[-1].key < fact.key:
            self.facts.append(fact)
        else:
            insort(self.facts, fact)
        start = len(self.book.rows)
        try:
            deal = step(self.book, fact)
        except Exception:  # noqa: BLE001 - `fold` meets it again and logs it
            # Half a step may have been posted: fold anew; `fold` leaves out what a rule fails on.
            del self.book.rows[start:]
            return self.refold(fact.position)
        return self._change(fact.position, self.book.rows[start:], deal)

    def refold(self, position: int) -> Change:
        """Fold all facts anew; the change is the difference to what has been posted."""
        before = self.book.rows + self.joined
        self.joined, self.merged = [], False
        self.broken = set()  # what a rule failed on may fold now that there is more to go by
        self.book = fold(self.facts, self.book.deal_of, self.broken)
        return self._change_all(position, difference(before, self.book.rows))

    def join(self, other: Cluster, deal_of: dict[int, int]) -> None:
        """Take over another cluster's facts and postings; `refold` then posts the difference.

        deal_of: the deal of every stream of both from now on.
        """
        self.streams += other.streams
        for fact in other.facts:
            insort(self.facts, fact)
        self.joined += other.book.rows + other.joined
        self.merged = True
        self.names |= other.names
        self.dimensions |= other.dimensions
        self.findings |= other.findings
        self.book.deal_of = deal_of

    def _comes_last(self, fact: Fact) -> bool:
        milestone = fact.milestone
        if type(milestone) not in _PAYMENT_RULES:
            last = self.book.deal(fact.stream).last
            return last is None or last <= fact.key
        assert isinstance(milestone, _PAYMENTS), "only payments have a payment rule"
        if payments.carries_a_deal(milestone) and not _not_after(self.book.deal(fact.stream).last, fact.key):
            return False
        for key in payments.keys_of(milestone):
            payment = self.book.payments.get(key)
            if payment is not None and not (
                _not_after(payment.last, fact.key)
                and all(_not_after(application.deal.last, fact.key) for application in payment.applications)
            ):
                return False
        return True

    def _change(self, position: int, rows: list[Row], deal: DealBook) -> Change:
        names: list[tuple[int, str]] = []
        dimensions: list[tuple[int, str, int, str | None]] = []
        findings: list[tuple[int, str, int, int]] = []
        if self.names.get(deal.id) != deal.name:
            self.names[deal.id] = deal.name
            names.append((deal.id, deal.name))
        if deal.news:
            for name, effective, value in deal.news:
                self.dimensions[deal.id, name, effective] = value
            dimensions += [(deal.id, *entry) for entry in deal.news]
            deal.news.clear()
        if deal.findings:
            new = {(deal.id, code, about) for code, about in deal.findings} - self.findings
            self.findings |= new
            findings += [(*finding, 1) for finding in sorted(new)]
        return Change(position, rows, names, dimensions, findings)

    def _change_all(self, position: int, rows: list[Row]) -> Change:
        deals = self.book.deals
        names: list[tuple[int, str]] = []
        for deal in deals.values():
            deal.news.clear()
            if self.names.get(deal.id) != deal.name:
                self.names[deal.id] = deal.name
                names.append((deal.id, deal.name))
        gone = [id_ for id_ in self.names if id_ not in deals]
        names += [(id_, "") for id_ in gone]
        for id_ in gone:
            del self.names[id_]
        now = {(d.id, name, day): value for d in deals.values() for (name, day), value in d.entries.items()}
        dimensions = [
            (*entry, now.get(entry))
            for entry in {**self.dimensions, **now}
            if self.dimensions.get(entry) != now.get(entry)
        ]
        self.dimensions = now
        found = {(d.id, code, about) for d in deals.values() for code, about in d.findings}
        findings = [(*finding, -1) for finding in sorted(self.findings - found)]
        findings += [(*finding, 1) for finding in sorted(found - self.findings)]
        self.findings = found
        return Change(position, rows, names, dimensions, findings)


def _not_after(last: BusinessKey | None, key: BusinessKey) -> bool:
    return last is None or last <= key


def difference(before: list[Row], after: list[Row]) -> list[Row]:
    """The rows that turn one journal into another.

    Point postings of the same kind net; intervals are taken back and posted whole (accounting.md 3b).
    """
    points: dict[tuple[Any, ...], int] = {}
    spans: dict[Row, int] = {}
    for rows, sign in ((before, -1), (after, 1)):
        for row in rows:
            if row[8] == row[9]:
                key = row[:5] + row[6:]
                points[key] = points.get(key, 0) + sign * row[5]
            else:
                spans[row] = spans.get(row, 0) + sign
    out: list[Row] = [(*key[:5], amount, *key[5:]) for key, amount in points.items() if amount]
    for row, count in spans.items():
        out += [row if count > 0 else (*row[:5], -row[5], *row[6:])] * abs(count)
    return out
