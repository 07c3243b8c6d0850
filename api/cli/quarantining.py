"""cairn quarantine: what did not get in, why, where in its bytes, and what is done about it."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Final

import typer
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
from rich.text import Text

from adapters.replaying import Replay
from api import quarantining
from api.cli.feeding import opened
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.personal import opener
from api.quarantining import BATCH, FILTERS, PAGE, Asked, asked
from api.settings import load
from api.trail import Trail, said

quarantine: Final = typer.Typer(help="What could not be understood.", no_args_is_help=True)

_Reason = Annotated[str | None, typer.Option("--reason", help="Only with this reason code.")]
_Source = Annotated[str | None, typer.Option("--source", help="Only of this source.")]
_Mapping = Annotated[str | None, typer.Option("--mapping", help="Only what this mapping has read.")]
_Version = Annotated[
    str | None, typer.Option("--mapping-version", help="Only what this version of it has read last.")
]
_Older = Annotated[
    str | None,
    typer.Option("--older-than", metavar="AGE", help="Only received before: 30m, 12h, 7d, or a time."),
]
_Changed = Annotated[bool, typer.Option("--changed", help="Only those whose mapping is another now.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for name, command in (
        ("list", list_entries), ("summary", summary), ("show", show_entry), ("replay", replay),
        ("dismiss", dismiss),
    ):  # fmt: skip
        quarantine.command(name)(command)
    app.add_typer(quarantine, name="quarantine")


def _asked(**given: str | int | bool | None) -> Asked:
    told = [
        (name, "true" if value is True else str(value))
        for name, value in given.items()
        if value not in (None, False)
    ]
    return asked(told, {**FILTERS, **PAGE})


def list_entries(
    reason: _Reason = None,
    source: _Source = None,
    mapping: _Mapping = None,
    mapping_version: _Version = None,
    older_than: _Older = None,
    status: Annotated[
        str | None, typer.Option("--status", help="open (default), settled, dismissed, mended or all.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Entries to show.")] = 100,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    changed: _Changed = False,
    json_: _Json = False,
) -> None:
    """List what waits in quarantine, oldest first."""
    wanted = _asked(
        reason=reason, source=source, mapping=mapping, mapping_version=mapping_version,
        older_than=older_than, status=status, changed=changed, limit=limit,
    )  # fmt: skip
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (_, pool), pool.connection() as connection:
        found, more = quarantining.entries(connection, wanted)
    if json_:
        print(json.dumps(found))
        return
    table = Table(box=None)
    for column in ("id", "received", "source", "mapping", "type", "reasons"):
        table.add_column(column, overflow="fold")
    for entry in found:
        reasons = "; ".join(f"{one['code']} {one['pointer']}" for one in entry["reasons"])
        table.add_row(
            str(entry["id"]), entry["received_at"][:19], entry["source"] or "", _read_by(entry),
            entry["type"] or "", reasons,
        )  # fmt: skip
    show(table)
    if more is not None:
        print(f"more follow: --limit {limit} was reached")


def _read_by(entry: dict[str, Any]) -> str:
    by = entry["read_by"]
    if by is None:
        return ""
    version = "" if by["version"] is None else f"@{by['version']}"
    return f"{by['name']}{version}{' (changed since)' if entry['mapping_changed'] else ''}"


def summary(
    reason: _Reason = None,
    source: _Source = None,
    mapping: _Mapping = None,
    mapping_version: _Version = None,
    older_than: _Older = None,
    status: Annotated[
        str | None, typer.Option("--status", help="open (default), settled, dismissed, mended or all.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    changed: _Changed = False,
    json_: _Json = False,
) -> None:
    """How many there are, by reason, source and mapping, and how old."""
    wanted = _asked(
        reason=reason, source=source, mapping=mapping, mapping_version=mapping_version,
        older_than=older_than, status=status, changed=changed,
    )  # fmt: skip
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (_, pool), pool.connection() as connection:
        found = quarantining.summary(connection, wanted.wanted)
    if json_:
        print(json.dumps(found))
        return
    table = Table(title=f"{found['count']:,} entries", title_justify="left", box=None)
    for column in ("reason", "source", "mapping", "entries", "oldest", "newest"):
        table.add_column(column, overflow="fold", justify="right" if column == "entries" else "left")
    for group in found["groups"]:
        version = "" if group["mapping_version"] is None else f"@{group['mapping_version']}"
        since = " (changed since)" if group["mapping_changed"] else ""
        table.add_row(
            group["reason"], group["source"] or "", f"{group['mapping'] or ''}{version}{since}",
            f"{group['count']:,}", group["oldest"][:19], group["newest"][:19],
        )  # fmt: skip
    show(table)


def show_entry(
    number: Annotated[int, typer.Argument(metavar="ID", min=1)],
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """One entry: its reasons, and its bytes with the places marked."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (intake, pool), pool.connection() as connection:
        found = quarantining.entry(connection, number, opener(intake))
    if json_:
        print(json.dumps(found))
        return
    about = " · ".join(filter(None, (found["source"], found["type"], found["mapping"])))
    print(f"entry {number}, {found['status']}, received {found['received_at'][:19]}Z")
    if about:
        print(about)
    for index, reason in enumerate(found["reasons"], 1):
        place = reason["place"]
        at = "" if place is None else f" at line {place['line']}, column {place['column']}"
        print(f"[{index}] {reason['code']} {reason['pointer']}{at}: {reason.get('message', '')}")
    print(found["next_step"])
    for done in found["history"]:
        who = "" if done["actor"] is None else f" by {done['actor']}: {done['note']}"
        print(f"{done['at'][:19]}Z {done['outcome']}{who}")
    print()
    # marks are brackets, so that they show where there are no colours as well
    text = Text()
    for piece in found["payload"]["shown"]:
        if "left_out" in piece:
            text.append(f"\n… {piece['left_out']:,} characters …\n", style="dim")
        elif piece["reasons"]:
            numbers = ",".join(str(index + 1) for index in piece["reasons"])
            text.append(f"⟦{numbers}: {piece['text']}⟧", style="bold red")
        else:
            text.append(piece["text"])
    Console(highlight=False, soft_wrap=True).print(text)


def replay(
    entries: Annotated[list[int] | None, typer.Argument(help="Ids; without any, all that fit.")] = None,
    reason: _Reason = None,
    source: _Source = None,
    mapping: _Mapping = None,
    mapping_version: _Version = None,
    older_than: _Older = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    changed: _Changed = False,
    json_: _Json = False,
) -> None:
    """Read quarantined messages again, after a mapping or reference data was mended.

    Broken off, it is started again as it was: what was understood is open no more.
    """
    wanted = _asked(
        reason=reason, source=source, mapping=mapping, mapping_version=mapping_version,
        older_than=older_than, changed=changed, limit=BATCH,
    )  # fmt: skip
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (intake, pool):
        trail = Trail.of(intake, settings.tenant)
        if entries:
            if wanted.wanted != _asked().wanted:
                raise typer.BadParameter("give ids or filters, not both")
            for number in entries:
                results = quarantining.replay(intake, number)
                came_to = [result["outcome"] for result in results]
                trail.acted("quarantine.replayed", said(entry=number, outcomes=came_to))
                print(f"{number}: {', '.join(_told(result) for result in results)}", flush=True)
            return
        total = Replay()
        with pool.connection() as connection, _progress(quiet=json_) as progress:
            count = quarantining.summary(connection, wanted.wanted)["count"]
            task = progress.add_task("read again", total=count)
            after: int | None = 0
            while after is not None:
                wanted = wanted._replace(after=after)
                after = quarantining.replay_next(connection, intake, wanted, total)
                progress.update(task, completed=total.entries)
        trail.acted(
            "quarantine.replayed", said(entries=total.entries, milestones=total.milestones, **_given(wanted))
        )
    found = quarantining.counted(total)
    if json_:
        print(json.dumps(found))
        return
    outcomes = ", ".join(f"{name} {n:,}" for name, n in found["outcomes"].items()) or "nothing"
    print(f"{total.entries:,} read again: {outcomes}; {total.milestones:,} milestones recorded")
    if total.reasons:
        still = ", ".join(f"{code} {n:,}" for code, n in total.reasons.most_common())
        print(f"quarantined still: {still}")


def _given(wanted: Asked) -> dict[str, object]:
    """The filters by which entries were chosen."""
    return {name: value for name, value in wanted.wanted._asdict().items() if value not in (None, False)}


def _told(result: dict[str, Any]) -> str:
    at = f" at {result['position']}" if result["position"] is not None else ""
    why = f" ({'; '.join(reason['code'] for reason in result['reasons'])})" if result["reasons"] else ""
    return f"{result['outcome']}{at}{why}"


def _progress(*, quiet: bool) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=Console(file=sys.stderr, quiet=quiet),
    )  # fmt: skip


def dismiss(
    actor: Annotated[str, typer.Option("--actor", metavar="NAME", help="Who does it.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why nothing is to come of them.")],
    entries: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Ids; without any, all open ones that fit.")
    ] = None,
    reason: _Reason = None,
    source: _Source = None,
    mapping: _Mapping = None,
    mapping_version: _Version = None,
    older_than: _Older = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    changed: _Changed = False,
) -> None:
    """Say that nothing is to come of some messages: they are kept, and open no more.

    By ids, or by the filters of `replay`, of which at least one is needed.
    """
    if not actor.strip() or not note.strip():
        raise typer.BadParameter("say who does it and why", param_hint="--actor, --note")
    wanted = _asked(
        reason=reason, source=source, mapping=mapping, mapping_version=mapping_version,
        older_than=older_than, changed=changed, limit=BATCH,
    )  # fmt: skip
    if entries and wanted.wanted != _asked().wanted:
        raise typer.BadParameter("give ids or filters, not both")
    if not entries:
        quarantining.selected(wanted.wanted)
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings) as (intake, pool), pool.connection() as connection:
        trail = Trail.of(intake, settings.tenant)
        if entries:
            done = quarantining.dismiss(connection, entries, actor, note)
            trail.acted("quarantine.dismissed", said(entry=entries, by=actor))
            print(f"dismissed: {', '.join(map(str, done)) or 'none, they were already'}")
            return
        number = 0
        after: int | None = 0
        while after is not None:
            wanted = wanted._replace(after=after)
            found, after = quarantining.dismiss_next(connection, wanted, actor, note)
            number += len(found)
        trail.acted("quarantine.dismissed", said(entries=number, by=actor, **_given(wanted)))
    print(f"dismissed: {number:,}")
