"""cairn preview: what promoting a generation would change."""

from __future__ import annotations

from typing import Annotated

import typer

from api import previewing
from api.cli.asking import opened
from api.cli.differences import HtmlOption, JsonOption, TopOption, tell
from api.cli.options import DatabaseOption, DataOption
from api.settings import load


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("preview")(preview)


def preview(
    generation: Annotated[int, typer.Argument(metavar="GENERATION", min=1, help="Its number.")],
    html: HtmlOption = None,
    json_: JsonOption = None,
    top: TopOption = previewing.DEALS,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """What promoting a generation would change: figure by figure, and what lies behind it."""
    settings = load(folder=data, database_url=database_url, log="warning")
    with opened(settings, caught_up=False) as (_, connection):
        tell(connection, generation, html, json_, top)
