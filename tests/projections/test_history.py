"""The history of a deal: every entry is what the reports say of that deal, on that day, as known then."""

from __future__ import annotations

import random
import time
from datetime import date, timedelta
from typing import Any

import pytest

from domain.money import format_minor
from projections import history, rebuild, reports
from projections.deals import DealUnknown
from projections.figures import Figures
from projections.history import Entry
from projections.measures import VIEWS
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.served import House
from tests.projections.stories import crowd, usual

AT = date(2024, 6, 30)


def told(house: House, key: str, order: str, at: date = AT, **rest: Any) -> list[Entry]:
    """All entries of a deal's history."""
    live, known = house.live(), rest.pop("known", house.head())
    page = history.history(house.connection, key, live, known, order=order, at=at, limit=10_000, **rest)
    assert not page.more
    return page.entries


def reported(house: House, key: str, at: date, known: int) -> dict[tuple[str | None, ...], str | None]:
    """The same figures, from the reports."""
    live = house.live()
    found: dict[tuple[str | None, ...], str | None] = {}
    for view in VIEWS:
        query = reports.Query(view, None, at, known, live.id, filters={"deal": key}, policies=live.policies)
        for row in reports.run(house.connection, query).rows:
            found |= {
                (row["currency"], view, name): value for name, value in row.items() if name != "currency"
            }
    return found


def text(figures: Figures) -> dict[tuple[str, ...], str]:
    return {key: format_minor(value, key[0]) for key, value in figures.items()}


def assert_as_reported(house: House, key: str, entries: list[Entry]) -> None:
    before: Figures = {}
    for entry in entries:
        assert text(entry.figures) == reported(house, key, entry.at, entry.known)
        assert entry.changes == {
            name: entry.figures.get(name, 0) - before.get(name, 0)
            for name in {**before, **entry.figures}
            if entry.figures.get(name, 0) != before.get(name, 0)
        }
        before = entry.figures


@pytest.mark.parametrize("seed", range(6))
def test_every_entry_is_what_the_reports_say(house: House, seed: int) -> None:
    dice = random.Random(seed)
    house.record(crowd(seed, 2, 22))
    house.project()
    keys = [
        row[0]
        for row in house.connection.execute("SELECT key FROM deal_key ORDER BY position, key").fetchall()
    ]
    checked = 0
    for key in dice.sample(keys, min(4, len(keys))):
        known = house.head() - int(dice.random() * 10)
        at = date(2023, 12, 31) + timedelta(days=int(dice.random() * 800))
        for order in history.ORDERS:
            try:
                entries = told(house, key, order, at, known=known)
            except DealUnknown:
                continue
            assert_as_reported(house, key, entries)
            checked += len(entries)
    assert checked > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"booking_trigger": "won", "liability": "due"},
        {"liability": "paid", "proration": "monthly", "arr_live": "activation"},
    ],
)
def test_policies_are_read_as_the_reports_read_them(house: House, settings: dict[str, Any]) -> None:
    house.record([*crowd(11, 2, 20), *usual("O-9"), r.policy("2024-03-01", "2", settings)])
    house.project()
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert len(house.live().policies.stamps) > 1
    for key in ("crm/salesforce/acme:opportunity:O-9", "crm/salesforce/g1:opportunity:O-1"):
        for order in history.ORDERS:
            assert_as_reported(house, key, told(house, key, order, date(2024, 4, 15)))


def test_a_deal_unfolds_in_business_order_whatever_the_order_of_recording(house: House) -> None:
    house.record([*reversed(usual("O-1"))])
    house.project()
    key = r.order_key("SO-O-1")
    recorded, business = told(house, key, "recorded"), told(house, key, "business")
    assert [entry.fact.position for entry in recorded] == sorted(entry.fact.position for entry in business)
    assert [entry.known for entry in recorded] == [entry.fact.position for entry in recorded]
    assert {entry.known for entry in business} == {house.head()}
    assert [entry.at for entry in business] == sorted(entry.at for entry in business)
    won = ("EUR", "bookings", "won")
    assert business[0].figures[won] == 120_000
    assert business[-1].figures["EUR", "collections", "cash"] == 80_300 - 300
    assert recorded[-1].figures[won] == 120_000
    assert recorded[-1].figures == business[-1].figures | {
        key: value
        for key, value in recorded[-1].figures.items()
        if key[1] in ("backlog", "billing", "collections")
    }


def test_the_pages_make_up_the_whole(house: House) -> None:
    house.record(usual("O-1"))
    house.project()
    key, live = r.order_key("SO-O-1"), house.live()
    for order in history.ORDERS:
        pages = [
            history.history(
                house.connection, key, live, house.head(), order=order, at=AT, offset=offset, limit=3
            )
            for offset in (0, 3, 6)
        ]
        assert [entry for page in pages for entry in page.entries] == told(house, key, order)
        assert [page.more for page in pages] == [True, True, False]


def test_a_link_and_a_split_show_the_deal_as_it_was_known(house: House) -> None:
    order = r.order_key("SO-1")
    house.record([e.won("2024-01-01", amount="500.00", currency="EUR", deal=None)])
    house.record([e.accepted("2024-01-02", e.line("A", "300.00"), deal=None)])
    house.record([r.linked("2024-01-03", r.opportunity_key("O-1"), order)])
    house.record([r.split("2024-01-04", order, number="2")])
    house.project()
    entries = told(house, order, "recorded")
    assert_as_reported(house, order, entries)
    won, booked = ("EUR", "bookings", "won"), ("EUR", "bookings", "booked")
    assert [(x.fact.position, x.deal, x.figures.get(won), x.figures.get(booked)) for x in entries] == [
        (2, order, 0, 30_000),
        (3, r.opportunity_key("O-1"), 50_000, 30_000),
        (4, order, 0, 30_000),
    ]
    assert entries[1].changes[won] == 50_000
    assert entries[2].changes[won] == -50_000


def test_an_unknown_key_is_refused(house: House) -> None:
    house.record(usual("O-1"))
    house.project()
    with pytest.raises(DealUnknown):
        told(house, "erp/netsuite/acme:order:NONE", "recorded")


def test_a_deal_of_ten_thousand_facts_is_paged_in_bounded_time(house: House) -> None:
    lines = [e.line("U", "0.00", kind="usage")]
    house.record([e.accepted("2024-01-01", *lines)])
    day = date(2024, 1, 1)
    usage = [
        e.rated(
            (day + timedelta(days=n // 30)).isoformat(),
            f"U-{n}",
            e.line("U", "1.00", of="SO-1/1"),
            id_=f"u{n}",
        )
        for n in range(10_000)
    ]
    for at in range(0, len(usage), 2_500):
        house.record(usage[at : at + 2_500])
    house.project()
    begun = time.process_time()
    for order in history.ORDERS:
        page = history.history(
            house.connection, r.order_key("SO-1"), house.live(), house.head(),
            order=order, at=AT, offset=9_900, limit=200,
        )  # fmt: skip
        assert len(page.entries) == 101
        assert page.entries[-1].figures
    assert time.process_time() - begun < 10
