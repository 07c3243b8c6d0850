"""Handling an exception: acknowledging, assigning, resolving. For HTTP and the command line alike.

Each is a milestone of the ledger's own, recorded by the same way in as any other. Belongs here: what a
caller must say, the milestone that it becomes. Does not belong here: what it means
(projections/exceptions/handling).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

import orjson
from psycopg import Connection

from adapters.intake import Intake
from api import reading
from api.parameters import ParameterRefused
from api.reporting import one_moment
from domain.arrivals import Prepared
from projections.exceptions.handling import handlings, note_to
from projections.exceptions.listing import Query, exists

#: What is done -> the milestone that says so.
ACTIONS: Final = {
    "acknowledge": "exception.acknowledged.v1",
    "assign": "exception.assigned.v1",
    "resolve": "exception.resolved.v1",
}
_FIELDS: Final = ("actor", "note", "assignee")


class ExceptionUnknown(LookupError):
    """No exception has this id now, and none that was handled had."""


class Said(NamedTuple):
    """Who does it, why, and for assigning to whom (default: the actor)."""

    actor: str
    note: str | None = None
    assignee: str | None = None


def read_body(body: bytes, action: str) -> Said:
    """What a caller says. Raises ParameterRefused, which names what is missing or too much."""
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise ParameterRefused('the body must be a JSON object, e.g. {"actor": "ann"}') from None
    if not isinstance(given, dict):
        raise ParameterRefused('the body must be a JSON object, e.g. {"actor": "ann"}')
    return said(given, action)


def said(given: Mapping[str, Any], action: str) -> Said:
    """The same from values. Raises ParameterRefused."""
    for name, value in given.items():
        if name not in _FIELDS:
            raise ParameterRefused(f"there is no field {name[:80]!r} here", _FIELDS)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise ParameterRefused(f"{name} must be a text that is not empty")
    actor = given.get("actor")
    if actor is None:
        raise ParameterRefused("actor is missing: say who does it")
    if given.get("assignee") is not None and action != "assign":
        raise ParameterRefused(f"assignee has no meaning with {action}: leave it out, or use assign")
    return Said(actor, given.get("note"), given.get("assignee"))


def check(connection: Connection[Any], id_: str, today: date) -> None:
    """Make sure that there is such an exception, or was. Raises ExceptionUnknown, NoGeneration."""
    with one_moment(connection):
        live = reading.generation(connection, None)
        if id_ in handlings(connection, live.id, live.position):
            return
        if exists(connection, Query(today, live.position, live), id_):
            return
    raise ExceptionUnknown(f"there is no exception {id_[:80]!r} today: it may have healed meanwhile")


def act(id_: str, action: str, told: Said) -> tuple[str, dict[str, str]]:
    """The act and its details, as the audit trail has them: `by` is who the caller says it is."""
    return ACTIONS[action].removesuffix(".v1"), {"exception": id_, "by": told.actor}


def prepare(intake: Intake, tenant: str, id_: str, action: str, told: Said) -> Prepared:
    """The milestone, ready to be recorded. Raises ParameterRefused where it can't be one."""
    note = told.note
    if action == "assign":
        try:
            note = note_to(told.assignee or told.actor, told.note)
        except ValueError as error:
            raise ParameterRefused(str(error)) from None
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": f"/ledger/cairn/{tenant}",
        "type": ACTIONS[action],
        "subject": f"exception/{id_}",
        "time": reading.text_of(datetime.now(UTC)),
        "data": {
            "exception": id_,
            "actor": told.actor,
            **({} if note is None else {"note": note}),
        },
    }
    prepared = intake.prepare_event(orjson.dumps(event), content_type="application/cloudevents+json")
    if prepared.reasons:
        first = prepared.reasons[0]
        raise ParameterRefused(f"{first.pointer or 'the milestone'}: {first.message or first.code}")
    return prepared
