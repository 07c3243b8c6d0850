"""Policies that were activated and can't be read: they have no effect, and say why.

Belongs here: which there are, what is wrong with each. Does not belong here: what may be set
(domain/policies).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import Connection

from domain import milestones as m
from domain.policies import DEFAULT_SETTINGS, PolicyRefused, merged, version_of
from projections import open_items
from projections.generations import Generation

CODE: Final = "POLICY_UNREADABLE"
_LONGEST: Final = 300


class Unreadable(NamedTuple):
    """A version that has no effect. name: as it was to be stamped. fact: position of its milestone."""

    name: str
    fact: int
    reason: str
    actor: str


def unreadable(connection: Connection[Any], generation: Generation, known: int) -> list[Unreadable]:
    """All that stand, whatever the day, as known by a position."""
    standing = open_items.conditions(connection, generation.id, date.max, known, (CODE,))
    milestones = open_items.milestones(connection, (one.fact for one in standing), known, generation.policies)
    return [
        Unreadable(one.object, one.fact, reason(milestone), milestone.attributes.get("actor", ""))
        for one in standing
        if isinstance(milestone := milestones.get(one.fact), m.PolicyActivated)
    ]


def reason(policy: m.PolicyActivated) -> str:
    """What is wrong with a policy: the setting, what it may hold, never what it holds.

    Empty where this version of the rules can read it: a rebuild takes it in.
    """
    try:
        version_of(policy)
    except PolicyRefused as error:
        cause = error.__cause__
        if isinstance(cause, msgspec.ValidationError):
            told = f"{_setting(policy.settings)}: {cause}"
        elif cause is not None:
            told = f"{_setting(policy.settings)}: it is not known"
        else:
            told = str(error)
        for value in sorted(_texts(policy.settings), key=len, reverse=True):
            told = told.replace(f" {value!r}", "")
        return told[:_LONGEST]
    return ""


def _setting(settings: Any) -> str:
    """The first setting that can't be read by itself; all of them where only together."""
    for name, value in settings.items():
        try:
            merged(DEFAULT_SETTINGS, {name: value})
        except PolicyRefused:
            return str(name)
    return "settings"


def _texts(value: Any) -> Iterator[str]:
    """Every text that is a value in a JSON value, names left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
