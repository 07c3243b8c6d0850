"""cairn reconcile and cairn completeness: whether everything of a source is here, and what says so."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from psycopg_pool import ConnectionPool
from rich.table import Table

from api import comparing, completing
from api.cli.feeding import opened
from api.cli.options import DatabaseOption, DataOption, KnownAtOption
from api.cli.tables import show
from api.comparing import Wait
from api.completing import COMPLETENESS
from api.parameters import ParameterRefused, Values
from api.reconciling import Wanted
from api.settings import feeds_of, load
from api.trail import Trail
from projections.projector import Projector

_NOT_COMPLETE: Final = 1


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("reconcile")(reconcile)
    app.command("completeness")(completeness)


_From = Annotated[str, typer.Option("--from", metavar="DAY", help="First business day.")]
_To = Annotated[str, typer.Option("--to", metavar="DAY", help="Last business day.")]
_Object = Annotated[str | None, typer.Option("--object", help="Only this kind of object, e.g. invoice.")]
_Format = Annotated[str, typer.Option("--format", help="table, json or csv.")]


def reconcile(
    source: Annotated[str, typer.Argument(help="A feed, a mapping, or a source such as erp/netsuite/acme.")],
    from_: _From,
    to: _To,
    object_: _Object = None,
    export: Annotated[
        list[Path] | None,
        typer.Option("--export", help="Files of the source that hold all of its records of these days."),
    ] = None,
    totals: Annotated[
        Path | None,
        typer.Option("--totals", help="JSON or CSV with object, count, amount, currency and ids."),
    ] = None,
    instance: Annotated[
        str, typer.Option("--instance", help="With a mapping's name: the firm's copy of the system.")
    ] = "main",
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Record what is missing.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Compare what a source has with the ledger, and attest it. Exit code 0: complete, 1: not."""
    values = Values([("from", from_), ("to", to)], COMPLETENESS)
    first, last = values.day("from"), values.day("to")
    if first is None or last is None or first > last:
        raise ParameterRefused("--from lies after --to")
    if totals is not None and (export or fix):
        raise ParameterRefused("--totals goes without --export and --fix: totals hold no records")
    settings = load(folder=data, database_url=database_url, log="warning")
    meant = comparing.target(feeds_of(settings), source, instance)
    stated = None if totals is None else _stated(totals)
    if totals is not None:
        wanted = Wanted(first, last, object_, f"file {totals.name}", meant.speaks)
        records: Iterator[bytes] = iter(())
    elif export:
        wanted = Wanted(first, last, object_, f"file {export[0].name}", meant.speaks)
        records = comparing.records_of_files(export, meant)
    else:
        wanted, records = comparing.asked_of_client(meant, first, last, object_)
    with opened(settings) as (intake, pool):
        wait = _projecting(pool, settings.tenant)
        wait(0)
        if stated is not None:
            found = comparing.compare_totals(intake, pool, meant, stated, wanted, wait)
        else:
            found = comparing.compare_records(intake, pool, meant, records, wanted, wait, fix=fix)
        Trail.of(intake, settings.tenant).acted(
            "source.reconciled", comparing.act(source, wanted, found, fix=fix)
        )
    if json_:
        print(json.dumps(found))
    else:
        _show(found)
    if not found["complete"]:
        raise typer.Exit(_NOT_COMPLETE)


def _projecting(pool: ConnectionPool[Any], schema: str) -> Wait:
    """Brings the reports forward in this process."""

    def wait(_position: int) -> None:
        with pool.connection() as connection:
            connection.autocommit = True
            Projector(schema).catch_up(connection)

    return wait


def _stated(path: Path) -> list[dict[str, Any]]:
    """Totals from a file: JSON with a list, or with one below `totals`; or CSV, ids with blanks between."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".csv":
        rows = csv.DictReader(text.splitlines())
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
        return [{**row, "ids": row["ids"].split()} if row.get("ids") else dict(row) for row in rows]
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ParameterRefused(f"{path.name}:{error.lineno}: is not JSON: {error.msg}") from None
    found = found.get("totals") if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ParameterRefused(f'{path.name} must hold a list such as [{{"object": "invoice", "count": 12}}]')
    return found


def _show(found: dict[str, Any]) -> None:
    verdict = "complete" if found["complete"] else "not complete"
    title = f"{found['from']} to {found['to']}, told by {found['told_by']}: {verdict}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    columns = ("source", "object", "here", "there", "amounts (here / there)", "what differs")
    for name in columns:
        table.add_column(name, justify="right" if name in ("here", "there") else "left", overflow="fold")
    for row in found["objects"]:
        amounts = ", ".join(f"{one['ledger']} / {one['source']} {one['currency']}" for one in row["amounts"])
        table.add_row(
            row["source"],
            row["object"],
            f"{row['count']['ledger']:,}",
            f"{row['count']['source']:,}",
            amounts,
            _differs(row),
        )
    show(table)
    for code, count in found.get("unreadable", {}).items():
        print(f"could not be understood ({code}): {count:,}")
    for step in found.get("next_steps", ()):
        print(step)


def _differs(row: dict[str, Any]) -> str:
    parts = [
        f"{says}: {_ids(row[name])}"
        for name, says in (("missing", "missing here"), ("unknown_to_source", "unknown there"))
        if row[name]["count"]
    ]
    if row.get("lacking", {}).get("count"):
        parts.append(f"milestones missing: {row['lacking']['count']:,}")
    if row.get("differing", {}).get("count"):
        subjects = [one["subject"] for one in row["differing"]["milestones"]]
        parts.append(f"other content: {_ids({'count': row['differing']['count'], 'ids': subjects})}")
    if row.get("brought_in"):
        parts.append(f"brought in: {row['brought_in']:,}")
    return "; ".join(parts) or "nothing"


def _ids(listed: dict[str, Any], most: int = 5) -> str:
    more = f" and {listed['count'] - most:,} more" if listed["count"] > most else ""
    return ", ".join(listed["ids"][:most]) + more


def completeness(
    from_: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First business day.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last business day.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Only /role/system/instance, or system/instance.")
    ] = None,
    object_: _Object = None,
    status: Annotated[str | None, typer.Option("--status", help="complete, broken or unattested.")] = None,
    known_at: KnownAtOption = None,
    format_: _Format = "table",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Show what is attested to be complete, by source, object and day, and up to where."""
    if format_ not in ("table", "json", "csv"):
        raise typer.BadParameter("one of table, json, csv", param_hint="--format")
    given = {
        "from": from_, "to": to, "source": source, "object": object_, "status": status, "known_at": known_at,
    }  # fmt: skip
    wanted = completing.asked(
        [(name, value) for name, value in given.items() if value is not None], datetime.now(UTC).date()
    )
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (_, pool), pool.connection() as connection:
        Projector(settings.tenant).catch_up(connection)
        answer = completing.report(connection, wanted)
    if format_ == "json":
        print(json.dumps(answer))
    elif format_ == "csv":
        sys.stdout.write(completing.as_csv(answer).replace("\r\n", "\n"))
    else:
        _show_days(answer)


def _show_days(answer: dict[str, Any]) -> None:
    title = f"{answer['from']} to {answer['to']}, as known at position {answer['known']['position']:,}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    columns = (
        "source",
        "object",
        "day",
        "status",
        "count",
        "amount",
        "currency",
        "attested_at",
        "attested_by",
    )
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right" if name in ("count", "amount") else "left")
    for row in answer["rows"]:
        table.add_row(*("-" if row[name] is None else str(row[name])[:40] for name in columns))
    show(table)
    for one in answer["watermarks"]:
        through = one["complete_through"] or "nowhere yet"
        print(f"{one['source']} {one['object']}: complete from {one['attested_from']} through {through}")
