"""Forgetting a data subject: its key and its sealed values are destroyed, its tokens stay.

Belongs here: destroying, sweeping what is left of it from the tables' files, and the list beside the secret
by which it is done again after a backup was restored. Does not belong here: who may ask for it, the audit
trail (api/forgetting.py).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import Connection

from adapters.personal.sealing import Secret, new_key, unseal
from adapters.personal.searching import texts
from adapters.personal.tokens import PART, Token, normalised
from adapters.postgres.statements import statements

_SQL: Final = statements("personal")
_log: Final = logging.getLogger("cairn.personal")
#: Bytes of the table of keys up to which it is written anew, so that nothing of a key is left in its file.
_SMALL: Final = 64 * 2**20
#: Characters from which a known value is looked for in payloads that are sealed whole.
_TELLING: Final = 4
_HEX: Final = re.compile(rf"[0-9a-f]{{{2 * PART}}}")


class SubjectUnknown(LookupError):
    """Nothing is kept of a subject."""


class State(NamedTuple):
    """What is kept of a subject. last: when it was last forgotten or allowed again."""

    is_kept: bool
    values: int
    last: datetime | None


class Counts(NamedTuple):
    """Subjects with a key, their values, payloads sealed whole, subjects that were forgotten."""

    subjects: int
    values: int
    bodies: int
    forgotten: int


class Destroyed(NamedTuple):
    """What went. bodies: payloads sealed whole in which the subject was found."""

    values: int
    bodies: int


def counts(connection: Connection[Any]) -> Counts:
    """What is kept."""
    row = connection.execute(_SQL["counts"]).fetchone()
    assert row is not None, "counts always give a row"
    return Counts(*row)


def state(connection: Connection[Any], subject: bytes) -> State | None:
    """What is kept of a subject; None where nothing ever was. subject: its 8 bytes."""
    row = connection.execute(_SQL["state"], {"subject": subject}).fetchone()
    return None if row is None else State(*row)


def forgotten(connection: Connection[Any]) -> list[tuple[bytes, datetime | None]]:
    """Subjects and sealed payloads whose keys are destroyed, by their 8 bytes, in the order in which."""
    return [(bytes(row[0]), row[1]) for row in connection.execute(_SQL["all_forgotten"], binary=True)]


def bodies_with(connection: Connection[Any], secret: Secret, subject: bytes, id_: str) -> list[bytes]:
    """Payloads that are sealed whole and in which the subject's id stands, or a value known of it.

    By their 8 bytes. Raises Unsealed.
    """
    wanted = _wanted(connection, secret, subject, id_)
    found = []
    with connection.transaction(), connection.cursor("cairn_bodies", binary=True) as rows:
        for body, value, sealed, wrapped in rows.execute(_SQL["bodies"]):
            token = Token(bytes(body), bytes(value))
            raw = unseal(secret.unwrap(token.subject, wrapped), token, sealed)
            if any(_holds(text, wanted) for text in texts(raw)):
                found.append(token.subject)
    return found


def _wanted(connection: Connection[Any], secret: Secret, subject: bytes, id_: str) -> set[str]:
    wanted = {normalised(id_)}
    for value, sealed, wrapped in connection.execute(_SQL["values_of"], {"subject": subject}, binary=True):
        token = Token(subject, bytes(value))
        raw = unseal(secret.unwrap(subject, wrapped), token, sealed)
        text = normalised(_plain(raw))
        if len(text) >= _TELLING:
            wanted.add(text)
    return wanted - {""}


def _plain(raw: bytes) -> str:
    if raw[:1] == b'"':
        return msgspec.json.decode(raw, type=str)
    return raw.decode(errors="replace")


def _holds(text: str, wanted: Iterable[str]) -> bool:
    found = normalised(text)
    return any(one in found for one in wanted)


def destroy(connection: Connection[Any], subjects: list[bytes]) -> int:
    """Destroy the keys and values of subjects, in one transaction: how many values went.

    A subject of which nothing is kept yet is forgotten all the same: nothing will be.
    """
    with connection.transaction():
        for subject in subjects:
            connection.execute(_SQL["forgotten"], {"subject": subject})
        connection.execute(_SQL["hold"], {"subjects": subjects})
        connection.execute(_SQL["destroy_keys"], {"subjects": subjects})
        row = connection.execute(_SQL["destroy_values"], {"subjects": subjects}).fetchone()
        assert row is not None, "a count always gives a row"
        for number, subject in enumerate(subjects):
            told = {"subject": subject, "act": "forgotten", "destroyed": 0 if number else row[0]}
            connection.execute(_SQL["note"], told)
    destroyed: int = row[0]
    return destroyed


def allow(connection: Connection[Any], secret: Secret, subject: bytes) -> bool:
    """Let values of a forgotten subject be kept again from now on: whether it was a forgotten one.

    What was destroyed stays so.
    """
    with connection.transaction():
        given = {"subject": subject, "wrapped": secret.wrap(subject, new_key())}
        if connection.execute(_SQL["allow"], given).rowcount == 0:
            return False
        connection.execute(_SQL["note"], {"subject": subject, "act": "allowed", "destroyed": 0})
    return True


def sweep(connection: Connection[Any]) -> bool:
    """Sweep destroyed keys and values from the tables' files: whether it was done whole.

    connection: in autocommit. Otherwise the database does it by itself, later.
    """
    try:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(_SQL["sweep"])
        row = connection.execute(_SQL["size_of_keys"]).fetchone()
        if row is not None and row[0] <= _SMALL:
            connection.execute(_SQL["sweep_keys_whole"])
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
        _log.warning("destroyed keys are not swept from the table's file yet: others are at work on it")
        return False
    finally:
        connection.execute("RESET lock_timeout")
    return True


# ---- the list beside the secret


def list_beside(secret: Path, schema: str) -> Path:
    """The list of a ledger's forgotten subjects, beside the secret, which several ledgers may share."""
    return secret.with_name(f"{secret.name}.{schema}.forgotten")


def write_down(path: Path, subjects: Iterable[bytes]) -> None:
    """Add subjects to the list, durably. Raises OSError."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.writelines(f"{subject.hex()}\n" for subject in subjects)
        file.flush()
        os.fsync(file.fileno())


def strike_out(path: Path, subject: bytes) -> None:
    """Take a subject off the list, since it is allowed again. Raises OSError."""
    if not path.exists():
        return
    kept = [one for one in read_list(path) if one != subject]
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    write_down(draft, kept)
    draft.replace(path)


def read_list(path: Path) -> list[bytes]:
    """The subjects of a list, each once. Raises ValueError with the line that is none; OSError."""
    found: dict[bytes, None] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        word = line.strip()
        if not word:
            continue
        if _HEX.fullmatch(word) is None:
            raise ValueError(f"{path}:{number}: must be {2 * PART} hex digits (cairn personal --forgotten)")
        found[bytes.fromhex(word)] = None
    return list(found)
