"""Several writers at once: no gap, no position twice, no message twice, positions in the order of commits."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from adapters.postgres.connections import lock_of
from domain.arrivals import Outcome
from domain.ledger import Ledger
from tests.domain.events import event, invoice, order
from tests.ingest.conftest import Ask, open_ledger
from tests.ingest.messages import ready, said, stream_of_events

Owner = psycopg.Connection[tuple[Any, ...]]
ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import random, sys
from tests.ingest.conftest import open_ledger
from tests.ingest.messages import ready, stream_of_events
url, schema, seed = sys.argv[1:]
ledger = open_ledger(url, schema)
made = stream_of_events(120, tag="shared") + stream_of_events(60, tag="own" + seed)
chance = random.Random(int(seed))
chance.shuffle(made)
counts = {}
while made:
    step = chance.randint(1, 9)
    for outcome in ledger.record(ready(ledger, *made[:step])):
        counts[outcome.outcome] = counts.get(outcome.outcome, 0) + 1
    del made[:step]
print(counts.get("recorded", 0), counts.get("duplicate", 0), sum(counts.values()))
ledger.close()
"""


def test_two_processes_write_one_log_without_gaps(database_url: str, schema: str, ask: Ask) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database_url, schema, seed],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    answers = [[int(word) for word in process.communicate(timeout=60)[0].split()] for process in started]
    assert [sum(answer[:2]) for answer in answers] == [180, 180]
    assert sum(answer[0] for answer in answers) == 240
    assert sum(answer[1] for answer in answers) == 120
    assert ask("SELECT count(*), min(position), max(position) FROM log") == [(240, 1, 240)]
    assert ask("SELECT count(*), min(id), max(id) FROM inbox") == [(240, 1, 240)]
    # commits cover the log without gaps or overlaps, and their times follow their positions
    assert ask(
        "SELECT count(*) FROM (SELECT first, recorded_at, lag(last, 1, 0::bigint) OVER w AS before,"
        " lag(recorded_at) OVER w AS earlier FROM log_commit WINDOW w AS (ORDER BY first)) AS c"
        " WHERE first <> before + 1 OR recorded_at <= earlier"
    ) == [(0,)]
    # versions of each stream have no gaps, and every stream began with the milestone that names it
    assert ask(
        "SELECT count(*) FROM (SELECT stream, count(*) AS n, max(version) AS last, min(position) AS first"
        " FROM log GROUP BY stream) AS s WHERE n <> last OR first <> stream"
    ) == [(0,)]
    # an order and its invoice share a deal, whoever wrote them
    assert ask("SELECT count(*) FROM log WHERE stream = position") == [(120,)]


def test_writers_in_one_process_take_turns(ledger: Ledger, ask: Ask) -> None:
    outcomes: list[list[Outcome]] = []
    made = stream_of_events(60)

    def write(offset: int) -> None:
        for n in range(0, 60, 6):
            outcomes.append(
                ledger.record(ready(ledger, *made[n : n + 6], *stream_of_events(2, tag=f"{offset}-{n}")))
            )

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    flat = [outcome for batch in outcomes for outcome in batch]
    assert sum(outcome.outcome == "recorded" for outcome in flat) == 60 + 3 * 20
    assert ask("SELECT count(*), max(position) FROM log") == [(120, 120)]


def test_a_writer_learns_what_another_wrote(database_url: str, schema: str, ledger: Ledger, ask: Ask) -> None:
    """Keys, links and versions that this writer remembers are completed by what others have committed."""
    other = open_ledger(database_url, schema)
    ledger.record(ready(ledger, order("SO-1", "o1"), order("SO-2", "o2")))
    keys = [f"erp/netsuite/acme:order:SO-{n}" for n in (1, 2)]
    other.record(ready(other, event("deals.linked", "link/1", "l1", keys=keys), invoice(keys=keys[:1])))
    ledger.record(ready(ledger, invoice("INV-2", "i2", keys=keys[1:])))
    other.record(ready(other, invoice("INV-3", "i3", keys=["erp/netsuite/acme:invoice:INV-2"])))
    other.close()
    assert ask("SELECT stream, version FROM log ORDER BY position") == [
        (1, 1), (2, 1), (1, 2), (1, 3), (1, 4), (1, 5),
    ]  # fmt: skip


def test_recorded_time_is_taken_after_the_wait_for_the_lock(
    ledger: Ledger, owner: Owner, schema: str, ask: Ask
) -> None:
    ledger.record(ready(ledger, order()))
    with owner.transaction():
        owner.execute("SELECT pg_advisory_xact_lock(%s)", (lock_of(schema),))
        writer = threading.Thread(target=lambda: ledger.record(ready(ledger, invoice())))
        writer.start()
        time.sleep(0.3)
        held = owner.execute("SELECT clock_timestamp()").fetchone()
    writer.join()
    assert held is not None
    assert ask("SELECT recorded_at > %s FROM log_commit WHERE first = 2", held[0]) == [(True,)]


def test_a_writer_that_waits_too_long_says_so_and_goes_on_later(
    database_url: str, schema: str, owner: Owner
) -> None:
    hasty = open_ledger(database_url, schema, LOCK_TIMEOUT="1")
    with owner.transaction():
        owner.execute("SELECT pg_advisory_xact_lock(%s)", (lock_of(schema),))
        with pytest.raises(OperationalError, match="lock timeout"):
            hasty.record(ready(hasty, order()))
    assert said(hasty.record(ready(hasty, order()))) == [("recorded", 1)]
    hasty.close()


def test_a_reader_never_waits_for_a_writer(ask: Ask, owner: Owner, schema: str) -> None:
    with owner.transaction():
        owner.execute("SELECT pg_advisory_xact_lock(%s)", (lock_of(schema),))
        assert ask("SELECT count(*) FROM log") == [(0,)]
