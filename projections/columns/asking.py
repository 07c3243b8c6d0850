"""A report's question put to columns: the groups of each deal in each window, and which postings are wanted.

Belongs here: ranks of groups by key (a deal in a currency), filters, and the windows in which a deal is under
another group than in the last one. Does not belong here: adding up (scanning), rows (answering).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain.instants import from_date
from domain.policies import Policies
from projections import accounts as a
from projections import merges, periods
from projections.columns.deals import Standing
from projections.columns.keeping import Columns, State
from projections.columns.loading import NO_DIMENSION
from projections.columns.picking import Only
from projections.columns.texts import Ranks, Texts
from projections.measures import View
from projections.periods import FirstOpen
from projections.questions import PERIODS, Query, windows
from projections.statements import deals_called

Array = NDArray[Any]

#: Products of ranks up to which codes stay within 64 bits.
_MOST_CODES: Final = 2**62


class Beyond(Exception):
    """The question is one that columns leave to SQL."""


class Column(NamedTuple):
    """A group or filter of deals, or of keys (product). at: the rank of each deal's, or key's, value in a
    window.

    changed: deals that have amounts in windows in which their value is not that of the last one; None: none.
    only: the rank that is wanted, -1 for one that no deal has; None: any.
    """

    name: str
    texts: list[str | None]
    at: Callable[[int], Array]
    changed: Array | None
    only: int | None
    of_keys: bool = False


class Pass(NamedTuple):
    """Windows that follow each other, in which each key has one code. keys: which count; None: all."""

    windows: list[int]
    codes: Array
    keys: Array | None


class Asked(NamedTuple):
    """A question in numbers. groups: in the order asked for. within: of whom ratios are worked out.

    by_class: whether postings are told apart by a class of their own.
    """

    query: Query
    view: View
    ends: list[int]
    only: Only
    passes: list[Pass]
    groups: list[Column]
    within: Column | None
    currencies: Ranks
    by_class: bool

    @property
    def by_product(self) -> bool:
        """Whether rows are grouped by product."""
        return any(column.of_keys for column in self.groups)


def asked(columns: Columns, state: State, connection: Connection[Any], query: Query, view: View) -> Asked:
    """Put a question in numbers. Raises Beyond where SQL has to answer."""
    ends = [from_date(window.end) for window in windows(query)]
    opened = periods.ALWAYS_OPEN
    if query.basis == "as_reported":
        opened = _first_open(columns, connection, query)
    found = _Asking(columns, state, connection, query, ends, opened)
    plain = [name for name in dict.fromkeys(query.by) if name not in PERIODS and name != "currency"]
    own = [name for name in plain if not (name == "class" and view.row_class)]
    filtered = [
        name
        for name in query.filters
        if name not in ("currency", "deal") and not (name == "class" and view.row_class)
    ]
    held = {name: found.column(name) for name in dict.fromkeys([*own, *filtered])}
    within = held.get("customer") or found.column("customer") if view.net_by == "customer" else None
    groups = [held[name] for name in own]
    currencies = columns.book.currencies.ranks()
    return Asked(
        query,
        view,
        ends,
        found.only(view),
        found.passes(groups, [held[name] for name in filtered], within, currencies),
        groups,
        within,
        currencies,
        "class" in plain and view.row_class,
    )


def deal_columns(
    columns: Columns, state: State, connection: Connection[Any], at: date, known: int, names: Iterable[str]
) -> dict[str, Column]:
    """Names and dimensions of deals on a day, by name; `at(0)` of each."""
    query = Query("backlog", None, at, known, columns.generation)
    found = _Asking(columns, state, connection, query, [from_date(at)], periods.ALWAYS_OPEN)
    return {name: found.column(name) for name in names}


def _first_open(columns: Columns, connection: Connection[Any], query: Query) -> FirstOpen:
    return columns.small.of(
        ("open", query.known), lambda: periods.first_open(connection, query.generation, query.known)
    )


class _Asking:
    """What a question has looked up so far."""

    def __init__(
        self, columns: Columns, state: State, connection: Connection[Any], query: Query, ends: list[int],
        opened: FirstOpen,
    ) -> None:  # fmt: skip
        self._columns = columns
        self._state = state
        self._connection = connection
        self._query = query
        self._ends = ends
        self._opened = opened
        self._deals = len(state.keys.first)

    def only(self, view: View) -> Only:
        """Which postings are wanted, of whichever deal."""
        query = self._query
        class_ = None
        if "class" in query.filters and view.row_class:
            class_ = a.CLASS_NUMBERS.get(query.filters["class"], -1)
        return Only(query.known, query.after, class_, self._opened)

    # -- columns -------------------------------------------------------------------------------------------

    def column(self, name: str) -> Column:
        """A group or filter of deals by name."""
        if name == "deal":
            return self._names()
        if name == "product":
            return self._products()
        texts = self._columns.book.values[name]
        renamed = self._merged(texts) if name == "customer" else None
        dimension = self._state.dimensions.get(name, NO_DIMENSION)
        query, memo = self._query, self._columns.memo
        wanted = query.filters.get(name)
        if wanted is not None and renamed:
            wanted = renamed.get(wanted, wanted)
        only = None if wanted is None else _code_of(texts, wanted)
        ranks = texts.ranks()
        of = self._through(texts, ranks, renamed)
        if self._opened.positions:

            def reported(n: int) -> Array:
                return of[
                    memo.of(
                        ("reported", name, query.known, self._ends[n], self._deals),
                        lambda: dimension.as_reported(query.known, self._ends[n], self._deals, self._opened),
                    )
                ]

            changed = self._differing(reported)
            return Column(name, ranks.texts, reported, changed, _rank(ranks, only))
        standing = memo.of(("standing", name, query.known), lambda: dimension.standing(query.known))

        def at(n: int) -> Array:
            return of[standing.on(self._ends[n], self._deals)]

        return Column(name, ranks.texts, at, self._changing(standing), _rank(ranks, only))

    def _names(self) -> Column:
        query, names = self._query, self._state.names
        ranks = self._columns.book.names.ranks()
        if self._opened.positions:

            def reported(n: int) -> Array:
                return ranks.of[names.as_reported(query.known, self._ends[n], self._deals, self._opened)]

            return Column("deal", ranks.texts, reported, self._differing(reported), None)
        known = ranks.of[names.known(query.known, self._deals)]
        return Column("deal", ranks.texts, lambda _: known, None, None)

    def _products(self) -> Column:
        skus = self._columns.book.skus
        ranks, wanted = skus.ranks(), self._query.filters.get("product")
        only = None if wanted is None else _rank(ranks, _code_of(skus, wanted))
        found = ranks.of.take(self._state.keys.sku)
        return Column("product", ranks.texts, lambda _: found, None, only, of_keys=True)

    def _merged(self, texts: Texts) -> dict[str, str]:
        """Merged customers, each with a code of its own and of the one that it is shown under."""
        query = self._query
        found = self._columns.small.of(
            ("merged", query.known),
            lambda: merges.survivors(self._connection, query.generation, query.known),
        )
        for survivor in found.values():
            texts.code(survivor)
        return found

    def _through(self, texts: Texts, ranks: Ranks, renamed: dict[str, str] | None) -> Array:
        """Ranks by code, of merged customers those of their survivors."""
        if not renamed:
            return ranks.of
        of = ranks.of.copy()
        for customer, survivor in renamed.items():
            code, into = texts.find(customer), texts.find(survivor)
            if code is not None and code < len(of) and into is not None:
                of[code] = ranks.of[into]
        return of

    def _changing(self, standing: Standing) -> Array | None:
        """Deals whose value has changed between windows in which they have amounts."""
        ends = self._ends
        bounds = np.searchsorted(standing.effective, ends, "right").tolist()
        if bounds[0] == bounds[-1]:
            return None
        value = standing.on(ends[0], self._deals)
        changed = np.zeros(self._deals, bool)
        for n in range(1, len(ends)):
            deals = standing.deal[bounds[n - 1] : bounds[n]]
            before = value[deals]
            value[deals] = standing.value[bounds[n - 1] : bounds[n]]
            other = (value[deals] != before) & (self._state.keys.first[deals] <= ends[n - 1])
            changed[deals[other]] = True
        return changed if bool(changed.any()) else None

    def _differing(self, at: Callable[[int], Array]) -> Array | None:
        last = at(len(self._ends) - 1)
        changed = np.zeros(self._deals, bool)
        for n in range(len(self._ends) - 1):
            changed |= (at(n) != last) & (self._state.keys.first <= self._ends[n])
        return changed if bool(changed.any()) else None

    # -- passes --------------------------------------------------------------------------------------------

    def passes(
        self, groups: Sequence[Column], filters: Sequence[Column], within: Column | None, currencies: Ranks
    ) -> list[Pass]:
        """One pass over all windows, of deals that don't change, and one for each window of those that do."""
        most = len(currencies.texts)
        for column in (*groups, *([within] if within else [])):
            most *= len(column.texts)
        if most >= _MOST_CODES:
            raise Beyond("more combinations of groups than have numbers")
        wanted = self._wanted()
        last = len(self._ends) - 1
        changed: Array | None = None
        for column in (*groups, *filters, *([within] if within else [])):
            if column.changed is not None:
                changed = column.changed if changed is None else changed | column.changed

        def made(numbers: list[int], n: int, deals: Array | None) -> Pass:
            for column in filters:
                if not column.of_keys:
                    same = column.at(n) == column.only
                    deals = same if deals is None else deals & same
            return Pass(
                numbers, self._codes(n, groups, within, currencies), self._counting(n, deals, filters)
            )

        everything = list(range(last + 1))
        if changed is None:
            return [made(everything, last, wanted)]
        steady = ~changed if wanted is None else ~changed & wanted
        apart = changed if wanted is None else changed & wanted
        return [made(everything, last, steady), *(made([n], n, apart) for n in everything)]

    def _codes(self, n: int, groups: Sequence[Column], within: Column | None, currencies: Ranks) -> Array:
        """By key, the combination of its groups and currency in a window."""
        keys = self._state.keys
        codes: Array | None = None
        by_key = False
        for column in groups:
            ranks = column.at(n)
            if column.of_keys and codes is not None:
                codes = codes.take(keys.deal)
            elif by_key:
                ranks = ranks.take(keys.deal)
            by_key = by_key or column.of_keys
            codes = ranks if codes is None else codes * len(column.texts) + ranks
        of_keys = currencies.of.take(keys.currency)
        if codes is not None:
            of_keys += (codes if by_key else codes.take(keys.deal)) * len(currencies.texts)
        if within is not None:
            of_keys = of_keys * len(within.texts) + within.at(n).take(keys.deal)
        return of_keys

    def _counting(self, n: int, deals: Array | None, filters: Sequence[Column]) -> Array | None:
        """By key, whether its deal is one of these and it passes its own filters; None: all do."""
        keys = self._state.keys
        counts = None if deals is None else deals.take(keys.deal)
        for column in filters:
            if column.of_keys:
                same = column.at(n) == column.only
                counts = same if counts is None else counts & same
        if "currency" in self._query.filters:
            code = _code_of(self._columns.book.currencies, self._query.filters["currency"])
            same = keys.currency == code
            counts = same if counts is None else counts & same
        return counts

    def _wanted(self) -> Array | None:
        """The deals that the filter by deal lets through; None: all."""
        query = self._query
        if "deal" not in query.filters:
            return None
        if self._opened.positions:
            raise Beyond("a deal as it was reported")
        wanted = np.zeros(self._deals, bool)
        numbers = deals_called(self._connection, query.filters["deal"], query.generation, query.known)
        for number in numbers:
            place = self._columns.book.deals.find(number)
            if place is not None and place < self._deals:
                wanted[place] = True
        return wanted


def _code_of(texts: Texts, value: str) -> int:
    """The code of a filter's value; 0 for "has none", -1 where nothing has it."""
    if value == "":
        return 0
    found = texts.find(value)
    return -1 if found is None else found


def _rank(ranks: Ranks, code: int | None) -> int | None:
    return code if code is None or code < 0 else int(ranks.of[code])


def monthly_of(policies: Policies) -> list[tuple[int | None, int | None]]:
    """When stated schedules are earned by months: [since, until), None for open ends."""
    sinces = [period.since for period in policies.periods[1:]]
    found: list[tuple[int | None, int | None]] = []
    for period, until in zip(policies.periods, [*sinces, None], strict=True):
        if period.monthly:
            found.append((None if period is policies.first else period.since, until))
    return found
