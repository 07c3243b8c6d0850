"""What milestones of the log begin with, as columns: when they happened, who said it, when it was recorded.

Belongs here: the columns by position, following the log, which milestones others speak of. Does not belong
here: postings (rows), what a milestone means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain import milestones as m
from domain.deal import message_identity
from domain.stored import CODEC, decode_head
from projections import queries
from projections.columns.texts import Texts

Array = NDArray[Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FETCHED: Final = 20_000
#: Bytes that a milestone takes, with an id of some twenty bytes.
BYTES: Final = 60
_SUBMITTED: Final = "order.submitted.v1"
_AMENDING: Final = frozenset({"milestone.corrected.v1", "milestone.voided.v1"})


class Heads(NamedTuple):
    """Milestones by position less one. instant: microseconds since 1970 UTC; effective: day number.

    source, topic: codes of texts. ends: of ids, in one text. first, recorded: of commits, the first position
    and the moment. amended: positions of milestones that others correct or void, in order; spoken: the first
    position of one that does. system: code of that which sent it; none until a product is mapped.
    """

    instant: Array
    effective: Array
    source: Array
    topic: Array
    ends: Array
    first: Array
    recorded: Array
    amended: Array
    spoken: Array
    system: Array

    @property
    def position(self) -> int:
        """How far they reach."""
        return len(self.instant)

    def amended_by(self, known: int) -> Array:
        """Milestones that others correct or void, as known by a position, in order."""
        return self.amended[self.spoken <= known]

    def recorded_at(self, positions: Array) -> Array:
        """When milestones were recorded, microseconds since 1970 UTC."""
        found: Array = self.recorded[np.searchsorted(self.first, positions, "right") - 1]
        return found


_KINDS: Final = (np.int64, np.int32, np.int32, np.int16, np.int64)
_MAPPED: Final = "product.mapped.v1"


class Log:
    """The heads of a log, which only grows. Only one thread may add; `heads` never changes once given out."""

    def __init__(self) -> None:
        self.sources = Texts()
        self.systems = Texts()
        self.topics = Texts()
        self._ids = bytearray()
        self._columns: list[Array] = [np.zeros(0, kind) for kind in _KINDS]
        #: What is spoken of, with the first position of one that does.
        self._amended: dict[int, int] = {}
        #: Orders submitted: position and order, in order.
        self.submitted: list[tuple[int, str]] = []
        #: The same, of what has not come in yet.
        self._awaited: dict[tuple[str, str], int] = {}
        none = np.zeros(0, np.int64)
        self.heads = Heads(*self._columns, *([none] * 5))

    def id_of(self, position: int) -> str:
        """The id of a milestone."""
        ends = self._columns[-1]
        begin = int(ends[position - 2]) if position > 1 else 0
        return self._ids[begin : int(ends[position - 1])].decode()

    def forward(self, connection: Connection[Any], upto: int) -> Heads | None:
        """Take in the log up to a position; None where not every position is there."""
        after = self.heads.position
        if after >= upto:
            return self.heads
        self._columns = [_roomy(column, after, upto) for column in self._columns]
        instants, effective, sources, topics, ends = self._columns
        del self._ids[int(ends[after - 1]) if after else 0 :]  # left over from where the connection broke
        place, targets, submitted = after, [], []
        source_codes, topic_codes = self.sources.code, self.topics.code
        for position, topic, state in _rows(connection, "columns_heads", after, upto):
            if position != place + 1:
                return None
            head = decode_head(state)
            self._ids += head.id.encode()
            instants[place], effective[place] = head.instant, head.effective
            sources[place], topics[place] = source_codes(head.source), topic_codes(topic)
            place += 1
            ends[place - 1] = len(self._ids)
            if self._awaited and (head.source, head.id) in self._awaited:
                self._amended[position] = self._awaited[head.source, head.id]
            if topic in _AMENDING:
                targets.append((position, _target(topic, state)))
            elif topic == _SUBMITTED:
                submitted.append((position, _order(topic, state)))
        if place != upto:
            return None
        self._await(connection, targets, upto)
        self.submitted += submitted
        first, recorded = self._commits(connection, upto)
        amended = np.array(sorted(self._amended), np.int64)
        spoken = np.array([self._amended[position] for position in sorted(self._amended)], np.int64)
        columns = [*(column[:upto] for column in self._columns), first, recorded, amended, spoken]
        columns.append(self._systems(connection, upto))
        self.heads = Heads(*columns)
        return self.heads

    def _systems(self, connection: Connection[Any], upto: int) -> Array:
        """Which systems sent milestones, where it is asked for: where products are mapped."""
        before = self.heads.system
        if self.topics.find(_MAPPED) is None:
            return before
        rows = _rows(connection, "columns_systems", len(before), upto)
        later = np.array([self.systems.code(system) for (system,) in rows], np.int32)
        return np.concatenate([before, later]).astype(np.int32)

    def _commits(self, connection: Connection[Any], upto: int) -> tuple[Array, Array]:
        first, recorded = self.heads.first, self.heads.recorded
        asked = {"after": int(first[-1]) if len(first) else 0, "upto": upto}
        rows = connection.execute(queries.statement("columns_commits"), asked).fetchall()
        moments = [(moment - _EPOCH) // _MICROSECOND for _, moment in rows]
        later = np.array([row[0] for row in rows], np.int64)
        return np.concatenate([first, later]), np.concatenate([recorded, np.array(moments, np.int64)])

    def _await(
        self, connection: Connection[Any], targets: Iterable[tuple[int, tuple[str, str]]], upto: int
    ) -> None:
        """Note what amendments speak of: what is there, and what may still come."""
        first: dict[tuple[str, str], int] = {}
        for position, target in targets:
            first.setdefault(target, position)
        wanted = {UUID(bytes=message_identity(*target)): target for target in first}
        if not wanted:
            return
        rows = connection.execute(
            queries.statement("columns_identities"), {"identities": [*wanted], "upto": upto}
        ).fetchall()
        for position, identity in rows:
            self._amended.setdefault(position, first[wanted.pop(identity)])
        for target in wanted.values():
            self._awaited.setdefault(target, first[target])

    @property
    def bytes(self) -> int:
        """What it takes."""
        return len(self._ids) + sum(column.nbytes for column in (*self._columns, *self.heads[5:]))


def _order(topic: str, state: bytes) -> str:
    said = CODEC.decode(topic, state)
    assert isinstance(said, m.OrderSubmitted), "a topic has one type"
    return said.order


def _target(topic: str, state: bytes) -> tuple[str, str]:
    said = CODEC.decode(topic, state)
    assert isinstance(said, (m.MilestoneCorrected, m.MilestoneVoided)), "only these speak of others"
    return said.target.source, said.target.id


def _roomy(column: Array, used: int, wanted: int) -> Array:
    """A column with room; what was given out keeps its own."""
    if wanted <= len(column):
        return column
    room = np.zeros(wanted if not used else wanted + wanted // 4, column.dtype)
    room[:used] = column[:used]
    return room


def _rows(connection: Connection[Any], name: str, after: int, upto: int) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement about the log after a position, in bounded pieces."""
    asked = {"after": after, "upto": upto}
    statement = queries.statement(name)
    if upto - after <= _FETCHED:
        with connection.cursor(binary=True) as cursor:
            yield from cursor.execute(statement, asked).fetchall()
        return
    with connection.transaction(), connection.cursor(name, binary=True) as named:
        named.execute(statement, asked)
        while rows := named.fetchmany(_FETCHED):
            yield from rows
