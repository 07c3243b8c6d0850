"""What did not get in: quarantine and conflicts, and reading an entry again."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import quarantining
from api.answers import json_answer
from api.parameters import Parameter, ParameterRefused, Values
from api.routes.common import documented, house_of, responses, sent

router: Final = APIRouter(tags=["quarantine"])

_PAGE: Final[dict[str, Parameter]] = {
    "limit": Parameter("Entries a page; default 100.", {"type": "integer", "minimum": 1, "maximum": 1_000}),
    "cursor": Parameter("`next` of the page before.", {"type": "string"}),
}
_FILTERS: Final = {
    "source": Parameter("Only messages of this source.", {"type": "string"}),
    "reason": Parameter("Only messages with this reason code.", {"type": "string"}),
    **_PAGE,
}
_NUMBER: Final = {
    "name": "entry",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
    "description": "The entry's id.",
}


def _page(values: Values) -> tuple[int, int]:
    return values.whole("cursor") or 0, values.whole("limit", least=1, most=1_000) or 100


def _entry(request: Request) -> int:
    text = request.path_params["entry"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ParameterRefused("an entry's id is a whole number from 1")
    return int(text)


@router.get(
    "/v1/quarantine",
    summary="Messages that could not be understood",
    openapi_extra={"parameters": documented(_FILTERS), "responses": responses(401, 422, 503)},
)
async def get_quarantine(request: Request) -> Response:
    """Open entries, oldest first, each with its reasons."""
    values = Values(sent(request), _FILTERS)
    after, limit = _page(values)
    source, reason = values.text("source"), values.text("reason")
    found, more = await run_in_threadpool(
        house_of(request).read, quarantining.entries, after, limit, source, reason
    )
    return json_answer({"entries": found, "next": None if more is None else str(more)})


@router.get(
    "/v1/quarantine/{entry}",
    summary="One message that could not be understood, with its bytes",
    openapi_extra={"parameters": [_NUMBER], "responses": responses(401, 404, 422, 503)},
)
async def get_entry(request: Request) -> Response:
    """The bytes as text where they are UTF-8, else as base64."""
    number = _entry(request)
    Values(sent(request), {})
    return json_answer(await run_in_threadpool(house_of(request).read, quarantining.entry, number))


@router.post(
    "/v1/quarantine/{entry}/replay",
    summary="Read a quarantined message again",
    openapi_extra={"parameters": [_NUMBER], "responses": responses(401, 404, 409, 503)},
)
async def post_replay(request: Request) -> Response:
    """After its mapping, reference data or policy was mended. Answers one outcome per milestone in it."""
    number = _entry(request)
    results: list[dict[str, Any]] = await run_in_threadpool(
        quarantining.replay, house_of(request).intake, number
    )
    return json_answer({"quarantine": number, "results": results})


@router.get(
    "/v1/conflicts",
    summary="Messages whose identity is on record with other content",
    openapi_extra={"parameters": documented(_PAGE), "responses": responses(401, 422, 503)},
)
async def get_conflicts(request: Request) -> Response:
    """The first recorded content stands; both are kept."""
    after, limit = _page(Values(sent(request), _PAGE))
    found, more = await run_in_threadpool(house_of(request).read, quarantining.conflicts, after, limit)
    return json_answer({"conflicts": found, "next": None if more is None else str(more)})
