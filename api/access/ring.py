"""The keys of a ledger in a server's memory, so that recognising a caller asks nobody.

A change is heard of by a notice of the database, and looked for every second as well; where the database
can't be reached the keys stay as they were known last. Belongs here: what a presented key is, and when it was
used. Does not belong here: its text (`keys`), rows (adapters/postgres/keys.py).
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection, sql

from adapters.postgres import keys
from adapters.postgres.keys import Key
from api.access.callers import Caller
from api.access.grants import caller_with
from api.access.keys import PREFIX
from api.access.refusals import SEND, Unauthorised

_log: Final = logging.getLogger("cairn.access")

#: Seconds between looks at the keys where no notice of a change came, and between notes of their use.
_POLL_SECONDS: Final = 1.0
_NOTING_SECONDS: Final = 60.0


class _Held(NamedTuple):
    key: Key
    caller: Caller
    ends: float | None


class KeyRing:
    """The keys of a schema in memory. connect: opens a connection of its own, in autocommit.

    any_made: whether a key was ever made; once it is true it stays so, whatever becomes of the keys.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], schema: str) -> None:
        self.any_made = False
        self._schema = schema
        self._connect = connect
        self._held: Mapping[str, _Held] = {}
        self._used: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="cairn-keys", daemon=True)

    def start(self) -> None:
        """Read the keys, and begin to follow them. Raises psycopg.Error."""
        with self._connect() as connection:
            self.read(connection)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; what is known of the keys' use is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        if self._used:
            with suppress(psycopg.Error), self._connect() as connection:
                self._note_use(connection)

    def read(self, connection: Connection[Any]) -> None:
        """Take in the keys as they are now."""
        self._held = {
            key.id: _Held(
                key,
                caller_with(key.grants, key.name, "key", key.id),
                None if key.expires_at is None else key.expires_at.timestamp(),
            )
            for key in keys.every(connection)
        }
        self.any_made = self.any_made or bool(self._held)

    def caller(self, text: str) -> Caller | None:
        """Whose key this is; None where it is nobody's here. Raises Unauthorised for one that has ended."""
        if not text.startswith(PREFIX):
            return None
        named, _, id_ = text.rpartition("_")[0].rpartition("_")
        held = self._held.get(id_)
        if held is None or named != PREFIX + self._schema:
            return None
        if not hmac.compare_digest(sha256(text.encode()).digest(), held.key.digest):
            return None
        if held.key.revoked_at is not None:
            raise Unauthorised(f"the key {held.key.name} was revoked: ask for a new one, and {SEND}")
        now = time.time()
        if held.ends is not None and held.ends <= now:
            raise Unauthorised(f"the key {held.key.name} has expired: ask for a new one, and {SEND}")
        self._used[id_] = now
        return held.caller

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(
                        sql.SQL("LISTEN {}").format(sql.Identifier(keys.channel_of_keys(self._schema)))
                    )
                    self._listen(connection)
            except (psycopg.Error, OSError) as error:
                if not self._stop.is_set():
                    _log.warning("can't follow the keys (%s); trying again", type(error).__name__)
                    self._stop.wait(_POLL_SECONDS)

    def _listen(self, connection: Connection[Any]) -> None:
        noted = time.time()
        while not self._stop.is_set():
            self.read(connection)
            for _ in connection.notifies(timeout=_POLL_SECONDS, stop_after=1):
                pass
            if time.time() - noted >= _NOTING_SECONDS:
                self._note_use(connection)
                noted = time.time()

    def _note_use(self, connection: Connection[Any]) -> None:
        used, self._used = self._used, {}
        keys.note_use(connection, {id_: _minute(at) for id_, at in list(used.items())})


def _minute(at: float) -> datetime:
    return datetime.fromtimestamp(at // 60 * 60, UTC)
