"""Source systems: bytes in, milestones of the contract out. docs/sources.md says what each record becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from adapters.sources import codes  # what mappings may name is registered with it
from adapters.sources.base import Record, Refusal, Source, Speaker, Translation
from adapters.sources.cloudevents import CloudEvents
from adapters.sources.mapping import (
    MappedSource,
    MappingRefused,
    load_mapping,
    load_mappings,
    mappings_in,
)

#: Where the mappings stand that come with the ledger.
BUILT_IN: Final = Path(__file__).parent / "mappings"

_IN_PYTHON: Final[tuple[Source, ...]] = (CloudEvents(),)
#: Every source by its name. Mappings are read when they are first needed.
SOURCES: Final[dict[str, Source]] = {source.name: source for source in (*_IN_PYTHON, *mappings_in(BUILT_IN))}


def use_mappings(folder: Path) -> list[str]:
    """Add the mappings of a folder to SOURCES, in place of those of the same name; answers their names.

    Raises MappingRefused with the first file that can't be used (none is added then), OSError.
    """
    found = load_mappings(folder)
    SOURCES.update({source.name: source for source in found})
    return [source.name for source in found]


__all__ = [
    "BUILT_IN",
    "SOURCES",
    "MappedSource",
    "MappingRefused",
    "Record",
    "Refusal",
    "Source",
    "Speaker",
    "Translation",
    "codes",
    "load_mapping",
    "use_mappings",
]
