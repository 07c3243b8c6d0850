"""Hashing milestones again and comparing them with the tree: is the log what it was when it was hashed?

Belongs here: findings in words. Does not belong here: signatures (`signing`), and refolding the books.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

from psycopg import Connection

from adapters.postgres.statements import statements
from adapters.transparency import entries
from adapters.transparency.entries import LogChanged
from adapters.transparency.tiles import HEIGHT, WIDTH, Tree, edge_of, grown, split
from domain.merkle import HASH_BYTES, leaf_hash, perfect_root

_SQL: Final = statements("transparency")
#: Leaves that are hashed again at a time.
_AT_A_TIME: Final = 32 * WIDTH


def recheck(
    connection: Connection[Any], first: int, last: int, *, tree: Tree | None = None, bodies: bool = True
) -> str | None:
    """Hash the milestones from one position to another again: the first thing that is wrong, or None.

    bodies: whether the bytes that they came in are digested again as well. tree: as it stands, unless given;
    positions that it does not hold yet are left out.
    """
    tree = tree or Tree.now(connection)
    last = min(last, tree.size)
    for start in range(first, last + 1, _AT_A_TIME):
        end = min(start + _AT_A_TIME - 1, last)
        try:
            finding = _recheck_range(connection, tree, start, end)
        except LogChanged as error:
            return str(error)
        if finding is None and bodies:
            finding = _recheck_bodies(connection, start, end)
        if finding is not None:
            return finding
    return None


def _recheck_range(connection: Connection[Any], tree: Tree, first: int, last: int) -> str | None:
    numbers = range((first - 1) // WIDTH, (last - 1) // WIDTH + 1)
    # all of them before the first leaf: the connection is busy while leaves are read
    hashes = [one for number in numbers for one in split(tree.tile(0, number))]
    begin = numbers.start * WIDTH + 1
    with closing(entries.entries(connection, first, last)) as leaves:
        for position, entry in enumerate(leaves, first):
            if hashes[position - begin] != leaf_hash(entry):
                break
        else:
            return None
    return _tile_that_lies(connection, tree, (position - 1) // WIDTH) or (
        f"the milestone at position {position} was changed: it, its time or its message is not"
        " what was hashed when it was recorded"
    )


def _tile_that_lies(connection: Connection[Any], tree: Tree, number: int) -> str | None:
    """A full tile of leaves that is wrong where its milestones still make what stands above it, or None."""
    if number >= tree.size >> HEIGHT:
        return None
    leaves = _hashes(connection, number * WIDTH + 1, (number + 1) * WIDTH)
    return tile_changed(0, number) if perfect_root(leaves) == tree.hash_at(HEIGHT, number) else None


def _hashes(connection: Connection[Any], first: int, last: int) -> list[bytes]:
    return [leaf_hash(one) for one in entries.entries(connection, first, last)]


def tile_changed(level: int, number: int) -> str:
    """What is said where a tile was changed, and no milestone."""
    return (
        f"the tree's tile {level}/{number} was changed: the milestones are still what was signed;"
        " cairn checkpoint --rebuild-tree makes the tree anew from them"
    )


def _recheck_bodies(connection: Connection[Any], first: int, last: int) -> str | None:
    row = connection.execute(_SQL["changed_body"], {"first": first, "last": last}).fetchone()
    if row is None or row[0] is None:
        return None
    return f"the bytes that the milestone at position {row[0]} came in are not those that were accepted"


def recheck_end(connection: Connection[Any], tree: Tree) -> str | None:
    """Hash the last milestones of the tree again, a tile of them at most: what is wrong, or None."""
    head = entries.head(connection)
    if head < tree.size:
        return str(entries.too_short(head, tree.size))
    return recheck(connection, max(1, tree.size - WIDTH + 1), tree.size, tree=tree)


def recheck_tiles(tree: Tree) -> str | None:
    """Compare every full tile with its hash in the tile above: the first that differs, or None."""
    try:
        for level in range((tree.size.bit_length() + HEIGHT - 1) // HEIGHT):
            for number in range(tree.size >> HEIGHT * (level + 1)):
                if finding := _recheck_tile(tree, level, number):
                    return finding
    except LogChanged as error:
        return str(error)
    return None


def _recheck_tile(tree: Tree, level: int, number: int) -> str | None:
    above = tree.tile(level + 1, number // WIDTH)
    at = number % WIDTH * HASH_BYTES
    if perfect_root(split(tree.tile(level, number))) == above[at : at + HASH_BYTES]:
        return None
    return f"tile {number} of level {level} of the tree was changed"


def recheck_whole(connection: Connection[Any], tree: Tree, size: int, root: bytes) -> str | None:
    """Compare the whole log and the whole tree: the first thing that is wrong, or None.

    size, root: what was signed last, by which it is told whether a milestone or a tile was changed; a size of
    0: nothing. Raises LogChanged.
    """
    covers = 0 < size <= tree.size
    finding = (
        recheck_end(connection, tree) or recheck(connection, 1, tree.size, tree=tree) or recheck_tiles(tree)
    )
    if covers and (finding is not None or tree.root(size) != root):
        return _changed_tile(connection, tree, size, root) or finding
    return finding


def _changed_tile(connection: Connection[Any], tree: Tree, size: int, root: bytes) -> str | None:
    """The first tile that is not what the log makes, where the log makes what was signed; otherwise None."""
    at, edge, wrong = 0, b"", None
    try:
        while at < size:
            added = grown(at, edge, _hashes(connection, at + 1, min(at + _AT_A_TIME, size)))
            at, edge = added.size, added.edge
            for level, number, hashes in added.tiles:
                wrong = wrong or _differs(tree, level, number, hashes)
        for level, row in enumerate(edge_of(size, edge)):
            wrong = wrong or _differs(tree, level, size >> HEIGHT * (level + 1), b"".join(row))
        # that root is made of the right edge alone
        return wrong if Tree(connection, size, edge).root() == root else None
    except LogChanged:
        return None


def _differs(tree: Tree, level: int, number: int, hashes: bytes) -> str | None:
    try:
        same = tree.tile(level, number)[: len(hashes)] == hashes
    except LogChanged:
        same = False
    return None if same else tile_changed(level, number)


class Patrol:
    """Goes through the whole log again and again, a few tiles at each step."""

    def __init__(self) -> None:
        self._number = 0

    def step(self, connection: Connection[Any], tiles: int = 8) -> str | None:
        """Look at the next full tiles of leaves, and what they were hashed from: what is wrong, or None.

        It stays where something is wrong.
        """
        tree = Tree.now(connection)
        full = tree.size // WIDTH
        if not full:
            return None
        first = self._number if self._number < full else 0
        end = min(first + tiles, full)
        finding = recheck(connection, first * WIDTH + 1, end * WIDTH, tree=tree)
        try:
            for number in range(first, end):
                finding = finding or _recheck_tile(tree, 0, number)
        except LogChanged as error:
            finding = finding or str(error)
        if finding is None:
            self._number = end
        return finding
