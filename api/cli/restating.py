"""cairn restatement: what changed in a report between two moments of knowledge, and why."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from api import restating
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.settings import load
from projections.measures import VIEWS


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("restatement")(restatement)


def restatement(
    view: Annotated[str, typer.Argument(help=f"One of {', '.join(VIEWS)}.")],
    from_known: Annotated[
        str | None, typer.Option("--from-known", help="The earlier moment: RFC 3339, or a position.")
    ] = None,
    to_known: Annotated[
        str | None, typer.Option("--to-known", help="The later moment (default: everything recorded).")
    ] = None,
    from_generation: Annotated[
        int | None, typer.Option("--from-generation", help="A kept generation to compare with.")
    ] = None,
    to_generation: Annotated[
        int | None, typer.Option("--to-generation", help="The generation of the later figures.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="Day of balances (default: today).")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day of turnovers.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day of turnovers.")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="Group by; repeat, or use commas.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A filter, e.g. customer=C-1; repeat for more.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Lines at most.")] = None,
    cursor: Annotated[str | None, typer.Option("--cursor", help="`next` of the page before.")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, json or csv.")] = "table",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """What changed in a report between two moments of knowledge, line by line, by cause."""
    if format_ not in ("table", "json", "csv"):
        raise typer.BadParameter("one of table, json, csv", param_hint="--format")
    given = {
        "from_known": from_known, "to_known": to_known, "from_generation": from_generation,
        "to_generation": to_generation, "at": at, "from": from_, "to": to, "limit": limit, "cursor": cursor,
    }  # fmt: skip
    sent = [(name, str(value)) for name, value in given.items() if value is not None]
    sent += [("by", word) for word in by or ()]
    for filter_ in only or ():
        name, is_filter, value = filter_.partition("=")
        if not is_filter:
            raise typer.BadParameter("write it as name=value, e.g. customer=C-1", param_hint="--only")
        sent.append((name, value))
    wanted = restating.asked(view, sent, datetime.now(UTC).date())
    with opened(load(folder=data, database_url=database_url, log="warning"), caught_up=True) as (
        _,
        connection,
    ):
        answer = restating.restatement(connection, wanted)
    if format_ == "json":
        print(json.dumps(answer))
    elif format_ == "csv":
        sys.stdout.write(restating.as_csv(wanted, answer).replace("\r\n", "\n"))
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    moments = f"positions {answer['from_known']['position']:,} and {answer['to_known']['position']:,}"
    if "note" in answer:
        print(answer["note"])
        return
    groups = [name for name in answer["rows"][0] if name not in ("before", "after", "change")]
    show(_table(f"{answer['view']}: what changed between {moments}", groups, answer["rows"]))
    lines = ["cause", "position", "type", "deal", *(name for name in groups if name != "deal")]
    show(_table("by cause", lines, answer["lines"]))
    if answer["not_additive"]:
        print(f"not in the lines: {', '.join(answer['not_additive'])} (not sums over postings)")
    if answer["next"] is not None:
        print(f"more lines: --cursor {answer['next']}")


def _table(title: str, names: list[str], rows: list[dict[str, Any]]) -> Table:
    """Rows with the change of every measure that changed in one of them."""
    measures = [
        name
        for name in (rows[0]["change"] if rows else ())
        if any((row["change"][name] or "0").strip("-0.") for row in rows)
    ]
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for name in (*names, *measures):
        table.add_column(name, justify="right" if name in measures else "left", overflow="fold")
    for row in rows:
        told = [row[name] for name in names] + [row["change"][name] for name in measures]
        table.add_row(*("-" if value is None else str(value) for value in told))
    return table
