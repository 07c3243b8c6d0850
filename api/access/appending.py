"""For whom a caller may append: the sources of what it sends, before any of it is kept.

A request with one item of another source is refused whole, and nothing of it is kept: the ledger takes no
bytes of somebody who is not entitled to send them. Belongs here: that check. Does not belong here: patterns
(`grants`), reading items (adapters/preparing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from api.access.callers import current
from api.access.grants import covers
from api.access.refusals import Forbidden
from domain.arrivals import Prepared
from domain.contract import parse_event
from domain.milestones import Milestone, MilestoneCorrected
from domain.placement import AMENDING

_LEDGER: Final = "/ledger/"


def check_sources(items: Sequence[Prepared]) -> None:
    """Raises Forbidden, which names the first item of a source that the caller may not append for.

    Of an item that can't be read far enough to name a source nothing is known: it goes to quarantine. A
    correction or a void must be for a milestone of such a source too, unless it comes from /ledger/...; what
    a correction puts in must be of such a source, or by /ledger/... of the source of what it replaces.
    """
    sources = current().sources
    if sources is None:
        return
    for number, item in enumerate(items):
        if item.needed:
            continue  # it says only that something is to be fetched, from the system itself
        source = _source(item)
        if source is not None and not covers(sources, source):
            raise _refused(number, f"is of the source {source[:200]!r}")
        if item.arrival is not None and item.arrival.milestone is not None:
            _check_amending(number, item.arrival.milestone, sources)


def _check_amending(number: int, milestone: Milestone, sources: tuple[str, ...]) -> None:
    """The same for what a correction or void is about, and for all that stands in it as a replacement."""
    while isinstance(milestone, AMENDING):
        target = milestone.target.source
        is_ledgers = milestone.source.startswith(_LEDGER)
        if not (is_ledgers or covers(sources, target)):
            raise _refused(number, f"amends a milestone of the source {target[:200]!r}")
        if not isinstance(milestone, MilestoneCorrected):
            return
        milestone = parse_event(msgspec.json.decode(milestone.replacement))
        speaks = milestone.source
        if not (covers(sources, speaks) or (is_ledgers and speaks == target)):
            raise _refused(number, f"puts in a milestone of the source {speaks[:200]!r}")


def _source(item: Prepared) -> str | None:
    if item.arrival is not None and item.arrival.milestone is not None:
        return item.arrival.milestone.source
    return item.source


def _refused(number: int, why: str) -> Forbidden:
    caller = current()
    assert caller.sources is not None, "who may append for all is never refused"
    return Forbidden(
        f"item {number} {why}, which {caller.name} may not append for; nothing of this request was kept",
        caller.sources,
    )
