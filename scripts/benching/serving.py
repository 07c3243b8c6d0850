"""The server under load over HTTP: single-event POSTs against a no-op route, and reports.

Method: `cairn serve` as a process of its own on a free port; the client (scripts/benching/load.py) runs
beside it on the same machine. POST and no-op take the same bodies over the same 32 connections, in turns.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from statistics import median

import psycopg

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from scripts.bench_events import events
from scripts.benching.load import drive, get, post
from scripts.benching.memory import Peak

CONNECTIONS = 32
MEDIA = "application/cloudevents+json"

REPORTS = (
    "/v1/reports/pipeline?at={at}",
    "/v1/reports/bookings?from={from_}&to={at}&by=territory",
    "/v1/reports/backlog?at={at}&by=customer&limit=50",
    "/v1/reports/billing?from={from_}&to={at}",
    "/v1/reports/collections?at={at}&by=territory",
    "/v1/reports/collections?at={at}&deal={deal}",
    "/v1/reports/billing?at={at}&deal={deal}",
    "/v1/reports/backlog?at={at}&deal={deal}&known_position={known}",
)


@contextmanager
def _server(url: str, schema: str) -> Iterator[tuple[int, int]]:
    """A running server: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "CAIRN_SCHEMA": schema, "CAIRN_TOKEN": "", "CAIRN_NOOP": "1"}
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
    with _server(url, schema) as (port, pid), Peak(pid) as peak:
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


def measure_reports(url: str, schema: str, seconds: float) -> tuple[dict[str, float], float]:
    """{"p50_ms", "p99_ms"} of a mix of reports, now and as known earlier, one at a time, and peak MiB."""
    with psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as connection:
        row = connection.execute("SELECT coalesce(max(position), 1) FROM log").fetchone()
        head = int(row[0]) if row else 1
        key = connection.execute(
            "SELECT key FROM deal_key WHERE key LIKE '%:opportunity:%' LIMIT 1"
        ).fetchone()
    fills = {"at": "2026-06-30", "from_": "2026-01-01", "known": head // 2, "deal": key[0] if key else ""}
    requests = cycle([get(path.format(**fills)) for path in REPORTS])
    with _server(url, schema) as (port, pid), Peak(pid) as peak:
        drive(port, requests, connections=1, seconds=1)
        run = drive(port, requests, connections=1, seconds=max(seconds, 10))
    return {"p50_ms": run.percentile(0.5), "p99_ms": run.percentile(0.99), "answered": run.answered}, peak.mib
