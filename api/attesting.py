"""What is recorded of a comparison with a source: control totals in its name, and the run.

Belongs here: the milestones that attest what a source has, the table of runs, what is expected of feeds. Does
not belong here: comparing (api/reconciling.py), the report of what is attested (api/completing.py).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import orjson
import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from adapters.feeds.setup import Feed
from adapters.intake import Intake
from adapters.postgres.statements import statements
from api import reading
from api.parameters import ParameterRefused
from api.reconciling import Kind, Side, Wanted, sums, told
from domain.arrivals import Prepared
from domain.instants import from_date
from domain.money import format_minor
from projections import queries
from projections.completeness import totals
from projections.completeness.objects import Held
from projections.exceptions.asking import Asking

_log: Final = logging.getLogger("cairn.feeds")
#: Ids that a control total states.
MOST_IDS: Final = 10_000

_SQL: Final = statements("completeness")
_BEFORE: Final = re.compile("[-_.]")

Expectation = tuple[list[str], int | None, str | None]
"""Sources that a feed speaks as, seconds until silence is an exception, whose sequence is dense."""


def attest(
    intake: Intake, wanted: Wanted, compared: Mapping[Kind, Side], before: Iterable[totals.Span]
) -> list[int]:
    """Record what the source has as control totals, one a kind and currency: their positions, in order.

    before: spans that totals speak of already; those of the same days are answered with new ones.
    """
    spans = list(before)
    days = from_date(wanted.first), from_date(wanted.last)
    items: list[Prepared] = []
    for (source, kind), side in compared.items():
        currencies: set[str | None] = {*sums(side.theirs), *sums(side.ours)}
        currencies |= {
            span.currency
            for span in spans
            if (span.source, span.object) == (source, kind) and (span.first, span.last) == days
        }
        items += [
            _total(intake, wanted, source, kind, currency, side.theirs)
            for currency in sorted(currencies or {None}, key=lambda one: one or "")
        ]
    outcomes = intake.record(items)
    return [outcome.position or 0 for outcome in outcomes]


def _total(
    intake: Intake, wanted: Wanted, source: str, kind: str, currency: str | None, theirs: Sequence[Held]
) -> Prepared:
    held = [one for one in theirs if currency is None or one.worth.currency == currency]
    told: dict[str, Any] = {
        "object": kind,
        "from": wanted.first.isoformat(),
        "to": wanted.last.isoformat(),
        "count": len(held),
    }
    if currency is not None:
        told |= {
            "currency": currency,
            "amount": format_minor(sum(one.worth.amount or 0 for one in held), currency),
        }
    if held and len(held) <= MOST_IDS:
        told["ids"] = [one.native_id for one in held]
    return total_event(intake, source, told, wanted.told_by)


def total_event(intake: Intake, source: str, told: Mapping[str, Any], told_by: str) -> Prepared:
    """control_total.reported, ready to be recorded. Raises ParameterRefused where it can't be one."""
    event = {
        "specversion": "1.0",
        "id": f"reconciliation-{uuid4()}",
        "source": source,
        "type": "control_total.reported.v1",
        "subject": f"control_total/{told.get('object')}-{told.get('from')}-{told.get('to')}",
        "time": reading.text_of(datetime.now(UTC)),
        "actor": told_by,
        "data": dict(told),
    }
    prepared = intake.prepare_event(orjson.dumps(event), content_type="application/cloudevents+json")
    if prepared.reasons:
        first = prepared.reasons[0]
        raise ParameterRefused(f"{first.pointer or 'the total'}: {first.message or first.code}")
    return prepared


def spans_before(connection: Connection[Any]) -> list[totals.Span]:
    """What the totals that hold now speak of."""
    live = reading.generation(connection, None)
    asking = Asking(connection, live, datetime.now(UTC).date(), live.position)
    return [one.span for one in totals.holding(asking)]


def sources_known(connection: Connection[Any]) -> set[Kind]:
    """The kinds of objects that each source has spoken of."""
    rows = connection.execute(queries.statement("completeness_kinds")).fetchall()
    return {(source, kind) for source, kind in rows}


def keep(
    pool: ConnectionPool[Any],
    wanted: Wanted,
    compared: Mapping[Kind, Side],
    began: datetime,
    last: int | None,
) -> dict[Kind, int]:
    """Write runs down: their numbers. last: position of the last control total recorded for them."""
    return {
        kind: keep_run(pool, wanted, told(*kind, side), began, last, is_complete=side.is_complete)
        for kind, side in compared.items()
    }


def keep_run(
    pool: ConnectionPool[Any],
    wanted: Wanted,
    result: Mapping[str, Any],
    began: datetime,
    total: int | None,
    *,
    is_complete: bool,
) -> int:
    """Write one run down: its number. result: as it is answered, with `source` and `object`."""
    with pool.connection() as connection:
        row = connection.execute(
            _SQL["insert_reconciliation"],
            {
                "source": result["source"],
                "object": result["object"],
                "first": wanted.first,
                "last": wanted.last,
                "told_by": wanted.told_by,
                "outcome": "complete" if is_complete else "broken",
                "result": Jsonb(dict(result)),
                "total": total,
                "began_at": began,
            },
        ).fetchone()
    assert row is not None, "an insert returns its row"
    return int(row[0])


def expect(pool: ConnectionPool[Any], feeds: Mapping[str, Feed]) -> None:
    """Write down what is expected of feeds where it has changed; of a feed that is gone nothing is.

    Where the database can't be used now, it is written when a server starts next.
    """
    try:
        with pool.connection() as connection, connection.transaction():
            _note_expectations(connection, {name: _expectation(feed) for name, feed in feeds.items()})
    except (psycopg.Error, PoolTimeout) as error:
        _log.warning("what is expected of feeds could not be noted (%s)", type(error).__name__)


def _note_expectations(connection: Connection[Any], wanted: dict[str, Expectation]) -> None:
    rows = connection.execute(_SQL["expectations"]).fetchall()
    before: dict[str, Expectation] = {row[0]: (list(row[1]), row[2], row[3]) for row in rows}
    for name, (speaks, _, _) in before.items():
        wanted.setdefault(name, (speaks, None, None))
    for name, expectation in wanted.items():
        if expectation != before.get(name) and (name in before or expectation[1:] != (None, None)):
            connection.execute(_SQL["insert_expectation"], (name, *expectation))


def _expectation(feed: Feed) -> Expectation:
    expected = feed.setup.expect
    dense = "source" if expected.sequence == "dense" else None
    return speakers(feed.setup.mapping, feed.setup.instance), expected.every, dense


def speakers(mapping: str, instance: str) -> list[str]:
    """As which `system/instance` a mapping speaks: by its name, and by its part before `-`, `_` or `.`."""
    return sorted({f"{name}/{instance}" for name in (mapping, _BEFORE.split(mapping)[0])})
