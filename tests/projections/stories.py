"""Longer stories for the real server: a crowd of deals with all that can happen to them.

Drawn from a seed with the parts of tests/projections/strategies, so that one number is one story.
"""

from __future__ import annotations

import json
import random
from typing import Any

from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.strategies import Draw, facts


class Dice(Draw):
    """Draws the parts of one fact from a generator of random numbers."""

    def __init__(self, dice: random.Random, number: int) -> None:
        self._dice = dice
        self.id = f"r{number:05d}"

    def one(self, choices: tuple[Any, ...]) -> Any:
        """One of the choices."""
        return choices[int(self._dice.random() * len(choices))]


def crowd(seed: int, deals: int, each: int) -> list[Event]:
    """Independent groups of up to three deals, in an order of arrival that mixes them."""
    dice = random.Random(seed)
    told: list[Event] = []
    for group in range(deals):
        own = facts([Dice(dice, group * 1000 + n) for n in range(each)])
        told += [_renamed(event, f"g{group}") for event in own]
    dice.shuffle(told)
    return told


def _renamed(event: Event, group: str) -> Event:
    """The same event in a company's own corner: instance and so all keys are another's."""
    text = json.dumps(event).replace("/acme", f"/{group}").replace("sepa/main", f"sepa/{group}")
    renamed: Event = json.loads(text)
    return renamed


def usual(number: str, day: int = 1) -> list[Event]:
    """A deal from opening to cash, with two orders of a product, tax and a dispute."""
    on = f"2024-01-{day:02d}"
    key = {"deal": number}
    of = f"SO-{number}/1"
    return [
        e.opened(on, e.line("S", "1200.00", "2024-01-01", "2024-12-31"), number=number, probability="0.35"),
        e.won(on, e.line("S", "1200.00", "2024-01-01", "2024-12-31"), number=number),
        e.accepted(
            on,
            e.line("S", "1150.00", "2024-01-01", "2024-12-31"),
            e.line("G", "333.33", quantity="3", recognition="on_fulfilment"),
            order=f"SO-{number}",
            dimensions={"customer": f"C-{number[-1]}", "segment": "smb"},
            **key,
        ),
        e.delivered("2024-02-10", f"F-{number}", (f"SO-{number}/2", "1"), **key),
        e.invoiced(
            "2024-02-11", f"I-{number}", e.line("S", "700.00", of=of, tax="133.00"), due="2024-03-12", **key
        ),
        e.received("2024-03-20", f"P-{number}", "900.00"),
        e.applied("2024-03-21", f"P-{number}", f"I-{number}", "800.00", discount="3.00", **key),
        e.disputed("2024-03-25", f"I-{number}", "20.00", **key),
    ]
