"""Payments across deals: receipts, applications, reversals, refunds (accounting.md section 3)."""

from __future__ import annotations

from bisect import insort
from operator import attrgetter

from domain import milestones as m
from domain.keys import joins, kind_of, payment_key
from domain.money import AmountRefused, parse_minor
from projections import accounts as a
from projections.book import Book, DealBook
from projections.facts import Fact
from projections.holdings import Application, Invoice, Payment


def keys_of(fact: m.AnyPayment) -> list[str]:
    """The keys under which the payment of a fact is known: its number, and any other payment key it carries.

    A bank's receipt that carries the ERP's payment key is the payment that the ERP applies.
    """
    first = payment_key(fact.source, fact.payment)
    return [first] + [
        key for key in fact.keys if ":payment:" in key and key != first and kind_of(key) == "payment"
    ]


def carries_a_deal(fact: m.Milestone) -> bool:
    """Whether a payment milestone carries a key by which it belongs to a deal."""
    return any(map(joins, fact.keys))


def deal_of(book: Book, fact: Fact, milestone: m.AnyPayment) -> DealBook:
    """The deal of a payment milestone: by its keys, else the payment's own (contract.md 2, "One deal").

    A payment's own deal has the negative position of its first milestone in business order as number.
    """
    if carries_a_deal(milestone):
        return book.deal(fact)
    for key in keys_of(milestone):
        payment = book.payments.get(key)
        if payment is not None and payment.own is not None:
            return payment.own
    own = book.deals[-fact.position] = DealBook(-fact.position, book)
    own.fact, own.day, own.last = fact.position, milestone.effective, fact.key
    payment_of(book, own, milestone).own = own
    return own


def names_only_a_payment(fact: m.Milestone) -> bool:
    """Whether a milestone that moves no cash is about a payment, and carries no key of a deal.

    Its subject is the payment then: any other subject has a key of its own, which belongs to a deal.
    """
    return fact.subject.startswith("payment/") and not carries_a_deal(fact)


def deal_beside(book: Book, fact: Fact) -> DealBook:
    """The deal of a milestone that names only a payment: that of the invoice it names, else the payment's."""
    keys = [key for key in fact.milestone.keys if kind_of(key) == "payment"]
    payment = next((found for key in keys if (found := book.payments.get(key)) is not None), None)
    if payment is None:
        payment = Payment(min(keys), "")
    for key in keys:
        book.payments.setdefault(key, payment)
    payment.last, payment.since = fact.key, None
    payment.deals.add(0)
    invoice = getattr(fact.milestone, "invoice", None)
    for application in payment.applications:
        if application.invoice.number == invoice:
            return application.deal
    if payment.home is not None:
        return payment.home
    if payment.own is None:
        payment.own = book.deals[-fact.position] = DealBook(-fact.position, book)
    return payment.own


def payment_of(book: Book, deal: DealBook, fact: m.AnyPayment) -> Payment:
    """The payment that the fact names, made where it is new; two found to be one are merged."""
    keys = keys_of(fact)
    found: Payment | None = None
    for key in keys:
        other = book.payments.get(key)
        if other is None or other is found:
            continue
        if found is None:
            found = other
        else:
            _merge(book, deal, found, other)
    if found is None:
        found = Payment(min(keys), fact.currency or "")
    for key in keys:
        book.payments[key] = found
    return found


def _merge(book: Book, deal: DealBook, kept: Payment, other: Payment) -> None:
    """Two payments turn out to be one: the other's cash and applications become the kept one's."""
    if kept.received is not None and other.received is not None:
        deal.find("DUPLICATE_BUSINESS_KEY", f"payment/{other.key.rpartition(':')[2]}")
    home = kept.home or other.home
    if kept.received is None and other.received is not None:
        home = other.home
    for payment in (kept, other):
        if home is not None and payment.home is not None and payment.home is not home:
            home.fact, home.day = deal.fact, deal.day
            _rehome(payment, home)
        payment.home = home
    kept.own = kept.own or other.own
    kept.received = other.received if kept.received is None else kept.received
    kept.currency = kept.currency or other.currency
    kept.since = None
    kept.deals |= other.deals
    for held, more in ((kept.unapplied, other.unapplied), (kept.applied, other.applied)):
        for currency, amount in more.items():
            held[currency] = held.get(currency, 0) + amount
    kept.applications = sorted([*kept.applications, *other.applications], key=lambda x: x.since)
    for key in [key for key, payment in book.payments.items() if payment is other]:
        book.payments[key] = kept


def received(book: Book, deal: DealBook, fact: m.PaymentReceived) -> None:
    """source.bank -> unapplied, under the receipt's deal, else under the payment's own key."""
    payment = payment_of(book, deal, fact)
    payment.since = deal.last if payment.last is None else None
    if payment.received is not None:
        deal.find("DUPLICATE_BUSINESS_KEY", f"payment/{fact.payment}")
        return
    if payment.currency != fact.currency and payment.applications:
        deal.find("CURRENCY_MISMATCH", fact.payment)
    if payment.home is not None and payment.home is not deal:
        _rehome(payment, deal)
    payment.home, payment.received, payment.currency = deal, fact.amount, fact.currency
    _bank(payment, deal, fact.currency, fact.amount)


def _rehome(payment: Payment, deal: DealBook) -> None:
    """Applications came before the receipt: what they took moves to where the receipt is shown."""
    old = payment.home
    assert old is not None
    old.fact, old.day = deal.fact, deal.day
    number = payment.key
    for currency, unapplied in payment.unapplied.items():
        applied = payment.applied.get(currency, 0)
        for book, sign in ((old, -1), (deal, 1)):
            book.post(a.UNAPPLIED, a.APPLIED, currency, sign * applied, object_=number)
            book.post(a.SOURCE_BANK, a.UNAPPLIED, currency, sign * (unapplied + applied), object_=number)


def _bank(payment: Payment, deal: DealBook, currency: str, amount: int) -> None:
    home = _home(payment, deal)
    home.post(a.SOURCE_BANK, a.UNAPPLIED, currency, amount, object_=payment.key)
    payment.unapplied[currency] = payment.unapplied.get(currency, 0) + amount


def _home(payment: Payment, deal: DealBook) -> DealBook:
    """The deal under which the payment's cash is shown, ready to post today's fact."""
    if payment.home is None:
        payment.home = deal
    payment.home.fact, payment.home.day = deal.fact, deal.day
    return payment.home


def applied(book: Book, deal: DealBook, fact: m.PaymentApplied) -> None:
    """receivable -> cash, discount, withheld in the invoice's deal; unapplied -> applied at the payment."""
    payment = payment_of(book, deal, fact)
    invoice = deal.invoice(fact.invoice, fact.currency)
    if invoice.currency != fact.currency or (payment.currency and payment.currency != fact.currency):
        deal.find("CURRENCY_MISMATCH", fact.invoice)
        return
    payment.currency = fact.currency
    _put(payment, _apply(payment, deal, invoice), deal, fact.amount, fact.discount, fact.withheld)


def _apply(payment: Payment, deal: DealBook, invoice: Invoice) -> Application:
    """An application that holds nothing yet, made by today's fact."""
    assert deal.last is not None, "a fact is being folded"
    application = Application(deal, invoice, deal.last)
    held = payment.applications
    if held and deal.last < held[-1].since:
        insort(held, application, key=attrgetter("since"))
    else:
        held.append(application)
    return application


def unapplied(book: Book, deal: DealBook, fact: m.PaymentUnapplied) -> None:
    """The inverse of (a part of) an application."""
    payment = payment_of(book, deal, fact)
    payment.since = None
    invoice = deal.invoice(fact.invoice, fact.currency)
    if invoice.currency != fact.currency or (payment.currency and payment.currency != fact.currency):
        deal.find("CURRENCY_MISMATCH", fact.invoice)
        return
    payment.currency = fact.currency
    left = [fact.amount, fact.discount, fact.withheld]
    for application in reversed(payment.applications):
        if application.deal is deal and application.invoice is invoice and any(left):
            part = [
                min(left[0], application.cash),
                min(left[1], application.discount),
                min(left[2], application.withheld),
            ]
            left = [whole - taken for whole, taken in zip(left, part, strict=True)]
            _put(payment, application, deal, -part[0], -part[1], -part[2])
    if any(left):
        deal.find("PREDECESSOR_MISSING", fact.payment)
        _put(payment, _apply(payment, deal, invoice), deal, -left[0], -left[1], -left[2])


def _put(
    payment: Payment, application: Application, deal: DealBook, cash: int, discount: int, withheld: int
) -> None:
    """Move cash, discount and withheld tax of an application (negative: back), dated by `deal`'s fact."""
    target = application.deal
    target.fact, target.day = deal.fact, deal.day
    invoice, currency = application.invoice, application.invoice.currency
    for account, amount in ((a.CASH, cash), (a.DISCOUNT, discount), (a.WITHHELD, withheld)):
        target.receive(invoice, a.RECEIVABLE, account, amount)
    target.settle_dispute(invoice)
    home = _home(payment, deal)
    home.post(a.UNAPPLIED, a.APPLIED, currency, cash, object_=payment.key)
    payment.unapplied[currency] = payment.unapplied.get(currency, 0) - cash
    payment.applied[currency] = payment.applied.get(currency, 0) + cash
    application.cash += cash
    application.discount += discount
    application.withheld += withheld


def _amount(payment: Payment, deal: DealBook, fact: m.PaymentReversed | m.PaymentRefunded) -> int | None:
    """The amount of a reversal or refund; all that was received where none is given."""
    if fact.amount is None:
        if payment.received is None:
            deal.find("PREDECESSOR_MISSING", fact.payment)
        return payment.received
    currency = payment.currency or fact.currency
    if not currency:
        deal.find("PREDECESSOR_MISSING", fact.payment)
        return None
    payment.currency = currency
    try:
        return parse_minor(fact.amount, currency)
    except AmountRefused:
        deal.find("AMOUNT_PRECISION", fact.payment)
        return None


def reversed_(book: Book, deal: DealBook, fact: m.PaymentReversed) -> None:
    """All of it: its applications, discount and withheld too, then the receipt. A part: unapplied cash
    first, then the latest applications."""
    payment = payment_of(book, deal, fact)
    payment.since = None
    amount = _amount(payment, deal, fact)
    if fact.amount is None or amount == payment.received:
        for application in reversed(payment.applications):
            _put(payment, application, deal, -application.cash, -application.discount, -application.withheld)
    elif amount is not None:
        needed = amount - max(0, min(amount, payment.unapplied.get(payment.currency, 0)))
        for application in reversed(payment.applications):
            if needed > 0 and application.cash > 0 and application.invoice.currency == payment.currency:
                part = min(needed, application.cash)
                _put(payment, application, deal, -part, 0, 0)
                needed -= part
    if amount is not None:
        _bank(payment, deal, payment.currency, -amount)


def refunded(book: Book, deal: DealBook, fact: m.PaymentRefunded) -> None:
    """unapplied -> source.bank."""
    payment = payment_of(book, deal, fact)
    payment.since = None
    amount = _amount(payment, deal, fact)
    if amount is not None:
        _bank(payment, deal, payment.currency, -amount)
