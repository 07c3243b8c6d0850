"""Merged customers: under which name a customer's deals and payments are shown (contract.md section 1).

A merge counts from its position on, as far as it is known and in force. Belongs here: from a customer to the
surviving one. Does not belong here: the dimension itself (projections/statements).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import Connection

from domain.keys import is_key, kind_of
from domain.milestones import CustomerMerged
from projections import notices
from projections.facts import business_key


def survivors(connection: Connection[Any], generation: int, known: int) -> dict[str, str]:
    """Every merged customer with the one that it is shown under, as known by a position."""
    found = notices.in_force(connection, generation, known, CustomerMerged)
    return survivors_of(merge for _, merge in found)


def survivors_of(merges: Iterable[CustomerMerged]) -> dict[str, str]:
    """Merges in any order to merged customer -> surviving customer.

    Of several merges of one customer the last by time, sequence, source, id holds. Chains are followed. A
    merge into a customer that had been merged into this one turns it round: the later survivor survives.
    Customers of two systems become one by their keys: `crm/salesforce/acme:customer:001A` is 001A.
    """
    into: dict[str, str] = {}
    for merge in sorted(merges, key=lambda one: business_key(one)[2:]):
        customer, survivor = native(merge.customer), native(merge.into)
        if customer == survivor:
            continue
        into[customer] = survivor
        if _last(into, survivor, stop=customer) == customer:
            del into[survivor]
    return {customer: _last(into, customer) for customer in into}


def native(customer: str) -> str:
    """A customer as dimensions name it: by the native id alone, also where it is named by its key."""
    if is_key(customer) and kind_of(customer) == "customer":
        return customer.split(":", 2)[2]
    return customer


def _last(into: Mapping[str, str], customer: str, stop: str | None = None) -> str:
    """The end of a chain of merges, or `stop` where the chain comes to it."""
    while customer != stop and customer in into:
        customer = into[customer]
    return customer
