"""The projector as a process of its own beside the API, so that neither waits for the other's Python.

Belongs here: starting it, starting it again, ending it. `python -m api.projecting` is the process; it is told
its database on standard input, never in its arguments, and ends when that input ends: with its parent,
however the parent ends. Does not belong here: what projecting is.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import Connection

from adapters.postgres.connections import channel_of, conninfo_for
from api import logs
from projections import projector, selfcheck

_log: Final = logging.getLogger("cairn.projector")
_RESTART_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 20.0


def run(url: str, schema: str, stop: threading.Event, self_check: float = 0) -> None:
    """Project in this thread until `stop` is set. self_check: seconds between checks of the laws, 0: none."""

    def connect_as(name: str) -> Callable[[], Connection[Any]]:
        conninfo = conninfo_for(url, schema, application_name=f"cairn {name}")
        return lambda: psycopg.connect(conninfo, autocommit=True)

    if self_check:
        # on a thread and a connection of its own, so that it never holds up a batch; it ends with the process
        threading.Thread(
            target=selfcheck.run,
            args=(connect_as("self-check"), stop, self_check),
            name="self-check",
            daemon=True,
        ).start()
    projector.run(connect_as("projector"), schema, channel_of(schema), stop)


class _Supervisor:
    """Keeps one child alive until it is told to stop."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = json.dumps(told).encode() + b"\n"
        self._stop = threading.Event()
        self._child = self._start()
        self._thread = threading.Thread(target=self._watch, name="projector", daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        # a session of its own: Ctrl-C in the terminal reaches only us, and we end it in order
        child = subprocess.Popen(
            [sys.executable, "-m", "api.projecting"], stdin=subprocess.PIPE, start_new_session=True
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
            _log.error("the projector ended by itself (%d); starting it again", code)
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
def projecting(url: str, schema: str, log: str, self_check: float = 0) -> Iterator[None]:
    """A live projector beside this process. log: least level of its log lines. self_check: as of `run`."""
    supervisor = _Supervisor({"url": url, "schema": schema, "log": log, "self_check": self_check})
    try:
        yield
    finally:
        supervisor.close()


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = json.loads(sys.stdin.buffer.readline() or b"null")
    if told is None:
        return
    logs.set_up(told["log"])
    stop = threading.Event()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def follow_parent() -> None:
        sys.stdin.buffer.read()
        stop.set()

    threading.Thread(target=follow_parent, name="parent", daemon=True).start()
    run(told["url"], told["schema"], stop, told["self_check"])


if __name__ == "__main__":
    _main()
