"""A changed mapping over stored bytes: what would be different is shown, and nothing is done."""

from __future__ import annotations

from typing import Any

from tests.remapping import shop
from tests.remapping.conftest import Shop


def test_the_mapping_that_read_them_changes_nothing(fed: Shop) -> None:
    found = fed.preview()
    assert found["messages"]["read"] == 8
    assert found["messages"]["with_effects"] == 0
    assert (found["messages"]["unchanged"], found["messages"]["still_quarantined"]) == (6, 2)


def test_a_changed_mapping_shows_what_would_differ_field_by_field(fed: Shop) -> None:
    fed.install(shop.SECOND)
    found = fed.preview()
    fields = {(one["type"], one["field"]): one["examples"] for one in found["changed"]["fields"]}
    assert found["changed"]["milestones"] == 2
    assert fields == {
        ("invoice.posted.v1", "/data/due_on"): [
            {"position": 1, "before": "2026-04-01", "after": "2026-04-15"}
        ],
        ("invoice.posted.v1", "/data/dimensions/owner"): [{"position": 2, "before": None, "after": "kim"}],
    }


def test_it_shows_what_would_come_in_go_and_be_refused(fed: Shop) -> None:
    fed.install(shop.SECOND)
    found = fed.preview()
    assert [one["position"] for one in found["vanished"]["examples"]] == [4]
    assert found["ignored"]["by_reason"] == {"draft": 1}
    assert found["new"]["by_type"] == {"order.submitted.v1": 1}
    assert found["released"]["by_reason"] == {"object_unknown": 1}
    assert found["released"]["milestones"] == {"recorded": 1}
    assert [one["entry"] for one in found["released"]["examples"]] == [1]
    (refused,) = found["refused"]["examples"]
    assert (refused["positions"], refused["reasons"][0]["code"]) == ([5], "status_unknown")
    assert (found["messages"]["unchanged"], found["messages"]["still_quarantined"]) == (1, 1)


def test_a_preview_records_nothing(fed: Shop) -> None:
    before = fed.events()
    fed.install(shop.SECOND)
    assert fed.preview()["digest"] == fed.preview()["digest"]
    assert fed.events() == before
    assert len(fed.client.get("/v1/quarantine").json()["entries"]) == 2


def test_a_mapping_is_previewed_before_it_is_installed(fed: Shop) -> None:
    answer = fed.client.post("/v1/mappings/preview", json={"file": shop.SECOND})
    found = answer.json()
    fed.install(shop.SECOND)
    assert found == fed.preview()


def test_a_file_with_mistakes_is_refused_with_all_of_them(fed: Shop) -> None:
    text = shop.SECOND.replace("due_on:", "due_onn:").replace("type: payment.received", "type: payment.got")
    answer = fed.client.post("/v1/mappings/preview", json={"file": text})
    assert answer.status_code == 422
    assert "due_onn" in answer.json()["detail"]
    assert "payment.got" in answer.json()["detail"]


def test_pages_of_messages_come_to_the_whole(fed: Shop) -> None:
    fed.install(shop.SECOND)
    whole, read, after = fed.preview(), 0, 0
    changed = 0
    while after is not None:
        page = fed.preview(limit=3, after=after)
        read += page["messages"]["read"]
        changed += page["changed"]["milestones"]
        after = page["next"]
    assert (read, changed) == (whole["messages"]["read"], whole["changed"]["milestones"])


def test_messages_of_another_mapping_are_not_read(fed: Shop) -> None:
    other = shop.FIRST.replace("mapping: shop", "mapping: shopping")
    answer = fed.client.post("/v1/mappings/preview", json={"file": other})
    assert answer.json()["messages"]["read"] == 0


def test_what_two_messages_come_to_alike_comes_in_once(empty: Shop) -> None:
    one, two = shop.payment(1), shop.payment(1) | {"note": "sent again"}
    empty.feed([one, two])
    empty.install(shop.SECOND)
    found = empty.preview()
    assert found["released"]["milestones"] == {"duplicate": 1, "recorded": 1}
    assert empty.apply().json()["outcomes"] == {"duplicate": 1, "recorded": 1}


def test_an_unknown_mapping_is_a_404_that_names_those_there_are(fed: Shop) -> None:
    answer = fed.client.post("/v1/mappings/preview", json={"mapping": "nope"})
    assert answer.status_code == 404
    assert "shop" in answer.json()["allowed"]


def test_what_is_asked_wrongly_is_refused(fed: Shop) -> None:
    for given in ({}, {"mapping": "shop", "file": "x"}, {"mapping": "shop", "since": "soon"},
                  {"mapping": "shop", "limit": "9"}, {"mapping": "shop", "nope": 1}):  # fmt: skip
        assert fed.client.post("/v1/mappings/preview", json=given).status_code == 422


def test_mappings_are_listed_with_version_and_digest(fed: Shop) -> None:
    found = {one["name"]: one for one in fed.client.get("/v1/mappings").json()["mappings"]}
    assert (found["shop"]["version"], found["shop"]["kinds"]) == ("1", ["invoice"])
    assert len(found["shop"]["digest"]) == 16


def test_a_payload_is_tried_and_refusals_are_placed(fed: Shop) -> None:
    def tried(payload: str) -> dict[str, Any]:
        answer = fed.client.post("/v1/mappings/try", json={"mapping": "shop", "payload": payload})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    (event,) = tried(shop.lines([shop.invoice(9)]).decode())["milestones"]
    assert event["source"] == "/billing/shop/main"
    assert tried('{"type": "order"}')["ignored"] == "not_invoiced"
    (reason,) = tried('{\n "type": "parcel"\n}')["refused"]
    assert (reason["code"], reason["place"]["line"], reason["place"]["column"]) == ("object_unknown", 2, 10)
