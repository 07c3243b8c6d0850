"""API keys: their text, and how people read what is stored of them.

A key reads `cairn_<schema>_<id>_<secret><checksum>`: the schema, since a key belongs to one tenant; 43
characters of secret, 256 bits by chance; a checksum, so that typos are seen and leaked keys are found.
Belongs here: making and telling keys. Does not belong here: rows (adapters/postgres/keys.py), recognising
what a caller presents (`ring`).
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pydantic import ByteSize, TypeAdapter, ValidationError

from adapters.postgres.keys import Grants, Key, KeyRefused, Making
from api.access.grants import checked

PREFIX: Final = "cairn_"
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID: Final = 10
#: 62 ** 43 is more than 2 ** 256.
_SECRET: Final = 43
_CHECK: Final = 6
_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._@-]{0,62}", re.ASCII)
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


class Made(NamedTuple):
    """A key that was made. text: what its holder presents; shown once, kept nowhere."""

    key: Making
    text: str


def span_of(text: str) -> timedelta:
    """A span as `90d`, `24h` or `30m`. Raises KeyRefused."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise KeyRefused(f"{text[:40]!r} is no span of time: write 90d, 24h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def size_of(value: object) -> int | None:
    """Bytes, from a number or as `1MiB`. Raises KeyRefused."""
    if value is None:
        return None
    try:
        return int(TypeAdapter(ByteSize).validate_python(value))
    except ValidationError:
        raise KeyRefused("the limit of a body must be a number of bytes, or as 1MiB") from None


def _check_of(text: str) -> str:
    number = zlib.crc32(text.encode())
    found = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        found = _DIGITS[digit] + found
    return found


def is_damaged(text: str) -> bool:
    """Whether a text looks like a key, and is not one as it was given out."""
    return text.startswith(PREFIX) and (len(text) < _CHECK or _check_of(text[:-_CHECK]) != text[-_CHECK:])


def _by_chance(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def make(schema: str, name: str, grants: Grants, by: str, expires_at: datetime | None = None) -> Made:
    """A new key, not yet stored. Raises KeyRefused."""
    if _NAME.fullmatch(name) is None:
        raise KeyRefused("a key's name has 1 to 63 letters, digits, '.', '_', '@' or '-', no sign first")
    id_ = _by_chance(_ID)
    body = f"{PREFIX}{schema}_{id_}_{_by_chance(_SECRET)}"
    text = body + _check_of(body)
    return Made(Making(id_, name, sha256(text.encode()).digest(), checked(grants), by, expires_at), text)


def told(key: Key, now: datetime) -> dict[str, Any]:
    """A key as people read it; nothing of its secret."""
    grants = key.grants
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(now),
        "roles": list(grants.roles),
        "sources": list(grants.sources),
        "entity": list(grants.entities),
        "territory": list(grants.territories),
        "personal": grants.personal,
        "rate": grants.rate,
        "max_body": grants.max_body,
        "created_at": _text(key.created_at),
        "created_by": key.created_by,
        "expires_at": _text(key.expires_at),
        "revoked_at": _text(key.revoked_at),
        "revoked_by": key.revoked_by,
        "last_used_at": _text(key.used_at),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
