"""How requests prove who asks: tokens, passwords, and OAuth 2.0 tokens that expire.

Belongs here: what goes into the requests of an HTTP client. Does not belong here: where secrets stand
(secret.py). No secret or token goes into a message, a log line or an error.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.feeds.clients import SourceRefused, SourceUnavailable
from adapters.feeds.patience import wait_asked
from adapters.feeds.sections import Credentials

#: Seconds before its end at which a token is not used any more.
_SPARE: Final = 60.0
_LIFETIME: Final = 1_800.0


def auth_of(credentials: Credentials) -> httpx.Auth | None:
    """What signs the requests; None where nothing does."""
    secret = "" if credentials.secret is None else credentials.secret.value
    match credentials.kind:
        case "none":
            return None
        case "basic":
            return httpx.BasicAuth(credentials.user or "", secret)
        case "bearer":
            return _Header("Authorization", f"Bearer {secret}")
        case "header":
            return _Header(credentials.header or "", secret)
        case "oauth2":
            return OAuth2(credentials)


class _Header(httpx.Auth):
    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._name] = self._value
        yield request


class OAuth2(httpx.Auth):
    """An access token by client credentials or by refresh token (RFC 6749 sections 4.4 and 6).

    One token for all requests, renewed before it ends, and once where a request is refused with it.
    """

    requires_response_body = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0
        self._refresh = "" if credentials.refresh is None else credentials.refresh.value

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises SourceRefused where no token is given, SourceUnavailable where none is to be had now."""
        token = yield from self._current("")
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response.read()
            token = yield from self._current(token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _current(self, refused: str) -> Generator[httpx.Request, httpx.Response, str]:
        """The token; a new one where it has ended or is the one that was refused."""
        with self._lock:
            if self._token and self._token != refused and time.monotonic() < self._until:
                return self._token
            response = yield self._request()
            response.read()
            return self._take(response)

    def _request(self) -> httpx.Request:
        credentials = self._credentials
        assert credentials.token_url is not None, "checked when it was read"
        assert credentials.secret is not None, "checked when it was read"
        form = {"grant_type": "client_credentials"}
        if self._refresh:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
        if credentials.scope:
            form["scope"] = credentials.scope
        request = httpx.Request(
            "POST", credentials.token_url, data=form, headers={"Accept": "application/json"}
        )
        basic = httpx.BasicAuth(credentials.user or "", credentials.secret.value)
        return next(basic.auth_flow(request))

    def _take(self, response: httpx.Response) -> str:
        if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise SourceUnavailable(
                f"gives no access token now (HTTP {response.status_code} at token_url)",
                retry_after=wait_asked(response.headers.get("Retry-After")),
            )
        try:
            given: Any = response.json()
            token = given["access_token"]
            lifetime = float(given.get("expires_in") or _LIFETIME)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SourceRefused(
                f"gives no access token (HTTP {response.status_code} at token_url): check user, secret, scope"
            ) from None
        self._token = str(token)
        self._until = time.monotonic() + max(lifetime - _SPARE, lifetime / 2)
        renewed = given.get("refresh_token")
        if self._refresh and isinstance(renewed, str) and renewed and renewed != self._refresh:
            self._keep(renewed)
        return self._token

    def _keep(self, refresh: str) -> None:
        """The source has changed the refresh token: the old one will not do any more after a restart."""
        self._refresh = refresh
        path = None if self._credentials.refresh is None else self._credentials.refresh.path
        if path is not None:
            _write_secret(path, refresh)


def _write_secret(path: Path, value: str) -> None:
    """Replace a secret's file whole, readable by its owner alone; durable on return."""
    beside = path.with_name(f".{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
