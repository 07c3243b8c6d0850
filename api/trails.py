"""Reading the audit trail: who did what to the ledger, and who was refused. For HTTP and the command line.

Belongs here: the question, and the form of an answer. Does not belong here: recording (api/trail).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.postgres import trails
from adapters.postgres.trails import Told, Wanted
from api import sheets
from api.parameters import FORMAT, Parameter, ParameterRefused, Values
from api.reading import text_of
from domain.reading import MAX_TEXT

#: Columns of the CSV. details: a JSON object.
COLUMNS: Final = (
    "position", "recorded_at", "act", "actor", "kind", "count", "first", "last", "details",
)  # fmt: skip
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
_PLACE: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_TEXT: Final[dict[str, Any]] = {"type": "string", "maxLength": MAX_TEXT}

TRAIL: Final[dict[str, Parameter]] = {
    "after": Parameter("Entries after this position, in the order of recording; default: 0.", _PLACE),
    "before": Parameter("In place of `after`: entries before this position, the latest first.", _PLACE),
    "limit": Parameter(
        f"Entries at most; default {DEFAULT_LIMIT}.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    ),
    "act": Parameter("Only this act, `key.created`, or all acts under a word, `key`.", _TEXT),
    "actor": Parameter("Only what this caller did, or was refused; the name, exactly.", _TEXT),
    "format": FORMAT,
}


class Asked(NamedTuple):
    """Which entries: after a position, or before one where that is given."""

    after: int = 0
    before: int | None = None
    limit: int = DEFAULT_LIMIT
    wanted: Wanted = Wanted()
    format: str | None = None


def asked(sent: Iterable[tuple[str, str]]) -> Asked:
    """What parameters ask for. Raises ParameterRefused."""
    values = Values(sent, TRAIL)
    after, before = values.whole("after"), values.whole("before")
    if after is not None and before is not None:
        raise ParameterRefused("give after or before, not both")
    return Asked(
        after or 0,
        before,
        values.whole("limit", least=1, most=MAX_LIMIT) or DEFAULT_LIMIT,
        Wanted(_name(values, "act"), _name(values, "actor")),
        values.one_of("format", ("json", "csv")),
    )


def _name(values: Values, name: str) -> str | None:
    found = values.text(name)
    if found is not None and (not found or len(found) > MAX_TEXT):
        raise ParameterRefused(f"{name} must be a text of 1 to {MAX_TEXT} characters")
    return found


def report(connection: Connection[Any], schema: str, question: Asked) -> dict[str, Any]:
    """The entries. `last` is where to go on; `next` is null where there are no more now."""
    more = question.limit + 1
    if question.before is None:
        found = trails.after(connection, schema, question.after, more, question.wanted)
        reached = question.after
    else:
        found = trails.before(connection, schema, question.before, more, question.wanted)
        reached = question.before
    shown = found[: question.limit]
    reached = shown[-1].position if shown else reached
    return {
        "entries": [_told(one) for one in shown],
        "last": reached,
        "next": reached if len(found) > len(shown) else None,
    }


def _told(one: Told) -> dict[str, Any]:
    entry = one.entry
    return {
        "position": one.position,
        "recorded_at": text_of(one.recorded_at),
        "act": entry.act,
        "actor": entry.actor,
        "kind": entry.kind,
        "details": entry.details,
        "count": entry.count,
        "first": entry.first,
        "last": entry.last,
        "links": {"milestone": f"/v1/milestones/{one.position}"},
    }


def as_csv(answer: Mapping[str, Any]) -> str:
    """The entries as CSV (RFC 4180)."""
    rows = [{**one, "details": json.dumps(one["details"], ensure_ascii=False)} for one in answer["entries"]]
    return sheets.as_csv(COLUMNS, rows)
