"""The conformance cases of the CloudEvents project, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.samples import BATCH, STRUCTURED

#: Reasons that say "this is no CloudEvent" rather than "this is no milestone of ours".
ENVELOPE = frozenset(
    {
        "event_not_object", "specversion_missing", "id_missing", "source_missing", "type_missing",
        "attribute_format", "attribute_name", "specversion_unknown", "time_format", "data_twice",
    }
)  # fmt: skip


def cases(shared: Path, name: str) -> list[dict[str, Any]]:
    folder = shared / "data" / "conformance" / "cloudevents" / "format" / "json"
    found: list[dict[str, Any]] = json.loads((folder / name).read_text(encoding="utf-8"))["tests"]
    assert found
    return found


def reasons(client: httpx.Client, content: Any, media: str) -> list[list[str]]:
    answer = client.post("/v1/events", content=json.dumps(content), headers={"Content-Type": media})
    assert answer.status_code == 200, answer.text
    return [[reason["code"] for reason in result["reasons"]] for result in answer.json()["results"]]


def test_valid_events_are_events_of_a_type_that_we_do_not_know(
    client: httpx.Client, shared: Path, subtests: pytest.Subtests
) -> None:
    for case in cases(shared, "valid-events.json"):
        with subtests.test(case["id"]):
            assert reasons(client, case["event"], STRUCTURED) == [["type_unknown"]]


def test_invalid_events_are_quarantined_for_their_envelope(
    client: httpx.Client, shared: Path, subtests: pytest.Subtests
) -> None:
    for case in cases(shared, "invalid-events.json"):
        with subtests.test(case["id"]):
            (found,) = reasons(client, case["event"], STRUCTURED)
            assert found
            assert ENVELOPE.issuperset(found)


def test_valid_batches_are_taken_item_by_item(
    client: httpx.Client, shared: Path, subtests: pytest.Subtests
) -> None:
    for case in cases(shared, "valid-batches.json"):
        with subtests.test(case["id"]):
            assert reasons(client, case["batch"], BATCH) == [["type_unknown"]] * len(case["batch"])


def test_invalid_batches_show_which_item_is_to_blame(
    client: httpx.Client, shared: Path, subtests: pytest.Subtests
) -> None:
    for case in cases(shared, "invalid-batches.json"):
        with subtests.test(case["id"]):
            found = reasons(client, case["batch"], BATCH)
            assert len(found) == len(case["batch"])
            assert any(ENVELOPE.intersection(codes) for codes in found)
