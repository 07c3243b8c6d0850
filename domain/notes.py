"""Signed notes, verifier keys and checkpoints as text: C2SP signed-note, tlog-checkpoint.

Read strictly: what is read and written again gives the same bytes. Ed25519 (signature type 1) is the only
type whose keys are read here; signatures of others, such as those of witnesses, are kept and left alone.

Belongs here: the forms. Does not belong here: making and checking signatures (adapters/transparency).
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

ED25519: Final = 1
#: Bytes of the longest note, and signatures of one, that are read.
MOST_BYTES: Final = 1_000_000
MOST_SIGNATURES: Final = 100
_DASH: Final = "\u2014"
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)

#: verify(public key, text, signature): whether it is the signature of that key.
Verify = Callable[[bytes, bytes, bytes], bool]


class NoteRefused(ValueError):
    """The text is no such note, checkpoint or key, or nobody known signed it; the message says why."""


class Signature(NamedTuple):
    """A line of a note. key_id: 4 bytes, which with the name say which key and which algorithm."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text with its signatures. text: ends in a newline; it is what is signed."""

    text: str
    signatures: tuple[Signature, ...]

    @property
    def rendered(self) -> str:
        """The whole note, as it is sent and kept."""
        lines = (f"{_DASH} {one.name} {_base64(one.key_id + one.signature)}\n" for one in self.signatures)
        return f"{self.text}\n{''.join(lines)}"


class VerifierKey(NamedTuple):
    """A public key of Ed25519 with the name that it signs under. public: 32 bytes."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before its signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The form in which it is handed out: name, key id, type and key."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([ED25519]) + self.public)}"


class Checkpoint(NamedTuple):
    """A tree's size and root, as the log named `origin` says. root: 32 bytes."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "\n".join((self.origin, str(self.size), _base64(self.root), *self.extensions, ""))


def is_name(text: str) -> bool:
    """Whether a key can have this name: not empty, no blank, no control character, no plus."""
    return bool(text) and not any(c == "+" or c.isspace() or not c.isprintable() for c in text)


def read_note(content: bytes) -> Note:
    """A note of bytes. Raises NoteRefused."""
    if len(content) > MOST_BYTES:
        raise NoteRefused("the note is too long")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise NoteRefused("the note is not text in UTF-8") from None
    if any(c < " " and c != "\n" for c in text):
        raise NoteRefused("the note holds control characters")
    body, blank, rest = text.rpartition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise NoteRefused("the note has no signatures: a blank line and a line of each should end it")
    lines = rest[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteRefused("the note has too many signatures")
    return Note(body + "\n", tuple(_read_signature(line) for line in lines))


def _read_signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not is_name(parts[1]):
        raise NoteRefused("a line of a signature should be: a dash, the key's name, and the signature")
    content = _from_base64(parts[2])
    if len(content) < 5:
        raise NoteRefused("a signature is too short")
    return Signature(parts[1], content[:4], content[4:])


def read_key(text: str) -> VerifierKey:
    """A verifier key, `name+keyid+base64`. Raises NoteRefused."""
    parts = text.split("+", 2)  # base64 may hold more of them
    if len(parts) != 3 or not is_name(parts[0]) or _KEY_ID.fullmatch(parts[1]) is None:
        raise NoteRefused("a key should be its name, 8 hexadecimal digits and base64, with + between")
    content = _from_base64(parts[2])
    if len(content) != 33 or content[0] != ED25519:
        raise NoteRefused("the key is not one of Ed25519")
    key = VerifierKey(parts[0], content[1:])
    if key.key_id.hex() != parts[1]:
        raise NoteRefused("the key does not go with its id: it is not whole, or somebody changed it")
    return key


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a note's text is. Raises NoteRefused."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise NoteRefused("a checkpoint should have three lines or more, none of them empty")
    origin, size, root, *extensions = lines
    if _SIZE.fullmatch(size) is None or int(size) >= 2**63:
        raise NoteRefused("the second line of a checkpoint should be the tree's size")
    content = _from_base64(root)
    if len(content) != 32:
        raise NoteRefused("the third line of a checkpoint should be the root, 32 bytes in base64")
    return Checkpoint(origin, int(size), content, tuple(extensions))


def signer_of(note: Note, keys: list[VerifierKey], verify: Verify) -> VerifierKey:
    """The first of these keys that signed the note.

    Lines of other keys are left alone; a line of one of these keys that is not its signature spoils the note.
    Raises NoteRefused.
    """
    signer: VerifierKey | None = None
    for line in note.signatures:
        for key in keys:
            if line.name == key.name and line.key_id == key.key_id:
                if not verify(key.public, note.text.encode(), line.signature):
                    raise NoteRefused(f"the signature of {key.name} is not right: the text was changed")
                signer = signer or key
    if signer is None:
        raise NoteRefused("none of the known keys signed the note")
    return signer


def _base64(content: bytes) -> str:
    return b64encode(content).decode()


def _from_base64(text: str) -> bytes:
    """Canonical base64 only: the same bytes have one text."""
    try:
        content = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("what should be base64 is not") from None
    if _base64(content) != text:
        raise NoteRefused("what should be base64 is not written in its canonical form")
    return content
