"""Why value stands between two figures of the bridge, for all deals at once, as projections/reasons says.

Belongs here: one reason a part, by the same priority. Does not belong here: what is open (the other modules
of this folder), figures and groups (bridging).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain.instants import to_date
from domain.policies import Settings
from projections import open_items as o
from projections import reasons as r
from projections.columns.heads import Heads
from projections.columns.standing.lines import Lines
from projections.columns.standing.lots import Look
from projections.columns.standing.receivables import Invoices
from projections.columns.standing.wins import Wins, waiting_since

Array = NDArray[Any]

_HOUR: Final = 3_600_000_000

#: Adds a part: step, reason, numbers of (deal, currency), amounts.
Add = Callable[[str, str, Array, Array], None]


class Marked(NamedTuple):
    """What keeps deals from going on, by number of (deal, currency). rejected: (reason, which of them)."""

    rejected: list[tuple[str, Array]]
    held: Array
    refused: Array
    crossed: Array
    parted: Array


class Moments(NamedTuple):
    """When milestones happened, as the log has them. heads: of the log; connection: for amended ones."""

    connection: Connection[Any]
    heads: Heads
    settings: Settings


def of_wins(look: Look, found: Wins, marked: Marked, moments: Moments, add: Add) -> None:
    """Why products are won and not ordered, or ordered and not won."""
    own_of = look.state.keys.own
    for account, amounts in found.variance.items():
        some = np.flatnonzero(amounts)
        add("won_ordered", r.VARIANCES[account], own_of[some], amounts[some])
    keys = np.flatnonzero(found.waiting)
    own, amount = own_of[keys], found.waiting[keys]
    left = np.ones(len(keys), bool)

    def take(reason: str, which: Array) -> None:
        nonlocal left
        those = left & which
        add("won_ordered", reason, own[those], amount[those])
        left &= ~which

    take("fx_rate", marked.crossed[own])
    take("split_merged", (amount < 0) & marked.parted[own])
    take("orphan_order", amount < 0)
    for reason, which in marked.rejected:
        take(reason, which[own])
    take("credit_hold", marked.held[own])
    take("missing_customer", marked.refused[own])
    late = np.ones(len(keys), bool)
    late[left] = ~_in_time(look, keys[left], moments)
    take("timing_in_sla", ~late)
    take("split_merged", marked.parted[own])
    take("integration_failed", left)


def _in_time(look: Look, keys: Array, moments: Moments) -> Array:
    """Whether the milestones with which balances began may still wait for their orders."""
    found = np.zeros(len(keys), bool)
    begun = waiting_since(look, keys)
    if not len(begun.number):
        return found
    instant, effective, stands = _when(look, begun.fact, moments)
    number, fact = begun.number[stands], begun.fact[stands]
    order = np.lexsort((fact, instant, number))
    first = order[np.diff(number[order], prepend=-1) != 0]
    days, of = np.unique(effective[first], return_inverse=True)
    hours = np.array([r.won_hours(moments.settings, to_date(int(day))) for day in days], np.int64)
    found[number[first]] = r.end_of(look.at) <= instant[first] + hours[of] * _HOUR
    return found


def _when(look: Look, facts: Array, moments: Moments) -> tuple[Array, Array, Array]:
    """Instants and business dates of milestones that stand, and which of the facts those are."""
    heads = moments.heads
    instant, effective = heads.instant[facts - 1], heads.effective[facts - 1].astype(np.int64)
    stands = np.ones(len(facts), bool)
    # by other policies another day may be the business date
    asked = np.isin(facts, heads.amended) if look.policies.is_one else stands.copy()
    if bool(asked.any()):
        said = o.milestones(moments.connection, facts[asked].tolist(), look.known, look.policies)
        for place in np.flatnonzero(asked).tolist():
            one = said.get(int(facts[place]))
            stands[place] = one is not None
            if one is not None:
                instant[place], effective[place] = one.instant, one.effective
    return instant[stands], effective[stands], stands


def of_lines(found: Lines, held: Array, add: Add) -> None:
    """Why lines are not invoiced, or invoiced for more than there is. held: by number of (deal, currency)."""
    step = "ordered_invoiced"
    over = found.unbilled < 0
    known = found.is_ordered | (found.usage != 0)
    for reason, which in (("overbilled", over & known), ("orphan_invoice", over & ~known)):
        add(step, reason, found.own[which], found.unbilled[which])
    lines = Lines(*(column[~over] for column in found))
    is_held = held[lines.own]
    left = lines.unbilled.copy()

    def take(reason: str, amount: Array, *, unless_held: bool = False, only: Array | None = None) -> None:
        nonlocal left
        part = np.maximum(0, np.minimum(amount, left))
        if only is not None:
            part = np.where(only, part, 0)
        left = left - part
        for named, which in (
            (("credit_hold", is_held), (reason, ~is_held)) if unless_held else ((reason, None),)
        ):
            some = np.flatnonzero(part if which is None else part * which)
            add(step, named, lines.own[some], part[some])

    billed = lines.billed - lines.rebilled
    performed = lines.performed - billed
    overdue, due = lines.scheduled_before - billed, lines.scheduled - billed
    planned = lines.is_planned
    take("fulfilled_not_billed", np.minimum(performed, overdue), only=planned)
    take("billing_overdue", overdue - (lines.unbilled - left), unless_held=True, only=planned)
    take("timing_in_sla", due - (lines.unbilled - left), unless_held=True, only=planned)
    take("future_schedule", lines.planned - np.maximum(lines.scheduled, billed), only=planned)
    take("fulfilled_not_billed", performed - (lines.unbilled - left))
    take("future_schedule", left, only=lines.is_ratable)
    take("awaiting_fulfilment", lines.unfulfilled, unless_held=True)
    take("not_due", left, unless_held=True)


def of_invoices(found: Invoices, pools: Array, day: int, name: Callable[[int], str], add: Add) -> None:
    """Why invoices are not paid. pools: by number of (deal, currency), its cash and credits that wait.

    name: what an invoice is called.
    """
    step = "gross_cash"
    over = found.open < 0
    for reason, which in (
        ("overpaid", over & found.is_posted), ("cash_before_invoice", over & ~found.is_posted)
    ):  # fmt: skip
        add(step, reason, found.own[which], found.open[which])
    some = Invoices(*(column[~over] for column in found))
    disputed = np.maximum(0, np.minimum(some.disputed, some.open))
    rest = some.open - disputed
    applied = _allotted(some, rest, pools, name)
    rest = rest - applied
    late = some.due < day
    add(step, "disputed", some.own, disputed)
    add(step, "unapplied_cash", some.own, applied)
    add(step, "past_due", some.own[late], rest[late])
    add(step, "not_due", some.own[~late], rest[~late])


def _allotted(some: Invoices, rest: Array, pools: Array, name: Callable[[int], str]) -> Array:
    """What of each invoice waiting cash may pay, those due first before others, then by name."""
    applied = np.zeros(len(rest), np.int64)
    which = np.flatnonzero(pools[some.own] > 0)
    if not len(which):
        return applied
    names = [name(number) for number in some.number[which].tolist()]
    called = np.empty(len(which), np.int64)
    called[sorted(range(len(which)), key=names.__getitem__)] = np.arange(len(which))
    order = which[np.lexsort((called, some.due[which], some.own[which]))]
    own, wanted = some.own[order], rest[order]
    before = np.cumsum(wanted) - wanted
    first = np.flatnonzero(np.diff(own, prepend=-1))
    before -= np.repeat(before[first], np.diff(first, append=len(own)))
    applied[order] = np.clip(pools[own] - before, 0, wanted)
    return applied
