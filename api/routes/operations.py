"""What operators and programs ask of the server itself: health, metrics, status, schemas.

And the empty route, which is served for benchmarks only (CAIRN_NOOP) and is not published.
"""

from __future__ import annotations

from typing import Final

import psycopg
from fastapi import APIRouter, Request, Response
from psycopg_pool import PoolTimeout
from starlette.concurrency import run_in_threadpool

from api import health
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import read_body
from api.metrics import CONTENT_TYPE
from api.routes.common import house_of, responses
from api.schema import milestone_schema

router: Final = APIRouter(route_class=Guarded, tags=["operations"])
empty: Final = APIRouter(route_class=Guarded, include_in_schema=False)

_NOTHING: Final = b'{"results":[]}'


@router.get("/healthz", summary="Whether the process is alive", openapi_extra={"responses": responses()})
async def get_health() -> Response:
    """Asks nobody else; 200 as long as the process answers."""
    return json_answer({"alive": True})


@router.get("/readyz", summary="Whether requests can be served", openapi_extra={"responses": responses(503)})
async def get_readiness(request: Request) -> Response:
    """503 while the database can't be reached or migrations are missing. A lagging projector is told only."""
    try:
        found = await run_in_threadpool(house_of(request).probe, health.readiness)
    except (psycopg.Error, PoolTimeout) as error:
        found = {"ready": False, "database": f"can't be reached ({type(error).__name__})"}
    return json_answer(found, 200 if found["ready"] else 503)


@router.get("/v1/status", summary="The ledger at a glance", openapi_extra={"responses": responses(401, 503)})
async def get_status(request: Request) -> Response:
    """Positions, how far reports are behind, what is in memory, what waits in quarantine."""
    house = house_of(request)
    found = await run_in_threadpool(house.read, health.status, house.schema)
    return json_answer(found | {"columns": house.columns.told()})


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    openapi_extra={"responses": responses(401, also=["text/plain"])},
)
async def get_metrics(request: Request) -> Response:
    """Events by outcome and source, request and commit times, positions and lag."""
    house = house_of(request)
    try:
        found = await run_in_threadpool(house.probe, lambda c: health.status(c, house.schema))
        house.metrics.stands(found)
    except (psycopg.Error, PoolTimeout):
        house.metrics.stands(None)
    return Response(house.metrics.render(), media_type=CONTENT_TYPE)


@router.get(
    "/v1/schema",
    summary="JSON Schema of all milestones",
    openapi_extra={"responses": responses()},
)
async def get_schema() -> Response:
    """Generated from the types that the ledger reads with."""
    return json_answer(milestone_schema())


@empty.get("/v1/noop")
async def get_nothing() -> Response:
    """What a request costs before anything is done: the floor that benchmarks compare with."""
    return Response(_NOTHING, media_type="application/json")


@empty.post("/v1/noop")
async def post_nothing(request: Request) -> Response:
    """The same for requests with a body."""
    await read_body(request, house_of(request).settings.max_body)
    return Response(_NOTHING, media_type="application/json")
