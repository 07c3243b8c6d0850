"""cairn tenant create, list, drop: the ledgers of one database, a schema each.

Belongs here: what is printed, and what a person has to confirm. Does not belong here: what making one and
dropping one is (api/tenancy).
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from adapters.postgres import tenants as kept
from adapters.postgres.connections import checked_schema
from adapters.postgres.tenants import Tenant
from api import tenancy
from api.cli.options import DatabaseOption, DataOption
from api.cli.serving import prepare
from api.cli.tables import show
from api.house import database
from api.parameters import ParameterRefused
from api.reading import text_of
from api.settings import load

tenant: Final = typer.Typer(help="The ledgers of one database, a schema each.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The tenant's name: the name of its schema.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for name, command in (("create", create), ("list", listing), ("drop", drop)):
        tenant.command(name)(command)
    app.add_typer(tenant, name="tenant")


def create(name: _Name, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Make a tenant: a schema and a role of its own, with all tables. Serve it with CAIRN_SCHEMA=NAME."""
    checked_schema(name)
    settings = load(folder=data, database_url=database_url, log="warning")
    prepare(settings)
    with database(settings) as url:
        run = tenancy.create(settings, url, name)
    print(f"tenant {name} is made ({len(run)} migrations); serve it: CAIRN_SCHEMA={name} cairn serve")


def listing(data: DataOption = None, database_url: DatabaseOption = None, *, json_: _Json = False) -> None:
    """List the tenants of the database: size, how far the log has come, connections, migrations."""
    settings = load(folder=data, database_url=database_url, log="warning")
    prepare(settings)
    with database(settings) as url:
        found = kept.listed(url)
    if json_:
        print(json.dumps({"tenants": [_told(one) for one in found]}))
        return
    if not found:
        print("there is no tenant in this database: cairn tenant create NAME makes one")
        return
    table = Table(box=None)
    for column in ("tenant", "position", "recorded", "size", "sessions", "migrations"):
        table.add_column(
            column, justify="left" if column in ("tenant", "recorded", "migrations") else "right"
        )
    for one in found:
        recorded = text_of(one.recorded_at)[:16].replace("T", " ") if one.recorded_at else "-"
        table.add_row(
            one.schema, f"{one.position:,}", recorded, _mebibytes(one.size), str(one.sessions), _remark(one)
        )
    show(table)


def _told(one: Tenant) -> dict[str, Any]:
    return {
        "tenant": one.schema,
        "position": one.position,
        "recorded_at": text_of(one.recorded_at) if one.recorded_at else None,
        "bytes": one.size,
        "sessions": one.sessions,
        "migrations_behind": one.behind,
    }


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _remark(one: Tenant) -> str:
    if one.behind > 0:
        return f"{one.behind} behind: CAIRN_SCHEMA={one.schema} cairn migrate"
    if one.behind < 0:
        return f"{-one.behind} of a later version: upgrade"
    return "up to date"


def drop(
    name: _Name,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    yes_drop: Annotated[
        str | None, typer.Option("--yes-drop", metavar="NAME", help="The name once more: it can't be undone.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Cut off the processes that are connected.")] = False,
) -> None:
    """Drop a tenant: its schema with all that it holds, its role, its keys. It can't be undone.

    The last line is JSON: how far its log had come, and its last checkpoint. Keep it for the auditor.
    """
    if yes_drop != name:
        raise ParameterRefused(
            f"this drops all that tenant {name} has ever recorded, and can't be undone:"
            f" cairn tenant drop {name} --yes-drop {name}"
        )
    settings = load(folder=data, database_url=database_url, log="warning")
    prepare(settings)
    with database(settings) as url:
        last = tenancy.drop(settings, url, name, force=force)
    for remark in last.remarks:
        print(f"cairn: {remark}", file=sys.stderr)
    print(json.dumps(last.told))
