"""What did not get in: quarantine and conflicts; reading entries again, and dismissing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from adapters.replaying import Replay
from api import quarantining
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import json_object, read_body, stated
from api.house import House
from api.parameters import ParameterRefused, Values
from api.personal import opener
from api.routes.common import documented, house_of, responses, sent
from api.trail import said

router: Final = APIRouter(route_class=Guarded, tags=["quarantine"])

_PAGE: Final = quarantining.PAGE
_FILTERS: Final = {**quarantining.FILTERS, **_PAGE}
#: What a body that says who dismisses something may have at most.
_MOST_STATED: Final = 16_384
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {
    "name": "entry",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
    "description": "The entry's id.",
}


def _body(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    schema = {
        "type": "object", "required": list(required), "properties": properties, "additionalProperties": False,
    }  # fmt: skip
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


_SELECTING: Final = {name: {**given.schema, "description": given.says} for name, given in _FILTERS.items()}
_SELECTION: Final = _body(_SELECTING)
_WHO: Final = {
    "actor": {**_TEXT, "description": "Who does it."}, "note": {**_TEXT, "description": "Why."},
}  # fmt: skip


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
    """Open entries unless another status is asked for, oldest first, each with its reasons and what to do."""
    wanted = quarantining.asked(sent(request), _FILTERS)
    found, more = await run_in_threadpool(house_of(request).read, quarantining.entries, wanted)
    return json_answer({"entries": found, "next": None if more is None else str(more)})


@router.get(
    "/v1/quarantine/summary",
    summary="How many messages could not be understood, and why",
    openapi_extra={"parameters": documented(quarantining.FILTERS), "responses": responses(401, 422, 503)},
)
async def get_summary(request: Request) -> Response:
    """In groups of the same first reason, source and mapping, with the oldest of each."""
    wanted = quarantining.asked(sent(request), quarantining.FILTERS).wanted
    return json_answer(await run_in_threadpool(house_of(request).read, quarantining.summary, wanted))


@router.post(
    "/v1/quarantine/replay",
    summary="Read many quarantined messages again",
    openapi_extra={"requestBody": _SELECTION, "responses": responses(401, 422, 503)},
)
async def post_replays(request: Request) -> Response:
    """Those that fit the same filters as the list's, as fields of a JSON object; without any, all that are
    open.

    At most `limit` (default and most: 500) a request. While `next` is not null, send it as `cursor` to go on.
    What is settled is open no more, so a replay that broke off is started again as it was.
    """
    given = json_object(await read_body(request, _MOST_STATED), _FILTERS, '{"reason": "currency_unknown"}')
    wanted = _selected(given)
    total = Replay()
    more = await run_in_threadpool(_replay_next, house_of(request), wanted, given, total)
    return json_answer({**quarantining.counted(total), "next": None if more is None else str(more)})


def _replay_next(
    house: House, wanted: quarantining.Asked, given: Mapping[str, Any], total: Replay
) -> int | None:
    with house.pool.connection() as connection:
        more = quarantining.replay_next(connection, house.intake, wanted, total)
    house.trail.acted(
        "quarantine.replayed", said(entries=total.entries, milestones=total.milestones, **given)
    )
    return more


def _selected(given: Mapping[str, Any]) -> quarantining.Asked:
    """Entries by filters of a body, at most so many as are done together. Raises ParameterRefused."""
    told = [(name, _said(value)) for name, value in given.items() if value is not None]
    wanted = quarantining.asked(told, _FILTERS)
    if wanted.limit > quarantining.BATCH or "limit" not in given:
        wanted = wanted._replace(limit=quarantining.BATCH)
    return wanted


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise ParameterRefused("each field must be a text, a whole number, true or false")


@router.post(
    "/v1/quarantine/dismiss",
    summary="Say that nothing is to come of many quarantined messages",
    openapi_extra={
        "requestBody": _body({**_WHO, **_SELECTING}, "actor", "note"), "responses": responses(401, 422, 503),
    },
)  # fmt: skip
async def post_dismissals(request: Request) -> Response:
    """Open ones that fit the same filters as the list's; at least one filter is needed.

    At most `limit` (default and most: 500) a request. While `next` is not null, send it as `cursor` to go on.
    """
    example = '{"actor": "ann", "note": "a wrong delimiter", "reason": "row_ragged"}'
    given = json_object(await read_body(request, _MOST_STATED), ("actor", "note", *_FILTERS), example)
    actor, note = stated(given, "actor", "say who does it"), stated(given, "note", "say why")
    chosen = {name: value for name, value in given.items() if name in _FILTERS}
    wanted = _selected(chosen)
    house = house_of(request)

    def dismissed() -> tuple[list[int], int | None]:
        found = house.read(quarantining.dismiss_next, wanted, actor, note)
        house.trail.acted("quarantine.dismissed", said(entries=len(found[0]), by=actor, **chosen))
        return found

    done, more = await run_in_threadpool(dismissed)
    return json_answer({"dismissed": len(done), "next": None if more is None else str(more)})


@router.post(
    "/v1/quarantine/{entry}/dismiss",
    summary="Say that nothing is to come of a quarantined message",
    openapi_extra={
        "parameters": [_NUMBER], "requestBody": _body(_WHO, "actor", "note"),
        "responses": responses(401, 404, 409, 422, 503),
    },
)  # fmt: skip
async def post_dismissal(request: Request) -> Response:
    """It is kept with its bytes, and is neither listed as open nor an exception any more."""
    number = _entry(request)
    example = '{"actor": "ann", "note": "a test of theirs"}'
    given = json_object(await read_body(request, _MOST_STATED), ("actor", "note"), example)
    actor, note = stated(given, "actor", "say who does it"), stated(given, "note", "say why")
    house = house_of(request)

    def dismissed() -> list[int]:
        found = house.read(quarantining.dismiss, [number], actor, note)
        house.trail.acted("quarantine.dismissed", said(entry=number, by=actor))
        return found

    done = await run_in_threadpool(dismissed)
    return json_answer({"quarantine": number, "status": "dismissed", "new": bool(done)})


@router.get(
    "/v1/quarantine/{entry}",
    summary="One message that could not be understood, with its bytes",
    openapi_extra={"parameters": [_NUMBER], "responses": responses(401, 404, 422, 503)},
)
async def get_entry(request: Request) -> Response:
    """The bytes as text where they are UTF-8, else as base64, with the place that each reason points to."""
    number = _entry(request)
    Values(sent(request), {})
    house = house_of(request)
    return json_answer(await run_in_threadpool(house.read, quarantining.entry, number, opener(house.intake)))


@router.post(
    "/v1/quarantine/{entry}/replay",
    summary="Read a quarantined message again",
    openapi_extra={"parameters": [_NUMBER], "responses": responses(401, 404, 409, 422, 503)},
)
async def post_replay(request: Request) -> Response:
    """After its mapping, reference data or policy was mended. Answers one outcome per milestone in it."""
    number = _entry(request)
    house = house_of(request)

    def replayed() -> list[dict[str, Any]]:
        found = quarantining.replay(house.intake, number)
        outcomes = [one["outcome"] for one in found]
        house.trail.acted("quarantine.replayed", said(entry=number, outcomes=outcomes))
        return found

    results = await run_in_threadpool(replayed)
    return json_answer({"quarantine": number, "results": results})


@router.get(
    "/v1/conflicts",
    summary="Messages whose identity is on record with other content",
    openapi_extra={"parameters": documented(_PAGE), "responses": responses(401, 422, 503)},
)
async def get_conflicts(request: Request) -> Response:
    """The first recorded content stands; both are kept."""
    after, limit = _page(Values(sent(request), _PAGE))
    house = house_of(request)
    found, more = await run_in_threadpool(
        house.read, quarantining.conflicts, after, limit, opener(house.intake)
    )
    return json_answer({"conflicts": found, "next": None if more is None else str(more)})
