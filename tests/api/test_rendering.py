"""A milestone that is shown as an event reads back as the same milestone; so does its published schema."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.envelopes import BodyEmpty, MediaTypeUnknown, binary_event, cut, header_text
from api.rendering import event_of
from domain import milestones as m
from domain.contract import CATALOGUE, parse_event
from domain.refusals import Refused
from scripts.sample_company import make_sample


def good(events: list[dict[str, Any]]) -> int:
    """How many of the events are milestones; each is shown and read back."""
    count = 0
    for event in events:
        try:
            milestone = parse_event(event)
        except Refused:
            continue
        told = event_of(milestone)
        assert m.BY_TIME not in told
        # the business date is shown, so that it reads back as a given one
        given = {name: value for name, value in milestone.attributes.items() if name != m.BY_TIME}
        assert parse_event(told) == msgspec.structs.replace(milestone, attributes=given)
        count += 1
    return count


def test_everything_that_the_sample_company_says_reads_back() -> None:
    sample = make_sample(3, 120, date(2026, 10, 31))
    events = [message.event() for message in sample.messages]
    assert good(events) == len(events)
    assert len({event["type"] for event in events} & set(CATALOGUE)) > 45


def test_everything_in_the_worked_deals_reads_back(shared: Path) -> None:
    for path in sorted((shared / "scenarios").glob("[0-9]*.json")):
        assert good(json.loads(path.read_text(encoding="utf-8"))["milestones"]) > 0


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("plain", "plain"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"quoted \\"text\\""', 'quoted "text"'),
        ("50%25", "50%"),
        ("100%", "100%"),
        ("%c3%a9", "é"),
    ],
)
def test_header_values_mean_what_the_http_binding_says(sent: str, meant: str) -> None:
    assert header_text(sent) == meant


def test_binary_data_cannot_reach_out_of_its_place() -> None:
    headers = {"ce-id": "1", "ce-data": "x", "content-type": "application/json"}
    for body in (b'1,"id":"2"', b'{}},{"id":"2"', b'"', b"1 2"):
        event = json.loads(binary_event(headers, body))
        assert event["id"] == "1"
        assert "data" not in event
        assert event["data_base64"]


def test_binary_data_stays_as_it_was_sent() -> None:
    body = b'{"n" : 12345678901234567890, "f": 1.10}'
    assert body in binary_event({"ce-id": "1", "content-type": "application/vnd.acme+json"}, body)


def test_an_event_in_a_batch_stays_as_it_was_sent() -> None:
    body = b' [ {"a" : 1.10} ,\n{"b":[ ]} ]'
    found = cut({"content-type": "application/cloudevents-batch+json"}, body)
    assert found.events == [b'{"a" : 1.10}', b'{"b":[ ]}']


def test_line_ends_inside_of_texts_are_no_line_ends() -> None:
    body = '{"a":"x\u2028y\u0085z"}\r\n{"b":1}'.encode()
    assert len(cut({"content-type": "application/x-ndjson"}, body).events) == 2


def test_other_bodies_are_refused() -> None:
    with pytest.raises(MediaTypeUnknown):
        cut({"content-type": "text/csv"}, b"x")
    with pytest.raises(BodyEmpty):
        cut({"content-type": "application/json"}, b"")
