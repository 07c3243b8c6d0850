"""The bridge as an answer: parameters, what it is pinned to, links, CSV. For HTTP and the command line alike.

Does not belong here: figures and reasons (projections/bridge, projections/reasons).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from psycopg import Connection

from api import cursors, reading, sheets
from api.parameters import (
    CURRENCY,
    DEFAULT_LIMIT,
    DEFAULT_TIMEOUT,
    FORMAT,
    GENERATION,
    KNOWN,
    MAX_LIMIT,
    OF_ROW,
    POLICIES,
    WAITING,
    Known,
    Parameter,
    ParameterRefused,
    Values,
    conversion,
    currency_filter,
    policies_of,
)
from api.reporting import one_moment, read_under, under
from projections import bridge, bridge_explained
from projections.bridge import REASONS, STEPS, Query
from projections.dimensions import GROUPS
from projections.generations import Generation
from projections.questions import Conversion

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
    **CURRENCY,
    **POLICIES,
    **GENERATION,
    "limit": Parameter(
        f"Groups a page, each with all its rows; default {DEFAULT_LIMIT}.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    "cursor": Parameter("`next` of the page before; every other parameter stays the same.", _TEXT),
    **WAITING,
    "format": FORMAT,
}
#: Of the bridge, what the explanation of a row takes as well.
_NOT_EXPLAINED: Final = {"by", "format", "policy", "generation"}
EXPLAIN: Final[dict[str, Parameter]] = {
    "step": Parameter("The row's step.", {"enum": list(STEPS)}),
    "reason": Parameter(
        "The row's reason.", {"enum": sorted({reason for found in REASONS.values() for reason in found})}
    ),
    "generation": Parameter("The generation that the row was given from.", {"type": "integer", "minimum": 0}),
    **{name: parameter for name, parameter in BRIDGE.items() if name not in _NOT_EXPLAINED},
    **OF_ROW,
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
    convert: Conversion | None = None
    policies: tuple[str, ...] = ()

    def identity(self) -> list[object]:
        """What must be the same from one page to the next."""
        filters = sorted(self.filters.items())
        told = [
            self.limit, self.step, self.reason, self.basis, self.convert, self.policies, self.generation,
        ]  # fmt: skip
        return ["bridge", *self[:3], filters, *told]


def asked(sent: Iterable[tuple[str, str]], today: date, *, explain: bool = False) -> Asked:
    """The bridge, or with `explain` the row of one, that parameters ask for. Raises ParameterRefused."""
    values = Values(sent, EXPLAIN if explain else BRIDGE)
    if explain and not ("step" in values and "reason" in values):
        raise ParameterRefused("give the step and reason of a row", STEPS)
    filters = {name: values.text(name) for name in GROUPS} | {"currency": currency_filter(values)}
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
        conversion(values),
        policies_of(values),
    )


def _pinned(connection: Connection[Any], wanted: Asked) -> Query:
    """The question with the position that is known and the generation that answers."""
    if wanted.cursor is None:
        generation = reading.generation(connection, wanted.generation)
        known, offset = reading.known_position(connection, wanted.known, generation), 0
    else:
        cursor = cursors.read(wanted.cursor, wanted.identity())
        generation = reading.generation_of(connection, cursor)
        known, offset = cursor.known, cursor.offset
    return Query(
        wanted.at, known, generation, wanted.by, wanted.filters, wanted.limit, offset, wanted.basis,
        wanted.convert,
    )  # fmt: skip


def _head(connection: Connection[Any], query: Query, read: list[Generation]) -> dict[str, Any]:
    return {
        "view": "bridge",
        "at": query.at.isoformat(),
        "known": {"position": query.known, "time": reading.recorded_at(connection, query.known)},
        "basis": query.basis,
        "generation": read[0].id,
        "policies": list(dict.fromkeys(stamp for one in read for stamp in one.policies.stamps)),
    }


def _next(query: Query, wanted: Asked, *, more: bool) -> str | None:
    if not more:
        return None
    cursor = cursors.Cursor(query.known, query.generation.id, query.offset + query.limit)
    return cursors.write(cursor, wanted.identity())


def answer(
    connection: Connection[Any], wanted: Asked, memory: bridge.InMemory | None = None
) -> dict[str, Any]:
    """Figures and rows of one page with totals per currency; every row with its `explain`.

    memory: where the journal may be in memory.
    Raises ReportRefused, NoGeneration, GenerationGone, NotYetProjected, CursorRefused.
    """
    with one_moment(connection):
        query = _pinned(connection, wanted)
        read = under(connection, wanted.policies, query.generation, query.known)
        lists: dict[str, list[dict[str, Any]]] = {"rows": [], "figures": [], "totals": [], "unrated": []}
        # One policy after the other; skip, room: groups before the page, and left on it.
        skip, room, size = query.offset, query.limit, 0
        for number, generation in enumerate(read):
            asked_ = query._replace(generation=generation)
            found = bridge.run(connection, asked_._replace(offset=skip, limit=room), memory)
            label = {"policy": wanted.policies[number]} if wanted.policies else {}
            lists["rows"] += [{**label, **row, "explain": _explain(asked_, row, label)} for row in found.rows]
            for name in ("figures", "totals", "unrated"):
                lists[name] += [{**label, **one} for one in getattr(found, name)]
            room -= min(room, max(0, found.size - skip))
            skip = max(0, skip - found.size)
            size += found.size
        if query.convert is None:
            del lists["unrated"]
        more = size > query.offset + query.limit
        return {**_head(connection, query, read), **lists, "next": _next(query, wanted, more=more)}


def _explain(query: Query, row: dict[str, str | None], label: dict[str, str]) -> str:
    """Where the items and postings of a row are, pinned to what it was given from."""
    question = {
        "at": query.at.isoformat(),
        "known_position": str(query.known),
        "generation": str(query.generation.id),
        **({} if query.basis == "restated" else {"basis": query.basis}),
        **label,
        **query.filters,
        **{name: row[name] or "" for name in (*query.by, "currency", "step", "reason")},
    }
    if query.convert is not None:
        day = "" if query.convert.on is None else f":{query.convert.on}"
        question |= {
            "currency": query.convert.into,
            "rate": f"{query.convert.rate}{day}",
            "shown": row["currency"] or "",
        }
    return f"/v1/reports/bridge/explain?{urlencode(question)}"


def explained(connection: Connection[Any], wanted: Asked) -> dict[str, Any]:
    """The items that a row is a part of, and the postings behind them, each with its fact and its source.

    Raises what `answer` raises.
    """
    with one_moment(connection):
        query = _pinned(connection, wanted)
        generation = read_under(connection, wanted.policies, query.generation, query.known)
        query = query._replace(generation=generation)
        found = bridge_explained.explain(connection, query, wanted.step, wanted.reason)
        return {
            **_head(connection, query, [generation]),
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
    asked_ = f"known_position={query.known}&generation={query.generation.id}"
    return {**item, "timeline": f"/v1/deals/{key}/timeline?{asked_}"}


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
    policy = ["policy"] if wanted.policies else []
    names = [*policy, *groups, "currency", "step", "reason", "amount", "explain"]
    return sheets.as_csv(names, told["rows"])
