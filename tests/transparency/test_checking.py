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
         "position 267 was changed"),
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
