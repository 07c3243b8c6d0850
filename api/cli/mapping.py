"""cairn mapping: mappings listed, checked, tried on a payload, previewed over what is stored, and applied."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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

from api import mappings
from api.cli.feeding import opened
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.parameters import ParameterRefused
from api.remapping.running import Progress as Told
from api.remapping.running import count
from api.settings import load
from api.trail import Trail

mapping: Final = typer.Typer(help="How records of systems become milestones.", no_args_is_help=True)

_Named = Annotated[str, typer.Argument(metavar="NAME|FILE", help="An installed mapping, or a file (.yaml).")]
_Since = Annotated[
    str | None, typer.Option("--since", help="Only messages received since: a day, or RFC 3339.")
]
_Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Messages to read at most.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_CELL: Final = 60


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for name, command in (
        ("list", list_mappings), ("check", check), ("try", try_), ("preview", preview), ("apply", apply),
    ):  # fmt: skip
        mapping.command(name)(command)
    app.add_typer(mapping, name="mapping")


def list_mappings(*, json_: _Json = False) -> None:
    """Every mapping that is to be had here."""
    load(log="warning")
    found = mappings.listed()
    if json_:
        print(json.dumps(found))
        return
    table = Table(box=None)
    for column in ("name", "version", "digest", "reads", "kinds"):
        table.add_column(column, overflow="fold")
    for one in found:
        kinds = "in Python" if one["file"] is None else f"{len(one['kinds'] or ())}"
        if one["problems"]:
            kinds = f"{len(one['problems'])} mistakes: cairn mapping check {one['file']}"
        table.add_row(one["name"], one["version"] or "", one["digest"] or "", one["reads"] or "", kinds)
    show(table)


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Mapping files.")],
    *,
    json_: _Json = False,
) -> None:
    """All that is wrong with a mapping file, by file, line and field. Exit code 1 where anything is."""
    found = [mappings.checked(path) for path in files]
    if json_:
        print(json.dumps(found if len(found) > 1 else found[0]))
    for path, one in zip(files, found, strict=True):
        for problem in one["problems"] if not json_ else ():
            field = problem["field"] or "(file)"
            print(f"{problem['file']}:{problem['line']}: {field}: {problem['message']}")
        if one["ok"] and not json_:
            print(f"{path}: {one['name']}@{one['version']}#{one['digest']}, {len(one['kinds'])} kinds")
    if not all(one["ok"] for one in found):
        raise typer.Exit(1)


def try_(
    named: _Named,
    payload: Annotated[
        str | None, typer.Argument(metavar="PAYLOAD", help="A file with one record; - reads standard input.")
    ] = None,
    instance: Annotated[
        str | None, typer.Option("--instance", help="The firm's copy of the system (default: main).")
    ] = None,
    entry: Annotated[
        int | None, typer.Option("--entry", min=1, help="The bytes of a quarantine entry.")
    ] = None,
    position: Annotated[
        int | None, typer.Option("--position", min=1, help="The bytes that a milestone came in.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """What a mapping makes of one payload; nothing is recorded. Exit code 1 where it is refused."""
    if sum(given is not None for given in (payload, entry, position)) != 1:
        raise ParameterRefused("give one of: a file with a record, -, --entry, --position")
    settings = load(folder=data, database_url=database_url, log="warning")
    source = mappings.of_name_or_file(named)
    came_from: str | None = None
    if payload is not None:
        body = sys.stdin.buffer.read() if payload == "-" else Path(payload).read_bytes()
    else:
        with opened(settings) as (_, pool), pool.connection() as connection:
            if entry is not None:
                body, came_from = mappings.payload_of_entry(connection, entry)
            else:
                body, came_from = mappings.payload_of_position(connection, position or 0)
    found = mappings.tried(source, body, instance or came_from or "main")
    if json_:
        print(json.dumps(found))
    else:
        _show_tried(found)
    if "refused" in found:
        raise typer.Exit(1)


def _show_tried(found: dict[str, Any]) -> None:
    print(f"read by {found['mapping']}")
    if "ignored" in found:
        print(f"ignored: {found['ignored']}")
    for one in found.get("needed", ()):
        print(f"has to be fetched: {one['object']} {one['id'] or ''} ({one['reason']})")
    for event in found["milestones"]:
        print(json.dumps(event, indent=2, ensure_ascii=False))
    for reason in found.get("refused", ()):
        place = reason["place"]
        at = "" if place is None else f" at line {place['line']}, column {place['column']}"
        of = f" of milestone {reason['milestone']}" if "milestone" in reason else ""
        print(f"refused: {reason['code']} {reason['pointer']}{of}{at}: {reason['message']}")


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Told]:
    """Shows how many messages were read, on stderr."""
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=Console(file=sys.stderr, quiet=quiet),
    ) as bar:  # fmt: skip
        task = bar.add_task("messages", total=total)
        yield lambda read: bar.update(task, completed=read)


def preview(
    named: _Named,
    since: _Since = None,
    limit: _Limit = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """What a changed mapping would change: reads stored messages again, and records nothing."""
    settings = load(folder=data, database_url=database_url, log="warning")
    wanted = mappings.asked(mappings.of_name_or_file(named), {"since": since, "limit": limit})
    with opened(settings) as (intake, pool), _progress(count(pool, wanted), quiet=json_) as told:
        found = mappings.preview(pool, intake, wanted, told)
    if json_:
        print(json.dumps(found))
    else:
        _show(found)


def apply(
    named: _Named,
    actor: Annotated[str, typer.Option("--actor", metavar="NAME", help="Who does it.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in every correction.")
    ],
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="DIGEST", help="Of a preview: where anything differs, nothing is done."
        ),
    ] = None,
    since: _Since = None,
    limit: _Limit = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    json_: _Json = False,
) -> None:
    """Make it so: replays, records, corrects and voids. Broken off, it is started again as it was."""
    settings = load(folder=data, database_url=database_url, log="warning")
    wanted = mappings.asked(mappings.of_name_or_file(named), {"since": since, "limit": limit})
    who = mappings.by({"actor": actor, "reason": reason}, settings.tenant)
    with opened(settings) as (intake, pool):
        mappings.installed(wanted.source)
        total = count(pool, wanted)
        if expect is None and not yes:
            with _progress(total, quiet=json_) as told:
                found = mappings.preview(pool, intake, wanted, told)
            _show(found)
            if not found["messages"]["with_effects"] or not typer.confirm("Apply this?", err=True):
                return
            expect = found["digest"]
        with _progress(total, quiet=json_) as told:
            found = mappings.apply(pool, intake, wanted, who, expect, told)
        Trail.of(intake, settings.tenant).acted("mapping.applied", mappings.act(found, who))
    if json_:
        print(json.dumps(found))
        return
    _show(found)
    outcomes = ", ".join(f"{name} {n:,}" for name, n in found["outcomes"].items()) or "nothing"
    print(f"sent to the ledger: {outcomes}")


# ---- tables


def _show(found: dict[str, Any]) -> None:
    read = found["messages"]
    print(
        f"{read['read']:,} messages read by {found['mapping']}: {read['with_effects']:,} would differ,"
        f" {read['unchanged']:,} would not, {read['still_quarantined']:,} stay in quarantine"
        + (f", {read['dismissed']:,} dismissed" if read["dismissed"] else "")
    )
    _show_effects(found)
    _show_fields(found["changed"]["fields"])
    for one in found["refused"]["examples"]:
        reasons = "; ".join(f"{reason['code']} {reason['pointer']}" for reason in one["reasons"])
        print(f"would be refused: message {one['inbox']}, positions {one['positions']}: {reasons}")
    if found["next"] is not None:
        print(f"more messages follow: {read['read']:,} were read, --limit was reached")
    print(f"digest {found['digest']}")


def _show_effects(found: dict[str, Any]) -> None:
    table = Table(box=None)
    for column in ("effect", "count", "by", "examples"):
        table.add_column(column, overflow="fold", justify="right" if column == "count" else "left")
    for title, name, what, by, example in (
        ("corrected", "changed", "milestones", "by_type", "position"),
        ("taken back", "vanished", "milestones", "by_type", "position"),
        ("recorded new", "new", "milestones", "by_type", "inbox"),
        ("out of quarantine", "released", "entries", "by_reason", "entry"),
        ("refused; what stands stays", "refused", "messages", "by_reason", "inbox"),
        ("ignored", "ignored", "messages", "by_reason", "inbox"),
        ("left alone: amended by others", "left_alone", "milestones", "by_type", "position"),
    ):
        group = found[name]
        if group[what]:
            told = ", ".join(f"{key} {n:,}" for key, n in group[by].items())
            examples = ", ".join(f"{example} {one[example]}" for one in group["examples"])
            table.add_row(title, f"{group[what]:,}", told, examples)
    if found["waiting"]["messages"]:
        table.add_row("to be fetched", f"{found['waiting']['messages']:,}", "", "")
    if table.row_count:
        show(table)


def _show_fields(fields: list[dict[str, Any]]) -> None:
    if not fields:
        return
    table = Table(title="fields that differ", title_justify="left", box=None)
    for column in ("type", "field", "count", "position", "before", "after"):
        table.add_column(column, overflow="fold", justify="right" if column == "count" else "left")
    for one in fields:
        for number, example in enumerate(one["examples"]):
            head = (one["type"], one["field"], f"{one['milestones']:,}") if number == 0 else ("", "", "")
            table.add_row(*head, str(example["position"]), _cell(example["before"]), _cell(example["after"]))
    show(table)


def _cell(value: Any) -> str:
    text = (
        "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"
