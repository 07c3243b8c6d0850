"""The register of objects: what each milestone is worth, that it is never behind, which days are attested."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest

from domain import milestones as m
from domain.contract import CATALOGUE, parse_event
from domain.instants import to_date
from domain.stored import CODEC
from projections import generations
from projections.clusters import LogRow
from projections.completeness import days, register
from projections.completeness.worth import NOTHING, Worth, worth
from projections.exceptions.asking import Asking
from projections.projector import Projector, read_log
from projections.rebuild import rebuild
from tests.domain.samples import SAMPLES
from tests.projections import events as e
from tests.projections.excepted import tell
from tests.projections.served import House
from tests.projections.test_exceptions_feeding import invoice, total


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_milestone_is_worth_can_be_told_of_every_type(name: str) -> None:
    said = worth(parse_event(SAMPLES[name]))
    assert (said.currency is None) == (said.amount is None)


def test_lines_that_are_worth_nothing_in_an_order_are_worth_something_in_an_invoice() -> None:
    lines = (e.line("S", "100.00", tax="20.00"), e.line("U", "50.00", kind="usage"))
    assert worth(parse_event(e.accepted("2026-01-05", *lines))) == Worth("EUR", 12_000)
    assert worth(parse_event(e.invoiced("2026-01-05", "I-1", *lines))) == Worth("EUR", 17_000)


def test_an_amount_without_a_currency_is_none() -> None:
    refund = e.event("payment.refunded", "2026-01-05", "refund/R-1", payment="P-1", amount="1.50")
    assert worth(parse_event(refund)) == NOTHING
    stated = e.event(
        "payment.refunded", "2026-01-05", "refund/R-1", payment="P-1", amount="1.50", currency="EUR"
    )
    assert worth(parse_event(stated)) == Worth("EUR", 150)


def test_the_register_holds_what_the_live_generation_knows(house: House) -> None:
    house.record([invoice("I-1"), invoice("I-2")])
    assert register.position(house.connection) == 0
    house.project()
    assert register.position(house.connection) == 2
    house.built()
    assert register.position(house.connection) == 2, "a generation beside does not fill it again"


def test_a_register_that_is_behind_is_filled_before_anything_else(house: House) -> None:
    tell(house, invoice("I-1"), invoice("I-2"))
    house.record([invoice("I-3")])
    rebuild(house.conninfo, house.schema, workers=1)
    assert register.position(house.connection) == 3, "a rebuild brings it along before it is read"
    assert Projector(house.schema).catch_up(house.connection) == 0


def registered(house: House) -> list[tuple[object, ...]]:
    return house.connection.execute("SELECT * FROM source_milestone ORDER BY position").fetchall()


@pytest.mark.parametrize("sizes", [(100_000,), (1,), (3, 1, 7)])
@pytest.mark.parametrize("apart", [True, False])
def test_the_register_is_the_same_however_it_was_filled(
    house: House, sizes: tuple[int, ...], *, apart: bool
) -> None:
    house.record(SAMPLES.values())
    projector, turn = Projector(house.schema), 0
    with house.connect() as own:
        filling = own if apart else None
        while projector.project(house.connection, sizes[min(turn, len(sizes) - 1)], filling):
            turn += 1
    assert registered(house) == [
        said(row) for row in read_log(house.connection, 0, house.head()) if row[2] in CATALOGUE
    ]
    assert len(registered(house)) == house.head() == len(SAMPLES)


def said(row: LogRow) -> tuple[object, ...]:
    """What the register is to hold of a milestone."""
    milestone = CODEC.decode(row[2], row[3])
    kind, _, native = milestone.subject.partition("/")
    value, number = worth(milestone), milestone.sequence
    return (
        row[0], milestone.source, kind, native, row[2], to_date(milestone.effective),
        m.BY_TIME in milestone.attributes, milestone.instant, value.currency, value.amount,
        None if number is None or not number.isdigit() else int(number),
    )  # fmt: skip


def test_a_register_that_got_ahead_of_a_batch_that_failed_holds_each_milestone_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record([invoice(f"I-{number}") for number in range(5)])
    advance, failed = generations.advance, list[int]()

    def break_once(connection: Any, generation: int, position: int) -> None:
        advance(connection, generation, position)
        if not failed:
            failed.append(register.position(house.connection))
            raise psycopg.OperationalError("the connection is lost at the end of the batch")

    monkeypatch.setattr(generations, "advance", break_once)
    projector = Projector(house.schema)
    with house.connect() as connection, house.connect() as filling:
        with pytest.raises(psycopg.OperationalError):
            projector.project(connection, 3, filling)
        assert failed == [3], "it is committed before the generation is"
        assert projector.catch_up(connection, filling) == 5
    assert [row[0] for row in registered(house)] == [1, 2, 3, 4, 5]


def test_all_kinds_of_objects_are_found_by_source(house: House) -> None:
    tell(
        house,
        invoice("I-1"),
        e.opened("2026-01-05", e.line("S", "1.00")),
        e.received("2026-01-06", "P-1", "5.00"),
    )
    found = attested(house, "2026-01-01", "2026-01-31")
    assert [(one.source, one.object, one.day.day, one.status, one.amount) for one in found.days] == [
        ("/crm/salesforce/acme", "opportunity", 5, "unattested", 100),
        ("/erp/netsuite/acme", "invoice", 10, "unattested", 12_000),
        ("/erp/netsuite/acme", "payment", 6, "unattested", 500),
    ]
    assert found.watermarks == []


def attested(house: House, first: str, last: str, at: str = "2026-12-31") -> days.Attested:
    live = house.live()
    asking = Asking(house.connection, live, date.fromisoformat(at), live.position)
    return days.attested(asking, date.fromisoformat(first), date.fromisoformat(last), lambda *_: True)


def test_a_day_with_nothing_is_attested_too(house: House) -> None:
    tell(house, total(0, span=("2026-01-05", "2026-01-06"), currency=None))
    found = attested(house, "2026-01-01", "2026-01-31")
    assert [(one.day.day, one.status, one.number) for one in found.days] == [
        (5, "complete", 0),
        (6, "complete", 0),
    ]


def test_a_day_is_broken_where_any_total_of_it_is(house: House) -> None:
    tell(house, invoice("I-1"), invoice("I-2", currency="USD"))
    tell(house, total(1, "120.00"), total(3, "360.00", currency="USD"))
    found = attested(house, "2026-01-10", "2026-01-10")
    assert [(one.currency, one.status) for one in found.days] == [("EUR", "complete"), ("USD", "broken")]
    tell(house, total(3, currency=None))
    found = attested(house, "2026-01-10", "2026-01-10")
    assert [(one.currency, one.status) for one in found.days] == [("EUR", "broken"), ("USD", "broken")]


def test_a_watermark_stops_before_the_first_gap_and_the_first_break(house: House) -> None:
    for first, last in (
        ("2026-01-01", "2026-01-10"),
        ("2026-01-11", "2026-01-20"),
        ("2026-01-25", "2026-01-31"),
    ):
        tell(house, total(0, span=(first, last), currency=None))
    (mark,) = attested(house, "2026-01-01", "2026-01-31").watermarks
    assert (mark.first, mark.complete_through, mark.attested_through) == (
        date(2026, 1, 1), date(2026, 1, 20), date(2026, 1, 31),
    )  # fmt: skip
    tell(house, invoice("I-1", "2026-01-15"))
    (mark,) = attested(house, "2026-01-01", "2026-01-31").watermarks
    assert (mark.complete_through, mark.broken) == (date(2026, 1, 10), 1)
    tell(house, invoice("I-2", "2026-01-02"))
    (mark,) = attested(house, "2026-01-01", "2026-01-31").watermarks
    assert mark.complete_through is None
