"""Feeds that pull: for each a thread that polls, fetches and picks up files, when it is time.

Belongs here: what is done when, for how long a feed is held, and what a failure of one feed means for the
others: nothing. Does not belong here: polls (polling.py), fetches (fetching.py), folders (folder.py).

A feed is held while it is worked on, so two processes with the same feeds take turns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Final, NamedTuple

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout

from adapters.feeds.clients import Client, SourceError, client_of
from adapters.feeds.fetching import Fetching
from adapters.feeds.folder import Folder, Put
from adapters.feeds.inlet import Inlet
from adapters.feeds.polling import Poll, Polled
from adapters.feeds.setup import Feed
from adapters.feeds.tallies import Tallies
from adapters.feeds.waits import Pool, Waits, held
from adapters.intake import Intake, IntakeClosed
from adapters.sources import Source

_log: Final = logging.getLogger("cairn.feeds")
#: Seconds between looks at whether a feed that another process holds is free.
_TURN: Final = 5.0
#: Seconds after a failure of the database.
_PAUSE: Final = 5.0
_DATABASE: Final = (psycopg.Error, PoolTimeout, PersistenceError)


class FeedBusy(RuntimeError):
    """Another process works on the feed."""


class Means(NamedTuple):
    """What pulling needs of this process. The pool has more connections than there are feeds."""

    intake: Intake
    tallies: Tallies
    pool: Pool
    schema: str


class Report(NamedTuple):
    """What one round of a feed came to."""

    polled: dict[str, Polled]
    fetched: int
    files: list[Put]
    problems: list[str]


def pulls(feed: Feed) -> bool:
    """Whether a feed has anything to pull."""
    setup = feed.setup
    return setup.poll is not None or setup.fetch is not None or setup.folder is not None


class Puller:
    """One feed, pulled. source: its mapping. Close it after use. Raises SourceRefused for its client."""

    def __init__(self, means: Means, feed: Feed, source: Source, *, stop: threading.Event) -> None:
        setup = feed.setup
        self.feed = feed
        self._means = means
        self._stop = stop
        self._inlet = Inlet(means.intake, means.tallies, feed, source)
        self._waits = Waits(means.pool)
        self._client: Client | None = None if setup.client is None else client_of(setup.client, stop=stop)
        self._folder = None if setup.folder is None else Folder(self._inlet, setup.folder, self._waits)
        self._fetching: Fetching | None = None
        if setup.fetch is not None and setup.client is not None and self._client is not None:
            self._fetching = Fetching(
                self._inlet, self._client, setup.fetch, self._waits,
                poll=self._poll, at_once=setup.client.limits.at_once, stop=stop,
            )  # fmt: skip

    def close(self) -> None:
        """Let go of the client's connections."""
        if self._client is not None:
            self._client.close()

    @property
    def pause(self) -> float:
        """Seconds until it is worth another look."""
        setup = self.feed.setup
        spans = [section.every for section in (setup.fetch, setup.folder, setup.poll) if section is not None]
        return float(min(spans, default=60))

    def round(self, *, at_once: bool = False) -> Report:
        """Do what is due, whole. at_once: poll also what is not due yet. Raises FeedBusy.

        Problems of the source or with files are in the report, and noted where they will be tried again.
        """
        with held(self._means.pool, self._means.schema, self.feed.name) as is_ours:
            if not is_ours:
                raise FeedBusy(f"another process works on feed {self.feed.name} now; wait, or end it")
            problems: list[str] = []
            polled = self._polls(problems, at_once=at_once)
            fetched = 0
            while self._fetching is not None and not self._stop.is_set():
                worked = self._fetching.round()
                fetched += worked
                if not worked:
                    break
            return Report(polled, fetched, self._files(problems), problems)

    def _polls(self, problems: list[str], *, at_once: bool) -> dict[str, Polled]:
        section = self.feed.setup.poll
        polled = {}
        for kind in () if section is None else section.objects:
            if self._stop.is_set():
                break
            due = self._waits.cursor(self.feed.name, kind).next_poll
            if at_once or due is None or due <= datetime.now(UTC):
                try:
                    polled[kind] = self._poll(kind)
                except SourceError as error:
                    problems.append(f"{kind}: the source {error}")
        return polled

    def _poll(self, kind: str) -> Polled:
        section = self.feed.setup.poll
        assert self._client is not None, "a feed that polls has a client"
        if section is None or kind not in section.objects:
            raise SourceError(f"says that {kind} changed: name it in `poll.objects`, so that it can be asked")
        poll = Poll(self._client, section, self._inlet.take, self._waits.save, stop=self._stop)
        return poll.run(self._waits.cursor(self.feed.name, kind))

    def _files(self, problems: list[str]) -> list[Put]:
        if self._folder is None:
            return []
        files = []
        try:
            for put in self._folder.round():
                files.append(put)
                if put.problem is not None:
                    problems.append(f"{put.name}: {put.problem}")
                if self._stop.is_set():
                    break
        except FileNotFoundError as error:
            problems.append(str(error))
        return files


def run(means: Means, feeds: Iterable[tuple[Feed, Source]], stop: threading.Event) -> None:
    """Pull these feeds, each in a thread of its own, until `stop` is set."""
    threads = [
        threading.Thread(target=_keep, args=(means, feed, source, stop), name=f"feed {feed.name}")
        for feed, source in feeds
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _keep(means: Means, feed: Feed, source: Source, stop: threading.Event) -> None:
    with ExitStack() as open_:
        try:
            puller = open_.enter_context(closing(Puller(means, feed, source, stop=stop)))
        except SourceError as error:
            _log.error("feed %s is not pulled: its client %s", feed.name, error)
            return
        _keep_on(puller, feed.name, stop)


def _keep_on(puller: Puller, name: str, stop: threading.Event) -> None:
    said: list[str] = []
    while not stop.is_set():
        pause = puller.pause
        try:
            problems = puller.round().problems
            if problems and problems != said:
                _log.warning("feed %s: %s", name, "; ".join(problems))
            said = problems
        except FeedBusy:
            pause = _TURN
        except IntakeClosed:
            return
        except _DATABASE as error:
            _log.warning("feed %s waits: the database can't be used (%s)", name, type(error).__name__)
            pause = _PAUSE
        except Exception:  # noqa: BLE001 - one feed must not end the others; told whole
            _log.exception("feed %s stumbled; it is tried again", name)
            pause = _PAUSE
        stop.wait(pause)
