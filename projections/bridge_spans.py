"""The bridge of every deal and currency: its figures, and the parts between them by reason (accounting.md 5).

Belongs here: which steps and reasons there are, reading them, and that nothing is left between two figures.
Does not belong here: why an open item has its reason (projections/reasons), groups and totals
(projections/bridge), other currencies (projections/bridge_converted).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.instants import from_date
from projections import open_items as o
from projections import queries, reasons
from projections.generations import Generation
from projections.periods import ALWAYS_OPEN, FirstOpen, first_open
from projections.questions import Conversion
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
            "not_due", "fx_rate", "unexplained",
        ),
        "invoiced_gross": ("tax", "unexplained"),
        "gross_cash": (
            "credited", "open_credit", "written_off", "discount", "withheld", "cash_before_invoice",
            "overpaid", "disputed", "unapplied_cash", "past_due", "not_due", "fx_rate", "unexplained",
        ),
    }
)  # fmt: skip
#: Where a step and reason stand in a list.
ORDER: Final = {
    (step, reason): (STEPS.index(step), place)
    for step, found in REASONS.items()
    for place, reason in enumerate(found)
}
#: Columns of sql/bridge.sql after the figures: step, reason. Sums of postings; all others are of open items.
CLOSED: Final = (
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

    limit, offset: groups of a page, each with all its rows. basis: `restated` or `as_reported`. convert: into
    one currency.
    """

    at: date
    known: int
    generation: Generation
    by: tuple[str, ...] = ("deal",)
    filters: Mapping[str, str] = MappingProxyType({})
    limit: int = 1_000
    offset: int = 0
    basis: str = "restated"
    convert: Conversion | None = None


class Span(NamedTuple):
    """The bridge of one deal, or of several together, in one currency. Minor units; converted ones exact.

    figures: in the order of FIGURES. parts: (step, reason) -> what is taken away in that step.
    """

    figures: tuple[int | Fraction, ...]
    parts: Mapping[tuple[str, str], int | Fraction]


#: A deal's number and a currency.
Key = tuple[int, str]


class Flows(NamedTuple):
    """What the postings of a deal and currency come to, in one step between rates. Minor units.

    first: day of the earliest posting, which its rate is looked up by.
    """

    key: Key
    step: int
    first: date
    figures: tuple[int, ...]
    closed: Mapping[tuple[str, str], int]


def spans_of(connection: Connection[Any], query: Query, deals: list[int] | None) -> dict[Key, Span]:
    """The bridge of every deal and currency; a deal of which nothing was won, ordered or billed has none.

    deals: only these; None for all.
    """
    figures: dict[Key, tuple[int, ...]] = {}
    parts: dict[Key, dict[tuple[str, str], int]] = {}
    for row in rows_of(connection, query, deals):
        figures[row.key], parts[row.key] = row.figures, dict(row.closed)
    for step, found in open_parts(connection, query, deals).items():
        for part in found:
            held = parts.get((part.deal, part.currency))
            if held is not None:
                held[step, part.reason] = held.get((step, part.reason), 0) + part.amount
    return {key: _whole(figures[key], parts[key]) for key in figures}


def rows_of(
    connection: Connection[Any], query: Query, deals: list[int] | None, rate_days: Sequence[date] = ()
) -> Iterator[Flows]:
    """Figures and what is closed, by deal and currency, and by the step between two of `rate_days`."""
    opened = opened_in(connection, query)
    asked = {
        "at": query.at,
        "known": query.known,
        "deals": deals,
        "currency": query.filters.get("currency"),
        "rate_days": list(rate_days),
    }
    own_day = {"own_effective": "p.own_effective" if opened.positions else "p.effective"}
    for deal, currency, step, first, *amounts in o.read(
        connection, "bridge", query.generation.id, asked, opened, own_day
    ):
        closed = zip(CLOSED, amounts[len(FIGURES) :], strict=True)
        yield Flows(
            (deal, currency),
            step,
            first,
            tuple(map(int, amounts[: len(FIGURES)])),
            {reason: int(amount) for reason, amount in closed if amount},
        )


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
