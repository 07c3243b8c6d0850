"""What is asked for, offered and ordered: lines with amounts and terms, and how they are written in a
message.

Amounts are minor units of the customer's currency. Does not belong here: when anything happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from scripts.sampling.company import (
    CUSTOM,
    ERP,
    HARDWARE,
    LICENCE,
    OPTION,
    SERVICES,
    SET_UP,
    SUBSCRIPTIONS,
    SUPPORT,
    USAGE,
    Currency,
    Customer,
    Product,
    key,
)
from scripts.sampling.draw import Dice, add_months, later, share, spread


@dataclass(slots=True)
class Line:
    """One line; `quantity` 0 means that none is stated, `billing` holds (day, net) of a billing plan."""

    number: int
    product: Product
    net: int
    quantity: int = 0
    start: date | None = None
    end: date | None = None
    billing: list[tuple[date, int]] = field(default_factory=list)

    @property
    def counted(self) -> int:
        """What the line is worth in an opportunity or an order: usage and options nothing (contract.md)."""
        return 0 if self.product.kind in {"usage", "optional"} else self.net


@dataclass(slots=True, eq=False)
class Order:
    """An order as it stands in the ERP, with its own account of how it is billed and ended."""

    number: str
    customer: Customer
    lines: list[Line]
    accepted_on: date
    cancelled_on: date | None = None
    stopped: dict[int, date] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return key(ERP, "order", self.number)

    @property
    def net(self) -> int:
        return sum(line.counted for line in self.lines)

    @property
    def recurring(self) -> list[Line]:
        return [line for line in self.lines if line.product.kind == "recurring"]

    @property
    def term(self) -> tuple[date, date] | None:
        """First and last day of service of the recurring lines, if there are any."""
        days = [(line.start, line.end) for line in self.recurring if line.start and line.end]
        return (min(start for start, _ in days), max(end for _, end in days)) if days else None

    def ends(self, line: Line) -> date | None:
        """The day on which this line was cancelled, by itself or with the order."""
        days = [day for day in (self.stopped.get(line.number), self.cancelled_on) if day]
        return min(days) if days else None


def line_fields(line: Line, currency: Currency, *, billing: bool = False) -> dict[str, Any]:
    """A line as the contract writes it."""
    fields: dict[str, Any] = {"line": str(line.number), "sku": line.product.sku}
    if line.quantity:
        fields["quantity"] = str(line.quantity)
    fields["net"] = currency.text(line.net)
    fields["kind"] = line.product.kind
    if line.product.recognition:
        fields["recognition"] = line.product.recognition
    if line.start and line.end:
        fields |= {"service_start": line.start.isoformat(), "service_end": line.end.isoformat()}
    if billing and line.billing:
        fields["billing"] = [{"on": on.isoformat(), "net": currency.text(net)} for on, net in line.billing]
    return fields


def lines_fields(lines: list[Line], currency: Currency, *, billing: bool = False) -> list[dict[str, Any]]:
    return [line_fields(line, currency, billing=billing) for line in lines]


def scaled(lines: list[Line], per_mille: int) -> list[Line]:
    """The same lines at other prices, without billing plans: as asked in an earlier offer."""
    return [replace(line, net=share(line.net, per_mille, 1_000), billing=[]) for line in lines]


def plan(line: Line, rhythm: str) -> Line:
    """Give a line its billing plan: `monthly`, `annual` or `prepaid`, in advance."""
    assert line.start is not None
    assert line.end is not None
    after = later(line.end, 1)
    months = (after.year - line.start.year) * 12 + after.month - line.start.month
    step = {"monthly": 1, "annual": 12}.get(rhythm, max(months, 1))
    count = max(1, -(-months // step))
    parts = spread(line.net, count)
    line.billing = [(add_months(line.start, n * step), part) for n, part in enumerate(parts)]
    return line


def service_start(dice: Dice, day: date) -> date:
    """When a service ordered about `day` begins: mostly on a first of a month."""
    start = later(day, dice.between(3, 25))
    if start.day > 28 or dice.chance(60):
        start = add_months(start.replace(day=1), 1)
    return start


SHAPES: Final = (
    ("subscription", 40),
    ("with_services", 25),
    ("hardware", 20),
    ("project", 7),
    ("metered", 8),
)
RHYTHMS: Final = (("monthly", 30), ("annual", 45), ("prepaid", 25))
YEARS: Final = ((1, 62), (2, 20), (3, 18))


def _subscription(dice: Dice, customer: Customer, number: int, product: Product, start: date) -> Line:
    years = dice.weighted(YEARS)
    price = product.price * customer.size * dice.between(70, 160) // 100
    net = price * years * customer.currency.scale + dice.below(customer.currency.scale)
    line = Line(number, product, net, 0, start, later(add_months(start, 12 * years), -1))
    return plan(line, dice.weighted(RHYTHMS))


def _units(dice: Dice, customer: Customer, number: int, product: Product, most: int) -> Line:
    quantity = dice.between(2, most) * (1 + customer.size // 3)
    unit = product.price * customer.currency.scale * dice.between(85, 110) // 100
    return Line(number, product, unit * quantity, quantity)


def draw_lines(dice: Dice, customer: Customer, signed: date) -> list[Line]:
    """The lines of a new deal that is expected to be signed on `signed`."""
    shape, start = dice.weighted(SHAPES), service_start(dice, signed)
    scale = customer.currency.scale
    lines: list[Line] = []
    if shape in {"subscription", "with_services", "metered"}:
        lines.append(_subscription(dice, customer, 1, dice.pick(SUBSCRIPTIONS), start))
    if shape == "hardware":
        lines.append(_units(dice, customer, 1, dice.pick(HARDWARE), 30))
        lines.append(_subscription(dice, customer, 2, SUPPORT, start))
    if shape == "project":
        lines.append(Line(1, CUSTOM, CUSTOM.price * customer.size * scale * dice.between(60, 140) // 100))
    if shape in {"with_services", "project"}:
        lines.append(_units(dice, customer, len(lines) + 1, dice.pick(SERVICES), 12))
    if shape == "with_services" or dice.chance(15):
        lines.append(Line(len(lines) + 1, SET_UP, SET_UP.price * scale * dice.between(80, 200) // 100))
    if shape == "subscription" and dice.chance(12):
        lines.append(_units(dice, customer, len(lines) + 1, LICENCE, 3))
    if shape == "metered":
        lines.append(Line(len(lines) + 1, USAGE, 0))
    if dice.chance(8):
        lines.append(Line(len(lines) + 1, OPTION, OPTION.price * scale))
    return lines
