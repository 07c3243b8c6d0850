"""The history of a deal as it is answered: its figures after each fact. For HTTP and the command line alike.

Belongs here: pinning pages to a generation and a position, the shape of an entry. Does not belong here: what
an entry is (projections/history).
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection

from api import cursors, reading
from api.parameters import KNOWN, WAITING, Known, Parameter, ParameterRefused, Values
from api.reporting import one_moment
from domain.instants import format_day
from domain.money import format_minor
from projections import history
from projections.figures import Figures

#: Entries a page where nothing is said, and at most.
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000

PARAMETERS: Final[dict[str, Parameter]] = {
    "order": Parameter(
        "`business` (default): by effective date, each entry by the end of that date, as known now."
        " `recorded`: by position, each entry as known after it, on the date `at`.",
        {"enum": sorted(history.ORDERS)},
    ),
    "at": Parameter(
        "With order=recorded: the day of the figures. Default: today (UTC).",
        {"type": "string", "format": "date"},
    ),
    **KNOWN,
    "generation": Parameter("Of this generation instead of the live one.", {"type": "integer", "minimum": 1}),
    "limit": Parameter(
        f"Entries a page; default {DEFAULT_LIMIT}.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    "cursor": Parameter(
        "`next` of the page before; every other parameter stays the same.", {"type": "string"}
    ),
    **WAITING,
}


class Asked(NamedTuple):
    """A history asked for."""

    key: str
    order: str
    at: date
    known: Known
    generation: int | None
    limit: int
    cursor: str | None


def asked(key: str, values: Values, today: date) -> Asked:
    """The question in a request. Raises ParameterRefused."""
    order = values.one_of("order", history.ORDERS) or "business"
    if order == "business" and "at" in values:
        raise ParameterRefused("at has no meaning with order=business: each entry has a date of its own")
    return Asked(
        key,
        order,
        values.day("at") or today,
        values.known(),
        values.whole("generation", least=1),
        values.whole("limit", least=1, most=MAX_LIMIT) or DEFAULT_LIMIT,
        values.text("cursor"),
    )


def told(connection: Connection[Any], question: Asked) -> dict[str, Any]:
    """A page of the history.

    Raises DealUnknown, NoGeneration, GenerationGone, NotYetProjected, CursorRefused.
    """
    identity = [*question._replace(cursor=None)]
    if question.order == "business":
        identity[2] = None  # a page asked for after midnight is of the same question
    with one_moment(connection):
        if question.cursor is not None:
            cursor = cursors.read(question.cursor, identity)
            found = reading.generation_of(connection, cursor)
            known, offset = cursor.known, cursor.offset
        else:
            found = reading.generation(connection, question.generation)
            known, offset = reading.known_position(connection, question.known, found), 0
        page = history.history(
            connection,
            question.key,
            found,
            known,
            order=question.order,
            at=question.at,
            offset=offset,
            limit=question.limit,
        )
        times = reading.times_of(connection, [entry.fact.position for entry in page.entries])
        after = cursors.Cursor(known, found.id, offset + question.limit)
        return {
            "key": question.key,
            "order": question.order,
            **({"at": question.at.isoformat()} if question.order == "recorded" else {}),
            "known": {"position": known, "time": reading.recorded_at(connection, known)},
            "generation": found.id,
            "policies": list(found.policies.stamps),
            "entries": [_entry(entry, times[entry.fact.position]) for entry in page.entries],
            "next": cursors.write(after, identity) if page.more else None,
        }


def _entry(entry: history.Entry, recorded_at: str) -> dict[str, Any]:
    milestone, position = entry.fact.milestone, entry.fact.position
    return {
        "position": position,
        "recorded_at": recorded_at,
        "state": entry.state,
        "effective_on": format_day(milestone.effective),
        "type": milestone.name,
        "source": milestone.source,
        "id": milestone.id,
        "subject": milestone.subject,
        "deal": entry.deal,
        "at": entry.at.isoformat(),
        "known_position": entry.known,
        "figures": figures_of(entry.figures),
        "changes": figures_of(entry.changes),
        "links": {
            "milestone": f"/v1/milestones/{position}",
            "payload": f"/v1/milestones/{position}/payload",
        },
    }


def figures_of(figures: Figures) -> dict[str, dict[str, dict[str, str]]]:
    """Figures as currency -> view -> measure -> decimal string."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for (currency, view, measure), minor in figures.items():
        found.setdefault(currency, {}).setdefault(view, {})[measure] = format_minor(minor, currency)
    return found
