"""GET /v1/reports/{view}/restatement: what changed in a report between two moments of knowledge, and why."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import restating
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.restating import RESTATEMENT
from api.routes.common import documented, house_of, responses, sent, today
from projections.causes import CAUSES
from projections.measures import VIEWS

router: Final = APIRouter(route_class=Guarded, tags=["reports"])

_VIEW: Final = {
    "name": "view",
    "in": "path",
    "required": True,
    "schema": {"enum": list(VIEWS)},
    "description": "Which report.",
}
_KNOWN: Final = {
    "type": "object",
    "properties": {"position": {"type": "integer"}, "time": {"type": ["string", "null"]}},
}
_CHANGES: Final = {"type": "array", "items": {"type": "object"}}
_ANSWER: Final = {
    "type": "object",
    "required": [
        "view",
        "from_known",
        "to_known",
        "rows",
        "totals",
        "causes",
        "lines",
        "not_additive",
        "next",
    ],
    "properties": {
        "view": {"type": "string"},
        "basis": {"type": "string"},
        "from_known": _KNOWN,
        "to_known": _KNOWN,
        "generations": {"type": "object"},
        "rows": {**_CHANGES, "description": "Rows that changed: groups, currency, before, after, change."},
        "totals": {**_CHANGES, "description": "The same per currency."},
        "causes": {**_CHANGES, "description": "What each kind of cause comes to, per currency."},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "cause": {"enum": list(CAUSES)},
                    "position": {"type": ["integer", "null"]},
                    "change": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
            "description": "They add up to the change of every row, in every measure but `not_additive`.",
        },
        "not_additive": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string"},
        "next": {"type": ["string", "null"], "description": "The `cursor` of the next page of lines."},
    },
}


@router.get(
    "/v1/reports/{view}/restatement",
    summary="What changed in a report between two moments of knowledge, line by line",
    openapi_extra={
        "parameters": [_VIEW, *documented(RESTATEMENT)],
        "responses": responses(401, 404, 410, 422, 503, schema=_ANSWER, also=["text/csv"]),
    },
)
async def get_restatement(request: Request) -> Response:
    """Late and new facts, corrections, links, policies and logic.

    Pages go over the lines; rows, totals and causes are the same on each.
    """
    house = house_of(request)
    wanted = restating.asked(request.path_params["view"], sent(request), today())
    await house.until(wanted.until, wanted.report.at_least, wanted.report.timeout)
    answer = await run_in_threadpool(house.read, restating.restatement, wanted)
    if _wants_csv(request, wanted):
        return csv_answer(restating.as_csv(wanted, answer), _around(request, answer))
    return json_answer(answer)


def _wants_csv(request: Request, wanted: restating.Asked) -> bool:
    if wanted.report.format is not None:
        return wanted.report.format == "csv"
    accepted = request.headers.get("accept", "")
    return "text/csv" in accepted and "application/json" not in accepted


def _around(request: Request, answer: dict[str, object]) -> dict[str, str]:
    """What JSON says around the lines, as headers of a CSV."""
    headers = {"Content-Disposition": f'inline; filename="{answer["view"]}-restatement.csv"'}
    if answer["next"] is not None:
        others = [(name, value) for name, value in sent(request) if name != "cursor"]
        following = urlencode([*others, ("cursor", str(answer["next"]))])
        headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'
    return headers
