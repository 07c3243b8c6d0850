"""Deliveries, returns, activations, usage and manual revenue (accounting.md section 3)."""

from tests.projections.books import ledger
from tests.projections.events import (
    accepted,
    activated,
    amended,
    credited,
    delivered,
    earned,
    invoiced,
    line,
    rated,
    returned,
)


def goods(net: str, quantity: str | None = None, number: str = "1", currency: str = "EUR") -> dict[str, str]:
    return line("G", net, number=number, quantity=quantity, recognition="on_fulfilment")


def test_deliveries_are_earned_by_quantity_rounded_on_the_running_total() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "3")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "1")),
        delivered("2024-01-20", "F-2", ("SO-1/1", "1")),
        delivered("2024-01-30", "F-3", ("SO-1/1", "1")),
    )
    days = ("2024-01-10", "2024-01-20", "2024-01-30")
    assert [books.recognised(day) for day in days] == ["33.33", "66.67", "100.00"]
    assert books.performance("2024-01-10") == {"recognised": "33.33", "unfulfilled": "66.67"}


def test_a_delivery_counts_once_by_its_number() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "4")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "1")),
        delivered("2024-01-11", "F-1", ("SO-1/1", "1")),
        returned("2024-01-12", "F-1", ("SO-1/1", "1")),  # a return may carry the number of its delivery
    )
    assert books.recognised("2024-01-11") == "25.00"
    assert books.recognised("2024-01-12") == "0.00"
    assert books.found() == ["DUPLICATE_BUSINESS_KEY"]


def test_a_delivery_by_net_is_earned_as_it_says() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "3")),
        delivered("2024-01-10", "F-1", ("SO-1/1", {"net": "12.34"})),
    )
    assert books.recognised("2024-01-10") == "12.34"


def test_deliveries_by_net_and_by_quantity_add_up() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "4")),
        delivered("2024-01-10", "F-1", ("SO-1/1", {"net": "30.00"})),
        delivered("2024-01-11", "F-2", ("SO-1/1", "1")),
        returned("2024-01-12", "R-1", ("SO-1/1", "1")),
    )
    assert books.recognised("2024-01-11") == "55.00"
    assert books.recognised("2024-01-12") == "30.00"


def test_a_delivery_without_a_quantity_is_all_of_it_and_so_is_a_return() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "4")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "1")),
        delivered("2024-01-11", "F-2", ("SO-1/1", None)),
        returned("2024-01-12", "R-1", ("SO-1/1", "1")),
        returned("2024-01-13", "R-2", ("SO-1/1", None)),
    )
    days = ("2024-01-10", "2024-01-11", "2024-01-12", "2024-01-13")
    assert [books.recognised(day) for day in days] == ["25.00", "100.00", "75.00", "0.00"]


def test_a_line_without_a_quantity_is_one_unit() -> None:
    books = ledger(accepted("2024-01-01", goods("100.00")), delivered("2024-01-10", "F-1", ("SO-1/1", "0.5")))
    assert books.recognised("2024-01-10") == "50.00"


def test_an_amended_quantity_counts_from_the_next_delivery_on() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "10")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "5")),
        amended("2024-01-15", goods("50.00", "5")),
        delivered("2024-01-20", "F-2", ("SO-1/1", "10")),
    )
    assert [books.recognised(day) for day in ("2024-01-15", "2024-01-20")] == ["50.00", "150.00"]


def test_deliveries_do_not_earn_lines_that_are_earned_otherwise() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00"), line("S", "50.00", recognition="on_activation")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "1"), ("SO-1/2", "1")),
    )
    assert books.recognised("2024-12-31") == "0.00"
    books = ledger(
        accepted("2024-01-01", goods("100.00"), line("S", "50.00", recognition="on_activation")),
        activated("2024-01-10", "F-1", ("SO-1/1", None), ("SO-1/2", None)),
    )
    assert books.recognised("2024-12-31") == "50.00"


def test_a_delivery_before_its_order_is_found_and_counts_from_the_order_on() -> None:
    books = ledger(
        delivered("2024-01-10", "F-1", ("SO-1/1", "1")),
        returned("2024-01-11", "R-1", ("SO-1/1", "0.5")),
        accepted("2024-02-01", goods("100.00", "2")),
    )
    assert books.performance("2024-01-31") == {}
    assert books.performance("2024-02-01") == {"recognised": "25.00", "unfulfilled": "75.00"}
    assert {said[:2] for said in books.standing("2024-01-31")} == {("PREDECESSOR_MISSING", "SO-1/1")}
    assert books.standing("2024-02-01") == set(), "what was said ahead counts now: nothing is missing"


def test_what_comes_back_is_owed_again() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100.00", "10")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "10")),
        returned("2024-01-20", "R-1", ("SO-1/1", "3")),
        delivered("2024-01-30", "F-2", ("SO-1/1", "3")),
    )
    assert books.performance("2024-01-20") == {"recognised": "70.00", "unfulfilled": "30.00"}
    assert books.performance("2024-01-30") == {"recognised": "100.00"}


def test_a_return_that_is_received_and_credited_counts_once() -> None:
    order = (accepted("2024-01-01", goods("100.00", "10")), delivered("2024-01-10", "F-1", ("SO-1/1", "10")))
    bill = invoiced("2024-01-11", "I-1", line("G", "100.00", of="SO-1/1"))
    back = returned("2024-01-20", "R-1", ("SO-1/1", "3"))
    early = credited("2024-01-19", "C-1", "return", line("G", "30.00", of="SO-1/1"))
    late = credited("2024-01-21", "C-1", "return", line("G", "30.00", of="SO-1/1"))
    for memo in (early, late):
        books = ledger(*order, bill, back, memo)
        assert books.performance("2024-01-31") == {"performance_cancelled": "30.00", "recognised": "70.00"}
        assert books.claims("2024-01-31")["credited.return"] == "30.00"


def test_recognised_falls_by_the_larger_of_what_came_back_and_what_is_credited() -> None:
    order = (accepted("2024-01-01", goods("100.00", "10")), delivered("2024-01-10", "F-1", ("SO-1/1", "10")))
    books = ledger(
        *order,
        returned("2024-01-20", "R-1", ("SO-1/1", "3")),
        credited("2024-01-21", "C-1", "return", line("G", "20.00", of="SO-1/1")),
    )
    # unperformed holds only what came back and is not credited
    assert books.performance("2024-01-31") == {
        "performance_cancelled": "20.00",
        "recognised": "70.00",
        "unfulfilled": "10.00",
    }
    books = ledger(
        *order,
        returned("2024-01-20", "R-1", ("SO-1/1", "3")),
        credited("2024-01-21", "C-1", "return", line("G", "50.00", of="SO-1/1")),
    )
    assert books.performance("2024-01-31") == {"performance_cancelled": "50.00", "recognised": "50.00"}


def test_usage_is_to_be_billed_and_earned_when_rated() -> None:
    books = ledger(
        accepted("2024-01-01", line("U", "0.00", kind="usage")),
        rated("2024-01-31", "U-1", line("U", "12.34", of="SO-1/1")),
        rated("2024-01-31", "U-1", line("U", "12.34", of="SO-1/1")),
        invoiced("2024-02-01", "I-1", line("U", "12.34", of="SO-1/1")),
    )
    assert books.claims("2024-01-31") == {"unbilled": "12.34"}
    assert books.performance("2024-01-31") == {"recognised": "12.34"}
    assert books.claims("2024-02-01") == {"receivable": "12.34"}
    assert books.found() == ["DUPLICATE_BUSINESS_KEY"]


def test_usage_without_an_order_counts() -> None:
    books = ledger(rated("2024-01-31", "U-1", line("U", "12.34")))
    assert books.claims("2024-01-31") == {"unbilled": "12.34"}
    assert books.performance("2024-01-31") == {"recognised": "12.34"}


def test_manual_lines_are_earned_as_stated_and_back() -> None:
    books = ledger(
        accepted("2024-01-01", line("M", "100.00", recognition="manual")),
        earned("2024-02-01", "SO-1/1", "60.00"),
        earned("2024-03-01", "SO-1/1", "15.00", back=True),
    )
    assert books.performance("2024-02-01") == {"recognised": "60.00", "unperformed": "40.00"}
    assert books.performance("2024-03-01") == {"recognised": "45.00", "unperformed": "55.00"}


def test_revenue_stated_for_other_lines_posts_nothing() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        earned("2024-02-01", "SO-1/1", "60.00"),
        earned("2024-02-02", "SO-1/9", "60.00"),
    )
    assert books.recognised("2024-12-31") == "0.00"
    assert books.found() == ["PREDECESSOR_MISSING", "RECOGNITION_MISMATCH"]


def test_manual_revenue_before_its_order_counts_from_the_order_on() -> None:
    books = ledger(
        earned("2024-02-01", "SO-1/1", "60.00"),
        accepted("2024-03-01", line("M", "100.00", recognition="manual")),
    )
    assert books.performance("2024-02-29") == {}
    assert books.performance("2024-03-01") == {"recognised": "60.00", "unperformed": "40.00"}


def test_manual_revenue_in_another_currency_is_found() -> None:
    books = ledger(
        accepted("2024-01-01", line("M", "100.00", recognition="manual")),
        earned("2024-02-01", "SO-1/1", "60.00", currency="USD"),
    )
    assert books.recognised("2024-12-31") == "0.00"
    assert books.found() == ["CURRENCY_MISMATCH"]


def test_an_amount_with_too_many_decimals_for_the_orders_currency_is_found() -> None:
    books = ledger(
        accepted("2024-01-01", goods("100", "10"), currency="JPY"),
        delivered("2024-01-10", "F-1", ("SO-1/1", {"net": "10.00"})),
        delivered("2024-01-11", "F-2", ("SO-1/1", {"net": "20"})),
    )
    assert books.recognised("2024-12-31", "JPY") == "20"
    assert books.found() == ["AMOUNT_PRECISION"]
