"""A file that people write in YAML: read whole, and all that is wrong with it told by file, line and field.

Belongs here: size, encoding, YAML, and what an error looks like. Does not belong here: what a file's fields
mean (setup, adapters/personal/rules).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from adapters.feeds.marked import Marked, NotYaml, read_marked

#: Bytes of a file.
_LONGEST: Final = 1_000_000


class FileError(NamedTuple):
    """One thing that is wrong in a file. line: from 1. field: dotted, empty for the file as a whole."""

    file: Path
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: " + (f"{self.field}: " if self.field else "") + self.message


class FileRefused(ValueError):
    """A file can't be used; `errors` lists all that is wrong with it, by line."""

    def __init__(self, errors: list[FileError]) -> None:
        found = sorted(errors, key=lambda one: one.line)
        super().__init__("\n".join(map(str, found)))
        self.errors = tuple(found)


def read_file(path: Path) -> Marked:
    """The document in a file. Raises FileRefused, FileNotFoundError, PermissionError."""
    raw = path.read_bytes()
    if len(raw) > _LONGEST:
        raise FileRefused([FileError(path, 1, "", f"is larger than {_LONGEST:,} bytes: is it the file?")])
    try:
        return read_marked(raw.decode())
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise FileRefused([FileError(path, line, "", "is not text in UTF-8")]) from None
    except NotYaml as error:
        raise FileRefused([FileError(path, error.line, "", str(error))]) from None
