"""From order to invoice, line by line: invoiced without an order, too much, too late; and late renewals.

Belongs here: exceptions read from unbilled, billing plans, deliveries and live run-rate. Does not belong
here: what an invoice posts (projections/rules/billing).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from projections import accounts as a
from projections.exceptions.asking import Asking, Balance, Found, midnight
from projections.open_items import OpenLine

_UNBILLED: Final = (a.UNBILLED, a.UNBILLED)

#: deal, currency, line
_Line = tuple[int, str, str]


def _key(line: OpenLine) -> _Line:
    return line.deal, line.currency, line.line


def _columns(lines: dict[_Line, OpenLine]) -> dict[str, list[object]]:
    return {
        "deal": [line.deal for line in lines.values()],
        "currency": [line.currency for line in lines.values()],
        "line": [line.line for line in lines.values()],
        "billed": [line.billed - line.rebilled for line in lines.values()],
    }


def _overdrawn(asking: Asking) -> tuple[dict[_Line, OpenLine], dict[_Line, OpenLine]]:
    """Lines billed beyond what came into unbilled: those of an order, and those that no order names.

    A line of usage or of no worth posts nothing when it is ordered: a known order's line counts as ordered.
    """
    negative = {_key(line): line for line in asking.lines if line.unbilled < 0}
    doubtful = {key: line for key, line in negative.items() if not line.is_ordered and not line.usage}
    if doubtful:
        asked = _columns(doubtful)
        del asked["billed"]
        for deal, currency, line in asking.rows("exceptions_ordered", **asked):
            del doubtful[deal, currency, line]
    return {key: line for key, line in negative.items() if key not in doubtful}, doubtful


def orphan_invoice(asking: Asking) -> Iterator[Found]:
    """Invoices with lines behind which no order line stands, at once; one an invoice."""
    orphans = _overdrawn(asking)[1]
    if not orphans:
        return
    asked = _columns(orphans)
    del asked["billed"]
    rows = asking.rows("exceptions_invoiced", **asked)
    asking.heads(fact for *_, facts in rows for fact in facts)
    for deal, currency, invoice, amount, facts in rows:
        first = asking.first_of(facts)
        others = sorted({*facts} - {first})
        yield Found(
            "ORPHAN_INVOICE",
            deal,
            (first, *others),
            asking.began((first,)),
            invoice,
            currency,
            int(amount),
        )


def overbilled(asking: Asking) -> Iterator[Found]:
    """Order lines billed beyond what is ordered of them."""
    lines = _overdrawn(asking)[0]
    asked = {key: Balance(key[0], key[1], line=key[2]) for key in lines}
    begun = asking.begun(_UNBILLED, list(asked.values()))
    for key, line in lines.items():
        start = begun.get(asked[key])
        # billed by its product ahead of the order: the line itself never fell below zero
        facts = start.facts if start is not None else (line.billing_fact,) if line.billing_fact else ()
        if facts:
            first = asking.first_of(facts)
            yield Found(
                "OVERBILLED",
                line.deal,
                (first,),
                asking.began((first,)),
                line.line,
                line.currency,
                -line.unbilled,
            )


def billing_overdue(asking: Asking) -> Iterator[Found]:
    """Planned to be invoiced up to the SLA, and not invoiced; never more than is unbilled."""
    due = {
        _key(line): line
        for line in asking.lines
        if line.unbilled > 0 and line.scheduled_before > line.billed - line.rebilled
    }
    if not due:
        return
    rows = asking.rows("exceptions_planned", **_columns(due))
    asking.heads(fact for *_, facts in rows for fact in facts)
    for deal, currency, label, day, facts in rows:
        line = due[deal, currency, label]
        amount = min(line.unbilled, line.scheduled_before - (line.billed - line.rebilled))
        first = asking.first_of(facts)
        yield Found(
            "BILLING_OVERDUE",
            deal,
            (first,),
            midnight(day),
            label,
            currency,
            amount,
            f"planned for {day.isoformat()}",
            day.isoformat(),
        )


def fulfilled_not_billed(asking: Asking) -> Iterator[Found]:
    """Delivered or activated, without a plan that says when to bill it, and not invoiced within the SLA."""
    waiting = {
        _key(line): line
        for line in asking.lines
        if line.is_ordered
        and not line.is_planned
        and line.unbilled > 0
        and line.performed > line.billed - line.rebilled
    }
    if not waiting:
        return
    rows = asking.rows("exceptions_delivered", **_columns(waiting))
    asking.heads(fact for *_, facts in rows for fact in facts)
    hours = asking.settings.hours("FULFILLED_NOT_BILLED")
    for deal, currency, label, delivered, facts in rows:
        line = waiting[deal, currency, label]
        first = asking.first_of(facts)
        since = asking.began((first,))
        if asking.is_late(since, hours):
            amount = min(line.unbilled, int(delivered) - (line.billed - line.rebilled))
            yield Found("FULFILLED_NOT_BILLED", deal, (first,), since, label, currency, amount)


def late_renewal(asking: Asking) -> Iterator[Found]:
    """Live run-rate of a product whose last service day has passed; one a product, whatever line bears it."""
    rows = asking.rows("exceptions_live")
    asking.heads(fact for *_, facts in rows for fact in facts)
    for deal, currency, sku, rate, last, facts in rows:
        first = asking.first_of(facts)
        yield Found(
            "LATE_RENEWAL",
            deal,
            (first,),
            midnight(last + timedelta(days=1)),
            sku,
            currency,
            int(rate),
            f"served until {last.isoformat()}",
        )
