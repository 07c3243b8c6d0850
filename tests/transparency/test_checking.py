"""Hashing the log again: the first milestone that is not what was hashed is named."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from adapters.transparency import checking
from adapters.transparency.tiles import Tree
from tests.transparency.conftest import Record, grow


@pytest.fixture
def grown(connection: Connection[Any], record: Record) -> Connection[Any]:
    record(600, each=50)
    grow(connection)
    return connection


def test_a_log_that_is_as_it_was_has_nothing_wrong(grown: Connection[Any]) -> None:
    assert checking.recheck(grown, 1, 600) is None
    assert checking.recheck(grown, 255, 258) is None
    assert checking.recheck(grown, 590, 5_000) is None
    assert checking.recheck_end(grown, Tree.now(grown)) is None
    assert checking.recheck_tiles(Tree.now(grown)) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE log SET state = state || '\\x00' WHERE position IN (17, 401)", "position 17 was changed"),
        ("UPDATE log_commit SET recorded_at = recorded_at + interval '1 microsecond' WHERE first = 51",
         "position 51 was changed"),
        ("UPDATE inbox SET body = body || '\\x20' WHERE id = 256", "that the milestone at position 256"),
        ("DELETE FROM log WHERE position = 257", "no whole milestone at position 257"),
        ("DELETE FROM inbox WHERE id = 300", "no whole milestone at position 300"),
        ("DELETE FROM log_commit WHERE first = 101", "recorded position 101"),
        ("UPDATE tree_tile SET hashes = set_byte(hashes, 320, 255 - get_byte(hashes, 320)) WHERE number = 1",
         "the tree's tile 0/1 was changed: the milestones are still"),
        ("DELETE FROM tree_tile WHERE number = 1", "tile 1 of level 0"),
    ],
)  # fmt: skip
def test_the_first_that_was_changed_is_named(
    grown: Connection[Any], owner: Connection[Any], change: str, named: str
) -> None:
    owner.execute(change.encode())
    finding = checking.recheck(grown, 1, 600)
    assert finding is not None
    assert named in finding


def test_a_leaf_that_was_changed_with_its_milestone_does_not_fit_the_tile_above(
    grown: Connection[Any], owner: Connection[Any]
) -> None:
    from adapters.transparency import entries
    from domain.merkle import leaf_hash

    owner.execute("UPDATE log SET version = 900 WHERE position = 5")
    [entry] = entries.entries(grown, 5, 5)
    owner.execute(
        "UPDATE tree_tile SET hashes = overlay(hashes placing %s from 129) WHERE level = 0 AND number = 0",
        (leaf_hash(entry),),
    )
    assert checking.recheck(grown, 1, 600) is None
    assert checking.recheck_tiles(Tree.now(grown)) == "tile 0 of level 0 of the tree was changed"


def test_an_end_that_is_gone_is_named(grown: Connection[Any], owner: Connection[Any]) -> None:
    owner.execute("DELETE FROM log WHERE position > 550")
    owner.execute("DELETE FROM log_commit WHERE first > 550")
    finding = checking.recheck_end(grown, Tree.now(grown))
    assert finding == (
        "the log ends at position 550, and 600 milestones had been recorded: the last ones are gone"
    )


@pytest.mark.parametrize(
    ("change", "tile"),
    [
        ("UPDATE tree_tile SET hashes = set_byte(hashes, 320, 255 - get_byte(hashes, 320)) WHERE number = 1",
         "0/1"),
        ("DELETE FROM tree_tile WHERE number = 1", "0/1"),
        ("UPDATE tree_state SET edge = set_byte(edge, 5, 255 - get_byte(edge, 5))", "0/2"),
        ("UPDATE tree_state SET edge = set_byte(edge, 88 * 32, 255 - get_byte(edge, 88 * 32))", "1/0"),
    ],
)  # fmt: skip
def test_a_changed_tile_is_not_blamed_on_a_milestone(
    grown: Connection[Any], owner: Connection[Any], record: Record, change: str, tile: str
) -> None:
    signed = Tree.now(grown).root()
    assert checking.recheck_whole(grown, Tree.now(grown), 600, signed) is None
    owner.execute(change.encode())
    finding = checking.recheck_whole(grown, Tree.now(grown), 600, signed)
    assert finding is not None
    assert finding.startswith(f"the tree's tile {tile} was changed: the milestones are still what was signed")


@pytest.mark.parametrize("position", [3, 300, 595])
def test_a_changed_milestone_is_not_blamed_on_a_tile(
    grown: Connection[Any], owner: Connection[Any], position: int
) -> None:
    signed = Tree.now(grown).root()
    owner.execute("UPDATE log SET version = 900 WHERE position = %s", (position,))
    finding = checking.recheck_whole(grown, Tree.now(grown), 600, signed)
    assert finding is not None
    assert f"position {position} was changed" in finding


def test_the_patrol_tells_a_changed_tile_from_a_changed_milestone(
    grown: Connection[Any], owner: Connection[Any]
) -> None:
    owner.execute(
        "UPDATE tree_tile SET hashes = set_byte(hashes, 7, 255 - get_byte(hashes, 7)) WHERE number = 0"
    )
    finding = checking.Patrol().step(grown)
    assert finding is not None
    assert "the tree's tile 0/0 was changed" in finding
