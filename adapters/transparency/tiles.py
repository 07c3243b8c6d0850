"""The tree as it is kept: full tiles of 256 hashes, and the partial ones at its right edge.

Belongs here: finding any hash of the tree, and adding leaves to it. Does not belong here: what leaves are,
and what is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

from psycopg import Connection

from adapters.postgres.statements import statements
from adapters.transparency.entries import LogChanged
from domain.merkle import HASH_BYTES, perfect_root, root_at

_SQL: Final = statements("transparency")
#: Levels of the tree that a tile spans, and hashes of a full one: C2SP tlog-tiles.
HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
_TILE_BYTES: Final = WIDTH * HASH_BYTES
#: Full tiles that are remembered while proofs are made: 2 MiB.
_REMEMBERED: Final = 256


class Grown(NamedTuple):
    """What leaves add to a tree. tiles: new full ones as level, number, hashes."""

    size: int
    edge: bytes
    tiles: list[tuple[int, int, bytes]]


def split(content: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def widths(size: int) -> list[int]:
    """How many hashes the partial tiles of a tree have, those of level 0 first; 0 where there is none."""
    return [(size >> HEIGHT * level) % WIDTH for level in range(_levels(size))]


def _levels(size: int) -> int:
    return (size.bit_length() + HEIGHT - 1) // HEIGHT


def edge_of(size: int, edge: bytes) -> list[list[bytes]]:
    """The hashes of the partial tiles by level. Raises LogChanged where they do not go with the size."""
    found = []
    at = 0
    for width in widths(size):
        found.append(split(edge[at : at + width * HASH_BYTES]))
        at += width * HASH_BYTES
    if at != len(edge):
        raise LogChanged("the right edge of the tree is not as large as it should be")
    return found


def grown(size: int, edge: bytes, leaves: Sequence[bytes]) -> Grown:
    """A tree with more leaves, given as their hashes."""
    rows = edge_of(size, edge)
    tiles: list[tuple[int, int, bytes]] = []
    coming: Sequence[bytes] = leaves
    level = 0
    while coming:
        if level == len(rows):
            rows.append([])
        row = [*rows[level], *coming]
        number = size >> HEIGHT * (level + 1)
        above = []
        whole = len(row) - len(row) % WIDTH
        for at in range(0, whole, WIDTH):
            hashes = row[at : at + WIDTH]
            tiles.append((level, number + at // WIDTH, b"".join(hashes)))
            above.append(perfect_root(hashes))
        rows[level] = row[whole:]
        coming = above
        level += 1
    size += len(leaves)
    return Grown(size, b"".join(one for row in rows for one in row), tiles)


class Tree:
    """The tree as it was when this was made: it does not grow, whatever is added meanwhile."""

    def __init__(self, connection: Connection[Any], size: int, edge: bytes) -> None:
        self.size = size
        self._connection = connection
        self._edge = edge_of(size, edge)
        self._tiles: dict[tuple[int, int], bytes] = {}

    @classmethod
    def now(cls, connection: Connection[Any]) -> Self:
        """The tree as it stands."""
        size, edge = state(connection)
        return cls(connection, size, edge)

    def tile(self, level: int, number: int) -> bytes:
        """A tile's hashes: 8,192 bytes of a full one, fewer of a partial one, none where there is none.

        Raises LogChanged where a full tile is missing that must be there.
        """
        full = self.size >> HEIGHT * (level + 1)
        if number == full and level < len(self._edge):
            return b"".join(self._edge[level])
        if number >= full:
            return b""
        found = self._tiles.get((level, number))
        if found is None:
            row = self._connection.execute(_SQL["tile"], {"level": level, "number": number}).fetchone()
            if row is None or len(row[0]) != _TILE_BYTES:
                raise LogChanged(f"tile {number} of level {level} of the tree is not there")
            if len(self._tiles) >= _REMEMBERED:
                self._tiles.clear()
            found = self._tiles[level, number] = bytes(row[0])
        return found

    def hash_at(self, level: int, index: int) -> bytes:
        """The hash of a perfect subtree (domain/merkle.py)."""
        of_tile, within = divmod(level, HEIGHT)
        first, count = index << within, 1 << within
        number, at = divmod(first, WIDTH)
        hashes = split(self.tile(of_tile, number)[at * HASH_BYTES : (at + count) * HASH_BYTES])
        if len(hashes) != count:
            raise LogChanged(f"tile {number} of level {of_tile} of the tree is not whole")
        return perfect_root(hashes)

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree, or of how it was at an earlier size."""
        return root_at(self.hash_at, self.size if size is None else size)


def state(connection: Connection[Any]) -> tuple[int, bytes]:
    """The tree's size and its right edge."""
    row = connection.execute(_SQL["state"]).fetchone()
    return _whole(row)


def locked_state(connection: Connection[Any]) -> tuple[int, bytes]:
    """The same, once nobody else adds to the tree or signs, until the transaction ends."""
    return _whole(connection.execute(_SQL["lock_state"]).fetchone())


def _whole(row: tuple[Any, ...] | None) -> tuple[int, bytes]:
    if row is None:
        raise LogChanged("the tree's state is not there")
    return int(row[0]), bytes(row[1])
