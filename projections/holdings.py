"""What each opportunity, order line, invoice, credit memo and payment holds while a deal is folded.

Belongs here: the state of single documents. Does not belong here: the books of a deal and what is posted
(projections/book), what a milestone means (projections/rules).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from domain import milestones as m
from projections import accounts as a
from projections.facts import BusinessKey
from projections.proration import earned

if TYPE_CHECKING:
    from projections.book import DealBook

#: Stands for "no due date"; later than every date a report is asked for.
NO_DUE: Final = 2_932_896

#: Kinds of lines that are worth nothing in opportunities and orders (contract.md section 1).
WORTHLESS: Final = ("usage", "optional")


class Segment:
    """A ratable amount being earned over start..end, counting from `effective`.

    stated: business date of the fact that made it; what policy says on it decides how it is earned.
    """

    __slots__ = ("amount", "effective", "end", "monthly", "start", "stated")

    def __init__(
        self, amount: int, effective: int, start: int, end: int, stated: int, monthly: bool = False
    ) -> None:
        self.amount, self.effective, self.start, self.end = amount, effective, start, end
        self.stated, self.monthly = stated, monthly

    def at(self, day: int) -> int:
        """Earned by the end of the day, minor units."""
        return earned(self.amount, self.effective, self.start, self.end, day, self.monthly)


class OrderLine:
    """One line of an order, or a loose line: something billed or used that no order names."""

    __slots__ = (
        "active", "became", "beside", "billed", "cancelled", "coming", "currency", "dormant", "fixed",
        "fulfilled", "fulfilled_net", "fulfilled_units", "kind", "known", "label", "live", "net",
        "performance_cancelled", "plan", "quantity", "recognition", "reported", "return_credited", "returned",
        "run_rate", "segments", "service_end", "service_start", "sku", "stopped", "unbilled", "waiting",
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
        self.became: OrderLine | None = None  # the order's line that a loose line was taken over by
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
        self.stopped = False  # cancelled, or left out of the order as it now stands
        self.beside = 0  # recognised of no ordered value: usage, less concessions
        self.reported = 0  # recognised as the ERP says, where the line is not recognised by hand
        self.plan: list[tuple[int, int]] | None = None  # planned invoices: (day, net)
        self.run_rate = 0
        self.live: list[tuple[int, int]] = []  # (from day, run-rate)
        self.coming: tuple[tuple[int, int], ...] = ()  # contracted from a later day on: (from day, run-rate)
        self.active = False  # named by an activation
        self.dormant: tuple[tuple[int, int], ...] = ()  # not live until it is activated: (run-rate, label)
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
    """The run-rate of a line ends on a day, into contraction or churn; the line's parts as they were."""

    line: OrderLine
    rate: int
    account: int
    day: int
    live: tuple[tuple[int, int], ...]
    coming: tuple[tuple[int, int], ...]
    dormant: tuple[tuple[int, int], ...]


class Order:
    """An order, or what has been said about one that was not accepted yet.

    A line in another currency than the order's stands beside the line of its number, under
    `<number> <currency>`.
    """

    __slots__ = ("booking_class", "currency", "endings", "lines", "replaced", "replaced_on", "snapshot")

    def __init__(self, currency: str) -> None:
        self.snapshot: m.OrderChanged | None = None  # the latest, while nobody has accepted it
        self.currency = currency
        self.lines: dict[str, OrderLine] = {}
        self.booking_class = a.NO_CLASS
        self.replaced = False
        self.replaced_on: int | None = None  # first day of what replaces it
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

    __slots__ = (
        "claim", "currency", "day", "disputed", "due", "fact", "lines", "number", "open", "posted", "voided",
    )  # fmt: skip

    def __init__(self, number: str, currency: str) -> None:
        self.number, self.currency = number, currency
        self.due = NO_DUE
        self.open = 0
        self.posted = False
        self.voided = False
        #: line (a loose one may have become an order's), net, tax; sku and label as posted; last service day
        #: that it states
        self.lines: list[tuple[OrderLine, int, int, str, str, int | None]] = []
        self.claim: int | None = 0  # disputed; None is all of it
        self.disputed = 0  # as posted: never more than is open
        self.fact = self.day = 0  # of its posting


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

    __slots__ = (
        "applications", "applied", "currency", "deals", "home", "key", "last", "own", "received", "since",
        "unapplied",
    )  # fmt: skip

    def __init__(self, key: str, currency: str) -> None:
        self.key, self.currency = key, currency
        self.home: DealBook | None = None  # under which its cash is shown
        self.own: DealBook | None = None  # of its milestones that carry no key of a deal
        self.received: int | None = None
        self.unapplied: dict[str, int] = {}
        self.applied: dict[str, int] = {}
        self.applications: list[Application] = []  # in business order
        self.last: BusinessKey | None = None
        #: of its receipt, where that came first and nothing but applications came after it
        self.since: BusinessKey | None = None
        self.deals: set[int] = set()  # whose facts spoke of it; 0: one that names only the payment


class Position:
    """Where a deal stands between won and ordered, in one currency, product by product."""

    __slots__ = ("unordered", "variance")

    def __init__(self) -> None:
        self.unordered: dict[str, int] = {}
        self.variance: dict[tuple[str, int], int] = {}
