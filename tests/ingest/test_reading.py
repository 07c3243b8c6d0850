"""Reading the log: what was known when, where a number came from, and which deal a key belongs to."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from adapters.postgres import reading
from domain.ledger import Ledger, MilestoneMapper
from tests.domain.events import ERP, applied, event, invoice, order, received
from tests.ingest.messages import RECEIVED, body, ready

SO = "erp/netsuite/acme:order:SO-"


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Three commits: two orders and a payment; a link of the orders; an invoice and an application."""
    ledger.record(ready(ledger, order("SO-1", "o1"), order("SO-2", "o2"), received()))
    ledger.record(ready(ledger, event("deals.linked", "link/1", "l1", keys=[SO + "1", SO + "2"])))
    ledger.record(ready(ledger, invoice(keys=[SO + "2"]), applied()))
    return ledger


def test_a_position_and_a_time_find_each_other(filled: Ledger, pool: "ConnectionPool[Any]") -> None:
    with pool.connection() as connection:
        assert reading.head(connection) == 6
        commits = reading.commits_after(connection, 0, 10)
        assert [(each.first, each.last) for each in commits] == [(1, 3), (4, 4), (5, 6)]
        assert reading.commits_after(connection, 3, 1) == commits[1:2]
        for commit in commits:
            assert reading.commit_at(connection, commit.recorded_at) == commit
            assert reading.commit_of(connection, commit.first) == commit
            assert reading.commit_of(connection, commit.last) == commit
        before = commits[1].recorded_at - timedelta(microseconds=1)
        assert reading.commit_at(connection, before) == commits[0]
        assert reading.commit_at(connection, commits[0].recorded_at - timedelta(days=1)) is None
        assert reading.commit_of(connection, 7) is None
        assert reading.commit_of(connection, 0) is None


def test_an_empty_log_has_no_head(pool: "ConnectionPool[Any]", ledger: Ledger) -> None:
    with pool.connection() as connection:
        assert reading.head(connection) == 0
        assert reading.milestone(connection, 1) is None
        assert reading.inbox_row(connection, 1) is None
        assert reading.quarantine_entry(connection, 1) is None


def test_a_milestone_comes_with_its_source_bytes(filled: Ledger, pool: "ConnectionPool[Any]") -> None:
    with pool.connection() as connection:
        found = reading.milestone(connection, 2)
        assert found is not None
        commit = reading.commit_of(connection, 2)
        assert commit is not None
        assert reading.inbox_row(connection, found.payload.id) == found.payload
    assert (found.row.position, found.row.stream, found.row.version, found.row.topic) == (
        2,
        2,
        1,
        "order.accepted.v1",
    )
    assert found.recorded_at == commit.recorded_at
    assert (found.payload.body, found.payload.source) == (body(order("SO-2", "o2")), ERP)
    assert found.payload.received_at.timestamp() * 1_000_000 == RECEIVED


def test_the_feed_goes_on_where_it_stopped(filled: Ledger, pool: "ConnectionPool[Any]") -> None:
    with pool.connection() as connection:
        assert [row.position for row in reading.milestones_after(connection, 0, 4)] == [1, 2, 3, 4]
        assert [row.position for row in reading.milestones_after(connection, 4, 9)] == [5, 6]
        assert [row.position for row in reading.milestones_after(connection, 0, 9, last=2)] == [1, 2]


def test_a_deal_is_what_was_linked_by_then(filled: Ledger, pool: "ConnectionPool[Any]") -> None:
    mapper = filled.mapper
    assert isinstance(mapper, MilestoneMapper)
    with pool.connection() as connection:
        stream = reading.stream_of_key(connection, SO + "2")
        assert stream == 2
        assert reading.stream_of_key(connection, SO + "2", last=1) is None
        assert reading.stream_of_key(connection, "a/b/c:order:9") is None
        assert [reading.root_of(connection, stream, last) for last in (3, 4)] == [2, 1]
        assert reading.root_of(connection, stream) == 1
        assert reading.streams_of(connection, 1, last=3) == [1]
        assert reading.streams_of(connection, 1) == [1, 2]
        assert reading.links_after(connection, 0) == [(2, 1, 4)]
        assert reading.links_after(connection, 0, last=3) == reading.links_after(connection, 4) == []
        assert reading.crossings_after(connection, 0) == [(1, 3, 6)]
        assert reading.keys_of(connection, 1, mapper.decode, last=3) == [SO + "1"]
        assert reading.keys_of(connection, 1, mapper.decode) == [
            "erp/netsuite/acme:application:P-1-INV-1", "erp/netsuite/acme:invoice:INV-1",
            "erp/netsuite/acme:link:1", SO + "1", SO + "2",
        ]  # fmt: skip
        assert [row.position for row in reading.milestones_of(connection, [1, 2])] == [1, 2, 4, 5, 6]


def test_a_message_is_found_by_its_source_and_id(filled: Ledger, pool: "ConnectionPool[Any]") -> None:
    with pool.connection() as connection:
        assert reading.position_of(connection, ERP, "l1") == (4, 1)
        assert reading.position_of(connection, ERP, "o9") is None


def test_reading_never_writes(pool: "ConnectionPool[Any]", filled: Ledger) -> None:
    with pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        reading.head(connection)
        reading.milestone(connection, 1)
        reading.streams_of(connection, 1)
        reading.open_quarantine(connection)
        reading.counts(connection)
