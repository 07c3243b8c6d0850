"""The log under the event sourcing library: repository, event store, notification log, subscription."""

import threading
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import (
    InfrastructureFactoryError,
    NotSupportedError,
    ProgrammingError,
    StoredEvent,
)

from domain.deal import Recorded, stream_id
from domain.ledger import Ledger
from domain.milestones import InvoicePosted, OrderAccepted
from tests.domain.events import ERP, invoice, order
from tests.ingest.conftest import Ask, open_ledger
from tests.ingest.messages import ready, said, stream_of_events

SO1 = "erp/netsuite/acme:order:SO-1"


def test_a_stream_is_an_aggregate_of_the_repository(ledger: Ledger) -> None:
    ledger.record(ready(ledger, order(), order("SO-2", "o2"), invoice(keys=[SO1])))
    deal = ledger.deal(1)
    assert (deal.stream, deal.version, deal.id) == (1, 2, stream_id(1))
    assert deal.keys == {SO1, "erp/netsuite/acme:invoice:INV-1"}
    assert sorted(first.position for first in deal.identities.values()) == [1, 3]
    with pytest.raises(AggregateNotFoundError):
        ledger.deal(3)


def test_the_event_store_gives_milestones_of_a_stream_in_both_directions(ledger: Ledger) -> None:
    ledger.record(ready(ledger, order(), invoice(keys=[SO1])))

    def types(**query: Any) -> list[type]:
        return [type(each.milestone) for each in ledger.events.get(stream_id(1), **query)]  # type: ignore[attr-defined]

    assert types() == [OrderAccepted, InvoicePosted]
    assert types(desc=True) == [InvoicePosted, OrderAccepted]
    assert types(gt=1) == types(desc=True, limit=1) == [InvoicePosted]
    assert types(lte=1) == types(limit=1) == [OrderAccepted]
    assert list(ledger.events.get(uuid4())) == []


def test_an_event_comes_back_as_it_went_in(ledger: Ledger) -> None:
    (item,) = ready(ledger, order())
    ledger.record([item])
    (event,) = ledger.events.get(stream_id(1))
    assert isinstance(event, Recorded)
    assert item.arrival is not None
    assert event.milestone == item.arrival.milestone
    assert (event.identity, event.digest) == (item.arrival.identity, item.arrival.digest)


def test_the_notification_log_is_the_log(ledger: Ledger) -> None:
    ledger.record(ready(ledger, *stream_of_events(8)))
    log = ledger.notification_log
    assert [each.id for each in log.select(1, 10)] == list(range(1, 9))
    assert [each.id for each in log.select(3, 2)] == [3, 4]
    assert [each.id for each in log.select(3, 9, inclusive_of_start=False)] == [4, 5, 6, 7, 8]
    assert [each.id for each in log.select(None, 9, stop=2)] == [1, 2]
    assert [each.id for each in log.select(1, 9, topics=["invoice.posted.v1"])] == [2, 4, 6, 8]
    assert log["1,3"].next_id == "4,6"
    assert (log.select(2, 1)[0].originator_id, log.select(2, 1)[0].originator_version) == (stream_id(1), 2)
    assert ledger.recorder.max_notification_id() == 8


def test_an_empty_log_has_no_last_position(ledger: Ledger) -> None:
    assert ledger.recorder.max_notification_id() is None


def test_nothing_is_appended_past_the_lock(ledger: Ledger) -> None:
    stored = StoredEvent(UUID(int=1), 1, "order.accepted.v1", b"")
    with pytest.raises(ProgrammingError, match="under its lock"):
        ledger.recorder.insert_events([stored])


def test_a_subscription_sees_all_before_and_after_it_began(ledger: Ledger) -> None:
    made = stream_of_events(12)
    ledger.record(ready(ledger, *made[:4]))
    seen: list[int] = []
    with ledger.recorder.subscribe(gt=1) as subscription:
        writer = threading.Thread(target=lambda: [ledger.record(ready(ledger, each)) for each in made[4:]])
        writer.start()
        for notification in subscription:
            seen.append(notification.id)
            if notification.id == 12:
                break
        writer.join()
    assert seen == list(range(2, 13))


def test_a_subscription_sees_what_was_committed_while_it_began_to_listen(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look is over before LISTEN; a commit in between is notified to nobody."""
    from adapters.postgres.recorder import LogSubscription

    listening = LogSubscription._listen

    def late(self: LogSubscription) -> None:
        time.sleep(0.3)
        ledger.record(ready(ledger, order()))
        listening(self)

    monkeypatch.setattr(LogSubscription, "_listen", late)
    with ledger.recorder.subscribe() as subscription:
        assert next(subscription).id == 1


def test_tables_and_functions_of_the_library_stay_off(database_url: str, fresh_schema: str) -> None:
    for switch in ("CREATE_TABLE", "POSTGRES_ENABLE_DB_FUNCTIONS", "LEDGER_POSTGRES_ENABLE_DB_FUNCTIONS"):
        with pytest.raises(ValueError, match="must stay off"):
            open_ledger(database_url, fresh_schema, **{switch: "y"})
    with pytest.raises(ValueError, match="PERSISTENCE_MODULE"):
        Ledger({})
    with pytest.raises(InfrastructureFactoryError, match="DATABASE_URL"):
        Ledger({"PERSISTENCE_MODULE": "adapters.postgres.recorder"})


def test_the_process_environment_has_no_part(
    database_url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPRESSOR_TOPIC", "zlib")
    monkeypatch.setenv("DATABASE_SCHEMA", "elsewhere")
    ledger = open_ledger(database_url, schema)
    assert ledger.mapper.compressor is None
    assert said(ledger.record(ready(ledger, order()))) == [("recorded", 1)]
    ledger.close()


def test_snapshots_are_not_supported(ledger: Ledger) -> None:
    with pytest.raises(NotSupportedError):
        ledger.factory.aggregate_recorder("snapshots")


def test_compression_changes_the_stored_bytes_and_nothing_else(
    database_url: str, schema: str, ask: Ask
) -> None:
    packed = open_ledger(database_url, schema, COMPRESSOR_TOPIC="eventsourcing.compressor:ZlibCompressor")
    plain = open_ledger(database_url, schema)
    assert said(packed.record(ready(packed, order()))) == [("recorded", 1)]
    assert said(plain.record(ready(plain, order()))) == [("duplicate", 1)]
    assert ask("SELECT substr(state, 1, 1) FROM log") == [(b"x",)]
    assert packed.deal(1).keys == {SO1}
    assert [each.milestone.source for each in packed.events.get(stream_id(1))] == [ERP]  # type: ignore[attr-defined]
    packed.close()
    plain.close()
