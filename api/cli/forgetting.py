"""cairn forget and cairn personal: destroying what is kept of a data subject; the rules, and what is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from adapters.personal.sealing import make_secret
from api import forgetting
from api.cli.feeding import opened
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.forgetting import Keeper
from api.parameters import ParameterRefused
from api.settings import Settings, load
from api.trail import Trail

_Reason = Annotated[
    str | None,
    typer.Option("--reason", help="Why; it stays in the audit trail and must not name them."),
]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_UNREASONED: Final = "by command"


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("forget")(forget)
    app.command("personal")(personal)


@contextmanager
def _at_hand(settings: Settings) -> Iterator[Keeper]:
    with opened(settings) as (intake, pool):
        acted = Trail.of(intake, settings.tenant).acted
        yield forgetting.keeper(settings, pool, intake.personal, acted)


def forget(
    subject: Annotated[
        str | None, typer.Argument(help="The id, as the rules' `subject` has it; - reads it from stdin.")
    ] = None,
    reason: _Reason = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="After a backup was restored: all that are on the list beside the secret."
        ),
    ] = False,
    also: Annotated[
        Path | None, typer.Option("--from", help="With --again: a list of your own besides.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    json_: _Json = False,
) -> None:
    """Destroy what is kept of a data subject, for good. Reports stay as they are; tokens stay."""
    if (subject is None) != again or (also is not None and not again):
        raise ParameterRefused("name a subject, or give --again (with --from FILE, if you like)")
    settings = load(folder=data, database_url=database_url, log="warning")
    with _at_hand(settings) as keeper:
        if subject is None:
            done = forgetting.again(keeper, also)
        else:
            id_ = forgetting.named(sys.stdin.readline().rstrip("\n") if subject == "-" else subject)
            if not yes:
                _ask(keeper, id_, can_ask=subject != "-" and sys.stdin.isatty())
            done = forgetting.forget(keeper, id_, reason or _UNREASONED)
    if json_:
        print(json.dumps(done))
    elif subject is None:
        print(
            f"{done['again']:,} of {done['listed']:,} listed were back: {done['values']:,} values destroyed"
        )
    else:
        _tell(done)


def _ask(keeper: Keeper, id_: str, *, can_ask: bool) -> None:
    if not can_ask:
        raise ParameterRefused("it can't be undone: give --yes")
    token, found = forgetting.subject_of(keeper, id_)
    values = 0 if found is None else found.values
    typer.confirm(f"{values:,} values of person:{token} are destroyed for good. Go on?", abort=True)


def _tell(done: dict[str, Any]) -> None:
    if done["already"]:
        print(f"person:{done['subject']} was forgotten before ({(done['at'] or '')[:19]}Z); nothing was done")
        return
    bodies = f" and {done['payloads']:,} payloads sealed whole" if done["payloads"] else ""
    print(
        f"person:{done['subject']} is forgotten: {done['values']:,} values{bodies} destroyed;"
        f" in the audit trail at {done['position']}"
    )
    if not done["swept"]:
        print("others are at work on the tables: the database sweeps their files later (VACUUM)")
    if not done["listed"]:
        print("WARNING: it is on no list beside the secret: keep what cairn personal --forgotten says")


def personal(
    allow: Annotated[
        str | None, typer.Option("--allow", metavar="SUBJECT", help="Keep values of a forgotten one again.")
    ] = None,
    reason: _Reason = None,
    make_key: Annotated[
        Path | None, typer.Option("--make-key", metavar="FILE", help="Make a secret, and nothing else.")
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    forgotten: Annotated[bool, typer.Option("--forgotten", help="List who was forgotten, by token.")] = False,
    json_: _Json = False,
) -> None:
    """The rules for personal data, and how much is kept under them."""
    if make_key is not None:
        if not make_secret(make_key):
            raise ParameterRefused(f"{make_key} is there already, and is left as it is")
        print(f"{make_key}: a new secret; keep a copy apart from the database's backups")
        return
    settings = load(folder=data, database_url=database_url, log="warning")
    with _at_hand(settings) as keeper:
        if allow is not None:
            done = forgetting.allow(keeper, allow, reason or _UNREASONED)
            print(json.dumps(done) if json_ else _allowed(done))
        elif forgotten:
            found = forgetting.all_forgotten(keeper)
            print(json.dumps(found) if json_ else "\n".join(one["subject"] for one in found))
        else:
            _overview(forgetting.overview(keeper), json_=json_)


def _allowed(done: dict[str, Any]) -> str:
    was = "are kept again from now on" if done["allowed"] else "are kept: it was not forgotten"
    return f"values of person:{done['subject']} {was}"


def _overview(found: dict[str, Any], *, json_: bool) -> None:
    if json_:
        print(json.dumps(found))
        return
    table = Table(box=None)
    for column in ("match", "fields", "subject"):
        table.add_column(column, overflow="fold")
    for rule in found["rules"]:
        table.add_row(rule["match"], " ".join(rule["fields"]), rule["subject"])
    show(table)
    print(
        f"{found['values']:,} values of {found['subjects']:,} subjects, {found['sealed_payloads']:,} payloads"
        f" sealed whole; {found['forgotten']:,} subjects forgotten"
    )
