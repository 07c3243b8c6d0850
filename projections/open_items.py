"""What is open on a day, as known by a position: lines, invoices, wins, cash, credits, and their conditions.

Belongs here: reading a generation item by item, amounts in minor units of the item's currency. Does not
belong here: what an open item means; the bridge names a reason for each (projections/bridge).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from psycopg import Connection, sql

from domain import milestones as m
from domain.instants import to_date
from domain.policies import DEFAULT_POLICIES, InForce, Policies
from projections import accounts as a
from projections import amending, queries, statements
from projections.clusters import decode
from projections.periods import ALWAYS_OPEN, FirstOpen, counting_from

#: Conditions that signals carry, by what they say (projections/book.Signal).
ORDER_SUBMITTED: Final = "order_submitted"
ORDER_REJECTED: Final = "order_rejected"
CREDIT_HELD: Final = "credit_held"
CUSTOMER_REJECTED: Final = "customer_rejected"
PROMISE: Final = "promise"
ENDED: Final = "ended"
#: SQL: whether a schedule was stated while ratable amounts were earned by months.
_MONTHLY: Final = """EXISTS (SELECT FROM unnest(%(monthly_from)s::date[], %(monthly_until)s::date[])
    m (since, until) WHERE {stated} >= m.since AND (m.until IS NULL OR {stated} < m.until))"""
CONDITIONS: Final = (ORDER_SUBMITTED, ORDER_REJECTED, CREDIT_HELD, CUSTOMER_REJECTED, PROMISE, ENDED)


class OpenLine(NamedTuple):
    """An order line, or a loose line that no order names, of which something is open. Minor units.

    ordered, usage: what came into unbilled. billed: net invoiced less voided. rebilled: credited to be billed
    again. unbilled = ordered + usage + rebilled - billed - cancelled. performed: recognised in all.
    unperformed: unfulfilled is a part of it. scheduled: planned up to the day, by the billing plan as known;
    scheduled_before: up to `grace` days earlier; planned: of all time. is_planned: whether there is a plan.
    starts_on: first day on which it is earned. order_fact, performing_fact, billing_fact: position of the
    first milestone in business order that ordered, performed or billed it. is_ratable: earned by time.
    labels: under which its postings stand: its own, and its product's where it was billed ahead of the order.
    """

    deal: int
    currency: str
    line: str
    sku: str
    ordered: int
    usage: int
    billed: int
    rebilled: int
    cancelled: int
    unbilled: int
    performed: int
    unperformed: int
    unfulfilled: int
    scheduled: int
    scheduled_before: int
    planned: int
    is_planned: bool
    is_ordered: bool
    starts_on: date | None
    order_fact: int | None
    performing_fact: int | None
    billing_fact: int | None
    is_ratable: bool
    labels: list[str]


class OpenInvoice(NamedTuple):
    """An invoice of which something is open (negative: overpaid) or disputed. Minor units, gross.

    due: of what is open; None where no due date is known. invoiced: gross less voided. is_posted: whether the
    invoice itself is known, and not only payments of it. fact: position of the milestone that posted it.
    first_fact: of the first milestone in business order that touched its receivable.
    """

    deal: int
    currency: str
    number: str
    due: date | None
    open: int
    disputed: int
    invoiced: int
    is_posted: bool
    fact: int | None
    first_fact: int | None


class OpenWin(NamedTuple):
    """A product between won and ordered. Minor units.

    won_unordered: positive, still to be ordered; negative, ordered and not won. variance: account -> amount.
    win_fact, order_fact: position of the first milestone that won it, or ordered it. waiting_facts: of those
    that began the balance, on the day since which it has stood on its side of zero.
    """

    deal: int
    currency: str
    sku: str
    won_unordered: int
    variance: Mapping[int, int]
    win_fact: int | None
    order_fact: int | None
    waiting_facts: tuple[int, ...]


class OpenCash(NamedTuple):
    """A payment of which something is unapplied (negative: more is applied than received). Minor units.

    number: the payment's key. fact: position of its receipt. first_fact: of the first milestone about it.
    """

    deal: int
    currency: str
    number: str
    unapplied: int
    received: int
    fact: int | None
    first_fact: int | None


class OpenCredit(NamedTuple):
    """A credit memo of which something is not applied (negative: more is applied than credited). Minor units.

    number: the memo's; empty for applications of a memo that is not known. fact: position of the memo.
    """

    deal: int
    currency: str
    number: str
    open: int
    fact: int


class Condition(NamedTuple):
    """Something that stands about a deal on a day. since: the day from which it does.

    code, object, detail, amount: as projections/book.Signal has them.
    """

    deal: int
    fact: int
    code: str
    object: str
    currency: str
    detail: str
    amount: int
    since: date


def _asked(at: date, known: int, deals: Iterable[int] | None) -> dict[str, Any]:
    return {"at": at, "known": known, "deals": None if deals is None else sorted(set(deals))}


def read(
    connection: Connection[Any],
    name: str,
    generation: int,
    asked: Mapping[str, Any],
    opened: FirstOpen = ALWAYS_OPEN,
    fills: Mapping[str, str] = MappingProxyType({}),
) -> list[tuple[Any, ...]]:
    """The rows of a named statement over the journal: as it is, or with steps in `opened` as was reported.

    fills: SQL of our own that is put into the statement's {braces}.
    """
    text = queries.text(name)
    for brace, fill in fills.items():
        text = text.replace("{" + brace + "}", fill)
    values = dict(asked)
    if opened.positions:
        late = queries.text("as_reported")
        for brace, day in (("stated", "stated"), ("effective", "effective")):
            late = late.replace("{" + brace + "}", counting_from(day, "position"))
        text = text.replace("posting_{generation}", late.replace("{posting_table}", "posting_{generation}"))
        values |= opened.values()
    text = text.replace("{generation}", f"g{int(generation)}")
    return connection.execute(sql.SQL(text), values).fetchall()


def lines(
    connection: Connection[Any],
    generation: int,
    at: date,
    known: int,
    deals: Iterable[int] | None = None,
    *,
    grace: int = 1,
    policies: Policies = DEFAULT_POLICIES,
    opened: FirstOpen = ALWAYS_OPEN,
) -> list[OpenLine]:
    """Lines with something unbilled, unperformed, or performed or planned beyond what is billed.

    In the order of deal, currency, line. deals: only these; None for all. grace: days that
    `scheduled_before` lies before `at`. policies: those that the generation is read under. opened: for
    the journal as it was reported (projections/periods), likewise in the functions below.
    """
    asked = _asked(at, known, deals) | {"before": at - timedelta(days=grace)}
    monthly = [
        (period, until)
        for period, until in zip(policies.periods, [*policies.periods[1:], None], strict=True)
        if period.monthly
    ]
    if monthly:
        asked["monthly_from"] = [_first_day(period, policies) for period, _ in monthly]
        asked["monthly_until"] = [None if until is None else to_date(until.since) for _, until in monthly]
    stated = "p.own_stated" if opened.positions else "p.stated"
    by_months = _MONTHLY.replace("{stated}", stated) if monthly else ""
    fills = {"earned": statements.earned("%(at)s::date", by_months)}
    rows = read(connection, "open_lines", generation, asked, opened, fills)
    return [OpenLine(*row[:4], *map(int, row[4:16]), *row[16:]) for row in rows]


def _first_day(period: InForce, policies: Policies) -> date:
    return date.min if period is policies.first else to_date(period.since)


def invoices(
    connection: Connection[Any],
    generation: int,
    at: date,
    known: int,
    deals: Iterable[int] | None = None,
    *,
    opened: FirstOpen = ALWAYS_OPEN,
) -> list[OpenInvoice]:
    """Invoices that are open or disputed, by deal, currency, number."""
    rows = read(connection, "open_invoices", generation, _asked(at, known, deals), opened)
    return [OpenInvoice(*row[:4], *map(int, row[4:7]), *row[7:]) for row in rows]


def won(
    connection: Connection[Any],
    generation: int,
    at: date,
    known: int,
    deals: Iterable[int] | None = None,
    *,
    opened: FirstOpen = ALWAYS_OPEN,
) -> list[OpenWin]:
    """Products with something in won_unordered or in variance, by deal, currency, product."""
    columns = ",\n        ".join(
        f"coalesce(sum(amount) FILTER (WHERE credit = {account}), 0)"
        f" - coalesce(sum(amount) FILTER (WHERE debit = {account}), 0) AS variance_{account}"
        for account in a.VARIANCES
    )
    any_variance = " OR ".join(f"variance_{account} <> 0" for account in a.VARIANCES)
    fills = {"variances": columns, "any_variance": any_variance}
    rows = read(connection, "open_won", generation, _asked(at, known, deals), opened, fills)
    found = []
    for deal, currency, sku, unordered, *rest in rows:
        *variances, win, order, waiting = rest
        variance = {account: int(x) for account, x in zip(a.VARIANCES, variances, strict=True) if x}
        found.append(OpenWin(deal, currency, sku, int(unordered), variance, win, order, tuple(waiting or ())))
    return found


def cash(
    connection: Connection[Any],
    generation: int,
    at: date,
    known: int,
    deals: Iterable[int] | None = None,
    *,
    opened: FirstOpen = ALWAYS_OPEN,
) -> list[OpenCash]:
    """Payments with unapplied cash, by deal, currency, payment."""
    rows = read(connection, "open_cash", generation, _asked(at, known, deals), opened)
    return [
        OpenCash(deal, currency, number, int(unapplied), int(received), fact, first)
        for deal, currency, number, unapplied, received, fact, first in rows
    ]


def credits(  # noqa: A001 - the field's name for them
    connection: Connection[Any],
    generation: int,
    at: date,
    known: int,
    deals: Iterable[int] | None = None,
    *,
    opened: FirstOpen = ALWAYS_OPEN,
) -> list[OpenCredit]:
    """Credit memos that are not applied in full, by deal, currency.

    A later application names its invoice and not its memo: it is taken from the oldest memo first.
    """
    rows = read(connection, "open_credits", generation, _asked(at, known, deals), opened)
    groups: dict[tuple[int, str], list[Sequence[Any]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[1]), []).append(row)
    return [credit for group in groups.values() for credit in _first_in_first_out(group)]


def _first_in_first_out(rows: list[Sequence[Any]]) -> list[OpenCredit]:
    memos = [OpenCredit(deal, currency, memo, -int(net), fact) for deal, currency, memo, net, fact in rows]
    left = -sum(memo.open for memo in memos if memo.open < 0)
    found = []
    for memo in memos:
        if memo.open > 0:
            taken = min(left, memo.open)
            left -= taken
            if memo.open > taken:
                found.append(memo._replace(open=memo.open - taken))
    if left:
        last = next(memo for memo in reversed(memos) if memo.open < 0)
        found.append(last._replace(open=-left))
    return found


def conditions(
    connection: Connection[Any],
    generation: int,
    at: date,
    known: int,
    codes: Collection[str] | None = CONDITIONS,
    deals: Iterable[int] | None = None,
) -> list[Condition]:
    """What stands about deals on the day; codes None: exceptions that the rules found, too."""
    asked = _asked(at, known, deals) | {"codes": None if codes is None else sorted(codes)}
    rows = connection.execute(queries.statement("signals", generation), asked).fetchall()
    return [
        Condition(deal, fact, code, object_ or "", currency or "", detail or "", int(amount), since)
        for deal, fact, code, object_, currency, detail, amount, since in rows
    ]


def milestones(
    connection: Connection[Any],
    facts: Iterable[int],
    known: int,
    policies: Policies = DEFAULT_POLICIES,
) -> dict[int, m.AnyMilestone]:
    """Milestones by position as they stand by `known`: corrected ones as replaced, without voided ones."""
    wanted = sorted(set(facts))
    if not wanted:
        return {}
    rows = connection.execute(
        queries.statement("facts_amended"), {"facts": wanted, "known": known}
    ).fetchall()
    found = amending.standing([decode((row[0], row[1], row[2], bytes(row[3]))) for row in rows], policies)
    asked = set(wanted)
    return {fact.position: fact.milestone for fact in found.facts if fact.position in asked}
