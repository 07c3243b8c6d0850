"""Orders, changes, amendments, cancellations (accounting.md section 3)."""

import pytest

from tests.projections.books import ledger
from tests.projections.events import (
    accepted,
    activated,
    amended,
    cancelled,
    credited,
    delivered,
    invoiced,
    line,
    line_cancelled,
    order_changed,
    renewed,
    voided,
    won,
)


def goods(net: str, quantity: str, number: str = "1", sku: str = "G") -> dict[str, str]:
    return line(sku, net, number=number, quantity=quantity, recognition="on_fulfilment")


def test_an_order_is_to_be_billed_and_to_be_performed() -> None:
    books = ledger(won("2024-01-01", line("A", "100.00")), accepted("2024-01-05", line("A", "100.00")))
    assert books.claims("2024-01-04") == {"won_unordered": "100.00"}
    assert books.claims("2024-01-05") == {"unbilled": "100.00"}
    assert books.performance("2024-01-05") == {"unperformed": "100.00"}


def test_what_is_earned_by_delivery_or_activation_stands_as_unfulfilled() -> None:
    books = ledger(
        accepted("2024-01-05", goods("100.00", "1"), line("S", "50.00", recognition="on_activation"))
    )
    assert books.performance("2024-01-05") == {"unfulfilled": "150.00"}


def test_an_order_counts_once_by_its_number() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00"), order="SO-1"),
        accepted("2024-01-06", line("A", "100.00"), order="SO-1"),
        renewed("2024-01-07", line("A", "100.00"), order="SO-1"),
    )
    assert books.claims("2024-01-31") == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.found() == ["DUPLICATE_BUSINESS_KEY", "DUPLICATE_BUSINESS_KEY"]


def test_a_changed_order_posts_the_differences() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00"), line("B", "50.00")),
        order_changed("2024-01-10", line("A", "120.00"), line("C", "5.00", number="3")),
    )
    assert books.claims("2024-01-10") == {"unbilled": "125.00", "won_unordered": "-125.00"}
    assert books.moved("won_unordered", "unbilled") == "125.00"


def test_a_changed_order_after_a_higher_sequence_of_the_order_changes_nothing() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00"), sequence="1"),
        order_changed("2024-01-10", line("A", "120.00"), sequence="3"),
        order_changed("2024-01-20", line("A", "110.00"), sequence="2"),
        accepted("2024-02-05", line("A", "100.00"), order="SO-2", sequence="4"),
        order_changed("2024-02-20", line("A", "110.00"), order="SO-2", sequence="3"),
    )
    assert books.claims("2024-01-31") == {"unbilled": "120.00", "won_unordered": "-120.00"}
    # any higher version of the order counts, not only a snapshot's
    assert books.claims("2024-02-29") == {"unbilled": "220.00", "won_unordered": "-220.00"}


def test_a_change_of_an_order_that_nobody_accepted_counts_and_is_found() -> None:
    books = ledger(order_changed("2024-01-10", line("A", "120.00")))
    assert books.claims("2024-01-10") == {"unbilled": "120.00", "won_unordered": "-120.00"}
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_an_amendment_adds_its_signed_delta_once() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00")),
        amended("2024-02-01", line("A", "-30.00"), kind="downsell"),
        amended("2024-02-02", line("A", "-30.00"), kind="downsell"),
    )
    assert books.claims("2024-02-28") == {"unbilled": "70.00", "won_unordered": "-70.00"}
    assert books.found() == ["DUPLICATE_BUSINESS_KEY"]


def test_an_amendment_in_another_currency_is_booked_in_its_own() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00")),
        amended("2024-02-01", line("A", "3000"), currency="JPY"),
    )
    assert books.claims("2024-02-01", "EUR") == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.claims("2024-02-01", "JPY") == {"unbilled": "3000", "won_unordered": "-3000"}
    assert books.found() == ["CURRENCY_MISMATCH"]


def test_an_order_that_changes_its_currency_leaves_the_old_one() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00", "2024-01-01", "2024-12-31")),
        accepted("2024-01-05", line("A", "100.00", "2024-01-01", "2024-12-31")),
        order_changed("2024-01-06", line("A", "110.00", "2024-01-01", "2024-12-31"), currency="USD"),
    )
    assert books.claims("2024-01-06", "EUR") == {"variance.scope": "100.00"}
    assert books.claims("2024-01-06", "USD") == {"unbilled": "110.00", "won_unordered": "-110.00"}
    assert books.run_rate("2024-01-06", "EUR") == {"contraction": "100.00"}
    assert books.run_rate("2024-01-06", "USD") == {"live": "110.00"}
    assert books.found() == ["CURRENCY_MISMATCH"]


def test_a_cancelled_order_takes_off_what_is_neither_billed_nor_performed() -> None:
    books = ledger(
        accepted("2024-01-05", goods("1000.00", "10")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "4")),
        invoiced("2024-01-11", "I-1", line("G", "300.00", of="SO-1/1")),
        cancelled("2024-01-20"),
    )
    # unbilled 700, unperformed 600: the smaller leaves; what is performed and not billed stays unbilled
    assert books.claims("2024-01-20") == {
        "cancelled": "600.00",
        "receivable": "300.00",
        "unbilled": "100.00",
        "won_unordered": "-1000.00",
    }
    assert books.performance("2024-01-20") == {"performance_cancelled": "600.00", "recognised": "400.00"}


def test_what_is_billed_and_not_performed_stays_until_it_is_credited() -> None:
    books = ledger(
        accepted("2024-01-05", goods("1000.00", "10")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "2")),
        invoiced("2024-01-11", "I-1", line("G", "500.00", of="SO-1/1")),
        cancelled("2024-01-20"),
        credited(
            "2024-02-01", "C-1", "cancellation", line("G", "300.00", of="SO-1/1"), to=(("I-1", "300.00"),)
        ),
    )
    assert books.performance("2024-01-20") == {
        "performance_cancelled": "500.00",
        "recognised": "200.00",
        "unfulfilled": "300.00",
    }
    assert books.performance("2024-02-01") == {"performance_cancelled": "800.00", "recognised": "200.00"}
    assert books.claims("2024-02-01") == {
        "cancelled": "500.00",
        "credited.cancellation": "300.00",
        "receivable": "200.00",
        "won_unordered": "-1000.00",
    }


def test_a_line_billed_and_performed_beyond_its_value_has_one_amount_of_its_sign_to_cancel() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00", recognition="manual"), goods("100.00", "1", "2")),
        invoiced("2024-01-06", "I-1", line("A", "120.00", of="SO-1/1"), line("G", "130.00", of="SO-1/2")),
        delivered("2024-01-07", "F-1", ("SO-1/2", "1.1")),
        cancelled("2024-01-20"),
    )
    # A: unbilled -20, unperformed 100: signs differ, nothing. G: unbilled -30, unperformed -10: -10
    assert books.moved("unbilled", "cancelled") == "-10.00"
    assert books.moved("unperformed", "performance_cancelled") == "0.00"
    assert books.moved("unfulfilled", "performance_cancelled") == "-10.00"


def test_a_cancelled_line_leaves_the_others() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00"), line("B", "50.00")), line_cancelled("2024-01-20", "2")
    )
    assert books.claims("2024-01-20") == {
        "cancelled": "50.00",
        "unbilled": "100.00",
        "won_unordered": "-150.00",
    }


def test_a_cancellation_comes_after_everything_else_of_its_day() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00")),
        cancelled("2024-01-20", time="01:00:00"),
        invoiced("2024-01-20", "I-1", line("A", "100.00", of="SO-1/1"), time="23:00:00"),
    )
    assert books.claims("2024-01-20") == {"receivable": "100.00", "won_unordered": "-100.00"}


def test_a_cancelled_order_is_not_cancelled_twice() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00")),
        line_cancelled("2024-01-20", "1"),
        cancelled("2024-01-21"),
    )
    assert books.claims("2024-01-21") == {"cancelled": "100.00", "won_unordered": "-100.00"}


@pytest.mark.parametrize("stated", ["100.00", None])
def test_a_snapshot_of_an_order_does_not_take_off_again_what_was_cancelled(stated: str | None) -> None:
    """Some systems go on to show a cancelled line at its old value, others leave it out."""
    kept = [line("B", "50.00", number="2")]
    if stated:
        kept.append(line("A", stated))
    books = ledger(
        accepted("2024-01-05", line("A", "100.00"), line("B", "50.00")),
        line_cancelled("2024-01-20", "1"),
        order_changed("2024-01-21", *kept),
    )
    assert books.claims("2024-01-21") == {
        "cancelled": "100.00",
        "unbilled": "50.00",
        "won_unordered": "-150.00",
    }
    assert books.performance("2024-01-21") == {"performance_cancelled": "100.00", "unperformed": "50.00"}


def test_a_snapshot_that_shows_the_cancelled_remainder_taken_off_changes_nothing() -> None:
    books = ledger(
        accepted("2024-01-05", goods("1000.00", "10")),
        delivered("2024-01-10", "F-1", ("SO-1/1", "4")),
        cancelled("2024-01-20"),
        order_changed("2024-01-21", goods("400.00", "4")),
    )
    assert books.claims("2024-01-21") == {
        "cancelled": "600.00",
        "unbilled": "400.00",
        "won_unordered": "-1000.00",
    }
    assert books.performance("2024-01-21") == {"performance_cancelled": "600.00", "recognised": "400.00"}


def test_a_void_after_a_cancellation_leaves_the_value_to_be_billed() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00", recognition="manual")),
        invoiced("2024-01-06", "I-1", line("A", "100.00", of="SO-1/1")),
        cancelled("2024-01-20"),
        voided("2024-01-21", "I-1"),
    )
    assert books.claims("2024-01-21") == {"unbilled": "100.00", "won_unordered": "-100.00"}


def test_cancelling_what_is_not_known_is_found() -> None:
    books = ledger(
        accepted("2024-01-05", line("A", "100.00")),
        line_cancelled("2024-01-20", "7"),
        cancelled("2024-01-20", order="SO-9"),
    )
    assert books.claims("2024-01-20")["unbilled"] == "100.00"
    assert books.found() == ["PREDECESSOR_MISSING", "PREDECESSOR_MISSING"]


def test_an_order_of_activated_service_is_earned_on_activation() -> None:
    books = ledger(
        accepted("2024-01-05", line("S", "50.00", recognition="on_activation")),
        activated("2024-02-01", "F-1", ("SO-1/1", None)),
    )
    assert books.performance("2024-02-01") == {"recognised": "50.00"}


def test_an_amendment_dated_before_its_order_adds_up_with_the_acceptance() -> None:
    year = ("2024-01-01", "2024-12-31")
    books = ledger(
        amended("2024-01-10", line("S", "366.00", kind="recurring")),
        accepted("2024-02-01", line("S", "732.00", *year)),
    )
    assert books.claims("2024-02-01") == {"unbilled": "1098.00", "won_unordered": "-1098.00"}
    # the order says that the line is earned by time: 32 days of its own 732, and the first of 335 of the rest
    assert books.recognised("2024-02-01") == "65.09"
    assert books.recognised("2024-12-31") == "1098.00"
    assert {said[:2] for said in books.standing("2024-01-31")} == {("PREDECESSOR_MISSING", "SO-1")}
    assert books.found() == []


def test_an_amendment_with_its_own_term_keeps_it_when_the_order_comes() -> None:
    year, half = ("2024-01-01", "2024-12-31"), ("2024-07-01", "2024-12-31")
    order = accepted("2024-02-01", line("S", "1200.00", *year))
    before = ledger(amended("2024-01-10", line("S", "300.00", *half)), order)
    after = ledger(order, amended("2024-02-10", line("S", "300.00", *half)))
    for day in ("2024-06-30", "2024-08-01", "2024-12-31"):
        assert before.recognised(day) == after.recognised(day)
        assert before.run_rate(day) == after.run_rate(day)


@pytest.mark.parametrize(
    ("changed_at", "sequences", "unbilled"),
    [
        ("11:00:00", (None, None), "120.00"),  # said after the acceptance: it is the order as it now stands
        ("07:00:00", (None, None), "100.00"),  # said before it: the acceptance is newer
        ("07:00:00", ("1", "2"), "120.00"),
        ("11:00:00", ("2", "1"), "100.00"),
    ],
)
def test_a_snapshot_dated_before_its_order_is_not_added_to_it(
    changed_at: str, sequences: tuple[str | None, str | None], unbilled: str
) -> None:
    order = accepted("2024-01-05", line("A", "100.00"), sequence=sequences[0])
    change = order_changed("2024-01-02", line("A", "120.00"), sequence=sequences[1])
    change["time"] = f"2024-01-05T{changed_at}Z"
    books = ledger(order, change)
    assert books.claims("2024-01-04") == {"unbilled": "120.00", "won_unordered": "-120.00"}
    assert books.claims("2024-01-05") == {"unbilled": unbilled, "won_unordered": f"-{unbilled}"}
    assert books.found() == []


def test_lines_of_an_older_snapshot_that_the_acceptance_leaves_out_are_taken_off() -> None:
    change = order_changed("2024-01-02", line("A", "120.00"), line("B", "9.00", number="2"), time="07:00:00")
    books = ledger(accepted("2024-01-05", line("A", "100.00")), change)
    assert books.claims("2024-01-05") == {"unbilled": "100.00", "won_unordered": "-100.00"}
