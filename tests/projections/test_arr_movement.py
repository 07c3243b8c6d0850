"""arr with a span: live run-rate from its opening to its closing balance, and what of it is retained."""

from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any

import pytest

from projections import reports
from tests.projections import events as e
from tests.projections.asking import asked, behind, number, query
from tests.projections.served import House
from tests.projections.stories import crowd

YEAR = ("2025-01-01", "2025-12-31")
MOVEMENT = ("opening", "new", "expansion", "contraction", "churn", "closing")


def subscribed(
    deal: str, customer: str, net: str, start: str = "2024-01-01", end: str = "2024-12-31"
) -> e.Event:
    """A year's subscription, live from its first day."""
    return e.accepted(
        start,
        e.line("S", net, start, end),
        order=f"SO-{deal}",
        deal=deal,
        dimensions={"customer": customer, "segment": "smb"},
    )


def upsold(on: str, deal: str, net: str, until: str, kind: str = "upsell") -> e.Event:
    """A further line from a day on."""
    of = {"amendment": f"A-{deal}-{on}", "order": f"SO-{deal}", "deal": deal, "kind": kind}
    return e.amended(on, e.line("T", net, on, until, number="2"), **of)


@pytest.fixture
def told(house: House) -> House:
    """Three customers in EUR: one grows, one shrinks and goes, one comes in the year."""
    house.record(
        [
            subscribed("O-1", "C-1", "1000.00", "2024-01-01", "2025-12-31"),
            upsold("2025-07-01", "O-1", "100.00", "2025-12-31"),
            subscribed("O-2", "C-1", "300.00", "2025-03-01", "2026-02-28"),
            subscribed("O-3", "C-2", "2400.00", "2024-07-01", "2026-06-30"),
            e.event("contract.churned", "2025-09-30", "order/SO-O-3", order="SO-O-3", deal="O-3"),
            subscribed("O-4", "C-3", "120.00", "2025-05-01", "2026-04-30"),
            e.accepted(
                "2024-01-01",
                e.line("J", "1000", "2024-01-01", "2024-12-31"),
                order="SO-J",
                currency="JPY",
                deal="O-J",
            ),
        ]
    )
    house.project()
    return house


def only(rows: list[dict[str, Any]], currency: str = "EUR") -> dict[str, Any]:
    (row,) = [row for row in rows if row["currency"] == currency]
    return row


def test_a_movement_leads_from_the_opening_to_the_closing_balance(told: House) -> None:
    row = only(asked(told, "arr", *YEAR).rows)
    assert row == {
        "currency": "EUR",
        "opening": "1700.00",  # 500 and 1200 a year
        "new": "420.00",
        "expansion": "200.00",
        "contraction": "0.00",
        "churn": "1200.00",
        "closing": "1120.00",
        "nrr": "0.4118",  # (1700 + 200 - 1200) / 1700
        "grr": "0.2941",
    }


def test_retention_is_of_customers_who_had_something_at_the_beginning(told: House) -> None:
    found = {row["customer"]: row for row in asked(told, "arr", *YEAR, by=("customer",)).rows}
    assert (found["C-1"]["nrr"], found["C-1"]["grr"]) == ("1.4000", "1.0000"), "what is new does not retain"
    assert (found["C-2"]["nrr"], found["C-2"]["grr"]) == ("0.0000", "0.0000")
    assert (found["C-3"]["nrr"], found["C-3"]["grr"]) == (None, None)
    assert found[None]["nrr"] == "1.0000", "an unknown customer is one"


def test_another_deal_of_a_customer_is_a_row_of_its_own_and_one_customer_in_the_total(told: House) -> None:
    told.record([upsold("2025-08-01", "O-2", "60.00", "2026-02-28")])
    told.project()
    answer = asked(told, "arr", *YEAR, by=("deal",))
    rows = {str(row["deal"])[-3:]: row for row in answer.rows}
    assert rows["O-2"]["nrr"] is None
    expanded = number(rows["O-2"]["expansion"])
    assert expanded > 0
    total = only(answer.totals)
    opening, expansion, churn = number(total["opening"]), number(total["expansion"]), number(total["churn"])
    assert expansion == 200 + expanded
    assert number(total["nrr"]) == round((opening + expansion - churn) / opening, 4)
    assert total == only(asked(told, "arr", *YEAR).rows)


def test_contraction_and_reactivation_are_labelled(house: House) -> None:
    house.record(
        [
            subscribed("O-1", "C-1", "1200.00"),
            upsold("2024-07-01", "O-1", "-180.00", "2024-12-31", kind="downsell"),
            e.event("contract.expired", "2024-12-31", "order/SO-O-1", order="SO-O-1", deal="O-1"),
            e.renewed(
                "2025-02-01",
                e.line("S", "900.00", "2025-02-01", "2026-01-31"),
                order="SO-R",
                replaces="SO-O-1",
            ),
        ]
    )
    house.project()
    whole = only(asked(house, "arr", "2024-06-01", "2025-12-31").rows)
    assert (whole["opening"], whole["closing"]) == ("1200.00", "900.00")
    assert number(whole["contraction"]) > 0
    assert number(whole["contraction"]) + number(whole["churn"]) == 1200
    assert (whole["new"], whole["expansion"]) == ("900.00", "0.00"), "reactivation counts as new"


def test_at_keeps_contracted_and_live(told: House) -> None:
    row = only(asked(told, "arr", None, "2025-12-31").rows)
    assert list(row) == ["currency", "contracted", "live"]
    assert row["live"] == "1120.00"


def test_months_hang_together_and_the_total_is_that_of_the_span(told: House) -> None:
    answer = asked(told, "arr", *YEAR, by=("month",))
    rows = [row for row in answer.rows if row["currency"] == "EUR"]
    assert len(rows) == 12
    for before, after in pairwise(rows):
        assert before["closing"] == after["opening"]
    whole = only(asked(told, "arr", *YEAR).rows)
    assert only(answer.totals) == whole
    for name in ("new", "expansion", "contraction", "churn"):
        assert sum(number(row[name]) for row in rows) == number(whole[name])


def test_nothing_is_left_over_in_any_group(house: House) -> None:
    house.record(crowd(21, 8, 14))
    house.project()
    for start, end in (("2024-02-01", "2024-06-30"), ("2024-05-01", "2025-12-31")):
        for by in ((), *combinations(("deal", "product", "customer", "class", "month"), 2)):
            answer = asked(house, "arr", start, end, by=by)
            for row in (*answer.rows, *answer.totals):
                opening, new, expansion, contraction, churn, closing = (
                    number(row[name]) for name in MOVEMENT
                )
                assert opening + new + expansion - contraction - churn == closing, (by, row)
        for row in asked(house, "arr", None, end, by=("deal",)).rows:
            of = query(house, "arr", start, end, by=("deal",))
            same = [found for found in reports.run(house.connection, of).rows if found["deal"] == row["deal"]]
            if number(row["live"]):
                assert row["live"] in [found["closing"] for found in same]


def test_a_movement_is_explained_by_its_postings(told: House) -> None:
    question = query(told, "arr", *YEAR, by=("customer",))
    for row in reports.run(told.connection, question).rows:
        found = behind(told, question, row)
        for name in MOVEMENT:
            assert sum(number(one["counts"].get(name, "0")) for one in found.postings) == number(row[name]), (
                name
            )
        assert [one["nrr"] for one in found.netted] == [row["nrr"]]


def test_pages_have_the_same_totals(told: House) -> None:
    whole = asked(told, "arr", *YEAR, by=("deal",))
    first = asked(told, "arr", *YEAR, by=("deal",), limit=1)
    assert first.more
    assert first.rows == whole.rows[:1]
    assert first.totals == whole.totals
    assert asked(told, "arr", *YEAR, limit=1).totals == whole.totals
    assert Decimal(str(only(whole.totals)["opening"])) == Decimal(1700)
