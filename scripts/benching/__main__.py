"""Runs the benchmark, prints each figure beside its limit, and writes them as JSON where asked to.

Order: append against COPY; append with the transparency log and without it; import of a file of canonical
milestones into an empty ledger; rebuild of what was imported against COPY out; reports over HTTP on it, as
known now and at any moment, and how soon they show an append; catch-up of the live projector; single-event
POST against a no-op route of the same app; import of a source system's records through its mapping; a change
of rule previewed, promoted and returned under load. `--long` then imports and rebuilds a tenth, the whole and
ten times the milestones, each on a database of its own. Everything runs on a database of its own, which is
thrown away.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from adapters.postgres.embedded import EmbeddedServer
from scripts.benching import (
    appending,
    catching,
    importing,
    mapping,
    rebuilding,
    serving,
    switching,
    transparency,
)

#: Milestones (mapped: records) a second, and ratios, that the figures are held against.
AIMS = {
    ("append", "ratio"): 0.6,
    ("transparency", "ratio"): 0.9,
    ("transparency", "catch_up_rate"): 150_000,
    ("import", "rate"): 40_000,
    ("post", "ratio"): 0.3,
    ("rebuild", "rate"): 150_000,
    ("catch_up", "rate"): 50_000,
    ("mapped", "rate"): 10_000,
}
#: Milliseconds that are not to be exceeded.
MOST = {
    ("now", "p99_ms"): 25,
    ("any", "p99_ms"): 100,
    ("views", "bridge_p99_ms"): 1_000,
    ("views", "exceptions_p99_ms"): 1_000,
    ("views", "latency_p99_ms"): 1_000,
    ("fresh", "p99_ms"): 300,
}


def measure(milestones: int, seconds: float, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Each part with its figures, as soon as they are known."""
    memory: dict[str, float] = {}
    some = min(milestones, 200_000)
    with EmbeddedServer(folder / "pg") as url:
        _say(f"append of prepared milestones, {some:,}")
        yield "append", appending.measure(url, "bench_append", some)
        _say(f"append of prepared milestones with and without the transparency log, {some:,} each")
        yield "transparency", transparency.measure(url, "bench_tree", some, folder)
        _say(f"import of {milestones:,} milestones")
        imported, memory["import"] = importing.measure(url, "bench", milestones, folder / "events.ndjson")
        yield "import", imported
        _say("rebuild")
        rebuilt, memory["rebuild"] = rebuilding.measure(url, "bench")
        yield "rebuild", rebuilt
        _say("reports over HTTP")
        reports, memory["serve_reports"] = serving.measure_reports(url, "bench", seconds)
        yield from reports.items()
        _say("a change of rule under load")
        yield "switch", switching.measure(url, "bench")
        _say(f"catch-up with {some:,} milestones")
        importing.measure(url, "bench_waiting", some, folder / "waiting.ndjson")
        yield "catch_up", catching.measure(url, "bench_waiting")
        _say("single-event POST at 32 connections")
        posts, memory["serve_posts"] = serving.measure_posts(url, "bench_post", seconds)
        yield "post", posts
        _say(f"import of {some:,} records through a mapping")
        mapped, memory["mapped"] = mapping.measure(url, "bench_mapped", some, folder / "records.jsonl")
        yield "mapped", mapped
    yield "memory_mib", memory


def measure_sizes(sizes: Iterable[int]) -> Iterator[tuple[str, dict[str, float]]]:
    """Import and rebuild at several sizes, each on a database of its own: figures by size."""
    for size in sizes:
        with (
            tempfile.TemporaryDirectory(prefix="cairn-bench-") as name,
            EmbeddedServer(Path(name) / "pg") as url,
        ):
            _say(f"import and rebuild of {size:,} milestones")
            imported, import_mib = importing.measure(url, "bench", size, Path(name) / "events.ndjson")
            (Path(name) / "events.ndjson").unlink()
            rebuilt, rebuild_mib = rebuilding.measure(url, "bench")
            yield (
                f"at {size}",
                {
                    "import_rate": imported["rate"],
                    "import_mib": import_mib,
                    **rebuilt,
                    "rebuild_mib": rebuild_mib,
                },
            )


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def show(part: str, values: dict[str, float]) -> None:
    """Print the figures of a part, one a line, with what they are held against."""
    for name, value in values.items():
        aim = AIMS.get((part, name))
        verdict = "" if aim is None else f"   (aim {aim:,}: {'met' if value >= aim else 'NOT met'})"
        most = MOST.get((part, name))
        if most is not None:
            verdict = f"   (at most {most}: {'met' if value <= most else 'NOT met'})"
        print(f"{part:>12} {name:<24} {value:>14,.2f}{verdict}", flush=True)


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
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        parts = measure(asked.milestones, asked.seconds, Path(folder))
        sizes = (asked.milestones * times // 10 for times in (1, 10, 100)) if asked.long else ()
        for part, values in chain(parts, measure_sizes(sizes)):
            show(part, values)
            figures[part] = values
    conditions = {
        "milestones": asked.milestones,
        "python": platform.python_version(),
        "system": platform.system(),
    }
    if asked.json is not None:
        asked.json.write_text(json.dumps({**figures, "conditions": conditions}, indent=2) + "\n")


if __name__ == "__main__":
    main()
