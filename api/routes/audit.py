"""The transparency log over HTTP. `/v1/audit` is a prefix of C2SP tlog-tiles: checkpoint, tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

from api import checkpoints, inclusions
from api.access.routing import Guarded
from api.answers import json_answer
from api.checkpoints import Means
from api.parameters import DEFAULT_TIMEOUT, MAX_TIMEOUT, Parameter, ParameterRefused, Values
from api.routes.common import documented, house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["audit"])

_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_TIMEOUT: Final = Parameter(
    f"Seconds that a new checkpoint may wait for the tree to come as far as the log; default"
    f" {DEFAULT_TIMEOUT:g}.",
    {"type": "number", "minimum": 0, "maximum": MAX_TIMEOUT},
)
_CHECKPOINT: Final = {
    "fresh": Parameter(
        "`1`: make one now, of everything that is in the log.", {"enum": ["0", "1", "false", "true"]}
    ),
    "timeout": _TIMEOUT,
}
_LIST: Final = {
    "after": Parameter("Go on after this id; 0 is the beginning.", _COUNT),
    "limit": Parameter(
        "Checkpoints a page; default 100.", {"type": "integer", "minimum": 1, "maximum": 1_000}
    ),
}
_INCLUSION: Final = {
    "position": Parameter("Position of the milestone in the log.", {"type": "integer", "minimum": 1}),
    "size": Parameter("Size of the tree. Default: of a checkpoint that holds the milestone.", _COUNT),
    "timeout": _TIMEOUT,
}
_CONSISTENCY: Final = {
    "first": Parameter("Size of the earlier tree.", _COUNT),
    "second": Parameter("Size of the later tree. Default: of the last checkpoint.", _COUNT),
}
_BASE64: Final = {"type": "string", "contentEncoding": "base64"}
_HASHES: Final = {"type": "array", "items": _BASE64}
_NOTE: Final = {
    "type": ["string", "null"],
    "description": "The signed checkpoint of that size, null where none was made.",
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


_LISTED: Final = _object(
    checkpoints={
        "type": "array",
        "items": _object(
            id=_COUNT,
            size=_COUNT,
            root=_BASE64,
            made_at={"type": "string", "format": "date-time"},
            checkpoint={"type": "string"},
        ),
    },
    next={"type": ["integer", "null"]},
)
_INCLUDED: Final = _object(
    position=_COUNT,
    index=_COUNT,
    size=_COUNT,
    root=_BASE64,
    leaf_hash=_BASE64,
    proof=_HASHES,
    milestone={"type": "object"},
    entry={**_BASE64, "description": "The bytes of the leaf; see docs/transparency.md."},
    checkpoint=_NOTE,
)
_CONSISTENT: Final = _object(
    first=_COUNT, second=_COUNT, first_root=_BASE64, second_root=_BASE64, proof=_HASHES, checkpoint=_NOTE
)
_KEYS: Final = _object(
    origin={"type": "string"},
    keys={
        "type": "array",
        "items": _object(
            key={"type": "string", "description": "A verifier key, C2SP signed-note."},
            name={"type": "string"},
            id={"type": "string"},
            from_size=_COUNT,
            first_used_at={"type": "string", "format": "date-time"},
        ),
    },
)
_TILE_PATH: Final = [
    {
        "name": "level", "in": "path", "required": True,
        "schema": {"type": "integer", "minimum": 0, "maximum": 7}, "description": "0: hashes of leaves.",
    },
    {
        "name": "index", "in": "path", "required": True, "schema": {"type": "string"},
        "description": "The tile's number in groups of three digits, all but the last behind an x; of a"
        " partial tile `.p/` and its width behind it.",
    },
]  # fmt: skip


class Bytes(Response):
    """An answer that is no text."""

    media_type = "application/octet-stream"


def _problems(*statuses: int) -> dict[str, Any]:
    """The answers of a route other than 200."""
    told = responses(*statuses)
    del told["200"]
    return told


def _required(parameters: Mapping[str, Parameter], *names: str) -> list[dict[str, Any]]:
    """Query parameters as OpenAPI has them, some of which must be given."""
    return [one | {"required": one["name"] in names} for one in documented(parameters)]


async def _read(request: Request, function: Callable[[Connection[Any]], Any]) -> Any:
    return await run_in_threadpool(house_of(request).read, function)


@router.get(
    "/v1/audit/checkpoint",
    response_class=PlainTextResponse,
    summary="The last signed checkpoint, or a new one",
    openapi_extra={
        "parameters": documented(_CHECKPOINT),
        "responses": _problems(401, 403, 409, 422, 503),
    },
)
async def get_checkpoint(request: Request) -> Response:
    """A checkpoint as a signed note: C2SP tlog-checkpoint."""
    values = Values(sent(request), _CHECKPOINT)
    make = checkpoints.fresh if _yes(values, "fresh") else checkpoints.newest
    means = _means(request, values)
    made = await _read(request, lambda connection: make(connection, means))
    return Response(made.note, 200, {"Cache-Control": "no-store"}, "text/plain; charset=utf-8")


def _means(request: Request, values: Values) -> Means:
    house = house_of(request)
    return Means(house.plan, house.trail.noticed, values.seconds("timeout", DEFAULT_TIMEOUT))


def _yes(values: Values, name: str) -> bool:
    return values.one_of(name, ("0", "1", "false", "true")) in ("1", "true")


@router.get(
    "/v1/audit/checkpoints",
    summary="Every checkpoint that was signed",
    openapi_extra={
        "parameters": documented(_LIST),
        "responses": responses(401, 403, 422, 503, schema=_LISTED),
    },
)
async def get_checkpoints(request: Request) -> Response:
    """In the order of signing. `next` is where to go on, null where there are no more."""
    values = Values(sent(request), _LIST)
    after, limit = values.whole("after") or 0, values.whole("limit", least=1, most=1_000) or 100
    return json_answer(await _read(request, lambda connection: checkpoints.listed(connection, after, limit)))


@router.get(
    "/v1/audit/inclusion",
    summary="The proof that a milestone is in the tree",
    openapi_extra={
        "parameters": _required(_INCLUSION, "position"),
        "responses": responses(401, 403, 404, 409, 422, 503, schema=_INCLUDED),
    },
)
async def get_inclusion(request: Request) -> Response:
    """The leaf, its hash, and the hashes from it up to the root: RFC 9162, 2.1.3."""
    values = Values(sent(request), _INCLUSION)
    position, size = _needed(values, "position", least=1), values.whole("size")
    means = _means(request, values)
    return json_answer(
        await _read(
            request,
            lambda connection: inclusions.inclusion(connection, means, position, size),
        )
    )


def _needed(values: Values, name: str, least: int = 0) -> int:
    found = values.whole(name, least=least)
    if found is None:
        raise ParameterRefused(f"{name} is needed: a whole number from {least}")
    return found


@router.get(
    "/v1/audit/consistency",
    summary="The proof that one tree is how another begins",
    openapi_extra={
        "parameters": _required(_CONSISTENCY, "first"),
        "responses": responses(401, 403, 404, 409, 422, 503, schema=_CONSISTENT),
    },
)
async def get_consistency(request: Request) -> Response:
    """The hashes that lead to both roots: RFC 9162, 2.1.4."""
    values = Values(sent(request), _CONSISTENCY)
    first, second = _needed(values, "first"), values.whole("second")
    return json_answer(
        await _read(request, lambda connection: inclusions.consistency(connection, first, second))
    )


@router.get(
    "/v1/audit/tile/{level}/{index:path}",
    response_class=Bytes,
    summary="A tile of the tree",
    openapi_extra={
        "parameters": _TILE_PATH,
        "responses": _problems(401, 403, 404, 422, 503),
    },
)
async def get_tile(request: Request) -> Response:
    """256 hashes of 32 bytes, of a partial tile fewer: C2SP tlog-tiles."""
    Values(sent(request), {})
    level, path = request.path_params["level"], request.path_params["index"]
    found = await _read(request, lambda connection: inclusions.tile(connection, level, path))
    # what a path names never changes
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Bytes(found, 200, headers)


@router.get(
    "/v1/audit/keys",
    summary="Public keys that have signed",
    openapi_extra={"responses": responses(401, 403, 409, 422, 503, schema=_KEYS)},
)
async def get_keys(request: Request) -> Response:
    """In the order of their first use. Compare them with what you were given by another way."""
    Values(sent(request), {})
    plan = house_of(request).plan
    return json_answer(await _read(request, lambda connection: checkpoints.keys(connection, plan)))
