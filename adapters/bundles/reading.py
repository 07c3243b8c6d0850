"""Reading a bundle strictly: the container, the manifest, and members line by line, never a whole large one.

Belongs here: lines, and what the manifest says of the members. Does not belong here: what is proved by them
(api/proving), their forms (`forms`).

Whatever the bytes are, reading ends with a value or with Wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import IO, Final, NamedTuple, TypeVar

import msgspec

from adapters.bundles import forms
from adapters.bundles.container import Member, Written, content_of, digest_of, members_of
from adapters.bundles.findings import Wrong, shown
from domain.notes import Note, NoteRefused, read_note

_Line = TypeVar("_Line", bound=msgspec.Struct)
_LISTED: Final = re.compile(r"([0-9a-f]{64}) (0|[1-9][0-9]{0,18}) (\S+)", re.ASCII)
_PIECE: Final = 1 << 18


class Bundle(NamedTuple):
    """A bundle that is open: the file, and where its members stand."""

    file: IO[bytes]
    members: Mapping[str, Member]

    def whole(self, name: str) -> bytes:
        """The content of a small member. Raises Wrong where it is not small."""
        return content_of(self.file, self.members[name], most=forms.MOST_WHOLE)

    def lines(self, kind: type[_Line], name: str) -> Iterator[_Line]:
        """The values of a member's lines, in order. Raises Wrong."""
        for number, line in enumerate(_lines(self.file, self.members[name]), 1):
            yield forms.value_of(kind, line, name, f"line {number}")

    def placed_lines(self, kind: type[_Line], name: str) -> Iterator[tuple[int, int, _Line]]:
        """As `lines`, each with its number and with the byte of the file at which it begins."""
        member = self.members[name]
        at = member.offset
        for number, line in enumerate(_lines(self.file, member), 1):
            yield number, at, forms.value_of(kind, line, name, f"line {number}")
            at += len(line)

    def line_at(self, kind: type[_Line], name: str, at: int) -> _Line:
        """The value of the line that begins at a byte of the file."""
        member = self.members[name]
        rest = Member(name, at, member.offset + member.size - at)
        return forms.value_of(kind, next(_lines(self.file, rest)), name, f"byte {at}")

    def blocks(self, name: str, size: int) -> Iterator[bytes]:
        """A member's content in blocks of a size; the last may be shorter."""
        member = self.members[name]
        at, end = member.offset, member.offset + member.size
        piece = size * max(1, _PIECE // size)
        while at < end:
            self.file.seek(at)
            found = self.file.read(min(piece, end - at))
            for start in range(0, len(found), size):
                yield found[start : start + size]
            at += len(found)


def opened(file: IO[bytes]) -> Bundle:
    """A bundle in a file. Raises Wrong where the container is not what it should be."""
    return Bundle(file, members_of(file, forms.NAMES))


def _lines(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """A member's lines with their ends. Others may move in the file meanwhile."""
    at, end = member.offset, member.offset + member.size
    parts: list[bytes] = []
    held = 0
    while at < end:
        file.seek(at)
        piece = file.read(min(_PIECE, end - at))
        if not piece:
            raise Wrong(member.name, "", "the file ends within it")
        at += len(piece)
        start = 0
        while (stop := piece.find(b"\n", start) + 1) > 0:
            parts.append(piece[start:stop])
            yield b"".join(parts)
            parts.clear()
            held, start = 0, stop
        if start < len(piece):
            parts.append(piece[start:])
            held += len(piece) - start
        if held > forms.MOST_LINE:
            raise Wrong(member.name, "", f"a line is longer than {forms.MOST_LINE} bytes")
    if parts:
        raise Wrong(member.name, "", "its last line has no end")


class Manifest(NamedTuple):
    """What the manifest says. listed: of all other members, in order."""

    note: Note
    origin: str
    listed: tuple[Written, ...]


def manifest_of(bundle: Bundle) -> Manifest:
    """The manifest. Raises Wrong where it is not one, or does not list the members that there are."""
    content = bundle.whole(forms.MANIFEST)
    try:
        note = read_note(content)
    except NoteRefused as refused:
        raise Wrong(forms.MANIFEST, "", str(refused)) from None
    if note.rendered.encode() != content:
        raise Wrong(forms.MANIFEST, "", "it is not written the one way")
    lines = note.text.split("\n")
    if len(lines) != len(forms.NAMES) + 2 or lines[0] != forms.MANIFEST_HEAD or lines[-1]:
        raise Wrong(
            forms.MANIFEST, "", f"it does not begin with {forms.MANIFEST_HEAD!r} and list every member"
        )
    listed = []
    for number, (line, name) in enumerate(zip(lines[2:-1], forms.NAMES[:-1], strict=True), 3):
        match = _LISTED.fullmatch(line)
        if match is None or match[3] != name:
            raise Wrong(
                forms.MANIFEST, f"line {number}", "it should list a member",
                expected=f"digest, size and {name}", found=shown(line),
            )  # fmt: skip
        listed.append(Written(name, int(match[2]), bytes.fromhex(match[1])))
    return Manifest(note, lines[1], tuple(listed))


def changed(bundle: Bundle, manifest: Manifest) -> Wrong | None:
    """The first member that is not what the manifest lists; None where all are."""
    for name, size, digest in manifest.listed:
        member = bundle.members[name]
        if member.size != size:
            return Wrong(
                name, "", "its size is not what the manifest lists",
                expected=f"{size} bytes", found=f"{member.size}",
            )  # fmt: skip
        found = digest_of(bundle.file, member)
        if found != digest:
            return Wrong(
                name, "", "its content is not what the manifest lists",
                expected=f"SHA-256 {digest.hex()}", found=found.hex(),
            )  # fmt: skip
    return None
