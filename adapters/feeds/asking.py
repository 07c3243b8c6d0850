"""A client for any source that answers JSON over HTTP, set up by the file of feeds alone.

Belongs here: turning the set-up of an object into requests, and answers into records. Does not belong here:
retries and limits (patience.py), credentials (authorisation.py), taking answers apart (answers.py).

It follows no redirect, and no next page on another host than the source's: either would carry its credentials
elsewhere.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import httpx

from adapters.feeds import answers
from adapters.feeds.authorisation import auth_of
from adapters.feeds.clients import (
    NotOffered,
    Page,
    PageLost,
    RecordGone,
    SourceRefused,
    SourceUnavailable,
    Total,
    added_up,
    full_page,
)
from adapters.feeds.paging import Place, next_place
from adapters.feeds.patience import Patience, deadline, judge
from adapters.feeds.sections import ClientObject, ClientSection
from adapters.feeds.turning import Turning

#: The largest answer that is read.
MOST_BYTES: Final = 128 * 2**20
_log: Final = logging.getLogger("cairn.feeds")
_PLACEHOLDER: Final = re.compile(r"\{(id|object|since|from|to|cursor|offset|size)\}")
_BOM: Final = b"\xef\xbb\xbf"
#: Records asked for at a time where a caller does not say.
_SIZE: Final = 100


class _Request(NamedTuple):
    method: str
    url: str
    parameters: Mapping[str, str]
    body: str | None


class HttpClient:
    """Satisfies `clients.Client`."""

    def __init__(self, setup: ClientSection, *, stop: threading.Event | None = None) -> None:
        assert setup.base_url is not None, "checked when it was read"
        self._setup = setup
        self._base = setup.base_url
        self._patience = Patience(setup.limits, stop=stop)
        self._http = httpx.Client(
            headers={"Accept": "application/json", **setup.headers},
            auth=auth_of(setup.credentials),
            timeout=setup.limits.timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    # ---- one record

    def fetch(self, kind: str, native_id: str) -> bytes:
        asked = self._object(kind)
        if asked.fetch is None:
            raise NotOffered(f"has no `client.objects.{kind}.fetch`: the path of one record")
        path = _filled(asked.fetch, {"id": native_id, "object": kind}, quoted=True)
        answer = self._ask(_Request("GET", self._url(path), {}, None), gone=RecordGone)
        return _wrapped(asked, kind, answers.one(answer, asked.record))

    # ---- lists

    def poll(self, kind: str, since: int | None, page: str | None, size: int) -> Page:
        asked = self._object(kind)
        since = Place.read(page, asked).since or since
        values = {"since": answers.written(since or 0, asked.since_format)}
        parameters = dict(asked.parameters)
        if asked.since is not None and since is not None:
            name, _, value = asked.since.partition("=")
            parameters[name] = value or "{since}"
        return self._page(kind, asked, parameters, values, page, size)

    def between(self, kind: str, first: date, last: date) -> Iterator[bytes]:
        for page in self._pages_between(kind, first, last):
            yield from page.records

    def ids(self, kind: str, first: date, last: date) -> Iterator[str]:
        asked = self._object(kind)
        for record in self.between(kind, first, last):
            found = answers.text_at(_bare(asked, answers.tree_of(record)), asked.id)
            if found is None:
                raise SourceRefused(f"gives {kind} without the id that `client.objects.{kind}.id` names")
            yield found

    def totals(self, kind: str, first: date, last: date) -> Total:
        asked = self._object(kind)
        trees = (_bare(asked, answers.tree_of(record)) for record in self.between(kind, first, last))
        found = (
            (_amount(tree, asked, kind), answers.text_at(tree, asked.currency) if asked.currency else None)
            for tree in trees
        )
        return added_up(found, has_amounts=asked.amount is not None)

    def _pages_between(self, kind: str, first: date, last: date) -> Iterator[Page]:
        asked = self._object(kind)
        if not asked.between or asked.body is not None:
            raise NotOffered(f"has no `client.objects.{kind}.between`: what asks for business dates")
        values = {"from": first.isoformat(), "to": last.isoformat()}
        parameters = {**asked.parameters, **asked.between}
        place: str | None = None
        turning = Turning()
        while True:
            page = turning.turn(self._page(kind, asked, parameters, values, place, _SIZE))
            if place is None and page.next is None and page.is_full:
                _log.warning("%s: %s", kind, full_page(_SIZE))
            yield page
            if page.next is None:
                return
            place = page.next

    def _page(
        self,
        kind: str,
        asked: ClientObject,
        parameters: Mapping[str, str],
        values: Mapping[str, str],
        page: str | None,
        size: int,
    ) -> Page:
        if asked.list_ is None:
            raise NotOffered(f"has no `client.objects.{kind}.list`: the path of a list")
        place = Place.read(page, asked)
        filled = {**values, "object": kind, **place.values, "size": str(size)}
        if place.link is not None:
            request = _Request("GET", self._url(place.link), {}, None)
        else:
            request = self._listing(asked, parameters, filled, place, size)
        answer = self._ask(request, gone=None if page is None else PageLost)
        found = answers.cut(answer, asked.records)
        highest = None
        identity = None
        for record in found:
            tree = answers.tree_of(record) if asked.updated or record is found[-1] else None
            if asked.updated:
                changed = answers.moment(answers.at(tree, asked.updated))
                highest = changed if highest is None else max(highest, changed or highest)
            identity = answers.text_at(tree, asked.id)
        after = next_place(asked, place, answer, found, identity, highest, size)
        records = tuple(_wrapped(asked, kind, record) for record in after.records)
        return Page(
            records,
            None if after.place is None else after.place.text,
            highest,
            is_anew=place.since is not None and place.cursor is None,
            is_full=len(found) == size,
        )

    def _listing(
        self,
        asked: ClientObject,
        parameters: Mapping[str, str],
        values: Mapping[str, str],
        place: Place,
        size: int,
    ) -> _Request:
        assert asked.list_ is not None, "the caller has looked"
        url = self._url(_filled(asked.list_, values, quoted=True))
        placed = place.parameters(asked)
        if asked.body is None:
            sized = {} if asked.size_parameter is None else {asked.size_parameter: str(size)}
            wanted = {**parameters, **placed, **sized}
            return _Request(
                "GET", url, {name: _filled(value, values) for name, value in wanted.items()}, None
            )
        try:
            body = json.loads(_filled(asked.body, values, as_json=True))
            body |= placed if asked.size_parameter is None else {**placed, asked.size_parameter: size}
        except (ValueError, TypeError):
            raise SourceRefused("can't be asked: `body` of its object is no object of JSON") from None
        return _Request("POST", url, {}, json.dumps(body))

    # ---- asking

    def _object(self, kind: str) -> ClientObject:
        found = self._setup.objects.get(kind) or self._setup.objects.get("*")
        if found is None:
            raise NotOffered(f"has no `client.objects.{kind}`: how this kind of object is asked for")
        return found

    def _url(self, path: str) -> str:
        """An address of this source. Raises SourceRefused for one of another host."""
        url = path if "://" in path else self._base + "/" + path.lstrip("/")
        if path.startswith("/") and "://" not in path and path.startswith(urlsplit(self._base).path or "/"):
            url = urljoin(self._base, path)
        ours, theirs = urlsplit(self._base), urlsplit(url)
        if (ours.scheme, ours.netloc.lower()) != (theirs.scheme, theirs.netloc.lower()):
            raise SourceRefused("names a next page on another host than `base_url`: it is not followed")
        return url

    def _ask(self, request: _Request, *, gone: type[RecordGone | PageLost] | None) -> bytes:
        return self._patience.ask(lambda: self._send(request, gone))

    def _send(self, request: _Request, gone: type[RecordGone | PageLost] | None) -> bytes:
        headers = {} if request.body is None else {"Content-Type": "application/json"}
        try:
            with (
                deadline(self._setup.limits.timeout) as check,
                self._http.stream(
                    request.method,
                    request.url,
                    params=request.parameters or None,
                    content=request.body,
                    headers=headers,
                ) as response,
            ):
                judge(response.status_code, response.headers.get("Retry-After"), gone)
                read = bytearray()
                for piece in response.iter_bytes():
                    check()
                    read += piece
                    if len(read) > MOST_BYTES:
                        raise SourceRefused(f"answers more than {MOST_BYTES} bytes: ask for smaller pages")
        except httpx.HTTPError as error:
            raise SourceUnavailable(f"can't be reached or broke off ({type(error).__name__})") from None
        except httpx.InvalidURL:
            raise SourceRefused("names a page by something that is no address") from None
        answer = bytes(read).removeprefix(_BOM)
        answers.check(answer)  # one that was cut off is asked for again
        return answer


def _filled(template: str, values: Mapping[str, str], *, quoted: bool = False, as_json: bool = False) -> str:
    """A template with its placeholders filled in; one that has no value here stays empty."""

    def value(match: re.Match[str]) -> str:
        text = values.get(match[1], "")
        if quoted:
            return quote(text, safe="")
        return json.dumps(text)[1:-1] if as_json else text

    return _PLACEHOLDER.sub(value, template)


def _wrapped(asked: ClientObject, kind: str, record: bytes) -> bytes:
    if asked.wrap is None:
        return record
    name, member = json.dumps(asked.wrap.object).encode(), json.dumps(asked.wrap.record).encode()
    return b"{" + name + b": " + json.dumps(kind).encode() + b", " + member + b": " + record + b"}"


def _bare(asked: ClientObject, tree: Any) -> Any:
    return tree if asked.wrap is None else tree[asked.wrap.record]


def _amount(tree: Any, asked: ClientObject, kind: str) -> Decimal:
    if asked.amount is None:
        return Decimal(0)
    text = answers.text_at(tree, asked.amount)
    try:
        found = Decimal(text or "")
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite():
        raise SourceRefused(f"gives {kind} without the amount that `client.objects.{kind}.amount` names")
    return found
