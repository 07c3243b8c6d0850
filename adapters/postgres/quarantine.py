"""The quarantine as people ask for it: filtered, counted, and dismissed.

Belongs here: what is asked of the view quarantine_entry. Does not belong here: reading an entry again
(adapters/replaying.py), why something is there (domain). Every function takes a connection of `connect`'s
pool.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.postgres.reading import Reader
from adapters.postgres.statements import statements

_SQL: Final = statements("quarantine")
STATUSES: Final = ("open", "settled", "dismissed", "mended")


class Wanted(NamedTuple):
    """Which entries. None: whichever. reason: a code that one of its reasons has. before: received before
    then.

    version: of the mapping that read it last. changed: only those whose mapping is another now.
    """

    reason: str | None = None
    source: str | None = None
    mapping: str | None = None
    version: str | None = None
    before: datetime | None = None
    status: str | None = "open"
    changed: bool = False


class Entry(NamedTuple):
    """A message that could not be understood, as its last reading left it.

    reasons: [{"code", "pointer", "message"}]. mapping: the text of domain.provenance of what read it last;
    None for an event of the contract. has_changed: whether that mapping is another now.
    """

    id: int
    inbox: int
    source: str | None
    event_id: str | None
    type: str | None
    reasons: list[dict[str, str]]
    received_at: datetime
    mapping: str | None
    status: str
    has_changed: bool


class Counted(NamedTuple):
    """Entries that have much in common. oldest, newest: when they were received. first: the lowest id."""

    reason: str
    source: str | None
    mapping: str | None
    version: str | None
    status: str
    has_changed: bool
    entries: int
    first: int
    oldest: datetime
    newest: datetime


class Reread(NamedTuple):
    """What was done about an entry once. outcome: also `dismissed`, by `actor`."""

    outcome: str
    position: int | None
    reasons: list[dict[str, str]]
    at: datetime
    mapping: str | None
    actor: str | None
    note: str | None


def _given(wanted: Wanted, stamps: Mapping[str, str], **more: Any) -> dict[str, Any]:
    return {**wanted._asdict(), "names": list(stamps), "stamps": list(stamps.values()), **more}


def entries(
    connection: Reader, wanted: Wanted, stamps: Mapping[str, str], after: int = 0, limit: int = 100
) -> list[Entry]:
    """Entries after an id, by id.

    stamps: each mapping's name -> its text without an instance, as it is now.
    """
    given = _given(wanted, stamps, after=after, limit=limit)
    return [Entry(*row) for row in connection.cursor(binary=True).execute(_SQL["entries"], given)]


def summary(connection: Reader, wanted: Wanted, stamps: Mapping[str, str]) -> list[Counted]:
    """Entries grouped by their first reason, source and mapping; the largest group first."""
    given = _given(wanted, stamps)
    return [Counted(*row) for row in connection.cursor(binary=True).execute(_SQL["summary"], given)]


def entry(connection: Reader, number: int, stamps: Mapping[str, str]) -> Entry | None:
    """One entry, whatever its status; None where there is none such."""
    given = {"entry": number, "names": list(stamps), "stamps": list(stamps.values())}
    row = connection.cursor(binary=True).execute(_SQL["entry"], given).fetchone()
    return None if row is None else Entry(*row)


def readings(connection: Reader, number: int) -> list[Reread]:
    """What was done about an entry, in order."""
    found = connection.cursor(binary=True).execute(_SQL["readings"], {"entry": number})
    return [Reread(*row) for row in found]


def dismiss(connection: Reader, numbers: Sequence[int], actor: str, note: str) -> list[int]:
    """Say of open entries that nobody has to do anything about them: those of which it was said now."""
    given = {"entries": list(numbers), "actor": actor, "note": note}
    return sorted(row[0] for row in connection.execute(_SQL["dismiss"], given))
