"""Stripe, asked with its own library: events and objects, in the version of the API that is pinned.

Belongs here: how Stripe lists and what its errors mean. Does not belong here: retries and limits
(patience.py); the library's own are off.

Stripe does not list objects by their change, so what is polled is `events`, which it keeps for 30 days; other
objects are listed by when they were created.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from adapters.feeds import answers
from adapters.feeds.clients import (
    Page,
    PageLost,
    RecordGone,
    SourceRefused,
    SourceUnavailable,
    Total,
)
from adapters.feeds.patience import Patience, judge
from adapters.feeds.sections import ClientSection
from adapters.feeds.turning import every_record

_MILLION: Final = 1_000_000
_MOST: Final = 100


class StripeClient:
    """Satisfies `clients.Client`. kind: the path of its list, `events`, `invoices`, `credit_notes`.

    credentials: `bearer`, the secret or restricted key. options: `version` of the API, `account` of a
    connected account.
    """

    def __init__(self, setup: ClientSection, *, stop: threading.Event | None = None) -> None:
        try:
            import stripe
        except ImportError:
            raise SourceRefused("needs the library stripe: install cairn-ledger[clients]") from None
        if setup.credentials.secret is None:
            raise SourceRefused("needs `client.credentials`: kind bearer with its key as `secret`")
        self._errors: Any = stripe
        self._setup = setup
        self._patience = Patience(setup.limits, stop=stop)
        self._transport = stripe.RequestsClient(timeout=setup.limits.timeout)
        self._library = stripe.StripeClient(
            setup.credentials.secret.value,
            stripe_account=setup.options.get("account"),
            stripe_version=setup.options.get("version"),
            max_network_retries=0,
            base_addresses={"api": setup.base_url} if setup.base_url else {},
            http_client=self._transport,
        )

    def close(self) -> None:
        self._transport.close()  # type: ignore[no-untyped-call]

    def fetch(self, kind: str, native_id: str) -> bytes:
        given = self._setup.objects.get(kind)
        path = (given.fetch if given is not None else None) or f"/v1/{kind}/{{id}}"
        if not native_id.replace("_", "").isalnum():
            raise RecordGone("has no record with such an id")
        return answers.one(self._ask(path.replace("{id}", native_id), {}, RecordGone), "")

    def poll(self, kind: str, since: int | None, page: str | None, size: int) -> Page:
        created = {} if since is None else {"created[gte]": str(since // _MILLION)}
        return self._page(kind, created, page, size)

    def between(self, kind: str, first: date, last: date) -> Iterator[bytes]:
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        created = {
            "created[gte]": str(int(begin.timestamp())),
            "created[lt]": str(int(end.timestamp())),
        }
        yield from every_record(lambda place: self._page(kind, created, place, _MOST))

    def ids(self, kind: str, first: date, last: date) -> Iterator[str]:
        for record in self.between(kind, first, last):
            yield answers.text_at(answers.tree_of(record), "id") or ""

    def totals(self, kind: str, first: date, last: date) -> Total:
        """Without amounts, unless `objects` says where they stand; they are in minor units."""
        given = self._setup.objects.get(kind)
        path = None if given is None else given.amount
        trees = map(answers.tree_of, self.between(kind, first, last))
        return answers.total_of(trees, path, "currency")

    def _page(self, kind: str, wanted: dict[str, str], page: str | None, size: int) -> Page:
        given = self._setup.objects.get(kind)
        path = (given.list_ if given is not None else None) or f"/v1/{kind}"
        parameters = {**wanted, "limit": str(min(size, _MOST))}
        if page is not None:
            parameters["starting_after"] = page
        answer = self._ask(path, parameters, None if page is None else PageLost)
        records = answers.cut(answer, "data")
        trees = [answers.tree_of(record) for record in records]
        moments = [moment for tree in trees if (moment := answers.moment(answers.at(tree, "created")))]
        more = bool(answers.at(json.loads(answer), "has_more")) and bool(trees)
        following = answers.text_at(trees[-1], "id") if more else None
        return Page(tuple(records), following, max(moments, default=None))

    def _ask(self, path: str, parameters: dict[str, str], gone: type[RecordGone | PageLost] | None) -> bytes:
        return self._patience.ask(lambda: self._once(path, parameters, gone))

    def _once(self, path: str, parameters: dict[str, str], gone: type[RecordGone | PageLost] | None) -> bytes:
        try:
            answer = self._library.raw_request("get", path, **parameters)
        except self._errors.APIConnectionError:
            raise SourceUnavailable("can't be reached or broke off") from None
        except self._errors.StripeError as error:
            if error.http_status is not None:
                headers = {name.lower(): value for name, value in (error.headers or {}).items()}
                judge(error.http_status, headers.get("retry-after"), gone)
            raise SourceUnavailable(f"gave an answer that can't be read ({type(error).__name__})") from None
        body: str = answer.body
        return body.encode()
