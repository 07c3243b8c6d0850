"""Importing files: every record accounted for, and the same log however often the import breaks off."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from adapters import faults, importing, readers
from adapters.importing import Summary, import_path
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from adapters.preparing import Preparation
from adapters.readers import ReaderFailed, Readers
from adapters.sources import BUILT_IN, SOURCES, load_mapping
from adapters.sources.base import FileRefused
from domain.ledger import Ledger
from domain.provenance import provenance
from scripts.bench_events import events
from tests.domain.events import event, order
from tests.ingest.conftest import Ask, open_ledger
from tests.ingest.messages import body

ROOT = Path(__file__).resolve().parents[2]
CANONICAL = SOURCES["cloudevents"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """300 records: 282 milestones of 30 deals and two links, 8 duplicates, 4 conflicts, 6 that are none."""
    lines = [line.rstrip(b"\n") for line in events(280, 28)]
    keys = [f"erp/netsuite/bench:order:SO-{n:07d}" for n in (3, 4)]
    lines[200:200] = [
        body(event("deals.linked", "link/1", "l1", source="/ledger/cairn/bench", keys=keys)),
        body(
            event("deals.linked", "link/2", "l2", source="/ledger/cairn/bench", keys=[keys[0], "a/b/c:x:y"])
        ),
    ]
    again = lines[40:48]
    other = [
        json.dumps(json.loads(line) | {"time": "2026-01-01T00:00:00Z"}).encode() for line in lines[60:64]
    ]
    bad = [b"{", b"[]", body(order() | {"time": "soon"}), b"\xff", body({}), b"{ "]
    for n, line in enumerate([*again, *other, *bad]):
        lines.insert(90 + 10 * n, line)
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(lines))
    return path


def check(summary: Summary) -> None:
    assert summary.is_whole
    assert (summary.records, summary.recorded, summary.duplicate, summary.conflict) == (300, 282, 8, 4)
    assert summary.ignored.total() == 0
    assert summary.quarantined == {
        "not_json": 3, "event_not_object": 1, "time_format": 1, "specversion_missing": 1,
    }  # fmt: skip


@pytest.mark.parametrize("readers", [0, 1, 2])
def test_every_record_is_accounted_for(intake: Intake, file: Path, ask: Ask, readers: int) -> None:
    seen: list[int] = []
    summary = import_path(
        intake, file, CANONICAL, "bench", batch=64, readers=readers, progress=lambda s: seen.append(s.records)
    )
    check(summary)
    assert seen == [64, 128, 192, 256, 300]
    assert (summary.first, summary.last) == (1, 282)
    assert summary.milestones["payment.applied.v1", "recorded"] == 56
    assert ask("SELECT count(*) FROM log") == [(282,)]
    assert ask("SELECT count(*) FROM inbox") == [(282 + 4 + 6,)]


def test_the_same_file_again_leaves_nothing(intake: Intake, file: Path, ask: Ask) -> None:
    import_path(intake, file, CANONICAL, "bench", batch=64)
    before = [ask(f"SELECT count(*) FROM {table}") for table in ("log", "inbox", "conflict")]
    summary = import_path(intake, file, CANONICAL, "bench", batch=100)
    assert (summary.recorded, summary.duplicate, summary.conflict) == (0, 290, 4)
    assert summary.quarantined.total() == 6
    assert [ask(f"SELECT count(*) FROM {table}") for table in ("log", "inbox", "conflict")] == before


def test_a_missing_file_is_said_to_be(intake: Intake, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        import_path(intake, tmp_path / "none.ndjson", CANONICAL, "bench")


def test_readers_are_for_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small").write_bytes(b"x")
    assert importing._readers_for(tmp_path) == 0
    monkeypatch.setattr(importing, "WORTH_READERS", 1)
    assert 1 <= importing._readers_for(tmp_path) <= importing.MOST_READERS or os.cpu_count() == 1


def test_a_reader_that_ends_early_fails_the_import(intake: Intake, file: Path) -> None:
    with Readers(intake.ledger, CANONICAL, "bench", 1) as readers:
        readers._readers[0].process.kill()
        readers._readers[0].process.wait()
        with pytest.raises(ReaderFailed, match="start the import again"):
            list(readers.prepare(iter([([b"{}"], 0), ([b"{}"], 0)])))


def test_the_bytes_of_a_record_cross_once(intake: Intake) -> None:
    record = body(order())
    prepared = intake.prepare_record(CANONICAL, record, "bench", received_at=1)
    kept = [msgspec.structs.asdict(item.accepted) for item in prepared.items]
    told = readers._encoder.encode([readers._answer(record, prepared)])
    assert record not in told
    restored = readers._restored(told, [record])[0].items
    assert [msgspec.structs.asdict(item.accepted) for item in restored] == kept


def test_what_came_before_a_broken_file_is_made_ready(intake: Intake) -> None:
    def batches() -> Iterator[tuple[list[bytes], int]]:
        for number in range(7):
            yield [body(order(f"SO-{number}"))], number
        raise FileRefused("the file breaks off")

    ready: list[list[Preparation]] = []
    with (
        Readers(intake.ledger, CANONICAL, "bench", 2) as processes,
        pytest.raises(FileRefused, match="breaks off"),
    ):
        ready.extend(processes.prepare(batches()))
    assert [one[0].items[0].accepted.received_at for one in ready] == list(range(7))


def test_readers_end_with_their_parent(database_url: str, schema: str) -> None:
    code = (
        "import os, signal, sys; from tests.ingest.conftest import open_ledger; "
        "from adapters.readers import Readers; from adapters.sources import SOURCES; "
        "r = Readers(open_ledger(*sys.argv[1:]), SOURCES['cloudevents'], 'x', 1); "
        "print(r._readers[0].process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, database_url, schema], stdout=subprocess.PIPE, cwd=ROOT
    )
    # the reader holds a copy of standard output only as its own pipe; this ends with the parent
    said, _ = parent.communicate(timeout=30)
    reader = int(said)
    for _ in range(500):
        state = Path(f"/proc/{reader}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    raise AssertionError("the reader outlived its parent")


SHARED = ROOT.parent / "shared" / "data"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")
@pytest.mark.parametrize(
    ("source", "folder", "records"),
    [
        ("quickbooks", "quickbooks", 85),
        ("chargebee", "chargebee", 53),
        ("stripe", "stripe", 88 + 26 + 176),
        ("salesforce", "salesforce", 52),
    ],
)
def test_real_files_are_accounted_for_record_by_record(
    intake: Intake, source: str, folder: str, records: int
) -> None:
    first = import_path(intake, SHARED / folder, SOURCES[source], "acme", batch=40)
    again = import_path(intake, SHARED / folder, SOURCES[source], "acme", batch=1_000)
    assert first.is_whole
    assert first.records == again.records == records
    assert again.recorded == 0
    assert again.ignored == first.ignored
    assert again.quarantined == first.quarantined
    assert again.duplicate + again.conflict == first.recorded + first.duplicate + first.conflict


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")
def test_readers_in_processes_of_their_own_make_no_difference(
    intake: Intake, database_url: str, fresh_schema: str, pool: "ConnectionPool[Any]"
) -> None:
    here = import_path(intake, SHARED / "quickbooks", SOURCES["quickbooks"], "acme", readers=0)
    name = f"{fresh_schema}_apart"
    migrate(database_url, name)
    ledger, other = open_ledger(database_url, name), connect(database_url, name, max_size=1)
    with Intake(ledger, other) as second:
        apart = import_path(second, SHARED / "quickbooks", SOURCES["quickbooks"], "acme", batch=7, readers=2)
    assert apart == here
    assert content(other) == content(pool)
    other.close()
    ledger.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")
def test_readers_get_a_mapping_that_only_the_caller_knows(intake: Intake, tmp_path: Path, ask: Ask) -> None:
    text = (BUILT_IN / "chargebee.yaml").read_text().replace("version: 1\n", "version: 99\n")
    (tmp_path / "chargebee.yaml").write_text(text)
    own = load_mapping(tmp_path / "chargebee.yaml")
    assert import_path(intake, SHARED / "chargebee", own, "acme", readers=2).recorded == 8
    assert {provenance(mapping).version for (mapping,) in ask("SELECT mapping FROM inbox")} == {"99"}


# ---- the same import, killed

KILLED = """
import sys
from pathlib import Path
from adapters import faults
from adapters.importing import import_path
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.sources import SOURCES
from tests.ingest.conftest import open_ledger
url, schema, file, label, nth = sys.argv[1:]
if label:
    faults.arm(label, int(nth))
ledger, pool = open_ledger(url, schema), connect(url, schema, max_size=1)
with Intake(ledger, pool) as intake:
    import_path(intake, Path(file), SOURCES["cloudevents"], "bench", batch=30, readers=0)
pool.close()
ledger.close()
"""

CONTENT = {
    "log": "SELECT position, stream, version, topic, state, identity, digest, inbox FROM log ORDER BY 1",
    # where commits end depends on which batches waited together; that they cover the log does not
    "log_commit": "SELECT min(first), max(last), sum(last - first + 1) FROM log_commit",
    "inbox": "SELECT id, source, digest, body FROM inbox ORDER BY 1",
    "deal_key": "SELECT * FROM deal_key ORDER BY 1",
    "deal_link": "SELECT * FROM deal_link ORDER BY 1",
    "sequence_identity": "SELECT * FROM sequence_identity ORDER BY 1",
    "conflict": "SELECT id, inbox, identity, position, digest FROM conflict ORDER BY 1",
    "quarantine": "SELECT id, inbox, digest, reasons FROM quarantine ORDER BY 1",
}


def content(pool: "ConnectionPool[Any]") -> dict[str, list[Any]]:
    with pool.connection() as connection:
        return {name: connection.execute(query.encode()).fetchall() for name, query in CONTENT.items()}


def run(database_url: str, schema: str, file: Path, label: str = "", nth: int = 0) -> int:
    command = [sys.executable, "-c", KILLED, database_url, schema, str(file), label, str(nth)]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode


@pytest.fixture
def undisturbed(database_url: str, fresh_schema: str, file: Path) -> Iterator[dict[str, list[Any]]]:
    """What the import leaves in a schema of its own, when nothing happens to it."""
    name = f"{fresh_schema}_undisturbed"
    migrate(database_url, name)
    ledger = open_ledger(database_url, name)
    pool = connect(database_url, name, max_size=1)
    with Intake(ledger, pool) as intake:
        check(import_path(intake, file, CANONICAL, "bench", batch=30, readers=0))
    yield content(pool)
    pool.close()
    ledger.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("label", faults.LABELS)
def test_an_import_that_was_killed_ends_in_the_same_log(
    database_url: str, schema: str, pool: "ConnectionPool[Any]", file: Path,
    undisturbed: dict[str, list[Any]], label: str, nth: int,
) -> None:  # fmt: skip
    assert run(database_url, schema, file, label, nth) == -signal.SIGKILL
    assert len(content(pool)["log"]) < 282
    assert run(database_url, schema, file) == 0
    assert content(pool) == undisturbed


def test_an_import_that_is_killed_again_and_again_ends_in_the_same_log(
    database_url: str, schema: str, pool: "ConnectionPool[Any]", file: Path, undisturbed: dict[str, list[Any]]
) -> None:
    kills = 0
    while run(database_url, schema, file, "after_commit", 1) == -signal.SIGKILL:
        kills += 1
    assert kills >= 3
    assert content(pool) == undisturbed


def test_a_label_that_nothing_reaches_is_refused() -> None:
    with pytest.raises(ValueError, match="no such label"):
        faults.arm("lunch")
    with pytest.raises(ValueError, match="counts from 1"):
        faults.arm("before_commit", 0)
    faults.arm("before_commit")
    faults.disarm()
    faults.reach("before_commit")


def test_every_label_is_reached_by_an_import(
    intake: Intake, file: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    reached: list[str] = []
    for module in ("adapters.intake", "adapters.postgres.unit"):
        monkeypatch.setattr(f"{module}.reach", reached.append)
    import_path(intake, file, CANONICAL, "bench", batch=1_000, readers=0)
    assert reached == list(faults.LABELS)
