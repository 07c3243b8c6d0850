"""cairn ingest and quarantine: the way in from the command line, past HTTP and straight to the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from psycopg_pool import ConnectionPool
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from adapters.importing import Summary, import_path
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.sources import SOURCES, Source
from adapters.sources.base import speaker
from api import quarantining
from api.cli.options import DatabaseOption, DataOption
from api.cli.serving import check_migrations, prepare
from api.cli.tables import show
from api.house import database, ledger_on
from api.settings import Settings, load

_LINES: Final = frozenset({".jsonl", ".ndjson", ".csv"})
_BLOCK: Final = 1 << 20
#: Types that a summary names; the rest is counted.
MOST_TYPES: Final = 8
quarantine: Final = typer.Typer(help="What could not be understood.", no_args_is_help=True)


class SourceUnknown(ValueError):
    """There is no source module of that name; `allowed` lists those that there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no source {name!r}")
        self.allowed = tuple(SOURCES)


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("ingest")(ingest)
    quarantine.command("list")(list_entries)
    quarantine.command("replay")(replay)
    app.add_typer(quarantine, name="quarantine")


class InstanceRefused(ValueError):
    """The text can't name a firm's copy of a system."""


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Intake, ConnectionPool[Any]]]:
    """The way in, over the database of these settings. What was accepted is written before it closes."""
    prepare(settings)
    with database(settings) as url:
        check_migrations(settings, url)
        ledger = ledger_on(url, settings.tenant)
        try:
            with (
                connect(url, settings.tenant, application_name="cairn cli", max_size=2) as pool,
                Intake(ledger, pool) as intake,
            ):
                yield intake, pool
        finally:
            ledger.close()


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders of them.")],
    source: Annotated[str, typer.Option("--source", help=f"What wrote them: {', '.join(SOURCES)}.")],
    instance: Annotated[
        str, typer.Option("--instance", help="The firm's copy of that system; part of every key.")
    ] = "main",
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress bar, no table: JSON at the end.")
    ] = False,
) -> None:
    """Record files of a source system. Broken off, it is started again as it was: nothing counts twice."""
    if source not in SOURCES:
        raise SourceUnknown(source)
    try:
        speaker("ledger", source, instance)
    except ValueError as error:
        raise InstanceRefused(f"--instance {instance!r}: {error}") from None
    settings = load(folder=data, database_url=database_url, log="warning")
    total = Summary()
    with opened(settings) as (intake, _), progress_bar(quiet=quiet) as progress:
        for path in paths:
            _add(total, feed(intake, path, SOURCES[source], instance, progress))
    if quiet:
        print(json.dumps(as_json(total)))
    else:
        show_summary(total)


def feed(intake: Intake, path: Path, source: Source, instance: str, progress: Progress) -> Summary:
    """Import one path under a progress bar. Raises what `import_path` raises."""
    task = progress.add_task(path.name, total=_lines(path))

    def advance(summary: Summary) -> None:
        progress.update(task, completed=summary.records)

    summary = import_path(intake, path, source, instance, progress=advance)
    progress.update(task, total=summary.records, completed=summary.records)
    return summary


def progress_bar(*, quiet: bool) -> Progress:
    """A progress bar on stderr: what is done, of how many where that is known."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, quiet=quiet),
    )


def _lines(path: Path) -> int | None:
    """About how many records a file of lines has; None for what must be read to be counted."""
    if path.suffix.lower() not in _LINES or not path.is_file():
        return None
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(_BLOCK), b""))


def _add(total: Summary, one: Summary) -> None:
    total.records += one.records
    total.recorded += one.recorded
    total.duplicate += one.duplicate
    total.conflict += one.conflict
    total.ignored += one.ignored
    total.quarantined += one.quarantined
    total.milestones += one.milestones
    total.first = total.first if total.first is not None else one.first
    total.last = one.last if one.last is not None else total.last


def as_json(summary: Summary) -> dict[str, Any]:
    """A summary for programs."""
    return {
        "records": summary.records,
        "recorded": summary.recorded,
        "duplicate": summary.duplicate,
        "conflict": summary.conflict,
        "ignored": dict(sorted(summary.ignored.items())),
        "quarantined": dict(sorted(summary.quarantined.items())),
        "milestones": {f"{name} {outcome}": n for (name, outcome), n in sorted(summary.milestones.items())},
        "first": summary.first,
        "last": summary.last,
    }


def show_summary(summary: Summary, title: str = "") -> None:
    """A summary for people: every record is in exactly one line."""
    table = Table(title=f"{title}{summary.records:,} records", title_justify="left", box=None)
    table.add_column("outcome")
    table.add_column("records", justify="right")
    table.add_column("why", overflow="fold")
    table.add_row("recorded", f"{summary.recorded:,}", _span(summary))
    table.add_row("duplicate", f"{summary.duplicate:,}", "")
    table.add_row("conflict", f"{summary.conflict:,}", "see GET /v1/conflicts" if summary.conflict else "")
    table.add_row("ignored", f"{summary.ignored.total():,}", _counts(summary.ignored))
    table.add_row("quarantined", f"{summary.quarantined.total():,}", _counts(summary.quarantined))
    show(table)
    recorded = {name: n for (name, outcome), n in summary.milestones.items() if outcome == "recorded"}
    if recorded:
        by_number = sorted(recorded.items(), key=lambda kv: (-kv[1], kv[0]))
        said = ", ".join(f"{name} {n:,}" for name, n in by_number[:MOST_TYPES])
        more = f", and {len(by_number) - MOST_TYPES} types more" if len(by_number) > MOST_TYPES else ""
        print(f"milestones recorded: {said}{more}")


def _span(summary: Summary) -> str:
    return "" if summary.last is None else f"positions {summary.first:,} to {summary.last:,}"


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counted.items(), key=lambda kv: (-kv[1], kv[0])))


def list_entries(
    source: Annotated[str | None, typer.Option("--source", help="Only of this source.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only with this reason code.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Entries to show.")] = 100,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List what waits in quarantine, oldest first."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (_, pool), pool.connection() as connection:
        found, more = quarantining.entries(connection, 0, limit, source, reason)
    if json_:
        print(json.dumps(found))
        return
    table = Table(box=None)
    for column in ("id", "received", "source", "type", "reasons"):
        table.add_column(column, overflow="fold")
    for entry in found:
        reasons = "; ".join(f"{one['code']} {one['pointer']}" for one in entry["reasons"])
        table.add_row(
            str(entry["id"]), entry["received_at"][:19], entry["source"] or "", entry["type"] or "", reasons
        )
    show(table)
    if more is not None:
        print(f"more follow: --limit {limit} was reached")


def replay(
    entries: Annotated[list[int] | None, typer.Argument(help="Ids; without any, all that wait.")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Read quarantined messages again, after a mapping or reference data was mended."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (intake, pool):
        numbers = entries
        if not numbers:
            with pool.connection() as connection:
                found, _ = quarantining.entries(connection, 0, 1_000_000, None, None)
            numbers = [entry["id"] for entry in found]
        for number in numbers:
            results = quarantining.replay(intake, number)
            print(f"{number}: {', '.join(_told(result) for result in results)}", flush=True)


def _told(result: dict[str, Any]) -> str:
    at = f" at {result['position']}" if result["position"] is not None else ""
    why = f" ({'; '.join(reason['code'] for reason in result['reasons'])})" if result["reasons"] else ""
    return f"{result['outcome']}{at}{why}"
