"""What promoting a generation would change, over HTTP: as JSON or as a page."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import previewing, previews_page
from api.access.routing import Guarded
from api.answers import json_answer
from api.house import connection_to
from api.parameters import Parameter, ParameterRefused, Values
from api.routes.common import documented, house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["generations"])

_MOST_CELLS: Final = 10_000
_MOST_DEALS: Final = 1_000
_PREVIEW: Final[dict[str, Parameter]] = {
    "format": Parameter("`json` (default) or `html`: one page that needs nothing beside itself.",
                        {"type": "string", "enum": ["json", "html"]}),
    "limit": Parameter("Differences told of each measure in each grouping, the largest. Default: 100.",
                       {"type": "integer", "minimum": 1, "maximum": _MOST_CELLS}),
    "top": Parameter("Deals told of each measure and currency. Default: 10.",
                     {"type": "integer", "minimum": 1, "maximum": _MOST_DEALS}),
}  # fmt: skip
_ID: Final = {
    "name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1},
    "description": "The number of a generation that is kept beside the live one.",
}  # fmt: skip
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "known": {"type": "object"},
        "from": {"type": "object", "description": "The live generation."},
        "to": {"type": "object", "description": "The one that would be promoted."},
        "verdict": {"type": "string"},
        "differs": {"type": "boolean"},
        "journals": {"type": ["object", "null"], "description": "Digests, where both journals are the same."},
        "rules": {"type": "array", "items": {"type": "object"}},
        "compared": {"type": "integer"},
        "differing": {"type": "integer"},
        "tables": {"type": "array", "items": {"type": "object"}},
        "standing": {
            "type": ["object", "null"],
            "description": "What stands today: the bridge, exceptions and latencies that differ.",
        },
        "deals": {"type": "array", "items": {"type": "object"}},
        "facts": {"type": "array", "items": {"type": "object"}},
        "findings": {"type": "array", "items": {"type": "object"}},
        "not_compared": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What is read otherwise than by these views, and may change as well.",
        },
        "promotion": {
            "type": "object",
            "description": "Whether it can be made live as things are now.",
            "properties": {"possible": {"type": "boolean"}, "why_not": {"type": ["string", "null"]}},
        },
        "links": {"type": "object"},
    },
}


@router.get(
    "/v1/generations/{id}/preview",
    summary="What promoting a set of books would change",
    openapi_extra={
        "parameters": [_ID, *documented(_PREVIEW)],
        "responses": responses(401, 404, 410, 422, 503, schema=_ANSWER, also=["text/html"]),
    },
)
async def get_preview(request: Request) -> Response:
    """Every figure of every view on both clocks and bases, before and after, with what lies behind it.

    It takes a while where much is recorded; asked again at the same position it is there at once.
    """
    house = house_of(request)
    text = request.path_params["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ParameterRefused(f"{text[:80]!r} is not the number of a generation")
    values = Values(sent(request), _PREVIEW)
    form = values.one_of("format", ("json", "html"))
    cells = values.whole("limit", least=1, most=_MOST_CELLS) or previewing.CELLS
    deals = values.whole("top", least=1, most=_MOST_DEALS) or previewing.DEALS

    def previewed() -> dict[str, Any]:
        # on a connection of its own: it may take a minute
        with connection_to(house.url, house.schema, "preview") as connection:
            return house.previews.preview(connection, int(text), cells, deals, house.columns.held)

    answer = await run_in_threadpool(previewed)
    if form == "html":
        headers = {"Content-Security-Policy": previews_page.POLICY}
        return Response(previews_page.page(answer), 200, headers, "text/html; charset=utf-8")
    return json_answer(answer)
