"""Who may ask: bearer tokens, and what an open ledger on loopback still turns away.

Belongs here: the decision from a request's headers. Does not belong here: how a refusal is answered.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

#: Routes that tell nothing of what the ledger holds.
OPEN_ROUTES: Final = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/v1/schema"})
OPEN_FOLDER: Final = "/console/"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Headers = Iterable[tuple[bytes, bytes]]


class Unauthorised(PermissionError):
    """The caller may not ask this."""


class Guard:
    """Decides whether a request may go on. token: what callers must send; None for an open ledger.

    proven: paths to which messages may be posted that prove their sender by themselves.
    """

    def __init__(self, token: str | None, proven: Collection[str] = ()) -> None:
        self._proven = frozenset(proven)
        self._wanted = None if token is None else f"Bearer {token}".encode()

    def check(self, path: str, headers: Headers, method: str = "GET") -> None:
        """Raises Unauthorised."""
        if method == "POST" and path in self._proven:
            return
        if self._wanted is None:
            host = origin = b""
            for name, value in headers:
                if name == b"host":
                    host = value
                elif name == b"origin":
                    origin = value
            _check_neighbour(host, origin)
        elif path not in OPEN_ROUTES and not path.startswith(OPEN_FOLDER):
            sent = next((value for name, value in headers if name == b"authorization"), b"")
            scheme, _, rest = sent.partition(b" ")
            # in constant time, whatever was sent
            if not hmac.compare_digest(scheme.title() + b" " + rest.strip(), self._wanted):
                raise Unauthorised("send Authorization: Bearer <CAIRN_TOKEN>")


@lru_cache(maxsize=256)
def _check_neighbour(host: bytes, origin: bytes) -> None:
    """An open ledger answers programs of this machine, not web pages that a browser on it happens to show."""
    try:
        named = urlsplit(f"//{host.decode('latin-1')}").hostname
        asking = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        raise Unauthorised("the request's Host or Origin can't be read") from None
    if host and named not in _LOOPBACK:
        raise Unauthorised("this ledger has no token, so it answers as localhost only: set CAIRN_TOKEN")
    if origin and asking != host.decode("latin-1"):
        raise Unauthorised("this ledger has no token, so it answers no other web page: set CAIRN_TOKEN")
