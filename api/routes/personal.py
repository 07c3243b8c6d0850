"""Personal data: the rules and what is kept, and forgetting a data subject. The same as `cairn forget`."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import forgetting
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import json_object, read_body, stated
from api.forgetting import Keeper
from api.house import House
from api.parameters import Values
from api.routes.common import house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["personal data"])

_MOST_STATED: Final = 16_384
_FIELDS: Final = ("subject", "reason")
_EXAMPLE: Final = '{"subject": "ann@example.com", "reason": "asked for on 2026-03-01"}'
_TEXT: Final = {"type": "string"}
_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": list(_FIELDS),
                "properties": {
                    "subject": {**_TEXT, "description": "The id, as the rules' `subject` has it."},
                    "reason": {**_TEXT, "description": "Why; it stays in the log and must not name them."},
                },
                "additionalProperties": False,
            }
        }
    },
}
_NUMBER: Final = {"type": "integer"}
_HEX: Final = {"type": "string", "description": "What tokens have in place of the id: 16 hex digits."}
_FORGOTTEN: Final = {
    "type": "object",
    "required": ["subject", "values", "payloads", "already"],
    "properties": {
        "subject": _HEX,
        "values": {**_NUMBER, "description": "Sealed values that were destroyed."},
        "payloads": {**_NUMBER, "description": "Payloads sealed whole that held the subject, likewise."},
        "already": {"type": "boolean", "description": "It had been forgotten before; nothing was done."},
        "position": {**_NUMBER, "description": "Of the act in the audit trail."},
        "swept": {"type": "boolean", "description": "Whether nothing is left in the tables' files either."},
        "listed": {"type": "boolean", "description": "Whether it is on the list beside the secret."},
    },
}


def _keeper(house: House) -> Keeper:
    return forgetting.keeper(house.settings, house.pool, house.intake.personal, house.trail.acted)


async def _stated(request: Request) -> tuple[str, str]:
    given = json_object(await read_body(request, _MOST_STATED), _FIELDS, _EXAMPLE)
    subject = stated(given, "subject", "say who, as the rules' `subject` has it")
    return subject, stated(given, "reason", "say why; it stays in the log and must not name them")


@router.get(
    "/v1/personal",
    summary="The rules for personal data, and how much is kept under them",
    openapi_extra={"responses": responses(401, 403, 409, 422, 503)},
)
async def get_personal(request: Request) -> Response:
    """Counts only: of subjects with a key, their values, payloads sealed whole, subjects forgotten."""
    Values(sent(request), {})
    keeper = _keeper(house_of(request))
    return json_answer(await run_in_threadpool(forgetting.overview, keeper))


@router.post(
    "/v1/personal/forget",
    summary="Forget a data subject",
    openapi_extra={
        "requestBody": _BODY,
        "responses": responses(401, 403, 404, 409, 413, 422, 503, schema=_FORGOTTEN),
    },
)
async def post_forget(request: Request) -> Response:
    """Its key and sealed values are destroyed for good; reports stay as they are. Repeated: nothing."""
    subject, reason = await _stated(request)
    keeper = _keeper(house_of(request))
    told: dict[str, Any] = await run_in_threadpool(forgetting.forget, keeper, subject, reason)
    return json_answer(told)


@router.post(
    "/v1/personal/allow",
    summary="Keep values of a forgotten data subject again",
    openapi_extra={"requestBody": _BODY, "responses": responses(401, 403, 404, 409, 413, 422, 503)},
)
async def post_allow(request: Request) -> Response:
    """From now on; what was destroyed stays so, unless it is delivered again."""
    subject, reason = await _stated(request)
    keeper = _keeper(house_of(request))
    told: dict[str, Any] = await run_in_threadpool(forgetting.allow, keeper, subject, reason)
    return json_answer(told)
