"""Completeness over HTTP: the report of what is attested, and comparing a source now."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import comparing, completing
from api.access.routing import Guarded
from api.answers import csv_answer, json_answer
from api.bodies import json_object, read_body
from api.completing import COMPLETENESS, Asked
from api.house import House
from api.parameters import ParameterRefused, Values
from api.reconciling import Wanted
from api.routes.common import documented, house_of, name_in_path, responses, sent, today

router: Final = APIRouter(route_class=Guarded, tags=["sources"])

_OR_NONE: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": ["integer", "null"]}
_IDS: Final = {"type": "object"}
_ROWS: Final = {
    "type": "object",
    "required": ["view", "from", "to", "at", "known", "generation", "rows", "watermarks", "counts"],
    "properties": {
        "view": {"const": completing.VIEW},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **dict.fromkeys(completing.COLUMNS, _OR_NONE),
                    **dict.fromkeys(("count", "run", "ledger_count", "source_count"), _NUMBER),
                    **dict.fromkeys(("missing", "unknown_to_source"), _IDS),
                },
            },
        },
        "watermarks": {"type": "array", "items": {"type": "object"}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}
_NAME: Final = name_in_path("A feed, a mapping, or a source such as `erp/netsuite/acme`.")
_FIELDS: Final = ("from", "to", "object", "fix", "instance", "totals")
_EXAMPLE: Final = '{"from": "2026-01-01", "to": "2026-01-31"}'
_DAY: Final = {"type": "string", "format": "date"}
_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["from", "to"],
                "properties": {
                    "from": _DAY,
                    "to": _DAY,
                    "object": {"type": "string", "description": "Only this kind of object."},
                    "fix": {"type": "boolean", "description": "Record what is missing. Default: false."},
                    "instance": {"type": "string", "description": "With a mapping's name; default: main."},
                    "totals": {
                        "type": "array",
                        "description": "What the source has, instead of asking it.",
                        "items": {
                            "type": "object",
                            "required": ["object", "count"],
                            "properties": {
                                "object": {"type": "string"},
                                "count": {"type": "integer"},
                                "amount": {"type": "string"},
                                "currency": {"type": "string"},
                                "ids": {"type": "array", "items": {"type": "string"}},
                                "source": {"type": "string"},
                            },
                        },
                    },
                },
                "additionalProperties": False,
            }
        }
    },
}
_COMPARED: Final = {
    "type": "object",
    "required": ["from", "to", "told_by", "complete", "objects"],
    "properties": {"complete": {"type": "boolean"}, "objects": {"type": "array"}},
}


@router.get(
    "/v1/reports/completeness",
    summary="What is attested to be complete, by source, object and day",
    openapi_extra={
        "parameters": documented(COMPLETENESS),
        "responses": responses(401, 422, 503, schema=_ROWS, also=["text/csv"]),
    },
)
async def get_completeness(request: Request) -> Response:
    """Each day with what the ledger has, what the source says it has, and who said so when."""
    return await _answer(request, completing.asked(sent(request), today()))


@router.get(
    "/v1/sources/{name:path}/completeness",
    summary="What is attested of one feed or source",
    openapi_extra={
        "parameters": [_NAME, *documented({k: v for k, v in COMPLETENESS.items() if k != "source"})],
        "responses": responses(401, 404, 422, 503, schema=_ROWS, also=["text/csv"]),
    },
)
async def get_source_completeness(request: Request) -> Response:
    """As the report, of the sources that a feed speaks as."""
    meant = comparing.target(house_of(request).feeds, request.path_params["name"])
    return await _answer(request, completing.asked(sent(request), today(), meant.speaks))


async def _answer(request: Request, wanted: Asked) -> Response:
    house = house_of(request)
    await house.until(wanted.known, wanted.at_least, wanted.timeout)
    answer = await run_in_threadpool(house.read, completing.report, wanted)
    accepted = request.headers.get("accept", "")
    if wanted.format == "csv" or (wanted.format is None and accepted.startswith("text/csv")):
        around = {"Content-Disposition": 'inline; filename="completeness.csv"'}
        return csv_answer(completing.as_csv(answer), around)
    return json_answer(answer)


@router.post(
    "/v1/sources/{name:path}/reconcile",
    summary="Compare a source with the ledger now",
    openapi_extra={
        "parameters": [_NAME],
        "requestBody": _BODY,
        "responses": responses(401, 404, 413, 422, 502, 503, schema=_COMPARED),
    },
)
async def post_reconcile(request: Request) -> Response:
    """Asks the source, or takes `totals`; records what it has as control totals. Answers when it is done."""
    house = house_of(request)
    given = json_object(await read_body(request, house.settings.max_body), _FIELDS, _EXAMPLE)
    return json_answer(await run_in_threadpool(_compared, house, request.path_params["name"], given))


def _compared(house: House, name: str, given: dict[str, Any]) -> dict[str, Any]:
    meant = comparing.target(house.feeds, name, str(given.get("instance") or "main"))
    first, last = _days(given)
    object_ = given.get("object")
    if object_ is not None and not isinstance(object_, str):
        raise ParameterRefused("object must be a text, e.g. invoice")
    wait = comparing.until_projected(house.pool)
    if given.get("totals") is not None:
        stated = _totals(given["totals"])
        wanted = Wanted(first, last, object_, "totals over HTTP", meant.speaks)
        found = comparing.compare_totals(house.intake, house.pool, meant, stated, wanted, wait)
        house.trail.acted("source.reconciled", comparing.act(name, wanted, found))
        return found
    wanted, records = comparing.asked_of_client(meant, first, last, object_)
    fix = given.get("fix") is True
    found = comparing.compare_records(house.intake, house.pool, meant, records, wanted, wait, fix=fix)
    house.trail.acted("source.reconciled", comparing.act(name, wanted, found, fix=fix))
    return found


def _days(given: dict[str, Any]) -> tuple[date, date]:
    values = Values([(name, str(given.get(name) or "")) for name in ("from", "to")], COMPLETENESS)
    first, last = values.day("from"), values.day("to")
    if first is None or last is None or first > last:
        raise ParameterRefused("from lies after to")
    return first, last


def _totals(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise ParameterRefused('totals must be a list of objects, e.g. [{"object": "invoice", "count": 12}]')
    return given
