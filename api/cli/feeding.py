"""cairn ingest: the way in from the command line, past HTTP and straight to the log."""

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
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from adapters.importing import Summary, import_path
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.sources import SOURCES, Source, load_mapping
from adapters.sources.base import speaker
from adapters.sources.packed import size_below
from api.cli.options import DatabaseOption, DataOption
from api.cli.serving import check_migrations, prepare
from api.cli.tables import show
from api.house import database, ledger_on
from api.parameters import ParameterRefused
from api.personal import protection_of
from api.settings import Settings, load

#: Types that a summary names; the rest is counted.
MOST_TYPES: Final = 8
#: The exit code where every record went to quarantine.
NOTHING_UNDERSTOOD: Final = 3


class SourceUnknown(ValueError):
    """There is no source module of that name; `allowed` lists those that there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no source {name!r}")
        self.allowed = tuple(SOURCES)


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("ingest")(ingest)


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
                connect(url, settings.tenant, application_name="cairn cli", max_size=4) as pool,
                Intake(
                    ledger, pool, keeps_ignored=settings.keep_ignored, personal=protection_of(settings, pool)
                ) as intake,
            ):
                yield intake, pool
        finally:
            ledger.close()


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders of them.")],
    source: Annotated[
        str | None, typer.Option("--source", help=f"What wrote them: {', '.join(SOURCES)}.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="A mapping file of your own, in place of --source.")
    ] = None,
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
    """Record files of a source system. Broken off, it is started again as it was: nothing counts twice.

    Exit code 3: there were records, and every one of them went to quarantine.
    """
    settings = load(folder=data, database_url=database_url, log="warning")
    reader = _reader(source, mapping)
    try:
        speaker("ledger", reader.name, instance)
    except ValueError as error:
        raise InstanceRefused(f"--instance {instance!r}: {error}") from None
    total = Summary()
    with opened(settings) as (intake, _), progress_bar(quiet=quiet) as progress:
        for path in paths:
            total.add(feed(intake, path, reader, instance, progress))
    if quiet:
        print(json.dumps(as_json(total)))
    else:
        show_summary(total)
    if total.is_lost:
        raise typer.Exit(NOTHING_UNDERSTOOD)


def _reader(source: str | None, mapping: Path | None) -> Source:
    """What reads the files. Raises SourceUnknown, ParameterRefused, MappingRefused, OSError."""
    if (source is None) == (mapping is None):
        raise ParameterRefused("give --source, or --mapping with a file of your own")
    if mapping is not None:
        return load_mapping(mapping)
    if source not in SOURCES:
        raise SourceUnknown(str(source))
    return SOURCES[source]


def feed(intake: Intake, path: Path, source: Source, instance: str, progress: Progress) -> Summary:
    """Import one path under a progress bar. Raises what `import_path` raises."""
    size = size_below(path)
    task = progress.add_task(path.name, total=size or None, records=0)

    def advance(summary: Summary) -> None:
        progress.update(task, completed=summary.read, records=summary.records)

    summary = import_path(intake, path, source, instance, progress=advance)
    progress.update(task, completed=size, records=summary.records)
    return summary


def progress_bar(*, quiet: bool) -> Progress:
    """A progress bar on stderr: bytes of the files as they lie on disk, packed or not, and records in."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, quiet=quiet),
    )


def as_json(summary: Summary) -> dict[str, Any]:
    """A summary for programs."""
    return {
        "records": summary.records,
        "recorded": summary.recorded,
        "duplicate": summary.duplicate,
        "conflict": summary.conflict,
        "ignored": dict(sorted(summary.ignored.items())),
        "quarantined": dict(sorted(summary.quarantined.items())),
        "waiting": summary.waiting,
        "milestones": {f"{name} {outcome}": n for (name, outcome), n in sorted(summary.milestones.items())},
        "first": summary.first,
        "last": summary.last,
        "remarks": summary.remarks,
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
    if summary.waiting:
        table.add_row("waiting", f"{summary.waiting:,}", "to be fetched: see cairn sources waiting")
    show(table)
    recorded = {name: n for (name, outcome), n in summary.milestones.items() if outcome == "recorded"}
    if recorded:
        by_number = sorted(recorded.items(), key=lambda kv: (-kv[1], kv[0]))
        said = ", ".join(f"{name} {n:,}" for name, n in by_number[:MOST_TYPES])
        more = f", and {len(by_number) - MOST_TYPES} types more" if len(by_number) > MOST_TYPES else ""
        print(f"milestones recorded: {said}{more}")
    for remark in summary.remarks:
        print(f"WARNING: {remark}")
    if summary.is_lost:
        print("WARNING: not one record could be understood: see cairn quarantine summary")


def _span(summary: Summary) -> str:
    return "" if summary.last is None else f"positions {summary.first:,} to {summary.last:,}"


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counted.items(), key=lambda kv: (-kv[1], kv[0])))
