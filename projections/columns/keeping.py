"""The columns of one generation: loaded once, followed as facts come in, read by many threads.

Belongs here: what readers hold (a `State` that never changes), bringing it forward, how much memory it takes,
what is beyond exact. Does not belong here: threads, connections, settings (api), reports (answering).
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar

from psycopg import Connection

from projections.columns import heads as heads_
from projections.columns import loading
from projections.columns.bounds import Bounds
from projections.columns.deals import Dimension, Keys, Names
from projections.columns.heads import Heads, Log
from projections.columns.loading import Book, Items
from projections.columns.rows import Segment, joined, segment_of

AnyValue = TypeVar("AnyValue")

#: Bytes that a posting takes while it is read, with its part of what is known of deals; later about half.
LOADING_BYTES: Final = 120
#: Positions that a reader brings in itself; with more to come SQL answers sooner.
MOST_BEHIND: Final = 5_000


class TooLarge(MemoryError):
    """The journal does not fit into the memory that columns may take."""


class State(NamedTuple):
    """What readers hold: everything up to a position. Nothing in it is ever changed."""

    position: int
    segments: tuple[Segment, ...]
    keys: Keys
    names: Names
    dimensions: dict[str, Dimension]
    bounds: Bounds
    items: Items
    heads: Heads | None


class Columns:
    """A generation in memory. Readers take `state`; one thread at a time brings it forward."""

    def __init__(self, generation: int, book: Book, log: Log | None, state: State) -> None:
        self.generation = generation
        self.book = book
        self.log = log
        self.state = state
        #: Of arrays as long as the list of deals, and of what is small.
        self.memo = Memo(16)
        self.small = Memo(256)
        self.answers = Memo(128)
        #: What is open in all deals, some ten megabytes each.
        self.open = Memo(3)
        #: Ids of late renewals, by product and milestone: those never change.
        self.renewals: dict[tuple[int, int], str] = {}
        self._lock = Lock()

    @classmethod
    def load(cls, connection: Connection[Any], generation: int, most: int) -> Columns | None:
        """Read a generation; None where it is not there. most: bytes. Raises TooLarge."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return cls.within(connection, generation, most)

    @classmethod
    def within(
        cls, connection: Connection[Any], generation: int, most: int, log: Log | None = None
    ) -> Columns | None:
        """The same, in the caller's transaction, in which everything is seen as of one moment.

        log: where the heads of milestones are in memory already.
        """
        found = loading.size(connection, generation)
        if found is None:
            return None
        rows = max(found.rows, found.pages * 40 if not found.rows else 0)
        if rows * LOADING_BYTES > most:
            raise TooLarge(
                f"generation {generation} has about {rows:,} postings, whose columns take"
                f" {rows * LOADING_BYTES >> 20:,} MiB while they are read, of {most >> 20:,} MiB"
            )
        book = Book()
        loaded = loading.load(connection, generation, found, book)
        # reports do without the heads of milestones, what is open doesn't
        if log is None and rows * LOADING_BYTES + found.position * heads_.BYTES <= most:
            log = Log()
        heads = None if log is None else log.forward(connection, found.position)
        book.put_in_order()
        state = State(loaded.position, (loaded.segment,), *loaded[2:], heads)
        del loaded
        _give_back()
        return cls(generation, book, log, state)

    def alike(self, generation: int) -> Columns:
        """The columns of another generation whose tables say the same."""
        return Columns(generation, self.book, self.log, self.state)

    @property
    def size(self) -> int:
        """How many postings there are."""
        return sum(segment.size for segment in self.state.segments)

    @property
    def bytes(self) -> int:
        """What the arrays take; texts come on top of it."""
        state = self.state
        parts = [
            part.rows
            for segment in state.segments
            for both in segment.pairs.values()
            for part in both
            if part
        ]
        said = [column for own in state.dimensions.values() for column in (*own.base, *own.beside)]
        columns = [*state.keys, *state.names, *said, *(column for rows in parts for column in rows)]
        columns += state.items
        texts = self.book.labels.bytes + (0 if self.log is None else self.log.bytes)
        return texts + sum(column.nbytes for column in columns if column is not None)

    def at_least(self, connection: Connection[Any], position: int, most: int = MOST_BEHIND) -> State | None:
        """The state, brought to a position that the generation has reached; None where it is far behind."""
        state = self.state
        if state.position >= position:
            return state
        if position - state.position > most:
            return None
        with self._lock:
            if self.state.position < position:
                self.state = self._forward(connection, position)
            return self.state

    def _forward(self, connection: Connection[Any], position: int) -> State:
        state = self.state
        found = loading.later(
            connection, self.generation, state.position, position, self.book, state.keys, state.items
        )
        segments, bounds = list(state.segments), state.bounds
        if found.raw is not None:
            bounds = bounds.and_(found.raw)
            segments.append(segment_of([*found.raw]))
        dimensions = dict(state.dimensions)
        for name, said in found.said.items():
            before = dimensions.get(name, loading.NO_DIMENSION)
            dimensions[name] = before.with_(said, position)
        heads = None if self.log is None else self.log.forward(connection, position)
        return State(
            position, _settled(segments), found.keys, _with(state.names, found.names), dimensions, bounds,
            found.items, heads,
        )  # fmt: skip


def _give_back() -> None:
    """Let the system have the memory that reading took, where the C library knows how to."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _with(names: Names, later: Names) -> Names:
    return names.with_(*later) if len(later.deal) else names


def _settled(segments: list[Segment]) -> tuple[Segment, ...]:
    """Small ones joined, so that there are few: each is at least twice the one after it."""
    while len(segments) > 1 and segments[-2].size < 2 * segments[-1].size:
        segments[-2:] = [joined(segments[-2:])]
    return tuple(segments)


class Memo:
    """What was worked out last, by what it was worked out from. For several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any:
        """The value under a key; None where there is none."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value under a key, and forget what was asked for longest ago."""
        with self._lock:
            self._held[key] = value
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def of(self, key: Hashable, work_out: Callable[[], AnyValue]) -> AnyValue:
        """The value under a key, worked out where it is not there."""
        found: AnyValue | None = self.get(key)
        if found is None:
            found = work_out()
            self.put(key, found)
        return found
