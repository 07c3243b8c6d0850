"""The builder of the transparency log as a process of its own beside the API.

Belongs here: what that process is told, and what it does whenever the tree has caught up: sign at an
interval, publish, and say where something is wrong. `python -m api.sealing` is it. Does not belong here:
keeping it alive (api/beside.py), the tree (adapters/transparency).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg import Connection

from adapters.postgres.connections import channel_of, conninfo_for
from adapters.transparency import building, publishing, signing, tiles
from adapters.transparency.checking import Patrol
from adapters.transparency.keys import SigningKeyRefused
from adapters.transparency.publishing import PublishFailed
from adapters.transparency.signing import Made, Tampered
from adapters.transparency.tiles import Tree
from api import logs, trail
from api.beside import beside, told_by_parent
from api.checkpoints import Means, NothingSigns, Plan, plan_of, signed, signer_of
from api.settings import Settings

_log: Final = logging.getLogger("cairn.sealing")

#: Whoever appends, projects or answers goes first.
NICENESS: Final = 10
#: Seconds between looks at what was hashed before, a few thousand milestones each.
LOOK_SECONDS: Final = 1.0


class Rounds:
    """What is done whenever the tree has caught up with the log. Call it as often as you like."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._due = self._next_look = 0.0
        self._patrol = Patrol()
        self._said: str | None = None

    def __call__(self, connection: Connection[Any]) -> None:
        """Look at a part of the log again; sign and publish where it is time to."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._look(connection)
        plan = self._means.plan
        if not plan.every or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + plan.every
        try:
            made = self._sign(connection)
        except NothingSigns:
            return  # the tree is built all the same; whoever asks for a checkpoint is told
        except Tampered:
            return  # it is logged and kept
        except SigningKeyRefused as error:
            self._say(str(error))
            return
        if made is not None and plan.publish is not None:
            self._publish(connection, made, plan.publish)

    def _look(self, connection: Connection[Any]) -> None:
        finding = self._patrol.step(connection)
        if signing.note_changed(connection, finding) and finding is not None:
            _log.error("the ledger was changed: %s", finding)
            self._note({"why": finding})

    def _note(self, details: dict[str, str]) -> None:
        with contextlib.suppress(PersistenceError, psycopg.Error):
            self._means.note("checkpoint.refused", details)

    def _sign(self, connection: Connection[Any]) -> Made | None:
        signer = signer_of(self._means.plan, connection)
        if tiles.state(connection)[0] == 0 and signing.newest(connection) is None:
            return None
        return signed(connection, signer, self._means)

    def _publish(self, connection: Connection[Any], made: Made, place: str) -> None:
        try:
            publishing.publish(place, made.note, Tree.now(connection))
        except PublishFailed as error:
            self._say(f"the checkpoint is not published: {error}")
            signing.note_published(connection, unpublished=str(error))
        except Tampered as found:
            _log.error("the checkpoint is not published: %s", found)
            if signing.note_published(connection, denied=str(found)):
                self._note({"why": str(found)})
        else:
            self._said = None
            signing.note_published(connection)

    def _say(self, what: str) -> None:
        """A warning, once until it is over."""
        if what != self._said:
            _log.warning("%s", what)
        self._said = what


def run(url: str, plan: Plan, stop: threading.Event) -> None:
    """Build and sign in this thread until `stop` is set."""
    conninfo = conninfo_for(url, plan.schema, application_name="cairn sealer")

    def connect() -> Connection[Any]:
        return psycopg.connect(conninfo, autocommit=True)

    means = Means(plan, partial(trail.act_of_server, url, plan.schema))
    building.run(connect, channel_of(plan.schema), stop, Rounds(means))


@contextmanager
def beside_us(settings: Settings, url: str) -> Iterator[None]:
    """A builder beside this process, unless the transparency log is switched off."""
    plan = plan_of(settings)
    if not plan.on:
        yield
        return
    told = {"url": url, "plan": plan._asdict(), "log": settings.log}
    with beside("api.sealing", "sealer", told):
        yield


def _main() -> None:
    told, stop = told_by_parent()
    if told is None:
        return
    logs.set_up(told["log"])
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    run(told["url"], Plan(**told["plan"]), stop)


if __name__ == "__main__":
    _main()
