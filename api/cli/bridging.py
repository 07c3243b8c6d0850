"""cairn bridge, cairn latency: where value goes between won and cash, and how long each stage takes."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from api import bridging, latencies
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption, GenerationOption, KnownAtOption, KnownPositionOption
from api.cli.tables import show
from api.settings import load

_Only = Annotated[
    list[str] | None, typer.Option("--only", help="A filter, e.g. customer=C-1; repeat for more.")
]
_Format = Annotated[str, typer.Option("--format", help="table, json or csv.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("bridge")(bridge)
    app.command("latency")(latency)


def _sent(given: dict[str, Any], only: list[str] | None, format_: str) -> list[tuple[str, str]]:
    """Options as the parameters that HTTP has."""
    if format_ not in ("table", "json", "csv"):
        raise typer.BadParameter("one of table, json, csv", param_hint="--format")
    sent = [(name, str(value)) for name, value in given.items() if value is not None]
    for filter_ in only or ():
        name, is_filter, value = filter_.partition("=")
        if not is_filter:
            raise typer.BadParameter("write it as name=value, e.g. customer=C-1", param_hint="--only")
        sent.append((name, value))
    return sent


def bridge(
    at: Annotated[str | None, typer.Option("--at", help="The day of the bridge (default: today).")] = None,
    known_at: KnownAtOption = None,
    known_position: KnownPositionOption = None,
    basis: Annotated[str | None, typer.Option("--basis", help="restated or as_reported")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="Group by; default: deal.")] = None,
    only: _Only = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", help="Convert to --currency: transaction, closing or constant:DATE."),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option("--policy", help="Under these policies, name@version; repeat.")
    ] = None,
    generation: GenerationOption = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Groups at most.")] = None,
    cursor: Annotated[str | None, typer.Option("--cursor", help="`next` of the page before.")] = None,
    format_: _Format = "table",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """From won to ordered to invoiced to cash: what is taken away in each step, and why."""
    given = {
        "at": at, "known_at": known_at, "known_position": known_position, "basis": basis, "limit": limit,
        "cursor": cursor, "currency": currency, "rate": rate, "generation": generation,
    }  # fmt: skip
    sent = _sent(given, only, format_) + [("by", word) for word in by or ()]
    sent += [("policy", word) for word in policy or ()]
    wanted = bridging.asked(sent, datetime.now(UTC).date())
    with opened(load(folder=data, database_url=database_url, log="warning"), caught_up=True) as (_, reader):
        answer = bridging.answer(reader, wanted)
    if format_ == "json":
        print(json.dumps(answer))
    elif format_ == "csv":
        sys.stdout.write(bridging.as_csv(wanted, answer).replace("\r\n", "\n"))
    else:
        groups = [name for name in wanted.by if name != "currency"]
        if wanted.policies:
            groups.insert(0, "policy")
        ends = ["won", "ordered", "invoiced", "gross", "cash"]
        _show(f"the bridge at {answer['at']}", [*groups, "currency", *ends], ends, answer["figures"])
        _show(
            "what is taken away",
            [*groups, "currency", "step", "reason", "amount"],
            ["amount"],
            answer["rows"],
        )
        if answer["next"] is not None:
            print(f"more groups: --cursor {answer['next']}")


def latency(
    from_: Annotated[str | None, typer.Option("--from", help="First day on which a stage ended.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day (default: today).")] = None,
    known_at: KnownAtOption = None,
    known_position: KnownPositionOption = None,
    only: _Only = None,
    generation: GenerationOption = None,
    format_: _Format = "table",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """How long each stage takes from one milestone to the next, in seconds, and what waits longest."""
    given = {
        "from": from_, "to": to, "known_at": known_at, "known_position": known_position,
        "generation": generation,
    }  # fmt: skip
    wanted = latencies.asked(_sent(given, only, format_), datetime.now(UTC).date())
    with opened(load(folder=data, database_url=database_url, log="warning"), caught_up=True) as (_, reader):
        answer = latencies.answer(reader, wanted)
    if format_ == "json":
        print(json.dumps(answer))
    elif format_ == "csv":
        sys.stdout.write(latencies.as_csv(answer).replace("\r\n", "\n"))
    else:
        columns = list(latencies.COLUMNS)
        numbers = [name for name in columns if name not in ("stage", "oldest_since", "oldest_deal")]
        _show(f"latency to {answer['to']}, seconds", columns, numbers, answer["rows"])


def _show(title: str, columns: list[str], numbers: list[str], rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for name in columns:
        is_number = name in numbers
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in rows:
        table.add_row(*("-" if row[name] is None else str(row[name]) for name in columns))
    show(table)
