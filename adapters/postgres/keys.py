"""Keys of callers in a tenant's schema: making, ending and reading them.

Belongs here: rows of the table `access_key`, and the rule that a name has at most two live keys. Does not
belong here: the text of a key (api/access/keys.py), what a role may do (api/access/roles.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.postgres.connections import checked_schema
from adapters.postgres.statements import statements

_SQL: Final = statements("keys")
#: Live keys of one name at a time: the one in use, and the one that takes its place.
MOST_LIVE: Final = 2


class KeyRefused(ValueError):
    """The key can't be made so; the message says what would do."""


class KeyUnknown(LookupError):
    """There is no such key."""


class Grants(NamedTuple):
    """What a key may do, as Caller in api/access/callers.py has it. sources: patterns; empty: none.

    entities, territories: empty for all rows. rate: as `100/second`. max_body: bytes.
    """

    roles: tuple[str, ...]
    sources: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    personal: bool = False
    rate: str | None = None
    max_body: int | None = None


class Key(NamedTuple):
    """A key as it is stored. digest: SHA-256 of its text."""

    id: str
    name: str
    digest: bytes
    grants: Grants
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    used_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """`live`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"


class Making(NamedTuple):
    """A key to be made. expires_at: None for one that stays until it is revoked."""

    id: str
    name: str
    digest: bytes
    grants: Grants
    created_by: str
    expires_at: datetime | None = None


def channel_of_keys(schema: str) -> str:
    """The channel on which a change of keys is notified."""
    return f"{checked_schema(schema)}_keys"


def every(connection: Connection[Any]) -> list[Key]:
    """All keys that were ever made, oldest first."""
    return [_key(row) for row in connection.execute(_SQL["all"], prepare=True)]


def any_live(connection: Connection[Any]) -> bool:
    """Whether some key lets its holder in."""
    row = connection.execute(_SQL["any_live"]).fetchone()
    return bool(row and row[0])


def any_made(connection: Connection[Any]) -> bool:
    """Whether a key was ever made."""
    row = connection.execute(_SQL["any_made"]).fetchone()
    return bool(row and row[0])


def create(connection: Connection[Any], schema: str, making: Making) -> None:
    """Make a key of a new name. Raises KeyRefused where the name has a live key, or is the id of another."""
    with connection.transaction():
        _lock(connection, schema)
        if _live(connection, making.name):
            raise KeyRefused(f"there is a key {making.name} already: rotate it, or revoke it first")
        if any(key.id == making.name for key in _named(connection, making.name)):
            raise KeyRefused(f"{making.name} is the id of another key: give it a name of its own")
        _insert(connection, making)


def rotate(
    connection: Connection[Any], schema: str, making: Making, *, old_until: datetime | None, revoke_old: bool
) -> list[str]:
    """Make the second key of a name, with what the newest may do: the ids of the older ones.

    making: its grants are not used. old_until: when the older ends at the latest; None: as it would.
    revoke_old: it ends now. Raises KeyUnknown; KeyRefused where two are live already.
    """
    with connection.transaction():
        _lock(connection, schema)
        live = _live(connection, making.name)
        if not live:
            raise KeyUnknown(f"no key of the name {making.name} is live: make one with `cairn keys create`")
        if len(live) >= MOST_LIVE:
            raise KeyRefused(
                f"{making.name} has two live keys: revoke the older one first"
                f" (`cairn keys revoke {live[0].id}`)"
            )
        _insert(connection, making._replace(grants=live[-1].grants))
        for old in live:
            if revoke_old:
                connection.execute(_SQL["revoke"], {"id": old.id, "by": making.created_by})
            elif old_until is not None:
                connection.execute(_SQL["end_sooner"], {"id": old.id, "at": old_until})
    return [old.id for old in live]


def revoke(connection: Connection[Any], schema: str, name: str, by: str) -> list[Key]:
    """End the keys of a name, or the one of an id: those that ended now.

    Raises KeyUnknown; KeyRefused for the name of one key that is the id of another.
    """
    with connection.transaction():
        _lock(connection, schema)
        found = _named(connection, name)
        if not found:
            raise KeyUnknown(f"there is no key of the name or id {name[:80]!r}: `cairn keys list` shows them")
        if len({key.name == name for key in found}) > 1:
            raise KeyRefused(
                f"{name} is the name of one key and the id of another: end the one by its id, and the other"
                " by its name (`cairn keys list` shows them)"
            )
        return [
            key for key in found if connection.execute(_SQL["revoke"], {"id": key.id, "by": by}).rowcount == 1
        ]


def note_use(connection: Connection[Any], used: Mapping[str, datetime]) -> None:
    """Keep when keys were used last."""
    with connection.transaction():
        for id_, at in sorted(used.items()):
            connection.execute(_SQL["used"], {"id": id_, "at": at})


def _lock(connection: Connection[Any], schema: str) -> None:
    connection.execute(_SQL["lock"], (channel_of_keys(schema),))


def _live(connection: Connection[Any], name: str) -> list[Key]:
    return [_key(row) for row in connection.execute(_SQL["live_of"], {"name": name})]


def _named(connection: Connection[Any], name: str) -> list[Key]:
    """Every key of a name, and the one of an id; also those that have ended."""
    return [_key(row) for row in connection.execute(_SQL["named"], {"name": name})]


def _insert(connection: Connection[Any], making: Making) -> None:
    grants = making.grants
    connection.execute(
        _SQL["insert"],
        {
            "id": making.id,
            "name": making.name,
            "digest": making.digest,
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in grants._asdict().items()
            },
            "created_by": making.created_by,
            "expires_at": making.expires_at,
        },
    )


def _key(row: tuple[Any, ...]) -> Key:
    id_, name, digest, roles, sources, entities, territories, personal, rate, max_body, *rest = row
    grants = Grants(
        tuple(roles), tuple(sources), tuple(entities), tuple(territories), personal, rate, max_body
    )
    return Key(id_, name, bytes(digest), grants, *rest)
