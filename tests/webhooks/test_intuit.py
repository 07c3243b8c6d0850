"""Intuit's notifications: one message names many entities of several companies, each of which is a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.feeds.receiving import records_of
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
