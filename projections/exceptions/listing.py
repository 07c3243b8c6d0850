"""All exceptions on a day, as known by a position: derived, named, filtered, and how each is being handled.

Belongs here: the question, which code is derived where, ids, order. Does not belong here: when an exception
rises (the other modules of this folder), how an answer is written (api/excepting).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from psycopg import Connection

from projections import merges
from projections.exceptions import billing, collecting, feeding, keeping, ordering, referring, said
from projections.exceptions.asking import Asking, Found
from projections.exceptions.codes import BY_CODE, SIGNALLED
from projections.exceptions.handling import UNTOUCHED, Handling, handlings
from projections.generations import Generation

Derive = Callable[[Asking], Iterator[Found]]

#: How each code is derived; of a code that the rules find and that is derived too, both count.
DERIVED: Final[tuple[tuple[str, Derive], ...]] = (
    *((code, partial(said.found, code=code)) for code in SIGNALLED),
    ("WON_NO_ORDER", ordering.won_no_order),
    ("ORDER_REJECTED_STALE", ordering.order_rejected_stale),
    ("ORPHAN_ORDER", ordering.orphan_order),
    ("CURRENCY_MISMATCH", ordering.currency_mismatch),
    ("AMOUNT_MISMATCH", ordering.amount_mismatch),
    ("ORPHAN_INVOICE", billing.orphan_invoice),
    ("OVERBILLED", billing.overbilled),
    ("BILLING_OVERDUE", billing.billing_overdue),
    ("FULFILLED_NOT_BILLED", billing.fulfilled_not_billed),
    ("LATE_RENEWAL", billing.late_renewal),
    ("PAST_DUE", collecting.past_due),
    ("PROMISE_BROKEN", collecting.promise_broken),
    ("UNAPPLIED_AGED", collecting.unapplied_aged),
    ("ORPHAN_PAYMENT", collecting.orphan_payment),
    ("CLOSED_PERIOD_MILESTONE", keeping.closed_period_milestone),
    ("CONFLICT", keeping.conflicts),
    ("QUARANTINED", keeping.quarantined),
    ("UNMAPPED_SKU", referring.unmapped_sku),
    ("MISSING_CUSTOMER", referring.missing_customer),
    ("CONTROL_TOTAL_BREAK", feeding.control_total_break),
    ("FEED_SILENT", feeding.feed_silent),
    ("SEQUENCE_GAP", feeding.sequence_gap),
    ("LAW_BROKEN", keeping.law_broken),
)

#: Dimensions of a deal by which exceptions can be filtered; `owner` is whose the exception is.
DIMENSIONS: Final = ("customer", "segment", "territory", "entity", "channel", "class")


class Query(NamedTuple):
    """A question. codes, owners: empty for all. deals: numbers, None for all. statuses: those that are shown.

    filters: dimension -> value, "" is "has none". currency: None for all.
    """

    at: date
    known: int
    generation: Generation
    codes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ("open", "acknowledged", "assigned")
    owners: tuple[str, ...] = ()
    deals: tuple[int, ...] | None = None
    filters: Mapping[str, str] = MappingProxyType({})
    currency: str | None = None


class Shown(NamedTuple):
    """An exception with its id, the deal's public name and customer, and how it is being handled.

    age: seconds from `since` to the end of the day, never negative.
    """

    id: str
    found: Found
    deal: str | None
    customer: str | None
    age: int
    handling: Handling


class Listing(NamedTuple):
    """A page, the oldest first, and what all pages come to. size: exceptions on all of them.

    totals: (code, currency) -> amount at risk in minor units, and how many have one. counts: by code.
    """

    rows: list[Shown]
    totals: dict[tuple[str, str], tuple[int, int]]
    counts: dict[str, int]
    size: int


class InMemory(Protocol):
    """Something that may know the answer without SQL's scans (projections/columns): the very same one."""

    def exceptions(
        self, connection: Connection[Any], query: Query, offset: int, limit: int
    ) -> Listing | None:
        """A page; None where SQL has to answer."""


def listed(
    connection: Connection[Any], query: Query, offset: int, limit: int, memory: InMemory | None = None
) -> Listing:
    """A page of what there is."""
    quick = None if memory is None else memory.exceptions(connection, query, offset, limit)
    if quick is not None:
        return quick
    found = exceptions(connection, query)
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    counts: dict[str, int] = {}
    for one in (shown.found for shown in found):
        counts[one.code] = counts.get(one.code, 0) + 1
        if one.amount is not None:
            amount, number = totals.get((one.code, one.currency), (0, 0))
            totals[one.code, one.currency] = amount + one.amount, number + 1
    return Listing(found[offset : offset + limit], totals, counts, len(found))


def exceptions(connection: Connection[Any], query: Query) -> list[Shown]:
    """What there is, the oldest first."""
    asking = Asking(connection, query.generation, query.at, query.known, query.deals)
    found = [
        one for one in derived(asking, query) if query.currency is None or one.currency == query.currency
    ]
    found = _filtered(asking, query, found)
    told = handlings(connection, query.generation.id, query.known)
    named = _names(asking, found)
    shown = []
    for one in found:
        id_ = identity(asking, one)
        handling = told.get(id_, UNTOUCHED)
        if handling.status in query.statuses:
            age = max(0, asking.end - one.since) // 1_000_000
            name = None if one.deal is None else named.get(one.deal)
            shown.append(Shown(id_, one, name, None, age, handling))
    shown.sort(key=lambda one: (one.found.since, one.found.code, one.deal or "", one.id))
    return _with_customers(asking, shown)


def exists(connection: Connection[Any], query: Query, id_: str) -> bool:
    """Whether there is an exception of this id, however it is being handled; looks no further than to it."""
    asking = Asking(connection, query.generation, query.at, query.known, query.deals)
    return any(identity(asking, one) == id_ for one in derived(asking, query))


def derived(asking: Asking, query: Query, without: Collection[str] = ()) -> Iterator[Found]:
    """All that is asked for, however it is being handled. without: codes that are left out."""
    for code, derive in DERIVED:
        if code in without:
            continue
        if query.codes and code not in query.codes:
            continue
        if query.owners and BY_CODE[code].owner not in query.owners:
            continue
        yield from derive(asking)


def _filtered(asking: Asking, query: Query, found: list[Found]) -> list[Found]:
    if not query.filters:
        return found
    values = dimensions(asking, {one.deal for one in found if one.deal is not None}, tuple(query.filters))
    wanted = dict(query.filters)
    if wanted.get("customer"):
        survivors = merges.survivors(asking.connection, asking.generation.id, asking.known)
        wanted["customer"] = survivors.get(wanted["customer"], wanted["customer"])
    return [
        one
        for one in found
        if one.deal is not None
        and all(values.get((one.deal, name), "") == value for name, value in wanted.items())
    ]


def dimensions(asking: Asking, deals: Iterable[int], names: tuple[str, ...]) -> dict[tuple[int, str], str]:
    """(deal, dimension) -> value on the day; merged customers as the one that survives."""
    of = sorted(set(deals))
    if not of:
        return {}
    rows = asking.rows("exceptions_dimensions", names=list(names), of=of)
    survivors = (
        merges.survivors(asking.connection, asking.generation.id, asking.known) if "customer" in names else {}
    )
    return {
        (deal, name): survivors.get(value, value) if name == "customer" else value
        for deal, name, value in rows
    }


def _names(asking: Asking, found: Iterable[Found]) -> dict[int, str]:
    of = sorted({one.deal for one in found if one.deal is not None})
    rows = asking.rows("exceptions_names", of=of) if of else []
    return {deal: name for deal, name in rows if name}


def identity(asking: Asking, one: Found) -> str:
    """What names an exception for good: its code, the milestone that began it, object and currency.

    Neither the deal's name nor any position has a part in it: those change when deals turn out to be one.
    """
    if one.identity is not None:
        source, id_ = one.identity
    else:
        head = asking.heads(one.facts[:1])[one.facts[0]]
        source, id_ = head.source, head.id
    parts = [one.code, source, id_, one.object, one.currency, *([one.part] if one.part else [])]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _with_customers(asking: Asking, shown: list[Shown]) -> list[Shown]:
    values = dimensions(
        asking, {one.found.deal for one in shown if one.found.deal is not None}, ("customer",)
    )
    return [
        one if one.found.deal is None else one._replace(customer=values.get((one.found.deal, "customer")))
        for one in shown
    ]
