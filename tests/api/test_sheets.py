"""CSV that a spreadsheet opens without running anything, from every report that gives some."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from api.sheets import as_csv, cell
from tests.projections import events as e

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\uff1d1+1",
    "--1",
    "-",
    "+49",
    "-1e5",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize(
    "value", ["-120.00", "-1", "0", "12.5", "", "SO-1", "a=b", "2026-01-31", " x", "'", None, -5, True]
)
def test_numbers_and_plain_texts_stay_as_they_are(value: object) -> None:
    assert cell(value) == value


def test_rows_are_rfc_4180() -> None:
    told = as_csv(["a", "b"], [{"a": 'x,"y"', "b": None, "c": 1}, {"a": "=\r\n", "b": 2}])
    assert told == 'a,b\r\n"x,""y""",\r\n"\'=\r\n",2\r\n'


@pytest.fixture(scope="module")
def told(client: httpx.Client) -> httpx.Client:
    """A deal, a customer, a product and an invoice that are all named like formulas."""
    dimensions = {"customer": "=cmd|' /C calc'!A0", "territory": "+49"}
    events = [
        e.won("2026-01-02", e.line("@SKU", "100.00"), dimensions=dimensions),
        e.accepted("2026-01-03", e.line("@SKU", "90.00"), number="=1+1"),
        e.invoiced("2026-01-04", "-1+1", e.line("@SKU", "120.00", of="=1+1/1"), due="2026-01-05"),
    ]
    results = client.post("/v1/events", json=events).raise_for_status().json()["results"]
    last = results[-1]["position"]
    client.get("/v1/reports/billing", params={"at_least": last, "timeout": 30}).raise_for_status()
    return client


@pytest.mark.parametrize(
    ("path", "formulas"),
    [
        ("backlog?by=customer,product,territory", {"'=cmd|' /C calc'!A0", "'@SKU", "'+49"}),
        ("exceptions", {"'=cmd|' /C calc'!A0"}),
        ("bridge?by=customer,territory", {"'=cmd|' /C calc'!A0", "'+49"}),
        ("billing/restatement?from_known=0&by=customer,territory", {"'=cmd|' /C calc'!A0", "'+49"}),
        ("latency", set()),
    ],
)
def test_no_cell_of_a_report_is_a_formula(told: httpx.Client, path: str, formulas: set[str]) -> None:
    answer = told.get(f"/v1/reports/{path}", headers={"Accept": "text/csv"}).raise_for_status()
    head, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert rows
    cells = {cell_ for row in rows for cell_ in row}
    assert formulas <= cells
    assert not [one for one in cells if one[:1] in ("=", "+", "@", "\t", "\r")], head
    assert all(float(one) < 0 for one in cells if one.startswith("-"))


def test_negative_amounts_stay_numbers(told: httpx.Client) -> None:
    answer = told.get("/v1/reports/backlog?by=customer&format=csv").raise_for_status()
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert "-30.00" in row.values()
