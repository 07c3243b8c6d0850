"""Reference data as an answer: parameters, what it is pinned to, CSV. For HTTP and the command line alike.

Does not belong here: what is one with what (projections/references).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from psycopg import Connection

from api import reading, sheets
from api.parameters import DEFAULT_TIMEOUT, FORMAT, GENERATION, KNOWN, WAITING, Known, Parameter, Values
from api.reporting import one_moment
from projections import references
from projections.references import Customer, Product, Use

KINDS: Final = ("customers", "products")
#: What a name can be: `unlisted` where its system, or anyone, keeps no list; `unused` where no deal has it.
STATES: Final = ("known", "missing", "unlisted", "unused")
REFERENCE: Final[dict[str, Parameter]] = {
    "at": Parameter("The day. Default: today (UTC).", {"type": "string", "format": "date"}),
    **KNOWN,
    **GENERATION,
    "system": Parameter("Only names of this system, e.g. netsuite/acme.", {"type": "string"}),
    "state": Parameter("Only names in this state.", {"enum": list(STATES)}),
    **WAITING,
    "format": FORMAT,
}
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "customers": ("system", "customer", "state", "shown_as", "known_as", "since", "first", "deals"),
    "products": ("system", "sku", "state", "product", "mapped_by", "since", "first", "deals"),
}


class Asked(NamedTuple):
    """Reference data asked for."""

    kind: str
    at: date
    known: Known
    system: str | None
    state: str | None
    at_least: int | None
    timeout: float
    format: str | None
    generation: int | None = None


def asked(kind: str, sent: Iterable[tuple[str, str]], today: date) -> Asked:
    """What parameters ask for; `kind` is one of KINDS. Raises ParameterRefused."""
    values = Values(sent, REFERENCE)
    return Asked(
        kind,
        values.day("at") or today,
        values.known(),
        values.text("system"),
        values.one_of("state", STATES),
        values.whole("at_least"),
        values.seconds("timeout", DEFAULT_TIMEOUT),
        values.one_of("format", ("json", "csv")),
        values.whole("generation"),
    )


def answer(connection: Connection[Any], wanted: Asked) -> dict[str, Any]:
    """One row a name and system. Raises NoGeneration, GenerationGone, NotYetProjected."""
    with one_moment(connection):
        generation = reading.generation(connection, wanted.generation)
        known = reading.known_position(connection, wanted.known, generation)
        if wanted.kind == "products":
            products = references.products(connection, generation.id, wanted.at, known)
            rows = [_product(one) for one in products]
        else:
            customers = references.customers(connection, generation.id, wanted.at, known)
            rows = [_customer(one) for one in customers]
        return {
            "view": wanted.kind,
            "at": wanted.at.isoformat(),
            "known": {"position": known, "time": reading.recorded_at(connection, known)},
            "generation": generation.id,
            "rows": [
                row
                for row in rows
                if wanted.system in (None, row["system"]) and wanted.state in (None, row["state"])
            ],
        }


def _product(one: Product) -> dict[str, Any]:
    return {
        "system": one.name.system,
        "sku": one.name.id,
        "state": _state(one.use, is_listed=one.listed, is_known=one.product is not None),
        "product": one.product,
        "mapped_by": _link(one.mapped_by),
        **_use(one.use),
    }


def _customer(one: Customer) -> dict[str, Any]:
    return {
        "system": one.name.system,
        "customer": one.name.id,
        "state": _state(one.use, is_listed=one.listed, is_known=one.approved),
        "shown_as": one.into,
        "known_as": [f"{name.system}:{name.id}" for name in one.known_as],
        **_use(one.use),
    }


def _state(use: Use, *, is_listed: bool, is_known: bool) -> str:
    if use.first is None:
        return "unused"
    if is_known:
        return "known"
    return "missing" if is_listed else "unlisted"


def _use(use: Use) -> dict[str, Any]:
    since = None if use.since is None else use.since.isoformat()
    return {"since": since, "first": _link(use.first), "deals": use.deals}


def _link(position: int | None) -> str | None:
    return None if position is None else f"/v1/milestones/{position}"


def as_csv(told: dict[str, Any]) -> str:
    """The names as CSV (RFC 4180)."""
    rows = [
        row | {"known_as": " ".join(row["known_as"])} if "known_as" in row else row for row in told["rows"]
    ]
    return sheets.as_csv(COLUMNS[told["view"]], rows)
