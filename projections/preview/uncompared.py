"""Settings that generations are read by, where they differ: which of them no figure compared was read by.

Belongs here: on which days such settings differ, and whether a window ends on one of them. Does not belong
here: what differs for them (projections/preview/comparing), naming them with their values (behind).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

from domain.instants import from_date
from domain.policies import READ_ONLY, Policies
from projections.preview.axes import Axis

#: Settings by which the views that are compared are read.
_COMPARED: Final = frozenset({"booking_trigger", "liability"})
#: Those by which what stands today is read.
_OF_TODAY: Final = frozenset({"sla_hours", "quarter_end_hours", "feed_silence_hours", "dense_sequences"})


class Stretch(NamedTuple):
    """Days on which a setting differs: day numbers. until: the day after the last; None: for good."""

    name: str
    since: int
    until: int | None


def stretches(old: Policies, new: Policies) -> Iterator[Stretch]:
    """Where settings differ that only change how the journal is read, by stretches of the policies."""
    days = sorted({period.since for policies in (old, new) for period in policies.periods})
    for day, until in zip(days, [*days[1:], None], strict=True):
        one, other = old.at(day).settings, new.at(day).settings
        for name in sorted(READ_ONLY):
            if getattr(one, name) != getattr(other, name):
                yield Stretch(name, day, until)


def not_compared(old: Policies, new: Policies, axis: Axis, first: date, today: date) -> list[str]:
    """The settings that differ on days which no window ends on, or that nothing compared is read by.

    first: the first day on which a posting has an effect: before it there is nothing to read. today: the day
    on which what stands is compared.
    """
    found = dict.fromkeys(
        one.name
        for one in stretches(old, new)
        if not (
            (one.name in _COMPARED and (_is_empty(one, first) or _is_seen(one, axis)))
            or (one.name in _OF_TODAY and (_is_empty(one, first) or _holds_on(one, today)))
        )
    )
    return list(found)


def _holds_on(one: Stretch, day: date) -> bool:
    return one.since <= from_date(day) and (one.until is None or from_date(day) < one.until)


def _is_empty(one: Stretch, first: date) -> bool:
    return one.until is not None and one.until <= from_date(first)


def _is_seen(one: Stretch, axis: Axis) -> bool:
    within = axis.ends >= one.since
    if one.until is not None:
        within &= axis.ends < one.until
    return bool(within.any())
