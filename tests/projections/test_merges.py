"""Merged customers: shown under the surviving one, from the merge's position on."""

import pytest

from domain.milestones import CustomerMerged
from projections import reports
from projections.merges import survivors_of
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.asking import asked, behind, number, query
from tests.projections.served import House


def merge(customer: str, into: str, time: int) -> CustomerMerged:
    return CustomerMerged(
        source="/mdm/reltio/acme", id=f"{time}", subject="customer", time="2024-01-01T09:00:00Z",
        instant=time, sequence=None, effective=19_000, keys=(), dimensions={}, attributes={},
        customer=customer, into=into,
    )  # fmt: skip


def test_chains_are_followed_and_the_last_merge_of_a_customer_holds() -> None:
    told = [merge("A", "B", 1), merge("B", "C", 2), merge("X", "Y", 3), merge("X", "Z", 4)]
    for order in (told, told[::-1]):
        assert survivors_of(order) == {"A": "C", "B": "C", "X": "Z"}


def test_a_circle_ends_with_the_survivor_that_was_named_last() -> None:
    told = [merge("A", "B", 1), merge("B", "C", 2), merge("C", "A", 3), merge("D", "D", 4)]
    for order in (told, told[::-1]):
        assert survivors_of(order) == {"B": "A", "C": "A"}
    assert survivors_of([merge("A", "B", 1), merge("B", "A", 2)]) == {"B": "A"}


def billed(number_: int, customer: str) -> e.Event:
    return e.invoiced(
        "2024-01-05", f"I-{number_}", e.line("A", f"{10 ** number_}.00"), deal=f"O-{number_}",
        dimensions={"customer": customer},
    )  # fmt: skip


@pytest.fixture
def told(house: House) -> House:
    """Deals of C-1, C-2 and C-3, cash of C-1 alone; C-1 is merged into C-2 after them."""
    house.record([billed(1, "C-1"), billed(2, "C-2"), billed(3, "C-3")])
    house.record([e.received("2024-01-06", "P-1", "7.00", dimensions={"customer": "C-1"})])
    house.record([r.merged("2024-06-01", "C-1", "C-2")])
    house.project()
    return house


def by_customer(house: House, **rest: object) -> dict[str | None, str | None]:
    rows = asked(house, "billing", None, "2024-01-31", by=("customer",), **rest).rows
    return {row["customer"]: row["invoiced"] for row in rows}


def test_deals_and_payments_are_shown_under_the_survivor_from_the_position_of_the_merge(told: House) -> None:
    assert by_customer(told) == {"C-2": "110.00", "C-3": "1000.00"}
    assert by_customer(told, known=told.head() - 1) == {"C-1": "10.00", "C-2": "100.00", "C-3": "1000.00"}
    cash = asked(told, "collections", None, "2024-01-31", by=("customer",)).rows
    assert {row["customer"]: row["unapplied"] for row in cash} == {"C-2": "7.00", "C-3": "0.00"}


def test_filtering_by_either_name_finds_the_survivor(told: House) -> None:
    for name in ("C-1", "C-2"):
        assert by_customer(told, filters={"customer": name}) == {"C-2": "110.00"}
    assert by_customer(told, filters={"customer": "C-1"}, known=4) == {"C-1": "10.00"}
    (row,) = asked(told, "billing", None, "2024-01-31", filters={"customer": "C-1"}).rows
    assert row["invoiced"] == "110.00"


def test_a_row_of_a_survivor_is_explained(told: House) -> None:
    question = query(told, "billing", None, "2024-01-31", by=("customer",))
    for row in reports.run(told.connection, question).rows:
        found = behind(told, question, row).postings
        assert sum(number(one["counts"].get("invoiced", "0")) for one in found) == number(row["invoiced"])


def test_a_merge_by_a_claim_or_voided_merges_nothing(told: House) -> None:
    claim = e.event("customer.merged", "2024-06-02", "customer/C-3", by=e.CRM, customer="C-3", into="C-2")
    wrong = r.merged("2024-06-03", "C-2", "C-3")
    told.record([claim, wrong])
    told.project()
    assert by_customer(told) == {"C-3": "1110.00"}
    told.record([r.void("2024-06-04", wrong)])
    told.project()
    assert by_customer(told) == {"C-2": "110.00", "C-3": "1000.00"}


def test_retention_of_merged_customers_is_that_of_one(house: House) -> None:
    house.record(
        [
            e.accepted(
                "2024-01-01",
                e.line("S", "100.00", "2024-01-01", "2024-12-31"),
                deal="O-1",
                order="A",
                dimensions={"customer": "C-1"},
            ),
            e.accepted(
                "2025-02-01",
                e.line("S", "50.00", "2025-02-01", "2026-01-31"),
                deal="O-2",
                order="B",
                dimensions={"customer": "C-2"},
            ),
            e.amended(
                "2025-03-01",
                e.line("S", "10.00", "2025-03-01", "2026-02-28", number="2"),
                order="B",
                deal="O-2",
            ),
        ]
    )
    house.project()
    span = ("2025-01-01", "2025-12-31")
    apart = {row["customer"]: row["nrr"] for row in asked(house, "arr", *span, by=("customer",)).rows}
    assert apart == {"C-1": "1.0000", "C-2": None}
    house.record([r.merged("2025-06-01", "C-1", "C-2")])
    house.project()
    (row,) = asked(house, "arr", *span, by=("customer",)).rows
    assert (row["customer"], row["nrr"]) == ("C-2", "1.1000")
