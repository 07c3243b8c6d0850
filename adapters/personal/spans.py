"""Where values stand in a JSON document: the exact bytes of each that a pattern leads to.

Belongs here: patterns (JSON Pointers whose `*` stands for any element) and the walk along them. The document
is scanned as it is, so that what is cut out can be put back byte for byte. It must be well-formed: whoever
calls has read it whole before. Of members of one name, all are found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

#: Steps of a JSON Pointer; `*` is any element of a list or member of an object.
Pattern: TypeAlias = tuple[str, ...]
#: How names are compared: a name to what two names have in common that mean the same.
Spelling: TypeAlias = Callable[[str], str]

_TEXT: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_WORD: Final = rb'[^ \t\r\n,:"\[\]{}]+'
_BLANK: Final = re.compile(rb"[ \t\r\n]*")
#: A value that holds no others.
_SCALAR: Final = re.compile(_TEXT + b"|" + _WORD, re.DOTALL)
#: What stands before a value in an object, and the value where it holds no others: its name, the value.
_MEMBER: Final = re.compile(
    rb"[ \t\r\n,]*(" + _TEXT + rb")[ \t\r\n]*:[ \t\r\n]*(" + _TEXT + b"|" + _WORD + b")?", re.DOTALL
)
#: The same in a list, where nothing has a name.
_ELEMENT: Final = re.compile(rb"[ \t\r\n,]*()(" + _TEXT + b"|" + _WORD + b")?", re.DOTALL)
_STRUCTURE: Final = re.compile(_TEXT + rb"|[\[\]{}]", re.DOTALL)
_CLOSED: Final = re.compile(rb"[ \t\r\n]*[\]}]")
#: Values that hold no words of anybody's.
_EMPTY: Final = re.compile(rb'null|true|false|"[ \t\r\n]*"')
ANY: Final = "*"


class Malformed(ValueError):
    """The document is no JSON here."""


class Span(NamedTuple):
    """A value's bytes, body[start:end]. pattern: the number of the one that led to it. path: its steps."""

    start: int
    end: int
    pattern: int
    path: tuple[str, ...]


class Search(NamedTuple):
    """What was found along patterns.

    is_blocked: a text, number or list stands where a pattern goes on by name.
    is_repeated: an object on the way has two members of one name.
    """

    found: list[Span]
    is_blocked: bool
    is_repeated: bool


def spans(body: bytes, patterns: Sequence[Pattern], spelling: Spelling = str) -> list[Span]:
    """The values that patterns lead to, in order; none stands within another. Raises Malformed."""
    return search(body, patterns, spelling).found


def scalars(body: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the texts, numbers and words within a value stand, names of members too."""
    return (match.span() for match in _SCALAR.finditer(body, start, end))


def search(body: bytes, patterns: Sequence[Pattern], spelling: Spelling = str) -> Search:
    """The same, with what may have been in the way. Raises Malformed."""
    walk = _Walk(body, patterns, spelling)
    blank = _BLANK.match(body)
    start = 0 if blank is None else blank.end()
    scalar = _SCALAR.match(body, start)
    walk.value(start, None if scalar is None else scalar.end(), list(range(len(patterns))), ())
    return Search(walk.found, walk.is_blocked, walk.is_repeated)


class _Walk:
    def __init__(self, body: bytes, patterns: Sequence[Pattern], spelling: Spelling) -> None:
        self._body = body
        self._patterns = [tuple(step if step == ANY else spelling(step) for step in one) for one in patterns]
        self._spelling = spelling
        self.found: list[Span] = []
        self.is_blocked = False
        self.is_repeated = False

    def value(self, start: int, end: int | None, active: list[int], path: tuple[str, ...]) -> int:
        """The value that begins here, which these patterns have led to so far: where it ends.

        end: where it does, if that is known.
        """
        depth = len(path)
        for number in active:
            if len(self._patterns[number]) == depth:
                end = _end_of(self._body, start) if end is None else end
                self.found.append(Span(start, end, number, path))
                return end
        if end is None:
            return self._inside(start, active, path)
        self.is_blocked |= _EMPTY.fullmatch(self._body, start, end) is None
        return end

    def _inside(self, start: int, active: list[int], path: tuple[str, ...]) -> int:
        """The values right inside the container that begins here: where it ends."""
        body, depth = self._body, len(path)
        is_object = body[start : start + 1] == b"{"
        follows = (_MEMBER if is_object else _ELEMENT).match
        wanted = [(number, self._patterns[number][depth]) for number in active]
        names: set[str] = set()
        at = start + 1
        number = 0
        while (closed := _CLOSED.match(body, at)) is None:
            found = follows(body, at)
            if found is None:
                raise Malformed
            name = _name(found[1]) if is_object else str(number)
            self.is_repeated |= name in names
            names.add(name)
            spelled = self._spelling(name)
            led = [one for one, step in wanted if step in (ANY, spelled)]
            begin, end = (found.end(), None) if found[2] is None else found.span(2)
            if led:
                at = self.value(begin, end, led, (*path, name))
            else:
                at = _end_of(body, begin) if end is None else end
            number += 1
        if number and not is_object:
            self.is_blocked |= any(step != ANY and not step.isdecimal() for _, step in wanted)
        return closed.end()


def _end_of(body: bytes, at: int) -> int:
    if body[at : at + 1] not in (b"[", b"{"):
        found = _SCALAR.match(body, at)
        if found is None:
            raise Malformed
        return found.end()
    depth = 0
    for match in _STRUCTURE.finditer(body, at):
        mark = match[0]
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        if depth == 0:
            return match.end()
    raise Malformed


def _name(quoted: bytes) -> str:
    if b"\\" not in quoted:
        return quoted[1:-1].decode()
    try:
        return msgspec.json.decode(quoted, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Malformed from None
