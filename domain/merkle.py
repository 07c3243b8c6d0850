"""Merkle trees as RFC 6962 and RFC 9162 define them: roots, proofs, and checking proofs. SHA-256.

A hash is 32 bytes. A tree of `size` leaves is asked by `hash_at(level, index)`: the hash of the perfect
subtree over the leaves from index * 2**level up to (index + 1) * 2**level; level 0 are the leaf hashes. Only
subtrees that lie within the tree are asked for.

Belongs here: the arithmetic. Does not belong here: what a leaf holds (domain/leaves.py), where hashes are
kept (adapters/transparency).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
#: The root of a tree without leaves.
EMPTY_ROOT: Final = sha256(b"").digest()

HashAt = Callable[[int, int], bytes]


class ProofWrong(ValueError):
    """A proof does not show what it should; the message says why."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf's bytes: a zero byte goes before them, so that no leaf passes for a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes that are all at hand."""
    return RightEdge(leaves).root()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes whose number is a power of two, such as those of a full tile."""
    count = len(hashes)
    if count == 0 or count & (count - 1):
        raise ValueError(f"{count} hashes are no perfect tree")
    row = hashes
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


def largest_power_below(number: int) -> int:
    """The largest power of two that is smaller than a number of at least 2."""
    return 1 << (number - 1).bit_length() - 1


class RightEdge:
    """The right edge of a growing tree: the hashes of its largest perfect subtrees, the leftmost first.

    This is all that is needed to add leaves and to know the root: at most 64 hashes.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self.hashes: list[bytes] = []
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        complete = self.size
        while complete & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            complete >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def root_at(hash_at: HashAt, size: int) -> bytes:
    """The root of the tree's first `size` leaves."""
    return _root_between(hash_at, 0, size) if size else EMPTY_ROOT


def _root_between(hash_at: HashAt, start: int, end: int) -> bytes:
    """The root over the leaves from start to end; start is a multiple of a power of two that holds them."""
    count = end - start
    if count & (count - 1) == 0:
        return hash_at(count.bit_length() - 1, start // count)
    middle = start + largest_power_below(count)
    return node_hash(_root_between(hash_at, start, middle), _root_between(hash_at, middle, end))


# ---- proofs


def inclusion_proof(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """That the leaf at `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1): from the leaf upwards."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + largest_power_below(end - start)
        if index < middle:
            proof.append(_root_between(hash_at, middle, end))
            end = middle
        else:
            proof.append(_root_between(hash_at, start, middle))
            start = middle
    proof.reverse()
    return proof


def consistency_proof(hash_at: HashAt, first: int, second: int) -> list[bytes]:
    """That the tree of `first` leaves is how the one of `second` begins (RFC 9162, 2.1.4.1).

    Empty where the trees are equally large, and where the first has no leaf.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} is not how one of {second} begins")
    if first in (0, second):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + largest_power_below(end - start)
        if first <= middle:
            proof.append(_root_between(hash_at, middle, end))
            end = middle
        else:
            proof.append(_root_between(hash_at, start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(_root_between(hash_at, start, end))
    proof.reverse()
    return proof


# ---- checking proofs


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf's hash is in the tree with that root (RFC 9162, 2.1.3.2). Raises ProofWrong."""
    _check_lengths([leaf, root, *proof])
    if not 0 <= index < size:
        raise ProofWrong(f"leaf {index} can't be in a tree of {size}")
    position, last, shown = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofWrong("the proof is longer than the tree is high")
        if position & 1 or position == last:
            shown = node_hash(sibling, shown)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            shown = node_hash(shown, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofWrong("the proof is shorter than the tree is high")
    if shown != root:
        raise ProofWrong(f"leaf {index} does not lead to the root of the tree of {size}")


def check_consistency(first: int, second: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the first tree is how the second begins (RFC 9162, 2.1.4.2). Raises ProofWrong."""
    _check_lengths([root1, root2, *proof])
    if not 0 <= first <= second:
        raise ProofWrong(f"a tree of {first} can't be how one of {second} begins")
    if first in (0, second):
        if proof:
            raise ProofWrong("the proof should be empty")
        if root1 != (root2 if first == second else EMPTY_ROOT):
            raise ProofWrong(f"the trees of {first} and of {second} have other roots than they should")
        return
    hashes = list(proof)
    if not hashes:
        raise ProofWrong("the proof is empty")
    if first & (first - 1) == 0:
        hashes.insert(0, root1)
    shown1, shown2 = _roots_shown(first, second, hashes)
    if shown1 != root1:
        raise ProofWrong(f"the proof does not lead to the root of the tree of {first}")
    if shown2 != root2:
        raise ProofWrong(f"the proof does not lead to the root of the tree of {second}")


def _roots_shown(first: int, second: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    position, last = first - 1, second - 1
    while position & 1:
        position >>= 1
        last >>= 1
    shown1 = shown2 = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofWrong("the proof is longer than the tree is high")
        if position & 1 or position == last:
            shown1, shown2 = node_hash(sibling, shown1), node_hash(sibling, shown2)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            shown2 = node_hash(shown2, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofWrong("the proof is shorter than the tree is high")
    return shown1, shown2


def _check_lengths(hashes: Iterable[bytes]) -> None:
    for number in {len(one) for one in hashes}:
        if number != HASH_BYTES:
            raise ProofWrong(f"a hash has {HASH_BYTES} bytes, not {number}")
