"""GET /v1/reports/latency: how long each stage of the workflow takes, and what waits."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import latencies
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.latencies import COLUMNS, LATENCY
from api.routes.common import documented, house_of, responses, sent, today
from projections.latency import STAGES

router: Final = APIRouter(route_class=Guarded, tags=["reports"])

_SECONDS: Final = {"type": ["integer", "null"], "minimum": 0}
_ROW: Final = {
    "type": "object",
    "required": list(COLUMNS),
    "properties": {
        "stage": {"type": "string", "description": f"{', '.join(STAGES)}, or capture.<role>."},
        "count": {"type": "integer", "description": "How many ended within the days asked for."},
        "p50": _SECONDS,
        "p90": _SECONDS,
        "p99": _SECONDS,
        "waiting": {"type": "integer", "description": "How many had begun and not ended by the end of `to`."},
        "oldest_waiting": _SECONDS,
        "oldest_since": {"type": ["string", "null"], "format": "date-time"},
        "oldest_deal": {"type": ["string", "null"]},
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": ["view", "from", "to", "known", "generation", "policies", "unit", "rows"],
    "properties": {
        "view": {"const": "latency"},
        "from": {"type": ["string", "null"], "format": "date"},
        "to": {"type": "string", "format": "date"},
        "known": {"type": "object"},
        "generation": {"type": "integer"},
        "policies": {"type": "array", "items": {"type": "string"}},
        "unit": {"const": "seconds"},
        "rows": {"type": "array", "items": _ROW},
    },
}


@router.get(
    "/v1/reports/latency",
    summary="How long each stage of the workflow takes, and what waits",
    openapi_extra={
        "parameters": documented(LATENCY),
        "responses": responses(401, 404, 410, 422, 503, schema=_ANSWER, also=["text/csv"]),
    },
)
async def get_latency(request: Request) -> Response:
    """Percentiles by nearest rank, in whole seconds between the times of the milestones."""
    house = house_of(request)
    wanted = latencies.asked(sent(request), today())
    await house.until(wanted.known, wanted.at_least, wanted.timeout)
    told = await run_in_threadpool(house.read, latencies.answer, wanted, house.columns)
    accepted = request.headers.get("accept", "")
    by_accept = "text/csv" in accepted and "application/json" not in accepted
    if wanted.format == "csv" or (wanted.format is None and by_accept):
        headers = {
            "X-Known-Position": str(told["known"]["position"]),
            "X-Generation": str(told["generation"]),
            "Content-Disposition": 'inline; filename="latency.csv"',
        }
        return csv_answer(latencies.as_csv(told), headers)
    return json_answer(told)
