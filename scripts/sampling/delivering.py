"""How messages arrive: most on their day, some late, some twice, some contradicted, broken or never.

Also the answer that a ledger owes to each line when they are fed in order to an empty one, by the rules of
contract.md, section 2. Does not belong here: what the messages mean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from scripts.sampling.company import LEDGER, Message
from scripts.sampling.draw import Dice
from scripts.sampling.mistakes import broken, contradicting

_DAY: Final = 86_400
# Days from a message's time to its arrival; within a class each day is as likely.
LAGS: Final = (((0, 0), 870), ((1, 3), 70), ((4, 30), 45), ((31, 80), 15))


@dataclass(slots=True)
class Arrival:
    """One line as delivered, `at` in seconds since 1970; `outcome` is what the ledger owes it."""

    at: int
    event: dict[str, Any]
    fault: str = ""
    outcome: str = ""

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.at, UTC).date()

    @property
    def line(self) -> bytes:
        return serialised(self.event)


@dataclass(slots=True)
class Delivery:
    """All that arrived, in order, and what was never sent; `unrepaired` are broken and never sent again."""

    arrivals: list[Arrival]
    missing: list[dict[str, Any]]
    unrepaired: int


def serialised(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _lag(dice: Dice, message: Message) -> int:
    if message.source == LEDGER:
        return 0
    low, high = dice.weighted(LAGS)
    days = dice.between(low, high)
    return days * _DAY + (dice.below(_DAY // 4) if days else dice.below(1_800))


def _again(event: dict[str, Any], dice: Dice) -> dict[str, Any]:
    """The same message once more: to the letter, or a snapshot under a new message id."""
    if "sequence" in event and dice.chance(30):
        return event | {"id": f"{event['id']}-r"}
    return event


def _contradiction(event: dict[str, Any], dice: Dice) -> dict[str, Any]:
    other = contradicting(event)
    if "sequence" in event and dice.chance(40):
        other["id"] = f"{event['id']}-b"
    return other


def deliver(messages: list[Message], dice: Dice, until: date) -> Delivery:
    """Send each message as chance has it. What would arrive after the span arrives in its last second."""
    arrivals: list[Arrival] = []
    delivery = Delivery(arrivals, [], 0)
    last = int(datetime.combine(until, time(23, 59, 59), UTC).timestamp())
    corrected = {id(message.about) for message in messages if message.about is not None}
    for message in messages:
        event, fate = message.event(), dice.below(1_000)
        # A correction and its target stay whole, so that what is told by them can be read off.
        safe = message.source == LEDGER or message.about is not None or id(message) in corrected
        at = int(message.at.timestamp()) + _lag(dice, message)
        if not safe and 40 <= fate < 50:
            delivery.missing.append(event)
            continue
        if not safe and 50 <= fate < 60:
            fault, spoilt = broken(event, dice)
            arrivals.append(Arrival(min(at, last), spoilt, fault, "quarantined"))
            if not dice.chance(60):
                delivery.unrepaired += 1
                continue
            at += dice.between(1, 25) * _DAY
        arrivals.append(Arrival(min(at, last), event))
        later_at = min(at + dice.between(60, 9 * _DAY), last)
        if fate < 40:
            arrivals.append(Arrival(later_at, _again(event, dice)))
        elif not safe and fate < 70 and fate >= 60:
            arrivals.append(Arrival(later_at, _contradiction(event, dice)))
    # The sort is stable: copies were appended after their originals, and stay behind them in the last second.
    arrivals.sort(key=lambda arrival: arrival.at)
    _answer(arrivals)
    return delivery


def _answer(arrivals: list[Arrival]) -> None:
    """Give each line the outcome that the contract owes it."""
    by_id: dict[tuple[str, str], bytes] = {}
    by_version: dict[tuple[str, str, str, str], bytes] = {}
    for arrival in arrivals:
        if arrival.fault:
            continue
        event = arrival.event
        content = {name: event.get(name) for name in ("type", "subject", "time", "sequence", "data")}
        said = json.dumps(content, sort_keys=True).encode()
        identity = event["source"], event["id"]
        version = event["source"], event["subject"], event["type"], event.get("sequence", "")
        known = by_id.get(identity) or (by_version.get(version) if version[3] else None)
        if known is not None:
            arrival.outcome = "duplicate" if known == said else "conflict"
            continue
        arrival.outcome = "recorded"
        by_id[identity] = said
        if version[3]:
            by_version[version] = said
