"""Looking for names in payloads that nobody could read: their text, and what may be a subject's id in it.

Belongs here: the ways in which a name might be written in such bytes. Does not belong here: whose it is
(vault.py, forgetting.py). A search finds what is there to be seen; that nothing is found proves nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
#: Texts of a JSON document; words, and what stands between the words of one name.
_QUOTED: Final = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_WORD: Final = re.compile(r"[^\s\"'\\,;:<>()\[\]{}|=\0]+")
_BETWEEN: Final = re.compile(r",? +")
#: What ends a sentence, and so may stand behind a name.
_STOPS: Final = ".!?"
#: Words that a name may have, candidates that are looked at, and characters of the longest.
MOST_WORDS: Final = 4
MOST_CANDIDATES: Final = 50_000
_LONGEST: Final = 1_000


def texts(raw: bytes) -> Iterator[str]:
    """A payload that nobody could read, as text in the ways in which a name might be written in it."""
    text = raw.decode(errors="replace")
    yield text
    if "\\u" in text:
        yield _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    if b"\0" in raw:
        yield raw.decode("utf-16-le", errors="replace")
        yield raw.decode("utf-16-be", errors="replace")
    yield raw.decode("latin-1")
    for match in _ENCODED.finditer(text):
        body = match[0][: len(match[0]) // 4 * 4]
        yield base64.b64decode(body).decode(errors="replace")


def candidates(raw: bytes) -> list[str]:
    """What in a payload may be the id of a subject; at most `MOST_CANDIDATES`, each once."""
    found: dict[str, None] = {}
    for text in texts(raw):
        for one in islice(_named(text), MOST_CANDIDATES - len(found)):
            found[one[:_LONGEST]] = None
    return list(found)


def _named(text: str) -> Iterator[str]:
    """Whole texts, then words and runs of words."""
    for match in _QUOTED.finditer(text):
        yield match[1]
    last: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if last and _BETWEEN.fullmatch(text, last[-1][1], match.start()) is None:
            last = []
        last = [*last[1 - MOST_WORDS :], match.span()]
        for start, _ in last:
            run = text[start : match.end()]
            yield run
            if run[-1] in _STOPS:
                yield run.rstrip(_STOPS)
