"""What every request passes: its id, the guard, limits, timing, one log line, and the audit trail where it is
refused. Plain ASGI, so that it costs little."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.callers import NOBODY, Caller
from api.access.callers import caller as caller_of_request
from api.access.guard import Guard
from api.access.refusals import Forbidden, IssuerUnavailable, LimitReached, Unauthorised
from api.errors import PROBLEM, ROUTE, answer
from api.headers import completed
from api.logs import request_id
from api.metrics import Metrics
from api.refusing import STATUSES

_log: Final = logging.getLogger("cairn.request")
_crash: Final = logging.getLogger("cairn.api")
_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: What the guard raises.
_REFUSED: Final = (Unauthorised, Forbidden, LimitReached, IssuerUnavailable)


def correlation_id(headers: list[tuple[bytes, bytes]]) -> str:
    """The caller's x-request-id, else the trace id of its traceparent, else a new one."""
    trace = b""
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return value.decode()
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value)):
            trace = match[1]
    return trace.decode() or secrets.token_hex(8)


class Refusals(Protocol):
    """Takes note of requests that were refused; never blocks or raises."""

    def refused(
        self, *, status: int, slug: str, caller: str, method: str, route: str, kind: str = "nobody"
    ) -> None:
        """As api/trail.py says."""


class Edge:
    """Wraps the whole application. trail: where refusals go.

    pattern_of: (method, path) to a route's pattern, for requests that are refused before a route is chosen.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Guard,
        metrics: Metrics,
        trail: Refusals | None = None,
        pattern_of: Callable[[str, str], str] = lambda _method, _path: "unmatched",
    ) -> None:
        self._app = app
        self._pattern_of = pattern_of
        self._guard = guard
        self._metrics = metrics
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        current = correlation_id(scope["headers"])
        token = request_id.set(current)
        caller, was = NOBODY, caller_of_request.set(NOBODY)
        limits: list[tuple[bytes, bytes]] = []
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = completed(
                    [*message["headers"], (b"x-request-id", current.encode()), *limits]
                )
            await send(message)

        try:
            caller = await self._admitted(scope)
            caller_of_request.set(caller)
            limits += self._guard.count(caller)
            await self._app(scope, receive, sending)
        except _REFUSED as refusal:
            limits += getattr(refusal, "headers", ())
            await answer(refusal, scope)(scope, receive, sending)
        except ClientDisconnect:
            status = status or 499  # nobody is there to be answered; the number is the usual one for logs
        except Exception as error:  # noqa: BLE001 - the last one that can answer
            _crash.exception("a request failed in a way that nobody foresaw")
            if not status:
                await answer(error)(scope, receive, sending)
        finally:
            self._tell(scope, status, time.perf_counter() - started, caller)
            caller_of_request.reset(was)
            request_id.reset(token)

    async def _admitted(self, scope: Scope) -> Caller:
        address = scope["client"][0] if scope.get("client") else None
        known = self._guard.check(scope["path"], scope["headers"], scope["method"], address)
        if known is not None:
            return known
        return await run_in_threadpool(self._guard.verified, scope["headers"], address)

    def _tell(self, scope: Scope, status: int, seconds: float, caller: Caller) -> None:
        # the pattern, not the path: what callers put into a path is theirs
        route = getattr(scope.get("route"), "path", None)
        if route is None:
            route = self._pattern_of(scope["method"], scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.served(method, route, status, seconds)
        if status in STATUSES and self._trail is not None:
            self._trail.refused(
                status=status,
                slug=scope.get(PROBLEM, "other"),
                caller=caller.name,
                kind=caller.kind,
                method=method,
                route=scope.get(ROUTE, route),
            )
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "%s %s %d",
                method,
                route,
                status,
                extra={
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1e3, 3),
                    "caller": caller.name,
                },
            )
