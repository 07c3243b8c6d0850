"""Keys and checkpoints of a bundle, and those that a checker had from elsewhere.

Belongs here: who signed what, and whether a checkpoint is one of this log as the bundle shows it. Does not
belong here: the forms (domain/notes.py), the arithmetic of signatures (adapters/transparency).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from adapters.bundles import forms
from adapters.bundles.findings import Wrong, shown
from adapters.bundles.forms import CHECKPOINTS, KEYS, About, Key
from adapters.bundles.reading import Bundle
from adapters.transparency.keys import verify
from domain.notes import (
    Checkpoint,
    Note,
    NoteRefused,
    VerifierKey,
    read_checkpoint,
    read_key,
    read_note,
    signer_of,
)

_MOST_KEYS: Final = 10_000


class Trust(NamedTuple):
    """What a checker had from elsewhere. keys: of the log. checkpoints: published ones, each with a name.

    Where keys were given, they alone count for what comes from elsewhere: the list in a bundle is the
    ledger's own word, and somebody who can write to its database can put a key there.
    """

    keys: tuple[VerifierKey, ...] = ()
    checkpoints: tuple[tuple[str, bytes], ...] = ()


class Published(NamedTuple):
    """A checkpoint from elsewhere, with the key that signed it. name: of its file."""

    name: str
    checkpoint: Checkpoint
    signer: VerifierKey


def keys_of(bundle: Bundle) -> dict[VerifierKey, int]:
    """The keys that the bundle lists, with the size from which on each signs. Raises Wrong."""
    found: dict[VerifierKey, int] = {}
    for line in bundle.lines(Key, KEYS):
        place = f"line {len(found) + 1}"
        try:
            key = read_key(line.key)
        except NoteRefused as refused:
            raise Wrong(KEYS, place, str(refused)) from None
        if key in found or len(found) >= _MOST_KEYS or line.size < 0:
            raise Wrong(KEYS, place, "the key is there twice, or there are too many")
        found[key] = line.size
    if not found:
        raise Wrong(KEYS, "", "it lists no key")
    return found


def signed_by(
    note: Note, keys: Sequence[VerifierKey], member: str, place: str, *, is_given: bool = False
) -> VerifierKey:
    """The first of these keys that signed a note. is_given: the keys are from elsewhere. Raises Wrong."""
    try:
        return signer_of(note, list(keys), verify)
    except NoteRefused as refused:
        by = ", ".join(f"{one.name}+{one.key_id.hex()}" for one in note.signatures)
        whose = (
            "the keys that were given (after a change of keys, give each)"
            if is_given
            else "the keys that the bundle lists"
        )
        if "none of" in str(refused):
            raise Wrong(member, place, f"it is signed by {shown(by)}, and not by one of {whose}") from None
        raise Wrong(member, place, str(refused)) from None


class History:
    """The checkpoints of a bundle, oldest first, checked as the tree grows past them."""

    def __init__(self, bundle: Bundle, about: About, keys: Mapping[VerifierKey, int]) -> None:
        self._lines = bundle.lines(forms.Checkpoint, CHECKPOINTS)
        self._about = about
        self._keys = keys
        self._unused = dict.fromkeys(keys)
        self._number = 0
        self._last: Checkpoint | None = None
        self._next = self._read()

    def grown(self, size: int, root: Callable[[], bytes]) -> None:
        """Check the checkpoints of a size, which the tree has now. Raises Wrong."""
        while self._next is not None and self._next.size == size:
            expected = root()
            if self._next.root != expected:
                raise Wrong(
                    CHECKPOINTS, f"line {self._number}",
                    f"the log has signed another tree of {size} milestones than those in the bundle make up",
                    expected=f"root {b64encode(self._next.root).decode()}",
                    found=b64encode(expected).decode(),
                )  # fmt: skip
            self._last, self._next = self._next, self._read()

    def end(self) -> int:
        """How many there were. Raises Wrong where one is left, none covers all, or a key signed none."""
        if self._next is not None:
            raise Wrong(
                CHECKPOINTS, f"line {self._number}", "it is of a larger log than the bundle holds",
                expected=f"at most {self._about.size} milestones", found=f"{self._next.size}",
            )  # fmt: skip
        if self._last is None or self._last.size != self._about.size:
            raise Wrong(CHECKPOINTS, "", f"none is of all {self._about.size} milestones")
        for key in self._unused:
            raise Wrong(KEYS, "", f"it lists {key.text}, which signed no checkpoint of the bundle")
        return self._number

    def _read(self) -> Checkpoint | None:
        line = next(self._lines, None)
        if line is None:
            return None
        self._number += 1
        place = f"line {self._number}"
        note, checkpoint = checkpoint_of(line.note.encode(), CHECKPOINTS, place)
        signer = signed_by(note, tuple(self._keys), CHECKPOINTS, place)
        self._unused.pop(signer, None)
        if checkpoint.origin != self._about.origin or checkpoint.size != line.size:
            raise Wrong(
                CHECKPOINTS, place, "it is not what the line says, or of another log",
                expected=f"{self._about.origin}, size {line.size}",
                found=f"{shown(checkpoint.origin)}, size {checkpoint.size}",
            )  # fmt: skip
        if self._last is not None and checkpoint.size < self._last.size:
            raise Wrong(CHECKPOINTS, place, "checkpoints are not in order")
        if checkpoint.size < self._keys[signer]:
            raise Wrong(CHECKPOINTS, place, f"its key signs from size {self._keys[signer]} on only")
        return checkpoint


def checkpoint_of(content: bytes, member: str, place: str) -> tuple[Note, Checkpoint]:
    """A note with the checkpoint that it is. Raises Wrong."""
    try:
        note = read_note(content)
        checkpoint = read_checkpoint(note.text)
    except NoteRefused as refused:
        raise Wrong(member, place, str(refused)) from None
    if note.rendered.encode() != content:
        raise Wrong(member, place, "it is not written the one way")
    return note, checkpoint


def published(
    name: str, content: bytes, keys: Mapping[VerifierKey, int], trust: Trust, about: About
) -> Published:
    """A checkpoint from elsewhere. Raises Wrong where no key that counts signed it, or of another log."""
    note, checkpoint = checkpoint_of(content, name, "")
    signer = signed_by(note, trust.keys or tuple(keys), name, "", is_given=bool(trust.keys))
    if checkpoint.origin != about.origin:
        raise Wrong(name, "", "it is of another log", expected=about.origin, found=shown(checkpoint.origin))
    return Published(name, checkpoint, signer)


def is_in(one: Published, about: About, roots: Mapping[int, bytes]) -> None:
    """Check that a checkpoint from elsewhere is of the log that the bundle shows. Raises Wrong."""
    size = one.checkpoint.size
    if size > about.size:
        raise Wrong(
            one.name, "",
            f"it is of {size} milestones, and the bundle ends at {about.size}: take a newer bundle; if one"
            " that is made now is no larger, the ledger was rolled back to an older state",
        )  # fmt: skip
    if roots[size] != one.checkpoint.root:
        raise Wrong(
            one.name, "", f"the first {size} milestones are not those that it is of: they were rewritten",
            expected=f"root {b64encode(one.checkpoint.root).decode()}",
            found=b64encode(roots[size]).decode(),
        )  # fmt: skip
