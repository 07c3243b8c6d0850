"""docs/policies.md says what may be set, to what, and what holds without."""

import json
import re
from pathlib import Path
from typing import Final, Literal, get_args, get_origin, get_type_hints

from domain import milestones as m
from domain.contract import parse_event
from domain.policies import (
    DEFAULT_SETTINGS,
    MOST_HOURS,
    READ_ONLY,
    SLA_HOURS,
    Settings,
    read_settings,
    version_of,
)

PAGE: Final = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
ROWS: Final = [
    [cell.strip() for cell in text.strip("|").split(" | ")]
    for text in PAGE.splitlines()
    if re.match(r"\| `\w+` \| ", text)
]
SETTINGS: Final = [row for row in ROWS if len(row) == 6]
CODES: Final = [row for row in ROWS if len(row) == 3]


def test_every_setting_stands_in_the_page_with_its_default_and_nothing_else_does() -> None:
    assert [row[0].strip("`") for row in SETTINGS] == list(Settings.__struct_fields__)
    for name, _, default, *_ in SETTINGS:
        value = getattr(DEFAULT_SETTINGS, name.strip("`"))
        assert default == f"`{json.dumps(value) if isinstance(value, dict) else value}`", name


def test_the_values_of_a_setting_are_those_that_can_be_read() -> None:
    kinds = get_type_hints(Settings)
    for name, values, *_ in SETTINGS:
        kind = kinds[name.strip("`")]
        if get_origin(kind) is Literal:
            assert re.findall(r"`(\w+)`", values) == list(get_args(kind)), name
    shown = {name.strip("`"): values for name, values, *_ in SETTINGS}
    assert shown["quarter_end_hours"] == f"whole hours, 0 to {MOST_HOURS}"
    assert shown["sla_hours"] == f"whole hours, 0 to {MOST_HOURS}, by code"
    (example,) = re.findall(r"`(\{.+\})`", shown["system_of_record"])
    assert read_settings({"system_of_record": json.loads(example)})
    (zone,) = re.findall(r"`(.+)`", shown["time_zone"])
    assert read_settings({"time_zone": zone})


def test_which_settings_need_books_of_their_own_stands_in_the_page() -> None:
    assert {row[0].strip("`") for row in SETTINGS if row[5] == "yes"} == READ_ONLY
    assert {row[5] for row in SETTINGS} == {"yes", "no"}


def test_the_hours_that_exceptions_wait_stand_in_the_page() -> None:
    assert {row[0].strip("`"): int(row[1]) for row in CODES} == SLA_HOURS


def test_the_milestones_of_the_page_are_such_that_the_ledger_takes_them() -> None:
    sent = [parse_event(json.loads(text)) for text in re.findall(r" -d '(\{.*\})'$", PAGE, re.MULTILINE)]
    activated, voided = sent
    assert isinstance(activated, m.PolicyActivated)
    assert version_of(activated).stamp == "house@1"
    assert version_of(activated).author == "ann"
    assert isinstance(voided, m.MilestoneVoided)
