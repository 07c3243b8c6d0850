"""Opportunities: where their amount stands, and what is between won and ordered (accounting.md 3, 3a)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain import milestones as m
from domain.money import divide_half_away, shares
from projections import accounts as a
from projections.book import DealBook, Opportunity, OrderLine, Position
from projections.facts import sequence_key

_CERTAIN: Final = 10**m.PROBABILITY_DECIMALS
#: How a deal stands where an opportunity has an amount and no lines.
NO_SKU: Final = ""

_STANDS: Final = {"open": a.PIPELINE, "won": a.WON_UNORDERED, "lost": a.LOST}
_WORTHLESS: Final = ("usage", "optional")

Details = list[tuple[int | None, int | None, int | None]]


def amounts(lines: tuple[m.Line, ...], amount: int | None) -> tuple[dict[str, int], dict[str, Details]]:
    """Value by product, and the quantities and service days behind it; lines before a bare amount."""
    if not lines:
        return {NO_SKU: amount or 0}, {}
    by_sku: dict[str, int] = {}
    details: dict[str, Details] = {}
    for line in lines:
        if line.kind not in _WORTHLESS:
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
    settle(deal, currency, [sku for sku in moved if sku in held or before.get(sku, 0) < 0])


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
    _take_back(deal, fact.currency, position, by_sku)
    waiting = [sku for sku, amount in position.unordered.items() if amount < 0]
    if opportunity.state == "won":
        _restate_won(deal, opportunity, fact.currency, by_sku, details)
    else:
        opportunity.state = opportunity.state or "open"
        _restate(deal, opportunity, fact.currency, by_sku, details)
        _move(deal, opportunity, "won")
    if waiting:
        settle(deal, fact.currency, waiting)


def lost(deal: DealBook, fact: m.OpportunityLost) -> None:
    """-> lost; after won: reopened, then lost."""
    opportunity = _opportunity(deal, fact)
    if opportunity is None:
        return
    if opportunity.state == "won":
        _reopen(deal, opportunity)
    _move(deal, opportunity, "lost")


def reopened(deal: DealBook, fact: m.OpportunityReopened) -> None:
    """Open again: from lost back to the pipeline; from won through debooked."""
    opportunity = _opportunity(deal, fact)
    if opportunity is None:
        return
    if opportunity.state == "won":
        _reopen(deal, opportunity)
    else:
        _move(deal, opportunity, "open")


def _reopen(deal: DealBook, opportunity: Opportunity) -> None:
    if any(order.lines for order in deal.orders.values()):
        deal.find("WON_REOPENED_AFTER_ORDER")
    currency = opportunity.currency
    unordered = deal.position(currency).unordered
    opportunity.state = "open"
    for sku, amount in opportunity.by_sku.items():
        deal.post(a.WON_UNORDERED, a.DEBOOKED, currency, amount, sku, class_=opportunity.win_class)
        deal.post(a.SOURCE_PIPELINE, a.PIPELINE, currency, amount, sku)
        unordered[sku] = unordered.get(sku, 0) - amount
    _weigh(deal, opportunity)
    if not is_won(deal, currency):
        _return_variance(deal, currency)


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
            _unorder(deal, opportunity.currency, sku, amount)
    opportunity.state = state
    _weigh(deal, opportunity)


def _unorder(deal: DealBook, currency: str, sku: str, amount: int) -> None:
    unordered = deal.position(currency).unordered
    unordered[sku] = unordered.get(sku, 0) + amount


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
    if opportunity.state == "won" and not is_won(deal, left):
        _return_variance(deal, left)


def _follow(deal: DealBook, opportunity: Opportunity, currency: str, sku: str, delta: int) -> None:
    if not delta:
        return
    deal.post(a.SOURCE_PIPELINE, a.PIPELINE, currency, delta, sku)
    stands = _STANDS[opportunity.state]
    if stands != a.PIPELINE:
        deal.post(a.PIPELINE, stands, currency, delta, sku, class_=opportunity.win_class)
    if stands == a.WON_UNORDERED:
        _unorder(deal, currency, sku, delta)


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


def is_won(deal: DealBook, currency: str) -> bool:
    """Whether the deal has a won opportunity in that currency."""
    return any(o.state == "won" and o.currency == currency for o in deal.opportunities.values())


def _won_without_lines(deal: DealBook, currency: str) -> bool:
    return any(
        o.state == "won" and o.currency == currency and NO_SKU in o.by_sku
        for o in deal.opportunities.values()
    )


def order_took(deal: DealBook, taken: dict[tuple[str, str], int], reason: int | None) -> None:
    """After an order took its value from won_unordered: settle what is left, if the deal is won.

    taken: by currency and product.
    """
    products: dict[str, list[str]] = {}
    for (currency, sku), amount in taken.items():
        unordered = deal.position(currency).unordered
        unordered[sku] = unordered.get(sku, 0) - amount
        products.setdefault(currency, []).append(sku)
    for currency, skus in products.items():
        if is_won(deal, currency):
            settle(deal, currency, skus, reason)


def settle(deal: DealBook, currency: str, skus: Iterable[str], reason: int | None = None) -> None:
    """Move what stands in won_unordered for these products to variance, with the product's one reason.

    `reason`: for amendments and renewals; else it is found by comparing all that is won and ordered.
    """
    position = deal.position(currency)
    ordered = _ordered_lines(deal, currency)
    chosen = [sku for sku in dict.fromkeys(skus) if sku in ordered]
    if not chosen:
        return
    if _won_without_lines(deal, currency) and (reason is None or position.unordered.get(NO_SKU, 0)):
        chosen = list(dict.fromkeys([*chosen, NO_SKU]))
        reason = a.VARIANCE_UNSPECIFIED
    for sku in chosen:
        if position.unordered.get(sku, 0):
            why = reason if reason is not None else _compare(deal, currency, sku, ordered[sku])
            _settle_one(deal, currency, position, sku, why)


def _settle_one(deal: DealBook, currency: str, position: Position, sku: str, reason: int) -> None:
    for other in a.VARIANCES:
        earlier = position.variance.get((sku, other), 0)
        if earlier and other != reason:
            deal.post(other, a.WON_UNORDERED, currency, earlier, sku)
            position.unordered[sku] = position.unordered.get(sku, 0) + earlier
            del position.variance[sku, other]
    amount = position.unordered.pop(sku, 0)
    deal.post(a.WON_UNORDERED, reason, currency, amount, sku)
    left = position.variance.get((sku, reason), 0) + amount
    if left:
        position.variance[sku, reason] = left
    else:
        position.variance.pop((sku, reason), None)


def _take_back(deal: DealBook, currency: str, position: Position, by_sku: dict[str, int]) -> None:
    """A win takes back what was ordered ahead of it by amendment or renewal, up to its amount."""
    for sku, amount in by_sku.items():
        budget = amount
        for (held, reason), value in sorted(position.variance.items()):
            if reason not in (a.VARIANCE_AMENDMENT, a.VARIANCE_RENEWAL) or value >= 0 or budget <= 0:
                continue
            if sku not in (NO_SKU, held):
                continue
            taken = min(-value, budget)
            budget -= taken
            deal.post(reason, a.WON_UNORDERED, currency, -taken, held)
            position.unordered[held] = position.unordered.get(held, 0) - taken
            if value + taken:
                position.variance[held, reason] = value + taken
            else:
                del position.variance[held, reason]


def _return_variance(deal: DealBook, currency: str) -> None:
    position = deal.position(currency)
    for (sku, reason), amount in position.variance.items():
        deal.post(reason, a.WON_UNORDERED, currency, amount, sku)
        position.unordered[sku] = position.unordered.get(sku, 0) + amount
    position.variance = {}


def _ordered_lines(deal: DealBook, currency: str) -> dict[str, list[OrderLine]]:
    found: dict[str, list[OrderLine]] = {}
    for order in deal.orders.values():
        for line in order.lines.values():
            if line.currency == currency and line.kind not in _WORTHLESS:
                found.setdefault(line.sku, []).append(line)
    return found


def _compare(deal: DealBook, currency: str, sku: str, ordered: list[OrderLine]) -> int:
    """Why won and ordered differ: scope, term, quantity, else price (accounting.md 3a)."""
    won_details = [
        detail
        for o in deal.opportunities.values()
        if o.state == "won" and o.currency == currency
        for detail in o.details.get(sku, ())
    ]
    if not won_details or not any(line.net for line in ordered):
        return a.VARIANCE_SCOPE
    if _days((s, e) for _, s, e in won_details) != _days((o.service_start, o.service_end) for o in ordered):
        return a.VARIANCE_TERM
    quantities = [q for q, _, _ in won_details], [line.quantity for line in ordered]
    known = None not in quantities[0] and None not in quantities[1]
    if known and sum(q or 0 for q in quantities[0]) != sum(q or 0 for q in quantities[1]):
        return a.VARIANCE_QUANTITY
    return a.VARIANCE_PRICE


def _days(spans: Iterable[tuple[int | None, int | None]]) -> list[tuple[int, int]]:
    """The service days covered, as disjoint intervals in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((s, e) for s, e in spans if s is not None and e is not None):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
