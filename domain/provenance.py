"""By which mapping bytes were read: the text that is kept with them, and its parts.

The text is `name@version#digest/instance`, or `name/instance` where an older ledger kept neither version nor
digest. Belongs here: this form alone. Does not belong here: what a mapping is (adapters/sources).
"""

from __future__ import annotations

from typing import NamedTuple


class Provenance(NamedTuple):
    """A mapping as it was when it read some bytes. version, digest: None where they were not kept."""

    name: str
    instance: str
    version: str | None = None
    digest: str | None = None

    @property
    def text(self) -> str:
        """The form in which it is kept."""
        version = "" if self.version is None else f"@{self.version}"
        digest = "" if self.digest is None else f"#{self.digest}"
        return f"{self.name}{version}{digest}/{self.instance}"

    @property
    def feed(self) -> str:
        """`name/instance`: the same for all versions."""
        return f"{self.name}/{self.instance}"


def provenance(text: str) -> Provenance:
    """The parts of a kept text. Any text has them; what is not there is None or empty."""
    mapping, _, instance = text.partition("/")
    stem, _, digest = mapping.partition("#")
    name, _, version = stem.partition("@")
    return Provenance(name, instance, version or None, digest or None)


def feed_of(mapping: str | None) -> str | None:
    """`name/instance` of a kept text; None for a canonical event, which no mapping read."""
    return None if mapping is None else provenance(mapping).feed
