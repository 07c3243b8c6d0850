"""GET /v1/health: whether all is well with the ledger, and what is not."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import health
from api.access.routing import Guarded
from api.answers import json_answer
from api.routes.common import house_of, responses

router: Final = APIRouter(route_class=Guarded, tags=["operations"])


@router.get(
    "/v1/health",
    summary="Whether all is well, and what is not",
    openapi_extra={"responses": responses(401, 503)},
)
async def get_health(request: Request) -> Response:
    """`status` is `ok`, or `degraded` with reasons: reports behind the log, a law of the books broken.

    Degraded is answered with 200: everything can still be asked and recorded.
    """
    house = house_of(request)
    every = house.settings.self_check
    return json_answer(await run_in_threadpool(house.read, health.health, house.schema, every))
