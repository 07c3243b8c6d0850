"""What lies between won and ordered, product by product, and why (accounting.md section 3a)."""

import pytest

from tests.projections.books import ledger
from tests.projections.events import accepted, amended, changed, line, order_changed, renewed, won


def test_an_order_at_the_won_amount_leaves_nothing() -> None:
    books = ledger(won("2024-01-01", line("A", "100.00")), accepted("2024-01-02", line("A", "100.00")))
    assert books.claims("2024-01-02") == {"unbilled": "100.00"}


def test_an_order_in_a_deal_that_is_not_won_stays_negative_and_heals() -> None:
    books = ledger(accepted("2024-01-02", line("A", "100.00")), won("2024-02-01", line("A", "100.00")))
    assert books.claims("2024-01-31") == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.claims("2024-02-01") == {"unbilled": "100.00"}


@pytest.mark.parametrize(
    ("reason", "sold", "bought"),
    [
        ("price", line("A", "100.00"), line("A", "90.00")),
        ("price", line("A", "100.00", quantity="10"), line("A", "90.00", quantity="10")),
        ("price", line("A", "100.00", quantity="10"), line("A", "90.00")),
        ("quantity", line("A", "100.00", quantity="10"), line("A", "90.00", quantity="9")),
        (
            "term",
            line("A", "100.00", "2024-01-01", "2024-12-31", quantity="10"),
            line("A", "90.00", "2024-01-01", "2024-11-30", quantity="9"),
        ),
        (
            "price",
            line("A", "100.00", "2024-01-01", "2024-12-31"),
            line("A", "90.00", "2024-01-01", "2024-12-31"),
        ),
    ],
)
def test_the_reason_is_found_by_comparing_what_is_won_and_ordered(
    reason: str, sold: dict[str, str], bought: dict[str, str]
) -> None:
    after = ledger(won("2024-01-01", sold), accepted("2024-01-02", bought))
    assert after.claims("2024-01-02") == {"unbilled": "90.00", f"variance.{reason}": "10.00"}
    waiting = ledger(won("2024-01-03", sold), accepted("2024-01-02", bought))
    assert waiting.claims("2024-01-03") == {"unbilled": "90.00", f"variance.{reason}": "10.00"}


def test_service_days_are_compared_as_days_covered() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00", "2024-01-01", "2024-12-31")),
        accepted(
            "2024-01-02",
            line("A", "60.00", "2024-07-01", "2024-12-31"),
            line("A", "30.00", "2024-01-01", "2024-06-30"),
        ),
    )
    assert books.claims("2024-01-02") == {"unbilled": "90.00", "variance.price": "10.00"}


def test_a_product_that_was_ordered_and_not_won_is_scope() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00"), line("B", "7.00")),
    )
    assert books.claims("2024-01-02") == {"unbilled": "107.00", "variance.scope": "-7.00"}


def test_a_product_that_was_won_and_not_ordered_is_still_to_be_ordered() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00"), line("B", "7.00")),
        accepted("2024-01-02", line("A", "100.00")),
    )
    assert books.claims("2024-01-02") == {"unbilled": "100.00", "won_unordered": "7.00"}


def test_a_win_without_lines_leaves_unspecified() -> None:
    books = ledger(
        won("2024-01-01", amount="100.00"), accepted("2024-01-02", line("A", "60.00"), line("B", "30.00"))
    )
    assert books.claims("2024-01-02") == {"unbilled": "90.00", "variance.unspecified": "10.00"}


def test_a_second_order_for_a_win_without_lines_uses_up_what_is_unspecified() -> None:
    books = ledger(
        won("2024-01-01", amount="100.00"),
        accepted("2024-01-02", line("A", "60.00")),
        accepted("2024-01-03", line("B", "40.00"), order="SO-2"),
    )
    assert books.claims("2024-01-02") == {"unbilled": "60.00", "variance.unspecified": "40.00"}
    assert books.claims("2024-01-03") == {"unbilled": "100.00"}


def test_an_amendment_that_was_not_sold_is_amendment_not_in_crm() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00")),
        amended("2024-02-01", line("A", "30.00")),
    )
    assert books.claims("2024-02-01") == {"unbilled": "130.00", "variance.amendment_not_in_crm": "-30.00"}


def test_a_win_takes_back_what_was_amended_ahead_of_it() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00")),
        amended("2024-02-01", line("A", "30.00")),
        won("2024-03-01", line("A", "30.00"), number="O-2", deal="O-1"),
    )
    assert books.claims("2024-03-01") == {"unbilled": "130.00"}


def test_a_win_takes_back_no_more_than_its_amount() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00")),
        amended("2024-02-01", line("A", "30.00")),
        won("2024-03-01", line("A", "20.00"), number="O-2", deal="O-1"),
    )
    assert books.claims("2024-03-01") == {"unbilled": "130.00", "variance.amendment_not_in_crm": "-10.00"}


def test_a_renewal_that_was_not_sold_is_renewal_not_in_crm_until_it_is() -> None:
    term = ("2024-01-01", "2024-12-31")
    nxt = ("2025-01-01", "2025-12-31")
    books = ledger(
        won("2024-01-01", line("A", "100.00", *term)),
        accepted("2024-01-01", line("A", "100.00", *term)),
        renewed("2024-11-01", line("A", "110.00", *nxt), replaces="SO-1"),
        won("2024-12-01", line("A", "110.00", *nxt), number="O-2", deal="O-1", class_="renewal"),
    )
    assert books.claims("2024-11-30") == {"unbilled": "210.00", "variance.renewal_not_in_crm": "-110.00"}
    assert books.claims("2024-12-01") == {"unbilled": "210.00"}


def test_a_product_has_one_reason_at_a_time() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "90.00")),
        amended("2024-02-01", line("A", "5.00")),
    )
    assert books.claims("2024-01-31") == {"unbilled": "90.00", "variance.price": "10.00"}
    assert books.claims("2024-02-01") == {"unbilled": "95.00", "variance.amendment_not_in_crm": "5.00"}


def test_an_amendment_is_settled_under_the_product_of_the_line_that_it_changes() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00")),
        amended("2024-02-01", line("A-PLUS", "30.00")),
    )
    assert books.claims("2024-02-01") == {"unbilled": "130.00", "variance.amendment_not_in_crm": "-30.00"}


def test_a_changed_order_is_settled_anew() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00", quantity="10")),
        accepted("2024-01-02", line("A", "90.00", quantity="10")),
        order_changed("2024-01-03", line("A", "80.00", quantity="8")),
        order_changed("2024-01-04", line("A", "100.00", quantity="10")),
    )
    assert books.claims("2024-01-02") == {"unbilled": "90.00", "variance.price": "10.00"}
    assert books.claims("2024-01-03") == {"unbilled": "80.00", "variance.quantity": "20.00"}
    assert books.claims("2024-01-04") == {"unbilled": "100.00"}


def test_currencies_are_never_netted() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")), accepted("2024-01-02", line("A", "110.00"), currency="USD")
    )
    assert books.claims("2024-01-02", "EUR") == {"won_unordered": "100.00"}
    assert books.claims("2024-01-02", "USD") == {"unbilled": "110.00", "won_unordered": "-110.00"}


def test_a_win_that_grows_after_its_order_was_waiting_is_settled() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        won("2024-01-02", line("A", "90.00")),
        changed("2024-01-03", line("A", "100.00")),
    )
    assert books.claims("2024-01-02") == {"unbilled": "100.00", "variance.price": "-10.00"}
    assert books.claims("2024-01-03") == {"unbilled": "100.00"}
