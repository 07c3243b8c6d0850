"""A connection that breaks: nothing is recorded twice, lost, or answered as a duplicate of itself."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError, PersistenceError

from adapters.postgres.recorder import LogRecorder
from adapters.postgres.unit import LogUnit
from domain.ledger import Ledger
from tests.domain.events import event, invoice, order
from tests.ingest.conftest import Ask
from tests.ingest.messages import ready, said


@pytest.fixture
def kill(ledger: Ledger, database_url: str) -> Callable[[], None]:
    """End the writer's backend, as an administrator or a crash would."""
    recorder = ledger.recorder
    assert isinstance(recorder, LogRecorder)

    def now() -> None:
        writer = recorder._writer
        assert writer is not None
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (writer.info.backend_pid,))

    return now


def once(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], None]) -> None:
    """Let something happen before the first call of a step of the transaction."""
    step = getattr(LogUnit, name)
    acted: list[bool] = []

    def stepping(self: LogUnit, *arguments: Any) -> Any:
        if not acted:
            acted.append(True)
            act()
        return step(self, *arguments)

    monkeypatch.setattr(LogUnit, name, stepping)


@pytest.mark.parametrize("step", ["look_up", "append", "finish", "commit"])
def test_a_break_before_the_commit_is_tried_once_more(
    ledger: Ledger, ask: Ask, kill: Callable[[], None], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ledger.record(ready(ledger, order()))
    once(monkeypatch, step, kill)
    assert said(ledger.record(ready(ledger, invoice(), order()))) == [("recorded", 2), ("duplicate", 1)]
    assert ask("SELECT count(*), max(position) FROM log") == [(2, 2)]
    assert ask("SELECT count(*) FROM inbox") == [(2,)]


class _LosesTheAnswer:
    """A connection whose commit reaches the server, and whose answer does not come back."""

    def __init__(self, connection: "psycopg.Connection[Any]", lose: Callable[[], None]) -> None:
        self._connection = connection
        self._lose = lose

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        self._connection.commit()
        self._lose()
        self._connection.execute("SELECT 1")


def test_a_commit_whose_answer_is_lost_is_answered_as_recorded(
    ledger: Ledger, ask: Ask, kill: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = LogUnit.look_up

    def losing(self: LogUnit, wanted: Any) -> Any:
        known = look_up(self, wanted)
        self._connection = _LosesTheAnswer(self._connection, kill)  # type: ignore[assignment]
        return known

    monkeypatch.setattr(LogUnit, "look_up", losing)
    assert said(ledger.record(ready(ledger, order(), order(), invoice()))) == [
        ("recorded", 1), ("duplicate", 1), ("recorded", 2),
    ]  # fmt: skip
    monkeypatch.setattr(LogUnit, "look_up", look_up)
    assert ask("SELECT first, last FROM log_commit") == [(1, 2)]
    assert said(ledger.record(ready(ledger, invoice(), order("SO-2", "o2")))) == [
        ("duplicate", 2),
        ("recorded", 3),
    ]


def test_a_second_break_is_the_callers_to_know(
    ledger: Ledger, ask: Ask, kill: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = LogUnit.finish

    def breaking(self: LogUnit, rows: Any) -> bool:
        kill()
        return finish(self, rows)

    monkeypatch.setattr(LogUnit, "finish", breaking)
    with pytest.raises(PersistenceError):
        ledger.record(ready(ledger, order()))
    monkeypatch.setattr(LogUnit, "finish", finish)
    assert said(ledger.record(ready(ledger, order()))) == [("recorded", 1)]
    assert ask("SELECT count(*) FROM inbox") == [(1,)]


def test_a_connection_that_broke_while_idle_is_replaced(ledger: Ledger, kill: Callable[[], None]) -> None:
    ledger.record(ready(ledger, order()))
    kill()
    assert said(ledger.record(ready(ledger, invoice()))) == [("recorded", 2)]


def test_what_was_decided_and_not_committed_is_forgotten(
    ledger: Ledger, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, links and versions of a batch that failed must not lead a later one."""
    keys = [f"erp/netsuite/acme:order:SO-{n}" for n in (1, 2)]
    ledger.record(ready(ledger, order("SO-1", "o1"), order("SO-2", "o2")))
    commit = LogUnit.commit

    def failing(self: LogUnit) -> None:
        raise psycopg.errors.DiskFull("no space left on device")

    monkeypatch.setattr(LogUnit, "commit", failing)
    with pytest.raises(OperationalError, match="no space left"):
        ledger.record(
            ready(ledger, event("deals.linked", "link/1", "l1", keys=keys), order("SO-3", "o3"), invoice())
        )
    monkeypatch.setattr(LogUnit, "commit", commit)
    ledger.record(ready(ledger, invoice("INV-9", "i9", keys=keys[1:]), invoice()))
    assert ask("SELECT position, stream, version FROM log ORDER BY 1") == [
        (1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 4, 1),
    ]  # fmt: skip
    assert ask("SELECT count(*) FROM deal_link") == [(0,)]


def test_a_database_that_is_not_there_says_so(fresh_schema: str) -> None:
    from tests.ingest.conftest import open_ledger

    ledger = open_ledger("postgresql://nobody@127.0.0.1:1/x?connect_timeout=2", fresh_schema)
    with pytest.raises(OperationalError, match="can't be reached"):
        ledger.record(ready(ledger, order()))
    ledger.close()
