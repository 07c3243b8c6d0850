"""GET /v1/reports/bridge: from won to ordered to invoiced to cash, every difference with its reason."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import bridging
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.bridging import BRIDGE, EXPLAIN
from api.routes.common import documented, house_of, responses, sent, today
from projections.bridge import FIGURES, REASONS, STEPS

router: Final = APIRouter(route_class=Guarded, tags=["reports"])

_TEXTS: Final = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
_ROW: Final = {
    "type": "object",
    "required": ["currency", "step", "reason", "amount", "explain"],
    "properties": {
        "currency": {"type": "string"},
        "step": {"enum": list(STEPS)},
        "reason": {"enum": sorted({reason for found in REASONS.values() for reason in found})},
        "amount": {"type": "string", "description": "What is taken away in that step."},
        "explain": {"type": "string"},
    },
    "additionalProperties": {"type": ["string", "null"]},
}
_ANSWER: Final = {
    "type": "object",
    "required": [
        "view",
        "at",
        "known",
        "basis",
        "generation",
        "policies",
        "rows",
        "figures",
        "totals",
        "next",
    ],
    "properties": {
        "view": {"const": "bridge"},
        "at": {"type": "string", "format": "date"},
        "known": {
            "type": "object",
            "properties": {"position": {"type": "integer"}, "time": {"type": ["string", "null"]}},
        },
        "basis": {"enum": ["restated", "as_reported"]},
        "generation": {"type": "integer"},
        "policies": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": _ROW},
        "figures": {
            "type": "array",
            "items": _TEXTS,
            "description": f"Per group and currency: {', '.join(FIGURES)}.",
        },
        "totals": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Per currency: the figures, and `rows` by step and reason.",
        },
        "unrated": {
            "type": "array",
            "items": {"type": "object"},
            "description": "With `rate`: deals that stay in their own currency, and which rate is lacking.",
        },
        "next": {"type": ["string", "null"], "description": "The `cursor` of the next page."},
    },
}


@router.get(
    "/v1/reports/bridge",
    summary="From won to ordered to invoiced to cash, every difference with its reason",
    openapi_extra={
        "parameters": documented(BRIDGE),
        "responses": responses(401, 404, 410, 422, 503, schema=_ANSWER, also=["text/csv"]),
    },
)
async def get_bridge(request: Request) -> Response:
    """The rows of a step add up to the difference of its two figures, to the last minor unit."""
    house = house_of(request)
    wanted = bridging.asked(sent(request), today())
    await house.until(wanted.known, wanted.at_least, wanted.timeout)
    told = await run_in_threadpool(house.read, bridging.answer, wanted, house.columns)
    if _wants_csv(request, wanted):
        return csv_answer(bridging.as_csv(wanted, told), _around(request, told))
    return json_answer(told)


def _wants_csv(request: Request, wanted: bridging.Asked) -> bool:
    if wanted.format is not None:
        return wanted.format == "csv"
    accepted = request.headers.get("accept", "")
    return "text/csv" in accepted and "application/json" not in accepted


def _around(request: Request, told: dict[str, Any]) -> dict[str, str]:
    """What JSON says around the rows, as headers of a CSV."""
    headers = {
        "X-Known-Position": str(told["known"]["position"]),
        "X-Generation": str(told["generation"]),
        "Content-Disposition": 'inline; filename="bridge.csv"',
    }
    if "unrated" in told:
        headers["X-Unrated"] = str(len(told["unrated"]))
    if told["next"] is not None:
        others = [(name, value) for name, value in sent(request) if name != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*others, ("cursor", told["next"])])}>; rel="next"'
    return headers


@router.get(
    "/v1/reports/bridge/explain",
    summary="The items and postings behind a row of the bridge",
    openapi_extra={
        "parameters": documented(EXPLAIN),
        "responses": responses(401, 404, 410, 422, 503),
    },
)
async def get_explanation(request: Request) -> Response:
    """Reached by the `explain` link of a row; pinned to the generation and position of that row."""
    house = house_of(request)
    wanted = bridging.asked(sent(request), today(), explain=True)
    await house.until(wanted.known, wanted.at_least, wanted.timeout)
    return json_answer(await run_in_threadpool(house.read, bridging.explained, wanted))
