"""Exceptions as people and programs read them, and handling one. For HTTP and the command line alike.

Belongs here: parameters, pages, links, CSV, the milestone by which one is acknowledged, assigned or resolved.
Does not belong here: which exceptions there are (projections/exceptions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from psycopg import Connection

from api import cursors, reading, sheets
from api.parameters import (
    DEFAULT_TIMEOUT,
    FORMAT,
    GENERATION,
    KNOWN,
    PAGING,
    WAITING,
    Known,
    Parameter,
    ParameterRefused,
    Values,
)
from api.reporting import one_moment
from domain.instants import format_instant
from domain.money import UnknownCurrency, exponent, format_minor
from projections import deals
from projections.exceptions.codes import BY_CODE, OWNERS
from projections.exceptions.handling import STATUSES
from projections.exceptions.listing import DIMENSIONS, InMemory, Listing, Query, Shown, listed
from projections.generations import Generation

VIEW: Final = "exceptions"
#: What is shown where nothing else is asked for: all but what is done with.
UNRESOLVED: Final = tuple(status for status in STATUSES if status != "resolved")
COLUMNS: Final = (
    "id", "code", "deal", "customer", "currency", "amount_at_risk", "age", "age_seconds", "since", "owner",
    "suggested_action", "status", "assignee", "object", "detail", "explain",
)  # fmt: skip

_TEXT: Final[dict[str, Any]] = {"type": "string"}


def _words(says: str, allowed: Iterable[str]) -> Parameter:
    return Parameter(says, {"type": "array", "items": {"enum": list(allowed)}}, repeats=True)


EXCEPTIONS: Final[dict[str, Parameter]] = {
    "at": Parameter("The day. Default: today (UTC).", {"type": "string", "format": "date"}),
    **KNOWN,
    "basis": Parameter("Exceptions are about what is; there is no other basis.", {"enum": ["restated"]}),
    "code": _words("Only these codes; several with commas, or repeated.", BY_CODE),
    "status": _words(
        "Only those that are being handled this way. Default: all but resolved.", (*STATUSES, "all")
    ),
    "owner": _words("Only those of these owners: who is to do something.", OWNERS),
    "deal": Parameter("Only this deal, by any of its keys.", _TEXT),
    **{
        name: Parameter(f"Only deals of this {name}; empty for those that have none.", _TEXT)
        for name in DIMENSIONS
    },
    "currency": Parameter("Only those with an amount in this currency.", _TEXT),
    **GENERATION,
    **PAGING,
    **WAITING,
    "format": FORMAT,
}


class Asked(NamedTuple):
    """Exceptions asked for. deal: any key of it. filters: dimension -> value, "" is "has none"."""

    at: date
    known: Known = Known()
    codes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = UNRESOLVED
    owners: tuple[str, ...] = ()
    deal: str | None = None
    filters: Mapping[str, str] = {}
    currency: str | None = None
    limit: int = 1_000
    cursor: str | None = None
    at_least: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    format: str | None = None
    generation: int | None = None

    def identity(self) -> list[object]:
        """What must be the same from one page to the next."""
        told = [self.currency, self.limit, self.generation]
        return [VIEW, *self[:6], sorted(self.filters.items()), *told]


def _some_of(values: Values, name: str, allowed: Iterable[str]) -> tuple[str, ...]:
    found = values.words(name)
    allowed = tuple(allowed)
    for word in found:
        if word not in allowed:
            raise ParameterRefused(f"{name}={word[:80]} is not to be had", allowed)
    return found


def asked(sent: Iterable[tuple[str, str]], today: date) -> Asked:
    """The exceptions that parameters ask for. Raises ParameterRefused."""
    values = Values(sent, EXCEPTIONS)
    if values.one_of("basis", ("restated", "as_reported")) == "as_reported":
        raise ParameterRefused(
            "exceptions are about what is: basis=as_reported has no meaning", ("restated",)
        )
    statuses = _some_of(values, "status", (*STATUSES, "all")) or UNRESOLVED
    currency = values.text("currency")
    if currency is not None:
        try:
            exponent(currency)
        except UnknownCurrency as error:
            raise ParameterRefused(str(error)) from None
    given = {name: values.text(name) for name in DIMENSIONS}
    return Asked(
        values.day("at") or today,
        values.known(),
        _some_of(values, "code", BY_CODE),
        STATUSES if "all" in statuses else statuses,
        _some_of(values, "owner", OWNERS),
        values.text("deal"),
        {name: value for name, value in given.items() if value is not None},
        currency,
        values.limit(),
        values.text("cursor"),
        values.whole("at_least"),
        values.seconds("timeout", DEFAULT_TIMEOUT),
        values.one_of("format", ("json", "csv")),
        values.whole("generation"),
    )


def _pinned(connection: Connection[Any], wanted: Asked) -> tuple[Generation, int, int]:
    """The generation that answers, the position that is known, and the rows before the page."""
    if wanted.cursor is not None:
        cursor = cursors.read(wanted.cursor, wanted.identity())
        return reading.generation_of(connection, cursor), cursor.known, cursor.offset
    books = reading.generation(connection, wanted.generation)
    return books, reading.known_position(connection, wanted.known, books), 0


def listing(connection: Connection[Any], wanted: Asked, memory: InMemory | None = None) -> dict[str, Any]:
    """The answer: one page of rows, and what all pages come to by code and currency.

    memory: where the journal may be in memory.
    Raises NoGeneration, GenerationGone, NotYetProjected, CursorRefused.
    """
    with one_moment(connection):
        generation, known, offset = _pinned(connection, wanted)
        query = _query(connection, wanted, generation, known)
        found = listed(connection, query, offset, wanted.limit, memory)
        end = offset + wanted.limit
        more = cursors.Cursor(known, generation.id, end)
        link = _Links(wanted.at, known, generation.id)
        return {
            "view": VIEW,
            "at": wanted.at.isoformat(),
            "known": {"position": known, "time": reading.recorded_at(connection, known)},
            "basis": "restated",
            "generation": generation.id,
            "policies": generation.policies.stamps,
            "rows": [_row(one, link) for one in found.rows],
            "totals": _totals(found),
            "counts": dict(sorted(found.counts.items())),
            "next": cursors.write(more, wanted.identity()) if found.size > end else None,
        }


def _query(connection: Connection[Any], wanted: Asked, generation: Generation, known: int) -> Query:
    only = None if wanted.deal is None else (deals.number_of(connection, wanted.deal, generation.id, known),)
    return Query(
        wanted.at,
        known,
        generation,
        wanted.codes,
        wanted.statuses,
        wanted.owners,
        only,
        wanted.filters,
        wanted.currency,
    )


def _totals(found: Listing) -> list[dict[str, Any]]:
    """By code and currency: the same money may be at risk under several codes, so these don't add up."""
    return [
        {
            "code": code,
            "currency": currency,
            "amount_at_risk": format_minor(amount, currency),
            "count": count,
        }
        for (code, currency), (amount, count) in sorted(found.totals.items())
    ]


#: In which report, and of which measures, the postings behind an amount are found.
_VIEW_OF: Final = {
    "WON_NO_ORDER": "backlog", "ORPHAN_ORDER": "backlog", "AMOUNT_MISMATCH": "backlog",
    "CURRENCY_MISMATCH": "backlog", "ORPHAN_INVOICE": "backlog", "OVERBILLED": "backlog",
    "BILLING_OVERDUE": "backlog", "FULFILLED_NOT_BILLED": "billing", "PAST_DUE": "collections",
    "PROMISE_BROKEN": "collections", "UNAPPLIED_AGED": "collections", "ORPHAN_PAYMENT": "collections",
    "LATE_RENEWAL": "arr", "RECOGNITION_MISMATCH": "billing", "EXPIRED_STILL_BILLING": "billing",
}  # fmt: skip


class _Links(NamedTuple):
    """Where what is behind a row can be seen, as of the same day and as known then."""

    at: date
    known: int
    generation: int

    def explain(self, one: Shown) -> str:
        """The postings behind the amount, else the deal's milestones, else the message."""
        code, currency = one.found.code, one.found.currency
        if code == "QUARANTINED":
            return f"/v1/{one.found.object}"
        if one.deal is None:
            facts = one.found.facts
            if not facts and code == "FEED_SILENT":
                return "/v1/sources"
            return f"/v1/milestones/{facts[0]}" if facts else f"/v1/laws?at={self.at}"
        view = _VIEW_OF.get(code)
        # a document in another currency has posted nothing
        if view is None or not currency or (code == "CURRENCY_MISMATCH" and one.found.object):
            key = quote(one.deal, safe="/:")
            return f"/v1/deals/{key}/timeline?known_position={self.known}&generation={self.generation}"
        told = {
            "at": self.at.isoformat(),
            "known_position": str(self.known),
            "generation": str(self.generation),
            "deal": one.deal,
            "currency": currency,
        }
        return f"/v1/reports/{view}/explain?{urlencode(told)}"


def age_of(seconds: int) -> str:
    """An age in words: days and hours, below a day hours and minutes."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    return f"{days} d {hours} h" if days else f"{hours} h {rest // 60} min"


def _row(one: Shown, link: _Links) -> dict[str, Any]:
    found, handling = one.found, one.handling
    code = BY_CODE[found.code]
    currency = found.currency or None
    return {
        "id": one.id,
        "code": found.code,
        "deal": one.deal,
        "customer": one.customer,
        "currency": currency,
        "amount_at_risk": (
            None if found.amount is None or currency is None else format_minor(found.amount, currency)
        ),
        "age": age_of(one.age),
        "age_seconds": one.age,
        "since": format_instant(found.since),
        "owner": code.owner,
        "suggested_action": code.action,
        "status": handling.status,
        "assignee": handling.assignee,
        "handled": _handled(one),
        "object": found.object or None,
        "detail": found.detail or None,
        "facts": [f"/v1/milestones/{position}" for position in found.facts],
        "explain": link.explain(one),
    }


def _handled(one: Shown) -> dict[str, Any] | None:
    """Who said last what is done about it."""
    handling = one.handling
    if handling.position is None:
        return None
    return {
        "actor": handling.actor,
        "note": handling.note,
        "milestone": f"/v1/milestones/{handling.position}",
    }


def as_csv(answer: dict[str, Any]) -> str:
    """The rows as CSV (RFC 4180)."""
    return sheets.as_csv(COLUMNS, answer["rows"])
