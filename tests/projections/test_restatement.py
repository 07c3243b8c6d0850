"""What changed between two moments of knowledge: rows, and lines that add up to them exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from domain.policies import Policies, Version
from projections import generations, reports
from projections.causes import Causes
from projections.measures import VIEWS
from projections.projector import Projector
from projections.restatement import Restatement, restate
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.served import House
from tests.projections.stories import crowd, usual

BY = [
    (),
    ("deal",),
    ("customer",),
    ("deal", "product", "customer"),
    ("class", "territory"),
    ("customer", "month"),
]

#: Policies that post and are read otherwise than the default ones.
OTHERWISE = Policies(
    (Version("house", "2", 19_750, {"arr_live": "activation", "booking_trigger": "won", "liability": "due"}),)
)


def changed(
    house: House,
    view: str,
    before: int,
    after: int | None = None,
    *,
    start: str | None = None,
    end: str = "2025-12-31",
    by: Sequence[str] = (),
    only: dict[str, str] | None = None,
    under: tuple[str, str] = ("live", "live"),
    basis: str = "restated",
) -> Restatement:
    """The restatement of a report between two positions. under: the generations of both, live or side."""
    live = house.live()
    read = {"live": live}
    if "side" in under:
        side = generations.kept(house.connection, live.id + 1)
        assert side is not None
        read["side"] = side
    one, other = (read[name] for name in under)
    was = reports.Query(
        view,
        None if start is None else date.fromisoformat(start),
        date.fromisoformat(end),
        before,
        one.id,
        tuple(by),
        only or {},
        basis=basis,
        policies=one.policies,
    )
    head = house.head() if after is None else after
    now = was._replace(known=head, generation=other.id, policies=other.policies)
    with house.connection.transaction():
        return restate(house.connection, was, now)


def told(house: House, *events: Event) -> int:
    """Record events one by one, and project: the head after them."""
    for event in events:
        house.record([event])
    house.project()
    return house.head()


def lines(found: Restatement, measure: str) -> list[tuple[Any, ...]]:
    """Position, deal's last word, groups, amount of the lines that change a measure."""
    return [
        (
            line.position,
            (line.deal or "").rpartition(":")[2],
            *list(line.group.values())[:-1],
            line.change[measure],
        )
        for line in found.lines
        if measure in line.change
    ]


def test_a_late_invoice_is_one_line_at_its_own_position(house: House) -> None:
    before = told(house, e.accepted("2025-01-10", e.line("S", "100.00")))
    after = told(house, e.invoiced("2025-01-20", "I-1", e.line("S", "100.00", of="SO-1/1", tax="20.00")))

    found = changed(house, "billing", before, by=("deal",))

    assert [(row.before["invoiced"], row.after["invoiced"], row.change["tax"]) for row in found.rows] == [
        ("0.00", "100.00", "20.00")
    ]
    assert lines(found, "invoiced") == [(after, "O-1", "crm/salesforce/acme:opportunity:O-1", 10000)]
    assert found.totals[0].change["recognised"] == "100.00"
    assert found.not_additive == ("contract_liability", "contract_asset")


def test_nothing_changed_has_no_rows_and_no_lines(house: House) -> None:
    before = told(house, e.accepted("2025-01-10", e.line("S", "100.00")))
    assert changed(house, "billing", before)[:3] == ([], [], [])


def test_a_deal_that_moves_to_another_customer_moves_what_was_known(house: House) -> None:
    before = told(
        house,
        e.accepted("2025-01-10", e.line("S", "100.00"), dimensions={"customer": "C-1"}),
    )
    moved = told(
        house,
        e.invoiced("2025-02-01", "I-1", e.line("S", "40.00", of="SO-1/1"), dimensions={"customer": "C-2"}),
    )
    found = changed(house, "backlog", before, by=("customer",))
    assert {row.group["customer"]: row.change["unbilled"] for row in found.rows} == {
        "C-1": "-100.00",
        "C-2": "60.00",
    }
    assert sorted(lines(found, "unbilled"), key=lambda line: line[-1]) == [
        (moved, "O-1", "C-1", -10000),
        (moved, "O-1", "C-2", -4000),
        (moved, "O-1", "C-2", 10000),
    ]


@pytest.mark.parametrize("by", [("deal",), ("customer",), ()])
def test_two_deals_that_turn_out_to_be_one(house: House, by: tuple[str, ...]) -> None:
    before = told(
        house,
        e.won("2025-01-05", e.line("S", "52000.00"), dimensions={"customer": "C-1"}),
        e.accepted(
            "2025-01-10",
            e.line("S", "50000.00"),
            deal=None,
            keys=(f"{e.ERP}:order:SO-1",),
            dimensions={"customer": "C-2"},
        ),
    )
    link = told(
        house,
        r.linked("2025-03-01", f"{e.CRM}:opportunity:O-1", f"{e.ERP}:order:SO-1"),
    )
    found = changed(house, "backlog", before, by=by)
    assert {line.position for line in found.lines} == {link}
    for only in ({"deal": f"{e.ERP}:order:SO-1"}, {"customer": "C-2"}, {"customer": "C-1"}):
        changed(house, "backlog", before, by=by, only=only)
    causes = Causes(house.connection, [link], date(2025, 2, 1))
    assert causes.of(link, own=False).kind == "link"


def test_causes_are_told_apart(house: House) -> None:
    order = e.accepted("2025-01-10", e.line("S", "100.00"))
    told(house, order)
    late, new, corrected = (
        told(house, e.invoiced("2025-01-20", "I-1", e.line("S", "10.00", of="SO-1/1"))),
        told(house, e.invoiced("2025-03-01", "I-2", e.line("S", "10.00", of="SO-1/1"))),
        told(house, r.corrected("2025-03-02", order, {**order, "id": "x"})),
    )
    causes = Causes(house.connection, [late, new, corrected], date(2025, 3, 1))
    assert [causes.of(at, own=True).kind for at in (late, new, corrected)] == [
        "late_fact",
        "new_fact",
        "correction",
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_lines_leave_no_rest_between_any_two_moments(
    house: House, view: str, subtests: pytest.Subtests
) -> None:
    """`restate` asserts it; every pair of a story's moments, grouped in every way."""
    events = [*usual("O-1", 3), *usual("O-2", 9)]
    order = [*events[1::2], *events[::2]]
    head = told(house, *order)
    for by in BY:
        for before, after in ((0, head), (head // 3, 2 * head // 3), (head // 2, head)):
            with subtests.test(by=by, before=before, after=after):
                found = changed(house, view, before, after, start="2023-01-01", by=by)
                sums: dict[str, int] = {}
                for line in found.lines:
                    for name, value in line.change.items():
                        sums[name] = sums.get(name, 0) + value
                assert all(name in found.additive for name in sums)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lines_leave_no_rest_for_any_arrival_order(crowded: House, data: st.DataObject) -> None:
    head = crowded.head()
    before = data.draw(st.integers(0, head))
    after = data.draw(st.integers(before, head))
    view = data.draw(st.sampled_from(list(VIEWS)))
    keys = [f"crm/salesforce/g{n}:opportunity:O-{k}" for n in range(12) for k in (1, 2)]
    found = changed(
        crowded,
        view,
        before,
        after,
        under=data.draw(st.sampled_from((("live", "live"), ("side", "live"), ("live", "side")))),
        start=data.draw(st.sampled_from((None, "2023-01-01"))) if view == "arr" else "2023-01-01",
        end=data.draw(st.sampled_from(("2024-03-05", "2024-12-31", "2025-12-31"))),
        by=data.draw(st.sampled_from(BY[:-1] if view == "arr" else BY)),
        only=data.draw(
            st.one_of(
                st.just({}),
                st.sampled_from(
                    [{"customer": "C-1"}, {"customer": "C-2"}, {"customer": ""}, {"product": "A"}]
                ),
                st.sampled_from(keys).map(lambda key: {"deal": key}),
            )
        ),
        basis=data.draw(st.sampled_from(("restated", "as_reported")))
        if view not in ("pipeline", "collections")
        else "restated",
    )
    # a deal that became part of another keeps its name on the lines that take it back
    assert all(line.deal for line in found.lines)


@pytest.fixture(scope="module")
def crowded(server_url: str) -> Iterator[House]:
    """Many deals in an order that is not theirs, some linked, moved and corrected; under two policies."""
    schema = "restatement_crowd"
    house = House(server_url, schema)
    events = crowd(11, 12, 14)
    keys = sorted({key for event in events for key in event["data"]["keys"] if ":opportunity:" in key})
    voided = next(event for event in events if event["type"] == "invoice.posted.v1")
    for n, extra in enumerate(
        (
            r.linked("2025-03-01", *keys[:2], number="1"),
            r.linked("2025-03-02", *keys[4:6], number="2"),
            undone := r.linked("2025-03-02", *keys[6:8], number="3"),
            r.void("2025-03-02", undone),
            r.split("2025-03-03", keys[5]),
            r.void("2025-03-04", voided),
            r.merged("2025-03-05", "C-1", "C-2"),
            closed := r.closed("2025-03-06", "2024-02"),
            r.corrected("2025-03-07", closed, r.instead(closed, period="2024-01")),
        ),
        1,
    ):
        events.insert(len(events) * n // 10, extra)
    house.record(events)
    house.project()
    with house.connection.transaction():
        side = generations.make(house.connection, "side", OTHERWISE)
        generations.index(house.connection, side.id)
    while Projector(schema, side.id).project(house.connection):
        pass
    yield house
    house.close()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
