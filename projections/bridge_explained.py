"""From a row of the bridge to the items whose balances it is a part of, and to the postings that make them.

Belongs here: drilling down into one step and reason. Does not belong here: the reasons (projections/reasons).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.money import exponent, format_minor
from projections import accounts as a
from projections import open_items as o
from projections import reasons
from projections.bridge import summed
from projections.bridge_converted import Rates, convert, rounded
from projections.bridge_spans import CLOSED, REASONS, Key, Query, Span, open_parts, opened_in, spans_of
from projections.dimensions import Dimensions, checked
from projections.explain import exact_text
from projections.reasons import Part
from projections.reports import ReportRefused

#: A step and a reason.
Reason = tuple[str, str]
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
#: The postings that two rates can differ by, by step: those of the accounts in which open items lie.
_OF_RATES: Final = {
    step: sum((_balance(one) for one in (account, *(reasons.VARIANCES if step == "won_ordered" else ()))), ())
    for step, (_, account) in _OPEN.items()
}
_COLUMNS: Final = (
    "deal", "fact", "position", "debit", "credit", "currency", "amount", "effective", "due", "sku", "line",
    "object", "counts", "own_effective",
)  # fmt: skip


class Explained(NamedTuple):
    """What one row is made of. amounts: currency -> decimal string, the row's.

    items: one page of parts of balances, each with its `amount` in the row and the whole balance; none of
    what is closed. postings: one page of those that add up to the whole balances, or to a row without items.
    Of a converted row `converted` of the items, else of the postings, adds up to it before it is rounded.
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
    scope = _scope(connection, query, dimensions)
    of = step, reason
    keys = [key for key in scope.keys if scope.native[key].parts.get(of)]
    flows, by, items = _CLOSED.get(of), "", []
    places: list[tuple[int, str, str | None]] = [(*key, None) for key in keys]
    if flows is None and step in _OPEN:
        by, account = _OPEN[step]
        flows = _balance(account)
        parts = open_parts(connection, query, sorted({deal for deal, _ in keys}))[step]
        chosen = [part for part in parts if part.reason == reason and (part.deal, part.currency) in keys]
        places = [(part.deal, part.currency, label) for part in chosen for label in part.labels]
        items = [scope.item(part, by) for part in chosen]
    if moved := scope.moved_by_rates(of):
        flows, by = _OF_RATES[step], ""
        places = [(*key, None) for key in moved]
        items += scope.differences(of)
    rows, end = _postings(connection, query, flows or (), by, places), query.offset + query.limit
    return Explained(
        scope.amounts(of),
        items[query.offset : end],
        [scope.posting(row, of) for row in rows[: query.limit]],
        len(rows) > query.limit or len(items) > end,
    )


class _Scope:
    """The deals of a row: as they are, and as the row shows them."""

    def __init__(
        self, native: dict[Key, Span], shown: dict[Key, Span], names: Mapping[int, str], query: Query
    ) -> None:
        self.native, self._shown, self._names = native, shown, names
        self._into = None if query.convert is None else query.convert.into
        self.stays: frozenset[int] = frozenset()
        self.rates: Rates | None = None

    @cached_property
    def keys(self) -> list[Key]:
        """What of the books the row shows, in whichever currency."""
        return sorted(key for key in self.native if self._shown_as(key) in self._shown)

    def _shown_as(self, key: Key) -> Key:
        return key if self._into is None or key[0] in self.stays else (key[0], self._into)

    def amounts(self, of: Reason) -> dict[str, str]:
        """The row by currency, rounded as the row is."""
        groups: dict[str, Span] = {}
        for (_, currency), span in sorted(self._shown.items(), key=lambda one: one[0][1]):
            groups[currency] = summed(groups.get(currency), span)
        return {
            currency: format_minor(int(rounded(span).parts[of]), currency)
            for currency, span in groups.items()
            if of in span.parts
        }

    def moved_by_rates(self, of: Reason) -> list[Key]:
        """Where the row is, or holds, what two rates differ by: what of the books it is of."""
        if self.rates is None or not self.rates.are_of_transactions or of[1] != "fx_rate":
            return []
        return [key for key in self.keys if key[0] not in self.stays and key[1] != self._into]

    def differences(self, of: Reason) -> list[dict[str, Any]]:
        """What rates differ by, deal by deal: the row less what open items are worth."""
        assert self.rates is not None
        found = []
        for (deal, currency), span in self._shown.items():
            if deal in self.stays:
                continue
            open_ = sum(
                (self.native[key].parts.get(of, 0) * (self.rates.of_balance(key[1]) or 0))
                for key in self.keys
                if key[0] == deal
            )
            left = Fraction(span.parts.get(of, 0)) - open_
            if left:
                told = {"deal": self._names.get(deal), "currency": currency, "amount": None, "balance": None}
                found.append(
                    told | {"converted": exact_text(left, exponent(currency)), "converted_to": currency}
                )
        return found

    def item(self, part: Part, by: str) -> dict[str, Any]:
        """An open item and its part in the row."""
        told = {
            "deal": self._names.get(part.deal),
            by: part.item,
            "currency": part.currency,
            "amount": format_minor(part.amount, part.currency),
            "balance": format_minor(part.whole, part.currency),
        }
        if self.rates is None:
            return told
        return told | self._converted(
            part.deal, part.currency, part.amount, self.rates.of_balance(part.currency)
        )

    def posting(self, row: dict[str, Any], of: Reason) -> dict[str, Any]:
        """A posting and what it counts for in the row, or in the balances of its items."""
        told = _posting(row, self._names)
        if self.rates is None:
            return told
        currency, balance = row["currency"], self.rates.of_balance(row["currency"])
        own = self.rates.on(currency, row["own_effective"])
        weight = own if of in CLOSED else balance
        if self.moved_by_rates(of):
            weight = None if own is None or balance is None else own - balance
        return told | self._converted(row["deal"], currency, row["counts"], weight)

    def _converted(self, deal: int, currency: str, amount: int, weight: Fraction | None) -> dict[str, Any]:
        """What an amount is worth in the row, exact; one of a deal that stays is worth itself."""
        shown = currency
        if deal in self.stays or self._into is None:
            weight = Fraction(1)
        else:
            shown = self._into
        assert weight is not None, "an amount without a rate stays in its currency"
        return {"converted": exact_text(amount * weight, exponent(shown)), "converted_to": shown}


def _scope(connection: Connection[Any], query: Query, dimensions: Dimensions) -> _Scope:
    deals = dimensions.chosen(query.filters)
    native = spans_of(connection, query, deals)
    found = None if query.convert is None else convert(connection, query, deals, dimensions)
    shown = {
        key: span
        for key, span in (native if found is None else found.spans).items()
        if dimensions.passes(query.filters, key[0])
        and (query.convert is None or query.convert.shown in (None, key[1]))
    }
    scope = _Scope(native, shown, dimensions.names({deal for deal, _ in shown}), query)
    if found is not None:
        scope.stays, scope.rates = found.stays, Rates(connection, query)
    return scope


def _postings(
    connection: Connection[Any],
    query: Query,
    flows: tuple[Flow, ...],
    by: str,
    places: list[tuple[int, str, str | None]],
) -> list[dict[str, Any]]:
    opened = opened_in(connection, query)
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
        opened,
        {"own_effective": "p.own_effective" if opened.positions else "p.effective"},
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
