"""Links: two deals are found to be one, from the link's position on, and two again when it is voided."""

from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import books_of, ledger
from tests.projections.events import Event

O_1, O_2, SO_1, SO_2 = r.opportunity_key(), r.opportunity_key("O-2"), r.order_key(), r.order_key("SO-2")


def won(number: str = "O-1", net: str = "100.00") -> Event:
    return e.won("2024-01-01", e.line("A", net), number=number)


def ordered(order: str = "SO-1", net: str = "90.00") -> Event:
    return e.accepted("2024-01-02", e.line("A", net), order=order, deal=None)


def test_a_link_joins_two_deals_at_its_position_and_settles_their_variance() -> None:
    books = ledger(won(), ordered(), r.linked("2024-01-20", O_1, SO_1))
    assert books.claims("2024-01-02") == {"unbilled": "90.00", "variance.price": "10.00"}
    before = books.known(2)
    assert before.deals() == {O_1, SO_1}
    assert before.claims("2024-01-02", deal=SO_1) == {"unbilled": "90.00", "won_unordered": "-90.00"}
    assert books.deals() == {O_1}


def test_a_link_may_come_before_the_deals_that_it_joins() -> None:
    books = ledger(r.linked("2024-01-20", O_1, SO_1), won(), ordered())
    assert books.deals() == {O_1}


def test_a_link_joins_as_many_deals_as_it_names() -> None:
    books = ledger(won(), won("O-2"), ordered(), r.linked("2024-01-20", O_1, O_2, SO_1))
    assert books.deals() == {O_1}
    assert books.known(3).deals() == {O_1, O_2, SO_1}


def test_links_join_in_a_chain() -> None:
    books = ledger(
        won(), ordered(), ordered("SO-2", "5.00"), r.linked("2024-01-20", SO_1, SO_2),
        r.linked("2024-01-21", O_1, SO_2, number="2"),
    )  # fmt: skip
    assert books.deals() == {O_1}
    assert books.known(4).deals() == {O_1, SO_1}


def test_a_link_by_customer_or_payment_joins_nothing() -> None:
    customer = f"{e.CRM}:customer:C-1"
    link = r.linked("2024-01-20", O_1, customer)
    other = r.linked("2024-01-21", O_2, customer, f"{e.ERP}:payment:P-1", number="2")
    books = ledger(won(), won("O-2"), link, other)
    assert books.deals() == {O_1, O_2}


def test_a_voided_link_leaves_two_deals_again() -> None:
    link = r.linked("2024-01-20", O_1, SO_1)
    books = ledger(won(), ordered(), link, r.void("2024-02-01", link))
    assert books.claims("2024-03-01", deal=O_1) == {"won_unordered": "100.00"}
    assert books.claims("2024-03-01", deal=SO_1) == {"unbilled": "90.00", "won_unordered": "-90.00"}
    assert books.known(3).deals() == {O_1}


def test_a_link_voided_twice_over_still_joins() -> None:
    link = r.linked("2024-01-20", O_1, SO_1)
    void = r.void("2024-02-01", link)
    books = ledger(won(), ordered(), link, void, r.void("2024-02-02", void))
    assert books.deals() == {O_1}


def test_of_two_links_one_voided_the_other_still_joins() -> None:
    link, other = r.linked("2024-01-20", O_1, SO_1), r.linked("2024-01-21", SO_1, O_1, number="2")
    books = ledger(won(), ordered(), link, other, r.void("2024-02-01", link))
    assert books.deals() == {O_1}
    assert books.claims("2024-03-01") == {"unbilled": "90.00", "variance.price": "10.00"}


def test_a_corrected_link_joins_what_its_replacement_names() -> None:
    link = r.linked("2024-01-20", O_1, SO_1)
    replacement = r.instead(link, keys=[O_2, SO_1])
    books = ledger(won(), won("O-2"), ordered(), link, r.corrected("2024-02-01", link, replacement))
    assert books.claims("2024-03-01", deal=O_1) == {"won_unordered": "100.00"}
    assert books.claims("2024-03-01", deal=O_2) == {"unbilled": "90.00", "variance.price": "10.00"}
    assert books.known(4).deals() == {O_1, O_2}


def test_a_voided_document_that_named_two_deals_joins_them_no_longer() -> None:
    invoice = e.invoiced("2024-01-10", "I-1", e.line("A", "10.00", of="SO-1/1"), keys=(SO_1,))
    books = ledger(won(), ordered(), invoice, r.void("2024-02-01", invoice))
    assert books.deals() == {O_1, SO_1}
    assert books.known(3).deals() == {O_1}


def test_a_corrected_document_names_the_deal_that_its_replacement_names() -> None:
    invoice = e.invoiced("2024-01-10", "I-1", e.line("A", "10.00", of="SO-1/1"), keys=(SO_1,))
    alone = r.instead(invoice, keys=[SO_1])
    books = ledger(won(), ordered(), invoice, r.corrected("2024-02-01", invoice, alone))
    assert books.deals() == {O_1, SO_1}
    assert books.claims("2024-03-01", deal=SO_1)["receivable"] == "10.00"


def test_the_keys_of_a_correction_itself_join_nothing() -> None:
    order = ordered()
    note = r.corrected("2024-02-01", order, r.instead(order), keys=(O_1, SO_1))
    books = ledger(won(), order, note)
    assert books.deals() == {O_1, SO_1}


def test_a_payment_of_two_deals_follows_them_when_they_are_parted() -> None:
    link = r.linked("2024-01-20", O_1, SO_1)
    invoice = e.invoiced("2024-01-10", "I-1", e.line("A", "60.00", of="SO-1/1"), keys=(SO_1,), deal=None)
    story = [
        won(), ordered(), invoice, link,
        e.received("2024-01-25", "P-1", "60.00", keys=(O_1,)),
        e.applied("2024-01-25", "P-1", "I-1", "60.00", deal=None, keys=(r.invoice_key(),)),
        r.void("2024-02-01", link),
    ]  # fmt: skip
    books = ledger(*story)
    assert books.party("2024-03-01", deal=O_1) == {"applied": "60.00"}
    assert books.claims("2024-03-01", deal=SO_1)["cash"] == "60.00"
    for position in range(1, len(story) + 1):
        assert books.known(position).outcome() == books_of(story[:position]).outcome()
