"""Pieces of the page of a preview: tables, amounts, and what stands on a day.

Belongs here: HTML of one piece. Does not belong here: the page and its order (api/previews_page).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

_MINUS: Final = "\N{MINUS SIGN}"
#: Rows of a table, at most.
_ROWS: Final = 60


def soft(html: str) -> str:
    """A remark."""
    return f'<p class="soft">{html}</p>'


def text(value: Any) -> str:
    """A text from wherever, as HTML."""
    return escape("-" if value is None else str(value))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """A table whose last columns are numbers. rows: as HTML."""
    first = len(head) - numbers
    titles = "".join(
        f"<th{' class=n' if at >= first else ''}>{text(one)}</th>" for at, one in enumerate(head)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if at >= first else ''}>{one}</td>" for at, one in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def signed(decimal: str | None) -> str:
    """A difference."""
    if decimal is None:
        return "-"
    if decimal.startswith("-"):
        return f'<span class="down">{_MINUS}{_grouped(decimal[1:])}</span>'
    return f'<span class="up">+{_grouped(decimal)}</span>'


def amount(decimal: str | None) -> str:
    """An amount."""
    if decimal is None:
        return "-"
    return f"{_MINUS}{_grouped(decimal[1:])}" if decimal.startswith("-") else _grouped(decimal)


def _grouped(decimal: str) -> str:
    whole, point, rest = decimal.partition(".")
    return f"{int(whole):,}{point}{rest}"


# -- what stands --------------------------------------------------------------------------------------------


def standing_of(answer: Mapping[str, Any]) -> str:
    """The bridge, exceptions and latencies that differ."""
    standing = answer["standing"]
    if standing is None:
        return ""
    days = " and ".join(standing["days"])
    explained = soft(
        f"The bridge on {text(days)}, exceptions and latencies on {text(standing['days'][0])}: "
        f"{standing['differing']:,} of {standing['compared']:,} figures change."
    )
    rows = [
        [
            text(row["view"]), text(row["day"]), f"<code>{text(row['what'])}</code>", text(row["measure"]),
            text(row["currency"]), amount(row["before"]), amount(row["after"]), signed(row["difference"]),
        ]
        for row in standing["rows"]
    ]  # fmt: skip
    head = ["view", "day", "of", "measure", "currency", "before", "after", "difference"]
    found = table(head, rows, numbers=3) if rows else ""
    return f"<h2>Bridge, exceptions, latency</h2>{explained}{found}{_listed(standing['exceptions'])}"


def _listed(told: Mapping[str, Any]) -> str:
    if not told["listed"]:
        return ""
    rows = [
        [
            text(one["kind"]), f"<code>{text(one['code'])}</code>", text(one["deal"]), text(one["object"]),
            text(one["currency"]), amount(one["amount"]),
        ]
        for one in told["listed"][:_ROWS]
    ]  # fmt: skip
    head = ["", "code", "deal", "object", "currency", "amount at risk"]
    counts = f"Of exceptions, {told['gone']:,} go, {told['come']:,} come, {told['changed']:,} change."
    return soft(counts) + table(head, rows, numbers=1)
