"""From order to invoice: how each exception rises, and what heals it."""

from __future__ import annotations

from tests.projections import events as e
from tests.projections.excepted import amendment, codes, shown, tell, told
from tests.projections.served import House

YEAR = ("2026-01-01", "2026-12-31")
LINE = e.line("S", "100.00", recognition="on_invoice")
GOODS = e.line("G", "100.00", recognition="on_fulfilment", quantity="10")
PLAN = [{"on": "2026-02-01", "net": "40.00"}, {"on": "2026-03-01", "net": "60.00"}]
PLANNED = e.line("S", "100.00", *YEAR, billing=PLAN)
ORDER = f"{e.ERP}:order:SO-1"


def deal(line: dict[str, str], on: str = "2026-01-05", **rest: str) -> list[e.Event]:
    """A line that was won and ordered on a day."""
    return [e.won(on, line), e.accepted(on, line, **rest)]


def test_an_invoice_without_an_order_shows_at_once_and_heals(house: House) -> None:
    invoice = e.invoiced(
        "2026-03-10", "I-1", e.line("S", "100.00", of="SO-1/1", tax="20.00"), due="2026-04-09"
    )
    tell(house, invoice)
    assert told(house, "2026-03-09", "ORPHAN_INVOICE") == []
    assert told(house, "2026-03-10", "ORPHAN_INVOICE") == [("I-1", "EUR", 10_000)]
    tell(house, *deal(LINE))
    assert codes(house, "2026-03-10") == set()


def test_an_invoice_by_its_product_finds_the_order_that_comes_later(house: House) -> None:
    tell(house, e.invoiced("2026-03-10", "I-1", e.line("S", "100.00"), due="2026-04-09"))
    assert codes(house, "2026-03-10") == {"ORPHAN_INVOICE"}
    tell(house, *deal(LINE, "2026-03-12"))
    assert codes(house, "2026-03-12") == set()


def test_a_voided_invoice_is_no_orphan(house: House) -> None:
    invoice = e.invoiced("2026-03-10", "I-1", e.line("S", "100.00"), due="2026-04-09")
    tell(house, invoice, e.voided("2026-03-11", "I-1"))
    assert codes(house, "2026-03-10") == {"ORPHAN_INVOICE"}
    assert codes(house, "2026-03-11") == set()


def test_orphan_lines_of_one_invoice_are_one_exception(house: House) -> None:
    lines = e.line("S", "60.00", of="SO-1/1"), e.line("T", "40.00", of="SO-1/2")
    tell(house, e.invoiced("2026-03-10", "I-1", *lines, due="2026-04-09"))
    assert told(house, "2026-03-10", "ORPHAN_INVOICE") == [("I-1", "EUR", 10_000)]


def test_a_line_billed_beyond_its_order_is_overbilled_until_it_is_credited(house: House) -> None:
    tell(
        house,
        *deal(LINE),
        e.invoiced("2026-02-02", "I-1", e.line("S", "100.00", of="SO-1/1"), due="2026-12-01"),
        e.invoiced("2026-02-03", "I-2", e.line("S", "30.00", of="SO-1/1"), due="2026-12-01"),
    )
    assert codes(house, "2026-02-02") == set()
    (found,) = shown(house, "2026-02-03", "OVERBILLED")
    assert found.found[2:7] == ((4,), found.found.since, "SO-1/1", "EUR", 3_000)
    tell(
        house,
        e.credited("2026-02-05", "C-1", "rebill", e.line("S", "30.00", of="SO-1/1"), to=(("I-2", "30.00"),)),
    )
    assert codes(house, "2026-02-05") == set()


def test_usage_billed_before_it_is_rated_is_overbilled_and_no_orphan(house: House) -> None:
    usage = e.line("U", "0.00", number="2", kind="usage")
    tell(
        house,
        e.won("2026-01-05", LINE),
        e.accepted("2026-01-05", LINE, usage),
        e.invoiced("2026-02-02", "I-1", e.line("U", "7.00", of="SO-1/2"), due="2026-12-01"),
    )
    assert told(house, "2026-02-02", "OVERBILLED") == [("SO-1/2", "EUR", 700)]
    assert "ORPHAN_INVOICE" not in codes(house, "2026-02-02")
    tell(house, e.rated("2026-02-01", "U-1", e.line("U", "7.00", of="SO-1/2", kind="usage")))
    assert codes(house, "2026-02-02") == set()


def test_a_planned_invoice_is_overdue_a_day_after_its_day(house: House) -> None:
    tell(house, *deal(PLANNED))
    assert told(house, "2026-02-01", "BILLING_OVERDUE") == []
    (found,) = shown(house, "2026-02-02", "BILLING_OVERDUE")
    assert found.found[4:8] == ("SO-1/1", "EUR", 4_000, "planned for 2026-02-01")
    assert found.age == 2 * 86_400
    assert told(house, "2026-03-02", "BILLING_OVERDUE") == [("SO-1/1", "EUR", 10_000)]
    tell(house, e.invoiced("2026-02-04", "I-1", e.line("S", "40.00", of="SO-1/1"), due="2026-12-01"))
    assert codes(house, "2026-02-04") == set()
    (second,) = shown(house, "2026-03-02", "BILLING_OVERDUE")
    assert second.found[4:8] == ("SO-1/1", "EUR", 6_000, "planned for 2026-03-01")
    assert second.id != found.id


def test_a_cancelled_line_has_nothing_to_be_billed(house: House) -> None:
    tell(house, *deal(PLANNED, "2025-12-05"), e.cancelled("2025-12-20"))
    assert codes(house, "2026-03-02") == set()


def test_what_was_delivered_and_not_billed_shows_after_five_days(house: House) -> None:
    tell(
        house,
        *deal(GOODS),
        e.delivered("2026-02-02", "F-1", ("SO-1/1", "4")),
        e.delivered("2026-02-05", "F-2", ("SO-1/1", "3")),
    )
    assert codes(house, "2026-02-06") == set()
    assert told(house, "2026-02-07", "FULFILLED_NOT_BILLED") == [("SO-1/1", "EUR", 7_000)]
    tell(house, e.invoiced("2026-02-08", "I-1", e.line("G", "40.00", of="SO-1/1"), due="2026-12-01"))
    assert codes(house, "2026-02-09") == set(), "the second delivery is four days old"
    (found,) = shown(house, "2026-02-10", "FULFILLED_NOT_BILLED")
    assert (found.found.facts, found.found.amount) == ((4,), 3_000)
    tell(house, e.returned("2026-02-09", "R-1", ("SO-1/1", "3")))
    assert codes(house, "2026-02-10") == set()


def test_what_is_earned_by_time_or_billed_by_plan_is_not_waiting_for_a_delivery(house: House) -> None:
    tell(house, *deal(e.line("S", "100.00", *YEAR)))
    assert codes(house, "2026-06-01") == set()


def test_a_delivered_line_with_a_plan_is_billed_by_the_plan(house: House) -> None:
    later = e.line(
        "G", "100.00", recognition="on_fulfilment", billing=[{"on": "2026-06-01", "net": "100.00"}]
    )
    tell(house, *deal(later), e.delivered("2026-02-02", "F-1", ("SO-1/1", None)))
    assert codes(house, "2026-05-31") == set()
    assert codes(house, "2026-06-02") == {"BILLING_OVERDUE"}


def bill(*lines: dict[str, str]) -> e.Event:
    return e.invoiced("2026-01-06", "I-1", *lines, due="2030-12-01")


def test_run_rate_beyond_its_service_days_is_a_late_renewal_until_it_ends(house: House) -> None:
    tell(house, *deal(e.line("S", "120.00", *YEAR)), bill(e.line("S", "120.00", of="SO-1/1")))
    assert codes(house, "2026-12-31") == set()
    (found,) = shown(house, "2027-01-01", "LATE_RENEWAL")
    assert (found.found.object, found.found.amount, found.age) == ("S", 12_000, 86_400)
    tell(house, e.ended("expired", "2026-12-31"))
    assert codes(house, "2027-01-01") == set()


def test_a_flat_renewal_is_no_late_renewal(house: House) -> None:
    after = ("2027-01-01", "2027-12-31")
    tell(
        house,
        *deal(e.line("S", "120.00", *YEAR)),
        bill(e.line("S", "120.00", of="SO-1/1")),
        e.renewed("2027-01-15", e.line("S", "120.00", *after), replaces="SO-1"),
    )
    assert "LATE_RENEWAL" in codes(house, "2027-01-14")
    assert "LATE_RENEWAL" not in codes(house, "2027-01-15")
    assert "LATE_RENEWAL" in codes(house, "2028-01-01")


def test_one_product_renewed_leaves_the_other_late(house: House) -> None:
    both = e.line("S", "120.00", *YEAR), e.line("T", "60.00", *YEAR)
    tell(
        house,
        e.won("2026-01-05", *both),
        e.accepted("2026-01-05", *both),
        e.renewed("2026-12-15", e.line("S", "120.00", "2027-01-01", "2027-12-31"), replaces=None),
    )
    assert [one[0] for one in told(house, "2027-01-01", "LATE_RENEWAL")] == ["T"]


def test_billing_after_the_end_shows_until_the_invoice_is_voided(house: House) -> None:
    tell(
        house,
        *deal(e.line("S", "120.00", *YEAR)),
        e.ended("expired", "2026-12-31"),
        e.invoiced("2027-02-01", "I-1", e.line("S", "120.00", of="SO-1/1", tax="20.00"),
                   e.line("T", "7.00", number="2"), due="2030-12-01"),
    )  # fmt: skip
    assert told(house, "2027-02-01", "EXPIRED_STILL_BILLING") == [("I-1", "EUR", 12_000)]
    tell(house, e.voided("2027-02-03", "I-1"))
    assert "EXPIRED_STILL_BILLING" not in codes(house, "2027-02-03")


def test_revenue_that_the_erp_reports_differently_shows_until_it_agrees(house: House) -> None:
    tell(
        house,
        *deal(e.line("S", "365.00", *YEAR)),
        bill(e.line("S", "365.00", of="SO-1/1")),
        e.earned("2026-01-31", "SO-1/1", "40.00"),
    )
    assert told(house, "2026-01-31", "RECOGNITION_MISMATCH") == [("SO-1/1", "EUR", 900)]
    tell(house, e.earned("2026-01-31", "SO-1/1", "9.00", back=True))
    assert codes(house, "2026-01-31") == set()


def test_a_repeated_document_shows_until_it_is_voided(house: House) -> None:
    again = bill(e.line("S", "100.00", of="SO-1/1"))
    tell(house, *deal(LINE), bill(e.line("S", "100.00", of="SO-1/1")), again)
    assert codes(house, "2026-01-06") == {"DUPLICATE_BUSINESS_KEY"}
    tell(house, amendment("voided", "2026-01-08", again))
    assert codes(house, "2026-01-08") == set()
