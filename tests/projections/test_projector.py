"""The live projector on the real server: batches, restarts, failures, several at a time."""

import threading
from typing import Any

import psycopg
import pytest

from projections import generations
from projections import projector as projector_module
from projections.projector import Projector
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.served import House
from tests.projections.stories import crowd, usual


def linked_and_crossed() -> list[Event]:
    """Two deals found to be one, and two that share a payment, each with facts before and after."""
    return [
        *usual("O-1"),
        e.accepted(
            "2024-01-10", e.line("A", "90.00"), order="SO-9", deal=None, dimensions={"customer": "C-9"}
        ),
        e.won("2024-01-11", e.line("A", "100.00"), number="O-9"),
        e.received("2024-01-12", "P-9", "500.00"),
        e.invoiced("2024-01-13", "I-9", e.line("A", "90.00"), deal=None, keys=(f"{e.ERP}:order:SO-9",)),
        e.applied("2024-01-14", "P-9", "I-9", "90.00", deal="O-9"),
        e.event(
            "deals.linked",
            "2024-01-15",
            "link/1",
            by="mdm/reltio/acme",
            deal="O-9",
            keys=(f"{e.ERP}:order:SO-9",),
        ),
        e.applied("2024-01-16", "P-9", "I-O-1", "30.00", deal="O-1"),
        e.reversed_("2024-01-17", "P-9", "400.00"),
        e.lost("2024-01-18", number="O-9"),
    ]


@pytest.mark.parametrize("story", ["linked", "crowd"])
def test_batches_of_any_size_and_restarts_anywhere_come_to_the_same_journal(house: House, story: str) -> None:
    house.record(linked_and_crossed() if story == "linked" else crowd(7, 12, 14))
    whole = house.built()
    expected, names = house.journal(whole), house.beside(whole)
    assert expected
    for sizes, afresh in (((1,), False), ((1,), True), ((3, 1, 7), False), ((5, 2), True)):
        other = house.built(sizes, afresh=afresh)
        assert house.journal(other) == expected
        assert house.beside(other) == names


def test_a_batch_that_fails_is_taken_in_again_as_if_it_had_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the batch had found two deals to be one: that must be undone in memory as in the tables."""
    house.record(linked_and_crossed())
    expected, made = house.journal(house.built()), house.another()
    projector = Projector(house.schema, made)
    advance, failed = generations.advance, set()

    def break_once(connection: Any, generation: int, position: int) -> None:
        advance(connection, generation, position)
        if position not in failed:
            failed.add(position)
            raise psycopg.OperationalError("the connection is lost at the end of the batch")

    monkeypatch.setattr(generations, "advance", break_once)
    for _ in range(200):
        try:
            if not projector.project(house.connection, 4):
                break
        except psycopg.OperationalError:
            continue
    assert len(failed) > 3
    assert house.journal(made) == expected


def test_milestones_that_take_long_are_committed_a_few_at_a_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record(linked_and_crossed())
    expected, made = house.journal(house.built()), house.another()
    monkeypatch.setattr(projector_module, "BATCH_SECONDS", 0.0)
    projector = Projector(house.schema, made)
    for position in range(1, house.head() + 1):
        assert projector.project(house.connection) == 1
        row = house.connection.execute("SELECT position FROM generation WHERE id = %s", (made,)).fetchone()
        assert row == (position,)
    assert projector.project(house.connection) == 0
    assert house.journal(made) == expected


def test_two_projectors_neither_repeat_nor_lose(house: House) -> None:
    told = crowd(11, 20, 10)
    done = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        projector = Projector(house.schema)
        try:
            with house.connect() as connection:
                while not (done.is_set() and not projector.project(connection, 7)):
                    projector.project(connection, 3)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for start in range(0, len(told), 23):
        house.record(told[start : start + 23])
    done.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    live = house.live()
    assert live.position == house.head() == len(told)
    assert house.journal(live.id) == house.journal(house.built())


def test_as_known_at_every_position_the_journal_is_what_it_was_at_the_head(house: House) -> None:
    house.record(linked_and_crossed())
    whole = house.built()
    growing = house.another()
    projector = Projector(house.schema, growing)
    while projector.project(house.connection, 1):
        row = house.connection.execute("SELECT position FROM generation WHERE id = %s", (growing,)).fetchone()
        assert row is not None
        known = row[0]
        for end in ("2024-01-12", "2024-06-30"):
            now = house.all_reports(growing, known, end)
            assert now == house.all_reports(whole, known, end)
    assert house.journal(growing, known=0) == {}


def test_a_projector_with_nothing_to_do_does_nothing(house: House) -> None:
    projector = Projector(house.schema)
    assert projector.project(house.connection) == 0
    assert projector.catch_up(house.connection) == 0
    assert house.live().position == 0
