"""Reference data: products and customers as each system knows them, and which of them are one.

What is one is told by milestones: `product.mapped` says which product of the catalogue an item number is,
`customer.approved` that a customer is one, `customer.merged` that two are one. Their business keys of kind
`product` and `customer` say how other systems know the same. Belongs here: the cross-reference, and who uses
what of it. Does not belong here: when a gap is an exception (projections/exceptions/referring), grouping by
the surviving customer (projections/merges).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar

from psycopg import Connection

from domain import milestones as m
from domain.instants import from_date
from domain.keys import kind_of
from projections import merges, notices, queries
from projections.facts import business_key

#: What stands where a line names no product: no list has them, and none has to.
NO_PRODUCT: Final = ("discount", "shipping", "rounding", "unspecified", "deposit", "")

_Said = TypeVar("_Said", bound=m.Milestone)


class Name(NamedTuple):
    """How a system knows a product or a customer. system: `netsuite/acme`, whatever its role."""

    system: str
    id: str


class Use(NamedTuple):
    """Who uses a name. first: position of the first milestone by business date; since: that date."""

    first: int | None = None
    since: date | None = None
    deals: int = 0


class Product(NamedTuple):
    """An item number of a system. product: None where it is not mapped. listed: the system has a list.

    mapped_by: position of the milestone that says so.
    """

    name: Name
    product: str | None
    mapped_by: int | None
    listed: bool
    use: Use = Use()


class Customer(NamedTuple):
    """A customer. system: of the first that named it. into: the one it is shown under, itself where unmerged.

    approved: whether it, or the one it is shown under, was approved and not rejected since. known_as: how the
    systems know it, as approvals say. listed: whether there is a list of approved ones.
    """

    name: Name
    into: str
    approved: bool
    listed: bool
    known_as: tuple[Name, ...] = ()
    use: Use = Use()


def system_of(source: str) -> str:
    """`/erp/netsuite/acme` and `netsuite/acme` are of the system netsuite/acme."""
    return "/".join(source.split("/")[-2:])


def products(
    connection: Connection[Any], generation: int, at: date, known: int, deals: Iterable[int] | None = None
) -> list[Product]:
    """Item numbers that are used or mapped, by system and number. deals: only their use, None for all."""
    given = mapped(connection, generation, at, known)
    listed = {name.system for name in given}
    used = _used(connection, generation, "reference_products", at, known, deals)
    found = []
    for name in sorted({*given, *used}):
        position, product = given.get(name, (None, None))
        found.append(Product(name, product, position, name.system in listed, used.get(name, Use())))
    return found


def approves(connection: Connection[Any], generation: int, at: date, known: int) -> bool:
    """Whether customers are approved, or rejected, at all."""
    return bool(_last_words(connection, generation, at, known))


def customers(
    connection: Connection[Any], generation: int, at: date, known: int, deals: Iterable[int] | None = None
) -> list[Customer]:
    """Customers that are used, approved or rejected, by system and id. deals: as above."""
    into = merges.survivors(connection, generation, known)
    words = _last_words(connection, generation, at, known)
    approved = {
        other for id_, (is_approved, names) in words.items() if is_approved for other in (id_, *_ids(names))
    }
    # what was merged into an approved one, or the other way round, is one with it
    survivors = {into.get(id_, id_) for id_ in approved}
    used = _used(connection, generation, "reference_customers", at, known, deals)
    named = {name.id for name in used}
    unused = {names[0]: Use() for id_, (_, names) in words.items() if id_ not in named}
    found = []
    for name, use in sorted({**unused, **used}.items()):
        shown = into.get(name.id, name.id)
        known_as = words[name.id][1] if name.id in words else ()
        found.append(Customer(name, shown, shown in survivors, bool(words), known_as, use))
    return found


def _used(
    connection: Connection[Any],
    generation: int,
    statement: str,
    at: date,
    known: int,
    deals: Iterable[int] | None,
) -> dict[Name, Use]:
    """Who uses which name."""
    only = None if deals is None else sorted(deals)
    asked = {"at": at, "known": known, "none": list(NO_PRODUCT), "deals": only}
    rows = connection.execute(queries.statement(statement, generation), asked).fetchall()
    return {Name(system, id_): Use(first, since, number) for system, id_, first, since, number in rows}


def mapped(
    connection: Connection[Any], generation: int, at: date, known: int
) -> Mapping[Name, tuple[int, str]]:
    """By item number the product, and the milestone that says so: the last one in business order."""
    said = notices.in_force(connection, generation, known, m.ProductMapped)
    found: dict[Name, tuple[int, str]] = {}
    for position, mapping in _until(said, at):
        for name in _names(mapping, "product", mapping.sku):
            found[name] = position, mapping.product
    return found


def _last_words(
    connection: Connection[Any], generation: int, at: date, known: int
) -> dict[str, tuple[bool, tuple[Name, ...]]]:
    """By customer whether it is approved, and all its names; the last word in business order counts."""
    said: list[tuple[int, m.CustomerApproved | m.CustomerRejected]] = [
        *notices.in_force(connection, generation, known, m.CustomerApproved),
        *notices.in_force(connection, generation, known, m.CustomerRejected),
    ]
    found: dict[str, tuple[bool, tuple[Name, ...]]] = {}
    for _, word in _until(said, at):
        id_ = merges.native(word.customer)
        names = tuple(_names(word, "customer", id_))
        earlier = found[id_][1] if id_ in found else ()
        found[id_] = isinstance(word, m.CustomerApproved), tuple(dict.fromkeys((*earlier, *names)))
    return found


def _until(said: Iterable[tuple[int, _Said]], at: date) -> list[tuple[int, _Said]]:
    """Those that are effective by a day, in business order."""
    day = from_date(at)
    return sorted((one for one in said if one[1].effective <= day), key=lambda one: business_key(one[1]))


def _names(milestone: m.Milestone, kind: str, own: str) -> Iterator[Name]:
    """How systems know what a milestone speaks of: its own first, then those of its keys."""
    system = system_of(milestone.source)
    yield Name(system, own)
    for key in milestone.keys:
        if kind_of(key) == kind:
            of, _, id_ = key.split(":", 2)
            if system_of(of) != system:
                yield Name(system_of(of), id_)


def _ids(names: Iterable[Name]) -> Iterator[str]:
    return (name.id for name in names)
