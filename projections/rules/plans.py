"""Billing plans of order lines: what is to be invoiced when (contract.md section 1, Line).

A planned invoice is a point posting on its day, in the memorandum plane, known from the fact that states it.
Belongs here: plans as they are stated, changed and cut off. Does not belong here: what is overdue by them.
"""

from __future__ import annotations

from domain import milestones as m
from projections import accounts as a
from projections.book import DealBook
from projections.holdings import OrderLine


def add(deal: DealBook, line: OrderLine, planned: tuple[m.Billing, ...]) -> None:
    """Add planned invoices to a line's plan; negative ones take from it."""
    if line.plan is None:
        line.plan = []
    for row in planned:
        line.plan.append((row.on, row.net))
        _post(deal, line, row.net, row.on)


def replace(deal: DealBook, line: OrderLine, planned: tuple[m.Billing, ...]) -> None:
    """A new plan of the whole line: from today on it is what is said, before today it stays as it was.

    A plan that is said again changes nothing.
    """
    kept = [row for row in line.plan or () if row[0] < deal.day]
    said = [(row.on, row.net) for row in planned if row.on >= deal.day]
    coming = sorted(row for row in line.plan or () if row[0] >= deal.day)
    if coming != sorted(said):
        for on, net in coming:
            _post(deal, line, -net, on)
        for on, net in said:
            _post(deal, line, net, on)
    line.plan = kept + said


def cut(deal: DealBook, line: OrderLine, last: int) -> None:
    """Take back what is planned for after a day."""
    if line.plan:
        for on, net in line.plan:
            if on > last:
                _post(deal, line, -net, on)
        line.plan = [row for row in line.plan if row[0] <= last]


def _post(deal: DealBook, line: OrderLine, net: int, on: int) -> None:
    deal.post(a.SOURCE_SCHEDULED, a.SCHEDULED, line.currency, net, line.sku, line.label, day=on)
