"""How order lines are earned: day by day, until something stops it (accounting.md 3b).

Belongs here: intervals of ratable lines. Does not belong here: what is earned by delivery, activation, usage
or by hand (projections/rules/performance).
"""

from __future__ import annotations

from domain import milestones as m
from projections import accounts as a
from projections.book import DealBook
from projections.holdings import OrderLine
from projections.rules import performance


def recognition_of(line: m.Line) -> str:
    """How a line is earned, defaults applied (contract.md section 1, Line)."""
    if line.kind == "usage":
        return "usage"
    dated = line.service_start is not None and line.service_end is not None
    if line.recognition is None or (line.recognition == "ratable" and not dated):
        return "ratable" if dated and line.recognition is None else "on_invoice"
    return line.recognition


def earn(deal: DealBook, line: OrderLine, amount: int, start: int, end: int) -> None:
    """Earn an amount day by day from today's fact on."""
    deal.earn(line, amount, deal.day, min(start, end), end)


def earn_otherwise(deal: DealBook, line: OrderLine, recognition: str) -> None:
    """What is not earned yet is earned in another way from now on."""
    if recognition == line.recognition:
        return
    stop_earning(deal, line, deal.day - 1)
    before, left = line.obligation_account, line.unperformed(deal.day)
    line.recognition = recognition
    if line.obligation_account != before:
        deal.post(before, line.obligation_account, line.currency, left, line.sku, line.label)
    if recognition == "on_invoice" and line.billed > line.recognised(deal.day):
        performance.recognise(deal, line, line.billed - line.recognised(deal.day))


def stop_earning(deal: DealBook, line: OrderLine, last_day: int) -> None:
    """Ratable earning of a line stops at its value at the end of `last_day`.

    Each interval is taken back whole from the next day on, and its value posted as it stands.
    """
    for segment in line.segments:
        value = segment.at(last_day)
        line.fixed += value
        if segment.end <= last_day and segment.effective <= last_day:
            continue  # earned in full already
        from_ = max(last_day + 1, segment.effective)
        deal.take_back(line, segment, from_)
        deal.post(
            line.obligation_account, a.RECOGNISED, line.currency, value, line.sku, line.label, day=from_
        )
    line.segments = []


def resume_earning(deal: DealBook, line: OrderLine, start: int, end: int) -> None:
    """What is left to perform of a stopped line is earned from tomorrow (or `start`, if later) to `end`."""
    rest = line.net - line.performance_cancelled - line.fixed
    deal.earn(line, rest, deal.day + 1, min(max(deal.day + 1, start), end), end)
