"""A question answered: what was known, the rows, the totals, the links. For HTTP and the command line alike.

Belongs here: pinning an answer to a position and a generation, pages, links to what explains a row. Does not
belong here: parameters (api/parameters.py), what a measure is (projections).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg
from psycopg import Connection

from api import cursors, reading
from api.parameters import Question
from projections import generations, reports
from projections.explain import explain
from projections.measures import VIEWS
from projections.policies import DEFAULT_POLICY
from projections.reports import PERIODS, Query, Window

#: Milliseconds that one question may take the database.
MOST_MILLISECONDS: Final = 60_000


@contextmanager
def one_moment(connection: Connection[Any]) -> Iterator[Connection[Any]]:
    """A read-only transaction in which everything is seen as of one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
        try:
            yield connection
        except psycopg.errors.UndefinedTable as error:
            raise reading.GenerationGone(
                "its generation was dropped meanwhile: ask again without cursor"
            ) from error


def _pinned(connection: Connection[Any], question: Question) -> tuple[generations.Generation, int, int]:
    """The generation that answers, the position that is known, and the rows before the page."""
    if question.cursor is not None:
        cursor = cursors.read(question.cursor, question.identity())
        return reading.generation(connection, cursor.generation), cursor.known, cursor.offset
    found = reading.generation(connection, question.generation)
    return found, reading.known_position(connection, question.known, found), 0


def _query(question: Question, known: int, generation: int, offset: int) -> Query:
    return Query(
        question.view,
        question.start,
        question.end,
        known,
        generation,
        by=question.by,
        filters=question.filters,
        limit=question.limit,
        offset=offset,
    )


def _head(question: Question, connection: Connection[Any], known: int, generation: int) -> dict[str, Any]:
    span = (
        {"at": question.end.isoformat()}
        if question.is_at
        else {
            "from": None if question.start is None else question.start.isoformat(),
            "to": question.end.isoformat(),
        }
    )
    return {
        "view": question.view,
        **span,
        "known": {"position": known, "time": reading.recorded_at(connection, known)},
        "basis": "restated",
        "generation": generation,
        "policies": [DEFAULT_POLICY],
    }


def report(connection: Connection[Any], question: Question) -> dict[str, Any]:
    """The answer to a report's question (contract.md section 4), with an `explain` link in every row.

    Raises ReportRefused, NoGeneration, GenerationGone, NotYetProjected, CursorRefused.
    """
    reports.checked(_query(question, 0, 0, 0))
    with one_moment(connection):
        generation, known, offset = _pinned(connection, question)
        query = _query(question, known, generation.id, offset)
        found = reports.run(connection, query)
        spans = {span.label: span for span in reports.windows(query)}
        rows = [{**row, "explain": _explain_link(question, query, spans, row)} for row in found.rows]
        more = cursors.Cursor(known, generation.id, offset + question.limit)
        return {
            **_head(question, connection, known, generation.id),
            "rows": rows,
            "totals": found.totals,
            "next": cursors.write(more, question.identity()) if found.more else None,
        }


def _explain_link(
    question: Question, query: Query, spans: dict[str, Window], row: dict[str, str | None]
) -> str:
    """Where the postings of one row are: the same question with the row's group values as filters."""
    period = next((row[name] for name in query.by if name in PERIODS), None)
    window = spans[period or ""]
    asked: dict[str, str] = {}
    if question.is_at:
        asked["at"] = question.end.isoformat()
    else:
        if window.start is not None:
            asked["from"] = window.start.isoformat()
        asked["to"] = window.end.isoformat()
    asked |= {"known_position": str(query.known), "generation": str(query.generation)}
    asked |= query.filters
    asked |= {name: row[name] or "" for name in query.by if name not in PERIODS}
    asked["currency"] = row["currency"] or ""
    return f"/v1/reports/{quote(query.view)}/explain?{urlencode(asked)}"


def explained(connection: Connection[Any], question: Question) -> dict[str, Any]:
    """The postings behind a row, which add up to it exactly; each with links to its fact and its source.

    Raises what `report` raises.
    """
    reports.checked(_query(question, 0, 0, 0))
    with one_moment(connection):
        generation, known, offset = _pinned(connection, question)
        query = _query(question, known, generation.id, offset)
        found = explain(connection, query)
        # the sums of all pages, not of this one
        sums = reports.run(connection, query._replace(by=(), offset=0)).totals
        more = cursors.Cursor(known, generation.id, offset + question.limit)
        return {
            **_head(question, connection, known, generation.id),
            "filters": question.filters,
            "sums": sums,
            "postings": [_linked(posting) for posting in found.postings],
            "netted": found.netted,
            "next": cursors.write(more, question.identity()) if found.more else None,
        }


def _linked(posting: dict[str, Any]) -> dict[str, Any]:
    """`fact` is the milestone that the posting speaks of, `position` the one that brought it about."""
    return {
        **posting,
        "links": {
            "milestone": f"/v1/milestones/{posting['fact']}",
            "payload": f"/v1/milestones/{posting['fact']}/payload",
            "cause": f"/v1/milestones/{posting['position']}",
        },
    }


def columns(question: Question) -> list[str]:
    """The columns of a report's rows, in order."""
    dimensions = [name for name in question.by if name != "currency"]
    return [*dimensions, "currency", *VIEWS[question.view].measures]


def as_csv(question: Question, answer: dict[str, Any]) -> str:
    """The rows as CSV (RFC 4180), the link to each row's explanation in the last column."""
    names = [*columns(question), "explain"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(answer["rows"])
    return text.getvalue()
