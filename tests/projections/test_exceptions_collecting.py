"""From invoice to cash: how each exception rises, and what heals it."""

from __future__ import annotations

from tests.projections import events as e
from tests.projections.excepted import amendment, codes, shown, tell, told
from tests.projections.served import House

LINE = e.line("S", "100.00")
BILLED = [
    e.won("2026-01-05", LINE),
    e.accepted("2026-01-05", LINE),
    e.invoiced("2026-01-06", "I-1", e.line("S", "100.00", of="SO-1/1", tax="20.00"), due="2026-02-05"),
]
INVOICE = f"{e.ERP}:invoice:I-1"


def promise(on: str, by: str, amount: str | None = None) -> e.Event:
    told_ = e.event("promise.made", on, "invoice/I-1", invoice="I-1", amount=amount)
    told_["data"]["on"] = by
    return told_


def test_an_invoice_is_past_due_from_the_day_after(house: House) -> None:
    tell(house, *BILLED)
    assert codes(house, "2026-02-05") == set()
    (found,) = shown(house, "2026-02-06", "PAST_DUE")
    assert (found.found.object, found.found.amount, found.age) == ("I-1", 12_000, 86_400)
    tell(house, e.received("2026-02-07", "P-1", "120.00"), e.applied("2026-02-07", "P-1", "I-1", "50.00"))
    assert told(house, "2026-02-07", "PAST_DUE") == [("I-1", "EUR", 7_000)]
    tell(house, e.applied("2026-02-08", "P-1", "I-1", "70.00"))
    assert codes(house, "2026-02-08") == set()
    assert codes(house, "2026-02-06") == {"PAST_DUE"}


def test_an_invoice_that_is_due_later_is_not_past_due(house: House) -> None:
    tell(house, *BILLED, e.redated("2026-02-10", "I-1", "2026-03-05"))
    assert codes(house, "2026-02-09") == {"PAST_DUE"}
    assert codes(house, "2026-03-05") == set()
    (found,) = shown(house, "2026-03-06", "PAST_DUE")
    assert found.found.detail == "due on 2026-03-05"


def test_the_amount_in_dispute_is_past_due_all_the_same(house: House) -> None:
    tell(house, *BILLED, e.disputed("2026-02-01", "I-1", "30.00"))
    (found,) = shown(house, "2026-02-06", "PAST_DUE")
    assert (found.found.amount, found.found.detail) == (12_000, "due on 2026-02-05, disputed")


def test_a_promise_is_broken_after_its_day_and_kept_by_paying(house: House) -> None:
    tell(house, *BILLED, promise("2026-02-10", "2026-02-20"))
    assert "PROMISE_BROKEN" not in codes(house, "2026-02-20")
    assert told(house, "2026-02-21", "PROMISE_BROKEN") == [("I-1", "EUR", 12_000)]
    tell(house, e.received("2026-02-22", "P-1", "120.00"), e.applied("2026-02-22", "P-1", "I-1", "120.00"))
    assert codes(house, "2026-02-22") == set()


def test_a_promise_of_a_part_is_kept_by_that_part(house: House) -> None:
    tell(
        house,
        *BILLED,
        e.received("2026-02-06", "P-1", "120.00"),
        e.applied("2026-02-06", "P-1", "I-1", "20.00"),
        promise("2026-02-10", "2026-02-20", amount="60.00"),
        e.applied("2026-02-19", "P-1", "I-1", "45.00"),
    )
    assert told(house, "2026-02-21", "PROMISE_BROKEN") == [("I-1", "EUR", 1_500)]
    tell(house, e.applied("2026-02-22", "P-1", "I-1", "15.00"))
    assert "PROMISE_BROKEN" not in codes(house, "2026-02-22")
    assert "PAST_DUE" in codes(house, "2026-02-22")


def test_a_new_promise_takes_the_place_of_the_broken_one(house: House) -> None:
    tell(house, *BILLED, promise("2026-02-10", "2026-02-20"), promise("2026-02-25", "2026-03-10"))
    assert "PROMISE_BROKEN" in codes(house, "2026-02-24")
    assert "PROMISE_BROKEN" not in codes(house, "2026-03-10")
    assert "PROMISE_BROKEN" in codes(house, "2026-03-11")


def test_unapplied_cash_shows_after_three_days(house: House) -> None:
    tell(house, *BILLED, e.received("2026-01-10", "P-1", "120.00", deal="O-1"))
    assert codes(house, "2026-01-12") == set()
    (found,) = shown(house, "2026-01-13", "UNAPPLIED_AGED")
    assert (found.found.object, found.found.amount) == (f"{e.ERP}:payment:P-1", 12_000)
    tell(house, e.applied("2026-01-14", "P-1", "I-1", "120.00"))
    assert codes(house, "2026-01-14") == set()


def test_cash_that_is_unapplied_again_ages_anew(house: House) -> None:
    tell(
        house,
        *BILLED,
        e.received("2026-01-10", "P-1", "120.00", deal="O-1"),
        e.applied("2026-01-10", "P-1", "I-1", "120.00"),
        e.unapplied("2026-01-20", "P-1", "I-1", "120.00"),
    )
    assert codes(house, "2026-01-22") == set()
    assert codes(house, "2026-01-23") == {"UNAPPLIED_AGED"}
    tell(house, e.refunded("2026-01-24", "P-1"))
    assert "UNAPPLIED_AGED" not in codes(house, "2026-01-24")


def test_cash_in_another_currency_than_its_invoice_is_a_mismatch(house: House) -> None:
    application = e.applied("2026-01-10", "P-1", "I-1", "120.00", currency="USD")
    tell(house, *BILLED, application)
    assert codes(house, "2026-01-10") == {"CURRENCY_MISMATCH"}
    assert told(house, "2026-01-10", "CURRENCY_MISMATCH") == [("I-1", "USD", 12_000)]
    tell(house, amendment("voided", "2026-01-12", application))
    assert codes(house, "2026-01-10") == set()


def test_cash_without_deal_and_customer_is_an_orphan_after_a_day(house: House) -> None:
    tell(house, e.received("2026-01-10", "P-1", "120.00"))
    assert codes(house, "2026-01-10") == set()
    (found,) = shown(house, "2026-01-11", "ORPHAN_PAYMENT")
    assert (found.deal, found.found.amount) == (f"{e.ERP}:payment:P-1", 12_000)
    tell(house, *BILLED, e.applied("2026-01-12", "P-1", "I-1", "120.00"))
    assert codes(house, "2026-01-12") == set()


def test_cash_of_a_known_customer_is_no_orphan(house: House) -> None:
    tell(house, e.received("2026-01-10", "P-1", "120.00", customer="C-1"))
    assert codes(house, "2026-01-12") == set()
    assert {one.customer for one in shown(house, "2026-01-13", "UNAPPLIED_AGED")} == {"C-1"}


def test_cash_on_an_invoice_that_nobody_posted_is_an_orphan_until_it_comes(house: House) -> None:
    tell(
        house,
        e.received("2026-01-10", "P-1", "120.00", customer="C-1"),
        e.applied("2026-01-10", "P-1", "I-1", "120.00", deal=None, keys=(INVOICE,)),
    )
    assert codes(house, "2026-01-10") == set()
    (found,) = shown(house, "2026-01-11", "ORPHAN_PAYMENT")
    assert (found.found.object, found.found.amount, found.deal) == ("I-1", 12_000, INVOICE)
    tell(house, *BILLED)
    assert codes(house, "2026-01-11") == set()


def test_cash_on_a_voided_invoice_is_an_orphan(house: House) -> None:
    tell(
        house,
        *BILLED,
        e.received("2026-01-10", "P-1", "120.00", deal="O-1"),
        e.applied("2026-01-10", "P-1", "I-1", "120.00"),
        e.voided("2026-01-20", "I-1"),
    )
    assert "ORPHAN_PAYMENT" not in codes(house, "2026-01-20")
    assert told(house, "2026-01-21", "ORPHAN_PAYMENT") == [("I-1", "EUR", 12_000)]


def test_cash_that_was_applied_and_never_received_is_an_orphan(house: House) -> None:
    tell(house, *BILLED, e.applied("2026-01-10", "P-1", "I-1", "120.00"))
    (found,) = shown(house, "2026-01-11", "ORPHAN_PAYMENT")
    assert (found.found.amount, found.found.detail) == (12_000, "applied and never received")
    tell(house, e.received("2026-01-09", "P-1", "120.00"))
    assert codes(house, "2026-01-11") == set()
