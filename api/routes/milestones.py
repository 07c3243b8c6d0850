"""The log as a feed, and single milestones with the bytes that they came in."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import reading
from api.access.routing import Guarded
from api.answers import json_answer, payload_answer
from api.parameters import KNOWN, Parameter, ParameterRefused, Values
from api.personal import opener
from api.routes.common import documented, house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["milestones"])

_FEED: Final[dict[str, Parameter]] = {
    "after": Parameter("Go on after this position; 0 is the beginning.", {"type": "integer", "minimum": 0}),
    "limit": Parameter(
        "Milestones a page; default 100.", {"type": "integer", "minimum": 1, "maximum": 1_000}
    ),
    **KNOWN,
}
_POSITION: Final = {
    "name": "position",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
    "description": "Position in the log.",
}


def _position(request: Request) -> int:
    text = request.path_params["position"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ParameterRefused("a position is a whole number from 1")
    return int(text)


@router.get(
    "/v1/milestones",
    summary="The log, in the order of recording",
    openapi_extra={"parameters": documented(_FEED), "responses": responses(401, 422, 503)},
)
async def get_feed(request: Request) -> Response:
    """Milestones after a position. `last` is where to go on; `next` is null where nothing more is known."""
    values = Values(sent(request), _FEED)
    after, limit, known = (
        values.whole("after") or 0,
        values.whole("limit", least=1, most=1_000) or 100,
        values.known(),
    )

    def read(connection: Any) -> dict[str, Any]:
        return reading.feed(connection, after, limit, known)

    return json_answer(await run_in_threadpool(house_of(request).read, read))


@router.get(
    "/v1/milestones/{position}",
    summary="A milestone, with its source payload",
    openapi_extra={
        "parameters": [_POSITION, *documented(KNOWN)],
        "responses": responses(401, 404, 422, 503),
    },
)
async def get_milestone(request: Request) -> Response:
    """The milestone as an event, when it was recorded, and the bytes that it came in."""
    position, known = _position(request), Values(sent(request), KNOWN).known()

    house = house_of(request)
    shows = opener(house.intake)

    def read(connection: Any) -> dict[str, Any]:
        return reading.milestone(connection, position, known, shows)

    return json_answer(await run_in_threadpool(house.read, read))


@router.get(
    "/v1/milestones/{position}/payload",
    summary="The bytes that a milestone came in",
    openapi_extra={
        "parameters": [_POSITION],
        "responses": responses(401, 404, 422, 503, also=["text/plain"]),
    },
)
async def get_payload(request: Request) -> Response:
    """Byte for byte as they came in; who may not see personal data gets tokens in place of the values."""
    position = _position(request)
    Values(sent(request), {})
    house = house_of(request)
    shows = opener(house.intake)

    def read(connection: Any) -> bytes:
        return reading.payload(connection, position, shows)

    body = await run_in_threadpool(house.read, read)
    return payload_answer(body, f"milestone-{position}")
