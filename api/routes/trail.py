"""The audit trail over HTTP."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import trails
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.routes.common import documented, house_of, responses, sent
from domain.milestones import ACTOR_KINDS

router: Final = APIRouter(route_class=Guarded, tags=["audit"])

_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_ENTRY: Final = {
    "type": "object",
    "required": ["position", "recorded_at", "act", "actor", "kind", "details", "count"],
    "properties": {
        "position": {"type": "integer", "description": "Where it stands in the log."},
        "recorded_at": {"type": "string", "format": "date-time"},
        "act": {"type": "string"},
        "actor": {"type": "string", "description": "The caller's name."},
        "kind": {"type": "string", "enum": list(ACTOR_KINDS)},
        "details": {"type": "object", "additionalProperties": {"type": "string"}},
        "count": {"type": "integer", "description": "Refusals from `first` to `last`; 1 for an act."},
        "first": _TIME,
        "last": _TIME,
        "links": {"type": "object"},
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": ["entries", "last", "next"],
    "properties": {
        "entries": {"type": "array", "items": _ENTRY},
        "last": {"type": "integer", "description": "Where to go on from, now or once there is more."},
        "next": {"type": ["integer", "null"], "description": "The same; null where there is no more now."},
    },
}


@router.get(
    "/v1/audit/trail",
    summary="Who did what to the ledger, and who was refused",
    openapi_extra={
        "parameters": documented(trails.TRAIL),
        "responses": responses(401, 403, 422, 503, schema=_ANSWER, also=["text/csv"]),
    },
)
async def get_trail(request: Request) -> Response:
    """Administrative acts and refused requests, as they stand in the log."""
    question, house = trails.asked(sent(request)), house_of(request)

    def read(connection: Any) -> dict[str, Any]:
        return trails.report(connection, house.schema, question)

    answer = await run_in_threadpool(house.read, read)
    accepted = request.headers.get("accept", "")
    if question.format == "csv" or (question.format is None and accepted.startswith("text/csv")):
        around = {
            "Content-Disposition": 'inline; filename="trail.csv"',
            "Cairn-Last": str(answer["last"]),
            "Cairn-Next": "" if answer["next"] is None else str(answer["next"]),
        }
        return csv_answer(trails.as_csv(answer), around)
    return json_answer(answer)
