"""cairn sources: the configured feeds, what each has brought, and what was turned away."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from api import feeds
from api.cli.feeding import opened
from api.cli.options import DatabaseOption, DataOption
from api.cli.tables import show
from api.parameters import ParameterRefused
from api.settings import feeds_of, load
from domain.instants import parse_day, to_date

sources: Final = typer.Typer(
    help="Feeds, and what each has brought.", invoke_without_command=True, no_args_is_help=False
)
_LAST: Final = 2**63 - 1


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    sources.callback()(listed)
    sources.command("check")(check)
    sources.command("rejections")(rejections)
    app.add_typer(sources, name="sources")


def listed(
    context: typer.Context,
    from_: Annotated[str | None, typer.Option("--from", help="First day of receipt (UTC).")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day of receipt (UTC).")] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List every feed with the records it has brought, by what they came to."""
    if context.invoked_subcommand is not None:
        return
    first, last = _day("--from", from_), _day("--to", to)
    settings = load(folder=data, database_url=database_url, log="warning")
    configured = feeds_of(settings)
    with opened(settings) as (_, pool), pool.connection() as connection:
        found = feeds.listing(connection, configured, first, last)
    if json_:
        print(json.dumps(found))
        return
    if not found:
        print("no feeds are configured: CAIRN_SOURCES names their file (docs/webhooks.md)")
        return
    _show(found)


def _show(found: list[dict[str, Any]]) -> None:
    table = Table(box=None)
    for column in ("feed", "mapping", "ways", "last message"):
        table.add_column(column)
    for column in ("input", *feeds.PLAIN, *feeds.REASONED, "rejected"):
        table.add_column(column, justify="right")
    for one in found:
        records = one["records"]
        table.add_row(
            one["name"],
            "not configured" if one["mapping"] is None else _mapping(one["mapping"]),
            ", ".join(one["ways"]),
            (one["last_message_at"] or "")[:19],
            f"{records['input']:,}",
            *(f"{records[name]:,}" for name in feeds.PLAIN),
            *(f"{sum(records[name].values()):,}" for name in feeds.REASONED),
            f"{sum(one['rejected'].values()):,}",
        )
    show(table)
    for one in found:
        for name in feeds.REASONED:
            _say_reasons(one["name"], name, one["records"][name])
        _say_reasons(one["name"], "rejected", one["rejected"])
        for poll in one["polls"]:
            print(f"{one['name']} polls {poll['object']}: {_reach(poll)}")


def _mapping(told: dict[str, Any]) -> str:
    version = "" if told["version"] is None else f"@{told['version']}"
    return f"{told['name']}{version}/{told['instance']}"


def _say_reasons(feed: str, outcome: str, reasons: dict[str, int]) -> None:
    if reasons:
        said = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda one: -one[1]))
        print(f"{feed} {outcome}: {said}")


def _reach(poll: dict[str, Any]) -> str:
    reach = f"complete to {poll['watermark'] or 'nothing yet'}, {poll['records']:,} records"
    return reach if poll["last_error"] is None else f"{reach}; the source {poll['last_error']}"


def check(
    file: Annotated[
        Path | None, typer.Argument(help="The file; default: the one that CAIRN_SOURCES names.")
    ] = None,
) -> None:
    """Check the file of feeds, their secrets too: every error with file, line and field."""
    settings = load(sources=file, log="warning")
    if settings.sources is None:
        raise ParameterRefused("name a file, or set CAIRN_SOURCES")
    found = feeds_of(settings)
    for feed in found.values():
        webhook = feed.setup.webhook
        ways = [way for way in ("folder", "poll") if getattr(feed.setup, way) is not None]
        said = ([f"webhook {webhook.scheme}"] if webhook is not None else []) + ways
        print(
            f"{feed.name}: {feed.setup.mapping}/{feed.setup.instance} by {', '.join(said) or 'nothing yet'}"
        )
    print(f"{settings.sources}: {len(found)} feeds, no errors")


def rejections(
    name: Annotated[str, typer.Argument(help="The feed's name.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Entries to show.")] = 50,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List messages to a feed that were turned away, newest first."""
    settings = load(folder=data, database_url=database_url, log="warning")
    configured = feeds_of(settings)
    with opened(settings) as (_, pool), pool.connection() as connection:
        found, _ = feeds.rejected(connection, name, _LAST, limit)
    if not found:
        feeds.known(configured, name)
    if json_:
        print(json.dumps(found))
        return
    table = Table(box=None)
    for column in ("at", "reason", "size", "digest", "why"):
        table.add_column(column, overflow="fold")
    for one in found:
        size = "" if one["size"] is None else f"{one['size']:,}"
        table.add_row(one["at"][:19], one["reason"], size, (one["digest"] or "")[:12], one["detail"])
    show(table)


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    number = parse_day(text)
    if number is None:
        raise ParameterRefused(f"{name} must be a date of the form 2026-01-31")
    return to_date(number)
