"""Reports over HTTP: parameters, pages, both axes of time, and rows that are explained to the last cent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from projections.measures import VIEWS
from projections.reports import GROUPS
from scripts.sample_company import make_sample
from tests.api.running import serving
from tests.api.samples import LINES, order

UNTIL = date(2026, 10, 31)
SPAN = {"from": "2025-11-01", "to": "2026-10-31"}


@pytest.fixture(scope="module")
def company(server_url: str) -> Iterator[httpx.Client]:
    """A ledger with a small sample company in it; the reports have all of it."""
    schema = "reports_company"
    content = b"".join(arrival.line for arrival in make_sample(7, 12, UNTIL).delivery.arrivals)
    try:
        with serving(server_url, schema) as client:
            answer = client.post("/v1/events", content=content, headers={"Content-Type": LINES})
            last = max(result["position"] or 0 for result in answer.json()["results"])
            report(client, "billing", at_least=last)
            yield client
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def report(client: httpx.Client, view: str, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/reports/{view}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def everything(client: httpx.Client, path: str, name: str, **params: Any) -> list[dict[str, Any]]:
    """All pages of a listing."""
    found: list[dict[str, Any]] = []
    answer = client.get(path, params=params or None).json()
    while True:
        found += answer[name]
        if answer["next"] is None:
            return found
        url = httpx.URL(path).copy_merge_params({**params, "cursor": answer["next"]})
        answer = client.get(url).json()


def added(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, dict[str, Decimal]]:
    """currency -> measure -> sum"""
    sums: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        of = sums.setdefault(row["currency"], dict.fromkeys(names, Decimal(0)))
        for name in names:
            of[name] += Decimal(row[name])
    return sums


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("by", ["deal", "customer", "product", "class", "territory,month"])
def test_rows_add_up_to_their_explanations(
    company: httpx.Client, view: str, by: str, subtests: pytest.Subtests
) -> None:
    span = SPAN if view == "bookings" or "month" in by else {"at": "2026-06-30"}
    rows = report(company, view, by=by, limit=25, **span)["rows"]
    assert rows
    netted = VIEWS[view].netted
    measures = [name for name in rows[0] if name not in {*by.split(","), "currency", "explain", "nrr", "grr"}]
    assert len(measures) > 1
    for row in rows:
        with subtests.test(str({name: row[name] for name in by.split(",")} | {"currency": row["currency"]})):
            postings = everything(company, row["explain"], "postings")
            for name in measures:
                if name in netted:
                    continue
                explained = sum(Decimal(posting["counts"].get(name, "0")) for posting in postings)
                assert explained == Decimal(row[name]), name
            for name in netted:
                told = company.get(row["explain"]).json()["netted"]
                assert sum(Decimal(deal[name]) for deal in told) == Decimal(row[name]), name


@pytest.mark.parametrize("view", VIEWS)
def test_groups_and_totals_add_up_to_the_whole(company: httpx.Client, view: str) -> None:
    measures = VIEWS[view].measures
    whole = added(report(company, view, at="2026-06-30")["rows"], measures)
    for group in ("deal", "customer", "product", "segment"):
        if group == "product" and VIEWS[view].netted:
            continue  # netted per deal and product: a finer net is another sum
        answer = report(company, view, at="2026-06-30", by=group, limit=10_000)
        assert added(answer["rows"], measures) == whole, group
        assert added(answer["totals"], measures) == whole, group


def test_a_report_says_what_it_was_given_from(company: httpx.Client) -> None:
    answer = report(company, "backlog", at="2026-06-30")
    assert list(answer) == [
        "view", "at", "known", "basis", "generation", "policies", "rows", "totals", "next",
    ]  # fmt: skip
    assert answer["at"] == "2026-06-30"
    assert answer["basis"] == "restated"
    assert answer["known"]["time"].endswith("Z")
    turnover = report(company, "bookings", **SPAN)
    assert (turnover["from"], turnover["to"]) == (SPAN["from"], SPAN["to"])
    assert "at" not in turnover


def test_pages_are_pinned_while_more_comes_in(lone_client: httpx.Client) -> None:
    client = lone_client
    first = client.post("/v1/events", json=[order(f"SO-{n}") for n in range(5)]).json()
    params = {"by": "deal", "limit": 2, "at": "2026-12-31", "at_least": first["results"][-1]["position"]}
    page = report(client, "bookings", **params)
    more = client.post("/v1/events", json=order("SO-00")).json()["results"][0]["position"]
    report(client, "bookings", at_least=more)
    rows = page["rows"]
    while page["next"]:
        page = report(client, "bookings", **params, cursor=page["next"])
        rows += page["rows"]
    assert [row["deal"][-4:] for row in rows] == ["SO-0", "SO-1", "SO-2", "SO-3", "SO-4"]
    assert page["known"]["position"] == 5


def test_both_axes_of_time_work_on_every_view(lone_client: httpx.Client, subtests: pytest.Subtests) -> None:
    client = lone_client
    client.post("/v1/events", json=order("SO-1")).raise_for_status()
    time = report(client, "bookings", at_least=1)["known"]["time"]
    client.post("/v1/events", json=order("SO-2")).raise_for_status()
    report(client, "bookings", at_least=2)
    for view in VIEWS:
        with subtests.test(view):
            by_position = report(client, view, by="deal", at="2026-12-31", known_position=1)
            by_time = report(client, view, by="deal", at="2026-12-31", known_at=time)
            assert by_position["rows"] == by_time["rows"]
            assert by_time["known"] == {"position": 1, "time": time}
            assert not any(row["deal"].endswith("SO-2") for row in by_time["rows"])
    assert report(client, "backlog", known_at="2020-01-01T00:00:00Z")["rows"] == []
    assert report(client, "backlog", known_position=0)["known"] == {"position": 0, "time": None}
    assert (
        len(report(client, "bookings", by="deal", at="2026-12-31", known_at="2999-01-01T00:00:00Z")["rows"])
        == 2
    )


def test_at_least_waits_for_what_was_written(client: httpx.Client) -> None:
    for _ in range(20):
        event = order()
        position = client.post("/v1/events", json=event).json()["results"][0]["position"]
        key = event["data"]["keys"][0]
        answer = report(client, "bookings", deal=key, by="deal", at="2026-12-31", at_least=position)
        assert [row["booked"] for row in answer["rows"]] == ["1000.00"]
        assert answer["known"]["position"] >= position


def test_at_least_gives_up_in_time(client: httpx.Client) -> None:
    answer = client.get("/v1/reports/billing", params={"at_least": 10**9, "timeout": 0.2})
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:cairn:problem:not-yet-projected"
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("foo=1", "foo"),
        ("by=shoe", "shoe"),
        ("by=month&by=year&from=2026-01-01&to=2026-02-01", "month"),
        ("at=2026-02-30", "at"),
        ("at=2026-01-01&from=2026-01-01", "not both"),
        ("from=2026-02-01&to=2026-01-01", "from"),
        ("known_at=yesterday", "RFC 3339"),
        ("known_at=2026-01-01T00:00:00", "RFC 3339"),
        ("known_position=-1", "known_position"),
        ("known_position=1&known_at=2026-01-01T00:00:00Z", "not both"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=1&limit=2", "once"),
        ("cursor=abc", "cursor"),
        ("basis=whatever", "basis"),
        ("format=xml", "format"),
        ("rate=closing", "give currency"),
        ("currency=usd", "ISO 4217"),
        ("currency=EUX&rate=closing", "ISO 4217"),
        ("currency=USD&rate=spot", "rate=spot"),
        ("currency=USD&rate=constant", "constant:2026-01-31"),
        ("currency=USD&rate=constant:2026-02-30", "constant:2026-01-31"),
        ("currency=USD&rate=closing:2026-01-01", "rate=closing"),
        ("policy=nobody@7", "name@version"),
        ("timeout=x", "timeout"),
        ("deal=%00", "NUL"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_a_422_that_says_so(
    client: httpx.Client, query: str, said: str
) -> None:
    client.get("/v1/reports/billing", params={"at_least": 0})
    answer = client.get(f"/v1/reports/billing?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_an_unknown_parameter_or_view_lists_what_there_is(client: httpx.Client) -> None:
    allowed = client.get("/v1/reports/billing?foo=1").json()["allowed"]
    assert {"at", "from", "to", "known_at", "known_position", "by", "currency", "limit", "cursor"} <= set(
        allowed
    )
    reports = client.get("/v1/reports/nope?foo=1").json()["allowed"]
    assert set(VIEWS) | {"bridge", "exceptions", "latency", "billing/restatement"} <= set(reports)
    for name in reports:
        needed = {"from_known": 0} if "/" in name else {}
        assert client.get(f"/v1/reports/{name}", params=needed).status_code == 200, name
    assert client.get("/v1/reports/billing?by=nope").json()["allowed"] == list(GROUPS)


@pytest.mark.parametrize(
    "path",
    [*(f"/v1/reports/{name}" for name in ("billing", "bridge", "exceptions", "latency")), "/v1/milestones",
     "/v1/milestones/1", "/v1/laws", "/v1/deals/erp/netsuite/acme:order:SO-0/timeline"],
)  # fmt: skip
def test_a_position_that_is_not_recorded_yet_can_not_be_known(company: httpx.Client, path: str) -> None:
    head = company.get("/v1/status").json()["log"]["position"]
    for beyond in (head + 1, 10**9):
        answer = company.get(path, params={"known_position": beyond})
        assert answer.status_code == 422, answer.text
        assert f"position {beyond} is not recorded yet: the log ends at {head}" in answer.json()["detail"]
    assert company.get(path, params={"known_position": head}).status_code in (200, 404)


@pytest.mark.parametrize("name", ["from_known", "to_known"])
def test_nothing_is_restated_from_or_to_what_is_not_recorded(company: httpx.Client, name: str) -> None:
    params = {"from_known": 0, name: 10**9}
    answer = company.get("/v1/reports/billing/restatement", params=params)
    assert answer.status_code == 422
    assert "the log ends at" in answer.json()["detail"]


def test_a_cursor_fits_its_own_question_only(company: httpx.Client) -> None:
    cursor = report(company, "billing", by="deal", limit=1)["next"]
    answer = company.get("/v1/reports/billing", params={"by": "customer", "limit": 1, "cursor": cursor})
    assert answer.status_code == 422


def test_csv_holds_the_same_rows(company: httpx.Client) -> None:
    rows = report(company, "billing", by="customer", at="2026-06-30")["rows"]
    asked = {"by": "customer", "at": "2026-06-30"}
    for answer in (
        company.get("/v1/reports/billing", params=asked, headers={"Accept": "text/csv"}),
        company.get("/v1/reports/billing", params={**asked, "format": "csv"}),
    ):
        assert answer.headers["content-type"].startswith("text/csv")
        assert list(csv.DictReader(io.StringIO(answer.text))) == [
            {name: value or "" for name, value in row.items()} for row in rows
        ]
    paged = company.get("/v1/reports/billing", params={**asked, "format": "csv", "limit": 2})
    assert paged.links["next"]["url"].startswith("/v1/reports/billing?")


def test_what_has_no_value_is_asked_for_with_an_empty_one(lone_client: httpx.Client) -> None:
    nameless = order("SO-none")
    del nameless["data"]["dimensions"]
    lone_client.post("/v1/events", json=[nameless, order("SO-some")]).raise_for_status()
    answer = report(lone_client, "bookings", by="customer", at="2026-12-31", at_least=2)
    assert [row["customer"] for row in answer["rows"]] == [None, "C-1"]
    assert [
        row["booked"] for row in report(lone_client, "bookings", customer="", at="2026-12-31")["rows"]
    ] == ["1000.00"]


def test_a_link_to_a_generation_that_never_was_says_so(company: httpx.Client) -> None:
    answer = company.get("/v1/reports/billing/explain", params={"generation": 999})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:cairn:problem:generation-unknown")


def test_the_laws_are_served_with_their_wording(company: httpx.Client) -> None:
    answer = company.get("/v1/laws", params={"at": "2026-06-30"}).json()
    assert answer["hold"] is True
    assert answer["breaches"] == []
    assert all(answer["laws"].values())
