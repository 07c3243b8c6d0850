"""POST /v1/events: every mode, one outcome per item, and nothing that is sent makes another's fail."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.samples import BATCH, JSON, LINES, STRUCTURED, lines, order


def post(client: httpx.Client, content: Any, media: str | None = JSON, **headers: str) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = headers if media is None else {"Content-Type": media, **headers}
    return client.post("/v1/events", content=body, headers=given)


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["outcome"] for result in answer.json()["results"]]


def codes(answer: httpx.Response) -> list[str]:
    return [reason["code"] for result in answer.json()["results"] for reason in result["reasons"]]


@pytest.mark.parametrize("media", [STRUCTURED, JSON, "application/cloudevents+json; charset=utf-8"])
def test_a_structured_event_is_recorded_once(client: httpx.Client, media: str) -> None:
    event = order()
    first, again = post(client, event, media), post(client, event, media)
    assert outcomes(first) == ["recorded"]
    assert outcomes(again) == ["duplicate"]
    assert first.json()["results"][0]["position"] == again.json()["results"][0]["position"]


@pytest.mark.parametrize("media", [BATCH, JSON])
def test_a_batch_is_answered_item_by_item_in_order(client: httpx.Client, media: str) -> None:
    good, other = order(), order()
    answer = post(client, [good, "not an object", {**good, "data": {}}, other, good], media)
    assert outcomes(answer) == ["recorded", "quarantined", "quarantined", "recorded", "duplicate"]
    results = answer.json()["results"]
    assert results[3]["position"] == results[0]["position"] + 1
    assert results[1]["reasons"][0]["code"] == "event_not_object"
    assert results[1]["position"] is None


def test_an_empty_batch_is_a_batch(client: httpx.Client) -> None:
    assert outcomes(post(client, [], BATCH)) == []


def test_one_event_a_line(client: httpx.Client) -> None:
    content = b"\xef\xbb\xbf" + lines(order()) + b"\r\n\n" + lines("no", order()).rstrip(b"\n")
    assert outcomes(post(client, content, LINES)) == ["recorded", "quarantined", "recorded"]


def test_a_binary_event_is_the_structured_event_that_it_equals(client: httpx.Client) -> None:
    event = order("SO-bin/ary 1")
    headers = {f"ce-{name}": str(event[name]) for name in ("specversion", "id", "source", "type", "time")}
    headers["ce-subject"] = "order/SO-bin%2Fary%201"
    answer = post(client, event["data"], JSON, **headers)
    assert outcomes(answer) == ["recorded"]
    assert outcomes(post(client, event, STRUCTURED)) == ["duplicate"]
    found = client.get(f"/v1/milestones/{answer.json()['results'][0]['position']}").json()
    assert found["event"]["subject"] == "order/SO-bin/ary 1"
    assert json.loads(found["payload"]["text"])["data"] == event["data"]
    assert found["payload"]["headers"]["ce-id"] == event["id"]


def test_a_binary_event_without_json_is_kept_and_explained(client: httpx.Client) -> None:
    answer = post(client, b"\x00\x01", "image/png", **{"ce-id": "1", "ce-specversion": "1.0"})
    assert outcomes(answer) == ["quarantined"]
    assert {"source_missing", "type_missing"} <= set(codes(answer))


def test_header_text_that_is_no_utf8_is_quarantined_not_lost(client: httpx.Client) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "%ff", "ce-source": "/erp/a/b", "ce-type": "x"}
    assert outcomes(post(client, {}, JSON, **headers)) == ["quarantined"]


@pytest.mark.parametrize("media", [STRUCTURED, BATCH, JSON])
@pytest.mark.parametrize("content", [b"{", b"[1,", b"\xff\xfe", b'{"a":1}}', b"[" * 50_000])
def test_a_body_that_is_not_json_is_kept_as_one_item(
    client: httpx.Client, media: str, content: bytes
) -> None:
    answer = post(client, content, media)
    assert outcomes(answer) == ["quarantined"]
    entry = client.get(f"/v1/quarantine/{answer.json()['results'][0]['quarantine']}").json()
    assert entry["payload"]["bytes"] == len(content)


def test_a_batch_that_is_no_list_says_so(client: httpx.Client) -> None:
    answer = post(client, order(), BATCH)
    assert outcomes(answer) == ["quarantined"]
    assert codes(answer) == ["batch_not_array"]


def test_a_list_in_structured_mode_is_no_event(client: httpx.Client) -> None:
    assert codes(post(client, [order()], STRUCTURED)) == ["event_not_object"]


def test_same_identity_and_other_content_is_a_conflict(client: httpx.Client) -> None:
    event = order()
    position = post(client, event).json()["results"][0]["position"]
    answer = post(client, order(event["data"]["order"], net="2.00"))
    assert answer.json()["results"] == [{"outcome": "conflict", "position": position, "reasons": []}]
    kept = client.get("/v1/conflicts", params={"limit": 1_000}).json()["conflicts"][-1]
    assert kept["stands"]["position"] == position
    assert '"2.00"' in kept["payload"]["text"]


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"x", "text/plain", 415),
        (b"x", "nonsense", 415),
        (b"{}", None, 415),
        (b"{}", "application/json; charset=utf-16", 415),
        (b"", JSON, 400),
        (b" \n", STRUCTURED, 400),
        (b"\n\n", LINES, 400),
    ],
)
def test_what_holds_no_events_is_refused_as_a_problem(
    client: httpx.Client, content: bytes, media: str | None, status: int
) -> None:
    answer = post(client, content, media)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]


def test_a_packed_body_is_refused(client: httpx.Client) -> None:
    assert post(client, b"x", JSON, **{"Content-Encoding": "gzip"}).status_code == 415


def test_a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not(client: httpx.Client) -> None:
    large = b" " * (64 * 2**20 + 1)
    assert post(client, large).status_code == 413
    chunked = client.post("/v1/events", content=iter([large[: 2**20]] * 65), headers={"Content-Type": JSON})
    assert chunked.status_code == 413


def test_a_large_body_is_taken_whole(client: httpx.Client) -> None:
    events = [order(f"SO-large-{n}") for n in range(3_000)]
    answer = post(client, lines(*events), LINES)
    assert set(outcomes(answer)) == {"recorded"}
    positions = [result["position"] for result in answer.json()["results"]]
    assert positions == list(range(positions[0], positions[0] + 3_000))


def test_integers_of_64_bits_survive(client: httpx.Client) -> None:
    content = json.dumps(order()).replace(
        '"customer": "C-1"', '"customer": "C-1"}, "n": {"n": 9223372036854775807'
    )
    answer = post(client, content.encode())
    position = answer.json()["results"][0]["position"]
    assert client.get(f"/v1/milestones/{position}/payload").content == content.encode()


def test_every_answer_carries_the_id_of_its_request(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    told = client.get("/healthz", headers={"traceparent": trace}).headers["x-request-id"]
    assert told == "0af7651916cd43dd8448eb211c80319c"
    made = [client.get("/healthz", headers={"x-request-id": "no good"}).headers["x-request-id"] for _ in "12"]
    assert len(set(made)) == 2
