"""CSV files as records: a row, or the neighbouring rows of one document, as a JSON object.

Belongs here: which rows are one record, what of a broken row is kept. Does not belong here: where a row ends
(rows.py), whether a header can be right (headers.py), what a record means.

A row becomes an object because alone it has lost its header. One that can't be read is a record all the same,
and takes the document with it that it may be a line of: a document without one of its lines is another one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from adapters.sources.base import FileRefused, Record
from adapters.sources.headers import Vocabulary, check_header, encoding_of
from adapters.sources.packed import File, files_below
from adapters.sources.remarks import remark
from adapters.sources.rows import Broken, Row, csv_rows
from adapters.sources.values import LONGEST

#: Rows that are one record; they are held in memory together.
MOST_ROWS: Final = 100_000
#: Rows between looks at how far the file was read.
_LOOK: Final = 64


class Table(NamedTuple):
    """How a CSV file is written.

    header: of files without one. group_by: columns, as `spelled` names them, by which neighbouring rows are
    one record, in files that have any of them. also: further endings of file names. known: the columns that
    there may be.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    spelled: Callable[[str], str] = str.strip
    also: frozenset[str] = frozenset()
    known: Vocabulary = Vocabulary()


_COMMON: Final = Table()


def csv_records(
    path: Path, kind_of: Callable[[frozenset[str]], str], table: Table = _COMMON
) -> Iterator[Record]:
    """The rows of CSV files with a header, each as `{"object": ..., "row": {header: cell}}`.

    kind_of: the object kind that the header's columns tell. A row with cells beyond the header carries them
    as `beyond`; one with fewer lacks the columns. A row that can't be trusted for its quotes carries its
    lines as `beyond` and the reason as `unread`, and so does what it may be a part of. Bytes that are not of
    the encoding become lone surrogates, so that nothing is lost and the translation refuses them. Rows that
    belong together carry all of them as `rows`. `where` counts lines of the file, as editors do. Raises
    FileNotFoundError, FileRefused.
    """
    for file in files_below(path, table.also | {".csv"}):
        yield from _file_records(file, kind_of, table)


def _file_records(file: File, kind_of: Callable[[frozenset[str]], str], table: Table) -> Iterator[Record]:
    with file.open() as (stream, at), _text(stream, table, file.name) as text:
        rows = csv_rows(text, table.delimiter, file.name, len(table.header) or None)
        header = list(table.header)
        if not header:
            first = next(rows, None)
            if first is None:
                return
            header = first.cells
            check_header(header, table.delimiter, file.name, table.spelled, table.known)
        kind = kind_of(frozenset(header))
        grouped = any(table.spelled(column) in table.group_by for column in header)
        found = _grouped(rows, kind, header, table, file.name) if grouped else _single(rows, kind, header)
        read = at()
        is_odd = False
        for number, (line, payload) in enumerate(found):
            if number % _LOOK == 0:
                read = at()
            if not is_odd and b"\\udc" in payload and _has_odd_bytes(payload):
                is_odd = True
                remark(
                    f"{file.name}:{line}: from this line on not {table.encoding.upper()}: set `csv.encoding`,"
                    " such as cp1252, and read the file again"
                )
            yield Record(payload, f"{file.name}:{line}", read)


def _has_odd_bytes(payload: bytes) -> bool:
    """Whether bytes are in it that are not of the encoding; they have become lone surrogates."""
    try:
        json.dumps(json.loads(payload), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _single(rows: Iterator[Row], kind: str, header: list[str]) -> Iterator[tuple[int, bytes]]:
    for line, cells, broken in rows:
        yield line, _record(kind, header, cells, broken=() if broken is None else (broken,))


def _text(stream: BinaryIO, table: Table, name: str) -> io.TextIOWrapper:
    encoding = encoding_of(stream, table.encoding, name)
    return io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")


class _Group:
    """Neighbouring rows of one key, and the broken ones that may be of it.

    key: None of broken ones alone. last: the broken ones behind which no other row has come.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.line = 0
        self.key: tuple[str, ...] | None = None
        self.rows: list[list[str]] = []
        self.broken: list[Broken] = []
        self.last: list[Broken] = []
        self._size = 0

    def hold(self, row: Row) -> None:
        """Raises FileRefused before they are more than a record can be."""
        line, cells, broken = row
        self._size += sum(map(len, cells)) if broken is None else len(broken.text)
        if len(self.rows) + len(self.broken) >= MOST_ROWS or self._size > LONGEST:
            raise FileRefused(
                f"{self.name}:{line}: more than {MOST_ROWS} rows or {LONGEST} characters belong together:"
                " that is no record; check the columns that group rows"
            )
        self.line = self.line or line
        if broken is None:
            self.rows.append(cells)
            self.last = []
        else:
            self.broken.append(broken)
            self.last.append(broken)


def _grouped(
    rows: Iterator[Row], kind: str, header: list[str], table: Table, name: str
) -> Iterator[tuple[int, bytes]]:
    places = [i for i, column in enumerate(header) if table.spelled(column) in table.group_by]

    def may_be_of(broken: Broken, key: tuple[str, ...]) -> bool:
        """Whether the cells that can be trusted are those of the key; those that can't may be."""
        sound = broken.sound
        return all(i >= len(sound) or sound[i] == cell for i, cell in zip(places, key, strict=True))

    def told(group: _Group) -> tuple[int, bytes]:
        cells = next((one for one in group.rows if len(one) > len(header)), (group.rows or [[]])[0])
        members = [dict(zip(header, one, strict=False)) for one in group.rows]
        return group.line, _record(kind, header, cells, members, tuple(group.broken))

    group = _Group(name)
    for row in rows:
        if row.broken is not None:
            if group.key is not None and not may_be_of(row.broken, group.key):
                yield told(group)
                group = _Group(name)
            group.hold(row)
            continue
        key = tuple(row.cells[i] if i < len(row.cells) else "" for i in places)
        if group.line and key != group.key:
            doubtful = [broken for broken in group.last if broken.takes or may_be_of(broken, key)]
            is_alone = group.key is None
            if not (is_alone and len(doubtful) == len(group.broken)):
                yield told(group)
                group = _Group(name)
                for broken in doubtful:
                    group.hold(Row(broken.line, [], broken))
        group.key = key
        group.hold(row)
    if group.line:
        yield told(group)


def _record(
    kind: str,
    header: list[str],
    cells: list[str],
    rows: list[dict[str, str]] | None = None,
    broken: tuple[Broken, ...] = (),
) -> bytes:
    record: dict[str, object] = {"object": kind, "row": dict(zip(header, cells, strict=False))}
    if rows is not None:
        record["rows"] = rows
    beyond = cells[len(header) :] + [one.text for one in broken]
    if beyond:
        record["beyond"] = beyond
    if broken:
        record["unread"] = [{"line": one.line, "column": one.column, "why": one.why} for one in broken]
    return json.dumps(record, separators=(",", ":")).encode()
