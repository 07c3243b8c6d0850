"""cairn exceptions: what somebody has to do something about, and doing it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from api import excepting, handling
from api.cli.feeding import opened
from api.cli.options import DatabaseOption, DataOption, GenerationOption, KnownAtOption, KnownPositionOption
from api.cli.tables import show
from api.settings import load
from api.trail import Trail
from projections.projector import Projector

exceptions: Final = typer.Typer(
    help="What somebody has to do something about.", invoke_without_command=True, no_args_is_help=False
)


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    exceptions.callback()(listed)
    exceptions.command("ack")(acknowledge)
    exceptions.command("assign")(assign)
    exceptions.command("resolve")(resolve)
    app.add_typer(exceptions, name="exceptions")


def listed(
    context: typer.Context,
    at: Annotated[str | None, typer.Option("--at", help="The day (default: today).")] = None,
    known_at: KnownAtOption = None,
    known_position: KnownPositionOption = None,
    code: Annotated[list[str] | None, typer.Option("--code", help="Only these codes.")] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only these; default: all but resolved.")
    ] = None,
    owner: Annotated[list[str] | None, typer.Option("--owner", help="Only those of these owners.")] = None,
    deal: Annotated[str | None, typer.Option("--deal", help="Only this deal, by any of its keys.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Only amounts in this.")] = None,
    generation: GenerationOption = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Rows at most.")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """List them, the oldest first."""
    if context.invoked_subcommand is not None:
        return
    if format_ not in ("table", "json", "csv"):
        raise typer.BadParameter("one of table, json, csv", param_hint="--format")
    given = {
        "at": at, "known_at": known_at, "known_position": known_position, "deal": deal,
        "customer": customer, "currency": currency, "limit": limit, "generation": generation,
    }  # fmt: skip
    sent = [(name, str(value)) for name, value in given.items() if value is not None]
    sent += [
        (name, word)
        for name, words in (("code", code), ("status", status), ("owner", owner))
        for word in words or ()
    ]
    wanted = excepting.asked(sent, datetime.now(UTC).date())
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (_, pool), pool.connection() as connection:
        Projector(settings.tenant).catch_up(connection)
        answer = excepting.listing(connection, wanted)
    if format_ == "json":
        print(json.dumps(answer))
    elif format_ == "csv":
        sys.stdout.write(excepting.as_csv(answer).replace("\r\n", "\n"))
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    title = f"exceptions at {answer['at']}, as known at position {answer['known']['position']:,}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    columns = ("id", "code", "deal", "object", "amount_at_risk", "currency", "age", "owner", "status")
    for name in columns:
        table.add_column(
            name.replace("_", " "), justify="right" if name == "amount_at_risk" else "left", overflow="fold"
        )
    for row in answer["rows"]:
        table.add_row(*(row[name] or "-" for name in columns))
    show(table)
    actions = {row["code"]: row["suggested_action"] for row in answer["rows"]}
    for code, action in sorted(actions.items()):
        print(f"{code} ({answer['counts'][code]:,}): {action}")
    if answer["next"] is not None:
        print(f"more follow: {sum(answer['counts'].values()):,} in all, --limit shows more")


_Id = Annotated[str, typer.Argument(metavar="ID", help="As `cairn exceptions` shows it.")]
_Actor = Annotated[str, typer.Option("--actor", metavar="NAME", help="Who does it.")]
_Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, or what is being done.")]


def acknowledge(
    id_: _Id, actor: _Actor, note: _Note = None, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """Say that it has been seen."""
    _handle(id_, "acknowledge", {"actor": actor, "note": note}, data, database_url)


def assign(
    id_: _Id,
    actor: _Actor,
    note: _Note = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="Who is to do it; default: the actor.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Say who is to do something about it."""
    _handle(id_, "assign", {"actor": actor, "note": note, "assignee": to}, data, database_url)


def resolve(
    id_: _Id, actor: _Actor, note: _Note = None, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """Say that it is done with; it is left out until its cause changes."""
    _handle(id_, "resolve", {"actor": actor, "note": note}, data, database_url)


def _handle(
    id_: str, action: str, given: dict[str, str | None], data: DataOption, database_url: DatabaseOption
) -> None:
    told = handling.said(given, action)
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (intake, pool):
        with pool.connection() as connection:
            Projector(settings.tenant).catch_up(connection)
            handling.check(connection, id_, datetime.now(UTC).date())
        (outcome,) = intake.record([handling.prepare(intake, settings.tenant, id_, action, told)])
        Trail.of(intake, settings.tenant).acted(*handling.act(id_, action, told))
    print(f"{outcome.outcome} at {outcome.position}")
