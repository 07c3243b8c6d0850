"""Reference data over HTTP and from the command line."""

from __future__ import annotations

import csv
import io
import json

import httpx
import pytest

from tests.api.running import cairn, environment
from tests.api.samples import LINES, lines
from tests.projections import events as e
from tests.projections.events import Event

STORY: list[Event] = [
    e.event("product.mapped", "2026-01-01", "product/SUB", deal=None, sku="SUB", product="P-1"),
    e.event("product.mapped", "2026-01-01", "product/OLD", deal=None, sku="OLD", product="P-0"),
    e.event(
        "customer.approved", "2026-01-01", "customer/C-1", deal=None, customer="C-1",
        keys=("crm/salesforce/acme:customer:001A",),
    ),
    e.accepted(
        "2026-02-01", e.line("SUB", "10.00"), e.line("SET", "10.00", number="2"), deal="1",
        dimensions={"customer": "C-2"},
    ),
]  # fmt: skip


def take_in(client: httpx.Client) -> int:
    answer = client.post("/v1/events", content=lines(*STORY), headers={"Content-Type": LINES})
    return max(int(result["position"]) for result in answer.json()["results"])


def test_names_are_answered_with_their_state_and_first_use(client: httpx.Client) -> None:
    last = take_in(client)
    asked: dict[str, str | int] = {"at": "2026-06-30", "at_least": last}
    found = client.get("/v1/reference/products", params=asked).json()
    assert (found["view"], found["known"]["position"]) == ("products", last)
    assert [(row["sku"], row["state"], row["product"], row["deals"]) for row in found["rows"]] == [
        ("OLD", "unused", "P-0", 0),
        ("SET", "missing", None, 1),
        ("SUB", "known", "P-1", 1),
    ]
    (missing,) = client.get("/v1/reference/products", params=asked | {"state": "missing"}).json()["rows"]
    assert (missing["since"], client.get(missing["first"]).json()["event"]["type"]) == (
        "2026-02-01",
        "order.accepted.v1",
    )
    customers = client.get("/v1/reference/customers", params=asked).json()["rows"]
    assert [(row["customer"], row["state"], row["known_as"]) for row in customers] == [
        ("C-1", "unused", ["netsuite/acme:C-1", "salesforce/acme:001A"]),
        ("C-2", "missing", []),
    ]
    codes = client.get("/v1/reports/exceptions", params=asked).json()["counts"]
    assert (codes["UNMAPPED_SKU"], codes["MISSING_CUSTOMER"]) == (1, 1)


def test_names_are_answered_as_csv_too(client: httpx.Client) -> None:
    take_in(client)
    told = client.get("/v1/reference/customers", params={"at": "2026-06-30"}, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(told.text)))
    assert [row["known_as"] for row in rows] == ["netsuite/acme:C-1 salesforce/acme:001A", ""]


@pytest.mark.parametrize("params", [{"state": "lost"}, {"until": "2026-01-01"}, {"at": "soon"}])
def test_a_question_that_can_not_be_put_is_refused(client: httpx.Client, params: dict[str, str]) -> None:
    assert client.get("/v1/reference/products", params=params).status_code == 422


@pytest.mark.slow
def test_the_command_shows_the_same(database_url: str, fresh_schema: str) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    cairn("migrate", env=env)
    answer = json.loads(cairn("reference", "products", "--format", "json", env=env).stdout)
    assert answer["rows"] == []
    assert "customers at" in cairn("reference", "customers", env=env).stdout
    refused = cairn("reference", "people", env=env, check=False)
    assert (refused.returncode, "customers, products" in refused.stderr) == (2, True)
