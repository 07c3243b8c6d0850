"""Where in accepted bytes a reason points: from a JSON Pointer to lines and columns, and the text around it.

For JSON values (a CSV row is stored as one) and XML elements. The bytes are scanned as they are and nothing
is built of them, so that what can't be read whole can still be shown. Does not belong here: why it was
refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple
from xml.parsers import expat

#: Characters up to which a payload is shown whole, and how many are shown around a place in a longer one.
WHOLE: Final = 20_000
AROUND: Final = 1_200
#: Characters of a marked value that are shown in a longer payload.
MARKED: Final = 2_000

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_WORD: Final = re.compile(r"[^\s,\]}\[{:\"]+")
_STRUCTURE: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class Span(NamedTuple):
    """A part of a text, in characters.

    exact: False where what is pointed at is not there, and this is around it.
    """

    start: int
    end: int
    exact: bool = True


class _Broken(ValueError):
    """The text stops being JSON here."""


def places(body: bytes, reasons: Sequence[dict[str, str]]) -> dict[str, Any]:
    """What an entry shows of its bytes.

    `places`: one a reason, None where it points at the whole or at nothing that is there: lines and columns
    from 1, in characters; bytes from 0. `shown`: the text in pieces, each with the numbers of the reasons
    that mark it; `left_out` counts the characters between two pieces of a long payload.
    """
    text = body.decode(errors="surrogateescape")
    spans = [_span(body, text, reason) for reason in reasons]
    return {
        "places": [None if span is None else _place(text, span) for span in spans],
        "shown": list(_pieces(text, spans)),
    }


def _span(body: bytes, text: str, reason: dict[str, str]) -> Span | None:
    tokens = [part.replace("~1", "/").replace("~0", "~") for part in reason.get("pointer", "").split("/")[1:]]
    head = text.lstrip("\ufeff \t\r\n")[:1]
    if head == "<":
        return _in_xml(body, text, tokens)
    if tokens:
        return _in_json(text, tokens)
    return _not_utf8(body) or (_not_json(text) if reason.get("code", "").startswith("not_") else None)


def _not_utf8(body: bytes) -> Span | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        start = len(body[: error.start].decode())
        return Span(start, start + 1)
    return None


def _not_json(text: str) -> Span | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        start = min(error.pos, max(len(text) - 1, 0))
        return Span(start, start + 1)
    except (ValueError, RecursionError):
        return None
    return None


# ---- JSON


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _end_of(text: str, at: int) -> int:
    """Where the value that begins here ends. Raises _Broken."""
    if at < len(text) and text[at] in "[{":
        depth = 0
        for match in _STRUCTURE.finditer(text, at):
            mark = match.group()
            depth += (mark in "[{") - (mark in "]}")
            if depth == 0:
                return match.end()
        raise _Broken
    found = (_STRING if text[at : at + 1] == '"' else _WORD).match(text, at)
    if found is None:
        raise _Broken
    return found.end()


def _inner(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """(name or number, start, end) of the values right inside a container. Raises _Broken."""
    is_object = text[at] == "{"
    at = _skip(text, at + 1)
    number = 0
    while text[at : at + 1] not in ("]", "}", ""):
        name = str(number)
        if is_object:
            end = _end_of(text, at)
            name = _name(text[at:end])
            at = _skip(text, _skip(text, end) + 1)
        end = _end_of(text, at)
        yield name, at, end
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        number += 1


def _name(quoted: str) -> str:
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:
        raise _Broken from None


def _member(text: str, at: int, token: str) -> tuple[int, int] | None:
    """The value of that name or number; else of the only one whose name is spelled another way (CSV)."""
    alike = []
    for name, start, end in _inner(text, at):
        if name == token:
            return start, end
        if _spelled(name) == _spelled(token) != "":
            alike.append((start, end))
    return alike[0] if len(alike) == 1 else None


def _spelled(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _in_json(text: str, tokens: Sequence[str]) -> Span | None:
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    end = at
    try:
        for token in tokens:
            if text[at : at + 1] not in ("{", "["):
                return Span(at, max(end, at + 1), exact=False)
            found = _member(text, at, token)
            if found is None:
                # what is missing would stand in here
                return Span(at, at + 1, exact=False)
            at, end = found
    except _Broken:
        return None
    return Span(at, end)


# ---- XML


class _Walk:
    """One pass over an XML text: the element that tokens lead to, or the nearest around it."""

    def __init__(self, body: bytes, tokens: Sequence[str]) -> None:
        self._body = body
        self._tokens = tokens
        #: of each open element: tokens that it has used up (None: it is off the way), children seen by name
        self._open: list[tuple[int | None, dict[str, int]]] = []
        self.start = self.end = 0
        self._reached = -1
        self._at: int | None = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._finish
        self.parser.StartDoctypeDeclHandler = _refuse

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        used = 0 if not self._open else self._used(name.rpartition(" ")[2])
        self._open.append((used, {}))
        if used is not None and used > self._reached:
            self._reached, self._at = used, len(self._open)
            self.start = self.parser.CurrentByteIndex
            self.end = self._body.find(b">", self.start) + 1

    def _used(self, name: str) -> int | None:
        used, seen = self._open[-1]
        number = seen[name] = seen.get(name, -1) + 1
        if used is None or used >= len(self._tokens) or self._tokens[used] != name:
            return None
        following = self._tokens[used + 1 : used + 2]
        if following and following[0].isdigit():
            return used + 2 if int(following[0]) == number else None
        return used + 1 if number == 0 else None

    def _finish(self, _name: str) -> None:
        if self._at == len(self._open) and self._reached == len(self._tokens):
            if self._body[self.end - 2 : self.end] != b"/>":
                self.end = self._body.find(b">", self.parser.CurrentByteIndex) + 1
            self._at = None
        self._open.pop()

    @property
    def is_exact(self) -> bool:
        """Whether all of the tokens were used up, but for an attribute or the text of the element."""
        rest = self._tokens[self._reached :]
        return not rest or rest[0][:1] in ("@", "#")


class _Doctype(ValueError):
    """Documents with a DTD are not read."""


def _refuse(*_: object) -> None:
    raise _Doctype


def _in_xml(body: bytes, text: str, tokens: Sequence[str]) -> Span | None:
    walk = _Walk(body, tokens)
    try:
        walk.parser.Parse(body, True)  # noqa: FBT003 - the last part
    except expat.ExpatError:
        if not tokens:
            start = min(_characters(body, walk.parser.ErrorByteIndex), max(len(text) - 1, 0))
            return Span(start, start + 1)
    except (ValueError, LookupError):
        # a DTD, or an encoding that can't be read
        return None
    if not tokens or walk.end <= walk.start:
        return None
    return Span(_characters(body, walk.start), _characters(body, walk.end), walk.is_exact)


def _characters(body: bytes, at: int) -> int:
    return len(body[:at].decode(errors="surrogateescape"))


# ---- showing


def _place(text: str, span: Span) -> dict[str, Any]:
    line, column = _line_and_column(text, span.start)
    end_line, end_column = _line_and_column(text, span.end)
    before = _bytes(text[: span.start])
    return {
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "byte": len(before),
        "end_byte": len(before) + len(_bytes(text[span.start : span.end])),
        "exact": span.exact,
    }


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _line_and_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1


def _pieces(text: str, spans: Sequence[Span | None]) -> Iterator[dict[str, Any]]:
    """The text cut at every place; of a long one, what stands around the places, or its beginning."""
    marks = [span for span in spans if span is not None]
    cuts = sorted({0, len(text), *(at for span in marks for at in (span.start, span.end))})
    windows = _windows(text, marks)
    at = 0
    for start, end in windows:
        if start > at:
            yield {"left_out": start - at}
        edges = [start, *(cut for cut in cuts if start < cut < end), end]
        for one, other in pairwise(edges):
            numbers = [
                number
                for number, span in enumerate(spans)
                if span is not None and span.start <= one and other <= span.end
            ]
            yield {"text": _bytes(text[one:other]).decode(errors="replace"), "reasons": numbers}
        at = end
    if at < len(text):
        yield {"left_out": len(text) - at}


def _windows(text: str, marks: Sequence[Span]) -> list[tuple[int, int]]:
    """Which parts of a text are shown, in order, none touching another."""
    if len(text) <= WHOLE:
        return [(0, len(text))]
    wanted = sorted(
        (max(0, span.start - AROUND), min(len(text), min(span.end, span.start + MARKED) + AROUND))
        for span in marks
    ) or [(0, 2 * AROUND)]
    found: list[tuple[int, int]] = []
    for start, end in wanted:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
