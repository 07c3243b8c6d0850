"""Reading a request's body up to a limit."""

from __future__ import annotations

from starlette.requests import Request


class BodyTooLarge(ValueError):
    """The body has more bytes than are taken at once."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} bytes at once (CAIRN_MAX_BODY): send fewer events a request")


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge, before reading it where its length is stated."""
    stated = request.headers.get("content-length")
    if stated is not None and stated.isdigit() and int(stated) > limit:
        raise BodyTooLarge(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge(limit)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
