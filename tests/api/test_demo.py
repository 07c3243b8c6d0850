"""The demonstration, from nothing to reports, and started again on what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.api.running import ROOT, environment


def tour(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "tour.py", "--once"],
        env=environment(CAIRN_DATA=str(folder), CAIRN_PORT="0"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_shows_what_came_in_the_views_and_what_was_known_before(tmp_path: Path) -> None:
    first = tour(tmp_path / "demo")
    for said in (
        "What had arrived by 2026-04-30: 7,473 records",
        "quarantined",
        "pipeline at 2026-10-31",
        "bookings from 2026-01-01 to 2026-10-31",
        "backlog at 2026-10-31",
        "billing at 2026-10-31",
        "collections at 2026-10-31",
        "what has become known since",
        "The laws of the books hold",
        "/v1/quarantine",
    ):
        assert said in first, said
    again = tour(tmp_path / "demo")
    assert "is fed already" in again
    views = re.compile(r"^pipeline at .*?^To go on", re.DOTALL | re.MULTILINE)
    assert views.findall(again) == views.findall(first)
