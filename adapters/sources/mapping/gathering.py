"""Rows of a relational export put together to documents: an order with its items, roles and statuses.

Belongs here: which rows are of one document, and the document as one XML element, its rows inside of it. Does
not belong here: what the rows mean, how a file is cut into rows (xml.py).

Rows of a document stand anywhere in the files that are read together. They are laid off meanwhile, in parts
by the document that they belong to, so that no more than one part has to be held at a time. Where to, SHELF
says: in memory, unless whoever reads large files has offered the disk.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import IO, Any, Final, NamedTuple
from xml.parsers import expat

from adapters.sources.base import Record

#: Parts that rows are laid off in: of an export of several GB, one holds some ten MB.
_PARTS: Final = 128
_HEADER: Final = struct.Struct("<HIII")


class Shelf:
    """Where parts are laid off. make: a new, empty place, gone when it is closed."""

    def __init__(self) -> None:
        self.make: Callable[[], IO[bytes]] = io.BytesIO


#: The one of this process.
SHELF: Final = Shelf()


class Gathering(NamedTuple):
    """What belongs together. head: the element that stands for the document. by: the field that all of its
    rows have, with the same value. rows: the elements that belong to it."""

    head: str
    by: str
    rows: frozenset[str]


class _Row(NamedTuple):
    name: str
    key: str
    where: str
    payload: bytes


def gathered(records: Iterable[Record], gatherings: tuple[Gathering, ...]) -> Iterator[Record]:
    """Documents with their rows inside of them, other rows as they stand.

    Every row is in exactly one record. Rows whose head is in none of the files, and a second head of one key,
    stay records of their own: what they say can't be understood without it.
    """
    homes = {name: (i, g) for i, g in enumerate(gatherings) for name in (g.head, *g.rows)}
    read = 0
    with ExitStack() as stack:
        parts: list[IO[bytes] | None] = [None] * _PARTS
        for record in records:
            read = record.read
            row = _row(record, homes)
            if row is None:
                yield record
                continue
            part = zlib.crc32(f"{homes[row.name][0]}/{row.key}".encode()) % _PARTS
            file = parts[part]
            if file is None:
                file = parts[part] = stack.enter_context(SHELF.make())
            _put(file, row)
        for file in parts:
            if file is not None:
                yield from _documents(file, homes, read)


def _row(record: Record, homes: dict[str, tuple[int, Gathering]]) -> _Row | None:
    """A record as a row of a document; None where it is none, or can't be read."""
    name, fields = _first_element(record.payload)
    home = homes.get(name)
    key = None if home is None else fields.get(home[1].by)
    return None if not key else _Row(name, key, record.where, record.payload)


class _Found(Exception):
    """The first element was seen; the rest need not be read."""


def _first_element(payload: bytes) -> tuple[str, dict[str, str]]:
    found: list[tuple[str, dict[str, str]]] = []

    def start(name: str, fields: dict[str, str]) -> None:
        found.append((name.rpartition(" ")[2], fields))
        raise _Found

    parser: Any = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = start
    with suppress(_Found, expat.ExpatError):
        parser.Parse(payload, 1)
    return found[0] if found else ("", {})


def _put(file: IO[bytes], row: _Row) -> None:
    texts = [text.encode() for text in (row.name, row.key, row.where)]
    file.write(_HEADER.pack(*map(len, texts), len(row.payload)))
    file.write(b"".join(texts) + row.payload)


def _rows(file: IO[bytes]) -> Iterator[_Row]:
    file.seek(0)
    while header := file.read(_HEADER.size):
        name, key, where, payload = (file.read(size) for size in _HEADER.unpack(header))
        yield _Row(name.decode(), key.decode(), where.decode(), payload)


def _documents(file: IO[bytes], homes: dict[str, tuple[int, Gathering]], read: int) -> Iterator[Record]:
    heads: dict[tuple[int, str], _Row] = {}
    inside: dict[tuple[int, str], list[_Row]] = {}
    for row in _rows(file):
        home, gathering = homes[row.name]
        document = home, row.key
        if row.name != gathering.head:
            inside.setdefault(document, []).append(row)
        elif document in heads:
            yield Record(row.payload, row.where, read)
        else:
            heads[document] = row
    for document, head in heads.items():
        rows = inside.pop(document, [])
        yield Record(_document(head.payload, [row.payload for row in rows]), head.where, read)
    for rows in inside.values():
        yield from (Record(row.payload, row.where, read) for row in rows)


def _document(head: bytes, rows: list[bytes]) -> bytes:
    """The head's element with the rows inside of it, behind whatever it holds."""
    if not rows:
        return head
    if head.endswith(b"/>"):
        name = head[1:].split(None, 1)[0].rstrip(b"/>")
        return head[:-2].rstrip() + b">" + b"".join(rows) + b"</" + name + b">"
    end = head.rindex(b"</")
    return head[:end] + b"".join(rows) + head[end:]
