"""Bearer tokens of an OpenID Connect issuer: the second way to be known.

Verified with PyJWT: a signature by one of the issuer's keys with an asymmetric algorithm, its issuer, our
audience, its times with 60 seconds of leeway. What the caller may do stands in one claim. Belongs here: keys
of the issuer, tokens, the claim. Does not belong here: what a grant means (`grants`).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
import jwt

from adapters.postgres.keys import Grants, KeyRefused
from api.access.callers import SCOPES, Caller
from api.access.grants import caller_with, checked
from api.access.refusals import SEND, Forbidden, IssuerUnavailable, Unauthorised

_log: Final = logging.getLogger("cairn.access")

#: By the kind of key that can have made them. None with a shared secret, and never `none`.
ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
LEEWAY_SECONDS: Final = 60
#: Seconds between two looks at the issuer's keys: for a key that is not known, while there are none, and
#: for their own sake.
_LOOK_SECONDS: Final = 60.0
_FIRST_LOOK_SECONDS: Final = 5.0
_RENEW_SECONDS: Final = 600.0
#: Seconds that a verified token is taken without another look, and how many of them.
_REMEMBERED_SECONDS: Final = 300.0
_MOST_REMEMBERED: Final = 1_024
_MOST_BYTES: Final = 2**20
_LONGEST: Final = 16_384
_TIMEOUT_SECONDS: Final = 5.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_EXAMPLE: Final = "read, read:entity=DE, append:/crm/hubspot/*, audit, rebuild, administer, personal"


def looks_like_token(text: str) -> bool:
    """Whether a text has the form of a signed token."""
    return text.count(".") == 2 and len(text) <= _LONGEST


class Issuer:
    """An issuer whose tokens are taken. Thread-safe.

    url: as `iss` has it. audience: as `aud` has it. jwks: URL or file of its keys; None: as its discovery
    document says. claim: what lists the grants. get: fetches a URL's JSON; clock: seconds of a steady clock.
    """

    def __init__(
        self,
        url: str,
        audience: str,
        *,
        jwks: str | None = None,
        claim: str = "cairn",
        get: Callable[[str], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._audience = audience
        self._jwks = jwks
        self._claim = claim
        self._get = get or _fetched
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: list[dict[str, Any]] | None = None
        self._looked = self._renewed = float("-inf")
        self._remembered: OrderedDict[bytes, tuple[Caller, float, float]] = OrderedDict()

    def remembered(self, token: str) -> Caller | None:
        """Whose token this is, where it was verified a short while ago."""
        found = self._remembered.get(sha256(token.encode()).digest())
        if found is None:
            return None
        caller, until, expires = found
        return caller if self._clock() < until and time.time() < expires + LEEWAY_SECONDS else None

    def caller(self, token: str) -> Caller:
        """Whose token this is. Raises Unauthorised, Forbidden, IssuerUnavailable."""
        claims = self._verified(token)
        caller = self._caller_of(claims)
        with self._lock:
            while len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
            until = self._clock() + _REMEMBERED_SECONDS
            self._remembered[sha256(token.encode()).digest()] = (caller, until, float(claims["exp"]))
        return caller

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unauthorised(f"the token can't be read: {SEND}") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        kind = next((kind for kind, names in ALGORITHMS.items() if algorithm in names), None)
        if kind is None or not isinstance(algorithm, str):
            raise Unauthorised(f"the token is signed with no algorithm that is taken here: {SEND}")
        key = self._key(kind, algorithm, kid)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._url,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorised(f"the token has expired: ask its issuer for a new one, and {SEND}") from None
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            # the kind of the error, never its text: that may quote the token
            raise Unauthorised(f"the token is not good here ({type(error).__name__}): {SEND}") from None
        return claims

    def _key(self, kind: str, algorithm: str, kid: object) -> jwt.PyJWK:
        found = self._search(kind, algorithm, kid, self._known())
        if found is None:
            found = self._search(kind, algorithm, kid, self._look_again())
        if found is None:
            raise Unauthorised(f"its issuer does not publish the key that the token is signed by: {SEND}")
        return found

    def _search(
        self, kind: str, algorithm: str, kid: object, known: list[dict[str, Any]]
    ) -> jwt.PyJWK | None:
        fitting = [
            key
            for key in known
            if key.get("kty") == kind
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and (kid is None or key.get("kid") == kid)
        ]
        # without a name it has to be clear which is meant
        return _made(json.dumps(fitting[0], sort_keys=True), algorithm) if len(fitting) == 1 else None

    def _known(self) -> list[dict[str, Any]]:
        with self._lock:
            if self._keys is None or self._clock() - self._renewed >= _RENEW_SECONDS:
                self._renew()
            if self._keys is None:
                raise IssuerUnavailable("the issuer's keys can't be had now")
            return self._keys

    def _look_again(self) -> list[dict[str, Any]]:
        with self._lock:
            self._renew()
            return self._keys or []

    def _renew(self) -> None:
        """Ask for the issuer's keys, at most once a minute; where they can't be had the known ones stay."""
        now = self._clock()
        if now - self._looked < (_FIRST_LOOK_SECONDS if self._keys is None else _LOOK_SECONDS):
            return
        self._looked = now
        try:
            self._keys = self._read_keys()
            self._renewed = now
        except (OSError, httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            _log.warning("the keys of the OIDC issuer can't be had (%s)", type(error).__name__)

    def _read_keys(self) -> list[dict[str, Any]]:
        place = self._jwks
        if place is None:
            told = self._get(self._url.rstrip("/") + "/.well-known/openid-configuration")
            if told["issuer"] != self._url:
                raise ValueError("the discovery document is of another issuer")
            place = str(told["jwks_uri"])
            checked_url(place)
        is_url = place.startswith(("https://", "http://"))
        found = self._get(place) if is_url else json.loads(Path(place).read_text(encoding="utf-8"))
        return [key for key in found["keys"] if isinstance(key, dict)]

    def _caller_of(self, claims: Mapping[str, Any]) -> Caller:
        name = _name_of(claims["sub"])
        told = claims.get(self._claim, [])
        words = told.split() if isinstance(told, str) else told
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise Forbidden(f"the claim {self._claim} of {name} is no list of grants: {_EXAMPLE}")
        if not words:
            raise Forbidden(f"the token of {name} grants nothing: its claim {self._claim} lists {_EXAMPLE}")
        try:
            return caller_with(grants_in(words), name, "oidc", str(claims["sub"]))
        except KeyRefused as error:
            raise Forbidden(f"the claim {self._claim} of {name} can't be used: {error}") from None


def grants_in(words: list[str]) -> Grants:
    """What a claim grants. Raises KeyRefused: a word that is not understood may be one that limits."""
    roles: list[str] = []
    sources: list[str] = []
    values: dict[str, list[str]] = {name: [] for name in SCOPES}
    personal = False
    for word in words:
        role, colon, rest = word.partition(":")
        dimension, is_scope, value = rest.partition("=")
        if word == "personal":
            personal = True
            continue
        if role == "append" and rest:
            sources.append(rest)
        elif role == "read" and is_scope and dimension in values:
            values[dimension].append(value)
        elif colon:
            raise KeyRefused(f"{word[:80]!r} is no grant: {_EXAMPLE}")
        roles.append(role)
    entities, territories = (tuple(values[name]) for name in SCOPES)
    return checked(
        Grants(tuple(dict.fromkeys(roles)), tuple(sources), entities, territories, personal=personal)
    )


def _name_of(subject: object) -> str:
    text = "".join(character if character.isprintable() else "?" for character in str(subject))
    return f"oidc:{text[:100]}"


@lru_cache(maxsize=64)
def _made(key: str, algorithm: str) -> jwt.PyJWK | None:
    try:
        return jwt.PyJWK(json.loads(key), algorithm)
    except jwt.PyJWTError:
        return None


def checked_url(url: str) -> str:
    """The URL itself, if its answer can be trusted: https, or http on this machine. Raises ValueError."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("must be an https URL") from None
    if found.scheme == "https" or (found.scheme == "http" and found.host in _LOOPBACK):
        return url
    raise ValueError("must be an https URL")


def _fetched(url: str) -> Any:
    with (
        httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != 200:
            raise ValueError(f"it answers {answer.status_code}")
        body = b""
        for part in answer.iter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise ValueError("it answers too much")
    return json.loads(body)
