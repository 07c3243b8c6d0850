"""cairn export, verify: a file for the auditor, and what the auditor does with it.

`verify` needs the files that it is given and this package, nothing else: no ledger, no settings, no network.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adapters.bundles.findings import Wrong
from api import exporting
from api.checkpoints import Means
from api.cli.options import DatabaseOption, DataOption
from api.cli.serving import check_migrations, prepare
from api.house import connection_to, database
from api.proving import checking, reports, telling
from api.proving.notes import Trust
from api.settings import load
from api.trail import act_of_command
from domain.notes import NoteRefused, VerifierKey, read_key


class KeyUnreadable(ValueError):
    """What was given as a key is none."""


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("export")(export)
    app.command("verify")(verify)


def export(
    audit: Annotated[
        Path, typer.Option("--audit", help="File to write the audit bundle to.", dir_okay=False)
    ],
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    payloads: Annotated[
        bool, typer.Option("--payloads/--no-payloads", help="The source payloads, or their digests only.")
    ] = True,
) -> None:
    """Write all that is recorded now to one file, which `cairn verify` checks with no ledger at hand."""
    settings = load(folder=data, database_url=database_url, log="warning")
    prepare(settings)
    out = Console(stderr=True, highlight=False)
    with database(settings) as url:
        check_migrations(settings, url)
        with connection_to(url, settings.tenant, "export") as connection, out.status("export") as shown:
            means = Means.of_command(settings, url, exporting.PATIENCE)
            done = exporting.export(
                connection, means, audit, payloads=payloads,
                told=lambda rows: shown.update(f"export: {rows:,} rows"),
            )  # fmt: skip
        said = {
            "size": str(done.size),
            "payloads": "whole" if payloads else "digests",
            "bytes": str(done.length),
        }
        act_of_command(settings, url, "bundle.exported", said)
    print(f"{audit}: {done.size:,} milestones, {done.length:,} bytes")
    print(f"key: {done.key.text}")
    print("Hand the key over on another way than the file, so that nobody can change both.")


def verify(
    bundle: Annotated[Path, typer.Argument(help="A file that cairn export --audit has written.")],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="The ledger's public key, or a file that holds it; repeat for several."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="A checkpoint that was published; repeat for several."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="A report that was asked with proof=true.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Check an audit bundle, or a report against one, with nothing else at hand.

    Exit code 0 where nothing was rewritten and the report is the same, 1 with the first thing that is wrong.
    """
    trust = Trust(
        tuple(_key(text) for text in key or ()),
        tuple((str(path), path.read_bytes()) for path in checkpoint or ()),
    )
    try:
        is_good = (
            _compare(bundle, report, trust, as_json=as_json)
            if report
            else _check(bundle, trust, as_json=as_json)
        )
    except Wrong as wrong:
        _tell(telling.wrong_told(wrong), telling.wrong_lines(wrong), as_json=as_json)
        is_good = False
    if not is_good:
        raise typer.Exit(1)


def _check(bundle: Path, trust: Trust, *, as_json: bool) -> bool:
    out = Console(stderr=True, highlight=False)
    with bundle.open("rb") as file, out.status("check") as shown:
        found = checking.check(file, trust, told=lambda done: shown.update(f"check: {done:,} milestones"))
    lines = ["verified: nothing in it was rewritten", *telling.checked_lines(found)]
    _tell(telling.checked_told(found), lines, as_json=as_json)
    return True


def _compare(bundle: Path, report: Path, trust: Trust, *, as_json: bool) -> bool:
    out = Console(stderr=True, highlight=False)
    content = report.read_bytes()
    with bundle.open("rb") as file, out.status("check") as shown:
        found = reports.compare(
            content, file, trust, told=lambda stage, done: shown.update(f"{stage}: {done:,} milestones")
        )
    is_same = not found.differences
    first = "verified: the report follows from the log" if is_same else "NOT THE SAME"
    if is_same and reports.versions(found) is not None:
        first += ", by the rules of this version, which are not those that it names"
    _tell(telling.compared_told(found), [first, *telling.compared_lines(found)], as_json=as_json)
    return is_same


def _key(text: str) -> VerifierKey:
    """A key as it was given, or the file that holds it. Raises KeyUnreadable, OSError."""
    try:
        return read_key(text.strip())
    except NoteRefused as refused:
        path = Path(text)
        if not path.is_file():
            raise KeyUnreadable(f"--key: {refused}; and there is no such file") from None
    try:
        return read_key(path.read_text(encoding="utf-8").strip())
    except (NoteRefused, UnicodeDecodeError) as refused:
        raise KeyUnreadable(f"--key: {path}: {refused}") from None


def _tell(told: dict[str, object], lines: list[str], *, as_json: bool) -> None:
    sys.stdout.write(json.dumps(told) + "\n" if as_json else "\n".join(lines) + "\n")
