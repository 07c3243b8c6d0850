"""The books of deals while they are folded: what has been posted, and what stands.

Belongs here: the books of a deal, and the primitives that post transfers and say what stands. Does not belong
here: what a single document holds (projections/holdings), what a milestone means (projections/rules), the
order of facts and what became known when (projections/fold).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from domain.policies import DEFAULT_POLICIES, Policies
from projections import accounts as a
from projections.facts import BusinessKey, Fact, SequenceKey
from projections.holdings import (
    NO_DUE,
    CreditMemo,
    Invoice,
    Opportunity,
    Order,
    OrderLine,
    Payment,
    Position,
    Segment,
)
from projections.parting import WHOLE, Parts

__all__ = ["NO_DUE", "Book", "DealBook", "Notice", "Row", "Signal", "check_range"]

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

#: Minor units that one fact may move or speak of in all: so what it changes fits 64 bits, after a refold too.
MOST_MOVED: Final = 2**60


def check_range(rows: Iterable[Row], signals: Iterable[Signal]) -> None:
    """Raises OverflowError where these amounts together are beyond what a fact may move."""
    if sum([abs(row[5]) for row in rows]) + sum([abs(said[6]) for said in signals]) > MOST_MOVED:
        raise OverflowError("the amounts of a milestone add up beyond what the journal holds")


class DealBook:
    """One deal's books."""

    __slots__ = (
        "by_product", "credit_memos", "day", "dimensions", "documents", "elsewhere", "ends", "entities",
        "entries", "fact", "findings", "firm", "grouped", "id", "invoices", "keys", "last", "loose",
        "missing", "name", "news", "opportunities", "orders", "policies", "policy", "positions", "promises",
        "rank", "regrouped", "rows", "sequences", "signals", "standing",
    )  # fmt: skip

    def __init__(self, id_: int, book: Book) -> None:
        self.id = id_
        self.rows = book.rows
        self.signals = book.signals
        self.policies = book.policies
        self.elsewhere = book.elsewhere  # deals of keys, where they are not all this one's
        self.policy = book.policies.first  # in force on the day of the current fact
        self.fact = 0
        self.day = 0
        self.last: BusinessKey | None = None
        self.firm: BusinessKey | None = None  # of the last fact that does more than add (fold.ADDING)
        self.grouped: BusinessKey | None = None  # of the last fact that changed a dimension
        self.regrouped = False  # whether a dimension has ever had two values
        self.name = ""
        self.rank: tuple[int, str] | None = None  # of the name among keys
        self.keys: set[str] = set()
        self.dimensions: dict[str, str] = {}
        self.entries: dict[tuple[str, int], str] = {}  # (dimension, effective) -> value
        self.news: list[tuple[str, int, str | None]] = []  # entries made, or gone, since the last was told
        self.opportunities: dict[tuple[str, str], Opportunity] = {}
        self.orders: dict[str, Order] = {}
        self.by_product: dict[tuple[str, str], list[OrderLine]] = {}  # order lines by (currency, sku)
        self.loose: dict[tuple[str, str], OrderLine] = {}  # (currency, reference or sku)
        self.invoices: dict[str, Invoice] = {}
        self.credit_memos: dict[str, CreditMemo] = {}
        self.documents: set[tuple[str, str]] = set()
        self.sequences: dict[tuple[str, str], SequenceKey] = {}
        self.positions: dict[str, Position] = {}
        self.findings: set[tuple[str, int, str]] = set()  # code, fact position, object
        #: documents that facts spoke of before they came: (kind, number) -> (fact, object of the finding)
        self.missing: dict[tuple[str, str], list[tuple[int, str]]] = {}
        #: what stands: (code, object, currency) -> (fact, amount, detail, since)
        self.standing: dict[tuple[str, str, str], tuple[int, int, str, int]] = {}
        self.entities: dict[str, str] = {}  # role -> the entity that its facts named last
        self.promises: dict[str, tuple[int, int, str, str]] = {}  # of invoices whose currency is not known
        self.ends: dict[str, int] = {}  # order -> the day on which it ended or is to end

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

    def post_span(
        self, line: OrderLine, amount: int, effective: int, start: int, end: int, stated: int | None = None
    ) -> None:
        """Earn an amount of a line over start..end, counting from `effective`."""
        if amount:
            self.rows.append(
                (self.id, self.fact, line.obligation_account, a.RECOGNISED, line.currency, amount,
                 self.day if stated is None else stated, max(effective, start), start, end, NO_DUE, line.sku,
                 line.label, "", a.NO_CLASS)
            )  # fmt: skip

    def earn(self, line: OrderLine, amount: int, effective: int, start: int, end: int) -> None:
        """Earn an amount of a line over start..end from a day on, in the way that policy has today."""
        if amount:
            line.segments.append(Segment(amount, effective, start, end, self.day, self.policy.monthly))
            self.post_span(line, amount, effective, start, end)

    def take_back(self, line: OrderLine, segment: Segment, effective: int) -> None:
        """Take an interval back whole from a day on.

        It is taken back in the way in which it is earned. Where policy has changed since, that is as stated
        on the last day of the policy under which it was made.
        """
        stated = self.day
        if self.policy.monthly != segment.monthly:
            for period in reversed(self.policies.periods):
                if period.since <= self.day:
                    if period.monthly == segment.monthly:
                        break
                    stated = period.since - 1
        self.post_span(line, -segment.amount, effective, segment.start, segment.end, stated)

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

    def miss(self, kind: str, number: str) -> None:
        """Find that the document that the current fact builds on is not there yet; `came` takes it back."""
        self.find("PREDECESSOR_MISSING", number)
        self.missing.setdefault((kind, number), []).append((self.fact, number))

    def came(self, kind: str, number: str) -> None:
        """A document is there now, and what was said of it ahead counts: nothing is missing any more."""
        for fact, object_ in self.missing.pop((kind, number), ()):
            if ("PREDECESSOR_MISSING", fact, object_) in self.findings:
                self.findings.discard(("PREDECESSOR_MISSING", fact, object_))
                self.signal("PREDECESSOR_MISSING", object_, sign=-1, fact=fact)

    def stand(
        self,
        code: str,
        object_: str = "",
        currency: str = "",
        amount: int = 0,
        detail: str = "",
        *,
        fact: int | None = None,
        day: int | None = None,
    ) -> None:
        """Bring a condition of an object to what a fact says; amount 0 and no detail: it ends.

        fact, day: whose statement it is and from when it stands; default today's fact. The same condition
        said again changes nothing; another amount or detail replaces the earlier.
        """
        key = code, object_, currency
        held = self.standing.get(key)
        if held is not None:
            if held[1:3] == (amount, detail) and day in (None, held[3]):
                return
            del self.standing[key]
            self.signal(
                code, object_, currency, held[1], held[2],
                sign=-1, fact=held[0], day=max(self.day, held[3]),
            )  # fmt: skip
        if amount or detail:
            by, since = self.fact if fact is None else fact, self.day if day is None else day
            self.standing[key] = (by, amount, detail, since)
            self.signal(code, object_, currency, amount, detail, fact=by, day=since)

    def cease(self, code: str, object_: str | None = None) -> None:
        """A condition ends, of an object in whatever currency, or of all objects."""
        for key in [key for key in self.standing if key[0] == code and object_ in (None, key[1])]:
            self.stand(*key)

    def first_of(self, kind: str, number: str) -> bool:
        """Whether a document of this number is the first in business order; a later one is a finding."""
        if (kind, number) in self.documents:
            self.find("DUPLICATE_BUSINESS_KEY", f"{kind}/{number}")
            return False
        self.documents.add((kind, number))
        return True

    def position(self, currency: str) -> Position:
        """The standing between won and ordered in a currency."""
        found = self.positions.get(currency)
        if found is None:
            found = self.positions[currency] = Position()
        return found

    def add_line(self, order: Order, key: str, line: OrderLine) -> None:
        """Put a new line into one of the deal's orders. A line keeps its product and its currency."""
        order.lines[key] = line
        self.by_product.setdefault((line.currency, line.sku), []).append(line)

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
            same = self.by_product.get((currency, sku), ())
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

    deal_of: deal of each stream. parted: deals of single facts and keys, where streams were split or a
    correction moved a fact: those come before `deal_of`.
    """

    __slots__ = (
        "deal_of",
        "deals",
        "elsewhere",
        "kept",
        "notices",
        "parted",
        "payments",
        "policies",
        "rows",
        "signals",
    )

    def __init__(
        self,
        deal_of: dict[int, int],
        parted: Parts = WHOLE,
        policies: Policies = DEFAULT_POLICIES,
    ) -> None:
        self.deal_of = deal_of  # stream -> deal
        self.parted = dict(parted.facts)  # fact position -> deal
        self.elsewhere = parted.keys  # joining key -> deal
        self.kept = parted.kept  # deal -> what it keeps of dimensions from before a split
        self.policies = policies
        self.rows: list[Row] = []
        self.signals: list[Signal] = []
        self.notices: list[Notice] = []
        self.deals: dict[int, DealBook] = {}
        self.payments: dict[str, Payment] = {}

    def absorb(self, other: Book) -> None:
        """Take over books that share no deal and no payment with these."""
        self.rows += other.rows
        self.signals += other.signals
        self.notices += other.notices
        for deal in other.deals.values():
            deal.rows, deal.signals = self.rows, self.signals
        self.deal_of |= other.deal_of
        self.deals |= other.deals
        self.payments |= other.payments

    def id_of(self, fact: Fact) -> int:
        """The number of the deal to which a fact belongs."""
        if self.parted:
            found = self.parted.get(fact.position)
            if found is not None:
                return found
        return self.deal_of.get(fact.stream, fact.stream)

    def deal(self, fact: Fact) -> DealBook:
        """The books of the deal to which a fact belongs."""
        id_ = self.id_of(fact) if self.parted else self.deal_of.get(fact.stream, fact.stream)
        found = self.deals.get(id_)
        if found is None:
            found = self.deals[id_] = DealBook(id_, self)
            kept = self.kept.get(id_) if self.kept else None
            if kept is not None:
                found.entries.update(kept)
                found.dimensions.update({name: value for (name, _), value in sorted(kept.items())})
        return found
