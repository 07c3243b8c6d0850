"""Reading a request's body: up to a limit, and as the fields that a person states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request

from api.access.callers import current
from api.parameters import ParameterRefused

#: Characters of a text that somebody states: a name, a note.
MAX_STATED: Final = 1_000
#: Of a body that is too large, bytes beyond the limit that are let go by, and seconds that they may take:
#: most senders listen only once they have sent everything, and would see a broken connection instead.
_PASSED: Final = 2**20
_PASSED_SECONDS: Final = 2.0


class BodyTooLarge(ValueError):
    """The body has more bytes than are taken at once."""

    def __init__(self, limit: int, setting: str) -> None:
        super().__init__(f"at most {limit} bytes at once ({setting}): send fewer events a request")


async def read_body(request: Request, limit: int, setting: str = "CAIRN_MAX_BODY") -> bytes:
    """The whole body. Raises BodyTooLarge, before keeping any of it where its length is stated.

    setting: what sets the limit, for people. Where the caller's key sets a smaller one, that counts.
    """
    own = current().max_body
    if own is not None and own < limit:
        limit, setting = own, "the limit of this key"
    stated = request.headers.get("content-length")
    stream = request.stream()
    if stated is not None and stated.isdigit() and int(stated) > limit:
        # who expects to be told to go on sends nothing before that
        if "expect" not in request.headers and int(stated) <= limit + _PASSED:
            await _pass(stream, int(stated))
        raise BodyTooLarge(limit, setting)
    parts: list[bytes] = []
    size = 0
    async for part in stream:
        size += len(part)
        if size > limit:
            parts.clear()
            await _pass(stream, _PASSED)
            raise BodyTooLarge(limit, setting)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _pass(stream: AsyncIterator[bytes], most: int) -> None:
    """Let the rest of a body go by, up to a number of bytes, for a while."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_PASSED_SECONDS):
            async for part in stream:
                most -= len(part)
                if most <= 0:
                    return


def json_object(body: bytes, allowed: Iterable[str], example: str) -> dict[str, Any]:
    """A body as a JSON object with these fields and no others; an empty body is an empty object.

    Raises ParameterRefused, which shows `example` or names what is allowed.
    """
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise ParameterRefused(f"the body must be a JSON object, e.g. {example}")
    for name in given:
        if name not in allowed:
            raise ParameterRefused(f"there is no field {name[:80]!r} here", allowed)
    return given


def stated(given: Mapping[str, Any], name: str, why: str) -> str:
    """A text that has to be there. Raises ParameterRefused, which says why."""
    value = given.get(name)
    if value is None:
        raise ParameterRefused(f"{name} is missing: {why}")
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_STATED or "\0" in value:
        raise ParameterRefused(f"{name} must be a text of 1 to {MAX_STATED} characters")
    return value
