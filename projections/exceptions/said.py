"""Exceptions that the rules found while folding: told as they stand, since the milestone that made them.

Belongs here: from findings to exceptions, with what can be told of them from the milestone itself. Does not
belong here: when a rule finds one (projections/rules).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from domain import milestones as m
from domain.policies import SYSTEM_OF_RECORD
from projections import unreadable
from projections.exceptions.asking import Asking, Found
from projections.exceptions.codes import SIGNALLED
from projections.fold import PAYMENTS
from projections.open_items import Condition


class More(NamedTuple):
    """What a finding does not carry, and is worked out when it is asked for. amount: minor units."""

    object: str | None = None
    currency: str | None = None
    amount: int | None = None
    detail: str | None = None


_NOTHING: Final = More()
_Standing = Collection[Condition]


def found(asking: Asking, code: str) -> Iterator[Found]:
    """All that stand under one code."""
    assert code in SIGNALLED, "the rules say these codes only"
    standing = asking.signals.get(code, ())
    heads = asking.heads(one.fact for one in standing)
    tell = _TELLING.get(code)
    told = {} if tell is None or not standing else tell(asking, standing)
    for one in standing:
        more = told.get(one, _NOTHING)
        currency = more.currency or one.currency
        amount = more.amount or one.amount
        yield Found(
            code,
            one.deal,
            (one.fact,),
            heads[one.fact].instant,
            more.object or one.object,
            currency,
            abs(amount) if amount and currency else None,
            more.detail or one.detail,
        )


def _who_speaks(asking: Asking, standing: _Standing) -> dict[Condition, More]:
    """A claim: what it speaks of, which role it came from, and which may speak of it."""
    heads, milestones = asking.heads(one.fact for one in standing), asking.milestones(standing)
    subjects = asking.subjects(one.fact for one in standing)
    told = {}
    for one in standing:
        milestone, head = milestones.get(one.fact), heads[one.fact]
        if milestone is None:
            role, rest = head.source, "only the system of record of its target may correct or void that"
        else:
            role, rest = milestone.source, f"system of record: {', '.join(_entitled(asking, milestone))}"
        told[one] = More(object=subjects[one.fact], detail=f"said by {role[1:].partition('/')[0]}; {rest}")
    return told


def _entitled(asking: Asking, milestone: m.AnyMilestone) -> list[str]:
    settings = asking.generation.policies.at(milestone.effective).settings
    entitled = settings.system_of_record.get(
        milestone.name.rpartition(".")[0], SYSTEM_OF_RECORD[type(milestone)]
    )
    return [role for role in m.ROLES if role in entitled]


def _payments(asking: Asking, standing: _Standing) -> dict[Condition, More]:
    """Of a payment in another currency, the payment's amount."""
    told = {}
    milestones = asking.milestones(standing)
    for one in standing:
        milestone = milestones.get(one.fact)
        if isinstance(milestone, PAYMENTS) and isinstance(milestone.amount, int):
            told[one] = More(currency=milestone.currency, amount=milestone.amount)
    return told


def _ordered(asking: Asking, standing: _Standing) -> dict[Condition, More]:
    """Of service days that differ, what is ordered of the product and not cancelled."""
    of = {(one.deal, one.currency, one.object): one for one in standing}
    rows = asking.rows(
        "exceptions_termed",
        deal=[deal for deal, _, _ in of],
        currency=[currency for _, currency, _ in of],
        sku=[sku for _, _, sku in of],
    )
    return {of[deal, currency, sku]: More(amount=int(amount)) for deal, currency, sku, amount in rows}


def _why(asking: Asking, standing: _Standing) -> dict[Condition, More]:
    """What is wrong with a policy."""
    milestones = asking.milestones(standing)
    return {
        one: More(detail=unreadable.reason(milestone))
        for one in standing
        if isinstance(milestone := milestones.get(one.fact), m.PolicyActivated)
    }


_TELLING: Final[dict[str, Callable[[Asking, _Standing], dict[Condition, More]]]] = {
    "CURRENCY_MISMATCH": _payments,
    "POLICY_UNREADABLE": _why,
    "SOR_VIOLATION": _who_speaks,
    "TERM_MISMATCH": _ordered,
}
