"""Append of prepared milestones with the builder of the transparency log beside it, and without it.

Method: two empty ledgers on one server get the same milestones in batches of 5,000, one transaction a batch,
in turns, so that both meet the machine in the same moods. The builder of one runs meanwhile in the process
that `cairn serve` gives it, hashing, growing the tree and signing, and is stopped during the other's turns;
what it has not come to in one of its turns it does in the next, and `behind` is what is left at the end. The
medians of the batches' rates are compared. After that the tree of the other's log is built, as fast as it
goes: `catch_up_rate`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import psutil
import psycopg

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from adapters.transparency import building, entries, tiles
from adapters.transparency.keys import make_key
from api import sealing
from api.settings import load
from domain.arrivals import Prepared
from domain.ledger import Ledger
from scripts.benching.appending import prepared

#: Batches of one ledger before it is the other's turn.
TURN: Final = 8
#: Milestones that are recorded before the clock starts.
FEW: Final = 100
_PATIENCE: Final = 120.0


def measure(url: str, schema: str, milestones: int, folder: Path) -> dict[str, float]:
    """Rates in milestones a second: {"rate", "rate_without", "ratio", "behind", "catch_up_rate"}.

    ratio: with the builder to without. behind: milestones that the tree lacked when the last was appended.
    """
    schemas = [f"{schema}_with", f"{schema}_without"]
    ledgers = []
    for name in schemas:
        migrate(url, name)
        ledgers.append(
            Ledger(
                {
                    "PERSISTENCE_MODULE": "adapters.postgres.recorder",
                    "DATABASE_URL": url,
                    "DATABASE_SCHEMA": name,
                }
            )
        )
    try:
        batches = [prepared(ledger, milestones, max(1, milestones // 10)) for ledger in ledgers]
        rates: list[list[float]] = [[], []]
        with _builder(url, schemas[0], folder) as builder:
            for ledger, work in zip(ledgers, batches, strict=True):
                ledger.record(work[0][:FEW])
                work[0] = work[0][FEW:]
            for start in range(0, len(batches[0]), TURN):
                builder.send_signal(signal.SIGSTOP)
                rates[1] += _append(ledgers[1], batches[1][start : start + TURN])
                builder.send_signal(signal.SIGCONT)
                rates[0] += _append(ledgers[0], batches[0][start : start + TURN])
            behind = _behind(url, schemas[0])
        rate, without = median(rates[0]), median(rates[1])
        return {
            "rate": rate,
            "rate_without": without,
            "ratio": rate / without,
            "behind": behind,
            "catch_up_rate": _catch_up(url, schemas[1]),
        }
    finally:
        for ledger in ledgers:
            ledger.close()


def _append(ledger: Ledger, batches: list[list[Prepared]]) -> list[float]:
    rates = []
    for batch in batches:
        begun = time.perf_counter()
        ledger.record(batch)
        rates.append(len(batch) / (time.perf_counter() - begun))
    return rates


@contextmanager
def _builder(url: str, schema: str, folder: Path) -> Iterator[psutil.Process]:
    """The builder's process, once it is at work. It is let go on before it is ended."""
    settings = load(tenant=schema, folder=folder, signing_key=folder / "signing.key", database_url=url)
    make_key(folder / "signing.key")
    with sealing.beside_us(settings, url):
        [found] = [
            child for child in psutil.Process(os.getpid()).children() if "api.sealing" in child.cmdline()
        ]
        until = time.monotonic() + _PATIENCE
        while not _is_listening(url, schema) and time.monotonic() < until:
            time.sleep(0.05)
        try:
            yield found
        finally:
            found.send_signal(signal.SIGCONT)


def _is_listening(url: str, schema: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT FROM pg_stat_activity WHERE application_name = %s AND query LIKE 'LISTEN%%'",
            (f"cairn {schema}: sealer",),
        )
        return found.rowcount > 0


def _behind(url: str, schema: str) -> float:
    with psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as connection:
        return float(entries.head(connection) - tiles.state(connection)[0])


def _catch_up(url: str, schema: str) -> float:
    with psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as connection:
        entries.prepare(connection)
        begun = time.perf_counter()
        built = 0
        while some := building.build(connection):
            built += some
        return built / (time.perf_counter() - begun)
