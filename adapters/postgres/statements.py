"""Named SQL: statements live in sql/*.sql, each below a line `-- name: ...`; Python calls them by name.

Belongs here: reading those files. Does not belong here: any SQL.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

FOLDER: Final = Path(__file__).parent / "sql"
_NAME: Final = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


@cache
def statements(subject: str, folder: Path = FOLDER) -> Mapping[str, bytes]:
    """The statements of `<subject>.sql` by name. Raises FileNotFoundError; ValueError for a repeated name."""
    parts = _NAME.split((folder / f"{subject}.sql").read_text(encoding="utf-8"))
    found: dict[str, bytes] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"{subject}.sql names {name!r} twice")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("--")]
        found[name] = "\n".join(lines).rstrip(";").encode()
    return MappingProxyType(found)
