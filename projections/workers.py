"""Processes that load shares of the log, for a rebuild that uses more than one core.

Belongs here: starting them, handing them shares, ending them. Does not belong here: what a share is and how
it is loaded (projections/bulk); what else is done share by share (projections/checking).

A worker is a plain child process, so that it imports the fold and nothing of whoever asked for the rebuild;
`multiprocessing` would first import the command line or the server anew in each of them. It ends when its
standard input closes, however its parent ended.
"""

from __future__ import annotations

import gc
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from typing import IO, Any, Final, Self, TypeVar

_Share = TypeVar("_Share")
_Done = TypeVar("_Done")

_CODE: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from projections import compiled; compiled.use(); "
    "from projections.workers import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)


class WorkerEnded(RuntimeError):
    """A worker ended before its share was loaded: it was killed, or there was no memory left."""


def do_all(task: Callable[[_Share], _Done], shares: Sequence[_Share], processes: int) -> Iterator[_Done]:
    """Do a task for all shares in child processes, in any order. task: a function of a module of ours.

    Raises what the task raises; WorkerEnded.
    """
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def load(share: _Share) -> _Done:
        worker = idle.get()
        try:
            done: _Done = worker.do(task, share)
            return done
        finally:
            idle.put(worker)

    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker()) for _ in range(min(processes, len(shares)))]
        for worker in workers:
            idle.put(worker)
        pool = stack.enter_context(ThreadPoolExecutor(len(workers)))
        try:
            for done in as_completed([pool.submit(load, share) for share in shares]):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.kill()  # nothing waits for a share that nobody wants any more


class _Worker:
    """One child process, which does one share at a time."""

    def __init__(self) -> None:
        # a session of its own: Ctrl-C in the terminal ends the parent, and the parent ends its workers
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def do(self, task: Callable[[Any], object], share: object) -> Any:
        """Have a task done for a share. Raises what that raises; WorkerEnded."""
        tasks, answers = self._process.stdin, self._process.stdout
        assert tasks is not None
        assert answers is not None
        try:
            pickle.dump((task, share), tasks)
            tasks.flush()
            answer = pickle.load(answers)  # noqa: S301 - our own child wrote it
        except (EOFError, BrokenPipeError):
            raise WorkerEnded("a process that folds ended early; start the rebuild again") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def kill(self) -> None:
        """End the process; a share that is under way is rolled back."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        self._process.wait()


def serve(tasks: IO[bytes], answers: IO[bytes]) -> None:
    """A worker: do its task for shares until there are no more."""
    gc.disable()  # nothing in the fold refers to itself, so counting references frees it all
    while True:
        try:
            task, share = pickle.load(tasks)  # noqa: S301 - the parent wrote it
        except EOFError:
            return
        try:
            answer: object = task(share)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            answer = error
        pickle.dump(answer, answers)
        answers.flush()
        del share, answer
        gc.collect()  # connections and cursors do refer to each other, and hold on to what was read
