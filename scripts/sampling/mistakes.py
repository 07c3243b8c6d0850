"""Ways in which a message can be wrong: unreadable, or at odds with what was said under the same identity.

Pure: an event in, another event out. Does not belong here: how often and when (`delivering`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from scripts.sampling.draw import Dice

Event = dict[str, Any]

# For some types a field that the contract requires (section 3), and that a faulty sender forgets.
FORGOTTEN: Final = {
    "opportunity.opened": "currency",
    "opportunity.changed": "currency",
    "opportunity.won": "class",
    "order.accepted": "lines",
    "order.changed": "currency",
    "contract.amended": "kind",
    "contract.renewed": "order",
    "fulfilment.confirmed": "fulfilment",
    "usage.rated": "lines",
    "invoice.posted": "due_on",
    "credit_memo.posted": "reason",
    "payment.received": "amount",
    "payment.applied": "invoice",
    "receivable.written_off": "amount",
    "revenue.recognised": "order_line",
    "quote.approved": "version",
}


def _amounts(event: Event) -> Iterator[tuple[Event, str]]:
    """Where amounts stand in an event: (object, member)."""
    content = event["data"]
    if "amount" in content:
        yield content, "amount"
    for line in content.get("lines", []):
        if "net" in line:
            yield line, "net"


def _respelt(spell: Callable[[str], Any]) -> Callable[[Event], bool]:
    def fault(event: Event) -> bool:
        if "currency" not in event["data"]:
            return False  # without it nobody knows how many decimals there may be
        for holder, member in _amounts(event):
            holder[member] = spell(holder[member])
            return True
        return False

    return fault


def _unknown_currency(event: Event) -> bool:
    if "currency" not in event["data"]:
        return False
    event["data"]["currency"] = "EUX"
    return True


def _forgotten(event: Event) -> bool:
    return event["data"].pop(FORGOTTEN.get(event["type"].removesuffix(".v1"), ""), None) is not None


def _time_of_another_calendar(event: Event) -> bool:
    event["time"] = event["time"][:8] + "32" + event["time"][10:]
    return True


def _time_without_offset(event: Event) -> bool:
    event["time"] = event["time"][:19]
    return True


def _unknown_type(event: Event) -> bool:
    event["type"] = event["type"].replace(".v1", "_old.v1")
    return True


# A fault changes the event in place and says whether it found anything to spoil.
FAULTS: Final[tuple[tuple[str, Callable[[Event], bool]], ...]] = (
    ("too many decimals", _respelt(lambda text: f"{text}5" if "." in text else f"{text}.5")),
    ("amount as a float", _respelt(lambda _: 1234.5)),
    ("not a number", _respelt(lambda _: "NaN")),
    ("amount with an exponent", _respelt(lambda _: "1e3")),
    ("unknown currency", _unknown_currency),
    ("required field forgotten", _forgotten),
    ("impossible day", _time_of_another_calendar),
    ("time without offset", _time_without_offset),
    ("unknown type", _unknown_type),
)


def broken(event: Event, dice: Dice) -> tuple[str, Event]:
    """The event as a faulty sender sends it, and what is wrong with it."""
    first = dice.below(len(FAULTS))
    for name, fault in FAULTS[first:] + FAULTS[:first]:
        spoilt = copy.deepcopy(event)
        if fault(spoilt):
            return name, spoilt
    raise AssertionError("a time can always be spoilt")


def contradicting(event: Event) -> Event:
    """A well-formed event of the same identity that says something else: another amount, or another time."""
    other = copy.deepcopy(event)
    for holder, member in _amounts(other):
        digits = holder[member]
        # Appending to the whole part keeps the decimals that the currency has.
        sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        holder[member] = f"{sign}1{digits}"
        return other
    other["time"] = f"{other['time'][:11]}07{other['time'][13:]}"
    return other
