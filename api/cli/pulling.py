"""cairn poll, and cairn sources waiting: feeds that pull, from the command line."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from typing import Annotated, Final

import typer
from rich.table import Table

from adapters.feeds.clients import SourceError, full_page
from adapters.feeds.polling import Polled
from adapters.feeds.pulling import Means, Puller, Report
from adapters.feeds.setup import Feed
from adapters.importing import Summary
from adapters.sources import SOURCES
from api import feeds, pulling, waiting
from api.cli import sourcing
from api.cli.options import DatabaseOption, DataOption
from api.cli.serving import check_migrations, prepare
from api.cli.staying import stay
from api.cli.tables import show
from api.house import connection_to, database
from api.settings import SettingsRefused, feeds_of, load
from api.trail import Trail, act_of_command, said

_PAGE: Final = 1_000
FeedArgument = Annotated[str, typer.Argument(metavar="FEED", help="Its name in CAIRN_SOURCES.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("poll")(poll)
    sourcing.sources.command("waiting")(show_waiting)


def poll(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[FEED]...", help="Feeds; without any, all that pull.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="One round of each, whether it is due or not, then end.")
    ] = False,
) -> None:
    """Pull feeds: poll for changes, fetch what sparse messages point to, take files from folders.

    `cairn serve` does it by itself; this is for `cairn api`, and for a round by hand. It ends with 1 where a
    source or a file had a problem; records in quarantine are told, and no such problem.
    """
    settings = load(folder=data, database_url=database_url, log="warning" if once else None)
    found = pulling.pulled(settings)
    wanted = {name: _pulled(feeds_of(settings), found, name) for name in names} if names else found
    if not wanted:
        raise SettingsRefused("no feed in CAIRN_SOURCES has a poll, fetch or folder section")
    prepare(settings)
    with database(settings) as url:
        check_migrations(settings, url)
        if not once:
            print(f"pulling {', '.join(wanted)}; Ctrl-C ends it", flush=True)
            stay(settings, url, lambda stop: pulling.run(url, settings, wanted, stop))
            return
        with pulling.means(url, settings, len(wanted)) as means:
            problems = [problem for feed in wanted.values() for problem in _round(means, feed)]
            trail = Trail.of(means.intake, settings.tenant)
            trail.acted("source.pulled", said(source=sorted(wanted), problems=len(problems)))
    if problems:
        raise typer.Exit(1)


def _pulled(known: dict[str, Feed], found: dict[str, Feed], name: str) -> Feed:
    feed = feeds.known(known, name)
    if name not in found:
        raise SettingsRefused(f"feed {name} has no poll, fetch or folder section")
    return feed


def _round(means: Means, feed: Feed) -> list[str]:
    try:
        with closing(Puller(means, feed, SOURCES[feed.setup.mapping], stop=threading.Event())) as puller:
            report = puller.round(at_once=True)
    except SourceError as error:
        report = Report({}, 0, [], [f"its client {error}"])
    for kind, came in report.polled.items():
        print(f"{feed.name}: {kind}: {_told(came)}")
        if came.is_doubtful:
            print(f"{feed.name}: {kind}: WARNING: {full_page(came.records)}")
        if came.summary.quarantined:
            print(f"{feed.name}: {kind}: {_quarantined(came.summary)}")
    if feed.setup.fetch is not None:
        print(f"{feed.name}: {report.fetched:,} fetches")
    for put in report.files:
        records = "" if put.summary is None else f", {put.summary.records:,} records"
        print(f"{feed.name}: {put.name}: {put.outcome}{records}")
        for warning in put.warnings:
            print(f"{feed.name}: {put.name}: WARNING: {warning}")
    for problem in report.problems:
        print(f"{feed.name}: {problem}")
    return report.problems


def _told(came: Polled) -> str:
    """How many records there were, and what became of them; what is rare only where there is some."""
    summary = came.summary
    parts = [
        f"{summary.recorded:,} recorded",
        f"{summary.duplicate:,} duplicate",
        f"{summary.ignored.total():,} ignored",
        f"{summary.quarantined.total():,} quarantined",
    ]
    parts += [f"{summary.conflict:,} in conflict"] if summary.conflict else []
    parts += [f"{summary.waiting:,} waiting to be fetched"] if summary.waiting else []
    return f"{came.records:,} records: {', '.join(parts)}"


def _quarantined(summary: Summary) -> str:
    why = ", ".join(f"{code} {number:,}" for code, number in sorted(summary.quarantined.items()))
    return (
        f"{summary.quarantined.total():,} records could NOT be understood ({why}): see cairn quarantine, "
        "mend the mapping or the client, and replay them"
    )


def show_waiting(
    name: FeedArgument,
    kind: Annotated[str | None, typer.Option("--object", help="With --retry: only of this kind.")] = None,
    native_id: Annotated[str | None, typer.Option("--id", help="With --retry: only this record.")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    retry: Annotated[bool, typer.Option("--retry", help="Fetch at once, whatever was tried before.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What waits to be fetched from a source, and how far its polls are."""
    settings = load(folder=data, database_url=database_url, log="warning")
    feed = feeds.known(feeds_of(settings), name)
    with database(settings) as url:
        check_migrations(settings, url)
        with connection_to(url, settings.tenant, "cli") as connection:
            if retry:
                number = waiting.retry(connection, feed, kind, native_id)
                act_of_command(settings, url, "source.retried", said(source=feed.name, records=number))
                print(f"{number:,} records are fetched with the next round")
                return
            found, more = waiting.entries(connection, feed, ("", ""), _PAGE)
            counted = waiting.counts(connection, feed)
            polls = waiting.cursors(connection, feed.name)
    if json_:
        print(json.dumps({"entries": found, **counted, "polls": polls}))
        return
    _show(found, ("object", "id", "reason", "since", "attempts", "next_attempt", "last_error"))
    if more is not None:
        print(f"and more: {counted['waiting']:,} wait")
    if polls:
        _show(
            polls, ("object", "watermark", "completed_at", "records", "failures", "next_poll", "last_error")
        )


def _show(rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
    table = Table(box=None)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    show(table)
