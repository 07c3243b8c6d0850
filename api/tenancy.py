"""Tenants made and dropped whole: the database's part, the keys beside it, the audit trail, the last words.

Belongs here: in which order, and what is kept for the auditor. Does not belong here: schemas and roles
(adapters/postgres/tenants), what a command prints.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, NamedTuple

import psycopg
from eventsourcing.persistence import PersistenceError

from adapters.postgres import tenants
from adapters.postgres.connections import DEFAULT_SCHEMA
from adapters.postgres.tenants import Dropped, TenantRefused
from adapters.transparency import signing
from adapters.transparency.keys import SigningKeyRefused
from adapters.transparency.signing import Tampered
from api import checkpoints, trail
from api.checkpoints import Means, NothingSigns, TreeBehind
from api.house import connection_to
from api.reading import text_of
from api.settings import Settings

#: Keys beside the embedded database, and what is kept with them.
_KEPT_FILES: Final = ("signing.key*", "personal.key*")
_DATABASE: Final = (psycopg.Error, PersistenceError)


class LastWords(NamedTuple):
    """Of a tenant that is gone. told: for the auditor, as JSON. remarks: for the operator."""

    told: dict[str, Any]
    remarks: list[str]


def create(settings: Settings, url: str, schema: str) -> list[str]:
    """Make a tenant, and begin its log with who made it: the names of the migrations that were run.

    Raises SchemaNameError, TenantRefused, MigrationError.
    """
    run = tenants.create(url, schema)
    trail.act_of_command(settings, url, "tenant.created", {"tenant": schema}, schema=schema)
    return run


def drop(settings: Settings, url: str, schema: str, *, force: bool) -> LastWords:
    """Drop a tenant with all that it has: schema, role, and keys beside the embedded database.

    Its log ends with who dropped it; what is told of it is the end of that log. Raises SchemaNameError,
    TenantUnknown; TenantRefused while processes are connected, or where its log can't be written, unless
    force.
    """
    tenants.check_unused(url, schema, force=force)
    try:
        trail.act_of_command(settings, url, "tenant.dropped", {"tenant": schema}, schema=schema)
    except _DATABASE as error:
        if not force:
            raise TenantRefused(
                f"it can't be recorded in the log of tenant {schema} that it is dropped ({_first(error)}):"
                f" bring it up to date with `cairn migrate --all`, or add --force"
            ) from None
    note, remarks = _last_checkpoint(_settings_of(settings, schema), url, settings.tenant == schema)
    dropped = tenants.drop(url, schema, force=force)
    if force:
        remarks.append(f"servers, projectors and pollers of tenant {schema} end by themselves, in seconds")
    if dropped.role_left is not None:
        remarks.append(dropped.role_left)
    if settings.database_url is None:
        _drop_files(_settings_of(settings, schema))
    elif settings.signing_key is not None or settings.personal_key is not None:
        remarks.append("files that CAIRN_SIGNING_KEY and CAIRN_PERSONAL_KEY name are left: remove its own")
    return LastWords(_told(dropped, note), remarks)


def _settings_of(settings: Settings, schema: str) -> Settings:
    return settings.model_copy(update={"tenant": schema})


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _told(dropped: Dropped, note: str | None) -> dict[str, Any]:
    return {
        "dropped": dropped.schema,
        "position": dropped.position,
        "recorded_at": None if dropped.recorded_at is None else text_of(dropped.recorded_at),
        "checkpoint": note,
    }


def _last_checkpoint(settings: Settings, url: str, is_ours: bool) -> tuple[str | None, list[str]]:
    """The last checkpoint of a tenant, a new one where it is known who signs for it; and what hinders one.

    is_ours: the settings are those of this tenant, its signing key too.
    """
    is_known = is_ours or (settings.database_url is None and settings.signing_key is None)
    hindered = [f"no last checkpoint is signed: CAIRN_SCHEMA={settings.tenant} and its CAIRN_SIGNING_KEY can"]
    means = Means.of_command(settings, url)
    with connection_to(url, settings.tenant, "tenants") as connection:
        if is_known:
            try:
                return checkpoints.fresh(connection, means).note, []
            except (NothingSigns, TreeBehind, SigningKeyRefused, Tampered, *_DATABASE) as error:
                hindered = [f"no last checkpoint is signed: {_first(error)}"]
        with suppress(psycopg.Error):  # of a schema that has no table for them yet
            newest = signing.newest(connection)
            return None if newest is None else newest.note, hindered
    return None, hindered


def _drop_files(settings: Settings) -> None:
    folder: Path = settings.own_folder
    if settings.tenant != DEFAULT_SCHEMA:
        rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # of the last one
        return
    for pattern in _KEPT_FILES:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
