"""Import of a file of canonical milestones by the command that a person would use, into an empty ledger.

Method: the file is made first; then `cairn ingest` runs as a process of its own, from its start to its end,
durable commits included. The projector does not run meanwhile: its own rate is the rebuild's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from adapters.postgres.migrate import migrate
from scripts.bench_events import events
from scripts.benching.memory import Peak


def measure(url: str, schema: str, milestones: int, path: Path) -> tuple[dict[str, float], float]:
    """{"rate"} in milestones a second, and the peak memory of the command in MiB."""
    with path.open("wb") as out:
        for line in events(milestones, max(1, milestones // 10), 1):
            out.write(line)
    migrate(url, schema)
    begun = time.perf_counter()
    command = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "api.cli",
            "ingest",
            str(path),
            "--source",
            "cloudevents",
            "--database-url",
            url,
        ],
        env={**os.environ, "CAIRN_SCHEMA": schema},
        stdout=subprocess.DEVNULL,
    )
    with Peak(command.pid) as peak:
        code = command.wait()
    seconds = time.perf_counter() - begun
    if code:
        raise SystemExit(f"cairn ingest ended with {code}")
    return {"rate": milestones / seconds}, peak.mib
