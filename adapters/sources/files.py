"""Cutting files into records: lines, the members of a JSON file, CSV rows.

Belongs here: what a record is, in which order records come, how much memory that takes (one line, one row,
or one JSON file at a time). A record's bytes are never rewritten, except a CSV row, which becomes a JSON
object because alone it has lost its header.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.sources.base import Record

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_BOM: Final = "\ufeff"
_LINES: Final = frozenset({".jsonl", ".ndjson"})

Reader = Callable[[Path, str], Iterator[Record]]


def files_below(path: Path, suffixes: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """The file itself, or the files of those suffixes below a folder, by name; each with its name for people.

    Hidden files and folders are left out. Raises FileNotFoundError where there is nothing to read.
    """
    if path.is_file():
        yield path, path.name
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = [
        (file, file.relative_to(path))
        for file in path.rglob("*")
        if file.suffix.lower() in suffixes and file.is_file()
    ]
    visible = sorted(
        (name.as_posix(), file) for file, name in found if not any(p.startswith(".") for p in name.parts)
    )
    if not visible:
        raise FileNotFoundError(f"{path}: holds no file of a known kind ({' '.join(sorted(suffixes))})")
    for name, file in visible:
        yield file, name


def json_records(path: Path, *, members_of: str | None = None) -> Iterator[Record]:
    """The records of JSON files: one a line in .jsonl and .ndjson, else the values of the file.

    A list counts as its elements. members_of: a file that is an object with a member of that name counts
    as that member's values.
    """
    for file, name in files_below(path, _LINES | {".json"}):
        if file.suffix.lower() in _LINES:
            yield from _line_records(file, name)
        else:
            yield from _value_records(file, name, members_of)


def _line_records(file: Path, name: str) -> Iterator[Record]:
    """Lines end at LF alone: other characters that Python takes for line ends may stand in a JSON text."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            payload = line.rstrip(b"\r\n")
            if number == 1:
                payload = payload.removeprefix(_BOM.encode())
            if payload.strip():
                yield Record(payload, f"{name}:{number}")


def _value_records(file: Path, name: str, members_of: str | None) -> Iterator[Record]:
    """A file that is not JSON is one record, whole: its translation says what is wrong with it."""
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8").removeprefix(_BOM)
        spans = list(_spans(text, members_of))
    except (ValueError, RecursionError):
        spans, text = [], ""
    if not spans and raw.strip() not in (b"", b"[]"):
        yield Record(raw, name)
        return
    for where, start, end in spans:
        yield Record(text[start:end].encode(), f"{name}{where}")


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
        if members_of is not None and isinstance(value, dict) and isinstance(value.get(members_of), dict):
            for key, inner, _inner_end in _members(text, start, decoder):
                if key == members_of:
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


def csv_records(path: Path, kind_of: Callable[[frozenset[str]], str]) -> Iterator[Record]:
    """The rows of CSV files with a header, each as `{"object": ..., "row": {header: cell}}`.

    kind_of: the object kind that the header's columns tell. A row with cells beyond the header carries them
    as `beyond`; one with fewer lacks the columns. Bytes that are not UTF-8 become lone surrogates, so that
    nothing is lost and the translation refuses them. `where` counts lines of the file, as editors do.
    """
    for file, name in files_below(path, frozenset({".csv"})):
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.reader(stream)
            header = next(rows, None)
            if header is None:
                continue
            kind = kind_of(frozenset(header))
            line = rows.line_num + 1
            for cells in rows:
                if cells:
                    yield Record(_row(kind, header, cells), f"{name}:{line}")
                line = rows.line_num + 1


def _row(kind: str, header: list[str], cells: list[str]) -> bytes:
    record: dict[str, object] = {"object": kind, "row": dict(zip(header, cells, strict=False))}
    if len(cells) > len(header):
        record["beyond"] = cells[len(header) :]
    if len(set(header)) < len(header):
        record["header"], record["cells"] = header, cells
    return json.dumps(record, separators=(",", ":")).encode()
