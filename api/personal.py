"""Personal data as the settings and the caller have it: what is kept sealed, and who is shown it.

For HTTP and the command line alike. Belongs here: wiring, and payloads as a caller may see them. Does not
belong here: rules, tokens and sealed values (adapters/personal), forgetting (api/forgetting.py).

Who is not entitled sees the tokens that the ledger holds, and so does everybody once a subject is forgotten.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.feeds.files import FileRefused
from adapters.intake import Intake
from adapters.personal.marking import Marks
from adapters.personal.protection import Protection, mark_of
from adapters.personal.rules import Rule, read_rules
from adapters.personal.sealing import SecretRefused, make_secret, read_secret
from adapters.personal.tokens import tokens_in, tokens_within
from adapters.personal.vault import Vault, has_secret, secret_of
from adapters.postgres.reading import SourceRow
from adapters.preparing import reads_of
from adapters.sources import SOURCES
from api.access import callers
from api.settings import Settings, SettingsRefused

#: The file of the secret beside the embedded database.
FILE_NAME: Final = "personal.key"
#: hidden: tokens stand where values were. shown: none is left. partly: those of forgotten subjects are.
Sight: TypeAlias = Literal["hidden", "shown", "partly"]


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The rules of CAIRN_PERSONAL; none without it.

    Raises SettingsRefused, whose message lists every error with file, line and field.
    """
    if settings.personal is None:
        return ()
    readers = {name: lambda one=one: reads_of(one) for name, one in SOURCES.items() if not one.canonical}
    try:
        return read_rules(settings.personal, readers)
    except FileRefused as error:
        raise SettingsRefused(f"CAIRN_PERSONAL can't be used:\n{error}") from None
    except OSError as error:
        raise SettingsRefused(f"CAIRN_PERSONAL: {settings.personal}: {error.strerror}") from None


def secret_path(settings: Settings) -> Path | None:
    """Where the secret stands; None where that is not said, and the database is not our own."""
    if settings.personal_key is not None:
        return settings.personal_key
    return settings.own_folder / FILE_NAME if settings.database_url is None else None


def protection_of(settings: Settings, pool: ConnectionPool[Any]) -> Protection | None:
    """What a process needs to keep personal values sealed; None where there are no rules and never were.

    Beside the embedded database the secret is made where there is none and the ledger never had one. Raises
    SettingsRefused.
    """
    rules, path = rules_of(settings), secret_path(settings)
    if not rules and (path is None or not path.exists()):
        return None
    if path is None:
        raise SettingsRefused(
            "CAIRN_PERSONAL needs a secret outside of the database: set CAIRN_PERSONAL_KEY to its file;"
            " cairn personal --make-key FILE makes one"
        )
    try:
        with pool.connection() as connection:
            had = has_secret(connection)
            if not had and not rules:
                return None  # a secret that nothing was sealed with yet
            if not had and settings.personal_key is None:
                make_secret(path)
            secret = secret_of(connection, read_secret(path))
    except SecretRefused as error:
        raise SettingsRefused(f"CAIRN_PERSONAL_KEY: {error}") from None
    marks = Marks(rules, secret.pseudonyms) if rules else None
    return Protection(marks, Vault(pool, secret))


class Opened(NamedTuple):
    """A payload as the caller may see it. sight: None where no personal values were in it."""

    body: bytes
    sight: Sight | None


class Opener:
    """Shows payloads to one caller. vault: None for callers who are shown tokens."""

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault

    def payload(self, connection: Connection[Any], row: SourceRow) -> Opened:
        """Accepted bytes, byte for byte as they came in where the caller may see that. Raises Unsealed."""
        if mark_of(row.headers) is None:
            return Opened(row.body, None)
        if self._vault is None:
            return Opened(row.body, "hidden")
        body, left = self._vault.restored(connection, row.body)
        return Opened(body, "shown" if not left else "hidden" if body == row.body else "partly")

    def texts(self, connection: Connection[Any], row: SourceRow, event: Any) -> dict[str, str]:
        """What tokens in an event stand for, by token: the texts themselves, all else as it is written.

        row: the accepted bytes that the event was made of; only tokens of these count. Raises Unsealed.
        """
        if self._vault is None or mark_of(row.headers) is None:
            return {}
        wanted = tokens_within(msgspec.json.encode(event).decode()) & tokens_in(row.body)
        found = self._vault.opened(connection, sorted(wanted))
        return {token.text: _plain(raw) for token, raw in sorted(found.items())}


def _plain(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode(errors="replace")


#: Shows tokens.
CLOSED: Final = Opener(None)


def opener(intake: Intake) -> Opener:
    """What shows payloads to the current caller. Commands are entitled where the secret is at hand."""
    if intake.personal is None or not callers.current().personal:
        return CLOSED
    return Opener(intake.personal.vault)
