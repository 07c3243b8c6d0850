"""One trial of a property, and the shortest story that still breaks it.

Belongs here: what a property is, drawing, checking, reducing. Does not belong here: the properties themselves
(`folding`, `serving`), time and processes (`__main__`).

A trial is its seed: the story is drawn from `random.Random(seed)`, and whatever else a check leaves to chance
from a second generator of the same seed, so that a reduced story is checked in the same way.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from tests.projections.events import Event

#: Seconds that reducing a finding may take.
PATIENCE: Final = 60.0

Story: TypeAlias = list[Event]
#: Draws a story.
Drawing: TypeAlias = Callable[[random.Random], Story]
#: Says what is wrong with a story, None where nothing is. Chance only from the generator.
Check: TypeAlias = Callable[[Story, random.Random], str | None]


class Property(NamedTuple):
    """What must hold for every story. served: whether it needs a database."""

    name: str
    draw: Drawing
    check: Check
    served: bool = False


class Finding(NamedTuple):
    """A story that breaks a property, reduced; told: what is wrong with it."""

    property: str
    seed: int
    told: str
    story: Story
    drawn: int


def shuffled(story: Story, dice: random.Random, again: float = 0.2) -> Story:
    """Another order of the same messages, a share of them sent twice.

    Each message has its place by chance and alone, so that a part of the story keeps the order of the whole.
    """
    salt = dice.random()
    placed: list[tuple[float, int, Event]] = []
    for number, event in enumerate(story):
        own = random.Random(f"{salt} {event['id']}")
        placed.append((own.random(), number, event))
        if own.random() < again:
            placed.append((own.random(), number, event))
    return [event for _, _, event in sorted(placed, key=lambda one: one[:2])]


def checked(prop: Property, story: Story, seed: int) -> str | None:
    """What is wrong with a story; an error raised on the way is wrong as well."""
    try:
        return prop.check(story, random.Random(f"{seed} check"))
    except Exception as error:  # noqa: BLE001 - whatever is raised is what was searched for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"raised {type(error).__name__} in {where.name}, line {where.lineno}: {error}"


def tried(prop: Property, seed: int, *, patience: float = PATIENCE) -> Finding | None:
    """One trial."""
    story = prop.draw(random.Random(seed))
    told = checked(prop, story, seed)
    if told is None:
        return None
    short = reduced(story, lambda part: checked(prop, part, seed) is not None, patience)
    return Finding(prop.name, seed, checked(prop, short, seed) or told, short, len(story))


def reduced(story: Story, breaks: Callable[[Story], bool], patience: float = PATIENCE) -> Story:
    """A part of a story that still breaks, and of which no single message can be left out (ddmin).

    Within the time that patience gives, seconds. Zeller and Hildebrandt, "Simplifying and isolating
    failure-inducing input", 2002.
    """
    until = time.monotonic() + patience
    pieces = 2
    while len(story) > 1 and time.monotonic() < until:
        size = -(-len(story) // pieces)
        for start in range(0, len(story), size):
            rest = story[:start] + story[start + size :]
            if rest and breaks(rest):
                story, pieces = rest, max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces = min(len(story), pieces * 2)
    return story
