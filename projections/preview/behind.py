"""What lies behind a difference: the deals that it comes from, the facts posted otherwise, and the rule.

Belongs here: causes of what differs between generations. Does not belong here: which figures differ
(projections/preview/comparing), why figures change within a generation (projections/causes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from psycopg import Connection

from domain.instants import format_day
from domain.money import format_minor
from domain.policies import READ_ONLY, Policies
from domain.stored import CODEC
from projections import accounts as a
from projections import digests, queries
from projections.generations import Generation
from projections.measures import Measure, View
from projections.preview.comparing import Comparison
from projections.preview.differing import TABLES, of_both
from projections.preview.loading import FLOWS
from projections.preview.worth import signs

#: Deals that are named with each figure of everything together.
_BESIDE: Final = 3
#: Facts that are told of one deal.
_FACTS: Final = 10
#: What a rule is called that is not recorded by module.
ALL_RULES: Final = "rules"


class Rule(NamedTuple):
    """What differs between two generations. kind: `logic` or `policy`.

    name: a module of the rules, or a setting. before, after: its digests, or values. since: the first
    business day on which the setting differs, None for logic. reads_only: nothing is posted otherwise.
    """

    kind: str
    name: str
    before: str | None
    after: str | None
    since: str | None = None
    reads_only: bool = False


class Part(NamedTuple):
    """A deal's part in what differs of a measure: decimal strings of its currency.

    window: where it is largest, by how much. moved: all of it; of a balance, and of what came about since
    the beginning, the same as largest. clock: on which it was compared.
    """

    view: str
    measure: str
    currency: str
    deal: str
    window: str
    largest: str
    moved: str
    clock: str


class Fact(NamedTuple):
    """A milestone that is posted, or read, otherwise in a deal. changes: by accounts and currency, amounts as
    they are posted more (or, read otherwise, as they are posted). rules: names of those that it comes from.
    """

    deal: str
    position: int
    type: str
    source: str
    id: str
    effective_on: str
    changes: list[dict[str, str]]
    read_otherwise: bool
    rules: list[str]


class Parts(NamedTuple):
    """The deals behind the measures of a view, by number. beside: (measure, currency, window) -> the deals
    with the largest part, minor units.
    """

    top: list[tuple[int, Part]]
    beside: dict[tuple[str, str, str], list[tuple[int, int]]]


# -- deals -------------------------------------------------------------------------------------------------


def parts_of(
    compared: Comparison, view: str, clock: str, measures: Iterable[str], deals: Sequence[int], of_each: int
) -> Parts:
    """The deals behind the measures of a view that differ.

    deals: their numbers, by place. of_each: how many of each measure and currency.
    """
    found = Parts([], {})
    for name in measures:
        if name in compared.view.ratios:
            continue
        places, change = compared.deals(name)
        if not len(places.keys):
            continue
        is_turnover = compared.axis.known is None and compared.view.totalled_from(name) == "all"
        size = np.abs(change)
        moved = size.sum(axis=1) if is_turnover else size.max(axis=1)
        currencies = np.array([compared.currency(int(key)) for key in places.keys])
        for currency in np.unique(currencies):
            rows = np.flatnonzero((currencies == currency) & (moved != 0))
            for row in rows[np.argsort(-moved[rows], kind="stable")[:of_each]]:
                window = int(np.argmax(size[row]))
                deal = deals[compared.place(int(places.keys[row]))]
                most, all_ = (format_minor(int(x), currency) for x in (change[row, window], moved[row]))
                label = compared.axis.windows[window].label
                found.top.append((deal, Part(view, name, str(currency), "", label, most, all_, clock)))
            for at in np.flatnonzero(size[rows].max(axis=0, initial=0)).tolist() if len(rows) else ():
                column = size[rows, at]
                chosen = rows[np.argsort(-column, kind="stable")[:_BESIDE]]
                key = name, str(currency), compared.axis.windows[at].label
                found.beside[key] = [
                    (deals[compared.place(int(places.keys[row]))], int(change[row, at]))
                    for row in chosen
                    if change[row, at]
                ]
    return found


def minor(amount: int, currency: str) -> str:
    """Minor units as a decimal string."""
    return format_minor(amount, currency)


def names_of(
    connection: Connection[Any], generations: Sequence[int], known: int, deals: Iterable[int]
) -> dict[int, str]:
    """What deals are called: as in the last of the generations that names them."""
    found: dict[int, str] = {}
    for generation in generations:
        asked = {"deals": sorted(set(deals)), "known": known}
        found |= dict(connection.execute(queries.statement("names_of", generation), asked).fetchall())
    return found


# -- facts -------------------------------------------------------------------------------------------------


def facts_of(
    connection: Connection[Any],
    old: Generation,
    new: Generation,
    known: int,
    deals: Mapping[int, str],
    rules: Sequence[Rule],
    read_otherwise: tuple[bool, set[tuple[int, int]]],
) -> list[Fact]:
    """The milestones of some deals that are posted otherwise; of deals posted alike, those read otherwise.

    read_otherwise: whether intervals are, and which transfers.
    """
    asked = {"deals": sorted(deals), "known": known}
    text = queries.text("preview_facts").replace("{columns}", ", ".join(TABLES["posting"]))
    posted = connection.execute(of_both(text, old.id, new.id), asked).fetchall()
    rest = sorted(set(deals) - {row[0] for row in posted})
    intervals, pairs = read_otherwise
    read: list[tuple[Any, ...]] = []
    if rest and (intervals or pairs):
        values = {"intervals": intervals, "debits": [p[0] for p in pairs], "credits": [p[1] for p in pairs]}
        statement = queries.statement("preview_read", new.id)
        read = connection.execute(statement, {**asked, **values, "deals": rest}).fetchall()
    by_fact: dict[tuple[int, int, bool], list[dict[str, str]]] = {}
    told: dict[int, set[int]] = {}
    for rows, is_read in ((posted, False), (read, True)):
        for deal, fact, debit, credit, currency, amount, _ in rows:
            of_deal = told.setdefault(deal, set())
            if fact in of_deal or len(of_deal) < _FACTS:
                of_deal.add(fact)
                by_fact.setdefault((deal, fact, is_read), []).append(
                    {
                        "debit": a.NAMES.get(debit, str(debit)),
                        "credit": a.NAMES.get(credit, str(credit)),
                        "currency": currency,
                        "amount": format_minor(int(amount), currency),
                    }
                )
    positions = sorted({fact for _, fact, _ in by_fact})
    rows = connection.execute(queries.statement("causes"), {"positions": positions}).fetchall()
    milestones = {position: (topic, CODEC.decode(topic, bytes(state))) for position, topic, state, _ in rows}
    found = []
    for (deal, fact, is_read), changes in by_fact.items():
        topic, milestone = milestones[fact]
        found.append(
            Fact(
                deals[deal], fact, milestone.name, milestone.source, milestone.id,
                format_day(milestone.effective), changes, is_read,
                _rules_behind(topic, rules, is_read=is_read),
            )
        )  # fmt: skip
    return found


def _rules_behind(topic: str, rules: Sequence[Rule], *, is_read: bool) -> list[str]:
    """The rules that a fact's difference comes from: its own module where that changed, else all that did."""
    if is_read:
        return [rule.name for rule in rules if rule.kind == "policy"]
    own = digests.rule_of_topics().get(topic)
    posting = [rule.name for rule in rules if not rule.reads_only]
    return [name for name in posting if name == own] or posting


# -- rules -------------------------------------------------------------------------------------------------


def rules_between(connection: Connection[Any], old: Generation, new: Generation) -> list[Rule]:
    """The modules of the rules and the settings of policies in which two generations differ."""
    return [*_logic(connection, old, new), *_settings(old.policies, new.policies)]


def _logic(connection: Connection[Any], old: Generation, new: Generation) -> list[Rule]:
    if old.rules == new.rules:
        return []
    modules = [_modules(connection, one.id) for one in (old, new)]
    found = []
    if all(modules):
        before, after = modules
        found = [
            Rule("logic", name, before.get(name), after.get(name))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return found or [Rule("logic", ALL_RULES, old.rules, new.rules)]


def _modules(connection: Connection[Any], generation: int) -> dict[str, str]:
    row = connection.execute("SELECT rules_by_module FROM generation WHERE id = %s", (generation,)).fetchone()
    return {} if row is None else msgspec.json.decode(row[0], type=dict[str, str])


def _settings(old: Policies, new: Policies) -> list[Rule]:
    """Settings that differ, from each day on which they come to differ or differ otherwise."""
    days = sorted({period.since for policies in (old, new) for period in policies.periods})
    found: list[Rule] = []
    last: dict[str, tuple[Any, Any]] = {}
    for day in days:
        before, after = (msgspec.to_builtins(policies.at(day).settings) for policies in (old, new))
        for name in before:
            pair = before[name], after[name]
            if pair != last.get(name, (None, None)) and (pair[0] != pair[1]):
                before_, after_ = (msgspec.json.encode(value).decode().strip('"') for value in pair)
                found.append(Rule("policy", name, before_, after_, format_day(day), name in READ_ONLY))
            last[name] = pair
    return found


def read_otherwise(
    old: Policies, new: Policies, views: Iterable[tuple[View, View]]
) -> tuple[bool, set[tuple[int, int]]]:
    """Whether intervals are read otherwise, and which transfers: (debit, credit). views: of both."""
    intervals = any(
        old.at(day).monthly != new.at(day).monthly
        for day in {period.since for policies in (old, new) for period in policies.periods}
    )
    counted = np.zeros(FLOWS, np.bool_)
    for one, other in set(_distinct(views)):
        measures: set[Measure] = set(one) ^ set(other)
        for measure in measures:
            counted |= signs(measure) != 0
    flows = np.unique(np.flatnonzero(counted) >> 4)
    named = set(a.NAMES)
    return intervals, {(f >> 7, f & 127) for f in flows.tolist() if {f >> 7, f & 127} <= named}


def _distinct(
    views: Iterable[tuple[View, View]],
) -> Iterable[tuple[tuple[Measure, ...], tuple[Measure, ...]]]:
    for one, other in views:
        if one.liability != other.liability:
            yield tuple(measure for measure in one.base if measure.name == "net_position"), ()
        if one.base != other.base:
            yield one.base, other.base
