"""A late fact that changes one deal of a cluster: that deal is folded anew, all others stay as they are.

Deals of a cluster touch through their payments alone. Where all that a deal has to do with another one is
cash out of a payment that was received once and then only put against invoices, neither sees what the other
does: what an application does depends on the receipt, and on its own deal. Does not belong here: facts that
may be taken in without folding anything anew (projections/late), and all others (projections/cluster).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from domain import milestones as m
from projections.book import Book, DealBook, Notice, Row, Signal
from projections.facts import Fact
from projections.fold import PAYMENTS, taken
from projections.holdings import Application, Payment
from projections.late import is_plain_after, payments_of
from projections.rules import payments


class Refolded(NamedTuple):
    """A deal folded anew, which has taken its place in the book: what was posted before and what is now.

    dimensions: entries as they were.
    """

    deal: DealBook
    rows: tuple[list[Row], list[Row]]
    signals: tuple[list[Signal], list[Signal]]
    notices: tuple[list[Notice], list[Notice]]
    dimensions: dict[tuple[str, int], str]


def refold(book: Book, facts: Sequence[Fact], fact: Fact) -> Refolded | None:
    """Fold the deal of a late fact anew, in its cluster's book. None, and nothing is changed, where more is
    concerned than this one deal, or a rule fails.

    facts: all of the cluster that stand, in business order, the late one too.
    """
    id_ = book.id_of(fact)
    before = book.deals.get(id_)
    if before is None or len(book.deals) == 1 or not _is_of_a_deal(fact):
        return None
    own = [one for one in facts if book.id_of(one) == id_ and _is_of_a_deal(one)]
    shared = _shared(book, own, id_)
    if shared is None:
        return None
    alone = Book(book.deal_of, policies=book.policies)
    alone.parted, alone.elsewhere, alone.kept = book.parted, book.elsewhere, book.kept
    _seed(alone, own, shared)
    try:
        for one in own:
            taken(alone, one)
    except Exception:  # noqa: BLE001 - folding all of the cluster meets it again and logs it
        return None
    if alone.deals.keys() != {id_} or not _agree(alone, shared):
        return None
    _put_payments(book, alone, before, shared)
    return _put_deal(book, alone, before, {one.position for one in own})


def _is_of_a_deal(fact: Fact) -> bool:
    """Whether a fact is of the deal that its keys lead to, rather than of a payment's own."""
    if isinstance(fact.milestone, PAYMENTS):
        return payments.carries_a_deal(fact.milestone)
    return not payments.names_only_a_payment(fact.milestone)


def _shared(book: Book, own: Iterable[Fact], id_: int) -> dict[str, Payment] | None:
    """The payments by which the deal touches others, by every key that its facts have for them.

    None where one of them is more than applied.
    """
    shared: dict[str, Payment] = {}
    for one in own:
        milestone = one.milestone
        if not isinstance(milestone, PAYMENTS):
            continue
        known = payments_of(book, milestone)
        if len(known) > 1:
            return None
        for payment in known:
            if payment.deals == {id_}:
                continue
            is_receipt = isinstance(milestone, m.PaymentReceived) and one.key == payment.since
            if not is_receipt and not is_plain_after(payment, one):
                return None
            for key in payments.keys_of(milestone):
                if book.payments.get(key) is payment:
                    shared[key] = payment
    return shared


def _seed(alone: Book, own: Iterable[Fact], shared: dict[str, Payment]) -> None:
    """Put the receipts that are facts of other deals where this deal's applications find them."""
    receipts = {one.key for one in own if isinstance(one.milestone, m.PaymentReceived)}
    made: dict[int, Payment] = {}
    for key, payment in shared.items():
        if payment.since in receipts:
            continue  # it is folded with the deal
        seed = made.get(id(payment))
        if seed is None:
            assert payment.home is not None, "a receipt is shown somewhere"
            seed = made[id(payment)] = Payment(payment.key, payment.currency)
            seed.home = DealBook(payment.home.id, alone)
            seed.received, seed.since, seed.last = payment.received, payment.since, payment.since
        alone.payments[key] = seed


def _agree(alone: Book, shared: dict[str, Payment]) -> bool:
    """Whether the payments are to all other deals what they were."""
    for key, payment in shared.items():
        found = alone.payments.get(key)
        if found is None or found.home is None or payment.home is None or found.home.id != payment.home.id:
            return False
        if (found.since, found.received, found.currency) != (
            payment.since,
            payment.received,
            payment.currency,
        ):
            return False
    return True


def _put_payments(book: Book, alone: Book, before: DealBook, shared: dict[str, Payment]) -> None:
    """Give the payments what the deal's applications have come to."""
    kept: dict[int, Payment] = {}
    for key, payment in shared.items():
        found = alone.payments[key]
        if id(found) in kept:
            continue
        kept[id(found)] = payment
        gone = [one for one in payment.applications if one.deal is before]
        _move(payment, gone, -1)
        _move(payment, found.applications, 1)
        left = (one for one in payment.applications if one.deal is not before)
        payment.applications = sorted([*left, *found.applications], key=attrgetter("since"))
        if payment.home is before:
            payment.home = found.home
        assert payment.last is not None, "it was received"
        payment.last = max(payment.last, found.last or payment.last)
        payment.deals |= found.deals
    book.payments.update((key, kept.get(id(found), found)) for key, found in alone.payments.items())


def _move(payment: Payment, applications: Iterable[Application], sign: int) -> None:
    for one in applications:
        currency, cash = one.invoice.currency, sign * one.cash
        payment.unapplied[currency] = payment.unapplied.get(currency, 0) - cash
        payment.applied[currency] = payment.applied.get(currency, 0) + cash


def _put_deal(book: Book, alone: Book, before: DealBook, own: set[int]) -> Refolded:
    """Put the deal and all that its facts have posted in the place of what was there."""
    deal = book.deals[before.id] = alone.deals[before.id]
    deal.rows, deal.signals = book.rows, book.signals
    rows = [row for row in book.rows if row[1] in own]
    # what amendments settle is said beside the fold, and stays
    signals = [said for said in book.signals if said[1] in own and said[2] != "settled"]
    notices = [said for said in book.notices if said[0] in own]
    book.rows[:] = [row for row in book.rows if row[1] not in own] + alone.rows
    book.signals[:] = [
        said for said in book.signals if said[1] not in own or said[2] == "settled"
    ] + alone.signals
    book.notices[:] = [said for said in book.notices if said[0] not in own] + alone.notices
    return Refolded(
        deal, (rows, alone.rows), (signals, alone.signals), (notices, alone.notices), before.entries
    )
