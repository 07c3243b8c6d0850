"""Control totals: what a source says it has in a span of days, beside what the ledger has.

Belongs here: which totals hold, and how each compares. Does not belong here: objects one by one (objects).

The last total by time of a source, kind of object, span and currency holds. With a currency it speaks of the
objects in that currency alone, so that a firm in three currencies reports three totals of a span.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from domain import milestones as m
from domain.instants import from_date, to_date
from domain.money import AmountRefused, UnknownCurrency, format_minor, parse_minor
from projections import open_items
from projections.completeness.objects import Held, objects
from projections.exceptions.asking import Asking
from projections.facts import business_key


class Span(NamedTuple):
    """What totals speak of. first, last: day numbers, inclusive. currency: None for all."""

    source: str
    object: str
    first: int
    last: int
    currency: str | None

    @property
    def text(self) -> str:
        """For people: source, kind of object and days."""
        days = f"{to_date(self.first)}/{to_date(self.last)}"
        return " ".join(filter(None, (self.source, self.object, days, self.currency)))


class Total(NamedTuple):
    """A control total that holds. position: of the milestone that reports it."""

    span: Span
    position: int
    said: m.ControlTotalReported


class Compared(NamedTuple):
    """A source's total beside the ledger's. Counts of objects; amounts in minor units of `currency`.

    amounts are None where there is nothing to compare: none was reported, or nobody can tell its currency.
    missing: ids that the source has and the ledger does not; unknown: the other way round. Both are empty
    where the source gave no ids, and unknown where it gave fewer ids than it counts.
    """

    total: Total
    theirs: int
    ours: int
    currency: str | None
    their_amount: int | None
    our_amount: int | None
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        same = self.theirs == self.ours and self.their_amount == self.our_amount
        return same and not self.missing and not self.unknown

    def detail(self, most: int = 10) -> str:
        """What differs, for people; of each list of ids at most so many."""
        parts = [f"count {self.ours} here, {self.theirs} there"] if self.ours != self.theirs else []
        if self.our_amount is not None and self.their_amount is not None and self.currency is not None:
            here, there = (format_minor(one, self.currency) for one in (self.our_amount, self.their_amount))
            parts += [f"amount {here} here, {there} there"] if here != there else []
        parts += [f"missing here: {listed(self.missing, most)}"] if self.missing else []
        parts += [f"unknown there: {listed(self.unknown, most)}"] if self.unknown else []
        return "; ".join(parts)


def listed(words: Sequence[str], most: int) -> str:
    """Some words with commas, and how many there are besides."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def holding(asking: Asking) -> list[Total]:
    """The totals that hold on the day, by source, object and span."""
    positions = [position for (position,) in asking.rows("completeness_totals")]
    if not positions:
        return []
    found = open_items.milestones(asking.connection, positions, asking.known, asking.generation.policies)
    day = from_date(asking.at)
    last: dict[Span, Total] = {}
    for position, said in found.items():
        if not isinstance(said, m.ControlTotalReported) or said.effective > day:
            continue
        span = Span(said.source, said.object, said.from_, said.to, said.currency)
        before = last.get(span)
        if before is None or business_key(before.said)[2:] < business_key(said)[2:]:
            last[span] = Total(span, position, said)
    return [last[span] for span in sorted(last, key=lambda one: (*one[:4], one.currency or ""))]


def compared(asking: Asking, totals: Sequence[Total]) -> Iterator[Compared]:
    """Each total beside what the ledger has now of the same objects; each kind of object is read once."""
    kinds: dict[tuple[str, str], list[Total]] = defaultdict(list)
    for total in totals:
        kinds[total.span.source, total.span.object].append(total)
    for (source, kind), those in kinds.items():
        first, last = min(one.span.first for one in those), max(one.span.last for one in those)
        held = sorted(objects(asking, source, kind, to_date(first), to_date(last)), key=lambda one: one.day)
        days = [one.day for one in held]
        for total in those:
            low, high = bisect_left(days, total.span.first), bisect_right(days, total.span.last)
            yield compare(total, held[low:high])


def compare(total: Total, held: Sequence[Held]) -> Compared:
    """A total beside the ledger's objects of its span."""
    said = total.said
    if said.currency is not None:
        held = [one for one in held if one.worth.currency == said.currency]
    currency, theirs, ours = _amounts(said, held)
    here = {one.native_id for one in held}
    ids = {_native(one, said.object) for one in said.ids}
    return Compared(
        total,
        said.count,
        len(here),
        currency,
        theirs,
        ours,
        tuple(sorted(ids - here)),
        tuple(sorted(here - ids)) if ids and len(ids) >= said.count else (),
    )


def _native(id_: str, kind: str) -> str:
    """The native id in what may be a whole subject."""
    return id_.removeprefix(f"{kind}/")


def _amounts(said: m.ControlTotalReported, held: Sequence[Held]) -> tuple[str | None, int | None, int | None]:
    """(currency, theirs, ours); without a stated currency it is the one that the objects have in common."""
    if said.amount is None:
        return said.currency, None, None
    currencies = {one.worth.currency for one in held if one.worth.currency is not None}
    currency = said.currency or (next(iter(currencies)) if len(currencies) == 1 else None)
    if currency is None:
        return None, None, None
    with suppress(AmountRefused, UnknownCurrency):
        ours = sum(one.worth.amount or 0 for one in held if one.worth.currency == currency)
        return currency, parse_minor(said.amount, currency), ours
    return currency, None, None
