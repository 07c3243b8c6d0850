"""Snapshots of one document over time: its opening counts once, and its changes are told beside it."""

import json
from typing import Any

from adapters.intake import Intake
from adapters.sources import SOURCES
from tests.ingest.conftest import Ask
from tests.sources.samples_sap import order, order_item


def told(intake: Intake, record: dict[str, Any]) -> list[tuple[str, str]]:
    """(type, outcome) of each milestone of a record."""
    prepared = intake.prepare_record(SOURCES["sap"], json.dumps(record).encode(), "acme")
    outcomes = intake.record(prepared.items)
    return [
        (item.type or "", outcome.outcome) for item, outcome in zip(prepared.items, outcomes, strict=True)
    ]


def test_an_edited_order_is_changed_and_no_conflict(intake: Intake, ask: Ask) -> None:
    assert told(intake, order()) == [("order.accepted.v1", "recorded")]
    assert told(intake, order()) == [("order.accepted.v1", "duplicate")]
    more = order(
        order_item(NetAmount="1500.00"),
        TotalNetAmount="1500.00",
        LastChangeDate="/Date(1738368000000)/",
        LastChangeDateTime="/Date(1738368000000+0000)/",
    )
    assert told(intake, more) == [("order.accepted.v1", "duplicate"), ("order.changed.v1", "recorded")]
    assert told(intake, more) == [("order.accepted.v1", "duplicate"), ("order.changed.v1", "duplicate")]
    assert ask("SELECT count(*) FROM conflict") == [(0,)]


def test_an_order_first_seen_after_its_edit_is_accepted_as_it_then_stood(intake: Intake, ask: Ask) -> None:
    more = order(
        order_item(NetAmount="1500.00"),
        TotalNetAmount="1500.00",
        LastChangeDate="/Date(1738368000000)/",
        LastChangeDateTime="/Date(1738368000000+0000)/",
    )
    assert told(intake, more) == [("order.accepted.v1", "recorded"), ("order.changed.v1", "recorded")]
    assert told(intake, order()) == [("order.accepted.v1", "duplicate")]
    assert ask("SELECT count(*) FROM conflict") == [(0,)]
