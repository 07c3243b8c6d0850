"""The rows of a CSV text, read strictly: a stray quote never takes rows away without a word.

Belongs here: where a row begins and ends, and which rows can't be trusted. Does not belong here: files,
headers, what a record is (tables.py).

Quotes are the one thing in CSV that reaches over lines. A quote that is opened and not closed takes in the
rows behind it as text, up to the next quote; so whatever does not end where a field ends is refused, and a
quoted text that took in as many delimiters as whole rows have is no text. Where the damage is within one
line, that row alone is broken; where it may have taken in others, all of them are, or the file is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from adapters.sources.base import FileRefused

#: Columns from which a quoted text with a line's delimiters in each of its lines is told from one without.
_TELLING: Final = 4
_END: Final = re.compile(r"\r\n|\r|\n")


class Broken(NamedTuple):
    """Why a row can't be trusted.

    line, column: where, from 1. sound: the cells before that place. text: its lines. takes: whether it may
    have taken in rows behind it.
    """

    line: int
    column: int
    sound: list[str]
    text: str
    why: str
    takes: bool = False


class Row(NamedTuple):
    """A row that is not empty. line: of the text, from 1, where it begins."""

    line: int
    cells: list[str]
    broken: Broken | None = None


class _Lines:
    """Hands out lines, and holds those of the row that is being read."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self.held: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.held.append(line)
        return line


def csv_rows(text: Iterable[str], delimiter: str, name: str, width: int | None = None) -> Iterator[Row]:
    """The rows of lines as they stand, with their ends. width: cells of a header that is not in the text.

    The first row says how many cells rows have, where `width` does not. Raises FileRefused, with the line,
    where rows can't be told apart from there on.
    """
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    while True:
        lines.held.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except UnicodeError:
            raise FileRefused(f"{name}:{line}: is in another encoding: set `csv.encoding`") from None
        except csv.Error as error:
            row = _damaged(lines.held, delimiter, name, line, error)
            if width is None:
                raise FileRefused(f"{name}:{line}: the header can't be read: {_why(row)}") from None
            yield row
        else:
            if cells:
                held = len(lines.held)
                row = Row(line, cells)
                if held > 1 and width is not None and (taken := _taken_in(cells, width, delimiter)):
                    text_ = "".join(lines.held).rstrip("\r\n")
                    opened = _opened(text_, delimiter, over_lines=True)
                    at = line + _ends(text_[: opened.at])
                    why = f"a quote opens on line {at} and closes on line {line + held - 1}: {taken}"
                    row = Row(line, cells, Broken(at, opened.column, opened.sound, text_, why, takes=True))
                yield row
                width = len(cells) if width is None else width
        line += len(lines.held)


def _why(row: Row) -> str:
    assert row.broken is not None, "it was found to be"
    return row.broken.why


def _taken_in(cells: list[str], width: int, delimiter: str) -> str | None:
    """Whether a row over several lines has taken in others; None where it has not."""
    if len(cells) != width:
        return "its row has not as many cells as the header, so it may have taken in other rows"
    for cell in cells:
        ends = _ends(cell) if "\n" in cell or "\r" in cell else 0
        if ends and width >= _TELLING and cell.count(delimiter) == ends * (width - 1):
            return "the text between has as many delimiters as whole rows, so it has taken them in"
    return None


class _Place(NamedTuple):
    """A place in the text of a row: in characters from 0; column in its line from 1; cells before it."""

    at: int
    column: int
    sound: list[str]


def _damaged(held: list[str], delimiter: str, name: str, line: int, error: csv.Error) -> Row:
    """What follows on a row that breaks the rules. Raises FileRefused where it may have taken in others."""
    text = "".join(held)
    opened = _opened(text, delimiter)
    at = line + _ends(text[: opened.at])
    if "unexpected end" in str(error):
        raise FileRefused(
            f"{name}:{at}: a quote opens here (column {opened.column}) and is not closed up to the end of the"
            f" file, {line + len(held) - 1 - at} lines on: close it, or write a quote within a text twice"
        )
    if "limit" in str(error):
        raise FileRefused(
            f"{name}:{at}: the text that a quote opens here (column {opened.column}) is longer than a cell"
            f" may be ({csv.field_size_limit():,} characters): it is not closed, or the delimiter is another"
        )
    if len(held) > 1:
        raise FileRefused(
            f"{name}:{at}: a quote opens here (column {opened.column}) and closes within a text on line"
            f" {line + len(held) - 1}: one of the two is stray, and the rows between can't be told from text;"
            " write a quote within a text twice"
        )
    stray = _stray(text, opened.at, delimiter)
    why = (
        f"text follows on a closing quote on line {line}, column {stray + 1}: write a quote within a text"
        " twice, and put quotes around all of the cell"
    )
    return Row(line, opened.sound or [""], Broken(line, stray + 1, opened.sound, text.rstrip("\r\n"), why))


def _ends(text: str) -> int:
    return len(_END.findall(text))


def _opened(text: str, delimiter: str, *, over_lines: bool = False) -> _Place:
    """The last quote of a row's text that opens a cell, up to where it breaks the rules.

    over_lines: the first whose text goes over lines.
    """
    place = _Place(0, 1, [])
    sound: list[str] = []
    at = 0
    while at < len(text):
        start = at
        if text[at] == '"':
            begun = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
            place = _Place(at, at - begun + 1, list(sound))
            at = _closed(text, at)
            is_out = at < len(text) and text[at] not in (delimiter, "\r", "\n")
            if is_out or (over_lines and _ends(text[start:at])):
                return place
            sound.append(text[start + 1 : at - 1].replace('""', '"'))
        else:
            while at < len(text) and text[at] not in (delimiter, "\r", "\n"):
                at += 1
            sound.append(text[start:at])
        if at < len(text) and text[at] != delimiter:
            break
        at += 1
    return place


def _closed(text: str, at: int) -> int:
    """Behind the quote that closes the one at this place; the end of the text where none does."""
    at += 1
    while True:
        found = text.find('"', at)
        if found < 0:
            return len(text)
        if text[found + 1 : found + 2] != '"':
            return found + 1
        at = found + 2


def _stray(text: str, opened: int, delimiter: str) -> int:
    """Where text follows on a closing quote."""
    at = _closed(text, opened)
    assert text[at : at + 1] not in ("", delimiter, "\r", "\n"), "it was refused for it"
    return at
