"""What postings come to on two sides, taken from each other: the cells that a restatement is made of.

A side is a question as known by a position in a generation. Belongs here: the statement over both sides, and
the causes' positions. Does not belong here: the rows of the reports (projections/restatement), what kind of
cause a milestone is (projections/causes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from psycopg import Connection, sql

from domain import milestones as m
from projections import notices, queries
from projections.measures import View, derive
from projections.questions import DEAL_DIMENSIONS, PERIODS, Query, ReportRefused, checked, views, windows
from projections.statements import bound, explain_statement, parts_of

#: Cells that one difference may be made of.
MAX_CELLS: Final = 200_000

Minor = dict[str, int]


class Cell(NamedTuple):
    """What changed in one group and currency by one cause and deal.

    position: the milestone that brought it about, None for what two generations post otherwise. own: whether
    it is in that milestone's own postings. row: n, by_<group>, currency. change: minor units by measure.
    """

    position: int | None
    own: bool
    deal: int
    row: dict[str, Any]
    change: Minor


def additive(view: View) -> tuple[str, ...]:
    """The measures of a view that are sums over postings, in order."""
    return tuple(name for name in view.measures if name in view.summed or name in view.derived)


def changes(connection: Connection[Any], was: Query, now: Query) -> Iterator[Cell]:
    """All that turns the sums of one question into those of the other. Raises ReportRefused for too much."""
    if (was.generation, was.policies) != (now.generation, now.policies):
        then = now._replace(known=was.known)
        if views(was) == views(then):
            yield from _cells(connection, then, was)
        else:  # read otherwise too: each side by its own measures
            yield from (_taken_away(cell) for cell in _cells(connection, was))
            yield from _cells(connection, then)
    if was.known < now.known:
        yield from _regrouped(connection, now._replace(known=was.known), now)
        yield from _cells(connection, now._replace(after=was.known), by_position=True)


def _taken_away(cell: Cell) -> Cell:
    return cell._replace(change={name: -value for name, value in cell.change.items()})


def _regrouped(connection: Connection[Any], was: Query, now: Query) -> Iterator[Cell]:
    """What was known before and stands in another group now, with the milestone that moved its deal."""
    asked = (*now.by, *now.filters)
    dimensions = [name for name in asked if name in DEAL_DIMENSIONS]
    if not (dimensions or "deal" in asked or now.basis == "as_reported"):
        return
    span = {"after": was.known, "known": now.known, "dimensions": dimensions}
    moved = dict(connection.execute(queries.statement("regrouped", now.generation), span).fetchall())
    wide = _ledger_wide(connection, was, now)
    everywhere = wide is not None or "deal" in now.filters
    if not moved and not everywhere:
        return
    deals = None if everywhere else sorted(moved)
    # of a deal that nothing was said of: what was said of all, or of those that it was told apart from
    other = wide or max(moved.values(), default=None)
    for cell in _cells(connection, now, was, upto=was.known, deals=deals):
        yield cell._replace(position=moved.get(cell.deal, other))


def _ledger_wide(connection: Connection[Any], was: Query, now: Query) -> int | None:
    """The last milestone in between that may move postings of any deal to another group or day."""
    kinds: list[type[m.Milestone]] = []
    if "customer" in (*now.by, *now.filters):
        kinds.append(m.CustomerMerged)
    if now.basis == "as_reported":
        kinds += [m.PeriodClosed, m.PeriodReopened]
    said = notices.history(connection, now.generation, now.known, kinds) if kinds else []
    return max((one.position for one in said if one.position > was.known), default=None)


def _cells(
    connection: Connection[Any],
    now: Query,
    was: Query | None = None,
    *,
    by_position: bool = False,
    upto: int | None = None,
    deals: list[int] | None = None,
) -> Iterator[Cell]:
    """What a question comes to, by deal and group, less what another one does.

    by_position: by the milestone that brought it about as well. upto: only postings up to this position count
    on both sides. deals: only these.
    """
    bounds = {"upto": upto, "deals": deals}
    text, values = _side(connection, now, "now_", bounds, by_position=by_position)
    other = ""
    if was is not None:
        inner, more = _side(connection, was, "was_", bounds, by_position=by_position)
        other, values = f"UNION ALL SELECT -1, was.* FROM ({inner}) was", values | more
    statement = queries.text("restated").replace("{groups}", _columns(now))
    statement = statement.replace("{now}", text).replace("{was}", other)
    cursor = connection.cursor()
    cursor.execute(sql.SQL(statement), {**values, "limit": MAX_CELLS + 1})
    columns = [column.name for column in cursor.description or ()]
    rows = cursor.fetchall()
    if len(rows) > MAX_CELLS:
        raise ReportRefused(
            f"more than {MAX_CELLS:,} changes between the two moments: bring them closer together, filter by"
            " deal or customer, or ask for a shorter span"
        )
    read = views(now)
    for values_ in rows:
        row = dict(zip(columns, values_, strict=True))
        yield Cell(row["recorded"], row["own"], row["of_deal"], row, _measured(read[row["n"]], row))


def _grouped(query: Query) -> list[str]:
    """The groups that are columns: all but periods, which are windows, and the currency."""
    return [name for name in query.by if name not in PERIODS and name != "currency"]


def _columns(query: Query) -> str:
    return "".join(f", by_{name}" for name in _grouped(query))


def _side(
    connection: Connection[Any], query: Query, prefix: str, bounds: dict[str, Any], *, by_position: bool
) -> tuple[str, dict[str, Any]]:
    """The statement of one side, with all its values named by a prefix, and those values."""
    view = checked(query)
    parts = parts_of(connection, view, query)
    values = {**bound(view, query, parts, windows(query)), **bounds, "limit": None, "offset": 0}
    if bounds["upto"] is not None:
        parts.filters.append("AND p.position <= %(upto)s")
    if bounds["deals"] is not None:
        parts.filters.append("AND p.deal = ANY(%(deals)s::bigint[])")
    groups = "".join(f", {parts.columns[name]} AS by_{name}" for name in _grouped(query))
    postings = explain_statement(view, query, parts, f", w.n{groups}")
    text = queries.text("restated_side")
    for name, value in {
        "groups": _columns(query),
        "recorded": "position" if by_position else "NULL::bigint",
        "own": "(fact = position)" if by_position else "false::boolean",
        # as reported, a deal that is gone may hold something yet, and reports show that under no name
        "postings": postings if query.basis == "as_reported" else _with_kept_groups(postings, query),
    }.items():
        text = text.replace("{" + name + "}", value)
    named = re.sub(r"%\((\w+)\)s", rf"%({prefix}\1)s", text)
    return named, {f"{prefix}{name}": value for name, value in values.items()}


def _with_kept_groups(text: str, query: Query) -> str:
    """The statement with names and dimensions that deals keep when they become part of others."""
    generation = f"g{int(query.generation)}"
    for table, kept in (("deal_name", "kept_name"), ("deal_dimension", "kept_dimension")):
        text = re.sub(rf"\b{table}_{generation}\b", kept, text)
    comment, begins, rest = text.partition("WITH ")
    assert begins, "explain.sql begins with CTEs"
    return f"{comment}WITH {queries.text('kept_groups').replace('{generation}', generation)}{rest}"


def _measured(view: View, row: dict[str, Any]) -> Minor:
    """What a cell adds to each additive measure, minor units; zeros left out."""
    minor: Minor = {}
    for index, measure in enumerate(view.base):
        counts = measure.counts(row["debit"], row["credit"])
        if measure.when in ("bucket", "class") and row["bucket"] != index:
            counts = 0
        minor[measure.name] = counts * _counted(measure.when, row)
    derive(view, minor)
    return {name: minor[name] for name in additive(view) if minor[name]}


def _counted(when: str, row: dict[str, Any]) -> int:
    if when == "beyond":
        return int(row["vb"])
    if when in ("span", "class"):
        return int(row["vd"])
    return int(row["ve"]) - (int(row["vd"]) if when == "before" else 0)
