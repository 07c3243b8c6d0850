"""Receipts, applications, reversals and refunds, across deals (accounting.md section 3)."""

from tests.projections.books import ledger
from tests.projections.events import (
    BANK,
    CRM,
    ERP,
    PSP,
    Event,
    applied,
    invoiced,
    line,
    received,
    refunded,
    reversed_,
    unapplied,
)


def bill(number: str = "I-1", amount: str = "100.00", deal: str = "O-1", currency: str = "EUR") -> Event:
    return invoiced("2024-02-01", number, line("A", amount), deal=deal, currency=currency)


def test_a_receipt_is_unapplied_until_it_is_applied() -> None:
    books = ledger(
        bill(), received("2024-02-10", "P-1", "80.00"), applied("2024-02-12", "P-1", "I-1", "80.00")
    )
    assert books.party("2024-02-10") == {"unapplied": "80.00"}
    assert books.claims("2024-02-10") == {"receivable": "100.00", "unbilled": "-100.00"}
    assert books.party("2024-02-12") == {"applied": "80.00"}
    assert books.claims("2024-02-12") == {"cash": "80.00", "receivable": "20.00", "unbilled": "-100.00"}


def test_a_receipt_without_a_deal_is_shown_under_the_payments_own_key() -> None:
    books = ledger(
        bill(), received("2024-02-10", "P-1", "80.00"), applied("2024-02-12", "P-1", "I-1", "30.00")
    )
    assert books.party("2024-02-12", deal="payment:P-1") == {"applied": "30.00", "unapplied": "50.00"}
    assert books.party("2024-02-12", deal="opportunity:O-1") == {}


def test_a_receipt_with_a_deals_key_is_shown_under_the_deal() -> None:
    books = ledger(
        bill(),
        applied("2024-02-09", "P-1", "I-1", "30.00"),  # before the receipt, of another deal
        bill("I-2", deal="O-2"),
        received("2024-02-10", "P-1", "80.00", deal="O-2"),
    )
    assert books.party("2024-02-09", deal="opportunity:O-1") == {"applied": "30.00", "unapplied": "-30.00"}
    assert books.party("2024-02-10", deal="opportunity:O-1") == {}
    assert books.party("2024-02-10", deal="opportunity:O-2") == {"applied": "30.00", "unapplied": "50.00"}


def test_discount_and_withheld_tax_come_on_top() -> None:
    books = ledger(
        bill(),
        received("2024-02-10", "P-1", "88.00"),
        applied("2024-02-12", "P-1", "I-1", "88.00", discount="2.00", withheld="10.00"),
    )
    assert books.claims("2024-02-12") == {
        "cash": "88.00",
        "discount": "2.00",
        "unbilled": "-100.00",
        "withheld": "10.00",
    }
    assert books.party("2024-02-12") == {"applied": "88.00"}


def test_an_application_of_an_invoice_never_seen_waits_for_it() -> None:
    books = ledger(
        received("2024-01-10", "P-1", "100.00"), applied("2024-01-12", "P-1", "I-1", "100.00"), bill()
    )
    assert books.claims("2024-01-12") == {"cash": "100.00", "receivable": "-100.00"}
    assert books.claims("2024-02-01") == {"cash": "100.00", "unbilled": "-100.00"}


def test_one_payment_is_applied_over_several_deals() -> None:
    books = ledger(
        bill("I-1", "100.00", "O-1"),
        bill("I-2", "50.00", "O-2"),
        received("2024-02-10", "P-1", "150.00"),
        applied("2024-02-12", "P-1", "I-1", "100.00", deal="O-1"),
        applied("2024-02-12", "P-1", "I-2", "50.00", deal="O-2"),
    )
    assert books.claims("2024-02-12", deal="opportunity:O-1") == {"cash": "100.00", "unbilled": "-100.00"}
    assert books.claims("2024-02-12", deal="opportunity:O-2") == {"cash": "50.00", "unbilled": "-50.00"}
    assert books.party("2024-02-12") == {"applied": "150.00"}


def test_a_payment_is_unapplied_whole_and_in_part() -> None:
    books = ledger(
        bill(),
        received("2024-02-10", "P-1", "95.00"),
        applied("2024-02-12", "P-1", "I-1", "95.00", discount="5.00"),
        unapplied("2024-02-13", "P-1", "I-1", "45.00"),
        unapplied("2024-02-14", "P-1", "I-1", "50.00", discount="5.00"),
    )
    assert books.claims("2024-02-13") == {
        "cash": "50.00",
        "discount": "5.00",
        "receivable": "45.00",
        "unbilled": "-100.00",
    }
    assert books.claims("2024-02-14") == {"receivable": "100.00", "unbilled": "-100.00"}
    assert books.party("2024-02-14") == {"unapplied": "95.00"}


def test_unapplying_more_than_was_applied_is_found() -> None:
    books = ledger(bill(), unapplied("2024-02-13", "P-1", "I-1", "45.00"))
    assert books.claims("2024-02-13") == {"cash": "-45.00", "receivable": "145.00", "unbilled": "-100.00"}
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_a_reversal_of_the_whole_takes_back_applications_discount_and_receipt() -> None:
    for amount in (None, "95.00"):
        books = ledger(
            bill(),
            received("2024-02-10", "P-1", "95.00"),
            applied("2024-02-12", "P-1", "I-1", "80.00", discount="5.00", withheld="1.00"),
            reversed_("2024-03-01", "P-1", amount),
        )
        assert books.claims("2024-03-01") == {"receivable": "100.00", "unbilled": "-100.00"}
        assert books.party("2024-03-01") == {}


def test_a_reversal_in_part_takes_unapplied_cash_first_then_the_latest_application() -> None:
    books = ledger(
        bill("I-1", "100.00"),
        bill("I-2", "50.00", deal="O-2"),
        received("2024-02-10", "P-1", "160.00"),
        applied("2024-02-11", "P-1", "I-1", "100.00", discount="1.00"),
        applied("2024-02-12", "P-1", "I-2", "50.00", deal="O-2"),
        reversed_("2024-03-01", "P-1", "4.00"),
        reversed_("2024-03-02", "P-1", "16.00"),
        reversed_("2024-03-03", "P-1", "60.00"),
    )
    assert books.party("2024-03-01") == {"applied": "150.00", "unapplied": "6.00"}
    assert books.claims("2024-03-02", deal="O-2") == {
        "cash": "40.00",
        "receivable": "10.00",
        "unbilled": "-50.00",
    }
    assert books.claims("2024-03-03", deal="O-2") == {"receivable": "50.00", "unbilled": "-50.00"}
    assert books.claims("2024-03-03", deal="O-1") == {
        "cash": "80.00",
        "discount": "1.00",
        "receivable": "19.00",
        "unbilled": "-100.00",
    }
    assert books.party("2024-03-03") == {"applied": "80.00"}


def test_a_reversal_of_a_payment_whose_receipt_was_never_seen_reopens_the_invoice() -> None:
    books = ledger(bill(), applied("2024-02-12", "P-1", "I-1", "100.00"), reversed_("2024-03-01", "P-1"))
    assert books.claims("2024-03-01") == {"receivable": "100.00", "unbilled": "-100.00"}
    assert books.party("2024-03-01") == {}
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_a_refund_leaves_applications() -> None:
    books = ledger(
        bill(),
        received("2024-02-10", "P-1", "130.00"),
        applied("2024-02-12", "P-1", "I-1", "100.00"),
        refunded("2024-03-01", "P-1", "30.00"),
    )
    assert books.party("2024-03-01") == {"applied": "100.00"}
    assert books.claims("2024-03-01")["cash"] == "100.00"


def test_a_refund_without_an_amount_is_all_that_was_received() -> None:
    books = ledger(received("2024-02-10", "P-1", "130.00"), refunded("2024-03-01", "P-1"))
    assert books.party("2024-03-01") == {}


def test_a_refund_of_a_payment_never_seen_is_found() -> None:
    books = ledger(refunded("2024-03-01", "P-1"), refunded("2024-03-01", "P-2", "5.00"))
    assert books.party("2024-03-01") == {}
    assert books.found() == ["PREDECESSOR_MISSING", "PREDECESSOR_MISSING"]
    books = ledger(
        refunded("2024-03-01", "P-3", "5.00", currency="EUR"), received("2024-03-02", "P-3", "5.00")
    )
    assert books.party("2024-03-01") == {"unapplied": "-5.00"}
    assert books.party("2024-03-02") == {}


def test_an_amount_with_too_many_decimals_for_the_payments_currency_is_found() -> None:
    books = ledger(
        received("2024-02-10", "P-1", "130", currency="JPY"),
        refunded("2024-03-01", "P-1", "1.50"),
        reversed_("2024-03-01", "P-1", "1.50"),
    )
    assert books.party("2024-03-01", "JPY") == {"unapplied": "130"}
    assert books.found() == ["AMOUNT_PRECISION", "AMOUNT_PRECISION"]


def test_a_receipt_counts_once() -> None:
    books = ledger(
        received("2024-02-10", "P-1", "130.00"),
        received("2024-02-11", "P-1", "130.00"),
        received("2024-02-12", "B-7", "130.00", by=BANK, keys=(f"{ERP}:payment:P-1",)),
    )
    assert books.party("2024-03-01") == {"unapplied": "130.00"}
    assert books.found() == ["DUPLICATE_BUSINESS_KEY", "DUPLICATE_BUSINESS_KEY"]


def test_a_bank_receipt_that_carries_the_erps_key_is_the_payment_that_the_erp_applies() -> None:
    books = ledger(
        bill(),
        received("2024-02-10", "B-7", "100.00", by=BANK, keys=(f"{ERP}:payment:P-1",)),
        applied("2024-02-12", "P-1", "I-1", "100.00"),
    )
    assert books.party("2024-02-12") == {"applied": "100.00"}
    assert books.claims("2024-02-12") == {"cash": "100.00", "unbilled": "-100.00"}


def test_payments_found_to_be_one_are_folded_as_one() -> None:
    both = (f"{ERP}:payment:P-1", f"{PSP}:payment:ch_1")
    books = ledger(
        bill(),
        received("2024-02-10", "ch_1", "100.00", by=PSP),
        applied("2024-02-11", "P-1", "I-1", "60.00"),
        applied("2024-02-12", "P-1", "I-1", "30.00"),
        reversed_("2024-02-20", "ch_1", "35.00", by=PSP, keys=both),
    )
    assert books.party("2024-02-19") == {"applied": "90.00", "unapplied": "10.00"}
    # 10 unapplied, then 25 of the latest application
    assert books.party("2024-02-20") == {"applied": "65.00"}
    assert books.party("2024-02-20", deal="opportunity:O-1") == {}
    assert books.claims("2024-02-20") == {"cash": "65.00", "receivable": "35.00", "unbilled": "-100.00"}


def test_the_latest_application_is_the_latest_of_both_payments_found_to_be_one() -> None:
    both = (f"{ERP}:payment:P-1", f"{PSP}:payment:ch_1")
    books = ledger(
        bill("I-1", "50.00"),
        bill("I-2", "50.00"),
        received("2024-02-10", "ch_1", "100.00", by=PSP),
        applied("2024-02-11", "P-1", "I-1", "50.00"),
        applied("2024-02-12", "ch_1", "I-2", "50.00", by="billing/stripe/acme", keys=(both[1],)),
        reversed_("2024-02-20", "ch_1", "50.00", by=PSP, keys=both),
    )
    assert books.claims("2024-02-20")["receivable"] == "50.00"
    taken = [row for _, row in books.postings if row[3] == 21 and row[5] < 0]
    assert [row[13] for row in taken] == ["I-2"]


def test_payments_found_to_be_one_by_a_fact_without_a_deal_move_on_its_date() -> None:
    books = ledger(
        bill("I-1"),
        bill("I-2", deal="O-2"),
        applied("2024-02-11", "P-1", "I-1", "50.00"),
        received("2024-02-12", "ch_1", "80.00", by=PSP, deal="O-2"),
        refunded("2024-02-20", "ch_1", "30.00", by=PSP, keys=(f"{ERP}:payment:P-1",)),
    )
    assert books.party("2024-02-19", deal="opportunity:O-1") == {"applied": "50.00", "unapplied": "-50.00"}
    assert books.party("2024-02-19", deal="opportunity:O-2") == {"unapplied": "80.00"}
    assert books.party("2024-02-20", deal="opportunity:O-1") == {}
    assert books.party("2024-02-20", deal="opportunity:O-2") == {"applied": "50.00"}


def test_the_deals_key_on_a_receipt_with_an_alias_does_not_hide_the_payment() -> None:
    """Whichever came first: the ERP's receipt without a deal, or the bank's with one."""
    books = ledger(
        received("2024-02-10", "P-1", "100.00"),
        received("2024-02-11", "B-7", "100.00", by=BANK, deal="O-1", keys=(f"{ERP}:payment:P-1",)),
    )
    assert books.party("2024-02-12") == {"unapplied": "100.00"}


def test_a_payment_in_another_currency_than_its_invoice_is_found_and_posts_nothing() -> None:
    books = ledger(
        bill(),
        received("2024-02-10", "P-1", "100.00", currency="USD"),
        applied("2024-02-12", "P-1", "I-1", "100.00", currency="USD"),
        applied("2024-02-13", "P-1", "I-1", "100.00"),
        unapplied("2024-02-14", "P-1", "I-1", "100.00", currency="USD"),
    )
    assert books.claims("2024-02-28") == {"receivable": "100.00", "unbilled": "-100.00"}
    assert books.party("2024-02-28", "USD") == {"unapplied": "100.00"}
    assert books.found() == ["CURRENCY_MISMATCH"] * 3


def test_a_receipt_in_another_currency_than_was_applied_keeps_both_balances() -> None:
    books = ledger(
        bill(),
        applied("2024-02-10", "P-1", "I-1", "100.00"),
        received("2024-02-12", "P-1", "110.00", currency="USD"),
        reversed_("2024-03-01", "P-1"),
    )
    assert books.party("2024-02-12") == {"applied": "100.00", "unapplied": "-100.00"}
    assert books.party("2024-02-12", "USD") == {"unapplied": "110.00"}
    assert books.party("2024-03-01") == books.party("2024-03-01", "USD") == {}
    assert books.claims("2024-03-01") == {"receivable": "100.00", "unbilled": "-100.00"}
    assert books.found() == ["CURRENCY_MISMATCH"]


def test_an_invoice_paid_in_another_currency_before_it_was_posted_keeps_both_balances() -> None:
    books = ledger(
        received("2024-01-10", "P-1", "100.00", currency="USD"),
        applied("2024-01-12", "P-1", "I-1", "100.00", currency="USD"),
        bill(),
        reversed_("2024-03-01", "P-1"),
    )
    assert books.claims("2024-02-01", "USD") == {"cash": "100.00", "receivable": "-100.00"}
    assert books.claims("2024-02-01", "EUR") == {"receivable": "100.00", "unbilled": "-100.00"}
    assert books.minor("2024-03-01", "USD") == {}
    assert books.claims("2024-03-01", "EUR") == {"receivable": "100.00", "unbilled": "-100.00"}


def test_a_receipt_told_by_the_crm_is_a_claim() -> None:
    books = ledger(
        received("2024-01-10", "P-1", "100.00", by=CRM, dimensions={"customer": "C-1"}),
        received("2024-01-09", "P-1", "100.00", by=CRM, dimensions={"customer": "C-1"}),
    )
    assert books.postings == []
    assert books.found() == ["SOR_VIOLATION", "SOR_VIOLATION"]


def test_cash_that_carries_no_deals_key_is_grouped_under_its_payer() -> None:
    books = ledger(received("2024-02-10", "P-1", "80.00", customer="C-7"))
    assert [(name, value) for (_, name, _), value in books.dimensions.items()] == [("customer", "C-7")]
