"""The bridge over HTTP: parameters, pages, both moments, links, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from projections.bridge import FIGURES, REASONS, STEPS
from scripts.sample_company import make_sample
from tests.api.running import serving
from tests.api.samples import LINES
from tests.projections import events as e
from tests.projections import revising as r

DAY = "2026-06-30"


@pytest.fixture(scope="module")
def company(server_url: str) -> Iterator[httpx.Client]:
    """A ledger with a small sample company in it; the reports have all of it."""
    schema = "bridge_company"
    content = b"".join(arrival.line for arrival in make_sample(3, 10, date(2026, 10, 31)).delivery.arrivals)
    try:
        with serving(server_url, schema) as client:
            answer = client.post("/v1/events", content=content, headers={"Content-Type": LINES})
            last = max(result["position"] or 0 for result in answer.json()["results"])
            bridge(client, at_least=last, at=DAY)
            yield client
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def bridge(client: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = client.get("/v1/reports/bridge", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def differences(figure: dict[str, str]) -> dict[str, Decimal]:
    """What each step takes away, of one group."""
    return {
        step: Decimal(figure[before]) - Decimal(figure[after])
        for step, (before, after) in zip(STEPS, pairwise(FIGURES), strict=True)
    }


@pytest.mark.parametrize("by", ["deal", "customer", "currency", "territory,owner"])
def test_the_rows_of_each_step_add_up_to_its_difference(company: httpx.Client, by: str) -> None:
    found = bridge(company, at=DAY, by=by)
    names = [name for name in by.split(",") if name != "currency"] + ["currency"]
    assert found["figures"]
    taken: dict[tuple[Any, ...], Decimal] = {}
    for row in found["rows"]:
        assert list(row) == [*names, "step", "reason", "amount", "explain"]
        assert row["reason"] in REASONS[row["step"]]
        assert row["reason"] != "unexplained"
        key = (*(row[name] for name in names), row["step"])
        taken[key] = taken.get(key, Decimal(0)) + Decimal(row["amount"])
    for figure in found["figures"]:
        for step, difference in differences(figure).items():
            assert taken.get((*(figure[name] for name in names), step), Decimal(0)) == difference
    for total in found["totals"]:
        for step, difference in differences(total).items():
            assert sum(Decimal(r["amount"]) for r in total["rows"] if r["step"] == step) == difference
        for name in FIGURES:
            figures = [figure for figure in found["figures"] if figure["currency"] == total["currency"]]
            assert sum(Decimal(figure[name]) for figure in figures) == Decimal(total[name])


def test_the_head_says_what_it_was_given_from(company: httpx.Client) -> None:
    found = bridge(company, at=DAY, known_position=40)
    assert (found["view"], found["at"], found["basis"]) == ("bridge", DAY, "restated")
    assert found["known"]["position"] == 40
    assert found["policies"] == ["default@1"]
    assert found["figures"] != bridge(company, at=DAY)["figures"]


def test_it_can_be_read_as_it_was_reported(company: httpx.Client) -> None:
    found = bridge(company, at=DAY, basis="as_reported")
    assert found["basis"] == "as_reported"
    row = found["rows"][0]
    answer = company.get(row["explain"]).json()
    assert answer["basis"] == "as_reported"
    assert answer["amounts"] == {row["currency"]: row["amount"]}


@pytest.mark.parametrize("rate", ["transaction", "closing", "constant:2026-03-31"])
def test_it_can_be_read_in_one_currency(company: httpx.Client, rate: str) -> None:
    found = bridge(company, at=DAY, by="customer", currency="EUR", rate=rate)
    staying = {one["currency"] for one in found["unrated"]}
    assert {row["currency"] for row in found["figures"]} <= {"EUR", *staying}
    for total in found["totals"]:
        for step, difference in differences(total).items():
            assert sum(Decimal(r["amount"]) for r in total["rows"] if r["step"] == step) == difference
    for row in found["rows"][:12]:
        answer = company.get(row["explain"])
        assert answer.status_code == 200, answer.text
        assert answer.json()["amounts"] == {row["currency"]: row["amount"]}
    as_csv = company.get(
        "/v1/reports/bridge", params={"at": DAY, "currency": "EUR", "rate": rate, "format": "csv"}
    )
    assert as_csv.headers["x-unrated"] == str(len(found["unrated"]))


def test_what_has_no_rate_is_listed_and_stays(lone_client: httpx.Client) -> None:
    won = e.won("2026-01-10", e.line("S", "100.00"), currency="USD")
    lone_client.post("/v1/events", json=won).raise_for_status()
    asked = {"at": DAY, "currency": "EUR", "rate": "closing"}
    found = bridge(lone_client, **asked, at_least=1)
    assert [(row["currency"], row["amount"]) for row in found["rows"]] == [("USD", "100.00")]
    assert [one["on"] for one in found["unrated"]] == [DAY]
    lone_client.post("/v1/events", json=r.rate("2026-01-01", "USD", "EUR", "0.5")).raise_for_status()
    found = bridge(lone_client, **asked, at_least=2)
    assert [(row["currency"], row["amount"]) for row in found["rows"]] == [("EUR", "50.00")]
    assert found["unrated"] == []
    (item,) = lone_client.get(found["rows"][0]["explain"]).json()["items"]
    assert (item["amount"], item["currency"], item["converted"]) == ("100.00", "USD", "50.00")


def test_it_can_be_read_under_several_policies_page_by_page(lone_client: httpx.Client) -> None:
    won = [e.won("2026-06-29", e.line("S", "100.00"), number=f"O-{n}", time="20:00:00") for n in range(3)]
    patient = r.policy("2020-01-01", "1", {"sla_hours": {"WON_NO_ORDER": 100}, "quarter_end_hours": 100})
    lone_client.post("/v1/events", json=[*won, patient]).raise_for_status()
    asked = {"at": DAY, "policy": "default@1,house@1"}
    whole = bridge(lone_client, **asked, at_least=4)
    assert [(row["policy"], row["reason"]) for row in whole["rows"]] == [
        *[("default@1", "integration_failed")] * 3,
        *[("house@1", "timing_in_sla")] * 3,
    ]
    assert [total["policy"] for total in whole["totals"]] == ["default@1", "house@1"]
    rows, cursor = [], None
    for size in (2, 2, 2):
        page = bridge(lone_client, **asked, limit=2, **({"cursor": cursor} if cursor else {}))
        assert len(page["figures"]) == size
        rows += page["rows"]
        cursor = page["next"]
    assert cursor is None
    assert rows == whole["rows"]
    for row in rows:
        answer = lone_client.get(row["explain"]).json()
        assert answer["amounts"] == {"EUR": "100.00"}
    head = lone_client.get("/v1/reports/bridge", params={**asked, "format": "csv"}).text.splitlines()[0]
    assert head.startswith("policy,deal,currency,step,reason,amount")


def test_pages_put_together_are_the_whole(company: httpx.Client) -> None:
    whole = bridge(company, at=DAY)
    rows, figures, cursor = [], [], None
    while True:
        page = bridge(company, at=DAY, limit=3, **({"cursor": cursor} if cursor else {}))
        rows += page["rows"]
        figures += page["figures"]
        assert page["totals"] == whole["totals"]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["figures"]) == 3
    assert (rows, figures) == (whole["rows"], whole["figures"])


@pytest.mark.parametrize("by", ["deal", "customer", "currency"])
def test_every_row_is_explained_to_the_last_cent(company: httpx.Client, by: str) -> None:
    rows = bridge(company, at=DAY, by=by)["rows"]
    seen = set()
    for row in rows:
        if by == "deal" and (row["step"], row["reason"]) in seen:
            continue
        seen.add((row["step"], row["reason"]))
        items, counts, answer = whole_explanation(company, row["explain"])
        assert answer["amounts"] == {row["currency"]: row["amount"]}
        expected = Decimal(row["amount"])
        if items:
            assert sum(Decimal(item["amount"]) for item in items) == expected
            expected = sum((Decimal(item["balance"]) for item in items), Decimal(0))
        assert counts == expected, row
    assert len(seen) > 8


def whole_explanation(
    client: httpx.Client, link: str
) -> tuple[list[dict[str, str]], Decimal, dict[str, Any]]:
    """All items, the sum of what all postings count for, and the last page."""
    items: list[dict[str, str]] = []
    counts, url = Decimal(0), httpx.URL(link).copy_merge_params({"limit": "50"})
    while True:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        items += page["items"]
        counts += sum((Decimal(posting["counts"]) for posting in page["postings"]), Decimal(0))
        if page["next"] is None:
            return items, counts, page
        url = url.copy_set_param("cursor", page["next"])


def test_an_explanation_leads_to_deals_milestones_and_payloads(company: httpx.Client) -> None:
    row = next(row for row in bridge(company, at=DAY)["rows"] if row["reason"] == "past_due")
    answer = company.get(row["explain"]).json()
    assert company.get(answer["items"][0]["timeline"]).status_code == 200
    for link in answer["postings"][0]["links"].values():
        assert company.get(link).status_code == 200
    other = httpx.URL(row["explain"]).copy_set_param("reason", "price")
    refused = company.get(other)
    assert refused.status_code == 422
    assert "past_due" in refused.json()["allowed"]
    assert company.get("/v1/reports/bridge/explain", params={"at": DAY}).status_code == 422


def test_the_same_rows_as_csv(company: httpx.Client) -> None:
    found = bridge(company, at=DAY)
    answer = company.get("/v1/reports/bridge", params={"at": DAY, "limit": 4, "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'rel="next"' in answer.headers["link"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows == found["rows"][: len(rows)]
    accepted = company.get("/v1/reports/bridge", params={"at": DAY}, headers={"Accept": "text/csv"})
    assert list(csv.DictReader(io.StringIO(accepted.text))) == found["rows"]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"by": "product"}, "product"),
        ({"by": "month"}, "month"),
        ({"basis": "as_booked"}, "basis"),
        ({"product": "S"}, "product"),
        ({"from": "2026-01-01"}, "from"),
        ({"at": "yesterday"}, "at"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"rate": "closing"}, "give currency"),
        ({"currency": "EUX"}, "ISO 4217"),
        ({"currency": "EUR", "rate": "spot"}, "rate=spot"),
        ({"policy": "nobody@7"}, "name@version"),
    ],
)
def test_what_can_not_be_asked_is_refused_by_name(
    company: httpx.Client, params: dict[str, str], named: str
) -> None:
    answer = company.get("/v1/reports/bridge", params=params)
    assert answer.status_code == 422
    assert named in answer.json()["detail"]
