"""Earning by time (accounting.md section 3b, "Ratable")."""

import pytest

from tests.projections.books import Books, ledger
from tests.projections.events import accepted, amended, cancelled, credited, invoiced, line, order_changed

YEAR = ("2024-01-01", "2024-12-31")  # 366 days


def run_of(books: Books, *days: str) -> list[str]:
    return [books.recognised(day) for day in days]


def test_a_line_with_service_dates_is_earned_day_by_day_and_ends_on_its_amount() -> None:
    books = ledger(accepted("2023-12-01", line("S", "1000.00", *YEAR)))
    assert run_of(
        books, "2023-12-31", "2024-01-01", "2024-07-01", "2024-12-30", "2024-12-31", "2025-06-30"
    ) == [
        "0.00",
        "2.73",  # 2.7322
        "500.00",  # 183 of 366 days
        "997.27",
        "1000.00",
        "1000.00",
    ]
    assert books.performance("2024-07-01") == {"recognised": "500.00", "unperformed": "500.00"}


def test_half_a_cent_is_rounded_away_from_zero() -> None:
    books = ledger(accepted("2024-01-01", line("S", "0.01", "2024-01-01", "2024-01-02")))
    assert run_of(books, "2024-01-01", "2024-01-02") == ["0.01", "0.01"]
    books = ledger(accepted("2024-01-01", line("S", "-0.01", "2024-01-01", "2024-01-02")))
    assert run_of(books, "2024-01-01", "2024-01-02") == ["-0.01", "-0.01"]


def test_nothing_is_earned_before_the_fact_is_effective() -> None:
    books = ledger(accepted("2024-07-01", line("S", "1000.00", *YEAR)))
    assert run_of(books, "2024-06-30", "2024-07-01") == ["0.00", "500.00"]


def test_an_order_after_its_term_is_earned_at_once() -> None:
    books = ledger(accepted("2025-03-01", line("S", "1000.00", *YEAR)))
    assert run_of(books, "2025-02-28", "2025-03-01") == ["0.00", "1000.00"]


def test_ratable_without_dates_is_earned_on_invoice() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "100.00", recognition="ratable")),
        invoiced("2024-02-01", "I-1", line("S", "40.00", of="SO-1/1")),
    )
    assert run_of(books, "2024-01-31", "2024-02-01") == ["0.00", "40.00"]


def test_a_cancellation_stops_earning_at_the_end_of_its_day() -> None:
    books = ledger(accepted("2023-12-01", line("S", "1000.00", *YEAR)), cancelled("2024-07-01"))
    assert run_of(books, "2024-06-30", "2024-07-01", "2024-07-02", "2025-12-31") == [
        "497.27",
        "500.00",
        "500.00",
        "500.00",
    ]
    assert books.performance("2024-07-01") == {"performance_cancelled": "500.00", "recognised": "500.00"}
    assert books.performance("2024-12-31") == {"performance_cancelled": "500.00", "recognised": "500.00"}


def test_a_cancellation_before_the_service_starts_earns_nothing() -> None:
    books = ledger(accepted("2023-12-01", line("S", "1000.00", *YEAR)), cancelled("2023-12-15"))
    assert books.performance("2024-12-31") == {"performance_cancelled": "1000.00"}


def test_an_amendment_is_earned_over_its_own_dates() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR)),
        amended("2024-06-01", line("S", "184.00", "2024-07-01", "2024-12-31")),
    )
    assert run_of(books, "2024-06-30", "2024-07-01", "2024-12-31") == ["182.00", "184.00", "550.00"]


def test_an_amendment_without_dates_is_earned_from_its_effective_date_to_the_lines_end() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR)),
        amended("2024-07-01", line("S", "184.00", kind="recurring")),
    )
    assert run_of(books, "2024-06-30", "2024-07-01", "2024-12-31") == ["182.00", "184.00", "550.00"]


def test_an_amendment_without_dates_waits_for_the_lines_start() -> None:
    books = ledger(
        accepted("2023-11-01", line("S", "366.00", *YEAR)),
        amended("2023-12-01", line("S", "366.00", kind="recurring")),
    )
    assert run_of(books, "2023-12-31", "2024-01-01", "2024-12-31") == ["0.00", "2.00", "732.00"]


def test_a_changed_line_keeps_what_it_earned_to_the_day_before() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR)),
        order_changed("2024-07-01", line("S", "550.00", *YEAR)),
    )
    # 182 earned by June 30; 368 over the 184 days from July 1
    assert run_of(books, "2024-06-30", "2024-07-01", "2024-12-31") == ["182.00", "184.00", "550.00"]


def test_a_changed_line_is_earned_from_its_new_start_to_its_new_end() -> None:
    books = ledger(
        accepted("2023-12-01", line("S", "366.00", *YEAR)),
        order_changed("2023-12-15", line("S", "365.00", "2024-02-01", "2025-01-30")),
    )
    assert run_of(books, "2024-01-31", "2024-02-01", "2025-01-29", "2025-01-30") == [
        "0.00",
        "1.00",
        "364.00",
        "365.00",
    ]


def test_an_unchanged_line_is_untouched() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1000.00", *YEAR), line("B", "5.00")),
        order_changed("2024-05-07", line("S", "1000.00", *YEAR), line("B", "6.00")),
    )
    assert [row[5] for _, row in books.postings if row[3] == 53] == [100000]


def test_a_line_left_out_of_a_changed_order_is_taken_off() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR), line("B", "5.00")),
        order_changed("2024-01-01", line("B", "5.00", number="2")),
    )
    assert books.performance("2024-12-31") == {"unperformed": "5.00"}
    assert books.claims("2024-12-31") == {"unbilled": "5.00", "won_unordered": "-5.00"}


def test_a_line_that_becomes_ratable_is_earned_by_time_from_the_change() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "400.00")),
        invoiced("2024-02-01", "I-1", line("S", "32.00", of="SO-1/1")),
        order_changed("2024-07-01", line("S", "400.00", *YEAR)),
        invoiced("2024-08-01", "I-2", line("S", "100.00", of="SO-1/1")),
    )
    assert run_of(books, "2024-06-30", "2024-07-01", "2024-12-31") == ["32.00", "34.00", "400.00"]


def test_a_line_that_becomes_earned_by_delivery_is_owed_as_unfulfilled() -> None:
    books = ledger(
        accepted("2024-01-01", line("G", "400.00")),
        order_changed("2024-07-01", line("G", "400.00", recognition="on_fulfilment")),
    )
    assert books.performance("2024-06-30") == {"unperformed": "400.00"}
    assert books.performance("2024-07-01") == {"unfulfilled": "400.00"}


def test_a_credited_cancellation_on_a_running_line_leaves_the_rest_to_its_remaining_days() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR)),
        invoiced("2024-01-01", "I-1", line("S", "366.00", of="SO-1/1")),
        credited("2024-06-30", "C-1", "cancellation", line("S", "92.00", of="SO-1/1")),
    )
    # 182 earned, 184 left less 92: 0.50 a day
    assert run_of(books, "2024-06-30", "2024-07-02", "2024-12-31", "2025-01-31") == [
        "182.00",
        "183.00",
        "274.00",
        "274.00",
    ]
    assert books.performance("2024-12-31") == {"performance_cancelled": "92.00", "recognised": "274.00"}


def test_a_credited_cancellation_before_the_service_starts_does_not_start_it() -> None:
    books = ledger(
        accepted("2023-11-01", line("S", "366.00", *YEAR)),
        credited("2023-12-01", "C-1", "cancellation", line("S", "183.00", of="SO-1/1")),
    )
    assert run_of(books, "2023-12-31", "2024-01-02", "2024-12-31") == ["0.00", "1.00", "183.00"]


def test_a_credited_cancellation_of_more_than_is_left_comes_out_of_what_was_earned() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR)),
        credited("2024-06-30", "C-1", "cancellation", line("S", "200.00", of="SO-1/1")),
    )
    assert run_of(books, "2024-06-29", "2024-06-30", "2024-12-31") == ["181.00", "166.00", "166.00"]
    assert books.performance("2024-12-31") == {"performance_cancelled": "200.00", "recognised": "166.00"}


@pytest.mark.parametrize("day", ["2024-01-31", "2024-05-06", "2024-12-30"])
def test_amended_then_cancelled_keeps_the_earned_of_that_day(day: str) -> None:
    plain = ledger(
        accepted("2024-01-01", line("S", "1000.00", *YEAR)), amended("2024-01-15", line("S", "77.77", *YEAR))
    )
    stopped = ledger(
        accepted("2024-01-01", line("S", "1000.00", *YEAR)),
        amended("2024-01-15", line("S", "77.77", *YEAR)),
        cancelled(day),
    )
    assert stopped.recognised(day) == stopped.recognised("2026-01-01") == plain.recognised(day)
