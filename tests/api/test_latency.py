"""Latency over HTTP: rows in whole seconds, filters, CSV, refusals."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from projections.latency import STAGES
from tests.api.samples import LINES, lines
from tests.projections import events as e


def take_in(client: httpx.Client, *events: e.Event) -> int:
    """Send events, and wait until the reports have them; the last position."""
    answer = client.post("/v1/events", content=lines(*events), headers={"Content-Type": LINES})
    last = max(result["position"] or 0 for result in answer.json()["results"])
    assert client.get("/v1/reports/latency", params={"at_least": last}).status_code == 200
    return last


def test_stages_are_answered_in_seconds(client: httpx.Client) -> None:
    last = take_in(
        client,
        e.won("2025-03-03", e.line("S", "100.00"), number="L-1", dimensions={"customer": "C-7"}),
        e.accepted("2025-03-04", e.line("S", "100.00"), order="SO-L-1", deal="L-1"),
        e.invoiced("2025-03-05", "I-L-1", e.line("S", "100.00", of="SO-L-1/1"), deal="L-1"),
    )
    params = {"from": "2025-03-01", "to": "2025-03-31", "customer": "C-7"}
    answer = client.get("/v1/reports/latency", params=params)
    found = answer.json()
    assert (found["view"], found["unit"], found["to"]) == ("latency", "seconds", "2025-03-31")
    assert found["known"]["position"] == last
    rows = {row["stage"]: row for row in found["rows"]}
    assert set(rows) == set(STAGES)
    assert (rows["order_creation"]["count"], rows["order_creation"]["p90"]) == (1, 86_400)
    assert rows["collection"] == {
        "stage": "collection",
        "count": 0,
        "p50": None,
        "p90": None,
        "p99": None,
        "waiting": 1,
        "oldest_waiting": 26 * 86_400 + 15 * 3_600,
        "oldest_since": "2025-03-05T09:00:00.000000Z",
        "oldest_deal": f"{e.CRM}:opportunity:L-1",
    }
    told = client.get("/v1/reports/latency", params={**params, "format": "csv"})
    read = list(csv.DictReader(io.StringIO(told.text)))
    assert [row["stage"] for row in read] == list(STAGES)
    assert read[0]["p50"] == "86400"


@pytest.mark.parametrize(
    "params",
    [{"from": "2025-03-02", "to": "2025-03-01"}, {"currency": "EUR"}, {"by": "deal"}, {"to": "soon"}],
)
def test_what_can_not_be_asked_is_refused(client: httpx.Client, params: dict[str, str]) -> None:
    assert client.get("/v1/reports/latency", params=params).status_code == 422
