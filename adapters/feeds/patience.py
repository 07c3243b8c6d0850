"""How often and how long a source is asked: retries with jitter, its own wishes, a limit of ours, a breaker.

Belongs here: what surrounds every request of every client, and what the status of an answer means. Does not
belong here: the requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import pybreaker
import tenacity
from tenacity.nap import sleep_using_event

from adapters.feeds.clients import (
    PageLost,
    RecordGone,
    SourceError,
    SourceRefused,
    SourceThrottles,
    SourceUnavailable,
)
from adapters.feeds.sections import Limits

R = TypeVar("R")

#: Seconds that a request waits at most before it is tried again; a source that asks for more is asked again
#: by whoever wanted it, later.
LONGEST_WAIT: Final = 30.0
_FIRST_WAIT: Final = 0.5


class Patience:
    """The patience with one source: thread-safe, shared by all of its requests."""

    def __init__(self, limits: Limits, *, stop: threading.Event | None = None) -> None:
        self._limits = limits
        self._stop = stop or threading.Event()
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=limits.breaker_failures,
            reset_timeout=limits.breaker_rest,
            exclude=[_says_nothing_of_its_health],
            throw_new_error_on_trip=False,
        )
        self._at_once = threading.BoundedSemaphore(limits.at_once)
        self._turn = threading.Lock()
        self._next = 0.0

    def ask(self, question: Callable[[], R]) -> R:
        """The answer to a question, which is asked again while it raises SourceUnavailable.

        Raises SourceUnavailable after the last attempt, at once where the breaker is open or the source asks
        for more patience than a request has; other errors as the question raises them.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._limits.retries + 1),
            wait=_Wait(),
            retry=tenacity.retry_if_exception(_is_worth_another),
            sleep=sleep_using_event(self._stop),
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                if self._stop.is_set() and attempt.retry_state.attempt_number > 1:
                    raise _Ended("is no longer asked: the process is ending")
                return self._once(question)
        raise AssertionError("it returns or raises")  # pragma: no cover

    def _once(self, question: Callable[[], R]) -> R:
        with self._at_once:
            self._pace()
            try:
                with self._breaker.calling():
                    return question()
            except pybreaker.CircuitBreakerError:
                raise _Ended(
                    f"has failed {self._limits.breaker_failures} times in a row and rests",
                    retry_after=float(self._limits.breaker_rest),
                ) from None

    def _pace(self) -> None:
        """Wait for this request's turn."""
        if self._limits.per_second is None:
            return
        with self._turn:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self._limits.per_second
        self._stop.wait(turn - now)


class _Ended(SourceUnavailable):
    """Not to be tried again at once."""


class _Wait(tenacity.wait.wait_base):
    """Exponential with full jitter, but never less than the source asks for."""

    _spread = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=LONGEST_WAIT)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        wanted = getattr(error, "retry_after", None) or 0.0
        return float(wanted) + self._spread(retry_state) * (0.1 if wanted else 1.0)


def _is_worth_another(error: BaseException) -> bool:
    if not isinstance(error, SourceUnavailable) or isinstance(error, _Ended):
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_WAIT


def _says_nothing_of_its_health(error: BaseException) -> bool:
    """A source that answers in order, if not as we would like, is in good health."""
    return isinstance(error, SourceError) and (
        not isinstance(error, SourceUnavailable) or isinstance(error, SourceThrottles)
    )


def judge(status: int, retry_after: str | None, gone: type[RecordGone | PageLost] | None) -> None:
    """Raise what an HTTP status means, unless the answer is good.

    retry_after: the header of that name. gone: what it means that something is not there.
    """
    if 200 <= status < 300:
        return
    wait = wait_asked(retry_after)
    if status == 429 or (status == 403 and wait is not None):
        raise SourceThrottles(f"asks to be asked less often (HTTP {status})", retry_after=wait)
    if status in (408, 425) or status >= 500:
        raise SourceUnavailable(f"fails (HTTP {status})", retry_after=wait)
    if gone is RecordGone and status in (404, 410):
        raise RecordGone(f"has no such record (HTTP {status})")
    if gone is PageLost and status in (400, 404, 410):
        raise PageLost(f"does not know the page any more (HTTP {status})")
    if status in (401, 403):
        raise SourceRefused(
            f"refuses the credentials (HTTP {status}): check `client.credentials` and their rights"
        )
    raise SourceRefused(
        f"refuses the request (HTTP {status}): check `client` and how the object is asked for"
    )


def wait_asked(header: str | None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 section 10.2.3: seconds or a date); None for none."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), 86_400.0)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


@contextmanager
def deadline(seconds: float) -> Iterator[Callable[[], None]]:
    """A check to be called now and then, which raises SourceUnavailable once so many seconds are over."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise SourceUnavailable(f"took longer than {seconds:g} seconds for its answer")

    yield check
