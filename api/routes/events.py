"""POST /v1/events: events in, one outcome each, durable before the answer."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from adapters.preparing import CALLER_HEADER, KEPT_HEADERS, PROOF_HEADER
from api.access.appending import check_sources
from api.access.callers import current
from api.access.routing import Guarded
from api.answers import outcome_told
from api.bodies import read_body
from api.envelopes import ACCEPTED, Cut, cut
from api.house import House
from api.routes.common import house_of, responses
from domain.arrivals import Outcome, Prepared, refused
from domain.refusals import Reason

router: Final = APIRouter(route_class=Guarded, tags=["events"])

#: Bodies up to this size, and answers to so many events, are made on the event loop; larger ones on a thread,
#: so that others are served meanwhile.
SMALL: Final = 32 * 1024
FEW: Final = 100

_RESULTS: Final = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["outcome", "position", "reasons"],
                "properties": {
                    "outcome": {"enum": ["recorded", "duplicate", "conflict", "quarantined"]},
                    "position": {"type": ["integer", "null"]},
                    "quarantine": {
                        "type": "integer",
                        "description": "The entry's id, where it is quarantined.",
                    },
                    "reasons": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "code": {"type": "string"},
                                "pointer": {"type": "string"},
                                "message": {"type": "string"},
                            },
                        },
                    },
                },
            },
        }
    },
}


@router.post(
    "/v1/events",
    summary="Record milestones",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "One event, a batch, or one event a line; or the data of one event with its"
            " attributes in ce-* headers (binary mode).",
            "content": {name: {"schema": {}} for name in ACCEPTED},
        },
        "responses": responses(400, 401, 403, 413, 415, 429, 503, schema=_RESULTS),
    },
)
async def post_events(request: Request) -> Response:
    """One outcome per item, in order. One bad item never sinks the others."""
    house = house_of(request)
    body = await read_body(request, house.settings.max_body)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw}
    if len(body) <= SMALL:
        items = _prepare(house, headers, body)
    else:
        items = await run_in_threadpool(_prepare, house, headers, body)
    check_sources(items)
    outcomes = await asyncio.wrap_future(house.intake.submit(items))
    if len(items) <= FEW:
        return _answer(house, items, outcomes)
    return await run_in_threadpool(_answer, house, items, outcomes)


def _answer(house: House, items: list[Prepared], outcomes: list[Outcome]) -> Response:
    house.metrics.answered(items, outcomes)
    content = orjson.dumps({"results": [outcome_told(outcome) for outcome in outcomes]})
    return Response(content, media_type="application/json")


def _prepare(house: House, headers: dict[str, str], body: bytes) -> list[Prepared]:
    found = cut(headers, body)
    event = house.intake.prepare_event
    content_type = headers.get("content-type")
    kept = {
        name: value
        for name, value in headers.items()
        if (name in KEPT_HEADERS or name.startswith("ce-") or "signature" in name) and name != PROOF_HEADER
    }
    kept[CALLER_HEADER] = current().mark
    items = [event(one, content_type=content_type, headers=kept) for one in found.events]
    return items if found.whole is None else [_not_cut(items[0], found)]


def _not_cut(item: Prepared, found: Cut) -> Prepared:
    assert found.whole is not None, "only a body that could not be cut"
    code, message = found.whole
    return refused(item.accepted, [Reason(code, "", message), *item.reasons])
