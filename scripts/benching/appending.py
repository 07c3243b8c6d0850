"""Append of prepared milestones against binary COPY of the same rows into tables made like the log's.

Method: the same rows in batches of 5,000, one transaction a batch, in turns (ours, COPY, ours, COPY, ...)
so that both meet the machine in the same moods; the medians of the batches' rates are compared. Ours takes
the lock, looks up duplicates and deals, decides, and writes the log, the source bytes, keys, sequence
identities and the commit row. COPY writes the same rows into tables with the same columns, constraints and
indexes, their bytes made before the clock starts. `ratio` is ours to COPY of all those tables; `log_ratio`
is ours to COPY into the table of the log alone, which leaves out the source bytes and the keys.

Other work on the machine moves the rates from run to run, and the CPU much less. So the CPU of both sides
is given too: of this process, and of the server's process at its other end.
"""

from __future__ import annotations

import time
from itertools import islice
from statistics import median
from typing import Any, Final, Self

import psutil
import psycopg

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from domain.arrivals import Prepared
from domain.canonical import content_digest, decode_json
from domain.contract import parse_event
from domain.ledger import Ledger
from scripts.bench_events import events

BATCH = 5_000
#: Milestones that are recorded before the clock starts.
FEW = 100


def prepared(ledger: Ledger, milestones: int, deals: int) -> list[list[Prepared]]:
    """So many milestones in batches, ready for this ledger."""
    batches: list[list[Prepared]] = []
    source = events(milestones, deals, 1)
    while lines := list(islice(source, BATCH)):
        batch = []
        for line in lines:
            value, plain = decode_json(line)
            milestone = parse_event(value)
            accepted = ledger.accept(line, source=milestone.source, received_at=0)
            batch.append(ledger.prepare(accepted, milestone, content_digest(value, plain=plain)))
        batches.append(batch)
    return batches


_TABLES: Final = {
    "log": ("position", "stream, version, inbox, topic, state, identity, digest"),
    "inbox": ("id", "received_at, digest, source, content_type, headers, mapping, body"),
    "deal_key": ("position", "key, stream"),
    "sequence_identity": ("position", "identity"),
}


class _Cpu:
    """Seconds of CPU spent inside of `with`, summed up: by this process, and by one of the server's."""

    def __init__(self, server: int) -> None:
        self._server = psutil.Process(server)
        self.client = self.server = 0.0

    def _now(self) -> tuple[float, float]:
        spent = self._server.cpu_times()
        return time.process_time(), spent.user + spent.system

    def __enter__(self) -> Self:
        self._begun = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        client, server = self._now()
        self.client += client - self._begun[0]
        self.server += server - self._begun[1]


def measure(url: str, schema: str, milestones: int) -> dict[str, float]:
    """Rates in milestones a second, ratios, and CPU in microseconds a milestone.

    {"rate", "copy_rate", "ratio", "log_copy_rate", "log_ratio", "cpu_us", "server_cpu_us", "copy_cpu_us",
    "copy_server_cpu_us"}.
    """
    migrate(url, schema)
    ledger = Ledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "DATABASE_URL": url,
            "DATABASE_SCHEMA": schema,
        }
    )
    try:
        batches = prepared(ledger, milestones, max(1, milestones // 10))
        with (
            psycopg.connect(url, autocommit=True) as owner,
            psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as reader,
        ):
            for name in ("all", "only"):
                for table in _TABLES if name == "all" else ("log",):
                    owner.execute(
                        f"CREATE TABLE {schema}.{table}_{name} (LIKE {schema}.{table} INCLUDING ALL)"
                    )
            return _compare(ledger, batches, owner, reader, schema)
    finally:
        ledger.close()


def _compare(
    ledger: Ledger,
    batches: list[list[Prepared]],
    owner: psycopg.Connection[Any],
    reader: psycopg.Connection[Any],
    schema: str,
) -> dict[str, float]:
    ours: list[float] = []
    all_tables: list[float] = []
    log_only: list[float] = []
    # a few beforehand, so that the writer is connected and neither side begins cold
    ledger.record(batches[0][:FEW])
    _copy(owner, schema, "all", _rows(reader, 0, FEW))
    spent, spent_by_copy = _Cpu(_writer(owner)), _Cpu(owner.info.backend_pid)
    done = FEW
    for batch in (batches[0][FEW:], *batches[1:]):
        begun = time.perf_counter()
        with spent:
            ledger.record(batch)
        ours.append(len(batch) / (time.perf_counter() - begun))
        rows = _rows(reader, done, done + len(batch))
        done += len(batch)
        begun = time.perf_counter()
        with spent_by_copy:
            _copy(owner, schema, "all", rows)
        all_tables.append(len(batch) / (time.perf_counter() - begun))
        begun = time.perf_counter()
        _copy(owner, schema, "only", {"log": rows["log"]})
        log_only.append(len(batch) / (time.perf_counter() - begun))
    rate, copy_rate, log_copy_rate = median(ours), median(all_tables), median(log_only)
    in_micro = 1_000_000 / (done - FEW)
    return {
        "rate": rate,
        "copy_rate": copy_rate,
        "ratio": rate / copy_rate,
        "log_copy_rate": log_copy_rate,
        "log_ratio": rate / log_copy_rate,
        "cpu_us": spent.client * in_micro,
        "server_cpu_us": spent.server * in_micro,
        "copy_cpu_us": spent_by_copy.client * in_micro,
        "copy_server_cpu_us": spent_by_copy.server * in_micro,
    }


def _writer(owner: psycopg.Connection[Any]) -> int:
    """The process that serves the ledger's writer."""
    found = owner.execute("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'cairn %: writer'")
    return int(found.fetchall()[0][0])


def _rows(reader: psycopg.Connection[Any], after: int, upto: int) -> dict[str, bytes]:
    """The rows that a batch left in each table, as binary COPY has them. Every milestone has an inbox row."""
    found = {}
    for table, (number, columns) in _TABLES.items():
        with (
            reader.cursor() as cursor,
            cursor.copy(
                f"COPY (SELECT {number}, {columns} FROM {table}"
                f" WHERE {number} > {after} AND {number} <= {upto})"
                " TO STDOUT (FORMAT binary)"
            ) as out,
        ):
            found[table] = b"".join(bytes(block) for block in out)
    return found


def _copy(owner: psycopg.Connection[Any], schema: str, name: str, rows: dict[str, bytes]) -> None:
    """COPY the rows of one batch into the tables made like the log's, in one transaction."""
    with owner.transaction(), owner.cursor() as cursor:
        for table, blocks in rows.items():
            number, columns = _TABLES[table]
            into = f"COPY {schema}.{table}_{name} ({number}, {columns}) FROM STDIN (FORMAT binary)"
            with cursor.copy(into) as copy:
                copy.write(blocks)
