"""cairn check, history, refold: whether the ledger is whole, and looking into one deal.

They read the database themselves and write nothing.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from adapters.postgres.connections import conninfo_for
from api import histories, reading, verifying
from api.cli.asking import opened
from api.cli.options import DatabaseOption, DataOption, KnownAtOption, KnownPositionOption
from api.cli.tables import show
from api.parameters import ParameterRefused, Values
from api.settings import load
from projections import casework, checking

_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_At = Annotated[str | None, typer.Option("--at", help="Day of the figures (default: today).")]
#: Differences that are printed; with --json all that are kept.
_SHOWN: Final = 10


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command("check")(check)
    app.command("history")(history)
    app.command("refold")(refold)


def check(
    sample: Annotated[
        str | None, typer.Option("--sample", help="Only a part of the deals, drawn by chance, e.g. 5%.")
    ] = None,
    deals: Annotated[
        int | None, typer.Option("--deals", min=1, help="Only so many deals, drawn by chance.")
    ] = None,
    generation: Annotated[
        int | None, typer.Option("--generation", min=1, help="Of this generation (default: the live one).")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that fold.")] = 2,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """Fold the log again and compare with the journal, row by row; look through the log and check the laws.

    Exit code 0 where everything is as it ought to be, 1 where something differs.
    """
    if sample is not None and deals is not None:
        raise ParameterRefused("give --sample or --deals, not both")
    wanted = checking.Wanted(None if sample is None else part_of(sample), deals, generation)
    settings = load(folder=data, database_url=database_url, log="warning")
    out = Console(stderr=True, highlight=False)
    with opened(settings, caught_up=False) as (url, _), out.status("log") as shown:
        conninfo = conninfo_for(url, settings.tenant, application_name="cairn check")
        found = checking.check(
            conninfo,
            wanted,
            datetime.now(UTC).date(),
            workers=workers,
            report=lambda stage, done: shown.update(f"{stage}: {done:,} milestones"),
            beside=() if wanted.is_sample else (verifying.decisions,),
        )
    if json_:
        print(json.dumps(verifying.checked(found)))
    else:
        _show_checked(found, wanted)
    if not found.holds:
        raise typer.Exit(1)


def part_of(text: str) -> float:
    """A part of the whole from `5%`, 0 to 1. Raises ParameterRefused."""
    try:
        part = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        part = 0.0
    if not 0 < part <= 1:
        raise ParameterRefused("--sample must be more than 0% and at most 100%, e.g. 5%")
    return part


def _show_checked(found: checking.Checked, wanted: checking.Wanted) -> None:
    what = "a sample: " if wanted.is_sample else ""
    print(
        f"generation {found.generation} at position {found.position:,}: {what}{found.milestones:,} milestones"
        f" folded again, {found.rows:,} rows compared"
    )
    for one in found.differences[:_SHOWN]:
        print("\n".join(verifying.lines_of(one)))
    if found.differing > _SHOWN:
        print(f"and {found.differing - _SHOWN:,} more; --json has the first {checking.MOST}")
    for breach in found.breaches[:_SHOWN]:
        print(f"law {breach['law']}: deal {breach['deal']}, {breach['difference']} {breach['currency']}")
    if found.holds:
        print("all is as it ought to be")
    else:
        print(f"{found.differing:,} differences, {len(found.breaches):,} breaches of laws")
        print(f"what to do: {verifying.remedy(found)}")


def history(
    key: Annotated[str, typer.Argument(help="Any key of the deal, e.g. erp/netsuite/acme:order:SO-1001.")],
    order: Annotated[str | None, typer.Option("--order", help="business (default) or recorded.")] = None,
    at: _At = None,
    known_at: KnownAtOption = None,
    known_position: KnownPositionOption = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=histories.MAX_LIMIT, help="Entries a page.")
    ] = histories.DEFAULT_LIMIT,
    cursor: Annotated[str | None, typer.Option("--cursor", help="`next` of the page before.")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """A deal's figures after each milestone, and what each has changed."""
    given = {
        "order": order, "at": at, "known_at": known_at, "known_position": known_position, "limit": limit,
        "cursor": cursor,
    }  # fmt: skip
    sent = [(name, str(value)) for name, value in given.items() if value is not None]
    asked = histories.asked(key, Values(sent, histories.PARAMETERS), datetime.now(UTC).date())
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=True) as (_, connection):
        found = histories.told(connection, asked)
    if json_:
        print(json.dumps(found))
        return
    _show_history(found)


def _show_history(found: dict[str, Any]) -> None:
    by = f"on {found['at']}, as known after each" if "at" in found else "by the end of its day, as known now"
    table = Table(title=f"{found['key']}, {by}", title_justify="left", box=None, padding=(0, 1))
    for name in ("position", "effective", "milestone", "changed", "by", "to"):
        table.add_column(name, justify="right" if name in ("position", "by", "to") else "left", no_wrap=True)
    for entry in found["entries"]:
        head = [str(entry["position"]), entry["effective_on"], entry["type"]]
        for currency, view, measure, change in _figures(entry["changes"]):
            now = entry["figures"].get(currency, {}).get(view, {}).get(measure, "0")
            table.add_row(*head, f"{view} {measure}", change, f"{now} {currency}")
            head = ["", "", ""]
        if head[0]:
            table.add_row(*head, "-", "", "")
    show(table)
    if found["next"]:
        print(f"more: --cursor {found['next']}")


def _figures(figures: dict[str, dict[str, dict[str, str]]]) -> list[tuple[str, str, str, str]]:
    return [
        (currency, view, measure, amount)
        for currency, views in figures.items()
        for view, measures in views.items()
        for measure, amount in measures.items()
    ]


def refold(
    key: Annotated[str, typer.Argument(help="Any key of the deal, e.g. erp/netsuite/acme:order:SO-1001.")],
    at: _At = None,
    keep_policies: Annotated[
        bool, typer.Option("--keep-policies", help="Under the policies in force, not all that are activated.")
    ] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: _Json = False,
) -> None:
    """Fold one deal again with the rules of this version, beside what the live reports hold of it.

    Nothing is written. Exit code 0, whatever would change.
    """
    values = Values([] if at is None else [("at", at)], {"at": histories.PARAMETERS["at"]})
    day = values.day("at") or datetime.now(UTC).date()
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (_, connection):
        policies = reading.generation(connection, None).policies if keep_policies else None
        found = casework.refold(connection, key, day, policies=policies)
    if json_:
        print(json.dumps(verifying.case(key, found, day)))
    else:
        _show_case(key, found, day)


def _show_case(key: str, found: casework.Case, at: date) -> None:
    print(
        f"{key}: {found.milestones:,} milestones in {len(found.streams):,} streams, folded again as far as"
        f" generation {found.generation} has come ({found.position:,})"
    )
    ours = "the same" if found.ours == found.live else f"{found.ours}, the live ones {found.live}"
    print(f"rules: {ours}; policies: {', '.join(found.policies)}")
    for one in found.differences[:_SHOWN]:
        print("\n".join(verifying.lines_of(one)))
    if len(found.differences) > _SHOWN:
        print(f"and {len(found.differences) - _SHOWN:,} more rows; --json has them all")
    told = verifying.case(key, found, at)
    table = Table(title=f"figures on {at}", title_justify="left", box=None, padding=(0, 1))
    for name in ("deal", "figure", "before", "after"):
        table.add_column(name, no_wrap=True)
    for change in told["changes"]:
        for currency, view, measure, _ in _figures(change["difference"]):
            before, after = (
                change[side].get(currency, {}).get(view, {}).get(measure, "0") for side in ("before", "after")
            )
            deal = change["name"] or str(change["deal"])
            table.add_row(deal, f"{view} {measure}", f"{before} {currency}", f"{after} {currency}")
    if table.row_count:
        show(table)
    for breach in found.breaches:
        print(f"law {breach['law']}: deal {breach['deal']}, {breach['difference']} {breach['currency']}")
    if found.is_same:
        print("nothing would change")
    elif not table.row_count:
        print("no figure would change on this day")
