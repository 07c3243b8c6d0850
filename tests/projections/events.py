"""Milestones as sources send them, one short call each, for stories that read as ledgers.

Belongs here: CloudEvents of one small company, amounts as decimal text. Does not belong here: what becomes of
them (tests/projections/books).
"""

from __future__ import annotations

from itertools import count
from typing import Any

Event = dict[str, Any]

CRM = "crm/salesforce/acme"
ERP = "erp/netsuite/acme"
BANK = "bank/sepa/main"
PSP = "psp/stripe/acme"

_numbers = count(1)


def event(
    type_: str,
    on: str,
    subject: str,
    *,
    by: str = ERP,
    deal: str | None = "O-1",
    keys: tuple[str, ...] = (),
    sequence: str | None = None,
    time: str = "09:00:00",
    dimensions: dict[str, str] | None = None,
    id_: str | None = None,
    **body: Any,
) -> Event:
    """A CloudEvent. deal: the opportunity whose key it carries, if any. Fields that are None are left out."""
    stated = {name.rstrip("_"): value for name, value in body.items() if value is not None}
    found = [*keys, *([f"{CRM}:opportunity:{deal}"] if deal else [])]
    told: Event = {
        "specversion": "1.0",
        "id": id_ or f"{next(_numbers):07d}",
        "source": f"/{by}",
        "type": f"{type_}.v1",
        "subject": subject,
        "time": f"{on}T{time}Z",
        "data": {"effective_on": on, "keys": found, **stated},
    }
    if dimensions:
        told["data"]["dimensions"] = dimensions
    if sequence is not None:
        told["sequence"] = sequence
    return told


def line(
    sku: str,
    net: str,
    start: str | None = None,
    end: str | None = None,
    *,
    number: str = "1",
    kind: str | None = None,
    of: str | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """A line. With a service period it is recurring, else one-time; of: `<order>/<line>` that it bills."""
    said: dict[str, Any] = {"line": number, "sku": sku, "net": net}
    said["kind"] = kind or ("recurring" if start else "one_time")
    for name, value in {"service_start": start, "service_end": end, "order_line": of, **rest}.items():
        if value is not None:
            said[name] = value
    return said


def _numbered(lines: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Lines that were not numbered one by one are numbered in order."""
    if len({said["line"] for said in lines}) == len(lines):
        return list(lines)
    return [{**said, "line": str(n)} for n, said in enumerate(lines, 1)]


def opportunity(
    state: str, on: str, *lines: dict[str, Any], number: str = "O-1", currency: str = "EUR", **rest: Any
) -> Event:
    """opportunity.opened, .changed or .won with lines, or with amount="..."."""
    if state == "won":
        rest.setdefault("class_", "new")
    rest.setdefault("lines", _numbered(lines) or None)
    rest.setdefault("deal", None)
    return event(f"opportunity.{state}", on, f"opportunity/{number}", by=CRM, currency=currency, **rest)


def opened(on: str, *lines: dict[str, Any], **rest: Any) -> Event:
    return opportunity("opened", on, *lines, **rest)


def changed(on: str, *lines: dict[str, Any], **rest: Any) -> Event:
    return opportunity("changed", on, *lines, **rest)


def won(on: str, *lines: dict[str, Any], **rest: Any) -> Event:
    return opportunity("won", on, *lines, **rest)


def lost(on: str, number: str = "O-1", **rest: Any) -> Event:
    rest.setdefault("deal", None)
    return event("opportunity.lost", on, f"opportunity/{number}", by=CRM, **rest)


def reopened(on: str, number: str = "O-1", **rest: Any) -> Event:
    rest.setdefault("deal", None)
    return event("opportunity.reopened", on, f"opportunity/{number}", by=CRM, **rest)


def ordered(
    type_: str, on: str, *lines: dict[str, Any], order: str = "SO-1", currency: str = "EUR", **rest: Any
) -> Event:
    return event(type_, on, f"order/{order}", order=order, currency=currency, lines=_numbered(lines), **rest)


def accepted(on: str, *lines: dict[str, Any], **rest: Any) -> Event:
    return ordered("order.accepted", on, *lines, **rest)


def order_changed(on: str, *lines: dict[str, Any], **rest: Any) -> Event:
    return ordered("order.changed", on, *lines, **rest)


def renewed(on: str, *lines: dict[str, Any], order: str = "SO-2", **rest: Any) -> Event:
    return ordered("contract.renewed", on, *lines, order=order, **rest)


def amended(
    on: str,
    *lines: dict[str, Any],
    amendment: str = "A-1",
    order: str = "SO-1",
    currency: str = "EUR",
    kind: str = "upsell",
    **rest: Any,
) -> Event:
    return event(
        "contract.amended",
        on,
        f"amendment/{amendment}",
        amendment=amendment,
        order=order,
        currency=currency,
        kind=kind,
        lines=_numbered(lines),
        **rest,
    )


def cancelled(on: str, order: str = "SO-1", **rest: Any) -> Event:
    return event("order.cancelled", on, f"order/{order}", order=order, **rest)


def line_cancelled(on: str, number: str, order: str = "SO-1", **rest: Any) -> Event:
    return event("order.line_cancelled", on, f"order/{order}", order=order, line=number, **rest)


def ended(kind: str, on: str, order: str = "SO-1", **rest: Any) -> Event:
    """contract.expired or contract.churned; on_: the date that it speaks of, else the fact's own."""
    speaks_of = rest.pop("on_", None)
    told = event(f"contract.{kind}", on, f"order/{order}", order=order, **rest)
    if speaks_of:
        told["data"]["on"] = speaks_of
    return told


def _performed(kind: str, on: str, number: str, lines: tuple[Any, ...], rest: dict[str, Any]) -> Event:
    order = lines[0][0].rpartition("/")[0]
    said = [
        {"order_line": ref, **({"quantity": quantity} if quantity is not None else {})}
        if not isinstance(quantity, dict)
        else {"order_line": ref, **quantity}
        for ref, quantity in lines
    ]
    return event(kind, on, f"fulfilment/{number}", fulfilment=number, order=order, lines=said, **rest)


def delivered(on: str, number: str, *lines: tuple[str, Any], **rest: Any) -> Event:
    """fulfilment.confirmed of (order line, quantity); or (order line, {"net": "..."})."""
    return _performed("fulfilment.confirmed", on, number, lines, rest)


def returned(on: str, number: str, *lines: tuple[str, Any], **rest: Any) -> Event:
    return _performed("fulfilment.returned", on, number, lines, rest)


def activated(on: str, number: str, *lines: tuple[str, Any], **rest: Any) -> Event:
    return _performed("service.activated", on, number, lines, rest)


def rated(on: str, usage: str, *lines: dict[str, Any], currency: str = "EUR", **rest: Any) -> Event:
    lines_ = _numbered(lines)
    return event("usage.rated", on, f"usage/{usage}", usage=usage, currency=currency, lines=lines_, **rest)


def invoiced(
    on: str, number: str, *lines: dict[str, Any], due: str | None = None, currency: str = "EUR", **rest: Any
) -> Event:
    return event(
        "invoice.posted",
        on,
        f"invoice/{number}",
        invoice=number,
        currency=currency,
        due_on=due or on,
        lines=_numbered(lines),
        **rest,
    )


def voided(on: str, number: str, **rest: Any) -> Event:
    return event("invoice.voided", on, f"invoice/{number}", invoice=number, **rest)


def redated(on: str, number: str, due: str, **rest: Any) -> Event:
    return event("invoice.due_date_changed", on, f"invoice/{number}", invoice=number, due_on=due, **rest)


def credited(
    on: str,
    number: str,
    reason: str,
    *lines: dict[str, Any],
    to: tuple[tuple[str, str], ...] = (),
    currency: str = "EUR",
    **rest: Any,
) -> Event:
    return event(
        "credit_memo.posted",
        on,
        f"credit_memo/{number}",
        credit_memo=number,
        reason=reason,
        currency=currency,
        lines=_numbered(lines),
        applied_to=[{"invoice": invoice, "amount": amount} for invoice, amount in to] or None,
        **rest,
    )


def memo_applied(on: str, number: str, invoice: str, amount: str, **rest: Any) -> Event:
    subject = f"credit_application/{number}-{invoice}"
    return event(
        "credit_memo.applied", on, subject, credit_memo=number, invoice=invoice, amount=amount, **rest
    )


def received(
    on: str, payment: str, amount: str, *, currency: str = "EUR", deal: str | None = None, **rest: Any
) -> Event:
    subject = f"payment/{payment}"
    return event(
        "payment.received", on, subject, payment=payment, amount=amount, currency=currency, deal=deal, **rest
    )


def _application(kind: str, on: str, payment: str, invoice: str, amount: str, rest: dict[str, Any]) -> Event:
    rest.setdefault("currency", "EUR")
    subject = f"application/{payment}-{invoice}"
    return event(f"payment.{kind}", on, subject, payment=payment, invoice=invoice, amount=amount, **rest)


def applied(on: str, payment: str, invoice: str, amount: str, **rest: Any) -> Event:
    """payment.applied; discount="..." and withheld="..." come on top of the amount."""
    return _application("applied", on, payment, invoice, amount, rest)


def unapplied(on: str, payment: str, invoice: str, amount: str, **rest: Any) -> Event:
    return _application("unapplied", on, payment, invoice, amount, rest)


def reversed_(on: str, payment: str, amount: str | None = None, **rest: Any) -> Event:
    rest.setdefault("deal", None)
    return event("payment.reversed", on, f"payment/{payment}", payment=payment, amount=amount, **rest)


def refunded(on: str, payment: str, amount: str | None = None, **rest: Any) -> Event:
    rest.setdefault("deal", None)
    return event("payment.refunded", on, f"payment/{payment}", payment=payment, amount=amount, **rest)


def disputed(on: str, invoice: str, amount: str | None = None, **rest: Any) -> Event:
    return event("dispute.opened", on, f"invoice/{invoice}", invoice=invoice, amount=amount, **rest)


def resolved(on: str, invoice: str, amount: str | None = None, **rest: Any) -> Event:
    return event("dispute.resolved", on, f"invoice/{invoice}", invoice=invoice, amount=amount, **rest)


def written_off(on: str, invoice: str, amount: str, *, currency: str = "EUR", **rest: Any) -> Event:
    body: dict[str, Any] = {"invoice": invoice, "amount": amount, "currency": currency}
    return event("receivable.written_off", on, f"invoice/{invoice}", **body, **rest)


def recovered(on: str, invoice: str, amount: str, *, currency: str = "EUR", **rest: Any) -> Event:
    body: dict[str, Any] = {"invoice": invoice, "amount": amount, "currency": currency}
    return event("receivable.recovered", on, f"invoice/{invoice}", **body, **rest)


def earned(on: str, of: str, amount: str, *, back: bool = False, currency: str = "EUR", **rest: Any) -> Event:
    """revenue.recognised for an order line, or revenue.reversed."""
    kind = "revenue.reversed" if back else "revenue.recognised"
    body: dict[str, Any] = {"order_line": of, "amount": amount, "currency": currency}
    return event(kind, on, f"revenue/{of.replace('/', '-')}-{on}", **body, **rest)
