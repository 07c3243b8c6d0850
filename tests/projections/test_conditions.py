"""What stands about a deal beside its balances: conditions, and the exceptions that rules find."""

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.policies import Policies, Version
from projections import fold
from projections.clusters import decode
from tests.projections import events as e
from tests.projections.books import Books, MemoryLog, books_of, ledger
from tests.projections.events import Event, accepted, invoiced, line, won

YEAR = ("2024-01-01", "2024-12-31")
NEXT = ("2025-01-01", "2025-12-31")
Stands = dict[tuple[str, str], tuple[str, int, str]]


def stands(books: Books, on: str) -> Stands:
    """(code, object) -> currency, minor units, detail of what stands on a day."""
    return {
        (code, of): (currency, amount, detail) for code, of, currency, amount, detail in books.standing(on)
    }


def codes(books: Books, on: str) -> set[str]:
    return {said[0] for said in books.standing(on)}


def submitted(on: str, order: str = "SO-1", **rest: Any) -> Event:
    return e.event("order.submitted", on, f"order/{order}", order=order, **rest)


def rejected(on: str, reason: str | None = None, order: str = "SO-1", **rest: Any) -> Event:
    return e.event("order.rejected", on, f"order/{order}", order=order, reason=reason, **rest)


def promised(on: str, invoice: str, by: str | None = None, amount: str | None = None, **rest: Any) -> Event:
    told = e.event("promise.made", on, f"invoice/{invoice}", invoice=invoice, amount=amount, **rest)
    if by is not None:
        told["data"]["on"] = by
    return told


def not_renewing(on: str, by: str | None = None, order: str = "SO-1") -> Event:
    told = e.event("contract.non_renewal_notified", on, f"order/{order}", order=order)
    if by is not None:
        told["data"]["on"] = by
    return told


def test_an_order_is_submitted_rejected_submitted_again_and_accepted() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        submitted("2024-01-02"),
        rejected("2024-01-03", "tax_address"),
        submitted("2024-01-05"),
        rejected("2024-01-06"),
        accepted("2024-01-09", line("A", "100.00")),
    )
    waiting = {("order_submitted", "SO-1"): ("", 0, "submitted")}
    assert stands(books, "2024-01-02") == waiting
    assert stands(books, "2024-01-04") == {("order_rejected", "SO-1"): ("", 0, "tax_address")}
    assert stands(books, "2024-01-05") == waiting
    assert stands(books, "2024-01-06") == {("order_rejected", "SO-1"): ("", 0, "other")}
    assert stands(books, "2024-01-09") == {}


def test_a_renewal_that_was_submitted_is_accepted_by_its_renewal() -> None:
    books = ledger(
        submitted("2024-01-02", "SO-2"), e.renewed("2024-01-03", line("A", "100.00"), order="SO-2")
    )
    assert stands(books, "2024-01-03") == {}


def test_a_hold_of_one_order_is_not_released_by_anothers_release() -> None:
    def said(kind: str, on: str, of: str, reason: str | None = None) -> Event:
        return e.event(f"credit.{kind}", on, of, reason=reason)

    books = ledger(
        said("held", "2024-01-01", "order/SO-1", "limit"),
        said("held", "2024-01-02", "order/SO-2"),
        said("released", "2024-01-03", "order/SO-1"),
        said("released", "2024-01-05", "customer/C-1"),
    )
    assert stands(books, "2024-01-02") == {
        ("credit_held", "SO-1"): ("", 0, "limit"),
        ("credit_held", "SO-2"): ("", 0, "held"),
    }
    assert stands(books, "2024-01-04") == {("credit_held", "SO-2"): ("", 0, "held")}
    assert stands(books, "2024-01-05") == {}, "a release of something that is not held releases the deal"


def test_a_rejected_customer_stands_against_the_deal_that_it_names_only() -> None:
    def said(kind: str, on: str, deal: str | None, **rest: Any) -> Event:
        return e.event(f"customer.{kind}", on, "customer/C-1", customer="C-1", deal=deal, **rest)

    books = ledger(
        said("rejected", "2024-01-01", "O-1", reason="sanctions"),
        said("rejected", "2024-01-02", None),
        said("approved", "2024-01-03", "O-1"),
    )
    assert stands(books, "2024-01-02") == {("customer_rejected", "C-1"): ("", 0, "sanctions")}
    assert stands(books, "2024-01-03") == {}


def test_the_last_promise_of_an_invoice_holds() -> None:
    books = ledger(
        invoiced("2024-01-01", "I-1", line("A", "100.00")),
        promised("2024-02-01", "I-1", "2024-02-15", "60.00"),
        promised("2024-02-20", "I-1"),
        promised("2024-02-21", "I-1", "2024-03-01", "1.005"),
    )
    assert stands(books, "2024-02-01") == {("promise", "I-1"): ("EUR", 6000, "2024-02-15")}
    assert stands(books, "2024-02-20") == {("promise", "I-1"): ("EUR", 0, "2024-02-20")}
    assert codes(books, "2024-02-21") == {"promise", "AMOUNT_PRECISION"}


def test_a_promise_before_its_invoice_is_in_the_invoices_currency() -> None:
    books = ledger(
        promised("2024-01-01", "I-1", "2024-02-15", "60"),
        promised("2024-01-02", "I-2", "2024-02-15"),
        invoiced("2024-01-10", "I-1", line("A", "100"), currency="JPY"),
        invoiced("2024-01-10", "I-2", line("A", "100"), currency="JPY"),
    )
    assert stands(books, "2024-01-09") == {
        ("promise", "I-1"): ("JPY", 60, "2024-02-15"),
        ("promise", "I-2"): ("", 0, "2024-02-15"),
        ("PREDECESSOR_MISSING", "I-1"): ("", 0, ""),
        ("PREDECESSOR_MISSING", "I-2"): ("", 0, ""),
    }
    assert stands(books, "2024-01-10") == {
        ("promise", "I-1"): ("JPY", 60, "2024-02-15"),
        ("promise", "I-2"): ("", 0, "2024-02-15"),
    }


@pytest.mark.parametrize("how", ["expired", "churned", "cancelled"])
def test_an_order_that_ends_stands_as_ended(how: str) -> None:
    end = e.cancelled("2024-06-30") if how == "cancelled" else e.ended(how, "2024-06-30")
    books = ledger(accepted("2024-01-01", line("S", "1200.00", *YEAR)), end)
    assert stands(books, "2024-06-29") == {}
    assert stands(books, "2024-06-30") == {("ended", "SO-1"): ("", 0, how)}


def test_an_end_announced_for_later_stands_from_its_day_and_falls_with_the_renewal() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        e.ended("churned", "2024-09-01", on_="2024-12-31"),
    ]
    books = ledger(*told)
    assert stands(books, "2024-12-30") == {}
    assert stands(books, "2024-12-31") == {("ended", "SO-1"): ("", 0, "churned")}
    books = ledger(*told, e.renewed("2024-11-01", line("S", "1200.00", *NEXT), replaces="SO-1"))
    assert stands(books, "2025-12-31") == {}


def test_of_two_ends_the_one_that_has_come_holds() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        e.cancelled("2024-06-30"),
        e.ended("expired", "2024-12-31"),
    )
    assert stands(books, "2024-12-31") == {("ended", "SO-1"): ("", 0, "cancelled")}


def test_a_notice_of_non_renewal_stands_until_the_order_is_renewed() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        not_renewing("2024-09-01", "2024-12-31"),
        e.renewed("2024-11-01", line("S", "1200.00", *NEXT), replaces="SO-1"),
    )
    assert stands(books, "2024-10-31") == {("non_renewal", "SO-1"): ("", 0, "2024-12-31")}
    assert stands(books, "2024-11-01") == {}


def test_an_invoice_for_after_the_end_of_its_order_is_found_until_it_is_voided() -> None:
    bill = line("S", "100.00", of="SO-1/1")
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("G", "5.00", number="2")),
        e.ended("expired", "2024-12-31"),
        invoiced("2024-12-31", "I-1", bill),
        invoiced("2025-01-10", "I-2", line("S", "100.00", "2024-12-01", "2024-12-31", of="SO-1/1")),
        invoiced("2025-01-10", "I-3", line("G", "5.00", of="SO-1/2")),
        invoiced("2025-01-31", "I-4", bill),
        e.voided("2025-02-05", "I-4"),
    )
    assert "EXPIRED_STILL_BILLING" not in codes(books, "2025-01-30")
    assert stands(books, "2025-01-31")["EXPIRED_STILL_BILLING", "I-4"] == ("EUR", 10_000, "SO-1")
    assert "EXPIRED_STILL_BILLING" not in codes(books, "2025-02-05")


def test_an_end_told_after_the_invoice_finds_it() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        invoiced("2025-01-31", "I-1", line("S", "100.00", of="SO-1/1")),
        e.ended("churned", "2025-02-10", on_="2024-12-31"),
    )
    assert "EXPIRED_STILL_BILLING" not in codes(books, "2025-02-09")
    assert ("EXPIRED_STILL_BILLING", "I-1") in stands(books, "2025-02-10")


def test_terms_that_differ_are_found_also_where_the_amounts_agree() -> None:
    books = ledger(
        won("2024-01-01", line("S", "1200.00", *YEAR), line("T", "100.00", *YEAR)),
        accepted("2024-01-02", line("S", "1200.00", "2024-02-01", "2025-01-31"), line("T", "100.00", *YEAR)),
        e.order_changed("2024-01-09", line("S", "1200.00", *YEAR), line("T", "100.00", *YEAR)),
    )
    detail = "2024-01-01..2024-12-31/2024-02-01..2025-01-31"
    assert stands(books, "2024-01-02") == {("TERM_MISMATCH", "S"): ("EUR", 0, detail)}
    assert stands(books, "2024-01-09") == {}


def test_terms_are_compared_while_the_deal_is_won() -> None:
    books = ledger(
        accepted("2024-01-02", line("S", "1200.00", "2024-02-01", "2025-01-31")),
        won("2024-01-05", line("S", "1200.00", *YEAR)),
        e.reopened("2024-01-10"),
        won("2024-01-15", line("S", "1200.00", *YEAR)),
        e.changed("2024-01-20", line("S", "1200.00", "2024-02-01", "2025-01-31")),
    )
    for day, differ in (("02", False), ("05", True), ("10", False), ("15", True), ("20", False)):
        assert ("TERM_MISMATCH" in codes(books, f"2024-01-{day}")) is differ, day


def test_a_win_without_dates_or_lines_and_a_cancelled_order_have_no_terms_to_differ() -> None:
    other = ("2024-02-01", "2025-01-31")
    books = ledger(won("2024-01-01", line("S", "9.00")), accepted("2024-01-02", line("S", "9.00", *YEAR)))
    assert stands(books, "2024-12-31") == {}
    books = ledger(
        won("2024-01-01", amount="9.00"),
        accepted("2024-01-02", line("S", "9.00", *YEAR)),
        won("2024-12-01", line("S", "9.00", *NEXT), number="O-2", deal="O-1"),
        e.renewed("2024-12-02", line("S", "9.00", *NEXT), replaces="SO-1"),
    )
    assert books.found() == []
    books = ledger(
        won("2024-01-01", line("S", "9.00", *YEAR)),
        accepted("2024-01-02", line("S", "9.00", *other)),
        e.cancelled("2024-01-03"),
    )
    assert "TERM_MISMATCH" in codes(books, "2024-01-02")
    assert "TERM_MISMATCH" not in codes(books, "2024-01-03")


def test_a_renewal_that_is_not_in_the_crm_is_no_other_term() -> None:
    books = ledger(
        won("2024-01-01", line("S", "1200.00", *YEAR)),
        accepted("2024-01-02", line("S", "1200.00", *YEAR)),
        e.renewed("2024-11-01", line("S", "1200.00", *NEXT), replaces="SO-1"),
        won("2024-11-15", line("S", "1200.00", *NEXT), number="O-2", deal="O-1"),
    )
    for day in ("2024-01-02", "2024-11-01", "2024-11-15"):
        assert "TERM_MISMATCH" not in codes(books, day)


def test_crm_and_erp_name_different_entities_until_they_agree() -> None:
    def of(entity: str) -> dict[str, Any]:
        return {"dimensions": {"entity": entity}}

    books = ledger(
        won("2024-01-01", line("A", "100.00"), **of("DE01")),
        accepted("2024-01-02", line("A", "100.00"), **of("US01")),
        e.changed("2024-01-05", line("A", "100.00"), **of("FR01")),
        e.received("2024-01-06", "P-1", "1.00", by=e.PSP, deal="O-1", **of("XX01")),
        invoiced("2024-01-09", "I-1", line("A", "100.00"), **of("FR01")),
    )
    assert stands(books, "2024-01-02") == {("ENTITY_MISMATCH", ""): ("", 0, "DE01/US01")}
    assert stands(books, "2024-01-05") == {("ENTITY_MISMATCH", ""): ("", 0, "FR01/US01")}
    assert stands(books, "2024-01-09") == {}


def test_an_order_rejected_for_its_entity_is_found_until_it_is_accepted() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00"), dimensions={"entity": "DE01"}),
        rejected("2024-01-02", "entity_mismatch"),
        submitted("2024-01-03"),
        accepted("2024-01-04", line("A", "100.00")),
    )
    assert stands(books, "2024-01-03")["ENTITY_MISMATCH", "SO-1"] == ("", 0, "DE01/?")
    assert stands(books, "2024-01-04") == {}


def test_revenue_of_the_erp_is_compared_with_ours_on_its_day_and_posts_nothing() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "366.00", *YEAR)),
        e.earned("2024-01-31", "SO-1/1", "31.00"),
        e.earned("2024-02-29", "SO-1/1", "40.00"),
        e.earned("2024-03-31", "SO-1/1", "10.00", back=True),
        e.earned("2024-03-31", "SO-1/1", "31.00"),
    )
    assert books.recognised("2024-03-31") == "91.00"
    assert stands(books, "2024-01-31") == {("recognised_by_erp", "SO-1/1"): ("EUR", 3100, "")}
    assert stands(books, "2024-02-29") == {
        ("recognised_by_erp", "SO-1/1"): ("EUR", 7100, ""),
        ("RECOGNITION_MISMATCH", "SO-1/1"): ("EUR", 1100, ""),
    }
    # within the tolerance of 1.00
    assert stands(books, "2024-03-31") == {("recognised_by_erp", "SO-1/1"): ("EUR", 9200, "")}


def test_usage_and_concessions_are_part_of_what_the_erp_recognises() -> None:
    books = ledger(
        accepted("2024-01-01", line("U", "0.00", kind="usage"), line("S", "366.00", *YEAR, number="2")),
        e.rated("2024-01-10", "U-1", line("U", "50.00", of="SO-1/1")),
        e.earned("2024-01-31", "SO-1/1", "50.00"),
        e.credited("2024-01-20", "C-1", "concession", line("S", "10.00", of="SO-1/2")),
        e.earned("2024-01-31", "SO-1/2", "21.00"),
    )
    assert books.found() == []


def test_revenue_before_its_order_is_compared_when_the_order_is_there() -> None:
    books = ledger(
        e.earned("2024-01-31", "SO-1/1", "90.00"),
        accepted("2024-02-01", line("S", "366.00", *YEAR)),
        e.earned("2024-02-01", "SO-1/9", "1.00"),
    )
    assert codes(books, "2024-01-31") == {"PREDECESSOR_MISSING"}
    assert stands(books, "2024-02-01")["RECOGNITION_MISMATCH", "SO-1/1"] == ("EUR", 5800, "")
    assert ("PREDECESSOR_MISSING", "SO-1/9") in stands(books, "2024-02-01")


def test_the_tolerance_of_recognised_revenue_is_a_policy() -> None:
    log = MemoryLog()
    log.record(accepted("2024-01-01", line("S", "366.00", *YEAR)), e.earned("2024-01-31", "SO-1/1", "36.00"))
    facts = sorted(map(decode, log.rows))
    for tolerance, found in (("4.99", True), ("5.00", False)):
        policies = Policies([Version("close", "1", 0, {"recognition_tolerance": tolerance})])
        book = fold.fold(facts, {}, set(), policies=policies)
        assert any(signal[2] == "RECOGNITION_MISMATCH" for signal in book.signals) is found


def test_a_win_reopened_after_its_order_stands_until_it_is_won_again() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00")),
        e.reopened("2024-02-01"),
        won("2024-03-01", line("A", "100.00")),
        e.lost("2024-04-01"),
        e.cancelled("2024-05-01"),
    )
    found = ("WON_REOPENED_AFTER_ORDER", "O-1")
    assert stands(books, "2024-02-01") == {found: ("EUR", 10000, "reopened")}
    assert stands(books, "2024-03-01") == {}
    assert stands(books, "2024-04-01") == {found: ("EUR", 10000, "lost")}
    assert found not in stands(books, "2024-05-01"), "nothing is ordered any more"


def test_a_win_reopened_when_all_is_cancelled_or_nothing_ordered_is_no_exception() -> None:
    books = ledger(
        won("2024-01-01", line("A", "100.00")),
        e.reopened("2024-01-02"),
        won("2024-01-03", line("A", "100.00")),
        accepted("2024-01-04", line("A", "100.00")),
        e.cancelled("2024-01-05"),
        e.lost("2024-01-06"),
    )
    assert books.found() == []


def test_what_is_found_names_the_document() -> None:
    books = ledger(
        accepted("2024-01-01", line("A", "100.00")),
        accepted("2024-01-02", line("A", "100.00")),
        invoiced("2024-01-03", "I-1", line("A", "1.00")),
        invoiced("2024-01-04", "I-1", line("A", "1.00")),
        e.received("2024-01-05", "P-1", "1.00"),
        e.received("2024-01-06", "P-1", "1.00"),
        e.voided("2024-01-01", "I-1"),
        e.redated("2024-01-01", "I-1", "2024-02-01"),
        e.line_cancelled("2024-01-03", "9"),
        e.cancelled("2024-01-03", order="SO-9"),
        e.applied("2024-01-07", "P-1", "I-1", "1.00", currency="USD"),
    )
    found = {said[:2] for said in books.standing("2024-01-31") if said[0].isupper()}
    assert found == {
        ("DUPLICATE_BUSINESS_KEY", "order/SO-1"),
        ("DUPLICATE_BUSINESS_KEY", "invoice/I-1"),
        ("DUPLICATE_BUSINESS_KEY", "payment/P-1"),
        ("PREDECESSOR_MISSING", "I-1"),
        ("PREDECESSOR_MISSING", "SO-1/9"),
        ("PREDECESSOR_MISSING", "SO-9"),
        ("CURRENCY_MISMATCH", "I-1"),
    }


@pytest.mark.parametrize(
    ("kind", "subject", "data"),
    [
        ("order.submitted", "order/SO-1", {"order": "SO-1"}),
        ("quote.approved", "quote/Q-1", {"quote": "Q-1", "version": "1"}),
        ("customer.rejected", "customer/C-1", {"customer": "C-1"}),
        ("credit.held", "order/SO-1", {}),
        ("promise.made", "invoice/I-1", {"invoice": "I-1"}),
        ("contract.non_renewal_notified", "order/SO-1", {"order": "SO-1"}),
        ("deals.linked", "link/1", {}),
    ],
)
def test_a_claim_of_what_posts_nothing_is_found_and_stands_for_nothing(
    kind: str, subject: str, data: dict[str, Any]
) -> None:
    books = ledger(e.event(kind, "2024-01-05", subject, by="wms/manhattan/acme", **data))
    assert {said[0] for said in books.standing("2024-01-05")} == {"SOR_VIOLATION"}


def _pool() -> list[Event]:
    """Facts of one deal that raise and end conditions, on few days so that they meet."""
    told = []
    for day in ("01", "02", "05"):
        on = f"2024-01-{day}"
        other = ("2024-02-01", "2025-01-31") if day == "02" else YEAR
        told += [
            submitted(on),
            rejected(on, "entity_mismatch" if day == "02" else None),
            accepted(on, line("S", "1200.00", *other), dimensions={"entity": "US01"}, sequence=day),
            won(on, line("S", "1200.00", *YEAR), dimensions={"entity": "US01" if day == "05" else "DE01"}),
            e.order_changed(on, line("S", "1200.00", *YEAR), sequence={"01": "9", "02": "3"}.get(day, "6")),
            e.amended(on, line("S", "12.00", kind="recurring"), amendment=f"A-{day}"),
            e.renewed(on, line("S", "1300.00", *NEXT), replaces="SO-1"),
            e.ended("churned", on, on_="2024-01-06"),
            not_renewing(on, "2024-12-31"),
            e.cancelled(on),
            e.reopened(on),
            e.lost(on, time="10:00:00"),
            promised(on, "I-1", "2024-02-01", "5.00"),
            invoiced(on, "I-1", line("S", "100.00", of="SO-1/1"), due="2024-02-01"),
            e.voided(on, "I-1"),
            e.earned(on, "SO-1/1", "3.00"),
            e.memo_applied(on, "C-1", "I-1", "1.00"),
            e.credited(on, "C-1", "concession", line("S", "1.00", of="SO-1/1")),
            e.activated(on, f"F-{day}", ("SO-1/1", None)),
            e.event("credit.held", on, "order/SO-1"),
            e.event("credit.released", on, "customer/C-1"),
        ]
    return told


@settings(max_examples=120, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
@given(st.data())
def test_what_stands_does_not_depend_on_the_order_of_arrival(data: st.DataObject) -> None:
    pool = _pool()
    chosen = data.draw(st.lists(st.integers(0, len(pool) - 1), min_size=3, max_size=12, unique=True))
    told = [pool[at] for at in chosen]
    books = books_of(told, [1] * len(told))
    assert books.outcome() == books_of(sorted(told, key=lambda event: event["id"])).outcome()
    assert "FOLD_FAILED" not in books.found()
    held: dict[tuple[Any, ...], int] = {}
    for (_, fact, code, _, *rest), sign in books.signals.items():
        held[fact, code, *rest] = held.get((fact, code, *rest), 0) + sign
    assert set(held.values()) <= {0, 1}, "what stands stands once, and what is over is over"
