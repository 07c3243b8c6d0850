"""Servers for tests: a process of its own as people start it, and the same application in a thread.

Both speak HTTP over a real socket, on a real PostgreSQL.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

import httpx
import uvicorn

from adapters.postgres.migrate import migrate
from api import projecting
from api.app import build_app
from api.house import House
from api.settings import load
from tests.api import forking

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests-only"
PATIENCE = 30.0


def environment(**given: str) -> dict[str, str]:
    """The environment of a command: nothing of ours that the caller has not set for it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CAIRN_") and name != "DATABASE_URL"
    }
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"} | given


def cairn(
    *words: str | Path,
    env: Mapping[str, str],
    timeout: float = 120,
    check: bool = True,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    told = [str(word) for word in words]
    if forking.is_usual(env):
        done = forking.run(told, env=env, cwd=cwd, timeout=timeout)
    else:
        command = [sys.executable, "-m", "api.cli", *told]
        done = subprocess.run(
            command, env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
        )
    if check:
        assert done.returncode == 0, done.stderr
    return done


class ServerProcess:
    """`cairn serve` or `cairn api` as a process; `client` speaks to it.

    On a database of its own it may be open; on the tests' it asks for a token, by default TOKEN.
    """

    def __init__(self, *words: str, env: Mapping[str, str], command: str = "serve") -> None:
        if "DATABASE_URL" in env:
            env = {"CAIRN_TOKEN": TOKEN, **env}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", command, "--port", "0", *words],
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors: list[str] = []
        self._lines: Queue[str] = Queue()
        for stream, put in (
            (self.process.stdout, self._lines.put),
            (self.process.stderr, self.errors.append),
        ):
            threading.Thread(target=_pump, args=(stream, put), daemon=True).start()
        self.greeting = self._await_greeting()
        self.url = next(word for word in self.greeting.split() if word.startswith("http"))
        token = env.get("CAIRN_TOKEN")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    def _await_greeting(self) -> str:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                line = self._lines.get(timeout=0.1)
            except Empty:
                assert self.process.poll() is None, f"it ended: {''.join(self.errors)}"
                continue
            if "listens on" in line:
                return line
        raise AssertionError(f"it did not start: {''.join(self.errors)}")

    def kill(self) -> None:
        """As if the power had gone."""
        self.client.close()
        self.process.kill()
        self._reap()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end: its exit code."""
        self.client.close()
        self.process.send_signal(number)
        return self._reap()

    def wait_killed(self) -> int:
        """Wait until it has ended by itself: its exit code."""
        self.client.close()
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()


def _pump(stream: Any, put: Any) -> None:
    try:
        for line in stream:
            put(line)
    except ValueError:
        return  # closed by the test meanwhile


@contextmanager
def serving(database_url: str, schema: str, **given: Any) -> Iterator[httpx.Client]:
    """The application and a projector in threads of this process, on a schema that is made for it."""
    migrate(database_url, schema)
    settings = load(database_url=database_url, tenant=schema, token=TOKEN, **given)
    stop = threading.Event()
    project = threading.Thread(target=projecting.run, args=(database_url, schema, stop))
    with House(settings, database_url) as house, socket.create_server(("127.0.0.1", 0)) as bound:
        config = uvicorn.Config(build_app(house), log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        listen = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        project.start()
        listen.start()
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        try:
            with httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE
            ) as client:
                yield client
        finally:
            server.should_exit = True
            stop.set()
            listen.join(PATIENCE)
            project.join(PATIENCE)
