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
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Final, NamedTuple, Self, cast

import msgspec

from adapters.preparing import Preparation, Preparer
from adapters.sources import SOURCES, MappedSource, Source
from domain.arrivals import Prepared
from domain.ledger import Ledger, MilestoneMapper

_CODE: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from adapters.readers import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)
_LENGTH_BYTES: Final = 8
_ENDED: Final = "a process that reads records ended early; start the import again"


class ReaderFailed(RuntimeError):
    """A reading process ended before its work was done."""


class _Task(msgspec.Struct, array_like=True):
    payloads: list[bytes]
    received_at: int


class _Answer(msgspec.Struct, array_like=True, gc=False):
    """What one payload came to: a Preparation, in the form that goes from process to process."""

    items: list[Prepared]
    ignored: str | None


_tasks: Final = msgspec.msgpack.Decoder(_Task)
_answers: Final = msgspec.msgpack.Decoder(list[_Answer])
_encoder: Final = msgspec.msgpack.Encoder()


class _Reader(NamedTuple):
    process: "subprocess.Popen[bytes]"
    tasks: IO[bytes]
    answers: IO[bytes]


class Readers:
    """Some processes that read records of one source for one ledger. A context manager."""

    def __init__(self, ledger: Ledger, source: Source, instance: str, processes: int) -> None:
        self._mapper = cast("MilestoneMapper", ledger.mapper)
        # a mapping goes along whole: it may be a file that only this process was told of
        mapped = (str(source.path), source.text) if isinstance(source, MappedSource) else None
        setting = _encoder.encode((dict(ledger.env), source.name, instance, mapped))
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
        reader = _Reader(process, process.stdin, process.stdout)
        self._stack.callback(_stop, reader)
        _send(reader.tasks, setting)
        return reader

    def prepare(self, batches: Iterable[tuple[list[bytes], int]]) -> Iterator[list[Preparation]]:
        """Batches of (payloads, received_at) made ready, in their order. Raises ReaderFailed.

        Each reader has one batch; it gets its next as soon as its answer is here.
        """
        waiting = iter(batches)
        under_way: list[_Reader] = []
        for reader in self._readers:
            self._give(reader, waiting, under_way)
        while under_way:
            reader = under_way.pop(0)
            answer = _receive(reader.answers)
            if answer is None:
                raise ReaderFailed(_ENDED)
            self._give(reader, waiting, under_way)
            yield [Preparation(record.items, record.ignored) for record in _decoded(answer)]

    def _give(
        self,
        reader: _Reader,
        waiting: Iterator[tuple[list[bytes], int]],
        under_way: list[_Reader],
    ) -> None:
        batch = next(waiting, None)
        if batch is not None:
            payloads, received_at = batch
            try:
                _send(reader.tasks, _encoder.encode(_Task(payloads, received_at)))
            except BrokenPipeError:
                raise ReaderFailed(
                    "a process that reads records ended early; start the import again"
                ) from None
            under_way.append(reader)


def _decoded(answer: bytes) -> list[_Answer]:
    records = _answers.decode(answer)
    for record in records:
        if len(record.items) > 1:
            # milestones of one record share its row of the inbox
            shared = record.items[0].accepted
            record.items = [msgspec.structs.replace(item, accepted=shared) for item in record.items]
    return records


def _stop(reader: _Reader) -> None:
    """End a reader; it holds nothing that would have to be put in order."""
    reader.process.kill()
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
    env, name, instance, mapped = msgspec.msgpack.decode(setting)
    preparer = Preparer(Ledger(env))
    source = SOURCES[name] if mapped is None else MappedSource(name, Path(mapped[0]), mapped[1])
    while (encoded := _receive(tasks)) is not None:
        task = _tasks.decode(encoded)
        records = []
        for payload in task.payloads:
            items, ignored = preparer.record(source, payload, instance, received_at=task.received_at)
            for item in items:
                if item.arrival is not None:
                    # the writer writes the state; what was read of it stays here
                    msgspec.structs.force_setattr(item.arrival, "milestone", None)
            records.append(_Answer(items, ignored))
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
