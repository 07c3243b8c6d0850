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
    assert client.get("/v1/quarantine").json()["entries"] == []
    assert client.get("/v1/quarantine/1").json()["status"] == "mended"
    assert client.get("/v1/status").json()["quarantine"]["open"] == 0
    assert client.post("/v1/quarantine/1/dismiss", json={"actor": "a", "note": "b"}).status_code == 409


def test_an_unknown_entry_is_a_404(client: httpx.Client) -> None:
    assert client.get("/v1/quarantine/999").status_code == 404
    assert client.post("/v1/quarantine/999/replay").status_code == 404
    assert client.get("/v1/quarantine/x").status_code == 422
    assert client.get("/v1/quarantine", params={"nope": 1}).status_code == 422


def test_groups_add_up_and_name_the_oldest(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=[bad("1"), bad("2"), bad("3", "/erp/sap/other"), "x"]).raise_for_status()
    found = client.get("/v1/quarantine/summary").json()
    told = [(group["reason"], group["source"], group["count"], group["first"]) for group in found["groups"]]
    assert told == [
        ("currency_unknown", "/erp/netsuite/acme", 2, "/v1/quarantine/1"),
        ("currency_unknown", "/erp/sap/other", 1, "/v1/quarantine/3"),
        ("event_not_object", None, 1, "/v1/quarantine/4"),
    ]
    assert found["count"] == 4
    assert found["oldest"] == client.get("/v1/quarantine/1").json()["received_at"]
    only = client.get("/v1/quarantine/summary", params={"reason": "event_not_object"}).json()
    assert only["count"] == 1


def test_entries_are_found_by_age_and_status(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=[bad("1"), bad("2")]).raise_for_status()
    received = client.get("/v1/quarantine/2").json()["received_at"]

    def ids(**params: str) -> list[int]:
        answer = client.get("/v1/quarantine", params=params)
        assert answer.status_code == 200, answer.text
        return [entry["id"] for entry in answer.json()["entries"]]

    assert ids(older_than="5m") == []
    assert ids(older_than="2100-01-01T00:00:00Z") == [1, 2]
    assert ids(older_than=received) == ids(older_than=received)
    assert ids(status="dismissed") == []
    client.post("/v1/quarantine/1/dismiss", json={"actor": "ann", "note": "a test"}).raise_for_status()
    assert (ids(), ids(status="dismissed"), ids(status="all")) == ([2], [1], [1, 2])
    for wrong in ({"older_than": "soon"}, {"status": "gone"}, {"changed": "maybe"}):
        assert client.get("/v1/quarantine", params=wrong).status_code == 422


def test_a_dismissed_entry_is_kept_and_its_exception_heals(lone_client: httpx.Client) -> None:
    client = lone_client

    def excepted() -> list[str]:
        rows = client.get("/v1/reports/exceptions", params={"code": "QUARANTINED"}).json()["rows"]
        return [row["object"] for row in rows]

    client.post("/v1/events", json=[bad("1"), order("9")]).raise_for_status()
    client.get("/v1/reports/bookings", params={"at_least": 1, "timeout": 20}).raise_for_status()
    assert excepted() == ["quarantine/1"]
    answer = client.post("/v1/quarantine/1/dismiss", json={"actor": "ann", "note": "a test of theirs"})
    assert answer.json() == {"quarantine": 1, "status": "dismissed", "new": True}
    assert excepted() == []
    entry = client.get("/v1/quarantine/1").json()
    assert (entry["status"], entry["settled"]) == ("dismissed", True)
    assert [(done["outcome"], done["actor"], done["note"]) for done in entry["history"]] == [
        ("dismissed", "ann", "a test of theirs")
    ]
    assert "EUX" in entry["payload"]["text"]


def test_the_same_bytes_again_do_not_open_what_was_dismissed(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=bad("1")).raise_for_status()
    client.post("/v1/quarantine/1/dismiss", json={"actor": "ann", "note": "a test"}).raise_for_status()
    again = client.post("/v1/events", json=bad("1")).json()["results"][0]
    assert (again["outcome"], again["quarantine"]) == ("quarantined", 1)
    assert client.get("/v1/quarantine").json()["entries"] == []
    twice = client.post("/v1/quarantine/1/dismiss", json={"actor": "bob", "note": "again"}).json()
    assert twice["new"] is False


def test_dismissing_needs_an_actor_and_a_note(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=bad("1")).raise_for_status()
    for wrong in ({}, {"actor": "ann"}, {"actor": "ann", "note": " "}, {"actor": 1, "note": "x"},
                  {"actor": "ann", "note": "x", "why": "y"}):  # fmt: skip
        assert client.post("/v1/quarantine/1/dismiss", json=wrong).status_code == 422
    assert client.post("/v1/quarantine/9/dismiss", json={"actor": "a", "note": "b"}).status_code == 404


def test_the_offending_place_is_marked(lone_client: httpx.Client) -> None:
    client = lone_client
    event = bad("1")
    client.post("/v1/events", json=event).raise_for_status()
    entry = client.get("/v1/quarantine/1").json()
    (reason,) = entry["reasons"]
    text, place = entry["payload"]["text"], reason["place"]
    assert text[place["column"] - 1 : place["end_column"] - 1] == '"EUX"'
    assert place["exact"] is True
    marked = [piece["text"] for piece in entry["payload"]["shown"] if piece["reasons"]]
    assert marked == ['"EUX"']
    assert "".join(piece["text"] for piece in entry["payload"]["shown"]) == text
    assert "send it again" in entry["next_step"]


def test_many_are_read_again_page_by_page(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=[bad(str(number)) for number in range(1, 8)]).raise_for_status()
    read, cursor, pages = 0, None, 0
    while True:
        wanted = {"reason": "currency_unknown", "limit": 3, "cursor": cursor}
        answer = client.post("/v1/quarantine/replay", json=wanted).json()
        assert answer["reasons"] == {"currency_unknown": answer["entries"]}
        read, cursor, pages = read + answer["entries"], answer["next"], pages + 1
        if cursor is None:
            break
    assert (read, pages) == (7, 3)
    nothing = client.post("/v1/quarantine/replay", json={"source": "/erp/none/here"}).json()
    assert nothing == {"entries": 0, "outcomes": {}, "reasons": {}, "milestones": 0, "next": None}
    assert client.post("/v1/quarantine/replay", json={"nope": 1}).status_code == 422
    assert client.post("/v1/quarantine/replay", content=b"[").status_code == 422


def test_no_milestone_waits_behind_a_broken_one(lone_client: httpx.Client) -> None:
    """Every tenth of a stream is broken, the same deal's among them; all others are in with their answer."""
    sent = [bad(str(number)) if number % 10 == 0 else order(str(number)) for number in range(1, 201)]
    results = []
    for start in range(0, len(sent), 25):
        results += lone_client.post("/v1/events", json=sent[start : start + 25]).json()["results"]
    outcomes = [result["outcome"] for result in results]
    assert outcomes == ["quarantined" if n % 10 == 0 else "recorded" for n in range(1, 201)]
    assert [r["position"] for r in results if r["outcome"] == "recorded"] == list(range(1, 181))
    report = lone_client.get(
        "/v1/reports/bookings", params={"by": "deal", "at_least": 180, "timeout": 20, "limit": 1_000}
    ).json()
    assert len(report["rows"]) == 180


def test_many_entries_are_dismissed_by_the_filters_of_the_list(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=[bad("1"), bad("2", "/erp/sap/other"), "x", bad("3")]).raise_for_status()
    who = {"actor": "ann", "note": "a wrong currency"}
    first = client.post(
        "/v1/quarantine/dismiss", json=who | {"reason": "currency_unknown", "limit": 2}
    ).json()
    assert (first["dismissed"], first["next"]) == (2, "2")
    rest = client.post(
        "/v1/quarantine/dismiss", json=who | {"reason": "currency_unknown", "cursor": first["next"]}
    ).json()
    assert rest == {"dismissed": 1, "next": None}
    assert [entry["id"] for entry in client.get("/v1/quarantine").json()["entries"]] == [3]
    done = client.get("/v1/quarantine/2").json()["history"][-1]
    assert (done["outcome"], done["actor"], done["note"]) == ("dismissed", "ann", "a wrong currency")


def test_nothing_is_dismissed_without_a_filter(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=["x"]).raise_for_status()
    who = {"actor": "ann", "note": "all of it"}
    for wrong in (who, who | {"status": "all"}, {"reason": "x"}, who | {"nope": 1}, who | {"limit": 5}):
        assert client.post("/v1/quarantine/dismiss", json=wrong).status_code == 422, wrong
    assert len(client.get("/v1/quarantine").json()["entries"]) == 1
