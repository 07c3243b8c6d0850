"""Policies: activated by a milestone, kept beside the live generation, adopted by a rebuild."""

import threading
from typing import Any

import pytest

from domain.policies import (
    DEFAULT_POLICIES,
    DEFAULT_SETTINGS,
    Policies,
    PolicyRefused,
    Version,
    merged,
)
from projections import alternatives, generations, projector, rebuild
from projections.projector import Projector
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import ledger
from tests.projections.served import House


def activated(
    version: str, settings: dict[str, Any], *, policy: str = "acme", from_: str = "2024-01-01"
) -> Any:
    return e.event(
        "policy.activated",
        "2024-01-01",
        f"policy/{policy}-{version}",
        by="ledger/cairn/acme",
        deal=None,
        policy=policy,
        version=version,
        settings=settings,
        from_=from_,
    )


CRM_ORDERS = {"system_of_record": {"order.accepted": ["erp", "crm"]}}


def by_crm() -> Any:
    """An order accepted as the CRM has it: a claim, unless a policy says otherwise."""
    return e.accepted("2024-02-01", e.line("A", "100.00"), by=e.CRM)


def booked(house: House, generation: int) -> list[str]:
    report = house.ask("bookings", "2024-01-01", "2024-12-31", generation=generation)
    return [str(row["booked"]) for row in report.rows]


def brought_forward(house: House) -> list[generations.Generation]:
    kept = alternatives.tend(house.connection, house.schema)
    for id_ in kept:
        Projector(house.schema, id_).catch_up(house.connection)
    return generations.sides(house.connection)


def test_what_a_policy_would_post_stands_beside_the_live_generation(house: House) -> None:
    house.record([by_crm(), activated("1", CRM_ORDERS)])
    live = house.project()
    assert live.policies.stamps == ["default@1"]
    (side,) = brought_forward(house)
    assert side.policies.stamps == ["default@1", "acme@1"]
    assert (booked(house, live.id), booked(house, side.id)) == ([], ["100.00"])


def test_a_rebuild_adopts_what_is_activated(house: House) -> None:
    house.record([by_crm(), activated("1", CRM_ORDERS)])
    house.project()
    brought_forward(house)
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    live = house.live()
    assert live.policies.stamps == ["default@1", "acme@1"]
    assert booked(house, live.id) == ["100.00"]
    (side,) = brought_forward(house)
    assert side.policies.stamps == ["default@1"], "what was before can still be asked"
    assert booked(house, side.id) == []


def test_it_holds_from_its_first_day_on(house: House) -> None:
    house.record([by_crm(), activated("1", CRM_ORDERS, from_="2024-02-02")])
    house.project()
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert booked(house, house.live().id) == []


def test_a_voided_policy_is_not_adopted_and_needs_no_generation(house: House) -> None:
    policy = activated("1", CRM_ORDERS)
    target = {"source": policy["source"], "id": policy["id"]}
    void = e.event(
        "milestone.voided",
        "2024-03-01",
        "correction/1",
        by="ledger/cairn/acme",
        deal=None,
        target=target,
        reason="a draft",
    )
    house.record([by_crm(), policy])
    house.project()
    assert len(brought_forward(house)) == 1
    house.record([void])
    house.project()
    assert brought_forward(house) == []
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert house.live().policies.stamps == ["default@1"]


def test_settings_that_only_change_how_reports_are_read_need_no_generation(house: House) -> None:
    house.record([activated("1", {"booking_trigger": "won", "pivot_currency": "EUR"})])
    house.project()
    assert brought_forward(house) == []


def test_the_running_projector_keeps_them(house: House) -> None:
    house.record([by_crm(), activated("1", CRM_ORDERS)])
    stop = threading.Event()
    running = threading.Thread(
        target=projector.run, args=(house.connect, house.schema, f"{house.schema}_log", stop)
    )
    running.start()
    found: list[generations.Generation] = []
    try:
        for _ in range(200):
            found = [side for side in generations.sides(house.connection) if side.position == house.head()]
            if found:
                break
            stop.wait(0.05)
        assert [side.policies.stamps[-1] for side in found] == ["acme@1"]
    finally:
        stop.set()
        running.join()


def test_settings_follow_each_other_by_day() -> None:
    policies = Policies(
        [
            Version("acme", "2", 200, {"proration": "monthly"}),
            Version("acme", "1", 100, {"arr_live": "activation"}),
        ]
    )
    found = [policies.at(day).settings for day in (0, 99, 100, 199, 200, 5000)]
    assert [s.arr_live for s in found] == ["service_start"] * 2 + ["activation"] * 4
    assert [s.proration for s in found] == ["daily"] * 4 + ["monthly"] * 2
    assert Policies.from_json(policies.to_json()).posting_settings() == policies.posting_settings()
    assert DEFAULT_POLICIES.at(5000).settings == DEFAULT_SETTINGS


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"proratoin": "monthly"}, "no setting 'proratoin'; known: booking_trigger"),
        ({"proration": "weekly"}, "weekly"),
        ({"time_zone": "Mars/Base"}, "Mars/Base"),
        ({"pivot_currency": "EUX"}, "EUX"),
        ({"system_of_record": {"order.shipped": ["erp"]}}, "no milestone type"),
        ({"system_of_record": {"order.accepted": ["erq"]}}, "roles among"),
        ({"recognition_tolerance": "-1"}, "zero or more"),
        ({"recognition_tolerance": "much"}, "zero or more"),
        ({"sla_hours": {"WON_NO_ORDER": "a day"}}, "sla_hours"),
    ],
)
def test_settings_that_cannot_be_read_are_refused_by_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyRefused, match=says):
        merged(DEFAULT_SETTINGS, settings)


def test_settings_that_cannot_be_read_show_and_have_no_effect_until_they_are_corrected() -> None:
    policy = activated("1", {"proration": "weekly"})
    books = ledger(policy)
    assert books.found() == ["POLICY_UNREADABLE"]
    assert not +books.notices
    mended = activated("1", {"proration": "monthly"})
    correction = r.corrected("2024-02-01", policy, mended, by="ledger/cairn/acme")
    healed = ledger(policy, correction)
    assert healed.found() == []
    assert sum(healed.notices.values()) == 1
