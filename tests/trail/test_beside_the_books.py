"""What the ledger records of itself is in the log and in nothing that is worked out from the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import Connection, sql

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from adapters.preparing import Preparer
from adapters.sources.base import Translation
from api.house import connection_to, ledger_on
from api.trail import Trail, act_of_server
from domain.ledger import Ledger
from projections import checking, generations
from projections.checking import Wanted
from projections.journal import TABLES
from projections.measures import VIEWS
from projections.projector import Projector
from projections.rebuild import rebuild
from tests.api.running import serving
from tests.api.samples import LINES, lines, order

DAY = "2026-06-30"


@pytest.fixture
def schema(database_url: str, fresh_schema: str) -> str:
    migrate(database_url, fresh_schema)
    return fresh_schema


@pytest.fixture
def ledger(database_url: str, schema: str) -> Iterator[Ledger]:
    opened = ledger_on(database_url, schema)
    yield opened
    opened.close()


def acts(database_url: str, schema: str, number: int = 3) -> None:
    for one in range(number):
        act_of_server(database_url, schema, "key.created", {"name": f"key-{one}"})


def answers(client: httpx.Client) -> dict[str, Any]:
    """Everything that is worked out, without the moment that it is from."""
    asked = {
        **{f"/v1/reports/{view}": {"to": DAY} for view in VIEWS},
        "/v1/reports/exceptions": {"at": DAY},
        "/v1/reports/latency": {"to": DAY},
        "/v1/reports/completeness": {"from": "2026-01-01", "to": DAY},
        "/v1/reports/bridge": {"at": DAY},
        "/v1/reference/customers": {"at": DAY},
        "/v1/laws": {"at": DAY},
        "/v1/deals/erp/netsuite/acme:order:SO-1": {"at": DAY},
        "/v1/deals/erp/netsuite/acme:order:SO-1/timeline": {},
        "/v1/quarantine/summary": {},
    }
    found = {}
    for path, given in asked.items():
        answer = client.get(path, params=given)
        assert answer.status_code == 200, (path, answer.text)
        found[path] = _without_moment(answer.json())
    return found


def _without_moment(value: Any) -> Any:
    moment = {"known", "known_position", "position", "links", "checked_at", "compared", "self_check"}
    if isinstance(value, dict):
        return {name: _without_moment(item) for name, item in value.items() if name not in moment}
    if isinstance(value, str):
        return re.sub(r"known_position=[0-9]+", "", value)
    return [_without_moment(item) for item in value] if isinstance(value, list) else value


def test_no_answer_changes_by_what_is_recorded_of_the_ledger_itself(
    database_url: str, fresh_schema: str
) -> None:
    with serving(database_url, fresh_schema) as client:
        body = lines(order("SO-1"), order("SO-2"), {"specversion": "1.0"})
        client.post("/v1/events", content=body, headers={"Content-Type": LINES}).raise_for_status()
        client.get("/v1/reports/bookings", params={"at_least": 2, "timeout": 25}).raise_for_status()
        before = answers(client)
        acts(database_url, fresh_schema)
        client.get("/v1/reports/bookings", params={"at_least": 5, "timeout": 25}).raise_for_status()
        assert answers(client) == before
        assert client.get("/v1/status").json()["log"]["position"] == 5


def rows(connection: Connection[Any], generation: int) -> dict[str, list[tuple[Any, ...]]]:
    """All of a generation's tables."""
    found = {}
    for table in TABLES:
        text = sql.SQL("SELECT * FROM {}").format(sql.Identifier(f"{table}_g{generation}"))
        found[table] = sorted(connection.execute(text).fetchall(), key=repr)
    return found


def test_projecting_rebuilding_and_checking_leave_it_out_and_count_it(
    database_url: str, schema: str, ledger: Ledger
) -> None:
    """At the beginning, between deals, at the end; by the projector and by a rebuild."""
    preparer = Preparer(ledger)
    acts(database_url, schema, 1)
    for number in ("SO-1", "SO-2"):
        ledger.record([preparer.event(json.dumps(order(number)).encode())])
        acts(database_url, schema, 2)
    with connection_to(database_url, schema, "test") as connection:
        Projector(schema).catch_up(connection)
        live = generations.live(connection)
        assert live is not None
        assert live.position == 7
        projected = rows(connection, live.id)
        conninfo = conninfo_for(database_url, schema, application_name="test")
        rebuilt = rebuild(conninfo, schema, workers=1)
        assert (rebuilt.milestones, rebuilt.is_live) == (7, True)
        assert rows(connection, rebuilt.generation) == projected
        assert {row[0] for row in projected["deal_name"]} == {2, 5}, "no deal but the two orders'"
        assert projected["notice"] == []
        checked = checking.check(conninfo, Wanted(), date(2026, 6, 30), workers=1)
        assert checked.holds, checked.differences
        assert checked.milestones == 7


def test_entries_join_nothing_and_have_no_keys(database_url: str, schema: str) -> None:
    acts(database_url, schema, 3)
    with connection_to(database_url, schema, "test") as connection:
        streams = connection.execute("SELECT stream, version FROM log ORDER BY position").fetchall()
        assert streams == [(1, 1), (2, 1), (3, 1)]
        for table in ("deal_key", "deal_link", "payment_crossing", "sequence_identity"):
            found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            assert found.fetchone() == (0,), table


# ---- nobody sends it


def entry_event(**given: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "forged", "source": "/ledger/audit/acme", "type": "audit.recorded.v1",
        "subject": "audit/forged", "time": "2026-03-01T10:00:00Z",
        "data": {"act": "key.created", "actor": "ann", "kind": "operator", "details": {}}, **given,
    }  # fmt: skip


def amendment(type_: str, **data: Any) -> dict[str, Any]:
    target = {"source": "/ledger/audit/acme", "id": "any"}
    return entry_event(
        id=type_, source="/erp/netsuite/acme", type=type_, subject="amendment/1",
        data={"target": target, "reason": "to hide it", **data},
    )  # fmt: skip


def outcome(client: httpx.Client, event: dict[str, Any]) -> tuple[str, list[str]]:
    answer = client.post("/v1/events", content=lines(event), headers={"Content-Type": LINES})
    assert answer.status_code in (200, 207, 422), answer.text
    [told] = answer.json()["results"]
    return told["outcome"], [reason["code"] for reason in told["reasons"]]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (entry_event(), "type_reserved"),
        (entry_event(source="/erp/netsuite/acme"), "type_reserved"),
        (entry_event(type="invoice.voided.v1", data={"invoice": "INV-1"}), "source_reserved"),
        (amendment("milestone.voided.v1"), "target_reserved"),
        (amendment("milestone.corrected.v1", replacement=order("SO-9")), "target_reserved"),
    ],
)
def test_what_would_forge_the_trail_is_quarantined(
    lone_client: httpx.Client, event: dict[str, Any], code: str
) -> None:
    assert outcome(lone_client, event) == ("quarantined", [code])
    assert lone_client.get("/v1/milestones").json()["milestones"] == []
    assert lone_client.get("/v1/audit/trail").json()["entries"] == []


def test_neither_entries_nor_attempts_to_forge_them_make_a_source_that_is_heard_of(
    lone_client: httpx.Client,
) -> None:
    client = lone_client
    assert outcome(client, order("SO-1"))[0] == "recorded"
    assert outcome(client, entry_event())[0] == "quarantined"
    client.post("/v1/quarantine/replay", json={}).raise_for_status()
    found = client.get("/v1/reports/completeness", params={"at_least": 2, "timeout": 25}).json()
    assert "audit" not in json.dumps(found["watermarks"])
    assert "audit" not in json.dumps(found["rows"])
    late = client.get("/v1/reports/exceptions", params={"at": "2030-01-01"}).json()
    assert "/ledger/audit/" not in {row.get("source") for row in late["rows"]}


def test_a_correction_can_not_bring_an_entry_in(lone_client: httpx.Client) -> None:
    first = order("SO-1")
    forged = entry_event(
        id="c", source="/erp/netsuite/acme", type="milestone.corrected.v1", subject="order/SO-1",
        data={
            "target": {"source": first["source"], "id": first["id"]},
            "reason": "?", "replacement": entry_event(),
        },
    )  # fmt: skip
    assert outcome(lone_client, first)[0] == "recorded"
    assert outcome(lone_client, forged) == ("quarantined", ["type_reserved"])
    assert lone_client.get("/v1/audit/trail").json()["entries"] == []


def test_the_bytes_of_an_entry_sent_in_again_are_refused(lone_client: httpx.Client) -> None:
    """Not as a duplicate: nobody learns from the ledger's answer what stands in the trail."""
    acts_of = lone_client.post("/v1/generations/return")
    assert acts_of.status_code == 409
    lone_client.post("/v1/quarantine/replay", json={}).raise_for_status()
    [entry] = lone_client.get("/v1/audit/trail").json()["entries"]
    body = lone_client.get(f"/v1/milestones/{entry['position']}/payload").content
    answer = lone_client.post(
        "/v1/events", content=body, headers={"Content-Type": "application/cloudevents+json"}
    )
    assert [one["outcome"] for one in answer.json()["results"]] == ["quarantined"]


def test_a_mapping_can_not_bring_an_entry_in(ledger: Ledger, database_url: str, schema: str) -> None:
    class Forging:
        name = "forging"
        canonical = False

        def translate(self, payload: bytes, instance: str) -> Translation:
            return Translation((entry_event(),))

    prepared = Preparer(ledger).record(Forging(), b"{}", "acme")  # type: ignore[arg-type]
    assert [item.arrival for item in prepared.items] == [None]
    assert [reason.code for reason in prepared.items[0].reasons] == ["type_reserved"]


def test_a_trail_is_needed_to_write_an_entry(ledger: Ledger, schema: str) -> None:
    assert Trail(ledger, ledger, schema).noticed("checkpoint.refused") == 1


def test_a_generation_of_other_rules_is_brought_past_entries_and_no_further(
    database_url: str, schema: str, ledger: Ledger
) -> None:
    """So that it can be returned to though a promotion was recorded since: no rule has a say in entries."""
    preparer = Preparer(ledger)
    with connection_to(database_url, schema, "test") as connection:
        ledger.record([preparer.event(json.dumps(order("SO-1")).encode())])
        Projector(schema).catch_up(connection)
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute(sql.SQL("UPDATE {}.generation SET rules = 'others'").format(sql.Identifier(schema)))
        acts(database_url, schema, 3)
        assert Projector(schema).catch_up(connection) == 3
        ledger.record([preparer.event(json.dumps(order("SO-2")).encode())])
        acts(database_url, schema, 1)
        assert Projector(schema).catch_up(connection) == 0
        live = generations.live(connection)
        assert live is not None
        assert live.position == 4
