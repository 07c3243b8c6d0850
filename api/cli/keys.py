"""cairn keys: who may ask what of the ledger over HTTP. Making, listing, rotating and revoking keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from psycopg import Connection
from rich.table import Table

from adapters.postgres import keys as kept
from adapters.postgres.keys import Grants, Key
from api.access import keeping
from api.access.callers import ROLES
from api.access.keeping import Acted
from api.access.keys import Made, size_of, told
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.settings import Settings, load
from api.trail import act_of_command

keys: Final = typer.Typer(help="Keys that callers present over HTTP: what each may do.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called, one name a caller.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_Expires = Annotated[str | None, typer.Option("--expires", help="When it ends: 90d, 24h, 30m from now.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for name, command in (("create", create), ("list", listing), ("rotate", rotate), ("revoke", revoke)):
        keys.command(name)(command)
    app.add_typer(keys, name="keys")


@contextmanager
def _at_hand(settings: Settings) -> Iterator[tuple[Connection[Any], Acted]]:
    with opened(settings, caught_up=False) as (url, connection):
        yield connection, lambda act, details: act_of_command(settings, url, act, details)


def create(
    name: _Name,
    role: Annotated[list[str], typer.Option("--role", help=f"{', '.join(ROLES)}; repeat for several.")],
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="For append: a pattern of sources, /crm/hubspot/*; * for all."),
    ] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", help="For read: only rows of this entity.")
    ] = None,
    territory: Annotated[
        list[str] | None, typer.Option("--territory", help="For read: only rows of this territory.")
    ] = None,
    expires: _Expires = None,
    rate: Annotated[str | None, typer.Option("--rate", help="Requests at most: 100/second.")] = None,
    max_body: Annotated[str | None, typer.Option("--max-body", help="Largest request body: 1MiB.")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    personal: Annotated[bool, typer.Option("--personal", help="It is shown personal data.")] = False,
    json_: _Json = False,
) -> None:
    """Make a key. Its text is shown once and kept nowhere."""
    grants = Grants(
        tuple(role),
        tuple(source or ()),
        tuple(entity or ()),
        tuple(territory or ()),
        personal=personal,
        rate=rate,
        max_body=size_of(max_body),
    )
    settings = load(folder=data, database_url=database_url, log="warning")
    with _at_hand(settings) as (connection, acted):
        was_open = settings.may_be_open and not kept.any_made(connection)
        made = keeping.create(connection, settings.tenant, acted, name, grants, expires)
    _say(made, as_json=json_)
    if was_open:
        print("From now on this ledger asks every caller for a key.", file=sys.stderr)


def listing(data: DataOption = None, database_url: DatabaseOption = None, *, json_: _Json = False) -> None:
    """List the keys that were ever made; nothing of their secrets."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with _at_hand(settings) as (connection, _):
        found = kept.every(connection)
    now = datetime.now(UTC)
    if json_:
        print(json.dumps({"keys": [told(key, now) for key in found]}))
        return
    if not found:
        print("no key was made yet: cairn keys create NAME --role ROLE makes one")
        return
    table = Table(box=None)
    for column in ("name", "id", "state", "may", "rate", "body", "made", "by", "ends", "last used"):
        table.add_column(column)
    for key in found:
        ends = key.revoked_at or key.expires_at
        table.add_row(
            key.name, key.id, key.state(now), may(key), key.grants.rate or "-",
            "-" if key.grants.max_body is None else f"{key.grants.max_body:,}",
            _minute(key.created_at), key.created_by, _minute(ends), _minute(key.used_at),
        )  # fmt: skip
    show(table)


def rotate(
    name: _Name,
    expires: _Expires = None,
    overlap: Annotated[
        str | None, typer.Option("--overlap", help="The older key ends after this: 24h.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    revoke_old: Annotated[bool, typer.Option("--revoke-old", help="The older key ends now.")] = False,
    json_: _Json = False,
) -> None:
    """Make the second key of a name. At most two are live at a time, so that a caller can change over."""
    if overlap is not None and revoke_old:
        raise typer.BadParameter("give --overlap or --revoke-old, not both")
    settings = load(folder=data, database_url=database_url, log="warning")
    with _at_hand(settings) as (connection, acted):
        made, older = keeping.rotate(
            connection,
            settings.tenant,
            acted,
            name,
            expires=expires,
            overlap=overlap,
            revoke_old=revoke_old,
        )
    _say(made, as_json=json_)
    ends = "has ended" if revoke_old else f"ends in {overlap}" if overlap else "stays until it is revoked"
    print(f"The older key {', '.join(older)} {ends}.", file=sys.stderr)


def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME|ID", help="A name, or the id of one key.")],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """End the keys of a name, or the one of an id, at once."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with _at_hand(settings) as (connection, acted):
        ended = keeping.revoke(connection, settings.tenant, acted, name)
    names = ", ".join(f"{key.name} {key.id}" for key in ended)
    print(f"revoked: {names}" if ended else "it was revoked before")


def _say(made: Made, *, as_json: bool) -> None:
    key = made.key
    if as_json:
        print(json.dumps({"key": made.text, "id": key.id, "name": key.name}))
        return
    print(made.text)
    ends = "" if key.expires_at is None else f", until {_minute(key.expires_at)} UTC"
    print(
        f"This is the key of {key.name} (id {key.id}{ends}). It is shown only now: keep it like a password.",
        file=sys.stderr,
    )


def may(key: Key) -> str:
    """What a key may do, in short."""
    grants = key.grants
    scopes = [f"entity={value}" for value in grants.entities]
    scopes += [f"territory={value}" for value in grants.territories]
    limits = {"append": grants.sources, "read": tuple(scopes)}
    words = [" ".join([role, *limits.get(role, ())]) for role in grants.roles]
    return ", ".join([*words, *(["personal"] if grants.personal else [])])


def _minute(moment: datetime | None) -> str:
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
