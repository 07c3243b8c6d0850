"""Checkpoints: signing what the tree has come to, and never anything that denies what was signed before.

Belongs here: the one transaction in which a checkpoint comes to be, and the list of them. Does not belong
here: when that is done (api), and where they go (`publishing`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.postgres.statements import statements
from adapters.transparency import checking
from adapters.transparency.entries import LogChanged
from adapters.transparency.keys import Remembered, Signer, verify
from adapters.transparency.tiles import Tree, locked_state
from domain.merkle import EMPTY_ROOT
from domain.notes import (
    Checkpoint,
    NoteRefused,
    VerifierKey,
    read_checkpoint,
    read_key,
    read_note,
    signer_of,
)

_log: Final = logging.getLogger(__name__)
_SQL: Final = statements("transparency")
#: The chain before the first checkpoint.
NO_CHAIN: Final = bytes(32)


class Tampered(RuntimeError):
    """What is there now is not what was hashed or signed; the message says what, and what to do.

    is_new: whether that was not known before.
    """

    def __init__(self, message: str, *, is_new: bool = False) -> None:
        super().__init__(message)
        self.is_new = is_new


class Made(NamedTuple):
    """A checkpoint that was signed. note: as it is handed out. chain: over it and all before it."""

    id: int
    size: int
    root: bytes
    note: str
    chain: bytes
    made_at: datetime


class Troubles(NamedTuple):
    """What is wrong, in words; None where nothing is.

    refused: why nothing is signed. changed: which milestone is not what was hashed. denied: how what is
    published denies the ledger. unpublished: why the last checkpoint could not be published.
    """

    refused: str | None = None
    changed: str | None = None
    denied: str | None = None
    unpublished: str | None = None


class UsedKey(NamedTuple):
    """A key that has signed. from_size: of the first checkpoint that it signed."""

    key: VerifierKey
    from_size: int
    first_used_at: datetime


def mark(connection: Connection[Any]) -> str:
    """The digits by which this ledger is told from others of its name."""
    row = connection.execute(_SQL["mark"]).fetchone()
    if row is None:
        raise LogChanged("the ledger's mark is not there")
    return str(row[0])


def keys(connection: Connection[Any]) -> list[UsedKey]:
    """Every key that has signed, in the order of their first use."""
    return [UsedKey(read_key(vkey), *rest) for vkey, *rest in connection.execute(_SQL["keys"]).fetchall()]


def newest(connection: Connection[Any]) -> Made | None:
    """The last checkpoint."""
    return _made(connection.execute(_SQL["newest_checkpoint"]).fetchone())


def covering(connection: Connection[Any], size: int) -> Made | None:
    """The smallest checkpoint that holds so many leaves."""
    return _made(connection.execute(_SQL["checkpoint_from"], {"size": size}).fetchone())


def of_size(connection: Connection[Any], size: int) -> Made | None:
    """The newest checkpoint of exactly that size."""
    return _made(connection.execute(_SQL["checkpoint_of"], {"size": size}).fetchone())


def listed(connection: Connection[Any], after: int, limit: int) -> list[Made]:
    """Checkpoints in the order of signing, after the one with that id."""
    asked = {"after": after, "limit": limit}
    return [Made(*row) for row in connection.execute(_SQL["checkpoints"], asked).fetchall()]


def _made(row: tuple[Any, ...] | None) -> Made | None:
    return None if row is None else Made(*row)


def troubles(connection: Connection[Any]) -> Troubles:
    """What is wrong."""
    row = connection.execute(_SQL["troubles"]).fetchone()
    return Troubles() if row is None else Troubles(*row)


def note_refusal(connection: Connection[Any], why: str | None) -> bool:
    """Keep why nothing can be signed, for whoever asks how the ledger is: whether that is new.

    None: nothing is wrong any more.
    """
    return connection.execute(_SQL["note_refused"], {"why": why}).rowcount > 0


def note_changed(connection: Connection[Any], what: str | None) -> bool:
    """Keep which milestone was found changed: whether that is new. None: none is."""
    return connection.execute(_SQL["note_changed"], {"why": what}).rowcount > 0


def note_published(
    connection: Connection[Any], *, denied: str | None = None, unpublished: str | None = None
) -> bool:
    """Keep what came of publishing: whether that is new. denied, unpublished: as `Troubles` has them."""
    told = {"denied": denied, "unpublished": unpublished}
    return connection.execute(_SQL["note_published"], told).rowcount > 0


def sign(
    connection: Connection[Any],
    signer: Signer,
    *,
    first_use: Callable[[VerifierKey, int], object] | None = None,
) -> Made:
    """A checkpoint of the tree as it stands; the last one where nothing was added and this key signed it.

    first_use: called with the key and the size where the key has never signed before. Raises Tampered where
    the tree denies what was signed before, or its last leaves are no longer in the log: nothing is signed
    then, and why is kept. Raises SigningKeyRefused.
    """
    used = {one.key for one in keys(connection)}
    try:
        with connection.transaction():
            made = _sign(connection, signer)
    except (Tampered, LogChanged) as found:
        why = str(found)
        _log.error("no checkpoint is signed: %s", why)
        raise Tampered(why, is_new=note_refusal(connection, why)) from found
    note_refusal(connection, None)
    signer.remember(made.note, made.chain)
    if signer.key not in used and first_use is not None:
        first_use(signer.key, made.size)
    return made


def chained(before: bytes, note: str) -> bytes:
    """The chain of a checkpoint, from that of the one before it."""
    return sha256(before + note.encode()).digest()


def _sign(connection: Connection[Any], signer: Signer) -> Made:
    tree = Tree(connection, *locked_state(connection))
    last = newest(connection)
    if last is not None:
        check_kept(tree, last, [used.key for used in keys(connection)])
    if (remembered := signer.remembered()) is not None:
        check_remembered(connection, tree, signer, remembered)
    if finding := checking.recheck_end(connection, tree):
        raise Tampered(finding)
    is_ours = last is not None and any(
        line.key_id == signer.key.key_id for line in read_note(last.note.encode()).signatures
    )
    if last is not None and last.size == tree.size and is_ours:
        return last
    root = tree.root()
    note = signer.sign(Checkpoint(signer.origin, tree.size, root).text)
    connection.execute(_SQL["insert_key"], {"vkey": signer.key.text, "size": tree.size})
    chain = chained(NO_CHAIN if last is None else last.chain, note.rendered)
    asked = {"size": tree.size, "root": root, "note": note.rendered, "chain": chain}
    row = connection.execute(_SQL["insert_checkpoint"], asked).fetchone()
    assert row is not None, "an insert that returns answers"
    return Made(*row)


def check_kept(
    tree: Tree, made: Made, known: list[VerifierKey], named: str = "the last checkpoint that is kept"
) -> VerifierKey:
    """Check that a kept checkpoint is as it was signed, and how the tree begins: who signed it.

    known: keys that may have signed. Raises Tampered.
    """
    try:
        note = read_note(made.note.encode())
        who = signer_of(note, known, verify)
        said = read_checkpoint(note.text)
    except NoteRefused as error:
        raise Tampered(f"{named} is not as it was signed ({error})") from None
    if (said.origin, said.size, said.root) != (who.name, made.size, made.root):
        raise Tampered(f"{named} is not as it was signed")
    check_begins(
        tree, said, named, " cairn checkpoint --recheck says whether the log or its tree was changed."
    )
    return who


def check_remembered(connection: Connection[Any], tree: Tree, signer: Signer, remembered: Remembered) -> None:
    """Check that the ledger goes on from what its signer remembers. Raises Tampered.

    The memory has to be older than the tree: read it before.
    """
    try:
        said = read_checkpoint(remembered.note.text)
    except NoteRefused as error:
        raise Tampered(f"{signer.memory} is not what was signed last ({error})") from None
    names = f"what was signed last, and is kept in {signer.memory},"
    advice = (
        " If you have restored an older state or begun a new ledger on purpose, tell everybody who relies on"
        " checkpoints, and remove that file."
    )
    if said.origin != signer.origin:
        raise Tampered(
            f"the ledger was given another name: {names} is of {said.origin}, and the database says"
            f" {signer.origin}.{advice}"
        )
    check_begins(tree, said, names, advice)
    asked = {"size": said.size, "chain": remembered.chain}
    row = connection.execute(_SQL["checkpoint_in_chain"], asked).fetchone()
    if row is None or row[0] != remembered.note.rendered:
        raise Tampered(
            f"checkpoints were removed or changed: {names} is not among those that the database keeps, behind"
            f" the same ones.{advice}"
        )


def check_begins(tree: Tree, said: Checkpoint, named: str, advice: str = "") -> None:
    """Check that a checkpoint is how the tree begins. Raises Tampered; named: what it is called there."""
    if said.size > tree.size:
        raise Tampered(
            f"the ledger was rolled back: {named} is of {said.size} milestones, and the tree holds"
            f" {tree.size}.{advice}"
        )
    root = tree.root(said.size) if said.size else EMPTY_ROOT
    if root != said.root:
        raise Tampered(
            f"the ledger was rewritten: {named} is of {said.size} milestones, and their root is another"
            f" now.{advice}"
        )
