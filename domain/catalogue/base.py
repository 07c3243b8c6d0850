"""What every milestone is made of: how fields are read, lines, and the fields that all carry.

Each milestone is a frozen msgspec struct, encoded as a MessagePack array that begins with its stored
name. Names and the order of fields are promises: a new field goes last, with a default; any other
change is a new version with an upcaster (domain/stored.py). Golden bytes in the tests hold them.

The annotations also say how each field is read from a source (domain/contract.py): amounts become
integer minor units, dates become day numbers, quantities integers of 10**-9.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeAlias

import msgspec


class Reads(NamedTuple):
    """How a field is read from a source: the converter's name, and what it is allowed to hold."""

    how: str
    choices: tuple[str, ...] = ()


#: Quantities are integers of this many decimals.
QUANTITY_DECIMALS: Final = 9
#: Probabilities are integers of 10**-6; 1_000_000 is certain.
PROBABILITY_DECIMALS: Final = 6

#: Reserved among a milestone's attributes: its source gave no `effective_on`, so its business date is that of
#: `time`, in UTC as stored. No CloudEvents attribute can have this name, and no event ever shows it.
BY_TIME: Final = "by_time"

Text: TypeAlias = Annotated[str, Reads("text")]
Number: TypeAlias = Annotated[str, Reads("number")]
Day: TypeAlias = Annotated[int, Reads("day")]
Currency: TypeAlias = Annotated[str, Reads("currency")]
Amount: TypeAlias = Annotated[int, Reads("amount")]
#: An amount of a milestone without a currency: decimal text, in the currency of the document it names.
DocumentAmount: TypeAlias = Annotated[str, Reads("decimal")]
Quantity: TypeAlias = Annotated[int, Reads("quantity")]
Probability: TypeAlias = Annotated[int, Reads("probability")]
OrderLineRef: TypeAlias = Annotated[str, Reads("order_line")]
Json: TypeAlias = Annotated[Any, Reads("json")]

KINDS: Final = ("recurring", "one_time", "usage", "optional")
RECOGNITIONS: Final = ("ratable", "on_fulfilment", "on_invoice", "on_activation", "manual")
CLASSES: Final = ("new", "expansion", "renewal")
AMENDMENT_KINDS: Final = ("upsell", "downsell", "price_change", "co_term", "partial_cancel")
RENEWAL_KINDS: Final = ("flat", "uplift", "early", "late")
CREDIT_REASONS: Final = ("concession", "return", "cancellation", "rebill")
REJECTIONS: Final = (
    "missing_customer",
    "unmapped_sku",
    "credit_hold",
    "tax_address",
    "price_variance",
    "entity_mismatch",
    "other",
)
RATE_KINDS: Final = ("spot", "average", "budget")
DIMENSIONS: Final = (
    "customer",
    "product",
    "segment",
    "territory",
    "owner",
    "entity",
    "channel",
    "class",
)
ROLES: Final = ("crm", "cpq", "erp", "billing", "psp", "bank", "mdm", "wms", "psa", "ledger")


class Billing(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One planned invoice of an order line."""

    on: Day
    net: Amount


class Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A line of an opportunity, order, amendment, invoice, credit memo or usage report."""

    line: Number
    sku: Text
    net: Amount
    tax: Amount = 0
    kind: Annotated[str | None, Reads("choice", KINDS)] = None
    quantity: Quantity | None = None
    recognition: Annotated[str | None, Reads("choice", RECOGNITIONS)] = None
    service_start: Day | None = None
    service_end: Day | None = None
    order_line: OrderLineRef | None = None
    billing: Annotated[tuple[Billing, ...], Reads("billing")] = ()
    description: Text | None = None


class Performed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a fulfilment did to one order line: a quantity, or a net amount."""

    order_line: OrderLineRef
    quantity: Quantity | None = None
    net: DocumentAmount | None = None


class Applied(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A part of a credit memo put against an invoice, gross."""

    invoice: Number
    amount: Amount


class Target(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The identity of another milestone."""

    source: Text
    id: Text


Lines: TypeAlias = Annotated[tuple[Line, ...], Reads("lines")]
#: Lines of opportunities, orders, amendments and renewals, where `kind` is required.
DealLines: TypeAlias = Annotated[tuple[Line, ...], Reads("deal_lines")]


class Milestone(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What every milestone carries. Abstract: only its subclasses are stored.

    instant: microseconds since 1970-01-01 UTC; time is the same moment as the source wrote it.
    effective: day number of the business date. keys: sorted, the subject's own among them.
    attributes: correlationid, causationid, traceparent, actor where given; kept, never interpreted. And
    BY_TIME where `effective` is the date of `time`, for want of another.
    """

    NAME: ClassVar[str] = ""
    source: str
    id: str
    subject: str
    time: str
    instant: int
    sequence: str | None
    effective: int
    keys: tuple[str, ...]
    dimensions: dict[str, str]
    attributes: dict[str, str]

    @property
    def name(self) -> str:
        """The stored name with its version, e.g. `order.accepted.v1`."""
        return str(self.__struct_config__.tag)

    @property
    def role(self) -> str:
        """The role of the reporting system: the first segment of the source."""
        return self.source[1:].partition("/")[0]
