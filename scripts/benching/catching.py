"""Catch-up of the live projector: milestones that wait in the log, taken into an empty live generation.

Method: the log of a fresh ledger is filled while nothing projects; then the projector runs until it has
taken in everything, in its own batches and transactions and on the connections that `cairn serve` gives it,
register of sources included. Its limit beside it is COPY out of the same log's bytes, which is read in any
case.
"""

from __future__ import annotations

import os
import time
from typing import Final

import psycopg

from adapters.postgres.connections import conninfo_for
from projections.projector import Projector
from scripts.benching.memory import Peak, held

_LOG: Final = (
    "COPY (SELECT position, stream, topic, state FROM log ORDER BY position) TO STDOUT (FORMAT binary)"
)


def measure(url: str, schema: str) -> dict[str, float]:
    """{"rate", "copy_out_rate"} in milestones a second, "ours_mib". The ledger was never projected."""
    conninfo = conninfo_for(url, schema, application_name="bench")
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        psycopg.connect(conninfo, autocommit=True) as filling,
    ):
        begun = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(_LOG) as out:
            rows = sum(1 for _ in out)
        copied = time.perf_counter() - begun
        with Peak(os.getpid(), less=held()) as peak:
            begun = time.perf_counter()
            taken = Projector(schema).catch_up(connection, filling)
            seconds = time.perf_counter() - begun
    return {"rate": taken / seconds, "copy_out_rate": rows / copied, "ours_mib": peak.ours}
