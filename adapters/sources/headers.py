"""The head of a CSV file: what kind of file it is at all, and whether its columns can be what was meant.

Belongs here: looking at the first bytes and the header, and saying what of them is wrong for the whole file.
Does not belong here: rows (rows.py), what a column means (mapping).
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final, NamedTuple, cast

from adapters.sources.base import FileRefused
from adapters.sources.remarks import remark

_AHEAD: Final = 1_024
#: Characters of a header that a message shows.
_SHOWN: Final = 120
#: Letters up to which a name is short, and from which it is long.
_SHORT: Final = 5
_LONG: Final = 8
_UTF8: Final = ("utf-8", "utf8", "utf_8", "utf-8-sig")
_MAGIC: Final = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive: save the sheet as CSV, or name the archive .zip"),
    (b"%PDF", "a PDF, not CSV: export the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls), not CSV: save the sheet as CSV"),
    (b"\x1f\x8b", "packed with gzip: name it .csv.gz"),
)  # fmt: skip
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS: Final = (",", ";", "\t", "|")


class Vocabulary(NamedTuple):
    """The columns of a mapping, as `spelled` names them.

    mapping: its name. text: all that its file says; a column of no name in it is read by nobody. needs: those
    without which no row can be read. only: all that there are, where others can only be mistakes.
    """

    mapping: str = ""
    text: str = ""
    needs: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()

    def reads(self, column: str) -> bool:
        """Whether the mapping may read a column; where nothing is known of it, it may."""
        if not self.text or not column:
            return not self.text
        return re.search(rf"(?<![A-Za-z0-9_]){re.escape(column)}(?![A-Za-z0-9_])", self.text) is not None


def encoding_of(stream: BinaryIO, encoding: str, name: str) -> str:
    """The encoding to read a stream in: the one that is set up, or what its first bytes say instead.

    Raises FileRefused where they say that it is no CSV.
    """
    ahead = cast("io.BufferedReader", stream).peek(_AHEAD)[:_AHEAD]
    for magic, says in _MAGIC:
        if ahead.startswith(magic):
            raise FileRefused(f"{name}: looks like {says}")
    is_utf8 = encoding.lower() in _UTF8
    if not is_utf8:
        return encoding
    if ahead.startswith(_UTF16):
        return "utf-16"
    if ahead.count(0) * 3 > len(ahead):
        raise FileRefused(
            f"{name}: looks like UTF-16 without a byte order mark: set `csv.encoding`, such as utf-16-le"
        )
    return "utf-8-sig"


def check_header(
    header: Sequence[str], delimiter: str, name: str, spelled: Callable[[str], str], known: Vocabulary
) -> None:
    """Refuse a file by its header. Raises FileRefused where no row below it can be read.

    Columns that nobody reads are remarked where the vocabulary is closed.
    """
    names = [spelled(column) for column in header]
    for column, count in Counter(names).items():
        if count > 1 and column:
            raise FileRefused(f"{name}: two columns of the header have the name {column!r}: rename one")
        if count > 1:
            raise FileRefused(f"{name}: {count} columns of the header have no name: name or remove them")
    found = f"found `{_cut(delimiter.join(header))}`, {len(header)} with the delimiter {delimiter!r}"
    found += _hint(header, delimiter)
    if not any(map(known.reads, names)):
        wanted = ", ".join(known.needs)
        raise FileRefused(
            f"{name}: the header has none of the columns that the mapping {known.mapping} reads"
            f"{f', such as {wanted}' if wanted else ''}: {found}"
        )
    for column in known.needs:
        if column not in names:
            raise FileRefused(
                f"{name}: the header lacks {column!r}, without which no row can be read: {found}"
            )
    if known.only:
        _check_closed(header, names, name, known)


def _check_closed(header: Sequence[str], names: Sequence[str], name: str, known: Vocabulary) -> None:
    unread = []
    for column, spelled in zip(header, names, strict=True):
        if not spelled or spelled in known.only:
            continue
        near = nearest(spelled, known.only - set(names))
        if near is not None:
            raise FileRefused(
                f"{name}: nobody reads the column {column!r}: is {near!r} meant? Rename it, or leave it out"
            )
        unread.append(column)
    if unread:
        remark(f"{name}: columns that nobody reads: {_cut(', '.join(unread))}")


def nearest(name: str, known: frozenset[str] | set[str]) -> str | None:
    """The known name that another is a slip of; None without one.

    It differs by one letter, in names of eight and more by two; in short ones, where one letter makes another
    word (`state`, `stage`), by a letter that is left out, doubled or swapped.
    """
    most = 2 if len(name) >= _LONG else 1
    near = [(_distance(name, other, most), other) for other in known]
    return next((other for distance, other in sorted(near) if distance <= most and _slips(name, other)), None)


def _slips(name: str, other: str) -> bool:
    return len(name) > _SHORT or len(name) != len(other) or sorted(name) == sorted(other)


def _distance(one: str, other: str, most: int) -> int:
    """Letters put in, left out, changed, or swapped with their neighbour (optimal string alignment)."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, letter_ in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != letter_))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == letter_:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _hint(header: Sequence[str], delimiter: str) -> str:
    if header[0].lower().startswith("sep="):
        return "; the line `sep=` is for Excel alone: remove it"
    if len(header) > 1:
        return ""
    counted = max((header[0].count(other), other) for other in _DELIMITERS if other != delimiter)
    return f"; if the delimiter is {counted[1]!r}, set `csv.delimiter`" if counted[0] else ""
