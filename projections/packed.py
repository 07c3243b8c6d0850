"""PostgreSQL's binary COPY format: what rows of any table are packed with, and how they are sent.

Belongs here: header and trailer, texts, the way into a COPY. Does not belong here: rows of one table
(projections/journal, projections/completeness/register).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Any, Final

from psycopg import Cursor
from psycopg.abc import Query

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
#: PostgreSQL counts binary dates from 2000-01-01; day numbers count from 1970-01-01.
DATE: Final = 10_957
length: Final = Struct(">i").pack
NULL: Final = length(-1)
EMPTY: Final = length(0)

#: Texts kept encoded: products recur throughout, lines and documents within a deal.
_MAX_TEXTS: Final = 20_000


class Texts:
    """Texts as fields of a row, those that were met lately kept.

    kept: by text; for the usual case without a call. empty: what an empty text is packed as.
    """

    __slots__ = ("_empty", "kept")

    def __init__(self, empty: bytes) -> None:
        self._empty = empty
        self.kept: dict[str, bytes] = {"": empty}

    def pack(self, value: str) -> bytes:
        """The field of a text."""
        found = self.kept.get(value)
        if found is None:
            found = text(value)
            if len(self.kept) >= _MAX_TEXTS:
                self.kept.clear()
                self.kept[""] = self._empty
            self.kept[value] = found
        return found


def text(value: str) -> bytes:
    """The field of a text that is not expected again."""
    encoded = value.encode()
    return length(len(encoded)) + encoded


@contextmanager
def copying(cursor: Cursor[Any], into: Query) -> Iterator[Callable[[bytes], None]]:
    """What sends packed rows into a COPY; the server works on them while the next are made."""
    with cursor.copy(into) as copy:
        copy.write(_HEADER)
        yield copy.write
        copy.write(_TRAILER)
