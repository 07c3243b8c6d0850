"""Cursors: where a listing goes on, pinned to what its first page was given from.

A cursor is opaque to callers, not secret: it names a position, a generation and an offset, all of which a
caller may ask for anyway. It carries a digest of the question, so that it can't be used with another one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import orjson


class CursorRefused(ValueError):
    """The text is no cursor of this listing."""


class Cursor(NamedTuple):
    """What a page was given from, and how many rows come before the next one.

    since: where two moments are compared, the earlier one's position.
    """

    known: int
    generation: int
    offset: int
    since: int = 0


def _digest(question: Sequence[object]) -> str:
    return sha256(orjson.dumps(question, default=str)).hexdigest()[:16]


def write(cursor: Cursor, question: Sequence[object]) -> str:
    """The text of a cursor for the same question."""
    return base64.urlsafe_b64encode(orjson.dumps([*cursor, _digest(question)])).decode().rstrip("=")


def read(text: str, question: Sequence[object]) -> Cursor:
    """The cursor in a text. Raises CursorRefused."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        *numbers, digest = values
    except (ValueError, TypeError, binascii.Error):
        raise CursorRefused("this is no cursor: take `next` of the page before") from None
    if len(numbers) != len(Cursor._fields) or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
        raise CursorRefused("this is no cursor: take `next` of the page before")
    if digest != _digest(question):
        raise CursorRefused("this cursor is of another question: repeat all parameters of the first page")
    return Cursor(*numbers)
