"""The audit trail: every administrative act and every refusal, recorded in the log itself.

How to call it:
- A route: `house.trail.acted("key.created", {"name": name})`. It blocks until the entry is durable, so a
  coroutine calls it by `run_in_threadpool`. The actor is `api.access.callers.current()`.
- A command: `act_of_command(settings, url, "key.created", {...})`.
- A server of itself, not at somebody's request: `house.trail.noticed(...)`, or `act_of_server(url, schema,
  ...)` in a process without a house.
- A refusal: `house.trail.refused(...)`, from anywhere; it only counts, and never blocks or raises.

When: an act that can't be undone (destroying a key, dropping) is recorded BEFORE it is done, so that where
it can't be recorded it does not happen; all others AFTER, in the same request, with what came of them.
Details are names, numbers and identifiers; never a secret, a token, personal data, or text that a caller who
was refused has written.

Belongs here: making entries and having them recorded. Does not belong here: what an entry is (domain/trail),
which refusals are counted together (api/refusing), reading the trail (api/trails).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Protocol
from uuid import uuid4

from adapters.intake import Intake
from api.access import callers
from api.reading import text_of
from api.refusing import Count, Tally, kind_of
from api.settings import Settings
from domain.arrivals import Outcome, Prepared
from domain.ledger import Ledger
from domain.trail import REFUSED, Entry, kept

_log: Final = logging.getLogger("cairn.trail")

#: The actor of what a server does by itself.
SERVER: Final = "server"
#: Seconds after which counts of refusals that could not be written are tried again.
AGAIN_SECONDS: Final = 5.0
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_MEDIA: Final = "application/cloudevents+json"


class Recorder(Protocol):
    """What records: an intake, or a ledger where there is none."""

    def record(self, items: Sequence[Prepared], /) -> list[Outcome]:
        """Record what is prepared; durable on return."""


class Trail:
    """The audit trail of one ledger in this process. Thread-safe; close it before the intake.

    clock: a steady one, in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        schema: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._schema = schema
        self._clock = clock
        self._tally = Tally()
        self._changed = threading.Condition()
        self._closing = False
        self._writer: threading.Thread | None = None
        self._unwritten: list[Prepared] = []
        self._again = 0.0

    @classmethod
    def of(cls, intake: Intake, schema: str) -> Trail:
        """The trail of a process that takes events in."""
        return cls(intake.ledger, intake, schema)

    def acted(self, act: str, details: Mapping[str, str] = _NONE) -> int:
        """Record what the caller of this request does: the entry's position; durable on return.

        act: dotted, the object and what became of it, `key.created`. Raises what the intake raises
        (IntakeFull, IntakeClosed, PersistenceError): then it is not recorded, and must not be done.
        """
        caller = callers.current()
        return self._record(Entry(act, caller.name, caller.kind, details))

    def noticed(self, act: str, details: Mapping[str, str] = _NONE) -> int:
        """Record what this server does or finds by itself. As `acted`."""
        return self._record(Entry(act, SERVER, SERVER, details))

    def refused(
        self, *, status: int, slug: str, caller: str, method: str, route: str, kind: str = "nobody"
    ) -> None:
        """Count a refused request; the first of its kind is written soon, the others by the minute.

        caller, kind: the name of who asked, and what it is, as `Caller` has them. route: the pattern, never
        the path that was asked for. Never blocks, never raises.
        """
        one = kind_of(status, slug, caller, kind, method, route)
        if not self._tally.add(one, datetime.now(UTC), self._clock()):
            return
        with self._changed:
            if self._closing:
                return
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="cairn-trail", daemon=True)
                self._writer.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Write what has been counted, and count nothing more. May be repeated."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()
        left = self._tally.take(self._clock(), whole=True)
        if left or self._unwritten:
            self._flush(left)
        if self._unwritten:
            _log.error("%d entries of refused requests are not in the audit trail", len(self._unwritten))
            self._unwritten = []

    # ---- writing

    def _record(self, entry: Entry) -> int:
        [outcome] = self._recorder.record([self._prepared(entry)])
        assert outcome.outcome == "recorded", "its id is one that nothing else has"
        assert outcome.position is not None, "what is recorded has a position"
        return outcome.position

    def _prepared(self, entry: Entry) -> Prepared:
        now = datetime.now(UTC)
        found = kept(entry, self._schema, str(uuid4()), text_of(now))
        accepted = self._ledger.accept(
            found.body,
            source=found.milestone.source,
            received_at=found.milestone.instant,
            content_type=_MEDIA,
        )
        return self._ledger.prepare(accepted, found.milestone, found.digest)

    def _write(self) -> None:
        """The writer's thread: write counts as they become due, until the trail is closed."""
        while self._wait():
            # what could not be written goes first; meanwhile the others only count on
            self._flush(() if self._unwritten else self._tally.take(self._clock()))

    def _wait(self) -> bool:
        """Wait until a count is due, or what could not be written is tried again. False: it is closed."""
        with self._changed:
            while not self._closing:
                now = self._clock()
                due = self._again if self._unwritten else self._tally.next_due()
                if due is not None and due <= now:
                    return True
                self._changed.wait(None if due is None else due - now)
            return False

    def _flush(self, counts: Iterable[Count]) -> None:
        """Write counts, after those that could not be written: whatever happens, none is written twice."""
        self._unwritten += [self._prepared(_entry(one)) for one in counts]
        try:
            self._recorder.record(self._unwritten)
        except Exception as error:  # noqa: BLE001 - it is tried again; the requests were answered long ago
            _log.warning("refused requests can't be recorded now (%s)", type(error).__name__)
            self._again = self._clock() + AGAIN_SECONDS
        else:
            self._unwritten = []


def _entry(one: Count) -> Entry:
    kind = one.kind
    first, last = text_of(one.first), text_of(one.last)
    return Entry(REFUSED, kind.caller, kind.kind, kind.details, one.times, first, last)


def said(**given: object) -> dict[str, str]:
    """Details of an entry as texts: numbers, yes or no, lists with commas; what is None is left out."""
    return {name: _text(value) for name, value in given.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def act_of_command(
    settings: Settings, url: str, act: str, details: Mapping[str, str] = _NONE, *, schema: str | None = None
) -> int:
    """Record what a command does, on a ledger opened for it: the entry's position.

    url: of the database. schema: of the ledger, where it is not that of the settings. Raises PersistenceError
    where it can't be recorded: then it must not be done.
    """
    schema = schema or settings.tenant
    with closing(_ledger(url, schema)) as ledger:
        return Trail(ledger, ledger, schema).acted(act, details)


def act_of_server(url: str, schema: str, act: str, details: Mapping[str, str] = _NONE) -> int:
    """Record what a process beside a server does or finds by itself. As `act_of_command`."""
    with closing(_ledger(url, schema)) as ledger:
        return Trail(ledger, ledger, schema).noticed(act, details)


def _ledger(url: str, schema: str) -> Ledger:
    from api.house import ledger_on  # a house has a trail

    return ledger_on(url, schema)
