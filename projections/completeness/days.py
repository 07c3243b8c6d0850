"""Which days of a source are attested: by which control total, and up to where without a gap.

Belongs here: days and watermarks. Does not belong here: how a total compares (totals), how it is told (api).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from domain.instants import from_date, to_date
from projections.completeness import totals
from projections.completeness.objects import Held, objects
from projections.completeness.totals import Compared
from projections.exceptions.asking import Asking

COMPLETE: Final = "complete"
BROKEN: Final = "broken"
UNATTESTED: Final = "unattested"
STATUSES: Final = (COMPLETE, BROKEN, UNATTESTED)
#: Objects that are statements about others: nobody attests them.
_STATEMENTS: Final = frozenset({"control_total", "correction", "exception", "period", "policy", "total"})

Kind = tuple[str, str]
"""A source and a kind of its objects."""


class Day(NamedTuple):
    """Objects of one kind and currency on a business day.

    number, amount: what the ledger has on the day; amount in minor units, None without a currency. by: the
    latest total that speaks of the day, which may span others; None where none does.
    """

    source: str
    object: str
    day: date
    currency: str | None
    status: str
    number: int
    amount: int | None
    by: Compared | None


class Watermark(NamedTuple):
    """Up to where a kind of object is complete: every day from `first` on is attested and agrees.

    complete_through: None where the first attested day already is broken. attested_through: the last day that
    any total speaks of. broken: totals that differ.
    """

    source: str
    object: str
    first: date
    complete_through: date | None
    attested_through: date
    broken: int


class Attested(NamedTuple):
    """The answer: days by source, object, day and currency; watermarks by source and object."""

    days: list[Day]
    watermarks: list[Watermark]


def attested(asking: Asking, first: date, last: date, is_meant: Callable[[str, str], bool]) -> Attested:
    """What of a span of days is attested, as known. is_meant: which source and kind of object are meant."""
    compared: dict[Kind, list[Compared]] = defaultdict(list)
    holding = [one for one in totals.holding(asking) if is_meant(one.span.source, one.span.object)]
    for one in totals.compared(asking, holding):
        compared[one.total.span.source, one.total.span.object].append(one)
    kinds = set(compared)
    for source, kind in asking.rows("completeness_kinds"):
        if kind not in _STATEMENTS and is_meant(source, kind):
            kinds.add((source, kind))
    days: list[Day] = []
    for source, kind in sorted(kinds):
        held = objects(asking, source, kind, first, last)
        days += _days((source, kind), held, compared.get((source, kind), []), first, last)
    return Attested(days, [watermark(kind, those) for kind, those in sorted(compared.items())])


def _days(
    kind: Kind, held: Iterable[Held], compared: Sequence[Compared], first: date, last: date
) -> Iterable[Day]:
    """The days on which there is something, or of which somebody has said how much there is."""
    found: dict[tuple[int, str | None], list[Held]] = defaultdict(list)
    for one in held:
        found[one.day, one.worth.currency].append(one)
    filled = {day for day, _ in found}
    for span in sorted((one.total.span for one in compared), key=lambda one: one.currency is None):
        for day in range(max(span.first, from_date(first)), min(span.last, from_date(last)) + 1):
            if span.currency is not None or day not in filled:
                found.setdefault((day, span.currency), [])  # it is said that there is nothing, too
                filled.add(day)
    for day, currency in sorted(found, key=lambda key: (key[0], key[1] or "")):
        yield _day(kind, day, currency, found[day, currency], compared)


def _day(
    kind: Kind, day: int, currency: str | None, held: Sequence[Held], compared: Sequence[Compared]
) -> Day:
    speaking = [
        one
        for one in compared
        if one.total.span.first <= day <= one.total.span.last and one.total.span.currency in (None, currency)
    ]
    status = UNATTESTED
    if speaking:
        status = COMPLETE if all(one.agrees for one in speaking) else BROKEN
    by = max(speaking, key=_latest, default=None)
    amount = None if currency is None else sum(one.worth.amount or 0 for one in held)
    return Day(*kind, to_date(day), currency, status, len(held), amount, by)


def _latest(one: Compared) -> tuple[int, int, bool, int]:
    """Later totals before earlier ones; of one moment those of fewer days, then those in the currency."""
    span = one.total.span
    return one.total.said.instant, span.first - span.last, span.currency is not None, one.total.position


def watermark(kind: Kind, compared: Sequence[Compared]) -> Watermark:
    """Up to where totals of one kind agree without a gap between their days."""
    spans = sorted((one.total.span.first, one.total.span.last) for one in compared)
    first, reach = spans[0]
    for start, end in spans[1:]:
        if start > reach + 1:
            break
        reach = max(reach, end)
    broken = [one.total.span.first for one in compared if not one.agrees]
    through = min(reach, *(start - 1 for start in broken)) if broken else reach
    return Watermark(
        *kind,
        to_date(first),
        to_date(through) if through >= first else None,
        to_date(max(end for _, end in spans)),
        len(broken),
    )


def statuses(days: Iterable[Day]) -> Mapping[str, int]:
    """How many of the days have which status."""
    counts = dict.fromkeys(STATUSES, 0)
    for one in days:
        counts[one.status] += 1
    return counts
