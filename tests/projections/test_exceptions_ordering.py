"""Between won and ordered: how each exception rises, and what heals it."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import pytest

from projections.exceptions.ordering import in_last_days_of_quarter
from tests.projections import events as e
from tests.projections.excepted import amendment, codes, shown, tell, told
from tests.projections.served import House

LINE = e.line("S", "100.00")
ORDER = f"{e.ERP}:order:SO-1"


def test_a_win_without_an_order_shows_after_a_day_and_heals_with_the_order(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE))
    assert told(house, "2026-02-02", "WON_NO_ORDER") == []
    assert told(house, "2026-02-03", "WON_NO_ORDER") == [("", "EUR", 10_000)]
    known = house.head()
    tell(house, e.accepted("2026-02-05", LINE))
    assert codes(house, "2026-02-06") == set()
    assert told(house, "2026-02-04", "WON_NO_ORDER") == [("", "EUR", 10_000)]
    assert told(house, "2026-02-06", "WON_NO_ORDER", known=known) == [("", "EUR", 10_000)]


def test_a_win_in_the_last_days_of_a_quarter_has_hours_only(house: House) -> None:
    tell(house, e.won("2026-03-29", LINE), e.won("2026-03-28", LINE, number="O-2"))
    found = {one.deal for one in shown(house, "2026-03-28")}
    assert found == set()
    # 28 March has 24 hours, 29 March has four
    on_29 = {one.deal for one in shown(house, "2026-03-29", "WON_NO_ORDER")}
    assert on_29 == {f"{e.CRM}:opportunity:O-1", f"{e.CRM}:opportunity:O-2"}
    tell(house, e.won("2026-03-31", LINE, number="O-3", time="20:30:00"))
    assert f"{e.CRM}:opportunity:O-3" not in {one.deal for one in shown(house, "2026-03-31", "WON_NO_ORDER")}
    assert f"{e.CRM}:opportunity:O-3" in {one.deal for one in shown(house, "2026-04-01", "WON_NO_ORDER")}


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-28", False), ("2026-03-29", True), ("2026-03-31", True), ("2026-04-01", False),
     ("2026-12-29", True), ("2024-02-29", False), ("2026-06-28", True), ("2026-06-27", False)],
)  # fmt: skip
def test_the_last_three_days_of_a_quarter(day: str, expected: bool) -> None:
    assert in_last_days_of_quarter(date.fromisoformat(day)) is expected


def test_a_second_win_has_an_sla_of_its_own(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.accepted("2026-02-02", LINE))
    tell(house, e.won("2026-05-04", LINE, number="O-2", deal="O-1"))
    assert told(house, "2026-05-04", "WON_NO_ORDER") == []
    (found,) = shown(house, "2026-05-05", "WON_NO_ORDER")
    assert found.found.facts == (3,)
    assert found.age == 39 * 3600


def test_a_win_that_is_lost_needs_no_order(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.lost("2026-02-10"))
    assert codes(house, "2026-02-10") == set()
    assert codes(house, "2026-02-09") == {"WON_NO_ORDER"}


def test_an_order_that_nobody_won_shows_at_once_and_heals_with_the_win(house: House) -> None:
    tell(house, e.accepted("2026-02-05", LINE, deal=None))
    assert told(house, "2026-02-04", "ORPHAN_ORDER") == []
    (orphan,) = shown(house, "2026-02-05", "ORPHAN_ORDER")
    assert (orphan.deal, orphan.found.amount, orphan.found.facts) == (ORDER, 10_000, (1,))
    tell(house, e.won("2026-02-01", LINE, keys=(ORDER,)))
    assert codes(house, "2026-02-05") == set()


def test_an_id_stays_when_a_deal_gets_another_name(house: House) -> None:
    tell(house, e.accepted("2026-02-05", LINE, deal=None))
    (before,) = shown(house, "2026-02-06")
    tell(house, e.opened("2026-02-01", LINE, keys=(ORDER,)))
    (after,) = shown(house, "2026-02-06")
    assert (before.deal, after.deal) == (ORDER, f"{e.CRM}:opportunity:O-1")
    assert before.id == after.id
    assert len(before.id) == 16


@pytest.mark.parametrize("turned", [False, True])
def test_an_id_does_not_hang_on_the_order_of_arrival(house: House, turned: bool) -> None:
    story = [
        e.won("2026-02-02", LINE, e.line("T", "50.00"), id_="w"),
        e.won("2026-02-02", LINE, number="O-2", deal="O-1", id_="v"),
    ]
    tell(house, *(story[::-1] if turned else story))
    (found,) = shown(house, "2026-02-06")
    named = "\0".join(("WON_NO_ORDER", f"/{e.CRM}", "v", "", "EUR"))
    assert found.id == sha256(named.encode()).hexdigest()[:16]
    assert found.found.amount == 25_000


def test_a_corrected_win_keeps_the_id_and_has_the_new_time(house: House) -> None:
    win = e.won("2026-02-02", LINE)
    tell(house, win)
    (before,) = shown(house, "2026-02-20")
    tell(
        house,
        amendment(
            "corrected", "2026-02-12", win, replacement=e.won("2026-02-05", e.line("S", "90.00"), id_="other")
        ),
    )
    (after,) = shown(house, "2026-02-20")
    assert before.id == after.id
    assert after.found.amount == 9_000
    assert before.age - after.age == 3 * 86_400


def test_a_difference_in_price_shows_until_it_is_corrected(house: House) -> None:
    win = e.won("2026-02-02", LINE)
    tell(house, win, e.accepted("2026-02-05", e.line("S", "90.00")))
    (found,) = shown(house, "2026-02-05", "AMOUNT_MISMATCH")
    assert (found.found.amount, found.found.detail) == (1_000, "price")
    tell(
        house,
        amendment("corrected", "2026-02-09", win, replacement=e.won("2026-02-02", e.line("S", "90.00"))),
    )
    assert codes(house, "2026-02-09") == set()


def test_differences_that_cancel_out_are_none(house: House) -> None:
    tell(
        house,
        e.won("2026-02-02", LINE, e.line("T", "50.00")),
        e.accepted("2026-02-05", e.line("S", "90.00"), e.line("T", "60.00")),
    )
    assert codes(house, "2026-02-05") == set()


def test_what_an_amendment_explains_is_no_mismatch(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.accepted("2026-02-02", LINE))
    tell(house, e.amended("2026-03-02", e.line("S", "20.00")))
    assert codes(house, "2026-03-02") == set()


def test_won_in_one_currency_and_ordered_in_another_is_one_exception(house: House) -> None:
    order = e.accepted("2026-02-05", LINE, currency="USD")
    tell(house, e.won("2026-02-02", LINE), order)
    assert codes(house, "2026-02-10") == {"CURRENCY_MISMATCH"}
    assert told(house, "2026-02-10", "CURRENCY_MISMATCH") == [("", "USD", 10_000)]
    assert codes(house, "2026-02-04") == {"WON_NO_ORDER"}
    tell(house, amendment("corrected", "2026-02-11", order, replacement=e.accepted("2026-02-05", LINE)))
    assert codes(house, "2026-02-12") == set()


def test_a_rejected_order_shows_after_hours_and_heals_when_it_is_submitted_again(house: House) -> None:
    tell(
        house,
        e.won("2026-02-02", LINE),
        e.event("order.rejected", "2026-02-03", "order/SO-1", order="SO-1", reason="unmapped_sku"),
    )
    (found,) = shown(house, "2026-02-03", "ORDER_REJECTED_STALE")
    assert found.found[4:8] == ("SO-1", "EUR", 10_000, "unmapped_sku")
    tell(house, e.event("order.submitted", "2026-02-05", "order/SO-1", order="SO-1"))
    assert "ORDER_REJECTED_STALE" not in codes(house, "2026-02-05")
    tell(
        house,
        e.event("order.rejected", "2026-02-06", "order/SO-1", time="17:00:00", order="SO-1", reason="other"),
    )
    assert "ORDER_REJECTED_STALE" not in codes(house, "2026-02-06")
    assert "ORDER_REJECTED_STALE" in codes(house, "2026-02-07")
    tell(house, e.accepted("2026-02-08", LINE))
    assert codes(house, "2026-02-08") == set()


def test_an_order_in_a_currency_of_its_own_is_rejected_without_an_amount(house: House) -> None:
    tell(house, e.event("order.rejected", "2026-02-03", "order/SO-1", order="SO-1"))
    assert told(house, "2026-02-03", "ORDER_REJECTED_STALE") == [("SO-1", "", None)]


def test_a_win_taken_back_after_its_order_shows(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.accepted("2026-02-02", LINE), e.reopened("2026-02-09"))
    assert told(house, "2026-02-09", "WON_REOPENED_AFTER_ORDER") == [("O-1", "EUR", 10_000)]
    tell(house, e.won("2026-02-12", LINE))
    assert codes(house, "2026-02-12") == set()


def test_other_service_days_show_until_they_are_the_same(house: House) -> None:
    year, other = ("2026-03-01", "2027-02-28"), ("2026-04-01", "2027-03-31")
    win = e.won("2026-02-02", e.line("S", "120.00", *year))
    tell(house, win, e.accepted("2026-02-02", e.line("S", "120.00", *other)))
    assert told(house, "2026-02-02", "TERM_MISMATCH") == [("S", "EUR", 12_000)]
    moved = e.won("2026-02-02", e.line("S", "120.00", *other))
    tell(house, amendment("corrected", "2026-02-04", win, replacement=moved))
    assert codes(house, "2026-02-04") == set()


def test_two_legal_entities_show_until_both_name_one(house: House) -> None:
    tell(
        house,
        e.won("2026-02-02", LINE, dimensions={"entity": "DE"}),
        e.accepted("2026-02-02", LINE, dimensions={"entity": "FR"}),
    )
    (found,) = shown(house, "2026-02-02", "ENTITY_MISMATCH")
    assert found.found.detail == "DE/FR"
    tell(house, e.order_changed("2026-02-05", LINE, dimensions={"entity": "DE"}))
    assert codes(house, "2026-02-05") == set()
