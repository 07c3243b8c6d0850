"""Why value stands between two figures of the bridge: one reason a part, by a priority (docs/bridge.md).

Belongs here: open items to reasons, pure. Does not belong here: reading them (projections/open_items), adding
them up (projections/bridge).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from domain import milestones as m
from domain.instants import from_date, to_date
from domain.policies import Settings
from projections import accounts as a
from projections import open_items as o

#: Reasons of a rejection that say what is missing; any other is `order_rejected`.
_REJECTIONS: Final = frozenset({"missing_customer", "unmapped_sku", "credit_hold", "tax_address"})
_HOUR: Final = 3_600_000_000
_DAY: Final = 86_400_000_000
_QUARTER_ENDS: Final = (3, 6, 9, 12)
_LAST_DAYS: Final = 3

VARIANCES: Final[Mapping[int, str]] = {
    a.VARIANCE_PRICE: "price",
    a.VARIANCE_QUANTITY: "quantity",
    a.VARIANCE_TERM: "term",
    a.VARIANCE_SCOPE: "scope",
    a.VARIANCE_UNSPECIFIED: "unspecified",
    a.VARIANCE_AMENDMENT: "amendment_not_in_crm",
    a.VARIANCE_RENEWAL: "renewal_not_in_crm",
}


class Part(NamedTuple):
    """Some of a deal's value and its one reason. Minor units, what is taken away in the step.

    item: the product, line or invoice of whose balance it is a part; whole: that balance. labels: under which
    the item's postings stand.
    """

    deal: int
    currency: str
    reason: str
    amount: int
    item: str
    whole: int
    labels: tuple[str, ...]


def end_of(day: date) -> int:
    """The moment at which a day is over: microseconds since 1970 UTC."""
    return (from_date(day) + 1) * _DAY


def won_hours(settings: Settings, since: date) -> int:
    """How long a win may wait for its order: less in the last three days of a quarter."""
    hours = settings.hours("WON_NO_ORDER")
    later = since + timedelta(days=_LAST_DAYS)
    if since.month in _QUARTER_ENDS and later.month != since.month:
        return min(hours, settings.quarter_end_hours)
    return hours


def in_time(settings: Settings, started: m.AnyMilestone, at: date) -> bool:
    """Whether the end of the day is not later than the milestone that started waiting, and its hours."""
    return end_of(at) <= started.instant + won_hours(settings, to_date(started.effective)) * _HOUR


class Standing(NamedTuple):
    """What keeps deals from going on. rejected: deal -> reason of the rejection that stands; held, refused:
    deals with a credit hold, and whose customer was rejected; crossed: deal and currency of wins and orders
    that face each other in two currencies; parted: those that face each other in two deals after a split."""

    rejected: Mapping[int, str]
    held: frozenset[int]
    refused: frozenset[int]
    crossed: frozenset[tuple[int, str]]
    parted: frozenset[tuple[int, str]]


def standing(
    conditions: Iterable[o.Condition],
    wins: Iterable[o.OpenWin],
    splits: Iterable[tuple[int, int]],
) -> Standing:
    """What the conditions and balances of all deals come to. splits: deals that were one: (group, deal)."""
    rejected: dict[int, str] = {}
    held, refused = set(), set()
    for condition in sorted(conditions, key=lambda one: (one.since, one.object, one.detail)):
        if condition.code == o.ORDER_REJECTED:
            rejected[condition.deal] = condition.detail
        elif condition.code == o.CREDIT_HELD:
            held.add(condition.deal)
        elif condition.code == o.CUSTOMER_REJECTED:
            refused.add(condition.deal)
    balances: dict[tuple[int, str], int] = {}
    sides: dict[int, tuple[set[str], set[str]]] = {}
    for win in wins:
        key = win.deal, win.currency
        balances[key] = balances.get(key, 0) + win.won_unordered
        if win.won_unordered:
            sides.setdefault(win.deal, (set(), set()))[win.won_unordered < 0].add(win.currency)
    return Standing(
        rejected,
        frozenset(held),
        frozenset(refused),
        frozenset(_crossed(sides)),
        frozenset(_parted(balances, splits)),
    )


def _crossed(sides: Mapping[int, tuple[set[str], set[str]]]) -> Iterable[tuple[int, str]]:
    """Won in one currency and ordered in another, of one deal: the same value."""
    for deal, (won, ordered) in sides.items():
        if won and ordered - won:
            yield from ((deal, currency) for currency in won ^ ordered)


def _parted(
    balances: Mapping[tuple[int, str], int], splits: Iterable[tuple[int, int]]
) -> Iterable[tuple[int, str]]:
    """Both signs of one currency in deals that were one."""
    groups: dict[int, set[int]] = {}
    for group, deal in splits:
        groups.setdefault(group, {group}).add(deal)
    found = []
    for deals in groups.values():
        by_currency: dict[str, list[tuple[int, str]]] = {}
        for key, amount in balances.items():
            if amount and key[0] in deals:
                by_currency.setdefault(key[1], []).append(key)
        for keys in by_currency.values():
            if len({balances[key] > 0 for key in keys}) == 2:
                found += keys
    return found


def of_rejection(detail: str) -> str:
    """The reason that the reason of an order's rejection is."""
    return detail if detail in _REJECTIONS else "order_rejected"


def of_win(win: o.OpenWin, found: Standing, *, is_in_time: bool) -> str:
    """Why a product is won and not ordered, or ordered and not won."""
    key = win.deal, win.currency
    if key in found.crossed:
        return "fx_rate"
    if win.won_unordered < 0:
        return "split_merged" if key in found.parted else "orphan_order"
    if win.deal in found.rejected:
        return of_rejection(found.rejected[win.deal])
    if win.deal in found.held:
        return "credit_hold"
    if win.deal in found.refused:
        return "missing_customer"
    if is_in_time:
        return "timing_in_sla"
    return "split_merged" if key in found.parted else "integration_failed"


def of_line(line: o.OpenLine, *, is_held: bool) -> list[tuple[str, int]]:
    """Why a line is not invoiced, or invoiced for more than there is: parts that add up to its unbilled."""
    if line.unbilled < 0:
        return [("overbilled" if line.is_ordered or line.usage else "orphan_invoice", line.unbilled)]
    left = line.unbilled
    found: dict[str, int] = {}

    def take(reason: str, amount: int) -> None:
        nonlocal left
        part = max(0, min(amount, left))
        if part:
            found[reason] = found.get(reason, 0) + part
            left -= part

    billed = line.billed - line.rebilled
    performed = line.performed - billed
    if line.is_planned:
        overdue, due = line.scheduled_before - billed, line.scheduled - billed
        take("fulfilled_not_billed", min(performed, overdue))
        taken = line.unbilled - left
        take("credit_hold" if is_held else "billing_overdue", overdue - taken)
        taken = line.unbilled - left
        take("credit_hold" if is_held else "timing_in_sla", due - taken)
        take("future_schedule", line.planned - max(line.scheduled, billed))
    take("fulfilled_not_billed", performed - (line.unbilled - left))
    if line.is_ratable:
        take("future_schedule", left)
    take("credit_hold" if is_held else "awaiting_fulfilment", line.unfulfilled)
    take("credit_hold" if is_held else "not_due", left)
    return list(found.items())


def of_invoices(
    invoices: Iterable[o.OpenInvoice], pools: Mapping[tuple[int, str], int], at: date
) -> list[Part]:
    """Why invoices are not paid: disputed, waiting cash (oldest due first), past due, not due.

    pools: by deal and currency, its cash and credits that are not applied.
    """
    found: list[Part] = []
    left = dict(pools)

    def add(invoice: o.OpenInvoice, reason: str, amount: int) -> None:
        of = invoice.deal, invoice.currency
        if amount:
            found.append(Part(*of, reason, amount, invoice.number, invoice.open, (invoice.number,)))

    for invoice in sorted(invoices, key=lambda one: (one.due or date.max, one.number)):
        key = invoice.deal, invoice.currency
        if invoice.open <= 0:
            reason = "overpaid" if invoice.is_posted else "cash_before_invoice"
            add(invoice, reason, invoice.open)
            continue
        disputed = max(0, min(invoice.disputed, invoice.open))
        waiting = max(0, min(invoice.open - disputed, left.get(key, 0)))
        left[key] = left.get(key, 0) - waiting
        late = invoice.due is not None and invoice.due < at
        rest = invoice.open - disputed - waiting
        add(invoice, "disputed", disputed)
        add(invoice, "unapplied_cash", waiting)
        add(invoice, "past_due" if late else "not_due", rest)
    return found
