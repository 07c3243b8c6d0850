"""What tokens stand for, in the database: sealed on the way in, opened for those who may see it.

Belongs here: keeping values under the keys of their subjects, and opening them. Does not belong here: who may
see them (api/personal.py), forgetting (forgetting.py).

A value is on disk before the record whose token stands for it: `keep` has committed when it returns. What was
kept before a crash and never recorded stands for nothing, and is no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from adapters.personal.sealing import Secret, SecretRefused, new_key, new_salt, seal, unseal
from adapters.personal.searching import candidates
from adapters.personal.tokens import TOKEN, Token, tokens_in
from adapters.postgres.statements import statements
from domain.arrivals import Plain

_SQL: Final = statements("personal")
#: Tokens and keys that are remembered, so that a steady stream of the same values asks nothing.
MOST_TOKENS: Final = 200_000
MOST_KEYS: Final = 20_000
#: Seconds between looks at whether somebody was forgotten, or allowed again, elsewhere.
_LOOK_SECONDS: Final = 1.0
#: Values that are sent in one statement, and bytes from which a statement has enough.
_BATCH: Final = 5_000
_BATCH_BYTES: Final = 16 * 2**20
#: Times that a value is sealed anew because its subject's key was another one than was remembered.
_ATTEMPTS: Final = 5

Pool: TypeAlias = "ConnectionPool[Any]"


def secret_of(connection: Connection[Any], master: bytes) -> Secret:
    """The secret of this ledger, which begins with this one where it has none yet.

    Raises SecretRefused where it began with another.
    """
    row = _row(connection, "secret", {})
    if row is None:
        salt = new_salt()
        begun = {"salt": salt, "proof": Secret(master, salt).proof}
        connection.execute(_SQL["begin_secret"], begun, binary=True)
        row = _row(connection, "secret", {})
        assert row is not None, "it was begun by us or by another"
    secret = Secret(master, bytes(row[0]))
    if secret.proof != bytes(row[1]):
        raise SecretRefused(
            "the secret of CAIRN_PERSONAL_KEY is not the one that this ledger's tokens are made with: restore"
            " that one"
        )
    return secret


def has_secret(connection: Connection[Any]) -> bool:
    """Whether the ledger has ever had a secret."""
    return _row(connection, "secret", {}) is not None


def _row(connection: Connection[Any], name: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    found: tuple[Any, ...] | None = connection.execute(_SQL[name], parameters, binary=True).fetchone()
    return found


class Vault:
    """The sealed values of one ledger. Thread-safe."""

    def __init__(self, pool: Pool, secret: Secret) -> None:
        self.secret = secret
        self._pool = pool
        self._lock = threading.Lock()
        self._kept: dict[tuple[bytes, bytes], None] = {}
        self._keys: dict[bytes, tuple[bytes, bytes] | None] = {}
        self._last_act = -1
        self._looked = 0.0

    # ---- keeping

    def keep(self, values: Iterable[Plain]) -> None:
        """Seal what is not kept yet; durable on return. Of subjects that were forgotten nothing is kept, and
        no whole payload in which the id of one is found.

        Raises PersistenceError where the database can't be used.
        """
        wanted = {(one.subject, one.value): one for one in values}
        if not wanted:
            return
        try:
            with self._lock:
                self._look()
                missing = [one for token, one in wanted.items() if token not in self._kept]
                for batch in _batches(missing):
                    with self._pool.connection() as connection:
                        self._keep(connection, batch)
        except (psycopg.Error, PoolTimeout) as error:
            raise PersistenceError(f"personal values can't be kept ({type(error).__name__})") from error

    def clear(self) -> None:
        """Forget all keys and tokens that are remembered here."""
        with self._lock:
            self._kept.clear()
            self._keys.clear()
            self._last_act = -1

    def _look(self) -> None:
        """Forget what is remembered where subjects were forgotten or allowed since the last look."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        with self._pool.connection() as connection:
            row = _row(connection, "last_act", {})
        assert row is not None, "a maximum always gives a row"
        if row[0] != self._last_act:
            self._kept.clear()
            self._keys.clear()
            self._last_act = row[0]
        self._looked = now

    def _keep(self, connection: Connection[Any], values: Sequence[Plain]) -> None:
        left = [one for one in values if not (one.is_body and self._names_forgotten(connection, one.raw))]
        for _ in range(_ATTEMPTS):
            self._learn(connection, left)
            sealed = [
                (one, key[0], seal(key[1], Token(one.subject, one.value), one.raw))
                for one in left
                if (key := self._keys[one.subject]) is not None
            ]
            if sealed:
                _add_values(connection, sealed)
            kept = _kept(connection, [one for one, _, _ in sealed])
            left = [one for one, _, _ in sealed if (one.subject, one.value) not in kept]
            if not left:
                self._remember(values)
                return
            for one in left:  # its key was destroyed or made anew meanwhile
                self._keys.pop(one.subject, None)
        raise PersistenceError("personal values can't be kept: their keys change all the time; send it again")

    def _names_forgotten(self, connection: Connection[Any], body: bytes) -> bool:
        """Whether the id of a forgotten subject is found in a whole payload."""
        if self._last_act == 0:
            return False  # nobody ever was
        subjects = list(map(self.secret.pseudonyms.subject, candidates(body)))
        rows = connection.execute(_SQL["keys"], {"subjects": subjects}, binary=True)
        return any(wrapped is None for _, wrapped in rows)

    def _learn(self, connection: Connection[Any], values: Sequence[Plain]) -> None:
        """Have the keys of all subjects at hand; new ones where there are none. None: forgotten."""
        if len(self._keys) > MOST_KEYS:
            self._keys.clear()
        wanted = {one.subject: one.is_body for one in values if one.subject not in self._keys}
        self._read_keys(connection, list(wanted))
        new = [subject for subject in wanted if subject not in self._keys]
        if not new:
            return
        given = {
            "subjects": new,
            "wrapped": [self.secret.wrap(subject, new_key()) for subject in new],
            "bodies": [wanted[subject] for subject in new],
        }
        connection.execute(_SQL["add_keys"], given, binary=True)
        self._read_keys(connection, new)

    def _read_keys(self, connection: Connection[Any], subjects: list[bytes]) -> None:
        if not subjects:
            return
        for subject, wrapped in connection.execute(_SQL["keys"], {"subjects": subjects}, binary=True):
            key = None if wrapped is None else (wrapped, self.secret.unwrap(subject, wrapped))
            self._keys[bytes(subject)] = key

    def _remember(self, values: Iterable[Plain]) -> None:
        if len(self._kept) > MOST_TOKENS:
            self._kept.clear()
        self._kept.update(dict.fromkeys((one.subject, one.value) for one in values))

    # ---- opening

    def opened(self, connection: Connection[Any], tokens: Iterable[Token]) -> dict[Token, bytes]:
        """What tokens stand for, as it stood in payloads; those that stand for nothing any more are left out.

        Raises Unsealed.
        """
        wanted = list(tokens)
        if not wanted:
            return {}
        given = {"subjects": [one.subject for one in wanted], "values": [one.value for one in wanted]}
        found = {}
        for subject, value, sealed, wrapped in connection.execute(_SQL["values"], given, binary=True):
            token = Token(bytes(subject), bytes(value))
            found[token] = unseal(self.secret.unwrap(token.subject, wrapped), token, sealed)
        return found

    def restored(self, connection: Connection[Any], body: bytes) -> tuple[bytes, int]:
        """A payload with what its tokens stand for, and how many tokens had to stay. Raises Unsealed."""
        found = self.opened(connection, tokens_in(body))
        left = 0
        parts: list[bytes] = []
        at = 0
        for match in TOKEN.finditer(body):
            token = Token(bytes.fromhex(match[1].decode()), bytes.fromhex(match[2].decode()))
            raw = found.get(token)
            left += raw is None
            parts += (body[at : match.start()], match[0] if raw is None else raw)
            at = match.end()
        parts.append(body[at:])
        return b"".join(parts), left


def _batches(values: Iterable[Plain]) -> Iterable[list[Plain]]:
    batch: list[Plain] = []
    size = 0
    for one in values:
        batch.append(one)
        size += len(one.raw)
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _add_values(connection: Connection[Any], sealed: Sequence[tuple[Plain, bytes, bytes]]) -> None:
    given = {
        "subjects": [one.subject for one, _, _ in sealed],
        "values": [one.value for one, _, _ in sealed],
        "sealed": [body for _, _, body in sealed],
        "wrapped": [wrapped for _, wrapped, _ in sealed],
    }
    connection.execute(_SQL["add_values"], given, binary=True)


def _kept(connection: Connection[Any], values: Sequence[Plain]) -> set[tuple[bytes, bytes]]:
    """Those of the values that can be opened now."""
    if not values:
        return set()
    given = {"subjects": [one.subject for one in values], "values": [one.value for one in values]}
    rows = connection.execute(_SQL["kept"], given, binary=True)
    return {(bytes(subject), bytes(value)) for subject, value in rows}
