"""The way from a pulled record into the log, for one feed: made ready, recorded, counted.

Belongs here: what pulling feeds share with webhooks and imports: the same mapping, the same intake, the same
counts. Does not belong here: where records come from.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.feeds.setup import Feed
from adapters.feeds.tallies import Noted, Tallies, counts_of
from adapters.importing import Summary, import_path
from adapters.intake import Intake, IntakeFull
from adapters.preparing import Preparation, now
from adapters.sources import Source
from domain.arrivals import Outcome

#: Seconds between attempts while more waits to be written than may wait.
_PAUSE: Final = 0.2


class Inlet:
    """One feed's way in. source: its mapping. What it returns of is durable, and counted."""

    def __init__(self, intake: Intake, tallies: Tallies, feed: Feed, source: Source) -> None:
        self.feed = feed
        self.source = source
        self._intake = intake
        self._tallies = tallies
        self._pause = threading.Event()

    def prepare(self, record: bytes) -> Preparation:
        """One record made ready."""
        return self._intake.prepare_record(self.source, record, self.feed.setup.instance)

    def take(self, records: Sequence[bytes]) -> Summary:
        """Record a page of records.

        Raises eventsourcing.persistence.PersistenceError where the log can't be written; then the page is to
        be taken again.
        """
        return self.record([self.prepare(record) for record in records])

    def record(self, prepared: Sequence[Preparation]) -> Summary:
        """Record what was made ready. Raises as `take`."""
        summary = Summary()
        if prepared:
            summary.count(prepared, self._recorded(prepared))
            self._note(summary)
        return summary

    def import_file(self, path: Path) -> Summary:
        """Record a file. Raises as adapters.importing.import_path."""
        summary = import_path(self._intake, path, self.source, self.feed.setup.instance)
        self._note(summary)
        return summary

    def _recorded(self, prepared: Sequence[Preparation]) -> list[Outcome]:
        items = [item for one in prepared for item in one.items]
        while True:
            try:
                return self._intake.record(items)
            except IntakeFull:
                self._pause.wait(_PAUSE)

    def _note(self, summary: Summary) -> None:
        if counts := counts_of(summary):
            self._tallies.note(Noted(self.feed.name, now(), counts)).result()
