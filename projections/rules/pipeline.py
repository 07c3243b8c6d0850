"""Opportunities: where their amount stands (accounting.md section 3)."""

from __future__ import annotations

from typing import Final

from domain import milestones as m
from domain.money import divide_half_away, shares
from projections import accounts as a
from projections.book import DealBook
from projections.facts import sequence_key
from projections.holdings import WORTHLESS, Opportunity
from projections.rules import conditions, variance

_CERTAIN: Final = 10**m.PROBABILITY_DECIMALS
_STANDS: Final = {"open": a.PIPELINE, "won": a.WON_UNORDERED, "lost": a.LOST}

Details = list[tuple[int | None, int | None, int | None]]


def amounts(lines: tuple[m.Line, ...], amount: int | None) -> tuple[dict[str, int], dict[str, Details]]:
    """Value by product, and the quantities and service days behind it; lines before a bare amount."""
    if not lines:
        return {variance.NO_SKU: amount or 0}, {}
    by_sku: dict[str, int] = {}
    details: dict[str, Details] = {}
    for line in lines:
        if line.kind not in WORTHLESS:
            by_sku[line.sku] = by_sku.get(line.sku, 0) + line.net
            details.setdefault(line.sku, []).append((line.quantity, line.service_start, line.service_end))
    return by_sku, details


def _opportunity(deal: DealBook, fact: m.Milestone) -> Opportunity | None:
    """The opportunity of a snapshot, or None where a higher sequence has been seen."""
    subject = (fact.source, fact.subject)
    if deal.stale(subject, sequence_key(fact.sequence)):
        return None
    found = deal.opportunities.get(subject)
    if found is None:
        found = deal.opportunities[subject] = Opportunity()
    return found


def opened_or_changed(deal: DealBook, fact: m.OpportunityOpened | m.OpportunityChanged) -> None:
    """A snapshot: the amount follows to where the opportunity stands; the first one opens it."""
    opportunity = _opportunity(deal, fact)
    if opportunity is None:
        return
    if not opportunity.state:
        opportunity.state = "open"
    by_sku, details = amounts(fact.lines, fact.amount)
    if opportunity.state == "won":
        _restate_won(deal, opportunity, fact.currency, by_sku, details)
        if deal.orders:
            variance.compare_terms(deal, fact.currency, by_sku)
    else:
        _restate(deal, opportunity, fact.currency, by_sku, details)
    opportunity.probability = fact.probability
    _weigh(deal, opportunity)


def _restate_won(
    deal: DealBook,
    opportunity: Opportunity,
    currency: str,
    by_sku: dict[str, int],
    details: dict[str, Details],
) -> None:
    """Change what is won; a product whose difference is settled, or whose order waits, is settled anew."""
    position = deal.position(currency)
    before = dict(position.unordered)
    _restate(deal, opportunity, currency, by_sku, details)
    held = {sku for sku, _ in position.variance}
    moved = [sku for sku, amount in position.unordered.items() if amount != before.get(sku, 0)]
    variance.settle(deal, currency, [sku for sku in moved if sku in held or before.get(sku, 0) < 0])


def won(deal: DealBook, fact: m.OpportunityWon) -> None:
    """pipeline -> won_unordered at the amount of the fact; an order that was waiting is settled."""
    opportunity = _opportunity(deal, fact)
    if opportunity is None:
        return
    if opportunity.state == "lost":
        _move(deal, opportunity, "open")
    by_sku, details = amounts(fact.lines, fact.amount)
    opportunity.win_class = a.CLASS_NUMBERS[fact.class_]
    position = deal.position(fact.currency)
    variance.take_back(deal, fact.currency, position, by_sku)
    waiting = [sku for sku, amount in position.unordered.items() if amount < 0]
    if opportunity.state == "won":
        _restate_won(deal, opportunity, fact.currency, by_sku, details)
    else:
        opportunity.state = opportunity.state or "open"
        _restate(deal, opportunity, fact.currency, by_sku, details)
        _move(deal, opportunity, "won")
    if waiting:
        variance.settle(deal, fact.currency, waiting)
    if deal.orders:
        variance.compare_terms(deal, fact.currency, by_sku)
        deal.cease("WON_REOPENED_AFTER_ORDER", _number(fact))


def lost(deal: DealBook, fact: m.OpportunityLost) -> None:
    """-> lost; after won: reopened, then lost."""
    opportunity = _opportunity(deal, fact)
    if opportunity is None:
        return
    if opportunity.state == "won":
        _reopen(deal, opportunity, _number(fact), "lost")
    _move(deal, opportunity, "lost")


def reopened(deal: DealBook, fact: m.OpportunityReopened) -> None:
    """Open again: from lost back to the pipeline; from won through debooked."""
    opportunity = _opportunity(deal, fact)
    if opportunity is None:
        return
    if opportunity.state == "won":
        _reopen(deal, opportunity, _number(fact), "reopened")
    else:
        _move(deal, opportunity, "open")


def _number(fact: m.Milestone) -> str:
    return fact.subject.partition("/")[2]


def _reopen(deal: DealBook, opportunity: Opportunity, number: str, how: str) -> None:
    currency = opportunity.currency
    if deal.orders:
        amount = sum(opportunity.by_sku.values())
        conditions.reopened_after_order(deal, number, currency, amount, how)
    unordered = deal.position(currency).unordered
    opportunity.state = "open"
    for sku, amount in opportunity.by_sku.items():
        deal.post(a.WON_UNORDERED, a.DEBOOKED, currency, amount, sku, class_=opportunity.win_class)
        deal.post(a.SOURCE_PIPELINE, a.PIPELINE, currency, amount, sku)
        unordered[sku] = unordered.get(sku, 0) - amount
    _weigh(deal, opportunity)
    if not variance.is_won(deal, currency):
        variance.give_back(deal, currency)
    variance.compare_terms(deal, currency)


def _move(deal: DealBook, opportunity: Opportunity, state: str) -> None:
    """Move the amount from where it stands to `state` (open, won or lost, not away from won)."""
    if opportunity.state in ("", state):
        opportunity.state = state
        return
    debit, credit = _STANDS[opportunity.state], _STANDS[state]
    class_ = opportunity.win_class if state == "won" else a.NO_CLASS
    for sku, amount in opportunity.by_sku.items():
        if debit == a.LOST and credit == a.WON_UNORDERED:
            raise AssertionError("a lost opportunity is opened before it is won")
        deal.post(debit, credit, opportunity.currency, amount, sku, class_=class_)
        if credit == a.WON_UNORDERED:
            variance.unorder(deal, opportunity.currency, sku, amount)
    opportunity.state = state
    _weigh(deal, opportunity)


def _restate(
    deal: DealBook,
    opportunity: Opportunity,
    currency: str,
    by_sku: dict[str, int],
    details: dict[str, Details],
) -> None:
    """Bring the amounts, product by product, to those of a snapshot; they follow to where it stands."""
    if opportunity.currency and opportunity.currency != currency:
        _leave_currency(deal, opportunity)
    for sku in {**opportunity.by_sku, **by_sku}:
        _follow(deal, opportunity, currency, sku, by_sku.get(sku, 0) - opportunity.by_sku.get(sku, 0))
    opportunity.currency, opportunity.by_sku, opportunity.details = currency, by_sku, details


def _leave_currency(deal: DealBook, opportunity: Opportunity) -> None:
    """Take back all that an opportunity holds in the currency that it is leaving."""
    left = opportunity.currency
    for sku, amount in opportunity.by_sku.items():
        _follow(deal, opportunity, left, sku, -amount)
    for sku, amount in opportunity.weighted.items():
        deal.post(a.SOURCE_WEIGHTED, a.WEIGHTED, left, -amount, sku)
    opportunity.by_sku, opportunity.weighted, opportunity.currency = {}, {}, ""
    if opportunity.state == "won" and not variance.is_won(deal, left):
        variance.give_back(deal, left)
    variance.compare_terms(deal, left)


def _follow(deal: DealBook, opportunity: Opportunity, currency: str, sku: str, delta: int) -> None:
    if not delta:
        return
    deal.post(a.SOURCE_PIPELINE, a.PIPELINE, currency, delta, sku)
    stands = _STANDS[opportunity.state]
    if stands != a.PIPELINE:
        deal.post(a.PIPELINE, stands, currency, delta, sku, class_=opportunity.win_class)
    if stands == a.WON_UNORDERED:
        variance.unorder(deal, currency, sku, delta)


def _weigh(deal: DealBook, opportunity: Opportunity) -> None:
    """open x probability, rounded once for the opportunity and shared over its products."""
    wanted: dict[str, int] = {}
    is_weighed = opportunity.state == "open" and opportunity.probability
    if not is_weighed and not opportunity.weighted:
        return
    if is_weighed:
        skus = list(opportunity.by_sku)
        values = [opportunity.by_sku[sku] for sku in skus]
        whole = divide_half_away(sum(values) * opportunity.probability, _CERTAIN)
        wanted = dict(zip(skus, shares(whole, values), strict=True))
    for sku in {**opportunity.weighted, **wanted}:
        delta = wanted.get(sku, 0) - opportunity.weighted.get(sku, 0)
        deal.post(a.SOURCE_WEIGHTED, a.WEIGHTED, opportunity.currency, delta, sku)
    opportunity.weighted = wanted
