"""What every request passes: its id, the guard, timing, one log line. Plain ASGI, so that it costs little."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import Guard, Unauthorised
from api.errors import answer
from api.logs import request_id
from api.metrics import Metrics

_log: Final = logging.getLogger("cairn.request")
_crash: Final = logging.getLogger("cairn.api")
_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def correlation_id(headers: list[tuple[bytes, bytes]]) -> str:
    """The caller's x-request-id, else the trace id of its traceparent, else a new one."""
    trace = b""
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return value.decode()
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value)):
            trace = match[1]
    return trace.decode() or secrets.token_hex(8)


class Edge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, guard: Guard, metrics: Metrics) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        current = correlation_id(scope["headers"])
        token = request_id.set(current)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", current.encode())]
            await send(message)

        try:
            self._guard.check(scope["path"], scope["headers"], scope["method"])
            await self._app(scope, receive, sending)
        except Unauthorised as refusal:
            await answer(refusal)(scope, receive, sending)
        except ClientDisconnect:
            status = status or 499  # nobody is there to be answered; the number is the usual one for logs
        except Exception as error:  # noqa: BLE001 - the last one that can answer
            _crash.exception("a request failed in a way that nobody foresaw")
            if not status:
                await answer(error)(scope, receive, sending)
        finally:
            self._tell(scope, status, time.perf_counter() - started)
            request_id.reset(token)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        # the pattern, not the path: what callers put into a path is theirs
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.served(method, route, status, seconds)
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "%s %s %d",
                method,
                route,
                status,
                extra={"method": method, "route": route, "status": status, "ms": round(seconds * 1e3, 3)},
            )
