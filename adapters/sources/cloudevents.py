"""Milestones that are CloudEvents already: NDJSON, a JSON list (batch), or a single JSON event.

Nothing is translated: a record's payload is one event, and what it must hold is the contract's matter
(domain/contract.py). Here it is refused only where it is no JSON object at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from adapters.sources import files
from adapters.sources.base import Milestone, Record, Translation, speaker
from adapters.sources.payload import Unreadable, read_payload


class CloudEvents:
    """The contract's own form."""

    name: Final = "cloudevents"
    canonical: Final = True

    def records(self, path: Path) -> Iterator[Record]:
        """One record a line (.jsonl, .ndjson), unparsed; of a .json file each event."""
        return files.json_records(path)

    def translate(self, payload: bytes, instance: str) -> Translation:
        """The event itself. A number with a fraction stays a JSON float, which the contract refuses."""
        speaker("ledger", self.name, instance)
        try:
            event = read_payload(payload, float).value
        except Unreadable as unreadable:
            return Translation(refused=(unreadable.refusal,))
        if not event:
            return Translation(refused=(Unreadable("object_format", "", "the event is empty").refusal,))
        return Translation((cast("Milestone", event),))
