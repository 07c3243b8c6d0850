"""The bridge from won to ordered to invoiced to cash, every difference split by reason (accounting.md 5).

Belongs here: the figures, the parts between them, groups and totals. Does not belong here: why an open item
has its reason (projections/reasons), parameters and links (api).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.instants import from_date
from domain.money import format_minor
from projections import open_items as o
from projections import queries, reasons
from projections.dimensions import Dimensions, checked
from projections.generations import Generation
from projections.periods import ALWAYS_OPEN, FirstOpen, first_open
from projections.reasons import Part

FIGURES: Final = ("won", "ordered", "invoiced", "gross", "cash")
#: Each lies between two figures that follow each other.
STEPS: Final = ("won_ordered", "ordered_invoiced", "invoiced_gross", "gross_cash")

#: Reasons of each step, in the order in which they are listed.
REASONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "won_ordered": (
            "debooked", *reasons.VARIANCES.values(), "fx_rate", "orphan_order", "split_merged",
            "missing_customer", "unmapped_sku", "credit_hold", "tax_address", "order_rejected",
            "timing_in_sla", "integration_failed", "unexplained",
        ),
        "ordered_invoiced": (
            "cancelled", "usage", "rebilled", "orphan_invoice", "overbilled", "fulfilled_not_billed",
            "credit_hold", "billing_overdue", "timing_in_sla", "awaiting_fulfilment", "future_schedule",
            "not_due", "unexplained",
        ),
        "invoiced_gross": ("tax", "unexplained"),
        "gross_cash": (
            "credited", "open_credit", "written_off", "discount", "withheld", "cash_before_invoice",
            "overpaid", "disputed", "unapplied_cash", "past_due", "not_due", "unexplained",
        ),
    }
)  # fmt: skip
_ORDER: Final = {
    (step, reason): (STEPS.index(step), place)
    for step, found in REASONS.items()
    for place, reason in enumerate(found)
}
#: Columns of sql/bridge.sql after deal, currency and the figures: step, reason.
_CLOSED: Final = (
    ("won_ordered", "debooked"),
    ("ordered_invoiced", "cancelled"),
    ("ordered_invoiced", "usage"),
    ("ordered_invoiced", "rebilled"),
    ("invoiced_gross", "tax"),
    ("gross_cash", "credited"),
    ("gross_cash", "open_credit"),
    ("gross_cash", "discount"),
    ("gross_cash", "withheld"),
    ("gross_cash", "written_off"),
)


class Query(NamedTuple):
    """A question. at: the day; known: last position that counts. filters: "" is "has none".

    limit, offset: groups of a page, each with all its rows. basis: `restated` or `as_reported`.
    """

    at: date
    known: int
    generation: Generation
    by: tuple[str, ...] = ("deal",)
    filters: Mapping[str, str] = MappingProxyType({})
    limit: int = 1_000
    offset: int = 0
    basis: str = "restated"


class Span(NamedTuple):
    """The bridge of one deal, or of several together, in one currency. Minor units.

    figures: in the order of FIGURES. parts: (step, reason) -> what is taken away in that step.
    """

    figures: tuple[int, ...]
    parts: Mapping[tuple[str, str], int]


class Bridge(NamedTuple):
    """Figures and rows of one page, and totals per currency; amounts as decimal strings."""

    rows: list[dict[str, str | None]]
    figures: list[dict[str, str | None]]
    totals: list[dict[str, Any]]
    more: bool


#: From so many deals on, the names of all are read at once.
_MANY: Final = 1_000

#: A deal's number and a currency.
Key = tuple[int, str]
Group = tuple[str | None, ...]


def run(connection: Connection[Any], query: Query) -> Bridge:
    """Answer a question. Raises ReportRefused."""
    checked("bridge", query.by, query.filters)
    dimensions = Dimensions(connection, query.generation.id, query.known, query.at)
    spans = spans_of(connection, query, dimensions.chosen(query.filters))
    spans = {
        key: span
        for key, span in spans.items()
        if (any(span.figures) or any(span.parts.values())) and dimensions.passes(query.filters, key[0])
    }
    names = {}
    if "deal" in query.by:
        names = dimensions.names(None if len(spans) > _MANY else {deal for deal, _ in spans})
    groups: dict[Group, Span] = {}
    for (deal, currency), span in spans.items():
        values = [
            names.get(deal) if name == "deal" else dimensions.values(name).get(deal)
            for name in query.by
            if name != "currency"
        ]
        group = (*values, currency)
        groups[group] = _sum(groups.get(group), span)
    order = sorted(groups, key=lambda group: [(value is not None, value or "") for value in group])
    page = order[query.offset : query.offset + query.limit]
    return Bridge(
        [row for group in page for row in _rows(query, group, groups[group])],
        [_named(query, group) | _figures(groups[group], group[-1]) for group in page],
        _totals(groups),
        len(order) > query.offset + query.limit,
    )


def spans_of(connection: Connection[Any], query: Query, deals: list[int] | None) -> dict[Key, Span]:
    """The bridge of every deal and currency; a deal of which nothing was won, ordered or billed has none.

    deals: only these; None for all.
    """
    asked = {
        "at": query.at,
        "known": query.known,
        "deals": deals,
        "currency": query.filters.get("currency"),
    }
    rows = o.read(connection, "bridge", query.generation.id, asked, opened_in(connection, query))
    figures: dict[Key, tuple[int, ...]] = {}
    parts: dict[Key, dict[tuple[str, str], int]] = {}
    for deal, currency, *amounts in rows:
        key = deal, currency
        figures[key] = tuple(map(int, amounts[: len(FIGURES)]))
        closed = zip(_CLOSED, amounts[len(FIGURES) :], strict=True)
        parts[key] = {reason: int(amount) for reason, amount in closed if amount}
    for step, found in open_parts(connection, query, deals).items():
        for part in found:
            held = parts.get((part.deal, part.currency))
            if held is not None:
                held[step, part.reason] = held.get((step, part.reason), 0) + part.amount
    return {key: _whole(figures[key], parts[key]) for key in figures}


def opened_in(connection: Connection[Any], query: Query) -> FirstOpen:
    """The closed periods by which the journal is read: none of them where it is read as restated."""
    if query.basis == "restated":
        return ALWAYS_OPEN
    return first_open(connection, query.generation.id, query.known)


def open_parts(connection: Connection[Any], query: Query, deals: list[int] | None) -> dict[str, list[Part]]:
    """By step, what stands in a balance, each part with its reason and the item that it is a part of."""
    generation = query.generation
    asked = (connection, generation.id, query.at, query.known, deals)
    policies, opened = generation.policies, opened_in(connection, query)
    codes = (o.ORDER_REJECTED, o.CREDIT_HELD, o.CUSTOMER_REJECTED)
    conditions = o.conditions(connection, generation.id, query.at, query.known, codes, deals)
    wins = o.won(*asked, opened=opened)
    splits = connection.execute(
        queries.statement("bridge_splits", generation.id), {"known": query.known}
    ).fetchall()
    # what faces a win may stand in a deal that was not asked for
    others = wins if deals is None or not splits else o.won(*asked[:4], opened=opened)
    found = reasons.standing(conditions, others, [(int(group), int(deal)) for group, deal in splits])
    grace = policies.at(from_date(query.at)).settings.hours("BILLING_OVERDUE") // 24
    lines = o.lines(*asked, grace=grace, policies=policies, opened=opened)
    pools: dict[Key, int] = {}
    for deal, currency, amount in (
        *((cash.deal, cash.currency, cash.unapplied) for cash in o.cash(*asked, opened=opened)),
        *((credit.deal, credit.currency, credit.open) for credit in o.credits(*asked, opened=opened)),
    ):
        pools[deal, currency] = pools.get((deal, currency), 0) + max(0, amount)
    return {
        "won_ordered": _of_wins(connection, query, wins, found),
        "ordered_invoiced": [
            Part(line.deal, line.currency, reason, amount, line.line, line.unbilled, tuple(line.labels))
            for line in lines
            if line.unbilled
            for reason, amount in reasons.of_line(line, is_held=line.deal in found.held)
        ],
        "gross_cash": reasons.of_invoices(o.invoices(*asked, opened=opened), pools, query.at),
    }


def _of_wins(
    connection: Connection[Any], query: Query, wins: list[o.OpenWin], found: reasons.Standing
) -> list[Part]:
    starts = {fact for win in wins if win.won_unordered > 0 for fact in win.waiting_facts}
    policies = query.generation.policies
    settings = policies.at(from_date(query.at)).settings
    said = o.milestones(connection, starts, query.known, policies)
    parts = []
    for win in wins:
        of, item = (win.deal, win.currency), (win.sku,)
        for account, amount in win.variance.items():
            parts.append(Part(*of, reasons.VARIANCES[account], amount, win.sku, amount, item))
        if win.won_unordered:
            waiting = [said[fact] for fact in win.waiting_facts if fact in said]
            start = min(waiting, key=lambda one: one.instant, default=None)
            is_in_time = start is not None and reasons.in_time(settings, start, query.at)
            reason = reasons.of_win(win, found, is_in_time=is_in_time)
            parts.append(Part(*of, reason, win.won_unordered, win.sku, win.won_unordered, item))
    return parts


def _whole(figures: tuple[int, ...], parts: Mapping[tuple[str, str], int]) -> Span:
    """A bridge without a gap: what no reason accounts for is a part as well."""
    whole = dict(parts)
    for step, (before, after) in zip(STEPS, pairwise(figures), strict=True):
        rest = before - after - sum(amount for (of, _), amount in parts.items() if of == step)
        if rest:
            whole[step, "unexplained"] = rest
    span = Span(figures, whole)
    assert is_whole(span), "the parts of every step add up to the difference of its figures"
    return span


def is_whole(span: Span) -> bool:
    """Whether the parts of every step add up to the difference of its two figures."""
    return all(
        before - after == sum(amount for (of, _), amount in span.parts.items() if of == step)
        for step, (before, after) in zip(STEPS, pairwise(span.figures), strict=True)
    )


def _sum(one: Span | None, other: Span) -> Span:
    if one is None:
        return other
    parts = dict(one.parts)
    for key, amount in other.parts.items():
        parts[key] = parts.get(key, 0) + amount
    return Span(tuple(x + y for x, y in zip(one.figures, other.figures, strict=True)), parts)


def _named(query: Query, group: Group) -> dict[str, str | None]:
    names = [name for name in query.by if name != "currency"]
    return dict(zip([*names, "currency"], group, strict=True))


def _figures(span: Span, currency: str | None) -> dict[str, str | None]:
    return {
        name: format_minor(amount, currency or "") for name, amount in zip(FIGURES, span.figures, strict=True)
    }


def _rows(query: Query, group: Group, span: Span) -> list[dict[str, str | None]]:
    return [{**_named(query, group), **row} for row in _steps(span, group[-1])]


def _steps(span: Span, currency: str | None) -> list[dict[str, str | None]]:
    return [
        {"step": step, "reason": reason, "amount": format_minor(amount, currency or "")}
        for (step, reason), amount in sorted(span.parts.items(), key=lambda part: _ORDER[part[0]])
        if amount
    ]


def _totals(groups: Mapping[Group, Span]) -> list[dict[str, Any]]:
    found: dict[str, Span] = {}
    for group, span in groups.items():
        currency = group[-1] or ""
        found[currency] = _sum(found.get(currency), span)
    return [
        {"currency": currency, **_figures(span, currency), "rows": _steps(span, currency)}
        for currency, span in sorted(found.items())
    ]
