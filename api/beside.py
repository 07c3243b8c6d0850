"""A process of our own beside this one, so that neither waits for the other's Python.

Belongs here: starting it, starting it again, ending it. The child is told what it needs on standard input,
never in its arguments, and ends when that input ends: with its parent, however the parent ends. Does not
belong here: what a child does (api/projecting.py, api/pulling.py).
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

_RESTART_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 20.0


class _Supervisor:
    """Keeps one child alive until it is told to stop."""

    def __init__(self, module: str, name: str, told: dict[str, Any]) -> None:
        self._module = module
        self._name = name
        self._log = logging.getLogger(f"cairn.{name}")
        self._told = json.dumps(told).encode() + b"\n"
        self._stop = threading.Event()
        self._child = self._start()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        # a session of its own: Ctrl-C in the terminal reaches only us, and we end it in order
        child = subprocess.Popen(
            [sys.executable, "-m", self._module], stdin=subprocess.PIPE, start_new_session=True
        )
        assert child.stdin is not None, "it was asked for"
        with suppress(BrokenPipeError):
            child.stdin.write(self._told)
            child.stdin.flush()
        return child

    def _watch(self) -> None:
        while True:
            code = self._child.wait()
            if self._stop.wait(_RESTART_SECONDS):
                return
            self._log.error("the %s ended by itself (%d); starting it again", self._name, code)
            self._child = self._start()

    def close(self) -> None:
        """Let it finish its batch and end."""
        self._stop.set()
        child = self._child
        assert child.stdin is not None, "it was asked for"
        with suppress(BrokenPipeError):
            child.stdin.close()
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._thread.join(timeout=5)


@contextmanager
def beside(module: str, name: str, told: dict[str, Any]) -> Iterator[None]:
    """`python -m module` beside this process, told this. name: of the child, for log lines."""
    supervisor = _Supervisor(module, name, told)
    try:
        yield
    finally:
        supervisor.close()


def told_by_parent() -> tuple[Any, threading.Event]:
    """In the child: what it was told, None where the parent is gone, and an event set when it should end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = json.loads(sys.stdin.buffer.readline() or b"null")
    stop = threading.Event()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def follow_parent() -> None:
        sys.stdin.buffer.read()
        stop.set()

    threading.Thread(target=follow_parent, name="parent", daemon=True).start()
    return told, stop
