"""Peak memory of a process and its children while something runs, sampled cheaply.

Counted: what each process holds for itself (resident less shared), and the largest shared part once, which is
the database's buffers or the interpreter's libraries. Reading exact shares would cost a good part of a core.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil

_EVERY_SECONDS = 0.5


def _mib(processes: Iterable[psutil.Process]) -> tuple[float, float]:
    """Own memory of processes and the largest shared part, in MiB: of all, and of all but the database's."""
    own, shared = [0, 0], [0, 0]
    for one in processes:
        try:
            memory, name = one.memory_info(), one.name()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        part = getattr(memory, "shared", 0)
        for at in range(1 if name.startswith("postgres") else 2):
            own[at] += memory.rss - part
            shared[at] = max(shared[at], part)
    return (own[0] + shared[0]) / 2**20, (own[1] + shared[1]) / 2**20


def held() -> float:
    """MiB that this process holds for itself by now."""
    memory = psutil.Process().memory_info()
    return float(memory.rss - getattr(memory, "shared", 0)) / 2**20


class Peak:
    """Samples a process tree while the block runs; `mib` is the highest sum, `ours` without the database."""

    def __init__(self, pid: int, less: float = 0.0) -> None:
        """less: MiB that are not counted, as what a benchmark's own process held before."""
        self.mib = self.ours = 0.0
        self._less = less
        self._process = psutil.Process(pid)
        self._stop = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                all_, ours = _mib([self._process, *self._process.children(recursive=True)])
                self.mib = max(self.mib, all_ - self._less)
                self.ours = max(self.ours, ours - self._less)
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
