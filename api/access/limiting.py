"""How often a caller may ask, and how often somebody may present credentials that are wrong.

In the memory of this process: a server has one. Belongs here: rates and windows. Does not belong here: how
many bytes a request may have (api/bodies.py).
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict
from functools import cached_property, lru_cache
from typing import Final

import limits
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.access.refusals import LimitReached

_RATE: Final = re.compile(r"([1-9][0-9]{0,5})/(second|minute|hour|day)")
#: Requests that are remembered one by one for each caller, at most.
_MOST: Final = 100_000
#: Wrong credentials that an address may present, and addresses that are remembered.
WRONG: Final = "20/minute"
MOST_ADDRESSES: Final = 4_096


class RateRefused(ValueError):
    """The text is no rate."""


@lru_cache(maxsize=1_024)
def rate_of(text: str) -> limits.RateLimitItem:
    """A rate as `100/second`, minute, hour or day. Raises RateRefused."""
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) > _MOST:
        raise RateRefused(
            f"{text[:40]!r} is no rate: 100/second, or so many a minute, hour or day, at most {_MOST}"
        )
    return limits.parse(text)


class Limits:
    """Counts requests of callers. For one thread: the server's loop."""

    def __init__(self, default: str | None = None) -> None:
        self._default = default
        self._addresses: OrderedDict[str, None] = OrderedDict()

    @cached_property
    def _windows(self) -> MovingWindowRateLimiter:
        # made where there is a limit at all: it keeps a timer
        return MovingWindowRateLimiter(MemoryStorage())

    def rate(self, own: str | None) -> str | None:
        """The rate that holds for a caller with this one of its own."""
        return own or self._default

    def count(self, rate: str, who: str) -> list[tuple[bytes, bytes]]:
        """Count one request of a caller: headers that tell it how it stands. Raises LimitReached."""
        item = rate_of(rate)
        is_within = self._windows.hit(item, who)
        reset, remaining = self._windows.get_window_stats(item, who)
        told = f'"caller";r={max(0, remaining)};t={_seconds_until(reset)}'
        policy = f'"caller";q={item.amount};w={item.get_expiry()}'
        headers = [(b"ratelimit-policy", policy.encode()), (b"ratelimit", told.encode())]
        if not is_within:
            raise LimitReached(f"at most {rate}: ask again later", _seconds_until(reset), headers)
        return headers

    def count_wrong(self, address: str | None) -> None:
        """Count wrong credentials from an address. Raises LimitReached."""
        who = _network(address)
        item = rate_of(WRONG)
        if who not in self._addresses and len(self._addresses) >= MOST_ADDRESSES:
            oldest, _ = self._addresses.popitem(last=False)
            self._windows.clear(item, "wrong", oldest)
        self._addresses[who] = None
        self._addresses.move_to_end(who)
        if not self._windows.hit(item, "wrong", who):
            reset, _ = self._windows.get_window_stats(item, "wrong", who)
            raise LimitReached(
                "too many wrong credentials from this address: correct ones are let in all the same",
                _seconds_until(reset),
            )


def _seconds_until(moment: float) -> int:
    return max(1, math.ceil(moment - time.time()))


def _network(address: str | None) -> str:
    """What counts as one address: of IPv6 the network, in which a host can take any number of them."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False).network_address)
