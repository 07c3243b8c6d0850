"""Keys of callers over HTTP: made, listed, rotated, revoked. The same as `cairn keys`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from adapters.postgres import keys as kept
from adapters.postgres.keys import Grants
from api.access import keeping
from api.access.callers import ROLES
from api.access.keys import Made, size_of, told
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import json_object, read_body, stated
from api.house import House
from api.parameters import ParameterRefused
from api.routes.common import house_of, name_in_path, responses

router: Final = APIRouter(route_class=Guarded, tags=["access"])

#: Bytes of a body that asks for a key.
MAX_BODY: Final = 64 * 1024
_CREATING: Final = (
    "name", "roles", "sources", "entity", "territory", "personal", "expires", "rate", "max_body",
)  # fmt: skip
_ROTATING: Final = ("expires", "overlap", "revoke_old")
_EXAMPLE: Final = '{"name": "hubspot", "roles": ["append"], "sources": ["/crm/hubspot/*"], "expires": "90d"}'
_NAME: Final = name_in_path("The key's name, or the id of one key.")
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_TEXT: Final = {"type": ["string", "null"]}
_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_KEY: Final = {
    "type": "object",
    "required": ["id", "name", "state", "roles"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "state": {"enum": ["live", "expired", "revoked"]},
        "roles": {"type": "array", "items": {"enum": list(ROLES)}},
        "sources": _TEXTS,
        "entity": _TEXTS,
        "territory": _TEXTS,
        "personal": {"type": "boolean"},
        "rate": _TEXT,
        "max_body": {"type": ["integer", "null"]},
        "created_at": _TIME,
        "created_by": _TEXT,
        "expires_at": _TIME,
        "revoked_at": _TIME,
        "revoked_by": _TEXT,
        "last_used_at": {**_TIME, "description": "By the minute, a minute or so behind."},
    },
}
_MADE: Final = {
    "type": "object",
    "required": ["key", "id", "name"],
    "properties": {
        "key": {"type": "string", "description": "What the caller presents. Shown here and never again."},
        **_KEY["properties"],  # type: ignore[dict-item]
        "older": {**_TEXTS, "description": "Ids of the older keys of the name, where it was rotated."},
    },
}
_SPAN: Final = {"type": "string", "pattern": "^[1-9][0-9]{0,4}[mhd]$"}
_ASKED: Final = {
    "type": "object",
    "required": ["name", "roles"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "roles": {"type": "array", "items": {"enum": list(ROLES)}},
        "sources": {**_TEXTS, "description": "For `append`: patterns; `*` for all sources."},
        "entity": {**_TEXTS, "minItems": 1, "description": "For `read`: only rows of these."},
        "territory": {**_TEXTS, "minItems": 1, "description": "For `read`: only rows of these."},
        "personal": {"type": "boolean", "description": "Whether it is shown personal data."},
        "expires": {**_SPAN, "description": "As `90d`, `24h`, `30m`."},
        "rate": {"type": "string", "description": "As `100/second`."},
        "max_body": {"description": "Bytes, or as `1MiB`."},
    },
}
_ROTATED: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"expires": _SPAN, "overlap": _SPAN, "revoke_old": {"type": "boolean"}},
}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _created(*statuses: int) -> dict[str, Any]:
    answers = responses(*statuses, schema=_MADE)
    return {"201": answers.pop("200"), **answers}


@router.get(
    "/v1/keys",
    summary="The keys of this ledger",
    openapi_extra={
        "responses": responses(
            401, 403, 503, schema={"type": "object", "properties": {"keys": {"type": "array", "items": _KEY}}}
        )
    },
)
async def get_keys(request: Request) -> Response:
    """Every key that was ever made, oldest first; nothing of their secrets."""
    found = await run_in_threadpool(house_of(request).read, kept.every)
    now = datetime.now(UTC)
    return json_answer({"keys": [told(key, now) for key in found]})


@router.post(
    "/v1/keys",
    summary="Make a key",
    status_code=201,
    openapi_extra={"requestBody": _body(_ASKED), "responses": _created(401, 403, 413, 422, 503)},
)
async def post_key(request: Request) -> Response:
    """Its text is in the answer, and nowhere else."""
    house = house_of(request)
    given = json_object(await _short_body(request), _CREATING, _EXAMPLE)
    name, grants = stated(given, "name", "what is the key called?"), _grants(given)
    expires = _text(given, "expires")

    def make() -> Made:
        with house.pool.connection() as connection:
            made = keeping.create(connection, house.schema, house.trail.acted, name, grants, expires)
            house.keys.read(connection)
            return made

    return _answer(await run_in_threadpool(make))


@router.post(
    "/v1/keys/{name}/rotate",
    summary="Make the second key of a name",
    status_code=201,
    openapi_extra={
        "parameters": [_NAME],
        "requestBody": _body(_ROTATED),
        "responses": _created(401, 403, 404, 413, 422, 503),
    },
)
async def post_rotation(request: Request) -> Response:
    """It may do what the older one may; both are live until the older one ends: now, later, or by hand."""
    house, name = house_of(request), request.path_params["name"]
    given = json_object(await read_body(request, MAX_BODY, "the limit here"), _ROTATING, '{"overlap": "24h"}')
    expires, overlap, revoke_old = (
        _text(given, "expires"),
        _text(given, "overlap"),
        _flag(given, "revoke_old"),
    )
    if overlap is not None and revoke_old:
        raise ParameterRefused("give overlap or revoke_old, not both")

    def make() -> tuple[Made, list[str]]:
        with house.pool.connection() as connection:
            found = keeping.rotate(
                connection,
                house.schema,
                house.trail.acted,
                name,
                expires=expires,
                overlap=overlap,
                revoke_old=revoke_old,
            )
            house.keys.read(connection)
            return found

    made, older = await run_in_threadpool(make)
    return _answer(made, older=older)


@router.delete(
    "/v1/keys/{name}",
    summary="Revoke the keys of a name, or one by its id",
    openapi_extra={
        "parameters": [_NAME],
        "responses": responses(
            401, 403, 404, 422, 503,
            schema={"type": "object", "properties": {"revoked": _TEXTS}},
        ),
    },
)  # fmt: skip
async def delete_key(request: Request) -> Response:
    """In force when it is answered. A key that has ended already stays as it is."""
    house, name = house_of(request), request.path_params["name"]
    return json_answer({"revoked": await run_in_threadpool(_revoke, house, name)})


def _revoke(house: House, name: str) -> list[str]:
    with house.pool.connection() as connection:
        try:
            return [key.id for key in keeping.revoke(connection, house.schema, house.trail.acted, name)]
        finally:
            house.keys.read(connection)


async def _short_body(request: Request) -> bytes:
    return await read_body(request, MAX_BODY, "the limit here")


def _answer(made: Made, **more: Any) -> Response:
    key = made.key
    stored = kept.Key(
        key.id, key.name, key.digest, key.grants, datetime.now(UTC), key.created_by, key.expires_at
    )
    return json_answer({"key": made.text, **told(stored, datetime.now(UTC)), **more}, 201)


def _grants(given: dict[str, Any]) -> Grants:
    return Grants(
        _texts(given, "roles"),
        _texts(given, "sources"),
        _limits(given, "entity"),
        _limits(given, "territory"),
        personal=_flag(given, "personal"),
        rate=_text(given, "rate"),
        max_body=size_of(given.get("max_body")),
    )


def _texts(given: dict[str, Any], name: str) -> tuple[str, ...]:
    values = given.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ParameterRefused(f"{name} must be a list of texts")
    return tuple(values)


def _limits(given: dict[str, Any], name: str) -> tuple[str, ...]:
    """An empty list would limit to nothing and be kept as no limit."""
    values = _texts(given, name)
    if name in given and not values:
        raise ParameterRefused(f"{name} must name at least one: leave it out for all rows")
    return values


def _text(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ParameterRefused(f"{name} must be a text")
    return value


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise ParameterRefused(f"{name} must be true or false")
    return value
