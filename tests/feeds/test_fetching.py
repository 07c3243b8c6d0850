"""Sparse messages: kept, shown as waiting, completed from the source; none is lost on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from adapters.feeds import waits as rows
from adapters.feeds.inlet import Inlet
from adapters.feeds.pulling import Means, Puller
from adapters.feeds.tallies import Tallies
from adapters.importing import Summary
from adapters.intake import Intake
from adapters.sources.base import Translation
from domain.arrivals import Fetch
from tests.feeds.pulled import Orders, client, feed
from tests.feeds.server import Answer, Asked, SourceServer, as_json
from tests.ingest.conftest import Ask

QUEUE = "SELECT object, native_id, asked, attempts, last_error FROM awaiting_fetch ORDER BY 1, 2"


@pytest.fixture
def means(intake: Intake, tallies: Tallies, pool: ConnectionPool[Any], schema: str) -> Means:
    return Means(intake, tallies, pool, schema)


class Sparse:
    """A feed whose messages are sent by `send`, and whose source is the server."""

    def __init__(self, means: Means, server: SourceServer, **sections: Any) -> None:
        self.feed = feed(client=client(server.url), fetch={"every": 1, "attempts": 3}, **sections)
        self._inlet = Inlet(means.intake, means.tallies, self.feed, Orders())
        self._pool = means.pool
        self.puller = Puller(means, self.feed, Orders(), stop=threading.Event())

    def send(self, *messages: Any) -> Summary:
        return self._inlet.take([json.dumps(message).encode() for message in messages])

    def retry(self) -> int:
        with self._pool.connection() as connection:
            return rows.retry(connection, "orders/acme", None, None)


@pytest.fixture
def sparse(means: Means, server: SourceServer) -> Iterator[Sparse]:
    made = Sparse(means, server)
    yield made
    made.puller.close()


def whole(asked: Asked) -> Answer:
    return as_json({"id": asked.path.rsplit("/", 1)[1], "at": "2026-01-01T00:00:00Z"})


def test_a_sparse_message_is_kept_and_waits(sparse: Sparse, ask: Ask) -> None:
    summary = sparse.send({"changed": 1}, {"changed": 2})
    assert (summary.waiting, summary.is_whole) == (2, True)
    assert ask(QUEUE) == [("orders", "1", 1, 0, None), ("orders", "2", 1, 0, None)]
    assert ask("SELECT body FROM inbox ORDER BY id") == [(b'{"changed": 1}',), (b'{"changed": 2}',)]
    assert ask("SELECT outcome, records FROM feed_tally") == [("waiting", 2)]


def test_what_it_points_to_is_fetched_and_recorded(sparse: Sparse, server: SourceServer, ask: Ask) -> None:
    server.handle = whole
    sparse.send({"changed": 1}, {"changed": 2}, {"changed": 1})
    assert ask(QUEUE)[0] == ("orders", "1", 2, 0, None)
    assert sparse.puller.round().fetched == 2
    assert ask(QUEUE) == []
    assert ask("SELECT count(*) FROM log") == [(2,)]
    assert ask("SELECT native_id, inbox, outcome FROM fetched ORDER BY 1") == [
        ("1", 3, "recorded"), ("2", 2, "recorded"),
    ]  # fmt: skip
    sparse.send({"changed": 1})
    sparse.puller.round()
    assert ask("SELECT count(*) FROM log") == [(2,)]
    assert ask("SELECT outcome FROM fetched ORDER BY id DESC LIMIT 1") == [("duplicate",)]


def test_a_message_that_comes_during_a_fetch_is_fetched_for_again(
    sparse: Sparse, server: SourceServer, ask: Ask
) -> None:
    def during(asked: Asked) -> Answer:
        if len(server.asked) == 1:
            sparse.send({"changed": 1})
        return whole(asked)

    server.handle = during
    sparse.send({"changed": 1})
    assert sparse.puller.round().fetched == 2
    assert len(server.asked) == 2
    assert ask(QUEUE) == []


def test_a_source_that_is_down_is_asked_again_for_as_long_as_it_takes(
    sparse: Sparse, server: SourceServer, ask: Ask
) -> None:
    server.handle = lambda asked: Answer(503)
    sparse.send({"changed": 1})
    for attempt in range(1, 6):
        assert sparse.puller.round().fetched == 1
        assert ask(QUEUE) == [("orders", "1", 1, attempt, "fails (HTTP 503)")]
        assert sparse.puller.round().fetched == 0, "it is not due"
        assert ask("SELECT next_attempt IS NULL FROM awaiting_fetch") == [(False,)]
        with sparse._pool.connection() as connection:  # time goes by
            connection.execute("UPDATE awaiting_fetch SET next_attempt = clock_timestamp()")
    server.handle = whole
    sparse.puller.round()
    assert ask("SELECT count(*) FROM log") == [(1,)]


def test_a_source_that_refuses_is_left_to_a_person_who_may_retry(
    sparse: Sparse, server: SourceServer, ask: Ask
) -> None:
    server.handle = lambda asked: Answer(403)
    sparse.send({"changed": 1})
    for _ in range(3):
        sparse.puller.round()
        with sparse._pool.connection() as connection:
            connection.execute(
                "UPDATE awaiting_fetch SET next_attempt = clock_timestamp() WHERE next_attempt IS NOT NULL"
            )
    assert ask("SELECT attempts, next_attempt FROM awaiting_fetch") == [(3, None)]
    assert sparse.puller.round().fetched == 0
    server.handle = whole
    assert sparse.retry() == 1
    assert sparse.puller.round().fetched == 1
    assert ask("SELECT count(*) FROM log") == [(1,)]


def test_a_record_that_is_not_there_is_gone_after_a_few_looks(
    sparse: Sparse, server: SourceServer, ask: Ask
) -> None:
    sparse.send({"changed": 1})
    for _ in range(3):
        assert ask("SELECT count(*) FROM fetched") == [(0,)]
        sparse.puller.round()
        with sparse._pool.connection() as connection:
            connection.execute("UPDATE awaiting_fetch SET next_attempt = clock_timestamp()")
    assert ask(QUEUE) == []
    assert ask("SELECT native_id, outcome FROM fetched") == [("1", "gone")]


def test_one_that_fails_holds_up_no_other(sparse: Sparse, server: SourceServer, ask: Ask) -> None:
    server.handle = lambda asked: Answer(500) if asked.path.endswith("/3") else whole(asked)
    sparse.send(*({"changed": n} for n in range(10)))
    sparse.puller.round()
    assert ask("SELECT count(*) FROM log") == [(9,)]
    assert [row[1] for row in ask(QUEUE)] == ["3"]


def test_an_object_that_the_client_is_not_set_up_for_says_what_is_missing(sparse: Sparse, ask: Ask) -> None:
    sparse.send({"changed": 1, "object": "quotes"})
    sparse.puller.round()
    ((_, _, _, _, error),) = ask(QUEUE)
    assert "client.objects.quotes" in error


def test_a_fetched_record_that_cannot_be_read_is_quarantined(
    sparse: Sparse, server: SourceServer, ask: Ask
) -> None:
    server.handle = lambda asked: as_json({"name": "without id"})
    sparse.send({"changed": 1})
    sparse.puller.round()
    assert ask(QUEUE) == []
    assert ask("SELECT outcome FROM fetched") == [("quarantined",)]
    assert ask("SELECT count(*) FROM quarantine") == [(1,)]


def test_a_fetched_record_that_is_sparse_again_does_not_run_in_circles(
    sparse: Sparse, server: SourceServer, ask: Ask
) -> None:
    server.handle = lambda asked: as_json({"changed": 1})
    sparse.send({"changed": 1})
    assert sparse.puller.round().fetched == 1
    assert "mend it" in ask(QUEUE)[0][4]
    assert len(server.asked) == 1


def test_a_notice_that_a_collection_changed_polls_it(means: Means, server: SourceServer, ask: Ask) -> None:
    server.handle = lambda asked: as_json(
        {"results": [{"id": n, "at": "2026-01-01T00:00:00Z"} for n in range(3)]}
    )
    made = Sparse(means, server, poll={"objects": ["orders"], "every": 86_400})
    made.puller.round()
    made.send({"collection": "orders"}, {"collection": "quotes"})
    server.handle = lambda asked: as_json(
        {"results": [{"id": n, "at": "2026-01-01T00:01:00Z"} for n in range(5)]}
    )
    made.puller.round()
    assert ask("SELECT count(*) FROM log") == [(5,)]
    ((kind, _, _, _, error),) = ask(QUEUE)
    assert kind == "quotes"
    assert "poll.objects" in error
    made.puller.close()


def test_a_quarantined_message_may_turn_out_to_be_sparse(
    intake: Intake, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Orders()
    monkeypatch.setitem(__import__("adapters.sources", fromlist=["SOURCES"]).SOURCES, "orders", source)
    (held,) = intake.record(intake.prepare_record(source, b'{"of": 1}', "acme").items)
    assert held.outcome == "quarantined"
    monkeypatch.setattr(
        source, "translate", lambda payload, instance: Translation(needed=(Fetch("orders", "1"),))
    )
    assert held.quarantine is not None
    (found,) = intake.replay(held.quarantine)
    assert found.outcome == "waiting"
    assert ask("SELECT count(*) FROM inbox") == [(1,)]
    assert [row[:2] for row in ask(QUEUE)] == [("orders", "1")]
