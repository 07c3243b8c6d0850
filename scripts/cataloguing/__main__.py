"""Writes docs/events.md and the mappings of plain files; --check says whether they are what the code says.

Exits 1 where one is not.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Final

from scripts.cataloguing.page import page
from scripts.cataloguing.plain import plain_csv, plain_json

_ROOT: Final = Path(__file__).resolve().parents[2]
PATH: Final = _ROOT / "docs" / "events.md"
#: Where the mappings of plain files stand.
MAPPINGS: Final = _ROOT / "adapters" / "sources" / "mappings"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    asked = parser.parse_args()
    written = {
        PATH: page(),
        MAPPINGS / "plain_csv.yaml": plain_csv(),
        MAPPINGS / "plain_json.yaml": plain_json(),
    }
    if asked.check:
        return max([_compared(path, wanted) for path, wanted in written.items()])
    for path, wanted in written.items():
        path.write_text(wanted, encoding="utf-8")
        print(f"wrote {_name(path)}")
    return 0


def _name(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _compared(path: Path, wanted: str) -> int:
    """0 where the file is what the code says, else 1 and the first lines that differ."""
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    if found == wanted:
        return 0
    lines = difflib.unified_diff(found.splitlines(), wanted.splitlines(), _name(path), "the code", "", "", 1)
    print("\n".join(list(lines)[:40]))
    print(f"{_name(path)} is stale: run ./scripts/catalogue")
    return 1


if __name__ == "__main__":
    sys.exit(main())
