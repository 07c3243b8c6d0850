"""docs/reports.md says what the code says, and every figure of its example is what the ledger answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api.parameters import EXPLAIN, REPORT
from api.restating import RESTATEMENT
from projections import meanings
from projections.causes import CAUSES
from projections.measures import VIEWS
from projections.questions import BASES, GROUPS
from tests.projections.worked import FIRST, LAST, company

PAGE: Final = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")


def rows_of(part: str, head: str) -> list[list[str]]:
    """The rows of the tables with this first column, in a part of the page."""
    found: list[list[str]] = []
    inside = False
    for text in part.splitlines():
        cells = [cell.strip() for cell in text.strip("|").split(" | ")] if text.startswith("|") else []
        inside = bool(cells) and (inside or cells[0] == head)
        if inside and cells[0] != head and not text.startswith("|---"):
            found.append([cells[0].strip("`"), *cells[1:]])
    return found


def sections(level: str) -> dict[str, str]:
    """The parts of the page by their headings."""
    parts = re.split(rf"^{level} (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


PARTS: Final = sections("##")


@pytest.mark.parametrize("view", VIEWS)
def test_every_measure_stands_in_the_page_with_what_it_is_and_means_and_nothing_else_does(view: str) -> None:
    assert [row[:3] for row in rows_of(PARTS[view], "measure")] == [
        [name, one["kind"], one["means"]] for name, one in meanings.told()[view].items()
    ]


def test_meanings_are_of_measures_that_there_are() -> None:
    assert {view: set(said) for view, said in meanings.MEANINGS.items()} == {
        view: set(meanings.kinds(view)) for view in VIEWS
    }


def test_every_parameter_stands_in_the_page_and_nothing_else_does() -> None:
    own = rows_of(PARTS["Parameters"], "parameter")
    assert sorted(row[0] for row in own) == sorted(REPORT)
    held = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in own}
    assert held["by"] == list(GROUPS)
    assert held["basis"] == list(BASES)
    assert held["format"] == REPORT["format"].schema["enum"]
    assert all(re.match(REPORT["rate"].schema["pattern"], one) for one in held["rate"])
    limit = REPORT["limit"].schema
    assert [row[1] for row in own if row[0] == "limit"] == [f"{limit['minimum']} to {limit['maximum']}"]


def test_what_explanations_and_restatements_take_otherwise_stands_in_the_page() -> None:
    explain = PARTS["Reading an answer"]
    other = {name for name, one in EXPLAIN.items() if REPORT.get(name) != one}
    assert {row[0] for row in rows_of(explain, "parameter")} == other
    (left_out,) = re.findall(r"the parameters of the report but ([^,]+(?:, [^,]+)*), and three", explain)
    assert set(re.findall(r"`(\w+)`", left_out)) == set(REPORT) - set(EXPLAIN)
    late = PARTS["Late facts: restated and as reported"]
    assert [row[0] for row in rows_of(late, "parameter")] == [
        name for name in RESTATEMENT if name not in REPORT
    ]
    (left_out,) = re.findall(r"the parameters of the report but (.*?), and:", late, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", left_out)) == set(REPORT) - set(RESTATEMENT)
    (said,) = re.findall(r"each with its `cause`\s+\((.*?)\)", late, re.DOTALL)
    assert re.findall(r"`(\w+)`", said) == list(CAUSES)


def _asked(client: httpx.Client, view: str, **given: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/reports/{view}", params=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_figures_of_the_example_are_what_the_ledger_answers(lone_client: httpx.Client) -> None:
    results = lone_client.post("/v1/events", json=company()).json()["results"]
    assert {one["outcome"] for one in results} == {"recorded"}
    head = results[-1]["position"]
    answered: dict[str, Any] = {}
    for view in VIEWS:
        answered = _asked(lone_client, view, **{"from": FIRST, "to": LAST}, at_least=head)
        (moved,) = answered["rows"]
        (stands,) = _asked(lone_client, view, at=LAST)["rows"]
        said = {row[0]: re.split(r":| ", row[3])[0] for row in rows_of(PARTS[view], "measure")}
        assert said == {name: {**stands, **moved}[name] for name in said}, view
        for row in rows_of(PARTS[view], "measure"):
            assert re.fullmatch(r"-?[0-9]+\.[0-9]{2}([0-9]{2})?: .+", row[3]), row
    told = _asked(lone_client, "bookings", at=LAST, currency="EUR", rate="closing")
    fields = rows_of(PARTS["Reading an answer"], "field")
    assert {*answered, *told} == {name for row in fields for name in re.findall(r"\w+(?=`)", f"{row[0]}`")}


def test_the_interface_says_what_measures_mean(client: httpx.Client) -> None:
    told = client.get("/openapi.json").json()["paths"]["/v1/reports/{view}"]["get"]
    assert told["x-measures"] == meanings.told()
