"""A preview as an answer: what promoting a generation would change, for HTTP and the command line alike.

Belongs here: which generations are compared, the answer's form, keeping the last ones. Does not belong here:
comparing (projections/preview), the page for people (api/previews_page).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg import Connection

from api import reading
from projections import generations
from projections.generations import Generation

if TYPE_CHECKING:
    from projections.preview.behind import Rule
    from projections.preview.comparing import Table
    from projections.preview.previewing import Preview, Report

#: Cells of a measure in one grouping, and deals behind it, that are told unless asked otherwise.
CELLS: Final = 100
DEALS: Final = 10
_KEPT: Final = 4


def _silent(_stage: str) -> None:
    return None


def preview(
    connection: Connection[Any],
    generation: int,
    *,
    cells: int = CELLS,
    deals: int = DEALS,
    report: Report = _silent,
    today: date | None = None,
) -> dict[str, Any]:
    """The live generation compared with another one that is kept: the answer.

    The connection is in autocommit. Raises GenerationGone, NoGeneration.
    """
    # arrays are only loaded where something is compared
    from projections.preview import previewing

    live = reading.generation(connection, None)
    other = reading.generation(connection, generation)
    if other.id == live.id:
        raise reading.GenerationGone(
            f"generation {generation} is the live one: name another, as `cairn generations` lists them"
        )
    found = previewing.compare(
        connection, live, other, today=today or datetime.now(UTC).date(), cells=cells, deals=deals,
        report=report,
    )  # fmt: skip
    return told(connection, found)


def linked(answer: dict[str, Any], *, preview: bool) -> dict[str, Any]:
    """The answer of a rebuild, with a link to its preview where one was asked for."""
    if not preview:
        return answer
    generation = answer["generation"]["generation"]
    return {**answer, "links": {**answer["links"], "preview": f"/v1/generations/{generation}/preview"}}


class Previews:
    """The previews made last: at one position they never change. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int, int, int, int], dict[str, Any]] = OrderedDict()

    def preview(self, connection: Connection[Any], generation: int, cells: int, deals: int) -> dict[str, Any]:
        """As `preview`; one at a time, since each takes a core and much of the memory."""
        live = generations.live(connection)
        with self._lock:
            other = None if live is None else reading.generation(connection, generation)
            if live is not None and other is not None:
                key = live.id, other.id, min(live.position, other.position), cells, deals
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
            found = preview(connection, generation, cells=cells, deals=deals)
            at = found["from"]["generation"], generation, found["known"]["position"], cells, deals
            self._kept[at] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return found


# -- the answer ---------------------------------------------------------------------------------------------


def told(connection: Connection[Any], found: Preview) -> dict[str, Any]:
    """A preview for people and programs; amounts are decimal strings."""
    beside = {
        (one.view, one.measure, one.currency, one.window): [
            {"deal": deal, "difference": amount} for deal, amount in one.deals
        ]
        for one in found.beside
    }
    return {
        "known": {"position": found.known, "time": reading.recorded_at(connection, found.known)},
        "from": _generation(found.old),
        "to": _generation(found.new),
        "verdict": _verdict(found),
        "differs": found.differs,
        "journals": None
        if found.journals is None
        else {"same": True, "digests": {"from": found.journals[0], "to": found.journals[1]}},
        "rules": [_rule(rule) for rule in found.rules],
        "compared": sum(table.compared for table in found.tables),
        "differing": sum(table.differing for table in found.tables),
        "deals_posted_otherwise": found.differing,
        "ledger_wide": found.topics,
        "months": found.months,
        "moments": [{"month": month, "position": position} for month, position in found.moments],
        "tables": [_table(table, beside) for table in found.tables],
        "deals": [part._asdict() for part in found.parts],
        "facts": [
            {**fact._asdict(), "links": {"milestone": f"/v1/milestones/{fact.position}"}}
            for fact in found.facts
        ],
        "findings": [
            {"code": code, "gone": gone, "come": come} for code, (gone, come) in found.signals.items()
        ],
        "seconds": found.seconds,
        "links": {
            "promote": f"/v1/generations/{found.new.id}/promote",
            "drop": f"/v1/generations/{found.new.id}",
            "html": f"/v1/generations/{found.new.id}/preview?format=html",
        },
    }


def _verdict(found: Preview) -> str:
    settings = [rule.name for rule in found.rules if rule.reads_only]
    if found.is_same:
        also = f" Read otherwise: {', '.join(settings)}." if settings else ""
        return f"Nothing changes: both journals are the same, and every view reads them alike.{also}"
    differing = sum(table.differing for table in found.tables)
    if not found.differs:
        return "No reported figure changes, although the journals differ or are read otherwise."
    if not differing:
        return "No reported figure changes; what the rules find about some deals does."
    compared = sum(table.compared for table in found.tables)
    measures = {(table.view, cell.measure) for table in found.tables for cell in table.cells}
    return f"{differing:,} of {compared:,} figures of {len(measures)} measures change; no others do."


def _generation(one: Generation) -> dict[str, Any]:
    return {
        "generation": one.id,
        "position": one.position,
        "code_version": one.code_version,
        "rules": one.rules,
        "policies": one.policies.stamps,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return rule._asdict()


def _table(table: Table, beside: dict[tuple[str, str, str, str], list[dict[str, str]]]) -> dict[str, Any]:
    is_now = table.clock == "now" and table.basis == "restated" and not table.by
    cells = []
    for cell in table.cells:
        one: dict[str, Any] = {"window": cell.window}
        if table.by:
            one[table.by] = cell.group
        one |= {
            "currency": cell.currency,
            "measure": cell.measure,
            "before": cell.before,
            "after": cell.after,
            "difference": cell.difference,
        }
        if is_now:
            one["deals"] = beside.get((table.view, cell.measure, cell.currency, cell.window), [])
        cells.append(one)
    return {
        "view": table.view,
        "basis": table.basis,
        "clock": table.clock,
        "by": table.by or None,
        "compared": table.compared,
        "differing": table.differing,
        "alike": table.alike,
        "cells": cells,
        "more": table.differing > len(cells),
    }
