"""Merkle trees: the published vectors, the RFC's own shapes, and the laws that proofs keep."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.merkle import (
    EMPTY_ROOT,
    ProofWrong,
    RightEdge,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    perfect_root,
    root_at,
    root_of,
)

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "conformance" / "merkle"

#: The eight leaves of the reference tests of Certificate Transparency, and the roots over the first 1 to 8.
LEAVES = [
    bytes.fromhex(one)
    for one in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def vectors(kind: str) -> list[Any]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    if not files:
        reason = pytest.mark.skip(reason=f"the shared vectors are not there: {VECTORS / kind}")
        return [pytest.param({}, marks=reason, id="none")]
    return [
        pytest.param(json.loads(path.read_text()), id=f"{path.parent.name}-{path.stem}") for path in files
    ]


def decoded(proof: list[str] | None) -> list[bytes]:
    return [b64decode(one) for one in proof or ()]


def tree(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


class Tree:
    """A tree whose every leaf is at hand, worked out as RFC 9162 (2.1.1) defines it."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def hash_at(self, level: int, index: int) -> bytes:
        return self.root(index << level, (index + 1) << level)

    def root(self, start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(self.leaves), "only what is within the tree is asked for"
        if end == start:
            return sha256(b"").digest()
        if end - start == 1:
            return self.leaves[start]
        k = 1
        while k * 2 < end - start:
            k *= 2
        return node_hash(self.root(start, start + k), self.root(start + k, end))


@pytest.mark.parametrize("case", vectors("inclusion"))
def test_the_published_inclusion_cases_come_out_as_they_should(case: dict[str, Any]) -> None:
    def check() -> None:
        check_inclusion(
            b64decode(case["leafHash"]),
            case["leafIdx"],
            case["treeSize"],
            decoded(case["proof"]),
            b64decode(case["root"]),
        )

    if case["wantErr"]:
        with pytest.raises(ProofWrong):
            check()
    else:
        check()


@pytest.mark.parametrize("case", vectors("consistency"))
def test_the_published_consistency_cases_come_out_as_they_should(case: dict[str, Any]) -> None:
    def check() -> None:
        check_consistency(
            case["size1"],
            case["size2"],
            decoded(case["proof"]),
            b64decode(case["root1"]),
            b64decode(case["root2"]),
        )

    if case["wantErr"]:
        with pytest.raises(ProofWrong):
            check()
    else:
        check()


def test_the_roots_of_the_reference_leaves_are_the_published_ones() -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES]
    assert [root_of(hashes[: n + 1]).hex() for n in range(8)] == ROOTS
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_empty_tree_has_the_hash_of_nothing_as_its_root() -> None:
    assert root_of([]) == EMPTY_ROOT == root_at(Tree([]).hash_at, 0)


def test_a_leaf_never_passes_for_a_node() -> None:
    left, right = tree(2)
    assert leaf_hash(left + right) != node_hash(left, right)


def test_only_a_power_of_two_of_hashes_is_a_perfect_tree() -> None:
    assert perfect_root(tree(256)) == root_of(tree(256))
    for count in (0, 3, 255):
        with pytest.raises(ValueError):
            perfect_root(tree(count))


def test_every_proof_of_every_small_tree_is_the_one_of_the_definition() -> None:
    leaves = tree(40)
    whole = Tree(leaves)
    roots = [whole.root(0, size) for size in range(41)]
    for size in range(1, 41):
        assert root_at(whole.hash_at, size) == root_of(leaves[:size]) == roots[size]
        for index in range(size):
            proof = inclusion_proof(whole.hash_at, index, size)
            check_inclusion(leaves[index], index, size, proof, roots[size])
        for first in range(size + 1):
            proof = consistency_proof(whole.hash_at, first, size)
            check_consistency(first, size, proof, roots[first], roots[size])


sizes = st.integers(1, 300)


@st.composite
def included(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(sizes)
    return draw(st.integers(0, size - 1)), size


@st.composite
def grown(draw: st.DrawFn) -> tuple[int, int]:
    second = draw(st.integers(2, 300))
    return draw(st.integers(1, second - 1)), second


@given(included(), st.data())
def test_an_inclusion_proof_that_is_changed_in_any_way_is_refused(
    where: tuple[int, int], data: st.DataObject
) -> None:
    index, size = where
    leaves = tree(size)
    root = root_of(leaves)
    proof = inclusion_proof(Tree(leaves).hash_at, index, size)
    check_inclusion(leaves[index], index, size, proof, root)
    inputs = [leaves[index], *proof, root]
    chosen, bit = data.draw(st.integers(0, len(inputs) - 1)), data.draw(st.integers(0, 255))
    inputs[chosen] = (int.from_bytes(inputs[chosen], "big") ^ (1 << bit)).to_bytes(32, "big")
    with pytest.raises(ProofWrong):
        check_inclusion(inputs[0], index, size, inputs[1:-1], inputs[-1])
    other = data.draw(st.integers(-1, size + 1).filter(lambda n: n != index))
    with pytest.raises(ProofWrong):
        check_inclusion(leaves[index], other, size, proof, root)
    with pytest.raises(ProofWrong):
        check_inclusion(leaves[index], index, size, [*proof, root], root)
    if proof:
        with pytest.raises(ProofWrong):
            check_inclusion(leaves[index], index, size, proof[:-1], root)
    if len(proof) > 1:
        with pytest.raises(ProofWrong):
            check_inclusion(leaves[index], index, size, proof[::-1], root)


@given(grown(), st.data())
def test_a_consistency_proof_that_is_changed_in_any_way_is_refused(
    where: tuple[int, int], data: st.DataObject
) -> None:
    first, second = where
    leaves = tree(second)
    root1, root2 = root_of(leaves[:first]), root_of(leaves)
    proof = consistency_proof(Tree(leaves).hash_at, first, second)
    check_consistency(first, second, proof, root1, root2)
    inputs = [root1, *proof, root2]
    chosen, bit = data.draw(st.integers(0, len(inputs) - 1)), data.draw(st.integers(0, 255))
    inputs[chosen] = (int.from_bytes(inputs[chosen], "big") ^ (1 << bit)).to_bytes(32, "big")
    with pytest.raises(ProofWrong):
        check_consistency(first, second, inputs[1:-1], inputs[0], inputs[-1])
    with pytest.raises(ProofWrong):
        check_consistency(first, second, proof, root2, root1)
    with pytest.raises(ProofWrong):
        check_consistency(first, second, proof[:-1], root1, root2)
    with pytest.raises(ProofWrong):
        check_consistency(first, second, [*proof, root2], root1, root2)
    with pytest.raises(ProofWrong):
        check_consistency(second, first, proof, root1, root2)


@given(grown(), st.data())
def test_a_tree_with_a_changed_past_has_no_consistency_proof(
    where: tuple[int, int], data: st.DataObject
) -> None:
    first, second = where
    honest, forged = tree(second), tree(second)
    forged[data.draw(st.integers(0, first - 1))] = leaf_hash(b"forged")
    proof = consistency_proof(Tree(forged).hash_at, first, second)
    with pytest.raises(ProofWrong):
        check_consistency(first, second, proof, root_of(honest[:first]), root_of(forged))


@given(sizes)
def test_the_right_edge_grows_to_the_same_root_however_it_began(size: int) -> None:
    leaves = tree(size)
    edge = RightEdge(leaves[: size // 2])
    for leaf in leaves[size // 2 :]:
        edge.append(leaf)
    assert (edge.size, edge.root()) == (size, root_of(leaves))
    assert len(edge.hashes) == size.bit_count()


def test_what_can_not_be_proved_is_not_tried() -> None:
    hash_at = Tree(tree(4)).hash_at
    for index, size in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(ValueError):
            inclusion_proof(hash_at, index, size)
    for first, second in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError):
            consistency_proof(hash_at, first, second)
