"""The books of deals while they are folded: what each opportunity, order line, invoice and payment holds.

Belongs here: the state, and the primitives that post transfers. Does not belong here: what a milestone
means (projections/rules), the order of facts and what became known when (projections/fold).
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from domain import milestones as m
from domain.money import divide_half_away
from projections import accounts as a
from projections.facts import BusinessKey, Fact, SequenceKey
from projections.policies import DEFAULT_POLICIES, Policies

#: Stands for "no due date"; later than every date a report is asked for.
NO_DUE: Final = 2_932_896

#: deal, fact position, debit, credit, currency, amount, stated, effective, span start, span end, due,
#: sku, line, object, class. Amount in minor units moves from debit to credit. It counts from `effective`
#: on; where start < end it is earned day by day over the span, what lies before `effective` on that day.
#: `stated` is the business date of the fact, from which on the schedule was known.
Row: TypeAlias = tuple[int, int, int, int, str, int, int, int, int, int, int, str, str, str, int]

#: deal, fact position, code, effective day, object, currency, amount, detail, sign. What stands about a deal
#: beside its postings: exceptions that the rules find (codes in capitals), and conditions (small letters)
#: that reasons and exceptions are read from. It stands on a day while the signs up to that day add up to more
#: than zero; amount in minor units of the currency, 0 without one.
Signal: TypeAlias = tuple[int, int, str, int, str, str, int, str, int]

#: fact position, stored name, stored bytes, sign. A milestone that concerns the whole ledger (a rate, a
#: period, a policy, a merged customer, ...) and is in force: what is corrected or voided is taken back by -1.
Notice: TypeAlias = tuple[int, str, bytes, int]


def earned(amount: int, effective: int, start: int, end: int, day: int) -> int:
    """What of an interval's amount is earned by the end of `day` (accounting.md 3b), minor units."""
    if day < effective or day < start:
        return 0
    if day >= end:
        return amount
    return divide_half_away(amount * (day - start + 1), end - start + 1)


class Segment:
    """A ratable amount being earned over start..end, counting from `effective`."""

    __slots__ = ("amount", "effective", "end", "start")

    def __init__(self, amount: int, effective: int, start: int, end: int) -> None:
        self.amount, self.effective, self.start, self.end = amount, effective, start, end

    def at(self, day: int) -> int:
        """Earned by the end of the day, minor units."""
        return earned(self.amount, self.effective, self.start, self.end, day)


class OrderLine:
    """One line of an order, or a loose line: something billed or used that no order names."""

    __slots__ = (
        "billed", "cancelled", "currency", "fixed", "fulfilled", "fulfilled_net", "fulfilled_units",
        "kind", "known", "label", "live", "net", "performance_cancelled", "quantity", "recognition",
        "return_credited", "returned", "run_rate", "segments", "service_end", "service_start", "sku",
        "unbilled", "waiting",
    )  # fmt: skip

    def __init__(self, label: str, sku: str, currency: str, kind: str, recognition: str, known: bool) -> None:
        self.label, self.sku, self.currency, self.kind, self.recognition = (
            label,
            sku,
            currency,
            kind,
            recognition,
        )
        self.known = known  # whether an order has named it
        self.net = 0  # ordered value
        self.quantity: int | None = None
        self.service_start: int | None = None
        self.service_end: int | None = None
        self.unbilled = 0
        self.billed = 0  # net invoiced, less rebilled and voided
        self.fixed = 0  # recognised by point postings
        self.segments: list[Segment] = []
        self.performance_cancelled = 0
        self.fulfilled_units = 0
        self.fulfilled = 0  # value of fulfilled_units
        self.fulfilled_net = 0  # delivered or activated by net amount
        self.returned = 0
        self.return_credited = 0
        self.cancelled = 0  # value taken off by cancellations: part of net, no longer to come
        self.run_rate = 0
        self.live: list[tuple[int, int]] = []  # (from day, run-rate)
        self.waiting: list[tuple[m.Performed, int, str]] = []  # performed before the order was known

    def recognised(self, day: int) -> int:
        """Recognised by the end of the day, minor units."""
        total = self.fixed
        for segment in self.segments:
            total += segment.at(day)
        return total

    def unperformed(self, day: int) -> int:
        """What is still owed to the customer at the end of the day, minor units."""
        return self.net - self.performance_cancelled - self.recognised(day)

    @property
    def obligation_account(self) -> int:
        """The account that holds its unperformed value."""
        if self.recognition in ("on_fulfilment", "on_activation"):
            return a.UNFULFILLED
        return a.UNPERFORMED


class Ending(NamedTuple):
    """The run-rate of a line ends on a day, into contraction or churn; live: the line's parts by then."""

    line: OrderLine
    rate: int
    account: int
    day: int
    live: tuple[tuple[int, int], ...]


class Order:
    """An order, or what has been said about one that was not accepted yet.

    A line in another currency than the order's stands beside the line of its number, under
    `<number> <currency>`.
    """

    __slots__ = ("booking_class", "currency", "endings", "lines", "replaced")

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.lines: dict[str, OrderLine] = {}
        self.booking_class = a.NO_CLASS
        self.replaced = False
        self.endings: list[Ending] = []

    def line(self, number: str, currency: str | None) -> OrderLine | None:
        """The line of a number, in that currency where there is one."""
        found = self.lines.get(number)
        if currency is None or (found is not None and found.currency == currency):
            return found
        return self.lines.get(f"{number} {currency}", found)


class Opportunity:
    """An opportunity: its state, its amount by product, and how probable it is."""

    __slots__ = ("by_sku", "currency", "details", "probability", "state", "weighted", "win_class")

    def __init__(self) -> None:
        self.state = ""  # "", open, won, lost
        self.currency = ""
        self.by_sku: dict[str, int] = {}
        self.details: dict[str, list[tuple[int | None, int | None, int | None]]] = {}
        self.probability = 0
        self.weighted: dict[str, int] = {}
        self.win_class = a.NO_CLASS


class Invoice:
    """An invoice: lines as posted, what is open of it, until when it is to be paid."""

    __slots__ = ("claim", "currency", "disputed", "due", "lines", "number", "open", "posted", "voided")

    def __init__(self, number: str, currency: str) -> None:
        self.number, self.currency = number, currency
        self.due = NO_DUE
        self.open = 0
        self.posted = False
        self.voided = False
        self.lines: list[tuple[OrderLine, int, int, str, str]] = []  # line, net, tax; sku, label as posted
        self.claim: int | None = 0  # disputed; None is all of it
        self.disputed = 0  # as posted: never more than is open


class CreditMemo:
    """A credit memo: what of it is not applied yet, gross."""

    __slots__ = ("currency", "open")

    def __init__(self, currency: str) -> None:
        self.currency, self.open = currency, 0


class Application:
    """Cash put against an invoice, with the discount and the tax withheld that came with it."""

    __slots__ = ("cash", "deal", "discount", "invoice", "since", "withheld")

    def __init__(self, deal: DealBook, invoice: Invoice, since: BusinessKey) -> None:
        self.deal, self.invoice = deal, invoice
        self.since = since
        self.cash = self.discount = self.withheld = 0


class Payment:
    """A payment across all deals that it touches. unapplied, applied: minor units by currency."""

    __slots__ = ("applications", "applied", "currency", "home", "key", "last", "own", "received", "unapplied")

    def __init__(self, key: str, currency: str) -> None:
        self.key, self.currency = key, currency
        self.home: DealBook | None = None  # under which its cash is shown
        self.own: DealBook | None = None  # of its milestones that carry no key of a deal
        self.received: int | None = None
        self.unapplied: dict[str, int] = {}
        self.applied: dict[str, int] = {}
        self.applications: list[Application] = []
        self.last: BusinessKey | None = None


class Position:
    """Where a deal stands between won and ordered, in one currency, product by product."""

    __slots__ = ("unordered", "variance")

    def __init__(self) -> None:
        self.unordered: dict[str, int] = {}
        self.variance: dict[tuple[str, int], int] = {}


class DealBook:
    """One deal's books."""

    __slots__ = (
        "credit_memos", "day", "dimensions", "documents", "entries", "fact", "findings", "id", "invoices",
        "keys", "last",
        "loose", "name", "news", "opportunities", "orders", "policy", "positions", "rows", "sequences",
        "signals", "standing",
    )  # fmt: skip

    def __init__(self, id_: int, book: Book) -> None:
        self.id = id_
        self.rows = book.rows
        self.signals = book.signals
        self.policy = book.policies.first  # in force on the day of the current fact
        self.fact = 0
        self.day = 0
        self.last: BusinessKey | None = None
        self.name = ""
        self.keys: set[str] = set()
        self.dimensions: dict[str, str] = {}
        self.entries: dict[tuple[str, int], str] = {}  # (dimension, effective) -> value
        self.news: list[tuple[str, int, str]] = []  # entries made since the last change was told
        self.opportunities: dict[tuple[str, str], Opportunity] = {}
        self.orders: dict[str, Order] = {}
        self.loose: dict[tuple[str, str], OrderLine] = {}  # (currency, reference or sku)
        self.invoices: dict[str, Invoice] = {}
        self.credit_memos: dict[str, CreditMemo] = {}
        self.documents: set[tuple[str, str]] = set()
        self.sequences: dict[tuple[str, str], SequenceKey] = {}
        self.positions: dict[str, Position] = {}
        self.findings: set[tuple[str, int, str]] = set()  # code, fact position, object
        #: what stands: (code, object, currency) -> (fact, amount, detail)
        self.standing: dict[tuple[str, str, str], tuple[int, int, str]] = {}

    def post(
        self,
        debit: int,
        credit: int,
        currency: str,
        amount: int,
        sku: str = "",
        line: str = "",
        object_: str = "",
        due: int = NO_DUE,
        class_: int = a.NO_CLASS,
        day: int | None = None,
    ) -> None:
        """Transfer an amount on a day (default: the fact's); nothing where it is zero."""
        if amount:
            at = self.day if day is None else day
            self.rows.append(
                (self.id, self.fact, debit, credit, currency, amount, self.day, at, at, at, due, sku, line,
                 object_, class_)
            )  # fmt: skip

    def post_span(self, line: OrderLine, amount: int, effective: int, start: int, end: int) -> None:
        """Earn an amount of a line over start..end, counting from `effective`."""
        if amount:
            self.rows.append(
                (self.id, self.fact, line.obligation_account, a.RECOGNISED, line.currency, amount, self.day,
                 max(effective, start), start, end, NO_DUE, line.sku, line.label, "", a.NO_CLASS)
            )  # fmt: skip

    def signal(
        self,
        code: str,
        object_: str = "",
        currency: str = "",
        amount: int = 0,
        detail: str = "",
        *,
        sign: int = 1,
        fact: int | None = None,
        day: int | None = None,
    ) -> None:
        """Note that something stands from a day on (sign -1: no longer). Default: by and on today's fact."""
        self.signals.append(
            (self.id, self.fact if fact is None else fact, code, self.day if day is None else day, object_,
             currency, amount, detail, sign)
        )  # fmt: skip

    def find(self, code: str, object_: str = "") -> None:
        """Note an exception about the current fact, once. It stands until the fact is corrected or voided."""
        found = code, self.fact, object_
        if found not in self.findings:
            self.findings.add(found)
            self.signal(code, object_)

    def stand(
        self, code: str, object_: str = "", currency: str = "", amount: int = 0, detail: str = ""
    ) -> None:
        """Bring a condition of an object to what today's fact says; amount 0 and no detail: it ends.

        The same condition said again changes nothing; another amount or detail replaces the earlier.
        """
        key = code, object_, currency
        held = self.standing.get(key)
        if held is not None:
            if held[1:] == (amount, detail):
                return
            del self.standing[key]
            self.signal(code, object_, currency, held[1], held[2], sign=-1, fact=held[0])
        if amount or detail:
            self.standing[key] = (self.fact, amount, detail)
            self.signal(code, object_, currency, amount, detail)

    def first_of(self, kind: str, number: str) -> bool:
        """Whether a document of this number is the first in business order; a later one is a finding."""
        if (kind, number) in self.documents:
            self.find("DUPLICATE_BUSINESS_KEY")
            return False
        self.documents.add((kind, number))
        return True

    def position(self, currency: str) -> Position:
        """The standing between won and ordered in a currency."""
        found = self.positions.get(currency)
        if found is None:
            found = self.positions[currency] = Position()
        return found

    def order_line(self, reference: str, currency: str | None = None) -> OrderLine | None:
        """The line that `<order>/<line>` names in this deal, in that currency where there is one."""
        number, _, line = reference.rpartition("/")
        order = self.orders.get(number)
        return None if order is None else order.line(line, currency)

    def line_for(self, reference: str | None, sku: str, currency: str) -> OrderLine:
        """The order line that a billed or used line belongs to, or the loose line that stands in for it.

        Without a reference: the deal's one order line of that sku (contract.md section 1).
        """
        if reference is not None:
            line = self.order_line(reference, currency)
        else:
            same = [
                line
                for order in self.orders.values()
                for line in order.lines.values()
                if line.sku == sku and line.currency == currency
            ]
            line = same[0] if len(same) == 1 else None
        if line is not None and line.currency == currency:
            return line
        key = (currency, sku if reference is None else "/" + reference)
        loose = self.loose.get(key)
        if loose is None:
            loose = self.loose[key] = OrderLine(reference or sku, sku, currency, "", "", known=False)
        return loose

    def invoice(self, number: str, currency: str) -> Invoice:
        """The invoice of that number and currency, posted or only spoken of so far."""
        found = self.invoices.get(number)
        if found is None:
            found = self.invoices[number] = Invoice(number, currency)
        return found

    def stale(self, subject: tuple[str, str], key: SequenceKey) -> bool:
        """Whether a snapshot comes after a higher sequence of its subject; else it is the highest now."""
        highest = self.sequences.get(subject)
        if highest is not None and key < highest:
            return True
        self.sequences[subject] = key
        return False

    def saw(self, subject: tuple[str, str], key: SequenceKey) -> None:
        """Note the sequence of a subject, whatever the milestone: snapshots of lower ones are stale."""
        highest = self.sequences.get(subject)
        if highest is None or highest < key:
            self.sequences[subject] = key

    def receive(
        self, invoice: Invoice, debit: int, credit: int, amount: int, sku: str = "", line: str = ""
    ) -> None:
        """Post a transfer in which the invoice's receivable takes part, and keep what is open of it."""
        if amount:
            self.post(debit, credit, invoice.currency, amount, sku, line, invoice.number, invoice.due)
            invoice.open += amount if credit == a.RECEIVABLE else -amount

    def settle_dispute(self, invoice: Invoice) -> None:
        """Keep the disputed amount at what is claimed, never more than is open (accounting.md 3b)."""
        if invoice.claim == 0 and invoice.disputed == 0:
            return
        open_ = max(invoice.open, 0)
        wanted = open_ if invoice.claim is None else min(invoice.claim, open_)
        self.post(
            a.SOURCE_DISPUTED,
            a.DISPUTED,
            invoice.currency,
            wanted - invoice.disputed,
            object_=invoice.number,
        )
        invoice.disputed = wanted

    def redate(self, invoice: Invoice, due: int) -> None:
        """Move what is open of an invoice to another due date."""
        if due != invoice.due and invoice.open:
            for debit, credit, day in (
                (a.RECEIVABLE, a.REDATED, invoice.due),
                (a.REDATED, a.RECEIVABLE, due),
            ):
                self.post(debit, credit, invoice.currency, invoice.open, object_=invoice.number, due=day)
        invoice.due = due


class Book:
    """The books of all deals that share payments, folded together.

    deal_of: deal of each stream. parted: deal of single facts, by position, where streams were split or a
    correction moved a fact: those come before `deal_of`.
    """

    __slots__ = ("deal_of", "deals", "notices", "parted", "payments", "policies", "rows", "signals")

    def __init__(
        self,
        deal_of: dict[int, int],
        parted: dict[int, int] | None = None,
        policies: Policies = DEFAULT_POLICIES,
    ) -> None:
        self.deal_of = deal_of  # stream -> deal
        self.parted = parted or {}  # fact position -> deal
        self.policies = policies
        self.rows: list[Row] = []
        self.signals: list[Signal] = []
        self.notices: list[Notice] = []
        self.deals: dict[int, DealBook] = {}
        self.payments: dict[str, Payment] = {}

    def id_of(self, fact: Fact) -> int:
        """The number of the deal to which a fact belongs."""
        if self.parted:
            found = self.parted.get(fact.position)
            if found is not None:
                return found
        return self.deal_of.get(fact.stream, fact.stream)

    def deal(self, fact: Fact) -> DealBook:
        """The books of the deal to which a fact belongs."""
        id_ = self.id_of(fact)
        found = self.deals.get(id_)
        if found is None:
            found = self.deals[id_] = DealBook(id_, self)
        return found
