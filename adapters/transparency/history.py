"""Everything that was ever signed, checked again: each checkpoint, their chain, and the keys.

Belongs here: what can be shown of the kept checkpoints together. Does not belong here: making one
(`signing`), and the milestones below the tree (`checking`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from psycopg import Connection

from adapters.transparency import signing
from adapters.transparency.keys import Signer
from adapters.transparency.signing import NO_CHAIN, Made, Tampered, UsedKey
from adapters.transparency.tiles import Tree
from domain.notes import VerifierKey

#: Checkpoints that are read at a time.
_PAGE: Final = 1_000


def check(connection: Connection[Any], signer: Signer | None) -> int:
    """Check every kept checkpoint against the tree, its key and the one before it: how many there are.

    connection: in autocommit. signer: whose memory is compared too, where there is one: only with it can a
    history be told that was cut off and chained anew. Raises Tampered, SigningKeyRefused.
    """
    remembered = None if signer is None else signer.remembered()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tree = Tree.now(connection)
        listed = signing.keys(connection)
        known = [used.key for used in listed]
        first_sizes: dict[VerifierKey, int] = {}
        count, size, chain = 0, 0, NO_CHAIN
        for made in _kept(connection):
            named = f"checkpoint {made.id} of those that are kept"
            who = signing.check_kept(tree, made, known, named)
            chain = signing.chained(chain, made.note)
            if made.chain != chain or made.size < size:
                raise Tampered(
                    f"{named} does not follow the one before it: one was removed, added or changed"
                )
            first_sizes.setdefault(who, made.size)
            count, size = count + 1, made.size
        _check_keys(listed, first_sizes)
        if signer is not None and remembered is not None:
            signing.check_remembered(connection, tree, signer, remembered)
    return count


def _kept(connection: Connection[Any]) -> Iterator[Made]:
    after = 0
    while page := signing.listed(connection, after, _PAGE):
        yield from page
        after = page[-1].id


def _check_keys(listed: list[UsedKey], first_sizes: dict[VerifierKey, int]) -> None:
    """Check that the listed keys are those that signed, from the size on that each signed first."""
    for used in listed:
        first = first_sizes.get(used.key)
        if first is None:
            raise Tampered(
                f"the key {used.key.text} is listed, but signed none of the checkpoints that are kept"
            )
        if first != used.from_size:
            raise Tampered(
                f"the key {used.key.text} is listed from size {used.from_size}, but signed from {first} on"
            )
