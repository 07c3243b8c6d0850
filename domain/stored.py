"""Stored milestones: bytes to structs and back, and the way from old versions to today's.

What is stored is a MessagePack array that begins with the stored name. Older versions are raised step
by step by upcasters before they become structs, so that a fold only ever sees today's shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from domain.contract import CATALOGUE
from domain.milestones import Milestone

_encoder: Final = msgspec.msgpack.Encoder()


class Head(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What stored milestones begin with. instant: microseconds since 1970 UTC; effective: day number."""

    name: str
    source: str
    id: str
    subject: str
    time: str
    instant: int
    sequence: str | None
    effective: int


#: The head of stored bytes, without reading what follows it.
decode_head: Final = msgspec.msgpack.Decoder(Head).decode


class UnknownStored(ValueError):
    """The log holds a milestone whose name this version does not know: the code is older than the log."""


#: A step from one stored version to the next: the array's items after the name, old to new.
Upcaster = Callable[[list[Any]], list[Any]]


class Codec:
    """Encodes and decodes milestones of a catalogue. The ledger's own is `CODEC`."""

    def __init__(
        self, structs: dict[str, type[Milestone]], upcasters: dict[str, tuple[str, Upcaster]] | None = None
    ) -> None:
        self._decoders = {name: msgspec.msgpack.Decoder(struct) for name, struct in structs.items()}
        self._upcasters = upcasters or {}

    def encode(self, milestone: Milestone) -> bytes:
        """The bytes that are stored."""
        return _encoder.encode(milestone)

    def decode(self, name: str, state: bytes) -> Milestone:
        """A stored milestone, raised to today's version. Raises UnknownStored, msgspec.ValidationError."""
        decoder = self._decoders.get(name)
        if decoder is not None:
            return decoder.decode(state)
        items = msgspec.msgpack.decode(state)[1:]
        while name in self._upcasters:
            name, upcast = self._upcasters[name]
            items = upcast(items)
        decoder = self._decoders.get(name)
        if decoder is None:
            raise UnknownStored(
                f"the log holds {name!r}, which this version does not know; upgrade cairn-ledger"
            )
        return decoder.decode(_encoder.encode([name, *items]))


#: No stored version has been replaced yet.
UPCASTERS: Final[dict[str, tuple[str, Upcaster]]] = {}

CODEC: Final = Codec({name: entry.struct for name, entry in CATALOGUE.items()}, UPCASTERS)
