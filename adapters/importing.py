"""Importing files: records of a source, read in a stream, recorded in batches, counted by their outcomes.

Belongs here: the loop of `cairn ingest` and its summary. Does not belong here: how a file is cut into records
(adapters/sources), how a batch is written (`intake`).

An import that broke off is started again as it was: what is recorded is a duplicate then and leaves nothing,
what is in conflict or in quarantine is kept already, so it ends in the same log as an undisturbed one.
"""

import gc
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.intake import Intake
from adapters.laying import lay_off_on_disk
from adapters.preparing import Preparation, now
from adapters.readers import Readers
from adapters.sources import Record, Source
from adapters.sources.packed import shown, size_below
from adapters.sources.remarks import listening
from domain.arrivals import Outcome, OutcomeName

#: Records made ready together and written in one transaction.
BATCH: Final = 5_000
#: Bytes of records from which a batch is full before it has so many.
BATCH_BYTES: Final = 32 * 2**20
#: Batches that may be under way: one is being written while the next is made ready.
UNDER_WAY: Final = 2
#: Bytes from which reading in processes of their own pays, and how many there are at most.
WORTH_READERS: Final = 16 * 2**20
MOST_READERS: Final = 3


#: What a record of several milestones counts as: the first of these that one of them is.
PRECEDENCE: Final[tuple[OutcomeName, ...]] = (
    "quarantined", "waiting", "recorded", "conflict", "duplicate",
)  # fmt: skip


@dataclass
class Summary:
    """What came in and what became of it.

    records: read. Each is one of: recorded, duplicate, conflict, ignored (by reason), quarantined (by the
    code of its first reason), waiting (for a record that it points to). A record of several milestones counts
    as recorded if one of them is, else as conflict if one is. milestones: (type, outcome) to their number.
    first, last: positions recorded. read: bytes on disk, as far as these records reach; 0 where unknown.
    remarks: what is to be said of the files beside.
    """

    records: int = 0
    recorded: int = 0
    duplicate: int = 0
    conflict: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    milestones: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None
    read: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def is_lost(self) -> bool:
        """Whether there were records, and none of them was understood."""
        return 0 < self.records == self.quarantined.total()

    @property
    def is_whole(self) -> bool:
        """Whether every record is accounted for."""
        settled = self.recorded + self.duplicate + self.conflict + self.waiting
        return self.records == settled + self.ignored.total() + self.quarantined.total()

    def count(self, records: Sequence[Preparation], outcomes: Sequence[Outcome]) -> None:
        """Add records that came to these outcomes, all their items in order."""
        self.records += len(records)
        start = 0
        for items, ignored in records:
            if ignored is not None:
                self.ignored[ignored] += 1
                start += len(items)
            elif len(items) == 1:
                self._count_one(outcomes[start].outcome, outcomes[start])
                start += 1
            else:
                found = outcomes[start : start + len(items)]
                names = {outcome.outcome for outcome in found}
                self._count_one(next(name for name in PRECEDENCE if name in names), found[0])
                start += len(items)
        types = [item.type or "" for record in records for item in record.items]
        told = zip(types, [outcome.outcome for outcome in outcomes], strict=True)
        self.milestones.update(one for one in told if one[1] != "ignored")
        recorded = [outcome.position for outcome in outcomes if outcome.outcome == "recorded"]
        if recorded:
            self.first = recorded[0] if self.first is None else self.first
            self.last = recorded[-1]

    def add(self, later: "Summary") -> None:
        """Take in what came after this."""
        self.records += later.records
        self.recorded += later.recorded
        self.duplicate += later.duplicate
        self.conflict += later.conflict
        self.waiting += later.waiting
        self.ignored += later.ignored
        self.quarantined += later.quarantined
        self.milestones += later.milestones
        self.first = self.first if self.first is not None else later.first
        self.last = later.last if later.last is not None else self.last
        self.remarks += later.remarks

    def _count_one(self, name: OutcomeName, outcome: Outcome) -> None:
        if name == "recorded":
            self.recorded += 1
        elif name == "duplicate":
            self.duplicate += 1
        elif name == "conflict":
            self.conflict += 1
        elif name == "waiting":
            self.waiting += 1
        else:
            self.quarantined[outcome.reasons[0].code] += 1


@dataclass
class _UnderWay:
    """A batch that is being written: its records in order, and where their outcomes will be."""

    records: list[Preparation]
    answer: "Future[list[Outcome]]"
    read: int = 0

    def settle(self, summary: Summary) -> None:
        """Wait for its commit and count it."""
        summary.count(self.records, self.answer.result())
        summary.read = max(summary.read, self.read)


def import_path(
    intake: Intake,
    path: Path,
    source: Source,
    instance: str,
    *,
    progress: Callable[[Summary], None] | None = None,
    batch: int = BATCH,
    readers: int | None = None,
) -> Summary:
    """Import a file, or all files of a folder, of one source system; durable up to each progress call.

    What is rightly ignored is kept where the intake keeps it. instance: the firm's copy of the system, e.g.
    `acme`; a canonical source names it itself. progress: called after each batch. readers: processes that
    read; by default some for large files. Raises FileNotFoundError; ValueError for an instance that can't
    name one; ReaderFailed; eventsourcing.persistence.PersistenceError where the log can't be written.
    """
    summary = Summary()
    under_way: list[_UnderWay] = []
    processes = _readers_for(path) if readers is None else readers
    lay_off_on_disk()
    with _eager_switching(), listening(summary.remarks):
        reads: deque[int] = deque()
        batches = _batches(source.records(path), batch, reads)
        for prepared in _prepared(intake, batches, source, instance, processes):
            records = prepared if intake.keeps_ignored else _without_ignored(prepared)
            items = [item for preparation in records for item in preparation.items]
            under_way.append(_UnderWay(records, intake.submit(items), reads.popleft()))
            if len(under_way) >= UNDER_WAY:
                under_way.pop(0).settle(summary)
                if progress is not None:
                    progress(summary)
        for rest in under_way:
            rest.settle(summary)
            if progress is not None:
                progress(summary)
    assert summary.is_whole, "every record is accounted for"
    if not summary.records:
        summary.remarks.append(f"{shown(path.name)}: holds no record")
    return summary


def _without_ignored(records: list[Preparation]) -> list[Preparation]:
    """The same records, those that are rightly ignored without their bytes."""
    return [one if one.ignored is None else Preparation([], one.ignored) for one in records]


def _prepared(
    intake: Intake, batches: Iterator[tuple[list[bytes], int]], source: Source, instance: str, processes: int
) -> Iterator[list[Preparation]]:
    """The records in batches, made ready here or by readers."""
    if processes:
        marks = None if intake.personal is None else intake.personal.marks
        with Readers(intake.ledger, source, instance, processes, marks=marks) as readers:
            yield from readers.prepare(batches)
        return
    for payloads, received_at in batches:
        yield [
            intake.prepare_record(source, payload, instance, received_at=received_at) for payload in payloads
        ]


def _batches(records: Iterator[Record], size: int, reads: deque[int]) -> Iterator[tuple[list[bytes], int]]:
    """(payloads, when they were accepted); how far the files were read goes to `reads`, batch by batch."""
    while found := _batch(records, size):
        reads.append(found[-1].read)
        yield [record.payload for record in found], now()


def _batch(records: Iterator[Record], size: int) -> list[Record]:
    """The next records: `size` of them, or fewer where they are long."""
    found: list[Record] = []
    length = 0
    for record in records:
        found.append(record)
        length += len(record.payload)
        if len(found) == size or length >= BATCH_BYTES:
            break
    return found


def _readers_for(path: Path) -> int:
    """How many processes read: none for what is read faster than they start, or on a single core."""
    cores = os.cpu_count() or 1
    size = size_below(path)
    return 0 if size < WORTH_READERS or cores < 2 else min(cores, MOST_READERS)


@contextmanager
def _eager_switching() -> Iterator[None]:
    """Let the writer's thread in at once: it waits for the server most of the time, the reader never does.

    And look for garbage cycles rarely: a batch has none, and looking through all of its objects is dear.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(0.0002)
    gc.set_threshold(50_000, *thresholds[1:])
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
