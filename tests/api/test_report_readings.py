"""Reports over HTTP as reported, converted, and under other policies: links, pages, CSV, refusals."""

from __future__ import annotations

import csv
import io
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest

from tests.projections import events as e
from tests.projections import revising as r

SPAN = {"from": "2024-01-01", "to": "2024-12-31"}
USD = {"currency": "USD", "rate": "transaction"}


def subscribed(number: int, currency: str = "EUR") -> list[dict[str, Any]]:
    """A deal from its win to its invoice."""
    line = e.line("S", "1200.50" if currency == "EUR" else "1200", "2024-01-01", "2024-12-31")
    of = {"deal": f"O-{number}", "currency": currency}
    dimensions = {"customer": f"C-{number % 2}"}
    order = f"SO-{number}"
    billed = e.line("S", "333.33" if currency == "EUR" else "333", of=f"{order}/1")
    return [
        e.won("2024-01-02", line, number=f"O-{number}", currency=currency, dimensions=dimensions),
        e.accepted("2024-01-20", line, order=order, dimensions=dimensions, **of),
        e.invoiced("2024-01-25", f"I-{number}", billed, **of),
    ]


@pytest.fixture
def told(lone_client: httpx.Client) -> httpx.Client:
    """Deals in two currencies, a closed month, a late one, rates for one of them, and two policies."""
    events = [
        r.rate("2024-01-01", "EUR", "USD", "1.1"),
        r.rate("2024-02-01", "USD", "EUR", "0.9"),
        *subscribed(1),
        *subscribed(2, "JPY"),
        r.closed("2024-02-05", "2024-01"),
        *subscribed(3),
        r.policy("2024-01-01", "1", {"booking_trigger": "won"}),
        r.policy("2024-01-01", "2", {"proration": "monthly"}),
    ]
    results = lone_client.post("/v1/events", json=events).json()["results"]
    assert {result["outcome"] for result in results} == {"recorded"}
    lone_client.get("/v1/reports/billing", params={"at_least": len(events)}).raise_for_status()
    return lone_client


def report(client: httpx.Client, view: str, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/reports/{view}", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def explained(client: httpx.Client, row: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(row["explain"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_answer_says_its_basis_and_its_rows_are_explained_on_it(told: httpx.Client) -> None:
    for end, invoiced in (("2024-01-31", "333.33"), ("2024-02-01", "666.66")):
        answer = report(told, "billing", at=end, basis="as_reported", by="currency")
        assert answer["basis"] == "as_reported"
        row = next(row for row in answer["rows"] if row["currency"] == "EUR")
        assert row["invoiced"] == invoiced
        found = explained(told, row)
        assert found["basis"] == "as_reported"
        assert sum(Decimal(one["counts"].get("invoiced", "0")) for one in found["postings"]) == Decimal(
            invoiced
        )
    assert report(told, "billing", at="2024-01-31")["basis"] == "restated"


def test_months_as_reported_are_explained(told: httpx.Client) -> None:
    rows = report(told, "bookings", by="month", basis="as_reported", **SPAN)["rows"]
    assert [(row["month"], row["currency"], row["booked"]) for row in rows] == [
        ("2024-01", "EUR", "1200.50"), ("2024-01", "JPY", "1200"), ("2024-02", "EUR", "1200.50"),
    ]  # fmt: skip
    for row in rows:
        counted = [Decimal(one["counts"].get("booked", "0")) for one in explained(told, row)["postings"]]
        assert sum(counted) == Decimal(row["booked"])


@pytest.mark.parametrize("view", ["pipeline", "collections"])
def test_ageing_and_weighting_as_reported_are_a_422_that_says_which_basis(
    told: httpx.Client, view: str
) -> None:
    answer = told.get(f"/v1/reports/{view}", params={"basis": "as_reported"})
    assert answer.status_code == 422
    assert "basis=restated" in answer.json()["detail"]
    assert answer.json()["allowed"] == ["restated"]


def test_converted_rows_lead_to_postings_from_which_the_sum_can_be_redone(told: httpx.Client) -> None:
    for by in ("deal", "customer", "product,month"):
        answer = report(told, "bookings", by=by, **SPAN, **USD)
        assert [one["currency"] for one in answer["unrated"]] == ["JPY"]
        assert {row["currency"] for row in answer["rows"]} == {"JPY", "USD"}
        for row in answer["rows"]:
            found = explained(told, row)
            for name in ("won", "booked", "net", "arr_new"):
                exact = sum(Fraction(one["converted"].get(name, "0")) for one in found["postings"])
                assert round(exact, 2) == Fraction(row[name]), (by, name)
            assert all(one["rate"] == "1.1" for one in found["postings"] if row["currency"] == "USD")
            sums = [one for one in found["sums"] if one["currency"] == row["currency"]]
            assert [one["booked"] for one in sums] == [row["booked"]]
            assert len(found["sums"]) == 1


def test_a_rate_without_a_finite_decimal_is_shown_as_a_fraction(told: httpx.Client) -> None:
    answer = report(told, "billing", at="2024-02-20", currency="USD", rate="closing", by="deal")
    row = next(row for row in answer["rows"] if row["currency"] == "USD")
    assert row["invoiced"] == "366.66", "direct comes before the later inverse: 333.33 x 1.1"
    back = report(told, "billing", at="2024-01-31", currency="EUR", rate="constant:2024-01-31", by="deal")
    assert [one["deal"][-3:] for one in back["unrated"]] == ["O-2"]


def test_converted_pages_follow_one_another(told: httpx.Client) -> None:
    whole = report(told, "billing", at="2024-06-30", by="deal", **USD)["rows"]
    assert len(whole) == 3
    params: dict[str, str | int] = {"at": "2024-06-30", "by": "deal", "limit": 2, **USD}
    page = report(told, "billing", **params)
    rows = page["rows"] + report(told, "billing", cursor=page["next"], **params)["rows"]
    assert rows == whole
    other = told.get("/v1/reports/billing", params={**params, "rate": "closing", "cursor": page["next"]})
    assert other.status_code == 422, "a cursor is of one question"


def test_csv_has_the_same_rows_however_they_are_read(told: httpx.Client) -> None:
    ways: tuple[dict[str, str], ...] = (USD, {"basis": "as_reported"}, {"policy": "default@1,house@1"})
    for params in ways:
        asked = {"by": "deal", **SPAN, **params}
        text = told.get("/v1/reports/bookings", params={**asked, "format": "csv"}).text
        rows = report(told, "bookings", **asked)["rows"]
        assert list(csv.DictReader(io.StringIO(text))) == [
            {name: value or "" for name, value in row.items()} for row in rows
        ]
    converted = told.get("/v1/reports/bookings", params={**SPAN, **USD, "format": "csv"})
    assert converted.headers["x-unrated"] == "1", "a file of rows says that a deal stays in its currency"
    movement = told.get("/v1/reports/arr", params={**SPAN, "format": "csv"}).text
    assert movement.startswith("currency,opening,new,expansion,contraction,churn,closing,nrr,grr,explain")


def test_live_run_rate_moves_from_opening_to_closing(told: httpx.Client) -> None:
    answer = report(told, "arr", by="deal", **{"from": "2024-02-01", "to": "2025-01-31"})
    for row in answer["rows"]:
        assert list(row) == [
            "deal", "currency", "opening", "new", "expansion", "contraction", "churn", "closing", "nrr",
            "grr", "explain",
        ]  # fmt: skip
        assert row["opening"] == row["closing"]
        assert row["nrr"] == "1.0000"
    assert {row["currency"]: row["nrr"] for row in answer["totals"]} == {"EUR": "1.0000", "JPY": "1.0000"}


def test_the_same_log_under_two_policies_in_one_answer(told: httpx.Client) -> None:
    january = {"from": "2024-01-01", "to": "2024-01-10", "currency": "EUR", "by": "deal"}
    answer = report(told, "bookings", policy="house@1,default@1", **january)
    assert answer["policies"] == ["default@1", "house@1"]
    shown = [(row["policy"], row["deal"][-3:], row["booked"]) for row in answer["rows"]]
    assert shown == [
        ("house@1", "O-1", "1200.50"), ("house@1", "O-3", "1200.50"),
        ("default@1", "O-1", "0.00"), ("default@1", "O-3", "0.00"),
    ]  # fmt: skip
    assert [(row["policy"], row["booked"]) for row in answer["totals"]] == [
        ("house@1", "2401.00"), ("default@1", "0.00"),
    ]  # fmt: skip
    for row in answer["rows"]:
        found = explained(told, row)["postings"]
        assert sum(Decimal(one["counts"].get("booked", "0")) for one in found) == Decimal(row["booked"])
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while cursor is not None:
        page = report(told, "bookings", policy="house@1,default@1", limit=1, **january, **cursor)
        rows += page["rows"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert rows == answer["rows"]
    assert report(told, "bookings", **january)["policies"] == ["default@1"]


def test_a_policy_that_posts_otherwise_is_prepared_and_then_answers(told: httpx.Client) -> None:
    params = {"at": "2024-02-14", "currency": "EUR", "policy": "house@2", "deal": f"{e.CRM}:opportunity:O-1"}
    until = time.monotonic() + 30
    while (answer := told.get("/v1/reports/billing", params=params)).status_code == 503:
        assert answer.headers["retry-after"]
        assert "ask again" in answer.json()["detail"]
        assert time.monotonic() < until
        time.sleep(0.2)
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["rows"]
    assert row["recognised"] == "148.34"  # 1,200.50 / 12 x (1 + 14 / 29)
    found = explained(told, row)
    assert sum(Decimal(one["counts"].get("recognised", "0")) for one in found["postings"]) == Decimal(
        "148.34"
    )


def test_a_policy_nobody_activated_is_refused_with_those_there_are(told: httpx.Client) -> None:
    answer = told.get("/v1/reports/billing", params={"policy": "house@9"})
    assert answer.status_code == 422
    assert set(answer.json()["allowed"]) == {"default@1", "house@1", "house@2"}
