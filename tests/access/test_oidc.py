"""Tokens of an OpenID Connect issuer: which are taken, and everything that is wrong with the others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.postgres.keys import KeyRefused
from api.access.oidc import Issuer, checked_url, grants_in
from api.access.refusals import Forbidden, IssuerUnavailable, Unauthorised
from tests.access.conftest import Gate
from tests.access.issuing import AUDIENCE, TestIssuer
from tests.api.samples import BATCH, order


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as found:
        found.key("one")
        found.key("two", "ES256")
        found.key("three", "EdDSA")
        found.key("four", "PS256")
        found.key("hidden", publish=False)
        yield found


@pytest.fixture
def known(issuer: TestIssuer) -> Issuer:
    return Issuer(issuer.url, AUDIENCE)


# ---- over HTTP


@pytest.fixture(scope="module")
def served(gates: Any, issuer: TestIssuer) -> Gate:
    gate: Gate = gates(oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
    return gate


@pytest.mark.parametrize("kid", ["one", "two", "three", "four"])
def test_a_token_lets_in_as_far_as_it_grants(served: Gate, issuer: TestIssuer, kid: str) -> None:
    with served.presenting(issuer.token("read", kid=kid)) as reader:
        for _ in range(2):
            assert reader.get("/v1/reports/backlog").status_code == 200
            assert reader.get("/v1/keys").status_code == 403
        refused = reader.post("/v1/events", content=b"[]", headers={"Content-Type": BATCH})
        assert refused.status_code == 403
        assert "oidc:ann" in refused.json()["detail"]


def test_sources_and_rows_hold_for_tokens_too(served: Gate, issuer: TestIssuer) -> None:
    token = issuer.token("append:/erp/netsuite/acme", "read:entity=DE")
    with served.presenting(token) as client:
        headers = {"Content-Type": BATCH}
        ours = json.dumps([order("oidc-1")])
        assert client.post("/v1/events", content=ours, headers=headers).status_code == 200
        theirs = json.dumps([order("oidc-2", source="/erp/netsuite/other")])
        assert client.post("/v1/events", content=theirs, headers=headers).status_code == 403
        assert client.get("/v1/reports/backlog").headers["cairn-limited-to"] == "entity=DE"
        assert client.get("/v1/reports/backlog", params={"entity": "FR"}).status_code == 403


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": int(time.time()) - 3600}, 401),
        ({"nbf": int(time.time()) + 3600}, 401),
        ({"aud": "another"}, 401),
        ({"aud": None}, 401),
        ({"iss": "https://issuer.example"}, 401),
        ({"exp": None}, 401),
        ({"sub": None}, 401),
        ({"cairn": None}, 403),
        ({"cairn": []}, 403),
        ({"cairn": 7}, 403),
        ({"cairn": ["everything"]}, 403),
        ({"cairn": ["read:entiti=DE"]}, 403),
        ({"cairn": ["read", "audit", "read:entity=DE"]}, 403),
        ({"cairn": "read administer"}, 200),
        ({"aud": ["another", AUDIENCE]}, 200),
    ],
)
def test_a_token_that_is_not_good_is_refused(
    served: Gate, issuer: TestIssuer, claims: dict[str, Any], status: int
) -> None:
    token = issuer.token("read", claims=claims)
    with served.presenting(token) as client:
        answer = client.get("/v1/reports/backlog")
        assert answer.status_code == status, answer.text
        assert token.split(".")[2] not in answer.text


def test_keys_and_the_operator_are_known_beside_tokens(served: Gate) -> None:
    with served.caller("beside", "read") as reader:
        assert reader.get("/v1/status").status_code == 200
    assert served.operator.get("/v1/keys").status_code == 200


def test_a_token_goes_by_its_rate(gates: Any, issuer: TestIssuer) -> None:
    gate: Gate = gates(oidc_issuer=issuer.url, oidc_audience=AUDIENCE, rate="2/minute")
    with (
        gate.presenting(issuer.token("read")) as one,
        gate.presenting(issuer.token("read", claims={"sub": "bob"})) as other,
    ):
        assert [one.get("/v1/status").status_code for _ in range(3)] == [200, 200, 429]
        assert other.get("/v1/status").status_code == 200


# ---- forged


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims_of(issuer: TestIssuer) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(issuer.token("administer"), options={"verify_signature": False})
    return found


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(known: Issuer, issuer: TestIssuer, algorithm: str) -> None:
    head = encoded({"alg": algorithm, "typ": "JWT", "kid": "one"})
    with pytest.raises(Unauthorised):
        known.caller(f"{head}.{encoded(claims_of(issuer))}.")


@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_a_public_key_is_no_shared_secret(known: Issuer, issuer: TestIssuer, form: str) -> None:
    public = issuer.keys["one"][1].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = pem if form == "pem" else json.dumps(issuer.published[0]).encode()
    signed = f"{encoded({'alg': 'HS256', 'kid': 'one'})}.{encoded(claims_of(issuer))}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    with pytest.raises(Unauthorised, match="no algorithm"):
        known.caller(f"{signed}.{encoded(signature)}")


def test_a_token_by_another_key_of_the_same_name_is_refused(known: Issuer, issuer: TestIssuer) -> None:
    forged = jwt.encode(claims_of(issuer), issuer.keys["hidden"][1], "RS256", headers={"kid": "one"})
    with pytest.raises(Unauthorised, match="InvalidSignatureError"):
        known.caller(forged)


def test_a_key_is_used_with_its_own_algorithm_alone(known: Issuer, issuer: TestIssuer) -> None:
    token = jwt.encode(claims_of(issuer), issuer.keys["four"][1], "RS256", headers={"kid": "four"})
    with pytest.raises(Unauthorised, match="does not publish"):
        known.caller(token)


def test_keys_that_a_token_brings_along_are_not_looked_at(known: Issuer, issuer: TestIssuer) -> None:
    token = jwt.encode(
        claims_of(issuer),
        issuer.keys["hidden"][1],
        "RS256",
        headers={"kid": "own", "jku": f"{issuer.url}/own", "jwk": issuer.published[0]},
    )
    with pytest.raises(Unauthorised, match="does not publish"):
        known.caller(token)


def test_a_changed_character_anywhere_is_seen(known: Issuer, issuer: TestIssuer) -> None:
    token = issuer.token("read")
    known.caller(token)
    for at in range(0, len(token), 7):
        other = "A" if token[at] != "A" else "B"
        changed = token[:at] + other + token[at + 1 :]
        try:
            same = changed.rpartition(".")[0] == token.rpartition(".")[0]
            known.caller(changed)
        except Unauthorised:
            continue
        # the last bits of a signature's last character stand for nothing
        assert same
        assert at == len(token) - 1


@pytest.mark.parametrize("text", ["..", "a.b.c", "e30.e30.e30", "é.é.é", "." * 2 + "x" * 9])
def test_what_only_looks_like_a_token_is_refused(known: Issuer, text: str) -> None:
    with pytest.raises(Unauthorised):
        known.caller(text)


def test_a_token_with_a_short_key_is_refused(issuer: TestIssuer) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    told = json.loads(RSAAlgorithm.to_jwk(weak.public_key())) | {"kid": "weak"}
    found = Issuer(issuer.url, AUDIENCE, jwks="http://127.0.0.1/keys", get=lambda _: {"keys": [told]})
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = jwt.encode(claims_of(issuer), weak, "RS256", headers={"kid": "weak"})
    with pytest.raises(Unauthorised, match="InvalidKeyError"):
        found.caller(token)


# ---- the issuer's keys


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_new_key_of_the_issuer_is_fetched_once_a_minute_at_most() -> None:
    clock = Clock()
    with TestIssuer() as issuer:
        issuer.key("one")
        found = Issuer(issuer.url, AUDIENCE, clock=clock)
        found.caller(issuer.token("read"))
        assert issuer.asked == 1
        issuer.key("new")
        token = issuer.token("read", kid="new")
        with pytest.raises(Unauthorised, match="does not publish"):
            found.caller(token)
        assert issuer.asked == 1, "it was asked a moment ago"
        clock.now += 61
        assert found.caller(token).name == "oidc:ann"
        assert issuer.asked == 2
        issuer.key("unheard of", publish=False)
        for _ in range(20):
            with pytest.raises(Unauthorised):
                found.caller(issuer.token("read", kid="unheard of"))
        assert issuer.asked == 2


def test_known_keys_go_on_while_the_issuer_is_down() -> None:
    clock = Clock()
    with TestIssuer() as issuer:
        issuer.key("one")
        found = Issuer(issuer.url, AUDIENCE, clock=clock)
        issuer.is_down = True
        with pytest.raises(IssuerUnavailable):
            found.caller(issuer.token("read"))
        issuer.is_down = False
        clock.now += 6
        found.caller(issuer.token("read"))
        issuer.is_down = True
        for _ in range(3):
            clock.now += 3_600
            assert found.caller(issuer.token("read", claims={"jti": str(clock.now)})).name == "oidc:ann"


def test_a_key_that_the_issuer_withdraws_is_taken_no_more() -> None:
    clock = Clock()
    with TestIssuer() as issuer:
        issuer.key("one")
        issuer.key("two")
        found = Issuer(issuer.url, AUDIENCE, clock=clock)
        token = issuer.token("read")
        found.caller(token)
        assert found.remembered(token) is not None
        del issuer.published[0]
        clock.now += 601
        assert found.remembered(token) is None
        with pytest.raises(Unauthorised, match="does not publish"):
            found.caller(token)


def test_while_the_issuer_can_not_be_asked_nobody_is_let_in_by_it(gates: Any) -> None:
    with TestIssuer() as issuer:
        issuer.key("one")
        issuer.is_down = True
        gate: Gate = gates(oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
        with gate.presenting(issuer.token("read")) as reader:
            answer = reader.get("/v1/status")
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "urn:cairn:problem:issuer-unavailable"
            assert int(answer.headers["retry-after"]) >= 1
        assert gate.operator.get("/v1/status").status_code == 200


def test_keys_may_stand_in_a_file(issuer: TestIssuer, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": issuer.published}))
    found = Issuer("https://issuer.example", AUDIENCE, jwks=str(path))
    token = issuer.token("read", claims={"iss": "https://issuer.example"})
    assert found.caller(token).roles == {"read"}


def test_a_discovery_document_of_another_issuer_is_not_believed(issuer: TestIssuer) -> None:
    def get(url: str) -> Any:
        return {"issuer": "https://evil.example", "jwks_uri": f"{issuer.url}/keys"}

    with pytest.raises(IssuerUnavailable):
        Issuer("https://issuer.example", AUDIENCE, get=get).caller(issuer.token("read"))


@pytest.mark.parametrize("url", ["http://issuer.example/keys", "file://localhost/x", "ftp://x/y", "keys", ""])
def test_keys_come_over_https_alone(issuer: TestIssuer, url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        checked_url(url)

    def get(_: str) -> Any:
        return {"issuer": "https://issuer.example", "jwks_uri": url}

    with pytest.raises(IssuerUnavailable):
        Issuer("https://issuer.example", AUDIENCE, get=get).caller(issuer.token("read"))


# ---- what a claim grants


def test_grants_are_read() -> None:
    found = grants_in(
        ["append:/crm/hubspot/*", "append:/erp/*/acme", "read:entity=DE", "read:territory=N", "personal"]
    )
    assert found.roles == ("append", "read")
    assert found.sources == ("/crm/hubspot/*", "/erp/*/acme")
    assert (found.entities, found.territories, found.personal) == (("DE",), ("N",), True)
    assert grants_in(["read", "read:entity=DE"]).entities == ("DE",)


@pytest.mark.parametrize(
    "words",
    [
        ["append"], ["append:"], ["append:everything"], ["read:"], ["read:DE"], ["read:customer=C-1"],
        ["read:entity="], ["audit:all"], ["personal"], ["Read"], [""], ["operator"],
    ],
)  # fmt: skip
def test_a_word_that_is_not_understood_grants_nothing(words: list[str]) -> None:
    with pytest.raises(KeyRefused):
        grants_in(words)


def test_forbidden_and_not_unauthorised_is_who_is_known_without_grants(
    known: Issuer, issuer: TestIssuer
) -> None:
    with pytest.raises(Forbidden, match="oidc:ann"):
        known.caller(issuer.token())
