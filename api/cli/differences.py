"""What promoting a generation would change, for people at a terminal: tables, a page, JSON.

Belongs here: how the answer is printed and written to files, and the options for that, which several commands
share. Does not belong here: the commands (api/cli/previewing, asking), the answer (api/previewing).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from psycopg import Connection
from rich.console import Console
from rich.table import Table

from api import previewing, previews_page
from api.cli.tables import show

_CLOCKS: Final = {
    "now": "as known now",
    "since_beginning": "since the beginning up to ends of months, as known now",
    "then": "at ends of months, as known then",
}

HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Write the report as one page of HTML to this file.")
]
JsonOption = Annotated[
    str | None, typer.Option("--json", help="Write it as JSON to this file; -: to standard output.")
]
TopOption = Annotated[
    int,
    typer.Option(
        "--top",
        min=1,
        max=10_000,
        help="Differences told of each table, and deals of each measure; of each measure at least one.",
    ),
]


def tell(
    connection: Connection[Any], generation: int, html: Path | None, json_: str | None, top: int
) -> None:
    """Compare a generation with the live one and write what differs. The connection is in autocommit."""
    out = Console(stderr=True, highlight=False)
    with out.status("comparing") as shown:
        answer = previewing.preview(
            connection, generation, cells=max(top, previewing.CELLS), deals=top,
            report=lambda stage: shown.update(f"comparing: {stage}"),
        )  # fmt: skip
    if html is not None:
        html.write_text(previews_page.page(answer), encoding="utf-8")
        out.print(f"the report is in {html}")
    if json_ is not None and json_ != "-":
        Path(json_).write_text(json.dumps(answer) + "\n", encoding="utf-8")
    if json_ == "-":
        print(json.dumps(answer))
        return
    _show(answer, top)


def _show(answer: dict[str, Any], top: int) -> None:
    out = Console(highlight=False, soft_wrap=True)
    old, new = answer["from"]["generation"], answer["to"]["generation"]
    out.print(
        f"generation {new} against the live one, {old}, as known at position "
        f"{answer['known']['position']:,}: {answer['verdict']}"
    )
    for rule in answer["rules"]:
        since = f" from {rule['since']}" if rule["since"] else ""
        out.print(
            f"  {rule['kind']} {rule['name']}: {rule['before']} -> {rule['after']}{since}", markup=False
        )
    if answer["journals"] is not None:
        digests = answer["journals"]["digests"]
        out.print(f"  digest of generation {old}: {digests['from']}")
        out.print(f"  digest of generation {new}: {digests['to']}")
    _show_figures(answer, top)
    _show_standing(answer, top)
    _show_deals(answer, top)
    _show_facts(answer, top)
    for one in answer["findings"]:
        out.print(f"{one['code']}: {one['gone']:,} no longer, {one['come']:,} newly")
    drop = f"drop: cairn generations drop {new}"
    if answer["promotion"]["possible"]:
        print(f"promote: cairn generations promote {new}; {drop}")
    else:
        print(f"it can't be promoted: {answer['promotion']['why_not']}\n{drop}")


def _show_figures(answer: dict[str, Any], top: int) -> None:
    for table in answer["tables"]:
        if not table["differing"] or table["by"]:
            continue
        known = _CLOCKS[table["clock"]]
        title = (
            f"{table['view']}, {table['basis'].replace('_', ' ')}, {known}: {table['differing']:,} of "
            f"{table['compared']:,} totals change"
        )
        grid = Table(title=title, title_justify="left", box=None, padding=(0, 1))
        for name in ("month", "currency", "measure", "before", "after", "difference", "deals"):
            is_amount = name in ("before", "after", "difference")
            grid.add_column(name, justify="right" if is_amount else "left", no_wrap=True)
        chosen = {id(one) for one in _chosen(table["cells"], "difference", top)}
        for cell in table["cells"]:
            if id(cell) in chosen:
                deals = ", ".join(one["deal"].rpartition(":")[2] for one in cell.get("deals", ()))
                grid.add_row(
                    cell["window"], cell["currency"], cell["measure"], cell["before"] or "-",
                    cell["after"] or "-", cell["difference"] or "-", deals,
                )  # fmt: skip
        show(grid)
    by = [t for t in answer["tables"] if t["by"] and t["differing"]]
    if by:
        grid = Table(title="by dimension", title_justify="left", box=None, padding=(0, 1))
        for name in ("view", "basis", "counted", "by", "differing", "compared"):
            grid.add_column(name, justify="right" if name in ("differing", "compared") else "left")
        for t in by:
            counted = "by month" if t["clock"] == "now" else "since the beginning"
            grid.add_row(t["view"], t["basis"], counted, t["by"], f"{t['differing']:,}", f"{t['compared']:,}")
        show(grid)


def _show_standing(answer: dict[str, Any], top: int) -> None:
    """The bridge, exceptions and latencies that differ."""
    standing = answer["standing"]
    if standing is None or not standing["differing"]:
        return
    title = f"bridge, exceptions, latency: {standing['differing']:,} of {standing['compared']:,} change"
    grid = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for name in ("view", "day", "currency", "of", "measure", "before", "after", "difference"):
        grid.add_column(name, justify="right" if name in ("before", "after", "difference") else "left")
    for row in standing["rows"]:
        grid.add_row(
            row["view"], row["day"], row["currency"] or "-", row["what"], row["measure"],
            row["before"] or "-", row["after"] or "-", row["difference"] or "-",
        )  # fmt: skip
    show(grid)
    told = standing["exceptions"]
    if not told["listed"]:
        return
    title = f"exceptions: {told['gone']:,} gone, {told['come']:,} come, {told['changed']:,} changed"
    grid = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for name in ("", "code", "deal", "object", "currency", "amount"):
        grid.add_column(name, justify="right" if name == "amount" else "left")
    for one in told["listed"][: 2 * top]:
        grid.add_row(
            one["kind"], one["code"], one["deal"] or "-", one["object"] or "-", one["currency"] or "-",
            one["amount"] or "-",
        )  # fmt: skip
    show(grid)


def _chosen(rows: list[dict[str, Any]], amount: str, most: int) -> list[Mapping[str, Any]]:
    """The largest of each currency and measure in turn, and of each measure in each currency the largest."""
    of_measures: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for one in rows:
        of_measures.setdefault((one.get("view"), one["measure"]), []).append(one)
    found = previewing.foremost(rows, amount, most)
    for of in of_measures.values():
        found += previewing.foremost(of, amount, len({one["currency"] for one in of}))
    return found


def _show_deals(answer: dict[str, Any], top: int) -> None:
    if not answer["deals"]:
        return
    grid = Table(title="deals behind it", title_justify="left", box=None, padding=(0, 1))
    for name in ("deal", "view", "measure", "currency", "most in", "difference", "moved in all"):
        grid.add_column(name, justify="right" if name in ("difference", "moved in all") else "left")
    chosen = {id(one) for one in _chosen(answer["deals"], "moved", 2 * top)}
    for one in answer["deals"]:
        if id(one) in chosen:
            window = one["window"] if one["clock"] == "now" else f"up to {one['window']}"
            grid.add_row(
                one["deal"], one["view"], one["measure"], one["currency"], window, one["largest"],
                one["moved"],
            )  # fmt: skip
    show(grid)


def _show_facts(answer: dict[str, Any], top: int) -> None:
    if not answer["facts"]:
        return
    grid = Table(title="facts behind it", title_justify="left", box=None, padding=(0, 1))
    for name in ("position", "type", "source", "id", "deal", "because of"):
        grid.add_column(name, justify="right" if name == "position" else "left")
    for one in answer["facts"][: 2 * top]:
        grid.add_row(
            str(one["position"]), one["type"], one["source"], one["id"], one["deal"], ", ".join(one["rules"])
        )
    show(grid)
