"""Reports under policies: what counts as booked, what makes a liability, and the same log under others."""

from typing import Any

import pytest

from domain.policies import DEFAULT_POLICIES, Policies, Version
from projections import alternatives, reports, side
from projections.projector import Projector
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.asking import asked, behind, day_number, into, number, query
from tests.projections.served import House
from tests.projections.stories import crowd


def having(*settings: tuple[str, dict[str, Any]]) -> Policies:
    """Policies with settings from days on."""
    return Policies(
        [Version("house", str(n), day_number(day), held) for n, (day, held) in enumerate(settings, 1)]
    )


@pytest.fixture
def told(house: House) -> House:
    """Won, ordered, reopened; invoices due at different days, one redated, one paid in part, one credited."""
    house.record(
        [
            e.won("2024-01-02", e.line("A", "1000.00"), number="O-1"),
            e.accepted("2024-02-03", e.line("A", "900.00", recognition="on_fulfilment", quantity="10")),
            e.won("2024-01-04", e.line("B", "70.00"), number="O-2"),
            e.reopened("2024-03-05", number="O-2"),
            e.invoiced(
                "2024-02-10", "I-1", e.line("A", "300.00", of="SO-1/1", tax="60.00"), due="2024-03-10"
            ),
            e.invoiced(
                "2024-02-10", "I-2", e.line("A", "200.00", of="SO-1/1", tax="40.00"), due="2024-02-20"
            ),
            e.redated("2024-02-15", "I-2", "2024-05-20"),
            e.received("2024-02-25", "P-1", "120.00"),
            e.applied("2024-02-25", "P-1", "I-1", "120.00"),
            e.delivered("2024-02-28", "F-1", ("SO-1/1", "1")),
        ]
    )
    house.project()
    return house


def bookings(house: House, policies: Policies, *span: str, **rest: Any) -> list[tuple[str | None, ...]]:
    rows = asked(house, "bookings", *span, policies=policies, **rest).rows
    return [(row["booked"], row["debooked"], row["net"]) for row in rows]


def test_the_trigger_says_what_is_booked(told: House) -> None:
    won = having(("2020-01-01", {"booking_trigger": "won"}))
    assert bookings(told, DEFAULT_POLICIES, "2024-01-01", "2024-12-31") == [("900.00", "0.00", "900.00")]
    assert bookings(told, won, "2024-01-01", "2024-12-31") == [("1070.00", "70.00", "1000.00")]


def test_each_window_is_read_by_the_policy_of_its_last_day(told: House) -> None:
    changing = having(
        ("2024-01-31", {"booking_trigger": "won"}), ("2024-02-29", {"booking_trigger": "order_accepted"})
    )
    found = asked(told, "bookings", "2024-01-01", "2024-03-31", by=("month",), policies=changing).rows
    assert {row["month"]: row["booked"] for row in found} == {"2024-01": "1070.00", "2024-02": "900.00"}
    assert bookings(told, changing, "2024-01-01", "2024-02-28") == [("1070.00", "0.00", "1070.00")]
    question = query(told, "bookings", "2024-01-01", "2024-01-31", policies=changing)
    (row,) = reports.run(told.connection, question).rows
    counted = [number(one["counts"].get("booked", "0")) for one in behind(told, question, row).postings]
    assert sum(counted) == number(row["booked"]) == 1070


def liability(house: House, says: str, end: str, **rest: Any) -> tuple[str | None, str | None]:
    policies = having(("2020-01-01", {"liability": says}))
    (row,) = asked(house, "billing", None, end, policies=policies, **rest).rows
    return row["contract_liability"], row["contract_asset"]


def test_what_makes_a_liability_is_billed_due_or_paid(told: House) -> None:
    """Invoiced 500 net, 600 gross; 120 paid; 90 earned on 2024-02-28."""
    assert liability(told, "invoiced", "2024-02-28") == ("410.00", "0.00")
    # open and not due: 240 and 240 of 600, so 100 net count
    assert liability(told, "due", "2024-02-28") == ("10.00", "0.00")
    # from 2024-03-10 on the first is due: 300 net
    assert liability(told, "due", "2024-03-09") == ("10.00", "0.00")
    assert liability(told, "due", "2024-03-10") == ("210.00", "0.00")
    # the second as it was redated
    assert liability(told, "due", "2024-05-19") == ("210.00", "0.00")
    assert liability(told, "due", "2024-05-20") == ("410.00", "0.00")
    assert liability(told, "paid", "2024-12-31") == ("10.00", "0.00")
    assert liability(told, "paid", "2024-02-24") == ("0.00", "0.00")


def test_the_kinds_of_liability_convert_and_explain(told: House) -> None:
    told.record([r.rate("2024-01-01", "EUR", "USD", "2")])
    told.project()
    for says, expected in (("invoiced", "820.00"), ("due", "20.00"), ("paid", "20.00")):
        assert liability(told, says, "2024-02-28", convert=into("USD", "closing")) == (expected, "0.00")
        policies = having(("2020-01-01", {"liability": says}))
        question = query(told, "billing", None, "2024-02-28", by=("deal",), policies=policies)
        for row in reports.run(told.connection, question).rows:
            found = behind(told, question, row)
            assert sum(number(one["contract_liability"]) for one in found.netted) == number(
                row["contract_liability"]
            )
            for name in ("invoiced", "tax", "recognised"):
                told_ = sum(number(one["counts"].get(name, "0")) for one in found.postings)
                assert told_ == number(row[name])


def test_when_all_is_due_and_paid_all_readings_agree(house: House) -> None:
    house.record(
        [
            e.accepted("2024-01-01", e.line("A", "99.99", recognition="on_fulfilment", quantity="3")),
            e.invoiced("2024-01-02", "I-1", e.line("A", "99.99", of="SO-1/1", tax="7.01"), due="2024-01-10"),
            e.received("2024-01-05", "P-1", "107.00"),
            e.applied("2024-01-05", "P-1", "I-1", "107.00"),
            e.delivered("2024-01-06", "F-1", ("SO-1/1", "1")),
        ]
    )
    house.project()
    found = {says: liability(house, says, "2024-01-07") for says in ("invoiced", "due", "paid")}
    assert set(found.values()) == {("66.66", "0.00")}, "what is paid counts before it is due"


def test_without_other_policies_nothing_changes(house: House) -> None:
    house.record(crowd(41, 4, 12))
    house.project()
    same = having(("2020-01-01", {"liability": "invoiced", "booking_trigger": "order_accepted"}))
    for view in ("bookings", "billing", "backlog"):
        plain = asked(
            house, view, "2024-01-01", "2024-12-31", by=("deal", "month"), policies=DEFAULT_POLICIES
        )
        again = asked(house, view, "2024-01-01", "2024-12-31", by=("deal", "month"), policies=same)
        assert again == plain


def test_a_policy_that_only_reads_is_answered_from_the_live_tables(house: House) -> None:
    house.record([r.policy("2024-01-01", "1", {"booking_trigger": "won"})])
    live = house.project()
    found = side.under(house.connection, live, house.head(), "house@1")
    assert found.id == live.id
    assert found.policies.stamps == ["default@1", "house@1"]
    assert side.under(house.connection, live, house.head(), "default@1").policies.stamps == ["default@1"]


def test_a_policy_that_posts_otherwise_waits_for_its_own_generation(house: House) -> None:
    house.record([r.policy("2024-01-01", "1", {"proration": "monthly"})])
    live = house.project()
    with pytest.raises(side.NotYetPrepared, match="ask again"):
        side.under(house.connection, live, house.head(), "house@1")
    (made,) = alternatives.tend(house.connection, house.schema)
    Projector(house.schema, made).catch_up(house.connection)
    found = side.under(house.connection, live, house.head(), "house@1")
    assert found.id == made
    assert found.policies.stamps == ["default@1", "house@1"]


def test_a_policy_that_was_not_activated_by_then_is_refused(house: House) -> None:
    house.record([e.won("2024-01-02", e.line("A", "1.00"))])
    house.record([r.policy("2024-01-01", "1", {"booking_trigger": "won"})])
    live = house.project()
    for known, stamp in ((house.head(), "house@2"), (1, "house@1")):
        with pytest.raises(reports.ReportRefused, match="activated") as refused:
            side.under(house.connection, live, known, stamp)
        assert "default@1" in refused.value.allowed


def ordered(count: int) -> list[Any]:
    """Policies that post each in their own way, one activated after the other."""
    return [
        called(f"p{n}", r.policy(f"2024-0{n}-01", "1", {"proration": "monthly"})) for n in range(1, count + 1)
    ]


def called(name: str, policy: Any) -> Any:
    """The same policy under another name."""
    data = {**policy["data"], "policy": name, "keys": []}
    return r.with_own_key({**policy, "subject": f"policy/{name}", "data": data})


def test_of_more_policies_than_books_are_kept_under_the_first_ones_are_refused(house: House) -> None:
    kept = [f"p{n}@1" for n in range(2, 5)]
    assert len(kept) == alternatives.MOST
    first, *rest = ordered(4)
    house.record([first, *rest])
    live = house.project()
    for made in alternatives.tend(house.connection, house.schema):
        Projector(house.schema, made).catch_up(house.connection)
    assert [side.under(house.connection, live, house.head(), stamp).id > live.id for stamp in kept] == [
        True
    ] * 3
    with pytest.raises(reports.ReportRefused, match=r"no books are kept under p1@1.*activate") as refused:
        side.under(house.connection, live, house.head(), "p1@1")
    assert refused.value.allowed == ("default@1", *kept)


def test_voiding_a_policy_or_activating_one_again_makes_room_for_its_books(house: House) -> None:
    first, second, *rest = ordered(5)
    house.record([first, second, *rest])
    house.record([r.void("2024-06-01", rest[0], by="ledger/cairn/acme")])
    live = house.project()
    with pytest.raises(side.NotYetPrepared, match="p2@1"):
        side.under(house.connection, live, house.head(), "p2@1")
    with pytest.raises(reports.ReportRefused, match="p1@1"):
        side.under(house.connection, live, house.head(), "p1@1")
    house.record([{**first, "id": "again"}])
    live = house.project()
    with pytest.raises(side.NotYetPrepared, match="p1@1"):
        side.under(house.connection, live, house.head(), "p1@1")


def test_a_policy_that_was_voided_since_has_no_books_and_is_not_waited_for(house: House) -> None:
    (draft,) = ordered(1)
    house.record([draft])
    then = house.head()
    house.record([r.void("2024-06-01", draft, by="ledger/cairn/acme")])
    live = house.project()
    with pytest.raises(reports.ReportRefused, match="no books are kept under p1@1"):
        side.under(house.connection, live, then, "p1@1")


def test_a_policy_named_default_stands_nowhere(house: House) -> None:
    house.record([called("default", r.policy("2024-01-01", "2", {"proration": "monthly"}))])
    live = house.project()
    assert alternatives.activated(house.connection, live.id, house.head()) == []
    assert alternatives.adopting(house.connection).stamps == ["default@1"]
    with pytest.raises(reports.ReportRefused, match="activated"):
        side.under(house.connection, live, house.head(), "default@2")
