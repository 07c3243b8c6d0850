"""A tree whose tiles were changed: it is not added to, and made anew only where it is what was signed."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from adapters.transparency import building, history, rebuilding, signing
from adapters.transparency.entries import LogChanged
from adapters.transparency.keys import Signer
from adapters.transparency.signing import Tampered
from adapters.transparency.tiles import Tree, state
from tests.transparency.conftest import Record, grow

FLIP = "UPDATE tree_state SET edge = set_byte(edge, 5, 255 - get_byte(edge, 5))"


@pytest.fixture
def root(connection: Connection[Any], record: Record, signer: Signer) -> bytes:
    """Of a tree of 600, signed, and 10 milestones behind it that are not in the tree."""
    record(600, each=50)
    grow(connection)
    made = signing.sign(connection, signer)
    record(10)
    return made.root


@pytest.mark.usefixtures("root")
def test_a_tree_that_denies_what_was_signed_is_not_added_to(
    connection: Connection[Any], owner: Connection[Any]
) -> None:
    before = state(connection)
    owner.execute(FLIP)
    with pytest.raises(LogChanged, match=r"first 600 leaves are not what was signed; .* --recheck"):
        building.build(connection)
    assert state(connection)[0] == before[0]


@pytest.mark.parametrize(
    "change", [FLIP, "DELETE FROM tree_tile", "UPDATE tree_tile SET hashes = '' || hashes"]
)
def test_a_tree_is_made_anew_from_the_log(
    connection: Connection[Any], owner: Connection[Any], root: bytes, signer: Signer, change: str
) -> None:
    owner.execute(change.encode())
    assert rebuilding.rebuild(owner, signer) == 610
    assert Tree.now(connection).root(600) == root
    assert signing.sign(connection, signer).size == 610
    assert history.check(connection, signer) == 2


@pytest.mark.usefixtures("root")
def test_a_tree_that_is_not_what_was_signed_is_not_taken(
    connection: Connection[Any], owner: Connection[Any], signer: Signer
) -> None:
    before = state(connection)
    owner.execute("UPDATE log SET version = 900 WHERE position = 17")
    with pytest.raises(Tampered, match="rewritten"):
        rebuilding.rebuild(owner, signer)
    assert state(connection) == before
    assert Tree.now(connection).root()
    owner.execute("DELETE FROM tree_checkpoint")
    with pytest.raises(Tampered, match="no checkpoint is kept"):
        rebuilding.rebuild(owner, signer)
    assert state(connection) == before
