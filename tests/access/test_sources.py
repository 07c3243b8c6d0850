"""Appending keys: for their sources, and not a byte of any other."""

from __future__ import annotations

import json
import time
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.access.conftest import Gate
from tests.api.samples import BATCH, LINES, STRUCTURED, order
from tests.webhooks.configuring import feeds_in

_numbers = count(1)
OURS = "/erp/netsuite/acme"
THEIRS = "/erp/netsuite/other"


@pytest.fixture(scope="module")
def sender(gate: Gate) -> Any:
    with gate.caller("sender", "append", sources=["/erp/netsuite/acme"]) as client:
        yield client


def number() -> str:
    return f"A-{next(_numbers)}"


def event(source: str = OURS, **more: Any) -> dict[str, Any]:
    found = order(number(), **more)
    found["data"]["keys"] = [f"{source[1:]}:{found['subject'].replace('/', ':')}"]
    return found | {"source": source}


def post(client: httpx.Client, content: Any, media: str = BATCH) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post("/v1/events", content=body, headers={"Content-Type": media})


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["outcome"] for result in answer.json()["results"]]


def everything(gate: Gate) -> tuple[int, int]:
    """The last position, and what is open in quarantine."""
    status = gate.operator.get("/v1/status").json()
    return status["log"]["position"], status["quarantine"]["open"]


def test_events_of_its_sources_are_recorded(sender: httpx.Client) -> None:
    assert outcomes(post(sender, [event(), event()])) == ["recorded", "recorded"]


@pytest.mark.parametrize("media", [BATCH, LINES, STRUCTURED])
def test_a_request_with_one_event_of_another_source_is_refused_whole(
    gate: Gate, sender: httpx.Client, media: str
) -> None:
    events = [event(), event(THEIRS)] if media != STRUCTURED else [event(THEIRS)]
    body: Any = events
    if media == LINES:
        body = b"".join(json.dumps(one).encode() + b"\n" for one in events)
    elif media == STRUCTURED:
        body = events[0]
    answer = post(sender, body, media)
    assert answer.status_code == 403
    told = answer.json()
    assert f"item {len(events) - 1} " in told["detail"]
    assert THEIRS in told["detail"]
    assert told["allowed"] == ["/erp/netsuite/acme"]
    # nothing of it was kept: sent by one who may, all of it is new
    assert outcomes(post(gate.operator, body, media)) == ["recorded"] * len(events)


def test_binary_mode_is_no_way_around(gate: Gate, sender: httpx.Client) -> None:
    found = event(THEIRS)
    headers = {f"ce-{name}": value for name, value in found.items() if isinstance(value, str)}
    headers["Content-Type"] = "application/json"
    assert sender.post("/v1/events", json=found["data"], headers=headers).status_code == 403
    headers["ce-source"] = OURS
    assert outcomes(sender.post("/v1/events", json=found["data"], headers=headers)) != []


@pytest.mark.parametrize(
    "change",
    [
        {"data": {}},
        {"type": "no.such.v1"},
        {"source": THEIRS + "\u0000"},
        {"source": "/ERP/netsuite/acme"},
        {"source": "nonsense"},
        {"source": OURS + "/more"},
        {"source": OURS + " "},
    ],
)
def test_a_bad_event_that_names_another_source_is_refused_too(
    gate: Gate, sender: httpx.Client, change: dict[str, Any]
) -> None:
    before = everything(gate)[1]
    answer = post(sender, [event(THEIRS) | change])
    assert answer.status_code == 403
    assert everything(gate)[1] == before


def test_a_bad_event_of_its_own_sources_goes_to_quarantine(gate: Gate, sender: httpx.Client) -> None:
    assert outcomes(post(sender, [event() | {"data": {}}, event()])) == ["quarantined", "recorded"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'[{"id": "x"}]', b'[{"source": 7}]'])
def test_what_names_no_source_goes_to_quarantine(sender: httpx.Client, body: bytes) -> None:
    assert outcomes(post(sender, body)) == ["quarantined"]


def amending(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"void-{next(_numbers)}",
        "source": source,
        "type": "milestone.voided.v1",
        "subject": f"void/{next(_numbers)}",
        "time": "2026-03-05T09:30:00Z",
        "data": {"target": {"source": target, "id": "id-x"}, "reason": "sent twice", **more},
    }


def test_what_another_source_sent_can_not_be_voided(gate: Gate, sender: httpx.Client) -> None:
    answer = post(sender, [amending(OURS, THEIRS)])
    assert answer.status_code == 403
    assert "amends" in answer.json()["detail"]
    assert outcomes(post(sender, [amending(OURS, OURS)])) == ["recorded"]
    with gate.caller("correcting", "append", sources=["/ledger/ops/*"]) as ledger:
        assert outcomes(post(ledger, [amending("/ledger/ops/ann", THEIRS)])) == ["recorded"]


def total(source: str) -> dict[str, Any]:
    """What a system says that it has sent."""
    return {
        "specversion": "1.0",
        "id": f"total-{next(_numbers)}",
        "source": source,
        "type": "control_total.reported.v1",
        "subject": f"total/{next(_numbers)}",
        "time": "2026-03-05T09:30:00Z",
        "data": {"object": "order", "from": "2026-03-01", "to": "2026-03-31", "count": 7, "keys": []},
    }


def correcting(source: str, target: str, replacement: dict[str, Any]) -> dict[str, Any]:
    found = amending(source, target, replacement=replacement)
    return found | {"type": "milestone.corrected.v1"}


@pytest.mark.parametrize("media", [BATCH, LINES, STRUCTURED])
def test_a_correction_speaks_for_no_other_source(gate: Gate, sender: httpx.Client, media: str) -> None:
    one = correcting(OURS, OURS, total(THEIRS))
    body: Any = {BATCH: [event(), one], LINES: json.dumps(one).encode() + b"\n", STRUCTURED: one}[media]
    answer = post(sender, body, media)
    assert answer.status_code == 403
    assert "puts in" in answer.json()["detail"]
    assert THEIRS in answer.json()["detail"]
    # nothing of it was kept: sent by one who may, all of it is new
    assert set(outcomes(post(gate.operator, body, media))) == {"recorded"}
    assert outcomes(post(sender, [correcting(OURS, OURS, total(OURS))])) == ["recorded"]


def test_a_correction_in_binary_mode_speaks_for_no_other_source(sender: httpx.Client) -> None:
    found = correcting(OURS, OURS, total(THEIRS))
    headers = {f"ce-{name}": value for name, value in found.items() if isinstance(value, str)}
    headers["Content-Type"] = "application/json"
    assert sender.post("/v1/events", json=found["data"], headers=headers).status_code == 403


def test_a_correction_within_a_correction_is_no_way_around(sender: httpx.Client) -> None:
    inner = correcting(OURS, OURS, total(THEIRS))
    assert post(sender, [correcting(OURS, OURS, inner)]).status_code == 403
    assert post(sender, [correcting(OURS, OURS, amending(OURS, THEIRS))]).status_code == 403


def test_a_correction_by_the_ledger_speaks_for_its_target_only(gate: Gate) -> None:
    with gate.caller("mending", "append", sources=["/ledger/ops/*"]) as ledger:
        ours = "/ledger/ops/ann"
        assert outcomes(post(ledger, [correcting(ours, THEIRS, total(THEIRS))])) == ["recorded"]
        assert post(ledger, [correcting(ours, THEIRS, total(OURS))]).status_code == 403


def test_the_ledgers_own_acts_need_a_pattern_that_names_them(gate: Gate, sender: httpx.Client) -> None:
    policy = event() | {"source": "/ledger/ops/ann", "type": "policy.activated.v1"}
    assert post(sender, [policy]).status_code == 403


def test_a_key_for_all_sources_may_send_any(gate: Gate) -> None:
    with gate.caller("any-source", "append", sources=["*"]) as client:
        assert outcomes(post(client, [event(), event(THEIRS), event("/crm/hubspot/x")]))[0] == "recorded"


def test_patterns_stand_for_their_sources(gate: Gate) -> None:
    with gate.caller("patterns", "append", sources=["/erp/*/acme", "/crm/hubspot/*"]) as client:
        assert outcomes(post(client, [event(OURS)])) == ["recorded"]
        assert post(client, [event(THEIRS)]).status_code == 403


def test_an_appending_key_reads_nothing(gate: Gate, sender: httpx.Client) -> None:
    for path in ("/v1/milestones", "/v1/milestones/1", "/v1/reports/backlog", "/v1/quarantine", "/v1/status"):
        assert sender.get(path).status_code == 403


def test_a_feed_that_proves_nothing_takes_a_key_for_its_sources(gates: Any, tmp_path: Path) -> None:
    feeds = {
        "plain": {
            "mapping": "cloudevents", "instance": "acme", "webhook": {"scheme": "none"},
        }
    }  # fmt: skip
    gate: Gate = gates(sources=feeds_in(tmp_path, feeds))
    with (
        gate.caller("feeding", "append", sources=[OURS]) as client,
        gate.caller("reading", "read") as reader,
        gate.presenting(None) as nobody,
    ):
        body = json.dumps(event()).encode()
        headers = {"Content-Type": "application/json"}
        assert nobody.post("/v1/sources/plain", content=body, headers=headers).status_code == 401
        assert reader.post("/v1/sources/plain", content=body, headers=headers).status_code == 403
        assert client.post("/v1/sources/plain", content=body, headers=headers).status_code == 200
        before = everything(gate)
        other = json.dumps(event(THEIRS)).encode()
        assert client.post("/v1/sources/plain", content=other, headers=headers).status_code == 403
        within = json.dumps(correcting(OURS, OURS, total(THEIRS))).encode()
        assert client.post("/v1/sources/plain", content=within, headers=headers).status_code == 403
        # but for the entry that tells of the refusal, nothing has come in
        assert everything(gate)[1] == before[1]
        assert client.get("/v1/sources/plain").status_code == 403


def kept_headers(gate: Gate, position: int) -> dict[str, str]:
    found: dict[str, str] = gate.operator.get(f"/v1/milestones/{position}").json()["payload"]["headers"]
    return found


def test_who_sent_it_is_kept_with_the_bytes_and_never_taken_from_a_sender(gate: Gate) -> None:
    with gate.caller("named", "append", sources=[OURS]) as client:
        [key] = [key for key in gate.operator.get("/v1/keys").json()["keys"] if key["name"] == "named"]
        sent = client.post("/v1/events", json=event(), headers={"Content-Type": STRUCTURED})
        forged = client.post(
            "/v1/events", json=event(), headers={"Content-Type": STRUCTURED, "Cairn-Caller": "operator"}
        )
        for answer in (sent, forged):
            [result] = answer.json()["results"]
            assert kept_headers(gate, result["position"])["cairn-caller"] == f"key named {key['id']}"
    [result] = post(gate.operator, [event()]).json()["results"]
    assert kept_headers(gate, result["position"])["cairn-caller"] == "operator"


def test_the_same_by_another_caller_is_still_a_duplicate(gate: Gate, sender: httpx.Client) -> None:
    one = event()
    assert outcomes(post(sender, [one])) == ["recorded"]
    assert outcomes(post(gate.operator, [one])) == ["duplicate"]


def test_what_a_feed_takes_by_key_is_kept_with_who_sent_it(gates: Any, tmp_path: Path) -> None:
    feeds = {
        "plain": {"mapping": "cloudevents", "instance": "acme", "webhook": {"scheme": "none"}},
        "proving": {
            "mapping": "cloudevents", "instance": "acme",
            "webhook": {"scheme": "token", "header": "X-Token", "secrets": [{"env": "CAIRN_TEST_TOKEN"}]},
        },
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAIRN_TEST_TOKEN", "a secret of the tests, long enough")
        gate: Gate = gates(sources=feeds_in(tmp_path, feeds))
    forged = {"Content-Type": "application/json", "Cairn-Caller": "operator"}
    with gate.caller("feeding", "append", sources=[OURS]) as client, gate.presenting(None) as nobody:
        answer = client.post("/v1/sources/plain", json=event(), headers=forged)
        [[one]] = [result["milestones"] for result in answer.json()["results"]]
        assert kept_headers(gate, one["position"])["cairn-caller"].startswith("key feeding ")
        token = {"X-Token": "a secret of the tests, long enough"}
        answer = nobody.post("/v1/sources/proving", json=event(), headers=forged | token)
        [[one]] = [result["milestones"] for result in answer.json()["results"]]
        assert "cairn-caller" not in kept_headers(gate, one["position"])
        assert nobody.post("/v1/sources/proving", json=event(), headers=forged).status_code == 401
    deadline = time.monotonic() + 10
    refused: list[dict[str, str]] = []
    while not refused and time.monotonic() < deadline:
        entries = gate.operator.get("/v1/audit/trail", params={"act": "request.refused"}).json()["entries"]
        refused = [entry["details"] for entry in entries]
        time.sleep(0.1)
    assert [(told["slug"], told["route"]) for told in refused] == [("proof-refused", "/v1/sources/proving")]
