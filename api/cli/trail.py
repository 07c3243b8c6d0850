"""cairn trail: who did what to the ledger, and who was refused."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import typer
from psycopg import Connection

from api import trails
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption
from api.settings import load
from api.trails import Asked
from domain.trail import REFUSED

#: Seconds between looks for new entries.
_FOLLOW_SECONDS: Final = 1.0
#: Later than every position.
_END: Final = 2**62


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("trail")(trail)


def trail(
    act: Annotated[
        str | None, typer.Option("--act", help="Only this act, key.created, or all under a word, key.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only of this caller, by its name.")] = None,
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="From this position on; default: the latest entries.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=trails.MAX_LIMIT, help="Entries at most.")] = 50,
    format_: Annotated[str, typer.Option("--format", help="lines, json or csv.")] = "lines",
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is recorded.")] = False,
) -> None:
    """The audit trail: administrative acts and refused requests, the latest last."""
    if format_ not in ("lines", "json", "csv"):
        raise typer.BadParameter("one of lines, json, csv", param_hint="--format")
    if follow and format_ == "csv":
        raise typer.BadParameter("--follow goes with lines or json", param_hint="--format")
    given = {"act": act, "actor": actor, "limit": limit, "after": after}
    question = trails.asked([(name, str(value)) for name, value in given.items() if value is not None])
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (_, connection):
        answer = _first(connection, settings.tenant, question, latest=after is None)
        if format_ == "csv":
            sys.stdout.write(trails.as_csv(answer).replace("\r\n", "\n"))
        elif format_ == "json" and not follow:
            print(json.dumps(answer))
        else:
            _show(answer["entries"], as_json=format_ == "json")
            while follow:
                answer = trails.report(connection, settings.tenant, question._replace(after=answer["last"]))
                _show(answer["entries"], as_json=format_ == "json")
                if answer["next"] is None:
                    time.sleep(_FOLLOW_SECONDS)


def _first(connection: Connection[Any], schema: str, question: Asked, *, latest: bool) -> dict[str, Any]:
    """The entries to begin with: those after a position, or the latest, in the order of recording."""
    if not latest:
        return trails.report(connection, schema, question)
    found = trails.report(connection, schema, question._replace(before=_END))
    entries = found["entries"][::-1]
    return {"entries": entries, "last": entries[-1]["position"] if entries else 0, "next": None}


def _show(entries: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    for one in entries:
        print(json.dumps(one) if as_json else _line(one), flush=True)


def _line(one: Mapping[str, Any]) -> str:
    """An entry for people: position, when, who, what, and its details."""
    told = " ".join(f"{name}={value}" for name, value in one["details"].items())
    times = f" x{one['count']}" if one["act"] == REFUSED else ""
    head = f"{one['position']:>8}  {one['recorded_at'][:19]}Z  {one['actor']} ({one['kind']})"
    line = f"{head}  {one['act']}{times}  {told}".rstrip()
    # names may come from elsewhere: nothing in one may steer the terminal
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in line)
