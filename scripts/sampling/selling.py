"""From a lead to an order in the books: what CRM, CPQ and ERP say about one sale.

`negotiate` tells an opportunity to its end, `accept` the order that follows; `open_deal` puts both together
for a new deal and chooses how the ERP's order is linked to it. Does not belong here: what happens to an
order afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from scripts.sampling.company import CPQ, CRM, ERP, MDM, SET_UP, Company, Customer, key
from scripts.sampling.draw import add_months, later, share
from scripts.sampling.orders import Line, Order, draw_lines, lines_fields, plan, scaled

STAGES: Final = (("qualification", "0.10"), ("proposal", "0.25"), ("negotiation", "0.60"), ("verbal", "0.85"))
# How an order of the ERP comes to be known as the CRM's deal.
LINKS: Final = (("order", 86), ("mdm", 5), ("snapshot", 4), ("never", 5))
DIFFERENCES: Final = (("none", 83), ("price", 8), ("quantity", 3), ("term", 2), ("scope", 4))
REASONS: Final = ("missing_customer", "unmapped_sku", "credit_hold", "tax_address", "price_variance")


@dataclass(slots=True)
class Story:
    """What the manifest says of one deal, so that a reader can check what the ledger makes of it.

    `fate` is `won`, `lost` or `open` at the end of the span, `order` the first order if it was accepted by
    then. `link` is one of `LINKS`, how the two are joined (the link itself may come after the span);
    `difference` one of `DIFFERENCES` between what was won and what was ordered, or `lumpsum` where the CRM
    gave no lines.
    """

    customer: str
    opportunity: str
    fate: str = "open"
    order: str = ""
    link: str = ""
    difference: str = ""


def snapshot(
    company: Company,
    customer: Customer,
    opportunity: str,
    verb: str,
    day: date,
    lines: list[Line],
    more: dict[str, Any],
    *,
    keys: tuple[str, ...] = (),
    lumpsum: bool = False,
) -> None:
    """One full snapshot of an opportunity, as a CRM sends it: with lines, or with a sum alone."""
    currency = customer.currency
    fields: dict[str, Any] = {"dimensions": customer.dimensions(), "currency": currency.code}
    if lumpsum:
        fields["amount"] = currency.text(sum(line.counted for line in lines))
    else:
        fields["lines"] = lines_fields(lines, currency)
    subject = f"opportunity/{opportunity}"
    kind = f"opportunity.{verb}"
    message = company.emit(CRM, kind, subject, day, fields | more, keys=keys, versioned=True)
    message.actor = customer.owner


def negotiate(
    company: Company,
    customer: Customer,
    opportunity: str,
    day: date,
    lines: list[Line],
    class_: str,
    *,
    keys: tuple[str, ...] = (),
    lumpsum: bool = False,
    won_on: date | None = None,
) -> date | None:
    """Tell an opportunity from `day` on; the day on which it was won at the amounts of `lines`, or None.

    With `won_on` it is short and sure, as renewals and expansions are.
    """
    dice, asked = company.dice, scaled(lines, _first_ask(company))
    rounds = 1 if won_on else dice.between(1, 4)
    closes = won_on or later(day, 25 * rounds)

    def say(verb: str, on: date, offered: list[Line], at: int) -> None:
        stage, probability = STAGES[at]
        more = {"stage": stage, "probability": probability, "close_on": closes.isoformat()}
        snapshot(company, customer, opportunity, verb, on, offered, more, keys=keys, lumpsum=lumpsum)

    say("opened", day, asked, 0)
    for at in range(1, rounds + 1):
        day = later(day, dice.between(4, 24))
        if won_on and day >= won_on:
            break
        say("changed", day, lines if at == rounds else scaled(asked, 1_000 - 15 * at), min(at, 3))
    signed = won_on or later(day, dice.between(3, 25))
    reason = {"reason": dice.pick(("price", "competitor", "no budget", "no decision"))}
    if not won_on and dice.chance(24):
        _without_amount(company, opportunity, "lost", signed, reason)
        if not dice.chance(12):
            return None
        signed = later(signed, dice.between(20, 70))
        _without_amount(company, opportunity, "reopened", signed, {"reason": "customer came back"})
        signed = later(signed, dice.between(5, 30))
    won = {"class": class_, "signed_on": signed.isoformat()}
    snapshot(company, customer, opportunity, "won", signed, lines, won, keys=keys, lumpsum=lumpsum)
    if not won_on and dice.chance(3):
        again = later(signed, 1)
        _without_amount(company, opportunity, "reopened", again, {"reason": "signature missing"})
        signed = later(again, dice.between(1, 6))
        won = {"class": class_, "signed_on": signed.isoformat()}
        snapshot(company, customer, opportunity, "won", signed, lines, won, keys=keys, lumpsum=lumpsum)
    return signed


def _first_ask(company: Company) -> int:
    """How much more than the final price is asked at first, per mille of it."""
    return company.dice.pick((1_000, 1_030, 1_060, 1_100, 1_150))


def _without_amount(company: Company, opportunity: str, verb: str, day: date, fields: dict[str, Any]) -> None:
    company.emit(CRM, f"opportunity.{verb}", f"opportunity/{opportunity}", day, fields, versioned=True)


def _quote(company: Company, opportunity: str, won: date, lines: list[Line], customer: Customer) -> None:
    """The CPQ's side: versions of one quote, the last of them accepted when the deal is won."""
    quote = company.number("Q-")
    versions = company.dice.between(1, 3)
    keys = (key(CRM, "opportunity", opportunity),)
    for version in range(1, versions + 1):
        day = later(won, -3 * (versions - version) - 2)
        offered = lines if version == versions else scaled(lines, 1_050)
        fields: dict[str, Any] = {"quote": quote, "version": str(version)}
        with_lines = fields | {"lines": lines_fields(offered, customer.currency)}
        company.emit(CPQ, "quote.approved", f"quote/{quote}-v{version}", day, with_lines, keys=keys)
        verb = "accepted" if version == versions else "rejected"
        on = won if version == versions else later(day, 2)
        company.emit(CPQ, f"quote.{verb}", f"quote/{quote}-v{version}", on, fields, keys=keys)


def _as_ordered(company: Company, scale: int, lines: list[Line], difference: str) -> list[Line]:
    """The lines that the ERP takes in: without options, and different from the CRM's in one way at most."""
    ordered = [replace(line) for line in lines if line.product.kind != "optional"]
    first = ordered[0]
    counted = [line for line in ordered if line.quantity > 1]
    if difference == "quantity" and counted:
        line = counted[0]
        line.net, line.quantity = share(line.net, line.quantity - 1, line.quantity), line.quantity - 1
    elif difference == "term" and first.start and first.end:
        first.start, first.end = add_months(first.start, 1), later(add_months(later(first.end, 1), 1), -1)
        first.billing = [(add_months(on, 1), net) for on, net in first.billing]
    elif difference == "scope" and not any(line.product is SET_UP for line in ordered):
        ordered.append(
            Line(len(lines) + 1, SET_UP, SET_UP.price * scale * company.dice.between(80, 120) // 100)
        )
    elif difference in {"price", "quantity", "term", "scope"}:
        rhythm = {1: "prepaid"}.get(len(first.billing), "annual" if len(first.billing) < 12 else "monthly")
        first.net = share(first.net, company.dice.pick((970, 980, 995, 1_010)), 1_000)
        if first.billing:
            plan(first, rhythm)
    return ordered


def possible_difference(lines: list[Line], wanted: str) -> str:
    """The difference that `_as_ordered` can make: one that these lines do not allow becomes `price`."""
    possible = {
        "quantity": any(line.quantity > 1 for line in lines),
        "term": lines[0].start is not None,
        "scope": not any(line.product is SET_UP for line in lines),
    }
    return wanted if possible.get(wanted, True) else "price"


def accept(
    company: Company, customer: Customer, lines: list[Line], day: date, keys: tuple[str, ...], class_: str
) -> Order:
    """The ERP takes an order in, sometimes after a rejection or a credit hold; the order as accepted."""
    dice, number = company.dice, company.number("SO-")
    subject, order = f"order/{number}", {"order": number}
    if dice.chance(30):
        company.emit(ERP, "order.submitted", subject, day, order, keys=keys, versioned=True)
        if dice.chance(20):
            rejected = order | {"reason": dice.pick(REASONS)}
            day = later(day, 1)
            company.emit(ERP, "order.rejected", subject, day, rejected, keys=keys, versioned=True)
            day = later(day, dice.between(1, 9))
        else:
            day = later(day, 1)
    if dice.chance(4):
        hold = f"credit_hold/{company.number('CH-')}"
        company.emit(
            ERP, "credit.held", hold, day, {"reason": "limit exceeded"}, keys=(key(ERP, "order", number),)
        )
        day = later(day, dice.between(1, 8))
        company.emit(ERP, "credit.released", hold, day, {"reason": "paid"}, keys=(key(ERP, "order", number),))
    made = Order(number, customer, lines, day)
    fields: dict[str, Any] = {"order": number, "currency": customer.currency.code, "class": class_}
    fields["lines"] = lines_fields(lines, customer.currency, billing=True)
    fields["dimensions"] = customer.dimensions()
    if made.term:
        fields |= {"term_start": made.term[0].isoformat(), "term_end": made.term[1].isoformat()}
    company.emit(ERP, "order.accepted", subject, day, fields, keys=keys, versioned=True)
    return made


def _link(company: Company, story: Story, order: Order, lines: list[Line], *, lumpsum: bool) -> None:
    """What joins an order that came without the CRM's id to its opportunity, weeks later."""
    opportunity = key(CRM, "opportunity", story.opportunity)
    day = later(order.accepted_on, company.dice.between(10, 70))
    if story.link == "mdm":
        link = f"link/{company.number('L-')}"
        company.emit(MDM, "deals.linked", link, day, {}, keys=(opportunity, order.key))
    elif story.link == "snapshot":
        more = {"stage": "closed won", "probability": "1", "close_on": order.accepted_on.isoformat()}
        snapshot(
            company, order.customer, story.opportunity, "changed", day, lines, more,
            keys=(order.key,), lumpsum=lumpsum,
        )  # fmt: skip


def _fate_so_far(company: Company, opportunity: str) -> str:
    """Where an opportunity that is not won stands at the end of the span: `lost` or `open`."""
    said = [
        message.type
        for message in company.drafts
        if message.subject == f"opportunity/{opportunity}" and message.at.date() <= company.until
    ]
    return "lost" if said and said[-1] == "opportunity.lost.v1" else "open"


def open_deal(company: Company, customer: Customer, day: date) -> tuple[Story, Order | None]:
    """Tell a new deal up to its order, which is None where nothing was won."""
    dice = company.dice
    story = Story(customer.code, company.number("006F"))
    own = key(CRM, "opportunity", story.opportunity)
    if dice.chance(30):
        lead = company.number("00Q")
        fields = {"lead": lead, "criteria": dice.pick(("budget", "fair", "referral"))}
        company.emit(
            CRM, "lead.qualified", f"lead/{lead}", later(day, -dice.between(1, 20)), fields, keys=(own,)
        )
    lines = draw_lines(dice, customer, later(day, 75))
    lumpsum = dice.chance(10)
    won = negotiate(company, customer, story.opportunity, day, lines, "new", lumpsum=lumpsum)
    if won is None or won > company.until:
        story.fate = _fate_so_far(company, story.opportunity)
        return story, None
    story.fate, link = "won", dice.weighted(LINKS)
    wanted = possible_difference(lines, dice.weighted(DIFFERENCES))
    if dice.chance(65):
        _quote(company, story.opportunity, won, lines, customer)
    keys = (own,) if link == "order" else ()
    ordered = _as_ordered(company, customer.currency.scale, lines, wanted)
    order = accept(company, customer, ordered, later(won, dice.between(0, 6)), keys, "new")
    if order.accepted_on > company.until:
        return story, None
    story.order, story.link = order.number, link
    story.difference = "lumpsum" if lumpsum else wanted
    _link(company, story, order, lines, lumpsum=lumpsum)
    return story, order
