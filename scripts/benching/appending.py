"""Append of prepared milestones against binary COPY of the same rows into tables made like the log's.

Method: the same rows in batches of 5,000, one transaction a batch, in turns (ours, COPY, ours, COPY, ...)
so that both meet the machine in the same moods; the medians of the batches' rates are compared. Ours takes
the lock, looks up duplicates and deals, decides, and writes the log, the source bytes, keys, sequence
identities and the commit row. COPY writes the same rows into tables with the same columns, constraints and
indexes, their bytes made before the clock starts. `ratio` is ours to COPY of all those tables; `log_ratio`
is ours to COPY into the table of the log alone, which leaves out the source bytes and the keys.
"""

from __future__ import annotations

import time
from itertools import islice
from statistics import median
from typing import Any, Final

import psycopg

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from domain.arrivals import Prepared
from domain.canonical import content_digest, decode_json
from domain.contract import parse_event
from domain.ledger import Ledger
from scripts.bench_events import events

BATCH = 5_000


def _prepared(ledger: Ledger, milestones: int, deals: int) -> list[list[Prepared]]:
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


def measure(url: str, schema: str, milestones: int) -> dict[str, float]:
    """Rates in milestones a second: {"rate", "copy_rate", "ratio", "log_copy_rate", "log_ratio"}."""
    migrate(url, schema)
    ledger = Ledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "DATABASE_URL": url,
            "DATABASE_SCHEMA": schema,
        }
    )
    ours: list[float] = []
    all_tables: list[float] = []
    log_only: list[float] = []
    try:
        batches = _prepared(ledger, milestones, max(1, milestones // 10))
        with (
            psycopg.connect(url, autocommit=True) as owner,
            psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as reader,
        ):
            for name in ("all", "only"):
                for table in _TABLES if name == "all" else ("log",):
                    owner.execute(
                        f"CREATE TABLE {schema}.{table}_{name} (LIKE {schema}.{table} INCLUDING ALL)"
                    )
            for number, batch in enumerate(batches):
                begun = time.perf_counter()
                ledger.record(batch)
                ours.append(len(batch) / (time.perf_counter() - begun))
                rows = _rows(reader, number * BATCH, number * BATCH + len(batch))
                all_tables.append(len(batch) / _copy(owner, schema, "all", rows))
                log_only.append(len(batch) / _copy(owner, schema, "only", {"log": rows["log"]}))
    finally:
        ledger.close()
    rate, copy_rate, log_copy_rate = median(ours), median(all_tables), median(log_only)
    return {
        "rate": rate,
        "copy_rate": copy_rate,
        "ratio": rate / copy_rate,
        "log_copy_rate": log_copy_rate,
        "log_ratio": rate / log_copy_rate,
    }


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


def _copy(owner: psycopg.Connection[Any], schema: str, name: str, rows: dict[str, bytes]) -> float:
    """Seconds to COPY the rows of one batch into the tables made like the log's, in one transaction."""
    begun = time.perf_counter()
    with owner.transaction(), owner.cursor() as cursor:
        for table, blocks in rows.items():
            number, columns = _TABLES[table]
            into = f"COPY {schema}.{table}_{name} ({number}, {columns}) FROM STDIN (FORMAT binary)"
            with cursor.copy(into) as copy:
                copy.write(blocks)
    return time.perf_counter() - begun
