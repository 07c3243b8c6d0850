"""What changed in a report between two moments of knowledge, to the last minor unit, and what changed it.

A figure is a sum of postings in groups. It changes with the postings that became known in between, each at
the position of the milestone that brought it about; with deals that are grouped otherwise since (another
customer, another name); and between generations with what they post otherwise. These three add up to the
difference of the two reports with nothing left over, which is asserted before anything is answered.

Belongs here: the difference and its lines. Does not belong here: the sums behind the lines
(projections/changes), what kind of cause a milestone is (projections/causes), pages and links (api).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Connection

from domain.money import exponent as decimals_of
from domain.money import format_minor, format_scaled, parse_decimal
from projections import answers, queries, reports
from projections.answers import Report, groups_of
from projections.changes import Minor, additive, changes
from projections.measures import View
from projections.questions import MAX_ROWS, Query, ReportRefused, checked, windows

#: Names and values of a row's groups, the currency last.
Group = tuple[tuple[str, str | None], ...]


class Line(NamedTuple):
    """One cause of the change of one row. change: minor units by measure, zeros left out.

    position: the milestone that brought it about, None for what generations post otherwise. own: whether the
    change is in that milestone's own postings, not in what it makes of others. deal: the deal's name.
    """

    position: int | None
    own: bool
    deal: str | None
    group: dict[str, str | None]
    change: Minor


class Row(NamedTuple):
    """A row of the report at both moments, decimal strings by measure; None where a ratio has no value."""

    group: dict[str, str | None]
    before: answers.Row
    after: answers.Row
    change: answers.Row


class Restatement(NamedTuple):
    """Rows and totals that changed, and the lines that add up to them in every additive measure.

    not_additive: measures that lines can't carry (netted per deal, ratios); their change stands in rows only.
    """

    rows: list[Row]
    totals: list[Row]
    lines: list[Line]
    additive: tuple[str, ...]
    not_additive: tuple[str, ...]


def restate(connection: Connection[Any], was: Query, now: Query) -> Restatement:
    """The difference between two questions that differ only in what is known, and in the generation.

    Call in a transaction that sees one moment. Raises ReportRefused where the question can't be put that way,
    or where more changed than can be told at once.
    """
    view = checked(now)
    alike = was._replace(known=now.known, generation=now.generation, policies=now.policies) == now
    assert alike, "one question, asked twice"
    assert was.known <= now.known, "the earlier moment comes first"
    assert now.convert is None, "amounts stay in their own currencies"
    before, after = _report(connection, was), _report(connection, now)
    rows = _changed_rows(view, now, before.rows, after.rows)
    totals = _changed_rows(view, now._replace(by=()), before.totals, after.totals)
    lines = _lines(connection, view, was, now)
    measures = additive(view)
    _assert_complete(measures, rows, lines)
    left_out = tuple(name for name in view.measures if name not in measures)
    return Restatement(rows, totals, lines, measures, left_out)


def _report(connection: Connection[Any], query: Query) -> Report:
    """All rows of a report. Raises ReportRefused for more than may be compared."""
    found = reports.run(connection, query._replace(limit=MAX_ROWS, offset=0))
    if found.more:
        raise ReportRefused(f"more than {MAX_ROWS:,} rows to compare: group by less, or filter")
    return found


def _changed_rows(
    view: View, query: Query, before: Iterable[answers.Row], after: Iterable[answers.Row]
) -> list[Row]:
    names = (*(name for name in query.by if name != "currency"), "currency")
    sides: dict[Group, list[answers.Row]] = {}
    for side, rows in enumerate((before, after)):
        for row in rows:
            # totals of several windows stand by period
            key = tuple((name, row[name]) for name in names if name in row)
            sides.setdefault(key, [{}, {}])[side] = row
    found = []
    for key in sorted(sides, key=_order):
        old, new = (_measures(view, row, dict(key)) for row in sides[key])
        if old != new:
            change = {name: _less(new[name], old[name]) for name in view.measures}
            found.append(Row(dict(key), old, new, change))
    return found


def _order(group: Group) -> list[tuple[bool, str]]:
    return [(value is not None, value or "") for _, value in group]


def _measures(view: View, row: answers.Row, group: dict[str, str | None]) -> answers.Row:
    """The measures of a row; of one that is not there, zeros, and no ratios."""
    if row:
        return {name: row[name] for name in view.measures}
    zero = format_minor(0, str(group["currency"]))
    return {name: None if name in view.ratios else zero for name in view.measures}


def _less(one: str | None, other: str | None) -> str | None:
    """The difference of two decimal texts, exactly; None where one of them has no value."""
    if one is None or other is None:
        return None
    places = max(len(text.partition(".")[2]) for text in (one, other))
    return format_scaled(_scaled(one, places) - _scaled(other, places), places)


def _scaled(text: str, places: int) -> int:
    return parse_decimal(text, places, limit=10**40)


def _lines(connection: Connection[Any], view: View, was: Query, now: Query) -> list[Line]:
    """Every cause of a change, in the order in which they became known; generations before all."""
    spans = windows(now)
    sums: dict[tuple[int | None, bool, int, Group], Minor] = {}
    for cell in changes(connection, was, now):
        group = tuple(groups_of(view, now, spans, cell.row).items())
        minor = sums.setdefault((cell.position, cell.own, cell.deal, group), {})
        for name, value in cell.change.items():
            minor[name] = minor.get(name, 0) + value
    called = _names(connection, now, {deal for _, _, deal, _ in sums})
    found = []
    for key in sorted(sums, key=lambda key: (key[0] or 0, key[2], _order(key[3]), key[1])):
        change = {name: value for name, value in sums[key].items() if value}
        if change:
            position, own, deal, group = key
            found.append(Line(position, own, called.get(deal), dict(group), change))
    return found


def _names(connection: Connection[Any], query: Query, deals: set[int]) -> dict[int, str]:
    rows = connection.execute(
        queries.statement("names_of", query.generation), {"deals": sorted(deals), "known": query.known}
    ).fetchall()
    return dict(rows)


def _assert_complete(measures: tuple[str, ...], rows: list[Row], lines: list[Line]) -> None:
    """Lines add up to the change of every row, in every additive measure."""
    left: dict[Group, Minor] = {}
    for line in lines:
        held = left.setdefault(tuple(line.group.items()), {})
        for name, value in line.change.items():
            held[name] = held.get(name, 0) + value
    for row in rows:
        held = left.setdefault(tuple(row.group.items()), {})
        for name in measures:
            change = row.change[name]
            assert change is not None, "sums always have a value"
            held[name] = held.get(name, 0) - _scaled(change, decimals_of(str(row.group["currency"])))
    over = {key: held for key, held in left.items() if any(held.values())}
    assert not over, f"the lines of a restatement leave a rest: {over}"
