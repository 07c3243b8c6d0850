"""Two generations' reports asked one by one, to hold a preview against.

Belongs here: asking every figure of a comparison by `reports.run`, and what stands by the bridge, exceptions
and latency. Does not belong here: stories.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from domain.money import format_minor
from projections import bridge, generations, latency, reports
from projections.exceptions.handling import STATUSES
from projections.exceptions.listing import Query as Query_
from projections.exceptions.listing import exceptions
from projections.preview.axes import Axis, months_of, recorded_months, span_of
from projections.preview.comparing import GROUPS, NOW, SINCE, THEN, query_of, read_variously, views_of
from projections.preview.differing import differing
from projections.preview.journals import Journals
from projections.questions import BASES, MAX_ROWS, Query, Window
from tests.projections.served import House

TODAY = date(2024, 6, 30)
#: view, basis, clock, by -> (window, group, currency, measure) -> before, after
Figures = dict[tuple[str, str, str, str], dict[tuple[str, str | None, str, str], tuple[Any, Any]]]


def journals(house: House, old: generations.Generation, new: generations.Generation, known: int) -> Journals:
    """Both journals, with all deals that differ."""
    found = differing(house.connection, old.id, new.id, known)
    span = span_of(house.connection, [old.id, new.id], known, TODAY)
    return Journals(
        house.connection, old, new, known, found.of("posting", "deal_dimension"), found.topics,
        months_of(span.first, span.last, TODAY), recorded_months(house.connection, known),
    )  # fmt: skip


def previewed(found: Journals, groups: Iterable[str] = GROUPS, bases: Iterable[str] = BASES) -> Figures:
    """What the comparison says differs."""
    told: Figures = {}
    for clock in (NOW, SINCE, THEN):
        for basis in bases:
            for view in views_of(clock, basis):
                only = read_variously(view, found.months, found.policies) if clock == SINCE else None
                if only == []:
                    continue
                compared = found.compared(view, basis, clock)
                for by in groups if clock != THEN else ("",):
                    cells = compared.table(by, 10**6, only)[2]
                    told[view, basis, clock, by] = {cell[:4]: cell[4:6] for cell in cells}
    return told


def asked(
    house: House,
    old: generations.Generation,
    new: generations.Generation,
    known: int,
    keys: Iterable[tuple[str, str, str, str]],
    axes: Mapping[str, Axis],
) -> Figures:
    """The same, each figure asked of both generations."""
    return {key: _asked(house, old, new, known, key, axes[key[2]]) for key in keys}


def _asked(
    house: House,
    old: generations.Generation,
    new: generations.Generation,
    known: int,
    key: tuple[str, str, str, str],
    axis: Axis,
) -> dict[tuple[str, str | None, str, str], tuple[Any, Any]]:
    view, basis, clock, by = key
    found: dict[tuple[str, str | None, str, str], list[Any]] = {}
    for side, generation in enumerate((old, new)):
        for label, query in _questions(view, basis, clock, by, known, generation, axis):
            measures = reports.checked(query).measures
            if clock == SINCE:
                measures = tuple(read_variously(view, axis, [old.policies, new.policies]))
            ratios = reports.checked(query).ratios
            for row in reports.run(house.connection, query).rows:
                for measure in measures:
                    group, currency = row[by] if by else None, str(row["currency"])
                    empty: Any = None if measure in ratios else format_minor(0, currency)
                    place = label or str(row["month"]), group, currency, measure
                    found.setdefault(place, [empty, empty])[side] = row[measure]
    return {place: (pair[0], pair[1]) for place, pair in found.items() if pair[0] != pair[1]}


def _questions(
    view: str, basis: str, clock: str, by: str, known: int, generation: generations.Generation, axis: Axis
) -> Iterator[tuple[str, Query]]:
    """Questions with the window that each is about; months at once where a report has them, then without."""
    groups = (by,) if by else ()
    windows = list(enumerate(axis.windows))
    if clock == NOW and view != "arr":
        months, windows = axis.windows[1:-1], [windows[0], windows[-1]]
        spanning = Window("", months[0].start, months[-1].end)
        query = query_of(
            view, spanning, known, generation.id, generation.policies, False, by=("month", *groups)
        )
        yield "", query._replace(basis=basis, limit=MAX_ROWS)
    for number, window in windows:
        upto = known if axis.known is None else int(axis.known[number])
        query = query_of(view, window, upto, generation.id, generation.policies, clock != NOW, by=groups)
        yield window.label, query._replace(basis=basis, limit=MAX_ROWS)


def stands(
    house: House, generation: generations.Generation, days: Iterable[str]
) -> dict[tuple[str, ...], str]:
    """What stands in a generation, by SQL: (view, day, what, measure, currency) -> text."""
    found: dict[tuple[str, ...], str] = {}
    known = house.head()
    for day in days:
        question = bridge.Query(date.fromisoformat(day), known, generation, ("currency",))
        for total in bridge.run(house.connection, question).totals:
            for figure in bridge.FIGURES:
                found["bridge", day, figure, "amount", total["currency"]] = total[figure]
            for row in total["rows"]:
                what = f"{row['step']}.{row['reason']}"
                found["bridge", day, what, "amount", total["currency"]] = row["amount"]
    today = TODAY.isoformat()
    for one in exceptions(house.connection, Query_(TODAY, known, generation, statuses=STATUSES)):
        key = "exceptions", today, one.found.code, "count", ""
        found[key] = str(int(found.get(key, "0")) + 1)
        found["one", one.id] = f"{one.deal} {one.found.amount} {one.found.since} {one.found.detail}"
        if one.found.amount is not None:
            key = "exceptions", today, one.found.code, "minor", one.found.currency
            found[key] = str(int(found.get(key, "0")) + one.found.amount)
    for stage in latency.run(house.connection, latency.Query(None, TODAY, known, generation)):
        for name in ("measured", "p50", "p90", "p99", "waiting"):
            value = getattr(stage, name)
            if value is not None:
                found["latency", today, stage.stage, "count" if name == "measured" else name, ""] = str(value)
    return found
