"""Growing the tree behind the log: batches of milestones, each in one transaction.

A batch reads what is committed after the tree's end, writes its full tiles and the new right edge, and
commits; a process that is killed leaves either all of it or nothing. Whoever holds the row of the tree's
state adds to it; a second builder finds it held and leaves it alone. Appends wait for none of this.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Any, Final

import psycopg
from psycopg import Connection

from adapters import faults
from adapters.postgres.statements import statements
from adapters.transparency import entries, signing
from adapters.transparency.entries import LogChanged
from adapters.transparency.tiles import Tree, grown, state
from domain.merkle import leaf_hash

_log: Final = logging.getLogger(__name__)
_SQL: Final = statements("transparency")

BATCH: Final = 8_192
POLL_SECONDS: Final = 1.0
#: How long a notification is let to gather company before the next batch.
GATHER_SECONDS: Final = 0.25
#: Seconds that are left to those who append, at most, after a batch of the tree.
MOST_YIELD: Final = 0.5
#: How often it is told again that the log was changed.
TELL_SECONDS: Final = 60.0

Connect = Callable[[], Connection[Any]]


def build(connection: Connection[Any], limit: int = BATCH) -> int:
    """Add at most so many leaves: their number; 0 where there are none, or where another builder is at work.

    Raises LogChanged where the log does not hold what it must.
    """
    with connection.transaction():
        row = connection.execute(_SQL["lock_state_or_leave"]).fetchone()
        if row is None:
            state(connection)  # raises where there is none
            return 0
        size, edge = int(row[0]), bytes(row[1])
        head = entries.head(connection)
        if head < size:
            raise entries.too_short(head, size)
        last = min(head, size + limit)
        if last == size:
            return 0
        _check_signed(connection, Tree(connection, size, edge))
        leaves = [leaf_hash(one) for one in entries.entries(connection, size + 1, last)]
        added = grown(size, edge, leaves)
        if added.tiles:
            levels, numbers, tiles = (list(column) for column in zip(*added.tiles, strict=True))
            asked = {"levels": levels, "numbers": numbers, "tiles": tiles}
            connection.execute(_SQL["insert_tiles"], asked)
        connection.execute(_SQL["grow"], {"size": added.size, "edge": added.edge})
        faults.reach("before_tree_commit")
    faults.reach("after_tree_commit")
    return len(leaves)


def _check_signed(connection: Connection[Any], tree: Tree) -> None:
    """Check that a tree that is to grow is what was signed last. Raises LogChanged.

    One that is smaller may grow: whether it comes to the same is seen before anything is signed.
    """
    last = signing.newest(connection)
    if last is not None and 0 < last.size <= tree.size and tree.root(last.size) != last.root:
        raise LogChanged(
            f"the tree is not added to: its first {last.size} leaves are not what was signed;"
            " cairn checkpoint --recheck says whether the log or the tree was changed"
        )


def catch_up(connection: Connection[Any], upto: int, patience: float) -> bool:
    """Build until the tree holds a position: whether it does within so many seconds. Raises LogChanged."""
    until = time.monotonic() + patience
    while state(connection)[0] < upto:
        if not build(connection) and time.monotonic() < until:
            time.sleep(0.02)  # another builder is at it
        if time.monotonic() >= until:
            return state(connection)[0] >= upto
    return True


def run(
    connect: Connect, log_channel: str, stop: Event, each_round: Callable[[Connection[Any]], None]
) -> None:
    """Build until `stop` is set. A lost connection is made again; an error is logged and tried again.

    each_round: called whenever the tree has caught up with the log, and at every poll.
    """
    wait = 0.1
    while not stop.is_set():
        try:
            with connect() as connection, connect() as listener:
                entries.prepare(connection)
                listener.execute(f'LISTEN "{log_channel}"')
                while not stop.is_set():
                    _build_all(connection, stop)
                    each_round(connection)
                    wait = 0.1
                    _await_news(listener, stop)
        except (psycopg.Error, OSError) as error:
            if stop.is_set():
                return
            _log.warning(
                "the builder of the tree lost its database (%s); trying again in %.1f s", error, wait
            )
            stop.wait(wait)
            wait = min(wait * 2, 5.0)
        except Exception:  # noqa: BLE001 - it must not stop for good
            _log.exception("the builder of the tree failed on a batch; trying again in %.1f s", wait)
            stop.wait(wait)
            wait = min(wait * 2, 30.0)


def _build_all(connection: Connection[Any], stop: Event) -> None:
    """Build until the tree holds the whole log, or the log turns out to have been changed."""
    try:
        head = entries.head(connection)
        while not stop.is_set():
            begun = time.monotonic()
            if not build(connection):
                return
            before, head = head, entries.head(connection)
            if head > before:
                # somebody is appending: they go first, and the tree can wait
                stop.wait(min(time.monotonic() - begun, MOST_YIELD))
    except LogChanged as found:
        _log.error("the transparency log has stopped: %s", found)
        signing.note_refusal(connection, str(found))
        stop.wait(TELL_SECONDS)


def _await_news(listener: Connection[Any], stop: Event) -> None:
    """Return at a notification, at the latest after the poll interval."""
    until = time.monotonic() + POLL_SECONDS
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        for _ in listener.notifies(timeout=min(left, 0.1), stop_after=1):
            # more is likely to follow: one batch of many costs less than many of one
            stop.wait(GATHER_SECONDS)
            return
