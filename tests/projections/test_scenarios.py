"""The worked deals beside this repository, folded on the real server, in any order and with repetitions."""

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from projections import rebuild
from projections.measures import VIEWS
from tests.projections.served import House

#: Those whose messages are all recorded.
NAMES = (
    "01_subscription",
    "02_cancelled_after_shipment",
    "03_invoice_before_order",
    "04_currencies",
    "05_period",
    "07_two",
)
#: Parameters of a question that are answered elsewhere.
ELSEWHERE = {"basis", "rate"}


def of(shared: Path, name: str) -> dict[str, Any]:
    (found,) = (shared / "scenarios").glob(f"{name}*.json")
    read: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return read


def rows_of(view: str, rows: list[Any]) -> list[str]:
    """Rows with something in them, in an order of their own."""
    kept = [row for row in rows if any(Decimal(row[name]) for name in VIEWS[view].measures)]
    return sorted(json.dumps(row, sort_keys=True) for row in kept)


@pytest.mark.parametrize("mode", ["given", "shuffled", "repeated"])
@pytest.mark.parametrize("name", NAMES)
def test_a_worked_deal_answers_as_written(shared: Path, house: House, name: str, mode: str) -> None:
    scenario = of(shared, name)
    milestones = list(scenario["milestones"])
    dice = random.Random(f"{name} {mode}")
    if mode != "given":
        dice.shuffle(milestones)
    if mode == "repeated":
        milestones += dice.sample(milestones, len(milestones) // 3)
        dice.shuffle(milestones)
    known: dict[int, int] = {0: 0}
    for number, milestone in enumerate(milestones, 1):
        (outcome,) = house.record([milestone])
        known[number] = max(known[number - 1], outcome.position or 0)
        if dice.random() < 0.4:
            house.project()
    house.project()
    asked = 0
    for _ in range(2):
        for question in scenario["ask"]:
            view, params = question["view"], dict(question["params"])
            if view not in VIEWS or ELSEWHERE & params.keys() or (view == "arr" and "from" in params):
                continue
            if "known_after" in params and mode != "given":
                continue
            start, end = params.get("from"), params.get("at") or params["to"]
            by = tuple(params["by"].split(",")) if "by" in params else ()
            at = known[params["known_after"]] if "known_after" in params else None
            report = house.ask(view, start, end, by=by, known=at)
            assert rows_of(view, report.rows) == rows_of(view, question["expect"]["rows"]), (view, params)
            asked += 1
        rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert asked > 0
