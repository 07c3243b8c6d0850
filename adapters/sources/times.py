"""Times as sources write them: Unix seconds, periods of service.

Belongs here: reading them, in UTC. Does not belong here: which field stands for which moment; that is each
source's own decision, written beside it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from adapters.sources.payload import Node
from domain.instants import format_day

_DAY_SECONDS: Final = 86_400
_EARLIEST: Final = -62_135_596_800  # 0001-01-01
_LATEST: Final = 253_402_300_799  # 9999-12-31


def unix_seconds(node: Node, wanted: str = "a time in Unix seconds") -> int:
    """Seconds since 1970-01-01T00:00:00Z."""
    found = node.integer(wanted)
    if not _EARLIEST <= found <= _LATEST:
        node.refuse("time_range", "the time is in no year of the calendar; is it in milliseconds?")
    return found


def unix_day(seconds: int) -> str:
    """The UTC date on which a Unix time falls."""
    return day_text(seconds // _DAY_SECONDS)


@lru_cache(maxsize=4_096)
def day_text(day: int) -> str:
    """A day's number as `2026-01-31`: records of one file are about few days."""
    return format_day(day)


def unix_time(seconds: int) -> str:
    """A Unix time as RFC 3339 in UTC."""
    day, rest = divmod(seconds, _DAY_SECONDS)
    return f"{format_day(day)}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def service_days(start: int, end: int) -> tuple[str, str]:
    """A period of service in Unix seconds, to its first and last UTC day, both inclusive.

    Sources give the moment at which the next period begins (Stripe), or the second before it (Chargebee),
    so the last day is the one before the day on which the next period begins; a period within one day
    is that day.
    """
    first = start // _DAY_SECONDS
    last = (end + 1) // _DAY_SECONDS - 1
    return day_text(first), day_text(max(first, last))
