"""The decisions of the ledger taken again: stream, version and links follow from the milestones alone.

It is the ledger's own step (domain/recording) over a memory of its own, a temporary SQLite database that goes
to disk where it grows, so that a million milestones do not sit in memory. Belongs here: that memory, and one
batch after the other. Does not belong here: what is compared with what comes of it (api/proving).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from adapters.postgres.statements import statements
from domain.arrivals import Outcome, Prepared
from domain.deal import First, Recorded
from domain.placement import Forest
from domain.recording import Batch, Known, Rows, asked

_SQL: Final = {
    name: text.decode() for name, text in statements("replay", Path(__file__).parent / "sql").items()
}
#: Values that one question may hold.
_ASKED: Final = 10_000
#: Pages of 4 KiB that are held in memory.
_PAGES: Final = 16_000


class Decided(NamedTuple):
    """What a batch came to: the milestones that are new, all else that it leaves, and each item's outcome."""

    events: list[Recorded]
    rows: Rows
    outcomes: list[Outcome]


class Replay:
    """Takes the milestones of a log in their order. A context manager; for one thread."""

    def __init__(self) -> None:
        # without a name it is a file of nobody else, gone when it is closed
        self._memory = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = {_PAGES}"):
            self._memory.execute(f"PRAGMA {pragma}")
        for table in ("make_first", "make_key", "make_version", "make_place"):
            self._memory.execute(_SQL[table])
        self._memory.execute("BEGIN")
        self._forest = Forest()
        self._awaited: dict[bytes, list[int]] = {}
        self.head = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.close()

    def decide(self, items: Sequence[Prepared]) -> Decided:
        """Decide what comes next in the log. Every item has a milestone and its inbox row (`stored`)."""
        wanted = asked(items)
        identities = {*wanted.identities, *wanted.sequences}
        firsts: dict[bytes | None, First] = {
            row[0]: First(row[1], row[2], row[3]) for row in self._look_up("firsts", identities)
        }
        streams = dict(self._look_up("keys", wanted.keys))
        known = Known(self.head, 0, 0, 0, 0, firsts, streams, self._forest, {}, {}, self._awaited)
        batch = Batch(items, known)
        missing, _ = batch.missing(wanted)
        known.versions.update(self._look_up("versions", missing))
        events = [event for piece in batch.decide(len(items) or 1, set()) for event in piece]
        self._remember(events, batch.rows)
        return Decided(events, batch.rows, batch.outcomes)

    def _remember(self, events: Sequence[Recorded], rows: Rows) -> None:
        by_position = {event.position: event for event in events}
        firsts = [(event.identity, event.position, event.digest, event.stream) for event in events]
        for identity, position in rows.sequences:
            event = by_position[position]
            firsts.append((identity, position, event.digest, event.stream))
        add = self._memory.executemany
        add(_SQL["add_first"], firsts)
        add(_SQL["add_key"], ((key, stream) for key, stream, _ in rows.keys))
        add(_SQL["add_version"], {event.stream: event.version for event in events}.items())
        if events:
            self.head = events[-1].position

    def place(self, places: Iterable[tuple[int, int]]) -> None:
        """Remember where the lines of some messages stand; each is new."""
        self._memory.executemany(_SQL["add_place"], places)

    def places(self, inbox: Iterable[int]) -> dict[int, int]:
        """Where the lines of those of these messages stand that are known."""
        return dict(self._look_up("places", inbox))

    def _look_up(self, name: str, values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        listed = list(values)
        for start in range(0, len(listed), _ASKED):
            some = listed[start : start + _ASKED]
            text = _SQL[name].replace(":values", ", ".join("?" * len(some)))
            yield from self._memory.execute(text, some)
