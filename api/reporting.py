"""A question answered: what was known, the rows, the totals, the links. For HTTP and the command line alike.

Belongs here: pinning an answer to a position and a generation, pages, links to what explains a row. Does not
belong here: parameters (api/parameters.py), what a measure is (projections).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import Connection

from api import cursors, days, reading, sheets
from api.freshness import NotYetProjected
from api.parameters import Question
from domain.policies import DEFAULT_POLICIES, Policies
from projections import generations, queries, reports, side
from projections.explain import explain
from projections.generations import Generation
from projections.reports import PERIODS, Query

_LIVE_MOMENT: Final = queries.statement("live_moment")
#: Milliseconds that one question may take the database.
MOST_MILLISECONDS: Final = 60_000


@contextmanager
def one_moment(connection: Connection[Any]) -> Iterator[Connection[Any]]:
    """A read-only transaction in which everything is seen as of one moment."""
    with connection.transaction():
        days.read_all(connection)
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
        try:
            yield connection
        except psycopg.errors.UndefinedTable as error:
            raise reading.GenerationGone(
                "its generation was dropped meanwhile: ask again without cursor"
            ) from error


def _pinned(connection: Connection[Any], question: Question) -> tuple[Generation, int, int]:
    """The generation that answers, the position that is known, and the rows before the page."""
    if question.cursor is not None:
        cursor = cursors.read(question.cursor, question.identity())
        return reading.generation_of(connection, cursor), cursor.known, cursor.offset
    found = reading.generation(connection, question.generation)
    return found, reading.known_position(connection, question.known, found), 0


def under(
    connection: Connection[Any], policies: tuple[str, ...], live: Generation, known: int
) -> list[Generation]:
    """The generations to read under the policies asked for; all of them have what is known.

    Raises ReportRefused for a policy that is not known, NotYetProjected where its books are not there yet.
    """
    if not policies:
        return [live]
    try:
        found = [side.under(connection, live, known, stamp) for stamp in policies]
    except side.NotYetPrepared as error:
        raise NotYetProjected(str(error)) from error
    least = min(generation.position for generation in found)
    if least < known:
        raise NotYetProjected(
            f"the books under another policy are being prepared, and stand at {least} of {known}: ask again"
            f" in a while, or with known_position={least}"
        )
    return found


def _query(question: Question, known: int, generation: int, policies: Policies = DEFAULT_POLICIES) -> Query:
    return Query(
        question.view,
        question.start,
        question.end,
        known,
        generation,
        by=question.by,
        filters=question.filters,
        limit=question.limit,
        basis=question.basis,
        policies=policies,
        convert=question.convert,
    )


def _head(question: Question, known: int, time: str | None, read: list[Generation]) -> dict[str, Any]:
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
        "known": {"position": known, "time": time},
        "basis": question.basis,
        "generation": read[0].id,
        "policies": list(dict.fromkeys(stamp for one in read for stamp in one.policies.stamps)),
    }


def report(
    connection: Connection[Any],
    question: Question,
    memory: reports.InMemory | None = None,
    noted: Callable[[Generation, list[Generation]], None] | None = None,
) -> dict[str, Any]:
    """The answer to a report's question (contract.md section 4), with an `explain` link in every row.

    memory: where the journal may be in memory. noted: told the generation that the answer is pinned to, and
    those that it is read from; not with memory.
    Raises ReportRefused, NoGeneration, GenerationGone, NotYetProjected, CursorRefused.
    """
    reports.checked(_query(question, 0, 0))
    quick = None if memory is None else _from_memory(connection, question, memory)
    if quick is not None:
        return quick
    with one_moment(connection):
        pinned, known, offset = _pinned(connection, question)
        read = under(connection, question.policies, pinned, known)
        if noted is not None:
            noted(pinned, read)
        rows: list[dict[str, Any]] = []
        totals: list[dict[str, Any]] = []
        unrated: list[dict[str, Any]] = []
        more = False
        # One policy after the other: of all but the only one, everything up to the page has to be counted.
        alone = len(read) == 1
        for number, generation in enumerate(read):
            query = _query(question, known, generation.id, generation.policies)
            before = 0 if alone else offset
            paged = query._replace(offset=offset - before, limit=before + question.limit)
            found = reports.run(connection, paged, memory)
            label = {"policy": question.policies[number]} if question.policies else {}
            links = _explain_links(question, query, found.rows, label)
            rows += [{**label, **row, "explain": link} for row, link in zip(found.rows, links, strict=True)]
            totals += [{**label, **row} for row in found.totals]
            unrated += [{**label, **row} for row in found.unrated]
            more = more or found.more
        if not alone:
            more = more or len(rows) > offset + question.limit
            rows = rows[offset : offset + question.limit]
        cursor = cursors.Cursor(known, pinned.id, offset + question.limit)
        return {
            **_head(question, known, reading.recorded_at(connection, known), read),
            "rows": rows,
            "totals": totals,
            **({} if question.convert is None else {"unrated": unrated}),
            "next": cursors.write(cursor, question.identity()) if more else None,
        }


class _Declined(LookupError):
    """Memory does not hold the answer."""


class _MemoryAlone:
    """Memory that says so where it does not hold an answer, so that the database is asked in one moment."""

    def __init__(self, memory: reports.InMemory) -> None:
        self._memory = memory

    def answer(self, connection: Connection[Any], query: Query) -> reports.Report:
        """As projections/reports.InMemory says. Raises _Declined."""
        found = self._memory.answer(connection, query)
        if found is None:
            raise _Declined
        return found


def _from_memory(
    connection: Connection[Any], question: Question, memory: reports.InMemory
) -> dict[str, Any] | None:
    """The first page of a report of the live generation from memory; None where it is to be read otherwise.

    The database is asked one thing alone: what is live now. What is known by a position that it has taken in
    never changes, so there is nothing that a transaction would have to hold still.
    """
    if question.cursor or question.policies or question.generation is not None or question.convert:
        return None
    days.read_all(connection)
    known = question.known.position
    if question.known.instant is not None:
        known = reading.log_position(connection, question.known)
    row = connection.execute(_LIVE_MOMENT, {"known": known}, prepare=True).fetchone()
    if row is None:
        return None
    live, recorded_at = generations.made(row), row[5]
    known = live.position if known is None else known
    if known > live.position or (known and recorded_at is None):
        return None
    query = _query(question, known, live.id, live.policies)
    try:
        found = reports.run(connection, query, _MemoryAlone(memory))
    except (_Declined, psycopg.errors.UndefinedTable):
        return None
    links = _explain_links(question, query, found.rows, {})
    cursor = cursors.Cursor(known, live.id, question.limit)
    return {
        **_head(question, known, None if recorded_at is None else reading.text_of(recorded_at), [live]),
        "rows": [{**row, "explain": link} for row, link in zip(found.rows, links, strict=True)],
        "totals": found.totals,
        "next": cursors.write(cursor, question.identity()) if found.more else None,
    }


def _explain_links(
    question: Question, query: Query, rows: Sequence[Mapping[str, str | None]], label: dict[str, str]
) -> list[str]:
    """Where the postings of each row are: the same question with the row's group values as filters."""
    period = next((name for name in query.by if name in PERIODS), None)
    groups = [name for name in query.by if name not in PERIODS]
    spans = {span.label: span for span in reports.windows(query)}
    # parameters in order: text where all rows have the same, None where each has its own
    asked: dict[str, str | None] = {}
    if question.is_at:
        asked["at"] = question.end.isoformat()
    else:
        if query.start is not None:
            asked["from"] = None
        asked["to"] = None
    asked |= {"known_position": str(query.known), "generation": str(query.generation)}
    if question.basis != "restated":
        asked["basis"] = question.basis
    asked |= label
    asked |= query.filters
    asked |= dict.fromkeys([*groups, "currency"])
    if query.convert is not None:
        day = "" if query.convert.on is None else f":{query.convert.on}"
        asked |= {"currency": query.convert.into, "rate": f"{query.convert.rate}{day}", "shown": None}
    # nothing that was quoted has a brace
    link = f"/v1/reports/{quote(query.view)}/explain?" + "&".join(
        f"{name}={{}}" if value is None else f"{name}={quote_plus(value)}" for name, value in asked.items()
    )
    own = [name for name, value in asked.items() if value is None]
    columns = []
    for name in own:
        if name in ("from", "to"):
            days_ = {text: span.start if name == "from" else span.end for text, span in spans.items()}
            columns.append([str(days_[(row[period] or "") if period else ""]) for row in rows])
        else:
            of = "currency" if name == "shown" else name
            quoted = {value: quote_plus(value or "") for value in {row[of] for row in rows}}
            columns.append([quoted[row[of]] for row in rows])
    return [link.format(*values) for values in zip(*columns, strict=True)] if own else [link] * len(rows)


def read_under(
    connection: Connection[Any], asked: tuple[str, ...], found: Generation, known: int
) -> Generation:
    """The generation of a row, read under the policy that the row was given under."""
    if not asked:
        return found
    live = reading.generation(connection, None)
    policies = side.named(connection, live, known, asked[0])
    if policies.posting_settings() != found.policies.posting_settings():
        raise reading.GenerationGone("policies have been adopted since: ask the report again")
    return found._replace(policies=policies)


def explained(
    connection: Connection[Any], question: Question, memory: reports.InMemory | None = None
) -> dict[str, Any]:
    """The postings behind a row, which add up to it exactly; each with links to its fact and its source.

    memory: where the journal may be in memory.
    Raises what `report` raises.
    """
    reports.checked(_query(question, 0, 0))
    with one_moment(connection):
        generation, known, offset = _pinned(connection, question)
        generation = read_under(connection, question.policies, generation, known)
        query = _query(question, known, generation.id, generation.policies)
        found = explain(connection, query._replace(offset=offset))
        # the sums of all pages, not of this one
        sums = reports.run(connection, query._replace(by=()), memory).totals
        more = cursors.Cursor(known, generation.id, offset + question.limit)
        return {
            **_head(question, known, reading.recorded_at(connection, known), [generation]),
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
    policy = ["policy"] if question.policies else []
    dimensions = [name for name in question.by if name != "currency"]
    return [*policy, *dimensions, "currency", *measures(question)]


def measures(question: Question) -> tuple[str, ...]:
    """The measures of a report's rows, in order."""
    return reports.checked(_query(question, 0, 0)).measures


def as_csv(question: Question, answer: dict[str, Any]) -> str:
    """The rows as CSV (RFC 4180), the link to each row's explanation in the last column."""
    return sheets.as_csv([*columns(question), "explain"], answer["rows"])
