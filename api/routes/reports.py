"""GET /v1/reports/{view}, what explains its rows, and the laws that hold over all of them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import checkpoints, inclusions, reading, reporting
from api.access import scoping
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.parameters import (
    EXPLAIN,
    GENERATION,
    KNOWN,
    REPORT,
    WAITING,
    Parameter,
    ParameterRefused,
    Question,
    Values,
    question,
)
from api.proving import proofs
from api.routes.common import documented, house_of, responses, sent, today
from projections import laws, meanings, selfcheck
from projections.measures import VIEWS
from projections.questions import ReportRefused

router: Final = APIRouter(route_class=Guarded, tags=["reports"])

_VIEW: Final = {
    "name": "view",
    "in": "path",
    "required": True,
    "schema": {"enum": list(VIEWS)},
    "description": "Which report.",
}
#: Everything that can be asked below /v1/reports/; the others have routes of their own.
_REPORTS: Final = (*VIEWS, "bridge", "exceptions", "latency", *(f"{view}/restatement" for view in VIEWS))
_LAWS: Final[dict[str, Parameter]] = {
    "at": Parameter("The day on which the laws are checked. Default: today (UTC).", {"type": "string"}),
    **KNOWN,
    **GENERATION,
    **WAITING,
}
_ROWS: Final = {
    "type": "object",
    "required": ["view", "known", "basis", "generation", "policies", "rows", "totals", "next"],
    "properties": {
        "view": {"type": "string"},
        "at": {"type": "string", "format": "date"},
        "from": {"type": ["string", "null"], "format": "date"},
        "to": {"type": "string", "format": "date"},
        "known": {
            "type": "object",
            "properties": {"position": {"type": "integer"}, "time": {"type": ["string", "null"]}},
        },
        "basis": {"type": "string"},
        "generation": {"type": "integer"},
        "policies": {"type": "array", "items": {"type": "string"}},
        "rows": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        },
        "totals": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        },
        "unrated": {
            "type": "array",
            "description": "With `rate`: deals that stay in their own currency, and which rate they lack.",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "next": {"type": ["string", "null"], "description": "The `cursor` of the next page."},
        "proof": {"type": "object", "description": "With `proof`: docs/audit.md."},
    },
}


@router.get(
    "/v1/reports/{view}",
    summary="A report, as of a date, as known at a moment",
    openapi_extra={
        "parameters": [_VIEW, *documented(REPORT)],
        "responses": responses(401, 404, 410, 422, 503, schema=_ROWS, also=["text/csv"]),
        "x-measures": meanings.told(),
    },
)
async def get_report(request: Request) -> Response:
    """Rows per currency and group, every amount a decimal string."""
    house = house_of(request)
    view = request.path_params["view"]
    if view not in VIEWS:
        raise ReportRefused(f"there is no report {view[:80]!r}", _REPORTS)
    given = scoping.limited(sent(request))
    asked = question(view, given, today())
    await house.until(asked.known, asked.at_least, asked.timeout)
    if asked.proof:
        return await _proved(request, asked, scoping.told(given))
    answer = await run_in_threadpool(house.read, reporting.report, asked, house.columns)
    if _wants_csv(request, asked):
        around = _around(request, answer) | scoping.told(given)
        return csv_answer(reporting.as_csv(asked, answer), around)
    return json_answer(answer, headers=scoping.told(given))


async def _proved(request: Request, asked: Question, headers: dict[str, str]) -> Response:
    """The answer with its proof, which is made of the answer's bytes as JSON has them."""
    if _wants_csv(request, asked):
        raise ParameterRefused("a proof goes with JSON: ask for that, or leave proof out")
    house = house_of(request)
    means = checkpoints.Means(house.plan, house.trail.noticed)

    def show(connection: Any, size: int) -> inclusions.Proof:
        return inclusions.proof_for(connection, size, means)

    answer = await run_in_threadpool(house.read, proofs.proved, asked, show)
    return json_answer(answer, headers=headers)


def _wants_csv(request: Request, asked: Question) -> bool:
    if asked.format is not None:
        return asked.format == "csv"
    accepted = request.headers.get("accept", "")
    csv, json = accepted.find("text/csv"), accepted.find("application/json")
    return csv >= 0 and (json < 0 or csv < json)


def _around(request: Request, answer: dict[str, Any]) -> dict[str, str]:
    """What JSON says around the rows, as headers of a CSV."""
    headers = {
        "X-Known-Position": str(answer["known"]["position"]),
        "X-Generation": str(answer["generation"]),
        "Content-Disposition": f'inline; filename="{answer["view"]}.csv"',
    }
    if "unrated" in answer:
        headers["X-Unrated"] = str(len(answer["unrated"]))
    if answer["next"] is not None:
        others = [(name, value) for name, value in sent(request) if name != "cursor"]
        headers["Link"] = (
            f'<{request.url.path}?{urlencode([*others, ("cursor", answer["next"])])}>; rel="next"'
        )
    return headers


@router.get(
    "/v1/reports/{view}/explain",
    summary="The postings that add up to a row of a report",
    openapi_extra={
        "parameters": [_VIEW, *documented(EXPLAIN)],
        "responses": responses(401, 404, 410, 422, 503),
    },
)
async def get_explanation(request: Request) -> Response:
    """Reached by the `explain` link of a row; pinned to the generation and position of that row."""
    house = house_of(request)
    given = scoping.limited(sent(request))
    asked = question(request.path_params["view"], given, today(), explain=True)
    await house.until(asked.known, None, asked.timeout)
    return json_answer(await run_in_threadpool(house.read, reporting.explained, asked, house.columns))


@router.get(
    "/v1/laws",
    summary="Whether the laws of the books hold",
    openapi_extra={"parameters": documented(_LAWS), "responses": responses(401, 404, 410, 422, 503)},
)
async def get_laws(request: Request) -> Response:
    """Every law with its wording, and every breach of one; none is the only good answer."""
    house = house_of(request)
    values = Values(sent(request), _LAWS)
    at, known = values.day("at") or today(), values.known()
    await house.until(known, values.whole("at_least"), values.seconds("timeout", 10.0))

    def check(connection: Any) -> dict[str, Any]:
        with reporting.one_moment(connection):
            books = reading.generation(connection, values.whole("generation"))
            position = reading.known_position(connection, known, books)
            breaches = laws.check(connection, books.id, at, position)
            breaches += selfcheck.compared(connection, books.id)
            return {
                "at": at.isoformat(),
                "known": {"position": position, "time": reading.recorded_at(connection, position)},
                "generation": books.id,
                "hold": not breaches,
                "laws": laws.LAWS,
                "breaches": breaches,
            }

    return json_answer(await run_in_threadpool(house.read, check))
