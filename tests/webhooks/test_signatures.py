"""Signatures: what each sender's scheme lets in, and everything that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.proof import Message, Proof, ProofRefused
from adapters.feeds.receiving import prove
from tests.conftest import SHARED
from tests.webhooks import signing
from tests.webhooks.configuring import message, secret_in, webhook_in

VECTORS = SHARED / "data" / "conformance" / "signatures" / "webhooks.json"
NOW = 1_780_000_000
BODY = b'{"id": "evt_1", "note": "\xc3\xa4"}'
SECRET = "a secret of the tests"
STANDARD = "whsec_YSBrZXkgb2YgdGhlIHRlc3RzLCAzMiBieXRlcyE="
URL = "https://ledger.example/v1/sources/hs"


@pytest.fixture
def one(tmp_path: Path) -> dict[str, str]:
    return secret_in(tmp_path, "one", SECRET)


def refused(webhook: Any, sent: Message, at: float = NOW) -> str:
    with pytest.raises(ProofRefused) as refusal:
        prove(webhook, sent, at)
    assert SECRET not in str(refusal.value)
    return refusal.value.reason


# ---- published examples


@pytest.fixture
def vectors() -> Any:
    if not VECTORS.exists():
        pytest.skip("the shared files are not beside the project")
    return json.loads(VECTORS.read_text())


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_the_published_hubspot_signatures_hold(tmp_path: Path, vectors: Any, version: str) -> None:
    known = vectors["hubspot"]
    webhook = webhook_in(
        tmp_path,
        scheme="hubspot",
        versions=[version],
        url=known["url"],
        secrets=[secret_in(tmp_path, "app", known["client_secret"])],
    )
    if version == "v3":
        headers = {"X-HubSpot-Signature-v3": known["v3"], "X-HubSpot-Request-Timestamp": known["timestamp"]}
    else:
        headers = {"X-HubSpot-Signature": known[version], "X-HubSpot-Signature-Version": version}
    body = known["body"].encode()
    at = int(known["timestamp"]) / 1_000
    assert prove(webhook, message(body, headers), at).secret == "app"
    assert refused(webhook, message(body + b" ", headers), at) == "signature_wrong"
    if version == "v3":
        assert refused(webhook, message(body, headers), at + 301) == "timestamp_stale"


def test_the_published_standard_signature_holds_and_the_wrong_one_does_not(
    tmp_path: Path, vectors: Any
) -> None:
    known = vectors["standard_webhooks"]
    secrets = [secret_in(tmp_path, "standard", known["secret"])]
    webhook = webhook_in(tmp_path, scheme="standard_webhooks", secrets=secrets)
    headers = {
        "webhook-id": known["id"],
        "webhook-timestamp": known["timestamp"],
        "webhook-signature": known["signature"],
    }
    body, at = known["body"].encode(), int(known["timestamp"])
    assert prove(webhook, message(body, headers), at).secret == "standard"
    headers["webhook-signature"] = known["wrong"]
    assert refused(webhook, message(body, headers), at) == "signature_wrong"


# ---- every scheme: right, altered, wrong secret, stale, ahead, missing


class Scheme:
    """How a sender of one scheme is set up, and signs at a moment (seconds)."""

    def __init__(
        self, section: dict[str, Any], sign: Callable[[bytes, int], dict[str, str]], *, has_clock: bool
    ) -> None:
        self.section = section
        self.sign = sign
        self.has_clock = has_clock


SCHEMES = {
    "stripe": Scheme({"scheme": "stripe"}, lambda b, at: signing.stripe(b, SECRET, at), has_clock=True),
    "hubspot v1": Scheme(
        {"scheme": "hubspot", "versions": ["v1"]},
        lambda b, at: signing.hubspot_v1(b, SECRET),
        has_clock=False,
    ),
    "hubspot v2": Scheme(
        {"scheme": "hubspot", "versions": ["v2"], "url": URL},
        lambda b, at: signing.hubspot_v2(b, SECRET, URL),
        has_clock=False,
    ),
    "hubspot v3": Scheme(
        {"scheme": "hubspot", "url": URL},
        lambda b, at: signing.hubspot_v3(b, SECRET, URL, at * 1_000),
        has_clock=True,
    ),
    "quickbooks": Scheme({"scheme": "quickbooks"}, lambda b, at: signing.intuit(b, SECRET), has_clock=False),
    "hmac with a prefix": Scheme(
        {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="},
        lambda b, at: signing.github(b, SECRET),
        has_clock=False,
    ),
    "hmac with a clock": Scheme(
        {
            "scheme": "hmac",
            "header": "X-Slack-Signature",
            "prefix": "v0=",
            "signed": "v0:{timestamp}:{body}",
            "timestamp_header": "X-Slack-Request-Timestamp",
        },
        lambda b, at: signing.slack(b, SECRET, at),
        has_clock=True,
    ),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_a_message_is_let_in_as_it_was_signed_and_in_no_other_way(
    tmp_path: Path, one: dict[str, str], name: str
) -> None:
    scheme = SCHEMES[name]
    webhook = webhook_in(tmp_path, secrets=[one], **scheme.section)
    headers = scheme.sign(BODY, NOW)
    assert prove(webhook, message(BODY, headers), NOW).secret == "one"

    altered = bytearray(BODY)
    altered[5] ^= 1
    assert refused(webhook, message(bytes(altered), headers)) == "signature_wrong"
    assert refused(webhook, message(b"", headers)) == "signature_wrong"
    assert refused(webhook, message(BODY, {})) == "signature_missing"
    other = webhook_in(tmp_path, secrets=[secret_in(tmp_path, "two", "another")], **scheme.section)
    assert refused(other, message(BODY, headers)) == "signature_wrong"
    for header in headers:
        twice = message(BODY, headers)
        copies = ((header.lower().encode(), b"x"), *twice.headers)
        if header.lower() != "x-hubspot-signature-version":
            assert refused(webhook, twice._replace(headers=copies)) == "signature_malformed"


@pytest.mark.parametrize("name", [name for name, scheme in SCHEMES.items() if scheme.has_clock])
def test_a_clock_may_be_off_as_far_as_is_tolerated(tmp_path: Path, one: dict[str, str], name: str) -> None:
    scheme = SCHEMES[name]
    webhook = webhook_in(tmp_path, secrets=[one], tolerance=60, **scheme.section)
    sent = message(BODY, scheme.sign(BODY, NOW))
    for at in (NOW - 60, NOW, NOW + 60):
        prove(webhook, sent, at)
    assert refused(webhook, sent, NOW + 61) == "timestamp_stale"
    assert refused(webhook, sent, NOW - 61) == "timestamp_ahead"


@pytest.mark.parametrize("name", [name for name, scheme in SCHEMES.items() if scheme.has_clock])
def test_a_timestamp_is_part_of_what_is_signed(tmp_path: Path, one: dict[str, str], name: str) -> None:
    scheme = SCHEMES[name]
    webhook = webhook_in(tmp_path, secrets=[one], **scheme.section)
    stale = scheme.sign(BODY, NOW - 10_000)
    fresh = {key: value.replace(str(NOW - 10_000), str(NOW)) for key, value in stale.items()}
    assert fresh != stale
    assert refused(webhook, message(BODY, fresh)) == "signature_wrong"


@pytest.mark.parametrize("name", SCHEMES)
def test_two_secrets_overlap_while_they_are_changed(tmp_path: Path, name: str) -> None:
    scheme = SCHEMES[name]
    secrets = [
        secret_in(tmp_path, "new", "another", **{"from": "2026-05-28T00:00:00Z"}),
        secret_in(tmp_path, "old", SECRET, until="2026-06-04T00:00:00+02:00"),
    ]
    webhook = webhook_in(tmp_path, secrets=secrets, **scheme.section)
    before, after = 1_780_000_000, 1_780_600_000
    assert prove(webhook, message(BODY, scheme.sign(BODY, before)), before).secret == "old"
    assert refused(webhook, message(BODY, scheme.sign(BODY, after)), after) == "secret_not_in_force"


@given(body=st.binary(max_size=200), noise=st.text(max_size=60))
def test_no_signature_that_is_not_the_right_one_is_let_in(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, noise: str
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    one = secret_in(folder, "one", SECRET)
    for name in ("stripe", "hubspot v3", "quickbooks", "hmac with a clock"):
        scheme = SCHEMES[name]
        webhook = webhook_in(folder, secrets=[one], **scheme.section)
        said = noise.encode("utf-8", "replace").decode("latin-1")
        headers = dict.fromkeys(scheme.sign(body, NOW), said)
        with pytest.raises(ProofRefused):
            prove(webhook, message(body, headers), NOW)


# ---- what is particular to one sender


def test_stripe_sends_several_signatures_while_a_secret_is_rolled(
    tmp_path: Path, one: dict[str, str]
) -> None:
    webhook = webhook_in(tmp_path, scheme="stripe", secrets=[one])
    headers = signing.stripe(BODY, SECRET, NOW, "v1=" + "0" * 64)
    assert prove(webhook, message(BODY, headers), NOW) == Proof(
        "stripe", "one", prove(webhook, message(BODY, headers), NOW).once
    )


@pytest.mark.parametrize(
    "header", ["", "t=", "v1=00", "t=1", "t=a,v1=00", "t=1,t=2,v1=00", "t=-1,v1=00", f"t={'9' * 40},v1=00"]
)
def test_a_stripe_header_that_makes_no_sense_is_refused(
    tmp_path: Path, one: dict[str, str], header: str
) -> None:
    webhook = webhook_in(tmp_path, scheme="stripe", secrets=[one])
    sent = message(BODY, {"Stripe-Signature": header})
    assert refused(webhook, sent) in ("signature_malformed", "signature_missing", "signature_wrong")


def test_hubspot_signs_the_address_with_some_characters_decoded(tmp_path: Path, one: dict[str, str]) -> None:
    webhook = webhook_in(tmp_path, scheme="hubspot", url=URL, secrets=[one])
    signed = f"{URL}?q=a:b/c?d@e!f$g'h(i)j*k,l;m%20n%5B"
    sent = b"q=a%3Ab%2Fc%3Fd%40e%21f%24g%27h%28i%29j%2Ak%2Cl%3Bm%20n%5B"
    headers = signing.hubspot_v3(BODY, SECRET, signed, NOW * 1_000)
    assert prove(webhook, message(BODY, headers, query=sent), NOW).scheme == "hubspot v3"
    assert refused(webhook, message(BODY, headers, query=b"q=other")) == "signature_wrong"


def test_hubspot_signatures_count_in_the_versions_that_are_accepted(
    tmp_path: Path, one: dict[str, str]
) -> None:
    both = signing.hubspot_v1(BODY, SECRET) | signing.hubspot_v3(BODY, SECRET, URL, NOW * 1_000)
    newest = webhook_in(tmp_path, scheme="hubspot", url=URL, secrets=[one])
    assert prove(newest, message(BODY, both), NOW).scheme == "hubspot v3"
    assert refused(newest, message(BODY, signing.hubspot_v1(BODY, SECRET))) == "signature_missing"
    oldest = webhook_in(tmp_path, scheme="hubspot", versions=["v1"], secrets=[one])
    assert prove(oldest, message(BODY, both), NOW).scheme == "hubspot v1"
    second = signing.hubspot_v2(BODY, SECRET, URL)
    assert refused(oldest, message(BODY, second)) == "signature_malformed"


def test_standard_webhooks_take_one_of_several_signatures(tmp_path: Path) -> None:
    webhook = webhook_in(tmp_path, scheme="standard_webhooks", secrets=[secret_in(tmp_path, "one", STANDARD)])
    headers = signing.standard(BODY, STANDARD, "msg_1", NOW, "v1a,xyz", "v1,AAAA", "v2,BBBB")
    assert prove(webhook, message(BODY, headers), NOW).secret == "one"
    assert refused(webhook, message(BODY, headers | {"webhook-id": "msg_2"})) == "signature_wrong"
    only = headers | {"webhook-signature": "v1a,xyz"}
    assert refused(webhook, message(BODY, only)) == "signature_malformed"


def test_a_message_that_is_sent_again_is_known_by_what_its_sender_makes_once(
    tmp_path: Path, one: dict[str, str]
) -> None:
    webhook = webhook_in(tmp_path, scheme="standard_webhooks", secrets=[secret_in(tmp_path, "std", STANDARD)])
    first = prove(webhook, message(BODY, signing.standard(BODY, STANDARD, "msg_1", NOW)), NOW)
    again = prove(webhook, message(BODY, signing.standard(BODY, STANDARD, "msg_1", NOW + 60)), NOW + 60)
    other = prove(webhook, message(BODY, signing.standard(BODY, STANDARD, "msg_2", NOW)), NOW)
    assert first.once == again.once != other.once
    unclocked = webhook_in(tmp_path, scheme="quickbooks", secrets=[one])
    # the same notification may rightly come twice: nothing in it says that it is the same
    assert prove(unclocked, message(BODY, signing.intuit(BODY, SECRET)), NOW).once is None


def test_basic_and_token_let_in_who_knows_the_secret(tmp_path: Path, one: dict[str, str]) -> None:
    basic = webhook_in(tmp_path, scheme="basic", user="chargebee", secrets=[one])
    assert prove(basic, message(BODY, signing.basic("chargebee", SECRET)), NOW).secret == "one"
    for user, password in (("other", SECRET), ("chargebee", "other"), ("", "")):
        assert refused(basic, message(BODY, signing.basic(user, password))) == "credentials_wrong"
    for header in ("", "Bearer x", "Basic ===", "Basic ä"):
        assert refused(basic, message(BODY, {"Authorization": header})) == "credentials_missing"
    token = webhook_in(tmp_path, scheme="token", header="X-Token", prefix="Key ", secrets=[one])
    assert prove(token, message(BODY, {"X-Token": f"Key {SECRET}"}), NOW).secret == "one"
    assert refused(token, message(BODY, {"X-Token": SECRET})) == "credentials_wrong"
    assert refused(token, message(BODY, {})) == "credentials_missing"
    asked = webhook_in(tmp_path, scheme="token", parameter="key", secrets=[one])
    assert prove(asked, message(BODY, {}, query=b"key=a+secret+of%20the+tests"), NOW).secret == "one"
    assert refused(asked, message(BODY, {}, query=b"key=a&key=b")) == "credentials_missing"


def test_business_central_notifications_all_hold_the_client_state(
    tmp_path: Path, one: dict[str, str]
) -> None:
    webhook = webhook_in(tmp_path, scheme="business_central", secrets=[one])

    def said(*states: str | None) -> Message:
        value = [{"resource": "r"} if state is None else {"clientState": state} for state in states]
        return message(json.dumps({"value": value}).encode(), {})

    assert prove(webhook, said(SECRET, SECRET), NOW).secret == "one"
    assert refused(webhook, said("other")) == "credentials_wrong"
    for bad in (said(SECRET, "other"), said(SECRET, None), said(), message(b"{", {})):
        assert refused(webhook, bad) == "credentials_missing"
