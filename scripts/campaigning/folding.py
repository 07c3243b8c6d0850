"""Properties of the fold: stories in memory, without a database.

Belongs here: what must hold of any set of facts. Does not belong here: SQL (`serving`), how stories are drawn
(tests/projections/strategies).
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any, Final

from domain.contract import parse_event
from domain.policies import DEFAULT_POLICIES, SYSTEM_OF_RECORD
from scripts.campaigning.trying import Property, Story, shuffled
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import Books, MemoryLog, books_of, breaches
from tests.projections.events import Event
from tests.projections.stories import Dice
from tests.projections.strategies import POLICIES, altered, facts

_LAST: Final = "2031-01-01"


def drawn(dice: random.Random) -> Story:
    """A story of 3 to 14 facts, one in ten of up to 40."""
    most = 38 if dice.random() < 0.1 else 12
    return facts([Dice(dice, number) for number in range(3 + int(dice.random() * most))])


def difference(one: Books, other: Books) -> str | None:
    """The first few things in which two outcomes differ, None where they don't."""
    parts = zip(("postings", "dimensions", "signals", "notices"), one.outcome(), other.outcome(), strict=True)
    for name, left, right in parts:
        if left != right:
            only_left = [entry for entry in left if _of(left, entry) != _of(right, entry)][:2]
            only_right = [entry for entry in right if _of(left, entry) != _of(right, entry)][:2]
            return f"{name} differ: {only_left} against {only_right}"
    return None


def _of(part: Any, entry: Any) -> Any:
    return part.get(entry) if isinstance(part, Counter) else entry in part


def _sizes(dice: random.Random) -> list[int]:
    return [1 + int(dice.random() * 4) for _ in range(int(dice.random() * 6))]


def any_order(story: Story, dice: random.Random) -> str | None:
    """Order, duplication, batches, restarts and interleaving end in the same books, under any policies."""
    policies = POLICIES[int(dice.random() * len(POLICIES))]
    expected = books_of(story, policies=policies)
    for _ in range(2):
        order = shuffled(story, dice)
        restart = dice.random() < 0.5
        found = books_of(order, _sizes(dice), restart=restart, policies=policies)
        told = difference(expected, found)
        if told is not None:
            return f"order of arrival {[event['id'] for event in order]}: {told}"
    return None


def known_stays(story: Story, dice: random.Random) -> str | None:
    """What was known at a position is what a ledger says that has only come so far."""
    log = MemoryLog()
    log.record(*story)
    whole = Books(log.project(_sizes(dice)), log.ids)
    resumed = Books(log.project([1] * len(log.rows), restart=True), log.ids)
    told = difference(whole, resumed)
    if told is not None:
        return f"resumed after every milestone: {told}"
    for position in range(1, len(log.rows) + 1):
        told = difference(whole.known(position), books_of(story[:position]))
        if told is not None:
            return f"as known by {position}: {told}"
    return None


def laws_hold(story: Story, dice: random.Random) -> str | None:
    """Every law of accounting.md section 2, on every day that matters, as known at some positions."""
    books = books_of(story, policies=POLICIES[int(dice.random() * len(POLICIES))])
    days = books.days()
    if not days:
        return None
    for position in range(1, len(story) + 1):
        postings = [posting for posting in books.postings if posting.position <= position]
        some = days if position == len(story) else [days[int(dice.random() * len(days))] for _ in range(3)]
        for day in some:
            broken = breaches(postings, day)
            if broken:
                return f"as known by {position}: {broken[0]}"
    return None


def entitled_to(story: Story, target: Event) -> str:
    """A system that may correct and void the target: that of the fact that it speaks of in the end."""
    named = {(event["source"], event["id"]): event for event in story}
    seen: set[str] = set()
    while "target" in target["data"] and target["id"] not in seen:
        seen.add(target["id"])
        of = target["data"]["target"]
        if (of["source"], of["id"]) not in named:
            break
        target = named[of["source"], of["id"]]
    roles = SYSTEM_OF_RECORD[type(parse_event(target))]
    return f"{min(roles)}/campaign/acme"


def _untargeted(story: Story) -> list[Event]:
    targets = {
        (event["data"]["target"]["source"], event["data"]["target"]["id"])
        for event in story
        if "target" in event["data"]
    }
    return [event for event in story if (event["source"], event["id"]) not in targets]


def _amended_equals(story: Story, other: Story, amendment: Event, dice: random.Random) -> str | None:
    at = int(dice.random() * (len(story) + 1))
    books = books_of([*story[:at], amendment, *story[at:]])
    expected = books_of(other)
    for side in (books, expected):
        side.signals = Counter({key: held for key, held in side.signals.items() if key[2] != "settled"})
    told = difference(books, expected)
    target = amendment["data"]["target"]["id"]
    return None if told is None else f"{amendment['type']} of {target} arriving at {at}: {told}"


def void_equals_absent(story: Story, dice: random.Random) -> str | None:
    """A story with one milestone voided gives what the story without it gives."""
    target = _chosen(_untargeted(story), dice)
    void = r.void(_LAST, target, by=entitled_to(story, target), id_="void")
    return _amended_equals(story, [event for event in story if event is not target], void, dice)


def corrected_equals_replaced(story: Story, dice: random.Random) -> str | None:
    """A story with one milestone corrected gives what the story with its replacement gives."""
    target = _chosen(_untargeted(story), dice)
    replacement = altered(Dice(dice, 0), target)
    correction = r.corrected(_LAST, target, replacement, by=entitled_to(story, target), id_="correction")
    other = [replacement if event is target else event for event in story]
    return _amended_equals(story, other, correction, dice)


def _chosen(events: list[Event], dice: random.Random) -> Event:
    return events[int(dice.random() * len(events))]


_SHARES: Final = ("1.00", "33.33", "100.00", "0.01", "-7.77", "-20.00", "12.34")


def ordered_lines(dice: random.Random) -> Story:
    """An accepted order of one to three products, and what is added to some of its lines, as amendments."""
    on, kinds = "2024-01-01", ("on_invoice", "on_fulfilment", "on_activation", "manual", "ratable")
    lines, deltas = [], []
    for number in range(1, 2 + int(dice.random() * 3)):
        kind = kinds[int(dice.random() * len(kinds))]
        term = ("2024-01-01", "2024-12-31") if kind == "ratable" else (None, None)
        rest: dict[str, Any] = {"recognition": kind, "number": str(number)}
        net = _SHARES[int(dice.random() * len(_SHARES))]
        lines.append(e.line(f"S-{number}", "360.00", *term, **rest))
        deltas.append(e.line(f"S-{number}", net, *term, **rest))
    told = [e.accepted(on, *lines, id_="order")]
    day = ("2024-01-15", "2024-03-01", "2024-12-31")[int(dice.random() * 3)]
    if dice.random() < 0.5:
        told.append(e.won(on, *lines, id_="won"))
    told.append(e.amended(day, *deltas, id_="amendment", kind="upsell"))
    return told


def changed_equals_amended(story: Story, _dice: random.Random) -> str | None:
    """An order changed to what an amendment would make of it holds the same, on every day.

    What is earned day by day is rounded once more, and once less, so that it may differ by a unit a line
    until it ends; whole service days only, since an amendment of a line has days of its own.
    """
    found = {event["id"]: event for event in story}
    order, amendment = found.get("order"), found.get("amendment")
    if order is None or amendment is None:
        return None
    nets = {line["line"]: line["net"] for line in amendment["data"]["lines"]}
    lines = [
        {**line, "net": f"{Decimal(line['net']) + Decimal(nets.get(line['line'], '0.00')):.2f}"}
        for line in order["data"]["lines"]
    ]
    day = amendment["data"]["effective_on"]
    change = e.order_changed(day, *lines, id_="change")
    amendment = r.instead(amendment)
    for line in amendment["data"]["lines"]:
        line.pop("service_start", None)
        line.pop("service_end", None)
        line["recognition"] = next(
            x["recognition"] for x in order["data"]["lines"] if x["line"] == line["line"]
        )
    others = [event for event in story if event["id"] != "amendment"]
    one, other = books_of([*others, change]), books_of([*others, amendment])
    for on in sorted({*one.days(), *other.days()}):
        left, right = one.minor(on), other.minor(on)
        for account in ("unbilled", "unperformed", "unfulfilled", "recognised"):
            apart = abs(left.get(account, 0) - right.get(account, 0))
            if apart > (0 if account == "unbilled" else 2 * len(lines)):
                return f"{account} on day {on}: {left} as changed, {right} as amended"
    return None


PROPERTIES: Final = (
    Property("order", drawn, any_order),
    Property("prefix", drawn, known_stays),
    Property("laws", drawn, laws_hold),
    Property("void_equals_absent", drawn, void_equals_absent),
    Property("corrected_equals_replaced", drawn, corrected_equals_replaced),
    Property("changed_equals_amended", ordered_lines, changed_equals_amended),
)

assert DEFAULT_POLICIES in POLICIES, "the defaults are among the policies tried"
