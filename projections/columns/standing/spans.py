"""The bridges of all deals in their currencies, as columns (projections/bridge_spans says the same).

Belongs here: figures, and the parts between them, by number of (deal, currency). Does not belong here: why
something is open (reasons), groups and rows (bridging).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain.instants import from_date
from projections import accounts as a
from projections import open_items as o
from projections import queries
from projections import reasons as r
from projections.bridge_spans import FIGURES, ORDER, STEPS
from projections.columns.heads import Heads
from projections.columns.keeping import Columns
from projections.columns.rows import Pair
from projections.columns.standing import reasons
from projections.columns.standing.lines import labels_of, lines
from projections.columns.standing.lots import Look, added, grouped, lots
from projections.columns.standing.receivables import invoices, waiting
from projections.columns.standing.wins import Wins, wins

Array = NDArray[Any]

#: Parts by number: (step, reason), in the order of a list.
PARTS: Final = tuple(ORDER)
NUMBERS: Final = {part: number for number, part in enumerate(PARTS)}
_CLAIMS: Final = range(a.WON_UNORDERED, a.VARIANCE_RENEWAL + 1)
_SUMS: Final[dict[str, tuple[Pair, ...]]] = {
    "won": ((a.PIPELINE, a.WON_UNORDERED),),
    "ordered": ((a.WON_UNORDERED, a.UNBILLED),),
    "invoiced": ((a.UNBILLED, a.RECEIVABLE),),
    "gross": ((a.UNBILLED, a.RECEIVABLE), (a.SOURCE_TAX, a.RECEIVABLE)),
}
#: What is settled, as what comes into an account; and as the negative sum of a pair (sql/bridge).
_INTO: Final = {
    a.DEBOOKED: ("won_ordered", "debooked"),
    a.CANCELLED: ("ordered_invoiced", "cancelled"),
    a.OPEN_CREDIT: ("gross_cash", "open_credit"),
    a.DISCOUNT: ("gross_cash", "discount"),
    a.WITHHELD: ("gross_cash", "withheld"),
    a.WRITTEN_OFF: ("gross_cash", "written_off"),
}
_LESS: Final[dict[Pair, tuple[str, str]]] = {
    (a.SOURCE_USAGE, a.UNBILLED): ("ordered_invoiced", "usage"),
    (a.OPEN_CREDIT, a.UNBILLED): ("ordered_invoiced", "rebilled"),
    (a.SOURCE_TAX, a.RECEIVABLE): ("invoiced_gross", "tax"),
}


class Parts(NamedTuple):
    """What is taken away: number of (deal, currency), of the part, amount; in that order."""

    own: Array
    part: Array
    amount: Array


class Spans(NamedTuple):
    """Bridges by number of (deal, currency). figures: by FIGURES. some: which have anything to show."""

    figures: Array
    parts: Parts
    some: Array


class Flows(NamedTuple):
    """What postings come to. figures: by FIGURES, and number of (deal, currency). closed: what is settled.

    held: which have claims at all.
    """

    figures: Array
    closed: list[tuple[tuple[str, str], Array]]
    held: Array


def spans(columns: Columns, connection: Connection[Any], look: Look, heads: Heads) -> Spans:
    """Every bridge on the day; without a gap: what no reason accounts for is a part as well."""
    size = len(look.state.keys.of_own)
    flows = _flows(look, size)
    found = [(NUMBERS[part], np.flatnonzero(sums), sums[sums != 0]) for part, sums in flows.closed]

    def add(step: str, reason: str, own: Array, amount: Array) -> None:
        some = amount != 0
        found.append((NUMBERS[step, reason], own[some], amount[some]))

    _open(columns, connection, look, heads, add)
    parts = _summed((part, own, amount) for part, own, amount in found)
    kept = flows.held[parts.own]
    parts = Parts(*(column[kept] for column in parts))
    parts = _whole(flows.figures, parts, size)
    figures = np.where(flows.held, flows.figures, 0)
    some = (figures != 0).any(axis=0)
    some[parts.own[parts.amount != 0]] = True
    return Spans(figures, parts, some)


def _flows(look: Look, size: int) -> Flows:
    by_pair: dict[Pair, Array] = {}
    own_of = look.state.keys.own
    for lot in lots(look, lambda debit, _: debit <= a.VARIANCE_RENEWAL):
        sums = added(size, own_of[lot.key], lot.amount)
        by_pair[lot.pair] = sums if lot.pair not in by_pair else by_pair[lot.pair] + sums
    figures = np.zeros((len(FIGURES), size), np.int64)
    closed: dict[tuple[str, str], Array] = {}
    held = np.zeros(size, bool)

    def close(part: tuple[str, str], sums: Array) -> None:
        closed[part] = sums if part not in closed else closed[part] + sums

    for pair, sums in by_pair.items():
        debit, credit = pair
        if debit in _CLAIMS or credit in _CLAIMS:
            held |= sums != 0
        for number, name in enumerate(FIGURES):
            if pair in _SUMS.get(name, ()):
                figures[number] += sums
        if a.CASH in pair:
            figures[FIGURES.index("cash")] += sums if credit == a.CASH else -sums
        for account, part in _INTO.items():
            if account in pair:
                close(part, sums if credit == account else -sums)
        if pair in _LESS:
            close(_LESS[pair], -sums)
        if debit == a.OPEN_CREDIT and credit != a.RECEIVABLE:
            close(("gross_cash", "credited"), sums)
    return Flows(figures, list(closed.items()), held)


def _open(columns: Columns, connection: Connection[Any], look: Look, heads: Heads, add: reasons.Add) -> None:
    """The parts that stand in balances."""
    settings = look.policies.at(from_date(look.at)).settings
    won = wins(look)
    marked = _marked(columns, connection, look, won)
    reasons.of_wins(look, won, marked, reasons.Moments(connection, heads, settings), add)
    book = columns.book
    by_product = columns.small.of(
        ("labels of products", len(book.skus), len(book.labels)), lambda: labels_of(book.skus, book.labels)
    )
    grace = settings.hours("BILLING_OVERDUE") // 24
    reasons.of_lines(lines(look, by_product, grace), marked.held, add)
    label = look.state.items.object_label
    called = lambda number: book.labels.text(int(label[number]))  # noqa: E731
    reasons.of_invoices(invoices(look), waiting(look), look.day, called, add)


def _marked(columns: Columns, connection: Connection[Any], look: Look, won: Wins) -> reasons.Marked:
    """What keeps deals from going on, by number of (deal, currency)."""
    keys, generation = look.state.keys, columns.generation
    codes = (o.ORDER_REJECTED, o.CREDIT_HELD, o.CUSTOMER_REJECTED)
    conditions = o.conditions(connection, generation, look.at, look.known, codes)
    statement = queries.statement("bridge_splits", generation)
    splits = [(int(x), int(y)) for x, y in connection.execute(statement, {"known": look.known}).fetchall()]
    deal_of = keys.deal[keys.of_own]
    several = _facing(columns, look, won, {deal for pair in splits for deal in pair})
    found = r.standing(conditions, several, splits)
    places = columns.book.deals.find

    def of_deals(deals: Iterable[int]) -> Array:
        which = np.zeros(len(keys.first), bool)
        which[[place for deal in deals if (place := places(deal)) is not None and place < len(which)]] = True
        return which[deal_of]

    def of_both(both: Iterable[tuple[int, str]]) -> Array:
        which = np.zeros(len(deal_of), bool)
        for deal, currency in both:
            place, code = places(deal), columns.book.currencies.find(currency)
            if place is not None and code is not None:
                which |= (deal_of == place) & (keys.currency[keys.of_own] == code)
        return which

    by_reason: dict[str, list[int]] = {}
    for deal, detail in found.rejected.items():
        by_reason.setdefault(r.of_rejection(detail), []).append(deal)
    return reasons.Marked(
        [(reason, of_deals(deals)) for reason, deals in by_reason.items()],
        of_deals(found.held),
        of_deals(found.refused),
        of_both(found.crossed),
        of_both(found.parted),
    )


def _facing(columns: Columns, look: Look, won: Wins, split: set[int]) -> list[o.OpenWin]:
    """The balances of deals that may face one another: in two currencies, or in deals that were one."""
    keys, book = look.state.keys, columns.book
    some = np.flatnonzero(won.waiting)
    deal = keys.deal[some]
    single = np.unique(np.stack([deal, keys.currency[some]]), axis=1)[0] if len(some) else deal
    of, many = np.unique(single, return_counts=True)
    places = [place for one in split if (place := book.deals.find(one)) is not None]
    wanted = np.concatenate([of[many > 1], np.array(places, np.int64)])
    currencies = book.currencies.by_code()
    return [
        o.OpenWin(
            int(book.deals.values[keys.deal[key]]), currencies[int(keys.currency[key])], "",
            int(won.waiting[key]), {}, None, None, (),
        )
        for key in some[np.isin(deal, wanted)].tolist()
    ]  # fmt: skip


def _summed(found: Iterable[tuple[int, Array, Array]]) -> Parts:
    """Parts of one (deal, currency) and reason put together."""
    columns = [(own, np.full(len(own), part, np.int64), amount) for part, own, amount in found if len(own)]
    if not columns:
        none = np.zeros(0, np.int64)
        return Parts(none, none, none)
    own, part, amount = (np.concatenate(column).astype(np.int64) for column in zip(*columns, strict=True))
    sums = grouped((own * len(PARTS) + part,), amount)
    own, part = np.divmod(sums.columns[0], len(PARTS))
    return Parts(own, part, sums.amount)


def _whole(figures: Array, parts: Parts, size: int) -> Parts:
    """Parts with what no reason accounts for."""
    step_of = np.array([STEPS.index(step) for step, _ in PARTS], np.int64)[parts.part]
    found = [parts]
    for number, (before, after) in enumerate(pairwise(range(len(FIGURES)))):
        own = step_of == number
        rest = figures[before] - figures[after] - added(size, parts.own[own], parts.amount[own])
        left = np.flatnonzero(rest)
        if len(left):
            unexplained = np.full(len(left), NUMBERS[STEPS[number], "unexplained"], np.int64)
            found.append(Parts(left, unexplained, rest[left]))
    if len(found) == 1:
        return parts
    both = Parts(*(np.concatenate(column) for column in zip(*found, strict=True)))
    order = np.lexsort((both.part, both.own))
    return Parts(*(column[order] for column in both))
