"""What is open on a day, item by item, on the real server."""

from datetime import date
from typing import Any

import pytest

from projections import accounts as a
from projections import open_items
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.revising import corrected, instead, void
from tests.projections.served import House
from tests.projections.stories import crowd


def told(house: House, *events: Event) -> list[int]:
    """Record and project; the positions."""
    positions = [outcome.position or 0 for outcome in house.record(events)]
    house.project()
    return positions


def ask(house: House, what: Any, on: str, known: int | None = None, **rest: Any) -> list[Any]:
    found: list[Any] = what(
        house.connection,
        house.live().id,
        date.fromisoformat(on),
        house.head() if known is None else known,
        **rest,
    )
    return found


def test_a_line_is_open_until_it_is_billed_and_performed(house: House) -> None:
    ordered, billed, delivered = told(
        house,
        e.accepted("2024-01-05", e.line("G", "300.00", quantity="3", recognition="on_fulfilment")),
        e.invoiced("2024-01-10", "I-1", e.line("G", "100.00", of="SO-1/1")),
        e.delivered("2024-01-20", "F-1", ("SO-1/1", "2")),
    )
    (line,) = ask(house, open_items.lines, "2024-01-20")
    assert (line.line, line.sku, line.currency, line.is_ordered) == ("SO-1/1", "G", "EUR", True)
    assert (line.ordered, line.billed, line.unbilled) == (30000, 10000, 20000)
    assert (line.performed, line.unperformed, line.unfulfilled) == (20000, 10000, 10000)
    assert (line.order_fact, line.billing_fact, line.performing_fact) == (ordered, billed, delivered)
    assert (line.is_planned, line.scheduled) == (False, 0)
    (line,) = ask(house, open_items.lines, "2024-01-06")
    assert (line.unbilled, line.unperformed, line.performing_fact) == (30000, 30000, None)
    assert ask(house, open_items.lines, "2024-01-04") == []
    (line,) = ask(house, open_items.lines, "2024-01-20", known=1)
    assert (line.billed, line.performed) == (0, 0)
    told(
        house,
        e.invoiced("2024-02-01", "I-2", e.line("G", "200.00", of="SO-1/1")),
        e.delivered("2024-02-02", "F-2", ("SO-1/1", "1")),
    )
    assert ask(house, open_items.lines, "2024-02-02") == []


def test_a_ratable_line_is_valued_on_the_day_and_names_its_first_service_day(house: House) -> None:
    told(house, e.accepted("2024-01-05", e.line("S", "366.00", "2024-02-01", "2025-01-31")))
    (line,) = ask(house, open_items.lines, "2024-02-10")
    assert (line.performed, line.unperformed, line.starts_on) == (1000, 35600, date(2024, 2, 1))
    (line,) = ask(house, open_items.lines, "2024-01-10")
    assert (line.performed, line.starts_on, line.performing_fact) == (0, date(2024, 2, 1), None)


def test_what_was_billed_by_its_product_ahead_of_the_order_belongs_to_the_line(house: House) -> None:
    told(
        house,
        e.invoiced("2024-01-03", "I-1", e.line("S", "40.00")),
        e.accepted("2024-01-05", e.line("S", "100.00"), e.line("T", "10.00")),
    )
    before = ask(house, open_items.lines, "2024-01-03")
    assert [(line.line, line.unbilled) for line in before] == [("S", -4000)]
    after = ask(house, open_items.lines, "2024-01-05")
    assert [(line.line, line.unbilled) for line in after] == [("SO-1/1", 6000), ("SO-1/2", 1000)]


def test_an_invoice_is_open_by_its_due_date_and_never_hides_a_dispute(house: House) -> None:
    (posted, *_) = told(
        house,
        e.invoiced("2024-01-10", "I-1", e.line("G", "100.00", tax="19.00"), due="2024-02-09"),
        e.redated("2024-01-11", "I-1", "2024-03-10"),
        e.disputed("2024-01-12", "I-1", "20.00"),
        e.received("2024-01-13", "P-1", "50.00"),
        e.applied("2024-01-14", "P-1", "I-1", "50.00"),
    )
    (invoice,) = ask(house, open_items.invoices, "2024-01-10")
    assert (invoice.due, invoice.open, invoice.disputed) == (date(2024, 2, 9), 11900, 0)
    (invoice,) = ask(house, open_items.invoices, "2024-01-14")
    assert (invoice.number, invoice.due, invoice.open) == ("I-1", date(2024, 3, 10), 6900)
    assert (invoice.disputed, invoice.invoiced, invoice.is_posted, invoice.fact) == (
        2000,
        11900,
        True,
        posted,
    )


def test_cash_on_an_invoice_that_nobody_has_seen_is_an_invoice_that_is_not_posted(house: House) -> None:
    told(house, e.applied("2024-01-14", "P-1", "I-9", "50.00"))
    (invoice,) = ask(house, open_items.invoices, "2024-01-14")
    assert (invoice.number, invoice.open, invoice.is_posted, invoice.fact) == ("I-9", -5000, False, None)
    assert (invoice.due, invoice.first_fact) == (None, 1)


def test_wins_and_orders_stand_apart_until_settled(house: House) -> None:
    told(
        house,
        e.won("2024-01-01", e.line("S", "120.00"), e.line("T", "50.00")),
        e.accepted("2024-01-05", e.line("S", "100.00")),
    )
    settled, waiting = ask(house, open_items.won, "2024-01-05")
    assert (settled.sku, settled.won_unordered, settled.variance) == ("S", 0, {a.VARIANCE_PRICE: 2000})
    assert (settled.win_fact, settled.order_fact) == (1, 2)
    assert (waiting.sku, waiting.won_unordered, waiting.variance) == ("T", 5000, {})
    assert (waiting.win_fact, waiting.order_fact, waiting.waiting_facts) == (1, None, (1,))


def test_cash_and_credits_are_open_until_they_are_applied(house: House) -> None:
    told(
        house,
        e.invoiced("2024-01-01", "I-1", e.line("S", "100.00")),
        e.credited("2024-01-02", "CM-1", "concession", e.line("S", "30.00"), to=(("I-1", "10.00"),)),
        e.credited("2024-01-03", "CM-2", "concession", e.line("S", "5.00")),
        e.memo_applied("2024-01-04", "CM-1", "I-1", "15.00"),
        e.received("2024-01-05", "P-1", "70.00"),
        e.applied("2024-01-06", "P-1", "I-1", "60.00"),
    )
    open_ = ask(house, open_items.credits, "2024-01-06")
    assert [(credit.number, credit.open) for credit in open_] == [("CM-1", 500), ("CM-2", 500)]
    (cash,) = ask(house, open_items.cash, "2024-01-06")
    assert (cash.number, cash.unapplied, cash.received, cash.fact) == (f"{e.ERP}:payment:P-1", 1000, 7000, 5)
    (before,) = ask(house, open_items.cash, "2024-01-05")
    assert before.unapplied == 7000


def test_a_credit_applied_before_its_memo_is_known_is_negative(house: House) -> None:
    told(
        house,
        e.invoiced("2024-01-01", "I-1", e.line("S", "100.00")),
        e.memo_applied("2024-01-04", "CM-1", "I-1", "15.00"),
    )
    (credit,) = ask(house, open_items.credits, "2024-01-06")
    assert (credit.number, credit.open, credit.fact) == ("", -1500, 2)


def test_a_milestone_is_read_as_it_stands(house: House) -> None:
    win = e.won("2024-01-01", e.line("S", "120.00"))
    first = e.won("2024-01-02", e.line("S", "70.00"), number="O-2")
    told(house, win, first)
    later = instead(win)
    later["time"] = "2024-01-01T17:00:00Z"
    told(house, corrected("2024-01-03", win, later), void("2024-01-04", first))
    as_recorded = open_items.milestones(house.connection, [1, 2], 2)
    assert {at: fact.time for at, fact in as_recorded.items()} == {1: win["time"], 2: first["time"]}
    now = open_items.milestones(house.connection, [1, 2], 4)
    assert {at: fact.time for at, fact in now.items()} == {1: later["time"]}


def test_a_milestone_stands_where_its_void_is_voided_and_that_came_first(house: House) -> None:
    win = e.won("2024-01-01", e.line("S", "120.00"))
    away = void("2024-01-03", win)
    told(house, void("2024-01-04", away), win, away)
    assert set(open_items.milestones(house.connection, [2], 3)) == {2}
    assert not open_items.milestones(house.connection, [3], 3)


@pytest.mark.parametrize("on", ["2024-03-31", "2025-06-30"])
def test_open_items_add_up_to_the_reports(house: House, on: str) -> None:
    told(house, *crowd(11, 20, 12))
    backlog = {row["currency"]: row for row in house.ask("backlog", None, on).totals}
    found: dict[str, dict[str, int]] = {}

    def add(currency: str, measure: str, amount: int) -> None:
        found.setdefault(currency, {}).setdefault(measure, 0)
        found[currency][measure] += amount

    for line in ask(house, open_items.lines, on):
        add(line.currency, "unbilled", line.unbilled)
        add(line.currency, "unperformed", line.unperformed)
        add(line.currency, "unfulfilled", line.unfulfilled)
        assert line.unbilled == line.ordered + line.usage + line.rebilled - line.billed - line.cancelled
    for win in ask(house, open_items.won, on):
        add(win.currency, "won_unordered", win.won_unordered)
    for currency, row in backlog.items():
        assert currency is not None
        for measure in ("won_unordered", "unbilled", "unperformed", "unfulfilled"):
            amount = found.get(currency, {}).get(measure, 0)
            assert int((row[measure] or "").replace(".", "")) == amount, (currency, measure)
    collections = {row["currency"]: row for row in house.ask("collections", None, on).totals}
    for currency, row in collections.items():
        sums = {
            "receivable": sum(x.open for x in ask(house, open_items.invoices, on) if x.currency == currency),
            "disputed": sum(
                x.disputed for x in ask(house, open_items.invoices, on) if x.currency == currency
            ),
            "unapplied": sum(x.unapplied for x in ask(house, open_items.cash, on) if x.currency == currency),
            "open_credit": sum(x.open for x in ask(house, open_items.credits, on) if x.currency == currency),
        }
        for measure, amount in sums.items():
            assert int((row[measure] or "").replace(".", "")) == amount, (currency, measure)
