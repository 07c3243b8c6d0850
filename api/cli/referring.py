"""cairn reference: customers and products as each system knows them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from api import references
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption, KnownAtOption
from api.cli.tables import show
from api.references import COLUMNS, KINDS, STATES
from api.settings import load


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("reference")(reference)


def reference(
    kind: Annotated[str, typer.Argument(help=f"{' or '.join(KINDS)}.")],
    at: Annotated[str | None, typer.Option("--at", help="The day (default: today).")] = None,
    known_at: KnownAtOption = None,
    system: Annotated[str | None, typer.Option("--system", help="Only this one, e.g. netsuite/acme.")] = None,
    state: Annotated[str | None, typer.Option("--state", help=f"Only {', '.join(STATES)}.")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Customers or products as each system knows them, and which of them are one."""
    if kind not in KINDS:
        raise typer.BadParameter(f"one of {', '.join(KINDS)}", param_hint="KIND")
    if format_ not in ("table", "json", "csv"):
        raise typer.BadParameter("one of table, json, csv", param_hint="--format")
    given = {"at": at, "known_at": known_at, "system": system, "state": state}
    sent = [(name, value) for name, value in given.items() if value is not None]
    wanted = references.asked(kind, sent, datetime.now(UTC).date())
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=True) as (_, connection):
        answer = references.answer(connection, wanted)
    if format_ == "json":
        print(json.dumps(answer))
        return
    if format_ == "csv":
        sys.stdout.write(references.as_csv(answer).replace("\r\n", "\n"))
        return
    title = f"{kind} at {answer['at']}, as known at position {answer['known']['position']:,}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    columns = [name for name in COLUMNS[kind] if name not in ("first", "mapped_by")]
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right" if name == "deals" else "left")
    for row in answer["rows"]:
        cells = (" ".join(row[name]) if isinstance(row[name], list) else row[name] for name in columns)
        table.add_row(*("-" if cell in (None, "") else str(cell)[:60] for cell in cells))
    show(table)
