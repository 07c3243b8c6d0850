"""Callers who are limited to some rows: they get what everybody gets who asks for those rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.access.roles import ROUTES
from projections.measures import VIEWS
from scripts.sample_company import make_sample
from tests.access.conftest import Gate
from tests.access.test_roles import NOOP, asked
from tests.api.samples import LINES

UNTIL = date(2026, 10, 31)
SPAN = {"from": "2025-11-01", "to": "2026-10-31"}


#: Routes for readers that can't be limited to some rows.
UNLIMITED = sorted(
    route for route, rule in ROUTES.items() if "read" in rule.roles and not rule.by_row and route not in NOOP
)


@pytest.fixture(scope="module")
def company(gate: Gate) -> Gate:
    """The ledger with a small sample company in it; the reports have all of it."""
    content = b"".join(arrival.line for arrival in make_sample(7, 40, UNTIL).delivery.arrivals)
    answer = gate.operator.post("/v1/events", content=content, headers={"Content-Type": LINES})
    last = max(result["position"] or 0 for result in answer.json()["results"])
    gate.operator.get("/v1/reports/billing", params={"at_least": last, "timeout": 30}).raise_for_status()
    return gate


def values(gate: Gate, dimension: str) -> list[str]:
    """The values of a dimension that deals with an invoice have."""
    rows = gate.operator.get("/v1/reports/billing", params={"by": dimension, **SPAN}).json()["rows"]
    return sorted({row[dimension] for row in rows if row[dimension]})


@pytest.fixture(scope="module", params=["entity", "territory"])
def limited(request: pytest.FixtureRequest, company: Gate) -> Iterator[tuple[str, str, str, httpx.Client]]:
    """(dimension, the value that a caller may read, another one, the caller)."""
    dimension: str = request.param
    own, other, *_ = values(company, dimension)
    with company.caller(f"limited-{dimension}", "read", **{dimension: [own]}) as client:
        yield dimension, own, other, client


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("params", [{"by": "deal"}, {"by": "customer,month"}, {"by": "entity,territory"}, {}])
def test_a_limited_caller_gets_the_very_answer_that_the_filter_gives(
    company: Gate, limited: tuple[str, str, str, httpx.Client], view: str, params: dict[str, str]
) -> None:
    dimension, own, _, client = limited
    path = f"/v1/reports/{view}"
    at = int(company.operator.get("/v1/status").json()["projection"]["position"])
    asked = {**params, **SPAN, "known_position": str(at)}
    wanted = company.operator.get(path, params={**asked, dimension: own})
    everything = company.operator.get(path, params=asked)
    answer = client.get(path, params=asked)
    assert answer.content == wanted.content
    assert answer.headers["cairn-limited-to"] == f"{dimension}={own}"
    assert client.get(path, params={**asked, dimension: own}).content == wanted.content
    csv = client.get(path, params={**asked, "format": "csv"})
    assert (
        csv.content == company.operator.get(path, params={**asked, dimension: own, "format": "csv"}).content
    )
    assert csv.headers["cairn-limited-to"] == f"{dimension}={own}"
    assert "cairn-limited-to" not in everything.headers


def test_the_limit_leaves_something_out_and_something_in(
    company: Gate, limited: tuple[str, str, str, httpx.Client]
) -> None:
    *_, client = limited
    mine, all_ = (
        {row["deal"] for row in one.get("/v1/reports/billing", params={"by": "deal", **SPAN}).json()["rows"]}
        for one in (client, company.operator)
    )
    assert mine
    assert mine < all_


@pytest.mark.parametrize("suffix", ["", "/explain"])
def test_other_rows_are_refused(limited: tuple[str, str, str, httpx.Client], suffix: str) -> None:
    dimension, own, other, client = limited
    path = f"/v1/reports/billing{suffix}"
    for value in (other, "", own + " ", own.lower() + "x", f"{own},{other}"):
        answer = client.get(path, params={dimension: value, **SPAN})
        assert answer.status_code == 403, value
        assert answer.json()["allowed"] == [f"{dimension}={own}"]
    both = client.get(path, params=[(dimension, own), (dimension, other)])
    assert both.status_code == 403
    assert client.get(path, params=[(dimension, own), (dimension, own)]).status_code == 422


def test_pages_links_and_explanations_lead_to_own_rows_only(
    company: Gate, limited: tuple[str, str, str, httpx.Client]
) -> None:
    dimension, own, _, client = limited
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"by": "deal,entity,territory", "limit": 3, **SPAN}
    cursor: str | None = None
    while True:
        answer = client.get("/v1/reports/billing", params=params | ({"cursor": cursor} if cursor else {}))
        found += answer.json()["rows"]
        cursor = answer.json()["next"]
        if cursor is None:
            break
    whole = client.get("/v1/reports/billing", params={"by": "deal,entity,territory", **SPAN}).json()["rows"]
    assert [row["deal"] for row in found] == [row["deal"] for row in whole]
    assert {row[dimension] for row in found} == {own}
    for row in found[:5]:
        explained = client.get(row["explain"])
        assert explained.status_code == 200
        assert explained.json()["filters"][dimension] == own
        assert company.operator.get(row["explain"]).content == explained.content
        # without the filter in the link the limit holds all the same
        parts = urlsplit(row["explain"])
        bare = "&".join(one for one in parts.query.split("&") if not one.startswith(f"{dimension}="))
        assert client.get(f"{parts.path}?{bare}").content == explained.content


def test_cursors_and_links_of_others_are_of_no_use(
    company: Gate, limited: tuple[str, str, str, httpx.Client]
) -> None:
    dimension, _, other, client = limited
    params: dict[str, Any] = {"by": "deal", "limit": 1, **SPAN}
    theirs = company.operator.get("/v1/reports/billing", params=params).json()
    assert theirs["next"]
    assert client.get("/v1/reports/billing", params=params | {"cursor": theirs["next"]}).status_code == 422
    narrowed = company.operator.get("/v1/reports/billing", params=params | {dimension: other}).json()
    assert client.get(narrowed["rows"][0]["explain"]).status_code == 403


def test_a_deal_of_others_looks_like_one_that_is_not_there(
    company: Gate, limited: tuple[str, str, str, httpx.Client]
) -> None:
    dimension, _, other, client = limited
    params = {"by": "deal", dimension: other, **SPAN}
    theirs = company.operator.get("/v1/reports/billing", params=params).json()["rows"][0]["deal"]
    for path in ("/v1/reports/billing", "/v1/reports/billing/explain"):
        answers = [client.get(path, params={"deal": deal, **SPAN}) for deal in (theirs, "no/such:deal:1")]
        assert {answer.status_code for answer in answers} == {200}
        told = [answer.json() | {"filters": None} for answer in answers]
        assert told[0] == told[1]


@pytest.mark.parametrize(
    ("method", "path"),
    UNLIMITED,
)
def test_what_can_not_be_limited_is_refused_and_says_what_may_be_asked(
    limited: tuple[str, str, str, httpx.Client], method: str, path: str
) -> None:
    dimension, own, _, client = limited
    answer = asked(client, method, path)
    assert answer.status_code == 403
    assert f"{dimension} {own}" in answer.json()["detail"]
    assert "/v1/reports/{view}" in answer.json()["allowed"]


def test_of_several_values_a_caller_names_one(company: Gate) -> None:
    one, two, *_ = values(company, "territory")
    with company.caller("two-territories", "read", territory=[one, two]) as client:
        answer = client.get("/v1/reports/billing", params=SPAN)
        assert answer.status_code == 403
        assert answer.json()["allowed"] == [f"territory={one}", f"territory={two}"]
        for value in (one, two):
            assert client.get("/v1/reports/billing", params={"territory": value, **SPAN}).status_code == 200
        assert client.get("/v1/reports/billing", params={"territory": "X", **SPAN}).status_code == 403


def test_limits_by_both_dimensions_hold_together(company: Gate) -> None:
    entity, territory = values(company, "entity")[0], values(company, "territory")[0]
    with company.caller("both", "read", entity=[entity], territory=[territory]) as client:
        answer = client.get("/v1/reports/billing", params={"by": "deal", **SPAN})
        wanted = company.operator.get(
            "/v1/reports/billing", params={"by": "deal", "entity": entity, "territory": territory, **SPAN}
        )
        assert answer.json()["rows"] == wanted.json()["rows"]


def test_a_limited_caller_that_appends_too_still_reads_its_own_rows_only(company: Gate) -> None:
    own, other, *_ = values(company, "entity")
    with company.caller("both-ways", "read", "append", sources=["/crm/*/*"], entity=[own]) as client:
        assert client.get("/v1/reports/billing", params={"entity": other}).status_code == 403
        assert client.get("/v1/milestones").status_code == 403
        sent = client.post("/v1/events", content=b"[]", headers={"Content-Type": "application/json"})
        assert sent.status_code == 200
