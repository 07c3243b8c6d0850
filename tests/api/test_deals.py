"""Deals by any key, their timelines, the feed, and single milestones with their bytes."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from tests.api.samples import order

ORDER = "erp/netsuite/acme:order:SO-D1"
WON = "crm/salesforce/acme:opportunity:006/D 1"


def won() -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": "won-d1",
        "source": "/crm/salesforce/acme",
        "type": "opportunity.won.v1",
        "subject": "opportunity/006/D 1",
        "time": "2026-03-02T09:30:00Z",
        "data": {
            "keys": [ORDER],
            "currency": "EUR",
            "class": "new",
            "amount": "1000.00",
            "dimensions": {"segment": "smb"},
        },
    }


def tell(client: httpx.Client) -> None:
    """The order first, then the win that gives the deal its name."""
    for event in (order("SO-D1"), won()):
        client.post("/v1/events", json=event).raise_for_status()
    client.get("/v1/reports/billing", params={"at_least": 2}).raise_for_status()


def test_a_deal_is_found_by_any_of_its_keys(lone_client: httpx.Client) -> None:
    tell(lone_client)
    by_order = lone_client.get(f"/v1/deals/{ORDER}").json()
    by_name = lone_client.get(f"/v1/deals/{quote(WON)}").json()
    assert by_order == by_name
    assert by_order["deal"] == WON
    assert by_order["keys"] == [WON, ORDER]
    assert by_order["dimensions"] == {"customer": "C-1", "segment": "smb"}
    assert by_order["balances"]["EUR"]["unbilled"] == "1000.00"
    assert lone_client.get(by_order["timeline"]).status_code == 200


def test_a_deal_is_shown_as_it_was_known(lone_client: httpx.Client) -> None:
    tell(lone_client)
    before = lone_client.get(f"/v1/deals/{ORDER}", params={"known_position": 1}).json()
    assert before["deal"] == ORDER
    assert before["keys"] == [ORDER]
    assert before["balances"]["EUR"]["won_unordered"] == "-1000.00"
    unknown = lone_client.get(f"/v1/deals/{quote(WON)}", params={"known_position": 1})
    assert unknown.status_code == 404
    at = lone_client.get(f"/v1/deals/{ORDER}", params={"at": "2026-03-03"}).json()
    assert at["balances"]["EUR"]["won_unordered"] == "1000.00"


def test_a_timeline_is_in_business_order_with_links_to_the_sources(lone_client: httpx.Client) -> None:
    tell(lone_client)
    found = lone_client.get(f"/v1/deals/{ORDER}/timeline").json()
    assert [one["type"] for one in found["milestones"]] == ["opportunity.won.v1", "order.accepted.v1"]
    assert [one["position"] for one in found["milestones"]] == [2, 1]
    for one in found["milestones"]:
        milestone = lone_client.get(one["links"]["milestone"]).json()
        assert milestone["recorded_at"] == one["recorded_at"]
        assert milestone["event"]["data"] == one["data"]
    then = lone_client.get(f"/v1/deals/{ORDER}/timeline", params={"known_position": 1}).json()
    assert [one["position"] for one in then["milestones"]] == [1]


def test_a_deal_that_was_split_off_leads_to_its_own_timeline(lone_client: httpx.Client) -> None:
    client = lone_client
    tell(client)
    split = {
        "specversion": "1.0",
        "id": "split-d1",
        "source": "/mdm/reltio/acme",
        "type": "deal.split.v1",
        "subject": "split/1",
        "time": "2026-03-10T09:30:00Z",
        "data": {"keys": [ORDER]},
    }
    client.post("/v1/events", json=split).raise_for_status()
    found = client.get(f"/v1/deals/{ORDER}", params={"at_least": 3}).json()
    assert found["deal"] == ORDER
    assert WON not in found["keys"]
    assert found["dimensions"] == {"customer": "C-1", "segment": "smb"}
    milestones = client.get(found["timeline"]).json()["milestones"]
    assert [(one["position"], one["state"]) for one in milestones] == [(1, "stands"), (3, "stands")]
    other = client.get(f"/v1/deals/{quote(WON)}").json()
    assert (other["deal"], other["keys"]) == (WON, [WON])
    assert other["dimensions"] == {"customer": "C-1", "segment": "smb"}


def test_an_unknown_deal_is_a_404_that_says_so(client: httpx.Client) -> None:
    client.post("/v1/events", json=order())
    client.get("/v1/reports/billing", params={"at_least": 1})
    for path in ("/v1/deals/nothing", "/v1/deals/nothing/timeline"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:cairn:problem:deal-unknown"


def test_the_feed_gives_every_milestone_once_in_order(lone_client: httpx.Client) -> None:
    client = lone_client
    client.post("/v1/events", json=[order(f"SO-{n}") for n in range(7)]).raise_for_status()
    seen, after = [], 0
    while True:
        page = client.get("/v1/milestones", params={"after": after, "limit": 3}).json()
        seen += [one["position"] for one in page["milestones"]]
        after = page["last"]
        if page["next"] is None:
            break
    assert seen == list(range(1, 8))
    assert client.get("/v1/milestones", params={"after": 7}).json()["milestones"] == []
    known = client.get("/v1/milestones", params={"known_position": 2}).json()
    assert [one["position"] for one in known["milestones"]] == [1, 2]
    assert known["known"]["position"] == 2


def test_a_milestone_comes_with_the_bytes_that_it_came_in(lone_client: httpx.Client) -> None:
    content = (
        b'{ "id":"1", "specversion":"1.0", "source":"/mdm/a/b", "type":"deals.linked.v1",\n'
        b'"subject":"link/1","time":"2026-01-01T00:00:00+01:00","data":{"keys":["mdm/a/b:deal:\xc3\xa9"]}}'
    )
    lone_client.post("/v1/events", content=content, headers={"Content-Type": "application/json"})
    found = lone_client.get("/v1/milestones/1").json()
    assert found["payload"]["text"].encode() == content
    assert found["event"]["time"] == "2026-01-01T00:00:00+01:00"
    raw = lone_client.get(found["links"]["payload"])
    assert raw.content == content
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert raw.headers["content-type"].startswith("text/plain")


def test_a_milestone_that_is_not_there_is_a_404(client: httpx.Client) -> None:
    for path in ("/v1/milestones/999999", "/v1/milestones/999999/payload", "/v1/milestones/0"):
        assert client.get(path).status_code == 404
    assert client.get("/v1/milestones/one").status_code == 422
    assert client.get("/v1/milestones", params={"limit": 0}).status_code == 422
