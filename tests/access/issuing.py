"""A small OpenID Connect issuer on this machine: its discovery document, its keys, and tokens by them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "cairn-tests"
_MAKERS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
_WRITERS: dict[str, Any] = {
    "RS256": RSAAlgorithm, "PS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm,
}  # fmt: skip


class TestIssuer:
    """Answers over HTTP until it is closed. asked: how often its keys were asked for."""

    __test__ = False

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.published: list[dict[str, Any]] = []
        self.asked = 0
        self.is_down = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = issuer.answer(self.path)
                self.send_response(503 if told is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(told).encode())

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str) -> Any:
        if self.is_down:
            return None
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.asked += 1
        return {"keys": self.published}

    def key(self, kid: str, algorithm: str = "RS256", *, publish: bool = True) -> None:
        """A new key of this name."""
        private = _MAKERS[algorithm]()
        self.keys[kid] = (algorithm, private)
        if publish:
            told = json.loads(_WRITERS[algorithm].to_jwk(private.public_key()))
            self.published.append({**told, "kid": kid, "use": "sig", "alg": algorithm})

    def token(
        self, *grants: str, kid: str = "one", claims: dict[str, Any] | None = None, **headers: Any
    ) -> str:
        """A token with these grants. claims: in place of the usual ones; None leaves one out."""
        now = int(time.time())
        told: dict[str, Any] = {
            "iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300,
            "cairn": list(grants), **(claims or {}),
        }  # fmt: skip
        algorithm, private = self.keys[kid]
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(kept, private, algorithm, headers={"kid": kid, **headers})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
