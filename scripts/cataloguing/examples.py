"""An example of every milestone type, with the small story that it is told in.

Belongs here: what is given, and the example itself. Does not belong here: what it posts, which the fold says
(`page`). One deal of a company: a subscription, four devices, an activation, and hours of advice.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.events import Event


class Example(NamedTuple):
    """given: what the ledger has recorded before. then: the example."""

    given: tuple[Event, ...]
    then: Event


def _named(id_: str, told: Event) -> Event:
    """The event under an id of its own, and no other."""
    return {**told, "id": id_}


_TERM: Final = ("2026-02-01", "2027-01-31")
_NEXT: Final = ("2027-02-01", "2028-01-31")
_ORDER: Final = r.order_key("SO-1001")
_INVOICE: Final = r.invoice_key("INV-2001")
_DEAL: Final[dict[str, Any]] = {"deal": None, "keys": (_ORDER,)}
_BILL: Final[dict[str, Any]] = {"deal": None, "keys": (_INVOICE,)}


def _sub(net: str, term: tuple[str, str] = _TERM, **rest: Any) -> dict[str, Any]:
    return e.line("SUB", net, *term, number="1", **rest)


_DEVICES: Final = e.line("HW", "4000.00", number="2", quantity="4", recognition="on_fulfilment")
_SETUP: Final = e.line("SETUP", "1000.00", number="3", recognition="on_activation")
_ADVICE: Final = e.line("ADVICE", "2000.00", number="4", recognition="manual")


def _opportunity(state: str, on: str, net: str, id_: str, **rest: Any) -> Event:
    return _named(id_, e.opportunity(state, on, _sub(net), _DEVICES, number="006A", **rest))


_opened: Final = _opportunity("opened", "2026-01-05", "13000.00", "opp-1", probability="0.4", sequence="1")
_changed: Final = _opportunity("changed", "2026-01-12", "12500.00", "opp-2", probability="0.8", sequence="2")
_won: Final = _opportunity("won", "2026-01-20", "12500.00", "opp-3", sequence="3")
_accepted: Final = _named(
    "order-1",
    e.accepted(
        "2026-01-25", _sub("12000.00"), _DEVICES, _SETUP, _ADVICE, order="SO-1001", deal="006A",
        dimensions={"customer": "C-100", "entity": "DE01"},
    ),
)  # fmt: skip
_invoiced: Final = _named(
    "invoice-1",
    e.invoiced(
        "2026-02-01", "INV-2001", _sub("12000.00", of="SO-1001/1", tax="2400.00"), due="2026-03-03", **_DEAL
    ),
)
_delivered: Final = _named("fulfilment-1", e.delivered("2026-02-10", "F-1", ("SO-1001/2", "3"), **_DEAL))
_received: Final = _named("receipt-1", e.received("2026-02-20", "P-1", "5000.00", customer="C-100"))
_applied: Final = _named(
    "application-1", e.applied("2026-02-21", "P-1", "INV-2001", "4000.00", discount="80.00", **_BILL)
)
_ordered: Final = (_won, _accepted)
_billed: Final = (*_ordered, _invoiced)
_paid: Final = (*_billed, _received, _applied)
_memo: Final = _named(
    "memo-1",
    e.credited(
        "2026-03-05", "CM-1", "concession", _sub("500.00", of="SO-1001/1", tax="100.00"), **_BILL
    ),
)  # fmt: skip
_disputed: Final = _named("dispute-1", e.disputed("2026-03-10", "INV-2001", "600.00", **_BILL))
_off: Final = _named("loss-1", e.written_off("2026-06-30", "INV-2001", "200.00", **_BILL))
_earned: Final = _named("revenue-1", e.earned("2026-03-31", "SO-1001/4", "750.00", **_DEAL))
_link: Final = _named("link-1", r.linked("2026-02-02", r.opportunity_key("006A"), _ORDER))
_alone: Final = _named("order-1", e.accepted("2026-01-25", _sub("12000.00"), order="SO-1001", deal=None))
_closed: Final = _named("period-1", r.closed("2026-02-05", "2026-01"))


def _plain(type_: str, on: str, subject: str, **rest: Any) -> Event:
    return r.with_own_key(_named("example", e.event(type_, on, subject, **rest)))


def _ledger(type_: str, on: str, subject: str, **rest: Any) -> Event:
    return _named("example", r.ledger_wide(type_, on, subject, **rest))


def _told() -> dict[str, Example]:  # one entry a type is the point
    crm: dict[str, Any] = {"by": e.CRM, "deal": None}
    quote: dict[str, Any] = {
        "by": "cpq/salesforce/acme", "deal": "006A", "quote": "Q-1", "version": "2", "currency": "EUR",
        "lines": [_sub("12500.00")],
    }  # fmt: skip
    mdm: dict[str, Any] = {"by": r.MDM, "deal": None}
    customer: dict[str, Any] = {"by": r.MDM, "deal": "006A", "customer": "C-100"}
    on_order: dict[str, Any] = {"order": "SO-1001", **_DEAL}
    on_invoice: dict[str, Any] = {"invoice": "INV-2001", **_BILL}
    case: dict[str, Any] = {"exception": "WON_NO_ORDER/3f2a", "actor": "kim"}
    total: dict[str, Any] = {
        "object": "invoice", "from": "2026-02-01", "to": "2026-02-28", "count": 12, "currency": "EUR",
        "amount": "148200.00",
    }  # fmt: skip
    return {
        "lead.qualified": Example(
            (), _plain("lead.qualified", "2025-12-01", "lead/00Q1", lead="00Q1", criteria="budget", **crm)
        ),
        "opportunity.opened": Example((), _opened),
        "opportunity.changed": Example((_opened,), _changed),
        "opportunity.won": Example((_opened, _changed), _won),
        "opportunity.lost": Example((_opened,), e.lost("2026-01-15", "006A", reason="price", sequence="2")),
        "opportunity.reopened": Example(
            (_won,), e.reopened("2026-01-22", "006A", reason="not signed", sequence="4")
        ),
        "quote.approved": Example((_opened,), _plain("quote.approved", "2026-01-10", "quote/Q-1", **quote)),
        "quote.accepted": Example((_opened,), _plain("quote.accepted", "2026-01-18", "quote/Q-1", **quote)),
        "quote.rejected": Example((_opened,), _plain("quote.rejected", "2026-01-11", "quote/Q-1", **quote)),
        "customer.approved": Example(
            (_won, _plain("customer.rejected", "2026-01-20", "customer/C-100", **customer) | {"id": "mdm-1"}),
            _plain("customer.approved", "2026-01-21", "customer/C-100", **customer),
        ),
        "customer.rejected": Example(
            (_won,),
            _plain("customer.rejected", "2026-01-20", "customer/C-100", reason="no VAT number", **customer),
        ),
        "customer.merged": Example(_ordered, r.merged("2026-03-01", "C-100", "C-200")),
        "product.mapped": Example(
            (), _plain("product.mapped", "2026-01-02", "product/SUB", sku="SUB", product="Platform", **mdm)
        ),
        "credit.held": Example(
            (_won,), _plain("credit.held", "2026-01-21", "order/SO-1001", reason="limit", deal="006A")
        ),
        "credit.released": Example(
            (
                _won,
                _plain("credit.held", "2026-01-21", "order/SO-1001", deal="006A", time="08:00:00")
                | {"id": "hold-1"},
            ),
            _plain("credit.released", "2026-01-23", "order/SO-1001", reason="paid", deal="006A"),
        ),
        "order.submitted": Example(
            (_won,), _plain("order.submitted", "2026-01-21", "order/SO-1001", order="SO-1001", deal="006A")
        ),
        "order.rejected": Example(
            (_won,),
            _plain(
                "order.rejected",
                "2026-01-22",
                "order/SO-1001",
                order="SO-1001",
                reason="unmapped_sku",
                deal="006A",
            ),
        ),
        "order.accepted": Example((_won,), _accepted),
        "order.changed": Example(
            _ordered,
            e.order_changed(
                "2026-05-01", _sub("12600.00"), _DEVICES, _SETUP, _ADVICE, order="SO-1001", deal=None
            ),
        ),
        "contract.amended": Example(
            _ordered,
            e.amended(
                "2026-05-01",
                _sub("900.00", ("2026-05-01", "2027-01-31")),
                amendment="A-1",
                order="SO-1001",
                **_DEAL,
            ),
        ),
        "contract.renewed": Example(
            _ordered,
            e.renewed(
                "2027-01-10",
                _sub("13200.00", _NEXT),
                order="SO-1002",
                replaces="SO-1001",
                kind="uplift",
                **_DEAL,
            ),
        ),
        "order.line_cancelled": Example(
            _billed, e.line_cancelled("2026-03-15", "2", order="SO-1001", reason="not needed", deal=None)
        ),
        "order.cancelled": Example(
            _ordered, e.cancelled("2026-03-15", order="SO-1001", reason="insolvent", deal=None)
        ),
        "fulfilment.confirmed": Example(_ordered, _delivered),
        "fulfilment.returned": Example(
            (*_ordered, _delivered), e.returned("2026-02-20", "F-2", ("SO-1001/2", "1"), **_DEAL)
        ),
        "service.activated": Example(
            _ordered, e.activated("2026-02-03", "F-3", ("SO-1001/3", None), **_DEAL)
        ),
        "usage.rated": Example(
            _ordered, e.rated("2026-03-01", "U-1", e.line("CALLS", "83.20", kind="usage"), **_DEAL)
        ),
        "invoice.posted": Example(_ordered, _invoiced),
        "invoice.voided": Example(_billed, e.voided("2026-02-04", "INV-2001", deal=None)),
        "invoice.due_date_changed": Example(
            _billed, e.redated("2026-02-15", "INV-2001", "2026-04-02", deal=None)
        ),
        "credit_memo.posted": Example(
            _billed,
            {**_memo, "data": {**_memo["data"], "applied_to": [{"invoice": "INV-2001", "amount": "600.00"}]}},
        ),
        "credit_memo.applied": Example(
            (*_billed, _memo), e.memo_applied("2026-03-06", "CM-1", "INV-2001", "600.00", **_BILL)
        ),
        "payment.received": Example(_billed, _received),
        "payment.applied": Example((*_billed, _received), _applied),
        "payment.unapplied": Example(_paid, e.unapplied("2026-02-25", "P-1", "INV-2001", "1000.00", **_BILL)),
        "payment.reversed": Example(_paid, e.reversed_("2026-03-02", "P-1")),
        "payment.refunded": Example(_paid, e.refunded("2026-03-02", "P-1", "1000.00")),
        "dispute.opened": Example(_billed, _disputed),
        "dispute.resolved": Example((*_billed, _disputed), e.resolved("2026-03-20", "INV-2001", **_BILL)),
        "promise.made": Example(
            _billed,
            _plain(
                "promise.made",
                "2026-03-12",
                "invoice/INV-2001",
                amount="5000.00",
                on_="2026-03-20",
                **on_invoice,
            ),
        ),
        "receivable.written_off": Example(_billed, _off),
        "receivable.recovered": Example(
            (*_billed, _off), e.recovered("2026-09-01", "INV-2001", "150.00", **_BILL)
        ),
        "revenue.recognised": Example(_ordered, _earned),
        "revenue.reversed": Example(
            (*_ordered, _earned), e.earned("2026-04-30", "SO-1001/4", "250.00", back=True, **_DEAL)
        ),
        "contract.non_renewal_notified": Example(
            _ordered,
            _plain(
                "contract.non_renewal_notified", "2026-10-01", "order/SO-1001", on_="2027-01-31", **on_order
            ),
        ),
        "contract.expired": Example(_ordered, e.ended("expired", "2027-02-01", "SO-1001", deal=None)),
        "contract.churned": Example(_ordered, e.ended("churned", "2026-11-30", "SO-1001", deal=None)),
        "milestone.corrected": Example(
            _billed,
            r.corrected(
                "2026-02-06",
                _invoiced,
                r.instead(_invoiced, lines=[_sub("11000.00", of="SO-1001/1", tax="2200.00")]),
                reason="discount forgotten",
            ),
        ),
        "milestone.voided": Example(
            _billed, r.void("2026-02-06", _invoiced, reason="posted in a test client")
        ),
        "deals.linked": Example((_won, _alone), _link),
        "deal.split": Example((_won, _alone, _link), r.split("2026-02-20", _ORDER)),
        "period.closed": Example((), _closed),
        "period.reopened": Example((_closed,), r.period_reopened("2026-02-09", "2026-01")),
        "fx.rate_fixed": Example((), r.rate("2026-01-31", "EUR", "USD", "1.0825")),
        "policy.activated": Example((), r.policy("2026-01-01", "2", {"booking_trigger": "won"})),
        "exception.acknowledged": Example(
            (), _ledger("exception.acknowledged", "2026-01-23", "exception/3f2a", note="asked sales", **case)
        ),
        "exception.assigned": Example(
            (), _ledger("exception.assigned", "2026-01-23", "exception/3f2a", note="to order desk", **case)
        ),
        "exception.resolved": Example(
            (), _ledger("exception.resolved", "2026-01-24", "exception/3f2a", note="ordered", **case)
        ),
        "control_total.reported": Example(
            (), _plain("control_total.reported", "2026-03-01", "total/invoice-2026-02", deal=None, **total)
        ),
    }


#: By stored name without version.
EXAMPLES: Final = {
    name: example._replace(then=_named(f"{name}-1", example.then)) for name, example in _told().items()
}
