"""How long stages take, on the real server."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from projections import latency
from projections.latency import Query, Stage, nearest_rank
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.in_memory import loaded
from tests.projections.revising import corrected, instead, void
from tests.projections.served import House
from tests.projections.stories import crowd, usual

HOUR = 3_600
DAY = 24 * HOUR


def told(house: House, *events: Event) -> None:
    house.record(events)
    house.project()


def ask(
    house: House, to: str, since: str | None = None, known: int | None = None, **only: Any
) -> dict[str, Stage]:
    query = Query(
        None if since is None else date.fromisoformat(since),
        date.fromisoformat(to),
        house.head() if known is None else known,
        house.live(),
        only,
    )
    found = latency.run(house.connection, query)
    assert loaded(house.connection, query.generation.id).latency(house.connection, query) == found
    return {stage.stage: stage for stage in found}


def spread(stage: Stage) -> tuple[int | None, ...]:
    """How many were measured, and the percentiles."""
    return stage[1:5]


def waits(stage: Stage) -> tuple[int | None, ...]:
    return stage.waiting, stage.oldest_waiting


def order(type_: str, on: str, number: str = "SO-1", **rest: Any) -> Event:
    return e.event(f"order.{type_}", on, f"order/{number}", order=number, **rest)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 1, 7),
        ([1, 2, 3, 4], 50, 2),
        ([1, 2, 3, 4], 51, 3),
        (list(range(1, 101)), 99, 99),
    ],
)
def test_percentiles_are_by_nearest_rank(values: list[int], percent: int, expected: int | None) -> None:
    assert nearest_rank(values, percent) == expected


def test_a_deal_is_measured_from_stage_to_stage(house: House) -> None:
    told(
        house,
        e.won("2024-01-01", e.line("G", "300.00"), time="09:00:00"),
        order("submitted", "2024-01-02", time="09:00:00"),
        e.accepted(
            "2024-01-03",
            e.line("G", "300.00", quantity="3", recognition="on_fulfilment"),
            time="10:00:00",
        ),
        e.delivered("2024-01-05", "F-1", ("SO-1/1", "1"), time="10:00:00"),
        e.invoiced("2024-01-06", "I-1", e.line("G", "300.00", of="SO-1/1"), time="11:00:00"),
        e.received("2024-01-20", "P-1", "310.00", time="08:00:00", deal="O-1"),
        e.applied("2024-01-21", "P-1", "I-1", "200.00", time="09:00:00"),
        e.applied("2024-01-26", "P-1", "I-1", "100.00", time="11:00:00"),
    )
    found = ask(house, "2024-01-31")
    assert spread(found["order_creation"]) == (1, 2 * DAY + HOUR, 2 * DAY + HOUR, 2 * DAY + HOUR)
    assert found["order_acceptance"].p50 == DAY + HOUR
    assert found["fulfilment"].p50 == 2 * DAY
    assert found["invoicing"].p50 == DAY + HOUR
    assert found["collection"].p50 == 20 * DAY
    assert spread(found["cash_application"]) == (0, None, None, None)
    assert waits(found["cash_application"]) == (1, 11 * DAY + 16 * HOUR)
    assert found["cash_application"].oldest_deal == f"{e.CRM}:opportunity:O-1"
    assert all(stage.waiting == 0 for name, stage in found.items() if name != "cash_application")
    told(house, e.refunded("2024-01-28", "P-1", "10.00", deal="O-1"))
    found = ask(house, "2024-01-31")
    assert found["cash_application"].p50 == 6 * DAY + 3 * HOUR
    assert found["cash_application"].waiting == 0


def test_what_has_not_ended_waits_until_the_end_of_the_day(house: House) -> None:
    told(
        house,
        e.won("2024-01-01", e.line("G", "300.00"), time="09:00:00"),
        order("submitted", "2024-01-02", time="12:00:00"),
    )
    found = ask(house, "2024-01-02")
    assert waits(found["order_creation"]) == (1, DAY + 15 * HOUR)
    assert waits(found["order_acceptance"]) == (1, 12 * HOUR)
    assert found["order_creation"].oldest_deal == f"{e.CRM}:opportunity:O-1"
    told(
        house,
        e.accepted(
            "2024-01-03", e.line("G", "300.00", quantity="1", recognition="on_fulfilment"), time="18:00:00"
        ),
    )
    found = ask(house, "2024-01-03")
    assert waits(found["order_creation"]) == waits(found["order_acceptance"]) == (0, None)
    assert waits(found["fulfilment"]) == (1, 6 * HOUR)
    assert waits(found["invoicing"]) == (0, None)  # it is delivered first
    assert waits(ask(house, "2024-01-02")["order_creation"]) == (1, DAY + 15 * HOUR)


def test_the_second_win_of_a_product_is_answered_by_its_second_order(house: House) -> None:
    told(
        house,
        e.won("2024-01-01", e.line("S", "100.00")),
        e.accepted("2024-01-02", e.line("S", "100.00")),
        e.won("2024-03-01", e.line("S", "50.00"), number="O-2", keys=(f"{e.CRM}:opportunity:O-1",)),
        e.amended("2024-03-04", e.line("S", "50.00", number="2")),
    )
    assert spread(ask(house, "2024-12-31")["order_creation"])[:4] == (2, DAY, 3 * DAY, 3 * DAY)


def test_an_order_ahead_of_its_win_is_not_measured(house: House) -> None:
    told(
        house,
        e.accepted("2024-01-02", e.line("S", "100.00")),
        e.won("2024-01-09", e.line("S", "100.00")),
    )
    found = ask(house, "2024-12-31")["order_creation"]
    assert (spread(found), waits(found)) == ((0, None, None, None), (0, None))


def test_only_what_ended_within_the_days_counts(house: House) -> None:
    told(house, *[event for n in range(1, 4) for event in usual(f"O-{n}", n)])
    assert ask(house, "2024-01-02")["order_creation"].measured == 2
    assert ask(house, "2024-01-03", "2024-01-02")["order_creation"].measured == 2
    assert ask(house, "2024-12-31", "2024-01-04")["order_creation"].measured == 0
    assert ask(house, "2024-12-31", customer="C-2")["order_creation"].measured == 1
    assert ask(house, "2024-12-31", deal=f"{e.ERP}:order:SO-O-3")["order_creation"].measured == 1
    assert ask(house, "2024-12-31", customer="")["order_creation"].measured == 0
    assert ask(house, "2024-12-31", known=8)["order_creation"].measured == 1


def test_capture_is_from_happening_to_recording_by_role(house: House) -> None:
    told(house, *usual("O-1"))
    found = ask(house, "2999-12-31")
    assert found["capture.crm"].measured == 2
    assert found["capture.erp"].measured == 6
    assert found["invoice_propagation"].measured == 1
    (times,) = house.connection.execute(
        "SELECT min(recorded_at), max(recorded_at) FROM log_commit"
    ).fetchall()
    elapsed = int(times[0].timestamp()) - int(datetime(2024, 2, 11, 9, tzinfo=UTC).timestamp())
    assert found["invoice_propagation"].p50 is not None
    assert abs(found["invoice_propagation"].p50 - elapsed) <= 1
    assert "capture.crm" not in ask(house, "2024-12-31")  # recorded later than that
    assert ask(house, "2999-12-31", customer="C-9").keys() == set(latency.STAGES)


def test_corrected_times_count_and_voided_milestones_do_not(house: House) -> None:
    win = e.won("2024-01-01", e.line("S", "100.00"))
    sent_in = order("submitted", "2024-01-01", time="10:00:00")
    told(house, win, sent_in, e.accepted("2024-01-03", e.line("S", "100.00")))
    before = house.head()
    later = instead(win)
    later["time"] = "2024-01-02T09:00:00Z"
    told(house, corrected("2024-01-05", win, later), void("2024-01-05", sent_in))
    found = ask(house, "2024-01-31")
    assert found["order_creation"].p50 == DAY
    assert found["order_acceptance"].measured == 0
    then = ask(house, "2024-01-31", known=before)
    assert then["order_creation"].p50 == 2 * DAY
    assert then["order_acceptance"].measured == 1


def test_a_crowd_is_measured_without_fail(house: House) -> None:
    told(house, *crowd(9, 30, 14))
    for to in ("2024-03-31", "2025-12-31"):
        for stage in ask(house, to).values():
            assert (stage.measured == 0) == (stage.p50 is None)
            assert (stage.waiting == 0) == (stage.oldest_waiting is None)
            if stage.p50 is not None and stage.p90 is not None and stage.p99 is not None:
                assert 0 <= stage.p50 <= stage.p90 <= stage.p99
