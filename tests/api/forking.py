"""Commands as processes of their own that need not import everything first: forked from one that has.

A command takes a second to import what it consists of, and milliseconds to do what most tests ask of it.
So `cairn` of `tests/api/running` forks it from a server of this test process, with arguments, environment,
folder, output and exit code as of any process. Servers, and commands that are killed, are started as people
start them. Belongs here: making such a process. Does not belong here: what tests ask for (running).
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = str(Path(_ROOT, "api", "cli", "__main__.py"))


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["api.cli"])
    return context


def is_usual(env: Mapping[str, str]) -> bool:
    """Whether an environment asks for nothing else of Python than that of the tests."""
    told = {name: value for name, value in env.items() if name.startswith("PYTHON")}
    ours = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    return told == ours | {"PYTHONPATH": _ROOT, "PYTHONWARNINGS": "default"}


def run(
    words: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with what it said. Raises subprocess.TimeoutExpired."""
    command = ["cairn", *words]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _server().Process(target=_command, args=(command, dict(env), cwd, out, err))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, timeout, out.read_bytes(), err.read_bytes())
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


def _command(command: list[str], env: dict[str, str], cwd: Path | None, out: Path, err: Path) -> None:
    """In the child: what `python -m api.cli` does, once all is imported."""
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    if cwd is not None:
        os.chdir(cwd)
    sys.argv = [_PROGRAM, *command[1:]]
    warnings.resetwarnings()
    warnings.simplefilter("default")  # as PYTHONWARNINGS has it
    from api.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        atexit._run_exitfuncs()
