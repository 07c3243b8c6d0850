"""The projector as a process of its own beside the API, so that neither waits for the other's Python.

Belongs here: what that process is told, and connecting it. `python -m api.projecting` is it. Does not belong
here: keeping it alive (api/beside.py), what projecting is.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection

from adapters.postgres.connections import channel_of, conninfo_for
from api import logs
from api.beside import beside, told_by_parent
from projections import compiled

#: Seconds between two looks for memory that refers to itself.
TIDY_SECONDS: Final = 60.0


def run(url: str, schema: str, stop: threading.Event, self_check: float = 0) -> None:
    """Project in this thread until `stop` is set. self_check: seconds between checks of the laws, 0: none."""
    from projections import projector, selfcheck  # only here: `_main` says first which fold is imported

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


@contextmanager
def projecting(url: str, schema: str, log: str, self_check: float = 0) -> Iterator[None]:
    """A live projector beside this process. log: least level of its log lines. self_check: as of `run`."""
    told = {"url": url, "schema": schema, "log": log, "self_check": self_check}
    with beside("api.projecting", "projector", told):
        yield


def _tidy(stop: threading.Event) -> None:
    """Collect what refers to itself, once a minute."""
    while not stop.wait(TIDY_SECONDS):
        gc.collect()


def _main() -> None:
    told, stop = told_by_parent()
    if told is None:
        return
    logs.set_up(told["log"])
    compiled.use()
    # Nothing in the fold refers to itself: looking through every cluster after a few batches is for nothing.
    # Connections and cursors do, and so does what libraries keep, so now and then it is looked.
    gc.disable()
    threading.Thread(target=_tidy, args=(stop,), name="tidy", daemon=True).start()
    run(told["url"], told["schema"], stop, told["self_check"])


if __name__ == "__main__":
    _main()
