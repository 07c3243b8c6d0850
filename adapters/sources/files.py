"""Cutting files into records: lines, and the values of a JSON file. CSV rows are in tables.py.

Belongs here: what a record is, in which order records come, how much memory that takes (one line or one JSON
value, where the file is large). A record's bytes are never rewritten.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from adapters.sources.base import FileRefused, Record
from adapters.sources.packed import File, files_below
from adapters.sources.values import LONGEST, ValueStream

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_BOM: Final = "\ufeff"
_LINES: Final = frozenset({".jsonl", ".ndjson"})
#: A JSON file up to this size is read whole; a larger one is read value by value.
WHOLE: Final = 8 * 2**20
#: Lines and rows between looks at how far the file was read.
_LOOK: Final = 64


def json_records(
    path: Path, *, members_of: str | None = None, also: frozenset[str] = frozenset()
) -> Iterator[Record]:
    """The records of JSON files: one a line in .jsonl and .ndjson, else the values of the file.

    A list counts as its elements. members_of: a file that is an object with a member of that name counts
    as that member's values. also: further endings of files that hold values. Raises FileNotFoundError,
    FileRefused.
    """
    for file in files_below(path, _LINES | also | {".json"}):
        if file.suffix in _LINES:
            yield from _line_records(file)
        else:
            yield from _value_records(file, members_of)


def _line_records(file: File) -> Iterator[Record]:
    """Lines end at LF alone: other characters that Python takes for line ends may stand in a JSON text."""
    read = 0
    with file.open() as (stream, at):
        number = 0
        while line := stream.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise FileRefused(f"{file.name}:{number}: a line longer than {LONGEST} bytes is no record")
            payload = line.rstrip(b"\r\n")
            if number % _LOOK == 1:
                read = at()
                if number == 1:
                    payload = payload.removeprefix(_BOM.encode())
            if payload.strip():
                yield Record(payload, f"{file.name}:{number}", read)


def _value_records(file: File, members_of: str | None) -> Iterator[Record]:
    """A small file that is not JSON is one record, whole: its translation says what is wrong with it."""
    with file.open() as (stream, at):
        raw = stream.read(WHOLE + 1)
        if len(raw) > WHOLE:
            rest = cast("BinaryIO", _Joined(raw, stream))
            yield from _streamed(rest, at, file.name, members_of)
            return
        read = at()
    yield from json_values(raw, file.name, members_of, read)


def json_values(raw: bytes, name: str, members_of: str | None = None, read: int = 0) -> Iterator[Record]:
    """The values of a JSON text, of a list its elements, byte for byte; `json_records` says more.

    What is not JSON is one record, whole: its translation says what is wrong with it.
    """
    try:
        text = raw.decode("utf-8").removeprefix(_BOM)
        spans = list(_spans(text, members_of))
    except (ValueError, RecursionError):
        spans, text = [], ""
    if not spans and raw.strip() not in (b"", b"[]"):
        yield Record(raw, name, read)
        return
    for where, start, end in spans:
        yield Record(text[start:end].encode(), f"{name}{where}", read)


class _Joined:
    """What was read ahead, then the rest of the stream."""

    def __init__(self, ahead: bytes, stream: BinaryIO) -> None:
        self._ahead = io.BytesIO(ahead)
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._ahead.read(size) or self._stream.read(size)


def _streamed(stream: BinaryIO, at: Callable[[], int], name: str, members_of: str | None) -> Iterator[Record]:
    """The records of a large JSON file, in the memory of one."""
    values = ValueStream(stream, name)
    found: Iterator[tuple[str, bytes]]
    if members_of is not None and values.peek() == "{" and values.find(members_of) and values.peek() in "{[":
        is_list = values.peek() == "["
        pairs = enumerate(values.elements()) if is_list else values.members()
        found = ((f"#{key}", value) for key, value in pairs)
    elif members_of is None or values.peek() == "[":
        found = values.top()
    else:
        raise FileRefused(f"{name}: is one object of more than {WHOLE} bytes without {members_of}: no record")
    for where, value in found:
        yield Record(value, f"{name}{where}", at())


def _spans(text: str, members_of: str | None) -> Iterator[tuple[str, int, int]]:
    """Where the values of a JSON text begin and end. Raises ValueError where it is not JSON."""
    decoder = json.JSONDecoder()
    values = []
    at = _skip(text, 0)
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        values.append((value, at, end))
        at = _skip(text, end)
    if len(values) == 1:
        value, start, end = values[0]
        if isinstance(value, list):
            yield from _elements(text, start, decoder)
            return
        inside = value.get(members_of) if members_of is not None and isinstance(value, dict) else None
        if isinstance(inside, (dict, list)):
            for key, inner, _inner_end in _members(text, start, decoder):
                if key == members_of and isinstance(inside, list):
                    yield from _elements(text, inner, decoder)
                elif key == members_of:
                    yield from ((f"#{k}", s, e) for k, s, e in _members(text, inner, decoder))
            return
        yield "", start, end
        return
    for i, (_value, start, end) in enumerate(values):
        yield f"#{i}", start, end


def _elements(text: str, start: int, decoder: json.JSONDecoder) -> Iterator[tuple[str, int, int]]:
    at = _skip(text, start + 1)
    number = 0
    while text[at] != "]":
        _value, end = decoder.raw_decode(text, at)
        yield f"#{number}", at, end
        at = _next(text, end)
        number += 1


def _members(text: str, start: int, decoder: json.JSONDecoder) -> Iterator[tuple[str, int, int]]:
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, end = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, end) + 1)
        _value, end = decoder.raw_decode(text, at)
        yield key, at, end
        at = _next(text, end)


def _next(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
