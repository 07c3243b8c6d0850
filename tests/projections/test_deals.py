"""One deal: found by any key it had by then, its balances, findings and milestones as known then."""

from datetime import date

import pytest

from domain.money import parse_minor
from projections import deals
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import books_of
from tests.projections.served import House

ORDER, OPPORTUNITY = f"{e.ERP}:order:SO-1", f"{e.CRM}:opportunity:O-1"
STORY = [
    e.accepted(
        "2024-01-02", e.line("S", "90.00", "2024-01-01", "2024-12-31"), deal=None, dimensions={"owner": "Kim"}
    ),
    e.won("2024-01-01", e.line("S", "100.00", "2024-01-01", "2024-12-31"), dimensions={"owner": "Ada"}),
    e.event("deals.linked", "2024-01-03", "link/1", by="mdm/reltio/acme", keys=(ORDER,)),
    e.received("2024-02-01", "P-1", "50.00"),
    e.accepted("2024-03-01", e.line("S", "90.00"), dimensions={"owner": "Eve"}),
]


@pytest.fixture
def told(house: House) -> House:
    """The story, projected."""
    house.record(STORY)
    house.project()
    return house


def test_a_deal_is_found_by_every_key_and_only_by_those_known_then(told: House) -> None:
    joined = {
        tuple(deals.find(told.connection, key, told.live().id, 5)) == (1, [1, 2])
        for key in (ORDER, OPPORTUNITY)
    }
    assert joined == {True}
    assert deals.find(told.connection, ORDER, told.live().id, 2) == (1, [1])
    assert deals.find(told.connection, OPPORTUNITY, told.live().id, 2) == (2, [2])
    for key, known in ((OPPORTUNITY, 1), (f"{e.ERP}:order:SO-9", 5)):
        with pytest.raises(deals.DealUnknown, match="no milestone"):
            deals.find(told.connection, key, told.live().id, known)


def test_its_balances_are_those_of_its_books(told: House) -> None:
    books = books_of(STORY)
    for on in ("2024-01-01", "2024-06-30", "2025-01-01"):
        read = deals.deal(told.connection, ORDER, told.live(), 5, date.fromisoformat(on))
        held = {name: parse_minor(amount, "EUR") for name, amount in read["balances"].get("EUR", {}).items()}
        assert held == books.minor(on, deal="opportunity:O-1")
    found = deals.deal(told.connection, ORDER, told.live(), 5, date(2025, 1, 1))
    assert found["deal"] == OPPORTUNITY
    assert found["findings"] == [
        {"code": "DUPLICATE_BUSINESS_KEY", "fact": 5, "since_position": 5, "object": "order/SO-1"}
    ]
    assert found["milestones"] == 4


def test_its_dimensions_are_those_of_the_day(told: House) -> None:
    def owner(on: str, known: int) -> str:
        read = deals.deal(told.connection, ORDER, told.live(), known, date.fromisoformat(on))
        return str(read["dimensions"]["owner"])

    assert [owner("2024-01-02", 5), owner("2024-03-01", 5), owner("2024-03-01", 4)] == ["Kim", "Eve", "Kim"]


def test_its_timeline_is_in_business_order(told: House) -> None:
    def positions(known: int) -> list[int]:
        entries = deals.timeline(told.connection, OPPORTUNITY, told.live(), known)
        return [entry.fact.position for entry in entries]

    assert positions(5) == [2, 1, 3, 5]
    assert positions(2) == [2]


def test_cash_without_a_deal_is_a_deal_of_its_own(told: House) -> None:
    key = f"{e.ERP}:payment:P-1"
    found = deals.deal(told.connection, key, told.live(), 5, date(2024, 2, 1))
    assert found["deal"] == key
    assert found["balances"] == {"EUR": {"source.bank": "-50.00", "unapplied": "50.00"}}


SPLIT = [
    e.won("2024-01-01", e.line("S", "100.00"), dimensions={"customer": "C-1"}),
    e.accepted("2024-01-02", e.line("S", "90.00"), order="SO-1"),
    e.accepted("2024-01-03", e.line("T", "50.00"), order="SO-2"),
    r.split("2024-02-01", r.order_key("SO-2")),
]


def test_a_deal_that_was_split_off_has_a_name_and_keys_of_its_own(house: House) -> None:
    house.record(SPLIT)
    house.project()
    on, other = date(2024, 3, 1), r.order_key("SO-2")
    left = deals.deal(house.connection, other, house.live(), 4, on)
    assert (left["deal"], left["keys"]) == (other, [other, "mdm/reltio/acme:split:1"])
    assert left["balances"]["EUR"]["unbilled"] == "50.00"
    assert left["dimensions"] == {"customer": "C-1"}
    stayed = deals.deal(house.connection, OPPORTUNITY, house.live(), 4, on)
    assert (stayed["deal"], stayed["keys"]) == (OPPORTUNITY, [OPPORTUNITY, ORDER])
    entries = [entry.fact.position for entry in deals.timeline(house.connection, other, house.live(), 4)]
    assert entries == [3, 4]
    before = deals.deal(house.connection, other, house.live(), 3, on)
    assert (before["deal"], before["keys"]) == (OPPORTUNITY, [OPPORTUNITY, ORDER, other])


def test_a_timeline_tells_a_claim_from_what_stands(house: House) -> None:
    order = e.accepted("2024-01-02", e.line("S", "90.00"))
    void = r.void("2024-01-04", order, by=e.CRM)
    house.record([e.won("2024-01-01", e.line("S", "100.00")), order, void])
    claim = e.invoiced("2024-01-05", "I-1", e.line("S", "1.00"), deal=None, keys=(ORDER,))
    house.record([claim | {"source": f"/{e.CRM}"}])
    house.project()
    entries = deals.timeline(house.connection, ORDER, house.live(), 4)
    assert [(entry.fact.position, entry.state) for entry in entries] == [
        (1, "stands"), (2, "stands"), (3, "claim"), (4, "claim"),
    ]  # fmt: skip
