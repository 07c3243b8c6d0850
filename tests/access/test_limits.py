"""Limits: how often and how much, for each key by itself, and what wrong credentials cost."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from api.access import limiting
from api.access.guard import Guard
from api.access.limiting import MOST_ADDRESSES, Limits, RateRefused, rate_of
from api.access.refusals import LimitReached, Unauthorised
from tests.access.conftest import Gate
from tests.api.samples import BATCH, order


def test_a_rate_holds_for_its_key_alone(gate: Gate) -> None:
    with (
        gate.caller("slow", "read", rate="3/minute") as slow,
        gate.caller("slow-too", "read", rate="3/minute") as other,
        gate.caller("quick", "read") as quick,
    ):
        answers = [slow.get("/v1/status") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0"]
        assert answers[0].headers["ratelimit-policy"] == '"caller";q=3;w=60'
        refused = slow.get("/v1/status")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "urn:cairn:problem:limit-reached"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"caller";r=0;t=')
        assert other.get("/v1/status").status_code == 200
        unlimited = [quick.get("/v1/status") for _ in range(20)]
        assert {answer.status_code for answer in unlimited} == {200}
        assert "ratelimit" not in unlimited[0].headers


def test_after_a_while_it_may_ask_again(gate: Gate) -> None:
    with gate.caller("patient", "read", rate="2/second") as client:
        answers = [client.get("/v1/status") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        time.sleep(int(answers[-1].headers["retry-after"]))
        assert client.get("/v1/status").status_code == 200


def test_refused_requests_keep_nothing(gate: Gate) -> None:
    with gate.caller("bursting", "append", sources=["*"], rate="1/minute") as client:
        body = json.dumps([order("burst-1")]).encode()
        headers = {"Content-Type": BATCH}
        assert client.post("/v1/events", content=body, headers=headers).status_code == 200
        other = json.dumps([order("burst-2")]).encode()
        assert client.post("/v1/events", content=other, headers=headers).status_code == 429
    answer = gate.operator.post("/v1/events", content=other, headers=headers)
    assert answer.json()["results"][0]["outcome"] == "recorded"


def test_a_rate_for_all_holds_where_a_key_has_none_and_never_for_the_operator(gates: Any) -> None:
    gate: Gate = gates(rate="2/minute")
    with (
        gate.caller("by-default", "read") as plain,
        gate.caller("with-its-own", "read", rate="4/minute") as own,
    ):
        assert [plain.get("/v1/status").status_code for _ in range(4)] == [200, 200, 429, 429]
        assert [own.get("/v1/status").status_code for _ in range(5)] == [200] * 4 + [429]
        assert {gate.operator.get("/v1/status").status_code for _ in range(10)} == {200}


def test_a_key_takes_bodies_up_to_its_limit(gate: Gate) -> None:
    with gate.caller("small", "append", sources=["*"], max_body="2KiB") as client:
        small = json.dumps([order("small-1")]).encode()
        large = json.dumps([order(f"large-{n}") for n in range(20)]).encode()
        assert len(small) <= 2_048 < len(large)
        headers = {"Content-Type": BATCH}
        assert client.post("/v1/events", content=small, headers=headers).status_code == 200
        answers = [
            client.post("/v1/events", content=large, headers=headers),
            client.post("/v1/events", content=iter([large]), headers=headers),  # without its length
        ]
        for answer in answers:
            assert answer.status_code == 413
            assert "2048 bytes" in answer.json()["detail"]
            assert "key" in answer.json()["detail"]
    assert gate.operator.post("/v1/events", content=large, headers=headers).status_code == 200


def test_wrong_credentials_are_limited_and_right_ones_let_in_all_the_same(gates: Any) -> None:
    gate: Gate = gates()
    text = gate.key("right", "read")
    with gate.presenting(text[:-1]) as wrong, gate.presenting(text) as right:
        statuses = [wrong.get("/v1/status").status_code for _ in range(25)]
        assert statuses == [401] * 20 + [429] * 5
        assert int(wrong.get("/v1/status").headers["retry-after"]) >= 1
        assert right.get("/v1/status").status_code == 200
    # who presents nothing has not been wrong
    assert httpx.get(f"{gate.url}/v1/status").status_code == 401


@pytest.mark.parametrize(
    "text", ["", "fast", "0/second", "1/week", "100001/day", "1 per second", "1/second;"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(RateRefused, match="100/second"):
        rate_of(text)


def wrong(limits: Limits, address: str | None, times: int) -> int:
    """How many of so many wrong credentials were not limited."""
    passed = 0
    for _ in range(times):
        try:
            limits.count_wrong(address)
        except LimitReached:
            continue
        passed += 1
    return passed


def test_addresses_are_counted_apart_and_networks_of_version_six_together() -> None:
    limits = Limits()
    assert [wrong(limits, address, 30) for address in ("10.0.0.1", "10.0.0.2")] == [20, 20]
    assert sum(wrong(limits, f"2001:db8::{n:x}", 1) for n in range(30)) == 20
    assert wrong(limits, "2001:db8:1::1", 5) == 5
    assert wrong(limits, None, 30) == 20


def test_the_number_of_addresses_that_are_remembered_is_bounded() -> None:
    limits = Limits()
    for n in range(MOST_ADDRESSES * 2):
        limits.count_wrong(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}")
    assert len(limits._addresses) == MOST_ADDRESSES
    assert len(limits._windows.storage.events) <= MOST_ADDRESSES  # type: ignore[attr-defined]


def test_a_flood_of_wrong_credentials_is_turned_away_without_looking_further() -> None:
    guard = Guard("0123456789abcdef")
    headers = [(b"authorization", b"Bearer no")]
    for _ in range(int(limiting.WRONG.partition("/")[0])):
        with pytest.raises(Unauthorised):
            guard.check("/v1/status", headers, address="10.0.0.1")
    with pytest.raises(LimitReached):
        guard.check("/v1/status", headers, address="10.0.0.1")
    with pytest.raises(Unauthorised):
        guard.check("/v1/status", headers, address="10.0.0.2")
