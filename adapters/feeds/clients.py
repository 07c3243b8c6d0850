"""What a client of a source system is: records of it, asked for one by one, by change or by date.

Belongs here: the interface that every client satisfies, its errors, and which client a feed uses. Does not
belong here: how any of them speaks to its system (asking.py and beside it), what is done with the records
(fetching.py, polling.py, reconciling).

Records are bytes as the feed's mapping reads them. Moments are microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from adapters.feeds.sections import ClientSection


class Page(NamedTuple):
    """Some records of a list.

    next: where the list goes on, opaque, None at its end. highest: the latest moment of change on the page,
    None where the records do not say. is_anew: the list was begun anew with it, so it may hold what the page
    before held. is_full: it has as many records as were asked for.
    """

    records: tuple[bytes, ...]
    next: str | None = None
    highest: int | None = None
    is_anew: bool = False
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """What a source has. amount: decimal text, None where it is not asked for or currencies are mixed."""

    count: int
    amount: str | None = None
    currency: str | None = None


class SourceError(RuntimeError):
    """A source could not be asked. The message is for people, and quotes nothing of what it answered."""


class SourceUnavailable(SourceError):
    """It may answer later. retry_after: seconds that it asks us to wait, None where it does not say."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceThrottles(SourceUnavailable):
    """It lives, and wants to be asked less often."""


class SourceRefused(SourceError):
    """It refuses the question, as it will next time: a person has to change something."""


class RecordGone(SourceError):
    """It has no such record, or no longer."""


class ListStands(SourceRefused):
    """Its list does not move on: what was read of it is no whole list."""


class PageLost(SourceError):
    """It does not know the page any more: the list has to be read from its beginning."""


class NotOffered(SourceError):
    """The client is not set up for this question; the message names the field of the file of feeds."""


class Client(Protocol):
    """A source system, as it is asked. Thread-safe; close it after use.

    Every method raises SourceError: SourceUnavailable after its retries, SourceRefused, NotOffered for an
    object that is not configured.
    """

    def fetch(self, kind: str, native_id: str) -> bytes:
        """One record as it is now. Raises RecordGone."""

    def poll(self, kind: str, since: int | None, page: str | None, size: int) -> Page:
        """Records that changed at or after a moment (None: all), from a page on. Raises PageLost."""

    def between(self, kind: str, first: date, last: date) -> Iterator[bytes]:
        """The records with business dates from `first` to `last`, both included."""

    def ids(self, kind: str, first: date, last: date) -> Iterator[str]:
        """Their native ids."""

    def totals(self, kind: str, first: date, last: date) -> Total:
        """Their number, and the sum of their amounts where the client is told where they stand."""

    def close(self) -> None:
        """Let go of connections. May be repeated."""


def full_page(size: int) -> str:
    """What is said of a list of one page that has as many records as were asked for."""
    return (
        f"the one page has all of the {size:,} records that were asked for, and nothing says where the list"
        " goes on: if there are more, `paging` and `cursor` of the object must say how they are asked for"
    )


def added_up(found: Iterable[tuple[Decimal, str | None]], *, has_amounts: bool) -> Total:
    """The total of records by their amounts and currencies. has_amounts: whether the amounts are meant."""
    count, amount, currencies = 0, Decimal(0), set[str | None]()
    for one, currency in found:
        count += 1
        amount += one
        currencies.add(currency)
    if not has_amounts or len(currencies) > 1:
        return Total(count)
    return Total(count, str(amount), next(iter(currencies), None))


def client_of(setup: ClientSection, *, stop: threading.Event | None = None) -> Client:
    """The client that a feed is set up with. stop: ends its waiting when it is set.

    Raises SourceRefused where its library is not installed or the set-up lacks something.
    """
    match setup.kind:
        case "salesforce":
            from adapters.feeds.salesforce import SalesforceClient

            return SalesforceClient(setup, stop=stop)
        case "stripe":
            from adapters.feeds.stripe import StripeClient

            return StripeClient(setup, stop=stop)
        case "hubspot":
            from adapters.feeds.hubspot import hubspot_setup

            setup = hubspot_setup(setup)
        case "http":
            pass
    from adapters.feeds.asking import HttpClient

    return HttpClient(setup, stop=stop)
