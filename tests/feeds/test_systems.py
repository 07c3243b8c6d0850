"""Stripe, Salesforce and HubSpot as they answer: their pages, their limits, their errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import tenacity

from adapters.feeds import patience
from adapters.feeds.clients import (
    Client,
    NotOffered,
    PageLost,
    RecordGone,
    SourceRefused,
    SourceThrottles,
    SourceUnavailable,
    Total,
    client_of,
)
from adapters.feeds.sections import ClientSection
from tests.feeds.server import Answer, Asked, SourceServer, as_json

T0 = 1_767_225_600_000_000


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience._Wait, "_spread", tenacity.wait_random_exponential(0.01, 0.05))


opened: list[Client] = []


@pytest.fixture(autouse=True)
def closed_after() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


def made(kind: str, server: SourceServer, **more: Any) -> Client:
    given = {"kind": kind, "base_url": server.url, "limits": {"retries": 1}, **more}
    setup = ClientSection.model_validate(given, context={"resolve": lambda env, file: "sk_test_1"})
    opened.append(client_of(setup))
    return opened[-1]


def everything(client: Client, kind: str, since: int | None = None, size: int = 100) -> list[Any]:
    found: list[Any] = []
    page = None
    while True:
        given = client.poll(kind, since, page, size)
        found += [json.loads(record) for record in given.records]
        if given.next is None:
            return found
        page = given.next


# ---- Stripe

KEY = {"kind": "bearer", "secret": {"env": "KEY"}}
EVENTS: list[dict[str, Any]] = [
    {"id": f"evt_{n}", "object": "event", "created": 1767225600 + n} for n in range(5, 0, -1)
]


def stripe_answers(asked: Asked) -> Answer:
    if asked.path == "/v1/events":
        since = int(asked.query.get("created[gte]", 0))
        found = [one for one in EVENTS if one["created"] >= since]
        after = asked.query.get("starting_after")
        start = 0 if after is None else [one["id"] for one in found].index(after) + 1
        page = found[start : start + int(asked.query["limit"])]
        return as_json({"object": "list", "data": page, "has_more": start + len(page) < len(found)})
    if asked.path == "/v1/invoices/in_1":
        return Answer(200, b'{"id": "in_1", "amount_due": 12345678901234567890}')
    return Answer(404, b'{"error": {"type": "invalid_request_error", "message": "No such thing"}}')


def test_stripes_events_are_listed_page_by_page(server: SourceServer) -> None:
    server.handle = stripe_answers
    client = made("stripe", server, credentials=KEY, options={"version": "2024-06-20"})
    assert everything(client, "events", size=2) == EVENTS
    assert [one["id"] for one in everything(client, "events", since=T0 + 4_000_000)] == ["evt_5", "evt_4"]
    assert client.poll("events", None, None, 100).highest == T0 + 5_000_000
    headers = server.asked[0].headers
    assert (headers["authorization"], headers["stripe-version"]) == ("Bearer sk_test_1", "2024-06-20")
    client.close()


def test_stripes_records_are_fetched_digit_by_digit(server: SourceServer) -> None:
    server.handle = stripe_answers
    client = made("stripe", server, credentials=KEY)
    assert client.fetch("invoices", "in_1") == b'{"id": "in_1", "amount_due": 12345678901234567890}'
    with pytest.raises(RecordGone):
        client.fetch("invoices", "in_2")
    with pytest.raises(RecordGone):
        client.fetch("invoices", "../account")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401, b'{"error": {"message": "Invalid API Key"}}'), SourceRefused),
        (Answer(429, b'{"error": {}}', {"Retry-After": "3600"}), SourceThrottles),
        (Answer(500, b"{}"), SourceUnavailable),
        (Answer(200, b"<html>"), SourceUnavailable),
        (as_json({"object": "list"}, cut=5), SourceUnavailable),
    ],
)
def test_stripes_errors_are_told_apart(server: SourceServer, answer: Answer, error: Any) -> None:
    server.handle = lambda asked: answer
    client = made("stripe", server, credentials=KEY)
    with pytest.raises(error):
        client.poll("events", None, None, 10)


def test_stripes_totals_are_of_what_was_created_in_the_days(server: SourceServer) -> None:
    rows = [{"id": "in_1", "total": 100, "currency": "eur"}, {"id": "in_2", "total": 250, "currency": "eur"}]
    server.handle = lambda asked: as_json({"data": rows, "has_more": False})
    client = made("stripe", server, credentials=KEY, objects={"invoices": {"amount": "total"}})
    assert client.totals("invoices", date(2026, 1, 1), date(2026, 1, 31)) == Total(2, "350", "eur")
    assert server.asked[0].query["created[gte]"] == "1767225600"
    assert server.asked[0].query["created[lt]"] == "1769904000"
    assert list(client.ids("invoices", date(2026, 1, 1), date(2026, 1, 31))) == ["in_1", "in_2"]


def test_stripe_without_a_key_says_what_it_needs(server: SourceServer) -> None:
    with pytest.raises(SourceRefused, match="credentials"):
        made("stripe", server)


# ---- HubSpot


class HubSpot:
    """Deals in order of change; a search that gives 30 results and no more."""

    def __init__(self, number: int) -> None:
        self.deals = [
            {"id": str(n), "properties": {"dealname": f"d{n}"}, "updatedAt": f"2026-01-01T00:00:{n:02d}.000Z"}
            for n in range(number)
        ]

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            wanted = asked.path.rsplit("/", 1)[1]
            found = [deal for deal in self.deals if deal["id"] == wanted]
            return as_json(found[0]) if found else Answer(404)
        search = json.loads(asked.body)
        ((only,),) = [group["filters"] for group in search["filterGroups"]]
        since = (int(only["value"]) - 1767225600000) // 1000
        start = int(search.get("after", 0))
        if start >= 30:
            return Answer(400, b'{"status": "error"}')
        matching = [deal for n, deal in enumerate(self.deals) if n >= since]
        page: dict[str, Any] = {
            "total": len(matching), "results": matching[start : start + search["limit"]],
        }  # fmt: skip
        if start + search["limit"] < len(matching):
            page["paging"] = {"next": {"after": str(start + search["limit"])}}
        return as_json(page)


def hubspot(server: SourceServer, **deals: Any) -> Client:
    return made(
        "hubspot",
        server,
        credentials=KEY,
        objects={"deals": deals},
        options={"properties": "dealname, amount"},
    )


def test_hubspots_search_is_begun_anew_where_it_gives_no_more(server: SourceServer) -> None:
    server.handle = HubSpot(50)
    client = hubspot(server, cursor_most=30)
    assert {deal["id"] for deal in everything(client, "deals", size=10)} == {str(n) for n in range(50)}
    assert json.loads(server.asked[0].body)["properties"] == ["dealname", "amount"]
    assert json.loads(server.asked[0].body)["limit"] == 10
    assert "after" not in json.loads(server.asked[0].body)


def test_more_changes_of_one_moment_than_a_search_gives_are_said_to_be(server: SourceServer) -> None:
    store = HubSpot(50)
    for deal in store.deals:
        deal["updatedAt"] = "2026-01-01T00:00:00.000Z"
    server.handle = store
    with pytest.raises(SourceRefused, match="one moment"):
        everything(hubspot(server, cursor_most=30), "deals", size=10)


def test_hubspots_deal_is_fetched_with_its_properties(server: SourceServer) -> None:
    server.handle = HubSpot(2)
    client = hubspot(server)
    assert json.loads(client.fetch("deals", "1"))["properties"] == {"dealname": "d1"}
    assert server.asked[0].query == {"properties": "dealname,amount"}
    with pytest.raises(RecordGone):
        client.fetch("deals", "7")
    with pytest.raises(NotOffered):
        client.totals("deals", date(2026, 1, 1), date(2026, 1, 2))


# ---- Salesforce


class Salesforce:
    """An organisation: opportunities, a session that ends, pages of two."""

    def __init__(self) -> None:
        self.rows = [
            {
                "attributes": {"type": "Opportunity"},
                "Id": f"006A0000000000{n}",
                "Amount": n + 0.1,
                "SystemModstamp": f"2026-01-01T00:00:0{n}.000+0000",
                "IsDeleted": n == 2,
            }
            for n in range(5)
        ]
        self.queries: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        base = "/services/data/v62.0/"
        assert asked.headers["authorization"] == "Bearer sk_test_1"
        path = asked.path.removeprefix(base)
        if path == "sobjects/Opportunity/describe":
            fields = [
                ("Id", "id"),
                ("Amount", "currency"),
                ("SystemModstamp", "datetime"),
                ("Where", "address"),
            ]
            return as_json({"fields": [{"name": name, "type": kind} for name, kind in fields]})
        if path.startswith("sobjects/Opportunity/"):
            wanted = path.rsplit("/", 1)[1]
            found = [row for row in self.rows if row["Id"] == wanted]
            return as_json(found[0]) if found else Answer(404, b'[{"errorCode": "NOT_FOUND"}]')
        if path.startswith("queryAll"):
            if "q" in asked.query:
                self.queries.append(asked.query["q"])
            start = int(path.partition("-")[2] or 0)
            page: dict[str, Any] = {
                "records": self.rows[start : start + 2],
                "done": start + 2 >= len(self.rows),
            }
            if not page["done"]:
                page["nextRecordsUrl"] = f"{base}queryAll/01gX-{start + 2}"
            return as_json(page)
        return Answer(400, b'[{"errorCode": "MALFORMED_QUERY"}]')


@pytest.fixture
def salesforce(server: SourceServer) -> Any:
    """A client whose https goes to the test's server."""
    import requests
    from requests.adapters import HTTPAdapter

    from adapters.feeds.salesforce import SalesforceClient

    class Plain(HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            request.url = server.url + request.url.split("example.my.salesforce.com", 1)[1]
            return super().send(request, *args, **kwargs)

    session = requests.Session()
    session.mount("https://", Plain())

    def client(**more: Any) -> Client:
        given = {
            "kind": "salesforce", "base_url": "https://example.my.salesforce.com", "credentials": KEY,
            "limits": {"retries": 0}, **more,
        }  # fmt: skip
        setup = ClientSection.model_validate(given, context={"resolve": lambda env, file: "sk_test_1"})
        opened.append(SalesforceClient(setup, session=session))
        return opened[-1]

    return client


def test_salesforce_is_queried_for_all_fields_and_deleted_records_too(
    server: SourceServer, salesforce: Any
) -> None:
    server.handle = org = Salesforce()
    client = salesforce()
    found = everything(client, "Opportunity", since=T0)
    assert [row["Id"][-1] for row in found] == list("01234")
    assert found[2]["IsDeleted"] is True
    (query,) = org.queries
    assert query.startswith("SELECT Id, Amount, SystemModstamp FROM Opportunity WHERE SystemModstamp >= ")
    assert query.endswith(">= 2026-01-01T00:00:00.000Z ORDER BY SystemModstamp, Id")
    assert client.poll("Opportunity", None, None, 1).highest == T0 + 1_000_000
    client.close()


def test_salesforces_records_keep_their_digits(server: SourceServer, salesforce: Any) -> None:
    body = b'{"Id": "006A00000000001AAA", "Amount": 12345678901234567.10}'
    server.handle = lambda asked: Answer(200, body)
    assert b"12345678901234567.10" in salesforce().fetch("Opportunity", "006A00000000001AAA")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(403, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]'), SourceThrottles),
        (Answer(403, b'[{"errorCode": "INSUFFICIENT_ACCESS"}]'), SourceRefused),
        (Answer(400, b'[{"errorCode": "MALFORMED_QUERY"}]'), SourceRefused),
        (Answer(503, b"maintenance"), SourceUnavailable),
        (Answer(200, b"{"), SourceUnavailable),
        (Answer(200, b'{"Id": 1}', cut=3), SourceUnavailable),
    ],
)
def test_salesforces_errors_are_told_apart(
    server: SourceServer, salesforce: Any, answer: Answer, error: Any
) -> None:
    server.handle = lambda asked: answer
    with pytest.raises(error):
        salesforce().fetch("Opportunity", "006A00000000001AAA")


def test_a_forgotten_page_and_a_missing_record_of_salesforce(server: SourceServer, salesforce: Any) -> None:
    server.handle = Salesforce()
    client = salesforce(objects={"Opportunity": {"parameters": {"fields": "Id, Name", "date": "CloseDate"}}})
    with pytest.raises(PageLost):
        client.poll("Opportunity", None, "query/gone", 10)
    with pytest.raises(RecordGone):
        client.fetch("Opportunity", "006A00000000009AAA")
    with pytest.raises(RecordGone):
        client.fetch("Opportunity", "1 OR 1=1")
    with pytest.raises(NotOffered):
        client.poll("Opportunity; DROP", None, None, 10)
    assert len(list(client.ids("Opportunity", date(2026, 1, 1), date(2026, 1, 31)))) == 5


def test_a_field_list_that_is_no_list_of_fields_is_refused(server: SourceServer, salesforce: Any) -> None:
    client = salesforce(objects={"Opportunity": {"parameters": {"fields": "Id FROM User"}}})
    with pytest.raises(SourceRefused, match="fields"):
        client.poll("Opportunity", None, None, 10)
