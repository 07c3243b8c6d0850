"""The list of exceptions read off the columns: the pages, order and totals that projections/exceptions gives.

Belongs here: all exceptions of a day in order, and those of a page in full. Late renewals, of which there may
be as many as deals, are kept as columns until they are shown. Does not belong here: when one rises
(projections/exceptions, renewals).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from projections import merges
from projections.columns.asking import Column, deal_columns
from projections.columns.keeping import Columns
from projections.columns.standing.asking import Held
from projections.columns.standing.groups import rank_of, shown
from projections.columns.standing.lots import Look
from projections.columns.standing.renewals import Overdue, overdue
from projections.exceptions import handling
from projections.exceptions.asking import DAY, Found
from projections.exceptions.codes import BY_CODE
from projections.exceptions.listing import Listing, Query, Shown, derived, identity

Array = NDArray[Any]

_LATE: Final = "LATE_RENEWAL"
#: Ids of late renewals that are kept.
_MOST_IDS: Final = 1_000_000


class _All(NamedTuple):
    """Everything that there is on a day, however it is being handled: `found`, then late renewals.

    since: microseconds since 1970 UTC. late: those renewals; fact: the milestone that began each.
    """

    asking: Held
    found: list[Found]
    since: Array
    late: Overdue
    fact: Array

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.since)

    def one(self, number: int) -> Found:
        """An exception in full."""
        if number < len(self.found):
            return self.found[number]
        place = number - len(self.found)
        return self.asking.renewal(*(int(column[place]) for column in (*self.late, self.fact)))


def answer(
    columns: Columns, connection: Connection[Any], query: Query, offset: int, limit: int
) -> Listing | None:
    """A page of exceptions; None where SQL has to answer: another generation, or some deals alone."""
    if query.generation.id != columns.generation or query.deals is not None:
        return None
    state = columns.at_least(connection, query.known)
    if state is None or state.heads is None or not state.bounds.exact:
        return None
    look = Look(state, query.at, query.known, query.generation.policies)
    asking = Held(columns, connection, look, query)
    found = _all(asking, query)
    told = handling.handlings(connection, query.generation.id, query.known)
    return _Page(found, query, told).listing(offset, limit)


def _all(asking: Held, query: Query) -> _All:
    """What is asked for, but for how it is being handled."""
    found = [
        one
        for one in derived(asking, query, without=(_LATE,))
        if query.currency is None or one.currency == query.currency
    ]
    if query.filters:
        passes = _passing(asking, query)
        places = [_place(asking, one) for one in found]
        found = [one for one, place in zip(found, places, strict=True) if place is not None and passes[place]]
    wanted = (not query.codes or _LATE in query.codes) and (
        not query.owners or BY_CODE[_LATE].owner in query.owners
    )
    late, fact = _late(asking, query) if wanted else _nothing()
    since = np.array([one.since for one in found], np.int64)
    return _All(asking, found, np.concatenate([since, (late.last + 1) * DAY]), late, fact)


def _nothing() -> tuple[Overdue, Array]:
    none = np.zeros(0, np.int64)
    return Overdue(none, none, none), none


def _late(asking: Held, query: Query) -> tuple[Overdue, Array]:
    """Late renewals that are asked for, and the milestone that began each."""
    keys, columns = asking.look.state.keys, asking.columns
    late, stated = overdue(asking.look)
    fact = _first(asking, stated.number, stated.fact)
    counts = np.ones(len(late.key), bool)
    if query.currency is not None:
        code = columns.book.currencies.find(query.currency)
        counts &= keys.currency[late.key] == (-1 if code is None else code)
    if query.filters:
        counts &= _passing(asking, query)[keys.deal[late.key]]
    return Overdue(*(column[counts] for column in late)), fact[counts]


def _place(asking: Held, one: Found) -> int | None:
    """The place of an exception's deal; None where it has none, or one that nothing is known of."""
    place = None if one.deal is None else asking.columns.book.deals.find(one.deal)
    return place if place is not None and place < len(asking.look.state.keys.first) else None


def _of_deals(asking: Held, name: str) -> Column:
    """Names or a dimension of deals."""
    state, at, known = asking.look.state, asking.at, asking.known
    (found,) = deal_columns(asking.columns, state, asking.connection, at, known, (name,)).values()
    return found


def _passing(asking: Held, query: Query) -> Array:
    """By place of a deal, whether its dimensions are those that are asked for."""
    found = np.ones(len(asking.look.state.keys.first), bool)
    into = merges.survivors(asking.connection, asking.generation.id, asking.known)
    for name, wanted in query.filters.items():
        value = into.get(wanted, wanted) if name == "customer" and wanted else wanted
        found &= _of_deals(asking, name).at(0) == rank_of(asking.columns.book.values[name], value)
    return found


def _first(asking: Held, number: Array, fact: Array) -> Array:
    """Of the milestones of each number the first: by time, source, id. number: in order, from 0 on."""
    instant = asking.instants(fact)
    order = np.lexsort((instant, number))
    number, fact, instant = number[order], fact[order], instant[order]
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    found: Array = fact[begins]
    ends = np.append(begins[1:], len(number))
    several = begins + 1 < ends
    tied = begins[several][instant[begins[several]] == instant[begins[several] + 1]]
    end_of = dict(zip(begins.tolist(), ends.tolist(), strict=True)) if len(tied) else {}
    for begin in tied.tolist():
        own = slice(begin, end_of[begin])
        same = fact[own][instant[own] == instant[begin]]
        found[number[begin]] = asking.first_of(same.tolist())
    return found


class _Page:
    """What is shown of everything: in order, by how it is being handled."""

    def __init__(self, found: _All, query: Query, told: dict[str, handling.Handling]) -> None:
        self._found, self._query, self._told = found, query, told
        self._asking = found.asking
        self._ids: dict[int, str] = {}

    def listing(self, offset: int, limit: int) -> Listing:
        """The page, and the totals of all."""
        chosen = self._chosen()
        totals, counts = self._totals(chosen)
        numbers = self._page(chosen, offset, offset + limit)
        names, customers = (_of_deals(self._asking, name) for name in ("deal", "customer"))
        name_of, customer_of = names.at(0), customers.at(0)
        rows = []
        for number in numbers:
            one = self._found.one(number)
            id_ = self._id(number, one)
            age = max(0, self._asking.end - one.since) // 1_000_000
            place = _place(self._asking, one)
            name = None if place is None else names.texts[name_of[place]] or None
            customer = None if place is None else customers.texts[customer_of[place]]
            rows.append(Shown(id_, one, name, customer, age, self._told.get(id_, handling.UNTOUCHED)))
        return Listing(rows, totals, counts, len(chosen))

    def _id(self, number: int, one: Found | None = None) -> str:
        if number not in self._ids:
            self._ids[number] = identity(self._asking, one or self._found.one(number))
        return self._ids[number]

    def _chosen(self) -> Array:
        """The exceptions that are being handled as is asked for."""
        numbers = np.arange(self._found.size)
        if not self._told:
            return numbers if handling.OPEN in self._query.statuses else numbers[:0]
        ids = [self._id(number) for number in range(len(self._found.found))] + self._late_ids()
        statuses = (self._told.get(id_, handling.UNTOUCHED).status for id_ in ids)
        which: Array = np.fromiter((status in self._query.statuses for status in statuses), bool, len(ids))
        return numbers[which]

    def _late_ids(self) -> list[str]:
        """The ids of late renewals, which are the same at every position."""
        late, kept = self._found.late, self._asking.columns.renewals
        if len(kept) > _MOST_IDS:
            kept.clear()
        ids = []
        for n, key in enumerate(zip(late.key.tolist(), self._found.fact.tolist(), strict=True)):
            id_ = kept.get(key)
            if id_ is None:
                id_ = kept[key] = self._id(len(self._found.found) + n)
            ids.append(id_)
        return ids

    def _totals(self, chosen: Array) -> tuple[dict[tuple[str, str], tuple[int, int]], dict[str, int]]:
        """By code and currency the amount at risk and how many have one; by code how many there are."""
        totals: dict[tuple[str, str], tuple[int, int]] = {}
        counts: dict[str, int] = {}
        first = len(self._found.found)
        for one in (self._found.found[number] for number in chosen[chosen < first].tolist()):
            counts[one.code] = counts.get(one.code, 0) + 1
            if one.amount is not None:
                amount, number = totals.get((one.code, one.currency), (0, 0))
                totals[one.code, one.currency] = amount + one.amount, number + 1
        places = chosen[chosen >= first] - first
        if len(places):
            counts[_LATE] = len(places)
            codes = self._asking.look.state.keys.currency[self._found.late.key[places]]
            for code in np.unique(codes).tolist():
                own = self._found.late.rate[places[codes == code]]
                totals[_LATE, self._asking.currency_of[code]] = int(own.sum()), len(own)
        return totals, counts

    def _page(self, chosen: Array, offset: int, end: int) -> list[int]:
        """The exceptions from the offset to before the end: by time, code, deal and id."""
        since, code, deal = self._found.since[chosen], self._codes()[chosen], self._deals()[chosen]
        if not len(chosen):
            return []
        order = np.lexsort((deal, code, since))
        same = (np.diff(since[order]) == 0) & (np.diff(code[order]) == 0) & (np.diff(deal[order]) == 0)
        begins = np.flatnonzero(np.append(True, ~same))
        first = int(begins[int(np.searchsorted(begins, offset, "right")) - 1])
        last = int(np.searchsorted(begins, end, "left"))
        upto = int(begins[last]) if last < len(begins) else len(order)
        within: list[int] = chosen[order[first:upto]].tolist()
        alike = (begins[(begins >= first) & (begins < upto)] - first).tolist()
        for one, other in zip(alike, [*alike[1:], len(within)], strict=True):
            if other - one > 1:
                within[one:other] = sorted(within[one:other], key=self._id)
        return within[max(0, offset - first) : max(0, end - first)]

    def _codes(self) -> Array:
        """The place of each code in order."""
        places = {code: place for place, code in enumerate(sorted(BY_CODE))}
        own = [places[one.code] for one in self._found.found]
        return np.array(own + [places[_LATE]] * len(self._found.late.key), np.int64)

    def _deals(self) -> Array:
        """The place of each deal's name in order; 0: none."""
        ranks = shown(_of_deals(self._asking, "deal"))
        places = [_place(self._asking, one) for one in self._found.found]
        own = [0 if place is None else int(ranks[place]) for place in places]
        late = self._asking.look.state.keys.deal[self._found.late.key]
        return np.concatenate([np.array(own, np.int64), ranks[late]])
