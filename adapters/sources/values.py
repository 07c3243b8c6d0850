"""Cutting a stream of JSON values into the bytes of each, in the memory of one.

Belongs here: where a value begins and ends in a text that comes in pieces. Does not belong here: which files
there are (packed.py), what is a record in them (files.py).

The standard library's decoder says where a value ends. A value is given as it stands, never written anew.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from adapters.sources.base import FileRefused

#: The longest record: what a row of the inbox can reasonably hold, and what a reader must hold in memory.
LONGEST: Final = 64 * 2**20
_PIECE: Final = 2**20
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_OF_NUMBERS: Final = frozenset("0123456789+-.eE")
_BOM: Final = "\ufeff"


class ValueStream:
    """A JSON text that is read in pieces, and where in it we are.

    name: of the file, for errors. Every method raises FileRefused where the text is no JSON or a value is
    longer than LONGEST.
    """

    def __init__(self, stream: BinaryIO, name: str, *, longest: int = LONGEST, piece: int = _PIECE) -> None:
        self._stream = stream
        self._name = name
        self._longest = longest
        self._piece = piece
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._ended = False
        self._more()
        self._text = self._text.removeprefix(_BOM)

    def top(self) -> Iterator[tuple[str, bytes]]:
        """(place, bytes) of each element where the text is one list, else of each value after the other."""
        if self.peek() == "[":
            for number, value in enumerate(self.elements()):
                yield f"#{number}", value
            if self.peek():
                raise self._refused("goes on after its list")
            return
        number = 0
        while self.peek():
            yield f"#{number}", self._value()
            number += 1

    def elements(self) -> Iterator[bytes]:
        """The elements of the list that begins here."""
        self._expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            if self._expect(",]") == "]":
                return

    def members(self) -> Iterator[tuple[str, bytes]]:
        """(name, value) of each member of the object that begins here."""
        self._expect("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            name = json.loads(self._value())
            if not isinstance(name, str):
                raise self._refused("has a member without a name")
            self._expect(":")
            yield name, self._value()
            if self._expect(",}") == "}":
                return

    def find(self, member: str) -> bool:
        """Go to the value of a member of the object that begins here: whether it has one of that name."""
        self._expect("{")
        if self.peek() == "}":
            return False
        while True:
            name = json.loads(self._value())
            self._expect(":")
            if name == member:
                return True
            self._value()
            if self._expect(",}") == "}":
                return False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            assert match is not None, "blanks may be none"
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, wanted: str) -> str:
        found = self.peek()
        if not found or found not in wanted:
            raise self._refused(f"lacks one of {' '.join(wanted)}" if found else "ends early")
        self._at += 1
        return found

    def _value(self) -> bytes:
        self.peek()
        piece = self._piece
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                # not whole yet, or never: only more of it can tell
                if len(self._text) - self._at > self._longest:
                    raise self._refused(
                        f"has a value that is no JSON, or longer than {self._longest} bytes"
                    ) from None
                if not self._more(piece):
                    raise self._refused("is no JSON or ends early") from None
                piece *= 2
                continue
            if not self._may_go_on(value, end) or not self._more():
                raw = self._text[self._at : end].encode()
                self._at = end
                return raw

    def _may_go_on(self, value: object, end: int) -> bool:
        """Whether what was read may be the beginning of a longer number: `1`, `1.`, `1e` of `1e5`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        rest = self._text[end : end + 3]
        return len(rest) < 3 and all(letter in _OF_NUMBERS for letter in rest)

    def _more(self, size: int | None = None) -> bool:
        """Read on: whether there was any more. What lies behind is let go."""
        if self._ended:
            return False
        raw = self._stream.read(size or self._piece)
        self._ended = not raw
        try:
            self._text = self._text[self._at :] + self._decode.decode(raw, final=self._ended)
        except UnicodeDecodeError:
            raise self._refused("is not UTF-8") from None
        self._at = 0
        return not self._ended

    def _refused(self, problem: str) -> FileRefused:
        return FileRefused(
            f"{self._name}: {problem}; the values before it are in, mend it and start it again"
        )
