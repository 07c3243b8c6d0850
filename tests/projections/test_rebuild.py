"""Rebuilding on the real server: the same numbers, nobody disturbed, nothing left behind."""

import multiprocessing
import os
import signal
import threading
import time
from datetime import date
from typing import Any

import psutil
import psycopg
import pytest

from projections import bulk, generations, rebuild, reports, workers
from projections.projector import Projector
from scripts import bench_events
from tests.projections.served import House
from tests.projections.stories import crowd, usual

ENDS = ("2024-03-31", "2026-12-31")


def tables(house: House) -> set[str]:
    """The tables of generations that are there."""
    rows = house.connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename ~ '_g[0-9]+$'", (house.schema,)
    ).fetchall()
    return {row[0] for row in rows}


def test_a_rebuild_comes_to_the_same_journal(house: House) -> None:
    house.record(crowd(3, 25, 12))
    live = house.project()
    before = house.journal(live.id), house.beside(live.id)
    made = rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert house.live().id == made.generation != live.id
    assert (made.milestones, made.caught_up) == (house.head(), 0)
    assert (house.journal(made.generation), house.beside(made.generation)) == before


@pytest.mark.slow
def test_a_large_log_is_rebuilt_by_several_workers_to_the_same_reports(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SHARE", 3_000)
    stream = list(bench_events.events(20_500, 2_050, 4, late_per_mille=30))
    for start in range(0, len(stream), 5_000):
        house.record(stream[start : start + 5_000])
    live = house.project()
    head = house.head()
    assert head == 20_500
    expected = {
        view: house.ask(view, None, "2024-12-31", by=("deal",), generation=live.id)
        for view in ("pipeline", "bookings", "backlog", "billing", "collections", "arr")
    }
    assert len(expected["billing"].rows) > 500
    for processes in (2, 1):
        made = rebuild.rebuild(house.conninfo, house.schema, workers=processes)
        assert made.milestones == head
        for view, report in expected.items():
            found = house.ask(view, None, "2024-12-31", by=("deal",), generation=made.generation)
            assert found == report, f"{view} with {processes} workers"


def test_appends_and_reads_go_on_and_the_swap_is_atomic(house: House) -> None:
    """A reader sees the old generation or the new one, whole; a writer is never kept out."""
    first = [event for n in range(1, 9) for event in usual(f"O-{n}")]
    house.record(first)
    house.project()
    expected = house.ask("billing", None, "2026-12-31", known=len(first))
    stop = threading.Event()
    failures: list[BaseException] = []
    seen: set[int] = set()

    def read() -> None:
        try:
            with house.connect() as connection:
                while not stop.is_set():
                    live = generations.live(connection)
                    assert live is not None
                    assert live.position >= len(first)
                    seen.add(live.id)
                    query = reports.Query("billing", None, date(2026, 12, 31), len(first), live.id)
                    assert reports.run(connection, query) == expected
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    def write() -> None:
        try:
            projector = Projector(house.schema)
            with house.connect() as connection, house.connect() as filling:
                for n in range(10, 30):
                    house.record(usual(f"O-{n}"))
                    projector.catch_up(connection, filling)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    made = rebuild.rebuild(house.conninfo, house.schema, workers=1)
    threads[1].join(60)
    stop.set()
    threads[0].join(60)
    assert failures == []
    live = house.project()
    assert live.id == made.generation
    assert live.position == house.head()
    assert house.journal(live.id) == house.journal(house.built())


def build_for_ever(conninfo: str, schema: str, building: Any) -> None:
    """A build that is killed before its end: it stops between the bulk and the index."""

    def wait(stage: str, _done: int) -> None:
        if stage == "index":
            building.set()
            time.sleep(600)

    rebuild.rebuild(conninfo, schema, workers=1, report=wait)


def test_a_killed_build_changes_nothing_and_the_next_goes_on_with_it(house: House) -> None:
    house.record(usual("O-1"))
    live = house.project()
    context = multiprocessing.get_context("spawn")
    building = context.Event()
    process = context.Process(target=build_for_ever, args=(house.conninfo, house.schema, building))
    process.start()
    try:
        assert building.wait(60)
        while_building = house.connection.execute(
            "SELECT id FROM generation WHERE state = 'building'"
        ).fetchall()
        assert len(while_building) == 1
    finally:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
    assert house.live().id == live.id
    made = rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert (made.generation, made.resumed) == (while_building[0][0], house.head())
    assert house.live().id == made.generation
    assert {table.rpartition("_g")[2] for table in tables(house)} == {str(live.id), str(made.generation)}
    assert house.journal(made.generation) == house.journal(live.id)


def test_a_build_that_fails_leaves_the_live_generation(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.record(usual("O-1"))
    live = house.project()

    def fail(*_args: object) -> None:
        raise psycopg.OperationalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(generations, "promote", fail)
        with pytest.raises(psycopg.OperationalError, match="disk"):
            rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert house.live() == live
    assert rebuild.rebuild(house.conninfo, house.schema, workers=1).generation == house.live().id


def test_what_a_worker_meets_is_raised_by_the_rebuild(house: House) -> None:
    share = bulk.Share("host=/nowhere connect_timeout=1", 1, 1, first=1, last=1)
    with pytest.raises(psycopg.OperationalError):
        list(workers.do_all(bulk.load, [share, share, share], 2))


def test_a_killed_worker_ends_the_rebuild_and_the_live_generation_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        house.record(usual(f"O-{number}"))
    live = house.project()
    monkeypatch.setattr(bulk, "SHARE", 1)

    killed: list[int] = []

    def kill_the_workers(stage: str, done: int) -> None:
        if stage == "bulk" and done and not killed:
            for child in psutil.Process().children():
                if "projections.workers" in " ".join(child.cmdline()):
                    child.kill()
                    killed.append(child.pid)

    with pytest.raises(workers.WorkerEnded, match="start the rebuild again"):
        rebuild.rebuild(house.conninfo, house.schema, workers=2, report=kill_the_workers)
    assert house.live() == live
    assert killed
    assert not any(psutil.pid_exists(pid) for pid in killed)
    assert rebuild.rebuild(house.conninfo, house.schema, workers=2).milestones == house.head()
