"""Opportunities: where their amount stands (accounting.md section 3, contract.md section 2)."""

from tests.projections.books import ledger
from tests.projections.events import (
    ERP,
    accepted,
    changed,
    line,
    lost,
    opened,
    opportunity,
    reopened,
    won,
)


def test_an_open_opportunity_stands_in_the_pipeline_and_is_weighted() -> None:
    books = ledger(opened("2024-01-10", line("A", "1000.00"), line("B", "0.01"), probability="0.25"))
    assert books.claims("2024-01-09") == {}
    assert books.claims("2024-01-10") == {"pipeline": "1000.01"}
    assert books.beside("2024-01-10") == {"weighted": "250.00"}  # 250.0025, rounded once


def test_weighting_is_rounded_once_and_shared_by_largest_remainder() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "0.05"), line("B", "0.05"), line("C", "0.05"), probability="0.5")
    )
    # 0.075 rounds to 0.08; by product 3, 3 and 2 cents: ties to the earlier line
    assert books.beside("2024-01-10") == {"weighted": "0.08"}
    shares = [row[5] for _, row in books.postings if row[3] == 71]
    assert shares == [3, 3, 2]


def test_a_discount_line_is_weighted_with_its_sign() -> None:
    books = ledger(opened("2024-01-10", line("A", "100.00"), line("DISCOUNT", "-20.00"), probability="0.333"))
    assert books.beside("2024-01-10") == {"weighted": "26.64"}


def test_usage_and_optional_lines_are_worth_nothing() -> None:
    said = (line("A", "10.00"), line("U", "5.00", kind="usage"), line("X", "7.00", kind="optional"))
    books = ledger(
        opened("2024-01-10", *said, probability="1"), won("2024-01-11", *said), accepted("2024-01-12", *said)
    )
    assert books.claims("2024-01-10") == {"pipeline": "10.00"}
    assert books.claims("2024-01-12") == {"unbilled": "10.00"}
    assert books.performance("2024-01-12") == {"unperformed": "10.00"}


def test_a_changed_amount_follows_to_where_the_opportunity_stands() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "100.00"), probability="0.5", sequence="1"),
        changed("2024-01-20", line("A", "80.00"), line("B", "40.00"), probability="0.75", sequence="2"),
        lost("2024-02-01", sequence="3"),
        changed("2024-02-10", line("B", "50.00"), probability="0.75", sequence="4"),
    )
    assert books.claims("2024-01-19") == {"pipeline": "100.00"}
    assert books.claims("2024-01-20") == {"pipeline": "120.00"}
    assert books.beside("2024-01-20") == {"weighted": "90.00"}
    assert books.claims("2024-02-01") == {"lost": "120.00"}
    assert books.beside("2024-02-01") == {}
    assert books.claims("2024-02-10") == {"lost": "50.00"}
    assert books.moved("pipeline", "lost") == "50.00"  # 120 lost, then 70 less of it


def test_a_win_moves_at_the_amount_of_the_fact() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "100.00"), probability="0.5"), won("2024-02-01", line("A", "90.00"))
    )
    assert books.claims("2024-02-01") == {"won_unordered": "90.00"}
    assert books.beside("2024-02-01") == {}
    assert books.moved("pipeline", "won_unordered") == "90.00"


def test_a_win_without_an_opening_is_a_win() -> None:
    books = ledger(won("2024-02-01", amount="90.00"))
    assert books.claims("2024-02-01") == {"won_unordered": "90.00"}


def test_a_loss_of_an_opportunity_never_seen_is_worth_nothing_and_a_later_win_counts() -> None:
    books = ledger(lost("2024-01-01"), won("2024-02-01", amount="90.00"))
    assert books.claims("2024-01-31") == {}
    assert books.claims("2024-02-01") == {"won_unordered": "90.00"}


def test_a_lost_opportunity_that_is_reopened_is_open_and_weighted_again() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "100.00"), probability="0.4"),
        lost("2024-02-01"),
        reopened("2024-03-01"),
    )
    assert books.claims("2024-02-29") == {"lost": "100.00"}
    assert books.claims("2024-03-01") == {"pipeline": "100.00"}
    assert books.beside("2024-03-01") == {"weighted": "40.00"}


def test_a_lost_opportunity_can_be_won_through_the_pipeline() -> None:
    books = ledger(
        opened("2024-01-10", amount="100.00"), lost("2024-02-01"), won("2024-03-01", amount="110.00")
    )
    assert books.claims("2024-03-01") == {"won_unordered": "110.00"}
    assert books.moved("lost", "pipeline") == "100.00"


def test_a_win_that_is_reopened_is_debooked_and_open_again() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "100.00"), probability="0.5"),
        won("2024-02-01", line("A", "100.00")),
        reopened("2024-03-01"),
    )
    assert books.claims("2024-03-01") == {"pipeline": "100.00", "debooked": "100.00"}
    assert books.beside("2024-03-01") == {"weighted": "50.00"}
    assert books.found() == []


def test_a_reopened_win_returns_the_variance_when_no_win_is_left() -> None:
    books = ledger(
        won("2024-02-01", line("A", "100.00")),
        accepted("2024-02-02", line("A", "90.00")),
        reopened("2024-03-01"),
    )
    assert books.claims("2024-02-29") == {"unbilled": "90.00", "variance.price": "10.00"}
    # the order of a deal that is not won stays negative
    assert books.claims("2024-03-01") == {
        "pipeline": "100.00",
        "debooked": "100.00",
        "unbilled": "90.00",
        "won_unordered": "-90.00",
    }
    assert books.found() == ["WON_REOPENED_AFTER_ORDER"]


def test_a_reopened_win_leaves_the_variance_while_another_is_won() -> None:
    books = ledger(
        won("2024-02-01", line("A", "100.00")),
        won("2024-02-01", line("B", "50.00"), number="O-2", deal="O-1"),
        accepted("2024-02-02", line("A", "90.00")),
        reopened("2024-03-01", number="O-2", deal="O-1"),
    )
    assert books.claims("2024-03-01") == {
        "pipeline": "50.00",
        "debooked": "50.00",
        "unbilled": "90.00",
        "variance.price": "10.00",
    }


def test_lost_after_won_is_reopened_then_lost() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "100.00"), probability="0.5"),
        won("2024-02-01", line("A", "100.00")),
        accepted("2024-02-02", line("A", "100.00")),
        lost("2024-03-01"),
    )
    assert books.claims("2024-03-01") == {
        "debooked": "100.00",
        "lost": "100.00",
        "unbilled": "100.00",
        "won_unordered": "-100.00",
    }
    assert books.beside("2024-03-01") == {}
    assert books.found() == ["WON_REOPENED_AFTER_ORDER"]


def test_a_changed_win_that_is_not_ordered_yet_stays_in_won_unordered() -> None:
    books = ledger(won("2024-02-01", line("A", "100.00")), changed("2024-02-03", line("A", "120.00")))
    assert books.claims("2024-02-03") == {"won_unordered": "120.00"}
    assert books.moved("pipeline", "won_unordered") == "120.00"


def test_a_changed_win_whose_difference_was_settled_is_settled_anew() -> None:
    books = ledger(
        won("2024-02-01", line("A", "100.00")),
        accepted("2024-02-02", line("A", "90.00")),
        changed("2024-02-03", line("A", "95.00")),
        changed("2024-02-04", line("A", "90.00")),
    )
    assert books.claims("2024-02-03") == {"unbilled": "90.00", "variance.price": "5.00"}
    assert books.claims("2024-02-04") == {"unbilled": "90.00"}


def test_winning_again_restates_the_win() -> None:
    books = ledger(
        won("2024-02-01", line("A", "100.00"), sequence="1"),
        won("2024-02-05", line("A", "130.00"), sequence="2"),
    )
    assert books.claims("2024-02-05") == {"won_unordered": "130.00"}


def test_a_snapshot_after_a_higher_sequence_changes_nothing() -> None:
    books = ledger(
        opened("2024-01-10", amount="100.00", sequence="9"),
        changed("2024-01-20", amount="200.00", sequence="10"),
        changed("2024-01-30", amount="300.00", sequence="9b"),  # texts sort after integers
        changed("2024-02-10", amount="400.00", sequence="11"),
        won("2024-02-20", amount="500.00"),  # none sorts first
    )
    assert books.claims("2024-01-20") == {"pipeline": "200.00"}
    assert books.claims("2024-12-31") == {"pipeline": "300.00"}


def test_an_opportunity_that_changes_currency_leaves_nothing_in_the_old_one() -> None:
    books = ledger(
        opened("2024-01-10", line("A", "100.00"), probability="0.5"),
        changed("2024-01-20", line("A", "100.00"), currency="USD", probability="0.5"),
    )
    assert books.minor("2024-01-20", "EUR") == {}
    assert books.claims("2024-01-20", "USD") == {"pipeline": "100.00"}
    assert books.beside("2024-01-20", "USD") == {"weighted": "50.00"}


def test_a_win_that_changes_currency_returns_the_variance_of_the_old_one() -> None:
    books = ledger(
        won("2024-01-10", line("A", "100.00")),
        accepted("2024-01-15", line("A", "90.00")),
        changed("2024-01-20", line("A", "100.00"), currency="USD"),
    )
    assert books.claims("2024-01-20") == {"unbilled": "90.00", "won_unordered": "-90.00"}
    assert books.claims("2024-01-20", "USD") == {"won_unordered": "100.00"}


def test_opportunities_of_one_deal_stand_each_for_itself() -> None:
    books = ledger(
        opened("2024-01-10", amount="100.00", probability="0.5"),
        opened("2024-01-10", amount="50.00", probability="0.1", number="O-2", deal="O-1"),
        lost("2024-02-01", number="O-2", deal="O-1"),
    )
    assert books.claims("2024-02-01") == {"pipeline": "100.00", "lost": "50.00"}
    assert books.beside("2024-02-01") == {"weighted": "50.00"}


def test_a_win_told_by_another_system_is_a_claim_and_posts_nothing() -> None:
    claim = opportunity("won", "2024-02-01", amount="100.00") | {"source": f"/{ERP}"}
    books = ledger(claim)
    assert books.postings == []
    assert books.found() == ["SOR_VIOLATION"]
