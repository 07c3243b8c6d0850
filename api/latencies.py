"""Latency as an answer: parameters, what it is pinned to, CSV. For HTTP and the command line alike.

Does not belong here: stages and how they are measured (projections/latency).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection

from api import reading, sheets
from api.parameters import (
    DEFAULT_TIMEOUT,
    FORMAT,
    GENERATION,
    KNOWN,
    WAITING,
    Known,
    Parameter,
    ParameterRefused,
    Values,
)
from api.reporting import one_moment
from domain.instants import format_instant
from projections import latency
from projections.dimensions import GROUPS
from projections.latency import Query, Stage

#: What stages can be filtered by: they have no currency.
FILTERS: Final = tuple(name for name in GROUPS if name != "currency")
LATENCY: Final[dict[str, Parameter]] = {
    "from": Parameter(
        "First day on which a stage ended. Default: the beginning.", {"type": "string", "format": "date"}
    ),
    "to": Parameter(
        "Last day on which a stage ended; waiting is measured at its end. Default: today (UTC).",
        {"type": "string", "format": "date"},
    ),
    **KNOWN,
    **GENERATION,
    **{
        name: Parameter(f"Only this {name}; empty for those that have none.", {"type": "string"})
        for name in FILTERS
    },
    **WAITING,
    "format": FORMAT,
}
COLUMNS: Final = (
    "stage", "count", "p50", "p90", "p99", "waiting", "oldest_waiting", "oldest_since", "oldest_deal",
)  # fmt: skip


class Asked(NamedTuple):
    """Latency asked for."""

    start: date | None
    end: date
    known: Known
    filters: dict[str, str]
    at_least: int | None
    timeout: float
    format: str | None
    generation: int | None = None


def asked(sent: Iterable[tuple[str, str]], today: date) -> Asked:
    """What parameters ask for. Raises ParameterRefused."""
    values = Values(sent, LATENCY)
    start, end = values.day("from"), values.day("to")
    end = end or max(today, start or today)
    if start is not None and start > end:
        raise ParameterRefused("from lies after to")
    filters = {name: values.text(name) for name in FILTERS}
    return Asked(
        start,
        end,
        values.known(),
        {name: value for name, value in filters.items() if value is not None},
        values.whole("at_least"),
        values.seconds("timeout", DEFAULT_TIMEOUT),
        values.one_of("format", ("json", "csv")),
        values.whole("generation"),
    )


def answer(
    connection: Connection[Any], wanted: Asked, memory: latency.InMemory | None = None
) -> dict[str, Any]:
    """One row a stage; durations in whole seconds. memory: where the journal may be in memory.

    Raises NoGeneration, GenerationGone, NotYetProjected, DealUnknown.
    """
    with one_moment(connection):
        generation = reading.generation(connection, wanted.generation)
        known = reading.known_position(connection, wanted.known, generation)
        query = Query(wanted.start, wanted.end, known, generation, wanted.filters)
        stages = latency.run(connection, query, memory)
        return {
            "view": "latency",
            "from": None if wanted.start is None else wanted.start.isoformat(),
            "to": wanted.end.isoformat(),
            "known": {"position": known, "time": reading.recorded_at(connection, known)},
            "basis": "restated",
            "generation": generation.id,
            "policies": generation.policies.stamps,
            "unit": "seconds",
            "rows": [_row(stage) for stage in stages],
            "totals": [],
            "next": None,
        }


def _row(stage: Stage) -> dict[str, Any]:
    row = dict(zip(COLUMNS, stage, strict=True))
    if stage.oldest_since is not None:
        row["oldest_since"] = format_instant(stage.oldest_since)
    return row


def as_csv(told: dict[str, Any]) -> str:
    """The stages as CSV (RFC 4180)."""
    return sheets.as_csv(COLUMNS, told["rows"])
