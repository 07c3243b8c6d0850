"""The policies that there are, over HTTP: what each sets, which are in force, which can be asked."""

from __future__ import annotations

import time

import httpx

from tests.projections import events as e
from tests.projections import revising as r


def test_policies_are_listed_with_what_they_set_and_whether_they_can_be_asked(
    lone_client: httpx.Client,
) -> None:
    policy = e.event(
        "policy.activated",
        "2024-01-01",
        "policy/acme-1",
        by="ledger/cairn/acme",
        deal=None,
        policy="acme",
        version="1",
        from_="2024-07-01",
        settings={"proration": "monthly"},
        id_="policy-1",
    )
    answer = lone_client.post("/v1/events", json=[e.won("2024-01-02", e.line("A", "1.00")), policy])
    head = answer.json()["results"][-1]["position"]
    told = lone_client.get("/v1/reports/backlog", params={"at_least": head})
    assert told.json()["policies"] == ["default@1"]
    found = lone_client.get("/v1/policies").json()
    assert found["in_force"] == ["default@1"]
    assert [one["proration"] for one in found["settings"]] == ["daily"]
    default, acme = found["policies"]
    assert (default["name"], default["can_be_asked"]) == ("default@1", True)
    assert (acme["name"], acme["from"], acme["settings"]) == (
        "acme@1",
        "2024-07-01",
        {"proration": "monthly"},
    )
    for _ in range(100):
        (_, acme) = lone_client.get("/v1/policies").json()["policies"]
        if acme["can_be_asked"]:
            break
        time.sleep(0.05)
    assert acme["can_be_asked"], "the projector keeps the books under it"
    assert [one["books"] for one in lone_client.get("/v1/policies").json()["policies"]] == ["live", "kept"]
    void = r.void("2024-02-01", policy, by="ledger/cairn/acme")
    head = lone_client.post("/v1/events", json=void).json()["results"][0]["position"]
    lone_client.get("/v1/reports/backlog", params={"at_least": head})
    assert [one["name"] for one in lone_client.get("/v1/policies").json()["policies"]] == ["default@1"]


def test_a_policy_without_books_says_so_and_is_refused_with_those_that_have_some(
    lone_client: httpx.Client,
) -> None:
    policies = []
    for n in range(1, 5):
        policy = r.policy(f"2024-0{n}-01", str(n), {"proration": "monthly"})
        policies.append({**policy, "data": {**policy["data"], "policy": f"p{n}"}})
    answer = lone_client.post("/v1/events", json=[e.won("2024-01-02", e.line("A", "1.00")), *policies])
    head = answer.json()["results"][-1]["position"]
    lone_client.get("/v1/reports/backlog", params={"at_least": head}).raise_for_status()
    books = {one["name"]: one["books"] for one in lone_client.get("/v1/policies").json()["policies"]}
    assert (books["default@1"], books["p1@1"]) == ("live", "none")
    assert {books[f"p{n}@{n}"] for n in (2, 3, 4)} <= {"kept", "being_prepared"}
    refused = lone_client.get("/v1/reports/backlog", params={"policy": "p1@1"})
    assert refused.status_code == 422
    told = refused.json()
    assert told["allowed"] == ["default@1", "p2@2", "p3@3", "p4@4"]
    assert "activate this one again" in told["detail"]


def test_a_policy_that_cannot_be_read_is_listed_with_the_reason(lone_client: httpx.Client) -> None:
    bad = r.policy("2024-01-01", "1", {"proration": "weekly"})
    good = r.policy("2024-01-01", "2", {"proration": "monthly"}) | {"actor": "ann"}
    answer = lone_client.post("/v1/events", json=[e.won("2024-01-02", e.line("A", "1.00")), bad, good])
    head = answer.json()["results"][-1]["position"]
    lone_client.get("/v1/reports/backlog", params={"at_least": head}).raise_for_status()
    told = lone_client.get("/v1/policies").json()
    assert told["unreadable"] == [
        {
            "name": "house@1",
            "reason": "proration: Invalid enum value - at `$.proration`",
            "milestone": "/v1/milestones/2",
        }
    ]
    assert [(one["name"], one.get("author")) for one in told["policies"]] == [
        ("default@1", None), ("house@2", "ann"),
    ]  # fmt: skip
