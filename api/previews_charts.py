"""Charts of a preview's page as SVG, without script.

Belongs here: bars. Does not belong here: what they show (api/previews_page). Whatever came from a source is
escaped. Lengths are worked out in whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 320, 110


def chart(title: str, currency: str, largest: str, change: Mapping[str, str], months: Sequence[str]) -> str:
    """Bars of the differences by month, above and below a line.

    largest: of them, as HTML. change: by month, decimal strings. months: all, in order.
    """
    places = [number for number, month in enumerate(months) if month in change]
    first, last = max(0, places[0] - 2), min(len(months), places[-1] + 3)
    shown = months[first:last]
    most = max(abs(_minor(one)) for one in change.values())
    above = any(_minor(one) > 0 for one in change.values())
    below = any(_minor(one) < 0 for one in change.values())
    room = _HEIGHT - 24
    line = 6 + (room if not below else 0 if not above else room // 2)
    reach = room // 2 if above and below else room
    step = _WIDTH * 100 // len(shown)
    bars = []
    for number, month in enumerate(shown):
        minor = _minor(change.get(month))
        height = max(abs(minor) * reach // most, 1) if minor else 0
        x, width = number * step, max(step * 8 // 10, 80)
        top = line - height if minor > 0 else line
        colour = "#1f7a4d" if minor > 0 else "#b3372f"
        told = f"{month}: {change.get(month, '0')} {currency}"
        bars.append(
            f'<rect x="{_hundredths(x)}" y="{top}" width="{_hundredths(width)}" height="{height}" '
            f'fill="{colour}"><title>{escape(told)}</title>'
            "</rect>"
        )
    return (
        f"<figure><figcaption><h3>{escape(title.replace('_', ' '))}</h3>"
        f"<span>{largest} {escape(currency)} at most</span></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} by month">'
        f'<line x1="0" x2="{_WIDTH}" y1="{line}" y2="{line}" stroke="#9aa8b5" stroke-width="0.5"/>'
        f"{''.join(bars)}"
        f'<text x="0" y="{_HEIGHT - 3}">{escape(shown[0])}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 3}" text-anchor="end">{escape(shown[-1])}</text></svg></figure>'
    )


def _hundredths(number: int) -> str:
    return f"{number // 100}.{number % 100:02d}"


def bar(part: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> str:
    """How much a deal moved, beside the one that moved most in its currency."""
    alike = [abs(_minor(one["moved"])) for one in parts if one["currency"] == part["currency"]]
    width = max(abs(_minor(part["moved"])) * 90 // (max(alike) or 1), 1)
    return (
        '<svg viewBox="0 0 90 10" width="90" height="10" aria-hidden="true" class="bar">'
        f'<rect width="{width}" height="10" fill="#2457a6"/></svg>'
    )


def _minor(amount: str | None) -> int:
    """A decimal as a whole number in its last place."""
    return int((amount or "0").replace(".", ""))
