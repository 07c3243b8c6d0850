"""What can't be understood: every byte is kept, and read again once a mapping is mended."""

import json
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from adapters.intake import Intake, QuarantineUnknown
from adapters.postgres.reading import conflicts, counts, inbox_row, open_quarantine, quarantine_entry
from adapters.preparing import kept_headers, readable
from adapters.sources import SOURCES, Refusal, Source, Translation
from tests.domain.events import event, invoice, order
from tests.ingest.conftest import Ask
from tests.ingest.messages import body, said

HOSTILE = {
    "nothing": b"",
    "blanks": b" \n ",
    "no JSON": b"<order/>",
    "cut off": body(order())[:-7],
    "two values": body(order()) * 2,
    "invalid UTF-8": body(order()).replace(b"SO-1", b"SO-\xff"),
    "UTF-16": json.dumps(order()).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + body(order()),
    "an escaped lone surrogate": body(order()).replace(b"SO-1", b"SO-\\ud800"),
    "a raw lone surrogate": body(order()).replace(b"SO-1", b"SO-\xed\xa0\x80"),
    "an escaped NUL in a key": body(order()).replace(b"SO-1", b"SO-\\u0000"),
    "an escaped NUL in the id": body(order() | {"id": "a\0b", "source": "/erp/\0/x"}),
    "an escaped NUL in a name": body(order() | {"a\0b": 1}),
    "a raw NUL": body(order()).replace(b"SO-1", b"SO-\0"),
    "nothing but NULs": bytes(100),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"data":' * 50_000,
    "deep data": body(order()).replace(b'"SO-1"', b"[" * 900 + b"]" * 900),
    "deep settings": body(
        event("policy.activated", "policy/p", policy="p", version="1", **{"from": "2026-01-01"}, settings="@")
    ).replace(b'"@"', b"[" * 700 + b"]" * 700),
    "a huge integer": body(
        event("policy.activated", "policy/p", policy="p", version="1", **{"from": "2026-01-01"}, settings="@")
    ).replace(b'"@"', b"9" * 4_000),
    "a huge exponent": body(order()).replace(b'"100.00"', b"1e999"),
    "a huge number": body(order()).replace(b'"100.00"', b"9" * 10_000),
    "a list": b"[1, 2]",
    "a text": b'"x"',
    "null": b"null",
    "names of every kind": body({"id": 1, "source": [], "type": {}, "specversion": None}),
    "a long id": body(order() | {"id": "x" * 100_000}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_comes_is_kept_byte_for_byte_and_sinks_nobody(
    intake: Intake, pool: "ConnectionPool[Any]", name: str
) -> None:
    items = [intake.prepare_event(each) for each in (body(order()), HOSTILE[name], body(invoice()))]
    outcomes = intake.record(items)
    assert said(outcomes) == [("recorded", 1), ("quarantined", None), ("recorded", 2)]
    with pool.connection() as connection:
        (entry,) = open_quarantine(connection)
        stored = inbox_row(connection, entry.inbox)
    assert stored is not None
    assert stored.body == HOSTILE[name]
    assert entry.id == outcomes[1].quarantine
    assert entry.reasons
    assert all(reason["code"] and reason["message"] for reason in entry.reasons)


def test_what_could_be_read_of_a_message_is_listed(intake: Intake, pool: "ConnectionPool[Any]") -> None:
    intake.record([intake.prepare_event(body(order() | {"time": "soon"}))])
    intake.record([intake.prepare_event(b"{", source_hint="/erp/netsuite/acme")])
    with pool.connection() as connection:
        first, second = open_quarantine(connection)
        assert open_quarantine(connection, after=first.id) == [second]
        assert open_quarantine(connection, limit=1) == [first]
        assert counts(connection) == (2, 0)
        bytes_of_second = inbox_row(connection, second.inbox)
    assert (first.source, first.event_id, first.type) == ("/erp/netsuite/acme", "o1", "order.accepted.v1")
    assert (second.source, second.event_id, second.type) == (None, None, None)
    assert bytes_of_second is not None
    assert bytes_of_second.source == "/erp/netsuite/acme"


def test_headers_that_matter_are_kept_and_secrets_are_not(intake: Intake, ask: Ask) -> None:
    headers = {
        "Content-Type": "application/json", "CE-Id": "7", "Stripe-Signature": "t=1", "traceparent": "00-1",
        "Authorization": "secret", "Cookie": "secret", "X-Api-Key": "secret", "Accept": "*/*",
    }  # fmt: skip
    intake.record([intake.prepare_event(body(order()), headers=headers, content_type="application/json")])
    ((kept, media),) = ask("SELECT headers, content_type FROM inbox")
    assert json.loads(kept) == {
        "content-type": "application/json", "ce-id": "7", "stripe-signature": "t=1", "traceparent": "00-1",
    }  # fmt: skip
    assert media == "application/json"
    assert kept_headers({"accept": "x"}) is None
    assert readable("a\0b\ud800") == "a\ufffdb?"


def test_a_message_that_is_still_not_understood_stays_open(
    intake: Intake, pool: "ConnectionPool[Any]", ask: Ask
) -> None:
    intake.record([intake.prepare_event(b"{")])
    (outcome,) = intake.replay(1)
    assert (outcome.outcome, outcome.quarantine) == ("quarantined", 1)
    with pool.connection() as connection:
        assert [entry.id for entry in open_quarantine(connection)] == [1]
    assert ask("SELECT outcome FROM quarantine_replay") == [("quarantined",)]
    assert ask("SELECT count(*) FROM inbox") == ask("SELECT count(*) FROM quarantine") == [(1,)]


def test_an_entry_that_is_not_there_is_unknown(intake: Intake) -> None:
    with pytest.raises(QuarantineUnknown, match="no quarantine entry 9"):
        intake.replay(9)


class Mendable(Source):
    """A source whose mapping does not understand anything until it is mended."""

    name = "mendable"
    canonical = False

    def __init__(self) -> None:
        self.answer = Translation(refused=(Refusal("field_missing", "/a", "give it an a"),))

    def records(self, path: Any) -> Any:
        raise AssertionError

    def translate(self, payload: bytes, instance: str) -> Translation:
        if payload == b"stumble":
            raise KeyError("a bug")
        return self.answer


@pytest.fixture
def mendable(monkeypatch: pytest.MonkeyPatch) -> Mendable:
    source = Mendable()
    monkeypatch.setitem(SOURCES, "mendable", source)
    return source


def test_a_mended_mapping_records_what_was_kept(
    intake: Intake, pool: "ConnectionPool[Any]", mendable: Mendable, ask: Ask
) -> None:
    intake.record(intake.prepare_record(mendable, b"payload", "acme").items)
    with pool.connection() as connection:
        (entry,) = open_quarantine(connection)
    assert (entry.mapping, entry.reasons[0]["code"]) == ("mendable/acme", "field_missing")
    mendable.answer = Translation((order(), invoice()))
    assert said(intake.replay(entry.id)) == [("recorded", 1), ("recorded", 2)]
    with pool.connection() as connection:
        assert open_quarantine(connection) == []
        found = quarantine_entry(connection, entry.id)
    assert found == (entry, True)
    assert ask("SELECT inbox FROM log") == [(entry.inbox,), (entry.inbox,)]
    assert ask("SELECT count(*) FROM inbox") == [(1,)]
    assert ask("SELECT outcome, position FROM quarantine_replay ORDER BY id") == [
        ("recorded", 1), ("recorded", 2),
    ]  # fmt: skip
    assert said(intake.replay(entry.id)) == [("duplicate", 1), ("duplicate", 2)]


def test_a_message_that_turns_out_to_be_none_is_settled(
    intake: Intake, pool: "ConnectionPool[Any]", mendable: Mendable
) -> None:
    intake.record(intake.prepare_record(mendable, b"payload", "acme").items)
    mendable.answer = Translation(ignored="master_data")
    assert said(intake.replay(1)) == [("ignored", None)]
    with pool.connection() as connection:
        assert open_quarantine(connection) == []


def test_a_record_refused_in_part_is_refused_whole(intake: Intake, mendable: Mendable, ask: Ask) -> None:
    mendable.answer = Translation((order(), invoice() | {"time": "soon"}))
    (outcome,) = intake.record(intake.prepare_record(mendable, b"payload", "acme").items)
    assert (outcome.outcome, outcome.reasons[0].code) == ("quarantined", "time_format")
    assert ask("SELECT count(*) FROM log") == [(0,)]


def test_a_mapping_that_stumbles_quarantines_the_record(intake: Intake, mendable: Mendable) -> None:
    (outcome,) = intake.record(intake.prepare_record(mendable, b"stumble", "acme").items)
    assert (outcome.outcome, outcome.reasons[0].code) == ("quarantined", "mapping_failed")
    with pytest.raises(ValueError, match="instance"):
        intake.prepare_record(mendable, b"payload", "a/b")


def test_milestones_of_one_record_share_its_bytes(intake: Intake, mendable: Mendable, ask: Ask) -> None:
    mendable.answer = Translation((order(), invoice()))
    assert intake.prepare_record(mendable, b"payload", "acme").ignored is None
    intake.record(intake.prepare_record(mendable, b"payload", "acme").items)
    assert ask("SELECT body, mapping, source FROM inbox") == [
        (b"payload", "mendable/acme", "/erp/netsuite/acme")
    ]
    assert ask("SELECT inbox FROM log") == [(1,), (1,)]


def test_conflicts_are_listed(intake: Intake, pool: "ConnectionPool[Any]") -> None:
    for net in ("1.00", "2.00", "3.00"):
        intake.record([intake.prepare_event(body(order(net=net)))])
    with pool.connection() as connection:
        kept = conflicts(connection)
        assert conflicts(connection, after=1) == kept[1:]
    assert [(each.id, each.position, each.event_id, each.type) for each in kept] == [
        (1, 1, "o1", "order.accepted.v1"), (2, 1, "o1", "order.accepted.v1"),
    ]  # fmt: skip
