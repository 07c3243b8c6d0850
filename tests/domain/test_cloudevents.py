"""What makes a JSON object a CloudEvent: the published conformance vectors, and each fault's code."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.cloudevents import envelope_reasons
from domain.contract import parse_event
from domain.refusals import Refused

SHARED = (
    Path(__file__).resolve().parents[3]
    / "shared"
    / "data"
    / "conformance"
    / "cloudevents"
    / "format"
    / "json"
)
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")


def vectors(name: str) -> list[Any]:
    if not SHARED.is_dir():
        return []
    tests: list[Any] = json.loads((SHARED / f"{name}.json").read_text())["tests"]
    return [pytest.param(test, id=test["id"]) for test in tests]


@needs_shared
@pytest.mark.parametrize("vector", vectors("valid-events"))
def test_a_valid_event_has_no_fault_in_its_envelope(vector: Any) -> None:
    assert envelope_reasons(vector["event"]) == []
    with pytest.raises(Refused) as refused:
        parse_event(vector["event"])
    assert {reason.code for reason in refused.value.reasons} == {"type_unknown"}


@needs_shared
@pytest.mark.parametrize("vector", vectors("invalid-events"))
def test_an_invalid_event_is_refused_for_its_envelope(vector: Any) -> None:
    reasons = envelope_reasons(vector["event"])
    assert reasons
    with pytest.raises(Refused) as refused:
        parse_event(vector["event"])
    assert refused.value.reasons == tuple(reasons)


@needs_shared
@pytest.mark.parametrize("vector", vectors("valid-batches"))
def test_every_event_of_a_valid_batch_is_one(vector: Any) -> None:
    assert [envelope_reasons(event) for event in vector["batch"]] == [[]] * len(vector["batch"])


@needs_shared
@pytest.mark.parametrize("vector", vectors("invalid-batches"))
def test_some_event_of_an_invalid_batch_is_none(vector: Any) -> None:
    assert any(envelope_reasons(event) for event in vector["batch"])


MINIMAL = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t"}


@pytest.mark.parametrize(
    ("event", "codes"),
    [
        ([], ["event_not_object"]),
        ("x", ["event_not_object"]),
        ({}, ["specversion_missing", "id_missing", "source_missing", "type_missing"]),
        (MINIMAL | {"id": ""}, ["attribute_format"]),
        (MINIMAL | {"id": 1}, ["attribute_format"]),
        (MINIMAL | {"specversion": "0.3"}, ["specversion_unknown"]),
        (MINIMAL | {"time": "2026-03-01T10:00:00"}, ["time_format"]),
        (MINIMAL | {"subject": ""}, ["attribute_format"]),
        (MINIMAL | {"Upper": "x"}, ["attribute_name"]),
        (MINIMAL | {"ext": {"a": 1}}, ["attribute_format"]),
        (MINIMAL | {"ext": 2**31}, ["attribute_format"]),
        (MINIMAL | {"ext": 2**31 - 1, "flag": True, "none": None}, []),
        (MINIMAL | {"sequence": 2**40}, []),
        (MINIMAL | {"data": 1, "data_base64": "AA=="}, ["data_twice"]),
        (MINIMAL | {"data_base64": "A"}, ["attribute_format"]),
        (MINIMAL | {"datacontenttype": "json"}, ["attribute_format"]),
    ],
)
def test_each_fault_has_its_code(event: Any, codes: list[str]) -> None:
    assert [reason.code for reason in envelope_reasons(event)] == codes
