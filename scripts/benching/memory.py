"""Peak memory of a process and its children while something runs, sampled cheaply.

Counted: what each process holds for itself (resident less shared), and the largest shared part once, which is
the database's buffers or the interpreter's libraries. Reading exact shares would cost a good part of a core.
"""

from __future__ import annotations

from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil

_EVERY_SECONDS = 0.5


def _mib(process: psutil.Process) -> float:
    """Own memory of a process and all its children, and the largest shared part, in MiB."""
    own, shared = 0, 0
    for one in [process, *process.children(recursive=True)]:
        try:
            memory = one.memory_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        part = getattr(memory, "shared", 0)
        own += memory.rss - part
        shared = max(shared, part)
    return (own + shared) / 2**20


class Peak:
    """Samples a process tree while the block runs; `mib` is the highest sum seen."""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._process = psutil.Process(pid)
        self._stop = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                self.mib = max(self.mib, _mib(self._process))
            except psutil.NoSuchProcess:
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
