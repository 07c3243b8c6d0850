"""Random sets of facts, plausible and not: a few deals that share orders, customers and payments.

Few numbers, days and amounts, so that facts meet: documents repeat, snapshots are stale, currencies mix,
payments cross deals, ends come before beginnings; and a part of what was said is corrected, voided, linked
and split, before it is said and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from domain.instants import from_date
from domain.policies import DEFAULT_POLICIES, Policies, Version
from tests.projections import events as e
from tests.projections import revising as r
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
_DOCUMENTS = (r.order_key("SO-1"), r.order_key("SO-2"), r.invoice_key("I-1"), r.invoice_key("I-2"))
_DEALS = (r.opportunity_key("O-1"), r.opportunity_key("O-2"), r.opportunity_key("O-3"))
_CLAIMANT = "/wms/manhattan/acme"


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
        if self.one((False, False, False, True)):
            said["keys"] = (self.one(_DOCUMENTS),)
        return said

    def keys(self, most: int) -> tuple[str, ...]:
        """One to `most` keys of deals and documents."""
        wanted = self.one(tuple(range(1, most + 1)))
        return tuple(dict.fromkeys(self.one(_DEALS + _DOCUMENTS) for _ in range(wanted)))


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


def _ledger_wide(d: Draw) -> Event:
    """What concerns the whole ledger rather than one deal."""
    month, rest = d.one(("2024-01", "2024-02", "2024-12")), {"id_": d.id, "time": d.one(_TIMES)}
    match d.one(("close", "close", "reopen", "rate", "rate", "merge", "policy")):
        case "close":
            return r.closed(d.day(), month, **rest)
        case "reopen":
            return r.period_reopened(d.day(), month, **rest)
        case "rate":
            value = d.one(("1.08", "0.5", "1.1234567"))
            return r.rate(d.day(), d.one(("EUR", "JPY")), "USD", value, **rest)
        case "merge":
            return r.merged(d.day(), d.one(("C-1", "C-2")), d.one(("C-2", "C-3")), **rest)
        case _:
            # what is only activated changes nothing that is posted, and these nothing that is reported
            settings = d.one(({"quarter_end_hours": 8}, {"sla_hours": {"ORPHAN_PAYMENT": 48}}))
            return r.policy(d.day(), d.one(("1", "2")), settings, **rest)


def _joining(d: Draw) -> Event:
    """A link or a split."""
    by = d.one((r.MDM, r.MDM, r.MDM, r.MDM, e.ERP))
    rest = {"id_": d.id, "time": d.one(_TIMES), "number": d.id, "by": by}
    if d.one((True, False)):
        return r.linked(d.day(), *d.keys(3), **rest)
    return r.split(d.day(), *d.keys(2), **rest)


def altered(d: Draw, target: Event) -> Event:
    """The target with another day, amount, lines or keys."""
    made = r.instead(target)
    body = made["data"]
    currency = body.get("currency", "EUR")
    if d.one((False, True)):
        body["effective_on"] = d.day()
    if "lines" in body and "fulfilment" not in body and d.one((True, True, False)):
        said = d.lines(currency, of="invoice" in body or "credit_memo" in body or "usage" in body)
        body["lines"] = [{**line, "line": str(n)} for n, line in enumerate(said, 1)]
    if "amount" in body and "invoice" in body and d.one((True, False)):
        body["amount"] = d.net(currency)
    if d.one((False, False, True)):
        body["keys"] = list(d.keys(2))
    return made


def _revising(d: Draw, told: Sequence[Event]) -> Event:
    """A correction or a void of one of the facts told, in a role that may or may not."""
    target = d.one(tuple(told))
    by = d.one((None, None, None, None, None, e.CRM, "billing/zuora/acme"))
    rest = {"id_": d.id, "time": d.one(_TIMES), "by": by}
    if d.one((True, False)):
        return r.void(d.day(), target, **rest)
    return r.corrected(d.day(), target, altered(d, target), **rest)


_REVISING = ("revising", "revising", "revising", "joining", "ledger")


def fact(d: Draw, aliases: bool = True) -> Event:
    """One business fact."""
    currency = d.one(("EUR",) * 8 + ("USD", "JPY"))
    room = d.one((_selling, _ordering, _ordering, _performing, _billing, _billing, _paying, _paying))
    told: Event = _paying(d, currency, aliases) if room is _paying else room(d, currency)
    if d.one((False,) * 14 + (True,)):
        told["source"] = _CLAIMANT  # a claim, unless it speaks of deliveries
    return told


def _since(days: int, settings: dict[str, Any]) -> Version:
    return Version(f"since-{days}", "1", from_date(_FIRST + timedelta(days=days)), settings)


#: Policies under which laws hold as well.
POLICIES = (
    DEFAULT_POLICIES,
    Policies([_since(-9999, {"proration": "monthly"})]),
    Policies([_since(60, {"arr_live": "activation"})]),
    Policies([_since(9, {"proration": "monthly"}), _since(90, {"renewal_booked": "service_start"})]),
    Policies([_since(30, {"system_of_record": {"order.accepted": ["wms", "erp"]}})]),
)


def facts(draws: Sequence[Draw], aliases: bool = True, *, revised: bool = True) -> list[Event]:
    """One fact a draw, without conflicts: of those the first recorded stands.

    revised: some of them correct, void, link, split, or concern the whole ledger.
    """
    told: list[Event] = []
    versions = set()
    for d in draws:
        room = d.one((*_REVISING, *("fact",) * 12)) if revised and told else "fact"
        match room:
            case "revising":
                made = _revising(d, told)
            case "joining":
                made = _joining(d)
            case "ledger":
                made = _ledger_wide(d)
            case _:
                made = fact(d, aliases)
        version = made["source"], made["subject"], made["type"], made.get("sequence")
        if version in versions:
            made.pop("sequence", None)
        versions.add(version)
        # what revises another may come before it
        told.insert(d.one((0, len(told))) if room == "revising" else len(told), made)
    return told


@st.composite
def stories(draw: st.DrawFn, least: int = 3, most: int = 14, *, revised: bool = True) -> list[Event]:
    """A set of facts in some order of arrival."""
    return facts([Draw(draw, number) for number in range(draw(st.integers(least, most)))], revised=revised)


@st.composite
def arrivals(draw: st.DrawFn, told: list[Event]) -> tuple[list[Event], list[int], bool]:
    """Another order of the same facts, some sent twice; sizes of batches; whether each begins afresh."""
    again = draw(st.lists(st.sampled_from(told), max_size=4))
    order = draw(st.permutations([*told, *again]))
    sizes = draw(st.lists(st.integers(1, 4), max_size=6))
    return order, sizes, draw(st.booleans())
