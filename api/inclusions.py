"""Proofs off the tree of the transparency log: that it holds a milestone, that it goes on from an older one.

Belongs here: which tree and which checkpoint a proof is of, tiles. Does not belong here: making checkpoints
(checkpoints), the tree itself (adapters/transparency), routes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from adapters.transparency import entries, signing
from adapters.transparency.entries import LogChanged
from adapters.transparency.signing import Made, Tampered
from adapters.transparency.tiles import WIDTH, Tree
from api.checkpoints import Means, NotInTree, base64_of, fresh
from api.reading import text_of
from domain import leaves
from domain.merkle import HASH_BYTES, consistency_proof, inclusion_proof, leaf_hash

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: C2SP tlog-tiles: path elements of three digits, all but the last behind an x; the width of a partial tile.
_TILE: Final = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_LEVELS: Final = 8


class Proof(NamedTuple):
    """That the log began with a root: `size` leaves, under a checkpoint of as many or more.

    hashes: the consistency proof from `size` to the checkpoint's size. checkpoint: the signed note.
    """

    origin: str
    size: int
    root: bytes
    checkpoint: str
    checkpoint_size: int
    hashes: list[bytes]


def proof_for(connection: Connection[Any], size: int, means: Means) -> Proof:
    """That the log's first `size` milestones are those that were hashed, under a signed checkpoint.

    The smallest checkpoint that holds them is used; a new one is made where none does. Raises NotInTree for a
    size beyond the log, and what `fresh` raises.
    """
    made = signing.covering(connection, size) or fresh(connection, means)
    if made.size < size:
        raise NotInTree(f"the log holds {made.size} milestones, not {size}")
    tree = _tree_of(connection, made)
    return Proof(
        origin_in(made),
        size,
        tree.root(size),
        made.note,
        made.size,
        consistency_proof(tree.hash_at, size, made.size),
    )


def origin_in(made: Made) -> str:
    """The name under which a checkpoint was made."""
    return made.note.partition("\n")[0]


def _tree_of(connection: Connection[Any], made: Made) -> Tree:
    """The tree, checked to have been as a checkpoint says. Raises Tampered."""
    tree = Tree.now(connection)
    if made.size > tree.size or tree.root(made.size) != made.root:
        raise Tampered(
            f"the ledger was changed: the tree of {made.size} milestones is not the one that was signed"
        )
    return tree


def inclusion(connection: Connection[Any], means: Means, position: int, size: int | None) -> dict[str, Any]:
    """That a milestone is in the tree of `size` leaves; without a size, in that of a checkpoint.

    Raises NotInTree; Tampered where the milestone is not what was hashed; what `fresh` raises.
    """
    if size is None:
        made: Made | None = signing.newest(connection)
        if made is None or made.size < position:
            made = fresh(connection, means)
        tree, size = _tree_of(connection, made), made.size
    else:
        tree, made = _tree_holding(connection, size), signing.of_size(connection, size)
    if not 1 <= position <= size:
        raise NotInTree(f"position {position} is not in the tree of {size} milestones")
    index = position - 1
    try:
        [entry] = entries.entries(connection, position, position)
    except LogChanged as found:
        raise Tampered(str(found)) from found
    if leaf_hash(entry) != tree.hash_at(0, index):
        raise Tampered(f"the milestone at position {position} is not what was hashed when it was recorded")
    return {
        "position": position,
        "index": index,
        "size": size,
        "root": base64_of(tree.root(size)),
        "leaf_hash": base64_of(leaf_hash(entry)),
        "proof": [base64_of(one) for one in inclusion_proof(tree.hash_at, index, size)],
        "milestone": _leaf_told(leaves.read(entry)),
        "entry": base64_of(entry),
        "checkpoint": None if made is None else made.note,
    }


def _leaf_told(leaf: leaves.Leaf) -> dict[str, Any]:
    return {
        "recorded_at": text_of(_EPOCH + timedelta(microseconds=leaf.recorded_at)),
        "stream": leaf.stream,
        "version": leaf.version,
        "type": leaf.topic,
        "identity": str(UUID(bytes=leaf.identity)),
        "digest": leaf.digest.hex(),
        "accepted": leaf.accepted.hex(),
    }


def consistency(connection: Connection[Any], first: int, second: int | None) -> dict[str, Any]:
    """That the tree of `first` leaves is how the one of `second` begins; default: of the last checkpoint.

    Raises NotInTree.
    """
    made: Made | None
    if second is None:
        made = signing.newest(connection)
        if made is None:
            raise NotInTree("no checkpoint has been made yet: give second, or ask /v1/audit/checkpoint first")
        tree, second = _tree_of(connection, made), made.size
    else:
        tree, made = _tree_holding(connection, second), signing.of_size(connection, second)
    if first > second:
        raise NotInTree(f"a tree of {first} milestones can't be how one of {second} begins")
    return {
        "first": first,
        "second": second,
        "first_root": base64_of(tree.root(first)),
        "second_root": base64_of(tree.root(second)),
        "proof": [base64_of(one) for one in consistency_proof(tree.hash_at, first, second)],
        "checkpoint": None if made is None else made.note,
    }


def _tree_holding(connection: Connection[Any], size: int) -> Tree:
    tree = Tree.now(connection)
    if size > tree.size:
        raise NotInTree(f"the tree holds {tree.size} milestones, not {size}")
    return tree


def tile(connection: Connection[Any], level: str, path: str) -> bytes:
    """A tile by its path, C2SP tlog-tiles: `x001/234`, a partial one `x001/234.p/17`. Raises NotInTree."""
    match = _TILE.fullmatch(path)
    known = level.isascii() and level.isdigit() and str(int(level[:3])) == level and int(level) < _LEVELS
    if match is None or not known or len(path) > 40:
        raise NotInTree("a tile is named by its level, 0 to 7, and its number in groups of three digits")
    groups = match[1].replace("x", "").split("/")
    if len(groups) > 1 and groups[0] == "000":
        raise NotInTree("a tile's number begins with no needless zeros")
    width = WIDTH if match[2] is None else int(match[2])
    if match[2] is not None and width >= WIDTH:
        raise NotInTree("a partial tile has 1 to 255 hashes")
    found = Tree.now(connection).tile(int(level), int("".join(groups)))
    if len(found) < width * HASH_BYTES:
        raise NotInTree(f"the tree has no such tile with {width} hashes yet")
    return found[: width * HASH_BYTES]
