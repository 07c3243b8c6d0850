"""The puller: feeds that poll, fetch and pick up files, in a process of its own beside the API.

Belongs here: what that process is told, and putting together what pulling needs. `python -m api.pulling` is
it. Does not belong here: keeping it alive (api/beside.py), what pulling is (adapters/feeds/pulling.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from adapters.feeds import pulling
from adapters.feeds.pulling import Means
from adapters.feeds.setup import Feed
from adapters.feeds.tallies import Tallies
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.sources import SOURCES
from api import logs
from api.beside import beside, told_by_parent
from api.house import ledger_on
from api.personal import protection_of, secret_path
from api.settings import Settings, feeds_of, load

#: Connections beside one for each feed that is worked on.
_SPARE: Final = 4


@contextmanager
def means(url: str, settings: Settings, feeds: int) -> Iterator[Means]:
    """What pulling so many feeds needs, over a database with all migrations run."""
    schema = settings.tenant
    ledger = ledger_on(url, schema)
    try:
        with (
            connect(url, schema, application_name="cairn puller", max_size=2 * feeds + _SPARE) as pool,
            Intake(ledger, pool, personal=protection_of(settings, pool)) as intake,
            Tallies(pool) as tallies,
        ):
            yield Means(intake, tallies, pool, schema)
    finally:
        ledger.close()


def run(url: str, settings: Settings, feeds: Mapping[str, Feed], stop: threading.Event) -> None:
    """Pull these feeds until `stop` is set."""
    with means(url, settings, len(feeds)) as found:
        pulling.run(found, [(feed, SOURCES[feed.setup.mapping]) for feed in feeds.values()], stop)


def pulled(settings: Settings) -> dict[str, Feed]:
    """The feeds that have anything to pull. Raises SettingsRefused."""
    return {name: feed for name, feed in feeds_of(settings).items() if pulling.pulls(feed)}


@contextmanager
def beside_us(settings: Settings, url: str) -> Iterator[None]:
    """A puller beside this process, where any feed has something to pull."""
    if not pulled(settings):
        yield
        return
    secret = secret_path(settings)
    told: dict[str, Any] = {
        "url": url,
        "schema": settings.tenant,
        "log": settings.log,
        "sources": str(settings.sources),
        "personal": None if settings.personal is None else str(settings.personal),
        "personal_key": None if secret is None else str(secret),
    }
    with beside("api.pulling", "puller", told):
        yield


def _main() -> None:
    told, stop = told_by_parent()
    if told is None:
        return
    logs.set_up(told["log"])
    settings = load(
        tenant=told["schema"],
        sources=told["sources"],
        personal=told["personal"],
        personal_key=told["personal_key"],
    )
    run(told["url"], settings, pulled(settings), stop)


if __name__ == "__main__":
    _main()
