"""Tables that keep every digit: wider than the terminal rather than cut."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDEST = 2_000


def show(table: Table) -> None:
    """Print a table on stdout at its own width."""
    console = Console(highlight=False)
    options = console.options.update(max_width=_WIDEST)
    width = Measurement.get(console, options, table).maximum
    title = len(str(table.title or ""))
    Console(highlight=False, width=max(width, title, min(console.width, _WIDEST)), soft_wrap=True).print(
        table
    )
