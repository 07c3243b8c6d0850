"""The container of a bundle: an uncompressed tar (POSIX ustar) with one possible form.

Every member has the same owner, mode and time, members stand in a fixed order, and the file ends with the two
empty blocks that end a tar. It is checked by rendering: whatever is not a member's content must be, byte for
byte, what would have been written here. So there is no byte in the file that can be changed unseen.

Belongs here: headers, padding, the end. Does not belong here: what members hold (`forms`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import IO, Final, NamedTuple

from adapters.bundles.findings import Wrong

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
CONTAINER: Final = "container"
#: Sizes from here on are written in binary, as GNU tar and POSIX readers do.
_OCTAL: Final = 8**11
_DIGITS: Final = re.compile(rb"[0-7]{11}\0")
_PIECE: Final = 1 << 20


class Member(NamedTuple):
    """Where a member's content stands. offset, size: bytes."""

    name: str
    offset: int
    size: int


class Written(NamedTuple):
    """A member that was written. digest: SHA-256 of its content."""

    name: str
    size: int
    digest: bytes


def header(name: str, size: int) -> bytes:
    """The header of a member: a regular file of nobody, readable by all, of 1970."""
    told = b"%011o\0" % size if size < _OCTAL else b"\x80" + size.to_bytes(11, "big")
    fields = b"".join(
        (
            name.encode("ascii").ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2,
            told,
            b"00000000000\0",
            b" " * 8,
            b"0".ljust(101, b"\0"),
            b"ustar\x0000".ljust(72, b"\0"),
            b"0000000\0" * 2,
        )
    ).ljust(BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def padding(size: int) -> int:
    """Bytes between a member's content and the next block."""
    return -size % BLOCK


class Writer:
    """Writes a container into a file that can be written anywhere. `end` completes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = sha256()
        self._size = 0
        self.written: list[Written] = []

    @contextmanager
    def member(self, name: str) -> Iterator[None]:
        """A member; what is `write`n within the block is its content."""
        start = self._file.tell()
        self._file.write(bytes(BLOCK))
        self._digest, self._size = sha256(), 0
        yield
        self._file.write(bytes(padding(self._size)))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(header(name, self._size))
        self._file.seek(end)
        self.written.append(Written(name, self._size, self._digest.digest()))

    def write(self, content: bytes) -> None:
        """Some more of the member's content."""
        self._digest.update(content)
        self._size += len(content)
        self._file.write(content)

    def whole(self, name: str, content: bytes) -> None:
        """A member in one go."""
        with self.member(name):
            self.write(content)

    def end(self) -> None:
        """Nothing comes after this."""
        self._file.write(END)


def members_of(file: IO[bytes], names: Sequence[str]) -> dict[str, Member]:
    """The members of a container that has these, in this order. Raises Wrong with the first odd byte."""
    length = file.seek(0, os.SEEK_END)
    found: dict[str, Member] = {}
    at = 0
    for name in names:
        size = _size_told(_read(file, at, BLOCK, length, f"the header of {name}"), name, at)
        at += BLOCK
        if size > length - at:
            raise Wrong(
                CONTAINER, f"byte {at}", f"{name} is cut off",
                expected=f"{size} bytes", found=f"{length - at} before the file's end",
            )  # fmt: skip
        found[name] = Member(name, at, size)
        at += size
        gap = padding(size)
        _compare(_read(file, at, gap, length, f"the padding after {name}"), bytes(gap), at, f"after {name}")
        at += gap
    _compare(_read(file, at, len(END), length, "the end"), END, at, "at the end")
    if at + len(END) != length:
        raise Wrong(CONTAINER, f"byte {at + len(END)}", "there is more after the end")
    return found


def _size_told(block: bytes, name: str, at: int) -> int:
    """The size in a header, which must be what would be written for that size and name."""
    told = block[124:136]
    if _DIGITS.fullmatch(told):
        size = int(told[:11], 8)
    elif told[0] == 0x80:
        size = int.from_bytes(told[1:], "big")
    else:
        raise Wrong(CONTAINER, f"byte {at + 124}", f"the header of {name} holds no size")
    _compare(block, header(name, size), at, f"in the header of {name}")
    return size


def _read(file: IO[bytes], at: int, size: int, length: int, what: str) -> bytes:
    file.seek(at)
    content = file.read(size)
    if len(content) != size:
        raise Wrong(CONTAINER, f"byte {length}", f"the file ends within {what}")
    return content


def _compare(found: bytes, expected: bytes, at: int, where: str) -> None:
    if found == expected:
        return
    place = next(n for n, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other)
    raise Wrong(
        CONTAINER, f"byte {at + place}", f"the form is not what a bundle has {where}",
        expected=f"0x{expected[place]:02x}", found=f"0x{found[place]:02x}",
    )  # fmt: skip


def digest_of(file: IO[bytes], member: Member) -> bytes:
    """SHA-256 of a member's content."""
    digest = sha256()
    for piece in pieces(file, member):
        digest.update(piece)
    return digest.digest()


def pieces(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """A member's content, a piece at a time."""
    at, end = member.offset, member.offset + member.size
    while at < end:
        file.seek(at)
        piece = file.read(min(_PIECE, end - at))
        if not piece:
            raise Wrong(CONTAINER, f"byte {at}", f"the file ends within {member.name}")
        at += len(piece)
        yield piece


def content_of(file: IO[bytes], member: Member, *, most: int) -> bytes:
    """A member's whole content. Raises Wrong where it is larger than such a member can be."""
    if member.size > most:
        raise Wrong(
            member.name, "", "it is too large", expected=f"at most {most} bytes", found=f"{member.size}"
        )
    return b"".join(pieces(file, member))
