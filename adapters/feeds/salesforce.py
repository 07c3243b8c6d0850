"""Salesforce, asked with simple-salesforce: records whole, and what changed, deleted records among them.

Belongs here: how Salesforce is queried and what its errors mean. Does not belong here: retries and limits
(patience.py). The library signs in, in all the ways there are, and signs in again when a session has ended.

Records are written as JSON again from what the library has read; every digit of their numbers is kept.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from adapters.feeds import answers
from adapters.feeds.clients import (
    NotOffered,
    Page,
    PageLost,
    RecordGone,
    SourceRefused,
    SourceThrottles,
    SourceUnavailable,
    Total,
)
from adapters.feeds.patience import Patience, judge
from adapters.feeds.sections import ClientSection
from adapters.feeds.turning import every_record

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_FIELDS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]*(?:\s*,\s*[A-Za-z][A-Za-z0-9_.]*)*", re.ASCII)
_VERSION: Final = "62.0"
_CHANGED: Final = "SystemModstamp"
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


class SalesforceClient:
    """Satisfies `clients.Client`. kind: the API name of an object, `Opportunity`, `Order`.

    credentials: `oauth2` (consumer key and secret of a connected app), `basic` (user, and password with the
    security token appended) or `bearer` (a session's id, with `base_url`). options: `domain` (`login`, `test`
    or the one of My Domain), `version`. Of an object `parameters.fields` names the fields; by default all.
    `between` asks by `parameters.date`, the field of the business date.
    """

    def __init__(
        self, setup: ClientSection, *, stop: threading.Event | None = None, session: Any = None
    ) -> None:
        try:
            import requests
            import simple_salesforce
        except ImportError:
            raise SourceRefused(
                "needs the library simple-salesforce: install cairn-ledger[clients]"
            ) from None
        self._library: Any = simple_salesforce
        self._broken = requests.RequestException
        self._setup = setup
        self._session = session
        self._patience = Patience(setup.limits, stop=stop)
        self._lock = threading.Lock()
        self._signed_in: Any = None
        self._fields: dict[str, str] = {}

    def close(self) -> None:
        if self._signed_in is not None:
            self._signed_in.session.close()

    def fetch(self, kind: str, native_id: str) -> bytes:
        if _ID.fullmatch(native_id) is None:
            raise RecordGone("has no record with such an id")
        return _encoder.encode(self._ask(f"sobjects/{_named(kind)}/{native_id}", {}, RecordGone))

    def poll(self, kind: str, since: int | None, page: str | None, size: int) -> Page:  # noqa: ARG002
        """Salesforce decides on the size of a page."""
        where = "" if since is None else f" WHERE {_CHANGED} >= {answers.written(since, 'iso')}"
        query = f"SELECT {self._selected(kind)} FROM {_named(kind)}{where} ORDER BY {_CHANGED}, Id"  # noqa: S608
        return self._page(query, page)

    def between(self, kind: str, first: date, last: date) -> Iterator[bytes]:
        given = self._setup.objects.get(kind)
        day = None if given is None else given.parameters.get("date")
        if day is None or _NAME.fullmatch(day) is None:
            raise NotOffered(
                f"has no `client.objects.{kind}.parameters.date`: the field of the business date"
            )
        query = (
            f"SELECT {self._selected(kind)} FROM {_named(kind)}"  # noqa: S608
            f" WHERE {day} >= {first.isoformat()} AND {day} <= {last.isoformat()} ORDER BY Id"
        )
        yield from every_record(lambda place: self._page(query, place))

    def ids(self, kind: str, first: date, last: date) -> Iterator[str]:
        for record in self.between(kind, first, last):
            yield answers.text_at(answers.tree_of(record), "Id") or ""

    def totals(self, kind: str, first: date, last: date) -> Total:
        given = self._setup.objects.get(kind)
        path = None if given is None else given.amount
        trees = map(answers.tree_of, self.between(kind, first, last))
        return answers.total_of(trees, path, "CurrencyIsoCode")

    # ---- asking

    def _page(self, query: str, page: str | None) -> Page:
        first = page is None
        answer = self._ask(page or "queryAll", {"q": query} if first else {}, None if first else PageLost)
        records = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise SourceUnavailable("gave an answer without records")
        moments = [moment for record in records if (moment := answers.moment(record.get(_CHANGED)))]
        following = answer.get("nextRecordsUrl")
        place = None
        if isinstance(following, str):
            # /services/data/v62.0/query/01g...-2000, of which the client adds the beginning
            place = "/".join(urlsplit(following).path.strip("/").split("/")[3:])
        return Page(tuple(map(_encoder.encode, records)), place, max(moments, default=None))

    def _selected(self, kind: str) -> str:
        given = self._setup.objects.get(kind)
        fields = None if given is None else given.parameters.get("fields")
        if fields is None:
            fields = self._fields.get(kind) or self._described(kind)
        if _FIELDS.fullmatch(fields.strip()) is None:
            raise SourceRefused(
                f"can't be asked for these fields: mend `client.objects.{kind}.parameters.fields`"
            )
        if _CHANGED not in fields:
            fields = f"{fields}, {_CHANGED}"
        return fields

    def _described(self, kind: str) -> str:
        told = self._ask(f"sobjects/{_named(kind)}/describe", {}, None)
        try:
            names = [
                field["name"] for field in told["fields"] if field.get("type") not in ("address", "location")
            ]
        except (KeyError, TypeError):
            raise SourceUnavailable(f"gave no description of {kind}") from None
        self._fields[kind] = ", ".join(names)
        return self._fields[kind]

    def _ask(self, path: str, parameters: dict[str, str], gone: type[RecordGone | PageLost] | None) -> Any:
        return self._patience.ask(lambda: self._once(path, parameters, gone))

    def _once(self, path: str, parameters: dict[str, str], gone: type[RecordGone | PageLost] | None) -> Any:
        try:
            found = self._signed().restful(
                path, params=parameters or None, timeout=self._setup.limits.timeout
            )
        except self._library.SalesforceAuthenticationFailed:
            raise SourceRefused(
                "refuses to sign in: check `client.credentials` and `options.domain`"
            ) from None
        except self._library.SalesforceError as error:
            if "REQUEST_LIMIT_EXCEEDED" in str(error.content):
                raise SourceThrottles("has no requests left for today", retry_after=900.0) from None
            judge(int(error.status or 500), None, gone)
            raise SourceUnavailable(f"fails (HTTP {error.status})") from None
        except self._broken as error:
            raise SourceUnavailable(f"can't be reached or broke off ({type(error).__name__})") from None
        except ValueError:
            raise SourceUnavailable("gave an answer that is no JSON") from None
        if found is None:
            raise SourceUnavailable("gave an empty answer")
        return found

    def _signed(self) -> Any:
        with self._lock:
            if self._signed_in is None:
                self._signed_in = self._library.Salesforce(**self._login())
            return self._signed_in

    def _login(self) -> dict[str, Any]:
        setup, credentials = self._setup, self._setup.credentials
        secret = "" if credentials.secret is None else credentials.secret.value
        shared = {
            "version": setup.options.get("version", _VERSION),
            "session": self._session,
            "parse_float": Decimal,
            "object_pairs_hook": dict,
        }
        domain = setup.options.get("domain", "login")
        match credentials.kind:
            case "oauth2":
                return {
                    **shared,
                    "consumer_key": credentials.user,
                    "consumer_secret": secret,
                    "domain": domain,
                }
            case "basic":
                login = {"username": credentials.user, "password": secret, "security_token": ""}
                return {**shared, **login, "domain": domain}
            case "bearer" if setup.base_url is not None:
                return {**shared, "session_id": secret, "instance_url": setup.base_url}
        raise SourceRefused("needs `client.credentials`: oauth2, basic, or bearer with `base_url`")


def _named(kind: str) -> str:
    if _NAME.fullmatch(kind) is None:
        raise NotOffered("has no object of that name: use its API name, such as Opportunity")
    return kind
