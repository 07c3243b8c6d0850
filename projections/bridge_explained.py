"""From a row of the bridge to the items whose balances it is a part of, and to the postings that make them.

Belongs here: drilling down into one step and reason. Does not belong here: the reasons (projections/reasons).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.money import format_minor
from projections import accounts as a
from projections import open_items as o
from projections import reasons
from projections.bridge import REASONS, Query, open_parts, opened_in, spans_of
from projections.dimensions import Dimensions, checked
from projections.reasons import Part
from projections.reports import ReportRefused

#: debit, credit (None: any), sign of what it counts for.
Flow = tuple[int | None, int | None, int]


def _balance(account: int) -> tuple[Flow, ...]:
    return (None, account, 1), (account, None, -1)


#: Flows of what is closed, by step and reason.
_CLOSED: Final[Mapping[tuple[str, str], tuple[Flow, ...]]] = {
    ("won_ordered", "debooked"): _balance(a.DEBOOKED),
    ("ordered_invoiced", "cancelled"): _balance(a.CANCELLED),
    ("ordered_invoiced", "usage"): ((a.SOURCE_USAGE, a.UNBILLED, -1),),
    ("ordered_invoiced", "rebilled"): ((a.OPEN_CREDIT, a.UNBILLED, -1),),
    ("invoiced_gross", "tax"): ((a.SOURCE_TAX, a.RECEIVABLE, -1),),
    ("gross_cash", "credited"): tuple(
        (a.OPEN_CREDIT, end, 1)
        for end in (
            a.UNBILLED, a.SOURCE_TAX, a.CREDITED_CONCESSION, a.CREDITED_RETURN, a.CREDITED_CANCELLATION,
        )
    ),
    ("gross_cash", "open_credit"): _balance(a.OPEN_CREDIT),
    ("gross_cash", "discount"): _balance(a.DISCOUNT),
    ("gross_cash", "withheld"): _balance(a.WITHHELD),
    ("gross_cash", "written_off"): _balance(a.WRITTEN_OFF),
    **{("won_ordered", reason): _balance(account) for account, reason in reasons.VARIANCES.items()},
}  # fmt: skip
#: What an item is, and the account that holds its balance, by step.
_OPEN: Final = {
    "won_ordered": ("product", a.WON_UNORDERED),
    "ordered_invoiced": ("line", a.UNBILLED),
    "gross_cash": ("invoice", a.RECEIVABLE),
}
_COLUMNS: Final = (
    "deal", "fact", "position", "debit", "credit", "currency", "amount", "effective", "due", "sku", "line",
    "object", "counts",
)  # fmt: skip


class Explained(NamedTuple):
    """What one row is made of. amounts: currency -> decimal string, the row's.

    items: one page of parts of balances, each with its `amount` in the row and the whole balance; none of
    what is closed. postings: one page of those that add up to the whole balances, or to a row without items.
    """

    amounts: dict[str, str]
    items: list[dict[str, Any]]
    postings: list[dict[str, Any]]
    more: bool


def explain(connection: Connection[Any], query: Query, step: str, reason: str) -> Explained:
    """The items and postings of a row: filters name its group. Raises ReportRefused."""
    checked("bridge", (), query.filters)
    if step not in REASONS:
        raise ReportRefused(f"the bridge has no step {step!r}", tuple(REASONS))
    if reason not in REASONS[step]:
        raise ReportRefused(f"{step} has no reason {reason!r}", REASONS[step])
    dimensions = Dimensions(connection, query.generation.id, query.known, query.at)
    deals = dimensions.chosen(query.filters)
    spans = {
        key: amount
        for key, span in spans_of(connection, query, deals).items()
        if (amount := span.parts.get((step, reason))) and dimensions.passes(query.filters, key[0])
    }
    amounts: dict[str, int] = {}
    for (_, currency), amount in spans.items():
        amounts[currency] = amounts.get(currency, 0) + amount
    flows, by, items = _CLOSED.get((step, reason)), "", []
    places: list[tuple[int, str, str | None]] = []
    names = dimensions.names({deal for deal, _ in spans})
    if flows is not None:
        places = [(*key, None) for key in sorted(spans)]
    elif step in _OPEN:
        by, account = _OPEN[step]
        flows = _balance(account)
        parts = open_parts(connection, query, sorted({deal for deal, _ in spans}))[step]
        chosen = [part for part in parts if part.reason == reason and (part.deal, part.currency) in spans]
        places = [(part.deal, part.currency, label) for part in chosen for label in part.labels]
        items = [_item(part, by, names) for part in chosen]
    rows, end = _postings(connection, query, flows or (), by, places), query.offset + query.limit
    return Explained(
        {currency: format_minor(amount, currency) for currency, amount in sorted(amounts.items())},
        items[query.offset : end],
        [_posting(row, names) for row in rows[: query.limit]],
        len(rows) > query.limit or len(items) > end,
    )


def _item(part: Part, by: str, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "deal": names.get(part.deal),
        by: part.item,
        "currency": part.currency,
        "amount": format_minor(part.amount, part.currency),
        "balance": format_minor(part.whole, part.currency),
    }


def _postings(
    connection: Connection[Any],
    query: Query,
    flows: tuple[Flow, ...],
    by: str,
    places: list[tuple[int, str, str | None]],
) -> list[dict[str, Any]]:
    rows = o.read(
        connection,
        "bridge_postings",
        query.generation.id,
        {
            "debit": [flow[0] for flow in flows],
            "credit": [flow[1] for flow in flows],
            "sign": [flow[2] for flow in flows],
            "deal": [place[0] for place in places],
            "currency": [place[1] for place in places],
            "item": [place[2] for place in places],
            "by": by,
            "known": query.known,
            "at": query.at,
            "limit": query.limit + 1,
            "offset": query.offset,
        },
        opened_in(connection, query),
    )
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def _posting(row: dict[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    currency = row["currency"]
    return {
        "position": row["position"],
        "fact": row["fact"],
        "deal": names.get(row["deal"]),
        "debit": a.NAMES[row["debit"]],
        "credit": a.NAMES[row["credit"]],
        "currency": currency,
        "amount": format_minor(row["amount"], currency),
        "effective_on": row["effective"].isoformat(),
        "due_on": row["due"] and row["due"].isoformat(),
        "sku": row["sku"],
        "line": row["line"],
        "object": row["object"],
        "counts": format_minor(row["counts"], currency),
    }
