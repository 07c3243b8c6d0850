"""cairn generations: the sets of books that are kept; promoting one, returning to another, dropping."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Final

import typer
from psycopg import Connection
from rich.table import Table

from api import rebuilding
from api.cli.asking import opened, record
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.settings import load
from projections import promoting
from projections.promoting import Promoted

generations: Final = typer.Typer(help="The sets of books that are kept, one of them live.")

_Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The number of a generation.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    generations.callback(invoke_without_command=True)(listing)
    for name, command in (("promote", promote), ("return", return_), ("drop", drop)):
        generations.command(name)(command)
    app.add_typer(generations, name="generations")


def listing(
    context: typer.Context,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """The sets of books that are kept, the newest first; without a command they are listed."""
    if context.invoked_subcommand is not None:
        return
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (_, connection):
        found = rebuilding.listed(connection, settings.tenant)
    if json_:
        print(json.dumps({"generations": found}))
        return
    table = Table(box=None)
    for column in ("generation", "state", "position", "rules", "code", "policies", "made", "live", ""):
        table.add_column(column)
    for one in found:
        table.add_row(
            str(one["generation"]), one["state"], f"{one['position']:,}", one["rules"], one["code_version"],
            ", ".join(one["policies"]), _minute(one["made_at"]), _minute(one["live_at"]), _remark(one),
        )  # fmt: skip
    show(table)


def _minute(time: str | None) -> str:
    return "-" if time is None else time[:16].replace("T", " ")


def _remark(one: dict[str, Any]) -> str:
    if one["error"] is not None:
        return str(one["error"])
    progress = one["progress"]
    if progress is not None:
        return f"{progress['stage'].replace('_', ' ')}: {progress['done']:,} of {progress['total']:,}"
    return "" if one["can_be_brought_forward"] else "made by other rules than this version has"


def promote(
    generation: _Number,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """Make a generation the live one, in one transaction."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (url, connection):
        done = promoting.promote(connection, settings.tenant, generation)
        record(
            settings, url, connection, "generation.promoted", generation=done.generation, before=done.before
        )
        _say(done, as_json=json_)
        _warn(connection, settings.tenant)


def return_(data: DataOption = None, database_url: DatabaseOption = None, *, json_: _Json = False) -> None:
    """Make the generation live again that was live before the one that is."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (url, connection):
        done = promoting.return_(connection, settings.tenant)
        record(
            settings, url, connection, "generation.returned", generation=done.generation, before=done.before
        )
        _say(done, as_json=json_)
        _warn(connection, settings.tenant)


def _say(promoted: Promoted, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rebuilding.promotion(promoted)))
    elif promoted.before is None:
        print(f"generation {promoted.generation} is live")
    else:
        print(
            f"generation {promoted.generation} is live: {promoted.caught_up:,} milestones caught up;"
            f" generation {promoted.before} is kept, and `cairn generations return` makes it live again"
        )


def _warn(connection: Connection[Any], schema: str) -> None:
    if warning := rebuilding.to_restart(connection, schema):
        print(f"cairn: {warning}", file=sys.stderr)


def drop(generation: _Number, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Drop a generation that is not live. The log stays: it can be made anew."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (url, connection):
        promoting.drop(connection, settings.tenant, generation)
        record(settings, url, connection, "generation.dropped", generation=generation)
    print(f"generation {generation} is dropped")
