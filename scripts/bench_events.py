"""A large, regular stream of canonical milestones, made to measure with.

One deal is ten milestones of order-to-cash: opened, changed, won, ordered with two or three lines,
fulfilled, invoiced twice, paid once for both invoices, and applied twice. Deals overlap as in a year of
business: lines come in order of their `time`, so that neighbours are almost always of different deals.
Everything is drawn from one `random.Random(seed).random()`, whose sequence Python promises to keep: one seed
is one file, byte for byte.

Belongs here: speed and shape. Does not belong here: mistakes, gaps, conflicts and rare documents; those are
in `sample_company`. Lines are built from templates, since a serialiser would take most of the time; they
equal what `json.dumps(..., separators=(",", ":"))` gives, and a test holds that.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

CRM: Final = "crm/salesforce/bench"
ERP: Final = "erp/netsuite/bench"
WMS: Final = "wms/manhattan/bench"
BILLING: Final = "billing/zuora/bench"

FIRST_DAY: Final = date(2023, 11, 1)
SPAN_DAYS: Final = 3 * 365 + 1
LONGEST_DEAL_DAYS: Final = 150
STEPS: Final = 10
CUSTOMERS: Final = 5_000
TERRITORIES: Final = 20
PRODUCTS: Final = 50
# Currency, minor-unit exponent (ISO 4217), what one euro of price becomes in minor units, tax in per cent.
CURRENCIES: Final = (
    ("EUR", 2, 100, 19),
    ("USD", 2, 110, 8),
    ("GBP", 2, 85, 20),
    ("JPY", 0, 160, 10),
    ("KWD", 3, 330, 5),
)
_CURRENCY_OF_100: Final = [0] * 55 + [1] * 25 + [2] * 12 + [3] * 5 + [4] * 3
SEGMENTS: Final = ("enterprise", "midmarket", "smb")
ENTITIES: Final = ("DE01", "US01", "GB01")
CHANNELS: Final = ("direct", "partner", "online")
_DAY_SECONDS: Final = 86_400


def _dates() -> list[str]:
    # A late arrival or a due date may lie after the span, a service period ends up to a year after it.
    return [(FIRST_DAY + timedelta(days=n)).isoformat() for n in range(SPAN_DAYS + 800)]


DATES: Final = _dates()
_MINUTES: Final = [f"T{n // 60:02d}:{n % 60:02d}:" for n in range(1_440)]
_SECONDS: Final = [f'{n:02d}Z"' for n in range(60)]


def _dimensions(customer: int) -> str:
    """The dimensions of a customer as a JSON member; a customer keeps its territory, segment and owner."""
    return (
        f'"dimensions":{{"customer":"C-{customer:05d}","segment":"{SEGMENTS[customer % 3]}",'
        f'"territory":"T-{customer % TERRITORIES + 1:02d}","owner":"rep-{customer % 97:02d}",'
        f'"entity":"{ENTITIES[customer % 7 % 3]}","channel":"{CHANNELS[customer % 11 % 3]}"}}'
    )


DIMENSIONS: Final = [_dimensions(n) for n in range(CUSTOMERS)]


def _two(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _three(minor: int) -> str:
    return f"{minor // 1000}.{minor % 1000:03d}"


_FORMAT: Final[dict[int, Callable[[int], str]]] = {0: str, 2: _two, 3: _three}


def _tax(net: int, per_cent: int) -> int:
    """Tax on a net amount, both in minor units, rounded half away from zero."""
    return (net * per_cent * 2 + 100) // 200


@dataclass(slots=True)
class _Deal:
    """What the steps of one deal share. Amounts are minor units, days count from `FIRST_DAY`."""

    name: str
    dims: str
    customer: str
    currency: str
    money: Callable[[int], str]
    tax: int
    nets: list[int]
    ordered: list[int]
    skus: list[str]
    units: int
    service: int


def _head(deal: _Deal, step: int, source: str, kind: str, subject: str, second: int, sequence: int) -> str:
    """Attributes up to and with `"data":{"effective_on":...`; sequence 0 means that there is none."""
    day, rest = divmod(second, _DAY_SECONDS)
    minute, sec = divmod(rest, 60)
    versioned = f',"sequence":"{sequence}"' if sequence else ""
    return (
        f'{{"specversion":"1.0","id":"{deal.name}-{step:02d}","source":"/{source}","type":"{kind}.v1",'
        f'"subject":"{subject}","time":"{DATES[day]}{_MINUTES[minute]}{_SECONDS[sec]}{versioned},'
        f'"data":{{"effective_on":"{DATES[day]}",'
    )


def _order_lines(deal: _Deal, nets: list[int]) -> str:
    money, skus = deal.money, deal.skus
    start, end = DATES[deal.service], DATES[deal.service + 364]
    lines = (
        f'[{{"line":"1","sku":"{skus[0]}","net":"{money(nets[0])}","kind":"recurring","recognition":"ratable",'
        f'"service_start":"{start}","service_end":"{end}"}},{{"line":"2","sku":"{skus[1]}",'
        f'"quantity":"{deal.units}","net":"{money(nets[1])}","kind":"one_time","recognition":"on_fulfilment"}}'
    )
    if len(nets) == 3:
        lines += (
            f',{{"line":"3","sku":"{skus[2]}","net":"{money(nets[2])}","kind":"one_time",'
            f'"recognition":"on_invoice"}}'
        )
    return lines + "]"


def _opportunity(
    deal: _Deal, step: int, second: int, kind: str, sequence: int, nets: list[int], more: str
) -> str:
    return (
        _head(deal, step, CRM, f"opportunity.{kind}", f"opportunity/006{deal.name}", second, sequence)
        + f'"keys":["{CRM}:opportunity:006{deal.name}"],{deal.dims},"currency":"{deal.currency}",'
        f'"lines":{_order_lines(deal, nets)},{more}}}}}\n'
    )


def _accepted(deal: _Deal, step: int, second: int) -> str:
    order = f"SO-{deal.name}"
    return (
        _head(deal, step, ERP, "order.accepted", f"order/{order}", second, 1)
        + f'"keys":["{ERP}:order:{order}","{CRM}:opportunity:006{deal.name}"],{deal.dims},"order":"{order}",'
        f'"currency":"{deal.currency}","lines":{_order_lines(deal, deal.ordered)},"class":"new",'
        f'"term_start":"{DATES[deal.service]}","term_end":"{DATES[deal.service + 364]}"}}}}\n'
    )


def _fulfilled(deal: _Deal, step: int, second: int) -> str:
    return (
        _head(deal, step, WMS, "fulfilment.confirmed", f"fulfilment/F-{deal.name}", second, 0)
        + f'"keys":["{WMS}:fulfilment:F-{deal.name}","{ERP}:order:SO-{deal.name}"],"order":"SO-{deal.name}",'
        f'"fulfilment":"F-{deal.name}","lines":[{{"order_line":"SO-{deal.name}/2","quantity":"{deal.units}"}}]}}}}\n'
    )


def _billed(deal: _Deal, which: int) -> list[int]:
    """The order lines (from 0) that an invoice bills: the first takes the subscription and the set-up."""
    if which == 2:
        return [1]
    return [0, 2] if len(deal.ordered) == 3 else [0]


def _gross(deal: _Deal, which: int) -> int:
    return sum(deal.ordered[n] + _tax(deal.ordered[n], deal.tax) for n in _billed(deal, which))


def _invoice(deal: _Deal, step: int, second: int, which: int) -> str:
    number = f"INV-{deal.name}-{which}"
    lines = ",".join(
        f'{{"line":"{at}","sku":"{deal.skus[n]}","net":"{deal.money(deal.ordered[n])}",'
        f'"tax":"{deal.money(_tax(deal.ordered[n], deal.tax))}","order_line":"SO-{deal.name}/{n + 1}"}}'
        for at, n in enumerate(_billed(deal, which), 1)
    )
    return (
        _head(deal, step, ERP, "invoice.posted", f"invoice/{number}", second, 0)
        + f'"keys":["{ERP}:invoice:{number}","{ERP}:order:SO-{deal.name}"],{deal.dims},"invoice":"{number}",'
        f'"currency":"{deal.currency}","due_on":"{DATES[second // _DAY_SECONDS + 30]}",'
        f'"lines":[{lines}]}}}}\n'
    )


def _received(deal: _Deal, step: int, second: int) -> str:
    return (
        _head(deal, step, ERP, "payment.received", f"payment/P-{deal.name}", second, 0)
        + f'"keys":["{ERP}:payment:P-{deal.name}","{ERP}:invoice:INV-{deal.name}-1"],'
        f'"payment":"P-{deal.name}","customer":"{deal.customer}","currency":"{deal.currency}",'
        f'"amount":"{deal.money(_gross(deal, 1) + _gross(deal, 2))}"}}}}\n'
    )


def _applied(deal: _Deal, step: int, second: int, which: int) -> str:
    invoice = f"INV-{deal.name}-{which}"
    return (
        _head(deal, step, ERP, "payment.applied", f"application/P-{deal.name}-{which}", second, 0)
        + f'"keys":["{ERP}:application:P-{deal.name}-{which}","{ERP}:invoice:{invoice}"],'
        f'"payment":"P-{deal.name}","invoice":"{invoice}","currency":"{deal.currency}",'
        f'"amount":"{deal.money(_gross(deal, which))}"}}}}\n'
    )


def _usage(deal: _Deal, step: int, second: int) -> str:
    number = f"U-{deal.name}-{step}"
    return (
        _head(deal, step, BILLING, "usage.rated", f"usage/{number}", second, 0)
        + f'"keys":["{BILLING}:usage:{number}","{ERP}:order:SO-{deal.name}"],"usage":"{number}",'
        f'"currency":"{deal.currency}","lines":[{{"line":"1","sku":"USE-01",'
        f'"net":"{deal.money(500 + step * 7)}","kind":"usage"}}]}}}}\n'
    )


def _draw(number: int, start: int, rnd: Callable[[], float]) -> _Deal:
    """Draw the constant part of deal `number`, which opens on day `start`."""
    currency, exponent, scale, tax = CURRENCIES[_CURRENCY_OF_100[int(rnd() * 100)]]
    customer = int(rnd() * CUSTOMERS)
    units = 1 + int(rnd() * 40)
    pick = int(rnd() * 20)
    nets = [(1_000 + int(rnd() * 99_000)) * scale, units * (20 + int(rnd() * 400)) * scale]
    skus = [f"SUB-{pick + 1:02d}", f"HW-{int(rnd() * 20) + 1:02d}", f"SET-{pick // 2 + 1:02d}"]
    if rnd() < 0.5:
        nets.append((10_000 + int(rnd() * 400_000)) * scale // 100)
    # One deal in twenty is ordered a little below what was won, so that the bridge has something to explain.
    ordered = [nets[0] - nets[0] // 50, *nets[1:]] if rnd() < 0.05 else nets
    return _Deal(
        name=f"{number:07d}",
        dims=DIMENSIONS[customer],
        customer=f"C-{customer:05d}",
        currency=currency,
        money=_FORMAT[exponent],
        tax=tax,
        nets=nets,
        ordered=ordered,
        skus=skus,
        units=units,
        service=start + 60,
    )


def _story(deal: _Deal, start: int, count: int, rnd: Callable[[], float]) -> Iterator[tuple[int, str]]:
    """The milestones of a deal, each with its `time` in seconds since `FIRST_DAY`, in that order."""
    at = start * _DAY_SECONDS + 25_000 + int(rnd() * 30_000)

    def later(days: int) -> int:
        nonlocal at
        at += 60 + int(rnd() * days * _DAY_SECONDS)
        return at

    asked = [net + net // 10 for net in deal.nets]
    close = f'"close_on":"{DATES[start + 45]}"'
    first = f'"stage":"proposal","probability":"0.25",{close}'
    second = f'"stage":"negotiation","probability":"0.60",{close}'
    yield at, _opportunity(deal, 1, at, "opened", 1, asked, first)
    yield later(20), _opportunity(deal, 2, at, "changed", 2, deal.nets, second)
    signed = later(20)
    won = f'"class":"new","signed_on":"{DATES[signed // _DAY_SECONDS]}"'
    yield signed, _opportunity(deal, 3, at, "won", 3, deal.nets, won)
    yield later(3), _accepted(deal, 4, at)
    yield later(15), _fulfilled(deal, 5, at)
    yield later(2), _invoice(deal, 6, at, 1)
    yield later(5), _invoice(deal, 7, at, 2)
    yield later(45), _received(deal, 8, at)
    yield later(2), _applied(deal, 9, at, 1)
    yield later(1), _applied(deal, 10, at, 2)
    for step in range(STEPS + 1, count + 1):
        at += 60
        yield at, _usage(deal, step, at)


def events(milestones: int, deals: int, seed: int = 1, *, late_per_mille: int = 0) -> Iterator[bytes]:
    """Yield exactly `milestones` lines (UTF-8, newline included) of `deals` deals in order of arrival.

    Every deal has `milestones // deals` milestones or one more: below ten its story is cut, above ten it
    goes on with rated usage. Of a thousand lines, `late_per_mille` arrive one to twenty days after their
    `time`. Memory holds the deals that are open at one moment, about a tenth of all. Raises ValueError when
    there are fewer milestones than deals.
    """
    if deals < 1 or milestones < deals:
        raise ValueError(
            f"{milestones} milestones cannot be spread over {deals} deals: give at least one each"
        )
    rnd = random.Random(seed).random
    each, longer = divmod(milestones, deals)
    waiting: list[list[tuple[int, int, str]]] = [[] for _ in range(SPAN_DAYS + 400)]
    serial = day = 0
    for number in range(deals):
        start = number * (SPAN_DAYS - LONGEST_DEAL_DAYS) // deals
        while day < start:
            yield from _delivered(waiting, day)
            day += 1
        count = each + (number < longer)
        for second, line in islice(_story(_draw(number, start, rnd), start, count, rnd), count):
            if late_per_mille and rnd() * 1_000 < late_per_mille:
                second += int((1 + rnd() * 19) * _DAY_SECONDS)
            serial += 1
            waiting[second // _DAY_SECONDS].append((second, serial, line))
    for rest in range(day, len(waiting)):
        yield from _delivered(waiting, rest)


def _delivered(waiting: list[list[tuple[int, int, str]]], day: int) -> Iterator[bytes]:
    """Hand out what arrives on a day, and let go of it."""
    lines, waiting[day] = sorted(waiting[day]), []
    for _, _, line in lines:
        yield line.encode()


def main() -> None:
    """Write the stream to a file and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--milestones", type=int, default=1_000_000)
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--late-per-mille", type=int, default=0, help="lines that arrive days after their time"
    )
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    began = time.perf_counter()
    stream = events(asked.milestones, asked.deals, asked.seed, late_per_mille=asked.late_per_mille)
    with asked.out.open("wb", buffering=1 << 20) as file:
        file.writelines(stream)
    took = time.perf_counter() - began
    print(f"{asked.milestones} milestones, {asked.out.stat().st_size} bytes, {took:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
