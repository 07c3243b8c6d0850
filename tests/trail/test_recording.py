"""Acts and refusals in the log: durable before they are answered, counted where there are many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from adapters.intake import Intake, IntakeClosed
from adapters.postgres import trails
from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from adapters.postgres.trails import Told, Wanted
from api.access.callers import OPERATOR, caller
from api.house import ledger_on
from api.refusing import EVERY_SECONDS, GATHER_SECONDS, KINDS
from api.settings import load
from api.trail import Trail, act_of_command, act_of_server
from domain.arrivals import Outcome, Prepared
from domain.ledger import Ledger
from domain.trail import REFUSED

Read = Callable[[], list[Told]]
REFUSAL: dict[str, Any] = {
    "status": 403, "slug": "forbidden", "caller": "hubspot", "kind": "key", "method": "GET",
    "route": "/v1/keys",
}  # fmt: skip


class Clock:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Flaky:
    """A recorder that can be made to fail."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.fails = False
        self.tried = threading.Event()

    def record(self, items: Sequence[Prepared], /) -> list[Outcome]:
        self.tried.set()
        if self.fails:
            raise psycopg.OperationalError("no database")
        return self.intake.record(items)


@pytest.fixture
def schema(database_url: str, fresh_schema: str) -> str:
    migrate(database_url, fresh_schema)
    return fresh_schema


@pytest.fixture
def pool(database_url: str, schema: str) -> Iterator[ConnectionPool[Any]]:
    opened = connect(database_url, schema, application_name="test", max_size=4)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database_url: str, schema: str) -> Iterator[Ledger]:
    opened = ledger_on(database_url, schema)
    yield opened
    opened.close()


@pytest.fixture
def intake(ledger: Ledger, pool: ConnectionPool[Any]) -> Iterator[Intake]:
    with Intake(ledger, pool) as opened:
        yield opened


@pytest.fixture
def read(pool: ConnectionPool[Any], schema: str) -> Read:
    def entries() -> list[Told]:
        with pool.connection() as connection:
            return trails.after(connection, schema, 0, 1_000, Wanted())

    return entries


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not found():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_an_act_is_in_the_log_when_it_is_answered(intake: Intake, schema: str, read: Read) -> None:
    trail = Trail.of(intake, schema)
    token = caller.set(OPERATOR)
    try:
        position = trail.acted("key.created", {"name": "hubspot", "role": "append"})
    finally:
        caller.reset(token)
    [told] = read()
    assert (told.position, told.entry.act, told.entry.actor, told.entry.kind) == (
        position, "key.created", "operator", "operator",
    )  # fmt: skip
    assert told.entry.details == {"name": "hubspot", "role": "append"}
    assert (told.entry.count, told.entry.first, told.entry.last) == (1, None, None)


def test_outside_of_a_request_the_actor_is_the_user_of_the_command(
    database_url: str, schema: str, read: Read
) -> None:
    settings = load(database_url=database_url, tenant=schema)
    act_of_command(settings, database_url, "generation.dropped", {"generation": "3"})
    act_of_server(database_url, schema, "checkpoint.refused", {"size": "7"})
    command, server = (told.entry for told in read())
    assert command.kind == "cli"
    assert command.actor.startswith("cli:")
    assert (server.actor, server.kind, server.act) == ("server", "server", "checkpoint.refused")


def test_two_acts_alike_are_two_entries(intake: Intake, schema: str, read: Read) -> None:
    trail = Trail.of(intake, schema)
    assert trail.acted("policy.adopted") + 1 == trail.acted("policy.adopted")
    assert len(read()) == 2


def test_what_an_act_is_told_with_is_mended_so_that_it_can_be_stored(
    intake: Intake, schema: str, read: Read
) -> None:
    trail = Trail.of(intake, schema)
    trail.acted("key.created", {"name": "a\0b\ud800", "empty": "", "long": "x" * 5_000})
    [told] = read()
    assert told.entry.details["name"] == "a\ufffdb?"
    assert told.entry.details["empty"] == "-"
    assert len(told.entry.details["long"]) == 1_000


def test_an_act_that_can_not_be_recorded_raises(intake: Intake, schema: str, read: Read) -> None:
    trail = Trail.of(intake, schema)
    intake.close()
    with pytest.raises(IntakeClosed):
        trail.acted("personal.forgotten")
    assert read() == []


def test_refusals_of_a_kind_are_one_entry_with_their_number(intake: Intake, schema: str, read: Read) -> None:
    trail = Trail.of(intake, schema)
    for _ in range(500):
        trail.refused(**REFUSAL)
    trail.refused(**{**REFUSAL, "status": 429, "slug": "too-many-requests"})
    assert read() == [], "nothing is written on the request's own path"
    until(lambda: len(read()) == 2)
    trail.close()
    many, one = sorted((told.entry for told in read()), key=lambda entry: -entry.count)
    assert (many.act, many.actor, many.kind, many.count) == (REFUSED, "hubspot", "key", 500)
    assert many.details == {"status": "403", "slug": "forbidden", "method": "GET", "route": "/v1/keys"}
    assert many.first is not None
    assert many.last is not None
    assert many.first <= many.last
    assert (one.count, one.details["status"]) == (1, "429")


def test_after_the_first_entry_of_a_kind_the_next_comes_by_the_minute(
    intake: Intake, schema: str, read: Read
) -> None:
    clock = Clock()
    trail = Trail(intake.ledger, intake, schema, clock=clock)

    def written_by(seconds: float, number: int) -> None:
        clock.now += seconds
        trail.refused(**{**REFUSAL, "route": f"/wake/{number}"})  # the writer looks at the clock again
        time.sleep(0.2)

    trail.refused(**REFUSAL)
    written_by(GATHER_SECONDS + 0.1, 1)

    def ours() -> list[int]:
        return [told.entry.count for told in read() if told.entry.details["route"] == "/v1/keys"]

    until(lambda: ours() == [1])
    for _ in range(7):
        trail.refused(**REFUSAL)
    written_by(EVERY_SECONDS / 2, 2)
    assert ours() == [1], "it is not a minute yet"
    written_by(EVERY_SECONDS / 2, 3)
    until(lambda: ours() == [1, 7])
    trail.close()


def test_a_flood_of_kinds_is_counted_in_a_bounded_number_of_entries(
    intake: Intake, schema: str, read: Read
) -> None:
    trail = Trail.of(intake, schema)
    for number in range(10 * KINDS):
        trail.refused(**{**REFUSAL, "caller": f"caller-{number}", "method": f"X{number}"})
    trail.close()
    entries = [told.entry for told in read()]
    assert len(entries) <= KINDS + 1
    assert sum(entry.count for entry in entries) == 10 * KINDS
    assert max(entry.count for entry in entries) == 9 * KINDS, "the others are counted together"
    assert {entry.details["method"] for entry in entries} == {"other", "any"}


def test_what_was_counted_is_written_at_the_end(intake: Intake, schema: str, read: Read) -> None:
    trail = Trail.of(intake, schema)
    trail.refused(**REFUSAL)
    trail.close()
    trail.close()
    assert [told.entry.count for told in read()] == [1]


def test_refusals_that_can_not_be_written_now_are_written_once_they_can(
    intake: Intake, schema: str, read: Read
) -> None:
    recorder, clock = Flaky(intake), Clock()
    trail = Trail(intake.ledger, recorder, schema, clock=clock)
    recorder.fails = True
    trail.refused(**REFUSAL)
    clock.now += GATHER_SECONDS + 0.1
    trail.refused(**{**REFUSAL, "route": "/v1/generations"})
    assert recorder.tried.wait(10)
    recorder.fails = False
    trail.refused(**REFUSAL)
    trail.close()
    counts = {told.entry.details["route"]: 0 for told in read()}
    for told in read():
        counts[told.entry.details["route"]] += told.entry.count
    assert counts == {"/v1/keys": 2, "/v1/generations": 1}


def test_refusals_never_raise_though_nothing_can_be_written(intake: Intake, schema: str) -> None:
    trail = Trail.of(intake, schema)
    intake.close()
    trail.refused(**REFUSAL)
    trail.close()
    trail.refused(**REFUSAL)
