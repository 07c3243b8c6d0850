"""Intuit's notifications: one message names many entities of several companies, each of which is a record."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from adapters.feeds.receiving import MOST_RECORDS, TooManyRecords, records_of
from tests.webhooks.configuring import secret_in, webhook_in

INVOICE = (
    b'{"name": "Invoice",  "id": "130", "operation": "Delete", "lastUpdated": "2026-01-31T09:30:00-0800"}'
)
PAYMENT = (
    b'{"name": "Payment", "id": "120", "operation": "Update", "lastUpdated": "2026-01-31T09:31:00-0800"}'
)
ITEM = b'{"name": "Item", "id": "7", "operation": "Create", "lastUpdated": "2026-01-31T09:32:00-0800"}'


def told(*companies: list[bytes]) -> bytes:
    """A message about the entities of some companies."""
    changes = (
        b'{"realmId": "1", "dataChangeEvent": {"entities": [' + b", ".join(entities) + b"]}}"
        for entities in companies
    )
    return b'{"eventNotifications": [' + b", ".join(changes) + b"]}"


def section(folder: Path, **more: Any) -> Any:
    return webhook_in(folder, scheme="quickbooks", secrets=[secret_in(folder, "token", "verifier")], **more)


def test_a_message_becomes_its_entities_byte_for_byte(tmp_path: Path) -> None:
    assert records_of(section(tmp_path), told([INVOICE, PAYMENT], [ITEM])) == [INVOICE, PAYMENT, ITEM]


def test_cloudevents_are_records_of_their_own(tmp_path: Path) -> None:
    one, other = (json.dumps({"specversion": "1.0", "intuitentityid": n}).encode() for n in "12")
    assert records_of(section(tmp_path), b"[" + one + b", " + other + b"]") == [one, other]


@pytest.mark.parametrize(
    "body",
    [
        b'{"eventNotifications": []}',
        b'{"eventNotifications": [{"realmId": "1"}]}',
        b'{"eventNotifications": [{"dataChangeEvent": {"entities": 5}}]}',
        b'{"eventNotifications": ',
        b'{"Invoice": {"Id": "130"}}',
    ],
)
def test_a_message_that_is_not_written_so_is_one_record(tmp_path: Path, body: bytes) -> None:
    assert records_of(section(tmp_path), body) == [body]


def test_a_message_is_left_whole_where_the_feed_says_so(tmp_path: Path) -> None:
    body = told([INVOICE, PAYMENT])
    assert records_of(section(tmp_path, cut="whole"), body) == [body]


def test_a_message_holds_a_number_of_entities_however_many_companies_they_are_of(tmp_path: Path) -> None:
    setup = section(tmp_path)
    assert len(records_of(setup, told(*[[b"{}"]] * MOST_RECORDS))) == MOST_RECORDS
    assert len(records_of(setup, told([b"{}"] * MOST_RECORDS))) == MOST_RECORDS
    for companies in ([[b"{}"]] * (MOST_RECORDS + 1), [[b"{}"] * 5_001] * 2, [[b"{}"] * (MOST_RECORDS + 1)]):
        with pytest.raises(TooManyRecords, match="send fewer"):
            records_of(setup, told(*companies))


def test_a_small_body_of_millions_is_not_cut_into_them(tmp_path: Path) -> None:
    setup = section(tmp_path)
    body = b"[" + b"1," * 4_000_000 + b"1]"
    tracemalloc.start()
    try:
        with pytest.raises(TooManyRecords):
            records_of(setup, body)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
