"""Mappings over HTTP: which there are, what one makes of a payload, what a changed one would change."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from adapters.sources import Source
from api import mappings
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import json_object, read_body, stated
from api.parameters import ParameterRefused, Values
from api.routes.common import house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["mappings"])

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer", "minimum": 0}
#: A mapping file, and what is said beside it.
_MOST_STATED: Final = 4 * 2**20
_MESSAGES: Final = {
    "since": {**_TEXT, "description": "Only messages received since: a day, or RFC 3339 with an offset."},
    "after": {**_WHOLE, "description": "Only messages after this number; `next` of the answer before."},
    "limit": {**_WHOLE, "description": f"Messages to read; default and most: {mappings.MOST_MESSAGES}."},
}
_MAPPING: Final = {
    "mapping": {**_TEXT, "description": "The name of an installed mapping."},
    "file": {**_TEXT, "description": "Or the text of a mapping file."},
}
_PREVIEW: Final = {**_MAPPING, **_MESSAGES}
_APPLY: Final = {
    "mapping": _MAPPING["mapping"],
    **_MESSAGES,
    "actor": {**_TEXT, "description": "Who does it."},
    "reason": {**_TEXT, "description": "Why; it stands in every correction."},
    "expect": {
        **_TEXT,
        "description": "`digest` of a preview: where anything differs from it, nothing is done.",
    },
}
_TRY: Final = {
    **_MAPPING,
    "payload": {**_TEXT, "description": "The record, as text."},
    "instance": {**_TEXT, "description": "The firm's copy of the system; default: main."},
}


def _body(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {
        "type": "object", "required": list(required), "properties": properties, "additionalProperties": False,
    }  # fmt: skip
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _source(given: dict[str, Any]) -> Source:
    if (given.get("mapping") is None) == (given.get("file") is None):
        raise ParameterRefused("give mapping with a name, or file with the text of one")
    if given.get("file") is None:
        return mappings.of_name(stated(given, "mapping", "name it"))
    if not isinstance(given["file"], str):
        raise ParameterRefused("file must be the text of a mapping")
    return mappings.of_text(given["file"])


@router.get(
    "/v1/mappings",
    summary="The mappings that read messages here",
    openapi_extra={"responses": responses(401, 422)},
)
async def get_mappings(request: Request) -> Response:
    """Each with its version and digest, as they are kept with what it reads."""
    Values(sent(request), {})
    return json_answer({"mappings": await run_in_threadpool(mappings.listed)})


@router.post(
    "/v1/mappings/try",
    summary="What a mapping makes of one payload",
    openapi_extra={"requestBody": _body(_TRY, "payload"), "responses": responses(401, 404, 422)},
)
async def post_try(request: Request) -> Response:
    """Nothing is recorded."""
    house = house_of(request)
    given = json_object(
        await read_body(request, house.settings.max_body), _TRY, '{"mapping": "stripe", "payload": ...}'
    )
    payload, instance = given.get("payload"), given.get("instance", "main")
    if not isinstance(payload, str) or not isinstance(instance, str):
        raise ParameterRefused("payload and instance must be texts")

    def tried() -> dict[str, Any]:
        try:
            return mappings.tried(_source(given), payload.encode(), instance)
        except UnicodeEncodeError:
            raise ParameterRefused("payload holds half a character (a lone surrogate)") from None

    return json_answer(await run_in_threadpool(tried))


@router.post(
    "/v1/mappings/preview",
    summary="What a changed mapping would change",
    openapi_extra={"requestBody": _body(_PREVIEW), "responses": responses(401, 404, 422, 503)},
)
async def post_preview(request: Request) -> Response:
    """Reads the stored bytes of all messages of that mapping again, and records nothing."""
    house = house_of(request)
    given = json_object(await read_body(request, _MOST_STATED), _PREVIEW, '{"mapping": "stripe"}')

    def previewed() -> dict[str, Any]:
        wanted = mappings.asked(_source(given), given, most=mappings.MOST_MESSAGES)
        return mappings.preview(house.pool, house.intake, wanted)

    return json_answer(await run_in_threadpool(previewed))


@router.post(
    "/v1/mappings/apply",
    summary="Change what a changed mapping would change",
    openapi_extra={
        "requestBody": _body(_APPLY, "mapping", "actor", "reason"),
        "responses": responses(401, 404, 409, 422, 503),
    },
)
async def post_apply(request: Request) -> Response:
    """Replays what is quarantined, records what is new, and corrects or voids what was recorded otherwise."""
    house = house_of(request)
    example = '{"mapping": "stripe", "actor": "ann", "reason": "..."}'
    given = json_object(await read_body(request, _MOST_STATED), _APPLY, example)
    who = mappings.by(given, house.settings.tenant)
    expect = given.get("expect")
    if expect is not None:
        stated(given, "expect", "the digest of a preview")

    def applied() -> dict[str, Any]:
        source = mappings.of_name(stated(given, "mapping", "name it"))
        wanted = mappings.asked(source, given, most=mappings.MOST_MESSAGES)
        found = mappings.apply(house.pool, house.intake, wanted, who, expect)
        house.trail.acted("mapping.applied", mappings.act(found, who))
        return found

    return json_answer(await run_in_threadpool(applied))
