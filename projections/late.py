"""Whether a fact can be taken in as one step, as if all facts of its cluster before it were known.

It can where nothing that it touches has a later fact, and where the later ones only add to what the deal and
the payment hold, as it does itself. Belongs here: that question. Does not belong here: what is done where the
answer is no (projections/alone, projections/cluster).
"""

from __future__ import annotations

from domain import milestones as m
from projections.book import Book, DealBook
from projections.facts import BusinessKey, Fact
from projections.fold import ADDING, PAYMENT_RULES, PAYMENTS
from projections.holdings import Payment
from projections.rules import payments


def is_a_step(book: Book, fact: Fact) -> bool:
    """Whether `fold.step` now comes to the same as folding the fact in its place."""
    milestone = fact.milestone
    if type(milestone) not in PAYMENT_RULES:
        if payments.names_only_a_payment(milestone):
            return False
        return _comes_last(book, fact)
    assert isinstance(milestone, PAYMENTS), "only payments have a payment rule"
    known = payments_of(book, milestone)
    if payments.carries_a_deal(milestone):
        if not _comes_last(book, fact):
            return False
        if len(known) == 1 and is_plain_after(known[0], fact):
            return True
    return all(_is_over(payment, fact) for payment in known)


def payments_of(book: Book, milestone: m.AnyPayment) -> list[Payment]:
    """The payments by which a milestone's keys are known so far, each once."""
    found = {id(p): p for key in payments.keys_of(milestone) if (p := book.payments.get(key)) is not None}
    return list(found.values())


def is_plain_after(payment: Payment, fact: Fact) -> bool:
    """Whether a fact puts cash against an invoice, out of a payment of which all others do the same.

    Such applications take nothing from one another, and what each does to its own deal depends on the
    receipt alone, which must come before.
    """
    plain = payment.since is not None and payment.since < fact.key
    return plain and isinstance(fact.milestone, m.PaymentApplied)


def _is_over(payment: Payment, fact: Fact) -> bool:
    if not _not_after(payment.last, fact.key):
        return False
    # A reversal takes from the deals of all its applications; no other fact touches more than its own.
    return not isinstance(fact.milestone, m.PaymentReversed) or all(
        _not_after(application.deal.last, fact.key) for application in payment.applications
    )


def _comes_last(book: Book, fact: Fact) -> bool:
    deal = book.deals.get(book.id_of(fact))
    if deal is None or _not_after(deal.last, fact.key):
        return True
    return type(fact.milestone) in ADDING and _not_after(deal.firm, fact.key) and _only_adds(deal, fact)


def _only_adds(deal: DealBook, fact: Fact) -> bool:
    """Whether a fact comes to the same before and after others that only add."""
    milestone = fact.milestone
    if not _groups_as_others(deal, fact):
        return False
    match milestone:
        case m.UsageRated():
            return ("usage", milestone.usage) not in deal.documents
        case m.InvoicePosted():
            return (
                not deal.ends
                and ("invoice", milestone.invoice) not in deal.documents
                and ("invoice", milestone.invoice) not in deal.missing
                and milestone.invoice not in deal.invoices
                and milestone.invoice not in deal.promises
            )
        case m.PaymentApplied():
            invoice = deal.invoices.get(milestone.invoice)
            return (
                invoice is not None
                and invoice.posted
                and invoice.day <= milestone.effective  # on one day, invoices come before payments
                and invoice.claim == 0
                and invoice.disputed == 0
            )
    return False


def _groups_as_others(deal: DealBook, fact: Fact) -> bool:
    """Whether a fact says nothing of dimensions that the deal does not say already, then or ever."""
    said = fact.milestone.dimensions
    if not said:
        return True
    if "entity" in said or any(deal.dimensions.get(name) != value for name, value in said.items()):
        return False
    return _not_after(deal.grouped, fact.key) or not deal.regrouped


def group_earlier(deal: DealBook, fact: Fact) -> None:
    """What the deal was always grouped by, it was since a late fact that has just been taken in as a step."""
    if deal.regrouped or not fact.milestone.dimensions:
        return
    since, days = fact.milestone.effective, dict(deal.entries.keys())  # one day for each dimension
    for name, value in fact.milestone.dimensions.items():
        if since < days[name]:
            del deal.entries[name, days[name]]
            deal.entries[name, since] = value
            deal.news += [(name, days[name], None), (name, since, value)]


def _not_after(last: BusinessKey | None, key: BusinessKey) -> bool:
    return last is None or last <= key
