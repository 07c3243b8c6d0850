"""Growing the tree behind the log: in batches of any size, by several at once, and after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from adapters.postgres import reading
from adapters.postgres.connections import channel_of, conninfo_for
from adapters.transparency import building, entries
from adapters.transparency.entries import LogChanged
from adapters.transparency.tiles import Tree, edge_of, grown, state, widths
from domain import leaves
from domain.ledger import Ledger
from domain.merkle import leaf_hash, root_of
from tests.api.running import ROOT, environment
from tests.ingest.messages import ready, stream_of_events
from tests.transparency.conftest import Record, grow


def leaves_of(connection: Connection[Any]) -> list[bytes]:
    """The leaves, put together one by one from what the application shows of each milestone."""
    found = []
    for position in range(1, reading.head(connection) + 1):
        one = reading.milestone(connection, position)
        assert one is not None
        payload = one.payload
        accepted = leaves.accepted_digest(
            payload.id,
            micro(payload.received_at),
            payload.source,
            payload.content_type,
            payload.headers,
            payload.mapping,
            sha256(payload.body).digest(),
        )
        found.append(
            leaves.entry(
                position,
                micro(one.recorded_at),
                one.row.stream,
                one.row.version,
                one.row.topic,
                one.identity.bytes,
                one.digest,
                one.row.state,
                accepted,
            )
        )
    return found


def micro(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_each_leaf_is_what_the_application_shows_of_its_milestone(
    connection: Connection[Any], record: Record
) -> None:
    record(30, each=7)
    expected = leaves_of(connection)
    assert list(entries.entries(connection, 1, 30)) == expected
    assert list(entries.entries(connection, 8, 9)) == expected[7:9]
    assert list(entries.entries(connection, 31, 30)) == []


def test_messages_that_stand_far_apart_are_read_as_well(
    connection: Connection[Any], owner: Connection[Any], record: Record
) -> None:
    # as after a quarantined message was read again
    record(12, each=12)
    owner.execute("UPDATE inbox SET id = 5000 WHERE id = 3")
    owner.execute("UPDATE log SET inbox = 5000 WHERE inbox = 3")
    assert list(entries.entries(connection, 1, 12)) == leaves_of(connection)


def test_a_milestone_that_another_mapping_made_says_so(
    connection: Connection[Any], owner: Connection[Any], record: Record
) -> None:
    record(3)
    before = list(entries.entries(connection, 1, 3))
    owner.execute("INSERT INTO remapped (position, mapping) VALUES (2, 'hubspot@2/acme')")
    after = list(entries.entries(connection, 1, 3))
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert after == leaves_of(connection)


@pytest.mark.parametrize("limit", [1, 7, 255, 256, 257, 10_000])
def test_the_tree_is_the_same_whatever_the_batches_were(
    connection: Connection[Any], record: Record, limit: int
) -> None:
    record(600 if limit > 7 else 300, each=130)
    grow(connection, limit)
    hashes = [leaf_hash(one) for one in leaves_of(connection)]
    tree = Tree.now(connection)
    assert tree.size == len(hashes)
    for size in (0, 1, 2, 255, 256, 257, 299, len(hashes)):
        assert tree.root(size) == root_of(hashes[:size])


@given(st.lists(st.integers(0, 700), max_size=8))
def test_tiles_hold_what_the_definition_says(parts: list[int]) -> None:
    leaves_ = [sha256(n.to_bytes(4, "big")).digest() for n in range(sum(parts))]
    size, edge = 0, b""
    kept: dict[tuple[int, int], bytes] = {}
    for part in parts:
        size, edge, tiles = grown(size, edge, leaves_[size : size + part])
        for level, number, hashes in tiles:
            assert (level, number) not in kept, "a full tile is never written again"
            assert len(hashes) == 8192
            kept[level, number] = hashes
    assert size == len(leaves_)
    partial = edge_of(size, edge)
    assert [len(row) for row in partial] == widths(size)
    level0 = b"".join(kept[0, n] for n in range(size // 256)) + b"".join(partial[0] if partial else [])
    assert level0 == b"".join(leaves_)
    level1 = [root_of(leaves_[n * 256 : n * 256 + 256]) for n in range(size // 256)]
    full = b"".join(kept[1, n] for n in range(len(level1) // 256))
    assert full + b"".join(partial[1] if len(partial) > 1 else []) == b"".join(level1)


def test_a_size_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    _, edge, tiles = grown(0, b"", [bytes(32)] * 70_000)
    assert [sum(level == wanted for level, *_ in tiles) for wanted in (0, 1, 2)] == [273, 1, 0]
    assert widths(70_000) == [112, 17, 1]
    assert len(edge) == (112 + 17 + 1) * 32


def test_nothing_new_adds_nothing(connection: Connection[Any], record: Record) -> None:
    assert building.build(connection) == 0
    record(5)
    assert building.build(connection) == 5
    assert building.build(connection) == 0


def test_several_builders_at_once_add_each_leaf_once(
    database_url: str, schema: str, connection: Connection[Any], record: Record
) -> None:
    record(900, each=90)
    conninfo = conninfo_for(database_url, schema, application_name="cairn test")
    failed: list[BaseException] = []

    def build() -> None:
        try:
            with psycopg.connect(conninfo, autocommit=True) as own:
                assert building.catch_up(own, 900, 20)
        except Exception as error:  # noqa: BLE001 - it is told below
            failed.append(error)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Tree.now(connection).root() == root_of([leaf_hash(one) for one in leaves_of(connection)])


def test_a_log_that_has_lost_its_end_stops_the_builder(
    connection: Connection[Any], owner: Connection[Any], record: Record
) -> None:
    record(10, each=5)
    grow(connection)
    owner.execute("DELETE FROM log WHERE position > 5")
    owner.execute("DELETE FROM log_commit WHERE first > 5")
    with pytest.raises(LogChanged, match="ends at position 5, and 10"):
        building.build(connection)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM log WHERE position = 7",
        "DELETE FROM inbox WHERE id = 7",
        "DELETE FROM log_commit WHERE first = 6",
        "UPDATE log SET digest = 'short' WHERE position = 7",
        "UPDATE inbox SET digest = '' WHERE id = 7",
    ],
)
def test_a_hole_in_the_log_stops_the_builder(
    connection: Connection[Any], owner: Connection[Any], record: Record, change: str
) -> None:
    record(15, each=5)
    owner.execute(change.encode())
    with pytest.raises(LogChanged):
        building.build(connection)
    assert state(connection) == (0, b"")


_BUILDER = """
import sys, psycopg
from adapters import faults
from adapters.postgres.connections import conninfo_for
from adapters.transparency import building
url, schema, label, nth = sys.argv[1:]
faults.arm(label, int(nth), others=[label])
with psycopg.connect(conninfo_for(url, schema, application_name="cairn test"), autocommit=True) as connection:
    while building.build(connection, 300):
        pass
"""


@pytest.mark.parametrize("label", ["before_tree_commit", "after_tree_commit"])
def test_a_builder_that_is_killed_leaves_a_tree_that_goes_on(
    database_url: str, schema: str, connection: Connection[Any], record: Record, label: str
) -> None:
    record(1_000)
    done = subprocess.run(
        [sys.executable, "-c", _BUILDER, database_url, schema, label, "2"],
        env=environment(),
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    assert state(connection)[0] == (300 if label == "before_tree_commit" else 600)
    grow(connection)
    tree = Tree.now(connection)
    assert tree.root() == root_of([leaf_hash(one) for one in leaves_of(connection)])


def test_the_builder_follows_the_log(
    database_url: str, schema: str, connection: Connection[Any], ledger: Ledger
) -> None:
    stop = threading.Event()
    rounds: list[int] = []
    conninfo = conninfo_for(database_url, schema, application_name="cairn test")
    thread = threading.Thread(
        target=building.run,
        args=(
            lambda: psycopg.connect(conninfo, autocommit=True),
            channel_of(schema),
            stop,
            lambda own: rounds.append(state(own)[0]),
        ),
    )
    thread.start()
    try:
        for number in range(3):
            ledger.record(ready(ledger, *stream_of_events(10, tag=f"n{number}")))
            for _ in range(500):
                if state(connection)[0] == 10 * (number + 1):
                    break
                stop.wait(0.02)
            assert state(connection)[0] == 10 * (number + 1)
    finally:
        stop.set()
        thread.join(20)
    assert rounds[-1] == 30


def test_the_application_changes_no_tile_and_nothing_that_was_signed(
    connection: Connection[Any], record: Record
) -> None:
    record(300)
    grow(connection)
    for statement in (
        "UPDATE tree_tile SET hashes = hashes",
        "DELETE FROM tree_tile",
        "UPDATE tree_checkpoint SET size = 1",
        "DELETE FROM tree_checkpoint",
        "UPDATE tree_key SET from_size = 1",
        "DELETE FROM tree_key",
        "INSERT INTO tree_mark (mark, only_one) VALUES ('x', true)",
        "UPDATE tree_mark SET mark = 'x'",
        "DELETE FROM tree_state",
        "INSERT INTO tree_state (size, edge) VALUES (0, '')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
