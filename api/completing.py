"""The report of completeness: per source, object and day what is attested, by what, and the watermarks.

For HTTP and the command line alike. Belongs here: parameters, rows, CSV. Does not belong here: what makes a
day complete (projections/completeness).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.postgres.statements import statements
from api import reading
from api.parameters import DEFAULT_TIMEOUT, KNOWN, WAITING, Known, Parameter, ParameterRefused, Values
from api.reconciling import cut, speaks_as
from api.reporting import one_moment
from domain.instants import to_date
from domain.money import format_minor
from projections.completeness import days
from projections.completeness.days import STATUSES, Day, Watermark
from projections.completeness.totals import Compared
from projections.exceptions.asking import Asking

VIEW: Final = "completeness"
COLUMNS: Final = (
    "source", "object", "day", "currency", "status", "count", "amount", "attested_from", "attested_to",
    "ledger_count", "source_count", "ledger_amount", "source_amount", "attested_at", "attested_by", "total",
    "run",
)  # fmt: skip
#: Days that one question may be about, and that it is about where it names none.
MOST_DAYS: Final = 400
DEFAULT_DAYS: Final = 31

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = {"type": "string", "format": "date"}
_TEXT: Final = {"type": "string"}
_SQL: Final = statements("completeness")

COMPLETENESS: Final[dict[str, Parameter]] = {
    "from": Parameter(f"First business day. Default: {DEFAULT_DAYS} days up to `to`.", _DAY),
    "to": Parameter("Last business day. Default: today (UTC).", _DAY),
    "at": Parameter("Only what sources had said by this day. Default: today (UTC).", _DAY),
    **KNOWN,
    "source": Parameter("Only this source: `/role/system/instance`, or `system/instance`.", _TEXT),
    "object": Parameter("Only this kind of object, e.g. `invoice`.", _TEXT),
    "status": Parameter("Only days of this status.", {"enum": list(STATUSES)}),
    **WAITING,
    "format": Parameter("`json` or `csv`; default: as `Accept` says.", {"enum": ["json", "csv"]}),
}


class Asked(NamedTuple):
    """Days asked for. speaks: sources that are meant, empty for all."""

    first: date
    last: date
    at: date
    known: Known = Known()
    speaks: tuple[str, ...] = ()
    object: str | None = None
    status: str | None = None
    at_least: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    format: str | None = None


def asked(sent: Iterable[tuple[str, str]], today: date, speaks: tuple[str, ...] = ()) -> Asked:
    """The days that parameters ask for. Raises ParameterRefused."""
    allowed = {name: one for name, one in COMPLETENESS.items() if not speaks or name != "source"}
    values = Values(sent, allowed)
    last = values.day("to") or max(today, values.day("from") or today)
    first = values.day("from") or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise ParameterRefused("from lies after to")
    if (last - first).days >= MOST_DAYS:
        raise ParameterRefused(f"no more than {MOST_DAYS} days in one request")
    source = values.text("source") if "source" in values else None
    return Asked(
        first,
        last,
        values.day("at") or today,
        values.known(),
        speaks if source is None else (source,),
        values.text("object"),
        values.one_of("status", STATUSES),
        values.whole("at_least"),
        values.seconds("timeout", DEFAULT_TIMEOUT),
        values.one_of("format", ("json", "csv")),
    )


def report(connection: Connection[Any], wanted: Asked) -> dict[str, Any]:
    """The answer. Raises NoGeneration, NotYetProjected."""

    def is_meant(source: str, kind: str) -> bool:
        return (not wanted.speaks or speaks_as(source, wanted.speaks)) and wanted.object in (None, kind)

    with one_moment(connection):
        live = reading.generation(connection, None)
        known = reading.known_position(connection, wanted.known, live)
        asking = Asking(connection, live, wanted.at, known)
        found = days.attested(asking, wanted.first, wanted.last, is_meant)
        runs = _runs(connection, wanted)
        return {
            "view": VIEW,
            "from": wanted.first.isoformat(),
            "to": wanted.last.isoformat(),
            "at": wanted.at.isoformat(),
            "known": {"position": known, "time": reading.recorded_at(connection, known)},
            "generation": live.id,
            "policies": live.policies.stamps,
            "rows": [_row(day, runs) for day in found.days if wanted.status in (None, day.status)],
            "watermarks": [_watermark(one) for one in found.watermarks],
            "counts": dict(days.statuses(found.days)),
        }


def _runs(connection: Connection[Any], wanted: Asked) -> dict[tuple[str, str, date, date], int]:
    """(source, object, first day, last day) -> the latest run of it that touches the days."""
    rows = connection.execute(_SQL["runs"], {"first": wanted.first, "last": wanted.last}).fetchall()
    return {(source, kind, first, last): number for number, source, kind, first, last, *_ in rows}


def _row(day: Day, runs: Mapping[tuple[str, str, date, date], int]) -> dict[str, Any]:
    return {
        "source": day.source,
        "object": day.object,
        "day": day.day.isoformat(),
        "currency": day.currency,
        "status": day.status,
        "count": day.number,
        "amount": _money(day.amount, day.currency),
        **_attestation(day.by, runs),
    }


def _attestation(by: Compared | None, runs: Mapping[tuple[str, str, date, date], int]) -> dict[str, Any]:
    """The total that speaks of a day, of all of its own days; empty where none does."""
    names = COLUMNS[7:]
    if by is None:
        return dict.fromkeys(names)
    span, said = by.total.span, by.total.said
    first, last = to_date(span.first), to_date(span.last)
    values = (
        first.isoformat(),
        last.isoformat(),
        by.ours,
        by.theirs,
        _money(by.our_amount, by.currency),
        _money(by.their_amount, by.currency),
        reading.text_of(_EPOCH + timedelta(microseconds=said.instant)),
        said.attributes.get("actor", span.source),
        f"/v1/milestones/{by.total.position}",
        runs.get((span.source, span.object, first, last)),
    )
    return {
        **dict(zip(names, values, strict=True)),
        "missing": cut(by.missing),
        "unknown_to_source": cut(by.unknown),
    }


def _money(amount: int | None, currency: str | None) -> str | None:
    return None if amount is None or currency is None else format_minor(amount, currency)


def _watermark(one: Watermark) -> dict[str, Any]:
    return {
        "source": one.source,
        "object": one.object,
        "attested_from": one.first.isoformat(),
        "complete_through": None if one.complete_through is None else one.complete_through.isoformat(),
        "attested_through": one.attested_through.isoformat(),
        "broken_totals": one.broken,
    }


def as_csv(answer: Mapping[str, Any]) -> str:
    """The rows as CSV (RFC 4180)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(answer["rows"])
    return text.getvalue()
