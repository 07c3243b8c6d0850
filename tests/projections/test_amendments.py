"""Corrections and voids: the target is folded as if replaced or absent, from the correction's position on."""

from collections import Counter
from datetime import date
from itertools import permutations

import pytest

from domain.instants import from_date
from scripts.campaigning.folding import entitled_to
from scripts.cataloguing.examples import EXAMPLES
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import Books, MemoryLog, books_of, ledger
from tests.projections.events import Event

TERM = ("2024-01-01", "2024-12-31")


def won() -> Event:
    return e.won("2024-01-01", e.line("A", "100.00"))


def accepted(net: str = "100.00", **rest: object) -> Event:
    return e.accepted("2024-01-02", e.line("A", net), **rest)


def invoiced(net: str = "60.00", number: str = "I-1", **rest: object) -> Event:
    rest = {"keys": (r.order_key(),), "deal": None, "due": "2024-02-10", **rest}
    return e.invoiced("2024-01-10", number, e.line("A", net, of="SO-1/1"), **rest)  # type: ignore[arg-type]


def smaller(invoice: Event, net: str) -> Event:
    return r.instead(invoice, lines=[e.line("A", net, of="SO-1/1")])


def beside_conflicts(books: Books) -> tuple[object, ...]:
    """The outcome without the notes of whose conflicts are settled."""
    books.signals = Counter({key: held for key, held in books.signals.items() if key[2] != "settled"})
    return books.outcome()


def test_a_corrected_invoice_counts_as_its_replacement_and_before_the_correction_as_it_was() -> None:
    invoice = invoiced("60.00")
    books = ledger(won(), accepted(), invoice, r.corrected("2024-02-01", invoice, smaller(invoice, "40.00")))
    assert books.claims("2024-01-10") == {"receivable": "40.00", "unbilled": "60.00"}
    assert books.recognised("2024-01-10") == "40.00"
    before = books.known(3)
    assert before.claims("2024-12-31") == {"receivable": "60.00", "unbilled": "40.00"}
    assert before.recognised("2024-12-31") == "60.00"


def test_a_corrected_order_moves_its_variance_and_what_is_left_to_bill() -> None:
    order, invoice = accepted("90.00"), invoiced("60.00")
    replacement = r.instead(order, lines=[e.line("A", "100.00")])
    books = ledger(won(), order, invoice, r.corrected("2024-02-01", order, replacement))
    assert books.claims("2024-01-31") == {"receivable": "60.00", "unbilled": "40.00"}
    assert books.known(3).claims("2024-01-31") == {
        "receivable": "60.00",
        "unbilled": "30.00",
        "variance.price": "10.00",
    }


def test_a_corrected_win_stands_at_its_new_amount() -> None:
    win = e.won("2024-01-01", amount="80.00")
    books = ledger(win, r.corrected("2024-02-01", win, r.instead(win, amount="85.50")))
    assert books.claims("2024-01-01") == {"won_unordered": "85.50"}


def test_a_win_corrected_to_another_day_is_won_on_that_day() -> None:
    win = e.won("2024-01-01", amount="80.00")
    replacement = r.instead(win, effective_on="2024-01-20")
    books = ledger(win, r.corrected("2024-02-01", win, replacement))
    assert books.claims("2024-01-19") == {}
    assert books.claims("2024-01-20") == {"won_unordered": "80.00"}


def test_a_corrected_receipt_leaves_what_was_applied_and_changes_what_is_unapplied() -> None:
    payment = e.received("2024-01-20", "P-1", "60.00")
    paid = e.applied("2024-01-21", "P-1", "I-1", "60.00", deal=None, keys=(r.invoice_key(),))
    books = ledger(
        accepted(),
        invoiced("60.00"),
        payment,
        paid,
        r.corrected("2024-02-01", payment, r.instead(payment, amount="75.00")),
    )
    assert books.party("2024-01-21") == {"applied": "60.00", "unapplied": "15.00"}
    assert books.claims("2024-01-21")["cash"] == "60.00"
    assert books.known(4).party("2024-01-21") == {"applied": "60.00"}


def test_a_corrected_application_goes_to_the_other_invoice() -> None:
    first, second = invoiced("60.00"), invoiced("40.00", "I-2")
    paid = e.applied("2024-01-21", "P-1", "I-1", "40.00", deal=None, keys=(r.invoice_key("I-1"),))
    replacement = r.instead(paid, invoice="I-2", keys=[r.invoice_key("I-2")])
    books = ledger(
        won(),
        accepted(),
        first,
        second,
        e.received("2024-01-20", "P-1", "40.00"),
        paid,
        r.corrected("2024-02-01", paid, replacement),
    )
    held = {row[13]: row[5] for _, row in books.postings if row[3] == 21}
    assert books.claims("2024-01-21") == {"cash": "40.00", "receivable": "60.00"}
    assert held == {"I-1": -4000, "I-2": 4000}


def test_a_corrected_snapshot_moves_the_pipeline_it_opened() -> None:
    first = e.opened("2024-01-01", amount="50.00", probability="0.5", sequence="1")
    later = e.changed("2024-01-05", amount="70.00", probability="0.5", sequence="2")
    books = ledger(first, later, r.corrected("2024-02-01", later, r.instead(later, amount="60.00")))
    assert books.claims("2024-01-04") == {"pipeline": "50.00"}
    assert books.claims("2024-01-05") == {"pipeline": "60.00"}
    assert books.beside("2024-01-05") == {"weighted": "30.00"}


def test_a_corrected_fulfilment_earns_by_the_corrected_quantity() -> None:
    order = e.accepted("2024-01-02", e.line("G", "40.00", quantity="4", recognition="on_fulfilment"))
    delivery = e.delivered("2024-01-12", "F-1", ("SO-1/1", "3"), by="wms/manhattan/acme")
    replacement = r.instead(delivery, lines=[{"order_line": "SO-1/1", "quantity": "2"}])
    books = ledger(order, delivery, r.corrected("2024-01-15", delivery, replacement))
    assert books.performance("2024-01-12") == {"recognised": "20.00", "unfulfilled": "20.00"}
    assert books.known(2).performance("2024-01-12") == {"recognised": "30.00", "unfulfilled": "10.00"}


def test_a_correction_of_a_ratable_order_earns_by_its_new_term() -> None:
    order = e.accepted("2024-01-01", e.line("S", "366.00", *TERM))
    half = r.instead(order, lines=[e.line("S", "366.00", "2024-01-01", "2024-06-30")])
    books = ledger(order, r.corrected("2024-03-01", order, half))
    assert books.recognised("2024-06-30") == "366.00"
    assert books.known(1).recognised("2024-06-30") == "182.00"


def test_a_correction_that_comes_before_its_target_holds_when_the_target_comes() -> None:
    invoice = invoiced("60.00")
    correction = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    story = [correction, won(), accepted(), invoice]
    books = ledger(*story)
    assert books.claims("2024-01-10") == {"receivable": "40.00", "unbilled": "60.00"}
    assert books.found() == []
    waiting = books.known(1)
    assert waiting.found() == ["PREDECESSOR_MISSING"]
    assert waiting.postings == []


def test_a_void_that_comes_before_its_target_holds_when_the_target_comes() -> None:
    invoice = invoiced("60.00")
    for order in permutations((r.void("2024-02-01", invoice), accepted(), invoice)):
        books = books_of(order, (1, 1), restart=True)
        assert books.claims("2024-02-01") == {"unbilled": "100.00", "won_unordered": "-100.00"}
        assert books.found() == []


def test_a_target_that_never_comes_leaves_a_missing_predecessor() -> None:
    books = ledger(accepted(), r.void("2024-02-01", invoiced("60.00")))
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_of_two_corrections_the_last_by_time_holds_whichever_arrives_first() -> None:
    invoice = invoiced("60.00")
    early = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    late = r.corrected("2024-02-02", invoice, smaller(invoice, "30.00"))
    for told in ((early, late), (late, early)):
        books = ledger(accepted(), invoice, *told)
        assert books.claims("2024-03-01")["receivable"] == "30.00"


def test_of_two_corrections_of_one_moment_the_last_by_sequence_then_source_then_id_holds() -> None:
    invoice = invoiced("60.00")

    def outcome(one: dict[str, str], other: dict[str, str]) -> str:
        first = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"), **one)
        second = r.corrected("2024-02-01", invoice, smaller(invoice, "30.00"), **other)
        first["subject"], second["subject"] = "correction/1", "correction/2"
        return ledger(accepted(), invoice, first, second).claims("2024-03-01")["receivable"]

    low, high = "billing/zuora/acme", "erp/netsuite/acme"
    assert outcome({"sequence": "9", "id_": "z"}, {"sequence": "10", "id_": "a"}) == "30.00"
    assert outcome({"sequence": "10", "id_": "z"}, {"sequence": "9", "id_": "a"}) == "40.00"
    assert outcome({"by": low, "id_": "z"}, {"by": high, "id_": "a"}) == "30.00"
    assert outcome({"id_": "a"}, {"id_": "b"}) == "30.00"
    assert outcome({"id_": "b"}, {"id_": "a"}) == "40.00"


def test_a_later_void_takes_away_what_an_earlier_correction_replaced() -> None:
    invoice = invoiced("60.00")
    books = ledger(
        accepted(),
        invoice,
        r.corrected("2024-02-01", invoice, smaller(invoice, "40.00")),
        r.void("2024-02-02", invoice),
    )
    assert "receivable" not in books.claims("2024-03-01")


def test_a_correction_later_than_a_void_brings_its_target_back() -> None:
    invoice = invoiced("60.00")
    books = ledger(
        accepted(),
        invoice,
        r.void("2024-02-01", invoice),
        r.corrected("2024-02-02", invoice, smaller(invoice, "40.00")),
    )
    assert books.claims("2024-03-01")["receivable"] == "40.00"
    assert "receivable" not in books.known(3).claims("2024-03-01")


def test_a_voided_correction_leaves_its_target_as_it_was() -> None:
    invoice = invoiced("60.00")
    correction = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    books = ledger(accepted(), invoice, correction, r.void("2024-02-03", correction))
    assert books.claims("2024-03-01")["receivable"] == "60.00"
    assert books.known(3).claims("2024-03-01")["receivable"] == "40.00"


def test_a_voided_correction_uncovers_the_one_before_it() -> None:
    invoice = invoiced("60.00")
    first = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    second = r.corrected("2024-02-02", invoice, smaller(invoice, "30.00"))
    books = ledger(accepted(), invoice, first, second, r.void("2024-02-03", second))
    assert books.claims("2024-03-01")["receivable"] == "40.00"


def test_a_void_of_a_void_brings_the_target_back_and_a_third_takes_it_away() -> None:
    invoice = invoiced("60.00")
    void = r.void("2024-02-01", invoice)
    undo = r.void("2024-02-02", void)
    again = r.void("2024-02-03", undo)
    books = ledger(accepted(), invoice, void, undo, again)
    assert "receivable" not in books.known(3).claims("2024-03-01")
    assert books.known(4).claims("2024-03-01")["receivable"] == "60.00"
    assert "receivable" not in books.claims("2024-03-01")


def test_a_correction_of_a_correction_gives_the_target_its_last_replacement() -> None:
    invoice = invoiced("60.00")
    first = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    better = r.instead(first, replacement=smaller(invoice, "30.00"))
    books = ledger(accepted(), invoice, first, r.corrected("2024-02-02", first, better))
    assert books.claims("2024-03-01")["receivable"] == "30.00"


def test_a_correction_that_is_made_to_speak_of_another_target_changes_nothing() -> None:
    one, other = invoiced("60.00"), invoiced("20.00", "I-2")
    first = r.void("2024-02-01", one)
    elsewhere = r.instead(first, target=r.identity(other))
    books = ledger(accepted(), one, other, first, r.corrected("2024-02-02", first, elsewhere))
    assert books.claims("2024-03-01")["receivable"] == "80.00"
    assert books.found() == ["PREDECESSOR_MISSING"]


def test_a_void_that_waits_for_its_target_may_be_voided_itself() -> None:
    invoice = invoiced("60.00")
    void = r.void("2024-02-01", invoice)
    undo = r.void("2024-02-02", void)
    assert ledger(accepted(), void, undo).found() == []
    assert ledger(accepted(), void, undo, invoice).claims("2024-03-01")["receivable"] == "60.00"


def test_a_correction_holds_by_the_time_that_it_was_corrected_to() -> None:
    invoice = invoiced("60.00")
    first = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    second = r.corrected("2024-02-02", invoice, smaller(invoice, "30.00"))
    later = r.instead(first) | {"time": "2024-02-05T09:00:00Z"}
    books = ledger(accepted(), invoice, first, second, r.corrected("2024-02-03", first, later))
    assert books.known(4).claims("2024-03-01")["receivable"] == "30.00"
    assert books.claims("2024-03-01")["receivable"] == "40.00"


def test_voids_in_a_circle_speak_of_nothing() -> None:
    source = f"/{e.ERP}"
    one = r.void("2024-02-01", {"source": source, "id": "two"}, id_="one")
    two = r.void("2024-02-02", one, id_="two")
    alone = r.void("2024-02-02", {"source": source, "id": "self"}, id_="self")
    books = ledger(accepted(), invoiced("60.00"), one, two, alone)
    assert books.claims("2024-03-01")["receivable"] == "60.00"
    assert books.found() == ["PREDECESSOR_MISSING"] * 3


def test_a_correction_from_a_role_not_entitled_to_the_target_shows_and_changes_nothing() -> None:
    invoice = invoiced("60.00")
    story = (accepted(), invoice, r.void("2024-02-01", invoice, by=e.CRM))
    books = ledger(*story)
    assert books.claims("2024-03-01")["receivable"] == "60.00"
    assert books.found() == ["SOR_VIOLATION"]
    assert {name for name in books.deals() if name} == {r.opportunity_key()}


def test_a_role_not_entitled_to_a_payment_shows_under_the_payments_own_deal() -> None:
    payment = e.received("2024-01-20", "P-1", "60.00")
    paid = e.applied("2024-01-21", "P-1", "I-1", "60.00", deal=None, keys=(r.invoice_key(),))
    books = ledger(accepted(), invoiced("60.00"), payment, paid, r.void("2024-02-01", payment, by=e.CRM))
    shown = {books.names.get(signal[0]) for signal in books.signals if signal[2] == "SOR_VIOLATION"}
    assert shown == {f"{e.ERP}:payment:P-1"}


def test_any_entitled_role_may_correct_not_only_the_source_itself() -> None:
    invoice = invoiced("60.00")
    books = ledger(accepted(), invoice, r.void("2024-02-01", invoice, by="billing/zuora/acme"))
    assert "receivable" not in books.claims("2024-03-01")
    assert books.found() == []


def test_an_unentitled_void_of_a_void_changes_nothing() -> None:
    invoice = invoiced("60.00")
    void = r.void("2024-02-01", invoice)
    books = ledger(accepted(), invoice, void, r.void("2024-02-02", void, by=e.CRM))
    assert "receivable" not in books.claims("2024-03-01")
    assert books.found() == ["SOR_VIOLATION"]


def test_a_role_can_not_say_by_a_correction_what_it_may_not_say_itself() -> None:
    win, invoice = won(), invoiced("60.00")
    books = ledger(accepted(), win, r.corrected("2024-02-01", win, invoice, by=e.CRM))
    assert "receivable" not in books.claims("2024-03-01")
    assert books.found() == ["SOR_VIOLATION"]
    assert books.claims("2024-03-01") == books.known(2).claims("2024-03-01")


def test_a_claim_is_cleared_by_a_void_of_the_system_of_record() -> None:
    claim = invoiced("99.00", "I-9", by=e.CRM)
    books = ledger(accepted(), claim, r.void("2024-02-01", claim, by=e.ERP))
    assert books.known(2).found() == ["SOR_VIOLATION"]
    assert books.found() == []


def test_a_correction_that_names_another_deals_order_moves_the_invoice_there() -> None:
    invoice = invoiced("60.00")
    moved = r.instead(invoice, keys=[r.order_key("SO-2")], lines=[e.line("B", "60.00", of="SO-2/1")])
    books = ledger(
        accepted(),
        invoice,
        e.accepted("2024-01-03", e.line("B", "200.00"), order="SO-2", deal="O-2"),
        r.corrected("2024-02-01", invoice, moved),
    )
    there, here = r.opportunity_key("O-2"), r.opportunity_key("O-1")
    assert books.claims("2024-03-01", deal=here) == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.claims("2024-03-01", deal=there) == {
        "receivable": "60.00",
        "unbilled": "140.00",
        "won_unordered": "-200.00",
    }
    before = books.known(3)
    assert before.claims("2024-03-01", deal=here)["receivable"] == "60.00"
    assert "receivable" not in before.claims("2024-03-01", deal=there)
    assert books.deals() == before.deals() == {here, there}


def test_cash_follows_an_invoice_that_a_correction_moves_to_another_deal() -> None:
    invoice = invoiced("60.00")
    moved = r.instead(invoice, keys=[r.order_key("SO-2")], lines=[e.line("B", "60.00", of="SO-2/1")])
    books = ledger(
        accepted(),
        e.accepted("2024-01-03", e.line("B", "200.00"), order="SO-2", deal="O-2"),
        invoice,
        e.received("2024-01-20", "P-1", "50.00"),
        e.applied("2024-01-21", "P-1", "I-1", "50.00", deal=None, keys=(r.invoice_key(),)),
        r.corrected("2024-02-01", invoice, moved),
    )
    assert books.claims("2024-03-01", deal=r.opportunity_key("O-2"))["cash"] == "50.00"
    assert books.claims("2024-03-01", deal=r.opportunity_key("O-2"))["receivable"] == "10.00"
    assert "cash" not in books.claims("2024-03-01", deal=r.opportunity_key("O-1"))


def test_the_first_of_two_documents_with_one_number_voided_lets_the_second_count() -> None:
    first, second = invoiced("60.00"), invoiced("50.00", time="12:00:00")
    books = ledger(accepted(), first, second, r.void("2024-02-01", first))
    assert books.known(3).found() == ["DUPLICATE_BUSINESS_KEY"]
    assert books.known(3).claims("2024-03-01")["receivable"] == "60.00"
    assert books.found() == []
    assert books.claims("2024-03-01")["receivable"] == "50.00"


def test_a_duplicate_corrected_to_a_number_of_its_own_counts() -> None:
    first, second = invoiced("60.00"), invoiced("30.00", time="12:00:00")
    books = ledger(
        accepted(), first, second, r.corrected("2024-02-01", second, r.instead(second, invoice="I-2"))
    )
    assert books.found() == []
    assert books.claims("2024-03-01")["receivable"] == "90.00"


def test_a_correction_settles_the_conflict_of_its_target() -> None:
    invoice = invoiced("60.00")
    correction = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    books = ledger(accepted(), invoice, correction)
    assert ("settled", "", "", 0, "") in books.standing("2024-03-01")
    undone = ledger(accepted(), invoice, correction, r.void("2024-02-02", correction))
    assert undone.claims("2024-03-01")["receivable"] == "60.00"


def test_a_voided_win_reopens_what_stood_before_it() -> None:
    win = e.won("2024-01-05", amount="80.00")
    books = ledger(e.opened("2024-01-01", amount="50.00"), win, r.void("2024-02-01", win))
    assert books.claims("2024-03-01") == {"pipeline": "50.00"}


def test_a_voided_milestone_takes_its_dimensions_with_it() -> None:
    order = accepted(dimensions={"customer": "C-2"})
    books = books_of([e.won("2024-01-01", amount="80.00", dimensions={"customer": "C-1"}), order])
    assert {v for (_, n, _), v in books.dimensions.items() if n == "customer"} == {"C-1", "C-2"}
    voided = books_of(
        [
            e.won("2024-01-01", amount="80.00", dimensions={"customer": "C-1"}),
            order,
            r.void("2024-02-01", order),
        ]
    )
    assert {v for (_, n, _), v in voided.dimensions.items() if v} == {"C-1"}


def test_a_voided_receipt_leaves_its_application_without_cash() -> None:
    payment = e.received("2024-01-20", "P-1", "60.00")
    paid = e.applied("2024-01-21", "P-1", "I-1", "60.00", deal=None, keys=(r.invoice_key(),))
    books = ledger(accepted(), invoiced("60.00"), payment, paid, r.void("2024-02-01", payment))
    assert books.party("2024-03-01") == {"applied": "60.00", "unapplied": "-60.00"}
    assert books.claims("2024-03-01")["cash"] == "60.00"


def test_a_corrected_period_is_in_force_as_corrected() -> None:
    close = r.closed("2024-02-05", "2024-01")
    books = ledger(close, r.corrected("2024-02-06", close, r.instead(close, period="2023-12")))
    assert [period.period for period in books.in_force("period.closed.v1")] == ["2023-12"]
    assert [period.period for period in books.known(1).in_force("period.closed.v1")] == ["2024-01"]


def test_a_corrected_rate_is_in_force_as_corrected_and_a_voided_one_not_at_all() -> None:
    wrong, other = r.rate("2024-01-31", "EUR", "USD", "1.80"), r.rate("2024-01-31", "EUR", "GBP", "0.85")
    books = ledger(
        wrong,
        other,
        r.corrected("2024-02-01", wrong, r.instead(wrong, rate="1.08")),
        r.void("2024-02-01", other),
    )
    assert [rate.rate for rate in books.in_force("fx.rate_fixed.v1")] == ["1.08"]
    assert {rate.rate for rate in books.known(2).in_force("fx.rate_fixed.v1")} == {"1.80", "0.85"}


def test_a_voided_merge_is_no_longer_in_force() -> None:
    merge = r.merged("2024-02-01", "C-1", "C-2")
    books = ledger(merge, r.void("2024-02-02", merge))
    assert len(books.known(1).in_force("customer.merged.v1")) == 1
    assert books.in_force("customer.merged.v1") == []


def test_what_was_known_before_a_correction_does_not_change_by_it() -> None:
    invoice = invoiced("60.00")
    paid = e.applied("2024-01-21", "P-1", "I-1", "10.00", deal=None, keys=(r.invoice_key(),))
    correction = r.corrected("2024-02-01", invoice, smaller(invoice, "40.00"))
    story = [won(), accepted(), invoice, paid, correction]
    books = ledger(*story)
    for position in range(1, len(story) + 1):
        assert books.known(position).outcome() == books_of(story[:position]).outcome()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_milestone_of_any_type_voided_is_as_if_it_had_never_been_said(name: str) -> None:
    example = EXAMPLES[name]
    story = [*example.given, example.then]
    void = r.void("2029-01-01", example.then, by=entitled_to(story, example.then))
    expected = books_of(example.given)
    beside_conflicts(expected)
    for arrival in ([*story, void], [void, *story], [*example.given, void, example.then]):
        books = books_of(arrival)
        assert beside_conflicts(books) == expected.outcome()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_milestone_of_any_type_corrected_to_another_day_is_as_if_said_on_that_day(name: str) -> None:
    example = EXAMPLES[name]
    replacement = r.instead(example.then, effective_on="2027-02-15")
    correction = r.corrected(
        "2029-01-01", example.then, replacement, by=entitled_to([*example.given, example.then], example.then)
    )
    expected = books_of([*example.given, replacement])
    beside_conflicts(expected)
    for arrival in ([*example.given, example.then, correction], [correction, *example.given, example.then]):
        books = books_of(arrival)
        assert beside_conflicts(books) == expected.outcome()


def test_a_ledger_that_starts_afresh_knows_where_what_is_voided_was_shown() -> None:
    off = e.written_off("2024-02-29", "I-1", "99.99", deal="O-3")
    back = e.reversed_("2024-12-31", "P-2", "100.00", deal="O-3")
    log = MemoryLog()
    log.record(
        off,
        back,
        e.resolved("2024-01-02", "I-1", "50.00", deal="O-1"),
        r.void("2024-02-29", off),
        r.void("2024-06-29", back),
        e.changed("2024-12-31", e.line("B", "33.33"), number="O-3", deal="O-1"),
        r.split("2024-02-29", r.opportunity_key("O-3")),
    )
    whole = Books(log.project(), log.ids)
    afresh = Books(log.project([1] * len(log.rows), restart=True), log.ids)
    assert afresh.outcome() == whole.outcome()
    assert {k: v for k, v in afresh.places.items() if v} == {k: v for k, v in whole.places.items() if v}


def test_an_amendment_that_does_not_fit_what_is_voided_is_shown_on_its_own() -> None:
    invoice = invoiced("60.00")
    story = [accepted(), invoice, r.void("2024-02-01", invoice), r.void("2024-02-02", invoice, by=e.CRM)]
    books = ledger(*story)
    shown = {books.names.get(signal[0]) for signal in books.signals if signal[2] == "SOR_VIOLATION"}
    assert shown == {f"{e.CRM}:void:{invoice['id']}"}


def test_days_are_those_of_the_replacement_not_of_the_correction() -> None:
    invoice = invoiced("60.00")
    books = ledger(accepted(), invoice, r.corrected("2024-02-01", invoice, smaller(invoice, "40.00")))
    days = {row[7] for _, row in books.postings if row[1] == 2}
    assert days == {from_date(date(2024, 1, 10))}
