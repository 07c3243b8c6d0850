"""Making, rotating and revoking keys, each told to the audit trail. For HTTP and the command line alike.

Belongs here: the order of an act and its entry in the trail. A key that can't be recorded is not given out;
one that is to be revoked is revoked first. Does not belong here: the text of a key (`keys`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from psycopg import Connection

from adapters.postgres import keys
from adapters.postgres.keys import Grants, Key, KeyUnknown
from api.access.callers import current
from api.access.keys import Made, make, span_of

#: Records an act and its details, durably: api/trail.py.
Acted: TypeAlias = Callable[[str, Mapping[str, str]], int]


def create(
    connection: Connection[Any],
    schema: str,
    acted: Acted,
    name: str,
    grants: Grants,
    expires: str | None = None,
) -> Made:
    """Make a key of a new name. expires: a span from now, as `90d`. Raises KeyRefused."""
    until = None if expires is None else datetime.now(UTC) + span_of(expires)
    made = make(schema, name, grants, current().name, until)
    keys.create(connection, schema, made.key)
    _recorded(connection, schema, made, acted, "key.created", {"name": name, "id": made.key.id} | _told(made))
    return made


def rotate(
    connection: Connection[Any],
    schema: str,
    acted: Acted,
    name: str,
    *,
    expires: str | None = None,
    overlap: str | None = None,
    revoke_old: bool = False,
) -> tuple[Made, list[str]]:
    """Make the second key of a name, which may do what the first may: it, and the ids of the older ones.

    expires: a span from now; default: as long as the older one was made for. overlap: the older one ends
    after this span at the latest. revoke_old: it ends now. Raises KeyRefused, KeyUnknown.
    """
    now = datetime.now(UTC)
    live = [key for key in keys.every(connection) if key.name == name and key.state(now) == "live"]
    if not live:
        raise KeyUnknown(f"no key of the name {name[:80]!r} is live: make one with `cairn keys create`")
    newest = live[-1]
    until = None
    if expires is not None:
        until = now + span_of(expires)
    elif newest.expires_at is not None:
        until = now + (newest.expires_at - newest.created_at)
    made = make(schema, name, newest.grants, current().name, until)
    old_until = now if revoke_old else None if overlap is None else now + span_of(overlap)
    older = keys.rotate(connection, schema, made.key, old_until=old_until, revoke_old=revoke_old)
    details = {"name": name, "id": made.key.id, "older": " ".join(older)}
    if old_until is not None:
        details["older_ends"] = "now" if revoke_old else old_until.isoformat(timespec="seconds")
    _recorded(connection, schema, made, acted, "key.rotated", details)
    return made, older


def revoke(connection: Connection[Any], schema: str, acted: Acted, name: str) -> list[Key]:
    """End the keys of a name, or the one of an id: those that ended now. Raises KeyUnknown, KeyRefused.

    It is recorded also where nothing was live any more, so that a repeated request leaves no gap.
    """
    ended = keys.revoke(connection, schema, name, current().name)
    acted("key.revoked", {"name": name, "ended": " ".join(key.id for key in ended) or "none"})
    return ended


def _recorded(
    connection: Connection[Any],
    schema: str,
    made: Made,
    acted: Acted,
    act: str,
    details: Mapping[str, str],
) -> None:
    try:
        acted(act, details)
    except BaseException:
        # nobody has seen its text, and nobody shall
        keys.revoke(connection, schema, made.key.id, current().name)
        raise


def _told(made: Made) -> dict[str, str]:
    """What a key may do, as the trail's details: texts, and only those that are there."""
    grants = made.key.grants
    told = {
        "roles": " ".join(grants.roles),
        "sources": " ".join(grants.sources),
        "entity": ", ".join(grants.entities),
        "territory": ", ".join(grants.territories),
        "personal": "yes" if grants.personal else "",
        "expires": "" if made.key.expires_at is None else made.key.expires_at.isoformat(timespec="seconds"),
    }
    return {name: value for name, value in told.items() if value}
