"""What a leaf of the transparency log holds: the canonical bytes of a stored milestone.

A leaf says everything that the log says of a milestone, and by a digest everything that is kept of the
message that it came in. Its number is the milestone's position less one. docs/transparency.md describes the
bytes for those who write a verifier.

Belongs here: these bytes, and reading them. They are a promise: a changed layout is another version, and the
old one stays. Does not belong here: hashing trees (domain/merkle.py), reading the log (adapters).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

_LEAF: Final = b"CNL\x01"
_ACCEPTED: Final = b"CNA\x01"
#: tag, position, recorded_at, stream, version, identity, digest, accepted: then topic and state, each with
#: its length before it. Big-endian.
_FIXED: Final = Struct(">4sQqQI16s32s32s")
_LENGTH: Final = Struct(">I")
#: tag, number, received_at, digest of the body: then source, content type, headers and mapping.
_ROW: Final = Struct(">4sQq32s")
#: Stands for the length of a text that is not there.
_ABSENT: Final = _LENGTH.pack(0xFFFF_FFFF)

_pack_fixed: Final = _FIXED.pack
_pack_length: Final = _LENGTH.pack
_pack_row: Final = _ROW.pack


class LeafRefused(ValueError):
    """The bytes are no leaf of this version."""


class Leaf(NamedTuple):
    """The parts of a leaf. recorded_at: microseconds since 1970. accepted: of `accepted_digest`."""

    position: int
    recorded_at: int
    stream: int
    version: int
    identity: bytes
    digest: bytes
    accepted: bytes
    topic: str
    state: bytes


def entry(
    position: int,
    recorded_at: int,
    stream: int,
    version: int,
    topic: str,
    identity: bytes,
    digest: bytes,
    state: bytes,
    accepted: bytes,
) -> bytes:
    """The bytes of a leaf.

    position, stream, version: as in the log. recorded_at: microseconds since 1970. topic: the stored name.
    identity: 16 bytes. digest: of the content, 32 bytes. state: as stored. accepted: of `accepted_digest`.
    """
    if len(identity) != 16 or len(digest) != 32 or len(accepted) != 32:
        raise LeafRefused(f"the milestone at {position} has an identity or a digest of a wrong length")
    fields = b"".join((_counted(topic), _pack_length(len(state)), state))
    return entry_of_fields(position, recorded_at, stream, version, identity, digest, accepted, fields)


def entry_of_fields(
    position: int,
    recorded_at: int,
    stream: int,
    version: int,
    identity: bytes,
    digest: bytes,
    accepted: bytes,
    fields: bytes,
) -> bytes:
    """As `entry`, with topic and state as the fields that they become: each with its length before it."""
    return _pack_fixed(_LEAF, position, recorded_at, stream, version, identity, digest, accepted) + fields


def accepted_digest(
    inbox: int,
    received_at: int,
    source: str,
    content_type: str | None,
    headers: str | None,
    mapping: str | None,
    body_digest: bytes,
) -> bytes:
    """SHA-256 over what is kept of the message that a milestone came in.

    inbox: its number. received_at: microseconds since 1970. mapping: by which the milestone was read from it,
    None for a canonical event. body_digest: SHA-256 of the body as it was accepted, never the body itself.
    """
    if len(body_digest) != 32:
        raise LeafRefused(f"the inbox row {inbox} has a digest of a wrong length")
    fields = b"".join(
        (
            _counted(source),
            _ABSENT if content_type is None else _counted(content_type),
            _ABSENT if headers is None else _counted(headers),
            _ABSENT if mapping is None else _counted(mapping),
        )
    )
    return accepted_of_fields(inbox, received_at, body_digest, fields)


def accepted_of_fields(inbox: int, received_at: int, body_digest: bytes, fields: bytes) -> bytes:
    """As `accepted_digest`, with source, content type, headers and mapping as the fields that they become:
    each with its length before it, or with four bytes 0xFF where it is not there.
    """
    return sha256(_pack_row(_ACCEPTED, inbox, received_at, body_digest) + fields).digest()


@lru_cache(maxsize=4096)
def _counted(text: str) -> bytes:
    """A text in UTF-8 with its length in bytes before it. The same few texts come again and again."""
    encoded = text.encode()
    return _pack_length(len(encoded)) + encoded


def read(leaf: bytes) -> Leaf:
    """The parts of a leaf. Raises LeafRefused, also where bytes are left over."""
    if len(leaf) < _FIXED.size + 2 * _LENGTH.size:
        raise LeafRefused("the leaf ends too early")
    tag, position, recorded_at, stream, version, identity, digest, accepted = _FIXED.unpack_from(leaf)
    if tag != _LEAF:
        raise LeafRefused("the bytes are no leaf of version 1")
    topic, after = _read_counted(leaf, _FIXED.size)
    state, after = _read_counted(leaf, after)
    if after != len(leaf):
        raise LeafRefused("there are bytes after the leaf's end")
    try:
        name = topic.decode()
    except UnicodeDecodeError:
        raise LeafRefused("the leaf's topic is not text in UTF-8") from None
    return Leaf(position, recorded_at, stream, version, identity, digest, accepted, name, state)


def _read_counted(leaf: bytes, at: int) -> tuple[bytes, int]:
    start = at + _LENGTH.size
    if start > len(leaf):
        raise LeafRefused("the leaf ends too early")
    end = start + int(_LENGTH.unpack_from(leaf, at)[0])
    if end > len(leaf):
        raise LeafRefused("the leaf ends too early")
    return leaf[start:end], end
