"""The writer's queue: one commit for those who wait together, an answer for each, nobody sunk by another."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import DataError, OperationalError, PersistenceError
from psycopg_pool import ConnectionPool

from adapters.intake import Group, Intake, IntakeClosed, IntakeFull
from domain.arrivals import Outcome, Prepared
from domain.ledger import Ledger
from tests.domain.events import invoice, order
from tests.ingest.conftest import Ask
from tests.ingest.messages import body, said, stream_of_events


class Gate:
    """Holds the writer in front of the log until it is opened."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.batches: list[int] = []
        record = ledger.record

        def waiting(batch: Sequence[Prepared]) -> list[Outcome]:
            self.reached.set()
            assert self.opened.wait(10)
            self.batches.append(len(batch))
            return record(batch)

        monkeypatch.setattr(ledger, "record", waiting)


@pytest.fixture
def gate(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    held = Gate(ledger, monkeypatch)
    yield held
    held.opened.set()


def one(intake: Intake, made: Any) -> list[Prepared]:
    return [intake.prepare_event(made if isinstance(made, bytes) else body(made))]


def test_requests_that_wait_together_share_one_commit(gate: Gate, intake: Intake, ask: Ask) -> None:
    made = stream_of_events(30)
    first = intake.submit(one(intake, made[0]))
    assert gate.reached.wait(10)
    rest = [intake.submit(one(intake, each)) for each in made[1:]]
    gate.opened.set()
    assert [said(answer.result(10)) for answer in [first, *rest]] == [[("recorded", n)] for n in range(1, 31)]
    assert gate.batches == [1, 29]
    assert ask("SELECT first, last FROM log_commit ORDER BY 1") == [(1, 1), (2, 30)]


def test_each_request_gets_its_own_outcomes_in_order(intake: Intake) -> None:
    items = [*one(intake, order()), *one(intake, b"{"), *one(intake, order()), *one(intake, invoice())]
    assert said(intake.record(items)) == [
        ("recorded", 1), ("quarantined", None), ("duplicate", 1), ("recorded", 2),
    ]  # fmt: skip
    assert intake.record([]) == []


def test_a_full_queue_says_so_and_takes_nothing_of_the_request(
    ledger: Ledger, pool: "ConnectionPool[Any]", gate: Gate, ask: Ask
) -> None:
    made = stream_of_events(8)
    with Intake(ledger, pool, queue_items=3) as intake:
        first = intake.submit(one(intake, made[0]))
        assert gate.reached.wait(10)
        second = intake.submit([item for each in made[1:6] for item in one(intake, each)])
        with pytest.raises(IntakeFull, match="later"):
            intake.submit(one(intake, made[6]))
        gate.opened.set()
        assert len(first.result(10)) + len(second.result(10)) == 6
        assert said(intake.record(one(intake, made[7]))) == [("recorded", 7)]
    assert ask("SELECT count(*) FROM inbox") == [(7,)]


def test_bytes_fill_the_queue_too(ledger: Ledger, pool: "ConnectionPool[Any]", gate: Gate) -> None:
    with Intake(ledger, pool, queue_bytes=1_000) as intake:
        taken = intake.submit(one(intake, order()))
        assert gate.reached.wait(10)
        large = order("SO-2", "o2") | {"note": "x" * 2_000}
        also = intake.submit(one(intake, large))
        with pytest.raises(IntakeFull):
            intake.submit(one(intake, order("SO-3", "o3")))
        gate.opened.set()
        assert said([*taken.result(10), *also.result(10)]) == [("recorded", 1), ("recorded", 2)]


def test_closing_finishes_what_was_taken_and_takes_no_more(
    ledger: Ledger, pool: "ConnectionPool[Any]", gate: Gate
) -> None:
    intake = Intake(ledger, pool)
    answers = [intake.submit(one(intake, each)) for each in stream_of_events(5)]
    closer = threading.Thread(target=intake.close)
    closer.start()
    while not intake._closing:
        pass
    with pytest.raises(IntakeClosed):
        intake.submit(one(intake, order()))
    gate.opened.set()
    closer.join(10)
    assert [answer.result(0)[0].outcome for answer in answers] == ["recorded"] * 5
    intake.close()


def test_a_group_that_can_not_be_written_fails_and_the_writer_lives_on(
    ledger: Ledger, intake: Intake, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    record = ledger.record

    def full(batch: Sequence[Prepared]) -> list[Outcome]:
        raise OperationalError("could not extend file: No space left on device")

    monkeypatch.setattr(ledger, "record", full)
    with pytest.raises(OperationalError, match="No space left"):
        intake.record(one(intake, order()))
    monkeypatch.setattr(ledger, "record", record)
    assert said(intake.record(one(intake, order()))) == [("recorded", 1)]
    assert ask("SELECT count(*) FROM inbox") == [(1,)]


def test_a_table_that_refuses_fails_its_batch_whole(
    intake: Intake, owner: "psycopg.Connection[Any]", ask: Ask
) -> None:
    """What a disk that fills up in the middle of a COPY does, made by a limit that one row breaks."""
    owner.execute("ALTER TABLE deal_key ADD CONSTRAINT small CHECK (position <> 2)")
    items = [item for each in stream_of_events(3) for item in one(intake, each)]
    with pytest.raises(PersistenceError):
        intake.ledger.record(items)
    assert ask("SELECT count(*) FROM log") == ask("SELECT count(*) FROM inbox") == [(0,)]
    owner.execute("ALTER TABLE deal_key DROP CONSTRAINT small")
    assert said(intake.record(items)) == [("recorded", 1), ("recorded", 2), ("recorded", 3)]


def test_an_item_that_the_database_refuses_is_quarantined_alone(
    ledger: Ledger, intake: Intake, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    record = ledger.record

    def picky(batch: Sequence[Prepared]) -> list[Outcome]:
        if any(item.event_id == "x-o1" and item.arrival is not None for item in batch):
            raise DataError("invalid byte sequence")
        return record(batch)

    monkeypatch.setattr(ledger, "record", picky)
    items = [item for each in stream_of_events(4) for item in one(intake, each)]
    outcomes = intake.record(items)
    assert said(outcomes) == [("recorded", 1), ("recorded", 2), ("quarantined", None), ("recorded", 3)]
    assert outcomes[2].reasons[0].code == "not_storable"
    assert ask("SELECT source, event_id FROM quarantine") == [("/erp/netsuite/acme", "x-o1")]


def test_a_sender_that_has_gone_is_recorded_all_the_same(gate: Gate, intake: Intake, ask: Ask) -> None:
    first = intake.submit(one(intake, order()))
    assert gate.reached.wait(10)
    gone = intake.submit(one(intake, invoice()))
    assert gone.cancel()
    gate.opened.set()
    first.result(10)
    assert said(intake.record(one(intake, invoice()))) == [("duplicate", 2)]
    assert ask("SELECT count(*) FROM log") == [(2,)]


def test_a_coroutine_can_wait_for_its_answer(intake: Intake) -> None:
    async def post(made: Any) -> list[Outcome]:
        return await asyncio.wrap_future(intake.submit(one(intake, made)))

    async def all_at_once() -> list[list[Outcome]]:
        return await asyncio.gather(*(post(each) for each in stream_of_events(20)))

    outcomes = [outcome for answer in asyncio.run(all_at_once()) for outcome in answer]
    assert sorted(outcome.position or 0 for outcome in outcomes) == list(range(1, 21))


@pytest.mark.parametrize("broken", [False, True], ids=["well", "badly"])
def test_commits_are_observed(ledger: Ledger, pool: "ConnectionPool[Any]", broken: bool) -> None:
    seen: list[Group] = []

    def observe(group: Group) -> None:
        seen.append(group)
        if broken:
            raise RuntimeError("a bad observer")

    with Intake(ledger, pool, observe=observe) as intake:
        for made in (order(), invoice()):
            intake.record(one(intake, made))
    assert [(group.requests, group.items, len(group.outcomes)) for group in seen] == [(1, 1, 1)] * 2


def test_answers_are_given_after_the_commit(
    intake: Intake, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has an answer finds the milestone in the log."""
    found: list[Any] = []
    answer: Callable[[Any], None] = lambda done: found.append(ask("SELECT count(*) FROM log"))  # noqa: E731
    future = intake.submit(one(intake, order()))
    future.add_done_callback(answer)
    future.result(10)
    intake.close()
    assert found == [[(1,)]]
