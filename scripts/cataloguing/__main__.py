"""Writes docs/events.md; with --check says whether it is what the code says, and exits 1 where it is not."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Final

from scripts.cataloguing.page import page

PATH: Final = Path(__file__).resolve().parents[2] / "docs" / "events.md"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    asked = parser.parse_args()
    wanted = page()
    if not asked.check:
        PATH.write_text(wanted, encoding="utf-8")
        print(f"wrote {PATH.relative_to(Path.cwd()) if PATH.is_relative_to(Path.cwd()) else PATH}")
        return 0
    found = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    if found == wanted:
        return 0
    lines = difflib.unified_diff(
        found.splitlines(), wanted.splitlines(), "docs/events.md", "the code", "", "", 1
    )
    print("\n".join(list(lines)[:40]))
    print("docs/events.md is stale: run ./scripts/catalogue")
    return 1


if __name__ == "__main__":
    sys.exit(main())
