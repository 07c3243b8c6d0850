"""The figures of a few deals worked out in Python from their postings, as the reports' SQL works them out.

For what asks many moments of one deal, or of postings that are in no table: one reading, then sums. What a
posting counts for in a measure, and what is derived, is said once, in projections/measures; a test holds the
two to each other. Belongs here: postings to measures in minor units. Does not belong here: reading postings,
which moments are asked (projections/history, projections/casework).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from domain.instants import from_date, to_date
from domain.money import divide_half_away
from domain.policies import Policies
from projections.measures import VIEWS, View, derive, minor_of, view_of
from projections.proration import earned
from projections.questions import Query, checked


class Posting(NamedTuple):
    """A row of the journal, as far as figures need it: day numbers, minor units; None: it has no such day."""

    deal: int
    fact: int
    position: int
    amount: int
    stated: int
    effective: int
    start: int | None
    end: int | None
    due: int | None
    debit: int
    credit: int
    currency: str


#: (currency, view, measure) -> minor units; views of which nothing stands are left out.
Figures = dict[tuple[str, str, str], int]
#: By debit, credit and due day, or days past due: what the postings are worth by the day; those of them that
#: had been stated by the day; and what of these lies past a year.
_Cells = dict[tuple[int, int, int | None], list[int]]
#: By deal and currency.
_Held = defaultdict[tuple[int, str], _Cells]

#: The last days past due of the ageing measures: none tells apart what lies between one and the next.
_LATE: Final = sorted(
    {
        measure.bucket[1]
        for name in VIEWS
        for measure in view_of(name, moving=False, trigger="", liability="due").base
        if measure.bucket is not None and measure.bucket[1] is not None
    }
)


def views_on(day: date, policies: Policies) -> list[View]:
    """All views as they are read on a day under some policies, since the beginning."""
    return [checked(Query(name, None, day, 0, 0, policies=policies)) for name in VIEWS]


def _worth(posting: Posting, day: int, monthly: bool) -> int:
    """What of a posting counts by the end of a day, minor units."""
    if day < posting.effective:
        return 0
    if posting.end is None or posting.start is None or posting.end <= day:
        return posting.amount
    return earned(posting.amount, posting.effective, posting.start, posting.end, day, monthly)


def _late(due: int | None, day: int) -> int | None:
    """Days past due, as far as a measure tells them apart."""
    if due is None:
        return None
    step = bisect_left(_LATE, day - due)
    return _LATE[step] if step < len(_LATE) else _LATE[-1] + 1


def _add(cells: _Cells, key: tuple[int, int, int | None], worth: Sequence[int]) -> None:
    found = cells.get(key)
    if found is None:
        cells[key] = list(worth)
    else:
        for index, value in enumerate(worth):
            found[index] += value


class Sums:
    """The figures of deals on one day after another, or after one posting after another on the same day.

    `take` postings in any order, then ask `on` for days that never go back.
    """

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._settled: _Held = defaultdict(dict)  # by due day: what counts whole from here on
        self._coming: list[Posting] = []  # what a later day counts otherwise
        self._new: list[Posting] = []
        self._today: _Held = defaultdict(dict)  # by days past due
        self._day: int | None = None
        self._views: list[View] = []
        self._matters: dict[tuple[str, int, int], bool] = {}

    def take(self, postings: Iterable[Posting]) -> None:
        """Take in postings."""
        self._new.extend(postings)

    def on(self, day: date, deals: Iterable[int]) -> Figures:
        """The figures of some deals together by the end of a day."""
        number = from_date(day)
        if number != self._day:
            assert self._day is None or number > self._day, "days never go back"
            self._turn_to(day, number)
        self._value(self._new, number)
        self._new = []
        figures: Figures = {}
        wanted = set(deals)
        keys = [key for key in self._today if key[0] in wanted]
        for currency in sorted({currency for _, currency in keys}):
            held = [self._today[key] for key in keys if key[1] == currency]
            for view in self._views:
                minor = self._measured(view, held)
                if any(minor[name] for name in (*view.summed, *view.netted)):
                    derive(view, minor)
                    figures |= {(currency, view.name, name): minor[name] for name in view.measures}
        return figures

    def _turn_to(self, day: date, number: int) -> None:
        """Value everything anew for another day."""
        self._day, self._views = number, views_on(day, self._policies)
        self._today = defaultdict(dict)
        for key, cells in self._settled.items():
            for (debit, credit, due), worth in cells.items():
                if any(worth):
                    _add(self._today[key], (debit, credit, _late(due, number)), worth)
        coming, self._coming = self._coming, []
        self._value(coming, number)

    def _value(self, postings: Iterable[Posting], day: int) -> None:
        """Count postings for the day; keep those that a later day counts otherwise."""
        a_year_on = from_date(_a_year_on(to_date(day)))
        for posting in postings:
            key, accounts = (posting.deal, posting.currency), (posting.debit, posting.credit)
            worth = [posting.amount, posting.amount, 0]
            if max(posting.stated, posting.effective, posting.end or posting.effective) <= day:
                _add(self._settled[key], (*accounts, posting.due), worth)
            else:
                self._coming.append(posting)
                monthly = self._policies.at(posting.stated).monthly
                held = _worth(posting, day, monthly)
                worth = [held, 0, 0]
                if posting.stated <= day:
                    worth = [held, held, posting.amount - _worth(posting, a_year_on, monthly)]
            _add(self._today[key], (*accounts, _late(posting.due, day)), worth)

    def _measured(self, view: View, deals: Iterable[_Cells]) -> dict[str, int]:
        """The measures of some deals that are sums, and what is netted deal by deal."""
        names = [measure.name for measure in view.base]
        total = dict.fromkeys([*names, *view.netted], 0)
        # a view of what is scheduled past a year counts nothing that had not been stated by the day
        which = 1 if any(measure.when == "beyond" for measure in view.base) else 0
        for cells in deals:
            minor = dict.fromkeys(names, 0)
            for (debit, credit, late), worth in cells.items():
                if not any(worth) or not self._counts(view, debit, credit):
                    continue
                cell = {
                    "debit": debit, "credit": credit, "bucket": _bucket(view, late),
                    "ve": worth[which], "vd": worth[which], "vb": worth[2],
                }  # fmt: skip
                for name, value in minor_of(view, cell).items():
                    minor[name] += value
            for name in names:
                total[name] += minor[name]
            for name, sign in view.netted.items():
                total[name] += max(0, sign * (_position(view, minor) - minor["net_performed"]))
        return total

    def _counts(self, view: View, debit: int, credit: int) -> bool:
        key = view.name, debit, credit
        found = self._matters.get(key)
        if found is None:
            accounts = {account for measure in view.base for account in measure.accounts()}
            found = self._matters[key] = debit in accounts or credit in accounts
        return found


def _bucket(view: View, late: int | None) -> int:
    """The number of the ageing measure to which something so many days past due belongs; -1: to none."""
    for index, measure in enumerate(view.base):
        if measure.bucket is None:
            continue
        least, most = measure.bucket
        if most is None or (least is None and late is None) or (late is not None and late <= most):
            return index
    return -1


def _position(view: View, minor: dict[str, Any]) -> int:
    """What of the billed counts towards a liability or an asset, minor units (projections/formulas)."""
    position: int = minor["net_position"]
    if view.liability == "invoiced":
        return position
    gross: int = minor["net_gross"]
    settled: int = minor["net_paid"] if view.liability == "paid" else gross - minor["net_not_due"]
    if gross <= 0:
        return position
    return divide_half_away(position * min(max(settled, 0), gross), gross)


def _a_year_on(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def differences(before: Figures, after: Figures) -> Figures:
    """What has been added to each figure that is not the same."""
    changed = {key: after.get(key, 0) - before.get(key, 0) for key in {**before, **after}}
    return {key: value for key, value in changed.items() if value}
