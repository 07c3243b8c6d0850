"""Which milestones began and ended the stages of the workflow, for all deals at once (sql/latency_*).

Belongs here: of each stage the postings by which it begins and ends. Does not belong here: when milestones
happened, durations (timing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instants import from_date
from projections import accounts as a
from projections.columns.rows import Pair
from projections.columns.standing.lots import Look, Lot, lots, runs, touching
from projections.columns.standing.wins import waiting_since, wins
from projections.latency import Query

Array = NDArray[Any]

_NONE: Final = np.iinfo(np.int64).max
_FACTS: Final = 2**32
#: The first day that there is.
_DAWN: Final = from_date(date.min)
_WON: Final = (a.PIPELINE, a.WON_UNORDERED)
_ORDERED: Final = (a.WON_UNORDERED, a.UNBILLED)
_BILLED: Final = (a.UNBILLED, a.RECEIVABLE)
_CONFIRMED: Final = (a.UNFULFILLED, a.RECOGNISED)


class Stretches(NamedTuple):
    """Stages that were begun: place of the deal, positions of the milestones; done 0: it waits."""

    deal: Array
    begun: Array
    done: Array


class Flows(NamedTuple):
    """What milestones did between two accounts about something: its number, position, first day, amount."""

    pair: Pair
    number: Array
    fact: Array
    day: Array
    amount: Array

    def only(self, which: Array) -> Flows:
        """Some of them."""
        return Flows(self.pair, *(column[which] for column in self[1:]))

    @property
    def moment(self) -> Array:
        """Day and position as one number, in their order."""
        return (self.day - _DAWN) * _FACTS + self.fact


Number = Callable[[Lot], Array]


def flows(look: Look, wanted: Callable[[int, int], bool], number: Number) -> list[Flows]:
    """By pair, what milestones did that is not zero. number: what postings are about; below 0: nothing."""
    by_pair: dict[Pair, list[tuple[Array, ...]]] = {}
    for lot in lots(look, wanted):
        of = number(lot)
        by_pair.setdefault(lot.pair, []).append((of, lot.fact, lot.effective, lot.amount))
    found = []
    for pair, parts in by_pair.items():
        of, fact, day, amount = (
            np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)
        )
        if len(of) and int(of.min()) < 0:
            of, fact, day, amount = (column[of >= 0] for column in (of, fact, day, amount))
        if len(of):
            order, begins = _alike(of, fact)
            sums = np.add.reduceat(amount[order], begins)
            first = order[begins]
            days = np.minimum.reduceat(day[order], begins)
            found.append(Flows(pair, of[first], fact[first], days, sums).only(sums != 0))
    return found


def _alike(of: Array, fact: Array) -> tuple[Array, Array]:
    code = of * _FACTS + fact
    order = np.argsort(code)
    return order, np.flatnonzero(np.diff(code[order], prepend=-1))


def _firsts(size: int, found: Iterable[Flows]) -> Array:
    """By number the first moment, _NONE without one."""
    moments = np.full(size, _NONE, np.int64)
    for one in found:
        np.minimum.at(moments, one.number, one.moment)
    return moments


def _lasts(size: int, found: Iterable[Flows]) -> Array:
    """By number the last moment, -1 without one."""
    moments = np.full(size, -1, np.int64)
    for one in found:
        np.maximum.at(moments, one.number, one.moment)
    return moments


def _sums(size: int, found: Iterable[Flows], account: int) -> Array:
    """By number what comes into an account."""
    sums = np.zeros(size, np.int64)
    for one in found:
        if account in one.pair:
            np.add.at(sums, one.number, one.amount if one.pair[1] == account else -one.amount)
    return sums


def _risen(found: Iterable[Flows], *pairs: Pair) -> list[Flows]:
    """Of some pairs, what is more than zero."""
    return [one.only(one.amount > 0) for one in found if one.pair in pairs]


def _fact(moments: Array) -> Array:
    return moments % _FACTS


def _since(query: Query) -> int:
    """The first moment of the window."""
    return 0 if query.start is None else (from_date(query.start) - _DAWN) * _FACTS


def _day(moments: Array) -> Array:
    return moments // _FACTS


def collection(look: Look, query: Query) -> Stretches:
    """Invoices from being posted to having nothing open, by cash; sql/latency_collection."""
    items = look.state.items
    size = len(items.object_own)
    found = flows(look, touching({a.RECEIVABLE}), lambda lot: lot.object)
    begun = _firsts(size, _risen(found, _BILLED, (a.SOURCE_TAX, a.RECEIVABLE)))
    done = _lasts(size, (one for one in found if a.REDATED not in one.pair))
    open_ = _sums(size, found, a.RECEIVABLE)
    paid = _sums(size, (one for one in found if one.pair[1] == a.CASH), a.CASH)
    ended = (open_ == 0) & (paid > 0) & (done >= max(0, _since(query)))
    which = np.flatnonzero((begun != _NONE) & (ended | (open_ > 0)))
    return _told(look, items.object_own[which], begun[which], np.where(open_ == 0, done, 0)[which])


def cash(look: Look, query: Query) -> Stretches:
    """Payments from being received to being applied; sql/latency_cash."""
    items = look.state.items
    size = len(items.object_own)
    found = flows(look, touching({a.UNAPPLIED}), lambda lot: lot.object)
    begun = _firsts(size, (one.only(one.amount > 0) for one in found if one.pair[0] == a.SOURCE_BANK))
    done = _lasts(size, (one.only(one.amount > 0) for one in found if one.pair[1] == a.APPLIED))
    left = _sums(size, found, a.UNAPPLIED)
    applied = _sums(size, (one for one in found if one.pair[1] == a.APPLIED), a.APPLIED)
    ended = (left == 0) & (applied > 0) & (done >= max(0, _since(query)))
    which = np.flatnonzero((begun != _NONE) & (ended | (left > 0)))
    finished = np.where((left == 0) & (done >= 0), done, 0)
    return _told(look, items.object_own[which], begun[which], finished[which])


def invoicing(look: Look, query: Query) -> Stretches:
    """Order lines from being billable to being billed; sql/latency_invoicing."""
    items = look.state.items
    size = len(items.line_own)
    named = items.line_label != 0
    found = flows(
        look, touching({a.UNBILLED, a.UNFULFILLED}), lambda lot: np.where(named[lot.line], lot.line, -1)
    )
    is_delivered, is_used = np.zeros(size, bool), np.zeros(size, bool)
    for one in found:
        if one.pair[1] == a.UNFULFILLED:
            is_delivered[one.number] = True
        if one.pair[0] == a.SOURCE_USAGE:
            is_used[one.number] = True
    billable = []
    for one in found:
        of = one.number
        is_by = np.zeros(len(of), bool)
        if one.pair == _CONFIRMED:
            is_by |= is_delivered[of]
        if one.pair[0] == a.SOURCE_USAGE:
            is_by |= ~is_delivered[of] & is_used[of]
        if one.pair == _ORDERED:
            is_by |= ~is_delivered[of] & ~is_used[of]
        billable.append(one.only(is_by & (one.amount > 0)))
    begun, done = _firsts(size, billable), _firsts(size, _risen(found, _BILLED))
    unbilled = _sums(size, found, a.UNBILLED)
    ended = (done != _NONE) & (_day(done) >= _day(begun)) & (done >= _since(query))
    which = np.flatnonzero((begun != _NONE) & (ended | ((done == _NONE) & (unbilled > 0))))
    return _told(look, items.line_own[which], begun[which], np.where(done == _NONE, 0, done)[which])


class Orders(NamedTuple):
    """Orders by number: of each line which it is of, and the place of its deal. A line without a name: -1."""

    of_line: Array
    deal: Array


def orders(look: Look, stems: Array) -> Orders:
    """The orders of a deal, by the names of lines up to the last slash, in whichever currency."""
    items, keys = look.state.items, look.state.keys
    deal = keys.deal[keys.of_own][items.line_own]
    stem = stems[items.line_label]
    order, begins = runs((deal, stem))
    of_line = np.empty(len(order), np.int64)
    of_line[order] = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(order)))
    return Orders(np.where(items.line_label == 0, -1, of_line), deal[order[begins]])


def fulfilment(look: Look, query: Query, given: Orders) -> Stretches:
    """Orders from being accepted to the first delivery or activation; sql/latency_fulfilment."""
    size = len(given.deal)
    found = flows(
        look,
        lambda debit, credit: debit in (a.WON_UNORDERED, a.UNFULFILLED) or credit == a.UNFULFILLED,
        lambda lot: given.of_line[lot.line],
    )
    some = np.zeros(size, bool)
    for one in found:
        if one.pair[1] == a.UNFULFILLED:
            some[one.number] = True
    begun = _firsts(size, (one.only(one.amount > 0) for one in found if one.pair[0] == a.WON_UNORDERED))
    done = _firsts(size, _risen(found, _CONFIRMED))
    left = _sums(size, found, a.UNFULFILLED)
    ended = (done != _NONE) & (done >= _since(query))
    which = np.flatnonzero(some & (begun != _NONE) & (ended | ((done == _NONE) & (left > 0))))
    finished = np.where(done == _NONE, 0, done)[which]
    return Stretches(given.deal[which], _fact(begun[which]), _fact(finished))


def accepted(look: Look, query: Query, given: Orders) -> tuple[Array, Array]:
    """Orders that have a name, and the milestone that first ordered something; sql/latency_accepted."""
    found = flows(
        look, lambda debit, credit: (debit, credit) == _ORDERED, lambda lot: given.of_line[lot.line]
    )
    first = _firsts(len(given.deal), found)
    which = np.flatnonzero((first != _NONE) & (first >= _since(query)))
    return which, _fact(first[which])


def creation(look: Look, query: Query) -> Stretches:
    """Wins from being won to being ordered; sql/latency_orders."""
    keys = look.state.keys
    won, ordered = (_of_products(look, pair) for pair in (_WON, _ORDERED))
    named = ordered.only(keys.sku[ordered.number] != 0)
    # a win without lines has no product: any order answers it
    whole = _whole(look, ordered)
    wins_ = _numbered(won)
    answers = [_numbered(one) for one in (named, whole)]
    code = np.concatenate([one.code for one in answers])
    fact = np.concatenate([one.fact for one in answers])
    day = np.concatenate([one.day for one in answers])
    order = np.argsort(code, kind="stable")
    code, fact, day = code[order], fact[order], day[order]
    place = np.searchsorted(code, wins_.code)
    place[place == len(code)] = 0
    met = (code[place] == wins_.code) if len(code) else np.zeros(len(place), bool)
    wins_, place = wins_.only(met), place[met]
    later = day[place] >= wins_.day
    wins_, place = wins_.only(later), place[later]
    done, effective = fact[place], day[place]
    order = np.lexsort((done, effective, wins_.fact))
    first = order[np.diff(wins_.fact[order], prepend=-1) != 0]
    if query.start is not None:
        first = first[effective[first] >= from_date(query.start)]
    own = keys.own[wins_.number[first]]
    deal = keys.deal[keys.of_own[own]]
    return Stretches(deal, wins_.fact[first], done[first])


class _Numbered(NamedTuple):
    """Milestones of a product, numbered by day and position. code: the product and the number."""

    number: Array
    fact: Array
    day: Array
    code: Array

    def only(self, which: Array) -> _Numbered:
        return _Numbered(*(column[which] for column in self))


def _of_products(look: Look, pair: Pair) -> Flows:
    found = flows(look, lambda debit, credit: (debit, credit) == pair, lambda lot: lot.key)
    none = np.zeros(0, np.int64)
    one = found[0] if found else Flows(pair, none, none, none, none)
    return one.only(one.amount > 0)


def _whole(look: Look, ordered: Flows) -> Flows:
    """Orders of whatever product, once each, under the number of the deal's wins without one."""
    keys = look.state.keys
    without = np.flatnonzero(keys.sku == 0)
    of = np.full(len(keys.of_own), -1, np.int64)
    of[keys.own[without]] = without
    number = of[keys.own[ordered.number]]
    some = ordered._replace(number=number).only(number >= 0)
    if not len(some.number):
        return some
    order, begins = _alike(some.number, some.fact)
    first = order[begins]
    days = np.minimum.reduceat(some.day[order], begins)
    return Flows(some.pair, some.number[first], some.fact[first], days, some.amount[first])


def _numbered(found: Flows) -> _Numbered:
    order = np.lexsort((found.moment, found.number))
    number = found.number[order]
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    n = np.arange(len(number)) - np.repeat(begins, np.diff(begins, append=len(number)))
    return _Numbered(number, found.fact[order], found.day[order], number * _FACTS + n)


def unordered(look: Look) -> Stretches:
    """Wins that wait for an order."""
    found, keys = wins(look).waiting, look.state.keys
    some = np.flatnonzero(found > 0)
    begun = waiting_since(look, some)
    return Stretches(keys.deal[some[begun.number]], begun.fact, np.zeros(len(begun.fact), np.int64))


def _told(look: Look, own: Array, begun: Array, done: Array) -> Stretches:
    keys = look.state.keys
    return Stretches(keys.deal[keys.of_own[own]], _fact(begun), np.where(done == 0, 0, _fact(done)))
