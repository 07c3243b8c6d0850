"""Generations over HTTP: which there are, which is live, building another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from psycopg import Connection
from starlette.concurrency import run_in_threadpool

from api import previewing, rebuilding
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import json_object, read_body
from api.house import House, connection_to
from api.parameters import ParameterRefused, Values
from api.routes.common import house_of, responses, sent
from api.trail import said
from projections import promoting
from projections.promoting import Promoted

router: Final = APIRouter(route_class=Guarded, tags=["generations"])

_MOST_STATED: Final = 4_096
_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_GENERATION: Final = {
    "type": "object",
    "properties": {
        "generation": {"type": "integer"},
        "state": {"type": "string", "enum": ["building", "catching_up", "ready", "live", "retired", "side"]},
        "position": {"type": "integer", "description": "The last position of the log that it has taken in."},
        "code_version": {"type": "string"},
        "rules": {"type": "string", "description": "Digest of the rules that made it."},
        "rules_by_module": {"type": "object", "additionalProperties": {"type": "string"}},
        "can_be_brought_forward": {
            "type": "boolean",
            "description": "Whether this version of the code has the rules that made it.",
        },
        "policies": {"type": "array", "items": {"type": "string"}},
        "made_at": _TIME,
        "begun_at": _TIME,
        "ready_at": _TIME,
        "live_at": _TIME,
        "retired_at": _TIME,
        "progress": {
            "type": ["object", "null"],
            "description": "Of one that is not built yet: milestones done of the bulk's total.",
            "properties": {
                "stage": {"type": "string"},
                "done": {"type": "integer"},
                "total": {"type": "integer"},
                "under_way": {"type": "boolean"},
            },
        },
        "figures": {"type": "object"},
        "error": {"type": ["string", "null"], "description": "Why its build ended early."},
        "links": {"type": "object"},
    },
}
_REBUILD: Final = {
    "type": "object",
    "properties": {
        "rebuild": {"type": "integer", "description": "The number of the generation that it makes."},
        "state": {"type": "string", "enum": ["running", "done", "failed"]},
        "progress": _GENERATION["properties"]["progress"],  # type: ignore[index]
        "error": {"type": ["string", "null"]},
        "generation": _GENERATION,
        "links": {"type": "object"},
    },
}
_PROMOTION: Final = {
    "type": "object",
    "properties": {
        "live": {"type": "integer"},
        "before": {"type": ["integer", "null"], "description": "The one that was live; null: no change."},
        "caught_up": {"type": "integer", "description": "Milestones that were taken in to get there."},
        "links": {"type": "object"},
    },
}
_ASKED: Final = {
    "keep": {
        "type": "boolean",
        "description": "Keep it ready beside the live one instead of swapping it in; default: false.",
    },
    "preview": {
        "type": "boolean",
        "description": "As keep; the answer links to what promoting it would change. Default: false.",
    },
    "keep_policies": {
        "type": "boolean",
        "description": "Adopt no policy that was activated since the live one was made; default: false.",
    },
    "whole": {
        "type": "boolean",
        "description": "Fold everything. Default: false, so that where only rules of some types of milestones"
        " changed, deals without any are copied from the live generation.",
    },
}
_ID: Final = {
    "parameters": [
        {
            "name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1},
            "description": "The number of a generation.",
        }
    ]
}  # fmt: skip


def _problems(*statuses: int) -> dict[str, Any]:
    return {status: told for status, told in responses(*statuses).items() if status != "200"}


def _listed(name: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "array", "items": item}}}


def _id(request: Request) -> int:
    text = request.path_params["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ParameterRefused(f"{text[:80]!r} is not the number of a generation")
    return int(text)


@router.get(
    "/v1/generations",
    summary="The sets of books that are kept, and those being made",
    openapi_extra={"responses": responses(401, 422, 503, schema=_listed("generations", _GENERATION))},
)
async def get_generations(request: Request) -> Response:
    """The newest first. Reports read the live one unless they name another that is ready or retired."""
    Values(sent(request), {})
    house = house_of(request)
    return json_answer({"generations": await run_in_threadpool(house.read, rebuilding.listed, house.schema)})


@router.get(
    "/v1/generations/{id}",
    summary="A set of books",
    openapi_extra={**_ID, "responses": responses(401, 404, 422, 503, schema=_GENERATION)},
)
async def get_generation(request: Request) -> Response:
    """Its state, rules, policies, progress and figures."""
    house = house_of(request)
    return json_answer(await run_in_threadpool(house.read, rebuilding.one, house.schema, _id(request)))


async def _promoted(house: House, act: str, work: Callable[[Connection[Any]], Promoted]) -> Response:
    def promoted() -> dict[str, Any]:
        # on a connection of its own: what is left is taken in first, which may take a while
        with connection_to(house.url, house.schema, "promotion") as connection:
            done = work(connection)
        house.trail.acted(act, said(generation=done.generation, before=done.before))
        return rebuilding.promotion(done)

    return json_answer(await run_in_threadpool(promoted))


@router.post(
    "/v1/generations/return",
    summary="Make the set of books live again that was live before",
    openapi_extra={"responses": responses(401, 409, 503, schema=_PROMOTION)},
)
async def post_return(request: Request) -> Response:
    """Done twice, it ends where it began; to say which one is meant, promote it by its number."""
    house = house_of(request)
    return await _promoted(
        house, "generation.returned", lambda connection: promoting.return_(connection, house.schema)
    )


@router.post(
    "/v1/generations/{id}/promote",
    summary="Make a set of books the live one",
    openapi_extra={**_ID, "responses": responses(401, 404, 409, 422, 503, schema=_PROMOTION)},
)
async def post_promote(request: Request) -> Response:
    """One transaction. Readers in the middle of a listing finish on the set that they began with."""
    house, id_ = house_of(request), _id(request)
    return await _promoted(
        house, "generation.promoted", lambda connection: promoting.promote(connection, house.schema, id_)
    )


@router.delete(
    "/v1/generations/{id}",
    summary="Drop a set of books that is not live",
    openapi_extra={
        **_ID,
        "responses": {"204": {"description": "It is gone."}, **_problems(401, 404, 409, 422, 503)},
    },
)
async def delete_generation(request: Request) -> Response:
    """The log stays, so it can be made anew by a rebuild."""
    house, id_ = house_of(request), _id(request)

    def dropped() -> None:
        with connection_to(house.url, house.schema, "drop") as connection:
            promoting.drop(connection, house.schema, id_)
        house.trail.acted("generation.dropped", said(generation=id_))

    await run_in_threadpool(dropped)
    return Response(status_code=204)


@router.post(
    "/v1/rebuilds",
    summary="Build another set of books from the log",
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {
                "application/json": {
                    "schema": {"type": "object", "properties": _ASKED, "additionalProperties": False}
                }
            },
        },
        "responses": {
            "202": {
                "description": "It has begun. Location: where its progress is told.",
                "content": {"application/json": {"schema": _REBUILD}},
            },
            **_problems(401, 409, 422, 503),
        },
    },
)
async def post_rebuild(request: Request) -> Response:
    """One at a time. One that was broken off goes on with what is left. Reads and appends go on."""
    house = house_of(request)
    given = json_object(await read_body(request, _MOST_STATED), _ASKED, '{"keep": true}')
    for name, value in given.items():
        if not isinstance(value, bool):
            raise ParameterRefused(f"{name} must be true or false")

    def begun() -> dict[str, Any]:
        with connection_to(house.url, house.schema, "rebuild") as connection:
            id_ = house.rebuilds.start(
                connection,
                keep=given.get("keep", False) or given.get("preview", False),
                keep_policies=given.get("keep_policies", False),
                whole=given.get("whole", False),
            )
            house.trail.acted("rebuild.begun", said(generation=id_, **given))
            return previewing.linked(
                rebuilding.rebuild_of(connection, house.schema, id_), preview=given.get("preview", False)
            )

    found = await run_in_threadpool(begun)
    return json_answer(found, 202, {"Location": found["links"]["self"]})


@router.get(
    "/v1/rebuilds/{id}",
    summary="How a rebuild stands",
    openapi_extra={**_ID, "responses": responses(401, 404, 422, 503, schema=_REBUILD)},
)
async def get_rebuild(request: Request) -> Response:
    """404 once its generation is dropped: one that failed is, by a rebuild under other rules or policies."""
    house = house_of(request)
    return json_answer(await run_in_threadpool(house.read, rebuilding.rebuild_of, house.schema, _id(request)))
