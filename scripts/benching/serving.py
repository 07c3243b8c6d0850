"""The server under load over HTTP: single-event POSTs against a no-op route, reports, and freshness.

Method: `cairn serve` as a process of its own on a free port; the client (scripts/benching/load.py) runs
beside it on the same machine. POST and no-op take the same bodies over the same 32 connections, in turns.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import median
from urllib.parse import parse_qsl

import psycopg

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from api import parameters, reporting
from scripts.bench_events import events
from scripts.benching import freshness
from scripts.benching.load import ASKING, TOKEN, drive, get, post
from scripts.benching.memory import Peak
from scripts.benching.questions import BY_DEAL, by_deal, questions

CONNECTIONS = 32
MEDIA = "application/cloudevents+json"


@contextmanager
def server(url: str, schema: str) -> Iterator[tuple[int, int]]:
    """A running server: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "CAIRN_SCHEMA": schema, "CAIRN_TOKEN": TOKEN, "CAIRN_NOOP": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "serve", "--port", str(port), "--database-url", url],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_ready(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"cairn serve ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("cairn serve did not become ready within a minute")


def measure_posts(url: str, schema: str, seconds: float) -> tuple[dict[str, float], float]:
    """{"rate", "noop_rate", "ratio", "p50_ms", "p99_ms"} of POSTs of one event each, and peak MiB."""
    migrate(url, schema)
    bodies = [line.rstrip(b"\n") for line in events(200_000, 20_000, 7)]
    noops = cycle([post("/v1/noop", body, MEDIA) for body in bodies[:1_000]])
    posts = iter([post("/v1/events", body, MEDIA) for body in bodies])
    rates, noop_rates, runs = [], [], []
    with server(url, schema) as (port, pid), Peak(pid) as peak:
        drive(port, noops, connections=CONNECTIONS, seconds=1)
        for _ in range(3):
            noop_rates.append(drive(port, noops, connections=CONNECTIONS, seconds=seconds / 3).rate)
            runs.append(drive(port, posts, connections=CONNECTIONS, seconds=seconds / 3))
            rates.append(runs[-1].rate)
    rate, noop_rate = median(rates), median(noop_rates)
    return {
        "rate": rate,
        "noop_rate": noop_rate,
        "ratio": rate / noop_rate,
        "p50_ms": median(run.percentile(0.5) for run in runs),
        "p99_ms": median(run.percentile(0.99) for run in runs),
    }, peak.mib


def measure_reports(url: str, schema: str, seconds: float) -> tuple[dict[str, dict[str, float]], float]:
    """Reports as known now and at any moment, freshness under appends; and peak MiB of the server.

    {"now", "any"}: {"p50_ms", "p99_ms", "answered", "noop_ms", "sql_ms"}, one request at a time; noop_ms,
    sql_ms: the medians of the empty route of the same server and of the same questions as statements over
    the journal. {"views"}: {"bridge_p50_ms", "bridge_p99_ms", ...} of views that go deal by deal, each
    question of another day and position. {"fresh"}: as freshness.measure.
    """
    conninfo = conninfo_for(url, schema, application_name="bench")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT coalesce(max(position), 1) FROM log").fetchone()
        head = int(row[0]) if row else 1
    found = {}
    with server(url, schema) as (port, pid), Peak(pid) as peak:
        _await_columns(port)
        noop = drive(port, cycle([get("/v1/noop")]), connections=1, seconds=1)
        for name, known, bare in (("now", None, 10), ("any", head, 10)):
            drive(port, map(get, questions(3, known)), connections=1, seconds=1)
            run = drive(port, map(get, questions(5, known)), connections=1, seconds=max(seconds, 2))
            found[name] = {
                "p50_ms": run.percentile(0.5),
                "p99_ms": run.percentile(0.99),
                "answered": run.answered,
                "noop_ms": noop.percentile(0.5),
                "sql_ms": _bare(conninfo, islice(questions(5, known), bare)),
            }
        found["views"] = {}
        for view in BY_DEAL:
            run = drive(port, map(get, by_deal(view, 5, head)), connections=1, seconds=max(seconds, 2))
            found["views"] |= {f"{view}_p50_ms": run.percentile(0.5), f"{view}_p99_ms": run.percentile(0.99)}
        found["fresh"] = freshness.measure(port, seconds)
    return found, peak.mib


def _await_columns(port: int) -> None:
    """Return when reports are read from columns."""
    for _ in range(1_200):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/status", headers=ASKING)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            if json.load(answer).get("columns", {}).get("position") is not None:
                return
        time.sleep(0.1)
    raise SystemExit("the columns were not loaded within two minutes")


def _bare(conninfo: str, paths: Iterable[str]) -> float:
    """Median milliseconds of questions answered by a statement over the journal, without HTTP."""
    taken = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for path in paths:
            view, _, asked = path.removeprefix("/v1/reports/").partition("?")
            question = parameters.question(view, parse_qsl(asked), datetime.now(UTC).date())
            begun = time.perf_counter()
            reporting.report(connection, question)
            taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)
