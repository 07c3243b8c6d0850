"""A preview as an answer: what promoting a generation would change, for HTTP and the command line alike.

Belongs here: which generations are compared, the answer's form, keeping the last ones. Does not belong here:
comparing (projections/preview), the page for people (api/previews_page).
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from psycopg import Connection

from api import reading
from projections import generations, promoting
from projections.generations import Generation

if TYPE_CHECKING:
    from projections.preview.behind import Rule
    from projections.preview.comparing import Table
    from projections.preview.previewing import Preview, Report
    from projections.preview.standing import Holds, Standing

#: Cells of a measure in one grouping, and deals behind it, that are told unless asked otherwise.
CELLS: Final = 100
DEALS: Final = 10
_KEPT: Final = 4


def _silent(_stage: str) -> None:
    return None


def _nothing(_generation: int) -> None:
    return None


def preview(
    connection: Connection[Any],
    generation: int,
    *,
    cells: int = CELLS,
    deals: int = DEALS,
    report: Report = _silent,
    today: date | None = None,
    holds: Holds = _nothing,
) -> dict[str, Any]:
    """The live generation compared with another one that is kept: the answer.

    The connection is in autocommit. holds: what is in memory already. Raises GenerationGone, NoGeneration.
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
        report=report, holds=holds,
    )  # fmt: skip
    return with_promotion(connection, told(connection, found))


def with_promotion(connection: Connection[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with whether the generation can be promoted as things are now; the link where it can."""
    generation = answer["to"]["generation"]
    (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
    why_not = promoting.hindrance(connection, schema, generation)
    links = {name: link for name, link in answer["links"].items() if name != "promote"}
    if why_not is None:
        links = {"promote": f"/v1/generations/{generation}/promote", **links}
    return {**answer, "promotion": {"possible": why_not is None, "why_not": why_not}, "links": links}


def size(amount: str | None) -> Decimal:
    """A decimal string without its sign; 0 for None."""
    return abs(Decimal(amount or "0"))


def foremost(rows: Iterable[Mapping[str, Any]], amount: str, most: int) -> list[Mapping[str, Any]]:
    """The largest by one of their amounts: of each currency in turn, and within it of each measure in turn.

    Amounts of several currencies can't be ranked among each other.
    """
    by_currency: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    seen: Counter[tuple[Any, ...]] = Counter()
    for one in sorted(rows, key=lambda one: -size(one[amount])):
        kind = one["currency"], one.get("view"), one["measure"]
        seen[kind] += 1
        by_currency.setdefault(one["currency"], []).append((seen[kind], one))
    lines = (sorted(by_currency[name], key=lambda ranked: ranked[0]) for name in sorted(by_currency))
    turns = zip_longest(*lines)
    return [ranked[1] for turn in turns for ranked in turn if ranked is not None][:most]


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
        self._kept: OrderedDict[tuple[int, int, int, int, int, date], dict[str, Any]] = OrderedDict()

    def preview(
        self, connection: Connection[Any], generation: int, cells: int, deals: int, holds: Holds = _nothing
    ) -> dict[str, Any]:
        """As `preview`; one at a time, since each takes a core and much of the memory."""
        today = datetime.now(UTC).date()
        live = generations.live(connection)
        with self._lock:
            other = None if live is None else reading.generation(connection, generation)
            if live is not None and other is not None:
                key = live.id, other.id, min(live.position, other.position), cells, deals, today
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return with_promotion(connection, self._kept[key])
            found = preview(connection, generation, cells=cells, deals=deals, today=today, holds=holds)
            at = found["from"]["generation"], generation, found["known"]["position"], cells, deals, today
            self._kept[at] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return found


# -- the answer ---------------------------------------------------------------------------------------------


def told(connection: Connection[Any], found: Preview) -> dict[str, Any]:
    """A preview for people and programs; amounts are decimal strings."""
    beside = {
        (one.clock, one.view, one.measure, one.currency, one.window): [
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
        "not_compared": found.not_compared,
        "compared": _numbers(found)[0],
        "differing": _numbers(found)[1],
        "deals_posted_otherwise": found.differing,
        "ledger_wide": found.topics,
        "months": found.months,
        "moments": [{"month": month, "position": position} for month, position in found.moments],
        "tables": [_table(table, beside) for table in found.tables],
        "standing": None if found.standing is None else _standing(found.standing),
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
            "drop": f"/v1/generations/{found.new.id}",
            "html": f"/v1/generations/{found.new.id}/preview?format=html",
        },
    }


def _verdict(found: Preview) -> str:
    if not found.not_compared:
        return _compared(found, "; no others do.")
    names = ", ".join(found.not_compared)
    number = found.new.id
    return (
        f"{_compared(found, '.')} Read otherwise and not compared: {names}. Ask the reports that read"
        f" {'it' if len(found.not_compared) == 1 else 'them'} with generation={number}."
    )


def _numbers(found: Preview) -> tuple[int, int]:
    """Figures compared, and those of them that differ."""
    tables: list[Table | Standing] = [*found.tables, *([found.standing] if found.standing else [])]
    return sum(one.compared for one in tables), sum(one.differing for one in tables)


def _compared(found: Preview, end: str) -> str:
    compared, differing = _numbers(found)
    if found.is_same and not differing:
        if found.not_compared:
            return "Both journals are the same, and every figure compared is read alike."
        return "Nothing changes: both journals are the same, and every view reads them alike."
    if not differing and found.signals:
        return "No figure compared changes; what the rules find about some deals does."
    if not differing:
        return "No figure compared changes, although the journals differ or are read otherwise."
    measures = {(table.view, cell.measure) for table in found.tables for cell in table.cells}
    if found.standing is not None:
        measures |= {(row.view, f"{row.what} {row.measure}") for row in found.standing.rows}
        measures |= {(one.code, one.kind) for one in found.standing.listed if one.kind == "changed"}
    return f"{differing:,} of {compared:,} figures of {len(measures)} measures change{end}"


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


def _standing(found: Standing) -> dict[str, Any]:
    """What stands on a day: the bridge, exceptions, latencies."""
    return {
        "days": found.days,
        "compared": found.compared,
        "differing": found.differing,
        "rows": [{**row._asdict(), "currency": row.currency or None} for row in found.rows],
        "exceptions": {
            **found.counts,
            "listed": [
                {**one._asdict(), "object": one.object or None, "currency": one.currency or None}
                for one in found.listed
            ],
        },
    }


def _table(
    table: Table, beside: dict[tuple[str, str, str, str, str], list[dict[str, str]]]
) -> dict[str, Any]:
    has_deals = table.clock != "then" and table.basis == "restated" and not table.by
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
        if has_deals:
            key = table.clock, table.view, cell.measure, cell.currency, cell.window
            one["deals"] = beside.get(key, [])
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
        "changes": [
            {"measure": one.measure, "currency": one.currency, "months": dict(one.amounts)}
            for one in table.changes
        ],
    }
