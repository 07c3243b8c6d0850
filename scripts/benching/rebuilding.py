"""Rebuild of a whole log into a new generation, against reading the same log's bytes by COPY.

Method: the rebuild as `cairn rebuild` does it, with its default of workers, from the first read to the
swap, indexes included; COPY sends the same columns of the same rows to the client, which throws them
away. Before it, and timed by itself, the register of sources is filled: the projector does that as milestones
come, so a rebuild finds it filled, but not in a ledger that was never projected.
"""

from __future__ import annotations

import os
import time

import psycopg

from adapters.postgres import reading as log
from adapters.postgres.connections import conninfo_for
from projections.completeness import register
from projections.rebuild import rebuild
from scripts.benching.memory import Peak, held


def measure(url: str, schema: str) -> tuple[dict[str, float], float]:
    """{"rate", "register_rate", "copy_out_rate"} in milestones a second, "postings", "ours_mib": our peak.

    And the peak with the database, MiB.
    """
    conninfo = conninfo_for(url, schema, application_name="bench")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        begun = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY (SELECT position, stream, topic, state FROM log) TO STDOUT (FORMAT binary)"
            ) as out,
        ):
            rows = sum(1 for _ in out)
        copied = time.perf_counter() - begun
        begun = time.perf_counter()
        with connection.transaction():
            registered = register.take_in(connection, schema, log.head(connection))
        registering = time.perf_counter() - begun
    with Peak(os.getpid(), less=held()) as peak:
        begun = time.perf_counter()
        built = rebuild(conninfo, schema)
        seconds = time.perf_counter() - begun
    milestones = built.milestones + built.caught_up
    return {
        "rate": milestones / seconds,
        "register_rate": registered / registering,
        "copy_out_rate": rows / copied,
        "postings": built.postings,
        "ours_mib": peak.ours,
    }, peak.mib
