"""Recurring value a year: contracted, live, and how it moves (accounting.md section 3b)."""

import pytest

from tests.projections.books import ledger
from tests.projections.events import (
    accepted,
    amended,
    cancelled,
    ended,
    line,
    line_cancelled,
    order_changed,
    renewed,
)

YEAR = ("2024-01-01", "2024-12-31")
NEXT = ("2025-01-01", "2025-12-31")


@pytest.mark.parametrize(
    ("net", "start", "end", "yearly"),
    [
        ("1200.00", "2024-01-01", "2024-12-31", "1200.00"),
        ("100.00", "2024-01-31", "2024-02-28", "1200.00"),  # clamped: a month from the 31st
        ("300.00", "2024-11-30", "2025-02-27", "1200.00"),  # three months, clamped to February 28th
        ("100.00", "2024-01-15", "2024-03-14", "600.00"),
        ("100.00", "2024-01-01", "2024-04-09", "365.00"),  # a hundred days
        ("100.00", "2024-01-01", "2024-07-31", "171.43"),  # seven months
        ("0.05", "2024-01-01", "2025-12-31", "0.03"),  # 0.025, away from zero
    ],
)
def test_the_run_rate_is_by_whole_months_else_by_days(net: str, start: str, end: str, yearly: str) -> None:
    books = ledger(accepted("2023-12-01", line("S", net, start, end)))
    assert books.run_rate("2023-12-01") == {"contracted": yearly}
    assert books.run_rate(start) == {"live": yearly}


def test_only_recurring_lines_have_a_run_rate() -> None:
    books = ledger(accepted("2024-01-01", line("S", "12.00", *YEAR, kind="one_time"), line("B", "5.00")))
    assert books.run_rate("2024-06-01") == {}


def test_a_line_is_live_from_its_service_start_never_before_the_fact() -> None:
    books = ledger(accepted("2024-03-01", line("S", "1200.00", *YEAR)))
    assert books.run_rate("2024-02-29") == {}
    assert books.run_rate("2024-03-01") == {"live": "1200.00"}


def test_an_upsell_expands_and_is_live_from_its_start() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        amended("2024-06-01", line("S", "300.00", "2024-07-01", "2024-12-31")),
    )
    assert books.run_rate("2024-06-30") == {"contracted": "600.00", "live": "1200.00"}
    assert books.run_rate("2024-07-01") == {"live": "1800.00"}
    assert books.moved("source.expansion", "contracted") == "600.00"


def test_a_downsell_contracts() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        amended("2024-07-01", line("S", "-300.00", kind="recurring"), kind="downsell"),
    )
    assert books.run_rate("2024-07-01") == {"live": "600.00", "contraction": "600.00"}


def test_a_movement_is_labelled_by_the_sign_of_the_whole_milestone() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("T", "1200.00", *YEAR)),
        amended(
            "2024-07-01",
            line("S", "-300.00", "2024-07-01", "2024-12-31"),
            line("T", "400.00", "2024-07-01", "2024-12-31"),
        ),
    )
    assert books.run_rate("2024-07-01") == {"live": "2600.00"}
    assert books.moved("source.expansion", "contracted") == "200.00"


def test_a_changed_order_moves_by_the_difference() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("T", "600.00", *YEAR)),
        order_changed("2024-03-01", line("S", "1500.00", *YEAR)),
    )
    assert books.run_rate("2024-03-01") == {"live": "1500.00", "contraction": "300.00"}


def test_a_flat_renewal_moves_nothing() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-11-01", line("S", "1200.00", *NEXT), replaces="SO-1"),
        ended("expired", "2024-12-31"),
    )
    for day in ("2024-10-31", "2024-11-01", "2024-12-31", "2025-01-01", "2026-01-01"):
        assert books.run_rate(day) == {"live": "1200.00"}
    assert books.moved("contracted", "churn") == "0.00"


def test_an_uplift_is_contracted_when_booked_and_live_on_the_new_start() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-11-01", line("S", "1320.00", *NEXT), replaces="SO-1", kind="uplift"),
    )
    assert books.run_rate("2024-11-01") == {"contracted": "120.00", "live": "1200.00"}
    assert books.run_rate("2025-01-01") == {"live": "1320.00"}
    assert books.moved("source.expansion", "contracted") == "120.00"


def test_a_renewal_for_less_contracts_on_the_new_start() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("T", "600.00", *YEAR)),
        renewed("2024-11-01", line("S", "1260.00", *NEXT), replaces="SO-1"),
    )
    assert books.run_rate("2024-12-31") == {
        "contracted": "-540.00",
        "contraction": "540.00",
        "live": "1800.00",
    }
    assert books.run_rate("2025-01-01") == {"contraction": "540.00", "live": "1260.00"}


def test_each_renewed_line_goes_live_on_its_own_start() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed(
            "2024-11-01",
            line("S", "1200.00", *NEXT),
            line("T", "600.00", "2025-04-01", "2026-03-31"),
            replaces="SO-1",
        ),
    )
    assert books.run_rate("2025-03-31") == {"contracted": "600.00", "live": "1200.00"}
    assert books.run_rate("2025-04-01") == {"live": "1800.00"}


def test_a_renewal_in_another_currency_moves_each_in_its_own() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-11-01", line("S", "1300.00", *NEXT), currency="USD", replaces="SO-1"),
    )
    assert books.run_rate("2025-01-01", "EUR") == {"contraction": "1200.00"}
    assert books.run_rate("2025-01-01", "USD") == {"live": "1300.00"}
    assert books.run_rate("2024-12-31", "EUR")["live"] == "1200.00"


def test_a_renewal_of_nothing_known_is_new_and_found() -> None:
    books = ledger(renewed("2024-11-01", line("S", "1200.00", *NEXT), replaces="SO-9"))
    assert books.moved("source.new", "contracted") == "1200.00"
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_an_expiry_churns() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("expired", "2024-12-31"),
        ended("churned", "2025-01-31"),
    )
    assert books.run_rate("2024-12-30") == {"live": "1200.00"}
    assert books.run_rate("2024-12-31") == {"churn": "1200.00"}
    assert books.run_rate("2025-12-31") == {"churn": "1200.00"}


def test_a_churn_takes_effect_on_the_date_that_it_speaks_of() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("churned", "2024-09-01", on_="2024-12-31"),
    )
    assert books.run_rate("2024-12-30") == {"live": "1200.00"}
    assert books.run_rate("2024-12-31") == {"churn": "1200.00"}


def test_a_renewal_before_the_announced_churn_replaces_it() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("churned", "2024-09-01", on_="2024-12-31"),
        renewed("2024-11-01", line("S", "1300.00", *NEXT), replaces="SO-1"),
    )
    assert books.run_rate("2024-12-31") == {"contracted": "100.00", "live": "1200.00"}
    assert books.run_rate("2025-01-01") == {"live": "1300.00"}
    assert books.moved("source.expansion", "contracted") == "100.00"
    assert books.moved("source.reactivation", "contracted") == "0.00"


@pytest.mark.parametrize("how", ["expired", "churned", "cancelled"])
def test_renewing_what_has_ended_is_a_reactivation(how: str) -> None:
    end = cancelled("2024-12-31") if how == "cancelled" else ended(how, "2024-12-31")
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        end,
        renewed("2025-02-01", line("S", "1300.00", "2025-02-01", "2026-01-31"), replaces="SO-1"),
    )
    assert books.run_rate("2025-02-01") == {"churn": "1200.00", "live": "1300.00"}
    assert books.moved("source.reactivation", "contracted") == "1300.00"


def test_a_cancelled_line_contracts_and_a_cancelled_order_churns() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("T", "600.00", *YEAR)),
        line_cancelled("2024-03-01", "2"),
        cancelled("2024-04-01"),
    )
    assert books.run_rate("2024-03-31") == {"contraction": "600.00", "live": "1200.00"}
    assert books.run_rate("2024-04-01") == {"churn": "1200.00", "contraction": "600.00"}


def test_an_order_cancelled_before_its_start_is_never_live() -> None:
    books = ledger(accepted("2023-11-01", line("S", "1200.00", *YEAR)), cancelled("2023-12-01"))
    assert books.run_rate("2023-11-30") == {"contracted": "1200.00"}
    assert books.run_rate("2023-12-01") == {"churn": "1200.00"}
    assert books.run_rate("2024-06-01") == {"churn": "1200.00"}


def test_what_was_cancelled_and_is_ordered_again_can_end_again() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        cancelled("2024-03-01"),
        order_changed("2024-04-01", line("S", "1500.00", *YEAR)),
        ended("expired", "2024-12-31"),
    )
    assert books.run_rate("2024-04-01") == {"churn": "1200.00", "live": "1500.00"}
    assert books.run_rate("2024-12-31") == {"churn": "2700.00"}


def test_an_end_of_an_order_already_replaced_moves_nothing() -> None:
    for end in (ended("churned", "2025-02-01"), cancelled("2025-02-01"), line_cancelled("2025-02-01", "1")):
        books = ledger(
            accepted("2024-01-01", line("S", "1200.00", *YEAR)),
            renewed("2024-11-01", line("S", "1300.00", *NEXT), replaces="SO-1"),
            end,
        )
        assert books.run_rate("2025-06-30") == {"live": "1300.00"}


def test_a_snapshot_of_an_order_already_replaced_moves_no_run_rate() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-11-01", line("S", "1300.00", *NEXT), replaces="SO-1"),
        order_changed("2024-11-15", line("S", "1250.00", *YEAR)),
    )
    assert books.run_rate("2025-06-30") == {"live": "1300.00"}


def test_the_end_of_an_order_never_seen_is_found() -> None:
    books = ledger(ended("expired", "2024-12-31"))
    assert books.postings == []
    assert books.found() == ["PREDECESSOR_MISSING"]
