"""Feeds over HTTP: messages pushed by source systems in, and what each feed has brought."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from adapters.feeds.outbound import acknowledgement
from adapters.feeds.proof import Message, ProofRefused
from adapters.feeds.setup import Feed
from adapters.feeds.tallies import Noted, Rejection
from adapters.feeds.webhook import Basic, BusinessCentral, SalesforceOutbound
from adapters.preparing import now
from api import errors, feeds, receiving
from api.access.appending import check_sources
from api.access.routing import Guarded
from api.answers import json_answer
from api.bodies import BodyTooLarge, read_body
from api.envelopes import MediaTypeUnknown
from api.feeds import FeedUnknown
from api.house import House
from api.parameters import Parameter, ParameterRefused, Values
from api.routes.common import FEED_NAME, PAGE, documented, house_of, responses, sent

router: Final = APIRouter(route_class=Guarded, tags=["sources"])
_log: Final = logging.getLogger("cairn.feeds")

#: Bodies up to this size are proven and read on the event loop; larger ones on a thread.
SMALL: Final = 32 * 1024
_LONGEST_TOKEN: Final = 2_000
_LAST: Final = 2**63 - 1
_XML: Final = "text/xml; charset=utf-8"
_SPAN: Final = {
    "from": Parameter("First day of receipt to be counted (UTC).", {"type": "string", "format": "date"}),
    "to": Parameter("Last day of receipt to be counted (UTC).", {"type": "string", "format": "date"}),
}


@router.post(
    "/v1/sources/{name}",
    summary="Take a message that a source system pushes",
    openapi_extra={
        "parameters": [FEED_NAME],
        "requestBody": {
            "required": True,
            "description": "The message as the source system sends it. Its sender proves itself as the feed's"
            " webhook section says; only `scheme: none` asks for the API's token.",
            "content": {"application/json": {"schema": {}}, "text/xml": {"schema": {"type": "string"}}},
        },
        "responses": responses(401, 404, 413, 415, 503, also=["text/plain", "text/xml"]),
    },
)
async def post_message(request: Request) -> Response:
    """Durable before the answer; also what is ignored or quarantined is answered 200."""
    house = house_of(request)
    feed = _pushed(house, request.path_params["name"])
    webhook = feed.setup.webhook
    if isinstance(webhook, BusinessCentral) and (token := _handshake(request)) is not None:
        return Response(token, 200, {"X-Content-Type-Options": "nosniff"}, "text/plain; charset=utf-8")
    try:
        told = await _take(house, feed, request)
    except Exception as error:
        _named_in_trail(request, feed, error)
        if isinstance(webhook, SalesforceOutbound):
            return _unacknowledged(feed, error)
        if isinstance(error, ProofRefused):
            return _unproven(feed, error)
        raise
    if isinstance(webhook, SalesforceOutbound):
        return Response(acknowledgement(taken=True), 200, media_type=_XML)
    return json_answer({"results": told})


def _named_in_trail(request: Request, feed: Feed, error: Exception) -> None:
    """The trail tells feeds apart, by the names that the house gave them."""
    request.scope[errors.ROUTE] = f"/v1/sources/{feed.name}"
    if (kind := errors.kind_of(error)) is not None:
        request.scope[errors.PROBLEM] = kind.slug


def _unacknowledged(feed: Feed, error: Exception) -> Response:
    """With anything but Ack true, Salesforce sends it again."""
    kind = errors.kind_of(error)
    if kind is None:
        _log.error("feed %s stumbled over a message", feed.name, exc_info=error)
        return Response(acknowledgement(taken=False), 500, media_type=_XML)
    wait = {} if kind.retry_after is None else {"Retry-After": str(kind.retry_after)}
    return Response(acknowledgement(taken=False), kind.status, wait, _XML)


def _pushed(house: House, name: str) -> Feed:
    feed = feeds.known(house.feeds, name)
    if feed.setup.webhook is None:
        pushed = tuple(one.name for one in house.feeds.values() if one.setup.webhook is not None)
        raise FeedUnknown(f"the feed {name} has no webhook section", pushed)
    return feed


def _handshake(request: Request) -> str | None:
    """What a subscription asks for before it begins: its token back, as plain text."""
    try:
        pairs = parse_qsl(request.url.query, max_num_fields=100)
    except ValueError:
        return None
    token = next((value for name, value in pairs if name.lower() == "validationtoken"), None)
    if token is not None and (len(token) > _LONGEST_TOKEN or not token.isprintable()):
        raise ParameterRefused(f"validationToken must be at most {_LONGEST_TOKEN} printable characters")
    return token


async def _take(house: House, feed: Feed, request: Request) -> list[dict[str, Any]]:
    """Prove, read, record, count: results, one per record. Raises what of it goes wrong."""
    message: Message | None = None
    try:
        body = await _body(house, feed, request)
        at = now()
        headers = tuple((name.lower(), value) for name, value in request.headers.raw)
        message = Message(request.method, request.scope["query_string"], headers, body)
        proof = await _called(len(body), receiving.proven, feed.setup.webhook, message, at)
    except ProofRefused as error:
        await _reject(house, feed, receiving.rejection(error.reason, error, message))
        raise
    except MediaTypeUnknown as error:
        await _reject(house, feed, receiving.rejection("media_type_unknown", error, message))
        raise
    except BodyTooLarge as error:
        stated = request.headers.get("content-length", "")
        size = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 19 else None
        await _reject(house, feed, receiving.rejection("body_too_large", error, None, size))
        raise
    if proof.once is not None and await run_in_threadpool(house.tallies.has_seen, feed.name, proof.once):
        told: list[dict[str, Any]] = await _called(len(body), receiving.replayed, feed, message)
        counts = {("duplicate", ""): len(told)} if told else {}
        await asyncio.wrap_future(house.tallies.note(Noted(feed.name, at, counts)))
        house.metrics.received(feed.name, counts)
        return told
    received = await _called(len(body), receiving.read, house.intake, feed, message, proof, at)
    items = [item for record in received.records for item in record.items]
    check_sources(items)
    outcomes = await asyncio.wrap_future(house.intake.submit(items))
    counts = receiving.summed(received, outcomes)
    await asyncio.wrap_future(house.tallies.note(received.noted(counts)))
    house.metrics.answered(items, outcomes)
    house.metrics.received(feed.name, counts)
    return receiving.results(received, outcomes)


async def _body(house: House, feed: Feed, request: Request) -> bytes:
    assert feed.setup.webhook is not None, "a feed without a webhook takes no messages"
    if feed.setup.webhook.max_body < house.settings.max_body:
        return await read_body(request, feed.setup.webhook.max_body, f"max_body of {feed.name}")
    return await read_body(request, house.settings.max_body)


async def _called(size: int, function: Any, *args: Any) -> Any:
    """Call it here for a small body, on a thread for a large one, so that others are served meanwhile."""
    return function(*args) if size <= SMALL else await run_in_threadpool(function, *args)


async def _reject(house: House, feed: Feed, rejection: Rejection) -> None:
    house.metrics.rejected(feed.name, rejection.reason)
    _log.warning("feed %s turned a message away: %s", feed.name, rejection.reason)
    try:
        await asyncio.wrap_future(house.tallies.note(Noted(feed.name, now(), rejection=rejection)))
    except Exception as error:  # noqa: BLE001 - the sender is refused all the same
        _log.warning("a rejection could not be kept (%s)", type(error).__name__)


def _unproven(feed: Feed, error: ProofRefused) -> Response:
    kind = errors.kind_of(error)
    assert kind is not None, "it is in the list"
    challenge = "Basic" if isinstance(feed.setup.webhook, Basic) else "Webhook"
    headers = {"WWW-Authenticate": f'{challenge} realm="cairn"'}
    told = receiving.refusal(feed, error)
    assert kind.status == HTTPStatus.UNAUTHORIZED, "which comes with a challenge"
    return errors.problem(kind, str(told), headers=headers, reason=error.reason)


@router.get(
    "/v1/sources",
    summary="Every feed, with what it has brought",
    openapi_extra={"parameters": documented(_SPAN), "responses": responses(401, 422, 503)},
)
async def get_sources(request: Request) -> Response:
    """Records by outcome add up to `input`; messages that were turned away are counted beside them."""
    house, values = house_of(request), Values(sent(request), _SPAN)
    first, last = values.day("from"), values.day("to")
    found = await run_in_threadpool(house.read, feeds.listing, house.feeds, first, last)
    return json_answer({"sources": found})


@router.get(
    "/v1/sources/{name}",
    summary="One feed, with what it has brought",
    openapi_extra={"parameters": [FEED_NAME, *documented(_SPAN)], "responses": responses(401, 404, 422, 503)},
)
async def get_source(request: Request) -> Response:
    """As in the list."""
    house, values = house_of(request), Values(sent(request), _SPAN)
    name = request.path_params["name"]
    first, last = values.day("from"), values.day("to")
    found = await run_in_threadpool(house.read, feeds.listing, house.feeds, first, last, name)
    if not found:
        feeds.known(house.feeds, name)
    return json_answer(found[0])


@router.get(
    "/v1/sources/{name}/rejections",
    summary="Messages to a feed that were turned away",
    openapi_extra={"parameters": [FEED_NAME, *documented(PAGE)], "responses": responses(401, 404, 422, 503)},
)
async def get_rejections(request: Request) -> Response:
    """The last thousand, newest first, with reason and digest; the bytes are not kept."""
    house, values = house_of(request), Values(sent(request), PAGE)
    before = values.whole("cursor", least=1) or _LAST
    limit = values.whole("limit", least=1, most=1_000) or 100
    name = request.path_params["name"]
    found, more = await run_in_threadpool(house.read, feeds.rejected, name, before, limit)
    if not found:
        feeds.known(house.feeds, name)
    return json_answer({"rejections": found, "next": None if more is None else str(more)})
