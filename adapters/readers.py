"""Reading records in processes of their own, so that an import uses more than one core.

Belongs here: starting those processes, and what goes to and fro: payloads there, prepared messages back. Does
not belong here: how a record is read (`preparing`), or what becomes of it (`importing`).

A reader is a plain child process that answers one batch at a time on its standard streams, and ends when they
close, however its parent ended. It holds no connection to the database.
"""

import gc
import json
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Final, NamedTuple, Self, TypeAlias, cast

import msgspec
from msgspec.structs import astuple
from msgspec.structs import force_setattr as set_

from adapters.personal.marking import Marks, Told
from adapters.preparing import Preparation, Preparer
from adapters.sources import SOURCES, MappedSource, Source
from domain.arrivals import Accepted, Arrival, Fetch, Prepared
from domain.ledger import Ledger, MilestoneMapper
from domain.refusals import Reason

_CODE: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from adapters.readers import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)
_LENGTH_BYTES: Final = 8
#: Batches that a reader has at a time: one it works on, and its next.
AHEAD: Final = 2
_ENDED: Final = "a process that reads records ended early; start the import again"


class ReaderFailed(RuntimeError):
    """A reading process ended before its work was done."""


class _Task(msgspec.Struct, array_like=True):
    payloads: list[bytes]
    received_at: int


class _Arrival(Arrival, frozen=True, array_like=True, gc=False):
    """An Arrival without the names of its fields, as it goes from process to process."""


class _Accepted(Accepted, frozen=True, array_like=True, gc=False):
    """Accepted bytes, likewise; the bytes themselves stay where they were read from the file, unless tokens
    stand in them now."""


#: A Prepared without its accepted bytes, which it shares with the other milestones of its record: arrival,
#: reasons, source, event_id, type, needed, ignored.
_Item: TypeAlias = tuple[
    _Arrival | None, tuple[Reason, ...], str | None, str | None, str | None, tuple[Fetch, ...], str | None
]
#: What one payload came to: its accepted bytes; whether their row ended with them, and comes without; the
#: items; the reason where the record is ignored.
_Answer: TypeAlias = tuple[_Accepted, bool, list[_Item], str | None]

_tasks: Final = msgspec.msgpack.Decoder(_Task)
_answers: Final = msgspec.msgpack.Decoder(list[_Answer])
_encoder: Final = msgspec.msgpack.Encoder()


class _Reader(NamedTuple):
    """A reading process. giving, taking: a thread each, so that it never waits for this process to look."""

    process: "subprocess.Popen[bytes]"
    tasks: IO[bytes]
    answers: IO[bytes]
    giving: ThreadPoolExecutor
    taking: ThreadPoolExecutor


class _UnderWay(NamedTuple):
    """A batch that a reader has, or gets next, and where its answer will be; None where the reader ended."""

    reader: _Reader
    payloads: list[bytes]
    answer: "Future[bytes | None]"


class Readers:
    """Some processes that read records of one source for one ledger. A context manager.

    marks: which values are personal.
    """

    def __init__(
        self, ledger: Ledger, source: Source, instance: str, processes: int, *, marks: Marks | None = None
    ) -> None:
        self._mapper = cast("MilestoneMapper", ledger.mapper)
        # a mapping goes along whole: it may be a file that only this process was told of
        mapped = (str(source.path), source.text) if isinstance(source, MappedSource) else None
        told = None if marks is None else marks.told()
        setting = _encoder.encode((dict(ledger.env), source.name, instance, mapped, told))
        self._stack = ExitStack()
        self._readers = [self._start(setting) for _ in range(processes)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, setting: bytes) -> _Reader:
        # a session of its own: Ctrl-C in the terminal ends the parent, and the parent ends its readers
        process = subprocess.Popen(
            [sys.executable, "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        threads = ThreadPoolExecutor(1, "cairn-giving"), ThreadPoolExecutor(1, "cairn-taking")
        reader = _Reader(process, process.stdin, process.stdout, *threads)
        self._stack.callback(_stop, reader)
        _send(reader.tasks, setting)
        return reader

    def prepare(self, batches: Iterable[tuple[list[bytes], int]]) -> Iterator[list[Preparation]]:
        """Batches of (payloads, received_at) made ready, in their order. Raises ReaderFailed.

        Each reader works on one batch and has its next at hand. Where the batches break off with an error,
        those before it are made ready first, then it is raised.
        """
        broken: list[Exception] = []
        waiting = _until_broken(batches, broken)
        under_way: deque[_UnderWay] = deque()
        for reader in self._readers * AHEAD:
            _give(reader, waiting, under_way)
        while under_way:
            reader, payloads, answered = under_way.popleft()
            answer = answered.result()
            if answer is None:
                raise ReaderFailed(_ENDED)
            _give(reader, waiting, under_way)
            yield _restored(answer, payloads)
        if broken:
            raise broken[0]


def _until_broken(
    batches: Iterable[tuple[list[bytes], int]], broken: list[Exception]
) -> Iterator[tuple[list[bytes], int]]:
    try:
        yield from batches
    except Exception as error:  # noqa: BLE001 - it is raised where its turn is
        broken.append(error)


def _give(reader: _Reader, waiting: Iterator[tuple[list[bytes], int]], under_way: deque[_UnderWay]) -> None:
    """Hand the next batch to a reader, if there is one more; where it has ended, its answers tell."""
    batch = next(waiting, None)
    if batch is not None:
        payloads, received_at = batch
        reader.giving.submit(_send, reader.tasks, _encoder.encode(_Task(payloads, received_at)))
        under_way.append(_UnderWay(reader, payloads, reader.taking.submit(_receive, reader.answers)))


def _answer(payload: bytes, preparation: Preparation) -> tuple[object, ...]:
    """A preparation as an _Answer is encoded: what the parent has, or does not need, stays here."""
    accepted = preparation.items[0].accepted
    row = accepted.row
    is_payload = accepted.body == payload
    ends_with_body = is_payload and row.endswith(payload)
    if is_payload:
        set_(accepted, "body", b"")
    if ends_with_body:
        set_(accepted, "row", row[: len(row) - len(payload)])
    items = []
    for _accepted, arrival, *rest in map(astuple, preparation.items):
        if arrival is not None:
            # the writer writes the state; what was read of it stays here
            set_(arrival, "milestone", None)
            arrival = astuple(arrival)
        items.append((arrival, *rest))
    return astuple(accepted), ends_with_body, items, preparation.ignored


def _restored(answer: bytes, payloads: list[bytes]) -> list[Preparation]:
    """The preparations of an answer, with the bytes that they were made of."""
    found = []
    for payload, (accepted, ends_with_body, items, ignored) in zip(
        payloads, _answers.decode(answer), strict=True
    ):
        if not accepted.personal:
            set_(accepted, "body", payload)
        if ends_with_body:
            set_(accepted, "row", accepted.row + payload)
        found.append(Preparation([Prepared(accepted, *item) for item in items], ignored))
    return found


def _stop(reader: _Reader) -> None:
    """End a reader; it holds nothing that would have to be put in order."""
    reader.process.kill()
    reader.giving.shutdown(cancel_futures=True)
    reader.taking.shutdown(cancel_futures=True)
    with suppress(BrokenPipeError):
        reader.tasks.close()
    reader.answers.close()
    reader.process.wait()


def serve(tasks: IO[bytes], answers: IO[bytes]) -> None:
    """A reading process: answer batches until there are no more."""
    setting = _receive(tasks)
    if setting is None:
        return
    gc.set_threshold(100_000)
    env, name, instance, mapped, told = msgspec.msgpack.decode(setting)
    marks = None if told is None else Marks.from_told(msgspec.convert(told, Told))
    preparer = Preparer(Ledger(env), marks=marks)
    source = SOURCES[name] if mapped is None else MappedSource(name, Path(mapped[0]), mapped[1])
    while (encoded := _receive(tasks)) is not None:
        task = _tasks.decode(encoded)
        records = [
            _answer(payload, preparer.record(source, payload, instance, received_at=task.received_at))
            for payload in task.payloads
        ]
        _send(answers, _encoder.encode(records))


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(_LENGTH_BYTES))
    stream.write(message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    head = stream.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    size = int.from_bytes(head)
    message = stream.read(size)
    return message if len(message) == size else None
