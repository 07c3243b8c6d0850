"""The history of a deal: its figures after each fact, in the order of recording or in business order.

Every entry's figures are those of the reports with the key as their filter `deal`, at that date and as known
then: so before a link it is the deal that the key meant by then, and after a split the one that it went to.
The postings are read once and summed in Python (projections/figures). Belongs here: which entries there are,
their moments and figures. Does not belong here: how they are written (api).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.instants import to_date
from projections import deals, queries
from projections.clusters import decode
from projections.facts import Fact
from projections.figures import Figures, Posting, Sums, differences
from projections.generations import Generation

ORDERS: Final = ("recorded", "business")
#: Days beyond which no report is asked: a fact of an earlier or later one is shown on these.
_FIRST, _LAST = date(1900, 1, 1), date(9000, 12, 31)


class Entry(NamedTuple):
    """The figures after a fact. state: as of deals.Entry; `elsewhere` of another deal's fact that posts here.

    deal: the public name at that moment, None where there was none. at, known: the moment of the figures.
    changes: what has been added to each figure since the entry before.
    """

    fact: Fact
    state: str
    deal: str | None
    at: date
    known: int
    figures: Figures
    changes: Figures


class Page(NamedTuple):
    """Entries, and whether there are more after them."""

    entries: list[Entry]
    more: bool


class _Meant(NamedTuple):
    """Which deals a key means, from position to position, and what those are called."""

    positions: list[int]
    numbers: list[tuple[int, ...]]
    names: dict[int, tuple[list[int], list[str]]]

    def by(self, known: int) -> tuple[int, ...]:
        """The numbers of the deals that the key meant by a position."""
        step = bisect_right(self.positions, known)
        return self.numbers[step - 1] if step else ()

    def name(self, known: int) -> str | None:
        """What they were called then."""
        for number in self.by(known):
            positions, names = self.names.get(number, ([], []))
            step = bisect_right(positions, known)
            if step and names[step - 1]:
                return names[step - 1]
        return None


def history(
    connection: Connection[Any],
    key: str,
    generation: Generation,
    known: int,
    *,
    order: str,
    at: date,
    offset: int = 0,
    limit: int = 100,
) -> Page:
    """A page of a deal's history, as known by a position. Raises DealUnknown.

    order: `recorded`: as known after each fact, on the date `at`; `business`: by the end of each fact's
    effective date, as known by `known`.
    """
    timeline = deals.timeline(connection, key, generation, known)
    meant = _meant(connection, key, generation.id, known)
    numbers = sorted({number for step in meant.numbers for number in step})
    postings = _postings(connection, generation.id, numbers, known)
    states = {entry.fact.position: entry.state for entry in timeline}
    facts = {entry.fact.position: entry.fact for entry in timeline}
    if order == "recorded":
        told = {p.position for p in postings if p.deal in meant.by(p.position)}
        positions = sorted({*facts, *told, *meant.positions})
        page = positions[offset : offset + limit]
        more = len(positions) > offset + limit
        _read(connection, generation, facts, page)
        before = positions[offset - 1 : offset] if offset else []
        moments = [(position, at, position) for position in [*before, *page]]
    else:
        own = set(meant.by(known))
        _read(connection, generation, facts, sorted({p.fact for p in postings if p.deal in own} - set(facts)))
        ordered = [fact.position for fact in sorted(facts.values())]
        page, more = ordered[offset : offset + limit], len(ordered) > offset + limit
        before = ordered[offset - 1 : offset] if offset else []
        moments = [(position, _day_of(facts[position]), known) for position in [*before, *page]]
    figures = _figures(moments, postings, meant, generation)
    last: Figures = next(figures) if before else {}
    entries = []
    for position, day, by in moments[len(before) :]:
        now = next(figures)
        state = states.get(position, "elsewhere")
        changes = differences(last, now)
        entries.append(Entry(facts[position], state, meant.name(by), day, by, now, changes))
        last = now
    return Page(entries, more)


def _day_of(fact: Fact) -> date:
    return min(max(to_date(fact.milestone.effective), _FIRST), _LAST)


def _figures(
    moments: Sequence[tuple[int, date, int]], postings: list[Posting], meant: _Meant, generation: Generation
) -> Iterator[Figures]:
    """The figures at each moment: neither the dates nor what is known may go back from one to the next."""
    sums, taken = Sums(generation.policies), 0
    for (day, known), same in groupby(moments, key=lambda moment: moment[1:]):
        upto = bisect_right(postings, known, lo=taken, key=lambda posting: posting.position)
        sums.take(postings[taken:upto])
        taken = upto
        found = sums.on(day, meant.by(known))
        for _ in same:
            yield found


def _meant(connection: Connection[Any], key: str, generation: int, known: int) -> _Meant:
    """What a key meant from its first milestone up to a position."""
    asked: dict[str, Any] = {"key": key, "known": known}
    rows = connection.execute(queries.statement("history_turns", generation), asked).fetchall()
    positions: list[int] = []
    numbers: list[tuple[int, ...]] = []
    for (position,) in rows:
        found = tuple(deals.numbers_of(connection, key, generation, position))
        if not numbers or found != numbers[-1]:
            positions.append(position)
            numbers.append(found)
    every = sorted({number for step in numbers for number in step})
    names: dict[int, tuple[list[int], list[str]]] = {}
    asked = {"deals": every, "known": known}
    for deal, position, name in connection.execute(queries.statement("history_names", generation), asked):
        held = names.setdefault(deal, ([], []))
        held[0].append(position)
        held[1].append(name)
    return _Meant(positions, numbers, names)


def _postings(
    connection: Connection[Any], generation: int, numbers: Sequence[int], known: int
) -> list[Posting]:
    cursor = connection.cursor(binary=True)
    asked = {"deals": list(numbers), "known": known}
    cursor.execute(queries.statement("history_postings", generation), asked)
    return [Posting(*row) for row in cursor.fetchall()]


def _read(
    connection: Connection[Any], generation: Generation, facts: dict[int, Fact], wanted: Sequence[int]
) -> None:
    """Put in the facts of some positions that are not there."""
    missing = [position for position in wanted if position not in facts]
    if not missing:
        return
    cursor = connection.cursor(binary=True)
    cursor.execute(queries.statement("read_positions"), {"positions": missing})
    for row in cursor.fetchall():
        fact = decode(row, generation.policies)
        facts[fact.position] = fact
