"""What is between won and ordered, product by product: variance, and terms that differ (accounting.md 3a)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import product
from typing import Final, TypeAlias

from domain.instants import format_day
from projections import accounts as a
from projections.book import DealBook
from projections.holdings import WORTHLESS, OrderLine, Position

#: How a deal stands where an opportunity has an amount and no lines.
NO_SKU: Final = ""

#: Reasons of what was ordered ahead of the CRM.
_AHEAD: Final = tuple(sorted((a.VARIANCE_AMENDMENT, a.VARIANCE_RENEWAL)))

#: First and last service day, where they are stated.
Span: TypeAlias = tuple[int | None, int | None]


def unorder(deal: DealBook, currency: str, sku: str, amount: int) -> None:
    """Keep what stands in won_unordered, after a posting that moved it."""
    unordered = deal.position(currency).unordered
    unordered[sku] = unordered.get(sku, 0) + amount


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
            ordered = _ordered_lines(deal, currency)
            settle(deal, currency, skus, reason, ordered)
            compare_terms(deal, currency, skus, ordered)


def settle(
    deal: DealBook,
    currency: str,
    skus: Iterable[str],
    reason: int | None = None,
    ordered: dict[str, list[OrderLine]] | None = None,
) -> None:
    """Move what stands in won_unordered for these products to variance, with the product's one reason.

    `reason`: for amendments and renewals; else it is found by comparing all that is won and ordered.
    """
    position = deal.position(currency)
    if ordered is None:
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


def take_back(deal: DealBook, currency: str, position: Position, by_sku: dict[str, int]) -> None:
    """A win takes back what was ordered ahead of it by amendment or renewal, up to its amount."""
    for sku, amount in by_sku.items():
        budget = amount
        products = sorted({held for held, _ in position.variance}) if sku == NO_SKU else [sku]
        for held, reason in product(products, _AHEAD):
            value = position.variance.get((held, reason), 0)
            if value >= 0 or budget <= 0:
                continue
            taken = min(-value, budget)
            budget -= taken
            deal.post(reason, a.WON_UNORDERED, currency, -taken, held)
            position.unordered[held] = position.unordered.get(held, 0) - taken
            if value + taken:
                position.variance[held, reason] = value + taken
            else:
                del position.variance[held, reason]


def give_back(deal: DealBook, currency: str) -> None:
    """No won opportunity is left in the currency: variance returns to won_unordered."""
    position = deal.position(currency)
    for (sku, reason), amount in position.variance.items():
        deal.post(reason, a.WON_UNORDERED, currency, amount, sku)
        position.unordered[sku] = position.unordered.get(sku, 0) + amount
    position.variance = {}


def _ordered_lines(deal: DealBook, currency: str) -> dict[str, list[OrderLine]]:
    found: dict[str, list[OrderLine]] = {}
    for order in deal.orders.values():
        for line in order.lines.values():
            if line.currency == currency and line.kind not in WORTHLESS:
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


def compare_terms(
    deal: DealBook,
    currency: str,
    skus: Collection[str] = (),
    ordered: dict[str, list[OrderLine]] | None = None,
) -> None:
    """TERM_MISMATCH of these products, and of those that have it: whether the service days won and ordered
    differ, also where the amounts agree.

    A win that states no service days, or no lines, says nothing of them. What was ordered ahead of the CRM by
    amendment or renewal has that as its reason, and what was cancelled is ordered no more.
    """
    doubted = (
        [key[1] for key in deal.standing if key[0] == "TERM_MISMATCH" and key[2] == currency]
        if deal.standing
        else []
    )
    for sku in dict.fromkeys((*skus, *doubted)) if doubted else skus:
        won: list[Span] = [
            (start, end)
            for o in deal.opportunities.values()
            if o.state == "won" and o.currency == currency
            for _, start, end in o.details.get(sku, ())
            if start is not None
        ]
        if not won and not doubted:
            continue
        if ordered is None:
            ordered = _ordered_lines(deal, currency)
        detail = _terms(deal, currency, sku, won, ordered.get(sku, ()))
        if detail or doubted:
            deal.stand("TERM_MISMATCH", sku, currency, detail=detail)


def _terms(deal: DealBook, currency: str, sku: str, won: list[Span], ordered: Iterable[OrderLine]) -> str:
    """Service days won and ordered as text where they differ, else nothing."""
    taken: list[Span] = [
        (line.service_start, line.service_end)
        for line in ordered
        if not line.stopped or line.net != line.cancelled
    ]
    if won == taken or not won or not taken:
        return ""
    days, other = _days(won), _days(taken)
    if not days or days == other or _won_without_lines(deal, currency):
        return ""
    held = deal.position(currency).variance
    if held.get((sku, a.VARIANCE_AMENDMENT)) or held.get((sku, a.VARIANCE_RENEWAL)):
        return ""
    return f"{_told(days)}/{_told(other)}"


def _told(days: list[tuple[int, int]]) -> str:
    return "+".join(f"{format_day(start)}..{format_day(end)}" for start, end in days) or "none"


def _days(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """The service days covered, as disjoint intervals in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((s, e) for s, e in spans if s is not None and e is not None):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
