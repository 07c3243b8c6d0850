"""The bridge from won to ordered to invoiced to cash, every difference split by reason (accounting.md 5).

Belongs here: groups, pages and totals. Does not belong here: the figures and the parts between them
(projections/bridge_spans, in one currency projections/bridge_converted), parameters and links (api).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from psycopg import Connection

from domain.money import format_minor
from projections.bridge_converted import convert, rounded
from projections.bridge_spans import (
    FIGURES,
    ORDER,
    REASONS,
    STEPS,
    Key,
    Query,
    Span,
    is_whole,
    open_parts,
    spans_of,
)
from projections.dimensions import Dimensions, checked

__all__ = [
    "FIGURES", "REASONS", "STEPS", "Bridge", "Key", "Query", "Span", "is_whole", "open_parts", "run",
    "spans_of", "summed",
]  # fmt: skip


class Bridge(NamedTuple):
    """Figures and rows of one page, and totals per currency; amounts as decimal strings.

    size: groups on all pages. unrated: deals that stay in their own currency for want of a rate.
    """

    rows: list[dict[str, str | None]]
    figures: list[dict[str, str | None]]
    totals: list[dict[str, Any]]
    more: bool
    size: int
    unrated: list[dict[str, str]]


#: From so many deals on, the names of all are read at once.
_MANY: Final = 1_000

Group = tuple[str | None, ...]


class InMemory(Protocol):
    """Something that may know the answer without SQL (projections/columns): the very same one."""

    def bridge(self, connection: Connection[Any], query: Query) -> Bridge | None:
        """A bridge; None where SQL has to answer."""


def run(connection: Connection[Any], query: Query, memory: InMemory | None = None) -> Bridge:
    """Answer a question. Raises ReportRefused."""
    checked("bridge", query.by, query.filters)
    quick = None if memory is None else memory.bridge(connection, query)
    if quick is not None:
        return quick
    dimensions = Dimensions(connection, query.generation.id, query.known, query.at)
    spans, unrated = _spans(connection, query, dimensions)
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
        groups[group] = summed(groups.get(group), span)
    order = sorted(groups, key=lambda group: [(value is not None, value or "") for value in group])
    page = [(group, groups[group]) for group in order[query.offset : query.offset + query.limit]]
    return told(query, page, _totals(groups), len(order), unrated)


def told(
    query: Query,
    page: Sequence[tuple[Group, Span]],
    totals: Mapping[str, Span],
    size: int,
    unrated: list[dict[str, str]],
) -> Bridge:
    """The answer from the groups of a page, in their order, and the bridges of all groups by currency."""
    return Bridge(
        [row for group, span in page for row in _rows(query, group, span)],
        [_named(query, group) | _figures(span, group[-1]) for group, span in page],
        [
            {"currency": currency, **_figures(span, currency), "rows": _steps(span, currency)}
            for currency, span in sorted(totals.items())
        ],
        size > query.offset + query.limit,
        size,
        unrated,
    )


def _spans(
    connection: Connection[Any], query: Query, dimensions: Dimensions
) -> tuple[dict[Key, Span], list[dict[str, str]]]:
    deals = dimensions.chosen(query.filters)
    if query.convert is None:
        return spans_of(connection, query, deals), []
    found = convert(connection, query, deals, dimensions)
    return found.spans, found.unrated


def summed(one: Span | None, other: Span) -> Span:
    """Two bridges together."""
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
        name: format_minor(int(amount), currency or "")
        for name, amount in zip(FIGURES, rounded(span).figures, strict=True)
    }


def _rows(query: Query, group: Group, span: Span) -> list[dict[str, str | None]]:
    return [{**_named(query, group), **row} for row in _steps(span, group[-1])]


def _steps(span: Span, currency: str | None) -> list[dict[str, str | None]]:
    return [
        {"step": step, "reason": reason, "amount": format_minor(int(amount), currency or "")}
        for (step, reason), amount in sorted(rounded(span).parts.items(), key=lambda part: ORDER[part[0]])
        if amount
    ]


def _totals(groups: Mapping[Group, Span]) -> dict[str, Span]:
    found: dict[str, Span] = {}
    for group, span in groups.items():
        currency = group[-1] or ""
        found[currency] = summed(found.get(currency), span)
    return found
