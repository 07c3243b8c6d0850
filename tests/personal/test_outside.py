"""Personal data seen from outside: over HTTP as who may see it and who may not, and in every table."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from adapters.personal.sealing import make_secret
from tests.api.running import serving
from tests.domain.events import invoice, order

ANN, BO, CY = "ann.lee@example.com", "Bo Sørensen", "cy@example.com"
PLAIN = [ANN, BO, CY, "Anneliese", "Lee-Smith"]
RULES = """
rules:
  - match: /erp/*/*
    fields: [/data/dimensions/owner, /data/dimensions/channel, /actor]
    subject: /data/dimensions/owner
  - match: hubspot/*
    fields: [/owner/email, /owner/name]
    subject: /owner/email
"""


def sold(number: str, owner: str, name: str) -> dict[str, Any]:
    made = order(number, f"id-{number}")
    made["data"]["dimensions"] = {"owner": owner, "channel": name}
    return {**made, "actor": CY}


@pytest.fixture
def rules(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "personal.yaml").write_text(RULES)
    make_secret(tmp_path / "personal.key")
    return {"personal": tmp_path / "personal.yaml", "personal_key": tmp_path / "personal.key"}


@pytest.fixture
def client(database_url: str, fresh_schema: str, rules: dict[str, Any]) -> Iterator[httpx.Client]:
    with serving(database_url, fresh_schema, **rules) as opened:
        yield opened


@pytest.fixture
def reader(client: httpx.Client) -> Iterator[httpx.Client]:
    """Somebody who may read everything, but no personal data."""
    made = client.post("/v1/keys", json={"name": "bi", "roles": ["read", "audit", "administer"]})
    assert made.status_code in (200, 201), made.text
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    with httpx.Client(base_url=client.base_url, headers=headers, timeout=30) as opened:
        yield opened


def send(client: httpx.Client, *events: Any) -> list[dict[str, Any]]:
    body = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in events)
    answer = client.post("/v1/events", content=body, headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def everything(database_url: str, schema: str) -> bytes:
    """All bytes of all tables of a schema, as text and as binary COPY has them."""
    found = []
    with psycopg.connect(database_url, autocommit=True, options=f"-c search_path={schema}") as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'", (schema,)
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            for form in ("text", "binary"):
                query = sql.SQL("COPY {} TO STDOUT (FORMAT {})").format(sql.Identifier(table), sql.SQL(form))
                with connection.cursor().copy(query) as rows:
                    found += [bytes(row) for row in rows]
    return b"\n".join(found)


def traces(stored: bytes) -> list[str]:
    """Plain values in stored bytes: as UTF-8, in hex as COPY writes bytea, in JSON's escapes, in any case."""
    lower = stored.lower()
    found = []
    for value in PLAIN:
        ways = (value.encode(), value.encode().hex().encode(), json.dumps(value)[1:-1].encode())
        found += [value for way in ways if way.lower() in lower]
    return found


def report(client: httpx.Client, position: int) -> dict[str, bytes]:
    """Reports that group by what rules make tokens of."""
    asked = {}
    for view in ("bookings", "backlog", "billing", "exceptions"):
        parameters: dict[str, Any] = {"at": "2026-12-31"}
        if view == "bookings":
            parameters = {"from": "2026-01-01", "to": "2026-12-31", "by": "owner,channel"}
        answer = client.get(f"/v1/reports/{view}", params={**parameters, "known_position": position})
        assert answer.status_code == 200, answer.text
        asked[view] = answer.content
    return asked


def test_who_may_see_personal_data_is_shown_what_came_in_and_others_are_shown_tokens(
    client: httpx.Client, reader: httpx.Client
) -> None:
    sent = json.dumps(sold("SO-1", ANN, BO), indent=1, ensure_ascii=False).encode().replace(b"\n", b" ")
    (result,) = send(client, sent)
    position = result["position"]
    assert client.get(f"/v1/milestones/{position}/payload").content == sent
    page = client.get(f"/v1/milestones/{position}").json()
    assert page["payload"]["text"].encode() == sent
    assert page["payload"]["personal"] == "shown"
    assert sorted(page["personal"].values()) == sorted([ANN, BO, CY])
    owner = page["event"]["data"]["dimensions"]["owner"]
    assert page["personal"][owner] == ANN
    hidden = reader.get(f"/v1/milestones/{position}")
    assert hidden.json()["payload"]["personal"] == "hidden"
    assert hidden.json()["personal"] == {}
    assert hidden.json()["event"] == page["event"]
    assert not traces(hidden.content)
    assert not traces(reader.get(f"/v1/milestones/{position}/payload").content)


def test_quarantine_and_conflicts_show_it_to_those_who_may_see_it(
    client: httpx.Client, reader: httpx.Client
) -> None:
    wrong = {**sold("SO-1", ANN, BO), "time": "soon"}
    torn = b'{"source": "/erp/netsuite/acme", "actor": "cy@example.com"'
    other = {**sold("SO-2", ANN, BO), "id": "id-SO-3"}
    quarantined, sealed, _, conflict = send(client, wrong, torn, sold("SO-3", ANN, BO), other)
    assert [quarantined["outcome"], sealed["outcome"], conflict["outcome"]] == [
        "quarantined", "quarantined", "conflict",
    ]  # fmt: skip
    pages = [f"/v1/quarantine/{one['quarantine']}" for one in (quarantined, sealed)]
    shown = [client.get(page).json()["payload"]["text"] for page in pages]
    assert shown == [json.dumps(wrong), torn.decode()]
    assert [reader.get(page).json()["payload"]["personal"] for page in pages] == ["hidden", "hidden"]
    assert client.get("/v1/conflicts").json()["conflicts"][0]["payload"]["text"] == json.dumps(other)
    for page in [*pages, "/v1/quarantine", "/v1/conflicts", "/v1/reports/exceptions"]:
        assert not traces(reader.get(page).content), page


def test_after_forgetting_the_person_is_gone_and_the_reports_are_the_same_byte_for_byte(
    client: httpx.Client, database_url: str, fresh_schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bill = invoice("SO-1", "inv-1")
    bill["data"]["dimensions"] = {"owner": ANN}
    torn = b'{"source": "/erp/netsuite/acme", "actor": "' + ANN.upper().encode() + b'"'
    results = send(client, sold("SO-1", ANN, BO), sold("SO-2", CY, "Anneliese"), bill, torn)
    last = max(result["position"] or 0 for result in results)
    client.get("/v1/status", params={"at_least": last})
    before = report(client, last)
    assert not traces(everything(database_url, fresh_schema))
    tokens = set(re.findall(r"person:[0-9a-f]{16}:[0-9a-f]{16}", before["bookings"].decode()))
    assert len(tokens) == 4

    told = client.post("/v1/personal/forget", json={"subject": f" {ANN.title()}", "reason": "case 17"})
    assert told.status_code == 200, told.text
    assert told.json() | {"subject": "", "position": 0} == {
        "subject": "", "values": 3, "payloads": 1, "already": False, "position": 0, "swept": True,
        "listed": True,
    }  # fmt: skip
    assert told.json()["position"] > last

    assert report(client, last) == before
    first, second = results[0]["position"], results[1]["position"]
    gone = client.get(f"/v1/milestones/{first}").json()
    assert gone["payload"]["personal"] == "hidden"
    assert ANN not in client.get(f"/v1/milestones/{first}/payload").text
    kept = client.get(f"/v1/milestones/{second}").json()
    assert kept["payload"]["personal"] == "shown"
    assert "Anneliese" in kept["payload"]["text"]
    sealed = client.get(f"/v1/quarantine/{results[3]['quarantine']}").json()
    assert sealed["payload"]["personal"] == "hidden"
    assert not traces(everything(database_url, fresh_schema))
    # what this test's own client writes is not the server's
    assert not traces("".join(r.getMessage() for r in caplog.records if "httpx" not in r.name).encode())

    again = client.post("/v1/personal/forget", json={"subject": ANN, "reason": "case 17"}).json()
    assert (again["already"], again["values"]) == (True, 0)


def test_data_of_a_forgotten_person_that_comes_again_is_a_duplicate_and_stays_gone(
    client: httpx.Client,
) -> None:
    event = sold("SO-1", ANN, BO)
    (first,) = send(client, event)
    client.post("/v1/personal/forget", json={"subject": ANN, "reason": "asked"})
    (again,) = send(client, event)
    assert (again["outcome"], again["position"]) == ("duplicate", first["position"])
    assert client.get(f"/v1/milestones/{first['position']}").json()["payload"]["personal"] == "hidden"
    allowed = client.post("/v1/personal/allow", json={"subject": ANN, "reason": "came back"})
    assert allowed.json()["allowed"] is True
    (later,) = send(client, sold("SO-9", ANN, BO))
    assert client.get(f"/v1/milestones/{later['position']}").json()["payload"]["personal"] == "shown"


def test_a_subject_of_whom_nothing_is_kept_is_said_to_be_unknown_and_nothing_is_recorded(
    client: httpx.Client,
) -> None:
    send(client, sold("SO-1", ANN, BO))
    before = client.get("/v1/milestones").json()["known"]
    answer = client.post("/v1/personal/forget", json={"subject": "nobody", "reason": "asked"})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:cairn:problem:subject-unknown"
    assert client.get("/v1/milestones").json()["known"] == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"subject": ANN}, "reason is missing"),
        ({"reason": "asked"}, "subject is missing"),
        ({"subject": "  ", "reason": "asked"}, "subject must be"),
        ({"subject": ANN, "reason": f"{ANN} asked"}, "without naming"),
        ({"subject": ANN, "reason": "asked", "other": 1}, "no field"),
    ],
)
def test_a_request_to_forget_that_is_not_whole_is_refused(
    client: httpx.Client, body: dict[str, Any], says: str
) -> None:
    answer = client.post("/v1/personal/forget", json=body)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_the_rules_and_counts_are_told(client: httpx.Client) -> None:
    send(client, sold("SO-1", ANN, BO), b"{torn")
    told = client.get("/v1/personal").json()
    assert (told["subjects"], told["values"], told["sealed_payloads"], told["forgotten"]) == (1, 3, 1, 0)
    assert told["rules"][0]["subject"] == "/data/dimensions/owner"


def test_attributes_in_headers_are_not_kept_beside_the_tokens(
    client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    event = sold("SO-1", ANN, BO)
    data = event.pop("data")
    headers = {f"ce-{name}": str(value) for name, value in event.items()}
    answer = client.post("/v1/events", json=data, headers=headers)
    assert answer.json()["results"][0]["outcome"] == "recorded", answer.text
    assert not traces(everything(database_url, fresh_schema))


def test_without_rules_nothing_is_kept_and_forgetting_says_how_to_set_it_up(
    database_url: str, fresh_schema: str
) -> None:
    with serving(database_url, fresh_schema) as client:
        (result,) = send(client, sold("SO-1", ANN, BO))
        page = client.get(f"/v1/milestones/{result['position']}").json()
        assert page["payload"]["personal"] is None
        assert set(traces(everything(database_url, fresh_schema))) == {
            ANN,
            BO,
            CY,
        }  # the scan finds what is there
        answer = client.post("/v1/personal/forget", json={"subject": ANN, "reason": "asked"})
        assert answer.status_code == 409
        assert "CAIRN_PERSONAL" in answer.json()["detail"]
