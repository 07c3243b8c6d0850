"""Billing plans: what is to be invoiced when, as the order states it."""

from typing import Any

from tests.projections.books import books_of, ledger
from tests.projections.events import (
    accepted,
    amended,
    cancelled,
    line,
    line_cancelled,
    order_changed,
    renewed,
)

YEAR = ("2024-01-01", "2024-12-31")


def plan(*rows: tuple[str, str]) -> dict[str, Any]:
    return {"billing": [{"on": on, "net": net} for on, net in rows]}


HALVES = plan(("2024-01-01", "600.00"), ("2024-07-01", "600.00"))


def test_each_planned_invoice_stands_from_its_day() -> None:
    books = ledger(
        accepted("2023-12-15", line("S", "1200.00", *YEAR, **HALVES), line("T", "50.00", number="2"))
    )
    assert books.beside("2023-12-31") == {}
    assert books.beside("2024-01-01") == {"scheduled": "600.00"}
    assert books.beside("2024-07-01") == {"scheduled": "1200.00"}
    rows = [posting.row for posting in books.postings if posting.row[3] == 75]
    assert [(row[5], row[6] < row[7], row[11], row[12]) for row in rows] == [
        (60000, True, "S", "SO-1/1"),
        (60000, True, "S", "SO-1/1"),
    ]


def test_lines_worth_nothing_plan_nothing() -> None:
    books = ledger(accepted("2024-01-01", line("U", "1200.00", kind="optional", **HALVES)))
    assert books.beside("2024-12-31") == {}


def test_a_changed_plan_replaces_what_lies_on_or_after_the_change() -> None:
    books = ledger(
        accepted("2023-12-15", line("S", "1200.00", *YEAR, **HALVES)),
        order_changed(
            "2024-07-01",
            line(
                "S",
                "1200.00",
                *YEAR,
                **plan(("2024-01-01", "1.00"), ("2024-08-01", "300.00"), ("2024-11-01", "300.00")),
            ),
        ),
        order_changed("2024-09-01", line("S", "1200.00", *YEAR)),
    )
    assert books.beside("2024-07-31") == {"scheduled": "600.00"}
    assert books.beside("2024-08-01") == {"scheduled": "900.00"}
    assert books.beside("2024-11-01") == {"scheduled": "1200.00"}


def test_a_plan_said_again_posts_nothing() -> None:
    first = accepted("2023-12-15", line("S", "1200.00", *YEAR, **HALVES))
    again = order_changed("2024-02-01", line("S", "1200.00", *YEAR, **HALVES))
    assert len(books_of([first, again]).postings) == len(books_of([first]).postings)


def test_a_line_left_out_plans_nothing_from_then_on() -> None:
    books = ledger(
        accepted("2023-12-15", line("S", "1200.00", *YEAR, **HALVES), line("T", "50.00", number="2")),
        order_changed("2024-07-01", line("T", "50.00", number="2")),
    )
    assert books.beside("2024-12-31") == {"scheduled": "600.00"}


def test_a_cancellation_takes_back_what_is_planned_for_after_its_day() -> None:
    order = accepted("2023-12-15", line("S", "1200.00", *YEAR, **HALVES), line("T", "50.00", number="2"))
    assert ledger(order, cancelled("2024-06-30")).beside("2024-12-31") == {"scheduled": "600.00"}
    assert ledger(order, line_cancelled("2024-07-01", "1")).beside("2024-12-31") == {"scheduled": "1200.00"}
    assert ledger(order, cancelled("2023-12-20")).beside("2024-12-31") == {}


def test_amendments_and_renewals_add_their_plans() -> None:
    books = ledger(
        accepted("2023-12-15", line("S", "1200.00", *YEAR, **HALVES)),
        amended("2024-03-01", line("S", "-100.00", kind="recurring", **plan(("2024-07-01", "-100.00")))),
        renewed(
            "2024-11-01",
            line("S", "1200.00", "2025-01-01", "2025-12-31", **plan(("2025-01-01", "1200.00"))),
            replaces="SO-1",
        ),
    )
    assert books.beside("2024-12-31") == {"scheduled": "1100.00"}
    assert books.beside("2025-01-01") == {"scheduled": "2300.00"}
