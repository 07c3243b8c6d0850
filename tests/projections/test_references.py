"""Reference data: products and customers across systems, the gaps in them, and how a gap heals."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from projections import references
from projections.references import Name
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.excepted import amendment, shown, tell
from tests.projections.served import House

LATER = "2026-06-30"
NETSUITE = "netsuite/acme"


def mapped(sku: str, product: str, on: str = "2026-01-01", by: str = e.ERP, **rest: Any) -> Event:
    return e.event("product.mapped", on, f"product/{sku}", by=by, deal=None, sku=sku, product=product, **rest)


def customer(kind: str, id_: str, on: str = "2026-01-01", by: str = e.ERP, **rest: Any) -> Event:
    return e.event(f"customer.{kind}", on, f"customer/{id_}", by=by, deal=None, customer=id_, **rest)


def order(*skus: str, number: str = "SO-1", deal: str = "1", **rest: Any) -> Event:
    lines = [e.line(sku, "100.00", number=str(n)) for n, sku in enumerate(skus, 1)]
    return e.accepted("2026-02-01", *lines, order=number, deal=deal, **rest)


def gaps(house: House, code: str, at: str = LATER, **asked: Any) -> list[tuple[str, str]]:
    return [(one.found.object, one.found.detail) for one in shown(house, at, code, **asked)]


# --- products


def test_a_firm_without_a_product_list_is_asked_for_none(house: House) -> None:
    tell(house, order("SUB"))
    assert gaps(house, "UNMAPPED_SKU") == []


def test_an_unmapped_sku_delays_nothing_shows_and_heals(house: House) -> None:
    known = tell(house, mapped("SUB", "P-1"), order("SUB", "SET"))
    assert house.ask("bookings", None, LATER).totals[0]["booked"] == "200.00"
    assert gaps(house, "UNMAPPED_SKU") == [("SET", "netsuite/acme: 1 deal")]
    assert gaps(house, "UNMAPPED_SKU", "2026-01-31") == [], "nobody sold it yet"
    tell(house, mapped("SET", "P-2", "2026-03-01"))
    assert gaps(house, "UNMAPPED_SKU") == []
    assert len(gaps(house, "UNMAPPED_SKU", "2026-02-28")) == 1, "not mapped on that day"
    assert len(gaps(house, "UNMAPPED_SKU", known=known)) == 1, "as it was known before"


def test_a_mapping_that_came_first_waits_for_its_line(house: House) -> None:
    tell(house, mapped("SUB", "P-1"), mapped("SET", "P-2"), order("SUB", "SET"))
    assert gaps(house, "UNMAPPED_SKU") == []


def test_a_list_speaks_of_its_own_system_alone(house: House) -> None:
    invoice = e.invoiced("2026-02-02", "I-1", e.line("price_1", "100.00"), by="billing/stripe/acme")
    tell(house, mapped("SUB", "P-1"), order("SUB"), invoice)
    assert gaps(house, "UNMAPPED_SKU") == []
    tell(house, mapped("price_2", "P-1", by="mdm/books/acme", keys=["billing/stripe/acme:product:price_2"]))
    assert gaps(house, "UNMAPPED_SKU") == [("price_1", "stripe/acme: 1 deal")]


def test_one_mapping_names_a_product_in_several_systems(house: House) -> None:
    keys = ["erp/netsuite/acme:product:SUB", "billing/stripe/acme:product:price_1"]
    invoice = e.invoiced("2026-02-02", "I-1", e.line("price_1", "100.00"), by="billing/stripe/acme")
    tell(house, mapped("gold", "P-1", by="mdm/books/acme", keys=keys), order("SUB"), invoice)
    assert gaps(house, "UNMAPPED_SKU") == []
    found = references.products(house.connection, house.live().id, date.fromisoformat(LATER), house.head())
    assert [(one.name, one.product, one.use.deals) for one in found] == [
        (Name("books/acme", "gold"), "P-1", 0),
        (Name(NETSUITE, "SUB"), "P-1", 1),
        (Name("stripe/acme", "price_1"), "P-1", 1),
    ]


def test_what_is_no_product_needs_no_mapping(house: House) -> None:
    tell(house, mapped("SUB", "P-1"), order("SUB", "shipping", "discount", "unspecified"))
    assert gaps(house, "UNMAPPED_SKU") == []


def test_a_gap_heals_when_the_line_is_corrected(house: House) -> None:
    wrong = order("SBU")
    tell(house, mapped("SUB", "P-1"), wrong)
    assert [name for name, _ in gaps(house, "UNMAPPED_SKU")] == ["SBU"]
    tell(house, amendment("corrected", "2026-02-03", wrong, replacement=order("SUB")))
    assert gaps(house, "UNMAPPED_SKU") == []


def test_one_gap_of_many_deals_is_one_exception_that_keeps_its_id(house: House) -> None:
    tell(house, mapped("SUB", "P-1"), order("SET", number="SO-2", deal="2"))
    (first,) = shown(house, LATER, "UNMAPPED_SKU")
    tell(house, order("SET"))
    (again,) = shown(house, LATER, "UNMAPPED_SKU")
    assert (again.found.detail, again.id) == ("netsuite/acme: 2 deals", first.id)
    deal = first.found.facts[0]
    assert gaps(house, "UNMAPPED_SKU", deals=(deal,)) == [("SET", "netsuite/acme: 1 deal")]


def test_a_mapping_that_is_voided_opens_the_gap_again(house: House) -> None:
    mapping = mapped("SET", "P-2")
    tell(house, mapped("SUB", "P-1"), mapping, order("SET"))
    tell(house, amendment("voided", "2026-03-01", mapping))
    assert [name for name, _ in gaps(house, "UNMAPPED_SKU")] == ["SET"]


# --- customers


def sold(customer_: str, number: str = "SO-1", deal: str = "1", by: str = e.ERP) -> Event:
    return order("SUB", number=number, deal=deal, by=by, dimensions={"customer": customer_})


def test_a_firm_that_approves_nobody_is_asked_for_no_approval(house: House) -> None:
    tell(house, sold("C-1"))
    assert gaps(house, "MISSING_CUSTOMER") == []


@pytest.mark.parametrize("turned", [False, True])
def test_a_missing_customer_delays_nothing_shows_and_heals(house: House, turned: bool) -> None:
    story = [customer("approved", "C-1"), sold("C-1"), sold("C-2", "SO-2", "2")]
    tell(house, *(reversed(story) if turned else story))
    assert house.ask("bookings", None, LATER).totals[0]["booked"] == "200.00"
    assert gaps(house, "MISSING_CUSTOMER") == [("C-2", "netsuite/acme: 1 deal")]
    tell(house, customer("approved", "C-2", "2026-03-01"))
    assert gaps(house, "MISSING_CUSTOMER") == []
    assert len(gaps(house, "MISSING_CUSTOMER", "2026-02-28")) == 1


def test_a_customer_who_is_rejected_later_is_missing_again(house: House) -> None:
    tell(house, customer("approved", "C-1"), sold("C-1"), customer("rejected", "C-1", "2026-04-01"))
    assert gaps(house, "MISSING_CUSTOMER", "2026-03-31") == []
    assert [name for name, _ in gaps(house, "MISSING_CUSTOMER")] == ["C-1"]


def won_by(id_: str) -> Event:
    return e.won("2026-01-20", e.line("SUB", "100.00"), number="9", dimensions={"customer": id_})


def test_customers_of_two_systems_become_one_by_their_keys(house: House) -> None:
    # given the same customer in CRM and ERP
    tell(house, customer("approved", "C-1"), sold("C-1"), won_by("001A"))
    assert [name for name, _ in gaps(house, "MISSING_CUSTOMER")] == ["001A"]
    # when both are said to be one
    merge = e.event(
        "customer.merged", "2026-03-01", "customer/001A", by="mdm/books/acme", deal=None,
        customer="crm/salesforce/acme:customer:001A", into="erp/netsuite/acme:customer:C-1",
    )  # fmt: skip
    tell(house, merge)
    # then nobody is missing, and what was won stands beside what was ordered
    assert gaps(house, "MISSING_CUSTOMER") == []
    rows = house.ask("bookings", None, LATER, by=("customer",)).rows
    assert [(row["customer"], row["won"], row["booked"]) for row in rows] == [("C-1", "100.00", "100.00")]


def test_an_approval_may_say_how_other_systems_know_the_customer(house: House) -> None:
    approval = customer("approved", "C-1", keys=["crm/salesforce/acme:customer:001A"])
    tell(house, approval, sold("C-1"), won_by("001A"))
    assert gaps(house, "MISSING_CUSTOMER") == []
    found = references.customers(house.connection, house.live().id, date.fromisoformat(LATER), house.head())
    known = {one.name.id: one.known_as for one in found}
    assert known["C-1"] == (Name(NETSUITE, "C-1"), Name("salesforce/acme", "001A"))


def test_an_approval_by_another_than_the_system_of_record_is_a_claim(house: House) -> None:
    tell(house, customer("approved", "C-1"), customer("approved", "C-2", by=e.CRM), sold("C-2"))
    assert [name for name, _ in gaps(house, "MISSING_CUSTOMER")] == ["C-2"]
