"""What did not get in: listed, filtered, shown byte for byte, and read again."""

from __future__ import annotations

import httpx

from tests.api.samples import order


def bad(number: str, source: str = "/erp/netsuite/acme") -> dict[str, object]:
    event = order(number, source=source)
    event["data"]["currency"] = "EUX"
    return event


def test_entries_are_listed_filtered_and_paged(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=[bad("1"), bad("2", "/erp/sap/other"), "x", bad("3")]).raise_for_status()
    found = client.get("/v1/quarantine").json()
    assert [entry["id"] for entry in found["entries"]] == [1, 2, 3, 4]
    assert found["next"] is None
    by_source = client.get("/v1/quarantine", params={"source": "/erp/sap/other"}).json()["entries"]
    assert [entry["id"] for entry in by_source] == [2]
    by_reason = client.get("/v1/quarantine", params={"reason": "event_not_object"}).json()["entries"]
    assert [entry["id"] for entry in by_reason] == [3]
    first = client.get("/v1/quarantine", params={"limit": 2, "reason": "currency_unknown"}).json()
    rest = client.get(
        "/v1/quarantine", params={"limit": 2, "reason": "currency_unknown", "cursor": first["next"]}
    ).json()
    assert [entry["id"] for entry in first["entries"] + rest["entries"]] == [1, 2, 4]
    assert rest["next"] is None


def test_an_entry_shows_its_bytes_and_why(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", content=b"\xff\x00{", headers={"Content-Type": "application/json"})
    entry = client.get("/v1/quarantine/1").json()
    assert entry["payload"]["base64"] == "/wB7"
    assert entry["reasons"][0]["code"] == "not_json"
    assert entry["settled"] is False


def test_read_again_it_stays_as_long_as_it_is_not_understood(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=bad("1")).raise_for_status()
    answer = client.post("/v1/quarantine/1/replay").json()
    assert [result["outcome"] for result in answer["results"]] == ["quarantined"]
    assert answer["results"][0]["reasons"][0]["code"] == "currency_unknown"
    assert len(client.get("/v1/quarantine").json()["entries"]) == 1


def test_its_id_stays_free_for_the_mended_message(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=bad("1")).raise_for_status()
    assert client.post("/v1/events", json=order("1")).json()["results"][0]["outcome"] == "recorded"


def test_an_unknown_entry_is_a_404(client: httpx.Client) -> None:
    assert client.get("/v1/quarantine/999").status_code == 404
    assert client.post("/v1/quarantine/999/replay").status_code == 404
    assert client.get("/v1/quarantine/x").status_code == 422
    assert client.get("/v1/quarantine", params={"nope": 1}).status_code == 422
