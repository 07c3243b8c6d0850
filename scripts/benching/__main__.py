"""Runs the benchmark, prints each figure beside its limit, and writes them as JSON where asked to.

Order: append against COPY; import of a file of canonical milestones into an empty ledger; rebuild of what
was imported against COPY out; reports over HTTP on it, as known now and at any moment, and how soon they
show an append; catch-up of the live projector; single-event POST against a no-op route of the same app;
import of a source system's records through its mapping; a change of rule previewed, promoted and returned
under load. `--long` then imports and rebuilds a tenth, the whole and ten times the milestones, each on a
database of its own. Everything runs on a database of its own, which is thrown away.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adapters.postgres.embedded import EmbeddedServer
from scripts.benching import appending, catching, importing, mapping, rebuilding, serving, switching

#: Milestones (mapped: records) a second, and ratios, that the figures are held against.
AIMS = {
    ("append", "ratio"): 0.6,
    ("import", "rate"): 40_000,
    ("post", "ratio"): 0.3,
    ("rebuild", "rate"): 150_000,
    ("catch_up", "rate"): 50_000,
    ("mapped", "rate"): 10_000,
}
#: Milliseconds that are not to be exceeded.
MOST = {("now", "p99_ms"): 25, ("any", "p99_ms"): 100, ("fresh", "p99_ms"): 300}


def measure(milestones: int, seconds: float, folder: Path) -> dict[str, Any]:
    """All figures, by part."""
    figures: dict[str, Any] = {"memory_mib": {}}
    with EmbeddedServer(folder / "pg") as url:
        _say(f"append of prepared milestones, {min(milestones, 200_000):,}")
        figures["append"] = appending.measure(url, "bench_append", min(milestones, 200_000))
        _say(f"import of {milestones:,} milestones")
        figures["import"], figures["memory_mib"]["import"] = importing.measure(
            url, "bench", milestones, folder / "events.ndjson"
        )
        _say("rebuild")
        figures["rebuild"], figures["memory_mib"]["rebuild"] = rebuilding.measure(url, "bench")
        _say("reports over HTTP")
        reports, figures["memory_mib"]["serve_reports"] = serving.measure_reports(url, "bench", seconds)
        figures |= reports
        _say("a change of rule under load")
        figures["switch"] = switching.measure(url, "bench")
        waiting = min(milestones, 200_000)
        _say(f"catch-up with {waiting:,} milestones")
        importing.measure(url, "bench_waiting", waiting, folder / "waiting.ndjson")
        figures["catch_up"] = catching.measure(url, "bench_waiting")
        _say("single-event POST at 32 connections")
        figures["post"], figures["memory_mib"]["serve_posts"] = serving.measure_posts(
            url, "bench_post", seconds
        )
        records = min(milestones, 200_000)
        _say(f"import of {records:,} records through a mapping")
        figures["mapped"], figures["memory_mib"]["mapped"] = mapping.measure(
            url, "bench_mapped", records, folder / "records.jsonl"
        )
    return figures


def measure_sizes(sizes: Iterable[int]) -> dict[str, Any]:
    """Import and rebuild at several sizes, each on a database of its own: figures by size."""
    figures: dict[str, Any] = {}
    for size in sizes:
        with (
            tempfile.TemporaryDirectory(prefix="cairn-bench-") as name,
            EmbeddedServer(Path(name) / "pg") as url,
        ):
            _say(f"import and rebuild of {size:,} milestones")
            imported, import_mib = importing.measure(url, "bench", size, Path(name) / "events.ndjson")
            (Path(name) / "events.ndjson").unlink()
            rebuilt, rebuild_mib = rebuilding.measure(url, "bench")
            figures[f"at {size}"] = {
                "import_rate": imported["rate"],
                "import_mib": import_mib,
                **rebuilt,
                "rebuild_mib": rebuild_mib,
            }
    return figures


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def show(figures: dict[str, Any]) -> None:
    """Print the figures, one a line, with what they are held against."""
    for part, values in figures.items():
        for name, value in values.items():
            aim = AIMS.get((part, name))
            verdict = "" if aim is None else f"   (aim {aim:,}: {'met' if value >= aim else 'NOT met'})"
            most = MOST.get((part, name))
            if most is not None:
                verdict = f"   (at most {most}: {'met' if value <= most else 'NOT met'})"
            print(f"{part:>12} {name:<24} {value:>14,.2f}{verdict}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--milestones", type=int, default=1_000_000, help="default: 1,000,000 in 100,000 deals"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each load over HTTP lasts")
    parser.add_argument("--long", action="store_true", help="import and rebuild at three sizes as well")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        figures = measure(asked.milestones, asked.seconds, Path(folder))
    if asked.long:
        figures |= measure_sizes(asked.milestones * times // 10 for times in (1, 10, 100))
    figures["conditions"] = {
        "milestones": asked.milestones,
        "python": platform.python_version(),
        "system": platform.system(),
    }
    conditions = figures.pop("conditions")
    show(figures)
    if asked.json is not None:
        asked.json.write_text(json.dumps({**figures, "conditions": conditions}, indent=2) + "\n")


if __name__ == "__main__":
    main()
