"""Tokens: what stands in the place of a personal value, everywhere behind the way in.

Belongs here: their form, and making them. Does not belong here: which values get one (marking.py), what they
stand for (sealing.py, vault.py).

A token is a JSON text, `"person:<16 hex>:<16 hex>"`: keyed hashes of the subject's id, and of the subject
with the value's bytes. The same value of the same subject always has the same token, so what is delivered
twice is a duplicate, and reports that group by a value group by its token.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from typing import Final, NamedTuple

#: Bytes of each of the two hashes.
PART: Final = 8
#: A token as a whole text of a JSON document. A quote behind a backslash begins no text.
TOKEN: Final = re.compile(rb'(?<!\\)"person:([0-9a-f]{16}):([0-9a-f]{16})"')
#: A token anywhere in a text, as a mapping may have put it together with others.
IN_TEXT: Final = re.compile(r"person:([0-9a-f]{16}):([0-9a-f]{16})")


class Token(NamedTuple):
    """One token. subject, value: 8 bytes each."""

    subject: bytes
    value: bytes

    @property
    def text(self) -> str:
        """As it stands in a JSON document, without the quotes."""
        return f"person:{self.subject.hex()}:{self.value.hex()}"

    @property
    def json(self) -> bytes:
        """As it stands in a JSON document."""
        return f'"{self.text}"'.encode()


def tokens_in(body: bytes) -> set[Token]:
    """The tokens that stand in a JSON document as texts of their own."""
    return {Token(bytes.fromhex(s.decode()), bytes.fromhex(v.decode())) for s, v in TOKEN.findall(body)}


def tokens_within(text: str) -> set[Token]:
    """The tokens anywhere in a text."""
    return {Token(bytes.fromhex(s), bytes.fromhex(v)) for s, v in IN_TEXT.findall(text)}


def normalised(subject: str) -> str:
    """A subject's id as it is hashed: however it is cased, composed or surrounded by blanks."""
    return unicodedata.normalize("NFC", subject.strip().casefold())


class Pseudonyms:
    """Makes tokens with the keys of one ledger. Keys: 32 bytes each."""

    def __init__(self, subject_key: bytes, value_key: bytes) -> None:
        self.subject_key = subject_key
        self.value_key = value_key

    def subject(self, id_: str) -> bytes:
        """The 8 bytes that stand for a subject."""
        named = b"id\0" + normalised(id_).encode(errors="replace")
        return hmac.digest(self.subject_key, named, "sha256")[:PART]

    def body(self, body: bytes) -> bytes:
        """The 8 bytes that stand for a whole payload, which is a subject of its own."""
        return hmac.digest(self.subject_key, b"body\0" + body, "sha256")[:PART]

    def token(self, subject: bytes, raw: bytes) -> Token:
        """The token of a value of a subject. raw: its bytes as they stand in the payload."""
        return Token(subject, hmac.digest(self.value_key, subject + raw, "sha256")[:PART])
