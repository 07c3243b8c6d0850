"""Lists that are made: parts of a text, and what stood before each change of a history."""

import pytest

from tests.sources.mapped import milestones, source, time

_PARTS = """
    mapping: shop
    version: 1
    role: crm
    reads: json
    kind: =thing
    objects:
      thing:
        milestones:
          - type: credit.held
            role: erp
            each: {parts: ids, on: ";"}
            subject: [thing, .]
            time: =2026-01-01T00:00:00Z
        otherwise: empty
"""
_BEFORE = """
    mapping: shop
    version: 1
    role: erp
    reads: json
    kind: =thing
    objects:
      thing:
        milestones:
          - type: credit.held
            each: {history: changes, property: name, value: value, at: at}
            subject: [thing, =1]
            edition: "@at"
            time: "@at"
            data: {reason: {template: "{@before.stage} to {stage}"}}
        otherwise: empty
"""


@pytest.mark.parametrize(
    ("text", "parts"), [("5;6", ["5", "6"]), (" 5 ; ;6;", ["5", "6"]), ("5", ["5"]), (7, ["7"])]
)
def test_a_text_is_taken_apart_without_blanks_and_empty_parts(text: object, parts: list[str]) -> None:
    found = milestones(source(_PARTS), {"ids": text})
    assert [one["subject"] for one in found] == [f"thing/{part}" for part in parts]


@pytest.mark.parametrize("record", [{}, {"ids": ""}, {"ids": None}, {"ids": " ; "}])
def test_a_text_that_is_missing_or_holds_nothing_has_no_parts(record: dict[str, object]) -> None:
    found = source(_PARTS).translate(str(record).replace("'", '"').replace("None", "null").encode(), "acme")
    assert found.ignored == "empty"


def test_each_moment_of_a_history_knows_what_stood_before_it() -> None:
    changes = [
        {"name": "stage", "value": "b", "at": "2026-01-02T00:00:00Z"},
        {"name": "stage", "value": "a", "at": "2026-01-01T00:00:00Z"},
        {"name": "other", "value": "x", "at": "2026-01-03T00:00:00Z"},
    ]
    found = milestones(source(_BEFORE), {"changes": changes})
    assert [one["data"].get("reason") for one in found] == [None, "a to b", "b to b"]


def test_zeros_behind_a_second_make_no_other_time() -> None:
    head = "formats: {time: utc}\n"
    assert time("at", {"at": "2026-01-01 8:00:00.000"}, head) == "2026-01-01T08:00:00Z"
    assert time("at", {"at": "2026-01-01T08:00:00.250+0000"}, head) == "2026-01-01T08:00:00.25Z"
