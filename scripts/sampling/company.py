"""Fernhill Instruments: who sells what to whom, and the desk on which its systems' messages are drafted.

An invented maker of flow meters with subscriptions, services and usage. `Company.emit` is the only way in
which a message comes to be; `Company.messages` numbers them as the systems would. Does not belong here:
what happens in a deal (the modules named after it), and what goes wrong on the way (`delivering`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from scripts.sampling.draw import Dice, later, share

if TYPE_CHECKING:
    from scripts.sampling.invoicing import Invoice

CRM: Final = "/crm/salesforce/fernhill"
CPQ: Final = "/cpq/salesforce-cpq/fernhill"
ERP: Final = "/erp/netsuite/fernhill"
BILLING: Final = "/billing/zuora/fernhill"
PSP: Final = "/psp/stripe/fernhill"
BANK: Final = "/bank/camt/fernhill"
WMS: Final = "/wms/manhattan/fernhill"
PSA: Final = "/psa/certinia/fernhill"
MDM: Final = "/mdm/reltio/fernhill"
LEDGER: Final = "/ledger/cairn/fernhill"
SOURCES: Final = (CRM, CPQ, ERP, BILLING, PSP, BANK, WMS, PSA, MDM, LEDGER)


@dataclass(frozen=True, slots=True)
class Currency:
    """`scale` is what one euro of list price becomes in minor units; `tax` is in per cent."""

    code: str
    exponent: int
    scale: int
    tax: int

    def text(self, minor: int) -> str:
        """An amount in minor units as the contract's decimal string."""
        sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(self.exponent + 1, "0")
        if not self.exponent:
            return sign + digits
        return f"{sign}{digits[: -self.exponent]}.{digits[-self.exponent :]}"


CURRENCIES: Final = (
    (Currency("EUR", 2, 100, 19), 60),
    (Currency("USD", 2, 110, 8), 20),
    (Currency("GBP", 2, 85, 20), 12),
    (Currency("JPY", 0, 160, 10), 5),
    (Currency("KWD", 3, 330, 5), 3),
)


@dataclass(frozen=True, slots=True)
class Product:
    """`price` is the list price of one unit (or one year) in euros; `source` the system that performs it."""

    sku: str
    kind: str
    recognition: str
    price: int
    source: str = ""


SUBSCRIPTIONS: Final = (
    Product("SUB-FLOW", "recurring", "ratable", 4_800),
    Product("SUB-LAB", "recurring", "ratable", 7_200),
    Product("SUB-FLEET", "recurring", "ratable", 9_600),
    Product("SUB-AUDIT", "recurring", "ratable", 3_000),
)
SUPPORT: Final = Product("SUPPORT", "recurring", "ratable", 1_900)
HARDWARE: Final = (
    Product("HW-METER", "one_time", "on_fulfilment", 640, WMS),
    Product("HW-PROBE", "one_time", "on_fulfilment", 185, WMS),
    Product("HW-GATE", "one_time", "on_fulfilment", 1_250, WMS),
)
SERVICES: Final = (
    Product("SVC-INSTALL", "one_time", "on_fulfilment", 950, PSA),
    Product("SVC-TRAIN", "one_time", "on_fulfilment", 1_200, PSA),
    Product("SVC-CALIB", "one_time", "on_fulfilment", 780, PSA),
)
SET_UP: Final = Product("SET-UP", "one_time", "on_invoice", 1_500)
LICENCE: Final = Product("LIC-EDGE", "one_time", "on_activation", 2_400, PSA)
CUSTOM: Final = Product("ENG-CUSTOM", "one_time", "manual", 18_000)
USAGE: Final = Product("USE-SAMPLES", "usage", "", 0)
OPTION: Final = Product("OPT-SPARES", "optional", "on_invoice", 900)
PRODUCTS: Final = (*SUBSCRIPTIONS, SUPPORT, *HARDWARE, *SERVICES, SET_UP, LICENCE, CUSTOM, USAGE, OPTION)


@dataclass(slots=True)
class Customer:
    """One buyer; `size` multiplies quantities and prices, `terms` are the days until an invoice is due."""

    code: str
    segment: str
    size: int
    territory: str
    owner: str
    entity: str
    channel: str
    currency: Currency
    taxed: bool
    terms: int
    pays_through: str

    def dimensions(self) -> dict[str, str]:
        return {
            "customer": self.code,
            "segment": self.segment,
            "territory": self.territory,
            "owner": self.owner,
            "entity": self.entity,
            "channel": self.channel,
        }

    def tax(self, net: int) -> int:
        return share(net, self.currency.tax, 100) if self.taxed else 0


@dataclass(slots=True, eq=False)
class Message:
    """A message as its system means it, before anything befalls it; `at` is an instant in UTC.

    `id` and `sequence` are given when all are known. A correction names its target in `about`, and carries in
    `replacement` the data that the target should have had.
    """

    at: datetime
    source: str
    type: str
    subject: str
    data: dict[str, Any]
    versioned: bool
    actor: str = ""
    about: Message | None = None
    replacement: dict[str, Any] | None = None
    id: str = ""
    sequence: str = ""

    def event(self) -> dict[str, Any]:
        """The CloudEvent of this message (contract.md, section 1)."""
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
        }
        event |= {"subject": self.subject, "time": _as_sent(self.source, self.at)}
        if self.sequence:
            event["sequence"] = self.sequence
        if self.actor:
            event["actor"] = self.actor
        if self.about is None:
            return event | {"data": self.data}
        content = self.data | {"target": {"source": self.about.source, "id": self.about.id}}
        if self.replacement is not None:
            content["replacement"] = self.about.event() | {
                "id": f"{self.about.id}-c",
                "data": self.replacement,
            }
        return event | {"data": content}


# Office hours in the order in which a day's work goes, so that cause comes before effect within a day.
_HOURS: Final = {
    "fx": 6, "period": 7, "lead": 7, "customer": 7, "product": 7, "opportunity": 8, "quote": 9, "credit": 10,
    "order": 11, "contract": 12, "fulfilment": 13, "service": 13, "usage": 13, "invoice": 14, "payment": 15,
    "revenue": 15, "credit_memo": 16, "milestone": 17,
}  # fmt: skip


def _as_sent(source: str, at: datetime) -> str:
    """RFC 3339 in the dialect of the source: the ERP speaks local time, the CRM milliseconds."""
    if source in {ERP, BANK}:
        return at.astimezone(timezone(timedelta(hours=1))).isoformat()
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.000Z" if source in {CRM, CPQ} else f"{stamp}Z"


def key(source: str, kind: str, native: str) -> str:
    """The business key of a source's object (contract.md, section 1)."""
    return f"{source[1:]}:{kind}:{native}"


@dataclass(slots=True)
class Company:
    """The company's desk: chance, document numbers, and all that its systems have to say.

    `lumps` are invoices that wait to be paid together with others of their customer.
    """

    dice: Dice
    since: date
    until: date
    drafts: list[Message] = field(default_factory=list)
    lumps: list[Invoice] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, prefix: str) -> str:
        """The next document number with a prefix, as `SO-10001`."""
        self._numbers[prefix] = self._numbers.get(prefix, 10_000) + 1
        return f"{prefix}{self._numbers[prefix]}"

    def emit(
        self,
        source: str,
        kind: str,
        subject: str,
        day: date,
        fields: dict[str, Any],
        *,
        keys: tuple[str, ...] = (),
        versioned: bool = False,
        keyed_after: int = 0,
    ) -> Message:
        """Draft a milestone of type `kind` (without version) that takes effect on `day`.

        `keys` are those beside the subject's own. `keyed_after` days later is when the source records it: its
        `time`. A WMS, a PSP and a bank send no effective date, so theirs is that of `time`.
        """
        own = key(source, *subject.split("/", 1))
        stated = source not in {WMS, PSP, BANK} or keyed_after
        effective = {"effective_on": day.isoformat()} if stated else {}
        family = kind.partition(".")[0]
        hour = _HOURS.get(family, 12) + (1 if kind == "payment.applied" else 0)
        moment = time(hour, self.dice.below(60), self.dice.below(60), tzinfo=UTC)
        message = Message(
            at=datetime.combine(later(day, keyed_after), moment),
            source=source,
            type=f"{kind}.v1",
            subject=subject,
            data={"keys": [own, *keys], **effective, **fields},
            versioned=versioned,
        )
        self.drafts.append(message)
        return message

    def messages(self) -> list[Message]:
        """All that was said up to the end of the span, in order of time, with ids and sequences."""
        told = [message for message in self.drafts if self.since <= message.at.date() <= self.until]
        told.sort(key=lambda message: message.at)
        counts: dict[str, int] = {}
        versions: dict[tuple[str, str], int] = {}
        for message in told:
            counts[message.source] = counts.get(message.source, 0) + 1
            tag = message.source.split("/")[1]
            message.id = f"{tag}-{counts[message.source]:06d}"
            if message.versioned:
                subject = message.source, message.subject
                versions[subject] = versions.get(subject, 0) + 1
                message.sequence = str(versions[subject])
        return told


def found_customers(dice: Dice, count: int) -> list[Customer]:
    """The company's customers, each with values that it keeps."""
    territories = [
        f"{region}-{n}" for region in ("DACH", "BENELUX", "NORDICS", "UK", "US", "APAC") for n in (1, 2)
    ]
    customers = []
    for number in range(1, count + 1):
        currency = dice.weighted(CURRENCIES)
        segment, size = dice.weighted(((("smb", 1), 50), (("midmarket", 3), 35), (("enterprise", 8), 15)))
        home = {"EUR": territories[:6], "GBP": territories[6:8], "USD": territories[8:10]}.get(currency.code)
        territory = dice.pick(home or territories[10:])
        customers.append(
            Customer(
                code=f"C-{number:04d}",
                segment=segment,
                size=size,
                territory=territory,
                owner=f"{territory.lower()}-{dice.pick(('ada', 'ben', 'cleo'))}",
                entity={"USD": "FI-US", "GBP": "FI-UK"}.get(currency.code, "FI-DE"),
                channel=dice.weighted((("direct", 60), ("partner", 30), ("online", 10))),
                currency=currency,
                taxed=not dice.chance(25),
                terms=dice.pick((30, 30, 45)),
                pays_through=dice.weighted(((ERP, 65), (PSP, 22), (BANK, 13))),
            )
        )
    return customers
