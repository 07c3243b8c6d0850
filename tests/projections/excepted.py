"""Stories told to a ledger, and the exceptions that it shows on a day.

Belongs here: what the tests of exceptions share. Does not belong here: events (tests/projections/events).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from projections.exceptions.listing import Query, Shown, exceptions
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.in_memory import loaded
from tests.projections.served import House


def tell(house: House, *events: Event) -> int:
    """Record and project, one message after the other; the last position."""
    for event in events:
        house.record([event])
    house.project()
    return house.head()


def shown(house: House, at: str, code: str | None = None, **asked: Any) -> list[Shown]:
    """The exceptions of a day, of one code where it is given. Answered over all codes, as people ask."""
    live = house.live()
    query = Query(date.fromisoformat(at), asked.pop("known", live.position), live)._replace(**asked)
    found = exceptions(house.connection, query)
    if query.deals is None:
        held = loaded(house.connection, live.id).exceptions(house.connection, query, 0, len(found) + 1)
        assert held is not None, "all deals are in memory"
        assert held.rows == found
    return [one for one in found if code in (None, one.found.code)]


def told(house: House, at: str, code: str, **asked: Any) -> list[tuple[str, str, int | None]]:
    """(object, currency, amount in minor units) of the exceptions of one code on a day."""
    return [
        (one.found.object, one.found.currency, one.found.amount) for one in shown(house, at, code, **asked)
    ]


def codes(house: House, at: str, **asked: Any) -> set[str]:
    """The codes that there are on a day."""
    return {one.found.code for one in shown(house, at, **asked)}


def closed(on: str, period: str, kind: str = "closed", **rest: Any) -> Event:
    """period.closed, or period.reopened."""
    return e.event(
        f"period.{kind}",
        on,
        f"period/{period}",
        by="ledger/cairn/acme",
        deal=None,
        period=period,
        actor="controller",
        **rest,
    )


def amendment(kind: str, on: str, target: Event, number: str = "X-1", by: str = "", **rest: Any) -> Event:
    """milestone.corrected (with replacement=) or .voided of an event, by its own source unless told."""
    return e.event(
        f"milestone.{kind}",
        on,
        f"correction/{number}",
        by=by or target["source"][1:],
        deal=None,
        target={"source": target["source"], "id": target["id"]},
        reason="said wrongly",
        **rest,
    )


def handled(kind: str, on: str, exception: str, actor: str, **rest: Any) -> Event:
    """exception.acknowledged, .assigned or .resolved."""
    return e.event(
        f"exception.{kind}",
        on,
        f"exception/{exception}",
        by="ledger/cairn/acme",
        deal=None,
        exception=exception,
        actor=actor,
        **rest,
    )
