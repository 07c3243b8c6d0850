"""Invoices, credit memos, disputes, write-offs (accounting.md section 3)."""

from datetime import date

from domain.instants import format_day, from_date
from projections import accounts as a
from tests.projections.books import Books, ledger, worth
from tests.projections.events import (
    accepted,
    cancelled,
    credited,
    disputed,
    invoiced,
    line,
    memo_applied,
    recovered,
    redated,
    resolved,
    voided,
    written_off,
)

A = line("A", "100.00", of="SO-1/1", tax="19.00")


def due(books: Books, on: str) -> dict[str, int]:
    """What is receivable by due date, minor units."""
    day = from_date(date.fromisoformat(on))
    found: dict[str, int] = {}
    for _, row in books.postings:
        for account, sign in ((row[2], -1), (row[3], 1)):
            if account == a.RECEIVABLE:
                key = format_day(row[10])
                found[key] = found.get(key, 0) + sign * worth(row, day)
    return {key: amount for key, amount in found.items() if amount}


def test_an_invoice_turns_unbilled_into_receivable_and_adds_tax() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "300.00", recognition="manual")),
        invoiced("2024-02-01", "I-1", A, due="2024-03-02"),
    )
    assert books.claims("2024-02-01") == {
        "receivable": "119.00",
        "unbilled": "200.00",
        "won_unordered": "-300.00",
    }
    assert books.performance("2024-02-01") == {"unperformed": "300.00"}
    assert due(books, "2024-02-01") == {"2024-03-02": 11900}


def test_a_line_earned_on_invoice_follows_the_invoice() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "300.00")),
        invoiced("2024-02-01", "I-1", A),
        voided("2024-02-15", "I-1"),
    )
    assert books.performance("2024-02-01") == {"recognised": "100.00", "unperformed": "200.00"}
    assert books.performance("2024-02-15") == {"unperformed": "300.00"}
    assert books.claims("2024-02-15") == {"unbilled": "300.00", "won_unordered": "-300.00"}
    assert books.minor("2024-02-15").get("source.tax") is None


def test_an_invoice_before_its_order_in_business_order_heals() -> None:
    for of in ("SO-1/1", None):
        books = ledger(
            invoiced("2024-01-10", "I-1", line("A", "100.00", of=of, tax="19.00")),
            accepted("2024-02-01", line("A", "100.00")),
        )
        assert books.claims("2024-01-10") == {"receivable": "119.00", "unbilled": "-100.00"}
        assert books.performance("2024-01-10") == {}
        assert books.claims("2024-02-01") == {"receivable": "119.00", "won_unordered": "-100.00"}
        assert books.performance("2024-02-01") == {"recognised": "100.00"}


def test_a_void_after_the_order_caught_up_takes_back_what_was_earned() -> None:
    books = ledger(
        invoiced("2024-01-10", "I-1", line("A", "100.00")),
        accepted("2024-02-01", line("A", "100.00")),
        voided("2024-03-01", "I-1"),
    )
    assert books.performance("2024-03-01") == {"unperformed": "100.00"}
    assert books.claims("2024-03-01") == {"unbilled": "100.00", "won_unordered": "-100.00"}


def test_a_line_without_reference_belongs_to_the_deals_one_order_line_of_its_product() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00"), line("B", "50.00")),
        invoiced("2024-02-01", "I-1", line("B", "50.00")),
        cancelled("2024-03-01"),
    )
    assert books.claims("2024-03-01") == {
        "cancelled": "100.00",
        "receivable": "50.00",
        "won_unordered": "-150.00",
    }
    assert books.recognised("2024-03-01") == "50.00"


def test_a_line_without_reference_where_two_lines_have_the_product_performs_nothing() -> None:
    two = accepted("2024-01-01", line("A", "60.00"), line("A", "40.00"))
    bill = line("A", "100.00")
    for day in ("2023-12-01", "2024-02-01"):  # before the order, and after it
        books = ledger(two, invoiced(day, "I-1", bill))
        assert books.claims("2024-03-01") == {"receivable": "100.00", "won_unordered": "-100.00"}
        assert books.performance("2024-03-01") == {"unperformed": "100.00"}


def test_an_invoice_in_another_currency_than_its_order_bills_in_its_own() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", line("A", "110.00", of="SO-1/1"), currency="USD"),
    )
    assert books.claims("2024-02-01", "EUR") == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.claims("2024-02-01", "USD") == {"receivable": "110.00", "unbilled": "-110.00"}


def test_a_void_takes_back_every_product_as_it_was_invoiced() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00", recognition="manual")),
        invoiced("2024-02-01", "I-1", line("A-2024", "100.00", of="SO-1/1", tax="19.00")),
        voided("2024-03-01", "I-1"),
    )
    left: dict[str, int] = {}
    for _, row in books.postings:
        if row[13] == "I-1" and row[3] == a.RECEIVABLE:
            left[row[11]] = left.get(row[11], 0) + row[5]
    assert left == {"A-2024": 0}


def test_an_invoice_counts_once_by_its_number() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", A),
        invoiced("2024-02-02", "I-1", A),
    )
    assert books.claims("2024-02-28")["receivable"] == "119.00"
    assert books.found() == ["DUPLICATE_BUSINESS_KEY"]


def test_a_void_counts_once_and_needs_an_invoice() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", A),
        voided("2024-02-02", "I-1"),
        voided("2024-02-03", "I-1"),
        voided("2024-02-03", "I-2"),
    )
    assert books.claims("2024-02-28") == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_what_is_open_moves_to_the_new_due_date() -> None:
    books = ledger(
        invoiced("2024-02-01", "I-1", A, due="2024-03-01"),
        written_off("2024-02-10", "I-1", "19.00"),
        redated("2024-02-20", "I-1", "2024-04-01", sequence="2"),
        redated("2024-02-25", "I-1", "2024-05-01", sequence="1"),
        written_off("2024-03-10", "I-1", "40.00"),
    )
    assert due(books, "2024-02-10") == {"2024-03-01": 10000}
    assert due(books, "2024-02-20") == {"2024-04-01": 10000}
    assert due(books, "2024-03-10") == {"2024-04-01": 6000}


def test_a_due_date_of_an_invoice_never_seen_is_found() -> None:
    books = ledger(redated("2024-02-20", "I-1", "2024-04-01"))
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_a_concession_is_credited_out_of_what_is_earned() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", A),
        credited(
            "2024-03-01",
            "C-1",
            "concession",
            line("A", "10.00", of="SO-1/1", tax="1.90"),
            to=(("I-1", "11.90"),),
        ),
    )
    assert books.claims("2024-03-01") == {
        "credited.concession": "10.00",
        "receivable": "107.10",
        "won_unordered": "-100.00",
    }
    assert books.minor("2024-03-01")["source.tax"] == -1710
    assert books.performance("2024-03-01") == {"concession": "10.00", "recognised": "90.00"}


def test_a_rebill_returns_to_unbilled_and_leaves_performance() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00", recognition="manual"), line("B", "50.00")),
        invoiced("2024-02-01", "I-1", A, line("B", "50.00", of="SO-1/2", number="2")),
        credited(
            "2024-03-01",
            "C-1",
            "rebill",
            line("A", "100.00", of="SO-1/1", tax="19.00"),
            line("B", "50.00", of="SO-1/2", number="2"),
            to=(("I-1", "169.00"),),
        ),
    )
    assert books.performance("2024-02-01") == {"recognised": "50.00", "unperformed": "100.00"}
    # lines earned on invoice follow it both ways
    assert books.performance("2024-03-01") == {"unperformed": "150.00"}
    assert books.claims("2024-03-01") == {"unbilled": "150.00", "won_unordered": "-150.00"}


def test_a_credited_cancellation_takes_what_is_unperformed_first() -> None:
    books = ledger(
        accepted("2024-01-01", line("M", "100.00", recognition="manual")),
        invoiced("2024-02-01", "I-1", line("M", "100.00", of="SO-1/1")),
        credited("2024-03-01", "C-1", "cancellation", line("M", "30.00", of="SO-1/1")),
        credited("2024-04-01", "C-2", "cancellation", line("M", "80.00", of="SO-1/1")),
    )
    assert books.performance("2024-03-01") == {"performance_cancelled": "30.00", "unperformed": "70.00"}
    assert books.performance("2024-04-01") == {"performance_cancelled": "110.00", "recognised": "-10.00"}


def test_a_credit_that_is_not_applied_is_an_open_credit() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", A),
        credited("2024-03-01", "C-1", "concession", line("A", "10.00", of="SO-1/1", tax="1.90")),
        credited("2024-03-02", "C-1", "concession", line("A", "10.00", of="SO-1/1", tax="1.90")),
        memo_applied("2024-04-01", "C-1", "I-1", "5.00"),
    )
    assert books.claims("2024-03-31")["open_credit"] == "-11.90"
    assert books.claims("2024-03-31")["receivable"] == "119.00"
    assert books.claims("2024-04-01")["open_credit"] == "-6.90"
    assert books.claims("2024-04-01")["receivable"] == "114.00"
    assert books.found() == ["DUPLICATE_BUSINESS_KEY"]


def test_a_memo_applied_before_it_is_posted_meets_it() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", A),
        memo_applied("2024-02-10", "C-1", "I-1", "11.90"),
        credited("2024-03-01", "C-1", "concession", line("A", "10.00", of="SO-1/1", tax="1.90")),
    )
    assert books.claims("2024-02-10")["open_credit"] == "11.90"
    assert "open_credit" not in books.claims("2024-03-01")
    assert {said[:2] for said in books.standing("2024-02-29")} == {("PREDECESSOR_MISSING", "C-1")}
    assert books.found() == []


def test_a_memo_is_not_applied_to_an_invoice_of_another_currency() -> None:
    books = ledger(
        invoiced("2024-02-01", "I-1", line("A", "100.00")),
        credited("2024-03-01", "C-1", "rebill", line("A", "100"), currency="JPY"),
        memo_applied("2024-03-02", "C-1", "I-1", "50"),
        memo_applied("2024-03-03", "C-1", "I-1", "50.00"),
        memo_applied("2024-03-04", "C-9", "I-9", "50.00"),
    )
    assert books.claims("2024-03-31", "JPY") == {"open_credit": "-100", "unbilled": "100"}
    assert books.found() == ["AMOUNT_PRECISION", "CURRENCY_MISMATCH", "PREDECESSOR_MISSING"]


def test_a_credit_of_a_line_that_no_order_names_undoes_the_billing() -> None:
    books = ledger(
        invoiced("2024-02-01", "I-1", line("A", "100.00")),
        credited("2024-03-01", "C-1", "concession", line("A", "10.00"), to=(("I-1", "10.00"),)),
    )
    assert books.claims("2024-03-01") == {"receivable": "90.00", "unbilled": "-90.00"}
    assert books.performance("2024-03-01") == {}


def test_a_write_off_and_a_recovery_never_touch_performance() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        invoiced("2024-02-01", "I-1", A),
        written_off("2024-06-01", "I-1", "119.00"),
        recovered("2024-07-01", "I-1", "20.00"),
    )
    assert books.claims("2024-06-01") == {"won_unordered": "-100.00", "written_off": "119.00"}
    assert books.claims("2024-07-01") == {
        "receivable": "20.00",
        "won_unordered": "-100.00",
        "written_off": "99.00",
    }
    assert books.recognised("2024-12-31") == "100.00"


def test_a_write_off_in_another_currency_is_found() -> None:
    books = ledger(
        invoiced("2024-02-01", "I-1", A), written_off("2024-06-01", "I-1", "119.00", currency="USD")
    )
    assert books.claims("2024-06-01")["receivable"] == "119.00"
    assert books.found() == ["CURRENCY_MISMATCH"]


def test_a_dispute_is_never_more_than_is_open() -> None:
    books = ledger(
        invoiced("2024-02-01", "I-1", line("A", "100.00")),
        disputed("2024-02-10", "I-1", "60.00"),
        disputed("2024-02-11", "I-1", "70.00"),
        written_off("2024-02-12", "I-1", "70.00"),
        resolved("2024-02-13", "I-1", "110.00"),
        resolved("2024-02-14", "I-1"),
    )
    held = [books.beside(f"2024-02-{day}").get("disputed") for day in (10, 11, 12, 13, 14)]
    assert held == ["60.00", "100.00", "30.00", "20.00", None]


def test_a_dispute_without_an_amount_is_all_of_it() -> None:
    books = ledger(
        invoiced("2024-02-01", "I-1", line("A", "100.00")),
        disputed("2024-02-10", "I-1"),
        written_off("2024-02-11", "I-1", "30.00"),
        resolved("2024-02-12", "I-1", "20.00"),
        voided("2024-02-13", "I-1"),
    )
    held = [books.beside(f"2024-02-{day}").get("disputed") for day in (10, 11, 12, 13)]
    assert held == ["100.00", "70.00", "50.00", None]


def test_a_dispute_before_its_invoice_waits_for_it() -> None:
    books = ledger(
        disputed("2024-01-10", "I-1", "60.00", currency="EUR"),
        invoiced("2024-02-01", "I-1", line("A", "50.00")),
        disputed("2024-01-10", "I-2"),
        disputed("2024-03-10", "I-1", "1.005"),
    )
    assert books.beside("2024-01-31") == {}
    assert books.beside("2024-02-01") == {"disputed": "50.00"}
    assert books.found() == ["AMOUNT_PRECISION", "PREDECESSOR_MISSING"]
    assert ("PREDECESSOR_MISSING", "I-2") in {said[:2] for said in books.standing("2024-12-31")}
