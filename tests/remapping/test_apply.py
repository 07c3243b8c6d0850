"""A changed mapping applied: what was previewed is done, once, by corrections that read like any other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.api.samples import order as canonical_order
from tests.remapping import shop
from tests.remapping.conftest import Shop


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}


def test_what_apply_does_is_what_preview_said(fed: Shop) -> None:
    fed.install(shop.SECOND)
    said = fed.preview()
    answer = fed.apply(expect=said["digest"])
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert without(done, "outcomes") == said
    # two corrections, a void, an order and a payment; the draft's bytes are kept as ignored
    assert done["outcomes"] == {"ignored": 1, "recorded": 5}


def test_changed_milestones_are_corrected_and_vanished_ones_voided(fed: Shop) -> None:
    fed.install(shop.SECOND)
    fed.apply()
    told = fed.events()[5:]
    corrected = {
        event["data"]["target"]["id"]: event for event in told if event["type"] == "milestone.corrected.v1"
    }
    assert set(corrected) == {"invoice/I-1:invoice.posted", "invoice/I-2:invoice.posted"}
    first = corrected["invoice/I-1:invoice.posted"]
    assert first["data"]["replacement"]["data"]["due_on"] == "2026-04-15"
    assert (first["actor"], first["data"]["reason"]) == ("ann", "the shop's due date is pay_by")
    assert first["source"].startswith("/billing/cairn/")
    (void,) = [event for event in told if event["type"] == "milestone.voided.v1"]
    assert void["data"]["target"]["id"] == "invoice/I-4:invoice.posted"


def test_the_books_follow(fed: Shop) -> None:
    fed.install(shop.SECOND)
    fed.apply()
    last = len(fed.events())
    asked: dict[str, str | int] = {"at": "2026-04-10", "by": "customer", "at_least": last, "timeout": 25}
    rows = fed.client.get("/v1/reports/collections", params=asked).json()["rows"]
    # I-4 is void; I-1 is not due before the 15th
    assert sum(Decimal(row["receivable"]) for row in rows) == Decimal("400.00")
    assert sum(Decimal(row["not_due"]) for row in rows) == Decimal("100.00")


def test_applied_again_nothing_is_left_to_do(fed: Shop) -> None:
    fed.install(shop.SECOND)
    fed.apply()
    after = fed.events()
    found = fed.preview()
    assert found["messages"]["with_effects"] == 1  # the one that is refused: what stands of it stays
    assert found["refused"]["messages"] == 1
    again = fed.apply().json()
    assert again["outcomes"] == {}
    assert fed.events() == after


def test_every_milestone_tells_the_version_that_made_it(fed: Shop) -> None:
    fed.install(shop.SECOND)
    fed.apply()
    versions = []
    for position in range(1, len(fed.events()) + 1):
        found = fed.client.get(f"/v1/milestones/{position}").json()
        versions.append(found["mapping"]["version"])
    assert versions == ["1"] * 5 + ["2"] * 5


def test_the_mapping_changed_back_takes_its_corrections_back(fed: Shop) -> None:
    fed.install(shop.SECOND)
    fed.apply()
    fed.install(shop.FIRST)
    found = fed.preview()
    # the two changed ones, and the void one counts again; the order vanishes, and the payment would be
    # refused
    assert (found["changed"]["milestones"], found["vanished"]["milestones"]) == (3, 1)
    assert found["refused"]["messages"] == 1
    fed.apply().raise_for_status()
    assert fed.preview()["changed"]["milestones"] == 0
    fed.install(shop.SECOND)
    assert fed.preview()["changed"]["milestones"] == 3
    fed.apply().raise_for_status()
    assert fed.preview()["changed"]["milestones"] == 0
    receivable = fed.client.get(
        "/v1/reports/collections", params={"at": "2026-04-10", "at_least": len(fed.events()), "timeout": 25}
    ).json()["rows"][0]
    assert receivable["not_due"] == "100.00"


def test_what_somebody_has_decided_is_left_alone(fed: Shop) -> None:
    target = fed.events()[0]
    correction = {
        "specversion": "1.0", "id": "by-hand", "source": "/erp/netsuite/acme",
        "type": "milestone.corrected.v1",
        "subject": "correction/1", "time": "2026-03-05T10:00:00Z",
        "data": {
            "target": {"source": target["source"], "id": target["id"]}, "reason": "agreed by phone",
            "replacement": target | {"data": target["data"] | {"due_on": "2026-05-31"}},
        },
    }  # fmt: skip
    answer = fed.client.post("/v1/events", json=correction).json()
    assert answer["results"][0]["outcome"] == "recorded"
    fed.install(shop.SECOND)
    found = fed.preview()
    assert [one["position"] for one in found["left_alone"]["examples"]] == [1]
    assert found["changed"]["milestones"] == 1


def test_a_preview_that_does_not_hold_any_more_is_not_applied(fed: Shop) -> None:
    fed.install(shop.SECOND)
    digest = fed.preview()["digest"]
    fed.install(shop.FIRST)
    fed.feed([shop.invoice(6, rep="lee")])
    fed.install(shop.SECOND)
    before = fed.events()
    answer = fed.apply(expect=digest)
    assert answer.status_code == 409
    assert "preview again" in answer.json()["detail"]
    assert fed.events() == before


def test_only_a_name_is_applied_with_an_actor_and_a_reason(fed: Shop) -> None:
    assert fed.apply(mapping="nope").status_code == 404
    assert fed.apply(actor=None).status_code == 422
    assert fed.apply(reason=" ").status_code == 422
    assert fed.apply(file=shop.SECOND).status_code == 422


def test_what_was_ignored_is_kept_once_and_quarantined_where_it_is_refused_later(empty: Shop) -> None:
    empty.feed([shop.order(1)])
    empty.feed([shop.order(1)])
    with empty.pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (1,)
        assert connection.execute("SELECT reason, mapping FROM ignored").fetchall()[0][0] == "not_invoiced"
    empty.install(
        shop.FIRST.replace("ignored: {not_invoiced: [order]}\n", "").replace("version: 1", "version: 3")
    )
    found = empty.preview()
    assert found["refused"]["by_reason"] == {"object_unknown": 1}
    assert empty.apply().json()["outcomes"] == {"quarantined": 1}
    (entry,) = empty.client.get("/v1/quarantine").json()["entries"]
    assert entry["read_by"]["version"] == "3"
    empty.install(shop.SECOND)
    assert empty.apply().json()["outcomes"] == {"recorded": 1}
    assert empty.client.get("/v1/quarantine").json()["entries"] == []


def test_a_milestone_under_a_new_id_but_the_same_sequence_is_the_same(empty: Shop) -> None:
    first = shop.FIRST.replace("        dimensions:", "        sequence: revision\n        dimensions:")
    empty.install(first)
    empty.feed([shop.invoice(1, revision="7")])
    empty.install(
        first.replace("version: 1", "version: 2").replace(
            "subject: [invoice, number]", "subject: [invoice, number]\n        edition: revision"
        )
    )
    assert empty.preview()["messages"]["with_effects"] == 0


def test_a_conflict_that_was_kept_changes_nothing(empty: Shop) -> None:
    empty.feed([shop.invoice(1), shop.invoice(1, due="2026-06-01")])
    assert empty.preview()["messages"]["with_effects"] == 0
    empty.install(shop.SECOND)
    empty.feed([shop.invoice(2)])
    assert empty.preview()["messages"]["with_effects"] == 0


def test_events_of_the_contract_are_not_touched(fed: Shop) -> None:
    fed.client.post("/v1/events", json=canonical_order("SO-1")).raise_for_status()
    fed.install(shop.SECOND)
    assert fed.preview()["messages"]["read"] == 8
