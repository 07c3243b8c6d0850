"""cairn report, deal, status, rebuild, schema: the way out from the command line.

These read the database themselves. Where no projector runs, they bring the reports up to the log first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from psycopg import Connection
from rich.console import Console
from rich.table import Table

from adapters.postgres.connections import conninfo_for
from api import checkpoints, dossiers, health, inclusions, reading, rebuilding, reporting
from api.answers import as_json
from api.cli.differences import HtmlOption, JsonOption, TopOption, tell
from api.cli.options import DatabaseOption, DataOption, GenerationOption, KnownAtOption, KnownPositionOption
from api.cli.serving import check_migrations, prepare
from api.cli.tables import show
from api.freshness import NotYetProjected
from api.house import connection_to, database
from api.parameters import KNOWN, Question, Values, question
from api.previewing import DEALS
from api.proving import proofs
from api.schema import milestone_schema
from api.settings import Settings, load
from api.trail import act_of_command, said
from projections import generations
from projections.measures import VIEWS
from projections.projector import Projector
from projections.rebuild import rebuild as rebuild_generation


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("report")(report)
    app.command("deal")(deal)
    app.command("status")(status)
    app.command("rebuild")(rebuild)
    app.command("schema")(schema)


@contextmanager
def opened(settings: Settings, *, caught_up: bool) -> Iterator[tuple[str, Connection[Any]]]:
    """The database of these settings and a connection to read it with; caught_up: the log taken in first."""
    prepare(settings)
    with database(settings) as url:
        check_migrations(settings, url)
        with connection_to(url, settings.tenant, "cli") as connection:
            if caught_up:
                # safe beside a live projector: batches take turns by the generation's lock
                Projector(settings.tenant).catch_up(connection)
            yield url, connection


_At = Annotated[str | None, typer.Option("--at", help="Day of balances (default: today).")]


def record(settings: Settings, url: str, connection: Connection[Any], act: str, **details: object) -> None:
    """Record what a command did to the books, and take that in: no server may be there to do it."""
    act_of_command(settings, url, act, said(**details))
    live = generations.live(connection)
    if live is not None and generations.halted(live) is None:
        Projector(settings.tenant).catch_up(connection)


def report(
    view: Annotated[str, typer.Argument(help=f"One of {', '.join(VIEWS)}.")],
    at: _At = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day of turnovers.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day of turnovers.")] = None,
    known_at: KnownAtOption = None,
    known_position: KnownPositionOption = None,
    basis: Annotated[str | None, typer.Option("--basis", help="restated or as_reported")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="Group by; repeat, or use commas.")] = None,
    deal: Annotated[str | None, typer.Option("--deal", help="Only this deal, by its public name.")] = None,
    product: Annotated[str | None, typer.Option("--product", help="Only this product.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only this customer.")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="Only this segment.")] = None,
    territory: Annotated[str | None, typer.Option("--territory", help="Only this territory.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only this owner.")] = None,
    entity: Annotated[str | None, typer.Option("--entity", help="Only this entity.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel.")] = None,
    class_: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", help="Convert to --currency: transaction, closing or constant:DATE."),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option("--policy", help="Under these policies, name@version; repeat.")
    ] = None,
    generation: GenerationOption = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Rows at most.")] = None,
    cursor: Annotated[str | None, typer.Option("--cursor", help="`next` of the page before.")] = None,
    at_least: Annotated[
        int | None, typer.Option("--at-least", help="Only if the reports have this position.")
    ] = None,
    format_: Annotated[str | None, typer.Option("--format", help="table (default), json or csv.")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    proof: Annotated[
        bool,
        typer.Option("--proof", help="As JSON, with what `cairn verify --report` checks it by."),
    ] = False,
) -> None:
    """A report, as of a date, as known at a moment."""
    given = {
        "at": at, "from": from_, "to": to, "known_at": known_at, "known_position": known_position,
        "basis": basis, "deal": deal, "product": product, "customer": customer, "segment": segment,
        "territory": territory, "owner": owner, "entity": entity, "channel": channel, "class": class_,
        "currency": currency, "rate": rate, "generation": generation, "limit": limit, "cursor": cursor,
        "at_least": at_least,
    }  # fmt: skip
    sent = [(name, str(value)) for name, value in given.items() if value is not None]
    sent += [("by", word) for word in by or ()]
    sent += [("policy", word) for word in policy or ()]
    sent += [("proof", "true")] if proof else []
    if format_ not in (None, "table", "json", "csv"):
        raise typer.BadParameter("one of table, json, csv", param_hint="--format")
    if proof and format_ not in (None, "json"):
        raise typer.BadParameter("a proof goes with json", param_hint="--format")
    asked = question(view, sent, datetime.now(UTC).date())
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=True) as (url, connection):
        position = reading.generation(connection, None).position
        if asked.at_least is not None and position < asked.at_least:
            # everything that is recorded has been projected by now: there is nothing to wait for
            raise NotYetProjected(f"the log ends at {position}, and {asked.at_least} was asked for")
        if asked.proof:
            means = checkpoints.Means.of_command(settings, url, checkpoints.PATIENCE)
            answer = proofs.proved(
                connection, asked, lambda reader, size: inclusions.proof_for(reader, size, means)
            )
        else:
            answer = reporting.report(connection, asked)
    if asked.proof:
        sys.stdout.write(as_json(answer).decode())  # the bytes that a server would have sent
    elif format_ == "json":
        print(json.dumps(answer))
    elif format_ == "csv":
        sys.stdout.write(reporting.as_csv(asked, answer).replace("\r\n", "\n"))
    else:
        show(table_of(asked, answer))
        if answer["next"] is not None:
            print(f"more rows: --cursor {answer['next']}")


def table_of(asked: Question, answer: dict[str, Any]) -> Table:
    """A report's answer for people; the totals stand below the rows."""
    span = (
        f"at {answer['at']}"
        if "at" in answer
        else f"from {answer['from'] or 'the beginning'} to {answer['to']}"
    )
    known = answer["known"]
    title = f"{answer['view']} {span}, as known at position {known['position']:,}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    names = reporting.columns(asked)
    measures = reporting.measures(asked)
    for name in names:
        table.add_column(
            name, justify="right" if name in measures else "left", no_wrap=name in measures, overflow="fold"
        )
    for row in answer["rows"]:
        table.add_row(*(row[name] or "-" for name in names))
    if asked.by and answer["totals"]:
        table.add_section()
        for row in answer["totals"]:
            told = {**row, names[0]: row["currency"] if names[0] == "currency" else "total"}
            table.add_row(*(told.get(name, "") for name in names), style="bold")
    return table


def deal(
    key: Annotated[str, typer.Argument(help="Any key of the deal, e.g. erp/netsuite/acme:order:SO-1001.")],
    at: _At = None,
    known_at: KnownAtOption = None,
    known_position: KnownPositionOption = None,
    generation: GenerationOption = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    timeline: Annotated[bool, typer.Option("--timeline", help="Its milestones in business order.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """A deal: its keys, dimensions and balances, or its milestones."""
    given = {"at": at, "known_at": known_at, "known_position": known_position}
    sent = [(name, str(value)) for name, value in given.items() if value is not None]
    values = Values(sent, {"at": KNOWN["known_at"], **KNOWN})
    known, day = values.known(), values.day("at") or datetime.now(UTC).date()
    with opened(load(folder=data, database_url=database_url, log="warning"), caught_up=True) as (
        _,
        connection,
    ):
        found = (
            dossiers.timeline(connection, key, known, generation)
            if timeline
            else dossiers.deal(connection, key, known, day, generation)
        )
    if json_:
        print(json.dumps(found))
    elif timeline:
        _show_timeline(found)
    else:
        _show_deal(found)


def _show_deal(found: dict[str, Any]) -> None:
    out = Console(highlight=False)
    out.print(f"[bold]{found['deal']}[/bold], as known at position {found['known']['position']:,}")
    for key in found["keys"][1:]:
        out.print(f"  {key}")
    if found["dimensions"]:
        out.print(", ".join(f"{name} {value}" for name, value in found["dimensions"].items()))
    table = Table(title=f"balances on {found['at']}", title_justify="left", box=None)
    table.add_column("account")
    table.add_column("currency")
    table.add_column("balance", justify="right")
    for currency, held in found["balances"].items():
        for account, amount in held.items():
            table.add_row(account, currency, amount)
    show(table)
    for finding in found["findings"]:
        out.print(f"{finding['code']}: milestone {finding['fact']}")


def _show_timeline(found: dict[str, Any]) -> None:
    table = Table(box=None)
    for column in ("effective", "type", "source", "subject", "recorded", "position"):
        table.add_column(column, overflow="fold")
    for one in found["milestones"]:
        table.add_row(
            one["effective_on"], one["type"], one["source"], one["subject"], one["recorded_at"][:19],
            str(one["position"]),
        )  # fmt: skip
    show(table)


def status(
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """How the ledger is. Exit code 0 where it is healthy, 1 where the reports have fallen behind."""
    with opened(load(folder=data, database_url=database_url, log="warning"), caught_up=False) as (
        _,
        connection,
    ):
        found = health.status(connection, load().tenant)
    if json_:
        print(json.dumps(found))
    else:
        reports = found["projection"]
        print(
            f"log: {found['log']['position']:,} milestones, the last at {found['log']['recorded_at'] or '-'}"
        )
        if reports["generation"] is None:
            print("reports: nothing has been projected yet; is `cairn project` or `cairn serve` running?")
        else:
            print(
                f"reports: generation {reports['generation']} at position {reports['position']:,}, "
                f"{reports['behind']:,} behind ({reports['lag_seconds']:.1f} s)"
            )
        print(f"quarantine: {found['quarantine']['open']:,} open; conflicts: {found['conflicts']:,}")
    if not found["ok"]:
        raise typer.Exit(1)


def rebuild(
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=64, help="Processes that fold; 0 for as many as pay.")
    ] = 0,
    keep_policies: Annotated[
        bool, typer.Option("--keep-policies", help="Adopt no policy that was activated since.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep them ready beside the live ones; swap nothing in.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Keep them, and tell what promoting them would change.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Fold everything, also what no changed rule has a say in.")
    ] = False,
    html: HtmlOption = None,
    json_: JsonOption = None,
    top: TopOption = DEALS,
    deal: Annotated[
        str | None,
        typer.Option("--deal", help="Build nothing: fold the deal of this key again, and show what changes."),
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Build all reports anew from the log, beside those that are read, and swap them in at once.

    Where only rules of some types of milestones changed, deals without any are copied from the live ones. One
    that was broken off goes on with what is left. All policies that are activated are adopted; ask
    reports with --policy first to see what they change, or with --preview which figures move and why.
    """
    if (html is not None or json_ is not None) and not preview:
        raise typer.BadParameter("say --preview as well", param_hint="--html, --json")
    if deal is not None:
        from api.cli.verifying import refold

        refold(deal, keep_policies=keep_policies, data=data, database_url=database_url)
        return
    settings = load(folder=data, database_url=database_url, log="warning")
    out = Console(stderr=True, highlight=False)
    with opened(settings, caught_up=False) as (url, connection):
        policies = reading.generation(connection, None).policies if keep_policies else None
        conninfo = conninfo_for(url, settings.tenant, application_name="cairn rebuild")
        with out.status("bulk") as shown:
            found = rebuild_generation(
                conninfo,
                settings.tenant,
                workers=workers,
                policies=policies,
                keep=keep or preview,
                whole=whole,
                report=lambda stage, done: shown.update(f"{stage.replace('_', ' ')}: {done:,} milestones"),
            )
        record(settings, url, connection, "rebuild.done", **rebuilding.outcome(found))
        print(
            f"generation {found.generation} is {'live' if found.is_live else 'ready'}: {found.milestones:,} "
            f"milestones, {found.postings:,} postings, {found.caught_up:,} caught up; "
            f"policies: {', '.join(found.policies)}",
            file=sys.stderr if preview else sys.stdout,
        )
        print(rebuilding.said(found), file=sys.stderr if preview else sys.stdout)
        if found.is_live and (warning := rebuilding.to_restart(connection, settings.tenant)):
            print(f"cairn: {warning}", file=sys.stderr)
        if preview:
            tell(connection, found.generation, html, json_, top)
    if not found.is_live and not preview:
        print(f"`cairn generations promote {found.generation}` makes it the live one")


def schema() -> None:
    """The JSON Schema of all milestones."""
    print(json.dumps(milestone_schema(), indent=2))
