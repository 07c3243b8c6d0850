"""Events that are milestones already."""

import json
from pathlib import Path

from adapters.sources.cloudevents import CloudEvents

EVENT = {"specversion": "1.0", "id": "1", "sequence": 9223372036854775809, "data": {"rate": 0.5}}


def test_an_event_stays_what_it_is() -> None:
    (milestone,) = CloudEvents().translate(json.dumps(EVENT).encode(), "acme").milestones
    assert milestone == EVENT


def test_what_is_no_event_is_refused() -> None:
    for payload in (b"{}", b"[]", b"5"):
        assert CloudEvents().translate(payload, "acme").refused


def test_lines_lists_and_single_events_are_read(tmp_path: Path) -> None:
    one = json.dumps(EVENT)
    (tmp_path / "a.ndjson").write_text(f"{one}\n{one}\n")
    (tmp_path / "b.json").write_text(f"[{one},\n{one}]")
    (tmp_path / "c.json").write_text(json.dumps(EVENT, indent=2))
    assert [json.loads(record.payload) for record in CloudEvents().records(tmp_path)] == [EVENT] * 5
