"""GET /v1/reference/{customers|products}: how each system knows them, and which of them are one."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import references
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.references import COLUMNS, REFERENCE, STATES
from api.routes.common import documented, house_of, responses, sent, today

router: Final = APIRouter(route_class=Guarded, tags=["reports"])

_OR_NONE: Final = {"type": ["string", "null"]}


def _schema(kind: str) -> dict[str, Any]:
    row = {
        "type": "object",
        "required": list(COLUMNS[kind]),
        "properties": {
            **dict.fromkeys(COLUMNS[kind], _OR_NONE),
            "state": {"enum": list(STATES)},
            "known_as": {"type": "array", "items": {"type": "string"}},
            "deals": {"type": "integer"},
        },
    }
    return {
        "type": "object",
        "required": ["view", "at", "known", "generation", "rows"],
        "properties": {"view": {"const": kind}, "rows": {"type": "array", "items": row}},
    }


@router.get(
    "/v1/reference/customers",
    summary="Customers as each system knows them",
    openapi_extra={
        "parameters": documented(REFERENCE),
        "responses": responses(401, 404, 410, 422, 503, schema=_schema("customers"), also=["text/csv"]),
    },
)
async def get_customers(request: Request) -> Response:
    """Who is used by deals, who was approved, and under whom a merged one is shown."""
    return await _answer("customers", request)


@router.get(
    "/v1/reference/products",
    summary="Item numbers as each system knows them, and the products that they are",
    openapi_extra={
        "parameters": documented(REFERENCE),
        "responses": responses(401, 404, 410, 422, 503, schema=_schema("products"), also=["text/csv"]),
    },
)
async def get_products(request: Request) -> Response:
    """What is used by postings, and what is mapped."""
    return await _answer("products", request)


async def _answer(kind: str, request: Request) -> Response:
    house = house_of(request)
    wanted = references.asked(kind, sent(request), today())
    await house.until(wanted.known, wanted.at_least, wanted.timeout)
    told = await run_in_threadpool(house.read, references.answer, wanted)
    accepted = request.headers.get("accept", "")
    by_accept = "text/csv" in accepted and "application/json" not in accepted
    if wanted.format == "csv" or (wanted.format is None and by_accept):
        headers = {
            "X-Known-Position": str(told["known"]["position"]),
            "X-Generation": str(told["generation"]),
            "Content-Disposition": f'inline; filename="{kind}.csv"',
        }
        return csv_answer(references.as_csv(told), headers)
    return json_answer(told)
