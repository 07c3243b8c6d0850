"""One deal by any of its keys, and its milestones in business order."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import dossiers, histories
from api.access.routing import Guarded
from api.answers import json_answer
from api.parameters import GENERATION, KNOWN, WAITING, Parameter, Values
from api.routes.common import documented, house_of, responses, sent, today

router: Final = APIRouter(route_class=Guarded, tags=["deals"])

_DEAL: Final[dict[str, Parameter]] = {
    "at": Parameter("The day of balances. Default: today (UTC).", {"type": "string", "format": "date"}),
    **KNOWN,
    **GENERATION,
    **WAITING,
}
_TIMELINE: Final = {**KNOWN, **GENERATION, **WAITING}
_KEY: Final = {
    "name": "key",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "Any key of the deal, e.g. `erp/netsuite/acme:order:SO-1001`, slashes and colons and all.",
}


@router.get(
    "/v1/deals/{key:path}/timeline",
    summary="A deal's milestones in business order",
    openapi_extra={
        "parameters": [_KEY, *documented(_TIMELINE)],
        "responses": responses(401, 404, 410, 422, 503),
    },
)
async def get_timeline(request: Request) -> Response:
    """All milestones that belong to the deal, as known then; those that post nothing too."""
    house, values = house_of(request), Values(sent(request), _TIMELINE)
    known = values.known()
    await house.until(known, values.whole("at_least"), values.seconds("timeout", 10.0))

    def look(connection: Any) -> dict[str, Any]:
        return dossiers.timeline(connection, request.path_params["key"], known, values.whole("generation"))

    return json_answer(await run_in_threadpool(house.read, look))


@router.get(
    "/v1/deals/{key:path}/history",
    summary="A deal's figures after each milestone",
    openapi_extra={
        "parameters": [_KEY, *documented(histories.PARAMETERS)],
        "responses": responses(401, 404, 410, 422, 503),
    },
)
async def get_history(request: Request) -> Response:
    """All measures of all views after each milestone, and what changed; in business order or as recorded."""
    house, values = house_of(request), Values(sent(request), histories.PARAMETERS)
    question = histories.asked(request.path_params["key"], values, today())
    await house.until(question.known, values.whole("at_least"), values.seconds("timeout", 10.0))
    return json_answer(await run_in_threadpool(house.read, histories.told, question))


@router.get(
    "/v1/deals/{key:path}",
    summary="A deal: its keys, dimensions and balances",
    openapi_extra={
        "parameters": [_KEY, *documented(_DEAL)],
        "responses": responses(401, 404, 410, 422, 503),
    },
)
async def get_deal(request: Request) -> Response:
    """The deal that the key belonged to, as known then."""
    house, values = house_of(request), Values(sent(request), _DEAL)
    known, at = values.known(), values.day("at") or today()
    await house.until(known, values.whole("at_least"), values.seconds("timeout", 10.0))

    def look(connection: Any) -> dict[str, Any]:
        return dossiers.deal(connection, request.path_params["key"], known, at, values.whole("generation"))

    return json_answer(await run_in_threadpool(house.read, look))
