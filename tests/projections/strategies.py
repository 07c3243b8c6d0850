"""Random sets of facts, plausible and not: a few deals that share orders, customers and payments.

Few numbers, days and amounts, so that facts meet: documents repeat, snapshots are stale, currencies mix,
payments cross deals, ends come before beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.projections import events as e
from tests.projections.events import Event

_FIRST = date(2024, 1, 1)
_DAYS = (0, 1, 1, 9, 30, 31, 59, 90, 180, 364, 365, 400)
_NETS = ("100.00", "60.00", "40.00", "33.33", "0.01", "-20.00", "99.99", "0.00")
_QUANTITIES = ("1", "3", "0.5", None)
_SKUS = ("A", "B", "C")
_TERMS = (
    (None, None),
    ("2024-01-01", "2024-12-31"),
    ("2024-02-10", "2024-05-19"),
    ("2025-01-01", "2025-12-31"),
)
_KINDS = (None, None, None, "one_time", "optional", "usage")
_RECOGNITIONS = (None, None, "on_fulfilment", "on_activation", "manual", "on_invoice")
_KEYS = ("O-1", "O-1", "O-2", "O-3", None)
_TIMES = ("08:00:00", "09:00:00", "10:00:00")


class Draw:
    """Draws the parts of one fact."""

    def __init__(self, draw: st.DrawFn, number: int) -> None:
        self._draw = draw
        self.id = f"e{number:02d}"

    def one(self, choices: tuple[Any, ...]) -> Any:
        return self._draw(st.sampled_from(choices))

    def day(self) -> str:
        return (_FIRST + timedelta(days=self.one(_DAYS))).isoformat()

    def net(self, currency: str) -> str:
        net: str = self.one(_NETS)
        return net.replace(".", "") if currency == "JPY" else net

    def line(self, currency: str, of: bool = False) -> dict[str, Any]:
        start, end = self.one(_TERMS) if not of else (None, None)
        return e.line(
            self.one(_SKUS),
            self.net(currency),
            start,
            end,
            kind=self.one(_KINDS),
            of=self.one(("SO-1/1", "SO-1/2", "SO-2/1", None)) if of else None,
            tax=self.net(currency) if of else None,
            quantity=None if of else self.one(_QUANTITIES),
            recognition=None if of else self.one(_RECOGNITIONS),
        )

    def lines(self, currency: str, of: bool = False) -> list[dict[str, Any]]:
        return [self.line(currency, of) for _ in range(self.one((1, 1, 2)))]

    def common(self) -> dict[str, Any]:
        """Attributes that any fact may have."""
        said: dict[str, Any] = {"id_": self.id, "time": self.one(_TIMES), "deal": self.one(_KEYS)}
        if self.one((False, False, True)):
            said["sequence"] = self.one(("1", "2", "10", "x"))
        if self.one((False, False, True)):
            said["dimensions"] = {"customer": self.one(("C-1", "C-2"))}
        return said


def _selling(d: Draw, currency: str) -> Event:
    number = d.one(("O-1", "O-1", "O-2", "O-3"))
    state = d.one(("opened", "changed", "won", "won", "lost", "reopened"))
    rest = d.common() | {"number": number}
    if state in ("lost", "reopened"):
        return e.lost(d.day(), **rest) if state == "lost" else e.reopened(d.day(), **rest)
    if d.one((True, True, False)):
        rest |= {"probability": d.one(("0", "0.333", "1"))} if state != "won" else {}
        return e.opportunity(state, d.day(), *d.lines(currency), currency=currency, **rest)
    return e.opportunity(state, d.day(), amount=d.net(currency), currency=currency, **rest)


def _ordering(d: Draw, currency: str) -> Event:
    order = d.one(("SO-1", "SO-1", "SO-2"))
    rest = d.common() | {"order": order}
    kind = d.one(("accepted", "accepted", "changed", "amended", "renewed", "cancelled", "line", "ended"))
    match kind:
        case "accepted":
            return e.accepted(d.day(), *d.lines(currency), currency=currency, **rest)
        case "changed":
            return e.order_changed(d.day(), *d.lines(currency), currency=currency, **rest)
        case "amended":
            rest["amendment"] = d.one(("A-1", "A-2"))
            return e.amended(d.day(), *d.lines(currency), currency=currency, **rest)
        case "renewed":
            rest["replaces"] = d.one(("SO-1", "SO-2", None))
            return e.renewed(d.day(), *d.lines(currency), currency=currency, **rest)
        case "cancelled":
            return e.cancelled(d.day(), **rest)
        case "line":
            return e.line_cancelled(d.day(), d.one(("1", "2")), **rest)
        case _:
            return e.ended(d.one(("expired", "churned")), d.day(), on_=d.one((None, d.day())), **rest)


def _performing(d: Draw, currency: str) -> Event:
    rest = d.common()
    line = d.one(("SO-1/1", "SO-1/2", "SO-2/1"))
    match d.one(("delivered", "delivered", "returned", "activated", "rated", "earned", "back")):
        case "rated":
            return e.rated(
                d.day(), d.one(("U-1", "U-2")), *d.lines(currency, of=True), currency=currency, **rest
            )
        case "earned" | "back" as how:
            return e.earned(d.day(), line, d.net(currency), back=how == "back", currency=currency, **rest)
        case how:
            tell = {"delivered": e.delivered, "returned": e.returned, "activated": e.activated}[how]
            said = d.one(("1", "0.5", None, {"net": "12.34"}, {"net": "5"}))
            return tell(d.day(), d.one(("F-1", "F-2", "F-3")), (line, said), **rest)


def _billing(d: Draw, currency: str) -> Event:
    rest = d.common()
    invoice = d.one(("I-1", "I-1", "I-2"))
    match d.one(
        ("posted", "posted", "posted", "void", "due", "credit", "credit", "memo", "off", "back", "claim")
    ):
        case "posted":
            rest["due"] = d.day()
            return e.invoiced(d.day(), invoice, *d.lines(currency, of=True), currency=currency, **rest)
        case "void":
            return e.voided(d.day(), invoice, **rest)
        case "due":
            return e.redated(d.day(), invoice, d.day(), **rest)
        case "credit":
            reason = d.one(("concession", "return", "cancellation", "rebill"))
            rest["to"] = ((invoice, d.net(currency)),) if d.one((True, False)) else ()
            number = d.one(("C-1", "C-2"))
            return e.credited(d.day(), number, reason, *d.lines(currency, of=True), currency=currency, **rest)
        case "memo":
            return e.memo_applied(d.day(), d.one(("C-1", "C-2")), invoice, d.net("EUR"), **rest)
        case "off":
            return e.written_off(d.day(), invoice, d.net(currency), currency=currency, **rest)
        case "back":
            return e.recovered(d.day(), invoice, d.net(currency), currency=currency, **rest)
        case _:
            tell = d.one((e.disputed, e.disputed, e.resolved))
            told: Event = tell(d.day(), invoice, d.one((None, "50.00", "7.5")), **rest)
            return told


def _paying(d: Draw, currency: str, aliases: bool) -> Event:
    rest = d.common()
    payment, invoice = d.one(("P-1", "P-1", "P-2")), d.one(("I-1", "I-1", "I-2"))
    how = d.one(
        ("received", "received", "applied", "applied", "applied", "unapplied", "reversed", "refunded")
    )
    if how in ("applied", "unapplied"):
        rest |= {"discount": d.one((None, "1.00")), "withheld": d.one((None, "2.00")), "currency": currency}
        if currency == "JPY":
            rest["discount"] = rest["withheld"] = None
        tell = e.applied if how == "applied" else e.unapplied
        return tell(d.day(), payment, invoice, d.net(currency), **rest)
    if d.one((True, False)):
        rest["deal"] = None
    if aliases and d.one((True, False)):
        rest |= {"by": e.PSP, "keys": (f"{e.ERP}:payment:{d.one(('P-1', 'P-2'))}",)}
    if how == "received":
        return e.received(d.day(), payment, d.net(currency), currency=currency, **rest)
    take_back = e.reversed_ if how == "reversed" else e.refunded
    amount = d.one((None, "100.00", "30.00", "7") if currency != "JPY" else (None, "100", "7"))
    return take_back(d.day(), payment, amount, currency=d.one((None, currency)), **rest)


def facts(draws: Sequence[Draw], aliases: bool = True) -> list[Event]:
    """One fact a draw, without conflicts: of those the first recorded stands."""
    told: list[Event] = []
    versions = set()
    for d in draws:
        currency = d.one(("EUR",) * 8 + ("USD", "JPY"))
        room = d.one((_selling, _ordering, _ordering, _performing, _billing, _billing, _paying, _paying))
        fact = _paying(d, currency, aliases) if room is _paying else room(d, currency)
        version = fact["source"], fact["subject"], fact["type"], fact.get("sequence")
        if version in versions:
            fact.pop("sequence", None)
        if d.one((False,) * 14 + (True,)):
            fact["source"] = "/wms/manhattan/acme"  # a claim, unless it speaks of deliveries
        versions.add(version)
        told.append(fact)
    return told


@st.composite
def stories(draw: st.DrawFn, least: int = 3, most: int = 14) -> list[Event]:
    """A set of facts in some order of arrival."""
    return facts([Draw(draw, number) for number in range(draw(st.integers(least, most)))])


@st.composite
def arrivals(draw: st.DrawFn, told: list[Event]) -> tuple[list[Event], list[int], bool]:
    """Another order of the same facts, some sent twice; sizes of batches; whether each begins afresh."""
    again = draw(st.lists(st.sampled_from(told), max_size=4))
    order = draw(st.permutations([*told, *again]))
    sizes = draw(st.lists(st.integers(1, 4), max_size=6))
    return order, sizes, draw(st.booleans())
