"""A deal as people read it: the deal, its timeline, each with links. For HTTP and the command line alike."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

from psycopg import Connection

from api import reading
from api.parameters import Known
from api.rendering import event_of
from api.reporting import one_moment
from domain.instants import format_day
from projections import deals
from projections.facts import Fact


def deal(
    connection: Connection[Any], key: str, known: Known, at: date, generation: int | None = None
) -> dict[str, Any]:
    """Keys, dimensions, balances and findings of a deal. Raises DealUnknown, NoGeneration, GenerationGone."""
    with one_moment(connection):
        books = reading.generation(connection, generation)
        position = reading.known_position(connection, known, books)
        found = deals.deal(connection, key, books, position, at)
        asked = "" if generation is None else f"?generation={generation}"
        return {
            **found,
            "known": {"position": position, "time": reading.recorded_at(connection, position)},
            "generation": books.id,
            "timeline": f"/v1/deals/{quote(found['deal'], safe='/:')}/timeline{asked}",
        }


def timeline(
    connection: Connection[Any], key: str, known: Known, generation: int | None = None
) -> dict[str, Any]:
    """A deal's milestones in business order. Raises DealUnknown, NoGeneration, GenerationGone."""
    with one_moment(connection):
        books = reading.generation(connection, generation)
        position = reading.known_position(connection, known, books)
        entries = deals.timeline(connection, key, books, position)
        times = reading.times_of(connection, [entry.fact.position for entry in entries])
        return {
            "key": key,
            "known": {"position": position, "time": reading.recorded_at(connection, position)},
            "milestones": [_entry(*entry, times[entry.fact.position]) for entry in entries],
        }


def _entry(fact: Fact, state: str, recorded_at: str) -> dict[str, Any]:
    event = event_of(fact.milestone)
    return {
        "position": fact.position,
        "recorded_at": recorded_at,
        "state": state,
        "effective_on": format_day(fact.milestone.effective),
        "type": fact.milestone.name,
        "source": fact.milestone.source,
        "id": fact.milestone.id,
        "subject": fact.milestone.subject,
        "time": fact.milestone.time,
        "data": event["data"],
        "links": {
            "milestone": f"/v1/milestones/{fact.position}",
            "payload": f"/v1/milestones/{fact.position}/payload",
        },
    }
