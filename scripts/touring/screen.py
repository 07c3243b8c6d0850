"""How the show looks: paragraphs, and tables that keep every digit and fit 100 columns where digits allow it.

Does not belong here: what is shown.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from api import reporting
from api.cli.asking import table_of
from api.parameters import Question

#: Columns of a terminal, with one or without.
WIDTH: Final = 100
_WIDEST: Final = 2_000
_TIED: Final = "\N{NO-BREAK SPACE}"


def say(text: str = "") -> None:
    """A line as it is, however long."""
    print(text, flush=True)


def tell(text: str) -> None:
    """A paragraph in lines of the screen's width."""
    say(textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def table(names: Sequence[str], rows: Iterable[Sequence[str | None]], *, texts: Iterable[str] = ()) -> Table:
    """Rows under names. texts: columns of words, on the left, which may be folded; the others are figures."""
    words, made = set(texts), Table(box=None, padding=(0, 1))
    for name in names:
        made.add_column(name, justify="left" if name in words else "right", no_wrap=name not in words)
    for row in rows:
        made.add_row(*("-" if value is None else value for value in row))
    return made


def show(made: Table, title: str = "") -> None:
    """Print a table under its title; wider than the screen only where its figures are."""
    if title:
        say(title)
    made.title, made.collapse_padding = None, True
    console = Console(highlight=False, width=WIDTH)
    least = _measured(console, made).minimum
    Console(highlight=False, width=max(WIDTH, least)).print(made)


def show_report(asked: Question, answer: dict[str, Any]) -> None:
    """A report as `cairn report` shows it; too wide for that, with a line a measure, a column a currency."""
    made = table_of(asked, answer)
    title = str(made.title)
    made.title, made.collapse_padding = None, True
    if asked.by or _measured(Console(highlight=False, width=WIDTH), made).maximum <= WIDTH:
        show(made, title)
        return
    rows = [(name, *(row[name] for row in answer["rows"])) for name in reporting.measures(asked)]
    show(table(["measure", *(row["currency"] for row in answer["rows"])], rows, texts=["measure"]), title)


def beside(
    label: str, measures: Sequence[str], columns: Mapping[str, Iterable[Mapping[str, str | None]]]
) -> Table:
    """Rows of several answers side by side, those with the same label in one line.

    columns: heading -> rows of one answer; a row that an answer has not is shown as `-`.
    """
    found = {heading: {row[label]: row for row in rows} for heading, rows in columns.items()}
    labels = sorted({str(name) for rows in found.values() for name in rows})
    cells = [(measure, heading) for measure in measures for heading in columns]
    return table(
        [label, *(f"{measure}\n{heading}" for measure, heading in cells)],
        [
            [name, *(found[heading].get(name, {}).get(measure) for measure, heading in cells)]
            for name in labels
        ],
        texts=[label],
    )


def listed(things: Iterable[str], width: int = WIDTH, *, head: str = "") -> str:
    """Things with commas between, after a head, in lines of at most a width; no thing is broken."""
    tied = head + ", ".join(thing.replace(" ", _TIED) for thing in things)
    lines = textwrap.fill(tied, width, break_long_words=False, break_on_hyphens=False)
    return lines.replace(_TIED, " ")


def most(counted: Mapping[str, int], what: str, number: int = 8) -> list[str]:
    """The most frequent of some things with how many there are, then how many kinds more."""
    ranked = sorted(counted.items(), key=lambda thing: (-thing[1], thing[0]))
    more = [f"and {len(ranked) - number} {what} more"] if len(ranked) > number else []
    return [f"{name} {count:,}" for name, count in ranked[:number]] + more


def _measured(console: Console, made: Table) -> Measurement:
    return Measurement.get(console, console.options.update(max_width=_WIDEST), made)
