"""The guard: from a request's headers to the caller, or to the refusal.

Belongs here: what is presented, and by whom it is recognised; what an open ledger on loopback still turns
away. Does not belong here: what a caller may do (`roles`), how a refusal is answered (api/errors.py).

On the path of every request: nothing here waits. What has to be asked elsewhere is left to `verified`, which
is called on a thread.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from api.access.callers import NOBODY, OPEN, OPERATOR, WEBHOOK, Caller
from api.access.keys import is_damaged
from api.access.limiting import Limits
from api.access.oidc import Issuer, looks_like_token
from api.access.refusals import SEND, Unauthorised
from api.access.ring import KeyRing
from api.access.roles import is_open

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Headers = Iterable[tuple[bytes, bytes]]


class Guard:
    """Tells who asks.

    token: the operator's. proven: paths to which messages may be posted that prove their sender by
    themselves. ring: the keys of this ledger. issuer: of OIDC tokens. may_be_open: whether requests without
    credentials are answered as long as no key was ever made.
    """

    def __init__(
        self,
        token: str | None = None,
        proven: Collection[str] = (),
        *,
        ring: KeyRing | None = None,
        issuer: Issuer | None = None,
        limits: Limits | None = None,
        may_be_open: bool = False,
    ) -> None:
        self._token = None if token is None else token.encode()
        self._proven = frozenset(proven)
        self._ring = ring
        self._issuer = issuer
        self._limits = limits or Limits()
        self._may_be_open = may_be_open and token is None and issuer is None

    @property
    def is_open(self) -> bool:
        """Whether a request without credentials may do anything."""
        return self._may_be_open and (self._ring is None or not self._ring.any_made)

    def check(
        self, path: str, headers: Headers, method: str = "GET", address: str | None = None
    ) -> Caller | None:
        """Who asks; None for a token that `verified` has to look into. address: the client's.

        Raises Unauthorised; LimitReached where an address presents wrong credentials again and again.
        """
        if method == "POST" and path in self._proven:
            return WEBHOOK
        sent = host = origin = b""
        presented = 0
        for name, value in headers:
            if name == b"authorization":
                sent = value
                presented += 1
            elif name == b"host":
                host = value
            elif name == b"origin":
                origin = value
        is_open_ledger = self.is_open
        if is_open_ledger:
            _check_neighbour(host, origin)
        if is_open(path):
            return NOBODY
        if presented > 1:
            # another program on the way may have taken the other one
            raise Unauthorised(f"there must be one header Authorization: {SEND}")
        if sent:
            return self._presented(sent, address)
        if is_open_ledger:
            return OPEN
        raise Unauthorised(f"{SEND}: a key of this ledger, or CAIRN_TOKEN")

    def _presented(self, sent: bytes, address: str | None) -> Caller | None:
        scheme, _, rest = sent.partition(b" ")
        rest = rest.strip()
        if scheme.lower() != b"bearer" or not rest:
            self._limits.count_wrong(address)
            raise Unauthorised("the header must read Authorization: Bearer <key>")
        # in constant time, whatever was sent
        if self._token is not None and hmac.compare_digest(rest, self._token):
            return OPERATOR
        text = rest.decode("latin-1")
        found: Caller | None = None
        try:
            if self._ring is not None:
                found = self._ring.caller(text)
        except Unauthorised:
            self._limits.count_wrong(address)
            raise
        if found is not None:
            return found
        if self._issuer is not None and looks_like_token(text):
            return self._issuer.remembered(text)
        self._limits.count_wrong(address)
        if is_damaged(text):
            raise Unauthorised(f"this key is damaged or cut off: copy the whole of it, and {SEND}")
        raise Unauthorised(f"this is no key of this ledger: take one that is, and {SEND}")

    def verified(self, headers: Headers, address: str | None = None) -> Caller:
        """Who presents a token of the issuer. May wait for the issuer.

        Raises Unauthorised, Forbidden, IssuerUnavailable; LimitReached as `check` does.
        """
        assert self._issuer is not None, "without an issuer there is nothing to verify"
        sent = next(value for name, value in reversed(list(headers)) if name == b"authorization")
        try:
            return self._issuer.caller(sent.partition(b" ")[2].strip().decode("latin-1"))
        except Unauthorised:
            self._limits.count_wrong(address)
            raise

    def count(self, caller: Caller) -> list[tuple[bytes, bytes]]:
        """Count a request of a caller: headers that tell it how it stands. Raises LimitReached."""
        if caller.key_id is None:
            return []
        rate = self._limits.rate(caller.rate)
        return [] if rate is None else self._limits.count(rate, f"{caller.kind} {caller.key_id}")


@lru_cache(maxsize=256)
def _check_neighbour(host: bytes, origin: bytes) -> None:
    """An open ledger answers programs of this machine, not web pages that a browser on it happens to show."""
    try:
        named = urlsplit(f"//{host.decode('latin-1')}").hostname
        asking = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:
        raise Unauthorised("the request's Host or Origin can't be read") from None
    if host and named not in _LOOPBACK:
        raise Unauthorised(
            "this ledger asks for no key, so it answers as localhost only: make one with `cairn keys create`,"
            " or set CAIRN_TOKEN"
        )
    if origin and asking != host.decode("latin-1"):
        raise Unauthorised(
            "this ledger asks for no key, so it answers no other web page: make one with `cairn keys create`,"
            " or set CAIRN_TOKEN"
        )
