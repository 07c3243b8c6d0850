"""Keys: their text, one life from the first use to the last, and nothing of their secrets anywhere."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres import keys as kept
from adapters.postgres.connections import conninfo_for
from adapters.postgres.keys import Grants, Key, KeyRefused, Making
from adapters.postgres.migrate import migrate
from api.access import keeping
from api.access.grants import checked, covers
from api.access.keys import PREFIX, is_damaged, make, size_of, span_of
from api.access.refusals import Unauthorised
from api.access.ring import KeyRing
from tests.access.conftest import Gate

_numbers = count(1)
READ = Grants(("read",))


def name() -> str:
    return f"caller-{next(_numbers)}"


def problem(answer: Any, status: int) -> str:
    """The detail of a problem that was answered."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


# ---- the text


def test_keys_differ_and_say_whose_they_are() -> None:
    texts = {make("acme_2", "one", READ, "me").text for _ in range(200)}
    assert len(texts) == 200
    for text in texts:
        assert text.startswith(f"{PREFIX}acme_2_")
        assert not is_damaged(text)
        # 256 bits by chance and a checksum
        assert len(text.rpartition("_")[2]) == 43 + 6


@given(st.data())
def test_any_changed_character_is_seen_as_damage(data: st.DataObject) -> None:
    text = make("cairn", "one", READ, "me").text
    at = data.draw(st.integers(len(PREFIX), len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda found: found != text[at]))
    assert is_damaged(text[:at] + other + text[at + 1 :])
    assert is_damaged(text[:at])


@pytest.mark.parametrize(
    ("text", "span"),
    [("90d", timedelta(days=90)), ("24h", timedelta(hours=24)), ("30m", timedelta(minutes=30))],
)
def test_spans_are_read(text: str, span: timedelta) -> None:
    assert span_of(text) == span


@pytest.mark.parametrize("text", ["", "0d", "90", "-1d", "1.5h", "1w", "1d1h", "999999d", "\u0661d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused, match="90d"):
        span_of(text)


def test_sizes_are_read() -> None:
    assert (size_of("1MiB"), size_of(2048), size_of(None)) == (2**20, 2048, None)
    refused: list[object] = ["much", [], -1.5]
    for value in refused:
        with pytest.raises(KeyRefused, match="1MiB"):
            size_of(value)


@pytest.mark.parametrize(
    ("grants", "says"),
    [
        (Grants(()), "at least one role"),
        (Grants(("reed",)), "no role 'reed'"),
        (Grants(("append",)), "append needs the sources"),
        (Grants(("append",), ("crm/hubspot/*",)), "no pattern"),
        (Grants(("append",), ("/crm/hubspot",)), "no pattern"),
        (Grants(("append",), ("/crm/hubspot/a/b",)), "no pattern"),
        (Grants(("append",), ("/sales/hubspot/*",)), "no pattern"),
        (Grants(("read",), ("/crm/hubspot/*",)), "append only"),
        (Grants(("append",), ("*",), ("DE",)), "role read only"),
        (Grants(("read", "audit"), entities=("DE",)), "can't be limited for the role audit"),
        (Grants(("read", "administer"), territories=("N",)), "can't be limited for the role administer"),
        (Grants(("read", "rebuild"), territories=("N",)), "can't be limited for the role rebuild"),
        (Grants(("read",), entities=("",)), "1 to 200 characters"),
        (Grants(("read",), rate="fast"), "no rate"),
        (Grants(("read",), rate="0/second"), "no rate"),
        (Grants(("read",), max_body=1), "between 1KiB and 1GiB"),
    ],
)
def test_grants_that_make_no_sense_are_refused(grants: Grants, says: str) -> None:
    with pytest.raises(KeyRefused, match=says):
        checked(grants)


@pytest.mark.parametrize(
    ("pattern", "source", "does"),
    [
        ("/crm/hubspot/*", "/crm/hubspot/acme", True),
        ("/crm/hubspot/*", "/crm/hubspot/", True),
        ("/crm/hubspot/*", "/crm/hubspot2/acme", False),
        ("/crm/hubspot/*", "/crm/hubspot/acme/more", False),
        ("/crm/hubspot/*", "/erp/x/crm/hubspot/acme", False),
        ("/crm/hubspot/a.me", "/crm/hubspot/acme", False),
        ("/crm/hubspot/a*e", "/crm/hubspot/acme", True),
        ("/crm/hubspot/acme", "/crm/hubspot/acme", True),
        ("/crm/hubspot/acme", "/crm/hubspot/acme\n", False),
        ("/*/*/acme", "/crm/hubspot/acme", True),
        ("/*/*/acme", "/crm/hubspot/other", False),
    ],
)
def test_a_pattern_stands_for_sources(pattern: str, source: str, does: bool) -> None:
    assert covers((pattern,), source) is does


# ---- the life of a key, over HTTP


def test_a_key_is_shown_once_and_lets_its_holder_in(gate: Gate) -> None:
    called = name()
    answer = gate.operator.post("/v1/keys", json={"name": called, "roles": ["read"]})
    text = answer.json()["key"]
    listed = gate.operator.get("/v1/keys")
    assert text not in listed.text
    [shown] = [key for key in listed.json()["keys"] if key["name"] == called]
    assert (shown["state"], shown["roles"], shown["created_by"]) == ("live", ["read"], "operator")
    with gate.presenting(text) as reader:
        assert reader.get("/v1/reports/backlog").status_code == 200


def test_the_secret_is_stored_nowhere(gate: Gate, server_url: str) -> None:
    called = name()
    text = gate.key(called, "read")
    with gate.presenting(text) as reader:
        reader.get("/v1/status")
    secret = text.rpartition("_")[2].encode()
    with psycopg.connect(server_url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (gate.schema,)
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM "{gate.schema}"."{table}" t').fetchall()
            held = "\n".join(row[0] for row in rows).encode()
            assert secret not in held, table
            assert secret.hex().encode() not in held, table


def test_a_name_is_given_once(gate: Gate) -> None:
    called = name()
    gate.key(called, "read")
    again = gate.operator.post("/v1/keys", json={"name": called, "roles": ["read"]})
    assert "rotate it" in problem(again, 422)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "roles": []},
        {"name": "x", "roles": "read"},
        {"name": "x", "roles": ["read"], "surprise": 1},
        {"name": "no spaces", "roles": ["read"]},
        {"name": ".hidden", "roles": ["read"]},
        {"name": "x" * 64, "roles": ["read"]},
        {"name": "x", "roles": ["read"], "expires": "soon"},
        {"name": "x", "roles": ["read"], "personal": "yes"},
        {"name": "x", "roles": ["read"], "max_body": "much"},
        {"name": "x", "roles": ["read"], "entity": "DE"},
        {"name": "x", "roles": ["read"], "entity": None},
        {"name": "x", "roles": ["read"], "entity": []},
        {"name": "x", "roles": ["read"], "entity": ["DE"], "territory": []},
        [],
        "x",
    ],
)
def test_a_key_that_can_not_be_made_is_refused_with_what_would_do(gate: Gate, body: Any) -> None:
    assert problem(gate.operator.post("/v1/keys", json=body), 422)


def test_a_revoked_key_is_refused_from_the_very_answer_on(gate: Gate) -> None:
    called = name()
    with gate.presenting(gate.key(called, "read")) as reader:
        for _ in range(3):
            assert reader.get("/v1/reports/backlog").status_code == 200
        assert len(gate.operator.delete(f"/v1/keys/{called}").json()["revoked"]) == 1
        assert "revoked" in problem(reader.get("/v1/reports/backlog"), 401)
    assert gate.operator.delete(f"/v1/keys/{called}").json() == {"revoked": []}
    [shown] = [key for key in gate.operator.get("/v1/keys").json()["keys"] if key["name"] == called]
    assert (shown["state"], shown["revoked_by"]) == ("revoked", "operator")
    # the name is free again
    gate.key(called, "read")


def test_an_unknown_key_can_not_be_revoked_or_rotated(gate: Gate) -> None:
    problem(gate.operator.delete("/v1/keys/nobody"), 404)
    problem(gate.operator.post("/v1/keys/nobody/rotate", json={}), 404)


def test_a_key_is_not_named_like_the_id_of_another(gate: Gate) -> None:
    called = name()
    gate.key(called, "read")
    [id_] = [key["id"] for key in gate.operator.get("/v1/keys").json()["keys"] if key["name"] == called]
    answer = gate.operator.post("/v1/keys", json={"name": id_, "roles": ["read"]})
    assert "id of another key" in problem(answer, 422)


def test_a_text_that_means_two_keys_ends_neither(database_url: str, schema: str) -> None:
    with connection_to(database_url, schema) as connection:
        one = make(schema, "one", READ, "me").key
        kept.create(connection, schema, one)
        two = make(schema, "two", READ, "me").key._replace(name=one.id)
        # as it was made before such names were refused
        kept._insert(connection, two)
        with pytest.raises(KeyRefused, match="name of one key and the id of another"):
            kept.revoke(connection, schema, one.id, "me")
        assert kept.any_live(connection)
        assert [key.id for key in kept.revoke(connection, schema, "one", "me")] == [one.id]
        assert [key.id for key in kept.revoke(connection, schema, two.id, "me")] == [two.id]


def test_who_presents_two_things_presents_none(gate: Gate) -> None:
    text = gate.key(name(), "read")
    ours, other = ("Authorization", f"Bearer {text}"), ("Authorization", "Bearer x")
    for sent in ([ours, other], [other, ours], [ours, ours], [("Authorization", ""), ours]):
        answer = httpx.get(f"{gate.url}/v1/status", headers=sent)
        assert "one header Authorization" in problem(answer, 401)


def test_two_keys_of_a_name_are_live_while_a_caller_changes_over(gate: Gate) -> None:
    called = name()
    first = gate.key(called, "append", "read", sources=["/crm/hubspot/*"], rate="500/second")
    answer = gate.operator.post(f"/v1/keys/{called}/rotate", json={})
    assert answer.status_code == 201
    second, older = answer.json()["key"], answer.json()["older"]
    with gate.presenting(first) as one, gate.presenting(second) as two:
        assert (one.get("/v1/status").status_code, two.get("/v1/status").status_code) == (200, 200)
        assert "revoke the older" in problem(gate.operator.post(f"/v1/keys/{called}/rotate", json={}), 422)
        gate.operator.delete(f"/v1/keys/{older[0]}")
        assert (one.get("/v1/status").status_code, two.get("/v1/status").status_code) == (401, 200)
    told = {key["id"]: key for key in gate.operator.get("/v1/keys").json()["keys"] if key["name"] == called}
    grants = [{what: key[what] for what in ("roles", "sources", "rate")} for key in told.values()]
    assert grants[0] == grants[1]


def test_the_older_key_ends_at_once_where_that_is_asked(gate: Gate) -> None:
    called = name()
    first = gate.key(called, "read")
    second = gate.operator.post(f"/v1/keys/{called}/rotate", json={"revoke_old": True}).json()["key"]
    with gate.presenting(first) as one, gate.presenting(second) as two:
        assert (one.get("/v1/status").status_code, two.get("/v1/status").status_code) == (401, 200)
    both = gate.operator.post(f"/v1/keys/{called}/rotate", json={"revoke_old": True, "overlap": "1h"})
    problem(both, 422)


def test_the_older_key_ends_after_the_overlap_and_never_later_than_it_was_to(gate: Gate) -> None:
    called = name()
    gate.key(called, "read", expires="30m")
    gate.operator.post(f"/v1/keys/{called}/rotate", json={"overlap": "24h"})
    ends = [
        datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
        for key in gate.operator.get("/v1/keys").json()["keys"]
        if key["name"] == called
    ]
    assert [round(span.total_seconds() / 60) for span in ends] == [30, 30]
    other = name()
    gate.key(other, "read")
    gate.operator.post(f"/v1/keys/{other}/rotate", json={"overlap": "24h"})
    [old, new] = [key for key in gate.operator.get("/v1/keys").json()["keys"] if key["name"] == other]
    assert old["expires_at"] is not None
    assert new["expires_at"] is None


def test_acts_on_keys_stand_in_the_trail(gate: Gate) -> None:
    called = name()
    gate.key(called, "append", sources=["/crm/hubspot/*"])
    gate.operator.post(f"/v1/keys/{called}/rotate", json={})
    gate.operator.delete(f"/v1/keys/{called}")
    entries = gate.operator.get("/v1/audit/trail", params={"limit": 1000}).json()["entries"]
    acts = [entry for entry in entries if entry["details"].get("name") == called]
    assert [entry["act"] for entry in acts] == ["key.created", "key.rotated", "key.revoked"]
    assert {entry["actor"] for entry in acts} == {"operator"}
    assert "cairn_" not in json.dumps([entry["details"] for entry in acts])


# ---- whom a server knows


@pytest.fixture
def schema(database_url: str, fresh_schema: str) -> str:
    migrate(database_url, fresh_schema)
    return fresh_schema


def connection_to(url: str, schema: str) -> psycopg.Connection[Any]:
    return psycopg.connect(conninfo_for(url, schema, application_name="cairn test"), autocommit=True)


def ended(ring: KeyRing, text: str) -> bool:
    """Whether a key lets its holder in no more."""
    try:
        return ring.caller(text) is None
    except Unauthorised:
        return True


def within(seconds: float, is_so: Any) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.01)
    return False


def test_another_process_hears_of_keys_that_are_made_and_revoked(database_url: str, schema: str) -> None:
    ring = KeyRing(lambda: connection_to(database_url, schema), schema)
    ring.start()
    try:
        assert not ring.any_made
        with connection_to(database_url, schema) as connection:
            made = keeping.create(connection, schema, lambda *_: 1, "one", READ)
            assert within(5, lambda: ring.caller(made.text) is not None)
            assert ring.any_made
            keeping.revoke(connection, schema, lambda *_: 1, "one")
            assert within(5, lambda: ended(ring, made.text))
            assert ring.any_made, "what was closed stays closed"
    finally:
        ring.stop()


def test_a_key_is_good_until_it_expires(database_url: str, schema: str) -> None:
    ring = KeyRing(lambda: connection_to(database_url, schema), schema)
    now = datetime.now(UTC)
    with connection_to(database_url, schema) as connection:
        soon = make(schema, "soon", READ, "me", now + timedelta(seconds=0.5))
        kept.create(connection, schema, soon.key)
        ring.read(connection)
        assert ring.caller(soon.text) is not None
        assert within(5, lambda: ended(ring, soon.text))
        assert [key.state(datetime.now(UTC)) for key in kept.every(connection)] == ["expired"]
        # and its name is free again
        kept.create(connection, schema, make(schema, "soon", READ, "me").key)


def test_a_key_of_another_tenant_is_unknown(database_url: str, schema: str) -> None:
    ring = KeyRing(lambda: connection_to(database_url, schema), schema)
    with connection_to(database_url, schema) as connection:
        ours = make(schema, "one", READ, "me")
        kept.create(connection, schema, ours.key)
        theirs = make("other", "one", READ, "me")
        # even with the very same row in both
        kept.create(connection, schema, theirs.key._replace(name="two"))
        ring.read(connection)
    assert ring.caller(ours.text) is not None
    assert ring.caller(theirs.text) is None
    for text in ("", "cairn_", f"cairn_{schema}__", ours.text[:-1], ours.text + "x", ours.text.swapcase()):
        assert ring.caller(text) is None


def test_the_use_of_keys_is_kept_by_the_minute(database_url: str, schema: str) -> None:
    ring = KeyRing(lambda: connection_to(database_url, schema), schema)
    with connection_to(database_url, schema) as connection:
        made = make(schema, "one", READ, "me")
        kept.create(connection, schema, made.key)
        ring.start()
        ring.caller(made.text)
        ring.stop()
        [key] = kept.every(connection)
    assert key.used_at is not None
    assert key.used_at.second == 0
    assert abs(key.used_at - datetime.now(UTC)) < timedelta(minutes=3)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM access_key",
        "TRUNCATE access_key",
        "UPDATE access_key SET roles = ARRAY['administer']",
        "UPDATE access_key SET digest = digest",
        "UPDATE access_key SET revoked_at = NULL",
        "UPDATE access_key SET expires_at = NULL",
        "UPDATE access_key SET expires_at = expires_at + interval '1 day'",
    ],
)
def test_the_application_can_not_give_a_key_more_than_it_had(
    database_url: str, schema: str, statement: str
) -> None:
    with connection_to(database_url, schema) as connection:
        made = make(schema, "one", READ, "me", datetime.now(UTC) + timedelta(days=1))
        kept.create(connection, schema, made.key)
        kept.revoke(connection, schema, "one", "me")
        with pytest.raises(psycopg.Error, match=r"permission denied|stays revoked|more time"):
            connection.execute(statement)


def test_keys_of_one_name_that_are_made_at_once_are_two_at_most(database_url: str, schema: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def rotate(_: int) -> bool:
        with connection_to(database_url, schema) as connection:
            try:
                keeping.rotate(connection, schema, lambda *_: 1, "one")
            except KeyRefused:
                return False
            return True

    with connection_to(database_url, schema) as connection:
        keeping.create(connection, schema, lambda *_: 1, "one", READ)
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(rotate, range(6))) == [False] * 5 + [True]


def test_a_key_that_can_not_be_recorded_is_not_given_out(database_url: str, schema: str) -> None:
    def full(*_: object) -> int:
        raise RuntimeError("full")

    with connection_to(database_url, schema) as connection:
        with pytest.raises(RuntimeError, match="full"):
            keeping.create(connection, schema, full, "one", READ)
        assert not kept.any_live(connection)


def test_what_is_stored_of_a_key_is_what_was_granted(database_url: str, schema: str) -> None:
    grants = Grants(("append", "read"), ("/crm/*/a",), ("DE", "Ä"), ("N",), True, "5/second", 2**20)
    with connection_to(database_url, schema) as connection:
        made = make(schema, "one", grants, "me")
        kept.create(connection, schema, made.key)
        [key] = kept.every(connection)
    assert isinstance(key, Key)
    assert isinstance(made.key, Making)
    assert (key.grants, key.digest) == (grants, made.key.digest)
