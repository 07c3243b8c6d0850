"""Columns in memory while facts come in, in several threads, beyond 64 bits, and beside other generations."""

import random
import subprocess
import sys
import threading
from datetime import date
from typing import Any

import pytest

from projections import rebuild, reports
from projections.columns.bounds import MOST_IN_ALL, Bounds
from projections.columns.keeping import Columns, TooLarge
from projections.measures import VIEWS
from tests.projections import events as e
from tests.projections.asking import query
from tests.projections.in_memory import Questions, differs, loaded
from tests.projections.served import House
from tests.projections.stories import crowd, usual


def test_columns_follow_as_facts_come_in_piece_by_piece(house: House) -> None:
    events = crowd(4, 8, 12)
    house.record(events[:10])
    live = house.project()
    memory, dice, upto = loaded(house.connection, live.id), random.Random(4), 10
    while upto < len(events):
        size = 1 + int(dice.random() * 9)
        house.record(events[upto : upto + size])
        upto += size
        house.project()
        questions = Questions(house.connection, live.id, dice, date(2023, 12, 1), 800)
        for known in (house.head(), 1 + int(dice.random() * house.head())):
            assert differs(house.connection, memory, questions.draw(known)) is None
    for view in VIEWS:
        question = query(house, view, "2024-01-01", "2024-12-31", by=("month", "customer"))
        assert differs(house.connection, memory, question) is None
    assert memory.columns.state.position == house.head()
    assert memory.columns.size == len(house.connection.execute(f"SELECT FROM posting_g{live.id}").fetchall())


def test_columns_of_an_empty_ledger_follow_from_the_first_fact_on(house: House) -> None:
    live = house.another()
    memory = loaded(house.connection, live)
    house.record(usual("001"))
    live = house.project().id
    assert memory.columns.generation != live
    memory = loaded(house.connection, live)
    house.record(usual("002", day=4))
    house.project()
    question = query(house, "billing", None, "2024-06-30", by=("deal",))
    assert len(reports.run(house.connection, question, memory).rows) >= 2
    assert differs(house.connection, memory, question) is None


def test_a_moment_that_was_read_stays_the_same_while_facts_come_in(house: House) -> None:
    house.record(usual("001"))
    memory = loaded(house.connection, house.project().id)
    question = query(house, "collections", None, "2024-06-30", by=("customer",))
    before = reports.run(house.connection, question, memory)
    for n in range(2, 7):
        house.record(usual(f"00{n}", day=n))
        house.project()
        assert reports.run(house.connection, query(house, "collections", None, "2024-06-30"), memory).rows
        assert reports.run(house.connection, question, memory) == before


def test_threads_that_read_and_follow_agree_with_sql(house: House) -> None:
    events = crowd(9, 6, 10)
    house.record(events[:20])
    memory = loaded(house.connection, house.project().id)
    failures: list[Any] = []
    over = threading.Event()

    def read(seed: int) -> None:
        dice = random.Random(seed)
        with house.connect() as connection:
            row = connection.execute("SELECT id FROM generation WHERE state = 'live'").fetchone()
            assert row is not None
            questions = Questions(connection, row[0], dice, date(2023, 12, 1), 800)
            while not over.is_set() and not failures:
                position = connection.execute("SELECT position FROM generation").fetchone()
                assert position is not None
                known = int(position[0]) - int(dice.random() * 3)
                told = differs(connection, memory, questions.draw(known))
                if told is not None:
                    failures.append(told)

    def guarded(seed: int) -> None:
        try:
            read(seed)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    readers = [threading.Thread(target=guarded, args=(seed,)) for seed in (1, 2)]
    for reader in readers:
        reader.start()
    for start in range(20, len(events), 3):
        house.record(events[start : start + 3])
        house.project()
    over.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert memory.columns.state.position > 20


def test_amounts_that_64_bits_may_not_sum_are_left_to_sql(house: House) -> None:
    house.record(usual("001"))
    live = house.project()
    memory = loaded(house.connection, live.id)
    question = query(house, "bookings", None, "2024-06-30")
    reports.run(house.connection, question, memory)
    assert memory.left == 0
    bounds = memory.columns.state.bounds
    nearly = MOST_IN_ALL - 1_000_000  # as if that much had been posted before
    memory.columns.state = memory.columns.state._replace(bounds=bounds._replace(amounts=nearly))
    house.record([e.won("2024-03-01", e.line("H", "10000.00"), number="O-7")])
    house.project()
    question = query(house, "pipeline", None, "2024-06-30")
    assert differs(house.connection, memory, question) is None
    assert memory.left == 1
    assert not memory.columns.state.bounds.exact


def test_a_product_of_amount_and_days_beyond_64_bits_is_left_to_sql() -> None:
    assert Bounds(amounts=10**15, earned=10**18).exact
    assert not Bounds(amounts=10**15, earned=2**62).exact


def test_another_generation_is_left_to_sql(house: House) -> None:
    house.record(usual("001"))
    memory = loaded(house.connection, house.project().id)
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    question = query(house, "billing", None, "2024-06-30")
    assert differs(house.connection, memory, question) is None
    assert memory.left == 1


def test_a_journal_that_is_too_large_is_refused_by_name_of_what_it_takes(house: House) -> None:
    house.record(usual("001"))
    live = house.project()
    house.connection.execute(f"ANALYZE posting_g{live.id}")
    with pytest.raises(TooLarge, match="postings, whose columns take"):
        Columns.load(house.connection, live.id, 100)


def test_what_came_in_is_found_by_an_index_on_position(house: House) -> None:
    house.record(usual("001"))
    generation = house.project().id
    indexes = house.connection.execute(
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = %s AND indexdef LIKE '%%brin%%'",
        (house.schema,),
    ).fetchall()
    found = {table for table, text in indexes if '("position")' in text}
    assert found == {f"{name}_g{generation}" for name in ("posting", "deal_name", "deal_dimension")}


def test_a_rebuild_and_the_command_line_do_without_numpy() -> None:
    text = (
        "import sys; import projections.workers, projections.rebuild, projections.reports, api.house;"
        " import api.cli; sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0
