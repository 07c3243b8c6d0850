"""Stories of a few deals that share payouts, told late and out of order.

Belongs here: facts as they come where cash for many deals arrives in one sum. Does not belong here: what must
hold of them (tests/projections/test_late_facts).
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.events import Event

_DEALS = 4
_DAYS = 20


def story(dice: random.Random, size: int, *, revised: bool = False) -> list[Event]:
    """Facts of four deals in the order of arrival. revised: some are voided, and deals are split."""
    told: list[Event] = []
    for number in range(size):
        made = _revising(dice, told) if revised and told and dice.random() < 0.06 else _fact(dice)
        made["id"] = f"{number:04d}"
        told.append(made)
    return told


def _day(dice: random.Random) -> str:
    return (date(2024, 1, 1) + timedelta(days=dice.randrange(_DAYS))).isoformat()


def _fact(dice: random.Random) -> Event:
    deal = dice.randrange(_DEALS)
    rest: dict[str, Any] = {"deal": f"O-{deal}", "time": f"09:00:{dice.randrange(60):02}"}
    if dice.random() < 0.2:
        rest["dimensions"] = {"customer": dice.choice(("C-1", "C-1", "C-2"))}
    tell = dice.choices((_billed, _paid, _ordered), (8, 12, 9))[0]
    return tell(dice, deal, rest)


def _invoice(dice: random.Random, deal: int) -> str:
    return f"I-{deal}-{dice.randrange(3)}"


def _line(dice: random.Random, deal: int, **rest: Any) -> dict[str, Any]:
    of = dice.choice((None, f"SO-{deal}/1"))
    return e.line(dice.choice("AB"), f"{dice.randrange(1, 9)}.00", of=of, **rest)


def _currency(dice: random.Random) -> str:
    return dice.choice(("EUR",) * 12 + ("USD",))


def _billed(dice: random.Random, deal: int, rest: dict[str, Any]) -> Event:
    day, number = _day(dice), _invoice(dice, deal)
    match dice.choices(("invoice", "due", "claim", "promise"), (10, 1, 1, 1))[0]:
        case "invoice":
            line = _line(dice, deal, tax="1.00")
            return e.invoiced(day, number, line, currency=_currency(dice), due=_day(dice), **rest)
        case "due":
            return e.redated(day, number, _day(dice), **rest)
        case "claim":
            tell = dice.choice((e.disputed, e.resolved))
            told: Event = tell(day, number, dice.choice((None, "2.00")), **rest)
            return told
        case _:
            return e.event("promise.made", day, f"invoice/{number}", invoice=number, on_=_day(dice), **rest)


def _paid(dice: random.Random, deal: int, rest: dict[str, Any]) -> Event:
    payment = f"P-{dice.randrange(3)}"
    match dice.choices(("applied", "received", "back"), (18, 6, 1))[0]:
        case "applied":
            rest |= {"discount": dice.choice((None, None, "1.00")), "currency": _currency(dice)}
            if dice.random() < 0.1:
                rest["deal"] = None
            return e.applied(_day(dice), payment, _invoice(dice, deal), "3.00", **rest)
        case "received":
            if dice.random() < 0.8:
                rest["deal"] = None
            return e.received("2024-01-01", payment, "50.00", **rest)
        case _:
            tell = dice.choice((e.reversed_, e.refunded))
            rest |= {"deal": None, "currency": "EUR"}
            return tell(_day(dice), payment, dice.choice((None, "4.00")), **rest)


def _ordered(dice: random.Random, deal: int, rest: dict[str, Any]) -> Event:
    day, order = _day(dice), f"SO-{deal}"
    match dice.choices(("usage", "order", "delivered", "won"), (5, 2, 1, 1))[0]:
        case "usage":
            number = f"U-{deal}-{dice.randrange(9)}"
            return e.rated(day, number, _line(dice, deal), currency=_currency(dice), **rest)
        case "order":
            first = e.line("A", "20.00", recognition=dice.choice((None, "on_invoice")))
            tell = dice.choice((e.accepted, e.order_changed))
            return tell(day, first, e.line("B", "9.00"), order=order, **rest)
        case "delivered":
            return e.delivered(day, f"F-{deal}-{dice.randrange(4)}", (f"{order}/1", "1"), **rest)
        case _:
            return e.won(day, e.line("A", "20.00"), number=f"O-{deal}", **{**rest, "deal": None})


def _revising(dice: random.Random, told: list[Event]) -> Event:
    if dice.random() < 0.7:
        return r.void(_day(dice), dice.choice(told))
    deal = dice.randrange(_DEALS)
    key = dice.choice((f"{e.ERP}:order:SO-{deal}", f"{e.ERP}:invoice:I-{deal}-1"))
    return r.split(_day(dice), key, number=str(len(told)))
