"""The bridge as an answer: parameters, what it is pinned to, links, CSV. For HTTP and the command line alike.

Does not belong here: figures and reasons (projections/bridge, projections/reasons).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from psycopg import Connection

from api import cursors, reading
from api.parameters import (
    DEFAULT_LIMIT,
    DEFAULT_TIMEOUT,
    KNOWN,
    MAX_LIMIT,
    WAITING,
    Known,
    Parameter,
    ParameterRefused,
    Values,
)
from api.reporting import one_moment
from projections import bridge, bridge_explained
from projections.bridge import REASONS, STEPS, Query
from projections.dimensions import GROUPS

_TEXT: Final[dict[str, Any]] = {"type": "string"}
BRIDGE: Final[dict[str, Parameter]] = {
    "at": Parameter("The day of the bridge. Default: today (UTC).", {"type": "string", "format": "date"}),
    **KNOWN,
    "basis": Parameter(
        "`restated`: late facts count on the day that they belong to; `as_reported`: from the first day"
        " that was open when they arrived.",
        {"enum": ["restated", "as_reported"]},
    ),
    "by": Parameter(
        "What to group by, with commas or repeated; default: `deal`. Always by currency, too.",
        {"type": "array", "items": {"enum": list(GROUPS)}},
        repeats=True,
    ),
    **{
        name: Parameter(f"Only this {name}; empty for those that have none.", _TEXT)
        for name in GROUPS
        if name != "currency"
    },
    "currency": Parameter("Only amounts in this currency.", _TEXT),
    "limit": Parameter(
        f"Groups a page, each with all its rows; default {DEFAULT_LIMIT}.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    "cursor": Parameter("`next` of the page before; every other parameter stays the same.", _TEXT),
    **WAITING,
    "format": Parameter("`json` or `csv`; default: as `Accept` says.", {"enum": ["json", "csv"]}),
}
#: Of the bridge, what the explanation of a row takes as well.
_NOT_EXPLAINED: Final = {"by", "format"}
EXPLAIN: Final[dict[str, Parameter]] = {
    "step": Parameter("The row's step.", {"enum": list(STEPS)}),
    "reason": Parameter(
        "The row's reason.", {"enum": sorted({reason for found in REASONS.values() for reason in found})}
    ),
    "generation": Parameter("The generation that the row was given from.", {"type": "integer", "minimum": 0}),
    **{name: parameter for name, parameter in BRIDGE.items() if name not in _NOT_EXPLAINED},
}


class Asked(NamedTuple):
    """A bridge asked for, or with step and reason what explains one of its rows."""

    at: date
    known: Known
    by: tuple[str, ...]
    filters: dict[str, str]
    limit: int
    cursor: str | None
    at_least: int | None
    timeout: float
    format: str | None
    step: str = ""
    reason: str = ""
    generation: int | None = None
    basis: str = "restated"

    def identity(self) -> list[object]:
        """What must be the same from one page to the next."""
        filters = sorted(self.filters.items())
        return ["bridge", *self[:3], filters, self.limit, self.step, self.reason, self.basis]


def asked(sent: Iterable[tuple[str, str]], today: date, *, explain: bool = False) -> Asked:
    """The bridge, or with `explain` the row of one, that parameters ask for. Raises ParameterRefused."""
    values = Values(sent, EXPLAIN if explain else BRIDGE)
    if explain and not ("step" in values and "reason" in values):
        raise ParameterRefused("give the step and reason of a row", STEPS)
    filters = {name: values.text(name) for name in GROUPS}
    return Asked(
        values.day("at") or today,
        values.known(),
        values.words("by") or ("deal",),
        {name: value for name, value in filters.items() if value is not None},
        values.limit(),
        values.text("cursor"),
        values.whole("at_least"),
        values.seconds("timeout", DEFAULT_TIMEOUT),
        values.one_of("format", ("json", "csv")),
        values.text("step") or "",
        values.text("reason") or "",
        values.whole("generation"),
        values.one_of("basis", ("restated", "as_reported")) or "restated",
    )


def _pinned(connection: Connection[Any], wanted: Asked) -> Query:
    """The question with the position that is known and the generation that answers."""
    if wanted.cursor is None:
        generation = reading.generation(connection, wanted.generation)
        known, offset = reading.known_position(connection, wanted.known, generation), 0
    else:
        cursor = cursors.read(wanted.cursor, wanted.identity())
        generation = reading.generation(connection, cursor.generation)
        known, offset = cursor.known, cursor.offset
    return Query(wanted.at, known, generation, wanted.by, wanted.filters, wanted.limit, offset, wanted.basis)


def _head(connection: Connection[Any], query: Query) -> dict[str, Any]:
    return {
        "view": "bridge",
        "at": query.at.isoformat(),
        "known": {"position": query.known, "time": reading.recorded_at(connection, query.known)},
        "basis": query.basis,
        "generation": query.generation.id,
        "policies": query.generation.policies.stamps,
    }


def _next(query: Query, wanted: Asked, *, more: bool) -> str | None:
    if not more:
        return None
    cursor = cursors.Cursor(query.known, query.generation.id, query.offset + query.limit)
    return cursors.write(cursor, wanted.identity())


def answer(connection: Connection[Any], wanted: Asked) -> dict[str, Any]:
    """Figures and rows of one page with totals per currency; every row with its `explain`.

    Raises ReportRefused, NoGeneration, GenerationGone, NotYetProjected, CursorRefused.
    """
    with one_moment(connection):
        query = _pinned(connection, wanted)
        found = bridge.run(connection, query)
        return {
            **_head(connection, query),
            "rows": [{**row, "explain": _explain(query, row)} for row in found.rows],
            "figures": found.figures,
            "totals": found.totals,
            "next": _next(query, wanted, more=found.more),
        }


def _explain(query: Query, row: dict[str, str | None]) -> str:
    """Where the items and postings of a row are, pinned to what it was given from."""
    question = {
        "at": query.at.isoformat(),
        "known_position": str(query.known),
        "generation": str(query.generation.id),
        **({} if query.basis == "restated" else {"basis": query.basis}),
        **query.filters,
        **{name: row[name] or "" for name in (*query.by, "currency", "step", "reason")},
    }
    return f"/v1/reports/bridge/explain?{urlencode(question)}"


def explained(connection: Connection[Any], wanted: Asked) -> dict[str, Any]:
    """The items that a row is a part of, and the postings behind them, each with its fact and its source.

    Raises what `answer` raises.
    """
    with one_moment(connection):
        query = _pinned(connection, wanted)
        found = bridge_explained.explain(connection, query, wanted.step, wanted.reason)
        return {
            **_head(connection, query),
            "filters": wanted.filters,
            "step": wanted.step,
            "reason": wanted.reason,
            "amounts": found.amounts,
            "items": [_followed(query, item) for item in found.items],
            "postings": [_linked(posting) for posting in found.postings],
            "next": _next(query, wanted, more=found.more),
        }


def _followed(query: Query, item: dict[str, Any]) -> dict[str, Any]:
    key = quote(item["deal"] or "", safe=":/")
    return {**item, "timeline": f"/v1/deals/{key}/timeline?known_position={query.known}"}


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


def as_csv(wanted: Asked, told: dict[str, Any]) -> str:
    """The rows of a page as CSV (RFC 4180)."""
    groups = [name for name in wanted.by if name != "currency"]
    names = [*groups, "currency", "step", "reason", "amount", "explain"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(told["rows"])
    return text.getvalue()
