"""Which policies can be read: names that can be asked for, settings that mean something."""

from typing import Any

import pytest

from domain.contract import parse_event
from domain.milestones import PolicyActivated
from domain.policies import DEFAULT_POLICIES, Policies, PolicyRefused, Version, version_of
from tests.domain.events import event

TEN_YEARS = 87_660


def activated(settings: Any, *, policy: str = "acme", version: str = "1") -> PolicyActivated:
    given = {"policy": policy, "version": version, "from": "2026-01-01", "settings": settings}
    found = parse_event(event("policy.activated", "policy/acme", source="/ledger/cairn/acme", **given))
    assert isinstance(found, PolicyActivated)
    return found


@pytest.mark.parametrize(
    ("policy", "version"),
    [
        ("default", "2"),
        ("default", "1"),
        ("Default", "1"),
        ("a,b", "1"),
        ("a@b", "1"),
        (" acme", "1"),
        ("acme\u00a0", "1"),
        ("ac\u0001me", "1"),
        ("acme", "1,2"),
        ("acme", "1@2"),
        ("acme", "1 "),
        ("acme", "\t"),
    ],
)
def test_a_name_that_could_not_be_asked_for_is_recorded_and_has_no_effect(policy: str, version: str) -> None:
    with pytest.raises(PolicyRefused, match=r"name|version"):
        version_of(activated({"proration": "monthly"}, policy=policy, version=version))


@pytest.mark.parametrize("policy", ["acme", "Acme GmbH 2026", "défaut", "default-eu"])
def test_other_names_are_read(policy: str) -> None:
    assert version_of(activated({}, policy=policy, version="1.2-rc")).stamp == f"{policy}@1.2-rc"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sla_hours": {"NOPE": 1}}, "sla_hours names 'NOPE'.*WON_NO_ORDER"),
        ({"sla_hours": {"PAST_DUE": 24}}, "sla_hours names 'PAST_DUE'"),
        ({"sla_hours": {"WON_NO_ORDER": -1}}, "sla_hours of WON_NO_ORDER"),
        ({"sla_hours": {"WON_NO_ORDER": TEN_YEARS + 1}}, "sla_hours of WON_NO_ORDER"),
        ({"sla_hours": {"WON_NO_ORDER": 10**18}}, "sla_hours of WON_NO_ORDER"),
        ({"quarter_end_hours": -5}, "quarter_end_hours"),
        ({"quarter_end_hours": 2**62}, "quarter_end_hours"),
        ({"recognition_tolerance": "1" * 13}, "recognition_tolerance"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"time_zone": "right/Europe/Berlin"}, "time_zone"),
        ({"time_zone": "posixrules"}, "time_zone"),
        ({"time_zone": ""}, "time_zone|time zone|settings"),
        ({"time_zone": "Europe"}, "settings"),
        ({"time_zone": "../../../etc/passwd"}, "settings"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyRefused, match=says):
        version_of(activated(settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"sla_hours": {"WON_NO_ORDER": 0, "UNAPPLIED_AGED": TEN_YEARS}},
        {"quarter_end_hours": 0},
        {"recognition_tolerance": "999999999999.9999"},
        {"time_zone": "America/Argentina/Buenos_Aires"},
        {"time_zone": "Etc/GMT+5"},
    ],
)
def test_settings_at_the_ends_of_their_ranges_are_read(settings: dict[str, Any]) -> None:
    assert version_of(activated(settings)).settings == settings


def test_a_policy_that_was_adopted_before_it_counted_as_unreadable_still_opens_its_books() -> None:
    adopted = Policies([Version("default", "2", 0, {"sla_hours": {"PAST_DUE": 10**7}})])
    assert Policies.from_json(adopted.to_json()).stamps == adopted.stamps
    assert DEFAULT_POLICIES.stamps == ["default@1"]
