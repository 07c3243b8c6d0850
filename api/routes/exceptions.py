"""GET /v1/reports/exceptions, and POST /v1/exceptions/{id}/... by which one is handled."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import excepting, handling
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.bodies import read_body
from api.excepting import EXCEPTIONS
from api.parameters import ParameterRefused
from api.routes.common import documented, house_of, responses, sent, today

router: Final = APIRouter(route_class=Guarded, tags=["exceptions"])

_OR_NONE: Final = {"type": ["string", "null"]}
_ROWS: Final = {
    "type": "object",
    "required": ["view", "at", "known", "generation", "policies", "rows", "totals", "counts", "next"],
    "properties": {
        "view": {"const": "exceptions"},
        "at": {"type": "string", "format": "date"},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **dict.fromkeys(excepting.COLUMNS, _OR_NONE),
                    "age_seconds": {"type": "integer", "description": "From `since` to the end of the day."},
                    "facts": {"type": "array", "items": {"type": "string"}},
                    "handled": {"type": ["object", "null"]},
                },
            },
        },
        "totals": {"type": "array", "items": {"type": "object"}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "next": _OR_NONE,
    },
}
_ID: Final = {
    "name": "exception",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The `id` of a row.",
}
_ACTION: Final = {
    "name": "action",
    "in": "path",
    "required": True,
    "schema": {"enum": list(handling.ACTIONS)},
    "description": "What is done about it.",
}
_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["actor"],
                "properties": {
                    "actor": {"type": "string", "description": "Who does it."},
                    "note": {"type": "string"},
                    "assignee": {"type": "string", "description": "With assign; default: the actor."},
                },
                "additionalProperties": False,
            }
        }
    },
}
_DONE: Final = {
    "type": "object",
    "properties": {
        "exception": {"type": "string"},
        "outcome": {"const": "recorded"},
        "position": {"type": "integer", "description": "Of the milestone; wait for it with `at_least`."},
    },
}


@router.get(
    "/v1/reports/exceptions",
    summary="What somebody has to do something about",
    openapi_extra={
        "parameters": documented(EXCEPTIONS),
        "responses": responses(401, 404, 410, 422, 503, schema=_ROWS, also=["text/csv"]),
    },
)
async def get_exceptions(request: Request) -> Response:
    """The oldest first, each with an age, an amount at risk, an owner and the next step."""
    house = house_of(request)
    wanted = excepting.asked(sent(request), today())
    await house.until(wanted.known, wanted.at_least, wanted.timeout)
    answer = await run_in_threadpool(house.read, excepting.listing, wanted, house.columns)
    if _wants_csv(request, wanted):
        return csv_answer(excepting.as_csv(answer), _around(request, answer))
    return json_answer(answer)


def _wants_csv(request: Request, wanted: excepting.Asked) -> bool:
    if wanted.format is not None:
        return wanted.format == "csv"
    accepted = request.headers.get("accept", "")
    csv, json = accepted.find("text/csv"), accepted.find("application/json")
    return csv >= 0 and (json < 0 or csv < json)


def _around(request: Request, answer: dict[str, Any]) -> dict[str, str]:
    """What JSON says around the rows, as headers of a CSV."""
    headers = {
        "X-Known-Position": str(answer["known"]["position"]),
        "X-Generation": str(answer["generation"]),
        "Content-Disposition": 'inline; filename="exceptions.csv"',
    }
    if answer["next"] is not None:
        others = [(name, value) for name, value in sent(request) if name != "cursor"]
        following = urlencode([*others, ("cursor", answer["next"])])
        headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'
    return headers


@router.post(
    "/v1/exceptions/{exception}/{action}",
    summary="Acknowledge, assign or resolve an exception",
    openapi_extra={
        "parameters": [_ID, _ACTION],
        "requestBody": _BODY,
        "responses": responses(401, 404, 413, 422, 503, schema=_DONE),
    },
)
async def post_handling(request: Request) -> Response:
    """Records a milestone of the ledger's own. A resolved exception is left out until its cause changes."""
    house = house_of(request)
    id_, action = request.path_params["exception"], request.path_params["action"]
    if action not in handling.ACTIONS:
        raise ParameterRefused(f"nothing is done by {action[:80]!r}", handling.ACTIONS)
    told = handling.read_body(await read_body(request, house.settings.max_body), action)
    await run_in_threadpool(house.read, handling.check, id_, today())
    item = handling.prepare(house.intake, house.settings.tenant, id_, action, told)
    (outcome,) = await asyncio.wrap_future(house.intake.submit([item]))
    house.metrics.answered([item], [outcome])
    await run_in_threadpool(house.trail.acted, *handling.act(id_, action, told))
    return json_answer({"exception": id_, "outcome": outcome.outcome, "position": outcome.position})
