"""Splits: keys leave and form a deal of their own, milestones with them, from the split's position on."""

from datetime import date

from domain.instants import from_date
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import Books, books_of, ledger
from tests.projections.events import Event

O_1, SO_1, SO_2, I_1 = r.opportunity_key(), r.order_key(), r.order_key("SO-2"), r.invoice_key()


def won(net: str = "100.00") -> Event:
    return e.won("2024-01-01", e.line("A", net))


def ordered(order: str = "SO-1", net: str = "90.00", sku: str = "A") -> Event:
    """An order that names no opportunity."""
    return e.accepted("2024-01-02", e.line(sku, net), order=order, deal=None)


def billed(number: str = "I-1", net: str = "60.00", order: str = "SO-1", sku: str = "A") -> Event:
    line = e.line(sku, net, of=f"{order}/1")
    return e.invoiced("2024-01-10", number, line, deal=None, keys=(r.order_key(order),), due="2024-02-10")


def linked_story() -> list[Event]:
    """A win, and an order with its invoice, found to be one deal by a link."""
    return [won(), ordered(), billed(), r.linked("2024-01-20", O_1, SO_1)]


def apart(books: Books) -> bool:
    """Whether the win and the order of the story are two deals."""
    win, order = books.claims("2024-12-31", deal=O_1), books.claims("2024-12-31", deal=SO_1)
    if win == {"won_unordered": "100.00"}:
        assert order == {"receivable": "60.00", "unbilled": "30.00", "won_unordered": "-90.00"}
        return True
    assert win == {"receivable": "60.00", "unbilled": "30.00", "variance.price": "10.00"}
    assert order == {}
    return False


def test_the_keys_of_a_split_leave_and_take_their_milestones_with_them() -> None:
    books = ledger(*linked_story(), r.split("2024-02-01", SO_1))
    assert apart(books)
    assert books.deals() == {O_1, SO_1}
    assert not apart(books.known(4))
    assert books.known(4).deals() == {O_1}


def test_the_deal_that_stays_may_be_the_one_without_the_opportunity() -> None:
    books = ledger(*linked_story(), r.split("2024-02-01", O_1))
    assert apart(books)


def test_a_deal_that_left_is_named_by_its_own_keys_not_by_those_that_stayed() -> None:
    order = e.accepted("2024-01-02", e.line("A", "90.00"))  # it names the opportunity
    books = books_of([won(), order, billed(), r.split("2024-02-01", SO_1)])
    assert books.deals() == {O_1, SO_1}
    assert apart(books)


def test_one_milestone_that_names_both_sides_does_not_hold_them_together() -> None:
    order = e.accepted("2024-01-02", e.line("A", "90.00"))
    books = ledger(won(), order, billed(), r.split("2024-02-01", SO_1))
    assert books.claims("2024-03-01") == {
        "receivable": "60.00",
        "unbilled": "30.00",
        "won_unordered": "10.00",  # the variance is gone: nothing is won where the order is
    }
    assert books.places[1] == books.places[O_1] == 1
    assert books.places[2] == books.places[3] == books.places[SO_1] == books.places[I_1] == 2


def test_a_document_that_no_split_names_goes_with_what_it_was_made_for() -> None:
    """An invoice that names its opportunity and its order goes with the order, a delivery and a memo too."""
    both = (O_1, SO_1)
    line = e.line("A", "20.00", of="SO-1/1")
    story = [
        won(),
        e.accepted("2024-01-02", e.line("A", "90.00"), keys=both, deal=None),
        e.invoiced("2024-01-10", "I-1", e.line("A", "60.00", of="SO-1/1"), keys=both, deal=None),
        e.delivered("2024-01-11", "F-1", ("SO-1/1", "1"), keys=both, deal=None, by="wms/manhattan/acme"),
        e.credited("2024-01-12", "C-1", "concession", line, keys=(O_1, I_1), deal=None),
        e.applied("2024-01-13", "P-1", "I-1", "10.00", keys=(O_1, I_1), deal=None),
        e.disputed("2024-01-14", "I-1", "5.00", keys=(O_1,), deal=None),
        e.changed("2024-01-15", amount="1.00", sequence="0"),
        r.split("2024-02-01", SO_1),
    ]
    books = ledger(*story)
    left = {position for position, deal in books.places.items() if isinstance(position, int) and deal == 2}
    assert left == {2, 3, 4, 5, 6, 7, 9}
    assert {books.places[1], books.places[8]} == {1}


def test_an_invoice_may_be_split_from_its_order() -> None:
    books = ledger(ordered(), billed(), r.split("2024-02-01", I_1))
    assert books.places[1] == 1
    assert books.places[2] == 2
    assert books.claims("2024-03-01")["receivable"] == "60.00"
    assert books.performance("2024-03-01") == {"unperformed": "90.00"}, "no order line is known where it went"


def test_the_keys_of_one_split_stay_together() -> None:
    story = [won(), ordered(), ordered("SO-2", "50.00", "B"), r.linked("2024-01-20", O_1, SO_1, SO_2)]
    books = ledger(*story, r.split("2024-02-01", SO_1, SO_2))
    assert books.deals() == {O_1, SO_1}
    assert books.claims("2024-03-01", deal=SO_1) == {"unbilled": "140.00", "won_unordered": "-140.00"}


def test_two_splits_make_three_deals_and_the_second_may_split_what_left() -> None:
    story = [won(), ordered(), ordered("SO-2", "50.00", "B"), r.linked("2024-01-20", O_1, SO_1, SO_2)]
    first = r.split("2024-02-01", SO_1, SO_2)
    books = ledger(*story, first, r.split("2024-02-02", SO_2, number="2"))
    assert books.deals() == {O_1, SO_1, SO_2}
    assert books.known(5).deals() == {O_1, SO_1}
    assert books.claims("2024-03-01", deal=SO_2) == {"unbilled": "50.00", "won_unordered": "-50.00"}


def test_a_link_later_in_time_joins_again_what_was_split() -> None:
    again = r.linked("2024-03-01", O_1, SO_1, number="2")
    books = ledger(*linked_story(), r.split("2024-02-01", SO_1), again)
    assert not apart(books)
    assert apart(books.known(5))


def test_a_link_earlier_in_time_joins_nothing_even_where_it_arrives_later() -> None:
    late = r.linked("2024-01-25", O_1, SO_1, number="2")
    books = ledger(*linked_story(), r.split("2024-02-01", SO_1), late)
    assert apart(books)


def test_a_split_after_the_joining_link_parts_again() -> None:
    books = ledger(
        *linked_story(),
        r.split("2024-02-01", SO_1),
        r.linked("2024-03-01", O_1, SO_1, number="2"),
        r.split("2024-04-01", SO_1, number="2"),
    )
    assert apart(books)
    assert not apart(books.known(6))


def test_a_link_must_be_later_than_every_split_between_its_keys() -> None:
    story = [won(), ordered(), ordered("SO-2", "50.00", "B"), r.linked("2024-01-20", O_1, SO_1, SO_2)]
    splits = [r.split("2024-02-01", SO_1), r.split("2024-04-01", SO_2, number="2")]
    between = ledger(*story, *splits, r.linked("2024-03-01", SO_1, SO_2, number="2"))
    assert between.deals() == {O_1, SO_1, SO_2}
    home = ledger(*story, *splits, r.linked("2024-03-01", O_1, SO_1, number="2"))
    assert home.deals() == {O_1, SO_2}


def test_a_milestone_recorded_after_the_split_goes_where_its_own_key_belongs() -> None:
    more = e.invoiced(
        "2024-02-10", "I-2", e.line("A", "30.00", of="SO-1/1"), keys=(O_1, SO_1), deal=None, due="2024-03-10"
    )
    books = ledger(*linked_story(), r.split("2024-02-01", SO_1), more)
    assert books.places[6] == books.places[2]
    assert books.claims("2024-03-01")["receivable"] == "90.00"


def test_one_payment_over_both_sides_of_a_split_stays_one_payment() -> None:
    story = [
        *linked_story(),
        ordered("SO-2", "50.00", "B"),
        billed("I-2", "40.00", "SO-2", "B"),
        r.linked("2024-01-21", O_1, SO_2, number="2"),
        r.split("2024-02-01", SO_1),
        e.received("2024-02-10", "P-1", "110.00"),
        e.applied("2024-02-11", "P-1", "I-1", "60.00", deal=None, keys=(I_1,)),
        e.applied("2024-02-11", "P-1", "I-2", "40.00", deal=None, keys=(r.invoice_key("I-2"),)),
        e.reversed_("2024-03-01", "P-1", "30.00"),
    ]
    books = ledger(*story)
    assert books.claims("2024-02-11", deal=SO_1)["cash"] == "60.00"
    assert books.claims("2024-02-11", deal=O_1)["cash"] == "40.00"
    assert books.party("2024-02-11") == {"applied": "100.00", "unapplied": "10.00"}
    # of the 30.00 that go back, 10.00 were not applied; the rest comes from the latest application
    assert books.party("2024-03-01") == {"applied": "80.00"}


def test_cash_received_before_a_split_stays_with_the_deal_whose_key_it_carries() -> None:
    receipt = e.received("2024-01-15", "P-1", "60.00", deal=None, keys=(SO_1,))
    books = ledger(*linked_story(), receipt, r.split("2024-02-01", SO_1))
    assert books.party("2024-03-01", deal=SO_1) == {"unapplied": "60.00"}
    assert books.party("2024-03-01", deal=O_1) == {}


def test_a_voided_split_leaves_one_deal() -> None:
    split = r.split("2024-02-01", SO_1)
    books = ledger(*linked_story(), split, r.void("2024-02-05", split))
    assert not apart(books)
    assert apart(books.known(5))
    assert books.deals() == {O_1}


def test_a_split_voided_and_unvoided_parts() -> None:
    split = r.split("2024-02-01", SO_1)
    void = r.void("2024-02-05", split)
    assert apart(ledger(*linked_story(), split, void, r.void("2024-02-06", void)))


def test_a_corrected_split_takes_the_keys_of_its_replacement() -> None:
    story = [won(), ordered(), ordered("SO-2", "50.00", "B"), r.linked("2024-01-20", O_1, SO_1, SO_2)]
    split = r.split("2024-02-01", SO_1)
    books = ledger(*story, split, r.corrected("2024-02-02", split, r.instead(split, keys=[SO_2])))
    assert books.deals() == {O_1, SO_2}
    assert books.known(5).deals() == {O_1, SO_1}


def test_a_split_by_a_role_that_may_not_split_shows_and_parts_nothing() -> None:
    books = ledger(*linked_story(), r.split("2024-02-01", SO_1, by=e.ERP))
    assert not apart(books)
    assert books.found() == ["SOR_VIOLATION"]
    assert books.deals() == {O_1}


def test_a_link_by_a_role_that_may_not_link_heals_no_split() -> None:
    books = ledger(
        *linked_story(), r.split("2024-02-01", SO_1), r.linked("2024-03-01", O_1, SO_1, number="2", by=e.ERP)
    )
    assert apart(books)


def test_a_split_of_a_key_that_is_unknown_parts_what_comes_under_it() -> None:
    early = r.split("2024-01-01", SO_1)
    books = ledger(early, won(), ordered(), billed())
    assert apart(books)
    order = e.accepted("2024-01-02", e.line("A", "90.00"))
    together = books_of([early, won(), order, billed()])
    assert together.places[2] != together.places[3], "keys on different sides do not join"


def test_dimensions_go_with_the_milestone_that_carried_them() -> None:
    order = ordered() | {}
    order["data"]["dimensions"] = {"customer": "C-2"}
    win = won()
    win["data"]["dimensions"] = {"customer": "C-1"}
    books = ledger(win, order, r.linked("2024-01-20", O_1, SO_1), r.split("2024-02-01", SO_1))
    held = {(books.names[deal], value) for (deal, _, _), value in books.dimensions.items() if value}
    assert held == {(O_1, "C-1"), (SO_1, "C-2")}


def grouped(event: Event, **dimensions: str) -> Event:
    """The same milestone with dimensions."""
    return event | {"data": event["data"] | {"dimensions": dimensions}}


def dimension(books: Books, deal: str, on: str, name: str = "customer") -> str | None:
    """A dimension of a deal on a day."""
    day = from_date(date.fromisoformat(on))
    said = [
        (since, value)
        for (number, told, since), value in books.dimensions.items()
        if books.names[number] == deal and told == name and since <= day and value is not None
    ]
    return max(said)[1] if said else None


def test_a_side_that_has_said_nothing_of_a_dimension_keeps_what_the_deal_had() -> None:
    win = grouped(won(), customer="C-1", segment="smb")
    story = [win, ordered(), billed(), r.linked("2024-01-20", O_1, SO_1), r.split("2024-02-01", SO_1)]
    books = ledger(*story)
    for deal in (O_1, SO_1):
        for on in ("2024-01-02", "2024-03-01"):
            assert dimension(books, deal, on) == "C-1"
            assert dimension(books, deal, on, "segment") == "smb"
    assert dimension(books.known(4), SO_1, "2024-03-01") is None, "there was no such deal"


def test_the_side_that_stays_keeps_the_common_customer_too() -> None:
    order = grouped(ordered(), customer="C-2")
    books = ledger(won(), order, r.linked("2024-01-20", O_1, SO_1), r.split("2024-02-01", SO_1))
    assert dimension(books, O_1, "2024-03-01") == "C-2"
    voided = r.split("2024-02-01", SO_1)
    home = ledger(won(), order, r.linked("2024-01-20", O_1, SO_1), voided, r.void("2024-02-02", voided))
    assert dimension(home, O_1, "2024-03-01") == "C-2"
    assert SO_1 not in home.deals()


def test_what_is_said_after_a_split_is_said_of_one_side_alone() -> None:
    story = [grouped(won(), customer="C-1"), ordered(), r.linked("2024-01-20", O_1, SO_1),
             r.split("2024-02-01", SO_1)]  # fmt: skip
    invoice = e.invoiced("2024-04-01", "I-2", e.line("A", "9.00", of="SO-1/1"), deal=None, keys=(SO_1,))
    change = e.changed("2024-03-01", amount="1.00", sequence="9")
    later = [grouped(change, customer="C-8"), grouped(invoice, customer="C-9")]
    books = ledger(*story, *later)
    assert [dimension(books, O_1, f"2024-0{n}-02") for n in (2, 3, 4)] == ["C-1", "C-8", "C-8"]
    assert [dimension(books, SO_1, f"2024-0{n}-02") for n in (2, 3, 4)] == ["C-1", "C-1", "C-9"]


def test_a_late_milestone_of_one_side_changes_what_the_other_keeps() -> None:
    split = r.split("2024-02-01", SO_1)
    story = [grouped(won(), customer="C-1"), ordered(), r.linked("2024-01-20", O_1, SO_1), split]
    late = grouped(e.changed("2024-01-25", amount="1.00", sequence="9"), customer="C-3")
    invoice = e.invoiced("2024-02-10", "I-2", e.line("A", "9.00", of="SO-1/1"), deal=None, keys=(SO_1,))
    books = ledger(*story, invoice, late)
    assert [dimension(books, SO_1, on) for on in ("2024-01-24", "2024-01-25")] == ["C-1", "C-3"]
    assert dimension(books.known(5), SO_1, "2024-01-25") == "C-1"


def test_a_deal_split_twice_keeps_what_each_split_left_it() -> None:
    story = [grouped(won(), customer="C-1"), ordered(), ordered("SO-2", "50.00", "B"),
             r.linked("2024-01-20", O_1, SO_1, SO_2), r.split("2024-02-01", SO_1, SO_2)]  # fmt: skip
    between = [grouped(e.changed("2024-02-10", amount="1.00", sequence="9"), customer="C-8"),
               grouped(billed(), customer="C-7") | {"id": "late"}]  # fmt: skip
    between[1]["data"]["effective_on"] = "2024-02-15"
    books = ledger(*story, *between, r.split("2024-03-01", SO_2, number="2"))
    ends = {deal: dimension(books, deal, "2024-04-01") for deal in (O_1, SO_1, SO_2)}
    assert ends == {O_1: "C-8", SO_1: "C-7", SO_2: "C-7"}
    assert dimension(books, SO_2, "2024-02-05") == "C-1"


def test_what_was_known_before_a_split_does_not_change_by_it() -> None:
    split = r.split("2024-02-01", SO_1)
    paid = e.applied("2024-02-11", "P-1", "I-1", "60.00", deal=None, keys=(I_1,))
    story = [*linked_story(), split, paid, r.linked("2024-03-01", O_1, SO_1, number="2"),
             r.void("2024-03-02", split)]  # fmt: skip
    books = ledger(*story)
    for position in range(1, len(story) + 1):
        assert books.known(position).outcome() == books_of(story[:position]).outcome()
