"""Facts at the edge of what can be held: one of them must not keep all others from being seen."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from projections import fold, rebuild
from projections.rules import billing
from tests.projections import events as e
from tests.projections.books import books_of, ledger
from tests.projections.events import Event
from tests.projections.served import House

MOST = "10000000000000.00"  # 10**15 minor units, the most that an amount may be


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.getLogger("projections.fold").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("projections.fold").setLevel(logging.NOTSET)


def over_delivered() -> list[Event]:
    line = e.line("S", "100000.00", recognition="on_fulfilment", quantity="0.000001")
    return [
        e.accepted("2026-01-05", line),
        e.delivered("2026-01-06", "F-1", ("SO-1/1", {"quantity": "1000000"})),
    ]


def large_invoice() -> list[Event]:
    lines = [e.line(f"S{n}", MOST, tax=MOST) for n in range(900)]
    return [e.invoiced("2026-01-05", "I-1", *lines), e.disputed("2026-01-06", "I-1")]


@pytest.mark.parametrize("story", [over_delivered, large_invoice])
@pytest.mark.parametrize("is_rebuilt", [False, True])
def test_amounts_beyond_64_bits_leave_out_their_fact_and_all_others_count(
    house: House, story: Any, is_rebuilt: bool
) -> None:
    ok = e.invoiced("2026-01-07", "I-OK", e.line("S", "40.00"), deal="O-2")
    house.record([*story(), ok])
    if is_rebuilt:
        rebuild.rebuild(house.conninfo, house.schema, workers=1)
    live = house.project()
    assert live.position == house.head()
    rows = house.ask("billing", None, "2026-01-31", by=("deal",)).rows
    assert [row["invoiced"] for row in rows if str(row["deal"]).endswith("O-2")] == ["40.00"]
    assert house.journal(live.id) == house.journal(house.built())


def test_an_amount_beyond_64_bits_is_found_on_its_fact() -> None:
    books = ledger(*over_delivered())
    assert books.found() == ["FOLD_FAILED"]
    assert books.claims("2026-01-31")["unbilled"] == "100000.00"


def test_a_service_without_an_end_is_folded_and_shown(house: House) -> None:
    """9999-12-31 is how several systems write that there is no end."""
    open_end = e.line("S", "1200.00", "2026-01-01", "9999-12-31")
    once = e.line("T", "50.00")
    house.record(
        [
            e.accepted("2026-01-01", open_end, once),
            e.invoiced("2026-01-02", "I-1", e.line("T", "50.00", of="SO-1/2")),
        ]
    )
    house.project()
    for view in ("backlog", "billing", "arr", "bookings"):
        assert house.ask(view, "2026-01-01", "2026-12-31", by=("deal",)).rows
    books = ledger(e.accepted("2026-01-01", open_end, once))
    assert "FOLD_FAILED" not in books.found()


def test_facts_that_a_rule_fails_on_are_tried_again_only_where_something_new_comes_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted, tries = billing.posted, [0]

    def fragile(deal: Any, fact: Any) -> None:
        tries[0] += 1
        if fact.invoice.startswith("BAD"):
            raise RuntimeError("a defect")
        posted(deal, fact)

    monkeypatch.setattr(billing, "posted", fragile)
    monkeypatch.setattr(fold, "_rules", {})
    bad = [e.invoiced(f"2026-01-{day:02}", f"BAD-{day}", e.line("A", "1.00")) for day in range(1, 29)]
    books = books_of([*bad, e.invoiced("2026-02-01", "I-1", e.line("A", "40.00"))])
    assert books.found().count("FOLD_FAILED") == 28
    assert books.claims("2026-12-31")["receivable"] == "40.00"
    assert tries[0] < 4 * 29  # and not the cube of them
