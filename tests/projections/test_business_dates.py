"""Business dates of milestones that state none: the date of `time`, in the policy's time zone."""

import msgspec
import pytest

from domain import milestones as m
from domain.contract import parse_event, read_held
from domain.instants import format_day
from domain.policies import DEFAULT_POLICIES, Policies, Version
from domain.stored import CODEC
from projections.facts import dated
from tests.projections.events import Event, line, won

TOKYO = Policies([Version("zone", "1", 19_000, {"time_zone": "Asia/Tokyo"})])


def said(time: str, on: str | None = None) -> Event:
    told = won("2024-01-01", line("A", "100.00")) | {"time": time}
    del told["data"]["effective_on"]
    if on is not None:
        told["data"]["effective_on"] = on
    return told


def business_date(told: Event, policies: Policies) -> str:
    stored = read_held(msgspec.json.encode(told))  # also what came in before times had a range
    return format_day(dated(CODEC.decode(stored.name, CODEC.encode(stored)), policies).effective)


@pytest.mark.parametrize(
    ("time", "utc", "tokyo"),
    [
        ("2024-03-31T14:59:59.999999Z", "2024-03-31", "2024-03-31"),
        ("2024-03-31T15:00:00Z", "2024-03-31", "2024-04-01"),
        ("2024-03-31T23:30:00-05:00", "2024-04-01", "2024-04-01"),
        ("9999-12-30T23:00:00Z", "9999-12-30", "9999-12-31"),
        ("9999-12-31T23:00:00Z", "9999-12-31", "9999-12-31"),
    ],
)
def test_a_milestone_without_a_business_date_has_that_of_the_policys_zone(
    time: str, utc: str, tokyo: str
) -> None:
    assert business_date(said(time), DEFAULT_POLICIES) == utc
    assert business_date(said(time), TOKYO) == tokyo


def test_a_given_business_date_holds_whatever_the_zone() -> None:
    assert business_date(said("2024-03-31T15:00:00Z", "2024-03-31"), TOKYO) == "2024-03-31"


def test_before_the_policy_begins_dates_are_in_utc() -> None:
    assert business_date(said("2021-03-31T15:00:00Z"), TOKYO) == "2021-03-31"


def test_a_zone_with_summer_time_has_its_dates() -> None:
    berlin = Policies([Version("zone", "1", 0, {"time_zone": "Europe/Berlin"})])
    assert business_date(said("2024-03-31T22:30:00Z"), berlin) == "2024-04-01"  # summer time
    assert business_date(said("2024-03-29T22:30:00Z"), berlin) == "2024-03-29"  # winter time


def test_only_what_stated_no_date_is_marked() -> None:
    assert m.BY_TIME in parse_event(said("2024-03-31T15:00:00Z")).attributes
    assert parse_event(said("2024-03-31T15:00:00Z", "2024-03-31")).attributes == {}
