"""What waits to be fetched from a source, and how far its polls are."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import feeds, waiting
from api.access.routing import Guarded
from api.answers import json_answer
from api.cursors import CursorRefused
from api.parameters import Parameter, Values
from api.routes.common import FEED_NAME, PAGE, documented, house_of, responses, sent
from api.trail import said

router: Final = APIRouter(route_class=Guarded, tags=["sources"])

_WHICH: Final = {
    "object": Parameter("Only records of this kind.", {"type": "string"}),
    "id": Parameter("Only the record of this native id.", {"type": "string"}),
}


@router.get(
    "/v1/sources/{name}/waiting",
    summary="Records that sparse messages point to and that are not fetched yet",
    openapi_extra={"parameters": [FEED_NAME, *documented(PAGE)], "responses": responses(401, 404, 422, 503)},
)
async def get_waiting(request: Request) -> Response:
    """By object and id; with the polls of the feed beside them. `next_attempt` null: left to a person."""
    house, values = house_of(request), Values(sent(request), PAGE)
    feed = feeds.known(house.feeds, request.path_params["name"])
    limit = values.whole("limit", least=1, most=1_000) or 100
    after = _place(values.text("cursor"))
    found, more = await run_in_threadpool(house.read, waiting.entries, feed, after, limit)
    counted = await run_in_threadpool(house.read, waiting.counts, feed)
    polls = await run_in_threadpool(house.read, waiting.cursors, feed.name)
    told = {"entries": found, **counted, "polls": polls, "next": None if more is None else json.dumps(more)}
    return json_answer(told)


@router.post(
    "/v1/sources/{name}/waiting/retry",
    summary="Fetch what waits at once",
    openapi_extra={
        "parameters": [FEED_NAME, *documented(_WHICH)],
        "responses": responses(401, 404, 422, 503),
    },
)
async def post_retry(request: Request) -> Response:
    """Whatever was tried before, of everything that waits or of what the parameters name."""
    house, values = house_of(request), Values(sent(request), _WHICH)
    feed = feeds.known(house.feeds, request.path_params["name"])

    def retried() -> int:
        found = house.read(waiting.retry, feed, values.text("object"), values.text("id"))
        house.trail.acted("source.retried", said(source=feed.name, records=found))
        return found

    number = await run_in_threadpool(retried)
    return json_answer({"source": feed.name, "retried": number})


def _place(text: str | None) -> tuple[str, str]:
    if text is None:
        return "", ""
    try:
        found: Any = json.loads(text)
        kind, native_id = found
    except (ValueError, TypeError):
        raise CursorRefused("the cursor is not one that this route gave") from None
    return str(kind), str(native_id)
