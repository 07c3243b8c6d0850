"""The benchmark in its short mode: it runs, and says what it promises to say. No figure is held to a bar."""

import json
import subprocess
import sys
from pathlib import Path

PROMISED = {
    "append": {"rate", "copy_rate", "ratio"},
    "import": {"rate"},
    "post": {"rate", "noop_rate", "ratio"},
    "rebuild": {"rate", "copy_out_rate"},
    "now": {"p50_ms", "p99_ms", "answered", "noop_ms", "sql_ms"},
    "any": {"p50_ms", "p99_ms", "answered", "noop_ms", "sql_ms"},
    "fresh": {"p50_ms", "p99_ms", "achieved"},
    "catch_up": {"rate", "copy_out_rate", "ours_mib"},
    "switch": {"build_s", "preview_s", "promote_s", "return_s", "read_p99_ms"},
    "mapped": {"rate", "alone"},
}


def test_the_benchmark_measures_every_part_beside_its_limit(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    root = Path(__file__).parents[2]
    short = ("--milestones", "20000", "--seconds", "1", "--json", str(figures))
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benching", *short],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    for part, names in PROMISED.items():
        assert names <= set(found[part]), part
        assert all(found[part][name] > 0 for name in names), part
    assert set(found["memory_mib"]) == {"import", "rebuild", "serve_reports", "serve_posts", "mapped"}
