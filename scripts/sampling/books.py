"""What is said of no single deal: customers, products, rates, closed months, links made in error."""

from __future__ import annotations

from datetime import date
from typing import Final

from scripts.sampling.company import ERP, LEDGER, MDM, PRODUCTS, Company, Customer, key
from scripts.sampling.draw import add_months, later, month_starts
from scripts.sampling.selling import Story

# One unit of each currency in EUR, in millionths; it wanders by up to a hundredth a month.
RATES: Final = (("USD", 920_000), ("GBP", 1_160_000), ("JPY", 6_200), ("KWD", 2_990_000))


def keep_rates(company: Company) -> None:
    """A spot rate of each currency against EUR on the first of every month of the span."""
    now = dict(RATES)
    for month in month_starts(company.since, company.until):
        for base, before in now.items():
            after = before + before * company.dice.between(-10, 10) // 1_000
            now[base] = after
            rate = f"{after // 1_000_000}.{after % 1_000_000:06d}".rstrip("0")
            fields = {"base": base, "quote": "EUR", "rate": rate, "on": month.isoformat(), "kind": "spot"}
            company.emit(LEDGER, "fx.rate_fixed", f"fx/{base}-EUR-{month.isoformat()}", month, fields)


def keep_periods(company: Company) -> None:
    """Each month is closed in the first days of the next; one is opened again and closed anew."""
    months = month_starts(company.since, company.until)
    reopened = company.dice.below(len(months) - 2) if len(months) > 2 else -1
    for at, month in enumerate(months):
        day = later(add_months(month, 1), company.dice.between(3, 7))
        period = f"{month:%Y-%m}"
        fields = {"period": period, "actor": "controller"}
        company.emit(LEDGER, "period.closed", f"period/{period}", day, fields)
        if at == reopened:
            again = {"period": period, "actor": "auditor"}
            company.emit(LEDGER, "period.reopened", f"period/{period}", later(day, 4), again)
            company.emit(LEDGER, "period.closed", f"period/{period}", later(day, 6), fields)


def keep_master_records(company: Company, customers: list[Customer]) -> None:
    """Customers are approved (two of them merged later), and products mapped, at the start of the span."""
    for customer in customers:
        day = later(company.since, company.dice.between(0, 20))
        fields = {"customer": customer.code}
        company.emit(ERP, "customer.approved", f"customer/{customer.code}", day, fields)
    if len(customers) > 3:
        into, gone = customers[0], customers[3]
        fields = {"customer": gone.code, "into": into.code}
        days = (company.until - company.since).days
        company.emit(
            MDM, "customer.merged", f"customer/{gone.code}", later(company.since, days * 2 // 3), fields
        )
    for product in PRODUCTS:
        fields = {"sku": product.sku, "product": f"PRD-{product.sku}"}
        company.emit(MDM, "product.mapped", f"product/{product.sku}", company.since, fields)


def link_in_error(company: Company, stories: list[Story]) -> None:
    """Two deals of two customers are linked by mistake, and split again days later."""
    linked = [story for story in stories if story.link == "order"]
    one = linked[0] if linked else None
    other = next((story for story in linked if one and story.customer != one.customer), None)
    if one is None or other is None:
        return
    orders = key(ERP, "order", one.order), key(ERP, "order", other.order)
    accepted = [
        message.at.date() for message in company.drafts if _accepts(message.data, message.type, orders)
    ]
    day = later(max(accepted), 20)
    company.emit(MDM, "deals.linked", f"link/{company.number('L-')}", day, {}, keys=orders)
    leaving = keys_of_deal(company, orders[1], later(day, 8))
    split = f"split/{company.number('L-')}"
    company.emit(MDM, "deal.split", split, later(day, 9), {}, keys=leaving)


def _accepts(content: dict[str, object], kind: str, orders: tuple[str, str]) -> bool:
    numbers = {order.rsplit(":", 1)[1] for order in orders}
    return kind == "order.accepted.v1" and content["order"] in numbers


def keys_of_deal(company: Company, start: str, upto: date) -> tuple[str, ...]:
    """All keys that hang together with `start` up to a day, without master data's links (contract.md, 2)."""
    groups = [
        [one for one in message.data["keys"] if one.split(":")[1] not in {"payment", "customer", "product"}]
        for message in company.drafts
        if message.at.date() <= upto and message.source != MDM
    ]
    found, grown = {start: None}, True
    while grown:
        grown = False
        for group in groups:
            if any(one in found for one in group) and not all(one in found for one in group):
                found |= dict.fromkeys(group)
                grown = True
    return tuple(found)
