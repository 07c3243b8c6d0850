"""Reading the audit trail from the log, forwards and backwards.

Belongs here: which of the log's rows are entries, found quickly however long the log is. Does not belong
here: what an entry is (domain/trail), recording one (api/trail).
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.postgres.reading import Reader
from adapters.postgres.statements import statements
from domain.milestones import AuditRecorded
from domain.stored import CODEC
from domain.trail import TOPIC, source_of

_SQL: Final = statements("trail")
#: Entries that are read at a time where only some are wanted.
_READ: Final = 1_000


class Told(NamedTuple):
    """An entry, where it stands and when it was recorded."""

    position: int
    recorded_at: datetime
    entry: AuditRecorded


class Wanted(NamedTuple):
    """Which entries. act: this one, or all under it: `key` for `key.created`. actor: a name. None: any."""

    act: str | None = None
    actor: str | None = None

    def means(self, entry: AuditRecorded) -> bool:
        """Whether an entry is one of them."""
        if self.act is not None and entry.act != self.act and not entry.act.startswith(f"{self.act}."):
            return False
        return self.actor is None or entry.actor == self.actor


def after(connection: Connection[Any], schema: str, position: int, limit: int, wanted: Wanted) -> list[Told]:
    """Entries after a position, in the order of recording."""
    return _read(connection, schema, "after", position, limit, wanted)


def before(connection: Connection[Any], schema: str, position: int, limit: int, wanted: Wanted) -> list[Told]:
    """Entries before a position, the latest first."""
    return _read(connection, schema, "before", position, limit, wanted)


def _read(connection: Reader, schema: str, way: str, position: int, limit: int, wanted: Wanted) -> list[Told]:
    found: list[Told] = []
    size = limit if wanted == Wanted() else max(limit, _READ)
    cursor = connection.cursor(binary=True)
    while True:
        asked = {
            "source": source_of(schema),
            "topic": TOPIC,
            "act": (wanted.act or "").encode(),
            "actor": (wanted.actor or "").encode(),
            "limit": size,
            way: position,
        }
        rows = cursor.execute(_SQL[way], asked).fetchall()
        for at, state, recorded_at in rows:
            entry = CODEC.decode(TOPIC, state)
            assert isinstance(entry, AuditRecorded), "a topic has one type"
            if wanted.means(entry):
                found.append(Told(at, recorded_at, entry))
                if len(found) == limit:
                    return found
        if len(rows) < size:
            return found
        position = rows[-1][0]
