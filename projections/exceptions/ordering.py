"""Between won and ordered: wins that nobody ordered, orders that nobody won, and where both differ.

Belongs here: exceptions read from won_unordered and variance, and from rejected orders. Does not belong here:
how a difference is settled (projections/rules/pipeline).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Final

from projections import accounts as a
from projections import open_items
from projections.exceptions.asking import Asking, Balance, Found
from projections.open_items import OpenWin

WAITING: Final = (a.WON_UNORDERED, a.WON_UNORDERED)
#: Variance that somebody has to agree on; what amendments and renewals explain is none of it.
DISPUTED_VARIANCE: Final = (a.VARIANCE_PRICE, a.VARIANCE_UNSPECIFIED)
_LAST_DAYS: Final = 3

#: A deal's products between won and ordered, in one currency.
_Groups = dict[tuple[int, str], list[OpenWin]]


def _crossed(asking: Asking) -> dict[int, tuple[set[str], set[str]]]:
    """Deals that are won in one currency and ordered in another: (won, ordered) currencies."""
    sides: dict[int, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for product in asking.won:
        if product.won_unordered:
            sides[product.deal][product.won_unordered < 0].add(product.currency)
    return {deal: (won, ordered) for deal, (won, ordered) in sides.items() if won and ordered - won}


def _one_side(asking: Asking, sign: int) -> _Groups:
    """Products whose won_unordered has this sign, but for what another currency of the deal explains."""
    crossed = _crossed(asking)
    groups: _Groups = defaultdict(list)
    for product in asking.won:
        if product.won_unordered * sign > 0 and not _is_crossed(crossed, product.deal, product.currency):
            groups[product.deal, product.currency].append(product)
    return groups


def _is_crossed(crossed: dict[int, tuple[set[str], set[str]]], deal: int, currency: str) -> bool:
    won, ordered = crossed.get(deal, ((), ()))
    return (currency in won) != (currency in ordered)


def _of_product(product: OpenWin) -> Balance:
    return Balance(product.deal, product.currency, sku=product.sku)


def in_last_days_of_quarter(day: date) -> bool:
    """Whether a day is one of the last three of a calendar quarter."""
    month = (day.month + 2) // 3 * 3
    end = date(day.year + month // 12, month % 12 + 1, 1)
    return (end - day).days <= _LAST_DAYS


def won_no_order(asking: Asking) -> Iterator[Found]:
    """What is won and not ordered, each product from its own win on."""
    groups = _one_side(asking, 1)
    begun = asking.begun(
        WAITING, [_of_product(product) for products in groups.values() for product in products]
    )
    for (deal, currency), products in groups.items():
        facts: list[int] = []
        amount = 0
        for product in products:
            start = begun[_of_product(product)]
            hours = asking.settings.hours("WON_NO_ORDER")
            if in_last_days_of_quarter(start.day):
                hours = min(hours, asking.settings.quarter_end_hours)
            if asking.is_late(asking.began(start.facts), hours):
                facts.append(asking.first_of(start.facts))
                amount += product.won_unordered
        if facts:
            first = asking.first_of(facts)
            others = sorted({*facts} - {first})
            yield Found("WON_NO_ORDER", deal, (first, *others), asking.began(facts), "", currency, amount)


def orphan_order(asking: Asking) -> Iterator[Found]:
    """What is ordered and not won, at once."""
    groups = _one_side(asking, -1)
    begun = asking.begun(
        WAITING, [_of_product(product) for products in groups.values() for product in products]
    )
    for (deal, currency), products in groups.items():
        facts = {fact for product in products for fact in begun[_of_product(product)].facts}
        first = asking.first_of(facts)
        amount = -sum(product.won_unordered for product in products)
        yield Found(
            "ORPHAN_ORDER",
            deal,
            (first, *sorted(facts - {first})),
            asking.began((first,)),
            "",
            currency,
            amount,
        )


def currency_mismatch(asking: Asking) -> Iterator[Found]:
    """Won in one currency and ordered in another: both balances stay (accounting.md 3a)."""
    crossed = _crossed(asking)
    groups: _Groups = defaultdict(list)
    for product in asking.won:
        won, ordered = crossed.get(product.deal, (set(), set()))
        if product.won_unordered < 0 and product.currency in ordered - won:
            groups[product.deal, product.currency].append(product)
    begun = asking.begun(
        WAITING, [_of_product(product) for products in groups.values() for product in products]
    )
    for (deal, currency), products in groups.items():
        first = asking.first_of({fact for product in products for fact in begun[_of_product(product)].facts})
        detail = f"won in {', '.join(sorted(crossed[deal][0]))}, ordered in {currency}"
        amount = -sum(product.won_unordered for product in products)
        yield Found("CURRENCY_MISMATCH", deal, (first,), asking.began((first,)), "", currency, amount, detail)


def amount_mismatch(asking: Asking) -> Iterator[Found]:
    """A non-zero sum of price, quantity, term, scope and unspecified."""
    low, high = DISPUTED_VARIANCE
    sums: dict[tuple[int, str], int] = defaultdict(int)
    reasons: dict[tuple[int, str], set[str]] = defaultdict(set)
    for product in asking.won:
        for account, amount in product.variance.items():
            if low <= account <= high and amount:
                sums[product.deal, product.currency] += amount
                reasons[product.deal, product.currency].add(a.NAMES[account].partition(".")[2])
    asked = {key: Balance(*key) for key, amount in sums.items() if amount}
    begun = asking.begun(DISPUTED_VARIANCE, list(asked.values()))
    for key, balance in asked.items():
        first = asking.first_of(begun[balance].facts)
        yield Found(
            "AMOUNT_MISMATCH",
            key[0],
            (first,),
            asking.began((first,)),
            "",
            key[1],
            abs(sums[key]),
            ", ".join(sorted(reasons[key])),
        )


def order_rejected_stale(asking: Asking) -> Iterator[Found]:
    """An order that was rejected and not submitted again within the SLA."""
    rejected = asking.signals.get(open_items.ORDER_REJECTED, ())
    heads = asking.heads(one.fact for one in rejected)
    waiting: dict[int, dict[str, int]] = defaultdict(dict)  # deal -> currency -> won and not ordered
    for (deal, currency), products in (_one_side(asking, 1) if rejected else {}).items():
        waiting[deal][currency] = sum(product.won_unordered for product in products)
    for one in rejected:
        since = heads[one.fact].instant
        if asking.is_late(since, asking.settings.hours("ORDER_REJECTED_STALE")):
            # of several currencies nobody can say which the order was to be in
            won = waiting.get(one.deal, {})
            currency, amount = next(iter(won.items())) if len(won) == 1 else ("", None)
            yield Found(
                "ORDER_REJECTED_STALE", one.deal, (one.fact,), since, one.object, currency, amount, one.detail
            )
