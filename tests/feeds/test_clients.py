"""Sources asked over HTTP: what they answer, on good days and on bad ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import tenacity

from adapters.feeds import patience
from adapters.feeds.asking import HttpClient
from adapters.feeds.clients import (
    NotOffered,
    Page,
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

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(patience._Wait, "_spread", tenacity.wait_random_exponential(0.01, 0.05))


def deals(**more: Any) -> dict[str, Any]:
    return {"fetch": "/deals/{id}", "list": "/deals", "records": "results", **more}


@contextmanager
def asking(server: SourceServer, objects: dict[str, Any], **more: Any) -> Iterator[HttpClient]:
    given = {"base_url": server.url, "objects": objects, **more}
    setup = ClientSection.model_validate(given, context={"resolve": lambda env, file: SECRETS[env or ""]})
    client = HttpClient(setup)
    try:
        yield client
    finally:
        client.close()


SECRETS = {"TOKEN": "tok-1", "PASS": "pw"}


# ---- one record


def test_a_record_is_fetched_digit_by_digit(server: SourceServer) -> None:
    body = b'{"id": 12345678901234567890, "amount": 1.10}'
    server.handle = lambda asked: Answer(200, b'{"deal": ' + body + b"}")
    with asking(server, {"deals": deals(record="deal")}) as client:
        assert client.fetch("deals", "a/b c") == body
    assert server.asked[0].path == "/deals/a%2Fb%20c"


def test_a_record_is_put_in_the_envelope_that_says_what_it_is(server: SourceServer) -> None:
    server.handle = lambda asked: Answer(200, b'{"id":  1}')
    with asking(server, {"invoices": deals(wrap={"object": "stream", "record": "data"})}) as client:
        assert client.fetch("invoices", "1") == b'{"stream": "invoices", "data": {"id":  1}}'


@pytest.mark.parametrize("status", [404, 410])
def test_a_record_that_is_not_there_is_gone(server: SourceServer, status: int) -> None:
    server.handle = lambda asked: Answer(status)
    with asking(server, {"deals": deals()}) as client, pytest.raises(RecordGone):
        client.fetch("deals", "1")
    assert len(server.asked) == 1


def test_an_object_that_nobody_set_up_is_named(server: SourceServer) -> None:
    with asking(server, {"deals": deals()}) as client:
        with pytest.raises(NotOffered, match=r"client\.objects\.quotes"):
            client.fetch("quotes", "1")
        with pytest.raises(NotOffered, match=r"client\.objects\.deals\.between"):
            client.totals("deals", date(2026, 1, 1), date(2026, 1, 31))


# ---- bad days


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(503, headers={"Retry-After": "0"}),
        Answer(429, headers={"Retry-After": "0"}),
        Answer(403, headers={"Retry-After": "0"}),
        as_json({"id": 1}, cut=4),
        Answer(200, b'{"id": 1, "name": "cut o'),
        Answer(200, b"<html>we will be back soon</html>"),
    ],
    ids=["500", "503", "429", "throttled-403", "broken-off", "truncated", "html"],
)
def test_a_failure_that_passes_is_asked_through(server: SourceServer, answer: Answer) -> None:
    server.handle = lambda asked: as_json({"id": 1})
    server.script = [answer, answer]
    with asking(server, {"deals": deals()}) as client:
        assert client.fetch("deals", "1") == b'{"id": 1}'
    assert len(server.asked) == 3


def test_the_source_is_given_the_time_that_it_asks_for(server: SourceServer) -> None:
    server.handle = lambda asked: as_json({"id": 1})
    server.script = [Answer(429, headers={"Retry-After": "1"})]
    began = time.monotonic()
    with asking(server, {"deals": deals()}) as client:
        client.fetch("deals", "1")
    assert time.monotonic() - began >= 1


def test_more_patience_than_a_request_has_is_left_to_whoever_asked(server: SourceServer) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    server.handle = lambda asked: Answer(429, headers={"Retry-After": format_datetime(until, usegmt=True)})
    with asking(server, {"deals": deals()}) as client, pytest.raises(SourceThrottles) as refused:
        client.fetch("deals", "1")
    assert refused.value.retry_after == pytest.approx(3_600, abs=5)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), (None, None), ("soon", None), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert patience.wait_asked(header) == seconds


@pytest.mark.parametrize(
    ("status", "says"), [(401, "credentials"), (403, "rights"), (400, "refuses the request")]
)
def test_what_a_person_has_to_mend_is_not_asked_again(server: SourceServer, status: int, says: str) -> None:
    server.handle = lambda asked: Answer(status, b'{"message": "secret detail of somebody"}')
    with asking(server, {"deals": deals()}) as client, pytest.raises(SourceRefused, match=says) as refused:
        client.fetch("deals", "1")
    assert "somebody" not in str(refused.value)
    assert len(server.asked) == 1


def test_a_redirect_does_not_carry_the_credentials_elsewhere(server: SourceServer) -> None:
    server.handle = lambda asked: Answer(302, headers={"Location": "http://127.0.0.2:1/deals/1"})
    with asking(server, {"deals": deals()}) as client, pytest.raises(SourceRefused):
        client.fetch("deals", "1")


def test_an_answer_that_takes_too_long_is_a_failure(server: SourceServer) -> None:
    server.handle = lambda asked: as_json({"id": 1}, wait=lambda: time.sleep(3))
    limits = {"timeout": 1, "retries": 0}
    began = time.monotonic()
    with asking(server, {"deals": deals()}, limits=limits) as client, pytest.raises(SourceUnavailable):
        client.fetch("deals", "1")
    assert time.monotonic() - began < 2.5


def test_a_source_that_keeps_failing_is_left_to_rest(server: SourceServer) -> None:
    server.handle = lambda asked: Answer(500)
    limits = {"retries": 0, "breaker_failures": 3, "breaker_rest": 600}
    with asking(server, {"deals": deals()}, limits=limits) as client:
        for _ in range(3):
            with pytest.raises(SourceUnavailable, match="HTTP 500"):
                client.fetch("deals", "1")
        with pytest.raises(SourceUnavailable, match="rests") as rests:
            client.fetch("deals", "1")
        assert rests.value.retry_after == 600
    assert len(server.asked) == 3


def test_a_source_that_throttles_or_lacks_a_record_is_in_good_health(server: SourceServer) -> None:
    limits = {"retries": 0, "breaker_failures": 2, "breaker_rest": 600}
    server.script = [Answer(404), Answer(429), Answer(404), Answer(429), as_json({"id": 1})]
    with asking(server, {"deals": deals()}, limits=limits) as client:
        for expected in (RecordGone, SourceThrottles, RecordGone, SourceThrottles):
            with pytest.raises(expected):
                client.fetch("deals", "1")
        assert client.fetch("deals", "1") == b'{"id": 1}'


def test_a_rest_ends_with_one_that_succeeds(server: SourceServer) -> None:
    limits = {"retries": 0, "breaker_failures": 1, "breaker_rest": 1}
    server.script = [Answer(500), as_json({"id": 1})]
    with asking(server, {"deals": deals()}, limits=limits) as client:
        with pytest.raises(SourceUnavailable):
            client.fetch("deals", "1")
        time.sleep(1.05)
        assert client.fetch("deals", "1") == b'{"id": 1}'


def test_no_more_is_asked_in_a_second_than_may_be(server: SourceServer) -> None:
    server.handle = lambda asked: as_json({"id": 1})
    with asking(server, {"deals": deals()}, limits={"per_second": 10}) as client:
        began = time.monotonic()
        for _ in range(5):
            client.fetch("deals", "1")
    assert time.monotonic() - began >= 0.4


# ---- credentials


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        ({"kind": "bearer", "secret": {"env": "TOKEN"}}, "authorization", "Bearer tok-1"),
        ({"kind": "basic", "user": "me", "secret": {"env": "PASS"}}, "authorization", "Basic bWU6cHc="),
        ({"kind": "header", "header": "X-Key", "secret": {"env": "TOKEN"}}, "x-key", "tok-1"),
    ],
)
def test_requests_prove_who_asks(server: SourceServer, credentials: Any, header: str, value: str) -> None:
    server.handle = lambda asked: as_json({"id": 1})
    with asking(server, {"deals": deals()}, credentials=credentials) as client:
        client.fetch("deals", "1")
    assert server.asked[0].headers[header] == value


def oauth(server: SourceServer, **more: Any) -> dict[str, Any]:
    return {
        "kind": "oauth2",
        "user": "client",
        "secret": {"env": "PASS"},
        "token_url": f"{server.url}/token",
        **more,
    }


class Tokens:
    """A token endpoint, and records that only the latest token opens."""

    def __init__(self, **more: Any) -> None:
        self.number = 0
        self.more = more

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            self.number += 1
            return as_json({"access_token": f"t{self.number}", "expires_in": 3600} | self.more)
        if asked.headers.get("authorization") != f"Bearer t{self.number}":
            return Answer(401)
        return as_json({"id": 1})


def test_a_token_is_asked_for_once_and_again_when_it_has_ended(server: SourceServer) -> None:
    server.handle = tokens = Tokens()
    with asking(server, {"deals": deals()}, credentials=oauth(server)) as client:
        client.fetch("deals", "1")
        client.fetch("deals", "2")
        tokens.number += 1  # the source forgets the token before its time
        client.fetch("deals", "3")
    paths = [asked.path for asked in server.asked]
    assert paths == ["/token", "/deals/1", "/deals/2", "/deals/3", "/token", "/deals/3"]
    assert server.asked[0].body == b"grant_type=client_credentials"


def test_a_new_refresh_token_is_kept_in_its_file(server: SourceServer, tmp_path: Path) -> None:
    file = tmp_path / "refresh"
    file.write_text("r1\n")
    server.handle = Tokens(refresh_token="r2")
    given = {
        "base_url": server.url,
        "objects": {"deals": deals()},
        "credentials": oauth(server, refresh={"file": str(file)}),
    }

    def resolve(env: str | None, path: Path | None) -> str:
        return SECRETS[env] if env is not None else (path or file).read_text().strip()

    client = client_of(ClientSection.model_validate(given, context={"resolve": resolve}))
    client.fetch("deals", "1")
    client.close()
    assert server.asked[0].body == b"grant_type=refresh_token&refresh_token=r1"
    assert file.read_text() == "r2"
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_token_the_message_says_what_to_check_and_no_secret(server: SourceServer) -> None:
    server.handle = lambda asked: Answer(400, b'{"error": "invalid_client"}')
    with (
        asking(server, {"deals": deals()}, credentials=oauth(server)) as client,
        pytest.raises(SourceRefused, match="check user, secret") as refused,
    ):
        client.fetch("deals", "1")
    assert "pw" not in str(refused.value)


# ---- lists


RECORDS = [{"id": str(n), "at": f"2026-01-01T00:00:{n:02d}Z"} for n in range(7)]


def read(
    client: HttpClient, kind: str = "deals", since: int | None = None, size: int = 3, most: int = 20
) -> list[str]:
    found: list[str] = []
    page: str | None = None
    for _ in range(most):
        given: Page = client.poll(kind, since, page, size)
        found += [json.loads(record)["id"] for record in given.records]
        if given.next is None:
            return found
        page = given.next
    raise AssertionError("the list has no end")


def by_link(asked: Asked) -> Answer:
    start = int(asked.query.get("start", 0))
    page: dict[str, Any] = {"results": RECORDS[start : start + 3]}
    if start + 3 < len(RECORDS):
        page["@odata.nextLink"] = f"/deals?start={start + 3}"
    return as_json(page)


def by_cursor(asked: Asked) -> Answer:
    start = int(asked.query.get("after", 0))
    page: dict[str, Any] = {"results": RECORDS[start : start + int(asked.query["limit"])]}
    if start + 3 < len(RECORDS):
        page["paging"] = {"next": {"after": str(start + 3)}}
    return as_json(page)


def by_offset(asked: Asked) -> Answer:
    start = int(asked.query.get("offset", 0))
    # two at most, whatever is asked for, as sources do
    return as_json({"results": RECORDS[start : start + 2]})


def by_page(asked: Asked) -> Answer:
    start = (int(asked.query["page"]) - 1) * 3
    return as_json({"results": RECORDS[start : start + 3]})


@pytest.mark.parametrize(
    ("handle", "setup"),
    [
        (by_link, {"paging": "next_link", "cursor": "@odata.nextLink"}),
        (by_cursor, {
            "paging": "cursor", "cursor": "paging.next.after",
            "cursor_parameter": "after", "size_parameter": "limit",
        }),
        (by_offset, {"paging": "offset", "cursor_parameter": "offset", "size_parameter": "limit"}),
        (by_page, {"paging": "page", "cursor_parameter": "page"}),
    ],
    ids=["next-link", "cursor", "offset", "page"],
)  # fmt: skip
def test_a_list_is_read_to_its_end(server: SourceServer, handle: Any, setup: dict[str, Any]) -> None:
    server.handle = handle
    with asking(server, {"deals": deals(**setup)}) as client:
        assert read(client) == [record["id"] for record in RECORDS]


def test_a_query_language_is_filled_in(server: SourceServer) -> None:
    query = "select * from Invoice where T >= '{since}' startposition {offset} maxresults {size}"
    setup = {
        "list": "/query", "records": "QueryResponse.Invoice", "since": f"query={query}",
        "parameters": {"query": "select * from Invoice startposition {offset} maxresults {size}"},
        "paging": "offset", "first": 1,
    }  # fmt: skip
    server.script = [
        as_json({"QueryResponse": {"Invoice": RECORDS[:2]}}),
        as_json({"QueryResponse": {}, "time": "x"}),
    ]
    with asking(server, {"invoices": setup}) as client:
        assert (
            client.poll("invoices", None, None, 5).records[0] == b'{"id": "0", "at": "2026-01-01T00:00:00Z"}'
        )
        assert client.poll("invoices", T0, None, 5) == Page(())
    assert [asked.query["query"] for asked in server.asked] == [
        "select * from Invoice startposition 1 maxresults 5",
        "select * from Invoice where T >= '2026-01-01T00:00:00.000Z' startposition 1 maxresults 5",
    ]


def test_a_search_is_posted_with_its_values_as_json(server: SourceServer) -> None:
    setup = deals(body='{"since": "{since}", "limit": {size}, "of": "{object}"}', since_format="unix_ms")
    server.handle = lambda asked: as_json({"results": []})
    with asking(server, {'de"als': setup}) as client:
        client.poll('de"als', T0, None, 50)
    assert json.loads(server.asked[0].body) == {"since": "1767225600000", "limit": 50, "of": 'de"als'}
    assert server.asked[0].method == "POST"


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("iso", "2026-01-01T00:00:00.000Z"),
        ("unix", "1767225600"),
        ("unix_ms", "1767225600000"),
        ("date", "2026-01-01"),
    ],
)
def test_a_moment_is_written_as_the_source_wants_it(server: SourceServer, form: Any, written: str) -> None:
    server.handle = lambda asked: as_json({"results": []})
    with asking(server, {"deals": deals(since="updated_at[after]", since_format=form)}) as client:
        client.poll("deals", T0, None, 10)
        client.poll("deals", None, None, 10)
    assert [asked.query.get("updated_at[after]") for asked in server.asked] == [written, None]


@pytest.mark.parametrize(
    "stamp",
    ["2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00", "2026-01-01 00:00:00", 1767225600, 1767225600000,
     "1767225600", "/Date(1767225600000)/"],
)  # fmt: skip
def test_the_latest_change_on_a_page_is_told(server: SourceServer, stamp: Any) -> None:
    server.handle = lambda asked: as_json({"results": [{"meta": {"at": 5}}, {"meta": {"at": stamp}}, {}]})
    with asking(server, {"deals": deals(updated="meta.at")}) as client:
        assert client.poll("deals", None, None, 10).highest == T0


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"items": []}),
        as_json({"results": {"id": 1}}),
        as_json([]),
        as_json({"results": [], "x": 1}, cut=20),
    ],
)
def test_an_answer_without_the_list_is_no_empty_list(server: SourceServer, answer: Answer) -> None:
    server.handle = lambda asked: answer
    with (
        asking(server, {"deals": deals()}, limits={"retries": 0}) as client,
        pytest.raises(SourceUnavailable),
    ):
        client.poll("deals", None, None, 10)


def test_records_inside_of_elements_are_cut_out(server: SourceServer) -> None:
    server.handle = lambda asked: as_json(
        {"list": [{"invoice": {"id": 1}, "card": {}}, {"invoice": {"id": 2}}]}
    )
    with asking(server, {"invoices": deals(records="list.*.invoice")}) as client:
        assert client.poll("invoices", None, None, 10).records == (b'{"id": 1}', b'{"id": 2}')


def test_a_next_page_on_another_host_is_not_followed(server: SourceServer) -> None:
    server.handle = lambda asked: as_json({"results": [], "next": "http://elsewhere.example/deals"})
    with asking(server, {"deals": deals(paging="next_link", cursor="next")}) as client:
        page = client.poll("deals", None, None, 10)
        with pytest.raises(SourceRefused, match="another host"):
            client.poll("deals", None, page.next, 10)


def test_a_page_that_the_source_has_forgotten_is_lost(server: SourceServer) -> None:
    server.script = [as_json({"results": RECORDS[:3], "after": "x"}), Answer(410)]
    setup = deals(paging="cursor", cursor="after", cursor_parameter="after")
    with asking(server, {"deals": setup}) as client:
        page = client.poll("deals", None, None, 3)
        with pytest.raises(PageLost):
            client.poll("deals", None, page.next, 3)
        with pytest.raises(PageLost):
            client.poll("deals", None, "no page at all", 3)


def test_a_list_that_shifts_while_it_is_read_loses_nothing(server: SourceServer) -> None:
    current = [dict(record) for record in RECORDS]

    def handle(asked: Asked) -> Answer:
        start = int(asked.query["offset"])
        found = current[start : start + 3]
        if len(server.asked) in (1, 2):
            # somebody changes the first record: it moves to the end, all others move up
            current.append(current.pop(0))
        return as_json({"results": found})

    server.handle = handle
    setup = deals(paging="offset", cursor_parameter="offset")
    with asking(server, {"deals": setup}) as client:
        assert set(read(client)) == {record["id"] for record in RECORDS}


def test_a_list_in_no_order_is_said_to_be(server: SourceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(asked: Asked) -> Answer:
        start = int(asked.query["offset"])
        number = len(server.asked)
        return as_json({"results": [{"id": f"{number}-{n}"} for n in range(start, start + 3)]})

    server.handle = handle
    setup = deals(paging="offset", cursor_parameter="offset")
    with asking(server, {"deals": setup}) as client, pytest.raises(SourceRefused, match="steady order"):
        read(client, most=1_000)


def test_business_dates_give_records_ids_and_totals(server: SourceServer) -> None:
    rows = [{"id": 1, "total": "10.10", "cur": "EUR"}, {"id": 2, "total": 0.2, "cur": "EUR"}]
    server.handle = lambda asked: as_json({"results": rows})
    setup = deals(
        between={"from": "{from}", "to": "{to}"}, amount="total", currency="cur",
        wrap={"object": "o", "record": "r"},
    )  # fmt: skip
    span = (date(2026, 1, 1), date(2026, 1, 31))
    with asking(server, {"deals": setup}) as client:
        assert list(client.ids("deals", *span)) == ["1", "2"]
        assert client.totals("deals", *span) == Total(2, "10.30", "EUR")
        rows[1]["cur"] = "USD"
        assert client.totals("deals", *span) == Total(2)
    assert server.asked[0].query == {"from": "2026-01-01", "to": "2026-01-31"}
